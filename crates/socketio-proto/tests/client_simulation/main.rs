//! Thousands of lives of a client's socket, against a server that behaves like the reference, over links that delay
//! everything, break, and come back. Each is a function of its seed; a failure prints it. (E27 to E57, R21, R22, R32, R39
//! to R41)
//!
//! What holds for every seed: the server never gets a packet that would make the reference close the connection, unless it
//! crossed with a DISCONNECT; it gets the events of a connection in order, and each at most once unless it is to be tried
//! again; an event is handed to the engine once, or waits, or is known to be given up; one that was handed over and is lost
//! was on a connection whose end has been told; each acknowledgement is answered with what belongs to it or fails, once; no
//! bound is passed; a recovered client misses nothing and sees nothing twice; and in the end no timer is left and nobody
//! waits. Leaves out single rules (`src/client/tests/`).

mod ledger;
mod server;
mod world;

use std::time::Duration;

use socketio_proto::{ClientSocketOptions, OfflinePolicy};
use testkit::Random;

use self::{ledger::Ledger, world::World};

/// What a life is like.
#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    options: ClientSocketOptions,
    /// Whether the server can recover sessions.
    recovers: bool,
    longest_hop: u64,
}

impl Plan {
    fn of(seed: u64) -> Self {
        let mut random = Random(seed ^ 0xC0FFEE);
        let mut options = ClientSocketOptions::default();
        options.offline = match random.below(4) {
            0 => OfflinePolicy::None,
            1 => OfflinePolicy::Bounded { max_bytes: 400 },
            2 => OfflinePolicy::Unbounded,
            _ => OfflinePolicy::default(),
        };
        options.retries = random.one_in(2).then(|| random.below(4) as u32);
        options.ack_timeout = random.one_in(2).then(|| Duration::from_millis(50 + random.below(400)));
        if random.one_in(8) {
            options.max_early_events = 2;
        }
        Self { seed, options, recovers: random.one_in(2), longest_hop: if random.one_in(2) { 10 } else { 100 } }
    }

    fn retries(&self) -> Option<u32> {
        self.options.retries.filter(|retries| *retries > 0)
    }
}

/// Says which seed it was where something goes wrong.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed of this life: {}", self.0);
        }
    }
}

/// What was seen of many lives, so that the test cannot become empty unnoticed.
#[derive(Debug, Default)]
struct Tally {
    connected: u32,
    recovered: u32,
    refused: u32,
    emitted: u32,
    received: u32,
    received_again: u32,
    unsent: u32,
    lost: u32,
    not_kept: u32,
    answered: u32,
    failed: u32,
    early_overflows: u32,
    left_while_connecting: u32,
    replayed: u32,
}

fn live(seed: u64, tally: &mut Tally) {
    let _seed = Seed(seed);
    let mut world = World::new(Plan::of(seed));
    world.be_rough();
    world.calm_down();
    world.end();
    world.add_to(tally);
}

#[test]
fn no_interleaving_loses_doubles_or_swaps_an_event_or_leaves_anybody_waiting() {
    let mut tally = Tally::default();
    for seed in 0..3_000 {
        live(seed, &mut tally);
    }
    let Tally { connected, recovered, refused, emitted, received, received_again, .. } = tally;
    assert!(connected > 25_000 && recovered > 5_000 && refused > 6_000, "{tally:?}");
    assert!(emitted > 150_000 && received > 80_000 && received_again > 4_000, "{tally:?}");
    let Tally { unsent, lost, not_kept, answered, failed, early_overflows, left_while_connecting, replayed, .. } =
        tally;
    assert!(unsent > 2_000 && lost > 3_000 && not_kept > 60_000, "{tally:?}");
    assert!(answered > 25_000 && failed > 30_000 && early_overflows > 40, "{tally:?}");
    assert!(left_while_connecting > 5_000 && replayed > 8_000, "{tally:?}");
}
