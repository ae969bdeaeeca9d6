//! Sessions over HTTP without sockets, on a paused clock: requests go straight into the engine, and time
//! moves by itself when everybody waits. What needs a real connection is in the workspace's `tests/`.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use engineio::{CloseMode, CloseReason, Config, GenerateId, Limits, Message, Session, server::Engine};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

type Body = engineio::server::Body<Full<Bytes>>;

/// An engine that gives its sessions away and lets them be until they end.
fn engine(config: Config) -> (Engine, UnboundedReceiver<Session>) {
    let (sender, sessions): (UnboundedSender<Session>, _) = unbounded_channel();
    let engine = Engine::new(config, move |session| {
        let _ = sender.send(session.clone());
        async move {
            session.closed().await;
        }
    });
    (engine, sessions)
}

fn echo(config: Config) -> Engine {
    Engine::new(config, |session| async move {
        while let Some(message) = session.recv().await {
            if session.send(message).is_err() {
                break;
            }
        }
    })
}

fn request(method: &str, query: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(format!("/engine.io/?EIO=4{query}")).body(Full::new(body.into())).unwrap()
}

async fn text(response: Response<Body>) -> (StatusCode, String) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn get(engine: &Engine, query: &str) -> (StatusCode, String) {
    text(engine.handle(request("GET", query, "")).await).await
}

async fn post(engine: &Engine, query: &str, body: impl Into<Bytes>) -> (StatusCode, String) {
    text(engine.handle(request("POST", query, body)).await).await
}

/// Opens a session and gives its query parameters.
async fn open(engine: &Engine) -> String {
    let (status, body) = get(engine, "&transport=polling").await;
    assert_eq!(status, StatusCode::OK);
    let sid = body.split('"').nth(3).unwrap();
    format!("&transport=polling&sid={sid}")
}

/// Polls a future once; it must wait.
async fn begin<F: Future>(future: std::pin::Pin<&mut F>) {
    let mut future = Some(future);
    poll_fn(|cx| {
        assert!(future.take().unwrap().poll(cx).is_pending(), "it was to wait");
        Poll::Ready(())
    })
    .await;
}

/// R1: who opens a session and never comes back is gone after interval + timeout, and nothing is left.
#[tokio::test(start_paused = true)]
async fn an_abandoned_handshake_leaves_nothing_behind() {
    let (engine, mut sessions) = engine(Config::default());
    let started = tokio::time::Instant::now();
    open(&engine).await;
    let session = sessions.recv().await.unwrap();
    assert_eq!(engine.session_count(), 1);
    assert_eq!(session.closed().await.reason, CloseReason::PingTimeout);
    let elapsed = started.elapsed();
    assert!(elapsed >= Duration::from_secs(45) && elapsed < Duration::from_millis(45_100), "{elapsed:?}");
    engine.close().await;
    assert_eq!(engine.session_count(), 0);
}

/// A49, A7, A8: the ping comes after the interval, and the pong keeps the session for another one.
#[tokio::test(start_paused = true)]
async fn a_client_that_answers_pings_stays() {
    let engine = echo(Config::default());
    let sid = open(&engine).await;
    let started = tokio::time::Instant::now();
    for beat in 1..=5u64 {
        assert_eq!(get(&engine, &sid).await.1, "2");
        let elapsed = started.elapsed();
        let due = Duration::from_secs(25 * beat);
        assert!(elapsed >= due && elapsed < due + Duration::from_millis(100), "{beat}: {elapsed:?}");
        assert_eq!(post(&engine, &sid, "3").await, (StatusCode::OK, "ok".into()));
    }
}

/// A61, A62: what is echoed in one go comes back in one answer, in order.
#[tokio::test(start_paused = true)]
async fn a_payload_is_echoed_in_order_and_together() {
    let engine = echo(Config::default());
    let sid = open(&engine).await;
    assert_eq!(post(&engine, &sid, "4a\u{1e}bAQID\u{1e}4é").await, (StatusCode::OK, "ok".into()));
    assert_eq!(get(&engine, &sid).await, (StatusCode::OK, "4a\u{1e}bAQID\u{1e}4é".into()));
}

/// A65, R29: a GET whose client goes away ends the session.
#[tokio::test(start_paused = true)]
async fn a_get_that_is_dropped_ends_the_session_as_transport_error() {
    let (engine, mut sessions) = engine(Config::default());
    let sid = open(&engine).await;
    let session = sessions.recv().await.unwrap();
    {
        let mut poll = pin!(get(&engine, &sid));
        begin(poll.as_mut()).await;
    }
    assert_eq!(session.closed().await.reason, CloseReason::TransportError);
    assert_eq!(get(&engine, &sid).await.0, StatusCode::BAD_REQUEST);
}

/// An answer that was made and could not be sent leaves a hole, so the session ends with a reason.
#[tokio::test(start_paused = true)]
async fn an_answer_that_the_client_did_not_wait_for_ends_the_session() {
    let (engine, mut sessions) = engine(Config::default());
    let sid = open(&engine).await;
    let session = sessions.recv().await.unwrap();
    {
        let mut poll = pin!(get(&engine, &sid));
        begin(poll.as_mut()).await;
        session.send("lost").unwrap();
        // The session's task answers; the request is not looked at again before it is dropped.
        while session.queued_bytes() > 0 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(session.closed().await.reason, CloseReason::TransportError);
}

/// A63: two GETs at once: the first is answered `1`, the second 400, and the session is over.
#[tokio::test(start_paused = true)]
async fn two_gets_at_once_are_both_answered_and_end_the_session() {
    let (engine, mut sessions) = engine(Config::default());
    let sid = open(&engine).await;
    let session = sessions.recv().await.unwrap();
    let (first, second) = tokio::join!(get(&engine, &sid), get(&engine, &sid));
    assert_eq!(first, (StatusCode::OK, "1".into()));
    assert_eq!(second, (StatusCode::BAD_REQUEST, String::new()));
    assert_eq!(session.closed().await.reason, CloseReason::TransportError);
}

/// S3, A68, I5, R27: the limit holds before the bytes are buffered, announced or not.
#[tokio::test(start_paused = true)]
async fn a_body_over_the_limit_is_refused_with_413_and_ends_the_session() {
    let mut limits = Limits::default();
    limits.max_payload_bytes = 10;
    let mut config = Config::default();
    config.limits = limits;
    let (engine, mut sessions) = engine(config);
    let sid = open(&engine).await;
    let session = sessions.recv().await.unwrap();
    assert_eq!(post(&engine, &sid, "4123456789").await.0, StatusCode::OK, "exactly the limit");
    assert_eq!(session.recv().await, Some(Message::from("123456789")));
    assert_eq!(post(&engine, &sid, "4123456789x").await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(session.closed().await.reason, CloseReason::TransportError);
}

/// A slow application is back-pressure: the next POST waits with its body in the network.
#[tokio::test(start_paused = true)]
async fn a_post_waits_until_the_application_has_taken_the_one_before() {
    let (engine, mut sessions) = engine(Config::default());
    let sid = open(&engine).await;
    let session = sessions.recv().await.unwrap();
    assert_eq!(post(&engine, &sid, "4one").await.0, StatusCode::OK);
    let mut second = pin!(post(&engine, &sid, "4two"));
    begin(second.as_mut()).await;
    assert_eq!(session.recv().await, Some(Message::from("one")));
    assert_eq!(second.await.0, StatusCode::OK);
    assert_eq!(session.recv().await, Some(Message::from("two")));
}

/// R17: an application that lags behind does not make its client look dead: the pong may be here, unread.
#[tokio::test(start_paused = true)]
async fn a_client_does_not_time_out_while_the_server_does_not_read() {
    let (engine, mut sessions) = engine(Config::default());
    let sid = open(&engine).await;
    let session = sessions.recv().await.unwrap();
    assert_eq!(post(&engine, &sid, "4slow").await.0, StatusCode::OK);
    assert_eq!(get(&engine, &sid).await.1, "2");
    let mut pong = pin!(post(&engine, &sid, "3"));
    begin(pong.as_mut()).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(session.closed_now(), None);
    assert_eq!(session.recv().await, Some(Message::from("slow")));
    assert_eq!(pong.await.0, StatusCode::OK);
    assert_eq!(get(&engine, &sid).await.1, "2", "the heartbeat goes on");
}

/// R17: the whole server was held up, be it by a handler that blocked its threads. What the clients have sent meanwhile is not read
/// yet when the timers go off, and nobody is thrown out for that; who has sent nothing goes a little later.
#[tokio::test(start_paused = true)]
async fn a_server_that_was_held_up_does_not_take_its_clients_for_dead() {
    let (engine, mut sessions) = engine(Config::default());
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push((open(&engine).await, sessions.recv().await.unwrap()));
    }
    for (sid, _) in &clients {
        assert_eq!(get(&engine, sid).await.1, "2");
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    for (number, (sid, session)) in clients.iter().enumerate() {
        // Each driver has its turn before its client's request is seen.
        tokio::task::yield_now().await;
        assert_eq!(session.closed_now(), None, "{number}");
        if number % 2 == 0 {
            assert_eq!(post(&engine, sid, "3").await, (StatusCode::OK, "ok".into()), "{number}");
        }
    }
    tokio::time::sleep(Duration::from_secs(24)).await;
    for (number, (_, session)) in clients.iter().enumerate() {
        assert_eq!(session.closed_now().is_some(), number % 2 == 1, "{number}");
    }
}

/// R17's other side: once the application has caught up, a client that is gone is noticed.
#[tokio::test(start_paused = true)]
async fn a_client_that_went_while_the_application_was_busy_is_noticed_afterwards() {
    let engine = Engine::new(Config::default(), |session| async move {
        tokio::time::sleep(Duration::from_secs(300)).await;
        while session.recv().await.is_some() {}
    });
    let sid = open(&engine).await;
    assert_eq!(post(&engine, &sid, "4last words").await.0, StatusCode::OK);
    let started = tokio::time::Instant::now();
    while engine.session_count() > 0 {
        assert!(started.elapsed() < Duration::from_secs(400), "the session lives on without a client");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(started.elapsed() >= Duration::from_secs(300));
}

/// S3, S34: a body in many pieces is put together, and held to the same limit.
#[tokio::test(start_paused = true)]
async fn a_body_in_many_pieces_is_held_to_the_limit() {
    let mut config = Config::default();
    config.limits.max_payload_bytes = 10;
    let engine = echo(config);
    let pieces = |text: &'static str| {
        let pieces = text.as_bytes().chunks(1).map(|piece| Ok::<_, std::io::Error>(Frame::data(Bytes::from(piece))));
        StreamBody::new(futures_util::stream::iter(pieces.collect::<Vec<_>>()))
    };
    let sid = open(&engine).await;
    let post = async |text: &'static str| {
        let request = Request::post(format!("/engine.io/?EIO=4{sid}")).body(pieces(text)).unwrap();
        self::text(engine.handle(request).await).await
    };
    assert_eq!(post("4123456789").await, (StatusCode::OK, "ok".into()));
    assert_eq!(get(&engine, &sid).await.1, "4123456789");
    assert_eq!(post("4123456789x").await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

/// A52, A53: a graceful close gives the client what was sent, then the close packet.
#[tokio::test(start_paused = true)]
async fn a_graceful_close_delivers_what_was_sent_before() {
    let (engine, mut sessions) = engine(Config::default());
    let sid = open(&engine).await;
    let session = sessions.recv().await.unwrap();
    session.send("last").unwrap();
    session.close(CloseMode::Graceful);
    assert!(session.send("too late").is_err());
    assert_eq!(get(&engine, &sid).await.1, "4last");
    assert_eq!(get(&engine, &sid).await.1, "6\u{1e}1");
    assert_eq!(session.closed().await.reason, CloseReason::ForcedClose);
}

/// A panic in the application ends its session and no other.
#[tokio::test(start_paused = true)]
async fn an_application_that_panics_ends_only_its_own_session() {
    let engine = Engine::new(Config::default(), |session| async move {
        while let Some(message) = session.recv().await {
            assert_ne!(message, Message::from("boom"));
            let _ = session.send(message);
        }
    });
    let (bad, good) = (open(&engine).await, open(&engine).await);
    post(&engine, &bad, "4boom").await;
    assert_eq!(get(&engine, &bad).await.1, "1", "the GET that waits is answered");
    assert_eq!(get(&engine, &bad).await.0, StatusCode::BAD_REQUEST, "the session is gone");
    post(&engine, &good, "4fine").await;
    assert_eq!(get(&engine, &good).await.1, "4fine");
    assert_eq!(engine.session_count(), 1);
}

/// A31, R36: closing the engine answers every GET, ends every task, and refuses new sessions.
#[tokio::test(start_paused = true)]
async fn closing_the_engine_ends_every_session_and_task() {
    let engine = echo(Config::default());
    let sid = open(&engine).await;
    let (answer, ()) = tokio::join!(get(&engine, &sid), engine.close());
    assert_eq!(answer.1, "1");
    assert_eq!(engine.session_count(), 0);
    assert_eq!(get(&engine, "&transport=polling").await.0, StatusCode::SERVICE_UNAVAILABLE);
    engine.close().await;
}

/// The task of a session may outlive it, as long as the application takes; what it then gives up is not the place of a
/// session that has got the same id meanwhile.
#[tokio::test(start_paused = true)]
async fn a_session_that_ends_late_leaves_the_one_that_has_its_id_after_it() {
    let mut config = Config::default();
    config.generate_id = Some(GenerateId::new(|_| std::io::Result::Ok("again".to_owned())));
    let (sender, mut sessions) = unbounded_channel();
    let (finish, finished) = tokio::sync::watch::channel(false);
    let engine = Engine::new(config, move |session| {
        let _ = sender.send(session.clone());
        let mut finished = finished.clone();
        async move {
            session.closed().await;
            let _ = finished.wait_for(|finished| *finished).await;
        }
    });
    open(&engine).await;
    let first: Session = sessions.recv().await.unwrap();
    first.close(CloseMode::Discard);
    let yields = async |count: u32| {
        for _ in 0..count {
            tokio::task::yield_now().await;
        }
    };
    yields(10).await;
    assert_eq!(engine.session_count(), 0, "nobody finds it any more, while its application goes on");
    open(&engine).await;
    let second = sessions.recv().await.unwrap();
    assert_eq!(first.id(), second.id());
    finish.send(true).unwrap();
    yields(10).await;
    assert_eq!((engine.session_count(), second.transport().is_some()), (1, true));
}
