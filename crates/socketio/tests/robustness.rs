//! What handlers may do, and what must not come of it: panics, re-entrancy, and what is kept for whom. Hazards R11, R24,
//! R25, in every kind of handler, listener and hook; those of rooms and namespaces are in the files of those names.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;

use std::{sync::Arc, time::Duration};

use client::{Client, Log};
use serde::Serialize;
use socketio::{HandlerError, Server, Socket};

/// D67, R25: a panic in an outgoing listener is that listener's alone: everybody gets the event.
#[tokio::test(start_paused = true)]
async fn an_outgoing_listener_that_panics_hurts_nobody() {
    let io = Server::new();
    let log = Log::default();
    let entries = log.clone();
    io.of("/").on_any_outgoing(|_, event| assert_ne!(event.event_name().unwrap(), "e", "boom")).on_any_outgoing(
        move |_, event| {
            entries.push(event.event_name().unwrap().into_owned());
        },
    );
    let clients = [Client::connected(&io).await, Client::connected(&io).await, Client::connected(&io).await];
    io.of("/").emit("e", &()).unwrap();
    io.of("/").sockets()[0].emit("e", &()).unwrap();
    io.of("/").emit("f", &()).unwrap();
    for client in &clients {
        assert_eq!(client.receive_until("42[\"f\"]").await[0], "42[\"e\"]");
    }
    assert_eq!((log.entries().len(), io.counters().handler_panics), (7, 4));
}

/// R11: a handle that is kept for ever keeps none of the handlers of its socket, nor what they captured.
#[tokio::test(start_paused = true)]
async fn a_socket_that_is_kept_for_ever_lets_its_handlers_go() {
    for way in ["1", "41", "server", "refused"] {
        let io = Server::new();
        let captured = Arc::new(());
        let kept = Arc::new(std::sync::Mutex::new(None));
        let (held, keep) = (captured.clone(), kept.clone());
        io.of("/").middleware(move |socket: Socket| {
            // The socket's own handle in its handlers, too, which is a ring until it leaves.
            let hold = (held.clone(), socket.clone());
            macro_rules! holding {
                () => {{
                    let hold = hold.clone();
                    move || {
                        let _hold = hold.clone();
                        async {}
                    }
                }};
            }
            socket.on("e", holding!());
            socket.once("f", holding!());
            socket.on_any(holding!());
            socket.on_disconnecting(holding!());
            socket.on_disconnect(holding!());
            socket.on_any_outgoing(move |_, _| drop(hold.clone()));
            *keep.lock().unwrap() = Some(socket);
            async move { if way == "refused" { Err(HandlerError::new("no")) } else { Ok(()) } }
        });
        let client = Client::open(&io).await;
        client.send("40").await;
        client.receive().await;
        let socket = kept.lock().unwrap().clone().unwrap();
        if way != "refused" {
            assert_eq!(Arc::strong_count(&captured), 8, "{way}");
        }
        match way {
            "server" => socket.disconnect(),
            "refused" => {}
            packet => client.post(packet).await,
        }
        client.settle().await;
        assert_eq!(Arc::strong_count(&captured), 2, "{way}: the test's, and the middleware's");
        socket.on("e", {
            let late = captured.clone();
            move || {
                let _late = late.clone();
                async {}
            }
        });
        assert_eq!(Arc::strong_count(&captured), 2, "{way}: who has left takes no handlers");
    }
}

/// R24: handlers that are taken away, and what they captured, are dropped under no lock.
#[tokio::test(start_paused = true)]
async fn what_a_removed_handler_captured_may_use_the_socket_when_it_is_dropped() {
    struct Uses(Socket, Log);
    impl Drop for Uses {
        fn drop(&mut self) {
            self.0.on("dropped", || std::future::ready(()));
            let _ = self.0.emit("dropped", &());
            drop(self.0.namespace().clone().on("dropped", || std::future::ready(())));
            self.1.push("dropped".into());
        }
    }
    let handler = |uses: Uses| {
        move || {
            let _uses = &uses;
            async {}
        }
    };
    let log = Log::default();
    let entries = log.clone();
    let body = async move {
        let io = Server::new();
        let (client, socket) = Client::with_socket(&io).await;
        socket.on("e", handler(Uses(socket.clone(), entries.clone())));
        socket.on_any(handler(Uses(socket.clone(), entries.clone())));
        let outgoing = Uses(socket.clone(), entries.clone());
        socket.on_any_outgoing(move |_, _| {
            let _ = &outgoing;
        });
        socket.off("e");
        assert_eq!(entries.entries().len(), 1);
        socket.off_any();
        assert_eq!(entries.entries().len(), 3);
        socket.once("once", handler(Uses(socket.clone(), entries.clone())));
        client.send("42[\"once\"]").await;
        entries.reaches(4).await;
        socket.on("at the end", handler(Uses(socket.clone(), entries.clone())));
        client.close().await;
        entries.reaches(5).await;
        socket.on("after it", handler(Uses(socket.clone(), entries.clone())));
        assert_eq!(entries.entries().len(), 6);
        for _ in 0..2 {
            drop(io.of("/").on_connect(handler(Uses(socket.clone(), entries.clone()))));
            drop(io.of("/").on_fallback(handler(Uses(socket.clone(), entries.clone()))));
        }
        assert_eq!(entries.entries().len(), 8, "of two each, the last one counts");
    };
    watched(body);
    assert_eq!(log.entries().len(), 8);
}

/// Runs on a thread of its own, so that a dead-lock is a failure and not a hang.
fn watched(body: impl Future<Output = ()> + Send + 'static) {
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(body)));
        let _ = done.send(outcome);
    });
    match ended.recv_timeout(Duration::from_secs(60)) {
        Ok(Ok(())) => {}
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(_) => panic!("a dead-lock"),
    }
}

/// Uses about everything that there is.
fn use_everything(io: &Server, socket: &Socket) {
    let namespace = io.of(socket.namespace().name());
    socket.join("room");
    socket.leave("room");
    socket.join("room");
    let _ = socket.emit("own", &());
    namespace.to("room").except("nobody").emit("room", &()).unwrap();
    socket.broadcast().emit("others", &()).unwrap();
    drop(socket.emit_with_ack::<()>("asked", &()));
    socket.on("registered", || std::future::ready(()));
    socket.once("registered", || std::future::ready(()));
    socket.on_disconnect(|| std::future::ready(()));
    socket.off("registered");
    namespace.clone().on("registered", || std::future::ready(()));
    namespace.clone().on_any(|| std::future::ready(()));
    socket.set_data(socket.rooms().len());
    assert_eq!(socket.data::<usize>().map(|data| *data), Some(socket.rooms().len()));
    io.of("/made").emit("made", &()).unwrap();
    io.on_error(|_| {});
    let _ = (namespace.sockets(), namespace.room_names(), namespace.room_len("room"), io.namespaces(), io.counters());
    for other in namespace.to("victims").sockets() {
        other.disconnect();
    }
}

/// R24: in every kind of handler, hook and listener, everything may be used, disconnecting others and oneself included.
#[test]
fn everything_may_be_used_in_every_kind_of_handler() {
    const KINDS: [&str; 10] = [
        "middleware",
        "connect",
        "connected",
        "any",
        "event middleware",
        "event",
        "outgoing",
        "disconnecting",
        "disconnect",
        "error hook",
    ];
    for kind in KINDS {
        let log = Log::default();
        let entries = log.clone();
        watched(async move {
            let io = Server::new();
            let (_victim_client, victim) = Client::with_socket(&io).await;
            victim.join("victims");
            let once = Arc::new(std::sync::Mutex::new(Vec::new()));
            let server = io.clone();
            let use_it = move |socket: &Socket, what: &str| {
                // An outgoing listener that emits would otherwise go on for ever.
                let first = {
                    let mut once = once.lock().unwrap();
                    let first = !once.contains(&what.to_owned());
                    once.push(what.to_owned());
                    first
                };
                if what == kind && first {
                    use_everything(&server, socket);
                    entries.push(what.to_owned());
                    if !["connect", "connected", "middleware"].contains(&kind) {
                        socket.disconnect();
                    }
                }
            };
            macro_rules! using {
                ($what:expr) => {{
                    let use_it = use_it.clone();
                    move |socket: Socket| {
                        use_it(&socket, $what);
                        async {}
                    }
                }};
            }
            let (outgoing, hook) = (use_it.clone(), use_it.clone());
            io.on_error(move |failure| hook(failure.socket, "error hook"));
            io.of_matching(|name| name == "/x")
                .middleware(using!("middleware"))
                .on_connect(using!("connect"))
                .on_connected(using!("connected"))
                .on_any(using!("any"))
                .event_middleware(using!("event middleware"))
                .on("e", using!("event"))
                .on("fails", async || -> Result<(), HandlerError> { Err(HandlerError::new("no")) })
                .on_any_outgoing(move |socket, _| outgoing(socket, "outgoing"))
                .on_disconnecting(using!("disconnecting"))
                .on_disconnect(using!("disconnect"));
            io.of("/x").emit("nobody is here", &()).unwrap();
            let client = Client::connected(&io).await;
            client.join("/x").await;
            client.settle().await;
            client.send("42/x,[\"fails\"]\u{1e}42/x,[\"e\"]").await;
            client.settle().await;
            let _ = io.of("/x").emit("shown", &());
            client.close().await;
            io.close().await;
            assert_eq!((io.of("/x").socket_count(), io.of("/x").room_names().len()), (0, 0), "{kind}");
        });
        assert_eq!(log.entries(), [kind]);
    }
}

/// R25: a panic in any kind of handler is an error of that one call: it is counted and told, the connection goes on.
#[tokio::test(start_paused = true)]
async fn a_panic_in_any_kind_of_handler_is_that_calls_alone() {
    for (kind, panics) in [
        ("connected", 2),
        ("any", 2),
        ("event middleware", 2),
        ("event", 2),
        ("own event", 1),
        ("fallback", 1),
        ("serialize", 1),
        ("disconnecting", 1),
        ("disconnect", 1),
    ] {
        let io = Server::new();
        let log = Log::default();
        let errors = log.clone();
        io.on_error(move |failure| errors.push(failure.error.to_string()));
        let boom = move |what: &'static str| move || assert_ne!(what, kind, "boom");
        macro_rules! panicking {
            ($what:expr) => {{
                let (at_once, later) = (boom($what), boom($what));
                // The first panics before it gives a future, the second in it.
                let odd = std::sync::atomic::AtomicBool::new(false);
                move || {
                    let is_odd = odd.fetch_xor(true, std::sync::atomic::Ordering::Relaxed);
                    if is_odd {
                        at_once();
                    }
                    let later = later.clone();
                    async move {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        if !is_odd {
                            later();
                        }
                    }
                }
            }};
        }
        struct Unwritable(bool);
        impl Serialize for Unwritable {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                assert!(!self.0, "boom");
                serializer.serialize_unit()
            }
        }
        let namespace = io
            .of("/x")
            .on_connected(panicking!("connected"))
            .on_connected(panicking!("connected"))
            .on_any(panicking!("any"))
            .event_middleware(panicking!("event middleware"))
            .on("e", panicking!("event"))
            .on("serialize", move || async move { Ok(Unwritable(kind == "serialize")) })
            .on_fallback(panicking!("fallback"))
            .on_disconnecting(panicking!("disconnecting"))
            .on_disconnect(panicking!("disconnect"));
        let client = Client::connected(&io).await;
        client.join("/x").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let socket = namespace.sockets().remove(0);
        socket.on("own", panicking!("own event"));
        let events: &[&str] = match kind {
            "any" | "event middleware" | "event" => &["e", "e"],
            "own event" => &["own"],
            "fallback" => &["unknown"],
            "serialize" => &["serialize"],
            _ => &[],
        };
        for event in events {
            // What a handler returns is serialised for who has asked for it.
            let ack = if kind == "serialize" { "7" } else { "" };
            client.send(&format!("42/x,{ack}[\"{event}\"]")).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!((namespace.socket_count(), io.of("/").socket_count()), (1, 1), "{kind}");
        client.send("41/x,").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!((namespace.socket_count(), io.of("/").socket_count()), (0, 1), "{kind}");
        let counters = io.counters();
        assert_eq!((counters.handler_panics, counters.handler_errors), (panics, panics), "{kind}");
        assert_eq!(log.entries(), vec!["internal error"; usize::try_from(panics).unwrap()], "{kind}");
    }
}

/// R25, D69: a hook that panics is skipped, and the others are told.
#[tokio::test(start_paused = true)]
async fn an_error_hook_that_panics_hurts_nobody() {
    let io = Server::new();
    let log = Log::default();
    let errors = log.clone();
    io.on_error(|_| panic!("boom")).on_error(move |failure| errors.push(failure.error.to_string()));
    io.of("/").on("e", async || -> Result<(), HandlerError> { Err(HandlerError::new("no")) });
    let client = Client::connected(&io).await;
    assert_eq!(client.exchange("420[\"e\"]").await, ["430[{\"error\":\"no\"}]"]);
    assert_eq!(log.entries(), ["no"]);
    assert_eq!((io.counters().handler_errors, io.counters().handler_panics), (1, 1));
}
