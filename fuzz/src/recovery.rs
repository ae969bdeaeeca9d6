//! What a namespace keeps for clients that come back: against a list of all that ever happened, which is never cleaned up, and
//! against what the clients themselves have seen, who get each event once and in order or are told that they are new ones.
//!
//! Beside clients that keep to the rules there are strangers with any id and any offset, and a caller that says anything.

use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use engineio_proto::Moment;
use socketio_proto::{NotRecovered, Offset, PrivateId, Recovery, RecoveryLimits, Reserved};

use crate::recovery_ledger::RecoveryLedger;

/// What one byte more stands for.
#[derive(Debug, Arbitrary)]
enum Operation<'a> {
    /// A new client; what comes for it before it is let in is held back.
    Join(u8),
    /// It is let in; so much of what was held back arrives, or all.
    Admit(u8, Option<u8>),
    Event(Audience, u8),
    /// An offset whose packet comes later, or never.
    Reserve,
    Record(u8, u8),
    /// Nothing arrives any more, and nobody has noticed.
    Cut(u8),
    Notice(u8),
    /// By the client or by the server, so that it is not to come back.
    End(u8),
    /// And so much of what it has missed arrives before the connection breaks again, or all.
    ComeBack(u8, Option<u8>),
    /// The connection breaks before the socket is there.
    TryToComeBack(u8),
    /// Somebody with that client's id and an offset of any packet.
    Return(u8, u8),
    Stranger(&'a str, Option<&'a str>),
    /// A caller of its own, whose sockets are not those of the clients.
    Connected(u8, u8, Option<u8>),
    Save(u8, u8, u8),
    Forget(u8, u8),
    Claim(u8, Option<u8>),
    Sweep,
    /// The next call names a time that is a little older.
    Behind(u8),
    Pass(u16),
    PassToTimeout,
}

/// Who gets an event.
#[derive(Copy, Clone, Debug, PartialEq, Arbitrary)]
enum Audience {
    Nobody,
    All,
    Room(u8),
    Except(u8),
    One(u8),
}

const CLIENTS: usize = 3;
const ROOMS: u8 = 3;
/// Ids that the caller of its own uses.
const PIDS: [&str; 3] = ["", "a", "pid-b"];
const MAX_REPLAY_BYTES: usize = 300;
const INSTANCE: u32 = 41;

#[derive(Clone, Debug, PartialEq)]
struct Event {
    number: u32,
    to: Audience,
}

/// The first byte is the limits, the rest is what happens.
pub fn run(data: &[u8]) {
    _ = live(&mut Unstructured::new(data));
}

fn live(input: &mut Unstructured<'_>) -> Result<()> {
    let mut world = World::new(limits(input.arbitrary()?));
    while !input.is_empty() {
        let Ok(operation) = Operation::arbitrary(input) else { break };
        world.happen(&operation);
        world.check();
    }
    world.end();
    Ok(())
}

fn limits(settings: u8) -> RecoveryLimits {
    let mut limits = RecoveryLimits::default();
    limits.max_disconnection_duration = Duration::from_millis([100, 0, 1000, 20][usize::from(settings & 3)]);
    limits.detection = match settings >> 2 & 3 {
        0 => Duration::from_millis(30),
        1 => Duration::ZERO,
        2 => Duration::from_millis(200),
        _ => Duration::MAX,
    };
    limits.max_packets = [100, 4, 1, 12][usize::from(settings >> 4 & 3)];
    (limits.max_bytes, limits.max_sessions) = [(1000, 3), (400, 2), (200, 1), (50, 0)][usize::from(settings >> 6)];
    limits
}

/// A client's end, and what its server has of it.
#[derive(Debug)]
struct Client {
    /// Empty where it has no session.
    pid: String,
    rooms: u8,
    offset: Option<String>,
    seen: Vec<u32>,
    /// What a connection that never broke would have brought.
    due: Vec<u32>,
    session: u32,
    link: Link,
}

#[derive(Clone, Debug)]
enum Link {
    Down,
    Joining {
        joined: Offset,
        held: Vec<(Offset, u32)>,
    },
    Up {
        socket: u32,
        joined: Offset,
    },
    /// Since then.
    Broken {
        socket: u32,
        joined: Offset,
        since: Moment,
    },
}

impl Client {
    fn is_for(&self, index: usize, to: Audience) -> bool {
        match to {
            Audience::Nobody => false,
            Audience::All => true,
            Audience::Room(room) => self.rooms >> (room % ROOMS) & 1 == 1,
            Audience::Except(client) => usize::from(client) % CLIENTS != index,
            Audience::One(client) => usize::from(client) % CLIENTS == index,
        }
    }

    fn receive(&mut self, number: u32, offset: &str) {
        assert_eq!(self.due.get(self.seen.len()), Some(&number), "it has seen {:?}", self.seen);
        self.seen.push(number);
        self.offset = Some(offset.to_owned());
    }
}

struct World {
    limits: RecoveryLimits,
    store: Recovery<u32, u32, Event>,
    ledger: RecoveryLedger,
    now: Moment,
    behind: Duration,
    clients: Vec<Client>,
    /// How many sockets, sessions and events there were.
    count: u32,
    reserved: Vec<Reserved>,
    /// Of every event.
    offsets: Vec<Offset>,
}

impl World {
    fn new(limits: RecoveryLimits) -> Self {
        let store = Recovery::new(INSTANCE, limits);
        let offsets = vec![store.latest()];
        let (pid, seen, due) = (String::new(), Vec::new(), Vec::new());
        let client = |rooms| {
            let (pid, seen, due) = (pid.clone(), seen.clone(), due.clone());
            Client { pid, rooms, offset: None, seen, due, session: 0, link: Link::Down }
        };
        let clients = [0b001, 0b011, 0b110].map(client).into();
        let ledger = RecoveryLedger::new(INSTANCE, limits);
        let (now, behind, reserved) = (Moment::EPOCH, Duration::ZERO, Vec::new());
        Self { limits, store, ledger, now, behind, clients, count: 0, reserved, offsets }
    }

    /// The time that the next call names.
    fn named_now(&mut self) -> Moment {
        let behind = u64::try_from(std::mem::take(&mut self.behind).as_nanos()).unwrap_or_default();
        Moment::from_nanos(self.now.as_nanos().saturating_sub(behind))
    }

    fn next(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    fn happen(&mut self, operation: &Operation<'_>) {
        let of = |client: u8| usize::from(client) % CLIENTS;
        match *operation {
            Operation::Join(client) => self.join(of(client)),
            Operation::Admit(client, arrives) => self.admit(of(client), arrives),
            Operation::Event(to, bytes) => {
                // Those who may miss it need it to be as old as it is.
                let now = if to == Audience::Nobody { self.named_now() } else { self.now };
                let reserved = self.reserve(now);
                self.deliver(to, reserved.offset());
                self.record(reserved, Event { number: self.count, to }, bytes.into(), now);
            }
            Operation::Reserve => {
                let now = self.named_now();
                let reserved = self.reserve(now);
                self.reserved.push(reserved);
            }
            Operation::Record(which, bytes) => {
                if self.reserved.is_empty() {
                    return;
                }
                let reserved = self.reserved.remove(usize::from(which) % self.reserved.len());
                let (number, now) = (self.next(), self.named_now());
                self.record(reserved, Event { number, to: Audience::Nobody }, bytes.into(), now);
            }
            Operation::Cut(client) => {
                let link = &mut self.clients[of(client)].link;
                if let Link::Up { socket, joined } = *link {
                    *link = Link::Broken { socket, joined, since: self.now };
                }
            }
            Operation::Notice(client) => self.notice(of(client)),
            Operation::End(client) => self.end_session(of(client)),
            Operation::ComeBack(client, arrives) => self.come_back(of(client), arrives, true),
            Operation::TryToComeBack(client) => self.come_back(of(client), None, false),
            Operation::Return(client, offset) => {
                let (pid, offset) = (self.clients[of(client)].pid.clone(), self.any_offset(offset).to_string());
                _ = self.restore(&pid, Some(&offset));
            }
            Operation::Stranger(pid, offset) => _ = self.restore(pid, offset),
            Operation::Sweep => {
                let now = self.named_now();
                self.store.sweep(now);
                self.ledger.sweep(now);
            }
            Operation::Behind(micros) => self.behind = Duration::from_micros(u64::from(micros) * 100),
            Operation::Pass(micros) => self.pass(Duration::from_micros(u64::from(micros) * 10)),
            Operation::PassToTimeout => {
                let due = self.store.next_timeout().map(|due| due.saturating_since(self.now));
                // What is kept for ever is not waited for.
                self.pass(due.unwrap_or_default().min(Duration::from_secs(10)));
            }
            Operation::Connected(..) | Operation::Save(..) | Operation::Forget(..) | Operation::Claim(..) => {
                self.call(operation);
            }
        }
    }

    /// What the caller of its own says.
    fn call(&mut self, operation: &Operation<'_>) {
        let of = |pid: u8| PIDS[usize::from(pid) % PIDS.len()];
        // Numbers that no client's socket has.
        let socket = |socket: u8| u32::MAX - u32::from(socket) % 3;
        match *operation {
            Operation::Connected(pid, number, resent) => {
                let resent = resent.map(|offset| self.any_offset(offset));
                self.connect(of(pid), socket(number), resent);
            }
            Operation::Save(pid, number, joined) => {
                let joined = self.any_offset(joined);
                self.save(of(pid), socket(number), joined);
            }
            Operation::Forget(pid, number) => self.forget(of(pid), socket(number)),
            Operation::Claim(pid, offset) => {
                let offset = offset.map(|offset| self.any_offset(offset).to_string());
                _ = self.restore(of(pid), offset.as_deref());
            }
            _ => {}
        }
    }

    /// That of one of the last events, the last one by 0.
    fn any_offset(&self, number: u8) -> Offset {
        self.offsets[self.offsets.len() - 1 - usize::from(number) % self.offsets.len()]
    }

    fn reserve(&mut self, now: Moment) -> Reserved {
        let (reserved, expected) = (self.store.reserve(now), self.ledger.reserve(now));
        assert_eq!(reserved.offset().to_string(), expected);
        assert_eq!(expected.parse(), Ok(reserved.offset()));
        self.offsets.push(reserved.offset());
        reserved
    }

    fn record(&mut self, reserved: Reserved, event: Event, bytes: usize, now: Moment) {
        self.ledger.record(reserved.offset(), event.number, bytes, now);
        self.store.record(reserved, event, bytes, now);
    }

    /// The next event goes to those who are there.
    fn deliver(&mut self, to: Audience, offset: Offset) {
        let number = self.next();
        for (index, client) in self.clients.iter_mut().enumerate() {
            if client.pid.is_empty() || !client.is_for(index, to) {
                continue;
            }
            client.due.push(number);
            match &mut client.link {
                Link::Up { .. } => client.receive(number, &offset.to_string()),
                Link::Joining { held, .. } => held.push((offset, number)),
                Link::Broken { .. } | Link::Down => {}
            }
        }
    }

    fn connect(&mut self, pid: &str, socket: u32, resent: Option<Offset>) {
        let now = self.named_now();
        let before = self.store.connected(PrivateId::new(pid), socket, resent, now);
        assert_eq!(before, self.ledger.connect(pid, socket, resent, now));
    }

    fn save(&mut self, pid: &str, socket: u32, joined: Offset) -> u32 {
        let (session, now) = (self.next(), self.named_now());
        self.store.save(PrivateId::new(pid), &socket, session, joined, now);
        self.ledger.save(pid, socket, session, joined, now);
        session
    }

    fn forget(&mut self, pid: &str, socket: u32) {
        self.store.forget(pid, &socket);
        self.ledger.forget(pid, socket);
    }

    /// What somebody gets who names these.
    fn restore(&mut self, pid: &str, offset: Option<&str>) -> std::result::Result<Replay, NotRecovered<u32>> {
        let now = self.named_now();
        let expected = self.ledger.restore(pid, offset, now);
        match (self.store.restore(pid, offset, now), expected) {
            (Err(NotRecovered::PacketsGone), Ok(due)) if due.is_doubtful => Err(NotRecovered::PacketsGone),
            (Err(ours), Err(theirs)) => {
                assert_eq!(ours, theirs, "{pid:?} {offset:?}");
                Err(ours)
            }
            (Ok(restored), Ok(due)) => {
                assert_eq!(*restored.session(), due.session);
                let missed: Vec<_> = restored.missed().collect();
                let numbers: Vec<_> = missed.iter().map(|missed| (missed.packet.number, missed.bytes)).collect();
                assert_eq!(numbers, due.missed, "{pid:?} {offset:?}");
                let all: usize = missed.iter().map(|missed| missed.bytes).sum();
                let within = restored.missed_within::<u32>(MAX_REPLAY_BYTES, |_| true);
                assert_eq!(within.is_ok(), all <= MAX_REPLAY_BYTES, "{within:?}");
                let events = missed.iter().map(|missed| (missed.offset, missed.packet.clone())).collect();
                Ok(Replay { session: due.session, joined: restored.joined(), events })
            }
            (ours, theirs) => panic!("{pid:?} {offset:?}: {ours:?} where it is {theirs:?}"),
        }
    }
}

/// What comes with a session.
struct Replay {
    session: u32,
    joined: Offset,
    events: Vec<(Offset, Event)>,
}

/// What clients do.
impl World {
    fn join(&mut self, index: usize) {
        self.end_session(index);
        let (number, joined) = (self.next(), self.store.latest());
        let client = &mut self.clients[index];
        client.pid = format!("pid of client {number}");
        (client.offset, client.seen, client.due) = (None, Vec::new(), Vec::new());
        client.link = Link::Joining { joined, held: Vec::new() };
    }

    fn admit(&mut self, index: usize, arrives: Option<u8>) {
        let Link::Joining { joined, held } = self.clients[index].link.clone() else { return };
        self.start(index, joined, &held, arrives);
    }

    /// A socket which is sent these first; where not all of them arrive, that is as far as its connection goes.
    fn start(&mut self, index: usize, joined: Offset, events: &[(Offset, u32)], arrives: Option<u8>) {
        let (socket, pid) = (self.next(), self.clients[index].pid.clone());
        self.behind = Duration::ZERO;
        self.connect(&pid, socket, events.first().map(|(offset, _)| *offset));
        let client = &mut self.clients[index];
        let count = arrives.map_or(events.len(), |count| usize::from(count) % (events.len() + 1));
        for (offset, number) in &events[..count] {
            client.receive(*number, &offset.to_string());
        }
        client.link = match arrives {
            None => Link::Up { socket, joined },
            Some(_) => Link::Broken { socket, joined, since: self.now },
        };
    }

    fn notice(&mut self, index: usize) {
        if let Link::Up { socket, joined } | Link::Broken { socket, joined, .. } = self.clients[index].link {
            let pid = self.clients[index].pid.clone();
            let session = self.save(&pid, socket, joined);
            (self.clients[index].session, self.clients[index].link) = (session, Link::Down);
        }
    }

    fn end_session(&mut self, index: usize) {
        let pid = self.clients[index].pid.clone();
        match self.clients[index].link {
            Link::Up { socket, .. } | Link::Broken { socket, .. } => self.forget(&pid, socket),
            Link::Joining { .. } | Link::Down => {}
        }
        if !matches!(self.clients[index].link, Link::Down) {
            let ended = self.restore(&pid, None).map(|_| ());
            assert_eq!(ended, Err(NotRecovered::UnknownSession));
        }
        let client = &mut self.clients[index];
        client.pid.clear();
        client.link = Link::Down;
    }

    fn come_back(&mut self, index: usize, arrives: Option<u8>, gets_there: bool) {
        let Client { pid, offset, link, .. } = &self.clients[index];
        let (pid, offset) = (pid.clone(), offset.clone());
        match *link {
            _ if pid.is_empty() => return,
            Link::Joining { .. } => return,
            Link::Up { socket, .. } | Link::Broken { socket, .. } => {
                let refused = self.restore(&pid, offset.as_deref()).map(|_| ());
                assert_eq!(refused, Err(NotRecovered::StillConnected(socket)));
                self.notice(index);
            }
            Link::Down => {}
        }
        let Ok(replay) = self.restore(&pid, offset.as_deref()) else {
            // It is told that it is a new one.
            self.clients[index].pid.clear();
            return;
        };
        let client = &self.clients[index];
        let missed: Vec<_> = replay.events.iter().filter(|(_, event)| client.is_for(index, event.to)).collect();
        assert_eq!(replay.session, client.session);
        let numbers: Vec<_> = missed.iter().map(|(_, event)| event.number).collect();
        assert_eq!(numbers, client.due[client.seen.len()..], "what it has missed");
        if gets_there {
            let events: Vec<_> = missed.iter().map(|(offset, event)| (*offset, event.number)).collect();
            self.start(index, replay.joined, &events, arrives);
        }
    }

    /// By and by, since each broken connection is noticed in time.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let due = |(index, client): (usize, &Client)| match client.link {
                Link::Broken { since, .. } => Some((since + self.limits.detection, index)),
                _ => None,
            };
            let next = self.clients.iter().enumerate().filter_map(due).min();
            let Some((due, index)) = next.filter(|(due, _)| *due < end) else { break };
            self.now = self.now.max(due);
            // At that very time.
            self.behind = Duration::ZERO;
            self.notice(index);
        }
        self.now = end;
    }

    /// What is kept is what the ledger says, and within its bounds.
    fn check(&self) {
        let (store, limits) = (&self.store, &self.limits);
        let held = (store.session_count(), store.packet_count(), store.packet_bytes(), store.next_timeout());
        assert_eq!(held, self.ledger.held());
        assert_eq!(store.latest().to_string(), self.ledger.latest());
        assert!(store.session_count() <= limits.max_sessions && store.packet_count() <= limits.max_packets);
        assert!(store.packet_bytes() <= limits.max_bytes);
        for client in &self.clients {
            assert!(!matches!(client.link, Link::Up { .. }) || client.seen == client.due, "{client:?}");
        }
    }

    /// When all time has passed, nothing is kept.
    fn end(mut self) {
        if self.limits.detection == Duration::MAX {
            return;
        }
        self.behind = Duration::ZERO;
        (0..CLIENTS).for_each(|index| self.notice(index));
        while let Some(due) = self.store.next_timeout() {
            let before = (self.store.session_count(), self.store.packet_count());
            self.now = self.now.max(due);
            self.store.sweep(self.now);
            self.ledger.sweep(self.now);
            self.check();
            assert_ne!(before, (self.store.session_count(), self.store.packet_count()), "what is due is done");
        }
        assert_eq!((self.store.session_count(), self.store.packet_count(), self.store.packet_bytes()), (0, 0, 0));
        let back = self.clients.iter().map(|client| client.pid.clone()).chain(PIDS.map(str::to_owned));
        for pid in back.collect::<Vec<_>>() {
            let refused = self.restore(&pid, None).err();
            assert!(matches!(refused, Some(NotRecovered::UnknownSession | NotRecovered::StillConnected(_))));
        }
    }
}
