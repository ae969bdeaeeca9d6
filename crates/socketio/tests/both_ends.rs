//! The client against the server of this crate, over real sockets: the words that both have in common, and what a client
//! has of its own. The official servers have their say in the workspace's `tests`.
#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use socketio::{
    Auth, Data, DisconnectReason, HandlerError, Server, Socket, TransportKind,
    client::{self, Client, Config, ConnectError},
};
use tokio::sync::mpsc;

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it happens soon")
}

/// Serves on a port of its own.
async fn serve(io: &Server) -> SocketAddr {
    let listener = io.bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(io.service()));
    address
}

fn client(address: SocketAddr, transports: &[TransportKind]) -> Client {
    let mut config = Config::default();
    config.engine.transports = transports.to_vec();
    config.reconnect.delay = Duration::from_millis(20);
    Client::with_config(&format!("http://{address}"), config).unwrap()
}

const BOTH: [TransportKind; 2] = [TransportKind::Polling, TransportKind::WebSocket];

/// R21, E43, E46, E55: both directions, several values, binary anywhere.
#[tokio::test]
async fn events_and_acknowledgements_go_both_ways_with_any_arguments() {
    let io = Server::new();
    io.of("/").on("add", async |Data((a, b)): Data<(u32, u32)>| Ok(a + b)).on(
        "picture",
        async |socket: Socket, Data((name, bytes)): Data<(String, Bytes)>| {
            let asked: (String, Bytes) = socket.emit_with_ack("look", &(name, bytes)).await?;
            Ok(asked)
        },
    );
    let address = serve(&io).await;
    for transports in [&BOTH[..1], &BOTH[1..], &BOTH] {
        let socket = client(address, transports).of("/");
        socket.on("look", async |Data((name, bytes)): Data<(String, Bytes)>| Ok((format!("{name}!"), bytes)));
        soon(socket.connect()).await.unwrap();
        assert_eq!(soon(socket.emit_with_ack::<u32>("add", &(1, 2)).into_future()).await, Ok(3));
        let picture = (String::from("dot"), Bytes::from_static(&[0, 255]));
        let answer: (String, Bytes) = soon(socket.emit_with_ack("picture", &picture).into_future()).await.unwrap();
        assert_eq!(answer, ("dot!".to_owned(), Bytes::from_static(&[0, 255])), "{transports:?}");
    }
}

/// E31, R40: connect().await means that the namespace has answered; a refusal is final until the user says otherwise.
#[tokio::test]
async fn a_refused_socket_connects_once_its_auth_is_right() {
    let io = Server::new();
    io.of("/vault").on_connect(async |Auth(auth): Auth<serde_json::Value>| match auth["token"].as_str() {
        Some("right") => Ok(()),
        _ => Err(HandlerError::new("who are you?").with_data(&7)),
    });
    let address = serve(&io).await;
    let socket = client(address, &BOTH).of("/vault");
    let error = soon(socket.connect()).await.unwrap_err();
    assert!(error.is_refused());
    assert_eq!((error.to_string(), error.data::<u8>()), ("who are you?".to_owned(), Some(7)));
    assert!(!socket.state().will_reconnect());
    socket.set_auth(&serde_json::json!({ "token": "right" })).unwrap();
    soon(socket.connect()).await.unwrap();
    assert!(socket.is_connected() && socket.id().is_some());
}

/// E2, E22: one connection for all namespaces; the last one to leave closes it.
#[tokio::test]
async fn namespaces_share_one_connection_and_the_last_one_closes_it() {
    let io = Server::new();
    for name in ["/", "/a", "/b"] {
        io.of(name).on("where", async |socket: Socket| Ok(socket.namespace().name().to_owned()));
    }
    let address = serve(&io).await;
    let client = client(address, &BOTH);
    let sockets = ["/", "/a", "/b"].map(|name| client.of(name));
    for socket in &sockets {
        soon(socket.connect()).await.unwrap();
        let name: String = soon(socket.emit_with_ack("where", &()).into_future()).await.unwrap();
        assert_eq!(name, socket.namespace());
    }
    assert_eq!(io.engine().session_count(), 1);
    let session = client.engine().unwrap();
    sockets[0].disconnect();
    sockets[1].disconnect();
    let _: String = soon(sockets[2].emit_with_ack("where", &()).into_future()).await.unwrap();
    assert_eq!(session.closed_now(), None);
    sockets[2].disconnect();
    soon(session.closed()).await;
    assert_eq!(client.state(), client::State::Closed);
}

/// E30, E37, E38, R39: what is emitted while offline is sent once, in order, before the handlers for `connect`.
#[tokio::test]
async fn what_was_kept_is_sent_in_order_before_the_connect_handlers_run() {
    let (got, mut events) = mpsc::unbounded_channel();
    let io = Server::new();
    io.of("/").on("number", move |Data(number): Data<u32>| {
        let _ = got.send(number);
        async {}
    });
    let address = serve(&io).await;
    let socket = client(address, &BOTH).of("/");
    socket.on_connect(async |socket: client::Socket| {
        socket.emit("number", &100)?;
        Ok(())
    });
    for number in 0..50 {
        socket.emit("number", &number).unwrap();
    }
    assert_eq!(socket.buffered().len(), 50);
    soon(socket.connect()).await.unwrap();
    for expected in (0..50).chain([100]) {
        assert_eq!(soon(events.recv()).await, Some(expected));
    }
    assert!(socket.buffered().is_empty());
}

/// E19, E33, E34, R14: the server goes away and comes back.
#[tokio::test]
async fn a_connection_that_is_lost_comes_back_with_its_namespaces_and_asks_for_its_auth_again() {
    let (seen, mut joined) = mpsc::unbounded_channel();
    let io = Server::new();
    io.of("/a").on_connect(move |socket: Socket, Auth(auth): Auth<serde_json::Value>| {
        let _ = seen.send((socket, auth["attempt"].as_u64().unwrap_or_default()));
        async {}
    });
    let address = serve(&io).await;
    let socket = client(address, &BOTH).of("/a");
    let attempts = Arc::new(std::sync::atomic::AtomicU64::new(0));
    socket.set_auth_fn(move || {
        let attempt = attempts.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        async move { Ok(serde_json::json!({ "attempt": attempt })) }
    });
    let (lost, mut reasons) = mpsc::unbounded_channel();
    socket.on_disconnect(move |reason: DisconnectReason| {
        let _ = lost.send(reason);
        async {}
    });
    soon(socket.connect()).await.unwrap();
    for attempt in 1..4 {
        let (at_server, seen) = soon(joined.recv()).await.unwrap();
        assert_eq!(seen, attempt);
        at_server.abort_connection();
        let reason = soon(reasons.recv()).await.unwrap();
        assert!(reason.will_reconnect(), "{reason}");
    }
    let (at_server, _) = soon(joined.recv()).await.unwrap();
    at_server.disconnect();
    assert_eq!(soon(reasons.recv()).await, Some(DisconnectReason::IoServerDisconnect));
    assert!(!socket.state().will_reconnect());
}

/// R40, R37: the last handle takes everything along.
#[test]
fn no_task_is_left_behind_the_last_handle() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let io = Server::new();
        let address = serve(&io).await;
        let before = runtime.metrics().num_alive_tasks();
        let (gone, mut left) = mpsc::unbounded_channel();
        io.of("/").on_disconnect(move |reason: DisconnectReason| {
            let _ = gone.send(reason);
            async {}
        });
        for transports in [&BOTH[..1], &BOTH[1..], &BOTH] {
            let socket = client(address, transports).of("/");
            soon(socket.connect()).await.unwrap();
            drop(socket);
            soon(left.recv()).await.unwrap();
            soon(async {
                while runtime.metrics().num_alive_tasks() > before {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
    });
}

/// E18, R40: nobody is there.
#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_only_where_no_more_attempts_are_made() {
    let mut config = Config::default();
    config.reconnect.delay = Duration::from_millis(1);
    config.reconnect.attempts = Some(3);
    let client = Client::with_config("http://127.0.0.1:1", config).unwrap();
    let (told, mut attempts) = mpsc::unbounded_channel();
    client.on_event(move |event| drop(told.send(format!("{event:?}"))));
    let socket = client.of("/");
    let (failed, mut errors) = mpsc::unbounded_channel();
    socket.on_connect_error(move |error: ConnectError| {
        let _ = failed.send(error.is_unreachable());
        async {}
    });
    let error = soon(socket.connect()).await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    for _ in 0..4 {
        assert_eq!(soon(errors.recv()).await, Some(true));
    }
    let mut seen = Vec::new();
    while seen.last().is_none_or(|event: &String| event != "GaveUp") {
        seen.push(soon(attempts.recv()).await.unwrap());
    }
    let attempts: Vec<_> = seen.iter().filter(|event| event.starts_with("Attempt")).cloned().collect();
    assert_eq!(attempts, ["Attempt(1)", "Attempt(2)", "Attempt(3)"]);
}

/// E22: a refusal leaves nobody on the connection.
#[tokio::test]
async fn a_refusal_of_the_last_socket_closes_the_connection() {
    let io = Server::new();
    io.of("/").on_connect(async || Err::<(), _>(HandlerError::new("no")));
    let address = serve(&io).await;
    let client = client(address, &BOTH);
    let (told, mut events) = mpsc::unbounded_channel();
    client.on_event(move |event| drop(told.send(format!("{event:?}"))));
    assert!(soon(client.of("/").connect()).await.unwrap_err().is_refused());
    while !soon(events.recv()).await.unwrap().starts_with("Closed") {}
    assert_eq!(client.state(), client::State::Closed);
}

/// E41: a limit counts also where nothing was ever connected.
#[tokio::test(start_paused = true)]
async fn an_acknowledgement_times_out_before_the_first_connection_too() {
    let socket = Client::new("http://127.0.0.1:1").unwrap().of("/");
    let asked = socket.timeout(Duration::from_secs(5)).emit_with_ack::<()>("anybody there?", &());
    assert_eq!(socket.buffered().len(), 1);
    assert!(asked.await.unwrap_err().is_timeout());
    assert!(socket.buffered().is_empty(), "what has timed out is not sent");
}

/// E16: query and auth may be changed between two attempts.
#[tokio::test]
async fn what_is_changed_between_two_connections_counts_from_the_next_one_on() {
    let (seen, mut joined) = mpsc::unbounded_channel();
    let io = Server::new();
    io.of("/").on_connect(move |socket: Socket, Auth(auth): Auth<serde_json::Value>| {
        let query = socket.handshake().request.uri.query().unwrap_or_default().to_owned();
        let _ = seen.send((socket, query.contains("name=second"), auth["name"].as_str().map(str::to_owned)));
        async {}
    });
    let address = serve(&io).await;
    let client = client(address, &BOTH);
    let socket = client.of("/");
    soon(socket.connect()).await.unwrap();
    let (at_server, in_query, in_auth) = soon(joined.recv()).await.unwrap();
    assert_eq!((in_query, in_auth), (false, None));
    client.configure(|config| config.engine.query.push(("name".to_owned(), "second".to_owned())));
    socket.set_auth(&serde_json::json!({ "name": "second" })).unwrap();
    at_server.abort_connection();
    let (_, in_query, in_auth) = soon(joined.recv()).await.unwrap();
    assert_eq!((in_query, in_auth), (true, Some("second".to_owned())));
}

/// E24, E60, R25: what a handler does wrong is no fault of the connection, and is told; the server learns of it by the
/// acknowledgement.
#[tokio::test]
async fn a_handler_of_a_client_that_fails_or_panics_hurts_only_its_event() {
    let (answers, mut answered) = mpsc::unbounded_channel();
    let io = Server::new();
    io.of("/").on_connected(move |socket: Socket| {
        let answers = answers.clone();
        async move {
            for event in ["fails", "panics", "works"] {
                let _ = answers.send(socket.emit_with_ack::<serde_json::Value>(event, &()).await.unwrap());
            }
        }
    });
    let address = serve(&io).await;
    let client = client(address, &BOTH);
    let (told, mut failures) = mpsc::unbounded_channel();
    client.on_event(move |event| {
        if let client::ClientEvent::HandlerFailed { namespace, event, message } = event {
            let _ = told.send(format!("{namespace} {event}: {message}"));
        }
    });
    let socket = client.of("/");
    socket.on("fails", async || Err::<(), _>(HandlerError::new("not today")));
    socket.on("panics", async || -> Result<(), HandlerError> { panic!("as it is meant to") });
    socket.on("works", async || Ok("fine"));
    soon(socket.connect()).await.unwrap();
    for expected in
        [serde_json::json!({ "error": "not today" }), serde_json::json!({ "error": "internal error" }), "fine".into()]
    {
        assert_eq!(soon(answered.recv()).await, Some(expected));
    }
    for expected in ["/ fails: not today", "/ panics: internal error"] {
        assert_eq!(soon(failures.recv()).await.as_deref(), Some(expected));
    }
    assert!(socket.is_connected());
}

/// E1: the path of the URL is the namespace, its query goes into every request.
#[tokio::test]
async fn the_path_of_a_url_is_the_namespace() {
    let io = Server::new();
    for name in ["/", "/chat"] {
        io.of(name).on("who", async |socket: Socket| {
            let query = socket.handshake().request.uri.query().unwrap_or_default().contains("room=1");
            Ok((socket.namespace().name().to_owned(), query))
        });
    }
    let address = serve(&io).await;
    for (path, expected) in [("", "/"), ("/", "/"), ("/chat", "/chat"), ("/chat?room=1", "/chat")] {
        let socket = soon(client::connect(&format!("http://{address}{path}"))).await.unwrap();
        let (name, query): (String, bool) = soon(socket.emit_with_ack("who", &()).into_future()).await.unwrap();
        assert_eq!((name.as_str(), query), (expected, path.contains('?')), "{path:?}");
    }
    let error = client::connect("ftp://example.com").await.unwrap_err();
    assert!(matches!(error, ConnectError::Address(_)), "{error}");
}
