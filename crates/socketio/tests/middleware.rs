//! How a client gets in: middlewares, the connect handler, handlers for those who have joined, and what is left of those
//! who do not get in. Contract rows D29–D33, D43, J27; hazards R8, R24, R25.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;

use std::{sync::Arc, time::Duration};

use client::{Client, Log};
use serde::{Deserialize, Serialize};
use socketio::{AckError, Auth, Config, DisconnectReason, EmitError, HandlerError, Server, Socket, SocketData};
use tokio::sync::Notify;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Login {
    name: String,
}

/// A server that notes its errors as `occasion: error`.
fn server_with_errors() -> (Server, Log) {
    let (io, log) = (Server::new(), Log::default());
    let errors = log.clone();
    io.on_error(move |failure| errors.push(format!("{}: {}", failure.occasion, failure.error)));
    (io, log)
}

/// D29: each is asked when the one before has said yes; the connect handler comes last.
#[tokio::test(start_paused = true)]
async fn middlewares_run_one_after_the_other_in_the_order_of_their_registration() {
    let io = Server::new();
    let log = Log::default();
    let (slow, after) = (log.clone(), log.clone());
    io.of("/")
        .on_connected(log.note("connected"))
        .on_connect(log.note("connect"))
        .middleware(move || {
            let slow = slow.clone();
            async move {
                slow.push("first begins".into());
                tokio::time::sleep(Duration::from_secs(1)).await;
                slow.push("first ends".into());
            }
        })
        .middleware(move |Auth(login): Auth<Login>| {
            after.push(format!("second sees {}", login.name));
            async { Ok(()) }
        });
    let client = Client::open(&io).await;
    assert!(client.exchange("40{\"name\":\"Ada\"}").await[0].starts_with("40{\"sid\""));
    assert_eq!(log.entries(), ["first begins", "first ends", "second sees Ada", "connect", "connected"]);
}

/// D29, C21, D69: the first error refuses the client, with message and data; nobody behind it is asked.
#[tokio::test(start_paused = true)]
async fn the_first_error_refuses_the_client_and_nobody_behind_is_asked() {
    let (io, log) = server_with_errors();
    io.of("/")
        .middleware(log.note("first"))
        .middleware(async || -> Result<(), HandlerError> {
            Err(HandlerError::new("not authorized").with_data(&serde_json::json!({ "content": "please retry" })))
        })
        .middleware(log.note("third"))
        .on_connect(log.note("connect"))
        .on_connected(log.note("connected"))
        .on_disconnecting(log.note("disconnecting"))
        .on_disconnect(log.note("disconnect"));
    let client = Client::open(&io).await;
    let refusal = "44{\"message\":\"not authorized\",\"data\":{\"content\":\"please retry\"}}";
    assert_eq!(client.exchange("40").await, [refusal]);
    assert_eq!(log.take(), ["first", "connect: not authorized"]);
    let counters = io.counters();
    assert_eq!((counters.joins_refused, counters.sockets_joined, counters.handler_errors), (1, 0, 1));
    assert_eq!(client.exchange("40").await, [refusal], "and may try again");
}

/// D29: the list is that of the moment in which the client asked.
#[tokio::test(start_paused = true)]
async fn a_middleware_registered_while_a_client_waits_is_for_the_next_client() {
    let io = Server::new();
    let (log, gate) = (Log::default(), Arc::new(Notify::new()));
    let opened = gate.clone();
    io.of("/").middleware(move || {
        let opened = opened.clone();
        async move { opened.notified().await }
    });
    let client = Client::open(&io).await;
    client.send("40").await;
    client.settle().await;
    io.of("/").middleware(log.note("late"));
    gate.notify_one();
    assert!(client.receive().await[0].starts_with("40"));
    assert_eq!(log.take(), [""; 0]);
    gate.notify_one();
    Client::connected(&io).await;
    assert_eq!(log.take(), ["late"]);
}

/// D30, D43: in a middleware the socket is not connected and in no list, but it may join rooms, keep data and emit;
/// what it emits follows the CONNECT.
#[tokio::test(start_paused = true)]
async fn a_middleware_may_join_rooms_keep_data_and_emit() {
    let io = Server::new();
    let log = Log::default();
    let entries = log.clone();
    io.of("/")
        .middleware(move |socket: Socket, Auth(login): Auth<Login>| {
            let listed = socket.namespace().sockets().contains(&socket);
            entries.push(format!("{} {listed} {}", socket.is_connected(), socket.handshake().auth.is_some()));
            socket.join("lobby");
            socket.set_data(login);
            let sent = socket.emit("early", "bird").map_err(HandlerError::from);
            async move { sent }
        })
        .on_connect(async |socket: Socket, SocketData(login): SocketData<Login>| {
            socket.emit("hello", &login.name)?;
            Ok(())
        })
        .on("who", async |SocketData(login): SocketData<Login>| Ok(login.name.clone()));
    let client = Client::open(&io).await;
    client.send("40{\"name\":\"Ada\"}").await;
    let packets = client.receive().await;
    assert!(packets[0].starts_with("40{\"sid\""), "{packets:?}");
    assert_eq!(packets[1..], ["42[\"early\",\"bird\"]", "42[\"hello\",\"Ada\"]"]);
    assert_eq!(log.entries(), ["false false true"]);
    assert_eq!(client.exchange("420[\"who\"]").await, ["430[\"Ada\"]"]);
    io.of("/").to("lobby").emit("news", &()).unwrap();
    assert_eq!(client.receive().await, ["42[\"news\"]"]);
}

/// D29, D30, R8, R9: who is refused is in no room, and what was emitted to it is not sent.
#[tokio::test(start_paused = true)]
async fn who_is_refused_leaves_its_rooms_and_gets_nothing_else() {
    let io = Server::new();
    let log = Log::default();
    let kept = Arc::new(std::sync::Mutex::new(None));
    let keep = kept.clone();
    io.of("/")
        .middleware(move |socket: Socket| {
            socket.join("lobby");
            let _ = socket.emit("secret", &1);
            socket.on_disconnect(|| std::future::ready(()));
            *keep.lock().unwrap() = Some(socket);
            async { Err(HandlerError::new("no")) }
        })
        .on_disconnect(log.reasons());
    let client = Client::open(&io).await;
    assert_eq!(client.exchange("40").await, ["44{\"message\":\"no\"}"]);
    client.settle().await;
    let socket = kept.lock().unwrap().take().unwrap();
    assert_eq!((socket.rooms().len(), io.of("/").room_names().len(), io.of("/").socket_count()), (0, 0, 0));
    assert_eq!(socket.emit("more", &1), Err(EmitError::Disconnected));
    socket.join("again");
    assert_eq!((io.of("/").room_names().len(), log.entries().len()), (0, 0));
}

/// R8, D30, D27: a client that goes while a middleware waits leaves no room, no count and no namespace, then and when
/// the middleware goes on; nobody behind it is asked, and no handler for its end runs.
#[tokio::test(start_paused = true)]
async fn a_client_that_goes_while_a_middleware_waits_leaves_nothing() {
    let io = Server::new();
    let (log, gate) = (Log::default(), Arc::new(Notify::new()));
    let (opened, entries) = (gate.clone(), log.clone());
    let parent = io
        .of_matching(|name| name.starts_with("/x-"))
        .middleware(move |socket: Socket| {
            let (opened, entries) = (opened.clone(), entries.clone());
            async move {
                socket.join("before");
                opened.notified().await;
                socket.join("after");
                entries.push(format!("{:?} {:?}", socket.emit("late", &()), socket.rooms()));
            }
        })
        .on_connected(log.note("connected"))
        .on_disconnecting(log.note("disconnecting"))
        .on_disconnect(log.note("disconnect"));
    for (name, way) in [("/x-1", "1"), ("/x-2", "41/x-2,")] {
        let client = Client::connected(&io).await;
        client.send(&format!("40{name},")).await;
        client.settle().await;
        assert_eq!((parent.room_len("before"), parent.socket_count(), io.namespaces().len()), (1, 0, 2));
        client.post(way).await;
        client.settle().await;
        assert_eq!((parent.room_len("before"), io.namespaces().len()), (0, 1), "{way}");
        gate.notify_one();
        log.becomes(&["Err(Disconnected) []"]).await;
        client.settle().await;
        assert_eq!((parent.room_len("after"), parent.socket_count(), io.namespaces().len()), (0, 0, 1));
        log.clear();
        client.close().await;
    }
    io.close().await;
    assert_eq!((log.entries().len(), io.engine().session_count()), (0, 0));
    let counters = io.counters();
    assert_eq!((counters.sockets_joined, counters.joins_refused, counters.handler_errors), (2, 0, 0));
}

/// D34, R8: a second CONNECT while a middleware of a child waits ends the connection, and the child.
#[tokio::test(start_paused = true)]
async fn a_second_connect_while_a_middleware_waits_leaves_no_child() {
    let io = Server::new();
    let log = Log::default();
    io.of("/").on_disconnect(log.reasons());
    io.of_matching(|name| name.starts_with("/x-")).middleware(async || std::future::pending::<()>().await);
    let client = Client::connected(&io).await;
    client.send("40/x-1,").await;
    client.settle().await;
    client.send("40/x-1,").await;
    log.becomes(&["forced server close"]).await;
    client.settle().await;
    assert_eq!((io.namespaces().len(), io.counters().sockets_joined), (1, 1));
}

/// J27, R30: middlewares and the connect handler together have that long to decide; then the client is refused, by
/// name.
#[tokio::test(start_paused = true)]
async fn who_is_not_decided_about_in_time_is_refused() {
    for limit in [None, Some(3)] {
        let mut config = Config::default();
        if let Some(limit) = limit {
            config.limits.connect_timeout = Duration::from_secs(limit);
        }
        let io = Server::with_config(config);
        let log = Log::default();
        let errors = log.clone();
        io.on_error(move |failure| errors.push(format!("{}: {}", failure.occasion, failure.error)));
        io.of("/middleware").middleware(async |socket: Socket| {
            socket.join("room");
            std::future::pending::<()>().await;
        });
        // Neither alone is too slow.
        let half = move || async move { tokio::time::sleep(Duration::from_millis(limit.unwrap_or(45) * 600)).await };
        io.of("/connect").middleware(half).on_connect(half).on_connected(log.note("joined"));
        let client = Client::connected(&io).await;
        for name in ["/middleware", "/connect"] {
            let started = tokio::time::Instant::now();
            let refusal = format!("44{name},{{\"message\":\"timeout\"}}");
            assert_eq!(client.exchange(&format!("40{name},")).await, [refusal]);
            assert_eq!(started.elapsed().as_secs(), limit.unwrap_or(45));
            assert_eq!((io.of(name).socket_count(), io.of(name).room_names().len()), (0, 0));
        }
        let counters = io.counters();
        assert_eq!((counters.connect_timeouts, counters.joins_refused), (2, 2));
        assert_eq!(log.entries(), ["connect: timeout", "connect: timeout"]);
    }
}

/// J27, D32: who is in is in: handlers for those who have joined take as long as they like.
#[tokio::test(start_paused = true)]
async fn handlers_for_those_who_have_joined_are_not_timed() {
    let io = Server::new();
    io.of("/").on_connected(async |socket: Socket| {
        tokio::time::sleep(Duration::from_secs(100)).await;
        socket.emit("ready", &())?;
        Ok(())
    });
    let client = Client::connected(&io).await;
    assert_eq!(client.receive().await, ["42[\"ready\"]"]);
    assert_eq!(io.counters().connect_timeouts, 0);
}

/// D31: middlewares are of their namespace alone.
#[tokio::test(start_paused = true)]
async fn a_middleware_guards_its_namespace_alone() {
    let io = Server::new();
    io.of("/closed").middleware(async || -> Result<(), HandlerError> { Err(HandlerError::new("closed")) });
    io.of("/open");
    let client = Client::connected(&io).await;
    assert_eq!(client.exchange("40/closed,").await, ["44/closed,{\"message\":\"closed\"}"]);
    assert_eq!(client.join("/open").await, [""; 0]);
    assert_eq!(io.of("/").socket_count(), 1);
}

/// D31: what all namespaces shall have is registered where each is made.
#[tokio::test(start_paused = true)]
async fn a_hook_gives_every_namespace_the_same_middleware() {
    let io = Server::new();
    let log = Log::default();
    let guard = log.clone();
    io.on_new_namespace(move |namespace| {
        let note = guard.note(namespace.name());
        drop(namespace.clone().middleware(note));
    });
    io.of("/a");
    io.of_matching(|name| name.starts_with("/x-"));
    let client = Client::open(&io).await;
    for name in ["/a", "/x-1", "/x-2", "/a"] {
        Client::open(&io).await.join(name).await;
    }
    client.join("/a").await;
    assert_eq!(log.entries(), ["/a", "/x-1", "/x-2", "/a", "/a"]);
}

/// D32, D33: those handlers run behind the CONNECT, in the order of their registration, with the client there: they may
/// ask it, and its own room has it.
#[tokio::test(start_paused = true)]
async fn handlers_for_those_who_have_joined_can_ask_the_client() {
    let io = Server::new();
    let log = Log::default();
    let entries = log.clone();
    io.of("/")
        .on_connected(move |socket: Socket| {
            let entries = entries.clone();
            async move {
                assert!(socket.is_connected());
                socket.namespace().to(socket.id().as_str()).emit("own room", &())?;
                let name: String = socket.emit_with_ack("who", &()).await?;
                entries.push(name);
                Ok(())
            }
        })
        .on_connected(async |socket: Socket| {
            socket.emit("second", &())?;
            Ok(())
        });
    let client = Client::open(&io).await;
    client.send("40").await;
    let packets = client.receive().await;
    assert!(packets[0].starts_with("40{\"sid\""), "{packets:?}");
    assert_eq!(packets[1..], ["42[\"own room\"]", "420[\"who\"]", "42[\"second\"]"]);
    client.send("430[\"Ada\"]").await;
    log.becomes(&["Ada"]).await;
}

/// D32, D73: the failure of such a handler is told to the hook; the client stays.
#[tokio::test(start_paused = true)]
async fn a_failure_behind_the_connect_does_not_undo_it() {
    let (io, log) = server_with_errors();
    io.of("/")
        .on_connected(async || -> Result<(), HandlerError> { Err(HandlerError::new("no data base")) })
        .on_connected(async |SocketData(_): SocketData<Login>| {})
        .on_connected(log.note("third"));
    let client = Client::connected(&io).await;
    client.settle().await;
    let mut entries = log.take();
    entries.sort();
    assert_eq!(entries, ["connected: internal error", "connected: no data base", "third"]);
    assert_eq!((io.of("/").socket_count(), io.counters().handler_errors), (1, 2));
}

/// R25: a panic in a middleware or the connect handler refuses that client, without its text, and nobody else.
#[tokio::test(start_paused = true)]
async fn a_panic_on_the_way_in_refuses_that_client_alone() {
    let (io, log) = server_with_errors();
    let wary = async |Auth(login): Auth<Option<Login>>| assert!(login.is_none(), "boom");
    io.of_matching(|name| name == "/middleware").middleware(wary);
    io.of_matching(|name| name == "/later").middleware(async |Auth(login): Auth<Option<Login>>| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(login.is_none(), "boom");
    });
    io.of_matching(|name| name == "/connect").on_connect(wary);
    let client = Client::connected(&io).await;
    for (name, count) in ["/middleware", "/later", "/connect"].into_iter().zip(1..) {
        let refusal = format!("44{name},{{\"message\":\"internal error\"}}");
        assert_eq!(client.exchange(&format!("40{name},{{\"name\":\"Eve\"}}")).await, [refusal]);
        assert_eq!((io.counters().handler_panics, io.namespaces().len()), (count, 1));
        client.send(&format!("40{name},")).await;
        assert!(client.receive().await[0].starts_with(&format!("40{name},{{\"sid\"")));
        client.send(&format!("41{name},")).await;
        client.settle().await;
    }
    assert_eq!(log.entries(), ["connect: internal error"; 3]);
}

/// R24, D30: whoever disconnects a socket on its way in has refused it: the client is told, and does not wait.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_disconnected_on_its_way_in_is_told() {
    let io = Server::new();
    let log = Log::default();
    io.of_matching(|name| name == "/yes").middleware(async |socket: Socket| socket.disconnect());
    io.of_matching(|name| name == "/no").middleware(async |socket: Socket| {
        socket.disconnect();
        Err(HandlerError::new("no"))
    });
    io.of_matching(|name| name == "/all").middleware(async |socket: Socket| {
        socket.disconnect_connection();
        std::future::pending::<()>().await;
    });
    io.of("/").on_disconnect(log.reasons());
    let client = Client::connected(&io).await;
    for name in ["/yes", "/no"] {
        let refusal = format!("44{name},{{\"message\":\"disconnected by the server\"}}");
        assert_eq!(client.exchange(&format!("40{name},")).await, [refusal]);
        client.settle().await;
        assert_eq!(io.namespaces().len(), 1);
    }
    assert_eq!(io.counters().joins_refused, 2);
    client.send("40/all,").await;
    let mut told = client.receive_until("1").await;
    told.retain(|packet| packet.starts_with('4'));
    assert_eq!(told.len(), 2, "{told:?}");
    log.becomes(&[DisconnectReason::ServerNamespaceDisconnect.as_str()]).await;
}

/// R24: what is asked of a client that is not in yet fails at once, in a middleware too.
#[tokio::test(start_paused = true)]
async fn a_middleware_cannot_wait_for_the_client() {
    let io = Server::new();
    io.of("/").middleware(async |socket: Socket| {
        let answer: Result<(), AckError> = socket.emit_with_ack("question", &()).await;
        answer.map_err(|error| HandlerError::new(format!("{error:?}")))
    });
    let client = Client::open(&io).await;
    assert_eq!(client.exchange("40").await, ["44{\"message\":\"NotConnected\"}"]);
}

/// D68: a socket may have event middlewares of its own; they come behind those of its namespace, and are no other socket's.
#[tokio::test(start_paused = true)]
async fn a_socket_has_event_middlewares_of_its_own_behind_those_of_the_namespace() {
    let (io, log) = (Server::new(), Log::default());
    let noted = |what: &'static str| {
        let log = log.clone();
        move || {
            log.push(what.to_owned());
            std::future::ready(())
        }
    };
    let own = noted("its own");
    io.of("/")
        .on_connect(move |socket: Socket, Auth(muted): Auth<Option<String>>| {
            socket.event_middleware(own.clone());
            if muted.is_some() {
                socket.event_middleware(async || Err::<(), _>(HandlerError::new("you are muted")));
            }
            std::future::ready(())
        })
        .event_middleware(noted("the namespace's"))
        .on("say", noted("said"));
    let client = Client::connected(&io).await;
    client.send("42[\"say\"]").await;
    log.becomes(&["the namespace's", "its own", "said"]).await;
    io.of("/").sockets()[0].event_middleware(async || Err::<(), _>(HandlerError::new("you are muted")));
    client.send("421[\"say\"]").await;
    assert_eq!(client.receive().await, ["431[{\"error\":\"you are muted\"}]"]);
    let other = Client::connected(&io).await;
    log.clear();
    other.send("42[\"say\"]").await;
    log.becomes(&["the namespace's", "its own", "said"]).await;
}
