//! [`Ledger`]: what became of each event and each acknowledgement, on both sides, and whether that may be.

use std::collections::{BTreeMap, BTreeSet};

use socketio_proto::{AckFailure, Body};

/// One event of the client's.
#[derive(Debug, Default)]
struct Entry {
    is_retried: bool,
    /// On which connections it was handed to the engine.
    handed: Vec<u64>,
    received: u32,
    /// Refused, dropped, timed out before it was sent, or taken out by hand: nobody expects it to arrive.
    is_given_up: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// How often an event is sent again.
    retries: usize,
    events: BTreeMap<u32, Entry>,
    /// How often each waiter was told, who has the number of its event.
    waiters: BTreeMap<u32, u32>,
    /// Connections of the client whose end was told.
    ended: BTreeSet<u64>,
    is_connected: bool,
    pub(crate) connected: u32,
    pub(crate) recovered: u32,
    pub(crate) answered: u32,
    pub(crate) failed: u32,
    /// Next number of each session of the server's, as the client has seen it.
    seen: BTreeMap<u32, u32>,
}

impl Ledger {
    pub(crate) fn new(retries: u32) -> Self {
        Self { retries: retries as usize, ..Self::default() }
    }

    pub(crate) fn emitted(&mut self, is_retried: bool, waits: bool) -> u32 {
        let number = self.events.len() as u32;
        self.events.insert(number, Entry { is_retried, ..Entry::default() });
        if waits {
            self.waiters.insert(number, 0);
        }
        number
    }

    fn entry(&mut self, number: u32) -> &mut Entry {
        self.events.get_mut(&number).expect("it was emitted")
    }

    pub(crate) fn handed(&mut self, number: u32, connection: u64) {
        let entry = self.entry(number);
        entry.handed.push(connection);
        assert!(entry.is_retried || entry.handed.len() == 1, "event {number} is sent once");
        assert!(entry.is_retried || !entry.is_given_up, "event {number} was given up");
    }

    pub(crate) fn given_up(&mut self, number: u32) {
        self.entry(number).is_given_up = true;
    }

    /// The server has it; whether for the first time.
    pub(crate) fn received(&mut self, number: u32) -> bool {
        let entry = self.entry(number);
        entry.received += 1;
        assert!(entry.is_retried || entry.received == 1, "event {number} arrives once");
        assert!(entry.received as usize <= entry.handed.len());
        entry.received == 1
    }

    pub(crate) fn answered(&mut self, waiter: u32, body: &Body) {
        assert_eq!(body.ack_args::<u32>(), Ok(waiter), "the answer to another question");
        self.answered += 1;
        self.told(waiter);
    }

    pub(crate) fn failed(&mut self, waiter: u32, failure: AckFailure) {
        self.failed += 1;
        self.told(waiter);
        let retries = self.retries;
        let entry = self.entry(waiter);
        let was_kept = entry.handed.is_empty();
        let had_all_tries = !entry.is_retried || entry.handed.len() > retries;
        assert!(had_all_tries || failure == AckFailure::Cleared, "{failure:?} before the last try: {entry:?}");
        assert!(failure != AckFailure::Cleared || was_kept || entry.is_retried);
        entry.is_given_up |= was_kept || entry.is_retried;
    }

    /// The waiter was given back: nobody waits any more.
    pub(crate) fn given_back(&mut self, waiter: u32) {
        self.told(waiter);
        let entry = self.entry(waiter);
        entry.is_given_up |= entry.handed.is_empty();
    }

    fn told(&mut self, waiter: u32) {
        let times = self.waiters.get_mut(&waiter).expect("somebody waits");
        *times += 1;
        assert_eq!(*times, 1, "waiter {waiter} is told once");
    }

    pub(crate) fn connected(&mut self, recovered: bool) {
        assert!(!self.is_connected);
        self.is_connected = true;
        self.connected += 1;
        self.recovered += u32::from(recovered);
    }

    pub(crate) fn disconnected(&mut self, connection: u64) {
        assert!(self.is_connected, "told once, and only where it was connected");
        self.is_connected = false;
        self.ended.insert(connection);
    }

    /// The client has got event `number` of `session`; `current` is the session that it is in.
    pub(crate) fn seen(&mut self, session: u32, number: u32, current: Option<u32>, loses_nothing: bool) {
        let next = self.seen.entry(session).or_default();
        assert!(number >= *next, "event {number} of session {session} came before {next}, or twice");
        if loses_nothing && current == Some(session) {
            assert_eq!(number, *next, "an event of session {session} was missed");
        }
        *next = number + 1;
    }

    /// All is calm: nothing is on its way any more. Yields how many events were lost with a connection, and how many were
    /// given up.
    pub(crate) fn settle(&self, kept: &BTreeSet<u32>) -> (u32, u32) {
        let (mut lost, mut given_up) = (0, 0);
        for (number, entry) in &self.events {
            if entry.is_given_up || entry.received > 0 || kept.contains(number) {
                given_up += u32::from(entry.is_given_up);
                continue;
            }
            lost += 1;
            let was_ended = entry.handed.iter().all(|connection| self.ended.contains(connection));
            let all_tries = entry.is_retried && entry.handed.len() > self.retries;
            assert!(!entry.handed.is_empty() && (was_ended || all_tries), "event {number} is lost: {entry:?}");
        }
        (lost, given_up)
    }

    pub(crate) fn everybody_was_told(&self) {
        let left: Vec<_> = self.waiters.iter().filter(|(_, times)| **times == 0).collect();
        assert!(left.is_empty() && !self.is_connected, "{left:?} still wait");
    }

    pub(crate) fn emitted_count(&self) -> u32 {
        self.events.len() as u32
    }
}
