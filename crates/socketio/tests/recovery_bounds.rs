//! What connection state recovery keeps, for how long and how much of it; and what a client finds that comes too late or
//! has missed too much: a new session, never a gap that nobody sees. Contract rows D107, D108, D113, F6; hazard R32 (i).

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;
#[allow(dead_code, reason = "each of the files beside this one uses another part of it")]
mod returning;

use std::{sync::Arc, time::Duration};

use client::Client;
use returning::{Returning, answer_sync, recovering, serving};
use serde_json::json;
use socketio::{Config, ConnectionStateRecovery, Namespace, Server, Socket};

fn bounded(change: impl FnOnce(&mut ConnectionStateRecovery)) -> Server {
    let mut config = recovering();
    change(config.connection_state_recovery.as_mut().unwrap());
    serving(config)
}

/// D103, D108: from the moment in which its loss was noticed, a client has that long.
#[tokio::test(start_paused = true)]
async fn a_client_that_stays_away_for_too_long_gets_a_new_session() {
    assert_eq!(ConnectionStateRecovery::default().max_disconnection_duration, Duration::from_secs(120));
    let io = bounded(|recovery| recovery.max_disconnection_duration = Duration::from_secs(10));
    for (away, recovered) in [(9_900, true), (10_100, false), (3_600_000, false)] {
        let mut client = Returning::new(&io).await;
        let id = client.id.clone();
        client.client.close().await;
        io.of("/").emit("missed", &()).unwrap();
        tokio::time::sleep(Duration::from_millis(away)).await;
        client.come_back(&io).await;
        assert_eq!((client.recovered, client.id == id), (recovered, recovered), "{away}");
        assert_eq!(client.received().len(), usize::from(recovered));
        client.client.send("41").await;
    }
    assert_eq!((io.counters().recoveries, io.counters().recoveries_failed), (1, 2));
    // A ping timeout is noticed late, and counts from then.
    let mut client = Returning::new(&io).await;
    tokio::time::sleep(Duration::from_secs(25 + 20 + 9)).await;
    client.come_back(&io).await;
    assert!(client.recovered);
}

/// F6, R32: whatever is kept no more, the client that may have missed it is told that it is new; the others are
/// recovered.
#[tokio::test(start_paused = true)]
async fn beyond_a_bound_a_client_gets_a_new_session_and_never_a_gap() {
    let bounds: [fn(&mut ConnectionStateRecovery); 2] =
        [|recovery| recovery.max_packets = 10, |recovery| recovery.max_bytes = 10 * 1100];
    for bound in bounds {
        for missed in 0..20 {
            let io = bounded(bound);
            let text = "x".repeat(1024);
            let mut client = Returning::new(&io).await;
            io.of("/").emit("seen", &text).unwrap();
            assert_eq!(client.all().await.len(), 1);
            client.lose().await;
            for n in 0..missed {
                io.of("/").emit("n", &(n, &text)).unwrap();
            }
            client.come_back(&io).await;
            assert_eq!((missed, client.recovered), (missed, missed <= 10));
            assert_eq!(client.received().len(), if client.recovered { missed } else { 0 });
            let counters = io.counters();
            assert_eq!(counters.recoveries + counters.recoveries_failed, 1);
            assert_eq!(counters.recoveries_failed == 0, client.recovered);
            io.of("/").emit("live", &()).unwrap();
            assert_eq!(client.all().await, ["[\"live\"]"]);
        }
    }
}

/// F6: of too many who are gone, the first are forgotten.
#[tokio::test(start_paused = true)]
async fn beyond_the_bound_of_sessions_the_oldest_are_given_up() {
    let io = bounded(|recovery| recovery.max_sessions = 2);
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(Returning::new(&io).await);
    }
    for client in &clients {
        client.lose().await;
    }
    for (client, expected) in clients.iter_mut().zip([false, false, true, true]) {
        client.come_back(&io).await;
        assert_eq!(client.recovered, expected);
    }
    for zero in [
        bounded(|recovery| recovery.max_sessions = 0),
        bounded(|recovery| recovery.max_packets = 0),
        bounded(|recovery| recovery.max_disconnection_duration = Duration::ZERO),
    ] {
        let mut client = Returning::new(&zero).await;
        client.lose().await;
        zero.of("/").emit("missed", &()).unwrap();
        client.come_back(&zero).await;
        assert!(!client.recovered);
    }
}

/// A server whose queues hold 10,000 bytes, and which sends at most 4,000 in one answer.
fn narrow() -> Config {
    let mut config = recovering();
    config.engine.limits.max_queue_bytes = 10_000;
    config.engine.limits.max_payload_bytes = 4_000;
    config
}

/// R32 (i): what was missed is more than the client's queue may hold.
#[tokio::test(start_paused = true)]
async fn a_replay_that_is_larger_than_the_queue_arrives() {
    let io = serving(narrow());
    io.of("/").on_connected(async |socket: Socket| {
        if socket.is_recovered() {
            // The queue is as free as it would be without the replay.
            socket.emit("n", &(100, "")).unwrap();
        }
    });
    let mut client = Returning::new(&io).await;
    client.lose().await;
    let text = "x".repeat(1000);
    for n in 0..100 {
        io.of("/").emit("n", &(n, &text)).unwrap();
    }
    let back = Client::open(&io).await;
    back.send(&client.connect_packet(&json!({}))).await;
    back.settle().await;
    // Those who emit meanwhile do not end it, until they fill the queue themselves.
    for n in 101..105 {
        io.of("/").emit("n", &(n, &text)).unwrap();
    }
    client.forget_connection(back);
    client.read_connect().await;
    assert!(client.recovered);
    let mut received = client.received();
    received.extend(client.all().await);
    let numbers: Vec<usize> =
        received.iter().map(|event| event.split([',', ']']).nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(numbers, (0..105).collect::<Vec<_>>());
    assert_eq!(io.counters().slow_clients_disconnected, 0);
    // And when it is through, the bound is what it was.
    for n in 0..20 {
        io.of("/").emit("n", &(n, &text)).unwrap();
    }
    assert_eq!(io.counters().slow_clients_disconnected, 1);
}

/// R32 (i): the same in several namespaces of one connection at once.
#[tokio::test(start_paused = true)]
async fn replays_of_several_namespaces_that_are_larger_than_the_queue_arrive() {
    let io = serving(narrow());
    let names = ["/", "/a", "/b"];
    let mut clients = Vec::new();
    for name in names {
        answer_sync(&io, name);
        clients.push(Returning::of(&io, name).await);
    }
    let text = "x".repeat(1000);
    for (name, client) in names.iter().zip(&clients) {
        client.lose().await;
        for n in 0..30 {
            io.of(name).emit("n", &(n, &text)).unwrap();
        }
    }
    let back = Client::open(&io).await;
    let connects: Vec<_> = clients.iter().map(|client| client.connect_packet(&json!({}))).collect();
    back.send(&connects.join("\u{1e}")).await;
    let packets = back.receive_until_count(93).await;
    for client in &mut clients {
        client.forget_connection(Client::open(&io).await);
        client.take_in(&packets).await;
        assert!(client.recovered);
        assert_eq!(client.received().len(), 30);
    }
    assert_eq!(io.counters().slow_clients_disconnected, 0);
}

/// Data whose end can be seen.
#[derive(serde::Serialize)]
struct Precious(Arc<()>);

/// A server on which each socket has precious data.
fn guarding(io: Server) -> (Server, Arc<()>) {
    let precious = Arc::new(());
    let given = precious.clone();
    io.of("/").on_connect(move |socket: Socket| {
        if !socket.is_recovered() {
            socket.set_data(Precious(given.clone()));
        }
        async {}
    });
    // The handler has one as well.
    assert_eq!(Arc::strong_count(&precious), 2);
    (io, precious)
}

/// D113, F6: what was kept for a client that does not come back is freed soon after its time, though nothing else happens
/// on the server; one that comes back keeps it.
#[tokio::test(start_paused = true)]
async fn what_is_kept_is_freed_when_its_time_is_over() {
    let (io, precious) = guarding(serving(recovering()));
    let (mut back, gone) = (Returning::new(&io).await, Returning::new(&io).await);
    back.lose().await;
    gone.lose().await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    back.come_back(&io).await;
    assert_eq!(Arc::strong_count(&precious), 4);
    back.client.receive_pings(Duration::from_secs(40)).await;
    assert_eq!(Arc::strong_count(&precious), 3, "one that is connected, and the handler");
    back.client.send("41").await;
    back.client.settle().await;
    assert_eq!(Arc::strong_count(&precious), 2, "who was asked to leave is forgotten at once");
}

/// D15, D113: with the server goes all that was kept.
#[tokio::test(start_paused = true)]
async fn closing_the_server_frees_what_is_kept() {
    let (io, precious) = guarding(serving(recovering()));
    let (gone, there) = (Returning::new(&io).await, Returning::new(&io).await);
    gone.lose().await;
    io.of("/").emit("missed", &()).unwrap();
    assert_eq!(Arc::strong_count(&precious), 4);
    let (_, ()) = tokio::join!(there.client.receive_until("1"), io.close());
    assert_eq!(Arc::strong_count(&precious), 1, "the handler that hands it out is gone too");
}

/// D113: what the application kept with a client is dropped under no lock of ours: it may use the server.
#[tokio::test(start_paused = true)]
async fn data_that_uses_the_server_in_its_destructor_does_not_hang_it() {
    #[derive(serde::Serialize)]
    struct Mourner {
        #[serde(skip)]
        namespace: Namespace,
    }
    impl Drop for Mourner {
        fn drop(&mut self) {
            self.namespace.emit("gone for good", &()).unwrap();
        }
    }
    let io = bounded(|recovery| recovery.max_sessions = 1);
    io.of("/").on_connect(async |socket: Socket, namespace: Namespace| {
        if socket.handshake().auth.is_some() {
            socket.set_data(Mourner { namespace });
        }
    });
    let mut watcher = Returning::new(&io).await;
    let (first, second) = (Returning::new(&io).await, Returning::new(&io).await);
    // One goes for a newer one, the other with time.
    first.lose().await;
    second.lose().await;
    assert_eq!(watcher.all().await, ["[\"gone for good\"]"]);
    let packets = watcher.client.receive().await;
    watcher.take_in(&packets).await;
    assert_eq!(watcher.received(), ["[\"gone for good\"]"]);
}

/// D27, D113: a namespace that a client asked for stays as long as somebody can come back to it, and then goes.
#[tokio::test(start_paused = true)]
async fn a_child_namespace_goes_when_nobody_can_come_back_to_it() {
    let io = serving(recovering());
    io.of_matching(|name| name.starts_with("/child"));
    let (first, mut second) = (Returning::of(&io, "/child").await, Returning::of(&io, "/child").await);
    let left = Returning::of(&io, "/child-2").await;
    first.lose().await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    second.lose().await;
    left.client.send("41/child-2,").await;
    left.client.settle().await;
    assert_eq!(io.namespaces().len(), 2, "who was asked to leave does not come back");
    tokio::time::sleep(Duration::from_secs(110)).await;
    second.come_back(&io).await;
    assert!(second.recovered);
    second.client.receive_pings(Duration::from_secs(150)).await;
    assert_eq!(io.namespaces().len(), 2, "somebody is there");
    second.lose().await;
    tokio::time::sleep(Duration::from_secs(119)).await;
    assert_eq!(io.namespaces().len(), 2);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(io.namespaces().len(), 1);
    // And at the end of the server there is none that waits.
    let third = Returning::of(&io, "/child").await;
    third.lose().await;
    assert_eq!(io.namespaces().len(), 2);
    io.close().await;
    assert_eq!(io.namespaces().len(), 1);
}
