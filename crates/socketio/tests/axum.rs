//! The server as a layer in front of an axum router: its path is its own, all other requests go on.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::time::Duration;

use axum::{Router, routing::get};
use socketio::{Config, Data, Server, Socket};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

async fn ask(address: std::net::SocketAddr, request: &str) -> String {
    let exchange = async {
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    tokio::time::timeout(Duration::from_secs(10), exchange).await.expect("no answer in time")
}

fn head(method: &str, path: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n")
}

async fn serve(io: &Server) -> std::net::SocketAddr {
    let app = Router::new().route("/", get(|| async { "the page" })).layer(io.layer());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[tokio::test]
async fn behind_axum_each_request_reaches_its_owner() {
    let io = Server::new();
    io.of("/").on("x", async |_: Socket, Data(n): Data<u32>| Ok(n + 1));
    let address = serve(&io).await;

    let page = ask(address, &head("GET", "/", "")).await;
    assert!(page.starts_with("HTTP/1.1 200") && page.ends_with("the page"), "{page}");
    assert!(ask(address, &head("GET", "/socket.iox/?EIO=4&transport=polling", "")).await.starts_with("HTTP/1.1 404"));

    let open = ask(address, &head("GET", "/socket.io/?EIO=4&transport=polling", "")).await;
    let sid = open.split_once("\"sid\":\"").unwrap().1.split('"').next().unwrap();
    let session = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let payload = "40\u{1e}420[\"x\",41]";
    let length = format!("Content-Length: {}\r\n", payload.len());
    let posted = ask(address, &(head("POST", &session, &length) + payload)).await;
    assert!(posted.ends_with("ok"), "{posted}");
    let polled = ask(address, &head("GET", &session, "")).await;
    assert!(polled.contains("40{\"sid\":\"") && polled.ends_with("\u{1e}430[42]"), "{polled}");
}

#[tokio::test]
async fn a_websocket_opens_behind_axum() {
    let io = Server::new();
    let address = serve(&io).await;
    let upgrade = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(upgrade.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(2).any(|two| two == b"0{") {
        let read = tokio::time::timeout(Duration::from_secs(10), tcp.read_buf(&mut answer)).await;
        assert!(read.expect("no open packet in time").unwrap() > 0, "closed");
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "the accept key of RFC 6455: {answer}");
    assert_eq!(io.engine().session_count(), 1);
    drop(tcp);
    io.close().await;
    assert_eq!(io.engine().session_count(), 0);
}

/// I4: the path is matched exactly.
#[tokio::test]
async fn another_path_can_be_served() {
    let mut config = Config::default();
    config.engine.path = "/realtime/".into();
    let address = serve(&Server::with_config(config)).await;
    let at = |path: &str| head("GET", &format!("{path}?EIO=4&transport=polling"), "");
    assert!(ask(address, &at("/realtime/")).await.starts_with("HTTP/1.1 200"));
    assert!(ask(address, &at("/socket.io/")).await.starts_with("HTTP/1.1 404"));
}
