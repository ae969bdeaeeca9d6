//! Rows of the contract that are small and that no other test comes past: what a server can be told and does at its end,
//! what a socket knows of itself, what a broadcast costs. Without sockets and on a paused clock, but where the peer's address matters.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use client::{Client, Log};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde::{Serialize, Serializer};
use socketio::{
    AckError, Config, ConnectionStateRecovery, Server, Socket,
    cluster::{Backplane, BackplaneError, BoxFuture, Inbox, MemoryBackplane, MemoryHub, NodeId, Publication},
    testing::TestClient,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// D15, R10, R36: whoever is connected learns of the end from the connection, not from a DISCONNECT; and ending twice
/// is harmless.
#[tokio::test(start_paused = true)]
async fn closing_the_server_sends_no_disconnect_packet_and_may_be_done_twice() {
    let io = Server::new();
    let log = Log::default();
    io.of("/").on_disconnect(log.reasons());
    let client = Client::connected(&io).await;
    let (packets, ()) = tokio::join!(client.receive(), io.close());
    assert_eq!(packets, ["1"]);
    assert_eq!(log.entries(), ["server shutting down"]);
    io.close().await;
    assert_eq!((io.engine().session_count(), log.entries().len()), (0, 1));
}

/// D72: bytes that are no Engine.IO packet.
#[tokio::test(start_paused = true)]
async fn a_socket_whose_client_sends_no_packet_leaves_with_parse_error() {
    let io = Server::new();
    let log = Log::default();
    io.of("/").on_disconnect(log.reasons());
    let client = Client::connected(&io).await;
    client.send_refused("9").await;
    log.becomes(&["parse error"]).await;
}

/// D44, D71, R8: while the disconnect handler runs, the rooms can be read; afterwards there are none.
#[tokio::test(start_paused = true)]
async fn a_socket_that_has_left_is_in_no_room() {
    let io = Server::new();
    let client = Client::connected(&io).await;
    let socket = io.of("/").sockets().remove(0);
    socket.join("a");
    socket.join("b");
    socket.join("a");
    let mut rooms = socket.rooms();
    rooms.sort();
    rooms.retain(|room| **room != *socket.id().as_str());
    assert_eq!(rooms, ["a".into(), "b".into()] as [Arc<str>; 2]);
    client.close().await;
    io.close().await;
    assert!(socket.rooms().is_empty());
    socket.join("too late");
    assert!(socket.rooms().is_empty() && io.of("/").room_names().is_empty());
}

/// I10, D50: without a word about time, an acknowledgement is waited for 20 s.
#[tokio::test(start_paused = true)]
async fn an_acknowledgement_that_never_comes_is_given_up_after_the_default_time() {
    let io = Server::new();
    let _client = Client::connected(&io).await;
    let socket = io.of("/").sockets().remove(0);
    let started = tokio::time::Instant::now();
    let answer: Result<(), AckError> = socket.emit_with_ack("question", &()).await;
    assert_eq!(answer, Err(AckError::Timeout));
    assert_eq!(started.elapsed().as_secs(), 20);
}

/// D76: a selection is not used up, and what is made of it leaves it as it was.
#[tokio::test(start_paused = true)]
async fn a_selection_can_be_kept_and_used_again() {
    let io = Server::new();
    let clients = [Client::connected(&io).await, Client::connected(&io).await];
    for (socket, room) in io.of("/").sockets().iter().zip(["a", "b"]) {
        socket.join(room);
    }
    let everybody = io.of("/").to("a").to("b");
    let nobody = everybody.clone().except("a").except("b");
    for n in 0..2 {
        nobody.emit("n", "nobody").unwrap();
        everybody.emit("n", &n).unwrap();
        for client in &clients {
            assert_eq!(client.receive().await, [format!("42[\"n\",{n}]")]);
        }
    }
}

/// Counts how often it is written.
struct Counted<'a>(&'a AtomicUsize);

impl Serialize for Counted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        serializer.serialize_str("once")
    }
}

/// D80: however many hear it, it is encoded once; a reserved name is refused before.
#[tokio::test(start_paused = true)]
async fn a_broadcast_is_encoded_once_for_all() {
    let io = Server::new();
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(Client::connected(&io).await);
    }
    let count = AtomicUsize::new(0);
    io.of("/").emit("news", &Counted(&count)).unwrap();
    for client in &clients {
        assert_eq!(client.receive().await, ["42[\"news\",\"once\"]"]);
    }
    assert_eq!(count.load(Ordering::Relaxed), 1);
    assert!(io.of("/").emit("disconnect", &()).is_err());
}

/// Whether clients are told a private id with which they could come back.
async fn tells_a_private_id(config: Config) -> bool {
    let client = Client::open(&Server::with_config(config)).await;
    client.send("40").await;
    client.receive().await[0].contains("\"pid\":\"")
}

/// D7, D103: that clients may come back is an option, and off unless it is asked for.
#[tokio::test(start_paused = true)]
async fn clients_can_come_back_only_where_that_is_configured() {
    let mut config = Config::default();
    assert!(!tells_a_private_id(config.clone()).await);
    config.connection_state_recovery = Some(ConnectionStateRecovery::default());
    assert!(tells_a_private_id(config).await);
}

/// A backplane that counts, in front of another one.
#[derive(Debug)]
struct Counting(MemoryBackplane, Arc<AtomicUsize>);

impl Backplane for Counting {
    fn start(
        &self,
        node: NodeId,
        inbox: Inbox,
    ) -> BoxFuture<Result<BoxFuture<Result<(), BackplaneError>>, BackplaneError>> {
        self.0.start(node, inbox)
    }

    fn publish(&self, publication: Publication) -> BoxFuture<Result<(), BackplaneError>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.publish(publication)
    }

    fn close(&self) -> BoxFuture<()> {
        self.0.close()
    }
}

/// D6, D43: what joins the servers is the application's choice. Over it goes the data of sockets, among other things.
#[tokio::test(start_paused = true)]
async fn servers_are_joined_by_the_backplane_that_they_are_given() {
    let (hub, count) = (MemoryHub::new(), Arc::new(AtomicUsize::new(0)));
    let join = async || {
        let backplane = Arc::new(Counting(hub.backplane(), count.clone()));
        Server::in_cluster(Config::default(), backplane).await.unwrap()
    };
    let (here, there) = (join().await, join().await);
    let client = Client::connected(&there).await;
    there.of("/").sockets()[0].set_data(("Ada", 36));
    while here.server_count() < 2 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let sockets = here.of("/").fetch_sockets().await.unwrap();
    assert_eq!((sockets.len(), sockets[0].data().unwrap()), (1, Some(("Ada".to_owned(), 36))));
    let before = count.load(Ordering::Relaxed);
    here.emit("news", &1).unwrap();
    assert_eq!(client.receive().await, ["42[\"news\",1]"]);
    assert!(count.load(Ordering::Relaxed) > before);
    let alone = Server::new();
    assert_eq!((here.server_count(), there.server_count(), alone.server_count()), (2, 2, 1));
    let _closed = tokio::join!(here.close(), there.close());
}

/// D43, D109: what was kept with a socket is there again when its client comes back.
#[tokio::test(start_paused = true)]
async fn the_data_of_a_socket_comes_back_with_its_client() {
    let mut config = Config::default();
    config.connection_state_recovery = Some(ConnectionStateRecovery::default());
    let io = Server::with_config(config);
    let client = Client::open(&io).await;
    client.send("40").await;
    let connected = client.receive().await.remove(0);
    let pid = connected.split("\"pid\":\"").nth(1).unwrap().split('"').next().unwrap();
    let before = io.of("/").sockets().remove(0);
    before.set_data(String::from("Ada"));
    before.emit("x", &()).unwrap();
    let event = client.receive().await.remove(0);
    let offset = event.trim_start_matches("42[\"x\",\"").trim_end_matches("\"]");
    client.close().await;
    let client = Client::open(&io).await;
    client.send(&format!("40{{\"pid\":\"{pid}\",\"offset\":\"{offset}\"}}")).await;
    client.receive().await;
    let after = io.of("/").sockets().remove(0);
    assert!(after.is_recovered() && after != before && after.id() == before.id());
    assert_eq!(after.data::<String>().as_deref(), Some(&"Ada".to_owned()));
}

/// D16: what the main namespace does, the server does.
#[tokio::test(start_paused = true)]
async fn the_server_speaks_for_its_main_namespace() {
    let io = Server::new();
    let other = io.of("/other");
    let (ada, bob) = (TestClient::connect(&io).await, TestClient::connect(&io).await);
    let elsewhere = ada.join("/other").await;
    other.sockets_join(["b"]);
    for (client, room) in [(&ada, "a"), (&bob, "b")] {
        io.to(client.id()).sockets_join([room]);
    }
    io.emit("all", &()).unwrap();
    io.to("a").emit("a", &()).unwrap();
    io.except("a").emit("not a", &()).unwrap();
    io.broadcast().to("b").to("a").emit("both", &()).unwrap();
    for (client, heard) in [(&ada, ["all", "a", "both"]), (&bob, ["all", "not a", "both"])] {
        for name in heard {
            assert_eq!(client.next_event().await.name(), name);
        }
        client.expect_nothing().await;
    }
    elsewhere.expect_nothing().await;
    assert_eq!(io.sockets().len(), 2);
    io.sockets_join(["c"]);
    io.sockets_leave(["a"]);
    let rooms: Vec<Vec<String>> = io
        .fetch_sockets()
        .await
        .unwrap()
        .iter()
        .map(|socket| socket.rooms().iter().map(|room| (*room).to_owned()).collect())
        .collect();
    assert!(
        rooms.contains(&vec!["c".to_owned()]) && rooms.contains(&vec!["b".to_owned(), "c".to_owned()]),
        "{rooms:?}"
    );
    io.disconnect_sockets(false);
    assert!(io.sockets().is_empty() && !other.sockets().is_empty());
}

/// D54, A10: an event that says so is not compressed, whoever sends it; the next one is again.
#[tokio::test(start_paused = true)]
async fn an_event_that_must_not_be_compressed_is_not() {
    let io = Server::new();
    let ask = async |method: &str, query: &str, body: &'static str| {
        let uri = format!("/socket.io/?EIO=4&transport=polling{query}");
        let request = Request::builder().method(method).uri(uri).header("accept-encoding", "gzip");
        let answer: Response<engineio::server::Body<Full<bytes::Bytes>>> =
            io.engine().handle(request.body(Full::<bytes::Bytes>::from(body)).unwrap()).await;
        let packed = answer.headers().contains_key("content-encoding");
        (packed, answer.into_body().collect().await.unwrap().to_bytes())
    };
    let (_, open) = ask("GET", "", "").await;
    let query = format!("&sid={}", String::from_utf8(open.to_vec()).unwrap().split('"').nth(3).unwrap());
    ask("POST", &query, "40").await;
    ask("GET", &query, "").await;
    let socket = io.of("/").sockets().remove(0);
    let long = "x".repeat(2000);
    for (round, compressed) in [true, false, true, false, true, false].into_iter().enumerate() {
        let sent = match round {
            0 => socket.emit("x", &long),
            1 => socket.compress(false).emit("x", &long),
            2 => socket.compress(true).emit("x", &long),
            3 => io.broadcast().compress(false).emit("x", &long),
            4 => io.emit("x", &long),
            _ => socket.compress(false).emit("x", &long),
        };
        sent.unwrap();
        let (packed, body) = ask("GET", &query, "").await;
        assert_eq!((packed, body.len() < 200), (compressed, compressed), "{round}: {} bytes", body.len());
    }
}

/// D60: who leaves a room is not reached there any more, in another one it is still, and by its id always.
#[tokio::test(start_paused = true)]
async fn a_socket_that_leaves_a_room_is_still_reached_in_others_and_by_its_id() {
    let io = Server::new();
    let client = Client::connected(&io).await;
    let socket = io.of("/").sockets().remove(0);
    for room in ["a", "b"] {
        socket.join(room);
    }
    for room in ["a", "a", "never joined", socket.id().as_str()] {
        socket.leave(room);
    }
    assert_eq!(socket.rooms(), ["b".into()] as [Arc<str>; 1]);
    for room in ["a", "b", "never joined", socket.id().as_str()] {
        io.to(room).emit("x", if room == socket.id().as_str() { "own" } else { room }).unwrap();
    }
    assert_eq!(client.receive().await, ["42[\"x\",\"b\"]", "42[\"x\",\"own\"]"]);
    assert_eq!(io.of("/").room_len("a"), 0);
}

/// D46: the address of the direct peer, whatever the headers of a proxy say, which are there to be read.
#[tokio::test]
async fn a_socket_knows_the_address_of_its_peer_and_the_headers_of_its_request() {
    let io = Server::new();
    io.of("/").on_connect(async |socket: Socket| {
        let request = &socket.handshake().request;
        let forwarded = request.headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
        socket.emit("you", &(request.peer.map(|peer| peer.to_string()), forwarded, request.uri.query()))?;
        Ok(())
    });
    let listener = io.bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(listener.serve(io.service()));
    let exchange = async {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let peer = stream.local_addr().unwrap();
        let query = "EIO=4&transport=polling&token=%C3%A9";
        let open = ask(&mut stream, &format!("GET /socket.io/?{query}"), "").await;
        let sid = open.split("\"sid\":\"").nth(1).unwrap().split('"').next().unwrap();
        let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
        assert!(ask(&mut stream, &format!("POST {target}"), "40").await.ends_with("ok"));
        let polled = ask(&mut stream, &format!("GET {target}"), "").await;
        let expected = format!("42[\"you\",\"{peer}\",\"203.0.113.9\",\"{query}\"]");
        assert!(polled.ends_with(&expected), "{polled}");
    };
    tokio::time::timeout(Duration::from_secs(10), exchange).await.expect("answers in time");
    io.close().await;
    serving.await.unwrap();
}

/// One request and its answer, on a connection that is kept.
async fn ask(stream: &mut tokio::net::TcpStream, request: &str, body: &str) -> String {
    let length = body.len();
    let request = format!(
        "{request} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.9\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    loop {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "closed");
        let text = String::from_utf8_lossy(&answer).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.to_ascii_lowercase().split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse();
        if body.len() >= length.unwrap_or(usize::MAX) {
            return text;
        }
    }
}
