//! R36: an engine lets its sessions go, over a time and by a deadline.

use std::time::Duration;

use engineio::{CloseMode, CloseReason, server::Drain};
use tokio::time::Instant;

use super::*;

fn drain(window: u64, deadline: u64) -> Drain {
    let mut drain = Drain::default();
    (drain.window, drain.deadline) = (Duration::from_secs(window), Duration::from_secs(deadline));
    drain
}

#[tokio::test(start_paused = true)]
async fn sessions_are_let_go_one_after_the_other_with_what_was_queued_for_them() {
    let (engine, mut sessions) = engine(Config::default());
    let mut clients = Vec::new();
    for _ in 0..10 {
        let (_, mut wire) = Wire::open(&engine, WEBSOCKET).await;
        assert!(wire.text().await.starts_with('0'));
        sessions.recv().await.unwrap().send("last words").unwrap();
        clients.push(wire);
    }
    let begin = Instant::now();
    let ends: Vec<_> = clients
        .into_iter()
        .map(|mut wire| {
            tokio::spawn(async move {
                assert_eq!(wire.text().await, "4last words");
                wire.sees_the_close().await;
                begin.elapsed().as_secs()
            })
        })
        .collect();
    engine.drain(drain(20, 60)).await;
    let mut seconds = Vec::new();
    for end in ends {
        seconds.push(end.await.unwrap());
    }
    seconds.sort_unstable();
    assert_eq!(seconds, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    assert_eq!(engine.session_count(), 0);
    engine.close().await;
    engine.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_polls_is_told_and_a_new_one_is_sent_elsewhere() {
    let (engine, _sessions) = engine(Config::default());
    let sid = get(&engine, HANDSHAKE).await.session();
    let draining = tokio::spawn({
        let engine = engine.clone();
        async move { engine.drain(drain(0, 60)).await }
    });
    assert_eq!(get(&engine, &sid).await.text(), "1");
    let refused = get(&engine, HANDSHAKE).await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("5")));
    let (head, _) = Wire::open(&engine, WEBSOCKET).await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    draining.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_holds_it_up_until_the_deadline() {
    let (engine, mut sessions) = engine(Config::default());
    get(&engine, HANDSHAKE).await.session();
    let session = sessions.recv().await.unwrap();
    session.send("never read").unwrap();
    let begin = Instant::now();
    engine.drain(drain(5, 12)).await;
    assert_eq!((begin.elapsed().as_secs(), engine.session_count()), (12, 1));
    engine.close().await;
    assert_eq!((begin.elapsed().as_secs(), session.closed().await.reason), (12, CloseReason::ForcedClose));
}

/// Twice at once, and beside a close of the session's own.
#[tokio::test(start_paused = true)]
async fn draining_twice_waits_for_the_same_end() {
    let (engine, mut sessions) = engine(Config::default());
    let (_, mut wire) = Wire::open(&engine, WEBSOCKET).await;
    assert!(wire.text().await.starts_with('0'));
    sessions.recv().await.unwrap().close(CloseMode::Graceful);
    tokio::join!(engine.drain(drain(1, 30)), engine.drain(drain(3, 30)), async {
        wire.sees_the_close().await;
    });
    tokio::join!(engine.close(), engine.close());
    engine.drain(Drain::default()).await;
}
