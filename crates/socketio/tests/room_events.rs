//! What the application is told of rooms, and how many rooms a socket may be in. Contract rows D92, J3; hazards R24,
//! R25.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;

use std::{collections::HashMap, sync::Arc, time::Duration};

use client::{Client, Log};
use socketio::{Config, HandlerError, Namespace, RoomEvent, Server, Socket};

/// Notes what happens to rooms, with `own` for the id of a socket.
fn note(log: &Log) -> impl Fn(&RoomEvent) + Send + Sync + 'static + use<> {
    let log = log.clone();
    move |event| log.push(in_words(event))
}

fn in_words(event: &RoomEvent) -> String {
    // An id has twenty characters; no room of these tests has.
    let short = |room: &Arc<str>| if room.len() == 20 { "own".to_owned() } else { room.to_string() };
    match event {
        RoomEvent::Created { room } => format!("created {}", short(room)),
        RoomEvent::Joined { room, .. } => format!("joined {}", short(room)),
        RoomEvent::Left { room, .. } => format!("left {}", short(room)),
        RoomEvent::Deleted { room } => format!("deleted {}", short(room)),
        other => panic!("{other:?}"),
    }
}

/// D92: made with the first, deleted with the last; who is in already joins nothing, who is not leaves nothing.
#[tokio::test(start_paused = true)]
async fn rooms_are_made_joined_left_and_deleted() {
    let io = Server::new();
    let log = Log::default();
    io.of("/").on_room_event(note(&log));
    let (_one, first) = Client::with_socket(&io).await;
    assert_eq!(log.take(), ["created own", "joined own"]);
    let (_two, second) = Client::with_socket(&io).await;
    log.clear();
    first.leave("a");
    first.join("a");
    first.join("a");
    assert_eq!(log.take(), ["created a", "joined a"]);
    second.join("a");
    assert_eq!(log.take(), ["joined a"]);
    first.leave("a");
    first.leave("a");
    assert_eq!(log.take(), ["left a"]);
    second.leave("a");
    assert_eq!(log.take(), ["left a", "deleted a"]);
}

/// D92: the events say which room and who, and that of the own id has it twice.
#[tokio::test(start_paused = true)]
async fn an_event_names_the_room_and_the_socket() {
    let io = Server::new();
    let events = Arc::new(std::sync::Mutex::new(Vec::new()));
    let list = events.clone();
    io.of("/").on_room_event(move |event| list.lock().unwrap().push(event.clone()));
    let (client, socket) = Client::with_socket(&io).await;
    socket.join("a");
    client.close().await;
    io.close().await;
    let events = std::mem::take(&mut *events.lock().unwrap());
    let (id, own): (_, Arc<str>) = (socket.id(), socket.id().as_str().into());
    assert_eq!(events.len(), 8);
    for (position, (room, event)) in [own.clone(), "a".into()].into_iter().zip(events.chunks(2)).enumerate() {
        let [RoomEvent::Created { room: created, .. }, RoomEvent::Joined { room: joined, socket, .. }] = event else {
            panic!("{position}: {event:?}")
        };
        assert_eq!((created, joined, socket), (&room, &room, id));
    }
    for (position, (room, event)) in ["a".into(), own].into_iter().zip(events[4..].chunks(2)).enumerate() {
        let [RoomEvent::Left { room: left, socket, .. }, RoomEvent::Deleted { room: deleted, .. }] = event else {
            panic!("{position}: {event:?}")
        };
        assert_eq!((left, deleted, socket), (&room, &room, id));
    }
}

/// D92, R8: however a socket goes, it leaves each of its rooms, the own one among them, once.
#[tokio::test(start_paused = true)]
async fn a_socket_that_goes_leaves_each_room_once() {
    for way in ["1", "41", "server", "42 is nothing", "shut down"] {
        for watched in [false, true] {
            let io = Server::new();
            let log = Log::default();
            let namespace = io.of("/").on_room_event(note(&log));
            if watched {
                // Then the rooms are left behind this handler.
                let seen = log.clone();
                namespace.on_disconnecting(move |socket: Socket| {
                    seen.push(format!("disconnecting {}", socket.namespace().room_len("a")));
                    async {}
                });
            }
            let (client, socket) = Client::with_socket(&io).await;
            socket.join("a");
            socket.join("b");
            log.clear();
            match way {
                "server" => socket.disconnect(),
                "shut down" => io.close().await,
                packet => client.post(packet).await,
            }
            io.close().await;
            let mut entries = log.take();
            if watched {
                assert_eq!(entries.remove(0), "disconnecting 1", "{way}");
            }
            entries.sort();
            assert_eq!(
                entries,
                ["deleted a", "deleted b", "deleted own", "left a", "left b", "left own"],
                "{way}, {watched}"
            );
        }
    }
}

/// D92, D30: rooms that are joined on the way in are left with the refusal, and there never was an own one.
#[tokio::test(start_paused = true)]
async fn a_refused_client_leaves_the_rooms_it_joined_on_its_way() {
    let io = Server::new();
    let log = Log::default();
    io.of("/").on_room_event(note(&log)).middleware(async |socket: Socket| {
        socket.join("a");
        tokio::time::sleep(Duration::from_secs(1)).await;
        Err(HandlerError::new("no"))
    });
    let client = Client::open(&io).await;
    assert_eq!(client.exchange("40").await, ["44{\"message\":\"no\"}"]);
    client.settle().await;
    assert_eq!(log.take(), ["created a", "joined a", "left a", "deleted a"]);
}

/// D92, D25: children tell the listeners of their parent; another namespace does not.
#[tokio::test(start_paused = true)]
async fn children_tell_the_listeners_of_their_parent() {
    let io = Server::new();
    let log = Log::default();
    io.of_matching(|name| name.starts_with("/x-"))
        .on_room_event(note(&log))
        .on_connected(async |socket: Socket, namespace: Namespace| socket.join(namespace.name()));
    io.of("/other").on_connected(async |socket: Socket| socket.join("silent"));
    let client = Client::open(&io).await;
    client.join("/other").await;
    client.join("/x-1").await;
    client.send("41/x-1,").await;
    client.settle().await;
    let expected = ["created own", "joined own", "created /x-1", "joined /x-1"];
    let entries = log.take();
    assert_eq!(entries[..4], expected);
    assert_eq!(entries.len(), 8);
}

/// D92: several listeners are told of everything, in the order of their registration.
#[tokio::test(start_paused = true)]
async fn every_listener_is_told_in_the_order_of_their_registration() {
    let io = Server::new();
    let log = Log::default();
    let second = log.clone();
    io.of("/").on_room_event(note(&log)).on_room_event(move |event| second.push(format!("2: {}", in_words(event))));
    let (_client, socket) = Client::with_socket(&io).await;
    log.clear();
    socket.join("a");
    assert_eq!(log.take(), ["created a", "2: created a", "joined a", "2: joined a"]);
}

/// R24: a listener sees the room as it has become, and may join, leave, emit, disconnect and register.
#[tokio::test(start_paused = true)]
async fn a_room_listener_may_use_the_server() {
    let io = Server::new();
    let log = Log::default();
    let (server, entries) = (io.clone(), log.clone());
    io.of("/").on_room_event(move |event| {
        let root = server.of("/");
        match event {
            RoomEvent::Joined { room, socket } if **room == *"a" => {
                entries.push(format!("a has {}", root.room_len("a")));
                for member in root.to("a").sockets() {
                    member.join("b");
                }
                root.to(socket.as_str()).emit("welcome", &**room).unwrap();
            }
            RoomEvent::Joined { room, .. } if **room == *"b" => {
                entries.push(format!("b has {}", root.room_len("b")));
                root.to("b").sockets()[0].leave("a");
            }
            RoomEvent::Deleted { room } if **room == *"a" => {
                entries.push(format!("a has {}", root.room_len("a")));
                root.clone().on("registered in a listener", async || Ok("yes"));
                root.to("b").sockets()[0].disconnect();
            }
            RoomEvent::Deleted { room } if **room == *"b" => entries.push(format!("{}", root.socket_count())),
            _ => {}
        }
    });
    let (client, socket) = Client::with_socket(&io).await;
    socket.join("a");
    assert_eq!(log.take(), ["a has 1", "b has 1", "a has 0", "0"]);
    assert!(!socket.is_connected());
    // What the listener of the join changed was told behind it: it had emitted by then.
    assert_eq!(client.receive().await, ["42[\"welcome\",\"a\"]", "41"]);
    let (client, _socket) = Client::with_socket(&io).await;
    assert_eq!(client.exchange("420[\"registered in a listener\"]").await, ["430[\"yes\"]"]);
}

/// R25: a panic in a room listener is that listener's: the room is joined, the others are told, and it is counted.
#[tokio::test(start_paused = true)]
async fn a_room_listener_that_panics_hurts_nobody() {
    let io = Server::new();
    let log = Log::default();
    io.of("/")
        .on_room_event(|event| assert!(!matches!(event, RoomEvent::Joined { room, .. } if **room == *"a"), "boom"))
        .on_room_event(note(&log))
        .on("join", async |socket: Socket| {
            socket.join("a");
            Ok(socket.rooms().len())
        });
    let (client, socket) = Client::with_socket(&io).await;
    log.clear();
    assert_eq!(client.exchange("420[\"join\"]").await, ["430[1]"]);
    assert_eq!(log.take(), ["created a", "joined a"]);
    socket.leave("a");
    socket.join("a");
    assert_eq!((io.of("/").room_len("a"), io.counters().handler_panics), (1, 2));
    client.close().await;
    io.close().await;
    assert_eq!(io.of("/").room_names().len(), 0);
}

/// J3, S17: past the bound no room is joined, and that is counted; who is in already, or leaves first, may.
#[tokio::test(start_paused = true)]
async fn a_socket_joins_only_so_many_rooms() {
    let mut config = Config::default();
    config.limits.max_rooms = 2;
    let io = Server::with_config(config);
    let log = Log::default();
    io.of("/").on_room_event(note(&log));
    let (_one, socket) = Client::with_socket(&io).await;
    let (_two, other) = Client::with_socket(&io).await;
    socket.join("a");
    socket.join("b");
    log.clear();
    socket.join("c");
    socket.join("d");
    assert_eq!((socket.rooms().len(), io.of("/").room_len("c"), io.counters().rooms_refused), (2, 0, 2));
    assert_eq!(log.take(), [""; 0]);
    socket.join("a");
    assert_eq!(io.counters().rooms_refused, 2, "it is in that one");
    other.join("c");
    assert_eq!(io.of("/").room_len("c"), 1, "each socket for itself");
    socket.leave("b");
    socket.join("c");
    assert_eq!((io.of("/").room_len("c"), io.counters().rooms_refused), (2, 2));
}

/// J3: the bound holds on the way in, too, and by default at 10,000.
#[tokio::test(start_paused = true)]
async fn the_bound_on_rooms_holds_on_the_way_in() {
    let io = Server::new();
    io.of("/").middleware(async |socket: Socket| {
        (0..10_001).for_each(|room| socket.join(room.to_string()));
    });
    let (client, socket) = Client::with_socket(&io).await;
    assert_eq!((socket.rooms().len(), io.of("/").room_names().len()), (10_000, 10_000));
    assert_eq!(io.counters().rooms_refused, 1);
    client.close().await;
    io.close().await;
    assert_eq!(io.of("/").room_names().len(), 0);
}

/// D92, R8: whatever threads do to rooms at once, as many are left as were joined, and deleted as were made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_rooms_add_up_when_threads_join_and_leave_at_once() {
    let io = Server::new();
    let log = Log::default();
    io.of("/").on_room_event(note(&log));
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(Client::with_socket(&io).await);
    }
    let threads: Vec<_> = clients
        .iter()
        .map(|(_, socket)| {
            let socket = socket.clone();
            std::thread::spawn(move || {
                for round in 0..500 {
                    socket.join(["a", "b", "c"][round % 3]);
                    socket.leave(["b", "c", "a"][round % 3]);
                }
            })
        })
        .collect();
    clients[0].1.disconnect();
    for thread in threads {
        thread.join().unwrap();
    }
    io.close().await;
    let mut sums: HashMap<String, i32> = HashMap::new();
    for entry in log.entries() {
        let (what, room) = entry.split_once(' ').unwrap();
        let (kind, step) = match what {
            "created" => ("made", 1),
            "deleted" => ("made", -1),
            "joined" => ("members", 1),
            _ => ("members", -1),
        };
        *sums.entry(format!("{kind} {room}")).or_default() += step;
    }
    assert!(sums.len() == 8 && sums.values().all(|sum| *sum == 0), "{sums:?}");
}
