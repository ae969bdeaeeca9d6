//! The network between the two: events in the order of their time, and chance, which is a function of the seed.

use std::{cmp::Reverse, collections::BinaryHeap};

use bytes::Bytes;

use super::{End, Event, Peer, Plan, Tally, server::Server};
use crate::{CloseMode, CloseReason, Moment};

/// Xorshift, seeded; good enough to shuffle, and the same everywhere.
#[derive(Clone, Debug)]
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// At least 0, less than `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound
    }

    pub(super) fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

/// A WebSocket connection: what is sent into one direction arrives in that order.
#[derive(Debug, Default)]
struct Link {
    last_up: u64,
    last_down: u64,
    cut: bool,
}

/// The time, what is on its way, and chance; both sides act through it.
pub(super) struct Air {
    /// Milliseconds.
    pub(super) now: u64,
    pub(super) rng: Rng,
    longest_hop: u64,
    order: u64,
    events: Vec<Option<Event>>,
    due: BinaryHeap<Reverse<(u64, u64, usize)>>,
    links: Vec<Link>,
    /// Nothing arrives any more.
    pub(super) silent: bool,
}

impl Air {
    pub(super) fn moment(&self) -> Moment {
        Moment::from_nanos(self.now * 1_000_000)
    }

    pub(super) fn at(&mut self, time: u64, event: Event) {
        self.order += 1;
        self.events.push(Some(event));
        self.due.push(Reverse((time, self.order, self.events.len() - 1)));
    }

    /// In some time: one hop of the network, or a moment that a side takes for itself.
    pub(super) fn soon(&mut self, event: Event) -> u64 {
        let time = self.now + 1 + self.rng.below(self.longest_hop);
        self.at(time, event);
        time
    }

    pub(super) fn open_link(&mut self) -> usize {
        self.links.push(Link::default());
        self.links.len() - 1
    }

    pub(super) fn up(&mut self, link: usize, event: Event) {
        let time = (self.now + 1 + self.rng.below(self.longest_hop)).max(self.links[link].last_up);
        self.links[link].last_up = time;
        self.at(time, event);
    }

    pub(super) fn down(&mut self, link: usize, event: Event) {
        let time = (self.now + 1 + self.rng.below(self.longest_hop)).max(self.links[link].last_down);
        self.links[link].last_down = time;
        self.at(time, event);
    }

    /// A POST, whose body is read for a while.
    pub(super) fn post(&mut self, number: usize, body: Bytes) {
        let head = self.soon(Event::PostHead(number));
        let while_it_is_read = self.rng.below(20);
        self.at(head + 1 + while_it_is_read, Event::PostBody(number, body));
    }

    fn pop(&mut self) -> Option<Event> {
        let Reverse((time, _, index)) = self.due.pop()?;
        self.now = self.now.max(time);
        self.events[index].take()
    }
}

pub(super) struct Network<P> {
    air: Air,
    calm: bool,
    end: End,
    pub(super) server: Server,
    pub(super) client: P,
}

impl<P: Peer> Network<P> {
    pub(super) fn new(plan: &Plan, server: Server, client: P) -> Self {
        let air = Air {
            now: 0,
            rng: Rng::new(plan.seed ^ 0xABCD),
            longest_hop: plan.longest_hop,
            order: 0,
            events: Vec::new(),
            due: BinaryHeap::new(),
            links: Vec::new(),
            silent: false,
        };
        let mut network = Self { air, calm: plan.calm, end: plan.end, server, client };
        network.plan();
        network
    }

    fn plan(&mut self) {
        let Self { air, client, .. } = self;
        for _ in 0..air.rng.below(20) {
            let time = air.rng.below(400);
            air.at(time, Event::ServerSends);
        }
        for _ in 0..air.rng.below(20) {
            let time = air.rng.below(400);
            air.at(time, Event::ClientSends);
        }
        if !air.rng.one_in(6) {
            let time = air.rng.below(250);
            air.at(time, Event::ClientUpgrades);
        }
        // Somebody who knows the session's id opens a WebSocket and says nothing.
        if !self.calm && air.rng.one_in(5) {
            let (time, link) = (air.rng.below(300), air.open_link());
            air.at(time, Event::WireOpen(link));
        }
        let time = 50 + air.rng.below(400);
        match self.end {
            End::Quiet => {}
            End::ServerCloses => air.at(time, Event::ServerEnds(CloseMode::Graceful)),
            End::ServerDiscards => air.at(time, Event::ServerEnds(CloseMode::Discard)),
            End::ClientCloses => air.at(time, Event::ClientCloses),
            End::ClientCrashes => air.at(time, Event::ClientCrashes),
            End::WireCut => air.at(time, Event::Cut),
        }
        client.begin(air);
    }

    pub(super) fn run_until(&mut self, end: u64) {
        loop {
            let event = self.air.due.peek().map(|Reverse((time, ..))| (*time).max(self.air.now));
            let (timer, client_timer) = (self.server.next_timeout(), self.client.next_timeout());
            let first = event.into_iter().chain(timer).chain(client_timer).min();
            let Some(time) = first.filter(|time| *time <= end) else { break };
            if client_timer.is_some_and(|timer| timer <= time) {
                self.air.now = self.air.now.max(time);
                self.client.timeout(&mut self.air);
            } else if timer.is_some_and(|timer| timer <= time) {
                self.air.now = self.air.now.max(time);
                self.server.timeout(&mut self.air);
            } else if let Some(event) = self.air.pop() {
                self.happen(event);
            }
        }
        self.air.now = self.air.now.max(end);
    }

    fn happen(&mut self, event: Event) {
        let Self { air, server, client, .. } = self;
        match event {
            event if air.silent && event.is_carried() => {}
            Event::FrameUp(link, _) | Event::FrameDown(link, _) | Event::WireOpened(link) if air.links[link].cut => {}
            Event::Cut => {
                for link in 0..air.links.len() {
                    air.links[link].cut = true;
                    air.soon(Event::WireGone(link));
                    air.soon(Event::WireClosed(link));
                }
                client.cut(air);
            }
            Event::Get(number) => server.get(number, air),
            Event::GetAborted(number) => server.get_aborted(number, air),
            Event::PostHead(number) => server.post_head(number, air),
            Event::PostBody(number, body) => server.post_body(number, body, air),
            Event::PostAborted(number) => server.post_aborted(number, air),
            Event::WireBegins(link) => server.wire_begins(link, air),
            Event::WireOpen(link) => server.wire_open(link, air),
            Event::FrameUp(link, frame) => server.frame(link, frame, air),
            Event::WireGone(link) => server.wire_gone(link, air),
            Event::ServerSends => server.sends(air),
            Event::ServerFlushes => server.flushes(air),
            Event::ServerWrites(link) => server.writes(link, air),
            Event::ServerEnds(mode) => server.ends(mode, air),
            Event::ClientCrashes => client.crashes(air),
            event => client.happen(event, air),
        }
    }

    /// All has arrived that could: nothing may be missing where nothing but a graceful end happened.
    pub(super) fn check_completeness(&mut self, tally: &mut Tally) {
        let (server, client) = (&self.server, &self.client);
        let (all_down, all_up) = (client.received() == server.sent, server.received == client.sent());
        let (reason, is_open) = (server.closed, client.is_open());
        tally.ended_early += u32::from(reason.is_some() && self.end == End::Quiet);
        if !self.calm {
            return;
        }
        let told = |expected| assert_eq!(client.closed().unwrap_or(expected), expected, "what the client tells");
        match self.end {
            End::Quiet => assert_eq!((reason, all_down, all_up, is_open), (None, true, true, true)),
            // A POST that began after the end is refused (row A37), and that may overtake the GET's answer.
            End::ServerCloses if client.was_refused() => return,
            End::ServerCloses => {
                assert_eq!((reason, all_down), (Some(CloseReason::ForcedClose), true));
                assert!(!is_open, "the client is told");
                told(CloseReason::TransportClose);
            }
            End::ClientCloses => {
                assert_eq!((reason, all_up, is_open), (Some(CloseReason::TransportClose), true, false));
                told(CloseReason::ForcedClose);
            }
            End::ServerDiscards => assert_eq!((reason, is_open), (Some(CloseReason::ForcedClose), false)),
            End::ClientCrashes | End::WireCut => return,
        }
        tally.complete += 1;
    }

    /// Neither side hears of the other any more, and has to notice by itself.
    pub(super) fn bury(&mut self) {
        self.client.bury(&mut self.air);
        let end = self.air.now + 20_000;
        self.run_until(end);
        self.server.check_end();
        self.client.check_end();
    }
}
