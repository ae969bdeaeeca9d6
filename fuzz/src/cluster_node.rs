//! Servers of a cluster over a backplane that delivers late, twice or not at all, with servers that die and come, and with others on
//! it who say anything: each output is the one that a list of what was heard calls for, every request ends once, with what came and
//! who is missing, nothing is left of it, and where all is well again, everybody answers.
//!
//! An input that begins as a message does is one for one server that has asked three questions, or in JSON one for each line.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;
use engineio_proto::Moment;
use socketio_cluster::{
    BroadcastFlags, BroadcastOptions, Destination, Envelope, Message, NodeConfig, NodeId, Outcome, RequestId,
    SocketDetails, WireLimits, encode,
};
use socketio_proto::{Body, Namespace};

use crate::node_host::{Job, NodeHost, Reply};

/// What one byte more stands for.
#[derive(Debug, Arbitrary)]
enum Operation<'a> {
    /// A server comes, or says once more that it is there.
    Start(u8),
    Close(u8),
    Die(u8),
    /// The first of what is on its way arrives, or all of it.
    Arrive(u8),
    ArriveAll,
    Lose(u8),
    /// The first arrives, and stays on its way or gets to its end.
    ArriveTwice(u8, bool),
    Broadcast(u8, Selection, u8),
    Join(u8, Selection, u8),
    Leave(u8, Selection, u8),
    Disconnect(u8, Selection, bool),
    Emit(u8, u8),
    Fetch(u8, Selection),
    AskServers(u8, u8, Option<u8>),
    AskClients(u8, Selection, u8),
    Cancel(u8, u8),
    /// A server answers a question, as one should or otherwise.
    Answer(u8, u8, u8),
    Text(u8, &'a str),
    Bytes(u8, &'a [u8]),
    /// A message that any server could have sent, by anybody.
    Forged(u8, Forged),
    Pass(u8),
    PassToDeadline,
    /// Time passes, and nobody wakes up in time.
    Oversleep(u8),
}

#[derive(Copy, Clone, Debug, Arbitrary)]
struct Selection(u8, u8);

#[derive(Copy, Clone, Debug, Arbitrary)]
struct Forged {
    sender: u8,
    kind: u8,
    request: u8,
    number: u8,
}

const SERVERS: usize = 4;
/// Longest queue from one server to another.
const MAX_ON_ITS_WAY: usize = 16;
const INTERVAL: Duration = Duration::from_millis(50);
const REQUEST_TIMEOUT: Duration = Duration::from_millis(80);

/// The first byte is the configuration, the rest is what happens; or all of it is messages.
pub fn run(data: &[u8]) {
    match data.first() {
        Some(b'{') => listen(&mut data.split(|byte| *byte == b'\n')),
        Some(0x80..) => listen(&mut [data].into_iter()),
        _ => _ = live(&mut Unstructured::new(data)),
    }
}

fn live(input: &mut Unstructured<'_>) -> Result<()> {
    let mut world = World::new(input.arbitrary()?);
    while !input.is_empty() {
        let Ok(operation) = Operation::arbitrary(input) else { break };
        world.happen(&operation);
    }
    world.calm_down();
    world.end();
    Ok(())
}

/// A server that knows two others and has asked them everything.
fn listen(messages: &mut dyn Iterator<Item = &[u8]>) {
    let (id, mut now) = (NodeId::new(1), Moment::EPOCH);
    let mut host = NodeHost::new(id, None, config(0), now);
    host.start(now);
    for other in [2, 3] {
        host.hear(&forged(NodeId::new(other), &chat(), Message::Heartbeat), now);
    }
    let options = BroadcastOptions::default();
    host.ask(&chat(), Message::FetchSockets { options: options.clone(), request: RequestId::new(0) }, None, now);
    host.ask(&chat(), Message::ServerSideEmit { event: event(0), request: None }, None, now);
    host.ask(&chat(), Message::Broadcast { options, event: event(1), request: None }, None, now);
    for message in messages {
        host.hear_strange(&Bytes::copy_from_slice(message), now);
    }
    now = now + REQUEST_TIMEOUT;
    host.wake(now);
    assert_eq!((host.open.len(), host.finished.len()), (0, 3));
    host.close(now);
}

fn config(settings: u8) -> NodeConfig {
    let mut config = NodeConfig::default();
    config.heartbeat_interval = INTERVAL;
    config.heartbeat_timeout = if settings & 1 == 0 { INTERVAL * 2 } else { INTERVAL / 2 };
    config.request_timeout = REQUEST_TIMEOUT;
    config.max_nodes = if settings & 2 == 0 { 100 } else { 2 };
    config.wire.max_message_bytes = if settings & 4 == 0 { 1 << 20 } else { 260 };
    config
}

fn chat() -> Namespace {
    Namespace::new("/chat")
}

fn event(number: u8) -> Body {
    let event = match number % 4 {
        0 => Body::event("e", &number),
        1 => Body::event("binary", &(Bytes::from(vec![number; 3]), number)),
        2 => Body::event("a \"name\"\u{2028}", &("x".repeat(number.into()), [(); 2])),
        _ => Body::event("none", &()),
    };
    event.unwrap_or_else(|error| panic!("{error}"))
}

fn value(number: u8) -> Body {
    let value = match number % 4 {
        0 => Body::ack(&(number,)),
        1 => Body::ack(&(Bytes::from(vec![number; 2]),)),
        2 => Body::ack(&(serde_json::json!({"_placeholder": false, "num": number, "text": "\n"}),)),
        _ => Ok(Body::empty_ack()),
    };
    value.unwrap_or_else(|error| panic!("{error}"))
}

fn sockets(number: u8) -> Vec<SocketDetails> {
    let socket = |index: u8| {
        let (handshake, data) = (value(number.wrapping_add(index)), value(number >> 2));
        SocketDetails { id: format!("s{index}"), handshake, rooms: rooms(number), data }
    };
    (0..number % 3).map(socket).collect()
}

fn rooms(bits: u8) -> Vec<String> {
    let named = ["a", "room \"b\"", "\u{e9}"].into_iter().enumerate();
    named.filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, room)| room.to_owned()).collect()
}

impl Selection {
    fn options(self) -> BroadcastOptions {
        let Self(which, flags) = self;
        let flags = BroadcastFlags {
            volatile: flags & 1 != 0,
            compress: (flags & 2 != 0).then_some(flags & 4 != 0),
            local: flags & 0b11000 == 0b11000,
            timeout: (flags & 32 != 0).then(|| Duration::from_millis(u64::from(flags >> 6) * 40)),
        };
        BroadcastOptions { rooms: rooms(which), except: rooms(which >> 3), flags }
    }
}

fn forged(sender: NodeId, namespace: &Namespace, message: Message) -> Bytes {
    let envelope = Envelope { sender, namespace: namespace.clone(), message };
    encode(&envelope, &WireLimits::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// What is on its way from one server to another, in order.
type Links = BTreeMap<(NodeId, NodeId), VecDeque<Bytes>>;

struct World {
    settings: u8,
    now: Moment,
    servers: Vec<Option<NodeHost>>,
    /// How many there were.
    born: u64,
    links: Links,
    /// No request of any server has the id of another one.
    ended: BTreeMap<RequestId, Outcome>,
}

impl World {
    fn new(settings: u8) -> Self {
        let servers = (0..SERVERS).map(|_| None).collect();
        let (links, ended) = (Links::new(), BTreeMap::new());
        let mut world = Self { settings, now: Moment::EPOCH, servers, born: 0, links, ended };
        (0..2).for_each(|place| world.start(place));
        world
    }

    fn happen(&mut self, operation: &Operation<'_>) {
        let of = |server: u8| usize::from(server) % SERVERS;
        match *operation {
            Operation::Start(server) => self.start(of(server)),
            Operation::Die(server) => self.servers[of(server)] = None,
            Operation::Arrive(link) => self.arrive(link, |link| link.pop_front()),
            Operation::ArriveAll => self.arrive_all(30),
            Operation::Lose(link) => self.arrive(link, |link| link.pop_front().and(None)),
            Operation::ArriveTwice(link, again_last) => self.arrive(link, |link| {
                if again_last {
                    link.extend(link.front().cloned());
                    link.pop_front()
                } else {
                    link.front().cloned()
                }
            }),
            Operation::Pass(time) => self.pass(Duration::from_millis(time.into())),
            Operation::PassToDeadline => {
                let due = self.hosts().filter_map(NodeHost::next_deadline).min();
                self.pass(due.map_or(Duration::ZERO, |due| due.saturating_since(self.now)));
            }
            Operation::Oversleep(time) => self.now = self.now + Duration::from_millis(time.into()),
            _ => self.act(operation),
        }
        self.carry_out();
    }

    /// What one server does or is told.
    fn act(&mut self, operation: &Operation<'_>) {
        let (now, namespace) = (self.now, chat());
        let (Operation::Close(server)
        | Operation::Broadcast(server, ..)
        | Operation::Join(server, ..)
        | Operation::Leave(server, ..)
        | Operation::Disconnect(server, ..)
        | Operation::Emit(server, _)
        | Operation::Fetch(server, _)
        | Operation::AskServers(server, ..)
        | Operation::AskClients(server, ..)
        | Operation::Cancel(server, _)
        | Operation::Answer(server, ..)
        | Operation::Text(server, _)
        | Operation::Bytes(server, _)
        | Operation::Forged(server, _)) = operation
        else {
            return;
        };
        let Some(host) = &mut self.servers[usize::from(*server) % SERVERS] else { return };
        let request = None;
        let ask = |host: &mut NodeHost, message, time| {
            host.ask(&namespace, message, time, now);
        };
        match *operation {
            Operation::Close(_) => host.close(now),
            Operation::Broadcast(_, to, number) => {
                let (options, event) = (to.options(), event(number));
                host.tell(&namespace, Message::Broadcast { options, event, request }, now);
            }
            Operation::Join(_, to, number) => {
                host.tell(&namespace, Message::SocketsJoin { options: to.options(), rooms: rooms(number) }, now);
            }
            Operation::Leave(_, to, number) => {
                host.tell(&namespace, Message::SocketsLeave { options: to.options(), rooms: rooms(number) }, now);
            }
            Operation::Disconnect(_, to, close) => {
                host.tell(&namespace, Message::DisconnectSockets { options: to.options(), close }, now);
            }
            Operation::Emit(_, number) => {
                host.tell(&namespace, Message::ServerSideEmit { event: event(number), request }, now);
            }
            Operation::Fetch(_, to) => ask(host, fetch(to.options()), None),
            Operation::AskServers(_, number, time) => {
                let time = time.map(|millis| Duration::from_millis(millis.into()));
                ask(host, Message::ServerSideEmit { event: event(number), request }, time);
            }
            Operation::AskClients(_, to, number) => {
                ask(host, Message::Broadcast { options: to.options(), event: event(number), request }, None);
            }
            Operation::Cancel(_, which) => host.cancel(which.into()),
            Operation::Answer(_, which, number) => answer(host, which, number),
            Operation::Text(_, text) => host.hear_strange(&Bytes::copy_from_slice(text.as_bytes()), now),
            Operation::Bytes(_, bytes) => host.hear_strange(&Bytes::copy_from_slice(bytes), now),
            Operation::Forged(_, forged) => forge(host, forged, now),
            _ => {}
        }
    }

    fn hosts(&self) -> impl Iterator<Item = &NodeHost> {
        self.servers.iter().flatten()
    }

    /// A new server, which never has the id of an old one; or the one that is there says that it is.
    fn start(&mut self, place: usize) {
        if self.servers[place].is_none() {
            self.born += 1;
            let only = (self.settings & 8 != 0).then(chat);
            let host = NodeHost::new(NodeId::new(self.born), only, config(self.settings), self.now);
            self.servers[place] = Some(host);
        }
        if let Some(host) = &mut self.servers[place] {
            host.start(self.now);
        }
        self.carry_out();
    }

    /// What was published goes on its way, and what has ended has ended once.
    fn carry_out(&mut self) {
        let ids: Vec<_> = self.hosts().map(|host| host.id().clone()).collect();
        for host in self.servers.iter_mut().flatten() {
            let from = host.id().clone();
            for publication in host.said.drain(..) {
                for to in &ids {
                    // Some backplanes bring a server its own, or cannot single one out.
                    let is_meant = match &publication.destination {
                        Destination::All => *to != from || self.settings & 16 != 0,
                        Destination::Node(node) => node == to || self.settings & 32 != 0,
                    };
                    let link = self.links.entry((from.clone(), to.clone())).or_default();
                    if is_meant && link.len() < MAX_ON_ITS_WAY {
                        link.push_back(publication.bytes.clone());
                    }
                }
            }
            for (request, outcome) in host.finished.drain(..) {
                assert_eq!(self.ended.insert(request, outcome), None, "it ends once");
            }
        }
        self.links.retain(|(_, to), link| !link.is_empty() && ids.contains(to));
    }

    /// What is taken off one of the links arrives.
    fn arrive(&mut self, number: u8, take: impl FnOnce(&mut VecDeque<Bytes>) -> Option<Bytes>) {
        let place = usize::from(number) % self.links.len().max(1);
        let Some(((_, to), link)) = self.links.iter_mut().nth(place) else { return };
        let (to, taken) = (to.clone(), take(link));
        let Some(bytes) = taken else { return };
        if let Some(host) = self.servers.iter_mut().flatten().find(|host| *host.id() == to) {
            host.hear(&bytes, self.now);
        }
    }

    /// And what comes of it, up to so many.
    fn arrive_all(&mut self, most: usize) {
        for _ in 0..most {
            if self.links.is_empty() {
                return;
            }
            self.arrive(0, VecDeque::pop_front);
            self.carry_out();
        }
    }

    /// Everybody wakes up in time.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let due = self.hosts().filter_map(NodeHost::next_deadline).min();
            let Some(due) = due.filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            self.wake();
        }
        self.now = end;
    }

    fn wake(&mut self) {
        for host in self.servers.iter_mut().flatten() {
            host.wake(self.now);
        }
        self.carry_out();
    }

    /// Nothing is lost any more, nobody strange says anything, and so everybody knows and answers everybody.
    fn calm_down(&mut self) {
        if self.settings & 0b111 != 0 {
            return;
        }
        for host in self.servers.iter_mut().flatten() {
            host.jobs.clear();
        }
        self.links.clear();
        for place in 0..SERVERS {
            let is_closed = self.servers[place].as_ref().is_some_and(NodeHost::is_closed);
            if is_closed {
                self.servers[place] = None;
            }
        }
        self.start(0);
        for _ in 0..12 {
            self.pass(INTERVAL / 2);
            self.arrive_all(200);
        }
        let ids: BTreeSet<_> = self.hosts().map(|host| host.id().clone()).collect();
        for host in self.hosts() {
            let known: BTreeSet<_> = host.peers().chain([host.id()]).cloned().collect();
            assert_eq!(known, ids, "everybody knows everybody");
            assert!(host.open.is_empty(), "{:?} is open", host.open);
        }
        for place in 0..SERVERS {
            let options = BroadcastOptions::default;
            self.ask_in_peace(place, fetch(options()), 0);
            self.ask_in_peace(place, Message::ServerSideEmit { event: event(1), request: None }, 0);
            self.ask_in_peace(place, Message::Broadcast { options: options(), event: event(2), request: None }, 2);
        }
    }

    /// Each of the other servers has so many clients that answer.
    fn ask_in_peace(&mut self, place: usize, message: Message, clients: u64) {
        let others = self.hosts().count().saturating_sub(1);
        let Some(host) = &mut self.servers[place] else { return };
        let request = host.ask(&chat(), message.clone(), None, self.now);
        self.carry_out();
        self.arrive_all(200);
        for host in self.servers.iter_mut().flatten() {
            for job in std::mem::take(&mut host.jobs) {
                match job.question() {
                    7 => host.answer(&job, &Reply::Sockets(sockets(2))),
                    9 => host.answer(&job, &Reply::Event(value(1))),
                    _ => {
                        host.answer(&job, &Reply::Count(clients));
                        (0..clients).for_each(|_| host.answer(&job, &Reply::Ack(value(0))));
                    }
                }
            }
        }
        self.carry_out();
        self.arrive_all(200);
        let outcome = request.and_then(|request| self.ended.get(&request));
        let Some(outcome) = outcome else { panic!("{message:?} is not over") };
        let all = clients * others as u64;
        assert!(outcome.is_complete(), "{outcome:?}");
        assert_eq!((outcome.answered, outcome.clients, outcome.acks), (others, all, all));
    }

    /// Nothing more arrives: every request ends, and everybody is forgotten.
    fn end(mut self) {
        self.links.clear();
        let open = self.hosts().flat_map(|host| &host.open).map(|request| request.deadline).max();
        let last = open.unwrap_or(self.now).max(self.now + INTERVAL * 2);
        self.pass(last.saturating_since(self.now));
        for host in self.servers.iter_mut().flatten() {
            assert_eq!((host.open.len(), host.peers().count()), (0, 0));
            host.close(self.now);
            assert_eq!(host.next_deadline(), None);
        }
    }
}

fn fetch(options: BroadcastOptions) -> Message {
    Message::FetchSockets { options, request: RequestId::new(0) }
}

/// One of the questions is answered, the last one by 0: as it should be, too often, too late or with other numbers.
fn answer(host: &mut NodeHost, which: u8, number: u8) {
    let Some(last) = host.jobs.len().checked_sub(1) else { return };
    let place = last - usize::from(which) % host.jobs.len();
    let mut job: Job = host.jobs[place].clone();
    let reply = match (job.question(), job.told) {
        (7, _) => Reply::Sockets(sockets(number)),
        (9, _) => Reply::Event(value(number)),
        (_, None) => Reply::Count(u64::from(number % 4)),
        (_, Some(_)) if number & 64 != 0 => Reply::Count(job.acks),
        (_, Some(_)) => Reply::Ack(value(number)),
    };
    host.answer(&job, &reply);
    match reply {
        Reply::Count(count) => job.told = Some(count),
        Reply::Ack(_) => job.acks += 1,
        Reply::Sockets(_) | Reply::Event(_) => {}
    }
    host.jobs[place] = job;
    if number & 128 != 0 {
        host.jobs.remove(place);
    }
}

/// A message of somebody it knows, of itself, of one who only sends, or of nobody it ever heard of; or one of a version to come.
fn forge(host: &mut NodeHost, forged: Forged, now: Moment) {
    let Forged { sender, kind, request, number } = forged;
    let sender = match sender % 8 {
        0 => host.id().clone(),
        1 => NodeId::emitter(),
        2 => NodeId::new(u64::MAX - u64::from(sender)),
        place => match host.peers().nth(usize::from(place) - 3) {
            Some(peer) => peer.clone(),
            None => NodeId::new(9999),
        },
    };
    let open = host.open.get(usize::from(request & 7)).map(|open| open.request.clone());
    let request = open.unwrap_or_else(|| RequestId::new(request.into()));
    let namespace = if kind & 128 == 0 { chat() } else { Namespace::root() };
    if kind & 64 != 0 {
        let newer = serde_json::json!({"uid": sender.as_str(), "nsp": namespace.as_str(), "type": 14, "data": number});
        return host.hear(&Bytes::from(newer.to_string()), now);
    }
    let (options, event) = (Selection(number, 0).options(), event(number));
    let message = match kind & 15 {
        0 => Message::InitialHeartbeat,
        1 => Message::Heartbeat,
        2 => Message::Broadcast { options, event, request: (number & 1 == 0).then_some(request) },
        3 => Message::SocketsJoin { options, rooms: rooms(number) },
        4 => Message::FetchSockets { options, request },
        5 | 6 => Message::FetchSocketsResponse { request, sockets: sockets(number) },
        7 => Message::ServerSideEmit { event, request: (number & 1 == 0).then_some(request) },
        8 | 9 => Message::ServerSideEmitResponse { request, answer: value(number) },
        10 => Message::BroadcastClientCount { request, clients: u64::MAX - u64::from(number) },
        11 | 12 => Message::BroadcastClientCount { request, clients: (number % 5).into() },
        13 | 14 => Message::BroadcastAck { request, answer: value(number) },
        _ => Message::AdapterClose,
    };
    host.hear_strange(&self::forged(sender, &namespace, message), now);
}
