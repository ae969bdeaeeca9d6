//! [`Ledger`]: what each side accepted and what the other saw of it, and what has to hold of that after each step.
//!
//! Leaves out what outlives a connection (`sessions.rs`), how events come about (`application.rs`, `acts.rs`) and what the
//! whole world has to look like in the end (`world.rs`). A fault that shows inside the server's code is noted here and told by the world, since a panic there is
//! the server's to catch.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use socketio::{DisconnectReason, Server, Socket, TransportKind};

use crate::{
    PLACES, ROOMS,
    application::Greeting,
    plan::Returning,
    sessions::{Sessions, State, View},
};

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
    session: usize,
    view: View,
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
    pub(crate) sessions: Sessions,
    /// Where clients can come back.
    pub(crate) returning: Option<Returning>,
    lines: BTreeMap<(usize, usize), Line>,
    /// What handlers have seen in this step.
    received: Vec<Event>,
    /// Handlers that wait, by connection.
    busy: BTreeMap<usize, usize>,
    /// Connections that the application has ended.
    pub(crate) ended: BTreeSet<usize>,
    /// Connections on which something was sent again.
    served: BTreeSet<usize>,
    pub(crate) faults: Vec<String>,
    last_number: u64,
    pub(crate) up: usize,
    pub(crate) down: usize,
    /// Questions to clients that have no verdict yet, with the seats that they are for.
    asking: BTreeMap<u64, usize>,
    pub(crate) answers: usize,
    pub(crate) rooms_alive: i64,
    pub(crate) recovered: u64,
    pub(crate) not_recovered: u64,
    /// Sessions that were asked for while the server had their clients for connected.
    pub(crate) taken_over: u64,
    /// Events that were to be sent again.
    pub(crate) replayed: u64,
    /// One for each socket's data.
    pub(crate) keepsakes: Arc<()>,
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

    /// The seat of a socket, from its joining on.
    fn seat_of(&self, id: &str, life: usize) -> Option<usize> {
        self.seats.iter().rposition(|seat| seat.id == id && seat.life == life)
    }

    /// A client asks to join with a private id, and the server has decided what it is.
    pub(crate) fn claimed(&mut self, socket: &Socket, place: usize, greeting: &Greeting) {
        let (Some(pid), Some(returning)) = (&greeting.pid, &self.returning) else {
            if socket.is_recovered() {
                self.fault(format!("{} is recovered without asking", greeting.life));
            }
            return;
        };
        let (at, is_tight) = (self.sessions.of_pid(pid, place), returning.bounds.is_some());
        let verdict = self.sessions.judge(at, returning, greeting.behind.is_some(), greeting.is_sure);
        let is_held = at.is_some_and(|at| match self.sessions.get(at).state {
            // What has left in this moment may be known here in the next.
            State::Here(seat) => self.seats[seat].socket.as_ref().is_none_or(Socket::is_connected),
            State::Lost | State::Over => false,
        });
        let is_lost = at.is_some_and(|at| self.sessions.get(at).state == State::Lost);
        if let Some(at) = at {
            self.displace(at);
        }
        let is_wrong = match socket.is_recovered() {
            true => !verdict.may_recover,
            false => verdict.must_recover && (is_lost || is_held),
        };
        if is_wrong {
            self.fault(format!("{greeting:?} in {}, {verdict:?}: recovered {}", PLACES[place], socket.is_recovered()));
        }
        let Some(at) = at.filter(|_| socket.is_recovered()) else {
            self.not_recovered += 1;
            return;
        };
        let session = self.sessions.get_mut(at);
        let rooms: BTreeSet<_> = socket.rooms().iter().map(|room| room.to_string()).collect();
        let (is_same, rooms_before) = (*session.id == *socket.id().as_str(), session.rooms.clone());
        session.claimed(greeting.life, greeting.refuse && greeting.wait == 0);
        if !is_same || rooms != rooms_before {
            self.fault(format!("{} comes back to {rooms:?} and was in {rooms_before:?}", socket.id()));
        }
        if is_tight || greeting.wait > 0 {
            // What it missed may be gone by then.
            self.ended.insert(greeting.life);
        }
    }

    /// Somebody asks for a session: who has it is ended, if anybody has.
    fn displace(&mut self, at: usize) {
        let session = self.sessions.get_mut(at);
        if let State::Here(seat) = session.state {
            self.taken_over += 1;
            self.ended.insert(self.seats[seat].life);
            session.lose(self.seats[seat].rooms.clone());
        }
    }

    pub(crate) fn joined(&mut self, socket: &Socket, place: usize, greeting: &Greeting) {
        let (id, life) = (socket.id().to_string(), greeting.life);
        let place_of = |seat: &Self| (seat.seats.len(), life);
        let found = self.sessions.find(&id).filter(|_| socket.is_recovered());
        let begun = match found {
            Some(at) => {
                let behind = greeting.behind.unwrap_or_default();
                let detection = self.returning.as_ref().map(|returning| returning.detection).unwrap_or_default();
                let place = place_of(self);
                self.sessions.get_mut(at).go_on(place, behind, detection).map(|(rooms, view)| (at, rooms, view))
            }
            None if socket.is_recovered() => Err("comes back and was never there".to_owned()),
            None => {
                let at = self.sessions.begin(&id, place, self.seats.len());
                at.map(|at| (at, BTreeSet::new(), View::default())).ok_or("has joined twice".to_owned())
            }
        };
        let (session, rooms, view) = match begun {
            Ok(begun) => begun,
            Err(fault) => return self.fault(format!("{id} {fault}")),
        };
        let missed = self.sessions.get(session).missed(&view);
        self.replayed += missed as u64;
        if found.is_some() {
            self.recovered += 1;
            // Of several at once one gets in.
            let others = self.sessions.get(session).on_the_way();
            self.ended.extend(others);
        }
        let there: BTreeSet<_> = socket.rooms().iter().map(|room| room.to_string()).collect();
        if there != rooms {
            self.fault(format!("{id} is in {there:?} and was to be in {rooms:?}"));
        }
        if missed > 0 {
            self.served.insert(life);
        }
        self.seats.push(Seat { id, life, place, socket: Some(socket.clone()), left: None, rooms, session, view });
        self.lines.entry((life, place)).or_default();
    }

    pub(crate) fn left(&mut self, socket: &Socket, life: usize, reason: DisconnectReason) {
        let Some(at) = self.seat_of(socket.id().as_str(), life) else {
            return self.fault(format!("{} has left and was never in", socket.id()));
        };
        let seat = &mut self.seats[at];
        if seat.left.replace(reason).is_some() {
            let fault = format!("{} has left twice", seat.id);
            return self.fault(fault);
        }
        seat.socket = None;
        let rooms = std::mem::take(&mut seat.rooms);
        self.lines.entry((seat.life, seat.place)).or_default().departures += 1;
        let session = self.sessions.get_mut(seat.session);
        if session.state == State::Here(at) {
            if self.returning.is_some() && is_accident(reason) {
                session.lose(rooms);
            } else {
                session.state = State::Over;
            }
        }
    }

    /// A handler has an event.
    pub(crate) fn receive(&mut self, event: Event) {
        self.up += 1;
        self.received.push(event);
    }

    pub(crate) fn rooms_of(&mut self, socket: &Socket, life: usize) -> Option<&mut BTreeSet<String>> {
        let at = self.seat_of(socket.id().as_str(), life)?;
        Some(&mut self.seats[at].rooms)
    }

    /// Those who are in a room are about to be taken out of it, others than those who have joined.
    pub(crate) fn leave_on_the_way(&mut self, place: usize, room: &str) {
        self.sessions.of_place(place).for_each(|session| session.leave_on_the_way(room));
    }

    /// An event is about to be sent to that socket, or was just accepted for it.
    pub(crate) fn send(&mut self, id: &str, number: u64, may_miss: bool, is_kept: bool) {
        if let Some(at) = self.sessions.find(id) {
            self.sessions.get_mut(at).send(number, may_miss, is_kept);
        }
    }

    /// An event is about to be sent to everybody who is in the room, or will come back to it, but one.
    pub(crate) fn send_to_room(&mut self, place: usize, room: Option<&str>, except: Option<&str>, number: u64) {
        for session in self.sessions.of_place(place).filter(|session| except != Some(&*session.id)) {
            let rooms = match session.state {
                State::Here(seat) => &self.seats[seat].rooms,
                State::Lost | State::Over => &session.rooms,
            };
            match room {
                None => session.send(number, false, true),
                Some(room) if rooms.contains(room) => session.send_to_room(number, room),
                Some(_) => {}
            }
        }
    }

    /// The application is about to ask, and waits.
    pub(crate) fn ask(&mut self, socket: &Socket, life: usize, number: u64) {
        let Some(at) = self.seat_of(socket.id().as_str(), life) else { return };
        self.asking.insert(number, at);
        let session = self.sessions.get_mut(self.seats[at].session);
        // It counts as sent before anybody can see that it was not, unless somebody else has the session by now.
        if session.state == State::Here(at) {
            session.send(number, false, false);
        }
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
            self.sessions.get(seat.session).take_back(&mut seat.view, number);
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

    /// A client was let in, and told who it is.
    pub(crate) fn introduce(&mut self, id: &str, pid: &str) {
        if !self.sessions.introduce(id, pid) {
            self.fault(format!("{id} is given the private id of another"));
        }
    }

    /// A client has an event.
    pub(crate) fn read(&mut self, id: Option<&str>, life: usize, number: u64) {
        self.down += 1;
        let Some(at) = id.and_then(|id| self.seat_of(id, life)) else {
            return self.fault(format!("{id:?} has got {number} and was never in"));
        };
        let seat = &mut self.seats[at];
        if let Err(fault) = self.sessions.get_mut(seat.session).read(at, &mut seat.view, number) {
            self.fault(format!("{id:?} has got {fault}"));
        }
    }

    /// The seat of that socket on that connection, and what its client has still to get.
    pub(crate) fn unread(&self, id: Option<&str>, life: usize) -> Option<(&Seat, Vec<u64>)> {
        let at = self.seat_of(id?, life)?;
        let seat = &self.seats[at];
        Some((seat, self.sessions.get(seat.session).unread(at, &seat.view)))
    }
}

/// Whether a client that left for this reason may come back (D107).
const fn is_accident(reason: DisconnectReason) -> bool {
    !matches!(
        reason,
        DisconnectReason::ParseError
            | DisconnectReason::ClientNamespaceDisconnect
            | DisconnectReason::ServerNamespaceDisconnect
    )
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
            let is_idle = self.is_idle(*life, most_busy);
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
            let here: Vec<_> = self.seats.iter().filter(|seat| seat.place == place && seat.left.is_none()).collect();
            let sockets = namespace.sockets();
            let mut found: Vec<_> = sockets.iter().map(|socket| socket.id().as_str()).collect();
            let mut known: Vec<_> = here.iter().map(|seat| seat.id.as_str()).collect();
            found.sort_unstable();
            known.sort_unstable();
            assert_eq!(found, known, "those who are in {}", PLACES[place]);
            known.dedup();
            assert_eq!(found.len(), known.len(), "somebody is twice in {}: {found:?}", PLACES[place]);
            for room in ROOMS {
                let (found, least) =
                    (namespace.room_len(room), here.iter().filter(|seat| seat.rooms.contains(room)).count());
                // Who comes back has its places before it is let in.
                let is_right =
                    found == least || found > least && found <= least + self.sessions.places_taken(place, room);
                assert!(is_right, "{found} are in {room} of {}, and not {least}", PLACES[place]);
            }
            let rooms = namespace.room_names();
            assert!(rooms.iter().all(|room| ROOMS.contains(&&**room)), "the rooms of {}: {rooms:?}", PLACES[place]);
        }
    }

    pub(crate) fn check_queues(&self, bound: usize) {
        // What was missed goes beside the bound, so connections on which it was sent are not looked at.
        for socket in
            self.seats.iter().filter(|seat| !self.served.contains(&seat.life)).filter_map(|seat| seat.socket.as_ref())
        {
            let queued = socket.queued_bytes();
            assert!(queued <= bound, "{} has {queued} bytes queued, more than {bound}", socket.id());
        }
    }

    /// Whether so few handlers of a connection wait that it is read.
    pub(crate) fn is_idle(&self, life: usize, most_busy: usize) -> bool {
        self.busy.get(&life).is_none_or(|busy| *busy < most_busy)
    }

    pub(crate) fn busy_handlers(&self) -> usize {
        self.busy.values().sum()
    }

    pub(crate) fn open_questions(&self) -> usize {
        self.asking.len()
    }
}
