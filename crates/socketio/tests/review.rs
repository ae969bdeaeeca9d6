//! What a second reader of the server found: code of the application where it can do harm, counters, order between
//! threads, and what stays behind. Contract rows D51, D81, D92, D107, J1; hazards R11, R24, R25, R37.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use client::{Client, Log};
use serde::Serialize;
use socketio::{AckSender, Config, EmitError, RoomEvent, Server, Socket, cluster::MemoryHub};

/// Data that cannot be described to anybody.
struct Secret;

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("as it is meant to")
    }
}

/// R25: the data of one socket, asked for by another server, takes its server neither down nor out of the cluster.
#[tokio::test(start_paused = true)]
async fn data_that_panics_while_it_is_described_leaves_the_server_in_its_cluster() {
    let hub = MemoryHub::new();
    let one = Server::in_cluster(Config::default(), Arc::new(hub.backplane())).await.unwrap();
    let two = Server::in_cluster(Config::default(), Arc::new(hub.backplane())).await.unwrap();
    two.of("/").on_connect(async |socket: Socket| socket.set_data(Secret));
    let client = Client::connected(&two).await;
    for asks in [&one, &two] {
        let sockets = asks.of("/").fetch_sockets().await.unwrap();
        assert_eq!(sockets.len(), 1);
        assert_eq!(sockets[0].data::<u32>().unwrap(), None);
    }
    assert_eq!(two.counters().handler_panics, 2);
    one.of("/").emit("still there", &()).unwrap();
    assert_eq!(client.receive().await, ["42[\"still there\"]"]);
    one.close().await;
    two.close().await;
}

/// D51, D81: `ack_timeouts` counts each client that was asked together with others and is late, and nobody who has left.
#[tokio::test(start_paused = true)]
async fn clients_that_are_late_with_an_answer_to_a_broadcast_are_counted() {
    let io = Server::new();
    let (answers, _late, gone) =
        (Client::connected(&io).await, Client::connected(&io).await, Client::connected(&io).await);
    let asked = io.of("/").broadcast().timeout(Duration::from_secs(3)).emit_with_ack::<u32>("q", &()).unwrap();
    answers.send("430[7]").await;
    gone.close().await;
    let incomplete = asked.await.unwrap_err();
    assert_eq!((incomplete.answers, incomplete.missing_clients, incomplete.timed_out), (vec![7], 2, true));
    assert_eq!(io.counters().ack_timeouts, 1);
}

/// The same for clients that another server asks for.
#[tokio::test(start_paused = true)]
async fn clients_that_are_late_with_an_answer_to_another_server_are_counted() {
    let hub = MemoryHub::new();
    let one = Server::in_cluster(Config::default(), Arc::new(hub.backplane())).await.unwrap();
    let two = Server::in_cluster(Config::default(), Arc::new(hub.backplane())).await.unwrap();
    let client = Client::connected(&two).await;
    client.settle().await;
    let asked = one.of("/").broadcast().timeout(Duration::from_secs(3)).emit_with_ack::<u32>("q", &()).unwrap();
    assert_eq!(asked.await.unwrap_err().missing_clients, 1);
    client.settle().await;
    assert_eq!((one.counters().ack_timeouts, two.counters().ack_timeouts), (0, 1));
    one.close().await;
    two.close().await;
}

/// R43: a time that is no time at all makes a server like any other.
#[tokio::test(start_paused = true)]
async fn a_server_whose_pings_are_endlessly_far_apart_can_have_recovery() {
    let mut config = Config::default();
    config.engine.limits.ping_interval = Duration::MAX;
    config.connection_state_recovery = Some(socketio::ConnectionStateRecovery::default());
    let io = Server::with_config(config);
    assert_eq!(io.of("/").socket_count(), 0);
}

/// D107: a client that comes back and is disconnected before it is in has lost its session, as one that is in.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_disconnected_on_its_way_back_comes_as_a_new_one() {
    for by_client in [true, false] {
        let mut config = Config::default();
        config.connection_state_recovery = Some(socketio::ConnectionStateRecovery::default());
        let io = Server::with_config(config);
        let log = Log::default();
        let entries = log.clone();
        io.of("/").on_connect(move |socket: Socket| {
            let entries = entries.clone();
            async move {
                entries.push(format!("recovered {}", socket.is_recovered()));
                if socket.is_recovered() {
                    if !by_client {
                        socket.disconnect();
                    }
                    std::future::pending::<()>().await;
                }
            }
        });
        let client = Client::open(&io).await;
        let greeting = client.exchange("40").await.remove(0);
        let pid = greeting.split("\"pid\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        client.close().await;
        let connect = format!("40{{\"pid\":\"{pid}\"}}");
        let client = Client::open(&io).await;
        client.send(&connect).await;
        if by_client {
            client.send("41").await;
        }
        client.settle().await;
        client.close().await;
        let client = Client::open(&io).await;
        client.send(&connect).await;
        log.becomes(&["recovered false", "recovered true", "recovered false"]).await;
    }
}
/// D92: whoever changes a room while a listener runs on another thread, it is told in the order in which it happened.
#[tokio::test(start_paused = true)]
async fn room_listeners_hear_of_what_threads_do_in_the_order_in_which_it_was_done() {
    let io = Server::new();
    let log = Log::default();
    let (entries, turn) = (log.clone(), Mutex::new(None::<(mpsc::Sender<()>, mpsc::Receiver<()>)>));
    let turn = Arc::new(turn);
    let its_turn = turn.clone();
    io.of("/").on_room_event(move |event| {
        let name = match event {
            RoomEvent::Created { room } if **room == *"room" => {
                // Here the other thread runs, before anybody has heard of the room.
                if let Some((go, done)) = its_turn.lock().unwrap().take() {
                    go.send(()).unwrap();
                    done.recv_timeout(Duration::from_secs(60)).unwrap();
                }
                "created"
            }
            RoomEvent::Joined { room, .. } if **room == *"room" => "joined",
            RoomEvent::Left { room, .. } if **room == *"room" => "left",
            RoomEvent::Deleted { room } if **room == *"room" => "deleted",
            _ => return,
        };
        entries.push(name.to_owned());
    });
    let _client = Client::connected(&io).await;
    let socket = io.of("/").sockets().remove(0);
    let (go, wait) = mpsc::channel();
    let (tell, done) = mpsc::channel();
    *turn.lock().unwrap() = Some((go, done));
    let other = socket.clone();
    let thread = std::thread::spawn(move || {
        wait.recv().unwrap();
        other.leave("room");
        tell.send(()).unwrap();
    });
    socket.join("room");
    thread.join().unwrap();
    assert_eq!(log.entries(), ["created", "joined", "left", "deleted"]);
}

/// R37, R36: what handlers, hooks and patterns captured goes with a server that was closed, though that was the server
/// itself.
#[tokio::test(start_paused = true)]
async fn a_closed_server_that_its_own_handlers_hold_goes_away() {
    let captured = Arc::new(());
    let io = Server::new();
    let hold = (captured.clone(), io.clone());
    io.of("/").on("e", move || {
        let _hold = hold.clone();
        async {}
    });
    let hold = (captured.clone(), io.clone());
    let parent = io.of_matching(move |name| {
        let _hold = &hold;
        name.starts_with("/child")
    });
    let hold = (captured.clone(), io.clone());
    parent.on_room_event(move |_| drop(hold.clone()));
    io.of("/child");
    let hold = (captured.clone(), io.clone());
    io.on_error(move |_| drop(hold.clone()));
    let _client = Client::connected(&io).await;
    io.close().await;
    drop((io, _client));
    assert_eq!(Arc::strong_count(&captured), 1);
}

/// J1: an acknowledgement that is sent by hand is not just dropped either where the queue is full.
#[tokio::test(start_paused = true)]
async fn a_client_without_room_for_an_acknowledgement_sent_by_hand_is_disconnected() {
    let mut config = Config::default();
    config.engine.limits.max_queue_bytes = 1000;
    let io = Server::with_config(config);
    let log = Log::default();
    let entries = log.clone();
    io.of("/").on_disconnect(log.reasons()).on("q", move |socket: Socket, ack: AckSender| {
        let entries = entries.clone();
        async move {
            while socket.emit("e", &"x".repeat(50)).is_ok() {}
            assert_eq!(ack.send(&"y".repeat(50)), Err(EmitError::Full));
            entries.push("full".to_owned());
        }
    });
    let client = Client::connected(&io).await;
    client.send("420[\"q\"]").await;
    log.becomes(&["full", "transport error"]).await;
    assert_eq!((io.counters().slow_clients_disconnected, io.counters().handler_panics), (1, 0));
}
