//! What is counted: sessions, refusals, and each limit when it bites.

use std::time::Duration;

use engineio::{CloseMode, Counters};

use super::*;

fn limits(change: impl FnOnce(&mut engineio::Limits)) -> Config {
    let mut config = Config::default();
    change(&mut config.limits);
    config
}

/// The counters after something happened, as the difference that it made.
#[track_caller]
fn expect(engine: &Engine, change: impl FnOnce(&mut Counters)) {
    let mut expected = Counters::default();
    change(&mut expected);
    assert_eq!(engine.counters(), expected);
}

#[tokio::test(start_paused = true)]
async fn sessions_and_refusals_are_counted_by_reason_and_code() {
    let (engine, mut sessions) = engine(Config::default());
    let closing = get(&engine, HANDSHAKE).await.session();
    post(&engine, &closing, "1").await;
    let garbled = get(&engine, HANDSHAKE).await.session();
    post(&engine, &garbled, "nonsense").await;
    let pinging = get(&engine, HANDSHAKE).await.session();
    post(&engine, &pinging, "2").await;
    get(&engine, HANDSHAKE).await;
    while let Ok(session) = sessions.try_recv() {
        session.close(CloseMode::Discard);
    }
    get(&engine, HANDSHAKE).await;
    sessions.recv().await.unwrap().closed().await;
    get(&engine, "/engine.io/").await;
    get(&engine, &pinging).await;
    get(&engine, &pinging).await;
    post(&engine, HANDSHAKE, "").await;
    get(&engine, WEBSOCKET).await;
    get(&engine, "/engine.io/?transport=polling").await;
    expect(&engine, |c| {
        c.sessions_opened = 5;
        c.closed_transport_close = 1;
        c.closed_parse_error = 1;
        c.closed_transport_error = 1;
        c.closed_forced = 1;
        c.closed_ping_timeout = 1;
        c.refused = [1, 2, 1, 1, 0, 1];
    });
    assert_eq!(engine.counters().sessions_closed(), 5);
}

/// Hazard S24.
#[tokio::test(start_paused = true)]
async fn a_payload_over_the_limit_is_counted_on_both_transports() {
    let (engine, _sessions) = engine(limits(|limits| limits.max_payload_bytes = 10));
    let sid = get(&engine, HANDSHAKE).await.session();
    post(&engine, &sid, "4123456789x").await;
    let (_, mut wire) = Wire::open(&engine, WEBSOCKET).await;
    assert!(wire.text().await.starts_with("0{"));
    wire.send("4123456789x").await;
    while engine.session_count() > 0 {
        tokio::task::yield_now().await;
    }
    expect(&engine, |c| {
        (c.sessions_opened, c.closed_transport_error, c.payloads_too_large) = (2, 2, 2);
    });
}

/// Hazard R15.
#[tokio::test(start_paused = true)]
async fn a_message_in_too_many_frames_and_a_full_queue_are_counted() {
    let (engine, mut sessions) = engine(limits(|limits| (limits.max_fragments, limits.max_queue_bytes) = (2, 100)));
    let (_, mut wire) = Wire::open(&engine, WEBSOCKET).await;
    assert!(wire.text().await.starts_with("0{"));
    let session = sessions.recv().await.unwrap();
    while session.send("0123456789").is_ok() {}
    assert_eq!(engine.counters().queue_full, 1);
    // Text without the final bit, then continuations without it; the mask is zero.
    wire.pipe.write_all(&[0x01, 0x80, 0, 0, 0, 0]).await.unwrap();
    wire.pipe.write_all(&[0x00, 0x80, 0, 0, 0, 0]).await.unwrap();
    wire.pipe.write_all(&[0x00, 0x80, 0, 0, 0, 0]).await.unwrap();
    session.closed().await;
    expect(&engine, |c| {
        (c.sessions_opened, c.closed_transport_error, c.queue_full, c.too_many_fragments) = (1, 1, 1, 1);
    });
}

#[tokio::test(start_paused = true)]
async fn upgrades_and_those_that_take_too_long_are_counted() {
    let (engine, mut sessions) = engine(limits(|limits| limits.upgrade_timeout = Duration::from_secs(1)));
    let sid = get(&engine, HANDSHAKE).await.session().replace("polling", "websocket");
    let session = sessions.recv().await.unwrap();
    let (_, mut silent) = Wire::open(&engine, &sid).await;
    let mut rest = Vec::new();
    silent.pipe.read_to_end(&mut rest).await.unwrap();
    expect(&engine, |c| (c.sessions_opened, c.upgrade_timeouts) = (1, 1));
    let (_, mut wire) = Wire::open(&engine, &sid).await;
    wire.send("2probe").await;
    wire.send("5").await;
    assert!(session.upgraded().await);
    expect(&engine, |c| (c.sessions_opened, c.upgrade_timeouts, c.upgrades) = (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_take_the_rest_is_counted() {
    let (engine, mut sessions) = engine(Config::default());
    get(&engine, HANDSHAKE).await;
    let session = sessions.recv().await.unwrap();
    session.send("last").unwrap();
    session.close(CloseMode::Graceful);
    session.closed().await;
    expect(&engine, |c| (c.sessions_opened, c.closed_forced, c.close_timeouts) = (1, 1, 1));
}
