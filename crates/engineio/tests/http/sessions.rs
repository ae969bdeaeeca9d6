//! Rows A56, A57, A59, A60: what a session tells of itself.

use std::{future::Future, pin::pin, task::Poll, time::Duration};

use engineio::{CloseMode, CloseReason, Revision, SendError, TransportKind};
use http_body::Frame;
use http_body_util::StreamBody;

use super::*;

/// A56, A57: the move to a WebSocket is told, and so is that it will not come.
#[tokio::test(start_paused = true)]
async fn the_move_to_a_websocket_is_told() {
    let (engine, mut sessions) = engine(Config::default());
    let sid = get(&engine, HANDSHAKE).await.session();
    let session = sessions.recv().await.unwrap();
    let waiting = tokio::spawn({
        let session = session.clone();
        async move { session.upgraded().await }
    });
    let (_, mut wire) = Wire::open(&engine, &sid.replace("polling", "websocket")).await;
    wire.send("2probe").await;
    assert_eq!(wire.text().await, "3probe");
    assert!(!session.has_upgraded() && !waiting.is_finished());
    wire.send("5").await;
    assert!(waiting.await.unwrap());
    assert_eq!((session.has_upgraded(), session.transport()), (true, Some(TransportKind::WebSocket)));
    session.close(CloseMode::Discard);
    assert!(session.upgraded().await, "what happened has happened");

    let (_, _wire) = Wire::open(&engine, WEBSOCKET).await;
    let direct = sessions.recv().await.unwrap();
    let (upgraded, ()) = tokio::join!(direct.upgraded(), async { direct.close(CloseMode::Discard) });
    assert!(!upgraded && !direct.has_upgraded(), "it began there");
}

/// A57: what a session is and was, from its first request to its end.
#[tokio::test(start_paused = true)]
async fn a_session_knows_its_id_its_request_its_revision_and_whether_it_is_over() {
    let mut config = Config::default();
    config.allow_eio3 = true;
    let (engine, mut sessions) = engine(config);
    for (target, revision, transport) in [
        (HANDSHAKE, Revision::V4, TransportKind::Polling),
        ("/engine.io/?EIO=3&transport=polling", Revision::V3, TransportKind::Polling),
        (WEBSOCKET, Revision::V4, TransportKind::WebSocket),
    ] {
        let (opened, _wire) = match transport {
            TransportKind::Polling => (get(&engine, target).await.text().to_owned(), None),
            _ => {
                let (_, mut wire) = Wire::open(&engine, target).await;
                (wire.text().await, Some(wire))
            }
        };
        let session = sessions.recv().await.unwrap();
        assert!(opened.contains(&format!("\"sid\":\"{}\"", session.id().expose())), "{target}");
        assert_eq!(session.request().uri, target);
        assert_eq!((session.revision(), session.transport()), (revision, Some(transport)), "{target}");
        assert!(!session.has_upgraded() && session.closed_now().is_none(), "{target}");
        session.close(CloseMode::Discard);
        session.closed().await;
        assert_eq!((session.closed_now().unwrap().reason, session.transport()), (CloseReason::ForcedClose, None));
        assert_eq!(session.send("late"), Err(SendError::Closed));
    }
}

/// A56, A59: waiting for what was sent ends when the transport has it, and not before.
#[tokio::test(start_paused = true)]
async fn flushed_waits_until_the_transport_has_what_was_sent() {
    let (engine, mut sessions) = engine(Config::default());
    let sid = get(&engine, HANDSHAKE).await.session();
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.flushed().await, Ok(()), "nothing was sent");
    session.send("hello").unwrap();
    let mut flushed = pin!(session.flushed());
    std::future::poll_fn(|cx| {
        assert!(flushed.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    assert!(tokio::time::timeout(Duration::from_secs(5), flushed.as_mut()).await.is_err(), "nobody polls");
    let (answer, flushed) = tokio::join!(get(&engine, &sid), flushed);
    assert_eq!((answer.text(), flushed), ("4hello", Ok(())));
    session.send("lost").unwrap();
    session.close(CloseMode::Discard);
    assert_eq!(session.flushed().await, Err(SendError::Closed));

    let (_, mut wire) = Wire::open(&engine, WEBSOCKET).await;
    let direct = sessions.recv().await.unwrap();
    direct.send("there").unwrap();
    assert_eq!(direct.flushed().await, Ok(()));
    assert!(wire.text().await.starts_with("0{"));
    assert_eq!(wire.text().await, "4there");
}

/// A60, R11: the request's memory can be given back while the session goes on.
#[tokio::test(start_paused = true)]
async fn a_forgotten_request_is_gone_and_the_session_goes_on() {
    let (engine, mut sessions) = engine(Config::default());
    let sid = ask(&engine, "GET", HANDSHAKE, &[("x-name", "ann")], "").await.session();
    let session = sessions.recv().await.unwrap();
    let request = session.request();
    assert_eq!((request.uri.to_string().as_str(), &request.headers["x-name"]), (HANDSHAKE, &"ann".parse().unwrap()));
    let weak = Arc::downgrade(&request);
    drop(request);
    session.forget_request();
    assert!(weak.upgrade().is_none(), "nobody holds it");
    assert!(session.request().headers.is_empty());
    assert_eq!(post(&engine, &sid, "4x").await.text(), "ok");
}

/// S44: a POST whose body does not come to an end is not waited for longer than its session polls.
#[tokio::test(start_paused = true)]
async fn a_post_that_never_ends_lasts_no_longer_than_its_session_polls() {
    let (engine, mut sessions) = engine(Config::default());
    let endless = |target: &str| {
        let body = StreamBody::new(futures_util::stream::pending::<Result<Frame<Bytes>, std::io::Error>>());
        let request = Request::post(target).body(body).unwrap();
        let engine = engine.clone();
        tokio::spawn(async move { engine.handle::<_, Full<Bytes>>(request).await.status() })
    };
    let started = tokio::time::Instant::now();
    let sid = get(&engine, HANDSHAKE).await.session();
    let session = sessions.recv().await.unwrap();
    assert_eq!(endless(&sid).await.unwrap(), StatusCode::BAD_REQUEST);
    assert_eq!(session.closed().await.reason, CloseReason::PingTimeout);
    assert!(started.elapsed() <= Duration::from_millis(45_100), "{:?}", started.elapsed());

    let started = tokio::time::Instant::now();
    let sid = get(&engine, HANDSHAKE).await.session();
    let session = sessions.recv().await.unwrap();
    let posting = endless(&sid);
    let (_, mut wire) = Wire::open(&engine, &sid.replace("polling", "websocket")).await;
    wire.send("2probe").await;
    wire.send("5").await;
    assert_eq!(posting.await.unwrap(), StatusCode::BAD_REQUEST);
    assert!(session.has_upgraded() && session.closed_now().is_none());
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}
