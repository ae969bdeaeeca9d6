//! Each limit that bites moves its counter, and no other: those that no other file here comes past (see `namespaces.rs`
//! and `room_events.rs`). Contract rows D4, D51, J17, J27; hazard S11.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;

use std::{sync::Arc, time::Duration};

use client::{Client, Log};
use socketio::{AckError, Config, Counters, Server, Socket};
use tokio::sync::Notify;

/// A server that has counted one socket, its client, and that socket.
async fn one_client(change: impl FnOnce(&mut Config)) -> (Server, Client, Socket) {
    let mut config = Config::default();
    config.engine.limits.ping_interval = Duration::from_secs(3600);
    change(&mut config);
    let io = Server::with_config(config);
    let client = Client::connected(&io).await;
    let socket = io.of("/").sockets().remove(0);
    (io, client, socket)
}

fn expect(io: &Server, change: impl FnOnce(&mut Counters)) {
    let mut expected = Counters::default();
    expected.sockets_joined = 1;
    change(&mut expected);
    assert_eq!(io.counters(), expected);
}

/// D4, R30: `connect_timeouts`.
#[tokio::test(start_paused = true)]
async fn a_connection_that_joins_nothing_in_time_is_counted() {
    let (io, _client, _socket) = one_client(|_| {}).await;
    let idle = Client::open(&io).await;
    assert_eq!(idle.receive().await, ["1"]);
    expect(&io, |counters| counters.connect_timeouts = 1);
}

/// `Limits::decoder`: `undecodable_packets`, once however much follows.
#[tokio::test(start_paused = true)]
async fn a_packet_over_a_limit_of_the_decoder_is_counted() {
    let (io, client, _socket) = one_client(|config| config.limits.decoder.max_attachments = 1).await;
    client.send("452-[\"two\"]\u{1e}452-[\"two\"]").await;
    client.settle().await;
    assert_eq!(io.engine().session_count(), 0);
    expect(&io, |counters| counters.undecodable_packets = 1);
}

/// S11: `attachment_timeouts`.
#[tokio::test(start_paused = true)]
async fn attachments_that_do_not_come_are_counted() {
    let (io, client, _socket) = one_client(|config| config.limits.attachment_timeout = Duration::from_secs(9)).await;
    client.send("451-[\"one\"]").await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(io.engine().session_count(), 0);
    expect(&io, |counters| counters.attachment_timeouts = 1);
}

/// D51: `ack_timeouts`, for the default time and for one that the call gave; not for answers, nor for clients that go.
#[tokio::test(start_paused = true)]
async fn acknowledgements_that_do_not_come_are_counted() {
    let (io, client, socket) = one_client(|config| config.limits.ack_timeout = Duration::from_secs(2)).await;
    let started = tokio::time::Instant::now();
    assert_eq!(socket.emit_with_ack::<()>("q", &()).await, Err(AckError::Timeout));
    let given = socket.compress(false).timeout(Duration::from_secs(3)).emit_with_ack::<()>("q", &());
    assert_eq!(given.await, Err(AckError::Timeout));
    let given = socket.emit_with_ack::<()>("q", &()).timeout(Duration::from_secs(4));
    assert_eq!(given.await, Err(AckError::Timeout));
    assert_eq!(started.elapsed().as_secs(), 2 + 3 + 4);
    let answered = socket.emit_with_ack::<u32>("q", &());
    client.send("433[7]").await;
    assert_eq!(answered.await, Ok(7));
    let cut_off = socket.emit_with_ack::<()>("q", &());
    client.close().await;
    assert_eq!(cut_off.await, Err(AckError::Disconnected));
    expect(&io, |counters| counters.ack_timeouts = 3);
}

/// J17: `reading_paused`, each time that it pauses and not for each packet that waits.
#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_read_is_counted() {
    let (io, client, _socket) = one_client(|config| config.limits.max_pending_handlers = 2).await;
    let (log, gate) = (Log::default(), Arc::new(Notify::new()));
    let (opened, entries) = (gate.clone(), log.clone());
    io.of("/").on("slow", move || {
        let (opened, entries) = (opened.clone(), entries.clone());
        async move {
            entries.push("begun".into());
            opened.notified().await;
        }
    });
    for round in 1..=2 {
        client.send(&["42[\"slow\"]"; 2].join("\u{1e}")).await;
        client.send("42[\"other\"]").await;
        client.settle().await;
        expect(&io, |counters| counters.reading_paused = round);
        gate.notify_waiters();
        client.settle().await;
    }
    assert_eq!(log.entries().len(), 4);
    expect(&io, |counters| counters.reading_paused = 2);
}
