//! Events that wait: before the server's CONNECT ([`EarlyEvents`]), for a connection ([`OfflineBuffer`]), and for their
//! turn ([`RetryQueue`]).
//!
//! Owns their order and what they hold; leaves out the bounds (`options.rs`), and who is told what (`mod.rs`).

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    time::Duration,
};

use super::{
    options::{ClientSocketOptions, cost_of},
    output::{EarlyOverflow, Outgoing},
};
use crate::{AckId, Body};

/// Events that came before the server's CONNECT, in order. (E38)
#[derive(Debug, Default)]
pub(super) struct EarlyEvents {
    events: Vec<(Body, Option<AckId>)>,
    bytes: usize,
}

impl EarlyEvents {
    /// Keeps one more, in memory of its own: a small event must not hold the large payload that it came in.
    pub(super) fn push(
        &mut self,
        body: &Body,
        ack: Option<AckId>,
        options: &ClientSocketOptions,
    ) -> Result<(), EarlyOverflow> {
        let bytes = self.bytes.saturating_add(cost_of(body));
        if self.events.len() >= options.max_early_events {
            return Err(EarlyOverflow { limit: options.max_early_events, in_bytes: false });
        }
        if bytes > options.max_early_bytes {
            return Err(EarlyOverflow { limit: options.max_early_bytes, in_bytes: true });
        }
        self.bytes = bytes;
        self.events.push((body.detached(), ack));
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) fn into_events(self) -> Vec<(Body, Option<AckId>)> {
        self.events
    }
}

/// Packets that wait for a connection, in order. (E37)
///
/// Found by their acknowledgement without searching: all of a long buffer may time out, one after the other.
#[derive(Debug, Default)]
pub(super) struct OfflineBuffer {
    packets: BTreeMap<u64, Outgoing>,
    by_ack: BTreeMap<AckId, u64>,
    bytes: usize,
    next: u64,
}

impl OfflineBuffer {
    pub(super) fn push(&mut self, packet: Outgoing) {
        self.bytes += cost(&packet);
        if let Some(ack) = packet.ack {
            self.by_ack.insert(ack, self.next);
        }
        self.packets.insert(self.next, packet);
        self.next += 1;
    }

    /// Whether the packet that asks for this acknowledgement is here.
    pub(super) fn has(&self, ack: AckId) -> bool {
        self.by_ack.contains_key(&ack)
    }

    /// Takes out the packet that asks for this acknowledgement, if it is here.
    pub(super) fn remove(&mut self, ack: AckId) {
        let packet = self.by_ack.remove(&ack).and_then(|number| self.packets.remove(&number));
        self.bytes -= packet.as_ref().map_or(0, cost);
    }

    /// Takes out all, in order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Outgoing> + use<> {
        let packets = mem::take(&mut self.packets);
        *self = Self { next: self.next, ..Self::default() };
        packets.into_values()
    }

    pub(super) fn bodies(&self) -> impl Iterator<Item = &Body> {
        self.packets.values().filter_map(|packet| packet.body.as_ref())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

fn cost(packet: &Outgoing) -> usize {
    packet.body.as_ref().map_or(0, cost_of)
}

/// Events which are sent one after the other, each until it is acknowledged, in order. (E47)
#[derive(Debug)]
pub(super) struct RetryQueue<W> {
    entries: VecDeque<Entry<W>>,
    bytes: usize,
    /// The try of the first entry that is on its way.
    in_flight: Option<AckId>,
}

/// An event that waits for its turn or its acknowledgement.
#[derive(Debug)]
pub(super) struct Entry<W> {
    pub(super) body: Body,
    pub(super) compress: bool,
    /// How long each try waits; `None` until the connection ends.
    pub(super) timeout: Option<Duration>,
    pub(super) waiter: Option<W>,
    tries: u32,
}

impl<W> Entry<W> {
    pub(super) const fn new(body: Body, compress: bool, timeout: Option<Duration>, waiter: Option<W>) -> Self {
        Self { body, compress, timeout, waiter, tries: 0 }
    }
}

impl<W> RetryQueue<W> {
    pub(super) const fn new() -> Self {
        Self { entries: VecDeque::new(), bytes: 0, in_flight: None }
    }

    pub(super) fn push(&mut self, entry: Entry<W>) {
        self.bytes += cost_of(&entry.body);
        self.entries.push_back(entry);
    }

    /// What is to be sent now: the first entry, unless it is on its way already.
    pub(super) fn ready(&self) -> Option<&Entry<W>> {
        self.entries.front().filter(|_| self.in_flight.is_none())
    }

    /// The first entry is on its way: one more try.
    pub(super) fn begin_try(&mut self, ack: AckId) {
        self.in_flight = Some(ack);
        if let Some(first) = self.entries.front_mut() {
            first.tries = first.tries.saturating_add(1);
        }
    }

    /// Whether this is the try on its way.
    pub(super) fn is_trying(&self, ack: AckId) -> bool {
        self.in_flight == Some(ack)
    }

    /// The try on its way has not left at all, and does not count.
    pub(super) fn take_back_try(&mut self) {
        self.in_flight = None;
        if let Some(first) = self.entries.front_mut() {
            first.tries = first.tries.saturating_sub(1);
        }
    }

    /// The try on its way was acknowledged: the entry is done with, and whoever waits for it is told.
    pub(super) fn succeed(&mut self) -> Option<W> {
        self.pop()
    }

    /// The try on its way has timed out: if it was the last, the entry is given up. Who waits for it is told then.
    pub(super) fn fail_try(&mut self, retries: u32) -> Option<W> {
        self.in_flight = None;
        let first = self.entries.front()?;
        if first.tries > retries { self.pop() } else { None }
    }

    /// The connection ended under the try on its way. It failed if it had a time limit; else its entry waits for the next
    /// connection, however often. (E48)
    pub(super) fn lose_try(&mut self, retries: u32) -> Option<W> {
        self.in_flight = None;
        self.entries.front()?.timeout?;
        self.fail_try(retries)
    }

    fn pop(&mut self) -> Option<W> {
        self.in_flight = None;
        let entry = self.entries.pop_front()?;
        self.bytes -= cost_of(&entry.body);
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
        entry.waiter
    }

    /// Takes out all; yields the try that is on its way, and who waits.
    pub(super) fn clear(&mut self) -> (Option<AckId>, impl Iterator<Item = W> + use<W>) {
        let Self { entries, in_flight, .. } = mem::replace(self, Self::new());
        (in_flight, entries.into_iter().filter_map(|entry| entry.waiter))
    }

    pub(super) fn bodies(&self) -> impl Iterator<Item = &Body> {
        self.entries.iter().map(|entry| &entry.body)
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}
