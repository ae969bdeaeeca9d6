//! [`Ledger`]: what each side accepted and what the other saw of it, and what has to hold of that after each step.
//!
//! Leaves out how events come about (`application.rs`, `acts.rs`) and what the whole world has to look like in the end
//! (`world.rs`). A fault that shows inside the server's code is noted here and told by the world, since a panic there is
//! the server's to catch.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use socketio::{DisconnectReason, Server, Socket, TransportKind};

use crate::PLACES;

/// A client's event, by the connection that it is on, the namespace, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) life: usize,
    pub(crate) place: usize,
    pub(crate) number: u64,
}

/// A socket of the server, from its joining on.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) id: String,
    pub(crate) life: usize,
    pub(crate) place: usize,
    /// `None` once it has left.
    pub(crate) socket: Option<Socket>,
    pub(crate) left: Option<DisconnectReason>,
    pub(crate) rooms: BTreeSet<String>,
    sent: Vec<Sent>,
    /// How many of those the client has read, or may not see any more.
    read: usize,
}

/// An event that the server accepted for a socket.
#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u64,
    /// It need not arrive: it is volatile, or was dropped from a full queue.
    may_miss: bool,
}

/// What a client has sent to one namespace on one connection, as far as the server has to see it yet.
#[derive(Debug, Default)]
struct Line {
    expected: VecDeque<Expected>,
    /// How many sockets it has had there that have left.
    departures: usize,
    /// Whether it had one, and the number of departures, before this step.
    before: (bool, usize),
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    number: u64,
    on_wire: bool,
    was_joined: bool,
    departures: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) seats: Vec<Seat>,
    by_id: BTreeMap<String, usize>,
    lines: BTreeMap<(usize, usize), Line>,
    /// What handlers have seen in this step.
    received: Vec<Event>,
    /// Handlers that wait, by connection.
    busy: BTreeMap<usize, usize>,
    /// Connections that the application has ended.
    pub(crate) ended: BTreeSet<usize>,
    pub(crate) faults: Vec<String>,
    last_number: u64,
    pub(crate) up: usize,
    pub(crate) down: usize,
    /// Questions to clients that have no verdict yet, with the seats that they are for.
    asking: BTreeMap<u64, usize>,
    pub(crate) answers: usize,
    pub(crate) rooms_alive: i64,
}

/// The ledger, for handlers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Arc<Mutex<Ledger>>);

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Ledger> {
        // Where a check panics, handlers still end.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handler that has not ended.
#[derive(Debug)]
pub(crate) struct Busy {
    ledger: Shared,
    life: usize,
}

impl Busy {
    pub(crate) fn new(ledger: &Shared, life: usize) -> Self {
        *ledger.lock().busy.entry(life).or_default() += 1;
        Self { ledger: ledger.clone(), life }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(count) = self.ledger.lock().busy.get_mut(&self.life) {
            *count -= 1;
        }
    }
}

// ---- what the server's side has to say ----

impl Ledger {
    pub(crate) fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    pub(crate) fn new_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(crate) fn joined(&mut self, socket: &Socket, life: usize, place: usize) {
        let id = socket.id().to_string();
        if self.by_id.insert(id.clone(), self.seats.len()).is_some() {
            self.fault(format!("{id} has joined twice"));
        }
        let (sent, rooms) = (Vec::new(), BTreeSet::new());
        self.seats.push(Seat { id, life, place, socket: Some(socket.clone()), left: None, rooms, sent, read: 0 });
        self.lines.entry((life, place)).or_default();
    }

    pub(crate) fn left(&mut self, socket: &Socket, reason: DisconnectReason) {
        let Some(&at) = self.by_id.get(socket.id().as_str()) else {
            return self.fault(format!("{} has left and was never in", socket.id()));
        };
        let seat = &mut self.seats[at];
        if seat.left.replace(reason).is_some() {
            let fault = format!("{} has left twice", seat.id);
            return self.fault(fault);
        }
        seat.socket = None;
        seat.rooms.clear();
        self.lines.entry((seat.life, seat.place)).or_default().departures += 1;
    }

    /// A handler has an event.
    pub(crate) fn receive(&mut self, event: Event) {
        self.up += 1;
        self.received.push(event);
    }

    pub(crate) fn rooms_of(&mut self, socket: &Socket) -> Option<&mut BTreeSet<String>> {
        let at = *self.by_id.get(socket.id().as_str())?;
        Some(&mut self.seats[at].rooms)
    }

    /// An event is about to be sent to that socket, or was just accepted for it.
    pub(crate) fn send(&mut self, id: &str, number: u64, may_miss: bool) {
        if let Some(at) = self.by_id.get(id) {
            self.seats[*at].sent.push(Sent { number, may_miss });
        }
    }

    /// An event is about to be sent to everybody who is in the room, but one.
    pub(crate) fn send_to_room(&mut self, place: usize, room: Option<&str>, except: Option<&str>, number: u64) {
        for seat in self.seats.iter_mut().filter(|seat| seat.place == place && seat.left.is_none()) {
            if room.is_none_or(|room| seat.rooms.contains(room)) && except != Some(&*seat.id) {
                seat.sent.push(Sent { number, may_miss: false });
            }
        }
    }

    /// The application is about to ask, and waits.
    pub(crate) fn ask(&mut self, id: &str, number: u64) {
        self.asking.extend(self.by_id.get(id).map(|at| (number, *at)));
        // It counts as sent before anybody can see that it was not.
        self.send(id, number, false);
    }

    /// The application waits no more.
    pub(crate) fn decide(&mut self, number: u64) {
        if self.asking.remove(&number).is_none() {
            self.fault(format!("{number} was decided twice"));
        }
    }

    /// What was taken back: one event, or whatever still waits for that connection.
    pub(crate) fn may_miss(&mut self, life: usize, number: Option<u64>) {
        for seat in self.seats.iter_mut().filter(|seat| seat.life == life) {
            let unread = seat.sent[seat.read..].iter_mut();
            for sent in unread.filter(|sent| number.is_none_or(|number| sent.number == number)) {
                sent.may_miss = true;
            }
        }
    }

    fn socket(&self, life: usize, place: usize) -> Option<&Socket> {
        let is_it = |seat: &&Seat| seat.life == life && seat.place == place && seat.left.is_none();
        self.seats.iter().rev().find(is_it)?.socket.as_ref()
    }
}

// ---- what the clients' side has to say ----

impl Ledger {
    /// An event is in the server's hands, which has said so or has to read it.
    pub(crate) fn accept(&mut self, event: Event, on_wire: bool) {
        let line = self.lines.entry((event.life, event.place)).or_default();
        let (was_joined, departures) = line.before;
        line.expected.push_back(Expected { number: event.number, on_wire, was_joined, departures });
    }

    /// The server has refused the POST of an event, perhaps for what stands behind it.
    pub(crate) fn refuse(&mut self, event: Event) {
        let line = self.lines.entry((event.life, event.place)).or_default();
        let (was_joined, departures) = (false, line.departures);
        line.expected.push_back(Expected { number: event.number, on_wire: false, was_joined, departures });
    }

    /// A client has an event.
    pub(crate) fn read(&mut self, id: Option<&str>, number: u64) {
        self.down += 1;
        let Some(at) = id.and_then(|id| self.by_id.get(id)) else {
            return self.fault(format!("{id:?} has got {number} and was never in"));
        };
        let seat = &mut self.seats[*at];
        let from = seat.read;
        while let Some(sent) = seat.sent.get(seat.read) {
            seat.read += 1;
            if sent.number == number {
                return;
            }
            if !sent.may_miss {
                break;
            }
        }
        let fault = format!("{id:?} has got {number}, and was to get {:?}", &seat.sent[from..]);
        self.fault(fault);
    }

    /// Whether the client has all that was sent to that socket.
    pub(crate) fn unread(seat: &Seat) -> Vec<u64> {
        seat.sent[seat.read..].iter().filter(|sent| !sent.may_miss).map(|sent| sent.number).collect()
    }
}

// ---- what has to hold ----

impl Ledger {
    /// After a step: the server has handed up what it accepted, in order and as often, unless the socket was not there;
    /// and where nothing holds it up, it has handed up everything. `is_lawful` says whom the server may not ignore.
    pub(crate) fn settle(&mut self, most_busy: usize, is_lawful: impl Fn(usize) -> bool) {
        for event in std::mem::take(&mut self.received) {
            let line = self.lines.entry((event.life, event.place)).or_default();
            loop {
                let Some(expected) = line.expected.pop_front() else {
                    self.faults.push(format!("{event:?} was handled more often than it was sent, or out of order"));
                    break;
                };
                if expected.number == event.number {
                    break;
                }
                if expected.was_joined && expected.departures == line.departures {
                    self.faults.push(format!("{event:?} was handled before {}, or that one is lost", expected.number));
                }
            }
        }
        let mut lines = std::mem::take(&mut self.lines);
        for ((life, place), line) in &mut lines {
            let socket = self.socket(*life, *place).cloned();
            let departures = line.departures;
            let is_here = socket.is_some();
            line.expected.retain(|expected| is_here && expected.was_joined && expected.departures == departures);
            line.before = (is_here, departures);
            let is_idle = self.busy.get(life).is_none_or(|busy| *busy < most_busy);
            let is_on_wire = socket.is_some_and(|socket| socket.transport() == Some(TransportKind::WebSocket));
            if let Some(first) = line.expected.front()
                && is_idle
                && is_lawful(*life)
                && (is_on_wire || !first.on_wire)
            {
                self.faults.push(format!("{first:?} of {life} in {} was accepted and not handled", PLACES[*place]));
            }
        }
        // Of who has left nothing is to come.
        lines.retain(|_, line| line.before.0 || line.departures == 0);
        self.lines = lines;
        for (number, at) in &self.asking {
            if let Some(reason) = self.seats[*at].left {
                self.faults.push(format!("{number} is waited for, and who was asked has left: {reason}"));
            }
        }
    }

    /// The server's rooms are those that the ledger knows.
    pub(crate) fn check_rooms(&self, server: &Server) {
        for namespace in server.namespaces() {
            let Some(place) = PLACES.iter().position(|name| *name == namespace.name()) else { continue };
            let seats = || self.seats.iter().filter(|seat| seat.place == place && seat.left.is_none());
            let mut found: Vec<_> = namespace.sockets().iter().map(|socket| socket.id().to_string()).collect();
            let mut known: Vec<_> = seats().map(|seat| seat.id.clone()).collect();
            found.sort();
            known.sort();
            assert_eq!(found, known, "those who are in {}", PLACES[place]);
            let mut counts = BTreeMap::<&str, usize>::new();
            for room in seats().flat_map(|seat| &seat.rooms) {
                *counts.entry(room).or_default() += 1;
            }
            let rooms = namespace.room_names();
            let found: BTreeMap<_, _> = rooms.iter().map(|room| (&**room, namespace.room_len(room))).collect();
            assert_eq!(found, counts, "the rooms of {}", PLACES[place]);
        }
    }

    pub(crate) fn check_queues(&self, bound: usize) {
        for socket in self.seats.iter().filter_map(|seat| seat.socket.as_ref()) {
            let queued = socket.queued_bytes();
            assert!(queued <= bound, "{} has {queued} bytes queued, more than {bound}", socket.id());
        }
    }

    pub(crate) fn busy_handlers(&self) -> usize {
        self.busy.values().sum()
    }

    pub(crate) fn open_questions(&self) -> usize {
        self.asking.len()
    }
}
