//! The two sessions of Engine.IO with each other, over a network that delivers in any order what may overtake: messages arrive
//! once and in order, and where nothing breaks, all of them do.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use engineio_proto::{Answer, CloseMode, CloseReason, Dialect, Payload, PostFault, TransportKind};

use crate::{
    client_host::{self, ClientHost},
    server_host::{self, ServerHost, event_of},
    server_session::send_options,
};

/// What one byte more stands for.
#[derive(Debug, Arbitrary)]
enum Operation {
    /// Of what is on its way, that with this number arrives.
    Arrive(u8),
    ServerSends(u8, u8),
    ClientSends(u8, u8),
    ServerFlushes,
    ClientFlushes,
    ServerWrites(u8, u8),
    ClientWrites(u8, u8),
    ServerCloses,
    ClientCloses,
    ServerDiscards,
    ClientDiscards,
    ServerPauses(bool),
    ClientPauses(bool),
    /// The connection of a WebSocket breaks.
    Cut(u8),
    /// A request is lost on its way.
    Lose(u8),
    /// Somebody who knows the session's id opens a WebSocket and says nothing.
    Stranger,
    Pass(u8),
}

/// The first three bytes are the options of both and how the session is opened, the rest is what happens.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok((server, client, opening)) = input.arbitrary::<(u8, u8, u8)>() else { return };
    let mut world = World::new(server, client, opening);
    while !input.is_empty() {
        let Ok(operation) = Operation::arbitrary(&mut input) else { break };
        world.happen(&operation);
    }
    world.calm_down();
    world.server.end();
    world.client.end_of_all();
}

/// What the network carries over connections of its own; each of these may overtake the others.
#[derive(Debug)]
enum Carried {
    Get(usize),
    Abort(usize),
    PostHead(usize, Bytes),
    PostBody(usize, Bytes),
    Answer(usize, Answer),
    Posted(usize, bool),
    /// The next of what goes up or down a WebSocket.
    Up(usize),
    Down(usize),
}

#[derive(Debug)]
enum Up {
    Open,
    Frame(Bytes),
    Gone,
}

#[derive(Debug)]
enum Down {
    Opened,
    Frame(Bytes),
    Gone,
}

/// A WebSocket connection by the client's number of it.
#[derive(Debug, Default)]
struct Link {
    server: Option<usize>,
    up: VecDeque<Up>,
    down: VecDeque<Down>,
    cut: bool,
}

struct World {
    server: ServerHost,
    client: ClientHost,
    client_queue: usize,
    /// The answer to the first GET.
    open: Option<Payload>,
    /// The WebSocket that opens the session has not come yet.
    opens_on_wire: bool,
    carried: Vec<Carried>,
    links: Vec<Link>,
    /// The requests of the server's GETs, by their number there.
    gets: HashMap<usize, usize>,
    aborted: HashSet<usize>,
    reading: Option<usize>,
    /// Something broke, or time passed.
    is_rough: bool,
    was_refused: bool,
    closed_gracefully: [bool; 2],
}

impl World {
    fn new(server: u8, client: u8, opening: u8) -> Self {
        let on_wire = opening & 1 != 0;
        let upgrades = if opening & 2 == 0 { &["websocket"][..] } else { &[] };
        let mut options = client_host::options(client);
        options.try_all_transports = false;
        let client_queue = options.limits.max_queue_bytes;
        let first = if on_wire { TransportKind::WebSocket } else { TransportKind::Polling };
        let (server, open) = ServerHost::new(server_host::limits(server), Dialect::V4, upgrades, on_wire);
        let (client, effects) = ClientHost::new(options, first);
        let mut world = Self {
            server,
            client,
            client_queue,
            open,
            opens_on_wire: on_wire,
            carried: Vec::new(),
            links: Vec::new(),
            gets: HashMap::new(),
            aborted: HashSet::new(),
            reading: None,
            is_rough: false,
            was_refused: false,
            closed_gracefully: [false; 2],
        };
        world.client_did(effects);
        world
    }

    fn happen(&mut self, operation: &Operation) {
        let one_of = |number: u8, of: usize| usize::from(number) % of.max(1);
        match *operation {
            Operation::Arrive(number) => self.arrive(one_of(number, self.carried.len())),
            Operation::ServerSends(count, len) => {
                self.server.send(usize::from(1 + count % 3), usize::from(len % 64), send_options(count));
            }
            Operation::ClientSends(count, len) => {
                let (bound, len) = (self.client_queue, usize::from(len % 64));
                self.client.send(usize::from(1 + count % 3), len, send_options(count), bound);
            }
            Operation::ServerFlushes => {
                let effects = self.server.flush();
                self.server_did(effects);
            }
            Operation::ClientFlushes => {
                let effects = self.client.flush();
                self.client_did(effects);
            }
            Operation::ServerWrites(wire, budget) => {
                self.server_writes(one_of(wire, self.server.wires()), budget.into())
            }
            Operation::ClientWrites(wire, budget) => {
                self.client_writes(one_of(wire, self.client.wires()), budget.into())
            }
            Operation::ServerCloses => self.server_closes(CloseMode::Graceful),
            Operation::ClientCloses => self.client_closes(CloseMode::Graceful),
            Operation::ServerDiscards => self.server_closes(CloseMode::Discard),
            Operation::ClientDiscards => self.client_closes(CloseMode::Discard),
            Operation::ServerPauses(paused) => self.server.pause(paused),
            Operation::ClientPauses(paused) => self.client.pause(paused),
            Operation::Cut(link) => self.cut(one_of(link, self.links.len())),
            Operation::Lose(number) => self.lose(one_of(number, self.carried.len())),
            Operation::Stranger => {
                self.is_rough = true;
                let (_, effects) = self.server.attach(Dialect::V4);
                self.server_did(effects);
            }
            Operation::Pass(millis) => {
                self.is_rough = true;
                let now = self.client.now().max(self.server.now()) + Duration::from_millis(millis.into());
                let effects = self.server.pass(now);
                self.server_did(effects);
                let effects = self.client.pass(now);
                self.client_did(effects);
            }
        }
    }

    fn server_writes(&mut self, wire: usize, budget: usize) {
        // The WebSocket that opens the session is the server's once it has come.
        if self.opens_on_wire {
            return;
        }
        self.server.flushed(wire);
        let effects = self.server.write(wire, budget);
        self.server_did(effects);
    }

    fn client_writes(&mut self, wire: usize, budget: usize) {
        self.client.flushed(wire);
        let effects = self.client.write(wire, budget);
        self.client_did(effects);
    }

    fn server_closes(&mut self, mode: CloseMode) {
        self.is_rough |= mode == CloseMode::Discard;
        self.closed_gracefully[0] = true;
        let effects = self.server.close(mode);
        self.server_did(effects);
    }

    fn client_closes(&mut self, mode: CloseMode) {
        self.is_rough |= mode == CloseMode::Discard;
        self.closed_gracefully[1] = true;
        let effects = self.client.close(mode);
        self.client_did(effects);
    }

    fn cut(&mut self, link: usize) {
        let Some(cut) = self.links.get_mut(link) else { return };
        self.is_rough = true;
        if std::mem::replace(&mut cut.cut, true) {
            return;
        }
        (cut.up, cut.down) = (VecDeque::from([Up::Gone]), VecDeque::from([Down::Gone]));
        self.carried.retain(|carried| !matches!(carried, Carried::Up(on) | Carried::Down(on) if *on == link));
        self.carried.extend([Carried::Up(link), Carried::Down(link)]);
    }

    /// A request or an answer is lost with its connection, which both sides notice in time.
    fn lose(&mut self, number: usize) {
        let Some(carried) = self.carried.get(number) else { return };
        let (Carried::Get(request)
        | Carried::PostHead(request, _)
        | Carried::PostBody(request, _)
        | Carried::Answer(request, _)
        | Carried::Posted(request, _)) = *carried
        else {
            return;
        };
        self.is_rough = true;
        self.carried.swap_remove(number);
        self.carried.push(Carried::Abort(request));
        let effects = self.client.fail(request);
        self.client_did(effects);
    }

    fn arrive(&mut self, number: usize) {
        if number >= self.carried.len() {
            return;
        }
        match self.carried.remove(number) {
            Carried::Get(request) => self.get(request),
            Carried::Abort(request) => self.abort(request),
            Carried::PostHead(request, body) => {
                let (is_read, effects) = self.server.post_head();
                match is_read {
                    true => {
                        self.reading = Some(request);
                        self.carried.push(Carried::PostBody(request, body));
                    }
                    false => self.carried.push(Carried::Posted(request, false)),
                }
                self.server_did(effects);
            }
            Carried::PostBody(request, body) => {
                if self.reading.take_if(|reading| *reading == request).is_some() {
                    let (taken, effects) = self.server.post_body(body, false);
                    self.carried.push(Carried::Posted(request, taken));
                    self.server_did(effects);
                }
            }
            Carried::Answer(request, Answer::Payload(payload)) => {
                let effects = self.client.answer(request, payload.bytes);
                self.client_did(effects);
            }
            Carried::Posted(request, true) => {
                let effects = self.client.posted(request);
                self.client_did(effects);
            }
            Carried::Answer(request, Answer::BadRequest) | Carried::Posted(request, false) => {
                self.was_refused = true;
                let effects = self.client.fail(request);
                self.client_did(effects);
            }
            Carried::Up(link) => self.goes_up(link),
            Carried::Down(link) => self.goes_down(link),
        }
    }

    fn get(&mut self, request: usize) {
        let (poll, effects) = self.server.get();
        match poll {
            Some(poll) => _ = self.gets.insert(poll, request),
            None => self.carried.push(Carried::Answer(request, Answer::BadRequest)),
        }
        self.server_did(effects);
        if self.aborted.contains(&request) {
            self.abort(request);
        }
    }

    /// The client has given a request up, and the server hears of it.
    fn abort(&mut self, request: usize) {
        if self.reading.take_if(|reading| *reading == request).is_some() {
            let effects = self.server.post_failed(PostFault::Abandoned);
            return self.server_did(effects);
        }
        let poll = self.gets.iter().find(|(_, of)| **of == request).map(|(poll, _)| *poll);
        let Some(poll) = poll else {
            self.aborted.insert(request);
            return;
        };
        let effects = self.server.abandon(poll);
        self.server_did(effects);
    }

    fn goes_up(&mut self, link: usize) {
        let server = self.links[link].server;
        match (self.links[link].up.pop_front(), server) {
            (Some(Up::Open), _) => {
                let (wire, effects) = match std::mem::replace(&mut self.opens_on_wire, false) {
                    true => {
                        self.is_rough |= self.server.closed.is_some();
                        (Some(0).filter(|_| self.server.closed.is_none()), Vec::new())
                    }
                    false => self.server.attach(Dialect::V4),
                };
                self.links[link].server = wire;
                self.send_down(link, if wire.is_some() { Down::Opened } else { Down::Gone });
                self.server_did(effects);
            }
            (Some(Up::Frame(frame)), Some(wire)) => {
                let effects = self.server.frame(wire, event_of(&frame));
                self.server_did(effects);
            }
            (Some(Up::Gone), Some(wire)) => {
                let effects = self.server.lose(wire, None);
                self.server_did(effects);
            }
            _ => {}
        }
    }

    fn goes_down(&mut self, link: usize) {
        let effects = match self.links[link].down.pop_front() {
            Some(Down::Opened) => {
                self.client.wire_opened(link);
                Vec::new()
            }
            Some(Down::Frame(frame)) => self.client.frame(link, event_of(&frame)),
            Some(Down::Gone) => self.client.lose(link, None),
            None => Vec::new(),
        };
        self.client_did(effects);
    }

    fn send_up(&mut self, link: usize, up: Up) {
        if !self.links[link].cut {
            self.links[link].up.push_back(up);
            self.carried.push(Carried::Up(link));
        }
    }

    fn send_down(&mut self, link: usize, down: Down) {
        if !self.links[link].cut {
            self.links[link].down.push_back(down);
            self.carried.push(Carried::Down(link));
        }
    }

    fn server_did(&mut self, effects: Vec<server_host::Effect>) {
        self.server.see(&effects);
        for effect in effects {
            match effect {
                server_host::Effect::Answer(poll, answer) => {
                    // That of a GET which is answered at once has no number here yet.
                    let request = self.gets.get(&poll).copied();
                    let Some(request) = request else { panic!("GET {poll} is nobody's") };
                    self.carried.push(Carried::Answer(request, answer));
                }
                server_host::Effect::Frame(wire, frame) => {
                    if let Some(link) = self.link_of(wire) {
                        self.send_down(link, Down::Frame(frame));
                    }
                }
                server_host::Effect::CloseWire(wire) => {
                    if let Some(link) = self.link_of(wire) {
                        self.send_down(link, Down::Gone);
                    }
                }
                server_host::Effect::Message(message) => self.client.sent.arrive(&message),
            }
        }
    }

    /// None for a stranger's.
    fn link_of(&self, wire: usize) -> Option<usize> {
        self.links.iter().position(|link| link.server == Some(wire))
    }

    fn client_did(&mut self, effects: Vec<client_host::Effect>) {
        for effect in effects {
            match effect {
                client_host::Effect::Get(request) => match self.open.take() {
                    Some(open) => self.carried.push(Carried::Answer(request, Answer::Payload(open))),
                    None => self.carried.push(Carried::Get(request)),
                },
                client_host::Effect::Post(request, body) => self.carried.push(Carried::PostHead(request, body)),
                client_host::Effect::Abort(request) => self.carried.push(Carried::Abort(request)),
                client_host::Effect::OpenWire(link) => {
                    assert_eq!(link, self.links.len());
                    self.links.push(Link::default());
                    self.send_up(link, Up::Open);
                }
                client_host::Effect::CloseWire(link) => self.send_up(link, Up::Gone),
                client_host::Effect::Frame(link, frame) => self.send_up(link, Up::Frame(frame)),
                client_host::Effect::Message(message) => self.server.sent.arrive(&message),
            }
        }
    }

    /// Nothing happens any more but that all arrives and is written.
    fn calm_down(&mut self) {
        for _ in 0..20_000 {
            // First what waits to be written: a server that has been probed answers each GET at once, and the client asks again
            // until it has the answer to its probe.
            if !self.step() {
                let Some(first) = (!self.carried.is_empty()).then_some(0) else { return self.check() };
                self.arrive(first);
            }
        }
        panic!("the two never come to rest");
    }

    /// Whether somebody had something to write.
    fn step(&mut self) -> bool {
        if self.server.wants_flush() {
            self.happen(&Operation::ServerFlushes);
            return true;
        }
        if self.client.wants_flush() {
            self.happen(&Operation::ClientFlushes);
            return true;
        }
        let servers = if self.opens_on_wire { 0 } else { self.server.wires() };
        if let Some(wire) = (0..servers).find(|wire| self.server.wants_write(*wire)) {
            self.server_writes(wire, 1_000);
            return true;
        }
        if let Some(wire) = (0..self.client.wires()).find(|wire| self.client.wants_write(*wire)) {
            self.client_writes(wire, 1_000);
            return true;
        }
        false
    }

    /// Where nothing broke, nothing is missing: but for what a graceful end of the other side does not take any more.
    fn check(&self) {
        let ends = [self.server.closed, self.client.closed];
        let complete = [self.server.sent.is_complete(), self.client.sent.is_complete()];
        if ends == [None, None] {
            assert_eq!(complete, [true, true], "something is lost and nobody was told");
            return;
        }
        if self.is_rough || self.was_refused {
            return;
        }
        match self.closed_gracefully {
            [false, false] => panic!("an end without a cause: {ends:?}"),
            [true, false] => {
                assert_eq!(ends, [Some(CloseReason::ForcedClose), Some(CloseReason::TransportClose)]);
                assert!(complete[0], "a graceful end of the server has lost something");
            }
            [false, true] => {
                assert_eq!(ends[1], Some(CloseReason::ForcedClose));
                assert!(complete[1], "a graceful end of the client has lost something");
            }
            // Each gives up what the other one still had.
            [true, true] => {}
        }
    }
}
