//! [`RecoveryLedger`]: what a namespace's store of recovery has to know, written down in full and searched from end to end.
//!
//! Nothing is ever struck out but marked as gone, so that who may have missed what can be asked of each packet there ever was.

use engineio_proto::Moment;
use socketio_proto::{NotRecovered, Offset, RecoveryLimits};

#[derive(Debug)]
struct Packet {
    place: u64,
    at: Moment,
    bytes: usize,
    number: u32,
    is_gone: bool,
}

#[derive(Debug)]
struct Connected {
    pid: String,
    socket: u32,
    at: Moment,
    resent: Option<Moment>,
}

#[derive(Debug)]
struct Session {
    pid: String,
    value: u32,
    joined: u64,
    saved: Moment,
    unsure: Moment,
}

/// What somebody who comes back is due.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) session: u32,
    /// Number and cost of each event, in order.
    pub(crate) missed: Vec<(u32, usize)>,
    /// Packets were recorded out of order, and one that is gone may look as if it had been missed: then it may be refused too.
    pub(crate) is_doubtful: bool,
}

#[derive(Debug)]
pub(crate) struct RecoveryLedger {
    instance: u32,
    limits: RecoveryLimits,
    clock: Moment,
    /// The last place that was given out.
    place: u64,
    packets: Vec<Packet>,
    /// In the order in which they were saved.
    sessions: Vec<Session>,
    connected: Vec<Connected>,
}

impl RecoveryLedger {
    pub(crate) fn new(instance: u32, limits: RecoveryLimits) -> Self {
        let (packets, sessions, connected) = (Vec::new(), Vec::new(), Vec::new());
        Self { instance, limits, clock: Moment::EPOCH, place: 0, packets, sessions, connected }
    }

    fn tick(&mut self, now: Moment) {
        self.clock = self.clock.max(now);
    }

    /// The text of the next offset.
    pub(crate) fn reserve(&mut self, now: Moment) -> String {
        self.tick(now);
        self.place = (self.clock.as_nanos() / 1000).max(self.place + 1);
        self.text(self.place)
    }

    pub(crate) fn record(&mut self, offset: Offset, number: u32, bytes: usize, now: Moment) {
        self.tick(now);
        let place = self.place_of(offset);
        // What is kept are the last ones.
        let is_gone = self.packets.iter().any(|other| other.is_gone && other.place > place);
        self.packets.push(Packet { place, at: self.clock, bytes, number, is_gone });
        self.packets.sort_by_key(|packet| packet.place);
        if !is_gone {
            self.let_packets_go();
        }
    }

    pub(crate) fn connect(&mut self, pid: &str, socket: u32, resent: Option<Offset>, now: Moment) -> Option<u32> {
        self.tick(now);
        let resent = resent.map(|offset| {
            let place = self.place_of(offset);
            let sent = self.packets.iter().find(|packet| packet.place == place && !packet.is_gone);
            sent.map_or(Moment::EPOCH, |packet| packet.at)
        });
        let before = self.socket_of(pid);
        self.connected.retain(|connected| connected.pid != pid);
        self.connected.push(Connected { pid: pid.to_owned(), socket, at: self.clock, resent });
        before
    }

    pub(crate) fn save(&mut self, pid: &str, socket: u32, value: u32, joined: Offset, now: Moment) {
        self.tick(now);
        if self.socket_of(pid).is_some_and(|owner| owner != socket) {
            return;
        }
        // It was there until so long ago at least; what went out from then on may be lost.
        let detection = u64::try_from(self.limits.detection.as_nanos()).unwrap_or(u64::MAX);
        let alive = Moment::from_nanos(self.clock.as_nanos().saturating_sub(detection));
        let again = self.connected.iter().find(|connected| connected.pid == pid && connected.at >= alive);
        let unsure = again.and_then(|connected| connected.resent).map_or(alive, |resent| resent.min(alive));
        let session = Session { pid: pid.to_owned(), value, joined: self.place_of(joined), saved: self.clock, unsure };
        self.remove(pid);
        self.sessions.push(session);
        if self.sessions.len() > self.limits.max_sessions {
            self.sessions.remove(0);
        }
    }

    pub(crate) fn forget(&mut self, pid: &str, socket: u32) {
        if self.socket_of(pid).is_none_or(|owner| owner == socket) {
            self.remove(pid);
        }
    }

    pub(crate) fn restore(&mut self, pid: &str, offset: Option<&str>, now: Moment) -> Result<Due, NotRecovered<u32>> {
        self.tick(now);
        if let Some(socket) = self.socket_of(pid) {
            return Err(NotRecovered::StillConnected(socket));
        }
        let place = self.sessions.iter().position(|session| session.pid == pid);
        let place = place.ok_or(NotRecovered::UnknownSession)?;
        if self.is_over(&self.sessions[place]) {
            self.sessions.remove(place);
            return Err(NotRecovered::Expired);
        }
        let session = &self.sessions[place];
        let named = match offset {
            Some(text) => self.known(text).ok_or(NotRecovered::UnknownOffset)?,
            None => session.joined,
        };
        let after = named.max(session.joined);
        let gone = || self.packets.iter().filter(|packet| packet.is_gone);
        if gone().any(|packet| packet.place > after && packet.at >= session.unsure) {
            return Err(NotRecovered::PacketsGone);
        }
        let is_doubtful = gone().any(|packet| packet.place > after) && gone().any(|packet| packet.at >= session.unsure);
        let missed = self.kept().filter(|packet| packet.place > after).map(|packet| (packet.number, packet.bytes));
        Ok(Due { session: session.value, missed: missed.collect(), is_doubtful })
    }

    pub(crate) fn sweep(&mut self, now: Moment) {
        self.tick(now);
        let over = self.sessions.iter().take_while(|session| self.is_over(session)).count();
        self.sessions.drain(..over);
        self.let_packets_go();
    }

    /// How many sessions, packets and bytes are kept, and when something of that is to be swept.
    pub(crate) fn held(&self) -> (usize, usize, usize, Option<Moment>) {
        let bytes = self.kept().map(|packet| packet.bytes).sum();
        let session = self.sessions.first().map(|session| session.saved + self.limits.max_disconnection_duration);
        let packet = self.kept().next().map(|packet| packet.at + self.retention());
        let next = session.into_iter().chain(packet).min().map(|last| Moment::from_nanos(last.as_nanos() + 1));
        (self.sessions.len(), self.kept().count(), bytes, next)
    }

    /// The text of the newest offset of a packet.
    pub(crate) fn latest(&self) -> String {
        self.text(self.packets.last().map_or(0, |packet| packet.place))
    }

    fn kept(&self) -> impl Iterator<Item = &Packet> {
        self.packets.iter().filter(|packet| !packet.is_gone)
    }

    fn let_packets_go(&mut self) {
        loop {
            let (_, count, bytes, _) = self.held();
            let is_full = count > self.limits.max_packets || bytes > self.limits.max_bytes;
            let (clock, retention) = (self.clock, self.retention());
            let Some(oldest) = self.packets.iter_mut().find(|packet| !packet.is_gone) else { return };
            if !is_full && oldest.at + retention >= clock {
                return;
            }
            oldest.is_gone = true;
        }
    }

    fn retention(&self) -> std::time::Duration {
        self.limits.max_disconnection_duration.saturating_add(self.limits.detection)
    }

    fn is_over(&self, session: &Session) -> bool {
        session.saved + self.limits.max_disconnection_duration < self.clock
    }

    fn socket_of(&self, pid: &str) -> Option<u32> {
        self.connected.iter().find(|connected| connected.pid == pid).map(|connected| connected.socket)
    }

    fn remove(&mut self, pid: &str) {
        self.connected.retain(|connected| connected.pid != pid);
        self.sessions.retain(|session| session.pid != pid);
    }

    fn text(&self, place: u64) -> String {
        format!("{}.{}", base_36(self.instance.into()), base_36(place))
    }

    /// The place that is written so, if this store could have written it by now.
    fn known(&self, text: &str) -> Option<u64> {
        let place = u64::from_str_radix(text.split('.').nth(1)?, 36).ok()?;
        (place <= self.place && self.text(place) == text).then_some(place)
    }

    fn place_of(&self, offset: Offset) -> u64 {
        self.known(&offset.to_string()).unwrap_or_else(|| panic!("{offset} was never given out"))
    }
}

fn base_36(number: u64) -> String {
    let digit = char::from_digit((number % 36) as u32, 36).unwrap_or('?');
    if number < 36 { digit.to_string() } else { format!("{}{digit}", base_36(number / 36)) }
}
