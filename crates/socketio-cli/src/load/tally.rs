//! [`Tally`]: what has happened in a load so far.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;

use super::{fault::Fault, watch::Sample};

/// The longest latency that is told from longer ones, in nanoseconds.
const LONGEST: u64 = 300_000_000_000;

/// Different faults that are remembered; the rest are only counted.
const MOST_FAULTS: usize = 8;

/// Counts, and times of what was measured.
#[derive(Debug)]
pub(super) struct Tally {
    /// Connections that have joined the namespace, that never came so far, and that were lost later.
    pub(super) joined: u64,
    pub(super) failed: u64,
    pub(super) lost: u64,
    /// Messages from the first to the last, warming up included: sent, and those that came as they should.
    pub(super) sent: u64,
    pub(super) received: u64,
    /// Messages that were due and not sent, because too many had no answer.
    pub(super) skipped: u64,
    /// Events that nobody counts.
    pub(super) others: u64,
    /// Messages, or connections, within the time that is measured.
    pub(super) measured: u64,
    /// Nanoseconds from sending to receiving, or from dialling to joining.
    pub(super) latency: Histogram<u64>,
    /// The same for the opening of all connections.
    pub(super) opening: Histogram<u64>,
    pub(super) faults: BTreeMap<String, u64>,
    /// From when to when connections were opened, and messages were measured; since the load began.
    pub(super) opened: [Duration; 2],
    pub(super) window: [Duration; 2],
    /// The server before all, with all connections open, and at both ends of the window.
    pub(super) at_start: Option<Sample>,
    pub(super) at_opened: Option<Sample>,
    pub(super) at_window: [Option<Sample>; 2],
}

impl Tally {
    pub(super) fn new() -> anyhow::Result<Self> {
        let histogram = || Histogram::new_with_bounds(1, LONGEST, 3);
        Ok(Self {
            joined: 0,
            failed: 0,
            lost: 0,
            sent: 0,
            received: 0,
            skipped: 0,
            others: 0,
            measured: 0,
            latency: histogram()?,
            opening: histogram()?,
            faults: BTreeMap::new(),
            opened: [Duration::ZERO; 2],
            window: [Duration::ZERO; 2],
            at_start: None,
            at_opened: None,
            at_window: [None; 2],
        })
    }

    pub(super) fn fault(&mut self, fault: &Fault) {
        let text = fault.to_string();
        if self.faults.len() < MOST_FAULTS || self.faults.contains_key(&text) {
            *self.faults.entry(text).or_default() += 1;
        }
    }

    /// How long was measured.
    pub(super) fn measured_time(&self) -> Duration {
        let [begin, end] = self.window;
        end.saturating_sub(begin)
    }
}
