//! [`Sessions`]: what a socket is beyond its connection: the events that were accepted for it, who may come back to it, and
//! whether the server has to know it again. Rows D103–D114; hazard R32.
//!
//! Where nobody can come back, a session is one socket. Leaves out connections and rooms that are there (`ledger.rs`).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use crate::{comebacks::Behind, plan::Returning};

/// What is done at the edge of a time may be on either side of it.
const EDGE: Duration = Duration::from_millis(20);

/// An event that the server accepted for a session.
#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u64,
    at: Instant,
    /// It is volatile.
    may_miss: bool,
    /// It is not kept: only that connection can get it.
    only: Option<usize>,
}

/// What one connection has got of its session's events.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// How many of them it has read, or may not see any more.
    read: usize,
    /// What need not arrive: it was dropped from a full queue.
    may_miss: BTreeSet<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// On that connection, by its seat.
    Here(usize),
    /// It may come back.
    Lost,
    Over,
}

/// A connection asks for a session and the server has found it; it is not let in yet.
#[derive(Debug)]
struct Claim {
    life: usize,
    rooms: BTreeSet<String>,
    /// What went to rooms that it was taken out of on its way.
    too_late: BTreeSet<u64>,
    /// It is refused at once, which does nothing to the session.
    is_refused: bool,
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) place: usize,
    pub(crate) state: State,
    /// Where it was when it was lost.
    pub(crate) rooms: BTreeSet<String>,
    lost: Instant,
    sent: Vec<Sent>,
    /// The last event that any of its connections has read.
    most_read: u64,
    /// How old what was sent again to its last connection is.
    resent: Option<Instant>,
    claims: Vec<Claim>,
    /// Somebody who was on the way in may have said that it does not come back.
    is_doubtful: bool,
}

/// What the server has to make of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) may_recover: bool,
    pub(crate) must_recover: bool,
}

impl Session {
    fn new(id: String, place: usize, seat: usize) -> Self {
        Self {
            id,
            place,
            state: State::Here(seat),
            rooms: BTreeSet::new(),
            lost: Instant::now(),
            sent: Vec::new(),
            most_read: 0,
            resent: None,
            claims: Vec::new(),
            is_doubtful: false,
        }
    }

    /// An event was accepted, for whoever has the session or, where it is not kept, for who has it now.
    pub(crate) fn send(&mut self, number: u64, may_miss: bool, is_kept: bool) {
        let only = match self.state {
            State::Here(seat) => (!is_kept).then_some(seat),
            State::Lost if is_kept => None,
            State::Lost | State::Over => return,
        };
        self.sent.push(Sent { number, at: Instant::now(), may_miss, only });
    }

    /// An event goes to a room that it was in when it was lost. Who is on the way in may be in it no more.
    pub(crate) fn send_to_room(&mut self, number: u64, room: &str) {
        self.send(number, false, true);
        for claim in self.claims.iter_mut().filter(|claim| !claim.rooms.contains(room)) {
            claim.too_late.insert(number);
        }
    }

    /// A connection reads; an error where that was not its next event.
    pub(crate) fn read(&mut self, seat: usize, view: &mut View, number: u64) -> Result<(), String> {
        let from = view.read;
        while let Some(sent) = self.sent.get(view.read) {
            view.read += 1;
            if sent.number == number {
                self.most_read = self.most_read.max(number);
                let is_mine = sent.only.is_none_or(|only| only == seat);
                return if is_mine { Ok(()) } else { Err(format!("{number} again, which is not kept")) };
            }
            if !view.may_do_without(seat, sent) {
                break;
            }
        }
        Err(format!("{number}, and was to get {:?}", &self.sent[from..]))
    }

    /// What a connection has still to get.
    pub(crate) fn unread(&self, seat: usize, view: &View) -> Vec<u64> {
        let unread = self.sent[view.read..].iter().filter(|sent| !view.may_do_without(seat, sent));
        unread.map(|sent| sent.number).collect()
    }

    /// What was taken back from a connection: one event, or whatever still waits for it.
    pub(crate) fn take_back(&self, view: &mut View, number: Option<u64>) {
        let unread = self.sent[view.read..].iter().map(|sent| sent.number);
        view.may_miss.extend(unread.filter(|sent| number.is_none_or(|number| number == *sent)));
    }

    /// Its connection is gone, and it stays.
    pub(crate) fn lose(&mut self, rooms: BTreeSet<String>) {
        (self.state, self.rooms, self.lost) = (State::Lost, rooms, Instant::now());
    }

    /// The server has found it for a connection that is on its way in.
    pub(crate) fn claimed(&mut self, life: usize, is_refused: bool) {
        self.is_doubtful |= self.claims.iter().any(|claim| !claim.is_refused);
        let (rooms, too_late) = (self.rooms.clone(), BTreeSet::new());
        self.claims.push(Claim { life, rooms, too_late, is_refused });
    }

    /// The connections that are on their way in, or were.
    pub(crate) fn on_the_way(&self) -> Vec<usize> {
        self.claims.iter().map(|claim| claim.life).collect()
    }

    /// Those who are in a room are taken out of it, on their way in as well: the last of them, who has the place.
    pub(crate) fn leave_on_the_way(&mut self, room: &str) {
        if let Some(claim) = self.claims.last_mut() {
            claim.rooms.remove(room);
        }
    }

    /// Whether one on its way in may have a place in that room.
    pub(crate) fn may_have_a_place(&self, room: &str) -> bool {
        self.state == State::Lost && self.claims.iter().any(|claim| claim.rooms.contains(room))
    }

    /// It goes on with a new connection, which has read all up to that number; gives its rooms, and what it is to see.
    pub(crate) fn go_on(
        &mut self,
        (seat, life): (usize, usize),
        Behind(least, most): Behind,
        detection: Duration,
    ) -> Result<(BTreeSet<String>, View), String> {
        if self.state != State::Lost {
            return Err(format!("comes back and is {:?}", self.state));
        }
        let claim = self.claims.iter().rposition(|claim| claim.life == life).ok_or("comes back without asking")?;
        let Claim { rooms, too_late, .. } = self.claims.remove(claim);
        for sent in self.sent.iter_mut().filter(|sent| too_late.contains(&sent.number)) {
            sent.may_miss = true;
        }
        let read = self.sent.partition_point(|sent| sent.number <= least);
        let missed = || self.sent[read..].iter().filter(|sent| sent.only.is_none());
        self.resent = missed().map(|sent| sent.at).min();
        // Where it names less than it has read, what cannot have got lost may be gone.
        let has_arrived = |sent: &Sent| sent.number <= self.most_read && sent.at + detection < self.lost;
        let may_miss =
            missed().filter(|sent| sent.number <= most || has_arrived(sent)).map(|sent| sent.number).collect();
        self.state = State::Here(seat);
        Ok((rooms, View { read, may_miss }))
    }

    /// How much is sent again to a connection that begins like that.
    pub(crate) fn missed(&self, view: &View) -> usize {
        self.sent[view.read..].iter().filter(|sent| sent.only.is_none()).count()
    }

    fn judge(&self, returning: &Returning, is_sure: bool) -> Verdict {
        let (now, end) = (Instant::now(), self.lost + returning.away);
        let (is_in_time, is_early) = match self.state {
            State::Here(_) => (true, true),
            State::Lost => (now <= end + EDGE, now + EDGE < end),
            State::Over => (false, false),
        };
        let is_fresh = self.resent.is_none_or(|resent| now + EDGE < resent + returning.away + returning.detection);
        let is_doubtful = self.is_doubtful || self.claims.iter().any(|claim| !claim.is_refused);
        let must_recover = is_early && is_fresh && is_sure && !is_doubtful && returning.bounds.is_none();
        Verdict { may_recover: is_in_time, must_recover }
    }
}

impl View {
    fn may_do_without(&self, seat: usize, sent: &Sent) -> bool {
        sent.may_miss || sent.only.is_some_and(|only| only != seat) || self.may_miss.contains(&sent.number)
    }
}

/// All sessions that there ever were.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    list: Vec<Session>,
    by_id: BTreeMap<String, usize>,
    by_pid: BTreeMap<String, usize>,
}

impl Sessions {
    /// One begins; `None` where there was one with that id.
    pub(crate) fn begin(&mut self, id: &str, place: usize, seat: usize) -> Option<usize> {
        let at = self.list.len();
        if self.by_id.contains_key(id) {
            return None;
        }
        self.by_id.insert(id.to_owned(), at);
        self.list.push(Session::new(id.to_owned(), place, seat));
        Some(at)
    }

    pub(crate) fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The session that a private id is for in that namespace.
    pub(crate) fn of_pid(&self, pid: &str, place: usize) -> Option<usize> {
        self.by_pid.get(pid).copied().filter(|at| self.list[*at].place == place)
    }

    /// A client was told both; says whether they belong together.
    pub(crate) fn introduce(&mut self, id: &str, pid: &str) -> bool {
        let Some(at) = self.find(id) else { return false };
        *self.by_pid.entry(pid.to_owned()).or_insert(at) == at
    }

    /// What the server has to make of a claim, `is_known` where it must know what it names.
    pub(crate) fn judge(&self, at: Option<usize>, returning: &Returning, is_known: bool, is_sure: bool) -> Verdict {
        match at.filter(|_| is_known) {
            Some(at) => self.list[at].judge(returning, is_sure),
            None => Verdict { may_recover: false, must_recover: false },
        }
    }

    pub(crate) fn get(&self, at: usize) -> &Session {
        &self.list[at]
    }

    pub(crate) fn get_mut(&mut self, at: usize) -> &mut Session {
        &mut self.list[at]
    }

    pub(crate) fn of_place(&mut self, place: usize) -> impl Iterator<Item = &mut Session> {
        self.list.iter_mut().filter(move |session| session.place == place)
    }

    /// Some session of that namespace, be its client there or not.
    pub(crate) fn any(&self, place: usize, chance: u64) -> Option<String> {
        let ids: Vec<_> =
            self.list.iter().filter(|session| session.place == place).map(|session| &session.id).collect();
        Some(ids[chance.checked_rem(ids.len() as u64)? as usize].clone())
    }

    /// How many of those who are on their way in may have places in that room already.
    pub(crate) fn places_taken(&self, place: usize, room: &str) -> usize {
        let here = self.list.iter().filter(|session| session.place == place);
        here.filter(|session| session.may_have_a_place(room)).count()
    }
}
