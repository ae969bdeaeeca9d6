//! The whole server in one process, on a paused clock: thousands of small worlds, each a function of its seed, in which
//! clients come, talk, break rules, go and come back, over a network that does what networks do. (A45–A91, C28, D22–D92,
//! D103–D114, J1, J17, J27; R1–R8, R10, R14–R22, R27–R32, R37, R41; S21–S23, S44)
//!
//! # What is real, and what is a model
//! The server is the real one with its engine, namespaces, rooms and handlers (`application.rs`); requests reach it through
//! its tower service, WebSockets through hyper over pipes in memory. All that is outside is a model without tasks: clients
//! that speak the protocol as the official one does (`life.rs`, `clients.rs`, `acts.rs`, `comebacks.rs`), in some worlds as
//! MessagePack (`format.rs`), and the ways between (`requests.rs`, `wires.rs`). So every task of the runtime is the server's, and can be counted.
//!
//! The network delays every piece; splits bodies and frames anywhere; loses requests; cuts a body or lets it stop without a
//! word; drops a connection whose request the server has, and may repeat a GET then, as proxies do; loses an answer, or
//! holds it as a proxy does that buffers; repeats a POST; cuts a WebSocket, swallows one direction of it, or takes nothing
//! from it for a while. Clients vanish with or without their connections, upgrade by halves, and some break the rules.
//!
//! # Steps
//! One thing happens at a time: the next entry of the agenda, or what the server does because its time has come. A paused
//! clock moves when everybody rests, so behind each step a millisecond passes, and what the step has set off is over.
//!
//! # What holds
//! After each step: a client's event is handled as often as it was accepted (its POST was answered with 200, its bytes were
//! taken from the pipe), in that order, without a hole while its socket is there; and unless handlers that wait hold the
//! connection up, what was accepted *is* handled. A client reads what was emitted to its socket, in that order; what it
//! misses is volatile, or gave way in a full queue, and the server has told. Acknowledgements belong to their questions. A
//! wait for one ends when its socket leaves. Sockets and rooms are those that the ledger knows; no queue is above its bound;
//! no request waits for ever.
//!
//! When it calms down: whom nothing happened to is still connected, has read everything, and has all its answers.
//!
//! In the end, when the clients are gone or the server was closed: every socket has left once, with a reason; no session,
//! socket, room, child namespace, handler, awaited answer, WebSocket, request or task is left.
//!
//! # Who comes back
//! In some worlds clients come back to their sessions: with the last that they have read, or with less, what is another's,
//! nonsense; twice at once; while the server has their old connection for alive. Whom the server knows again has its id,
//! rooms and data, and reads what was accepted for it behind the event that it names, once and in order, on whatever
//! connection that was sent; whom it does not has another id, no room, and nothing of before. It knows those whom it
//! has to, and nobody that it may not (`sessions.rs`). What is kept for nobody has a time, and is gone behind that.
//!
//! # A POST that comes twice
//! Nothing in HTTP says that a POST is a repetition. One that comes while the first is being read is an overlap, and ends
//! the session (R29). One that comes later is another POST with the same body: its events are handled again, whole and
//! in their order; a second pong or acknowledgement is ignored, a second CONNECT ends the connection as any other (D34);
//! behind an upgrade it is refused, and the session goes on. So a client in whose name one was repeated counts as one that
//! breaks the rules: it may be closed at any time, and all else holds for it as well.
//!
//! # Failures
//! A seed that fails prints itself, its plan, and what repeats it. What it shows becomes a test with a name where the
//! rule is: of the session (`engineio-proto`), or of the server beside this one.
//!
//! Left out: revision 3 and clusters, which have tests of their own; this project's client (`client_simulation`); sockets
//! of the system.

mod acts;
mod agenda;
mod application;
mod clients;
mod comebacks;
mod format;
mod ledger;
mod life;
#[path = "../network/mod.rs"]
#[allow(dead_code, reason = "the files beside this one use another part of it")]
mod network;
mod plan;
mod requests;
mod sessions;
mod story;
mod wires;
mod world;

use std::{
    ops::Range,
    panic::catch_unwind,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use story::Story;

/// The namespaces; the last one is there as long as somebody is in it.
const PLACES: [&str; 3] = ["/", "/chat", "/room-1"];
const ROOMS: [&str; 2] = ["red", "blue"];

/// Those that are tried each time.
const SEEDS: Range<u64> = 0..2000;

fn play(seed: u64) -> Story {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(world::run(seed))
}

/// What a seed breaks, it breaks each time.
#[test]
fn a_seed_tells_the_same_story_each_time() {
    for seed in 0..20 {
        assert_eq!(play(seed), play(seed), "{seed}");
    }
}

#[test]
fn whatever_the_network_and_the_clients_do_the_server_keeps_its_word_and_nothing_stays_behind() {
    let seeds = testkit::seeds(SEEDS);
    let next = AtomicU64::new(seeds.start);
    let outcome = Mutex::new((Story::default(), Vec::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !seeds.contains(&seed) {
                return;
            }
            let played = catch_unwind(|| play(seed));
            let mut outcome = outcome.lock().expect("nobody panics with it");
            match played {
                Ok(story) => outcome.0.add(&story),
                Err(_) => {
                    let plan = plan::Plan::of(&mut testkit::Random(seed));
                    eprintln!("{plan:?}\nSEEDS={seed} cargo test -p socketio --test server_simulation repeats it");
                    outcome.1.push(seed);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let (story, mut failed) = outcome.into_inner().expect("nobody panicked with it");
    failed.sort_unstable();
    eprintln!("{story:?}");
    assert!(failed.is_empty(), "these seeds fail: {failed:?}");
    // It would prove nothing without them.
    assert!(std::env::var_os("SEEDS").is_some() || story.missing().is_empty(), "never happened: {:?}", story.missing());
}
