//! Handlers of events and of the end of a socket: those of a namespace, those of one socket, catch-alls, middlewares of
//! events; their order, their errors, what they may do. Contract rows D43, D49, D57, D58, D64–D71, D73, D74.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;

use std::{sync::Arc, time::Duration};

use client::{Client, Log};
use serde::Serialize;
use socketio::{
    AckSender, Args, Auth, Data, DisconnectReason, EmitError, Event, Extension, HandlerError, RawEvent, Server, Socket,
    SocketData,
};
use tokio::sync::Notify;

/// D64: a socket's own handlers run behind those of its namespace, in the order of their registration, for that socket
/// alone, until they are taken away.
#[tokio::test(start_paused = true)]
async fn a_socket_has_handlers_of_its_own() {
    let io = Server::new();
    let log = Log::default();
    io.of("/").on("e", log.note("namespace")).on_fallback(log.note("fallback"));
    let (one, socket) = Client::with_socket(&io).await;
    let (two, _other) = Client::with_socket(&io).await;
    socket.on("e", log.note("own 1"));
    socket.on("e", log.note("own 2"));
    socket.on("mine", async || Ok("own answer"));
    one.send("42[\"e\"]").await;
    log.becomes(&["namespace", "own 1", "own 2"]).await;
    log.clear();
    assert_eq!(one.exchange("420[\"mine\"]").await, ["430[\"own answer\"]"], "own handlers acknowledge too");
    two.send("42[\"e\"]\u{1e}42[\"mine\"]").await;
    log.becomes(&["namespace", "fallback"]).await;
    log.clear();
    socket.off("e");
    socket.off("mine");
    socket.off("never registered");
    one.send("42[\"e\"]\u{1e}42[\"mine\"]").await;
    log.becomes(&["namespace", "fallback"]).await;
    one.settle().await;
    assert_eq!(log.entries().len(), 2);
}

/// D64, D65: the first handler of an event acknowledges, and that is the namespace's where it has one.
#[tokio::test(start_paused = true)]
async fn the_first_of_several_handlers_acknowledges() {
    let io = Server::new();
    let log = Log::default();
    io.of("/")
        .on("e", async || {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok("first")
        })
        .on("e", async || Ok("second"));
    let (client, socket) = Client::with_socket(&io).await;
    let entries = log.clone();
    socket.on("e", move |ack: Option<AckSender>| {
        entries.push(format!("{}", ack.is_some()));
        async { Ok("own") }
    });
    assert_eq!(client.exchange("427[\"e\"]").await, ["437[\"first\"]"]);
    assert_eq!(log.entries(), ["false"]);
}

/// D64: a handler that runs once runs for the first event, also where two come together.
#[tokio::test(start_paused = true)]
async fn a_handler_that_runs_once_runs_for_the_next_event_alone() {
    let io = Server::new();
    let log = Log::default();
    io.of("/").on_fallback(log.note("fallback"));
    let (client, socket) = Client::with_socket(&io).await;
    socket.once("e", log.note("once"));
    client.send("42[\"other\"]\u{1e}42[\"e\"]\u{1e}42[\"e\"]").await;
    log.becomes(&["fallback", "once", "fallback"]).await;
    log.clear();
    socket.on("e", log.note("always"));
    socket.once("e", log.note("once"));
    client.send("42[\"e\"]\u{1e}42[\"e\"]").await;
    log.becomes(&["always", "once", "always"]).await;
    log.clear();
    socket.once("x", log.note("never"));
    socket.off("x");
    client.send("42[\"x\"]").await;
    log.becomes(&["fallback"]).await;
}

/// D64, R24: a handler that runs once may register itself again.
#[tokio::test(start_paused = true)]
async fn a_handler_that_runs_once_may_register_another() {
    fn count_down(socket: &Socket, log: &Log, left: u32) {
        let log = log.clone();
        socket.once("e", move |socket: Socket| {
            log.push(format!("{left}"));
            if left > 0 {
                count_down(&socket, &log, left - 1);
            }
            async {}
        });
    }
    let io = Server::new();
    let log = Log::default();
    let (client, socket) = Client::with_socket(&io).await;
    count_down(&socket, &log, 2);
    client.send(&["42[\"e\"]"; 5].join("\u{1e}")).await;
    log.becomes(&["2", "1", "0"]).await;
    client.settle().await;
    assert_eq!(log.entries().len(), 3);
}

/// D64, D68: an event that a middleware drops uses up nothing.
#[tokio::test(start_paused = true)]
async fn a_handler_that_runs_once_outlives_an_event_that_was_dropped() {
    let io = Server::new();
    let log = Log::default();
    io.of("/").event_middleware(
        async |Data(allowed): Data<bool>| {
            if allowed { Ok(()) } else { Err(HandlerError::new("dropped")) }
        },
    );
    let (client, socket) = Client::with_socket(&io).await;
    socket.once("e", log.note("once"));
    client.send("42[\"e\",false]\u{1e}42[\"e\",true]\u{1e}42[\"e\",true]").await;
    client.settle().await;
    assert_eq!(log.entries(), ["once"]);
}

/// D66: catch-alls, the namespace's and then the socket's, begin before middlewares, and those before handlers.
#[tokio::test(start_paused = true)]
async fn catch_alls_come_before_middlewares_and_those_before_handlers() {
    let io = Server::new();
    let log = Log::default();
    io.of("/")
        .on("e", log.note("handler"))
        .on_fallback(log.note("fallback"))
        .event_middleware(log.note("middleware 1"))
        .event_middleware(log.note("middleware 2"))
        .on_any(log.note("any 1"))
        .on_any(log.note("any 2"));
    let (client, socket) = Client::with_socket(&io).await;
    socket.on("e", log.note("own handler"));
    socket.on_any(log.note("own any"));
    let before = ["any 1", "any 2", "own any", "middleware 1", "middleware 2"];
    client.send("42[\"e\"]").await;
    log.becomes(&[&before[..], &["handler", "own handler"]].concat()).await;
    log.clear();
    client.send("42[\"unknown\"]").await;
    log.becomes(&[&before[..], &["fallback"]].concat()).await;
    log.clear();
    socket.off_any();
    client.send("42[\"e\"]").await;
    log.becomes(&["any 1", "any 2", "middleware 1", "middleware 2", "handler", "own handler"]).await;
}

/// D66: a catch-all sees name and arguments of each event, and no acknowledgement; what it returns acknowledges nothing.
#[tokio::test(start_paused = true)]
async fn a_catch_all_sees_every_event_and_answers_none() {
    let io = Server::new();
    let log = Log::default();
    let entries = log.clone();
    io.of("/").on("e", async || Ok("handler")).on_any(move |Event(name): Event, RawEvent(event): RawEvent| {
        entries.push(format!("{name} {:?}", event.args::<Args<i32>>().map(|args| args.0)));
        async { Ok("catch-all") }
    });
    let (client, socket) = Client::with_socket(&io).await;
    let asked = socket.emit_with_ack::<()>("q", &());
    assert_eq!(client.receive().await, ["420[\"q\"]"]);
    client.send("430[]").await;
    asked.await.unwrap();
    assert_eq!(client.exchange("421[\"e\",1,2]").await, ["431[\"handler\"]"]);
    client.send("42[\"unknown\"]").await;
    log.becomes(&["e Ok([1, 2])", "unknown Ok([])"]).await;
}

/// D66: the acknowledgement is there for a catch-all to take; then no handler gives one.
#[tokio::test(start_paused = true)]
async fn a_catch_all_may_take_the_acknowledgement() {
    let io = Server::new();
    let log = Log::default();
    let entries = log.clone();
    io.of("/")
        .on_any(async |ack: Option<AckSender>| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            ack.map_or(Ok(()), |ack| ack.send("catch-all")).map_err(HandlerError::from)
        })
        .on("e", move |ack: Option<AckSender>| {
            entries.push(format!("{}", ack.is_some()));
            async { Ok("handler") }
        })
        .on("fails", async || -> Result<(), HandlerError> { Err(HandlerError::new("no")) });
    let client = Client::connected(&io).await;
    assert_eq!(client.exchange("421[\"e\"]").await, ["431[\"catch-all\"]"]);
    assert_eq!(client.exchange("422[\"fails\"]").await, ["432[\"catch-all\"]"]);
    client.settle().await;
    assert_eq!(log.entries(), ["false"]);
}

/// D66, D73: a catch-all that fails changes nothing for the event; the hook is told.
#[tokio::test(start_paused = true)]
async fn a_catch_all_that_fails_changes_nothing_for_the_event() {
    let io = Server::new();
    let log = Log::default();
    let errors = log.clone();
    io.on_error(move |failure| errors.push(format!("{}: {}", failure.occasion, failure.error)));
    io.of("/")
        .on_any(async || -> Result<(), HandlerError> { Err(HandlerError::new("no")) })
        .on_any(async |Data(n): Data<u32>| assert_eq!(n, 1, "boom"))
        .on("e", async || Ok("fine"));
    let client = Client::connected(&io).await;
    assert_eq!(client.exchange("420[\"e\",2]").await, ["430[\"fine\"]"]);
    assert_eq!(log.take(), ["catch-all of event \"e\": no", "catch-all of event \"e\": internal error"]);
}

/// D66, D74: a catch-all that disconnects the socket has kept the event from its handlers.
#[tokio::test(start_paused = true)]
async fn a_catch_all_that_disconnects_keeps_the_event_from_its_handlers() {
    for with_middleware in [false, true] {
        let io = Server::new();
        let log = Log::default();
        let namespace = io
            .of("/")
            .on_any(async |socket: Socket| socket.disconnect())
            .on("e", log.note("handler"))
            .on_fallback(log.note("fallback"))
            .on_disconnect(log.reasons());
        if with_middleware {
            namespace.event_middleware(async || {});
        }
        let client = Client::connected(&io).await;
        client.send("42[\"e\"]\u{1e}42[\"f\"]").await;
        client.settle().await;
        assert_eq!(log.entries(), ["server namespace disconnect"], "with middleware: {with_middleware}");
    }
}

/// D67: each event that a socket is sent, by itself or with others, is shown once; no acknowledgement is, nor what goes to
/// others.
#[tokio::test(start_paused = true)]
async fn what_is_sent_is_shown_to_outgoing_listeners() {
    let io = Server::new();
    let log = Log::default();
    let (one, first) = Client::with_socket(&io).await;
    let (_two, second) = Client::with_socket(&io).await;
    let (shared, own, id) = (log.clone(), log.clone(), first.id().clone());
    io.of("/").on("ask", async || Ok("answer")).on_any_outgoing(move |socket, event| {
        let who = if *socket.id() == id { "first" } else { "second" };
        shared.push(format!("{who}: {} {}", event.event_name().unwrap(), event.arg_count()));
    });
    first.on_any_outgoing(move |_, event| own.push(format!("own: {:?}", event.args::<u32>().ok())));
    first.emit("a", &(1, 2)).unwrap();
    assert_eq!(log.take(), ["first: a 2", "own: Some(1)"]);
    one.send("425[\"ask\"]").await;
    assert_eq!(one.receive_until("435[\"answer\"]").await, ["42[\"a\",1,2]", "435[\"answer\"]"]);
    assert_eq!(log.take(), [""; 0]);
    second.emit("b", &()).unwrap();
    first.broadcast().emit("c", &3).unwrap();
    assert_eq!(log.take(), ["second: b 0", "second: c 1"]);
    first.join("room");
    io.of("/").to("room").to(first.id().as_str()).emit("d", &bytes::Bytes::from_static(b"x")).unwrap();
    assert_eq!(log.take(), ["first: d 1", "own: None"]);
    drop(first.emit_with_ack::<()>("e", &5));
    assert_eq!(log.take(), ["first: e 1", "own: Some(5)"]);
    assert_eq!(one.receive().await, ["451-[\"d\",{\"_placeholder\":true,\"num\":0}]", "beA==", "420[\"e\",5]"]);
    first.off_any();
    io.of("/").emit("f", &()).unwrap();
    let mut both = log.take();
    both.sort();
    assert_eq!(both, ["first: f 0", "second: f 0"]);
    assert!(first.emit("disconnect", &()).is_err());
    assert_eq!(log.take(), [""; 0], "what cannot be sent is not shown");
}

/// D68: each middleware waits for the one before; the first error drops the event, and reaches the client that asked for
/// an acknowledgement, and the hook.
#[tokio::test(start_paused = true)]
async fn an_event_middleware_that_fails_drops_the_event_and_tells() {
    let io = Server::new();
    let log = Log::default();
    let errors = log.clone();
    io.on_error(move |failure| errors.push(format!("{}: {}", failure.occasion, failure.error)));
    io.of("/")
        .event_middleware(async |Event(name): Event| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            match name.as_str() {
                "refused" => Err(HandlerError::new("not allowed").with_data(&7)),
                "panic" => panic!("boom"),
                _ => Ok(()),
            }
        })
        .event_middleware(log.note("second"))
        .on_fallback(async |Event(name): Event| Ok(name));
    let client = Client::connected(&io).await;
    assert_eq!(client.exchange("420[\"fine\"]").await, ["430[\"fine\"]"]);
    assert_eq!(log.take(), ["second"]);
    assert_eq!(client.exchange("421[\"refused\"]").await, ["431[{\"error\":\"not allowed\",\"data\":7}]"]);
    assert_eq!(log.take(), ["middleware of event \"refused\": not allowed"]);
    assert_eq!(client.exchange("422[\"panic\"]").await, ["432[{\"error\":\"internal error\"}]"]);
    assert_eq!(log.take(), ["middleware of event \"panic\": internal error"]);
    client.send("42[\"refused\"]").await;
    log.becomes(&["middleware of event \"refused\": not allowed"]).await;
    assert_eq!(client.exchange("423[\"fine\"]").await, ["433[\"fine\"]"], "without a wish, nothing is sent");
    assert_eq!((io.counters().handler_errors, io.counters().handler_panics), (3, 1));
}

/// D68, D74: where the client has gone while a middleware waited, no handler runs.
#[tokio::test(start_paused = true)]
async fn an_event_whose_client_went_while_a_middleware_waited_is_dropped() {
    let io = Server::new();
    let (log, gate) = (Log::default(), Arc::new(Notify::new()));
    let opened = gate.clone();
    io.of("/")
        .event_middleware(move || {
            let opened = opened.clone();
            async move { opened.notified().await }
        })
        .on_fallback(log.note("handler"))
        .on_disconnect(log.reasons());
    let client = Client::connected(&io).await;
    client.send("42[\"e\"]").await;
    client.settle().await;
    client.close().await;
    log.becomes(&["transport close"]).await;
    gate.notify_waiters();
    io.close().await;
    assert_eq!(log.entries().len(), 1);
}

/// D69, D73: every kind of failure reaches the hook, with whose and what it was.
#[tokio::test(start_paused = true)]
async fn the_error_hook_is_told_of_every_kind_of_failure() {
    let io = Server::new();
    let log = Log::default();
    let errors = log.clone();
    io.on_error(move |failure| {
        let (error, id) = (failure.error, failure.socket.id().as_str().len());
        errors.push(format!("{}: {error} {} {} {id}", failure.occasion, error.is_extraction(), error.is_panic()));
    });
    io.of("/")
        .on("typed", async |Data(_): Data<u32>| {})
        .on("panics", async |Event(name): Event| assert_ne!(name, "panics", "boom"))
        .on("asks", async |_: AckSender| {})
        .on("data", async |_: SocketData<String>| {})
        .on_disconnecting(async || -> Result<(), HandlerError> { Err(HandlerError::new("cannot save")) })
        .on_disconnect(async |_: Auth<u32>| {});
    let client = Client::connected(&io).await;
    client.send("42[\"typed\",\"x\"]\u{1e}42[\"panics\"]\u{1e}42[\"asks\"]\u{1e}42[\"data\"]").await;
    log.reaches(4).await;
    client.close().await;
    io.close().await;
    let entries = log.take();
    let expected = [
        ("event \"typed\": invalid arguments: argument 0: ", "true false 20"),
        ("event \"panics\": internal error", "false true 20"),
        ("event \"asks\": this event wants an acknowledgement", "true false 20"),
        ("event \"data\": internal error", "false false 20"),
        ("disconnect: cannot save", "false false 20"),
        ("disconnect: invalid auth payload: ", "true false 20"),
    ];
    assert_eq!(entries.len(), expected.len(), "{entries:?}");
    for (entry, (start, end)) in entries.iter().zip(expected) {
        assert!(entry.starts_with(start) && entry.ends_with(end), "{entry}");
    }
    assert_eq!((io.counters().handler_errors, io.counters().handler_panics), (6, 1));
}

/// D70, D71: while it is leaving, a socket is still found in its rooms; when it has left, nowhere, though it knows them.
#[tokio::test(start_paused = true)]
async fn a_socket_that_is_leaving_is_in_its_rooms_and_one_that_has_left_is_not() {
    for way in ["41", "1", "server", "own"] {
        let io = Server::new();
        let log = Log::default();
        let look = |log: &Log, when: &'static str| {
            let log = log.clone();
            move |socket: Socket, reason: DisconnectReason| {
                let namespace = socket.namespace();
                let found = namespace.to("room").sockets().contains(&socket);
                let (members, all) = (namespace.room_len("room"), namespace.socket_count());
                log.push(format!("{when} {found} {members} {all} {:?} {}", socket.rooms(), socket.is_connected()));
                assert_eq!(socket.emit("late", &()), Err(EmitError::Disconnected), "{reason}");
                async {}
            }
        };
        let own = way == "own";
        if !own {
            io.of("/").on_disconnect(look(&log, "left")).on_disconnecting(look(&log, "leaving"));
        }
        let (client, socket) = Client::with_socket(&io).await;
        if own {
            socket.on_disconnecting(look(&log, "leaving"));
            socket.on_disconnect(look(&log, "left"));
        }
        socket.join("room");
        match way {
            "server" => socket.disconnect(),
            "own" => client.post("41").await,
            packet => client.post(packet).await,
        }
        log.becomes(&["leaving true 1 1 [\"room\"] false", "left false 0 0 [\"room\"] false"]).await;
    }
}

/// D70: a handler for leaving that waits does not keep the socket in its rooms.
#[tokio::test(start_paused = true)]
async fn a_handler_for_leaving_that_waits_holds_nothing_up() {
    let io = Server::new();
    let (log, entries) = (Log::default(), Log::default());
    let seen = entries.clone();
    io.of("/").on_disconnect(log.note("left")).on_disconnecting(move |socket: Socket| {
        let seen = seen.clone();
        async move {
            tokio::time::sleep(Duration::from_secs(5)).await;
            seen.push(format!("{}", socket.namespace().room_len("room")));
        }
    });
    let (client, socket) = Client::with_socket(&io).await;
    socket.join("room");
    let started = tokio::time::Instant::now();
    client.close().await;
    log.becomes(&["left"]).await;
    assert_eq!((started.elapsed().as_secs(), io.of("/").room_len("room")), (0, 0));
    io.close().await;
    assert_eq!(entries.entries(), ["0"], "and the end of the server waits for it");
}

/// D71: a socket's own handlers for its end run behind the namespace's, once, with the reason.
#[tokio::test(start_paused = true)]
async fn a_socket_has_handlers_for_its_own_end() {
    let io = Server::new();
    let log = Log::default();
    io.of("/").on_disconnecting(log.note("disconnecting")).on_disconnect(log.note("disconnect"));
    let (client, socket) = Client::with_socket(&io).await;
    let (_other_client, other) = Client::with_socket(&io).await;
    socket.on_disconnect(log.reasons());
    socket.on_disconnecting(log.note("own disconnecting"));
    client.send("41").await;
    client.settle().await;
    let expected = ["disconnecting", "own disconnecting", "disconnect", "client namespace disconnect"];
    assert_eq!(log.take(), expected);
    socket.on_disconnect(log.note("too late"));
    other.disconnect();
    client.settle().await;
    io.close().await;
    assert_eq!(log.take(), ["disconnecting", "disconnect"]);
}

/// D43: one value of the application's own type, until another is put in its place; each socket has its own.
#[tokio::test(start_paused = true)]
async fn a_socket_keeps_data_of_any_type() {
    #[derive(Debug, PartialEq, Serialize)]
    struct User {
        name: String,
    }
    let io = Server::new();
    let log = Log::default();
    let entries = log.clone();
    io.of("/")
        .on("rename", async |socket: Socket, Data(name): Data<String>| socket.set_data(User { name }))
        .on("who", async |SocketData(user): SocketData<User>| Ok(user.name.clone()))
        .on_disconnect(move |SocketData(user): SocketData<User>| {
            entries.push(user.name.clone());
            async {}
        });
    let (client, socket) = Client::with_socket(&io).await;
    let (other, _) = Client::with_socket(&io).await;
    assert_eq!(client.exchange("420[\"who\"]").await, ["430[{\"error\":\"internal error\"}]"], "not its type's name");
    assert_eq!(client.exchange("421[\"rename\",\"Ada\"]").await, ["431[]"]);
    assert_eq!(client.exchange("422[\"who\"]").await, ["432[\"Ada\"]"]);
    assert_eq!(client.exchange("423[\"rename\",\"Grace\"]").await, ["433[]"]);
    assert_eq!(client.exchange("424[\"who\"]").await, ["434[\"Grace\"]"]);
    assert_eq!(other.exchange("420[\"who\"]").await, ["430[{\"error\":\"internal error\"}]"]);
    assert_eq!(socket.data::<User>().as_deref(), Some(&User { name: "Grace".into() }));
    assert!(socket.data::<String>().is_none());
    client.close().await;
    log.becomes(&["Grace"]).await;
    socket.set_data(5_u8);
    assert_eq!(socket.data::<u8>().as_deref(), Some(&5), "and keeps it when it has left");
}

/// D49: an event called `message`.
#[tokio::test(start_paused = true)]
async fn send_emits_a_message() {
    let io = Server::new();
    io.of("/").on("message", async |socket: Socket, Data(text): Data<String>| {
        socket.send(&("you said", &text))?;
        Ok(())
    });
    let client = Client::connected(&io).await;
    assert_eq!(client.exchange("42[\"message\",\"hi\"]").await, ["42[\"message\",\"you said\",\"hi\"]"]);
}

/// D57, D58: what is said about one event holds for that event, and for what is made of it.
#[tokio::test(start_paused = true)]
async fn modifiers_hold_for_what_is_made_of_them_and_nothing_else() {
    let io = Server::new();
    let (client, socket) = Client::with_socket(&io).await;
    let (other, second) = Client::with_socket(&io).await;
    second.join("a");
    let hasty = socket.compress(false).timeout(Duration::from_secs(1));
    let started = tokio::time::Instant::now();
    hasty.emit("plain", &1).unwrap();
    assert!(hasty.emit_with_ack::<()>("asked", &2).await.unwrap_err().is_timeout());
    assert!(hasty.clone().timeout(Duration::from_secs(2)).emit_with_ack::<()>("asked", &3).await.is_err());
    assert!(hasty.emit_with_ack::<()>("asked", &4).await.unwrap_err().is_timeout());
    assert_eq!(started.elapsed().as_secs(), 4);
    assert!(socket.emit_with_ack::<()>("asked", &5).await.unwrap_err().is_timeout());
    assert_eq!(started.elapsed().as_secs(), 24, "the default again");
    let heard = client.receive().await;
    assert_eq!(heard[..2], ["42[\"plain\",1]", "420[\"asked\",2]"]);
    assert_eq!(heard.len(), 5);
    socket.except("a").compress(false).emit("nobody", &()).unwrap();
    socket.broadcast().emit("others", &()).unwrap();
    io.of("/").emit("end", &()).unwrap();
    assert_eq!(client.receive().await, ["42[\"end\"]"], "a socket leaves itself out");
    assert_eq!(other.receive().await, ["42[\"others\"]", "42[\"end\"]"]);
}

/// What the application keeps beside a socket is there by its type, for handlers too, and goes with the socket although a
/// handle is kept (R11).
#[tokio::test(start_paused = true)]
async fn extensions_are_kept_by_type_and_go_with_the_socket() {
    let (io, log) = (Server::new(), Log::default());
    let kept = Arc::new(());
    let (precious, seen) = (kept.clone(), log.clone());
    io.of("/")
        .on_connect(move |socket: Socket| {
            assert!(socket.extensions().insert(precious.clone()).is_none());
            assert_eq!(socket.extensions().insert(7_u32).as_deref(), None);
            assert_eq!(socket.extensions().insert(8_u32).as_deref(), Some(&7));
            std::future::ready(())
        })
        .on("number", async |Extension(number): Extension<u32>| Ok(*number))
        .on("missing", async |Extension(_): Extension<String>| Ok(()))
        .on_disconnect(move |socket: Socket, Extension(number): Extension<u32>| {
            seen.push(format!("{number} {}", socket.extensions().get::<Arc<()>>().is_some()));
            std::future::ready(())
        });
    let client = Client::connected(&io).await;
    let socket = io.of("/").sockets().remove(0);
    client.send("420[\"number\"]\u{1e}421[\"missing\"]").await;
    assert_eq!(client.receive().await, ["430[8]", "431[{\"error\":\"internal error\"}]"]);
    assert_eq!(socket.extensions().remove::<u64>(), None);
    client.send("41").await;
    log.becomes(&["8 true"]).await;
    client.settle().await;
    assert!(socket.extensions().get::<u32>().is_none());
    assert_eq!(Arc::strong_count(&kept), 2, "this one, and the handler's");
}

/// Events and answers go on as they came: to others, and from one client's answer to another's question.
#[tokio::test(start_paused = true)]
async fn events_and_answers_can_be_passed_on_unread() {
    let io = Server::new();
    io.of("/")
        .on("ask", async |socket: Socket, ack: AckSender| {
            let others = socket.broadcast().sockets();
            let answer = others[0].emit_with_ack::<()>("question", &()).raw().await?;
            Ok(ack.send_answer(&answer)?)
        })
        .on("ask all", async |socket: Socket, ack: AckSender| {
            let answers = socket.broadcast().emit_with_ack::<()>("question", &())?.raw().await?;
            Ok(ack.send_answer(&answers[0])?)
        })
        .on_fallback(async |socket: Socket, RawEvent(event): RawEvent| socket.broadcast().emit_raw(&event));
    let (asking, asked) = (Client::connected(&io).await, Client::connected(&io).await);
    for event in ["ask", "ask all"] {
        asking.send(&format!("425[\"{event}\"]")).await;
        let question = asked.receive().await.remove(0);
        let id = question.strip_prefix("42").unwrap().strip_suffix("[\"question\"]").unwrap();
        asked.send(&format!("43{id}[{{\"as\":1.50}}, \"it is\"]")).await;
        assert_eq!(asking.receive().await, ["435[{\"as\":1.50}, \"it is\"]"]);
    }
    asking.send("42[\"any\",1.50]").await;
    assert_eq!(asked.receive().await, ["42[\"any\",1.50]"]);
}
