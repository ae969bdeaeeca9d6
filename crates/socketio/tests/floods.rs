//! One client asks for very many namespaces, rooms and acknowledgements, one after the other: what the server holds meanwhile
//! is bounded, and nothing of it is left. Hazards R9, R22, R31, S17, S18.
//!
//! A release build does each of them a million times, within half a minute: `cargo test --release -p socketio --test floods`. As they are
//! otherwise built, the tests do it twenty thousand times, within the same bounds. One after the other, since there is one allocator.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;

use std::{
    alloc::System,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use client::Client;
use socketio::{AckError, Config, Data, HandlerError, Server, Socket};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::runtime::Builder;

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const COUNT: usize = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };

/// Packets of one payload.
const BATCH: usize = 500;
/// The same, of those that ask for a namespace, in which a connection may have 64 at a time.
const NAMES: usize = 50;

/// What the server may hold while the flood goes on, beside what its limits allow: a payload, its answers, and what is under way of both.
const UNDER_WAY: usize = 256 * 1024;

/// What tables may keep of it.
const LEFT: usize = 16 * 1024;

/// What is on the heap, in bytes.
fn heap() -> usize {
    let stats = HEAP.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// The heap over what it was when this was made.
struct Growth {
    before: usize,
    most: usize,
}

impl Growth {
    fn new() -> Self {
        Self { before: heap(), most: 0 }
    }

    fn look(&mut self) -> usize {
        let now = heap().saturating_sub(self.before);
        self.most = self.most.max(now);
        now
    }

    /// After a flood during which the server was allowed to hold so much, and afterwards so much.
    fn check(mut self, what: &str, allowed: usize, to_be_left: usize) {
        let left = self.look();
        eprintln!("{what}: at most {} bytes, {left} left", self.most);
        assert!(self.most <= allowed + UNDER_WAY, "{what}: {} bytes at once", self.most);
        assert!(left <= to_be_left, "{what}: {left} bytes are left");
    }
}

/// Sends as many payloads as make up the flood, of what `packet` writes for a number, and reads the answer to each packet.
async fn flood(
    client: &Client,
    growth: &mut Growth,
    size: usize,
    packet: impl Fn(usize) -> String,
    is_answer: impl Fn(&str) -> bool,
) {
    for batch in 0..COUNT / size {
        let packets: Vec<_> = (batch * size..(batch + 1) * size).map(&packet).collect();
        client.send(&packets.join("\u{1e}")).await;
        growth.look();
        let mut left = size;
        while left > 0 {
            for answer in client.receive().await {
                assert!(is_answer(&answer), "{answer}");
                left -= 1;
            }
        }
        growth.look();
    }
}

/// R31, R9, D27: each name is another one. Those who are refused, at once or later, by the namespace or by who decides whether there is one, and
/// those who leave again, leave nothing.
async fn a_million_names_leave_nothing() {
    let io = Server::new();
    io.of_matching(|name| name.starts_with("/at-once-")).middleware(async || Err::<(), _>(HandlerError::new("no")));
    io.of_matching(|name| name.starts_with("/later-")).middleware(async || -> Result<(), HandlerError> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        Err(HandlerError::new("no"))
    });
    let welcoming = io.of_matching(|name| name.starts_with("/welcome-"));
    io.of_allowed(async |_, _| false);
    let client = Client::connected(&io).await;
    let _ = client.exchange("40/welcome-first,").await;
    client.send("41/welcome-first,").await;
    for (kind, answer) in [("at-once", "no\"}"), ("later", "no\"}"), ("unknown", "Invalid namespace\"}")] {
        let mut growth = Growth::new();
        flood(&client, &mut growth, NAMES, |number| format!("40/{kind}-{number},"), |packet| packet.ends_with(answer))
            .await;
        client.settle().await;
        growth.check(kind, 0, LEFT);
    }
    let mut growth = Growth::new();
    let come_and_go = |number| format!("40/welcome-{number},\u{1e}41/welcome-{number},");
    flood(&client, &mut growth, NAMES, come_and_go, |packet| packet.starts_with("40/welcome-")).await;
    client.settle().await;
    growth.check("welcome", 0, LEFT);
    assert_eq!((io.namespaces().len(), welcoming.socket_count()), (1, 0));
    let counters = io.counters();
    assert_eq!((counters.sockets_joined, counters.joins_refused), (COUNT as u64 + 2, 2 * COUNT as u64));
    client.join("/welcome-again").await;
    io.close().await;
}

/// S17, S18: connections that ask for as many names as they can, and stay in them.
async fn a_million_names_to_stay_in_are_as_many_as_there_may_be() {
    const MOST: usize = 1_000;
    let mut config = Config::default();
    config.limits.max_child_namespaces = MOST;
    let a_connection = config.limits.max_namespaces;
    let io = Server::with_config(config);
    io.of_matching(|name| name.starts_with("/x-"));
    // Tables stay as large as they have once been.
    for what in ["to stay in, for the first time", "to stay in"] {
        let mut growth = Growth::new();
        let mut staying = Vec::new();
        for connection in 0..COUNT / 100 {
            let client = Client::open(&io).await;
            let asked: Vec<_> = (0..100).map(|number| format!("40/x-{connection}-{number},")).collect();
            client.send(&asked.join("\u{1e}")).await;
            let answers = client.receive_until_count(100).await;
            let joined = answers.iter().filter(|answer| answer.starts_with("40/x-")).count();
            let refused = answers.iter().filter(|answer| answer.contains("Too many namespaces")).count();
            let free = MOST.saturating_sub(connection * a_connection);
            assert_eq!((joined, refused), (free.min(a_connection), 100 - free.min(a_connection)));
            growth.look();
            if joined > 0 {
                staying.push(client);
            } else {
                client.close().await;
            }
        }
        assert_eq!(io.namespaces().len(), MOST + 1);
        for client in &staying {
            client.close().await;
            client.settle().await;
        }
        drop(staying);
        assert_eq!((io.namespaces().len(), io.engine().session_count()), (1, 0));
        // Each is a namespace and a socket in it; and there is a table of them.
        let left = if what.ends_with("time") { MOST * 256 } else { LEFT };
        growth.check(what, MOST * 1024, left);
    }
    io.close().await;
}

/// S17: a client may choose the names of the rooms that its handler puts it into. Those that it leaves leave nothing; of the others it is in
/// as many as it may.
async fn a_million_rooms_are_as_many_as_there_may_be() {
    const MOST: usize = 1_000;
    let mut config = Config::default();
    config.limits.max_rooms = MOST;
    let io = Server::with_config(config);
    let rooms = || io.of("/").room_names().len();
    io.of("/")
        .on("visit", async |socket: Socket, Data(room): Data<String>| {
            socket.join(&*room);
            socket.leave(&*room);
            Ok(())
        })
        .on("join", async |socket: Socket, Data(room): Data<String>| {
            socket.join(room);
            Ok(())
        });
    let client = Client::connected(&io).await;
    let _ = client.exchange("420[\"visit\",\"first\"]").await;
    let is_answer = |packet: &str| packet.starts_with("43");
    let mut growth = Growth::new();
    let visit = |number| format!("42{number}[\"visit\",\"a room of its own, {number}\"]");
    flood(&client, &mut growth, BATCH, visit, is_answer).await;
    growth.check("visited", 0, LEFT);
    assert_eq!(rooms(), 0);
    client.close().await;
    // Tables stay as large as they have once been.
    for what in ["joined, for the first time", "joined"] {
        let mut growth = Growth::new();
        let client = Client::connected(&io).await;
        flood(&client, &mut growth, BATCH, |number| format!("42{number}[\"join\",\"{number}\"]"), is_answer).await;
        assert_eq!(rooms(), MOST);
        client.close().await;
        client.settle().await;
        assert_eq!(rooms(), 0);
        drop(client);
        let left = if what.ends_with("time") { MOST * 256 } else { LEFT };
        growth.check(what, MOST * 256, left);
    }
    io.close().await;
}

/// R22: acknowledgements that are asked for, and those that nobody waits for.
async fn a_million_acknowledgements_leave_nothing() {
    let io = Server::new();
    io.of("/").on("ask", async |Data(number): Data<u64>| Ok(number));
    let client = Client::connected(&io).await;
    let _ = client.exchange("420[\"ask\",1]").await;
    let mut growth = Growth::new();
    let is_answer = |packet: &str| packet.starts_with("43");
    flood(&client, &mut growth, BATCH, |number| format!("42{number}[\"ask\",{number}]"), is_answer).await;
    growth.check("asked for", 0, LEFT);
    let mut growth = Growth::new();
    let unasked = |number: usize| {
        let answer = format!("43{number}[1]");
        if number.is_multiple_of(BATCH) { format!("{answer}\u{1e}42{number}[\"ask\",{number}]") } else { answer }
    };
    for batch in 0..COUNT / BATCH {
        let packets: Vec<_> = (batch * BATCH..(batch + 1) * BATCH).map(unasked).collect();
        assert_eq!(client.exchange(&packets.join("\u{1e}")).await, [format!("43{0}[{0}]", batch * BATCH)]);
        growth.look();
    }
    growth.check("unasked", 0, LEFT);
    assert_eq!(io.engine().session_count(), 1);
    io.close().await;
}

/// R22, J17: a client has the server ask back, and never answers: so many questions wait as handlers may, and each is over at its time.
async fn of_a_million_questions_that_nobody_answers_so_many_wait_as_handlers_may() {
    let mut config = Config::default();
    // While its POST waits for handlers to end, the client could not answer.
    config.engine.limits.ping_interval = Duration::from_secs(10 * 24 * 3600);
    let io = Server::with_config(config);
    let most_waiting = io.config().limits.max_pending_handlers;
    let (waiting, given_up) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (wait, over) = (waiting.clone(), given_up.clone());
    io.of("/").on("examine", move |socket: Socket| {
        let (wait, over) = (wait.clone(), over.clone());
        async move {
            assert!(wait.fetch_add(1, Ordering::Relaxed) < most_waiting);
            let answer = socket.emit_with_ack::<u64>("question", &()).await;
            wait.fetch_sub(1, Ordering::Relaxed);
            assert!(matches!(answer, Err(AckError::Timeout)), "{answer:?}");
            over.fetch_add(1, Ordering::Relaxed);
        }
    });
    let client = Client::connected(&io).await;
    let mut growth = Growth::new();
    let examine = vec!["42[\"examine\"]"; BATCH].join("\u{1e}");
    let ask = async {
        for _ in 0..COUNT / BATCH {
            client.send(&examine).await;
        }
    };
    let hear = async {
        let mut heard = 0;
        while heard < COUNT {
            heard += client.receive().await.iter().filter(|packet| packet.contains("question")).count();
            growth.look();
        }
    };
    tokio::join!(ask, hear);
    tokio::time::sleep(io.config().limits.ack_timeout).await;
    client.settle().await;
    assert_eq!((waiting.load(Ordering::Relaxed), given_up.load(Ordering::Relaxed)), (0, COUNT));
    let counters = io.counters();
    assert_eq!((counters.ack_timeouts, counters.handler_panics), (COUNT as u64, 0));
    growth.check("unanswered", most_waiting * 1024, LEFT);
    io.close().await;
}

type Flood = fn() -> Pin<Box<dyn Future<Output = ()>>>;

#[test]
fn a_flood_of_names_rooms_or_acknowledgements_is_bounded_and_leaves_nothing() {
    let floods: [Flood; 5] = [
        || Box::pin(a_million_names_leave_nothing()),
        || Box::pin(a_million_names_to_stay_in_are_as_many_as_there_may_be()),
        || Box::pin(a_million_rooms_are_as_many_as_there_may_be()),
        || Box::pin(a_million_acknowledgements_leave_nothing()),
        || Box::pin(of_a_million_questions_that_nobody_answers_so_many_wait_as_handlers_may()),
    ];
    for flood in floods {
        let started = Instant::now();
        Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(flood());
        eprintln!("    {:.1} s", started.elapsed().as_secs_f64());
    }
}
