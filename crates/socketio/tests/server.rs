//! The server without sockets, on a paused clock: packets go in as long-polling requests, and time moves by
//! itself when everybody waits. What needs a real client is in the workspace's `tests/`.

mod client;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use client::{Client, Log};
use serde::{Deserialize, Serialize};
use socketio::{
    AckError, AckSender, Auth, Config, Data, DisconnectReason, EmitError, Event, HandlerError, Namespace, RawEvent,
    Server, Socket,
};
use tokio::sync::{Notify, mpsc};

#[derive(Deserialize)]
struct Login {
    name: String,
}

/// D33: what a connect handler emits reaches the client behind its CONNECT.
#[tokio::test(start_paused = true)]
async fn what_a_connect_handler_emits_follows_the_connect_packet() {
    let io = Server::new();
    io.of("/").on_connect(async |socket: Socket, Auth(login): Auth<Login>| {
        socket.emit("welcome", &login.name)?;
        Ok(())
    });
    let client = Client::open(&io).await;
    client.send("40{\"name\":\"Ada\"}").await;
    let packets = client.receive().await;
    assert!(packets[0].starts_with("40{\"sid\":\""), "{packets:?}");
    assert_eq!(packets[1..], ["42[\"welcome\",\"Ada\"]"]);
}

/// D29, C21, R9: a refusal carries message and data, and leaves nothing behind; the connection stays usable.
#[tokio::test(start_paused = true)]
async fn a_refused_client_is_told_why_and_may_try_again() {
    let io = Server::new();
    io.of("/").on_connect(async |socket: Socket, Auth(login): Auth<Login>| {
        socket.join("lobby");
        if login.name == "Eve" {
            return Err(HandlerError::new("not authorized").with_data(&serde_json::json!({"code": 42})));
        }
        Ok(())
    });
    let client = Client::open(&io).await;
    client.send("40{\"name\":\"Eve\"}").await;
    assert_eq!(client.receive().await, ["44{\"message\":\"not authorized\",\"data\":{\"code\":42}}"]);
    assert_eq!((io.of("/").socket_count(), io.of("/").room_len("lobby")), (0, 0));
    client.send("40").await;
    let refused = client.receive().await;
    assert!(refused[0].starts_with("44{\"message\":\"invalid auth payload: "), "{refused:?}");
    client.send("40{\"name\":\"Ada\"}").await;
    assert!(client.receive().await[0].starts_with("40{\"sid\""));
    assert_eq!((io.of("/").socket_count(), io.of("/").room_len("lobby")), (1, 1));
}

/// D28, S29: a namespace that nobody made.
#[tokio::test(start_paused = true)]
async fn an_unknown_namespace_is_refused() {
    let client = Client::open(&Server::new()).await;
    client.send("40/nowhere,").await;
    assert_eq!(client.receive().await, ["44/nowhere,{\"message\":\"Invalid namespace\"}"]);
}

/// S17: one connection cannot join namespaces without bound.
#[tokio::test(start_paused = true)]
async fn a_connection_joins_only_so_many_namespaces() {
    let mut config = Config::default();
    config.limits.max_namespaces = 1;
    let io = Server::with_config(config);
    io.of("/second");
    let client = Client::connected(&io).await;
    client.send("40/second,").await;
    assert_eq!(client.receive().await, ["44/second,{\"message\":\"Too many namespaces\"}"]);
}

/// D4, R30, S17: a connection that joins nothing is closed; one that has joined is not.
#[tokio::test(start_paused = true)]
async fn a_connection_that_joins_nothing_is_closed_after_the_connect_timeout() {
    let mut config = Config::default();
    config.engine.limits.ping_interval = Duration::from_secs(3600);
    let io = Server::with_config(config);
    let (idle, joined) = (Client::open(&io).await, Client::connected(&io).await);
    let started = tokio::time::Instant::now();
    assert_eq!(idle.receive().await, ["1"]);
    assert_eq!(started.elapsed().as_secs(), 45);
    tokio::time::sleep(Duration::from_secs(60)).await;
    joined.send("42[\"still here\"]").await;
    assert_eq!(io.engine().session_count(), 1);
}

/// D34, I6: a second CONNECT to one namespace ends the connection, also while the first is not through.
#[tokio::test(start_paused = true)]
async fn a_second_connect_ends_the_connection_even_before_the_first_is_answered() {
    let io = Server::new();
    let log = Log::default();
    io.of("/slow").on_connect(async || std::future::pending::<()>().await);
    io.of("/").on_disconnect(log.reasons());
    let client = Client::connected(&io).await;
    client.send("40/slow,\u{1e}40/slow,").await;
    log.becomes(&["forced server close"]).await;
    let client = Client::connected(&io).await;
    client.send("40").await;
    log.becomes(&["forced server close", "forced server close"]).await;
}

/// D35, R41: a packet for a namespace that was never joined ends the connection; one that the server has just
/// closed may still be spoken to by a client that does not know.
#[tokio::test(start_paused = true)]
async fn a_late_packet_for_a_namespace_that_the_server_closed_is_ignored() {
    let io = Server::new();
    io.of("/other").on("bye", async |socket: Socket| socket.disconnect());
    let stranger = Client::connected(&io).await;
    stranger.send("42/other,[\"hello\"]").await;
    assert_eq!(stranger.receive().await, ["1"]);

    let client = Client::connected(&io).await;
    client.send("40/other,").await;
    client.receive().await;
    client.send("42/other,[\"bye\"]").await;
    assert_eq!(client.receive().await, ["41/other,"]);
    client.send("42/other,[\"late\"]\u{1e}41/other,").await;
    client.send("42[\"fine\"]").await;
    assert_eq!(io.of("/").socket_count(), 1, "the rest of the connection is untouched");
}

/// C32: a packet that cannot be decoded ends the connection; the packet behind it is not looked at.
#[tokio::test(start_paused = true)]
async fn an_undecodable_packet_ends_the_connection_as_forced_close() {
    let io = Server::new();
    let log = Log::default();
    io.of("/").on_fallback(log.events()).on_disconnect(log.reasons());
    let client = Client::connected(&io).await;
    client.send("42[\"before\"]\u{1e}49\u{1e}42[\"after\"]").await;
    log.becomes(&["before", "forced close"]).await;
}

/// D65: what a handler returns is the acknowledgement; a tuple is several arguments, nothing is none.
#[tokio::test(start_paused = true)]
async fn what_a_handler_returns_is_the_acknowledgement() {
    let io = Server::new();
    io.of("/")
        .on("one", async |Data(n): Data<u32>| Ok(n + 1))
        .on("two", async |Data((a, b)): Data<(String, Option<u32>)>| Ok((b, a)))
        .on("none", async || {})
        .on("binary", async |Data(bytes): Data<Bytes>| Ok(serde_json::json!({ "length": bytes.len() })))
        .on("later", async |ack: AckSender| {
            tokio::spawn(async move { ack.send(&("by", "hand")) });
        })
        .on("wanted", async |socket: Socket, ack: Option<AckSender>| {
            let _ = socket.emit("wanted", &ack.is_some());
        });
    let client = Client::connected(&io).await;
    for (packet, answer) in [
        ("420[\"one\",41]", "430[42]"),
        ("421[\"two\",\"a\"]", "431[null,\"a\"]"),
        ("422[\"none\",1,2,3]", "432[]"),
        ("451-3[\"binary\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQID", "433[{\"length\":3}]"),
        ("424[\"later\"]", "434[\"by\",\"hand\"]"),
        ("42[\"wanted\"]", "42[\"wanted\",false]"),
    ] {
        client.send(packet).await;
        assert_eq!(client.receive().await, [answer], "{packet}");
    }
}

/// An error, a failed extraction and a panic reach the client's acknowledgement, and harm nothing else (R25).
#[tokio::test(start_paused = true)]
async fn a_failing_handler_answers_with_the_error_and_hurts_only_its_event() {
    let io = Server::new();
    io.of("/")
        .on("refuse", async || -> Result<(), HandlerError> { Err(HandlerError::new("no").with_data(&7)) })
        .on("typed", async |Data(_): Data<u32>| Ok(()))
        .on("io", async || {
            std::fs::read("/nowhere/at/all").map_err(|_| HandlerError::new("unreadable"))?;
            Ok(())
        })
        .on("panic", async |Data(text): Data<String>| {
            assert!(text.is_empty(), "boom");
            Ok(())
        })
        .on("own", async |data: Result<Data<u32>, HandlerError>| Ok(data.is_err()));
    let client = Client::connected(&io).await;
    for (packet, answer) in [
        ("420[\"refuse\"]", "430[{\"error\":\"no\",\"data\":7}]"),
        ("421[\"panic\",\"x\"]", "431[{\"error\":\"internal error\"}]"),
        ("422[\"io\"]", "432[{\"error\":\"unreadable\"}]"),
        ("423[\"own\",\"x\"]", "433[true]"),
    ] {
        client.send(packet).await;
        assert_eq!(client.receive().await, [answer], "{packet}");
    }
    client.send("424[\"typed\",\"x\"]").await;
    let answer = client.receive().await.remove(0);
    assert!(answer.starts_with("434[{\"error\":\"invalid arguments: argument 0: "), "{answer}");
}

/// R19, D62: handlers start in the order of their events, whether or not the ones before them wait.
#[tokio::test(start_paused = true)]
async fn handlers_start_in_the_order_of_their_events() {
    let io = Server::new();
    let started = Arc::new(Mutex::new(Vec::new()));
    let release = Arc::new(Notify::new());
    let (list, gate) = (started.clone(), release.clone());
    io.of("/").on("n", move |Data(n): Data<u32>| {
        list.lock().unwrap().push(n);
        let gate = gate.clone();
        async move {
            if n % 2 == 0 {
                gate.notified().await;
            }
        }
    });
    let client = Client::connected(&io).await;
    let events: Vec<_> = (0..100).map(|n| format!("42[\"n\",{n}]")).collect();
    client.send(&events.join("\u{1e}")).await;
    client.settle().await;
    assert_eq!(*started.lock().unwrap(), (0..100).collect::<Vec<_>>());
}

/// J17, S17: past the bound of waiting handlers nothing more is read, until one ends.
#[tokio::test(start_paused = true)]
async fn waiting_handlers_are_bounded_and_hold_the_client_back() {
    let mut config = Config::default();
    config.limits.max_pending_handlers = 3;
    let io = Server::with_config(config);
    let (started, mut starts) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    let gate = release.clone();
    io.of("/").on("n", move |Data(n): Data<u32>| {
        started.send(n).unwrap();
        let gate = gate.clone();
        async move { gate.notified().await }
    });
    let client = Client::connected(&io).await;
    let events: Vec<_> = (0..5).map(|n| format!("42[\"n\",{n}]")).collect();
    client.send(&events.join("\u{1e}")).await;
    client.settle().await;
    assert_eq!(std::iter::from_fn(|| starts.try_recv().ok()).collect::<Vec<_>>(), [0, 1, 2]);
    release.notify_one();
    assert_eq!(starts.recv().await, Some(3));
    release.notify_waiters();
    assert_eq!(starts.recv().await, Some(4));
}

/// R10, D70–D72: the disconnect handler runs once, with the reason, while the rooms can still be read.
#[tokio::test(start_paused = true)]
async fn the_disconnect_handler_runs_once_and_can_read_the_rooms() {
    let io = Server::new();
    let log = Log::default();
    let entries = log.clone();
    io.of("/")
        .on("join", async |socket: Socket, Data(room): Data<String>| {
            socket.join(room);
            Ok(())
        })
        .on("twice", async |socket: Socket| {
            socket.disconnect();
            socket.disconnect();
        })
        .on_disconnect(move |socket: Socket, reason: DisconnectReason| {
            let entries = entries.clone();
            async move {
                entries.push(format!("{reason}: {:?} {}", socket.rooms(), socket.namespace().room_len("a")));
                assert_eq!(socket.emit("x", &()), Err(EmitError::Disconnected));
            }
        });
    let gone = |reason: &str| format!("{reason}: [\"a\"] 0");
    for (last, reason) in [("41", "client namespace disconnect"), ("42[\"twice\"]", "server namespace disconnect")] {
        let client = Client::connected(&io).await;
        client.send("420[\"join\",\"a\"]").await;
        assert_eq!(client.receive().await, ["430[]"]);
        client.send(last).await;
        log.becomes(&[&gone(reason)]).await;
        log.clear();
    }
    let client = Client::connected(&io).await;
    client.send("42[\"join\",\"a\"]").await;
    client.post("1").await;
    log.becomes(&[&gone("transport close")]).await;
    log.clear();
    let client = Client::connected(&io).await;
    client.send("42[\"join\",\"a\"]").await;
    client.settle().await;
    io.close().await;
    log.becomes(&[&gone("server shutting down")]).await;
    assert_eq!((io.engine().session_count(), io.of("/").socket_count()), (0, 0));
}

/// R8: a client that goes while its connect handler runs leaves nothing, and its disconnect handler does not run.
#[tokio::test(start_paused = true)]
async fn a_client_that_goes_while_it_connects_leaves_nothing() {
    let io = Server::new();
    let (log, gate) = (Log::default(), Arc::new(Notify::new()));
    let release = gate.clone();
    io.of("/")
        .on_connect(move |socket: Socket| {
            let gate = gate.clone();
            async move {
                socket.join("before");
                gate.notified().await;
                socket.join("after");
                Ok(())
            }
        })
        .on_disconnect(log.reasons());
    let client = Client::open(&io).await;
    client.send("40").await;
    client.settle().await;
    assert_eq!(io.of("/").room_len("before"), 1);
    client.post("1").await;
    release.notify_one();
    io.close().await;
    assert!(io.of("/").room_names().is_empty());
    assert_eq!((io.of("/").socket_count(), log.entries().len()), (0, 0));
}

/// D51, D52, R21, R22: an acknowledgement answers, is late, or fails at once when the client goes.
#[tokio::test(start_paused = true)]
async fn an_awaited_acknowledgement_answers_times_out_or_fails_with_the_connection() {
    let io = Server::new();
    let log = Log::default();
    let entries = log.clone();
    io.of("/").on("ask", move |socket: Socket, Data(seconds): Data<u64>| {
        let entries = entries.clone();
        async move {
            let started = tokio::time::Instant::now();
            let answer: Result<(u32, String), AckError> =
                socket.emit_with_ack("question", &("q", 1)).timeout(Duration::from_secs(seconds)).await;
            entries.push(format!("{answer:?} after {}", started.elapsed().as_secs()));
        }
    });
    let client = Client::connected(&io).await;
    client.send("42[\"ask\",5]").await;
    assert_eq!(client.receive().await, ["420[\"question\",\"q\",1]"]);
    client.send("430[7,\"yes\",true]").await;
    log.becomes(&["Ok((7, \"yes\")) after 0"]).await;
    log.clear();

    client.send("42[\"ask\",5]").await;
    assert_eq!(client.receive().await, ["421[\"question\",\"q\",1]"], "ids are not used again");
    log.becomes(&["Err(Timeout) after 5"]).await;
    log.clear();
    client.send("431[7,\"late\"]\u{1e}430[7,\"twice\"]\u{1e}439[7,\"never asked\"]").await;

    client.send("42[\"ask\",5]").await;
    client.receive().await;
    client.post("1").await;
    log.becomes(&["Err(Disconnected) after 0"]).await;
}

/// A connect handler cannot wait for an answer that only a connected client gives: it is told at once.
#[tokio::test(start_paused = true)]
async fn asking_a_client_that_is_not_connected_yet_fails_at_once() {
    let io = Server::new();
    io.of("/").on_connect(async |socket: Socket| {
        let answer: Result<(), AckError> = socket.emit_with_ack("question", &()).await;
        answer.map_err(|error| HandlerError::new(format!("{error:?}")))
    });
    let client = Client::open(&io).await;
    client.send("40").await;
    assert_eq!(client.receive().await, ["44{\"message\":\"NotConnected\"}"]);
}

/// D40, D55–D57, D77, D78: rooms are a union that reaches each once; a socket leaves itself out.
#[tokio::test(start_paused = true)]
async fn a_broadcast_reaches_each_selected_socket_once() {
    let io = Server::new();
    io.of("/").on("join", async |socket: Socket, Data(rooms): Data<Vec<String>>| {
        rooms.iter().for_each(|room| socket.join(room));
        Ok(socket.id().to_string())
    });
    let clients = [Client::connected(&io).await, Client::connected(&io).await, Client::connected(&io).await];
    let rooms = ["[\"a\",\"b\"]", "[\"b\"]", "[\"c\"]"];
    let mut ids = Vec::new();
    for (client, rooms) in clients.iter().zip(rooms) {
        client.send(&format!("420[\"join\",{rooms}]")).await;
        ids.push(client.receive().await[0].trim_start_matches("430[\"").trim_end_matches("\"]").to_owned());
    }
    let chat = io.of("/");
    let sender = chat.sockets().into_iter().find(|socket| socket.id().as_str() == ids[0]).unwrap();
    let table: [(&str, socketio::Broadcast, [bool; 3]); 9] = [
        ("one room", chat.to("b"), [true, true, false]),
        ("a union", chat.to("a").to("b").to("c"), [true, true, true]),
        ("except", chat.except("a"), [false, true, true]),
        ("room except room", chat.to("b").except("a"), [false, true, false]),
        ("own room", chat.to(&ids[2]), [false, false, true]),
        ("except own room", chat.to("b").except(&ids[1]), [true, false, false]),
        ("from a socket", sender.to("b"), [false, true, false]),
        ("broadcast", sender.broadcast(), [false, true, true]),
        ("empty room", chat.to("nobody"), [false, false, false]),
    ];
    for (what, selection, reached) in table {
        selection.emit("x", what).unwrap();
        chat.emit("end", &()).unwrap();
        for (client, reached) in clients.iter().zip(reached) {
            let mut expected = vec!["42[\"end\"]".to_owned()];
            if reached {
                expected.insert(0, format!("42[\"x\",\"{what}\"]"));
            }
            assert_eq!(client.receive_until("42[\"end\"]").await, expected, "{what}");
        }
    }
}

/// A65 for binary: attachments inside ordinary values, in both directions, in acknowledgements too (C4).
#[tokio::test(start_paused = true)]
async fn bytes_travel_inside_ordinary_values() {
    #[derive(Serialize, Deserialize)]
    struct Picture {
        name: String,
        data: Bytes,
        thumbnails: Vec<Bytes>,
    }
    let io = Server::new();
    io.of("/").on("picture", async |socket: Socket, Data(mut picture): Data<Picture>| {
        picture.thumbnails.push(picture.data.slice(..1));
        socket.emit("seen", &picture)?;
        Ok(picture.data)
    });
    let client = Client::connected(&io).await;
    let event =
        "451-0[\"picture\",{\"name\":\"x\",\"data\":{\"_placeholder\":true,\"num\":0},\"thumbnails\":[]}]\u{1e}bAQID";
    client.send(event).await;
    let seen = "452-[\"seen\",{\"name\":\"x\",\"data\":{\"_placeholder\":true,\"num\":0},\
                \"thumbnails\":[{\"_placeholder\":true,\"num\":1}]}]";
    let ack = "461-0[{\"_placeholder\":true,\"num\":0}]";
    assert_eq!(client.receive().await, [seen, "bAQID", "bAQ==", ack, "bAQID"]);
}

/// Events without a handler of their own go to the fallback, unread if it likes.
#[tokio::test(start_paused = true)]
async fn the_fallback_sees_what_no_handler_names() {
    let io = Server::new();
    io.of("/").on("known", async || Ok("known")).on_fallback(
        async |socket: Socket, namespace: Namespace, Event(name): Event, RawEvent(event): RawEvent| {
            socket.emit_raw(&event)?;
            Ok((namespace.name().to_owned(), name))
        },
    );
    let client = Client::connected(&io).await;
    client.send("420[\"known\"]").await;
    assert_eq!(client.receive().await, ["430[\"known\"]"]);
    client.send("421[\"other\",{\"b\":1, \"a\":2}]").await;
    assert_eq!(client.receive().await, ["42[\"other\",{\"b\":1, \"a\":2}]", "431[\"/\",\"other\"]"]);
}

/// R15: who does not read is thrown out of a busy room rather than left with a hole in it; others see all.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_disconnected_when_its_queue_is_full() {
    let mut config = Config::default();
    config.engine.limits.max_queue_bytes = 1000;
    let io = Server::with_config(config);
    let log = Log::default();
    io.of("/").on_disconnect(log.reasons());
    let (_slow, quick) = (Client::connected(&io).await, Client::connected(&io).await);
    for n in 0..20 {
        io.of("/").emit("news", &(n, "x".repeat(100))).unwrap();
        assert_eq!(quick.receive().await.len(), 1);
    }
    log.becomes(&["transport error"]).await;
    assert_eq!(io.of("/").socket_count(), 1);
}

/// D61, and hazard R6 one layer up: what was sent before a disconnect arrives, whatever the client says meanwhile.
#[tokio::test(start_paused = true)]
async fn a_refusal_during_a_graceful_close_does_not_cut_it_short() {
    let io = Server::new();
    io.of("/").on("bye", async |socket: Socket| {
        let _ = socket.emit("last", "words");
        socket.disconnect_connection();
    });
    let client = Client::connected(&io).await;
    client.send("42[\"bye\"]\u{1e}40/nowhere,").await;
    assert_eq!(client.receive().await[..2], ["42[\"last\",\"words\"]", "41"]);
    assert_eq!(client.receive_until("1").await, ["6", "1"]);
}

/// R26, D74, R8: a client that fills the bound with handlers and goes does not have the rest of its events run.
#[tokio::test(start_paused = true)]
async fn events_that_were_not_started_when_the_client_went_are_dropped() {
    let mut config = Config::default();
    config.limits.max_pending_handlers = 2;
    let io = Server::with_config(config);
    let (log, gate) = (Log::default(), Arc::new(Notify::new()));
    let (entries, release) = (log.clone(), gate.clone());
    io.of("/")
        .on("slow", move || {
            entries.push("started".into());
            let gate = gate.clone();
            async move { gate.notified().await }
        })
        .on_disconnect(log.reasons());
    let client = Client::connected(&io).await;
    client.send(&["42[\"slow\"]"; 100].join("\u{1e}")).await;
    client.settle().await;
    {
        // Two GETs at once: the session is over.
        tokio::join!(client.receive(), client.refused_get());
    }
    log.becomes(&["started", "started", "transport error"]).await;
    release.notify_waiters();
    io.close().await;
    assert_eq!(log.entries().len(), 3);
}

/// R10, S28: whoever disconnects a socket, from wherever, its handler runs, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_disconnects_from_other_threads_run_the_handler_once_each() {
    let io = Server::new();
    let log = Log::default();
    io.of("/").on_disconnect(log.reasons());
    for round in 1..=200 {
        let client = Client::connected(&io).await;
        let socket = io.of("/").sockets().remove(0);
        let threads = [0, 1].map(|_| {
            let socket = socket.clone();
            std::thread::spawn(move || socket.disconnect())
        });
        client.close().await;
        for thread in threads {
            thread.join().unwrap();
        }
        log.reaches(round).await;
    }
    io.close().await;
    assert_eq!(log.entries().len(), 200);
    assert_eq!(io.of("/").socket_count(), 0);
}

/// S11, S22: a packet whose attachments stay away does not stay half here for ever; one that makes progress does.
#[tokio::test(start_paused = true)]
async fn attachments_that_do_not_come_end_the_connection() {
    let mut config = Config::default();
    config.engine.limits.ping_interval = Duration::from_secs(3600);
    let io = Server::with_config(config);
    let log = Log::default();
    io.of("/").on_fallback(log.events()).on_disconnect(log.reasons());
    let (slow, never) = (Client::connected(&io).await, Client::connected(&io).await);
    let header = |count: u32| format!("45{count}-[\"files\"]");
    slow.send(&header(2)).await;
    never.send(&header(2)).await;
    let started = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(20)).await;
    slow.send("bAQ==").await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    slow.send("bAg==").await;
    log.becomes(&["files", "forced close"]).await;
    assert!(started.elapsed() >= Duration::from_secs(45), "{:?}", started.elapsed());
    assert_eq!(io.of("/").socket_count(), 1);
}

/// S19: who has joined nothing yet has nothing to attach.
#[tokio::test(start_paused = true)]
async fn nobody_sends_attachments_before_joining_a_namespace() {
    let io = Server::new();
    let client = Client::open(&io).await;
    client.send("451-[\"early\",{\"_placeholder\":true,\"num\":0}]").await;
    client.settle().await;
    assert_eq!(io.engine().session_count(), 0, "closed at the header");
    let client = Client::connected(&io).await;
    client.send("451-[\"fine\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQ==").await;
    client.settle().await;
    assert_eq!(io.engine().session_count(), 1);
}

/// C11, S10: a handler that could never run is a mistake of the program, and is told at once.
#[test]
fn a_handler_for_a_reserved_event_is_refused_with_the_way_to_go() {
    let register = |event: &'static str| {
        std::panic::catch_unwind(move || Server::new().of("/").on(event, async || {}))
            .map_err(|panic| *panic.downcast::<String>().unwrap_or_default())
    };
    for event in ["connect", "disconnect", "disconnecting", "connect_error", "newListener", "removeListener"] {
        let message = register(event).unwrap_err();
        assert!(message.contains(event) && message.contains("on_connect"), "{message}");
    }
    assert!(register("connected").is_ok());
}

/// Each bound of the decoder holds on a running server.
#[tokio::test(start_paused = true)]
async fn the_configured_decoder_limits_hold() {
    let mut config = Config::default();
    config.limits.decoder.max_attachments = 1;
    let io = Server::with_config(config);
    io.of("/").on("n", async |Data(_): Data<Bytes>| Ok("taken"));
    let client = Client::connected(&io).await;
    client.send("451-0[\"n\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQ==").await;
    assert_eq!(client.receive().await, ["430[\"taken\"]"]);
    client.send("452-[\"n\",{\"_placeholder\":true,\"num\":0}]").await;
    client.settle().await;
    assert_eq!(io.engine().session_count(), 0);
}

/// R15: a client that does not read can be let go at once, with its queue.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_can_be_let_go_at_once() {
    let mut config = Config::default();
    config.engine.limits.max_queue_bytes = 1000;
    let io = Server::with_config(config);
    let log = Log::default();
    io.of("/").on_disconnect(log.reasons()).on("ask", async |socket: Socket, Data(text): Data<String>| {
        while socket.emit("answer", &text) != Err(EmitError::Full) {}
        socket.abort_connection();
    });
    let client = Client::connected(&io).await;
    client.send("42[\"ask\",\"x\"]").await;
    let started = tokio::time::Instant::now();
    log.becomes(&["forced close"]).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(io.engine().session_count(), 0);
}

/// S11's limit: the time runs against a client that is silent, not against one that is not being read.
#[tokio::test(start_paused = true)]
async fn attachments_that_wait_for_the_server_are_not_late() {
    let mut config = Config::default();
    config.engine.limits.ping_interval = Duration::from_secs(3600);
    config.limits.handler_grace = Duration::from_secs(600);
    config.limits.max_pending_handlers = 1;
    let io = Server::with_config(config);
    let (log, gate) = (Log::default(), Arc::new(Notify::new()));
    let release = gate.clone();
    io.of("/").on_fallback(log.events()).on_disconnect(log.reasons());
    io.of("/other").on_disconnect(move || {
        let gate = gate.clone();
        async move { gate.notified().await }
    });
    let client = Client::connected(&io).await;
    client.send("40/other,").await;
    client.receive().await;
    client.send("451-[\"file\"]").await;
    client.settle().await;
    // The one handler that may wait does, and nothing more is read.
    io.of("/other").sockets().remove(0).disconnect();
    client.settle().await;
    client.send("bAQ==").await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    release.notify_one();
    log.becomes(&["file"]).await;
}
