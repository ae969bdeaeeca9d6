//! Selections of sockets on one server, and what can be done with them. Contract rows D55 to D58, D76, D79, D84 to D88;
//! what reaches other servers is in `cluster.rs`, answers in `broadcast_answers.rs`.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::time::Duration;

use socketio::{AckError, DisconnectReason, Server, Socket, testing::TestClient};
use tokio::time::Instant;

async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Three clients in the rooms a, a and b, and b.
async fn three(io: &Server) -> (Vec<TestClient>, Vec<Socket>) {
    let (mut clients, mut sockets) = (Vec::new(), Vec::new());
    for rooms in [["a"].as_slice(), &["a", "b"], &["b"]] {
        let client = TestClient::connect(io).await;
        let socket = io.of("/").to(client.id()).sockets().remove(0);
        rooms.iter().for_each(|room| socket.join(room));
        clients.push(client);
        sockets.push(socket);
    }
    (clients, sockets)
}

fn names(rooms: &[std::sync::Arc<str>]) -> Vec<&str> {
    let mut names: Vec<_> = rooms.iter().map(|room| &**room).collect();
    names.sort_unstable();
    names
}

/// D55 to D57: a socket leaves itself out, with whatever else is said, also of the answers.
#[tokio::test(start_paused = true)]
async fn a_socket_that_broadcasts_leaves_itself_out_whatever_else_is_said() {
    let io = Server::new();
    let (clients, sockets) = three(&io).await;
    let sender = &sockets[1];
    let table = [
        ("broadcast", sender.broadcast(), [true, true]),
        ("room", sender.to("a"), [true, false]),
        ("union", sender.to("a").to("b"), [true, true]),
        ("own room", sender.to(sender.id().as_str()), [false, false]),
        ("except", sender.except("b"), [true, false]),
        ("local", sender.broadcast().local(), [true, true]),
        ("compressed or not", sender.to("a").compress(false).compress(true), [true, false]),
        ("volatile", sender.to("b").volatile(), [false, true]),
    ];
    for (what, selection, reached) in table {
        settle().await;
        let answers = selection.timeout(Duration::from_secs(2)).emit_with_ack::<u32>("q", what).unwrap();
        let mut expected = Vec::new();
        for (number, client) in [(0, &clients[0]), (1, &clients[2])] {
            if reached[number] {
                let question = client.receive_event("q").await;
                assert_eq!(question.args::<String>(), what);
                question.ack(&number);
                expected.push(number as u32);
                settle().await;
            }
        }
        assert_eq!(answers.await.unwrap(), expected, "{what}");
    }
    for client in &clients {
        client.expect_nothing().await;
    }
}

/// D57: the time that was given is the time that is waited.
#[tokio::test(start_paused = true)]
async fn a_broadcast_of_a_socket_waits_as_long_as_it_says() {
    let io = Server::new();
    let (_clients, sockets) = three(&io).await;
    for seconds in [1, 30] {
        let started = Instant::now();
        let selection = sockets[0].to("b").timeout(Duration::from_secs(seconds));
        let error = selection.emit_with_ack::<u32>("q", &()).unwrap().await.unwrap_err();
        assert_eq!((error.missing_clients, error.timed_out), (2, true));
        assert_eq!(started.elapsed().as_secs(), seconds);
    }
    // A time beyond the end of the clock is none that has to be looked at.
    let forever = io.of("/").to("nobody").timeout(Duration::MAX);
    assert!(forever.emit_with_ack::<u32>("q", &()).unwrap().await.unwrap().is_empty());
}

/// D58, D76: what was said holds for one event; a selection that was kept is not changed by what is made of it.
#[tokio::test(start_paused = true)]
async fn what_was_said_about_one_event_does_not_hold_for_the_next() {
    let io = Server::new();
    let (clients, sockets) = three(&io).await;
    let kept = io.of("/").to("a");
    let narrower = kept.clone().except("b").volatile().local();
    narrower.emit("first", &()).unwrap();
    kept.emit("second", &()).unwrap();
    sockets[0].to("b").emit("third", &()).unwrap();
    sockets[0].emit("fourth", &()).unwrap();
    let expected: [&[&str]; 3] = [&["first", "second", "fourth"], &["second", "third"], &["third"]];
    for (client, expected) in clients.iter().zip(expected) {
        for name in expected {
            assert_eq!(client.next_event().await.name(), *name);
        }
        client.expect_nothing().await;
    }
}

/// D84, D85, D87: without a cluster the same calls work for this server alone.
#[tokio::test(start_paused = true)]
async fn a_selection_of_one_server_joins_leaves_and_is_disconnected() {
    let io = Server::new();
    let (clients, sockets) = three(&io).await;
    let chat = io.of("/");
    chat.to("a").sockets_join(["c", "d"]);
    chat.to("b").sockets_leave(vec!["d".to_owned()]);
    let rooms: Vec<_> = sockets.iter().map(Socket::rooms).collect();
    let rooms: Vec<_> = rooms.iter().map(|rooms| names(rooms)).collect();
    assert_eq!(rooms, [vec!["a", "c", "d"], vec!["a", "b", "c"], vec!["b"]]);
    chat.to("c").except("b").disconnect_sockets(false);
    assert_eq!(clients[0].disconnected().await, DisconnectReason::IoServerDisconnect);
    let second = {
        io.of("/second");
        clients[1].join("/second").await
    };
    chat.to("c").disconnect_sockets(true);
    second.disconnected().await;
    assert!(clients[2].is_connected());
    assert_eq!(chat.sockets().len(), 1);
}

/// D85, D86, D88: the sockets of one server, as they are seen by others too.
#[tokio::test(start_paused = true)]
async fn the_sockets_of_one_server_are_fetched_told_and_asked() {
    let io = Server::new();
    let (clients, sockets) = three(&io).await;
    sockets[2].set_data(vec![1, 2, 3]);
    let fetched = io.of("/").to("b").except("a").fetch_sockets().await.unwrap();
    let [remote] = &fetched[..] else { panic!("{fetched:?}") };
    assert_eq!((remote.id(), remote.rooms()), (clients[2].id(), vec!["b"]));
    assert_eq!(remote.data::<Vec<u32>>().unwrap(), Some(vec![1, 2, 3]));
    assert_eq!(remote.handshake().unwrap(), sockets[2].handshake().details());
    remote.emit("told", &1).unwrap();
    assert_eq!(clients[2].receive::<u32>("told").await, 1);
    let (answer, ()) = tokio::join!(remote.emit_with_ack::<String>(Duration::from_secs(1), "q", &()), async {
        clients[2].receive_event("q").await.ack("yes");
    });
    assert_eq!(answer, Ok("yes".into()));
    let late = remote.emit_with_ack::<String>(Duration::from_secs(1), "q", &()).await;
    assert_eq!(late, Err(AckError::Timeout));
    remote.join(["x"]);
    remote.leave(["b"]);
    assert_eq!(names(&sockets[2].rooms()), ["x"]);
    assert_eq!(remote.rooms(), ["b"], "as it was when it was asked for");
    remote.disconnect(true);
    clients[2].disconnected().await;
    let gone = remote.emit_with_ack::<String>(Duration::from_secs(1), "q", &()).await;
    assert_eq!(gone, Err(AckError::Disconnected));
}

/// D25 with D87, D81: what is done to a parent is done to all its children.
#[tokio::test(start_paused = true)]
async fn a_parent_stands_for_the_sockets_of_its_children() {
    let io = Server::new();
    let parent = io.of_matching(|name| name.starts_with("/room-"));
    let one = TestClient::connect(&io).namespace("/room-1").await;
    let two = TestClient::connect(&io).namespace("/room-2").await;
    parent.sockets_join(["all"]);
    assert_eq!(parent.room_len("all"), 2);
    let answers = parent.to("all").timeout(Duration::from_secs(1)).emit_with_ack::<u32>("q", &()).unwrap();
    for (number, client) in [(1, &one), (2, &two)] {
        client.receive_event("q").await.ack(&number);
        settle().await;
    }
    assert_eq!(answers.await.unwrap(), [1, 2]);
    parent.except("nobody").emit("x", &()).unwrap();
    one.receive::<()>("x").await;
    two.receive::<()>("x").await;
    assert!(parent.fetch_sockets().await.unwrap().is_empty());
    parent.disconnect_sockets(false);
    one.disconnected().await;
    two.disconnected().await;
}

/// D85: `sockets` gives those that are in: not one on its way in, and one on its way out while it is seen off.
#[tokio::test(start_paused = true)]
async fn a_selection_gives_the_sockets_that_are_in() {
    let io = Server::new();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let (joining, leaving) = (seen.clone(), seen.clone());
    io.of("/")
        .on_connect(move |socket: Socket| {
            socket.join("lobby");
            joining.lock().unwrap().push(socket.namespace().to("lobby").sockets().len());
            std::future::ready(())
        })
        .on_disconnecting(move |socket: Socket, _: DisconnectReason| {
            leaving.lock().unwrap().push(socket.namespace().to("lobby").sockets().len());
            std::future::ready(())
        });
    let one = TestClient::connect(&io).await;
    let _two = TestClient::connect(&io).await;
    one.disconnect();
    settle().await;
    assert_eq!(*seen.lock().unwrap(), [0, 1, 2]);
    assert_eq!(io.of("/").to("lobby").sockets().len(), 1);
}
