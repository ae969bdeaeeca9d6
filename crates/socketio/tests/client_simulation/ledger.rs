//! [`Ledger`]: what was sent and what became of it, and what has to hold of that.
//!
//! Leaves out how events come about (`clients.rs`, `servers.rs`).

use std::collections::BTreeMap;

/// One socket of one client.
pub(crate) type Seat = (usize, &'static str);

/// How an event was emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Sent once, kept while offline.
    Plain,
    /// The same, and taken out of what is kept once its time is over.
    Limited,
    Volatile,
    /// Sent again until it is acknowledged.
    Retried,
}

/// An event that was emitted by a client.
#[derive(Debug)]
pub(crate) struct Emitted {
    pub(crate) kind: Kind,
    /// It was kept for a connection.
    pub(crate) offline: bool,
    /// How much had happened to the socket by then.
    pub(crate) after: usize,
}

/// What a socket was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Connected,
    Disconnected,
}

#[derive(Default)]
pub(crate) struct Ledger {
    /// By number: what a socket has emitted.
    pub(crate) emitted: BTreeMap<Seat, Vec<Emitted>>,
    pub(crate) told: BTreeMap<Seat, Vec<Told>>,
    /// By the server's name for a socket: what has come of which socket, in order.
    pub(crate) arrived: BTreeMap<String, Vec<(Seat, usize)>>,
    /// The same in the other direction: how many the server has sent, and what has come of them.
    pub(crate) sent: BTreeMap<String, usize>,
    pub(crate) received: BTreeMap<String, Vec<usize>>,
    /// Futures that were begun, and that have ended.
    pub(crate) begun: usize,
    pub(crate) ended: usize,
    pub(crate) answered: usize,
}

impl Ledger {
    pub(crate) fn count(&self) -> usize {
        self.arrived.values().map(Vec::len).sum::<usize>() + self.received.values().map(Vec::len).sum::<usize>()
    }

    /// How often an event has arrived.
    pub(crate) fn arrivals(&self) -> BTreeMap<(Seat, usize), usize> {
        let mut arrivals = BTreeMap::new();
        for event in self.arrived.values().flatten() {
            *arrivals.entry(*event).or_default() += 1;
        }
        arrivals
    }

    /// What holds at any time.
    pub(crate) fn check_order(&self) {
        for (sid, events) in &self.arrived {
            for pair in events.windows(2) {
                let [(seat, first), (other, second)] = pair else { continue };
                let is_retried = self.emitted[seat][*second].kind == Kind::Retried;
                let is_in_order = if is_retried { first <= second } else { first < second };
                assert!(seat == other && is_in_order, "{sid} of {seat:?}: {second} after {first}");
            }
        }
        for (sid, numbers) in &self.received {
            assert!(numbers.is_sorted_by(|first, second| first < second), "{sid}: {numbers:?}");
        }
        for ((seat, number), arrivals) in self.arrivals() {
            let event = &self.emitted[&seat][number];
            assert!(arrivals == 1 || event.kind == Kind::Retried, "{number} of {seat:?}: {arrivals} times, {event:?}");
        }
    }

    /// What holds once all sockets are connected and nothing is on its way: `ids` are those of the sockets.
    pub(crate) fn check_losses(&self, ids: &BTreeMap<Seat, String>) {
        let arrivals = self.arrivals();
        for (seat, events) in &self.emitted {
            for (number, event) in events.iter().enumerate() {
                let has_arrived = arrivals.contains_key(&(*seat, number));
                let may_be_lost = match event.kind {
                    Kind::Volatile | Kind::Limited => true,
                    Kind::Plain => self.was_lost(*seat, event),
                    // As often as it is tried, with a connection that ends each time.
                    Kind::Retried => self.losses_after(*seat, event.after) > 1,
                };
                assert!(has_arrived || may_be_lost, "{number} of {seat:?} is lost: {event:?}, {:?}", self.told[seat]);
            }
        }
        for (seat, id) in ids {
            let sent = self.sent.get(id).copied().unwrap_or_default();
            let received = self.received.get(id).map_or(&[][..], |numbers| numbers);
            assert!(received.iter().copied().eq(0..sent), "{seat:?} {id}: {received:?} of {sent}");
        }
    }

    fn losses_after(&self, seat: Seat, after: usize) -> usize {
        self.told[&seat][after..].iter().filter(|told| **told == Told::Disconnected).count()
    }

    /// Whether the connection that took the event was lost, and the socket told of it.
    fn was_lost(&self, seat: Seat, event: &Emitted) -> bool {
        let mut told = self.told[&seat][event.after..].iter();
        if event.offline {
            told.find(|told| **told == Told::Connected);
        }
        told.any(|told| *told == Told::Disconnected)
    }
}
