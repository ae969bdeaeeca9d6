//! [`Socket`]: one client in one namespace. Owns its phase, its rooms and its awaited acknowledgements;
//! leaves the running of handlers to `connection.rs`.
//!
//! ```text
//!  Connecting ── connect handler says Ok ──▶ Connected ──▶ Disconnected
//!      └────────── refused, or gone meanwhile ───────────────▲
//! ```
//! While `Connecting`, what is emitted is held back, so that the client sees its CONNECT first (row D33).

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use engineio::CloseMode;
use serde::{Serialize, de::DeserializeOwned};
use socketio_proto::{AckId, AckTable, Body, Encoded, PacketKind, encode, encode_event};
use tokio::sync::oneshot;

use super::{
    AckError, Broadcast, DisconnectReason, EmitError, Namespace, PendingAck, SocketId,
    ack::Waiting,
    connection::{Departure, Link},
    protocol,
};

/// How a client came (rows D41, D42).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Handshake {
    /// The HTTP request that opened the connection.
    pub request: Arc<engineio::Request>,
    /// The payload of the CONNECT, where the client sent one; read it with [`Body::data`]. Of a client of JavaScript 1.x
    /// or 2.x it is the query that it gave the namespace (row C22).
    pub auth: Option<Body>,
    /// When the client joined the namespace.
    pub time: SystemTime,
}

/// A handle on one client in one namespace; cloning it costs a reference count. It may be kept after the
/// socket is disconnected: then emitting fails, and what the connection held is free.
#[derive(Clone)]
pub struct Socket {
    pub(super) core: Arc<SocketCore>,
}

/// What the handles of a socket share.
pub(super) struct SocketCore {
    pub(super) id: SocketId,
    pub(super) namespace: Namespace,
    pub(super) handshake: Handshake,
    pub(super) link: Arc<Link>,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    rooms: Vec<Arc<str>>,
    acks: AckTable<oneshot::Sender<Body>>,
}

pub(super) enum Phase {
    /// What was emitted so far, and its bytes.
    Connecting(Vec<Encoded>, usize),
    Connected,
    Disconnected,
}

impl Socket {
    /// The id of this socket: new for each namespace and connection, and no secret (row D39).
    #[must_use]
    pub fn id(&self) -> &SocketId {
        &self.core.id
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.core.namespace
    }

    /// How the client came.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.core.handshake
    }

    /// What carries this socket's packets now; `None` once the connection is over.
    #[must_use]
    pub fn transport(&self) -> Option<engineio::TransportKind> {
        self.core.link.session.transport()
    }

    /// Whether the client has been told that it is connected, and is still there.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.core.is_connected()
    }

    /// Sends an event to this client; never waits. Events arrive in the order of these calls.
    ///
    /// # Errors
    /// [`EmitError::Encode`], [`EmitError::Disconnected`], or [`EmitError::Full`] where the client does not
    /// read. Nothing was sent then.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.core.send(&encode_event(self.core.namespace.wire_name(), None, event, args)?)
    }

    /// Sends an event as it was received, arguments and attachments unread.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn emit_raw(&self, event: &Body) -> Result<(), EmitError> {
        self.core.send(&encode(PacketKind::Event, self.core.namespace.wire_name(), None, Some(event)))
    }

    /// Sends an event and asks for its acknowledgement: await the result for the answer.
    ///
    /// ```
    /// # async fn f(socket: socketio::Socket) -> Result<(), socketio::AckError> {
    /// use std::time::Duration;
    /// let (name, age): (String, u8) =
    ///     socket.emit_with_ack("who are you", &()).timeout(Duration::from_secs(5)).await?;
    /// # Ok(()) }
    /// ```
    pub fn emit_with_ack<R: DeserializeOwned>(&self, event: &str, args: &(impl Serialize + ?Sized)) -> PendingAck<R> {
        let state = Body::event(event, args).map_err(|error| AckError::Emit(error.into()));
        let state = state.and_then(|body| self.core.ask(&body));
        PendingAck::new(state, self.core.link.ack_timeout)
    }

    /// All in that room but this socket (row D56).
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn to(&self, room: impl AsRef<str>) -> Broadcast {
        self.broadcast().to(room)
    }

    /// All in the namespace but this socket and those in that room (row D57).
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn except(&self, room: impl AsRef<str>) -> Broadcast {
        self.broadcast().except(room)
    }

    /// All in the namespace but this socket (row D55).
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn broadcast(&self) -> Broadcast {
        self.core.namespace.broadcast().except(self.core.id.as_str())
    }

    /// Joins a room; does nothing where the socket is in it, or disconnected (row D59).
    pub fn join(&self, room: impl AsRef<str>) {
        let room = room.as_ref();
        let mut rooms = self.core.namespace.rooms();
        let mut state = self.core.lock();
        if matches!(state.phase, Phase::Disconnected) {
            return;
        }
        if let Some(name) = rooms.join(room, &self.core) {
            state.rooms.push(name);
        }
    }

    /// Leaves a room (row D60).
    pub fn leave(&self, room: impl AsRef<str>) {
        let room = room.as_ref();
        let mut rooms = self.core.namespace.rooms();
        self.core.lock().rooms.retain(|name| **name != *room);
        rooms.leave(room, &self.core.id);
    }

    /// The rooms that the socket is in, without the one of its own id (row D44). In a disconnect handler
    /// they are those it was in; afterwards there are none.
    #[must_use]
    pub fn rooms(&self) -> Vec<Arc<str>> {
        self.core.lock().rooms.clone()
    }

    /// Disconnects this socket from its namespace; the connection and its other namespaces stay (row D61). The
    /// disconnect handler runs with `server namespace disconnect`.
    pub fn disconnect(&self) {
        self.core.disconnect();
    }

    /// Closes the whole connection at once, as `forced close`, and drops what is queued for it: for a client that does
    /// not read ([`EmitError::Full`]), and which would be waited for otherwise.
    pub fn abort_connection(&self) {
        self.core.link.close_because(DisconnectReason::ForcedClose, CloseMode::Discard);
    }

    /// Disconnects the whole connection: all its namespaces are told, what is queued goes out as far as the client
    /// takes it within [`close_timeout`](engineio::Limits::close_timeout), then it is closed (row D61).
    pub fn disconnect_connection(&self) {
        self.core.link.order_disconnect_all();
    }
}

impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.core, &other.core)
    }
}

impl Eq for Socket {}

impl Hash for Socket {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.core.id.hash(state);
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("id", self.id()).field("namespace", self.namespace()).finish_non_exhaustive()
    }
}

impl SocketCore {
    pub(super) fn new(id: SocketId, namespace: Namespace, handshake: Handshake, link: Arc<Link>) -> Self {
        let state = State { phase: Phase::Connecting(Vec::new(), 0), rooms: Vec::new(), acks: AckTable::new() };
        Self { id, namespace, handshake, link, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_connected(&self) -> bool {
        matches!(self.lock().phase, Phase::Connected)
    }

    pub(super) fn is_connecting(&self) -> bool {
        matches!(self.lock().phase, Phase::Connecting(..))
    }

    /// Sends a packet of this socket, or holds it back until the client knows that it is connected.
    pub(super) fn send(&self, packet: &Encoded) -> Result<(), EmitError> {
        let mut state = self.lock();
        match &mut state.phase {
            Phase::Connected => Ok(self.link.session.send_frames(packet.frames())?),
            Phase::Connecting(held, bytes) => {
                if *bytes + packet.byte_len() > self.link.max_queue_bytes {
                    return Err(EmitError::Full);
                }
                *bytes += packet.byte_len();
                held.push(packet.clone());
                Ok(())
            }
            Phase::Disconnected => Err(EmitError::Disconnected),
        }
    }

    /// Sends an event with an acknowledgement; the place for the answer exists before the event leaves
    /// (hazard R21).
    fn ask(self: &Arc<Self>, event: &Body) -> Result<Waiting, AckError> {
        let (sender, answer) = oneshot::channel();
        let id = {
            let mut state = self.lock();
            match state.phase {
                Phase::Connecting(..) => return Err(AckError::NotConnected),
                Phase::Disconnected => return Err(AckError::Disconnected),
                Phase::Connected => state.acks.insert(None, sender),
            }
        };
        let waiting = Waiting { socket: self.clone(), id, answer };
        let packet = encode(PacketKind::Event, self.namespace.wire_name(), Some(id), Some(event));
        self.send(&packet).map_err(AckError::Emit)?;
        Ok(waiting)
    }

    pub(super) fn forget_ack(&self, id: AckId) {
        self.lock().acks.take(id);
    }

    /// The client's answer; one that nobody waits for is ignored.
    pub(super) fn handle_ack(&self, id: AckId, body: Body) {
        let sender = self.lock().acks.take(id);
        if let Some(sender) = sender {
            // Who waited may have given up in this moment.
            let _ = sender.send(body);
        }
    }

    /// The connect handler agrees: the client is told, and gets what was held back.
    pub(super) fn accept(self: &Arc<Self>) {
        let mut rooms = self.namespace.rooms();
        let mut state = self.lock();
        let Phase::Connecting(held, _) = &mut state.phase else { return };
        if self.link.session.closed_now().is_some() {
            // Gone meanwhile; the connection is about to say so.
            return;
        }
        let held = std::mem::take(held);
        let greeting = protocol::greeting(self.link.revision, &self.id);
        let greeting = encode(PacketKind::Connect, self.namespace.wire_name(), None, greeting.as_ref());
        for packet in std::iter::once(&greeting).chain(&held) {
            // A connection that is over drops it; its end is on the way to this socket too.
            self.link.send(packet);
        }
        state.phase = Phase::Connected;
        rooms.add(self);
        drop((state, rooms));
        self.link.set_joined();
    }

    /// The connect handler refuses, with this payload.
    pub(super) fn refuse(self: &Arc<Self>, error: Option<&Body>) {
        if let Some(Phase::Connecting(..)) = self.depart(DisconnectReason::ServerNamespaceDisconnect) {
            self.link.send(&encode(PacketKind::ConnectError, self.namespace.wire_name(), None, error));
        }
    }

    pub(super) fn disconnect(self: &Arc<Self>) {
        if let Some(Phase::Connected) = self.depart(DisconnectReason::ServerNamespaceDisconnect) {
            self.link.send(&encode(PacketKind::Disconnect, self.namespace.wire_name(), None, None));
        }
    }

    /// Leaves the namespace, once, whoever asks first (hazard R10): rooms are left, awaited acknowledgements
    /// fail, and the connection is told to run the disconnect handler. Gives the phase that ended; `None`
    /// where the socket had left already.
    pub(super) fn depart(self: &Arc<Self>, reason: DisconnectReason) -> Option<Phase> {
        // The waiters of acknowledgements are woken after the lock.
        let (before, rooms, _acks) = {
            let mut state = self.lock();
            let before = std::mem::replace(&mut state.phase, Phase::Disconnected);
            if matches!(before, Phase::Disconnected) {
                return None;
            }
            (before, state.rooms.clone(), std::mem::replace(&mut state.acks, AckTable::new()))
        };
        self.namespace.rooms().remove(&self.id, &rooms);
        let was_connected = matches!(before, Phase::Connected);
        self.link.announce(Departure { socket: self.clone(), reason, was_connected });
        Some(before)
    }

    /// After the disconnect handler.
    pub(super) fn forget_rooms(&self) {
        self.lock().rooms = Vec::new();
    }
}
