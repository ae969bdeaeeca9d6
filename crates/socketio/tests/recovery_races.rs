//! Connection state recovery where the server does not know yet what happened, or is busy: the old socket is still alive,
//! a handler decides slowly, the same client comes twice, and many come and go while many emit. Contract rows D109–D113;
//! hazards R12, R32 (c), (d), (i), (j).

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;
#[allow(dead_code, reason = "each of the files beside this one uses another part of it")]
mod returning;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use client::{Client, Log};
use returning::{Returning, answer_sync, recovering, serving};
use serde_json::json;
use socketio::{DisconnectReason, RoomEvent, Server, Socket};
use testkit::Random;
use tokio::sync::Notify;

/// R32 (c), (j), R12: the connection was lost, and nobody has noticed when the client is back: the old socket is gone
/// with a reason, once, and the new one is in its place, whatever is still to happen to the old one.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_back_before_its_loss_is_noticed_takes_the_place_of_its_old_socket() {
    for watched in [false, true] {
        let io = serving(recovering());
        let (log, rooms) = (Log::default(), Log::default());
        let namespace = io.of("/").on_disconnect(log.reasons()).on_connect(async |socket: Socket| socket.join("room"));
        if watched {
            let log = log.clone();
            io.of("/").on_disconnecting(move |socket: Socket, reason: DisconnectReason| {
                log.push(format!("leaving {}: {reason}", socket.rooms().join(",")));
                // So late that the new socket has long joined.
                tokio::time::sleep(Duration::from_secs(1))
            });
        }
        let events = rooms.clone();
        io.of("/").on_room_event(move |event| {
            if let RoomEvent::Joined { room, .. } | RoomEvent::Left { room, .. } = event {
                let change = if matches!(event, RoomEvent::Joined { .. }) { "+" } else { "-" };
                if &**room == "room" {
                    events.push(change.into());
                }
            }
        });
        let mut client = Returning::new(&io).await;
        let id = client.id.clone();
        io.of("/").emit("lost on the way", &1).unwrap();
        client.come_back(&io).await;
        assert!(client.recovered && client.id == id);
        assert_eq!(client.received(), ["[\"lost on the way\",1]"]);
        let expected =
            if watched { vec!["leaving room: transport close", "transport close"] } else { vec!["transport close"] };
        log.becomes(&expected).await;
        // Its late ping timeout does not hurt either, nor does whatever else happens to it.
        for _ in 0..5 {
            assert_eq!((namespace.socket_count(), namespace.room_len("room"), namespace.room_len(&id)), (1, 1, 1));
            assert_eq!(namespace.sockets()[0].rooms().len(), 1);
            namespace.to("room").emit("live", &()).unwrap();
            namespace.to(&id).emit("live", &()).unwrap();
            assert_eq!(client.all().await, ["[\"live\"]", "[\"live\"]"]);
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        assert_eq!((log.entries().len(), io.engine().session_count()), (expected.len(), 1));
        let changes = rooms.entries().concat();
        assert!(changes == "+-+" || changes == "+", "{changes}");
        client.lose().await;
        assert_eq!((namespace.socket_count(), namespace.room_len("room")), (0, 0));
    }
}

/// R12: a handle on the old socket, kept by the application, cannot take the new one out of its rooms.
#[tokio::test(start_paused = true)]
async fn a_handle_on_the_old_socket_has_no_power_over_the_new_one() {
    let io = serving(recovering());
    let sockets = Arc::new(Mutex::new(Vec::new()));
    let list = sockets.clone();
    io.of("/").on_connect(move |socket: Socket| {
        socket.join("room");
        list.lock().unwrap().push(socket);
        async {}
    });
    let mut client = Returning::new(&io).await;
    client.come_back(&io).await;
    let old = sockets.lock().unwrap()[0].clone();
    old.leave("room");
    old.join("another");
    old.disconnect();
    old.disconnect_connection();
    client.client.settle().await;
    let namespace = io.of("/");
    assert_eq!((namespace.socket_count(), namespace.room_len("room"), namespace.room_len("another")), (1, 1, 0));
    namespace.to("room").emit("live", &()).unwrap();
    assert_eq!(client.all().await, ["[\"live\"]"]);
}

/// R12, R32 (j): all namespaces of the old connection move, each when it is asked for.
#[tokio::test(start_paused = true)]
async fn the_namespaces_of_a_connection_move_together() {
    let (io, log) = (serving(recovering()), Log::default());
    io.of("/").on_disconnect(log.reasons());
    answer_sync(&io, "/a");
    io.of("/a").on_disconnect(log.reasons());
    let mut main = Returning::over(Client::open(&io).await, "/");
    let mut a = Returning::over(Client::open(&io).await, "/a");
    main.client.send(&format!("{}\u{1e}{}", main.connect_packet(&json!({})), a.connect_packet(&json!({})))).await;
    let packets = main.client.receive_until_count(2).await;
    main.take_in(&packets).await;
    a.take_in(&packets).await;
    io.of("/").emit("main", &()).unwrap();
    io.of("/a").emit("a", &()).unwrap();
    let both = Client::open(&io).await;
    both.send(&format!("{}\u{1e}{}", main.connect_packet(&json!({})), a.connect_packet(&json!({})))).await;
    let packets = both.receive_until_count(4).await;
    main.forget_connection(Client::open(&io).await);
    a.forget_connection(both);
    main.take_in(&packets).await;
    a.take_in(&packets).await;
    assert!(main.recovered && a.recovered);
    assert_eq!((main.received(), a.received()), (vec!["[\"main\"]".to_owned()], vec!["[\"a\"]".to_owned()]));
    log.becomes(&["transport close", "transport close"]).await;
    assert_eq!((io.of("/").socket_count(), io.of("/a").socket_count()), (1, 1));
}

/// D110: what is emitted while the client is on its way in, by its own handlers and by others, has its place by offset
/// among what it missed, and comes once.
#[tokio::test(start_paused = true)]
async fn events_emitted_during_a_comeback_keep_their_order() {
    let mut config = recovering();
    config.connection_state_recovery.as_mut().unwrap().skip_middlewares = false;
    let io = serving(config);
    let gates = Arc::new((Notify::new(), Notify::new()));
    let first = Arc::new(AtomicBool::new(true));
    let (in_middleware, in_connect) = (gates.clone(), gates.clone());
    io.of("/")
        .middleware(move |socket: Socket| {
            let (gates, first) = (in_middleware.clone(), first.swap(false, Ordering::Relaxed));
            async move {
                if !first {
                    socket.emit("n", &2).unwrap();
                    gates.0.notified().await;
                }
            }
        })
        .on_connect(move |socket: Socket| {
            let gates = in_connect.clone();
            async move {
                if socket.is_recovered() {
                    socket.emit("n", &6).unwrap();
                    socket.join("new");
                    gates.1.notified().await;
                    socket.emit("n", &9).unwrap();
                } else {
                    socket.join("room");
                }
            }
        })
        .on_connected(async |socket: Socket| {
            if socket.is_recovered() {
                socket.emit("n", &10).unwrap();
            }
        });
    let namespace = io.of("/");
    let mut client = Returning::new(&io).await;
    client.lose().await;
    namespace.emit("n", &0).unwrap();
    namespace.to("room").emit("n", &1).unwrap();
    let back = Client::open(&io).await;
    back.send(&client.connect_packet(&json!({}))).await;
    back.settle().await;
    namespace.emit("n", &3).unwrap();
    namespace.to("room").emit("n", &4).unwrap();
    namespace.to(&client.id).emit("n", &5).unwrap();
    namespace.to("room").volatile().emit("volatile", &()).unwrap();
    gates.0.notify_one();
    back.settle().await;
    namespace.to("new").to("room").emit("n", &7).unwrap();
    namespace.to("new").emit("n", &8).unwrap();
    gates.1.notify_one();
    client.forget_connection(back);
    client.read_connect().await;
    assert!(client.recovered);
    let mut received = client.received();
    received.extend(client.all().await);
    assert_eq!(received, (0..=10).map(|n| format!("[\"n\",{n}]")).collect::<Vec<_>>());
}

/// R12: the client gives up on a connection whose handler is slow, and comes once more: whoever is let in last is the one
/// that is there, and nothing is lost.
#[tokio::test(start_paused = true)]
async fn two_comebacks_of_one_client_at_once_leave_one_socket() {
    for order in [[0, 1], [1, 0]] {
        let io = serving(recovering());
        let gates: Arc<[Notify; 2]> = Arc::default();
        let (doors, number) = (gates.clone(), Arc::new(AtomicUsize::new(0)));
        io.of("/").on_connect(move |socket: Socket| {
            let (doors, number) = (doors.clone(), number.clone());
            async move {
                if socket.is_recovered() {
                    // The third and later ones are let in at once.
                    let mine = number.fetch_add(1, Ordering::Relaxed);
                    if let Some(door) = doors.get(mine) {
                        door.notified().await;
                    }
                } else {
                    socket.join("room");
                }
            }
        });
        let namespace = io.of("/");
        let mut client = Returning::new(&io).await;
        client.lose().await;
        namespace.to("room").emit("n", &0).unwrap();
        let comebacks = [Client::open(&io).await, Client::open(&io).await];
        for comeback in &comebacks {
            comeback.send(&client.connect_packet(&json!({}))).await;
            comeback.settle().await;
        }
        for door in order {
            gates[door].notify_one();
            comebacks[door].settle().await;
        }
        assert_eq!((namespace.socket_count(), namespace.room_len("room")), (1, 1), "{order:?}");
        let there = namespace.sockets()[0].clone();
        namespace.to("room").emit("n", &1).unwrap();
        namespace.emit("n", &2).unwrap();
        assert!(there.is_connected() && there.queued_bytes() > 0);
        // It was on one of them, or comes a third time: it is the same in the end.
        client.come_back(&io).await;
        assert!(client.recovered);
        let mut received = client.received();
        namespace.to("room").emit("n", &3).unwrap();
        received.extend(client.all().await);
        assert_eq!(received, (0..=3).map(|n| format!("[\"n\",{n}]")).collect::<Vec<_>>(), "{order:?}");
        assert_eq!((namespace.socket_count(), namespace.room_len("room")), (1, 1));
    }
}

const EMITTERS: usize = 4;
const EVENTS: usize = 300;
const CLIENTS: u64 = 6;

/// Reads and loses connections until it has seen the last event of each emitter; gives all that it has seen.
async fn flap(io: Server, seed: u64) -> Vec<String> {
    let mut random = Random(seed);
    let mut client = Returning::new(&io).await;
    let (mut seen, mut ended) = (Vec::new(), 0);
    while ended < EMITTERS {
        match random.below(8) {
            0 => client.client.close().await,
            // What was on its way is lost, or some of it.
            1..=3 => {
                let packets = client.client.receive().await;
                let kept = random.below(packets.len() as u64 + 1) as usize;
                client.take_in(&packets[..kept]).await;
            }
            4 => {}
            _ => {
                let packets = client.client.receive().await;
                client.take_in(&packets).await;
                ended += note(&mut seen, client.received());
                continue;
            }
        }
        client.come_back(&io).await;
        assert!(client.recovered, "nothing is so old that it is gone");
        ended += note(&mut seen, client.received());
    }
    seen
}

fn note(seen: &mut Vec<String>, more: Vec<String>) -> usize {
    let ended = more.iter().filter(|event| event.starts_with("[\"end\"")).count();
    seen.extend(more);
    ended
}

/// R32 (c), (d), (j), D105: with real threads, many emit in all ways while clients come and go at any moment: each of
/// them sees everything once, and all see it in the same order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_that_flap_under_fire_see_each_event_once_and_in_one_order() {
    let io = serving(recovering());
    io.of("/").on_connect(async |socket: Socket| socket.join("room"));
    let clients: Vec<_> = (0..CLIENTS).map(|seed| tokio::spawn(flap(io.clone(), seed))).collect();
    // All of them are to see all.
    while io.counters().sockets_joined < CLIENTS {
        tokio::task::yield_now().await;
    }
    let emitters = (0..EMITTERS).map(|emitter| {
        let namespace = io.of("/");
        tokio::spawn(async move {
            let mut random = Random(1000 + emitter as u64);
            for n in 0..EVENTS {
                match n % 3 {
                    0 => namespace.emit("n", &(emitter, n)).unwrap(),
                    1 => namespace.to("room").emit("n", &(emitter, n)).unwrap(),
                    _ => namespace.to("nobody").to("room").except("others").emit("n", &(emitter, n)).unwrap(),
                }
                namespace.to("room").volatile().emit("volatile", &"text").unwrap();
                for _ in 0..random.below(20) {
                    tokio::task::yield_now().await;
                }
            }
            namespace.emit("end", &emitter).unwrap();
        })
    });
    futures_util::future::join_all(emitters).await;
    let mut seen = Vec::new();
    for client in clients {
        let mut events = tokio::time::timeout(Duration::from_secs(60), client).await.unwrap().unwrap();
        events.retain(|event| !event.starts_with("[\"volatile\""));
        seen.push(events);
    }
    for emitter in 0..EMITTERS {
        let own = format!("[\"n\",[{emitter},").replace(",[", ",");
        let events: Vec<_> = seen[0].iter().filter(|event| event.starts_with(&own)).cloned().collect();
        assert_eq!(events, (0..EVENTS).map(|n| format!("{own}{n}]")).collect::<Vec<_>>());
    }
    for (number, events) in seen.iter().enumerate() {
        let differs = events.iter().zip(&seen[0]).position(|(a, b)| a != b);
        assert_eq!((events.len(), differs), (seen[0].len(), None), "client {number}");
    }
    assert_eq!(io.counters().recoveries_failed, 0);
    io.close().await;
}
