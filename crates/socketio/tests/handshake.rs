//! How clients come, and what of the engine reaches the sockets: rows D13, D14, D31, D41, D45, D47. Without sockets and on a
//! paused clock.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use client::Log;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use socketio::{
    Config, DisconnectReason, HandlerError, Server, Socket, TransportKind,
    engineio::{ConnectionErrorHook, GenerateId, HeadersHook, Middleware, Refusal, SecureTransport},
    testing::TestClient,
};

/// D41: each field that the reference has, and what it means.
#[tokio::test(start_paused = true)]
async fn the_details_of_a_handshake_are_those_of_the_first_request_and_the_connect() {
    let mut config = Config::default();
    config.engine.middlewares.push(Middleware::new(|mut exchange| async move {
        let secure = exchange.request.headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
        exchange.request.extensions.insert(SecureTransport(secure));
        Ok(exchange)
    }));
    let io = Server::with_config(config);
    let before = SystemTime::now();
    let client = TestClient::connect(&io)
        .header("origin", "https://here.example")
        .header("x-forwarded-proto", "https")
        .header("x-twice", "1")
        .header("x-twice", "2")
        .query("token", "a&b é")
        .query("token", "the last")
        .peer_addr(([192, 0, 2, 1], 4000).into())
        .auth(&json!({ "name": "Ada", "roles": [1, 2] }))
        .await;
    let socket = io.of("/").sockets().remove(0);
    let details = socket.handshake().details();
    let query = [("EIO", "4"), ("transport", "polling"), ("token", "the last")];
    assert_eq!(details.query, BTreeMap::from(query.map(|(name, value)| (name.to_owned(), value.to_owned()))));
    assert_eq!(details.query, socket.handshake().query());
    assert_eq!(details.url, "/socket.io/?EIO=4&transport=polling&token=a%26b+%C3%A9&token=the+last");
    assert_eq!(
        (details.headers["x-twice"].as_str(), details.headers["origin"].as_str()),
        ("1, 2", "https://here.example")
    );
    assert_eq!((details.address.as_str(), details.xdomain, details.secure), ("192.0.2.1", true, true));
    assert_eq!(details.auth, json!({ "name": "Ada", "roles": [1, 2] }));
    let time = socket.handshake().time;
    assert!(before <= time && time <= SystemTime::now());
    assert_eq!(u128::from(details.issued), time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis());
    assert!(details.time.ends_with(" GMT") && details.time.len() == 29, "{}", details.time);

    let second = io.of("/second");
    let _second = client.join("/second").await;
    assert_eq!(second.sockets()[0].handshake().details().auth, json!({}), "each namespace has its own");
    assert_eq!(second.sockets()[0].handshake().details().url, details.url);
    let _plain = TestClient::connect(&io).await;
    let plain = io.of("/").sockets().into_iter().find(|other| *other != socket).unwrap().handshake().details();
    assert_eq!((plain.address.as_str(), plain.xdomain, plain.secure), ("", false, false));
}

#[derive(Clone, Debug)]
struct User(String);

/// D31, D47, H20, H22: a middleware of the engine runs before any namespace is asked, sees the cookies, can tell the handshake
/// from what follows, and what it found out is with the sockets of all namespaces.
#[tokio::test(start_paused = true)]
async fn what_a_middleware_of_the_engine_found_out_is_with_the_sockets() {
    let log = Log::default();
    let asked = log.clone();
    let mut config = Config::default();
    config.engine.middlewares.push(Middleware::new(move |mut exchange| {
        let asked = asked.clone();
        async move {
            let query = exchange.request.uri.query().unwrap_or_default();
            if !query.contains("&sid=") {
                asked.push("asked".into());
                let cookie = exchange.request.headers.get("cookie").and_then(|cookie| cookie.to_str().ok());
                let name = cookie.and_then(|cookie| cookie.strip_prefix("user=")).map(str::to_owned);
                exchange.request.extensions.insert(User(name.ok_or_else(|| Refusal::new("nobody"))?));
            }
            Ok(exchange)
        }
    }));
    let io = Server::with_config(config);
    for name in ["/", "/second"] {
        io.of(name).on("who am i", async |socket: Socket| {
            let request = &socket.handshake().request;
            let User(name) = request.extensions.get::<User>().ok_or_else(|| HandlerError::new("nobody"))?;
            let cookie = request.headers["cookie"].to_str().unwrap_or_default();
            Ok((name.clone(), cookie.to_owned()))
        });
    }
    let refusal = TestClient::connect(&io).expect_refused().await;
    assert_eq!(refusal.status.unwrap().as_u16(), 400);
    let client = TestClient::connect(&io).header("cookie", "user=ada").await;
    let second = client.join("/second").await;
    for client in [client, second] {
        let answer: (String, String) = client.emit_with_ack("who am i", &()).await;
        assert_eq!(answer, ("ada".to_owned(), "user=ada".to_owned()));
    }
    assert_eq!(log.entries(), ["asked", "asked"], "once for each client, however many requests it makes");
}

/// D13, D14: requests are handed in without a listener, and the engine's hooks are there under a Socket.IO server too.
#[tokio::test(start_paused = true)]
async fn the_hooks_of_the_engine_work_under_a_server() {
    let log = Log::default();
    let refused = log.clone();
    let mut config = Config::default();
    let engine = &mut config.engine;
    engine.generate_id = Some(GenerateId::new(|_| Ok::<_, std::io::Error>("of-my-own".to_owned())));
    let header = |name: &'static str| {
        Some(HeadersHook::new(move |headers, _| drop(headers.insert(name, HeaderValue::from_static("yes")))))
    };
    (engine.initial_headers, engine.headers) = (header("x-first"), header("x-each"));
    engine.connection_error = Some(ConnectionErrorHook::new(move |error| refused.push(error.message.to_owned())));
    let io = Server::with_config(config);
    let ask = async |query: &str, body: &'static str| {
        let method = if body.is_empty() { "GET" } else { "POST" };
        let request = Request::builder().method(method).uri(format!("/socket.io/?EIO=4&transport=polling{query}"));
        let answer: Response<engineio::server::Body<Full<bytes::Bytes>>> =
            io.engine().handle(request.body(Full::<bytes::Bytes>::from(body)).unwrap()).await;
        let added = ["x-first", "x-each"].map(|name| answer.headers().contains_key(name));
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (added, String::from_utf8(body.to_vec()).unwrap())
    };
    let (added, opened) = ask("", "").await;
    assert_eq!(added, [true, true]);
    assert!(opened.starts_with("0{\"sid\":\"of-my-own\""), "{opened}");
    assert_eq!(ask("&sid=of-my-own", "40").await, ([false, true], "ok".into()));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((io.engine().session_count(), io.of("/").socket_count()), (1, 1));
    assert_eq!(ask("&sid=another", "").await.0, [false, false]);
    assert_eq!(log.entries(), ["Session ID unknown"]);
    assert_eq!(io.engine().counters().refused[1], 1);
}

/// D45: whether it is in, by what it is carried, and how much waits for it.
#[tokio::test(start_paused = true)]
async fn a_socket_knows_whether_it_is_connected_and_by_what_it_is_carried() {
    let io = Server::new();
    io.of("/news").on_connect(async |socket: Socket| {
        assert!(!socket.is_connected() && !socket.is_recovered(), "not yet");
        Ok(())
    });
    let client = TestClient::connect(&io).namespace("/news").await;
    let socket = io.of("/news").sockets().remove(0);
    assert_eq!((socket.id().as_str(), socket.namespace().name()), (client.id(), "/news"));
    assert!(socket.is_connected() && !socket.is_recovered());
    assert_eq!(socket.transport(), Some(TransportKind::Polling));
    assert_eq!(socket.queued_bytes(), 0);
    socket.emit("x", "1234567890").unwrap();
    socket.emit("x", "1234567890").unwrap();
    assert!(socket.queued_bytes() >= 20, "{}", socket.queued_bytes());
    socket.abort_connection();
    assert_eq!(client.disconnected().await, DisconnectReason::TransportClose);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((socket.is_connected(), socket.transport()), (false, None));
    assert_eq!(socket.handshake().request.uri.path(), "/socket.io/", "what it was is still known");
}
