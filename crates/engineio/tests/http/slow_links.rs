//! Links so slow that a message takes longer than the heartbeat, hazards R16 and S34; and bodies of very many packets, R28.

use std::time::Duration;

use engineio::CloseReason;
use futures_util::StreamExt;
use http_body::{Body as _, Frame};
use http_body_util::StreamBody;
use tokio::time::{Instant, sleep};

use super::*;

/// The heartbeat goes on as ever, once its ping and its pong have come through.
async fn expect_heartbeat(wire: &mut Wire, session: &Session) {
    for _ in 0..2 {
        assert_eq!(wire.text().await, "2");
        wire.send("3").await;
    }
    assert_eq!(session.closed_now(), None);
}

/// The same over long-polling.
async fn expect_heartbeat_over_polling(engine: &Engine, target: &str, session: &Session) {
    for _ in 0..2 {
        assert_eq!(get(engine, target).await.text(), "2");
        assert_eq!(post(engine, target, "3").await.status, StatusCode::OK);
    }
    assert_eq!(session.closed_now(), None);
}

async fn open_wire(engine: &Engine, sessions: &mut UnboundedReceiver<Session>) -> (Wire, Session) {
    let (_, mut wire) = Wire::open(engine, WEBSOCKET).await;
    assert!(wire.text().await.starts_with("0{"));
    (wire, sessions.recv().await.unwrap())
}

/// R16: a client's message comes at 2 kB/s, and its pong stands behind it.
#[tokio::test(start_paused = true)]
async fn a_message_that_comes_for_minutes_is_waited_for() {
    let (engine, mut sessions) = engine(Config::default());
    let (mut wire, session) = open_wire(&engine, &mut sessions).await;
    let mut frame = BytesMut::new();
    encode_frame(Opcode::Text, format!("4{}", "x".repeat(300_000)).as_bytes(), Some([1, 2, 3, 4]), &mut frame);
    for part in frame.chunks(10_000) {
        sleep(Duration::from_secs(5)).await;
        wire.pipe.write_all(part).await.unwrap();
    }
    assert_eq!(session.recv().await, Some(Message::from("x".repeat(300_000))));
    expect_heartbeat(&mut wire, &session).await;
}

/// S34: a message that never ends is over with the heartbeat that it holds up, in one frame or in fragments: a byte a second is no
/// sign of life.
#[tokio::test(start_paused = true)]
async fn a_message_that_trickles_in_ends_with_the_heartbeat() {
    let long_frame = [0x81, 0xFE, 0xFF, 0xFF, 0, 0, 0, 0, b'4'];
    let fragment = [0x01, 0x81, 0, 0, 0, 0, b'4'];
    for (first, next) in [(&long_frame[..], &b"x"[..]), (&fragment, &[0x00, 0x81, 0, 0, 0, 0, b'x'])] {
        let (engine, mut sessions) = engine(Config::default());
        let (mut wire, session) = open_wire(&engine, &mut sessions).await;
        let started = Instant::now();
        wire.pipe.write_all(first).await.unwrap();
        while session.closed_now().is_none() {
            let _ = wire.pipe.write_all(next).await;
            sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(session.closed().await.reason, CloseReason::PingTimeout);
        assert!(started.elapsed() <= Duration::from_secs(47), "{:?}", started.elapsed());
    }
}

/// R16: a client takes the server's message at 5 kB/s, and the ping stands behind it. One that takes nothing is gone in time.
#[tokio::test(start_paused = true)]
async fn a_message_that_goes_for_minutes_is_waited_for() {
    let (engine, mut sessions) = engine(Config::default());
    let (mut wire, session) = open_wire(&engine, &mut sessions).await;
    session.send("x".repeat(1_000_000)).unwrap();
    // Ten bytes of header, and the packet's type.
    let (mut left, mut part) = (1_000_011, vec![0; 10_000]);
    while left > 0 {
        sleep(Duration::from_secs(2)).await;
        let wanted = part.len().min(left);
        let read = wire.pipe.read(&mut part[..wanted]).await.unwrap();
        assert!(read > 0, "closed with {left} bytes to come");
        left -= read;
    }
    expect_heartbeat(&mut wire, &session).await;

    let (_wire, session) = open_wire(&engine, &mut sessions).await;
    let started = Instant::now();
    session.send("x".repeat(1_000_000)).unwrap();
    assert_eq!(session.closed().await.reason, CloseReason::PingTimeout);
    assert!(started.elapsed() <= Duration::from_secs(46), "{:?}", started.elapsed());
}

/// R16: the same by long-polling, whose answer to a GET says how long it is and is taken in parts.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_taken_for_minutes_is_waited_for() {
    let (engine, mut sessions) = engine(Config::default());
    for takes_all in [true, false] {
        let target = get(&engine, HANDSHAKE).await.session();
        let session = sessions.recv().await.unwrap();
        session.send("x".repeat(900_000)).unwrap();
        let request = Request::get(&target).body(Full::<Bytes>::default()).unwrap();
        let mut body = engine.handle::<_, Full<Bytes>>(request).await.into_body();
        assert_eq!(body.size_hint().exact(), Some(900_001));
        let started = Instant::now();
        let mut received = 0;
        while let Some(frame) = body.frame().await {
            received += frame.unwrap().into_data().unwrap().len();
            if !takes_all {
                break;
            }
            sleep(Duration::from_secs(10)).await;
        }
        if takes_all {
            assert_eq!(received, 900_001);
            assert!(started.elapsed() > Duration::from_secs(100), "{:?}", started.elapsed());
            expect_heartbeat_over_polling(&engine, &target, &session).await;
        } else {
            assert_eq!(session.closed().await.reason, CloseReason::PingTimeout);
            assert!(started.elapsed() <= Duration::from_secs(46), "{:?}", started.elapsed());
        }
    }
}

/// R16: a POST whose body comes at 2 kB/s.
#[tokio::test(start_paused = true)]
async fn a_body_that_comes_for_minutes_is_waited_for() {
    let (engine, mut sessions) = engine(Config::default());
    let target = get(&engine, HANDSHAKE).await.session();
    let session = sessions.recv().await.unwrap();
    let pieces = std::iter::once(Bytes::from_static(b"4")).chain((0..20).map(|_| Bytes::from("x".repeat(20_000))));
    let slow = futures_util::stream::iter(pieces).then(|piece| async move {
        sleep(Duration::from_secs(10)).await;
        Ok::<_, std::io::Error>(Frame::data(piece))
    });
    let request = Request::post(&target).body(StreamBody::new(slow)).unwrap();
    assert_eq!(engine.handle::<_, Full<Bytes>>(request).await.status(), StatusCode::OK);
    assert_eq!(session.recv().await, Some(Message::from("x".repeat(400_000))));
    expect_heartbeat_over_polling(&engine, &target, &session).await;
}

/// R28: a hundred thousand packets in one body arrive all and in order, a thousand or so at a time: the POST is answered when the
/// last of them are here, and a client that gives it up before has ended its session.
#[tokio::test(start_paused = true)]
async fn a_body_of_very_many_packets_comes_as_it_is_taken() {
    let (engine, mut sessions) = engine(Config::default());
    let target = get(&engine, HANDSHAKE).await.session();
    let session = sessions.recv().await.unwrap();
    let packets: Vec<_> = (0..100_000).map(|number| format!("4{number}")).collect();
    let posting = |target: &str| {
        let (engine, target, body) = (engine.clone(), target.to_owned(), packets.join("\u{1e}"));
        tokio::spawn(async move { post(&engine, &target, &body).await.status })
    };
    let answered = posting(&target);
    for number in 0..100_000 {
        assert!(number > 98_000 || !answered.is_finished(), "answered before {number} was taken");
        assert_eq!(session.recv().await, Some(Message::from(number.to_string())));
    }
    assert_eq!(answered.await.unwrap(), StatusCode::OK);

    let given_up = posting(&target);
    assert_eq!(session.recv().await, Some(Message::from("0")));
    given_up.abort();
    assert_eq!(session.closed().await.reason, CloseReason::TransportError);
}
