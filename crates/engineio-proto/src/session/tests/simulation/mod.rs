//! Thousands of conversations between a session and a client that behaves like the JavaScript one, over a
//! network that delays everything by chance. Each is a function of its seed; a failure prints it.
//!
//! The client polls one GET at a time, posts one POST at a time, and upgrades as the protocol says: probe,
//! pause polling, wait for what is on its way, `5`. [EIO4 Upgrade] Hazards R1–R7, R16, R20, R29.
//!
//! What holds for every seed: messages arrive in order and at most once, with no gap; each GET is answered
//! exactly once unless its client went away; nothing but messages and pings is on the WebSocket after the
//! switch; a dead WebSocket is never written to; each WebSocket is closed exactly once; the end is told
//! once, and after it there are no timers and nothing queued. What holds where the network is calm: the
//! session lives, and a quiet or a graceful end loses nothing.

mod client;
mod network;
mod server;

use std::time::Duration;

use self::network::{Network, Rng};
use crate::{Limits, Message};

/// How a conversation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All fall silent, and what was sent arrives.
    Quiet,
    ServerCloses,
    ServerDiscards,
    ClientCloses,
    /// The client is gone, with its requests and connections.
    ClientCrashes,
    /// The WebSocket's connection breaks, whatever it is used for then.
    WireCut,
}

const ENDS: [End; 6] =
    [End::Quiet, End::ServerCloses, End::ServerDiscards, End::ClientCloses, End::ClientCrashes, End::WireCut];

/// What happens, and where: everything that the network carries or the two sides decide.
#[derive(Clone, Debug)]
enum Event {
    // At the server.
    Get(usize),
    GetAborted(usize),
    PostHead,
    PostBody(bytes::Bytes),
    PostAborted,
    WireOpen(usize),
    FrameUp(usize, crate::websocket::FrameEvent),
    WireGone(usize),
    ServerSends,
    ServerFlushes,
    ServerWrites(usize),
    ServerEnds(crate::CloseMode),
    // At the client.
    GetAnswered(crate::Answer),
    PostAnswered(bool),
    WireOpened(usize),
    FrameDown(usize, bytes::Bytes),
    WireClosed(usize),
    ClientSends,
    ClientUpgrades,
    ClientCloses,
    ClientCrashes,
    /// In the middle of both: the connection breaks.
    Cut,
}

/// Message number `n`: text or binary, so that both go through each other.
fn message(number: u32) -> Message {
    if number.is_multiple_of(3) {
        return Message::Binary(bytes::Bytes::copy_from_slice(&number.to_be_bytes()));
    }
    format!("{number}").into()
}

/// Takes the next message of a direction: the number after the last one, or something was lost, doubled or
/// swapped.
fn next_of(received: &mut u32, message_seen: &Message) {
    assert_eq!(*message_seen, message(*received), "the message with this number comes next");
    *received += 1;
}

struct Plan {
    seed: u64,
    calm: bool,
    end: End,
    limits: Limits,
    longest_hop: u64,
}

impl Plan {
    fn of(seed: u64) -> Self {
        let calm = seed.is_multiple_of(2);
        let end = ENDS[(seed / 2 % 6) as usize];
        let mut rng = Rng::new(seed);
        let millis = |calm_one, rough| Duration::from_millis(if calm { calm_one } else { rough });
        let limits = Limits {
            max_payload_bytes: if rng.one_in(2) { 24 } else { 1000 },
            max_queue_bytes: if rng.one_in(4) { 60 } else { 100_000 },
            ping_interval: millis(50, 40),
            ping_timeout: millis(5000, 300),
            upgrade_timeout: millis(5000, 150),
            close_timeout: millis(5000, 500),
            ..Limits::default()
        };
        Self { seed, calm, end, limits, longest_hop: if calm { 15 } else { 60 } }
    }
}

/// Says which seed it was where something goes wrong.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed of this conversation: {}", self.0);
        }
    }
}

/// What was seen of many conversations, so that the test cannot become empty unnoticed.
#[derive(Debug, Default)]
struct Tally {
    upgraded: u32,
    complete: u32,
    ended_early: u32,
    messages: u32,
}

fn converse(seed: u64, tally: &mut Tally) {
    let _seed = Seed(seed);
    let plan = Plan::of(seed);
    let mut network = Network::new(&plan);
    network.run_until(2_000);
    network.check_completeness(tally);
    network.bury();
    tally.upgraded += u32::from(network.server.upgraded);
    tally.messages += network.server.received + network.client.received;
}

#[test]
fn no_interleaving_loses_doubles_or_swaps_a_message_or_leaves_anything_behind() {
    let mut tally = Tally::default();
    for seed in 0..12_000 {
        converse(seed, &mut tally);
    }
    assert!(tally.upgraded > 4_000 && tally.complete > 3_500 && tally.ended_early > 200, "{tally:?}");
    assert!(tally.messages > 280_000, "{tally:?}");
}
