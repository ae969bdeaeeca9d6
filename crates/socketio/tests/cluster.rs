//! Several servers as one: who is reached, who is there, what is done to sockets of other servers, and what becomes of
//! a server that is cut off, closed or dropped. Contract rows D53, D57, D77, D78, D84 to D88, F2, F4, F17, F19,
//! F21; hazards R24, R34, S1, and the calls of a cluster that do not lie. Backplanes themselves are in `backplanes.rs`.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;
mod servers;

use std::{collections::BTreeSet, time::Duration};

use client::{Client, Log};
use serde::{Deserialize, Serialize};
use servers::{Servers, settle};
use socketio::{
    AckError, Broadcast, Config, Data, DisconnectReason, Namespace, RemoteSocket, Server, Socket, cluster::Absence,
    testing::TestClient,
};
use tokio::time::Instant;

/// The socket of a client.
fn socket_of(io: &Server, client: &TestClient) -> Socket {
    io.of(client.namespace()).sockets().into_iter().find(|socket| socket.id().as_str() == client.id()).unwrap()
}

/// F2, R34: each of three servers emits; each client of each gets everything once, and of each server in its order.
#[tokio::test(start_paused = true)]
async fn an_event_reaches_the_clients_of_all_servers_once_and_in_order() {
    const EVENTS: usize = 100;
    let servers = Servers::new(3).await;
    let mut clients = servers.clients().await;
    clients.extend(servers.clients().await);
    for number in 0..EVENTS {
        for (server, io) in servers.io.iter().enumerate() {
            io.of("/").emit("news", &(server, number)).unwrap();
        }
    }
    for client in &clients {
        let mut next = [0; 3];
        for _ in 0..3 * EVENTS {
            let (server, number): (usize, usize) = client.receive("news").await;
            assert_eq!(number, next[server], "of server {server}");
            next[server] += 1;
        }
        assert_eq!(next, [EVENTS; 3]);
        client.expect_nothing().await;
    }
    servers.close().await;
}

/// I15: with a cluster and recovery, all kinds of events go to a client in the order of the calls: there is one queue.
#[tokio::test(start_paused = true)]
async fn all_kinds_of_events_keep_one_order_in_a_cluster_with_recovery() {
    let mut config = Config::default();
    config.connection_state_recovery = Some(socketio::ConnectionStateRecovery::default());
    let servers = Servers::with(2, &config).await;
    let client = TestClient::connect(&servers.io[0]).await;
    let (io, socket) = (&servers.io[0], socket_of(&servers.io[0], &client));
    socket.join("room");
    let raw = socketio::Body::event("raw", &()).unwrap();
    let mut expected = Vec::new();
    for _ in 0..20 {
        socket.emit("plain", &()).unwrap();
        drop(socket.emit_with_ack::<()>("asked", &()));
        io.to("room").emit("room", &()).unwrap();
        socket.emit_raw(&raw).unwrap();
        io.of("/").broadcast().local().emit("local", &()).unwrap();
        drop(io.to("room").emit_with_ack::<()>("all asked", &()).unwrap());
        socket.compress(false).emit("as it is", &()).unwrap();
        expected.extend(["plain", "asked", "room", "raw", "local", "all asked", "as it is"]);
    }
    for name in expected {
        assert_eq!(client.next_event().await.name(), name);
    }
    servers.close().await;
}

/// D57, D77, D78, D84: a selection means the same sockets wherever they are.
#[tokio::test(start_paused = true)]
async fn a_selection_means_the_same_sockets_on_every_server() {
    let servers = Servers::new(3).await;
    let clients = servers.clients().await;
    for (index, rooms) in [["a", "b"].as_slice(), &["b"], &["c"]].into_iter().enumerate() {
        let socket = socket_of(&servers.io[index], &clients[index]);
        rooms.iter().for_each(|room| socket.join(room));
    }
    let chat = servers.io[0].of("/");
    let sender = socket_of(&servers.io[0], &clients[0]);
    let table: [(&str, Broadcast, [bool; 3]); 13] = [
        ("all", chat.broadcast(), [true, true, true]),
        ("one room", chat.to("b"), [true, true, false]),
        ("a union", chat.to("a").to("b").to("c"), [true, true, true]),
        ("except", chat.except("a"), [false, true, true]),
        ("except two", chat.except("a").except("c"), [false, true, false]),
        ("room except room", chat.to("b").except("a"), [false, true, false]),
        ("own room", chat.to(clients[2].id()), [false, false, true]),
        ("from a socket", sender.to("b"), [false, true, false]),
        ("from a socket, without a room", sender.except("c"), [false, true, false]),
        ("broadcast", sender.broadcast(), [false, true, true]),
        ("local", chat.broadcast().local(), [true, false, false]),
        ("local from a socket", sender.broadcast().local(), [false, false, false]),
        ("an empty room", chat.to("nobody"), [false, false, false]),
    ];
    for (what, selection, reached) in table {
        selection.emit("x", what).unwrap();
        chat.emit("end", &()).unwrap();
        for (client, reached) in clients.iter().zip(reached) {
            if reached {
                assert_eq!(client.receive::<String>("x").await, what);
            }
            assert_eq!(client.next_event().await.name(), "end", "{what}");
        }
    }
    servers.close().await;
}

/// D53: the other server looks whether its client can take the event at once.
#[tokio::test(start_paused = true)]
async fn a_volatile_event_is_dropped_by_the_server_whose_client_is_not_ready() {
    let servers = Servers::new(2).await;
    let (ready, busy) = (TestClient::connect(&servers.io[1]).await, Client::connected(&servers.io[1]).await);
    settle().await;
    servers.io[0].of("/").broadcast().volatile().emit("position", &1).unwrap();
    assert_eq!(ready.receive::<u32>("position").await, 1);
    assert_eq!(servers.io[1].counters().volatile_dropped, 1);
    servers.io[0].of("/").emit("kept", &2).unwrap();
    assert_eq!(busy.receive().await, ["42[\"kept\",2]"]);
    assert_eq!(servers.io[0].counters().volatile_dropped, 0);
}

/// A65 over servers, F10: attachments inside ordinary values, there and back.
#[tokio::test(start_paused = true)]
async fn bytes_travel_to_the_clients_of_other_servers() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Picture {
        name: String,
        bytes: bytes::Bytes,
    }

    let servers = Servers::new(2).await;
    let client = TestClient::connect(&servers.io[1]).await;
    let picture = || Picture { name: "ä".into(), bytes: vec![0, 255, 128, 10].into() };
    let answers = servers.io[0].of("/").to(client.id()).emit_with_ack::<Picture>("picture", &(picture(), 7)).unwrap();
    let event = client.receive_event("picture").await;
    assert_eq!(event.args::<(Picture, u8)>(), (picture(), 7));
    event.ack(&picture());
    assert_eq!(answers.await.unwrap(), [picture()]);
}

/// Namespaces of other servers are their own affair: what is not there gets nothing, and is no fault.
#[tokio::test(start_paused = true)]
async fn a_namespace_that_another_server_does_not_have_is_no_fault() {
    let servers = Servers::new(2).await;
    let only_here = servers.io[0].of("/only-here");
    let client = TestClient::connect(&servers.io[0]).namespace("/only-here").await;
    only_here.emit("news", &1).unwrap();
    assert_eq!(client.receive::<u32>("news").await, 1);
    only_here.sockets_join(["room"]);
    only_here.server_side_emit("event", &()).unwrap();
    let started = Instant::now();
    assert_eq!(only_here.fetch_sockets().await.unwrap().len(), 1);
    let answers = only_here.emit_with_ack_to_all("q");
    client.receive_event("q").await.ack(&5);
    assert_eq!(answers.await.unwrap(), [5]);
    assert!(started.elapsed() < Duration::from_millis(10));
    settle().await;
    assert_eq!(servers.io[1].counters().cluster_messages_refused, 0);
    assert_eq!(servers.io[1].namespaces().len(), 1, "and nobody made it");
}

trait Ask {
    fn emit_with_ack_to_all(&self, event: &str) -> socketio::PendingAnswers<u32>;
}

impl Ask for Namespace {
    fn emit_with_ack_to_all(&self, event: &str) -> socketio::PendingAnswers<u32> {
        self.broadcast().timeout(Duration::from_secs(3)).emit_with_ack(event, &()).unwrap()
    }
}

/// D87, F11, F12: the whole selection, on all servers; `local` keeps it here.
#[tokio::test(start_paused = true)]
async fn sockets_of_all_servers_join_leave_and_are_disconnected() {
    let servers = Servers::new(3).await;
    let clients = servers.clients().await;
    let lens = |room: &str| -> Vec<usize> { servers.io.iter().map(|io| io.of("/").room_len(room)).collect() };
    let chat = servers.io[0].of("/");
    chat.sockets_join(["a", "b"]);
    settle().await;
    assert_eq!((lens("a"), lens("b")), (vec![1, 1, 1], vec![1, 1, 1]));
    chat.to(clients[1].id()).sockets_leave(["a"]);
    chat.broadcast().local().sockets_join(["c"]);
    settle().await;
    assert_eq!((lens("a"), lens("c")), (vec![1, 0, 1], vec![1, 0, 0]));
    chat.except("a").sockets_join(["d"]);
    chat.sockets_leave(["b"]);
    settle().await;
    assert_eq!((lens("b"), lens("d")), (vec![0, 0, 0], vec![0, 1, 0]));

    // Only the namespace goes, or the whole connection.
    servers.io.iter().for_each(|io| drop(io.of("/second")));
    let (second, third) = (clients[1].join("/second").await, clients[2].join("/second").await);
    chat.to(clients[1].id()).disconnect_sockets(false);
    assert_eq!(clients[1].disconnected().await, DisconnectReason::IoServerDisconnect);
    settle().await;
    assert!(second.is_connected());
    chat.to(clients[2].id()).disconnect_sockets(true);
    third.disconnected().await;
    assert_eq!((servers.io[2].engine().session_count(), servers.io[1].engine().session_count()), (0, 1));
    chat.disconnect_sockets(false);
    assert_eq!(clients[0].disconnected().await, DisconnectReason::IoServerDisconnect);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
    level: u32,
}

fn ids(sockets: &[RemoteSocket]) -> BTreeSet<String> {
    sockets.iter().map(|socket| socket.id().to_owned()).collect()
}

/// D85, D88, F13: all that a server keeps of a socket can be seen from every server, and the private id of a client
/// that comes back cannot (S1).
#[tokio::test(start_paused = true)]
async fn sockets_of_all_servers_can_be_looked_at() {
    let servers = Servers::new(2).await;
    for io in &servers.io {
        io.of("/").on_connect(async |socket: Socket| {
            socket.join("lobby");
            socket.set_data(User { name: "Ada".into(), level: 3 });
        });
    }
    let auth = serde_json::json!({ "token": "t", "pid": "a private id", "offset": "5" });
    let far = TestClient::connect(&servers.io[1])
        .auth(&auth)
        .header("origin", "http://example.com")
        .query("color", "a b")
        .peer_addr("192.0.2.7:1234".parse().unwrap())
        .await;
    let near = TestClient::connect(&servers.io[0]).await;
    let all = servers.io[0].of("/").fetch_sockets().await.unwrap();
    assert_eq!(ids(&all), [far.id(), near.id()].map(str::to_owned).into());
    let remote = all.iter().find(|socket| socket.id() == far.id()).unwrap();
    assert_eq!(remote.rooms(), ["lobby"]);
    assert_eq!(remote.data::<User>().unwrap(), Some(User { name: "Ada".into(), level: 3 }));
    assert!(remote.data::<Vec<u8>>().is_err());
    let handshake = remote.handshake().unwrap();
    assert_eq!(handshake, socket_of(&servers.io[1], &far).handshake().details());
    assert_eq!(handshake.auth, serde_json::json!({ "token": "t", "offset": "5" }));
    assert_eq!((handshake.address.as_str(), handshake.xdomain, handshake.secure), ("192.0.2.7", true, false));
    assert_eq!(handshake.query["color"], "a b");
    assert_eq!(handshake.headers["origin"], "http://example.com");
    assert!(handshake.url.starts_with("/socket.io/?") && handshake.issued > 1_600_000_000_000);

    // A selection, and this server alone.
    let chat = servers.io[0].of("/");
    assert_eq!(ids(&chat.except(far.id()).fetch_sockets().await.unwrap()), [near.id().to_owned()].into());
    assert_eq!(ids(&chat.broadcast().local().fetch_sockets().await.unwrap()), [near.id().to_owned()].into());
    assert_eq!(ids(&chat.to("nobody").fetch_sockets().await.unwrap()), BTreeSet::new());
}

/// D85: what nobody kept is nothing, from this server and from another one.
#[tokio::test(start_paused = true)]
async fn a_socket_without_data_and_auth_is_seen_as_that() {
    let servers = Servers::new(2).await;
    let _clients = servers.clients().await;
    for socket in servers.io[0].of("/").fetch_sockets().await.unwrap() {
        assert_eq!(socket.data::<User>().unwrap(), None);
        assert_eq!(socket.handshake().unwrap().auth, serde_json::json!({}));
        assert_eq!(socket.rooms(), Vec::<&str>::new());
    }
}

/// D85, D86: a socket of another server is told, asked, moved and thrown out.
#[tokio::test(start_paused = true)]
async fn a_socket_of_another_server_is_used_like_one_of_this() {
    let servers = Servers::new(3).await;
    let clients = servers.clients().await;
    let all = servers.io[0].of("/").fetch_sockets().await.unwrap();
    let remote = all.iter().find(|socket| socket.id() == clients[2].id()).unwrap();
    remote.emit("told", &(1, "two")).unwrap();
    assert_eq!(clients[2].receive::<(u8, String)>("told").await, (1, "two".into()));
    clients[0].expect_nothing().await;
    clients[1].expect_nothing().await;

    let started = Instant::now();
    let (answer, ()) = tokio::join!(remote.emit_with_ack::<u32>(Duration::from_secs(9), "asked", &1), async {
        clients[2].receive_event("asked").await.ack(&(42, "more"));
    });
    assert_eq!(answer, Ok(42));
    assert!(started.elapsed() < Duration::from_millis(10));

    remote.join(["a", "b"]);
    remote.leave(["a"]);
    settle().await;
    let socket = socket_of(&servers.io[2], &clients[2]);
    assert_eq!(socket.rooms().iter().map(|room| &**room).collect::<Vec<_>>(), ["b"]);
    assert_eq!(servers.io[0].of("/").room_len("b"), 0);

    remote.disconnect(false);
    assert_eq!(clients[2].disconnected().await, DisconnectReason::IoServerDisconnect);
    settle().await;
    let started = Instant::now();
    let gone = remote.emit_with_ack::<u32>(Duration::from_secs(9), "asked", &1).await;
    assert_eq!(gone, Err(AckError::Disconnected));
    assert!(started.elapsed() < Duration::from_millis(10), "nobody is waited for");
}

/// D86: the one answer is there; a third server that is cut off is not waited for.
#[tokio::test(start_paused = true)]
async fn the_answer_of_a_socket_is_not_lost_over_a_server_that_is_silent() {
    let servers = Servers::new(3).await;
    let clients = servers.clients().await;
    let all = servers.io[0].of("/").fetch_sockets().await.unwrap();
    let remote = all.iter().find(|socket| socket.id() == clients[1].id()).unwrap();
    servers.hub.disconnect(&servers.ids[2]);
    let started = Instant::now();
    let (answer, ()) = tokio::join!(remote.emit_with_ack::<u32>(Duration::from_secs(4), "asked", &1), async {
        clients[1].receive_event("asked").await.ack(&42);
    });
    assert_eq!(answer, Ok(42));
    assert!(started.elapsed() < Duration::from_millis(10), "after {:?}", started.elapsed());
}

/// D86: no answer in time.
#[tokio::test(start_paused = true)]
async fn a_socket_of_another_server_that_does_not_answer_times_out() {
    let servers = Servers::new(2).await;
    let clients = servers.clients().await;
    let all = servers.io[0].of("/").fetch_sockets().await.unwrap();
    let started = Instant::now();
    for remote in &all {
        let answer = remote.emit_with_ack::<u32>(Duration::from_secs(3), "asked", &1).await;
        assert_eq!(answer, Err(AckError::Timeout), "{remote:?}");
    }
    assert_eq!(started.elapsed().as_secs(), 6);
    let remote = all.iter().find(|socket| socket.id() == clients[1].id()).unwrap();
    let (answer, ()) = tokio::join!(remote.emit_with_ack::<u32>(Duration::from_secs(3), "other", &1), async {
        clients[1].receive_event("other").await.ack("no number");
    });
    assert!(matches!(answer, Err(AckError::Answer(_))), "{answer:?}");
}

/// F4, F21: one that is closed says so, and is not missed.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_closed_is_noticed_at_once() {
    let servers = Servers::new(3).await;
    let _clients = servers.clients().await;
    let started = Instant::now();
    servers.io[2].close().await;
    settle().await;
    assert_eq!(servers.io[0].server_count(), 2);
    assert_eq!(servers.io[0].of("/").fetch_sockets().await.unwrap().len(), 2);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    // The closed one stands alone, and knows it.
    assert_eq!(servers.io[2].server_count(), 1);
    assert_eq!(servers.io[2].of("/").fetch_sockets().await.unwrap().len(), 0);
    servers.io[2].close().await;
}

/// F4: alone, in a cluster or without one.
#[tokio::test(start_paused = true)]
async fn a_server_alone_is_one_and_is_asked_nothing() {
    let alone = Servers::new(1).await;
    for io in [Server::new(), alone.io[0].clone()] {
        assert_eq!(io.server_count(), 1);
        let client = TestClient::connect(&io).await;
        let started = Instant::now();
        assert_eq!(io.of("/").fetch_sockets().await.unwrap().len(), 1);
        let answers = io.of("/").emit_with_ack_to_all("q");
        client.receive_event("q").await.ack(&1);
        assert_eq!(answers.await.unwrap(), [1]);
        assert!(started.elapsed() < Duration::from_millis(10));
        assert_eq!(io.counters().cluster_failures, 0);
    }
}

/// F17, F19, R34, and that calls do not lie: who is cut off is named, late at first, then lost; the sockets of both sides are
/// served all the while; and it is found again.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_cut_off_is_missing_then_lost_then_back() {
    let servers = Servers::new(3).await;
    let clients = servers.clients().await;
    let (here, there) = (servers.io[0].of("/"), servers.io[2].of("/"));
    settle().await;
    servers.hub.disconnect(&servers.ids[2]);

    let started = Instant::now();
    let error = here.fetch_sockets().await.unwrap_err();
    assert_eq!((started.elapsed().as_secs(), error.timed_out), (5, true));
    assert_eq!(error.missing_servers, [(servers.ids[2].clone(), Absence::Late)]);
    assert_eq!(ids(&error.answers), [clients[0].id(), clients[1].id()].map(str::to_owned).into());

    // Each side serves its own, and the one that is cut off says that the others did not get it.
    let failures = servers.io[2].counters().cluster_failures;
    there.emit("news", "of the one").unwrap();
    here.emit("news", "of the others").unwrap();
    assert_eq!(clients[2].receive::<String>("news").await, "of the one");
    for client in &clients[..2] {
        assert_eq!(client.receive::<String>("news").await, "of the others");
    }
    assert_eq!(servers.io[2].counters().cluster_failures, failures + 1);

    // Ten seconds of silence are death, for both sides.
    let error = here.broadcast().timeout(Duration::from_secs(60)).fetch_sockets().await.unwrap_err();
    assert_eq!(error.missing_servers, [(servers.ids[2].clone(), Absence::Lost)]);
    assert!(!error.timed_out);
    assert!((9.9..10.1).contains(&started.elapsed().as_secs_f64()), "{:?}", started.elapsed());
    assert_eq!(servers.io[0].server_count(), 2);
    assert_eq!(here.fetch_sockets().await.unwrap().len(), 2, "and is not waited for any more");

    servers.hub.reconnect(&servers.ids[2]);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(servers.io.iter().all(|io| io.server_count() == 3));
    assert_eq!(here.fetch_sockets().await.unwrap().len(), 3);
    for client in &clients {
        client.expect_nothing().await;
    }
}

/// Nothing of a server that is dropped stays behind, and the others find it lost.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_dropped_leaves_no_task_behind() {
    let mut servers = Servers::new(1).await;
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    for _ in 0..20 {
        servers.add(Config::default()).await;
        let gone = servers.io.pop().unwrap();
        gone.of("/").emit("news", &()).unwrap();
        let question = gone.of("/").server_side_emit_with_ack::<()>("q", &()).unwrap();
        let answers = gone.of("/").emit_with_ack_to_all("q");
        drop((gone, question, answers));
    }
    settle().await;
    assert_eq!(alive(), before);
    assert_eq!(servers.io[0].server_count(), 21);
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(servers.io[0].server_count(), 1);
}

/// R36: a closed server's tasks are over when `close` is.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_closed_leaves_no_task_behind() {
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let servers = Servers::new(3).await;
    let clients = servers.clients().await;
    let _unanswered: Vec<_> = servers.io.iter().map(|io| io.of("/").emit_with_ack_to_all("q")).collect();
    settle().await;
    servers.close().await;
    drop(clients);
    settle().await;
    assert_eq!(alive(), before);
}

/// R24: everything that reaches other servers may be done inside handlers of any kind.
#[tokio::test(start_paused = true)]
async fn handlers_may_use_the_cluster_while_the_cluster_calls_them() {
    let servers = Servers::new(2).await;
    let log = Log::default();
    for (index, io) in servers.io.iter().enumerate() {
        let (left, noted) = (log.clone(), log.clone());
        io.of("/")
            .on_connected(async |socket: Socket| {
                let namespace = socket.namespace().clone();
                namespace.sockets_join(["all"]);
                Ok(namespace.fetch_sockets().await.map(drop)?)
            })
            .on("talk", async |socket: Socket, Data(text): Data<String>| {
                let namespace = socket.namespace().clone();
                socket.broadcast().emit("said", &text)?;
                let answers = namespace.server_side_emit_with_ack::<usize>("talk", &text)?.await?;
                namespace.to("all").emit("end", &())?;
                Ok(answers)
            })
            .on_server_event("talk", async |namespace: Namespace, Data(text): Data<String>| {
                namespace.emit("relayed", &text)?;
                namespace.server_side_emit("echo", &text)?;
                let there = namespace.fetch_sockets().await?;
                Ok(there.len())
            })
            .on_server_event("echo", move |Data(text): Data<String>| {
                noted.push(format!("{text} at {index}"));
                std::future::ready(())
            })
            .on_disconnect(move |socket: Socket, _: DisconnectReason| {
                let (left, namespace) = (left.clone(), socket.namespace().clone());
                async move {
                    namespace.emit("left", &())?;
                    left.push(format!("left, with {:?} there", namespace.fetch_sockets().await.map(|all| all.len())));
                    Ok(())
                }
            });
    }
    let clients = servers.clients().await;
    settle().await;
    let answers: Vec<usize> = clients[0].emit_with_ack("talk", "hi").await;
    assert_eq!(answers, [2]);
    assert_eq!(clients[1].receive::<String>("said").await, "hi");
    for client in &clients {
        assert_eq!(client.receive::<String>("relayed").await, "hi");
        client.receive::<()>("end").await;
    }
    log.becomes(&["hi at 0"]).await;
    log.clear();
    servers.io[0].of("/").to(clients[1].id()).disconnect_sockets(true);
    clients[0].receive::<()>("left").await;
    log.becomes(&["left, with Ok(1) there"]).await;
}
