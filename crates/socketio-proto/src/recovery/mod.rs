//! [`Recovery`]: what a namespace keeps so that a client can come back as if it had not been gone.
//! [SIO5 Connection state recovery] (D103 to D114, F6, R32)
//!
//! Owns which sessions and packets are kept for how long, and whether a client can have missed something that is
//! gone; leaves out the clock, the ids, rooms (the caller knows who gets a packet), and what is sent.

mod limits;
mod offset;

use std::{
    borrow::Borrow,
    collections::{BTreeMap, VecDeque},
    error::Error,
    fmt,
    sync::Arc,
};

use engineio_proto::Moment;

pub use self::{
    limits::RecoveryLimits,
    offset::{NotAnOffset, Offset, Reserved},
};

/// A client's private id, by which it asks for its session back: whoever knows it is that client. (D104)
///
/// The caller makes it of at least 120 random bits. It is looked up in a tree, which compares text with text and may
/// take longer the more of it is right; what can be learnt of so long a secret over a network in two minutes, at one
/// connection for each try, is nothing, so no more is done about it. `Debug` does not show it.
///
/// ```
/// use socketio_proto::PrivateId;
///
/// let pid = PrivateId::new("hm2bp0oeDzXHl5YpAAAB");
/// assert_eq!(pid.as_str(), "hm2bp0oeDzXHl5YpAAAB");
/// assert_eq!(format!("{pid:?}"), "PrivateId(…)");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PrivateId(Arc<str>);

impl PrivateId {
    /// The id with this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text, for the client it belongs to and for nobody else.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateId(…)")
    }
}

impl Borrow<str> for PrivateId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The sessions and packets of one namespace.
///
/// - `K` is how the caller names a connected socket, another for each connection, even where the socket's id is that of
///   the session.
/// - `S` is what it wants back of a session: the socket's id, its rooms and its data.
/// - `P` is a packet with what tells who gets it: rooms and exceptions.
///
/// A client has received every packet that it should have, in order, up to the one whose offset it names; so it lacks
/// all that came later. What was never for it is for the caller to leave out.
///
/// # Order
/// An offset is part of the packet, so that it has to be known before the packet is encoded: [`reserve`](Self::reserve)
/// comes first and [`record`](Self::record) after it. Between the two, the packet goes to the sockets that are
/// connected. All of that has to happen under one lock, the one under which sockets come and go: otherwise a client could
/// name the offset of a later packet while it lacks an earlier one.
///
/// # Example
/// ```
/// use std::time::Duration;
/// use engineio_proto::Moment;
/// use socketio_proto::{PrivateId, Recovery, RecoveryLimits};
///
/// let at = |seconds| Moment::EPOCH + Duration::from_secs(seconds);
/// let mut recovery: Recovery<&str, &str, String> = Recovery::new(0x5eed, RecoveryLimits::default());
///
/// let pid = PrivateId::new("hm2bp0oeDzXHl5YpAAAB");
/// recovery.connected(pid.clone(), "socket 1", None, at(0));
/// let joined = recovery.latest();
/// let mut seen = None;
/// for (second, text) in [(1, "hello"), (2, "lost"), (3, "lost as well")] {
///     let reserved = recovery.reserve(at(second));
///     let offset = reserved.offset();
///     let packet = format!("[\"message\",\"{text}\",\"{offset}\"]");
///     let bytes = packet.len();
///     recovery.record(reserved, packet, bytes, at(second));
///     seen.get_or_insert(offset.to_string());
/// }
/// recovery.save(pid, &"socket 1", "its rooms and data", joined, at(30));
///
/// let restored = recovery.restore("hm2bp0oeDzXHl5YpAAAB", seen.as_deref(), at(60))?;
/// assert_eq!(*restored.session(), "its rooms and data");
/// assert_eq!(restored.missed().count(), 2);
/// # Ok::<(), socketio_proto::NotRecovered<&str>>(())
/// ```
#[derive(Debug)]
pub struct Recovery<K, S, P> {
    limits: RecoveryLimits,
    /// The latest time that was named, as those of several threads may come a little out of order.
    clock: Moment,
    /// The last offset given out.
    reserved: Offset,
    /// The newest offset recorded.
    recorded: Offset,
    packets: VecDeque<Stored<P>>,
    packet_bytes: usize,
    evicted: Option<Evicted>,
    connected: BTreeMap<PrivateId, Connected<K>>,
    sessions: BTreeMap<PrivateId, Session<S>>,
    /// The sessions in the order in which they were saved, by number.
    by_age: BTreeMap<u64, PrivateId>,
    next_number: u64,
}

#[derive(Debug)]
struct Stored<P> {
    offset: Offset,
    at: Moment,
    bytes: usize,
    packet: P,
}

/// What is known of the packets that are gone.
#[derive(Copy, Clone, Debug)]
struct Evicted {
    /// The newest of their offsets.
    offset: Offset,
    /// The latest time at which one of them was recorded.
    at: Moment,
}

#[derive(Debug)]
struct Connected<K> {
    socket: K,
    at: Moment,
    /// When the oldest packet that was sent again was recorded.
    resent: Option<Moment>,
}

#[derive(Debug)]
struct Session<S> {
    value: S,
    joined: Offset,
    saved: Moment,
    /// Packets recorded from then on may not have reached the client; those before did, if they were for it.
    unsure: Moment,
    number: u64,
}

impl<K: Clone + PartialEq, S, P> Recovery<K, S, P> {
    /// An empty store.
    ///
    /// `instance` should differ from that of any other store which a client may have been connected to, of this
    /// process, another, or the one before a restart: a random number will do. Offsets carry it, so that those of
    /// another are not taken for ours.
    #[must_use]
    pub const fn new(instance: u32, limits: RecoveryLimits) -> Self {
        let start = Offset::first(instance);
        Self {
            limits,
            clock: Moment::EPOCH,
            reserved: start,
            recorded: start,
            packets: VecDeque::new(),
            packet_bytes: 0,
            evicted: None,
            connected: BTreeMap::new(),
            sessions: BTreeMap::new(),
            by_age: BTreeMap::new(),
            next_number: 0,
        }
    }

    /// The offset of the next packet, later than any before it, however many come in one tick of the clock.
    ///
    /// It is for EVENTs that ask for no acknowledgement and are not volatile (D105, D114). Where the packet is not
    /// recorded in the end, nothing is lost but a number.
    pub fn reserve(&mut self, now: Moment) -> Reserved {
        self.tick(now);
        self.reserved = self.reserved.next(self.clock);
        Reserved::new(self.reserved)
    }

    /// Keeps a packet which has gone to those who are connected. `bytes` is what it costs in memory.
    ///
    /// The oldest packets go where there are too many now.
    pub fn record(&mut self, reserved: Reserved, packet: P, bytes: usize, now: Moment) {
        self.tick(now);
        let offset = reserved.into_offset();
        self.recorded = self.recorded.max(offset);
        let stored = Stored { offset, at: self.clock, bytes, packet };
        if self.evicted.is_some_and(|evicted| offset < evicted.offset) {
            self.note_evicted(&stored);
            return;
        }
        self.packet_bytes = self.packet_bytes.saturating_add(bytes);
        // At the end, for who keeps to the order above.
        let place = self.packets.partition_point(|other| other.offset < offset);
        self.packets.insert(place, stored);
        self.evict_packets();
    }

    /// The newest offset: who joins now lacks nothing up to it. Before the first packet it is one that lies before
    /// all others.
    #[must_use]
    pub const fn latest(&self) -> Offset {
        self.recorded
    }

    /// Notes that `socket` has this private id now, be it new or restored, so that a client which comes back before its
    /// disconnection was noticed is told apart from a stranger (R32). Yields the socket which had it before.
    ///
    /// For a session that comes back it belongs behind [`restore`](Self::restore), under the same lock, and `resent` is
    /// the first of the missed packets that are sent again, if any: these are as old as they are, however late they
    /// get on their way. So are those that were held back for a new client until now. Ends with [`save`](Self::save) or [`forget`](Self::forget), one of which must follow.
    pub fn connected(&mut self, pid: PrivateId, socket: K, resent: Option<Offset>, now: Moment) -> Option<K> {
        self.tick(now);
        let resent = resent.map(|offset| self.recorded_at(offset));
        let connected = Connected { socket, at: self.clock, resent };
        self.connected.insert(pid, connected).map(|before| before.socket)
    }

    /// Keeps the session of a socket whose connection was lost, in place of what was kept under the same id. (D107)
    ///
    /// `joined` is what [`latest`](Self::latest) said when the client joined the namespace; for a restored session it
    /// is that of the first time, by [`Restored::joined`].
    ///
    /// Nothing happens where another socket has the id by now. The oldest session goes where there are too many now.
    pub fn save(&mut self, pid: PrivateId, socket: &K, session: S, joined: Offset, now: Moment) {
        self.tick(now);
        if !self.is_of(pid.as_str(), socket) {
            return;
        }
        let saved = self.clock;
        let unsure = self.unsure(pid.as_str(), saved);
        self.remove(pid.as_str());
        let number = self.next_number;
        self.next_number += 1;
        self.by_age.insert(number, pid.clone());
        self.sessions.insert(pid, Session { value: session, joined, saved, unsure, number });
        while self.sessions.len() > self.limits.max_sessions {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            self.sessions.remove(&oldest);
        }
    }

    /// Drops the session of a socket that the client or the server has ended, so that it does not come back. (D107)
    ///
    /// Nothing happens where another socket has the id by now.
    pub fn forget(&mut self, pid: &str, socket: &K) {
        if self.is_of(pid, socket) {
            self.remove(pid);
        }
    }

    /// The session of a client that comes back with this private id, and with the offset of the last packet it has
    /// received, if it ever received one. (D106, D108)
    ///
    /// The session stays, so that a client which loses its connection once more on the way can try again; it is
    /// replaced when the new socket's connection is lost (D113). As what is missed is counted from the offset that the
    /// client names each time, it gets nothing twice.
    ///
    /// - Without an offset it has missed all that came since it joined.
    /// - An offset older than all packets kept is fine as long as no packet that is gone can have been for this client
    ///   and not have reached it. A packet that was for it has reached it, or the client would name a later offset, if
    ///   the connection was noticed to be lost more than [`detection`](RecoveryLimits::detection) after the packet was
    ///   sent. So being quiet for hours does no harm.
    ///
    /// ```
    /// # use engineio_proto::Moment;
    /// # use socketio_proto::{NotRecovered, PrivateId, Recovery, RecoveryLimits};
    /// # let now = Moment::EPOCH;
    /// # let mut recovery: Recovery<&str, &str, &str> = Recovery::new(7, RecoveryLimits::default());
    /// # let pid = PrivateId::new("secret");
    /// recovery.connected(pid.clone(), "socket", None, now);
    /// assert_eq!(recovery.restore("secret", None, now).err(), Some(NotRecovered::StillConnected("socket")));
    /// recovery.save(pid, &"socket", "its rooms", recovery.latest(), now);
    /// assert_eq!(recovery.restore("secret", None, now)?.session(), &"its rooms");
    /// assert_eq!(recovery.restore("guessed", None, now).err(), Some(NotRecovered::UnknownSession));
    /// # Ok::<(), NotRecovered<&str>>(())
    /// ```
    ///
    /// # Errors
    /// Why it has to begin a new session.
    pub fn restore(
        &mut self,
        pid: &str,
        offset: Option<&str>,
        now: Moment,
    ) -> Result<Restored<'_, S, P>, NotRecovered<K>> {
        self.tick(now);
        if let Some(connected) = self.connected.get(pid) {
            return Err(NotRecovered::StillConnected(connected.socket.clone()));
        }
        let saved = self.sessions.get(pid).ok_or(NotRecovered::UnknownSession)?.saved;
        if saved + self.limits.max_disconnection_duration < self.clock {
            self.remove(pid);
            return Err(NotRecovered::Expired);
        }
        let session = self.sessions.get(pid).ok_or(NotRecovered::UnknownSession)?;
        let named = match offset {
            Some(text) => self.known(text).ok_or(NotRecovered::UnknownOffset)?,
            None => session.joined,
        };
        // What went before the client joined is none of its business, whatever it says.
        let after = named.max(session.joined);
        let gone = self.evicted.is_some_and(|evicted| evicted.offset > after && evicted.at >= session.unsure);
        if gone {
            return Err(NotRecovered::PacketsGone);
        }
        let first = self.packets.partition_point(|stored| stored.offset <= after);
        Ok(Restored { session, packets: &self.packets, first })
    }

    /// Drops what is too old to be of use: sessions after
    /// [`max_disconnection_duration`](RecoveryLimits::max_disconnection_duration), packets after that and
    /// [`detection`](RecoveryLimits::detection).
    ///
    /// Nothing old is ever restored without it; it is for the memory, as often as the caller likes (the reference does
    /// it each minute).
    ///
    /// ```
    /// # use engineio_proto::Moment;
    /// # use socketio_proto::{NotRecovered, PrivateId, Recovery, RecoveryLimits};
    /// # let now = Moment::EPOCH;
    /// # let mut recovery: Recovery<&str, &str, &str> = Recovery::new(7, RecoveryLimits::default());
    /// # let pid = PrivateId::new("secret");
    /// let reserved = recovery.reserve(now);
    /// recovery.record(reserved, "packet", 6, now);
    /// let due = recovery.next_timeout().expect("a packet is kept");
    /// recovery.sweep(due);
    /// assert_eq!((recovery.packet_count(), recovery.next_timeout()), (0, None));
    /// ```
    pub fn sweep(&mut self, now: Moment) {
        self.tick(now);
        while let Some((_, pid)) = self.by_age.first_key_value() {
            let expires = self.sessions.get(pid).map(|session| session.saved + self.limits.max_disconnection_duration);
            if expires.is_some_and(|expires| expires >= self.clock) {
                break;
            }
            if let Some((_, pid)) = self.by_age.pop_first() {
                self.sessions.remove(&pid);
            }
        }
        self.evict_packets();
        if self.packets.is_empty() {
            self.packets = VecDeque::new();
        }
    }

    /// When [`sweep`](Self::sweep) has something to do next; `None` where nothing is kept.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Moment> {
        let oldest = self.by_age.first_key_value().and_then(|(_, pid)| self.sessions.get(pid));
        let session = oldest.map(|session| session.saved + self.limits.max_disconnection_duration);
        let packet = self.packets.front().map(|stored| stored.at + self.limits.retention());
        // Both last up to that moment and go at the next.
        session.into_iter().chain(packet).min().map(|last| last + LEAST)
    }

    /// How many sessions are kept for clients that are gone.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// How many packets are kept.
    #[must_use]
    pub fn packet_count(&self) -> usize {
        self.packets.len()
    }

    /// Bytes of the packets that are kept, as the caller has counted them.
    #[must_use]
    pub const fn packet_bytes(&self) -> usize {
        self.packet_bytes
    }

    /// From when on packets may not have reached the client with this id, whose connection is noticed to be lost at
    /// `lost`.
    fn unsure(&self, pid: &str, lost: Moment) -> Moment {
        let detection = u64::try_from(self.limits.detection.as_nanos()).unwrap_or(u64::MAX);
        let alive = Moment::from_nanos(lost.as_nanos().saturating_sub(detection));
        match self.connected.get(pid) {
            // It may have been lost as soon as it came back, and with it what was sent again, which is older.
            Some(Connected { at, resent: Some(resent), .. }) if *at >= alive => alive.min(*resent),
            _ => alive,
        }
    }

    /// When the packet with this offset was recorded; for one that is not there, the beginning of time.
    fn recorded_at(&self, offset: Offset) -> Moment {
        let found = self.packets.binary_search_by_key(&offset, |stored| stored.offset).ok();
        found.and_then(|index| self.packets.get(index)).map_or(Moment::EPOCH, |stored| stored.at)
    }

    /// Whether the id is that of `socket`, or of no connected socket at all.
    fn is_of(&self, pid: &str, socket: &K) -> bool {
        self.connected.get(pid).is_none_or(|connected| connected.socket == *socket)
    }

    fn remove(&mut self, pid: &str) {
        self.connected.remove(pid);
        if let Some(session) = self.sessions.remove(pid) {
            self.by_age.remove(&session.number);
        }
    }

    /// The offset that `text` says, if this store has given it out.
    fn known(&self, text: &str) -> Option<Offset> {
        text.parse().ok().filter(|offset: &Offset| offset.is_of(self.reserved) && *offset <= self.reserved)
    }

    fn tick(&mut self, now: Moment) {
        self.clock = self.clock.max(now);
    }

    fn evict_packets(&mut self) {
        while let Some(oldest) = self.packets.front() {
            let expired = oldest.at + self.limits.retention() < self.clock;
            let too_many = self.packets.len() > self.limits.max_packets || self.packet_bytes > self.limits.max_bytes;
            if !expired && !too_many {
                break;
            }
            if let Some(oldest) = self.packets.pop_front() {
                self.packet_bytes = self.packet_bytes.saturating_sub(oldest.bytes);
                self.note_evicted(&oldest);
            }
        }
    }

    fn note_evicted(&mut self, packet: &Stored<P>) {
        let newest = self.evicted.get_or_insert(Evicted { offset: packet.offset, at: packet.at });
        newest.offset = newest.offset.max(packet.offset);
        newest.at = newest.at.max(packet.at);
    }
}

/// The shortest time there is.
const LEAST: std::time::Duration = std::time::Duration::from_nanos(1);

/// A session that comes back.
///
/// ```
/// # use engineio_proto::Moment;
/// # use socketio_proto::{NotRecovered, PrivateId, Recovery, RecoveryLimits};
/// # let now = Moment::EPOCH;
/// # let mut recovery: Recovery<&str, &str, &str> = Recovery::new(7, RecoveryLimits::default());
/// # let pid = PrivateId::new("secret");
/// recovery.connected(pid.clone(), "socket", None, now);
/// recovery.save(pid, &"socket", "its rooms", recovery.latest(), now);
/// let restored = recovery.restore("secret", None, now)?;
/// assert_eq!((restored.session(), restored.missed().count()), (&"its rooms", 0));
/// # Ok::<(), NotRecovered<&str>>(())
/// ```
#[derive(Debug)]
pub struct Restored<'a, S, P> {
    session: &'a Session<S>,
    packets: &'a VecDeque<Stored<P>>,
    first: usize,
}

/// A packet that a client may have missed.
///
/// ```
/// use engineio_proto::Moment;
/// # use socketio_proto::{PrivateId, Recovery, RecoveryLimits};
/// # let mut recovery: Recovery<(), (), &str> = Recovery::new(7, RecoveryLimits::default());
/// # recovery.save(PrivateId::new("secret"), &(), (), recovery.latest(), Moment::EPOCH);
/// let reserved = recovery.reserve(Moment::EPOCH);
/// recovery.record(reserved, "news", 4, Moment::EPOCH);
/// let missed = recovery.restore("secret", None, Moment::EPOCH)?.missed().next();
/// assert!(missed.is_some_and(|missed| *missed.packet == "news" && missed.bytes == 4));
/// # Ok::<(), socketio_proto::NotRecovered<()>>(())
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Missed<'a, P> {
    /// Its offset, say to compare with when the client joined one of its rooms.
    pub offset: Offset,
    /// The packet.
    pub packet: &'a P,
    /// What it costs, as it was recorded.
    pub bytes: usize,
}

impl<'a, S, P> Restored<'a, S, P> {
    /// What was saved.
    #[must_use]
    pub const fn session(&self) -> &'a S {
        &self.session.value
    }

    /// Where the client joined, for when its session is saved again.
    #[must_use]
    pub const fn joined(&self) -> Offset {
        self.session.joined
    }

    /// The packets after the last that the client has received, oldest first, whoever they were for.
    pub fn missed(&self) -> impl Iterator<Item = Missed<'a, P>> + use<'a, S, P> {
        let missed = self.packets.range(self.first..);
        missed.map(|Stored { offset, bytes, packet, .. }| Missed { offset: *offset, packet, bytes: *bytes })
    }

    /// Those of the missed packets that `matches`, where together they cost at most `limit` bytes: what goes beyond the
    /// queue of a connection would end it at once, each time again (R32).
    ///
    /// # Errors
    /// [`NotRecovered::ReplayTooLarge`].
    pub fn missed_within<K>(
        &self,
        limit: usize,
        mut matches: impl FnMut(&Missed<'a, P>) -> bool,
    ) -> Result<Vec<Missed<'a, P>>, NotRecovered<K>> {
        let (mut bytes, mut list) = (0_usize, Vec::new());
        for missed in self.missed().filter(|missed| matches(missed)) {
            bytes = bytes.saturating_add(missed.bytes);
            if bytes > limit {
                return Err(NotRecovered::ReplayTooLarge { limit });
            }
            list.push(missed);
        }
        Ok(list)
    }
}

/// Why a client has to begin a new session. (D108)
///
/// ```
/// use engineio_proto::Moment;
/// use socketio_proto::{NotRecovered, Recovery, RecoveryLimits};
///
/// let mut recovery: Recovery<(), (), ()> = Recovery::new(7, RecoveryLimits::default());
/// let refused = recovery.restore("guessed", None, Moment::EPOCH).err();
/// assert_eq!(refused.map(|reason| reason.to_string()).as_deref(), Some("no such session is kept"));
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotRecovered<K> {
    /// No session is kept under this id: it never was, it has been ended, or it was too old or one too many.
    UnknownSession,
    /// The disconnection was not noticed yet: this socket still has the id. Close it as lost, which saves the session,
    /// and restore again. (R32)
    StillConnected(K),
    /// The client was gone for longer than
    /// [`max_disconnection_duration`](RecoveryLimits::max_disconnection_duration).
    Expired,
    /// The offset is not one that this store has given out: it is of another server or of the one before a restart,
    /// or the client took it from an event without one whose last argument is a text.
    UnknownOffset,
    /// A packet that the client may have missed is no longer kept.
    PacketsGone,
    /// What was missed is more than can be sent.
    ReplayTooLarge {
        /// The bound in bytes.
        limit: usize,
    },
}

impl<K> fmt::Display for NotRecovered<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownSession => f.write_str("no such session is kept"),
            Self::StillConnected(_) => f.write_str("the session is still connected"),
            Self::Expired => f.write_str("the session has expired"),
            Self::UnknownOffset => f.write_str("the offset is not of this server"),
            Self::PacketsGone => f.write_str("missed packets are no longer kept"),
            Self::ReplayTooLarge { limit } => write!(f, "too much was missed (limit {limit} bytes)"),
        }
    }
}

impl<K: fmt::Debug> Error for NotRecovered<K> {}

#[cfg(test)]
mod tests;
