//! Rows of the contract that are small and that no other test comes past: what a server does at its end, what a socket
//! knows of itself, what a broadcast costs. Without sockets and on a paused clock, but where the peer's address matters.

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
use serde::{Serialize, Serializer};
use socketio::{AckError, Server, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// D15: whoever is connected learns of the end from the connection, not from a DISCONNECT; and ending twice is harmless.
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

/// D44, D71: while the disconnect handler runs, the rooms can be read; afterwards there are none.
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
