//! Thousands of conversations between a server's session and a client, over a network that delays everything by chance. Each
//! is a function of its seed; a failure prints it. The client is a model that behaves like the JavaScript one (`client.rs`),
//! or the real [`ClientSession`](crate::ClientSession) with a runtime around it (`real.rs`); to the network both are a [`Peer`].
//!
//! The model polls one GET at a time, posts one POST at a time, and upgrades as the protocol says: probe,
//! pause polling, wait for what is on its way, `5`. [EIO4 Upgrade] Hazards R1–R7, R16, R20, R29.
//!
//! What holds for every seed: messages arrive in order and at most once, with no gap; each GET is answered
//! exactly once unless its client went away; nothing but messages and pings is on the WebSocket after the
//! switch; a dead WebSocket is never written to; each WebSocket is closed exactly once; the end is told
//! once, and after it there are no timers and nothing queued. What holds where the network is calm: the
//! session lives, and a quiet or a graceful end loses nothing.

mod client;
mod network;
mod peer;
mod real;
mod server;

use std::time::Duration;

use self::{
    client::Client,
    network::{Network, Rng},
    peer::Peer,
    real::RealClient,
    server::Server,
};
use crate::{Limits, Message, TransportKind};

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
    PostHead(usize),
    PostBody(usize, bytes::Bytes),
    PostAborted(usize),
    /// A session is opened on this WebSocket.
    WireBegins(usize),
    WireOpen(usize),
    FrameUp(usize, crate::websocket::FrameEvent),
    WireGone(usize),
    ServerSends,
    ServerFlushes,
    ServerWrites(usize),
    ServerEnds(crate::CloseMode),
    // At the client.
    GetAnswered(usize, crate::Answer),
    PostAnswered(usize, bool),
    WireOpened(usize),
    FrameDown(usize, bytes::Bytes),
    WireClosed(usize),
    ClientSends,
    ClientFlushes,
    ClientWrites(usize),
    ClientUpgrades,
    ClientPauses,
    ClientResumes,
    ClientCloses,
    ClientCrashes,
    /// In the middle of both: the connection breaks.
    Cut,
}

impl Event {
    /// Whether the network carries it, so that it does not come where the network is silent.
    fn is_carried(&self) -> bool {
        match self {
            Self::Get(_) | Self::GetAborted(_) | Self::PostHead(_) | Self::PostBody(..) | Self::PostAborted(_) => true,
            Self::WireBegins(_) | Self::WireOpen(_) | Self::FrameUp(..) | Self::WireGone(_) => true,
            Self::GetAnswered(..) | Self::PostAnswered(..) => true,
            Self::WireOpened(_) | Self::FrameDown(..) | Self::WireClosed(_) => true,
            Self::ServerSends | Self::ServerFlushes | Self::ServerWrites(_) | Self::ServerEnds(_) => false,
            Self::ClientSends | Self::ClientFlushes | Self::ClientWrites(_) | Self::ClientUpgrades => false,
            Self::ClientPauses | Self::ClientResumes | Self::ClientCloses | Self::ClientCrashes | Self::Cut => false,
        }
    }
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

fn converse<P: Peer>(plan: &Plan, server: Server, client: P, tally: &mut Tally) {
    let _seed = Seed(plan.seed);
    let mut network = Network::new(plan, server, client);
    network.run_until(2_000);
    network.check_completeness(tally);
    network.bury();
    tally.upgraded += u32::from(network.server.upgraded);
    tally.messages += network.server.received + network.client.received();
}

/// Hazard R6.
#[test]
fn no_interleaving_loses_doubles_or_swaps_a_message_or_leaves_anything_behind() {
    let mut tally = Tally::default();
    for seed in 0..12_000 {
        let plan = Plan::of(seed);
        let (server, _) = Server::polling(plan.limits.clone(), &[]);
        converse(&plan, server, Client::default(), &mut tally);
    }
    assert!(tally.upgraded > 4_000 && tally.complete > 3_500 && tally.ended_early > 200, "{tally:?}");
    assert!(tally.messages > 280_000, "{tally:?}");
}

/// R6: the same with the real client: for every seed, in order, at most once and without a gap in both directions; a GET
/// and a POST at most, each of them answered or given up once; no POST larger than the server takes; no pong unasked; nothing
/// beyond the bound of a queue; each WebSocket closed once. When the network falls silent, each side notices by itself, tells
/// its end once, and has no timer and nothing queued any more.
#[test]
fn both_sessions_lose_double_or_swap_nothing_and_leave_nothing_behind() {
    let (mut tally, mut wires) = (Tally::default(), 0);
    for seed in 0..12_000 {
        let mut plan = Plan::of(seed);
        // By turns, whatever else the seed decides: a rough network is often too slow for an upgrade, and sometimes not.
        plan.limits.upgrade_timeout *= if seed / 72 % 2 == 0 { 1 } else { 6 };
        let (first, upgrades) = match seed / 12 % 6 {
            0 => (TransportKind::WebSocket, &["websocket"][..]),
            1 => (TransportKind::Polling, &[][..]),
            _ => (TransportKind::Polling, &["websocket"][..]),
        };
        let (server, open) = match first {
            TransportKind::WebSocket => (Server::on_wire(plan.limits.clone()), None),
            TransportKind::Polling => {
                let (server, open) = Server::polling(plan.limits.clone(), upgrades);
                (server, Some(open))
            }
        };
        wires += u32::from(first == TransportKind::WebSocket);
        converse(&plan, server, RealClient::new(&plan, open), &mut tally);
    }
    assert!(tally.upgraded > 4_000 && tally.complete > 3_500 && tally.ended_early > 30, "{tally:?}");
    assert!(tally.messages > 250_000 && wires > 1_000, "{tally:?}");
}
