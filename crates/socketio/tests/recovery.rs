//! Connection state recovery, row by row: what a client that comes back finds. Contract rows D103–D114; hazards R32 (a),
//! (b), (d), (e), S1. What happens while the server is still busy with the client, or another, is in
//! `recovery_races.rs`, what is bounded in `recovery_bounds.rs`.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;
#[allow(dead_code, reason = "each of the files beside this one uses another part of it")]
mod returning;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use client::{Client, Log};
use returning::{Returning, answer_sync, recovering, serving};
use serde_json::{Value, json};
use socketio::{AckError, Config, HandlerError, Namespace, Server, Socket};

/// The sockets that joined, in order.
fn sockets_of(io: &Server) -> Arc<Mutex<Vec<Socket>>> {
    let sockets = Arc::new(Mutex::new(Vec::new()));
    let list = sockets.clone();
    io.of("/").on_connected(move |socket: Socket| {
        list.lock().unwrap().push(socket);
        async {}
    });
    sockets
}

fn last(sockets: &Mutex<Vec<Socket>>) -> Socket {
    sockets.lock().unwrap().last().unwrap().clone()
}

/// D103: it is off unless asked for, and then nothing of it is on the wire.
#[tokio::test(start_paused = true)]
async fn without_the_option_there_is_no_private_id_and_no_offset() {
    let io = serving(Config::default());
    let sockets = sockets_of(&io);
    let mut client = Returning::new(&io).await;
    last(&sockets).emit("news", &1).unwrap();
    assert_eq!(client.client.receive().await, ["42[\"news\",1]"]);
    assert_eq!((&client.pid, client.recovered), (&None, false));
    client.lose().await;
    io.of("/").emit("missed", &()).unwrap();
    let id = client.id.clone();
    client.pid = Some("guess".into());
    client.come_back(&io).await;
    assert!(!client.recovered && client.id != id && !last(&sockets).is_recovered());
    assert_eq!(client.all().await, [""; 0]);
}

/// D104, S1: a secret of at least 120 bits beside the public id, of which nobody else learns: not the application's
/// other sockets, not other servers, not the log.
#[tokio::test(start_paused = true)]
async fn the_private_id_is_told_to_its_client_and_to_nobody_else() {
    let log = tracing_log::Capture::default();
    let _logged = tracing::subscriber::set_default(log.clone());
    let io = serving(recovering());
    let sockets = sockets_of(&io);
    let mut client = Returning::new(&io).await;
    let (pid, id) = (client.pid.clone().unwrap(), client.id.clone());
    // 6 bits a character.
    assert!(pid.len() >= 20 && pid != id, "{pid}");
    client.lose().await;
    client.come_back(&io).await;
    assert_eq!((client.recovered, client.pid.as_ref()), (true, Some(&pid)));
    let (socket, remote) = (last(&sockets), io.of("/").fetch_sockets().await.unwrap());
    let handshake = remote[0].handshake().unwrap();
    let told = [
        format!("{socket:?} {:?} {io:?} {:?}", socket.handshake(), socket.namespace()),
        format!("{remote:?} {handshake:?} {:?}", remote[0].rooms()),
        log.text(),
    ];
    for told in told {
        assert!(!told.contains(&pid), "{told}");
    }
    // What was asked for with a wrong one is not logged either.
    client.lose().await;
    client.pid = Some("nobody-has-this-one0".into());
    client.come_back(&io).await;
    assert!(!client.recovered && !log.text().contains("nobody-has") && log.text().contains("recovered"));
}

/// D105, D112, D114: the offset is the last argument of each event that neither asks for an acknowledgement nor is
/// volatile, whichever way it is emitted; and a later one is greater.
#[tokio::test(start_paused = true)]
async fn each_event_that_can_be_replayed_ends_with_a_growing_offset() {
    let io = serving(recovering());
    let sockets = sockets_of(&io);
    let client = Returning::new(&io).await;
    let socket = last(&sockets);
    socket.join("room");
    socket.emit("a", &()).unwrap();
    socket.compress(false).emit("b", &1).unwrap();
    socket.emit_raw(&socketio::Body::event("c", &"text").unwrap()).unwrap();
    io.of("/").emit("d", &[1]).unwrap();
    io.of("/").to("room").to(socket.id()).emit("e", &(1, 2)).unwrap();
    io.of("/").broadcast().local().except("other").emit("f", &()).unwrap();
    let flushed = tokio::spawn({
        let socket = socket.clone();
        async move { socket.emit_flushed("g", &()).await }
    });
    client.client.settle().await;
    let packets = client.client.receive().await;
    flushed.await.unwrap().unwrap();
    let mut offsets = Vec::new();
    for (packet, expected) in packets.iter().zip([
        json!(["a"]),
        json!(["b", 1]),
        json!(["c", "text"]),
        json!(["d", 1]),
        json!(["e", 1, 2]),
        json!(["f"]),
        json!(["g"]),
    ]) {
        let mut event: Value = serde_json::from_str(packet.strip_prefix("42").unwrap()).unwrap();
        let offset = event.as_array_mut().unwrap().pop().unwrap();
        offsets.push(offset.as_str().unwrap().parse::<socketio_proto::Offset>().unwrap());
        assert_eq!(event, expected);
    }
    assert!(offsets.len() == 7 && offsets.is_sorted_by(|a, b| a < b), "{packets:?}");
    let asked = socket.emit_with_ack::<()>("h", &1);
    let all = io.of("/").broadcast().emit_with_ack::<()>("i", &2).unwrap();
    let asked = tokio::spawn(async move { (asked.await, all.await.map(|_| ()).is_err()) });
    assert_eq!(client.client.receive().await, ["420[\"h\",1]", "421[\"i\",2]"]);
    client.lose().await;
    assert_eq!(asked.await.unwrap(), (Err(AckError::Disconnected), true));
}

/// R32 (a), D106: who never received an event names no offset, and has missed all since it joined; not what was before.
#[tokio::test(start_paused = true)]
async fn a_client_that_never_received_an_event_is_recovered() {
    let io = serving(recovering());
    io.of("/").emit("before", &()).unwrap();
    let mut client = Returning::new(&io).await;
    client.lose().await;
    client.come_back(&io).await;
    assert!(client.recovered);
    assert_eq!(client.received(), [""; 0]);
    client.lose().await;
    io.of("/").emit("missed", &1).unwrap();
    client.come_back(&io).await;
    assert!(client.recovered);
    assert_eq!(client.received(), ["[\"missed\",1]"]);
}

/// R32 (a): what a connect handler emits follows the CONNECT, and may be lost behind it.
#[tokio::test(start_paused = true)]
async fn what_was_emitted_while_it_joined_is_replayed_to_a_client_that_got_only_the_connect() {
    let io = serving(recovering());
    io.of("/").on_connect(async |socket: Socket, namespace: Namespace| {
        if !socket.is_recovered() {
            socket.join("room");
            socket.emit("welcome", &1)?;
            namespace.emit("not for who is not in yet", &())?;
            namespace.to("room").emit("welcome", &2)?;
        }
        Ok(())
    });
    let mut client = Returning::over(Client::open(&io).await, "/");
    client.client.send("40").await;
    let packets = client.client.receive().await;
    assert_eq!(packets.len(), 3, "{packets:?}");
    client.take_in(&packets[..1]).await;
    client.come_back(&io).await;
    assert!(client.recovered);
    assert_eq!(client.received(), ["[\"welcome\",1]", "[\"welcome\",2]"]);
    // The same where the first of them came.
    let mut client = Returning::over(Client::open(&io).await, "/");
    client.client.send("40").await;
    let packets = client.client.receive().await;
    client.take_in(&packets[..2]).await;
    client.come_back(&io).await;
    assert_eq!(client.received(), ["[\"welcome\",1]", "[\"welcome\",2]"]);
}

/// R32 (b), D108: for hours nothing was for this client, while others got much that is gone since.
#[tokio::test(start_paused = true)]
async fn a_client_that_was_quiet_for_hours_is_recovered() {
    let io = serving(recovering());
    io.of("/").on_connect(async |socket: Socket| socket.join("quiet")).on("rest", async || {
        tokio::time::sleep(Duration::from_secs(500)).await;
    });
    let namespace = io.of("/");
    let traffic = tokio::spawn(async move {
        loop {
            namespace.to("busy").emit("much", &()).unwrap();
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
    });
    let mut never = Returning::new(&io).await;
    let mut once = Returning::new(&io).await;
    io.of("/").to(&once.id).emit("hello", &()).unwrap();
    assert_eq!(once.all().await, ["[\"hello\"]"]);
    for _ in 0..30 {
        for client in [&once, &never] {
            client.client.send("420[\"rest\"]").await;
        }
        let rested = tokio::join!(once.client.receive(), never.client.receive());
        assert_eq!(rested, (vec!["430[]".to_owned()], vec!["430[]".to_owned()]));
    }
    tokio::join!(once.lose(), never.lose());
    io.of("/").to("quiet").emit("missed", &()).unwrap();
    tokio::time::sleep(Duration::from_secs(100)).await;
    for client in [&mut once, &mut never] {
        client.come_back(&io).await;
        assert!(client.recovered);
        assert_eq!(client.received(), ["[\"missed\"]"]);
    }
    traffic.abort();
}

/// How a session ends, and whether the client may come back to it.
#[derive(Clone, Copy, Debug)]
enum End {
    Close,
    PingTimeout,
    Undecodable,
    Unparsable,
    Abort,
    LeavesNamespace,
    Disconnect,
    DisconnectConnection,
}

/// D107: what was an accident, and what somebody wanted.
#[tokio::test(start_paused = true)]
async fn only_accidents_are_recovered() {
    for (end, reason, recoverable) in [
        (End::Close, "transport close", true),
        (End::PingTimeout, "ping timeout", true),
        (End::Undecodable, "forced close", true),
        (End::Abort, "forced close", true),
        (End::Unparsable, "parse error", false),
        (End::LeavesNamespace, "client namespace disconnect", false),
        (End::Disconnect, "server namespace disconnect", false),
        (End::DisconnectConnection, "server namespace disconnect", false),
    ] {
        let io = serving(recovering());
        let (sockets, log) = (sockets_of(&io), Log::default());
        io.of("/").on_disconnect(log.reasons());
        let mut client = Returning::new(&io).await;
        let id = client.id.clone();
        match end {
            End::Close => client.lose().await,
            End::PingTimeout => tokio::time::sleep(Duration::from_secs(46)).await,
            End::Undecodable => client.client.send("4x").await,
            End::Unparsable => client.client.send_refused("x").await,
            End::Abort => last(&sockets).abort_connection(),
            End::LeavesNamespace => client.client.send("41").await,
            End::Disconnect => last(&sockets).disconnect(),
            End::DisconnectConnection => last(&sockets).disconnect_connection(),
        }
        log.becomes(&[reason]).await;
        client.come_back(&io).await;
        assert_eq!((client.recovered, client.id == id), (recoverable, recoverable), "{end:?}");
        assert_eq!(last(&sockets).is_recovered(), recoverable, "{end:?}");
        let counters = io.counters();
        assert_eq!((counters.recoveries, counters.recoveries_failed), if recoverable { (1, 0) } else { (0, 1) });
    }
}

/// D108, R32: one that this server has never heard of gets a new session, and that is counted.
#[tokio::test(start_paused = true)]
async fn a_private_id_or_an_offset_of_another_server_makes_a_new_session() {
    let (io, other) = (serving(recovering()), serving(recovering()));
    let mut stranger = Returning::new(&other).await;
    other.of("/").emit("hello", &()).unwrap();
    stranger.all().await;
    let foreign = stranger.offset.clone().unwrap();
    for (offset, own_pid) in [
        (json!(foreign), true),
        (json!("hello"), true),
        (json!("x".repeat(10_000)), true),
        (json!({ "an": "object" }), true),
        (json!(7), true),
        (json!(null), false),
    ] {
        let mut client = Returning::new(&io).await;
        io.of("/").emit("hello", &()).unwrap();
        client.all().await;
        client.lose().await;
        client.offset = None;
        if !own_pid {
            client.pid = stranger.pid.clone();
        }
        let before = io.counters().recoveries_failed;
        client.come_back_with(&io, &json!({ "offset": offset, "name": "Ada" })).await;
        assert!(!client.recovered, "{offset}");
        assert_eq!(io.counters().recoveries_failed, before + 1, "{offset}");
        io.of("/").to(&client.id).emit("usable", &()).unwrap();
        assert_eq!(client.all().await, ["[\"usable\"]"], "{offset}");
    }
    assert_eq!(io.counters().recoveries, 0);
}

/// D109: id, private id, rooms and data are those of before, and what was missed is what was for it.
#[tokio::test(start_paused = true)]
async fn a_recovered_socket_has_its_id_rooms_and_data_and_gets_what_was_for_it() {
    let io = serving(recovering());
    let sockets = sockets_of(&io);
    let mut client = Returning::new(&io).await;
    let mut other = Returning::new(&io).await;
    let (id, pid) = (client.id.clone(), client.pid.clone());
    let socket = sockets.lock().unwrap()[0].clone();
    socket.join("a");
    socket.join("b");
    socket.join("left again");
    socket.leave("left again");
    socket.set_data(String::from("Ada"));
    client.lose().await;
    let namespace = io.of("/");
    assert_eq!((namespace.socket_count(), namespace.room_len("a")), (1, 0));
    namespace.emit("all", &1).unwrap();
    namespace.to("a").emit("room", &2).unwrap();
    namespace.to("a").to("b").to("c").emit("union", &3).unwrap();
    namespace.to(&id).emit("own id", &4).unwrap();
    namespace.except("c").emit("except another", &5).unwrap();
    last(&sockets).broadcast().emit("of another", &6).unwrap();
    last(&sockets).to("b").emit("of another to the room", &7).unwrap();
    namespace.to("c").emit("another room", &0).unwrap();
    namespace.to("left again").emit("left", &0).unwrap();
    namespace.except("b").emit("except its room", &0).unwrap();
    namespace.to("a").except(&id).emit("except it", &0).unwrap();
    namespace.to(&other.id).emit("another's", &0).unwrap();
    socket.broadcast().emit("its own", &0).unwrap();
    assert!(socket.emit("it is gone", &0).unwrap_err().is_disconnected());
    client.come_back(&io).await;
    assert!(client.recovered);
    assert_eq!((&client.id, &client.pid), (&id, &pid));
    let numbers: Vec<_> = client.received().iter().map(|event| event.chars().rev().nth(1).unwrap()).collect();
    assert_eq!(numbers, ['1', '2', '3', '4', '5', '6', '7']);
    let recovered = last(&sockets);
    assert!(recovered.is_recovered() && !socket.is_recovered() && recovered != socket && recovered.id() == socket.id());
    let mut rooms = recovered.rooms();
    rooms.sort();
    assert_eq!(rooms.iter().map(|room| &**room).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(*recovered.data::<String>().unwrap(), "Ada");
    // And it is there again.
    assert_eq!((namespace.socket_count(), namespace.room_len("a"), namespace.room_len(&id)), (2, 1, 1));
    namespace.to("a").emit("live", &()).unwrap();
    recovered.emit("live", &()).unwrap();
    assert_eq!(client.all().await, ["[\"live\"]", "[\"live\"]"]);
    let others = other.all().await;
    let names: Vec<_> = others.iter().filter_map(|event| event.split('"').nth(1)).collect();
    assert_eq!(names, ["all", "except another", "except its room", "another's", "its own"]);
}

/// D110: first what was missed, then the CONNECT, in this order and nothing else.
#[tokio::test(start_paused = true)]
async fn what_was_missed_comes_before_the_connect() {
    let io = serving(recovering());
    let client = Returning::new(&io).await;
    client.lose().await;
    for n in 0..3 {
        io.of("/").emit("missed", &n).unwrap();
    }
    let back = Client::open(&io).await;
    back.send(&client.connect_packet(&json!({}))).await;
    let packets = back.receive().await;
    let begins = ["42[\"missed\",0,", "42[\"missed\",1,", "42[\"missed\",2,", "40{"];
    assert!(packets.iter().zip(begins).all(|(packet, begin)| packet.starts_with(begin)), "{packets:?}");
    assert_eq!(packets.len(), 4);
}

/// D111: middlewares are for those who are new, unless they are wanted for all; the connect handlers run for everybody.
#[tokio::test(start_paused = true)]
async fn middlewares_are_skipped_for_a_recovered_client_where_so_configured() {
    for skip in [true, false] {
        let mut config = recovering();
        config.connection_state_recovery.as_mut().unwrap().skip_middlewares = skip;
        let (io, log) = (serving(config), Log::default());
        io.of("/")
            .middleware(log.note("middleware"))
            .on_connect(log.note("connect"))
            .on_connected(log.note("connected"));
        let mut client = Returning::new(&io).await;
        assert_eq!(log.take(), ["middleware", "connect", "connected"]);
        client.lose().await;
        client.come_back(&io).await;
        assert!(client.recovered);
        let expected = if skip { &["connect", "connected"][..] } else { &["middleware", "connect", "connected"] };
        assert_eq!(log.take(), expected);
        client.lose().await;
        client.pid = Some("unknown".into());
        client.come_back(&io).await;
        assert_eq!(log.take(), ["middleware", "connect", "connected"]);
    }
}

/// D111: a middleware that says no to one that comes back says no, and the client may try again.
#[tokio::test(start_paused = true)]
async fn a_comeback_that_is_refused_may_be_tried_again() {
    let mut config = recovering();
    config.connection_state_recovery.as_mut().unwrap().skip_middlewares = false;
    let (io, log) = (serving(config), Log::default());
    io.of("/").on_disconnect(log.reasons()).middleware(async |auth: socketio::Auth<Value>| {
        if auth.0["banned"] == json!(true) { Err(HandlerError::new("banned")) } else { Ok(()) }
    });
    let sockets = sockets_of(&io);
    let mut client = Returning::new(&io).await;
    last(&sockets).join("room");
    client.lose().await;
    io.of("/").to("room").emit("missed", &1).unwrap();
    for _ in 0..2 {
        let refused = Client::open(&io).await;
        refused.send(&client.connect_packet(&json!({ "banned": true }))).await;
        assert_eq!(refused.receive().await, ["44{\"message\":\"banned\"}"]);
        assert_eq!((io.of("/").socket_count(), io.of("/").room_len("room")), (0, 0));
    }
    client.come_back(&io).await;
    assert!(client.recovered);
    assert_eq!(client.received(), ["[\"missed\",1]"]);
    io.of("/").to("room").emit("live", &2).unwrap();
    assert_eq!(client.all().await, ["[\"live\",2]"]);
    assert_eq!((log.entries().len(), io.counters().recoveries), (1, 1));
}

/// D113, R32 (d): again and again, whatever happened in between, without a gap and without anything twice.
#[tokio::test(start_paused = true)]
async fn a_client_may_be_recovered_again_and_again_without_duplicates() {
    let io = serving(recovering());
    let sockets = sockets_of(&io);
    let mut client = Returning::new(&io).await;
    let (mut next, mut seen, id) = (0, Vec::new(), client.id.clone());
    let mut emit = || {
        io.of("/").emit("n", &next).unwrap();
        next += 1;
    };
    for round in 0..24 {
        // Live, then away, then both or nothing.
        (0..round % 3).for_each(|_| emit());
        if round % 2 == 0 {
            seen.extend(client.all().await);
        }
        if round % 4 == 3 {
            client.lose().await;
        }
        (0..round % 5).for_each(|_| emit());
        if round % 6 == 1 {
            // One that is lost before it has read the answer.
            let lost = Client::open(&io).await;
            lost.send(&client.connect_packet(&json!({}))).await;
            assert!(!lost.receive().await.is_empty());
        }
        client.come_back(&io).await;
        assert!(client.recovered && client.id == id, "round {round}");
        seen.extend(client.received());
    }
    emit();
    seen.extend(client.all().await);
    assert_eq!(seen, (0..next).map(|n| format!("[\"n\",{n}]")).collect::<Vec<_>>());
    assert_eq!((io.of("/").socket_count(), last(&sockets).id().to_string()), (1, id));
}

/// D114: what asks for an acknowledgement and what is volatile is not replayed, and who waits for an answer is told.
#[tokio::test(start_paused = true)]
async fn volatile_events_and_those_with_acknowledgements_are_not_replayed() {
    let io = serving(recovering());
    let sockets = sockets_of(&io);
    let mut client = Returning::new(&io).await;
    let pending = last(&sockets).emit_with_ack::<()>("question", &());
    let asked = tokio::spawn(async move { pending.await });
    client.client.settle().await;
    client.lose().await;
    assert_eq!(asked.await.unwrap(), Err(AckError::Disconnected));
    let _unanswered = io.of("/").broadcast().emit_with_ack::<()>("question", &()).unwrap();
    io.of("/").broadcast().volatile().emit("volatile", &1).unwrap();
    io.of("/").emit("kept", &2).unwrap();
    client.come_back(&io).await;
    assert!(client.recovered);
    assert_eq!(client.all().await, ["[\"kept\",2]"]);
}

/// R32 (e): the official client takes any text at the end of an event for an offset, the name of one without arguments
/// included; it is recovered all the same, wherever in its life that was.
#[tokio::test(start_paused = true)]
async fn volatile_events_that_end_with_a_text_do_not_spoil_the_offset() {
    let io = serving(recovering());
    let sockets = sockets_of(&io);
    let mut client = Returning::new(&io).await;
    for round in 0..4 {
        for (event, expected) in [("text", "[\"text\",\"text\"]"), ("tick", "[\"tick\"]"), ("all", "[\"all\",1,\"x\"]")]
        {
            let (socket, all) = (last(&sockets), io.of("/").broadcast().volatile());
            let waiting = async {
                // What is volatile leaves only where the client waits for something.
                client.client.settle().await;
                match event {
                    "text" => socket.volatile().emit(event, &"text").unwrap(),
                    "tick" => socket.volatile().emit(event, &()).unwrap(),
                    _ => all.emit(event, &(1, "x")).unwrap(),
                }
            };
            let (packets, ()) = tokio::join!(client.client.receive(), waiting);
            client.take_in(&packets).await;
            assert_eq!(client.received(), [expected], "round {round}");
            client.lose().await;
            if round % 2 == 1 {
                io.of("/").emit("missed", &round).unwrap();
            }
            client.come_back(&io).await;
            assert!(client.recovered, "round {round}, {event}");
            let missed = format!("[\"missed\",{round}]");
            assert_eq!(client.received(), if round % 2 == 1 { vec![missed] } else { vec![] }, "round {round}, {event}");
        }
        io.of("/").emit("kept", &()).unwrap();
        assert_eq!(client.all().await, ["[\"kept\"]"]);
    }
}

/// D109, D114: attachments come again with their event.
#[tokio::test(start_paused = true)]
async fn binary_events_are_replayed_with_their_attachments() {
    let io = serving(recovering());
    let mut client = Returning::new(&io).await;
    client.lose().await;
    io.of("/").emit("picture", &(Bytes::from_static(b"\x01\x02"), "é", Bytes::from_static(b"\x03"))).unwrap();
    io.of("/").emit("text", &()).unwrap();
    let back = Client::open(&io).await;
    back.send(&client.connect_packet(&json!({}))).await;
    let packets = back.receive().await;
    assert!(packets[0].starts_with("452-[\"picture\",{\"_placeholder\":true,\"num\":0},\"é\","), "{packets:?}");
    assert_eq!(packets[1..3], ["bAQI=", "bAw=="]);
    assert!(packets[3].starts_with("42[\"text\",") && packets[4].starts_with("40{"), "{packets:?}");
    client.forget_connection(back);
    client.take_in(&packets).await;
    assert!(client.recovered);
    assert_eq!(client.received().len(), 2);
}

/// D107, D109: each namespace of a connection has its own session; one that a client asked for outlives its last client.
#[tokio::test(start_paused = true)]
async fn each_namespace_recovers_its_own_clients() {
    let io = serving(recovering());
    for namespace in ["/a", "/b"] {
        answer_sync(&io, namespace);
    }
    let parent = io.of_matching(|name| name.starts_with("/child-")).on("sync", async || {});
    let mut clients = Vec::new();
    for namespace in ["/", "/a", "/b", "/child-1"] {
        clients.push(Returning::of(&io, namespace).await);
    }
    for client in &clients {
        client.lose().await;
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    io.of("/a").emit("a", &()).unwrap();
    io.of("/b").emit("b", &()).unwrap();
    parent.emit("child", &()).unwrap();
    let pids: Vec<_> = clients.iter().map(|client| client.pid.clone()).collect();
    for (client, expected) in clients.iter_mut().zip([&[][..], &["[\"a\"]"], &["[\"b\"]"], &["[\"child\"]"]]) {
        client.come_back(&io).await;
        assert!(client.recovered);
        assert_eq!(client.received(), expected);
        assert_eq!(client.all().await, [""; 0]);
    }
    // The session of one namespace is none in another.
    clients[1].lose().await;
    let mut thief = Returning::over(Client::open(&io).await, "/b");
    thief.pid = pids[1].clone();
    thief.join(&json!({})).await;
    assert!(!thief.recovered && thief.pid != pids[1]);
}

/// A subscriber that keeps the text of all that is logged.
mod tracing_log {
    use std::{
        fmt,
        sync::{Arc, Mutex},
    };

    use tracing::{
        Event, Metadata, Subscriber,
        field::{Field, Visit},
        span,
    };

    #[derive(Clone, Default)]
    pub(super) struct Capture(Arc<Mutex<String>>);

    struct Text<'a>(&'a mut String);

    impl Visit for Text<'_> {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            self.0.push_str(&format!("{field}={value:?} "));
        }
    }

    impl Capture {
        pub(super) fn text(&self) -> String {
            self.0.lock().unwrap().clone()
        }
    }

    impl Subscriber for Capture {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
            span.record(&mut Text(&mut self.0.lock().unwrap()));
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, values: &span::Record<'_>) {
            values.record(&mut Text(&mut self.0.lock().unwrap()));
        }

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, event: &Event<'_>) {
            event.record(&mut Text(&mut self.0.lock().unwrap()));
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }
}
