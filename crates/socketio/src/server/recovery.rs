//! Connection state recovery (rows D103–D114, F6; hazard R32): [`ConnectionStateRecovery`] says what is kept, [`Store`]
//! keeps it for one namespace. What is recoverable, and for how long, is `socketio_proto::Recovery`'s; how a client
//! comes back is `connection/joining.rs`'s.
//!
//! Lock order: the registry, the sweeper, a namespace's store, its rooms, its sockets. An event is recorded and queued
//! under the store's lock, so that to each socket offsets go out in their order. The application's data is dropped under
//! none of them ([`Discarded`]).

mod stays;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use engineio_proto::Moment;
use socketio_proto::{Body, Encoded, Missed, NotRecovered, Offset, PrivateId, Recovery, RecoveryLimits};
use tokio::{task::JoinHandle, time::Instant};

pub(super) use self::stays::Stays;
use super::{DisconnectReason, Namespace, SocketId, socket::Slot, socket::SocketCore};

/// What is kept so that a client whose connection is lost can come back as if it had not been gone: with the same id,
/// rooms and data, and with the events that it missed (row D103).
///
/// | | default | memory |
/// |---|---|---|
/// | [`max_disconnection_duration`](Self::max_disconnection_duration) | 2 min | |
/// | [`max_packets`](Self::max_packets) | 100,000 a namespace | some 200 bytes each, beside the events |
/// | [`max_bytes`](Self::max_bytes) | 64 MiB a namespace | |
/// | [`max_sessions`](Self::max_sessions) | 50,000 a namespace | some 300 bytes each, beside data, rooms, and at most 64 that were left |
///
/// Past a bound the oldest go, and who would have needed them comes back as a new client
/// ([`Counters::recoveries_failed`](super::Counters::recoveries_failed)).
///
/// ```
/// use socketio::{Config, ConnectionStateRecovery, Server, Socket};
///
/// let mut config = Config::default();
/// config.connection_state_recovery = Some(ConnectionStateRecovery::default());
/// let io = Server::with_config(config);
/// io.of("/").on_connect(async |socket: Socket| {
///     if !socket.is_recovered() {
///         socket.join("news");
///     }
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStateRecovery {
    /// How long after its disconnection was noticed a client may come back.
    pub max_disconnection_duration: Duration,
    /// Whether the middlewares are skipped for a client that is recovered; default true (row D111). The connect handler
    /// is always asked.
    pub skip_middlewares: bool,
    /// Most events kept.
    pub max_packets: usize,
    /// Most bytes of events kept.
    pub max_bytes: usize,
    /// Most clients remembered that are gone.
    pub max_sessions: usize,
}

impl Default for ConnectionStateRecovery {
    fn default() -> Self {
        let RecoveryLimits { max_disconnection_duration, max_packets, max_bytes, max_sessions, .. } =
            RecoveryLimits::default();
        Self { max_disconnection_duration, skip_middlewares: true, max_packets, max_bytes, max_sessions }
    }
}

/// A socket by its identity: one id may have had several.
#[derive(Clone)]
pub(super) struct Holder(Weak<SocketCore>);

impl PartialEq for Holder {
    fn eq(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

/// What comes back with a client.
#[derive(Clone)]
pub(super) struct Saved {
    pub(super) id: SocketId,
    pub(super) rooms: Vec<Arc<str>>,
    pub(super) stays: Stays,
    pub(super) data: Option<Slot>,
    /// It was let in behind this one: what went to everybody before was not for it.
    pub(super) entered: Offset,
}

/// What is kept of a client that is gone.
struct Remembered {
    saved: Saved,
    discarded: Discarded,
}

impl Drop for Remembered {
    fn drop(&mut self) {
        self.discarded.lock().extend(self.saved.data.take());
    }
}

/// Data of clients that are remembered no more. Its destructors are the application's, which may want to use the
/// namespace, so it waits here until the store is unlocked.
#[derive(Clone, Default)]
struct Discarded(Arc<Mutex<Vec<Slot>>>);

impl Discarded {
    fn lock(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops what is discarded, when it is dropped itself.
struct Emptying(Discarded);

impl Drop for Emptying {
    fn drop(&mut self) {
        let discarded = std::mem::take(&mut *self.0.lock());
        drop(discarded);
    }
}

/// An event, and who got it.
struct Recorded {
    packet: Encoded,
    rooms: Box<[String]>,
    except: Box<[String]>,
}

impl Recorded {
    /// Whether that event was for the client with this id, which was in those rooms and is there since `entered`.
    fn is_for(&self, offset: Offset, id: &SocketId, stays: &Stays, entered: Offset) -> bool {
        let is_in = |room: &String| *room == *id.as_str() || stays.cover(room, offset);
        let included = if self.rooms.is_empty() { offset > entered } else { self.rooms.iter().any(is_in) };
        included && !self.except.iter().any(is_in)
    }
}

type Kept = Recovery<Holder, Remembered, Recorded>;

/// The events and lost sessions of one namespace.
pub(super) struct Store {
    kept: Mutex<Kept>,
    started: Instant,
    max_replay_bytes: usize,
    discarded: Discarded,
    sweeper: Mutex<Sweeper>,
}

/// What frees what is too old, while there is anything.
#[derive(Default)]
struct Sweeper {
    task: Option<JoinHandle<()>>,
    /// To be called when no client is remembered any more.
    on_forgotten: Option<Box<dyn FnOnce() + Send>>,
    over: bool,
}

/// The least number of seven digits, as offsets have them.
const SEVEN_DIGITS: u32 = 36_u32.pow(6);

/// Under load something gets too old all the time.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

/// A private id that a socket has, and what it is to be saved with.
pub(super) struct Ticket {
    pub(super) pid: PrivateId,
    /// It lacks nothing up to here.
    pub(super) joined: Offset,
    pub(super) entered: Offset,
}

/// A client comes back.
pub(super) struct Return {
    pub(super) pid: PrivateId,
    pub(super) offset: Option<String>,
    pub(super) saved: Saved,
}

impl Store {
    pub(super) fn new(config: &ConnectionStateRecovery, engine: &engineio::Limits) -> Self {
        let mut limits = RecoveryLimits::default();
        limits.max_disconnection_duration = config.max_disconnection_duration;
        limits.detection = engine.ping_interval.saturating_add(engine.ping_timeout.saturating_mul(2));
        limits.max_packets = config.max_packets;
        limits.max_bytes = config.max_bytes;
        limits.max_sessions = config.max_sessions;
        // Offsets of another server, or of this one before a restart, are not to be taken for ours.
        let random = engineio::random_id().map(|id| id.to_string()).unwrap_or_default();
        let chance = random.bytes().fold(0, |number: u32, byte| number.rotate_left(5) ^ u32::from(byte));
        // Always of as many digits, so that how long an event is does not depend on chance.
        let instance = SEVEN_DIGITS + chance % (u32::MAX - SEVEN_DIGITS);
        let kept = Mutex::new(Recovery::new(instance, limits));
        let (discarded, sweeper) = (Discarded::default(), Mutex::default());
        Self { kept, started: Instant::now(), max_replay_bytes: config.max_bytes, discarded, sweeper }
    }

    /// The lock alone.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sweeper(&self) -> MutexGuard<'_, Sweeper> {
        self.sweeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock(&self) -> Locked<'_> {
        let now = Moment::EPOCH + self.started.elapsed();
        let mut kept = self.kept();
        if kept.next_timeout().is_some_and(|at| at <= now) {
            kept.sweep(now);
        }
        let discarded = Emptying(self.discarded.clone());
        Locked { kept, now, max_replay_bytes: self.max_replay_bytes, discarded_then: discarded }
    }

    /// Looks after what was just kept, until it is gone.
    pub(super) fn keep_swept(&self, namespace: &Namespace) {
        // A namespace outside of a runtime is swept by whoever uses it next.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut sweeper = self.sweeper();
        if !sweeper.over && sweeper.task.as_ref().is_none_or(JoinHandle::is_finished) {
            sweeper.task = Some(runtime.spawn(sweep(namespace.downgrade(), self.started)));
        }
    }

    /// Frees what is too old; says when the next is.
    fn sweep(&self) -> Option<Moment> {
        drop(self.lock());
        let (next, forgotten) = {
            let mut sweeper = self.sweeper();
            let kept = self.kept();
            let next = kept.next_timeout();
            if next.is_none() {
                // Under this lock: what is kept from now on finds no sweeper, and starts the next one.
                sweeper.task = None;
            }
            (next, if kept.session_count() == 0 { sweeper.on_forgotten.take() } else { None })
        };
        if let Some(tell) = forgotten {
            tell();
        }
        next
    }

    /// Whether a client that is gone may come back.
    pub(super) fn remembers_anybody(&self) -> bool {
        self.kept().session_count() > 0
    }

    /// Calls `tell` when no client can come back any more, where one can now; says whether one can.
    pub(super) fn when_all_are_forgotten(&self, tell: impl FnOnce() + Send + 'static) -> bool {
        let mut sweeper = self.sweeper();
        let remembers = self.remembers_anybody();
        if remembers {
            sweeper.on_forgotten = Some(Box::new(tell));
        }
        remembers
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let sweeper = self.sweeper.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = sweeper.task.take() {
            task.abort();
        }
    }
}

impl Store {
    /// The server ends: nobody comes back, and nothing is kept any more.
    pub(super) fn shut_down(&self) {
        let (task, forgotten) = {
            let mut sweeper = self.sweeper();
            sweeper.over = true;
            (sweeper.task.take(), sweeper.on_forgotten.take())
        };
        if let Some(task) = task {
            task.abort();
        }
        let mut nothing = RecoveryLimits::default();
        (nothing.max_packets, nothing.max_bytes, nothing.max_sessions) = (0, 0, 0);
        let kept = std::mem::replace(&mut *self.kept(), Recovery::new(0, nothing));
        drop(kept);
        drop(Emptying(self.discarded.clone()));
        if let Some(tell) = forgotten {
            tell();
        }
    }
}

async fn sweep(namespace: super::namespace::WeakNamespace, started: Instant) {
    loop {
        let next = namespace.upgrade().and_then(|namespace| namespace.store().and_then(Store::sweep));
        let Some(next) = next else { return };
        let next = started + next.saturating_since(Moment::EPOCH);
        tokio::time::sleep_until(next.max(Instant::now() + SWEEP_PAUSE)).await;
    }
}

/// A store that is locked at a moment.
pub(super) struct Locked<'a> {
    kept: MutexGuard<'a, Kept>,
    now: Moment,
    max_replay_bytes: usize,
    /// Below the lock, so that it is dropped when that is free.
    discarded_then: Emptying,
}

impl Locked<'_> {
    /// Who asks to join now lacks nothing up to here.
    pub(super) fn latest(&self) -> Offset {
        self.kept.latest()
    }

    /// Gives an event its offset, and keeps it if `deliver`, which gets its packet, says that it went out.
    pub(super) fn publish<R>(
        &mut self,
        event: &Body,
        to: (&[String], &[String]),
        encode: impl FnOnce(&Body) -> Encoded,
        deliver: impl FnOnce(&Encoded, Offset) -> (R, bool),
    ) -> R {
        let reserved = self.kept.reserve(self.now);
        let offset = reserved.offset();
        let packet = encode(&event.with_text(&offset.to_string()));
        let (result, kept) = deliver(&packet, offset);
        if kept {
            let bytes = packet.byte_len();
            let recorded = Recorded { packet, rooms: to.0.into(), except: to.1.into() };
            self.kept.record(reserved, recorded, bytes, self.now);
        }
        result
    }

    /// The session of a client that comes back with this private id; or the socket that still has it, which is to be
    /// ended first.
    pub(super) fn find(&mut self, pid: &str, offset: Option<&str>) -> Result<Saved, Option<Arc<SocketCore>>> {
        match self.kept.restore(pid, named(offset), self.now) {
            Ok(restored) => {
                let saved = &restored.session().saved;
                if !saved.stays.reach_back_to(read_up_to(offset, restored.joined())) {
                    tracing::debug!("not recovered: it has left too many rooms");
                    return Err(None);
                }
                Ok(saved.clone())
            }
            Err(NotRecovered::StillConnected(Holder(socket))) => Err(socket.upgrade()),
            Err(reason) => {
                tracing::debug!(%reason, "not recovered");
                Err(None)
            }
        }
    }

    /// The new socket of a client that was let in: its ticket, and for one that comes back what it missed, in order, with
    /// what was emitted to it since it asked. One that is new gets that behind its CONNECT.
    pub(super) fn admit(
        &mut self,
        socket: &Arc<SocketCore>,
        comeback: Option<&Return>,
        held: Vec<(Offset, Encoded)>,
    ) -> Option<(Ticket, Vec<(Offset, Encoded)>)> {
        let holder = Holder(Arc::downgrade(socket));
        let Some(comeback) = comeback else {
            let pid = PrivateId::new(&engineio::random_id().ok()?);
            let entered = self.kept.latest();
            // What was emitted to it meanwhile may get lost like everything else.
            let joined = socket.begun().unwrap_or(entered);
            self.kept.connected(pid.clone(), holder, held.first().map(|(offset, _)| *offset), self.now);
            return Some((Ticket { pid, joined, entered }, held));
        };
        let offset = named(comeback.offset.as_deref());
        let restored = self.kept.restore(comeback.pid.as_str(), offset, self.now).ok()?;
        let (joined, entered) = (restored.joined(), restored.session().saved.entered);
        let missed = {
            let stays = socket.stays()?;
            if !stays.reach_back_to(read_up_to(offset, joined)) {
                return None;
            }
            let is_for =
                |missed: &Missed<'_, Recorded>| missed.packet.is_for(missed.offset, &socket.id, &stays, entered);
            restored.missed_within::<()>(self.max_replay_bytes, is_for)
        };
        let mut packets: BTreeMap<Offset, Encoded> = held.into_iter().collect();
        packets.extend(missed.ok()?.into_iter().map(|missed| (missed.offset, missed.packet.packet.clone())));
        let first = packets.keys().next().copied();
        self.kept.connected(comeback.pid.clone(), holder, first, self.now);
        Some((Ticket { pid: comeback.pid.clone(), joined, entered }, packets.into_iter().collect()))
    }

    /// A socket has left: it is kept where that was an accident (row D107).
    pub(super) fn depart(
        &mut self,
        socket: &Arc<SocketCore>,
        ticket: &Ticket,
        reason: DisconnectReason,
        saved: impl FnOnce() -> Saved,
    ) -> bool {
        if is_recoverable(reason) {
            let holder = Holder(Arc::downgrade(socket));
            let remembered = Remembered { saved: saved(), discarded: self.discarded_then.0.clone() };
            self.kept.save(ticket.pid.clone(), &holder, remembered, ticket.joined, self.now);
            return true;
        }
        self.forget(socket, &ticket.pid);
        false
    }

    /// The session does not come back, unless another socket has it by now.
    pub(super) fn forget(&mut self, socket: &Arc<SocketCore>, pid: &PrivateId) {
        self.kept.forget(pid.as_str(), &Holder(Arc::downgrade(socket)));
    }
}

/// The offset that a client names. One that got only events without an offset so far names what it was given in place of
/// one: nothing.
fn named(offset: Option<&str>) -> Option<&str> {
    offset.filter(|offset| !offset.is_empty())
}

/// The last event that a client has received which names this offset, and joined behind that one.
fn read_up_to(offset: Option<&str>, joined: Offset) -> Offset {
    named(offset).and_then(|offset| offset.parse().ok()).unwrap_or(joined)
}

/// Whether a client that left for this reason may come back to its session (row D107).
const fn is_recoverable(reason: DisconnectReason) -> bool {
    !matches!(
        reason,
        DisconnectReason::ParseError
            | DisconnectReason::ClientNamespaceDisconnect
            | DisconnectReason::ServerNamespaceDisconnect
    )
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
