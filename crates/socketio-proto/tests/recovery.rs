//! Connection state recovery as clients see it: a simulation with fixed seeds, in which connections break unnoticed,
//! clients come back early, late, more than once and in the middle of a replay. (D103 to D114, R32)
//!
//! A client sees each event that was for it once and in order, or is told that it was not recovered. Leaves out single
//! rules (`src/recovery/tests.rs`).

use std::{collections::BTreeMap, time::Duration};

use engineio_proto::Moment;
use socketio_proto::{Missed, NotRecovered, Offset, PrivateId, Recovery, RecoveryLimits};
use testkit::Random;

const CLIENTS: usize = 6;
const DETECTION: u64 = 30_000;
const MAX_DISCONNECTION: u64 = 60_000;

/// An event for one room, except for one client.
#[derive(Clone, Debug, PartialEq)]
struct Event {
    number: u64,
    room: u64,
    except: usize,
}

/// The client's end.
struct Client {
    pid: String,
    /// Rooms by bit; the last has hardly any traffic.
    rooms: u64,
    offset: Option<String>,
    received: Vec<u64>,
    /// What a connection that never broke would have brought.
    expected: Vec<u64>,
    link: Link,
}

/// What the server has of a client.
#[derive(Copy, Clone, PartialEq)]
enum Link {
    Up(Connection),
    /// Broken, and not noticed.
    Broken(Connection),
    Down,
}

#[derive(Copy, Clone, PartialEq)]
struct Connection {
    socket: u64,
    joined: Offset,
    /// Since when the link is as it is.
    since: u64,
}

impl Client {
    fn is_for(&self, index: usize, event: &Event) -> bool {
        self.rooms >> event.room & 1 == 1 && event.except != index
    }

    fn receive(&mut self, event: &Event, offset: Offset) {
        self.received.push(event.number);
        self.offset = Some(offset.to_string());
    }
}

#[derive(Debug, Default, PartialEq)]
struct Outcomes {
    recovered: u32,
    replayed: u32,
    refused: BTreeMap<&'static str, u32>,
}

#[derive(Copy, Clone)]
struct Pace {
    /// Seconds rather than parts of one between events, so that packets get old.
    slow: bool,
    /// Connections break in the middle of a replay, too, or soon after it.
    flapping: bool,
}

struct World {
    random: Random,
    pace: Pace,
    now: u64,
    store: Recovery<u64, u64, Event>,
    clients: Vec<Client>,
    sockets: u64,
    events: u64,
    outcomes: Outcomes,
}

impl World {
    fn new(seed: u64, limits: RecoveryLimits, pace: Pace) -> Self {
        let mut world = Self {
            random: Random(seed),
            pace,
            now: 0,
            store: Recovery::new(seed as u32, limits),
            clients: Vec::new(),
            sockets: 0,
            events: 0,
            outcomes: Outcomes::default(),
        };
        for index in 0..CLIENTS {
            let rooms = if index == 0 { 0b1000 } else { 1 + world.random.below(15) };
            let (offset, received, expected) = (None, Vec::new(), Vec::new());
            world.clients.push(Client { pid: String::new(), rooms, offset, received, expected, link: Link::Down });
            world.join(index);
        }
        world
    }

    fn moment(&self) -> Moment {
        Moment::EPOCH + Duration::from_millis(self.now)
    }

    /// A new session.
    fn join(&mut self, index: usize) {
        self.sockets += 1;
        let (socket, joined, now) = (self.sockets, self.store.latest(), self.moment());
        let client = &mut self.clients[index];
        client.pid = format!("pid-{socket}");
        (client.offset, client.received, client.expected) = (None, Vec::new(), Vec::new());
        client.link = Link::Up(Connection { socket, joined, since: self.now });
        self.store.connected(PrivateId::new(&client.pid), socket, None, now);
    }

    /// The server sees that the connection is gone.
    fn notice(&mut self, index: usize) {
        let now = self.moment();
        let client = &mut self.clients[index];
        if let Link::Up(connection) | Link::Broken(connection) = client.link {
            client.link = Link::Down;
            let Connection { socket, joined, .. } = connection;
            self.store.save(PrivateId::new(&client.pid), &socket, client.rooms, joined, now);
        }
    }

    fn emit(&mut self) {
        // The last room is the quiet one.
        let room = if self.random.one_in(200) { 3 } else { self.random.below(3) };
        self.events += 1;
        let event = Event { number: self.events, room, except: self.random.below(2 * CLIENTS as u64) as usize };
        let now = self.moment();
        let reserved = self.store.reserve(now);
        for (index, client) in self.clients.iter_mut().enumerate() {
            if client.is_for(index, &event) {
                client.expected.push(event.number);
                if matches!(client.link, Link::Up(_)) {
                    client.receive(&event, reserved.offset());
                }
            }
        }
        self.store.record(reserved, event, 20, now);
    }

    fn break_link(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if let Link::Up(connection) = client.link
            && (self.pace.flapping || self.now - connection.since > DETECTION)
        {
            client.link = Link::Broken(Connection { since: self.now, ..connection });
        }
    }

    /// The client tries to get its session back.
    fn come_back(&mut self, index: usize) {
        let now = self.moment();
        let (pid, offset) = (self.clients[index].pid.clone(), self.clients[index].offset.clone());
        if let Err(NotRecovered::StillConnected(socket)) = self.store.restore(&pid, offset.as_deref(), now) {
            assert!(matches!(self.clients[index].link, Link::Broken(connection) if connection.socket == socket));
            self.notice(index);
        }
        let restored = self.store.restore(&pid, offset.as_deref(), now);
        let client = &self.clients[index];
        let matches = |missed: &Missed<'_, Event>| client.is_for(index, missed.packet);
        let replay = restored.and_then(|restored| {
            assert_eq!(*restored.session(), client.rooms);
            let missed = restored.missed_within(600, matches)?;
            Ok((restored.joined(), missed.into_iter().map(|m| (m.packet.clone(), m.offset)).collect::<Vec<_>>()))
        });
        match replay {
            Ok((joined, missed)) => self.replay(index, joined, &missed),
            Err(reason) => {
                let name = match reason {
                    NotRecovered::UnknownSession => "unknown",
                    NotRecovered::Expired => "expired",
                    NotRecovered::PacketsGone => "gone",
                    NotRecovered::ReplayTooLarge { .. } => "too large",
                    other => panic!("{other:?}"),
                };
                *self.outcomes.refused.entry(name).or_default() += 1;
                self.join(index);
            }
        }
    }

    fn replay(&mut self, index: usize, joined: Offset, missed: &[(Event, Offset)]) {
        // The connection may break anywhere on the way, or before the server has even noted the new socket.
        let cut = self.pace.flapping && self.random.one_in(4);
        let arrives = if cut { self.random.below(missed.len() as u64 + 1) as usize } else { missed.len() };
        if cut && self.random.one_in(3) {
            return;
        }
        self.sockets += 1;
        let (socket, since, now) = (self.sockets, self.now, self.moment());
        let client = &mut self.clients[index];
        let first = missed.first().map(|(_, offset)| *offset);
        self.store.connected(PrivateId::new(&client.pid), socket, first, now);
        missed.iter().take(arrives).for_each(|(event, offset)| client.receive(event, *offset));
        let connection = Connection { socket, joined, since };
        client.link = if cut { Link::Broken(connection) } else { Link::Up(connection) };
        self.outcomes.recovered += 1;
        self.outcomes.replayed += missed.len() as u32;
    }

    fn step(&mut self) {
        // Not past the moment at which the server notices a broken connection at the latest.
        let notices = self.clients.iter().filter_map(|client| match client.link {
            Link::Broken(connection) => Some(connection.since + DETECTION),
            _ => None,
        });
        let latest = notices.min().unwrap_or(u64::MAX);
        self.now = (self.now + self.random.below(if self.pace.slow { 20_000 } else { 2_000 })).min(latest);
        match self.random.below(8) {
            0..5 => self.emit(),
            5 => {
                let index = self.random.below(CLIENTS as u64) as usize;
                self.break_link(index);
            }
            6 => self.store.sweep(self.moment()),
            _ => {}
        }
        for index in 0..CLIENTS {
            match self.clients[index].link {
                Link::Broken(connection) if self.now - connection.since >= DETECTION => self.notice(index),
                Link::Broken(_) if self.random.one_in(20) => self.notice(index),
                Link::Broken(_) | Link::Down if self.random.one_in(12) => self.come_back(index),
                _ => {}
            }
            let client = &self.clients[index];
            let seen = client.received.len();
            assert_eq!(client.received, client.expected[..seen], "client {index} after {} events", self.events);
            if matches!(client.link, Link::Up(_)) {
                assert_eq!(seen, client.expected.len(), "client {index} lacks something after {} events", self.events);
            }
        }
    }
}

fn limits() -> RecoveryLimits {
    let mut limits = RecoveryLimits::default();
    limits.max_disconnection_duration = Duration::from_millis(MAX_DISCONNECTION);
    limits.detection = Duration::from_millis(DETECTION);
    limits
}

fn run(seed: u64, limits: RecoveryLimits, pace: Pace) -> Outcomes {
    let mut world = World::new(seed, limits, pace);
    for _ in 0..4000 {
        world.step();
        assert!(world.store.packet_count() <= limits.max_packets);
        assert!(world.store.packet_bytes() <= limits.max_bytes);
    }
    world.outcomes
}

/// Hazard R32.
#[test]
fn every_event_is_seen_once_and_in_order_and_only_time_prevents_that() {
    for seed in 0..40 {
        let pace = Pace { slow: seed % 2 == 0, flapping: false };
        let outcomes = run(seed, limits(), pace);
        assert!(outcomes.recovered > 50 && outcomes.replayed > 50, "{seed}: {outcomes:?}");
        assert!(!outcomes.refused.contains_key("gone"), "{seed}: {outcomes:?}");
    }
}

#[test]
fn a_replay_that_is_cut_off_loses_nothing_unnoticed() {
    for seed in 50..90 {
        let pace = Pace { slow: seed % 2 == 0, flapping: true };
        let outcomes = run(seed, limits(), pace);
        assert!(outcomes.recovered > 50 && outcomes.replayed > 50, "{seed}: {outcomes:?}");
        // Packets are gone only for who was cut off again and again.
        let gone = outcomes.refused.get("gone").copied().unwrap_or_default();
        assert!(gone * 10 <= outcomes.recovered, "{seed}: {outcomes:?}");
    }
}

#[test]
fn with_little_room_fewer_come_back_and_nothing_is_lost_unnoticed() {
    let mut gone = 0;
    for seed in 100..140 {
        let mut limits = limits();
        (limits.max_packets, limits.max_bytes, limits.max_sessions) = (12, 200, 3);
        let outcomes = run(seed, limits, Pace { slow: false, flapping: true });
        assert!(outcomes.recovered > 10, "{seed}: {outcomes:?}");
        gone += outcomes.refused.get("gone").copied().unwrap_or_default();
    }
    assert!(gone > 100, "{gone}");
}
