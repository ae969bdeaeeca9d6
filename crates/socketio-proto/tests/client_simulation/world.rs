//! [`World`]: the client with its engine, the server, the links between them, and the clock.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem,
    time::Duration,
};

use engineio_proto::{CloseReason, Moment};
use serde_json::{Value, json};
use socketio_proto::{
    AckId, AuthId, Backoff, Body, ClientOutput, ClientSocket, EmitOptions, Emitted, Namespace, OfflinePolicy, Outgoing,
    Packet, PacketKind, ReconnectOptions,
};

use crate::{
    Ledger, Plan, Random, Tally,
    server::{self, Reaction, Server, State},
};

/// What happens, and where.
#[derive(Debug)]
enum Event {
    // At the server.
    Up(usize, Packet),
    ServerGone(usize),
    Decide(usize, Value),
    Answer {
        link: usize,
        session: u32,
        id: AckId,
        number: u32,
    },
    ServerEmits,
    ServerKicks,
    // At the client.
    Down(usize, Packet),
    ClientGone(usize),
    Opened,
    Auth(AuthId),
    Emits,
    GivesUp(AckId),
    Clears,
    Connects,
    Disconnects,
    /// In the middle: the link breaks, and the client sees it.
    Cut,
    /// The engine has noticed that its link is dead, and closes soon.
    HeartbeatExpires,
}

#[derive(Debug)]
struct Link {
    /// When the last packet of each direction arrives: none overtakes another.
    last: [u64; 2],
    client_is_there: bool,
    server_is_there: bool,
    /// What arrives at the server after that is lost.
    lost_after: u64,
}

#[derive(Debug)]
pub(crate) struct World {
    plan: Plan,
    random: Random,
    now: u64,
    is_calm: bool,
    events: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    links: Vec<Link>,
    /// The engine takes nothing any more.
    is_dead: bool,
    is_opening: bool,
    client: ClientSocket<u32>,
    backoff: Backoff,
    server: Server,
    /// The last event without retries that came on each link.
    last_on: BTreeMap<usize, u32>,
    ledger: Ledger,
    tally: Tally,
}

const ROUGH: u64 = 3_000;

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        let mut options = ReconnectOptions::default();
        (options.delay, options.delay_max) = (Duration::from_millis(20), Duration::from_millis(200));
        Self {
            random: Random(plan.seed),
            now: 0,
            is_calm: false,
            events: BTreeMap::new(),
            scheduled: 0,
            links: Vec::new(),
            is_dead: false,
            is_opening: false,
            client: ClientSocket::new(Namespace::root(), plan.options.clone()),
            backoff: Backoff::new(options, plan.seed),
            server: Server::default(),
            last_on: BTreeMap::new(),
            ledger: Ledger::new(plan.retries().unwrap_or(0)),
            tally: Tally::default(),
            plan,
        }
    }

    fn moment(&self) -> Moment {
        Moment::EPOCH + Duration::from_millis(self.now)
    }

    fn at(&mut self, time: u64, event: Event) {
        self.scheduled += 1;
        self.events.insert((time.max(self.now), self.scheduled), event);
    }

    fn soon(&mut self, event: Event) {
        let hop = self.random.below(self.plan.longest_hop);
        self.at(self.now + hop, event);
    }

    /// Over a link, behind what was sent before: up is 0, down is 1.
    fn carry(&mut self, link: usize, direction: usize, event: Event) {
        let hop = self.random.below(self.plan.longest_hop);
        let last = &mut self.links[link].last[direction];
        *last = (*last).max(self.now + hop);
        let time = *last;
        self.at(time, event);
    }

    /// Everything goes wrong at any time.
    pub(crate) fn be_rough(&mut self) {
        self.at(0, Event::Connects);
        let pace = 1 + self.random.below(4);
        for _ in 0..60 * pace {
            let event = match self.random.below(40) {
                0..=15 => Event::Emits,
                16..=23 => Event::ServerEmits,
                24 => Event::ServerKicks,
                25 => Event::Clears,
                26 | 27 => Event::Disconnects,
                28 | 29 => Event::Cut,
                30 => Event::HeartbeatExpires,
                _ => continue,
            };
            let time = self.random.below(ROUGH);
            self.at(time, event);
        }
        self.run_until(ROUGH);
    }

    /// Nothing goes wrong any more, and what is on its way arrives.
    pub(crate) fn calm_down(&mut self) {
        self.is_calm = true;
        // What was never answered and has no time limit is sent again on the next connection only.
        self.at(self.now, Event::Cut);
        self.at(self.now, Event::Connects);
        self.run_until(u64::MAX);
        assert!(self.client.is_connected());
        assert_eq!((self.client.buffered().count(), self.client.queued().count()), (0, 0));
        let (lost, not_kept) = self.ledger.settle(&BTreeSet::new());
        (self.tally.lost, self.tally.not_kept) = (lost, not_kept);
    }

    /// With something on its way and something that waits, all is closed.
    pub(crate) fn end(&mut self) {
        self.emit();
        self.close_engine(CloseReason::TransportClose);
        self.emit();
        self.emit();
        let kept = self.client.buffered().chain(self.client.queued()).map(number_in).collect();
        self.ledger.settle(&kept);
        let mut out = Vec::new();
        self.client.handle_disconnect(&mut out);
        self.clear(out);
        assert_eq!((self.client.next_timeout(), self.client.held_bytes()), (None, 0));
        assert!(!self.client.is_active() && self.client.id().is_none());
        self.ledger.everybody_was_told();
    }

    pub(crate) fn add_to(&self, tally: &mut Tally) {
        let Tally { refused, received, received_again, unsent, lost, not_kept, .. } = self.tally;
        tally.connected += self.ledger.connected;
        tally.recovered += self.ledger.recovered;
        tally.answered += self.ledger.answered;
        tally.failed += self.ledger.failed;
        tally.emitted += self.ledger.emitted_count();
        tally.replayed += self.server.replayed;
        tally.refused += refused;
        tally.received += received;
        tally.received_again += received_again;
        tally.unsent += unsent;
        tally.lost += lost;
        tally.not_kept += not_kept;
        tally.early_overflows += self.tally.early_overflows;
        tally.left_while_connecting += self.tally.left_while_connecting;
    }

    fn run_until(&mut self, end: u64) {
        for step in 0.. {
            assert!(step < 100_000, "it does not come to rest");
            let event = self.events.first_key_value().map(|((time, _), _)| *time);
            let timeout = self.client.next_timeout().map(|due| due.as_nanos().div_ceil(1_000_000));
            let Some(time) = event.into_iter().chain(timeout).min().filter(|time| *time < end) else { break };
            self.now = self.now.max(time);
            if timeout.is_some_and(|timeout| timeout <= time) {
                let mut out = Vec::new();
                self.client.handle_timeout(self.moment(), &mut out);
                assert!(self.client.next_timeout().is_none_or(|due| due > self.moment()));
                self.perform(out);
            } else if let Some((_, event)) = self.events.pop_first() {
                self.happen(event);
            }
            self.check_bounds();
        }
        self.now = self.now.max(if end == u64::MAX { 0 } else { end });
    }

    fn check_bounds(&self) {
        let held = self.client.held_bytes();
        let kept = self.client.buffered().chain(self.client.queued());
        assert_eq!(held, kept.map(|body| body.byte_len() + 64).sum::<usize>());
        match self.plan.options.offline {
            OfflinePolicy::None => assert!(self.client.buffered().next().is_none()),
            OfflinePolicy::Bounded { max_bytes } => assert!(held <= max_bytes, "{held}"),
            OfflinePolicy::Unbounded => {}
        }
        assert!(self.plan.retries().is_some() || self.client.queued().next().is_none());
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Up(link, packet) => self.arrive(link, &packet),
            Event::ServerGone(link) => {
                self.links[link].server_is_there = false;
                self.server.lose(link);
            }
            Event::Decide(link, payload) => self.decide(link, &payload),
            Event::Answer { link, session, id, number } => {
                if self.server.state(link) == State::In(session) {
                    self.send_down(link, server::ack(id, number));
                }
            }
            Event::ServerEmits => {
                if let Some((link, packet)) = self.server.emit(self.plan.recovers) {
                    self.send_down(link, packet);
                }
            }
            Event::ServerKicks => self.kick(),
            _ => self.happen_at_client(event),
        }
    }

    fn happen_at_client(&mut self, event: Event) {
        let mut out = Vec::new();
        match event {
            Event::Down(link, packet) if self.links[link].client_is_there => self.receive(packet, &mut out),
            Event::ClientGone(link) if self.links[link].client_is_there => {
                self.close_engine(CloseReason::TransportClose);
            }
            Event::Opened => self.open(&mut out),
            Event::Auth(id) => self.answer_auth(id, &mut out),
            Event::Emits => self.emit(),
            Event::GivesUp(id) => {
                let waiter = self.client.forget_ack(id);
                waiter.into_iter().for_each(|waiter| self.ledger.given_back(waiter));
            }
            Event::Clears => self.clear(mem::take(&mut out)),
            Event::Connects => self.connect(&mut out),
            Event::Disconnects => {
                let may_be_connecting = self.client.is_active() && !self.client.is_connected();
                self.tally.left_while_connecting += u32::from(may_be_connecting && self.link().is_some());
                self.client.handle_disconnect(&mut out);
                self.soon(Event::Connects);
            }
            Event::Cut => self.close_engine(CloseReason::TransportError),
            Event::HeartbeatExpires if self.link().is_some() => {
                self.is_dead = true;
                self.soon(Event::Cut);
            }
            _ => {}
        }
        self.perform(out);
    }

    fn receive(&mut self, packet: Packet, out: &mut Vec<ClientOutput<u32>>) {
        if self.client.handle_packet(packet, self.moment(), out).is_err() {
            self.tally.early_overflows += 1;
            assert!(out.is_empty());
            self.close_engine(CloseReason::ParseError);
        }
    }

    /// The link that the client has.
    fn link(&self) -> Option<usize> {
        self.links.len().checked_sub(1).filter(|last| self.links[*last].client_is_there)
    }

    fn open(&mut self, out: &mut Vec<ClientOutput<u32>>) {
        self.is_opening = false;
        if self.client.is_active() && self.link().is_none() {
            self.links.push(Link {
                last: [self.now; 2],
                client_is_there: true,
                server_is_there: true,
                lost_after: u64::MAX,
            });
            self.is_dead = false;
            self.client.handle_engine_opened(out);
        }
    }

    /// As the runtime does: one attempt at a time, after a delay.
    fn reopen(&mut self) {
        if self.client.is_active() && self.link().is_none() && !self.is_opening {
            self.is_opening = true;
            let delay = self.backoff.next_delay().expect("for ever");
            self.at(self.now + delay.as_millis() as u64, Event::Opened);
        }
    }

    fn connect(&mut self, out: &mut Vec<ClientOutput<u32>>) {
        self.client.handle_connect(self.link().is_some(), out);
        self.reopen();
    }

    fn close_engine(&mut self, reason: CloseReason) {
        let Some(link) = self.link() else { return };
        self.links[link].client_is_there = false;
        self.links[link].lost_after = self.now + self.random.below(self.plan.longest_hop);
        self.soon(Event::ServerGone(link));
        let mut out = Vec::new();
        self.client.handle_engine_closed(reason, &mut out);
        self.perform(out);
        self.reopen();
    }

    fn answer_auth(&mut self, id: AuthId, out: &mut Vec<ClientOutput<u32>>) {
        if !self.is_calm && self.random.one_in(20) {
            return self.client.handle_auth_failed(id, "no token", out);
        }
        let payload = Body::connect(&json!({ "token": 1 })).expect("an object");
        let payload = self.random.one_in(2).then_some(&payload);
        self.client.handle_auth(id, payload, out).expect("an object");
    }

    fn emit(&mut self) {
        let mut options = EmitOptions::default();
        options.volatile = self.random.one_in(5);
        options.timeout = self.random.one_in(4).then(|| Duration::from_millis(20 + self.random.below(500)));
        let waits = self.random.one_in(2);
        let number = self.ledger.emitted(self.plan.retries().is_some() && !options.volatile, waits);
        let body = Body::event("e", &number).expect("a number");
        let mut out = Vec::new();
        match self.client.handle_emit(body, options, waits.then_some(number), self.moment(), &mut out) {
            Ok(Emitted::Send(packet)) if !self.is_dead && self.random.one_in(20) => {
                // The engine's queue is full.
                self.ledger.given_up(number);
                let waiter = packet.ack.and_then(|id| self.client.forget_ack(id));
                assert_eq!(waiter.is_some(), waits);
                waiter.into_iter().for_each(|waiter| self.ledger.given_back(waiter));
            }
            Ok(Emitted::Send(packet)) => self.hand_over(packet, &mut out),
            Ok(Emitted::Buffered { ack: Some(id) }) if self.random.one_in(10) => self.soon(Event::GivesUp(id)),
            Ok(Emitted::Dropped) => self.ledger.given_up(number),
            Ok(_) => {}
            Err(refused) => {
                self.ledger.given_up(number);
                assert_eq!(refused.waiter.is_some(), waits);
                refused.waiter.into_iter().for_each(|waiter| self.ledger.given_back(waiter));
            }
        }
        self.perform(out);
    }

    fn clear(&mut self, mut out: Vec<ClientOutput<u32>>) {
        let kept: Vec<_> = self.client.buffered().chain(self.client.queued()).map(number_in).collect();
        kept.into_iter().for_each(|number| self.ledger.given_up(number));
        self.client.clear_buffer(&mut out);
        self.client.clear_queue(&mut out);
        self.perform(out);
    }

    fn perform(&mut self, out: Vec<ClientOutput<u32>>) {
        let mut outputs = VecDeque::from(out);
        while let Some(output) = outputs.pop_front() {
            let mut more = Vec::new();
            match output {
                ClientOutput::AskAuth(id) => self.soon(Event::Auth(id)),
                ClientOutput::Send(packet) => self.hand_over(packet, &mut more),
                ClientOutput::Event { body, .. } => {
                    let (session, number) = body.args().expect("two numbers");
                    let current = self.client.id().map(|id| id.parse().expect("a number"));
                    self.ledger.seen(session, number, current, self.plan.recovers);
                }
                ClientOutput::Answer { waiter, body } => self.ledger.answered(waiter, &body),
                ClientOutput::Failed { waiter, failure } => self.ledger.failed(waiter, failure),
                ClientOutput::Connected { recovered } => {
                    self.backoff.reset();
                    self.ledger.connected(recovered);
                }
                ClientOutput::Disconnected(reason) => {
                    self.ledger.disconnected(self.client.connection());
                    assert_eq!(reason.reconnects(), self.client.is_active());
                    self.soon(Event::Connects);
                }
                ClientOutput::Refused(_) => {
                    self.tally.refused += 1;
                    self.soon(Event::Connects);
                }
                other => panic!("{other:?}"),
            }
            outputs.extend(more);
        }
    }

    /// The engine takes the packet, unless its heartbeat has expired.
    fn hand_over(&mut self, packet: Outgoing, out: &mut Vec<ClientOutput<u32>>) {
        let Some(link) = self.link() else { panic!("{packet:?} without a connection") };
        let number = packet.body.as_ref().filter(|_| packet.kind == PacketKind::Event).map(number_in);
        if !self.is_dead {
            number.into_iter().for_each(|number| self.ledger.handed(number, self.client.connection()));
            let packet = packet.into_packet(self.client.namespace().clone());
            return self.carry(link, 0, Event::Up(link, packet));
        }
        self.tally.unsent += 1;
        let may_be_kept = !packet.volatile;
        match (self.client.handle_unsent(packet, out), number) {
            (Ok(Emitted::Buffered { .. }), _) => assert!(may_be_kept),
            (Ok(Emitted::Dropped), Some(number)) => self.ledger.given_up(number),
            (Ok(_), _) => {}
            (Err(refused), Some(number)) => {
                self.ledger.given_up(number);
                refused.waiter.into_iter().for_each(|waiter| self.ledger.given_back(waiter));
            }
            (Err(refused), None) => panic!("{refused}"),
        }
    }

    fn send_down(&mut self, link: usize, packet: Packet) {
        self.carry(link, 1, Event::Down(link, packet));
    }

    fn arrive(&mut self, link: usize, packet: &Packet) {
        let Link { server_is_there, lost_after, .. } = self.links[link];
        if !server_is_there || self.now > lost_after {
            return;
        }
        match self.server.handle(link, packet) {
            Reaction::Nothing => {}
            Reaction::Close => self.close_at_server(link),
            Reaction::Decide(payload) => self.soon(Event::Decide(link, payload)),
            Reaction::Event { number, session, ack } => {
                let is_first = self.ledger.received(number);
                self.tally.received += 1;
                self.tally.received_again += u32::from(!is_first);
                if self.plan.retries().is_none() {
                    let last = self.last_on.insert(link, number);
                    assert!(last.is_none_or(|last| last < number), "{number} came after {last:?}");
                }
                ack.into_iter().for_each(|id| self.answer(link, session, id, number));
            }
        }
    }

    fn answer(&mut self, link: usize, session: u32, id: AckId, number: u32) {
        let (times, strange) =
            if self.is_calm { (1, false) } else { (self.random.below(8).min(2), self.random.one_in(9)) };
        for _ in 0..times {
            self.soon(Event::Answer { link, session, id, number });
        }
        if strange {
            self.soon(Event::Answer { link, session, id: AckId(id.0 + 1_000_000), number });
        }
    }

    fn close_at_server(&mut self, link: usize) {
        self.links[link].server_is_there = false;
        self.server.lose(link);
        self.carry(link, 1, Event::ClientGone(link));
    }

    fn decide(&mut self, link: usize, payload: &Value) {
        if !self.links[link].server_is_there {
            return;
        }
        if !self.is_calm && self.random.one_in(6) {
            let packet = self.server.refuse(link);
            return self.send_down(link, packet);
        }
        let (packets, replaced) = self.server.admit(link, payload, self.plan.recovers);
        replaced.into_iter().for_each(|replaced| self.close_at_server(replaced));
        packets.into_iter().for_each(|packet| self.send_down(link, packet));
    }

    fn kick(&mut self) {
        let Some(link) = self.links.len().checked_sub(1) else { return };
        if let Some(packet) = self.server.kick(link) {
            self.send_down(link, packet);
        }
    }
}

fn number_in(body: &Body) -> u32 {
    body.args().expect("a number")
}
