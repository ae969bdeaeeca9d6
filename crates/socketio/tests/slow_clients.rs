//! Clients that do not read: what becomes of events, acknowledgements and packets of the protocol for them, who is told,
//! what is counted, and that nobody else notices; and sending at the pace of the client. Contract rows D53, D58, D63, J1,
//! J2; hazards R15, R16, R18, R28.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use client::{Client, Log};
use engineio_proto::{MessageFrame, SendQueue};
use socketio::{AckError, Config, Counters, Data, EmitError, Server, Socket, WhenFull, testing::TestClient};
use tokio::time::Instant;

const LIMIT: usize = 4000;

/// Twenty of these are more than the limit.
fn padding() -> String {
    "x".repeat(200)
}

struct Slow {
    io: Server,
    /// Reads only when told to.
    client: Client,
    socket: Socket,
    /// How often a full queue was told.
    told: Arc<AtomicU64>,
    log: Log,
}

impl Slow {
    async fn new(when_full: WhenFull) -> Self {
        let mut config = Config::default();
        config.engine.limits.max_queue_bytes = LIMIT;
        config.engine.limits.ping_interval = Duration::from_secs(3600);
        config.when_full = when_full;
        let io = Server::with_config(config);
        let (told, log) = (Arc::new(AtomicU64::new(0)), Log::default());
        let tell = told.clone();
        io.on_slow_client(move |_| {
            tell.fetch_add(1, Ordering::Relaxed);
        });
        io.of("/").on_disconnect(log.reasons()).on("ask", async || Ok("an answer"));
        let client = Client::connected(&io).await;
        let socket = io.of("/").sockets().remove(0);
        Self { io, client, socket, told, log }
    }

    fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    /// Emits numbered events to all, more than the slow one's queue takes; who is quick has each before the next.
    ///
    /// R15: the others get everything at once, whatever becomes of the slow one.
    async fn flood(&self, quick: Option<&TestClient>) {
        for number in 0..20 {
            let started = Instant::now();
            self.io.of("/").emit("news", &(number, padding())).unwrap();
            assert!(!self.socket.is_connected() || self.socket.queued_bytes() <= LIMIT);
            let Some(quick) = quick else { continue };
            assert_eq!(quick.receive::<(u32, String)>("news").await, (number, padding()));
            assert_eq!(started.elapsed(), Duration::ZERO);
        }
    }

    /// Emits to the slow one until its queue is full; gives how many it took.
    fn fill(&self) -> usize {
        let fits = |number: &usize| self.socket.emit("news", &(number, padding())).is_ok();
        let taken = (0..1000).take_while(fits).count();
        assert!((10..20).contains(&taken), "{taken}");
        taken
    }

    /// Emits to the slow one until its queue is at the bound, to the byte; the first number is 10.
    fn fill_to_the_brim(&self) {
        let entry =
            |bytes: usize| bytes + SendQueue::cost_of(&[MessageFrame::text(&[])]) - MessageFrame::text(&[]).len();
        self.socket.emit("news", &(10, padding())).unwrap();
        let one = entry(self.socket.queued_bytes());
        let count = LIMIT / one;
        for number in 11..9 + count {
            self.socket.emit("news", &(number, padding())).unwrap();
        }
        let room = LIMIT - (count - 1) * one;
        self.socket.emit("news", &(9 + count, "x".repeat(padding().len() + room - one))).unwrap();
        assert_eq!(entry(0) * count + self.socket.queued_bytes(), LIMIT);
    }

    fn expect(&self, change: impl FnOnce(&mut Counters)) {
        let mut expected = Counters::default();
        expected.sockets_joined = self.io.counters().sockets_joined;
        change(&mut expected);
        assert_eq!(self.io.counters(), expected);
    }
}

/// The numbers of the events that came, and what else came as it is.
fn in_short(packets: Vec<String>) -> Vec<String> {
    let number = |packet: String| match packet.strip_prefix("42[\"news\",") {
        Some(rest) => rest.split(',').next().unwrap().to_owned(),
        None => packet,
    };
    packets.into_iter().map(number).collect()
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// J1, R15: `Disconnect`: thrown out, once, and told once.
#[tokio::test(start_paused = true)]
async fn who_is_slow_can_be_thrown_out() {
    let slow = Slow::new(WhenFull::Disconnect).await;
    let quick = TestClient::connect(&slow.io).await;
    slow.flood(Some(&quick)).await;
    slow.log.becomes(&["transport error"]).await;
    assert_eq!(slow.told(), 1);
    slow.expect(|counters| counters.slow_clients_disconnected = 1);
    assert_eq!((slow.io.of("/").socket_count(), slow.io.engine().session_count()), (1, 1));
    assert_eq!(slow.socket.emit("x", &()), Err(EmitError::Disconnected));
}

/// J1, R15: `DropNewest`: it has the first ones, and none of those that did not fit; when it reads, it gets what comes then.
#[tokio::test(start_paused = true)]
async fn who_is_slow_can_miss_the_newest_events() {
    let slow = Slow::new(WhenFull::DropNewest).await;
    let quick = TestClient::connect(&slow.io).await;
    slow.flood(Some(&quick)).await;
    assert!(slow.socket.queued_bytes() <= LIMIT);
    let got = in_short(slow.client.receive().await);
    assert!((10..20).contains(&got.len()), "{}", got.len());
    assert_eq!(got, numbers(0..got.len()));
    let dropped = 20 - got.len() as u64;
    assert_eq!(slow.told(), dropped);
    slow.expect(|counters| counters.events_dropped = dropped);
    slow.io.of("/").emit("later", &()).unwrap();
    assert_eq!(slow.client.receive().await, ["42[\"later\"]"]);
    assert!(slow.log.entries().is_empty());
}

/// J1, R15: `DropOldest`: it has the last ones; acknowledgements among them stay, at their place.
#[tokio::test(start_paused = true)]
async fn who_is_slow_can_miss_the_oldest_events() {
    let slow = Slow::new(WhenFull::DropOldest).await;
    let quick = TestClient::connect(&slow.io).await;
    slow.socket.emit("news", &("the oldest", padding())).unwrap();
    slow.client.send("425[\"ask\"]").await;
    slow.client.settle().await;
    slow.flood(Some(&quick)).await;
    assert!(slow.socket.queued_bytes() <= LIMIT);
    let mut got = in_short(slow.client.receive().await);
    assert_eq!(got.remove(0), "435[\"an answer\"]");
    assert_eq!(got, numbers(20 - got.len()..20));
    let dropped = 21 - got.len() as u64;
    assert!(slow.told() > 0 && slow.told() <= dropped);
    slow.expect(|counters| counters.events_dropped = dropped);
    assert!(slow.log.entries().is_empty());
}

/// J1, R27: an event to one socket is its sender's affair: it hears of it, and nothing else happens; nothing was sent.
#[tokio::test(start_paused = true)]
async fn an_event_to_one_socket_says_that_its_queue_is_full() {
    for when_full in [WhenFull::Disconnect, WhenFull::DropNewest] {
        let slow = Slow::new(when_full).await;
        let taken = slow.fill();
        assert_eq!(slow.socket.emit("news", &(0, padding())), Err(EmitError::Full));
        let asked = slow.socket.emit_with_ack::<()>("q", &padding()).await;
        assert_eq!(asked, Err(AckError::Emit(EmitError::Full)));
        assert!(slow.socket.is_connected());
        assert!(slow.socket.queued_bytes() <= LIMIT);
        assert_eq!(in_short(slow.client.receive().await), numbers(0..taken));
        slow.client.settle().await;
        assert_eq!(slow.socket.queued_bytes(), 0);
        slow.socket.emit("x", &()).unwrap();
        assert_eq!(slow.client.receive().await, ["42[\"x\"]"]);
        slow.expect(|_| {});
    }
    // Under `DropOldest` there is always room.
    let slow = Slow::new(WhenFull::DropOldest).await;
    for number in 0..100 {
        slow.socket.emit("news", &(number, padding())).unwrap();
        assert!(slow.socket.queued_bytes() <= LIMIT);
    }
    let got = in_short(slow.client.receive().await);
    assert_eq!(got, numbers(100 - got.len()..100));
    assert_eq!(slow.io.counters().events_dropped, 100 - got.len() as u64);
}

/// J1: what the client has to see and what does not fit ends the connection rather than being dropped, whatever is chosen for
/// events; under `DropOldest` there is room for it, since events give way.
#[tokio::test(start_paused = true)]
async fn acknowledgements_and_packets_of_the_protocol_are_never_dropped() {
    for when_full in [WhenFull::Disconnect, WhenFull::DropNewest] {
        for what in ["an acknowledgement", "a disconnect"] {
            let slow = Slow::new(when_full).await;
            slow.fill();
            while slow.socket.emit("n", &()).is_ok() {}
            match what {
                "an acknowledgement" => slow.client.send("425[\"ask\"]").await,
                _ => slow.socket.disconnect(),
            }
            slow.log.reaches(1).await;
            slow.client.settle().await;
            assert_eq!(slow.io.engine().session_count(), 0, "{what}");
            slow.expect(|counters| counters.slow_clients_disconnected = 1);
        }
    }
    let slow = Slow::new(WhenFull::DropOldest).await;
    slow.flood(None).await;
    slow.client.send("425[\"ask\"]").await;
    slow.client.settle().await;
    slow.flood(None).await;
    slow.socket.disconnect();
    let got = in_short(slow.client.receive().await);
    let acknowledged = got.iter().filter(|packet| **packet == "435[\"an answer\"]").count();
    assert_eq!((acknowledged, got.last().map(String::as_str)), (1, Some("41")), "{got:?}");
    assert_eq!(slow.io.counters().slow_clients_disconnected, 0);
}

/// J1: under `DropOldest` events give way to what is never dropped; that is counted and told like any other drop, since the
/// client has a hole in its events.
#[tokio::test(start_paused = true)]
async fn what_gives_way_to_acknowledgements_and_packets_of_the_protocol_is_counted_and_told() {
    for packet in ["425[\"ask\"]", "40/other,", "40/unknown,", "a disconnect"] {
        let slow = Slow::new(WhenFull::DropOldest).await;
        slow.io.of("/other");
        slow.fill_to_the_brim();
        match packet {
            "a disconnect" => slow.socket.disconnect(),
            packet => slow.client.send(packet).await,
        }
        slow.client.settle().await;
        assert_eq!((slow.told(), slow.io.counters().events_dropped), (1, 1), "{packet}");
        assert_eq!(in_short(slow.client.receive().await)[0], "11", "{packet}");
    }
}

/// R16: the heartbeat is not stuck behind a full queue.
#[tokio::test(start_paused = true)]
async fn a_heartbeat_passes_a_full_queue() {
    let mut config = Config::default();
    config.engine.limits.max_queue_bytes = LIMIT;
    config.when_full = WhenFull::DropNewest;
    let io = Server::with_config(config);
    let client = Client::connected(&io).await;
    for number in 0..20 {
        io.of("/").emit("news", &(number, padding())).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(26)).await;
    let got = in_short(client.receive().await);
    assert!(got.iter().any(|packet| packet == "2"), "{got:?}");
    client.post("3").await;
    io.of("/").emit("still", &()).unwrap();
    assert_eq!(client.receive().await, ["42[\"still\"]"]);
}

/// J2: it is over when the poll has taken the event, not before.
#[tokio::test(start_paused = true)]
async fn an_awaited_event_is_over_when_it_has_left() {
    let slow = Slow::new(WhenFull::Disconnect).await;
    let (socket, log) = (slow.socket.clone(), Log::default());
    let noted = log.clone();
    let sending = tokio::spawn(async move {
        socket.emit_flushed("news", &(1, "")).await.unwrap();
        noted.push("left".into());
    });
    slow.client.settle().await;
    assert!(log.entries().is_empty());
    assert_eq!(slow.client.receive().await.len(), 1);
    log.becomes(&["left"]).await;
    sending.await.unwrap();
}

/// J2, D63: sending in a loop goes at the pace of the client: nothing is dropped, and no more than the limit ever waits; under each
/// policy, and beside a second sender.
#[tokio::test(start_paused = true)]
async fn awaited_events_go_at_the_pace_of_the_client() {
    for when_full in [WhenFull::Disconnect, WhenFull::DropNewest, WhenFull::DropOldest] {
        let slow = Slow::new(when_full).await;
        let mut senders = Vec::new();
        for sender in 0..30 {
            let socket = slow.socket.clone();
            senders.push(tokio::spawn(async move {
                for number in 0..10 {
                    socket.emit_flushed("news", &(sender * 10 + number, padding())).await.unwrap();
                }
            }));
        }
        let mut got = Vec::new();
        while got.len() < 300 {
            slow.client.settle().await;
            assert!(slow.socket.queued_bytes() <= LIMIT);
            got.extend(in_short(slow.client.receive().await));
        }
        for sender in senders {
            sender.await.unwrap();
        }
        let mut got: Vec<usize> = got.iter().map(|number| number.parse().unwrap()).collect();
        got.sort_unstable();
        assert_eq!(got, (0..300).collect::<Vec<_>>(), "{when_full:?}");
        slow.expect(|_| {});
    }
}

/// J2: an event that is larger than half of the queue, or than all of it, waits for its turn like any other and keeps nobody
/// from running.
#[tokio::test(start_paused = true)]
async fn a_large_awaited_event_waits_without_spinning() {
    for size in [LIMIT * 3 / 4, LIMIT * 2] {
        let slow = Slow::new(WhenFull::Disconnect).await;
        slow.socket.emit("small", &padding()).unwrap();
        slow.socket.emit("small", &"x".repeat(LIMIT / 4)).unwrap();
        let socket = slow.socket.clone();
        let sending = tokio::spawn(async move { socket.emit_flushed("large", &"x".repeat(size)).await });
        slow.client.settle().await;
        assert!(!sending.is_finished());
        assert_eq!(slow.client.receive().await.len(), 2);
        assert!(slow.client.receive().await[0].starts_with("42[\"large\""));
        sending.await.unwrap().unwrap();
    }
}

/// J2: the end of the client ends the waiting, for room or for leaving.
#[tokio::test(start_paused = true)]
async fn awaited_events_end_with_the_client() {
    for way in ["goes", "is aborted", "is disconnected", "is shut down"] {
        let slow = Slow::new(WhenFull::Disconnect).await;
        slow.fill();
        let mut sending = Vec::new();
        for size in [0, 200, LIMIT] {
            let socket = slow.socket.clone();
            sending.push(tokio::spawn(async move { socket.emit_flushed("late", &"x".repeat(size)).await }));
        }
        slow.client.settle().await;
        match way {
            "goes" => slow.client.close().await,
            "is aborted" => slow.socket.abort_connection(),
            "is disconnected" => slow.socket.disconnect_connection(),
            _ => slow.io.close().await,
        }
        for sending in sending {
            let outcome = tokio::time::timeout(Duration::from_secs(600), sending).await.expect(way).unwrap();
            assert_eq!(outcome, Err(EmitError::Disconnected), "{way}");
        }
    }
}

/// J2: before the client is connected nothing is waited for, as nothing can leave; what does not fit is said at once.
#[tokio::test(start_paused = true)]
async fn an_awaited_event_in_a_connect_handler_does_not_wait() {
    let mut config = Config::default();
    config.engine.limits.max_queue_bytes = LIMIT;
    let io = Server::with_config(config);
    let log = Log::default();
    let noted = log.clone();
    io.of("/").on_connect(move |socket: Socket| {
        let noted = noted.clone();
        async move {
            let mut taken = 0;
            let end = loop {
                match socket.emit_flushed("news", &(taken, padding())).await {
                    Ok(()) => taken += 1,
                    Err(error) => break error,
                }
            };
            noted.push(format!("{} then {end:?}", taken > 10 && taken < 20));
        }
    });
    let client = Client::connected(&io).await;
    assert_eq!(log.entries(), ["true then Full"]);
    drop(client);
}

/// D53, D58: without a poll that waits it is dropped and counted; with one it leaves, and of several only the first does; the
/// flag holds for one event.
#[tokio::test(start_paused = true)]
async fn a_volatile_event_leaves_at_once_or_not_at_all() {
    let slow = Slow::new(WhenFull::Disconnect).await;
    slow.socket.volatile().emit("position", &1).unwrap();
    slow.io.of("/").broadcast().volatile().emit("position", &2).unwrap();
    slow.expect(|counters| counters.volatile_dropped = 2);
    assert_eq!(slow.socket.queued_bytes(), 0);
    slow.socket.emit("kept", &()).unwrap();
    slow.socket.volatile().emit("position", &3).unwrap();
    assert_eq!(slow.client.receive().await, ["42[\"kept\"]"]);

    let ready = TestClient::connect(&slow.io).await;
    slow.client.settle().await;
    for number in 4..7 {
        slow.io.of("/").broadcast().volatile().emit("position", &number).unwrap();
    }
    assert_eq!(ready.receive::<u32>("position").await, 4);
    ready.expect_nothing().await;
    slow.expect(|counters| counters.volatile_dropped = 3 + 3 + 2);
}

/// D53, R20: with its attachments or not at all.
#[tokio::test(start_paused = true)]
async fn a_volatile_event_with_binary_is_sent_or_dropped_as_a_whole() {
    let slow = Slow::new(WhenFull::Disconnect).await;
    let ready = TestClient::connect(&slow.io).await;
    slow.client.settle().await;
    let pieces = || (bytes::Bytes::from_static(b"one"), bytes::Bytes::from_static(b"two"));
    slow.io.of("/").broadcast().volatile().emit("pieces", &pieces()).unwrap();
    assert_eq!(ready.receive::<(bytes::Bytes, bytes::Bytes)>("pieces").await, pieces());
    slow.io.of("/").emit("kept", &()).unwrap();
    assert_eq!(slow.client.receive().await, ["42[\"kept\"]"]);
    slow.expect(|counters| counters.volatile_dropped = 1);
}

/// D53: what is emitted before the client knows that it is connected is held back, but not what is volatile.
#[tokio::test(start_paused = true)]
async fn a_volatile_event_is_not_held_back_for_a_client_that_connects() {
    let io = Server::new();
    io.of("/").on_connect(async |socket: Socket| {
        socket.join("lobby");
        socket.volatile().emit("dropped", &())?;
        socket.namespace().to("lobby").volatile().emit("dropped", &())?;
        socket.emit("kept", &())?;
        Ok(())
    });
    let client = TestClient::connect(&io).await;
    assert_eq!(client.next_event().await.name(), "kept");
    client.expect_nothing().await;
    assert_eq!(io.counters().volatile_dropped, 2);
}

/// R18: a task that emits without ever waiting keeps nobody else's packets from being handled, and sees the end of the
/// client.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_that_emits_without_waiting_starves_nobody() {
    let slow = Slow::new(WhenFull::DropOldest).await;
    let socket = slow.socket.clone();
    let looping = tokio::task::spawn_blocking(move || {
        loop {
            if let Err(error) = socket.emit("news", &padding()) {
                return error;
            }
        }
    });
    slow.client.send("425[\"ask\"]").await;
    while !slow.client.receive().await.iter().any(|packet| packet == "435[\"an answer\"]") {}
    slow.client.close().await;
    slow.log.becomes(&["transport close"]).await;
    assert_eq!(looping.await.unwrap(), EmitError::Disconnected);
}

/// R28: bytes count, not packets.
#[tokio::test(start_paused = true)]
async fn a_thousand_small_events_in_one_payload_are_fine() {
    let io = Server::new();
    let log = Log::default();
    let noted = log.clone();
    io.of("/").on("n", move |Data(number): Data<u32>| {
        noted.push(number.to_string());
        std::future::ready(())
    });
    let client = Client::connected(&io).await;
    let packets: Vec<_> = (0..1000).map(|number| format!("42[\"n\",{number}]")).collect();
    client.send(&packets.join("\u{1e}")).await;
    log.reaches(1000).await;
    assert_eq!(log.entries(), numbers(0..1000));
}
