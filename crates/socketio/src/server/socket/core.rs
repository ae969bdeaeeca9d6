//! [`SocketCore`]: what the handles of a socket share: its phase, its rooms, its awaited acknowledgements, its data and
//! handlers of its own. Leaves out the running of handlers (`connection/`).
//!
//! ```text
//!  Connecting ── middlewares and connect handler say Ok ──▶ Connected ──▶ Disconnected
//!      └────────── refused, or gone meanwhile ───────────────────────────────▲
//! ```
//! While `Connecting`, what is emitted is held back, so that the client sees its CONNECT first (row D33).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use socketio_proto::{AckId, AckTable, Body, Encoded, PacketKind};
use tokio::sync::{mpsc, oneshot};

use super::{Handshake, Socket, data::Slot};
use crate::server::{
    AckError, DisconnectReason, EmitError, Namespace, SocketId,
    ack::Waiting,
    connection::{Departure, Link},
    counters::count,
    handlers::{Leaving, SocketHandlers},
    outgoing::{Flags, Outgoing},
    protocol,
};

pub(in crate::server) struct SocketCore {
    pub(in crate::server) id: SocketId,
    pub(in crate::server) namespace: Namespace,
    pub(in crate::server) handshake: Handshake,
    pub(in crate::server) link: Arc<Link>,
    state: Mutex<State>,
    /// Nothing for most sockets; gone with the socket, so that handlers and what they captured go too.
    handlers: Mutex<Option<Box<SocketHandlers>>>,
    data: Mutex<Option<Slot>>,
}

struct State {
    phase: Phase,
    rooms: Vec<Arc<str>>,
    acks: AckTable<AckWaiter>,
}

pub(in crate::server) enum Phase {
    /// What was emitted so far, and its bytes.
    Connecting(Vec<Encoded>, usize),
    Connected,
    Disconnected,
}

/// Who waits for an acknowledgement. Dropped without an answer where the socket leaves.
pub(in crate::server) enum AckWaiter {
    One(oneshot::Sender<Body>),
    /// One of the answers to a broadcast.
    Shared(mpsc::UnboundedSender<Body>),
}

impl AckWaiter {
    fn answer(self, body: Body) {
        // Who waited may have given up in this moment.
        match self {
            Self::One(waiter) => drop(waiter.send(body)),
            Self::Shared(waiter) => drop(waiter.send(body)),
        }
    }
}

impl SocketCore {
    pub(in crate::server) fn new(id: SocketId, namespace: Namespace, handshake: Handshake, link: Arc<Link>) -> Self {
        let state = State { phase: Phase::Connecting(Vec::new(), 0), rooms: Vec::new(), acks: AckTable::new() };
        let (handlers, data) = (Mutex::default(), Mutex::default());
        Self { id, namespace, handshake, link, state: Mutex::new(state), handlers, data }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::server) fn is_connected(&self) -> bool {
        matches!(self.lock().phase, Phase::Connected)
    }

    pub(in crate::server) fn is_connecting(&self) -> bool {
        matches!(self.lock().phase, Phase::Connecting(..))
    }

    // ---- what belongs to the socket ----

    pub(super) fn data(&self) -> MutexGuard<'_, Option<Slot>> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::server) fn data_slot(&self) -> Option<Slot> {
        self.data().clone()
    }

    /// Looks at, or changes, the socket's own handlers; one that has left has none, and gets none.
    pub(in crate::server) fn with_handlers<R: Default>(&self, change: impl FnOnce(&mut SocketHandlers) -> R) -> R {
        let mut handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(self.lock().phase, Phase::Disconnected) {
            return R::default();
        }
        change(handlers.get_or_insert_default())
    }

    /// Looks at the socket's own handlers where there are any.
    pub(in crate::server) fn own_handlers<R: Default>(&self, look: impl FnOnce(&mut SocketHandlers) -> R) -> R {
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner).as_deref_mut().map(look).unwrap_or_default()
    }

    /// The socket has left: its handlers go, but for those of this very moment.
    pub(in crate::server) fn take_leaving(&self) -> Leaving {
        let handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner).take();
        handlers.map(|handlers| handlers.leaving).unwrap_or_default()
    }

    // ---- rooms ----

    pub(super) fn rooms(&self) -> Vec<Arc<str>> {
        self.lock().rooms.clone()
    }

    pub(in crate::server) fn join(self: &Arc<Self>, room: &str) {
        self.namespace.change_rooms(|rooms| {
            let mut state = self.lock();
            if matches!(state.phase, Phase::Disconnected) {
                return;
            }
            let environment = self.namespace.environment();
            if state.rooms.len() >= environment.config.limits.max_rooms
                && !state.rooms.iter().any(|name| **name == *room)
            {
                tracing::debug!(socket = %self.id, room, "not joined: the socket is in `max_rooms` rooms");
                return count(&environment.counting.rooms_refused);
            }
            state.rooms.extend(rooms.join(room, self));
        });
    }

    pub(in crate::server) fn leave(&self, room: &str) {
        self.namespace.change_rooms(|rooms| {
            self.lock().rooms.retain(|name| **name != *room);
            rooms.leave(room, &self.id);
        });
    }

    /// Takes the socket out of the namespace and its rooms; again does nothing.
    pub(in crate::server) fn leave_rooms(&self) {
        let names = self.rooms();
        self.namespace.change_rooms(|rooms| rooms.remove(&self.id, &names));
    }

    /// After the disconnect handler.
    pub(in crate::server) fn forget_rooms(&self) {
        self.lock().rooms = Vec::new();
    }

    // ---- sending ----

    /// Emits an event to this socket alone.
    pub(in crate::server) fn emit(self: &Arc<Self>, event: &Outgoing, flags: Flags) -> Result<(), EmitError> {
        event.show_to(self);
        self.send(&event.packet(&self.namespace, None), flags)
    }

    /// Sends a packet of this socket, or holds it back until the client knows that it is connected.
    pub(in crate::server) fn send(&self, packet: &Encoded, flags: Flags) -> Result<(), EmitError> {
        let packet = flags.apply(packet);
        let mut state = self.lock();
        match &mut state.phase {
            Phase::Connected => Ok(self.link.session.send_frames(packet.frames())?),
            Phase::Connecting(held, bytes) => {
                if *bytes + packet.byte_len() > self.link.max_queue_bytes {
                    return Err(EmitError::Full);
                }
                *bytes += packet.byte_len();
                held.push(packet.into_owned());
                Ok(())
            }
            Phase::Disconnected => Err(EmitError::Disconnected),
        }
    }

    /// Sends an event with an acknowledgement; the place for the answer exists before the event leaves
    /// (hazard R21).
    pub(in crate::server) fn ask(
        self: &Arc<Self>,
        id: AckId,
        event: &Outgoing,
        flags: Flags,
    ) -> Result<Waiting, AckError> {
        let (sender, answer) = oneshot::channel();
        self.await_ack(id, AckWaiter::One(sender))?;
        let waiting = Waiting { socket: self.clone(), id, answer };
        event.show_to(self);
        self.send(&event.packet(&self.namespace, Some(id)), flags).map_err(AckError::Emit)?;
        Ok(waiting)
    }

    /// Makes a place for an answer.
    pub(in crate::server) fn await_ack(&self, id: AckId, waiter: AckWaiter) -> Result<(), AckError> {
        let mut state = self.lock();
        match state.phase {
            Phase::Connecting(..) => Err(AckError::NotConnected),
            Phase::Disconnected => Err(AckError::Disconnected),
            Phase::Connected => {
                state.acks.insert_with_id(id, None, waiter);
                Ok(())
            }
        }
    }

    pub(in crate::server) fn forget_ack(&self, id: AckId) {
        self.lock().acks.take(id);
    }

    /// The client's answer; one that nobody waits for is ignored.
    pub(in crate::server) fn handle_ack(&self, id: AckId, body: Body) {
        let waiter = self.lock().acks.take(id);
        if let Some(waiter) = waiter {
            waiter.answer(body);
        }
    }

    // ---- phases ----

    /// Everybody agrees: the client is told, and gets what was held back. Says whether it is connected now.
    pub(in crate::server) fn accept(self: &Arc<Self>) -> bool {
        let accepted = self.namespace.change_rooms(|rooms| {
            let mut state = self.lock();
            let Phase::Connecting(held, _) = &mut state.phase else { return false };
            if self.link.session.closed_now().is_some() {
                // Gone meanwhile; the connection is about to say so.
                return false;
            }
            let held = std::mem::take(held);
            let greeting = protocol::greeting(self.link.revision, &self.id);
            let greeting = self.namespace.encode(PacketKind::Connect, None, greeting.as_ref());
            for packet in std::iter::once(&greeting).chain(&held) {
                // A connection that is over drops it; its end is on the way to this socket too.
                self.link.send(packet);
            }
            state.phase = Phase::Connected;
            rooms.add(self);
            true
        });
        if accepted {
            count(&self.namespace.environment().counting.sockets_joined);
            self.link.set_joined();
        }
        accepted
    }

    /// A middleware or the connect handler refuses, with this payload.
    pub(in crate::server) fn refuse(self: &Arc<Self>, error: Option<&Body>) {
        if let Some(Phase::Connecting(..)) = self.depart(DisconnectReason::ServerNamespaceDisconnect) {
            count(&self.namespace.environment().counting.joins_refused);
            self.link.send(&self.namespace.encode(PacketKind::ConnectError, None, error));
        }
    }

    pub(in crate::server) fn disconnect(self: &Arc<Self>) {
        if let Some(Phase::Connected) = self.depart(DisconnectReason::ServerNamespaceDisconnect) {
            self.link.send(&self.namespace.encode(PacketKind::Disconnect, None, None));
        }
    }

    /// Leaves the namespace, once, whoever asks first (hazard R10): awaited acknowledgements fail, rooms are left, and
    /// the connection is told to run the disconnect handlers. Gives the phase that ended; `None` where the socket
    /// had left already.
    pub(in crate::server) fn depart(self: &Arc<Self>, reason: DisconnectReason) -> Option<Phase> {
        // The waiters of acknowledgements are woken after the lock.
        let (before, _acks) = {
            let mut state = self.lock();
            let before = std::mem::replace(&mut state.phase, Phase::Disconnected);
            if matches!(before, Phase::Disconnected) {
                return None;
            }
            (before, std::mem::take(&mut state.acks))
        };
        let was_connected = matches!(before, Phase::Connected);
        // Who wants to see the socket in its rooms while it leaves is run by the connection, and the rooms are left
        // behind that (row D70).
        let watched = was_connected
            && (!self.namespace.handlers().leaving.disconnecting.is_empty()
                || self.own_handlers(|own| !own.leaving.disconnecting.is_empty()));
        if !watched {
            self.leave_rooms();
        }
        self.link.announce(Departure::new(self.clone(), reason, was_connected));
        Some(before)
    }

    pub(in crate::server) fn handle(self: &Arc<Self>) -> Socket {
        Socket { core: self.clone() }
    }
}
