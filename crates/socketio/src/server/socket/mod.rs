//! [`Socket`]: the handle on one client in one namespace. What the handles of a socket share is in `core.rs`, the
//! application's data in `data.rs`; the running of handlers is `connection/`'s.

mod core;
mod data;

use std::{
    fmt,
    hash::{Hash, Hasher},
    mem::take,
    sync::Arc,
    time::SystemTime,
};

use engineio::CloseMode;
use serde::{Serialize, de::DeserializeOwned};
use socketio_proto::Body;

pub(super) use self::core::{AckWaiter, SocketCore};
pub(super) use self::data::Slot;
use super::{
    Broadcast, DisconnectContext, DisconnectReason, EmitError, Emitter, EventContext, Handler, Namespace, PendingAck,
    SocketId,
    handler::Erased,
    namespace::check_event_name,
    outgoing::{Flags, Outgoing},
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

    /// Whether the client came back to the session that it had before its connection was lost: with its id, rooms and
    /// data, and with the events that it missed (row D109; [`ConnectionStateRecovery`](super::ConnectionStateRecovery)).
    #[must_use]
    pub fn is_recovered(&self) -> bool {
        self.core.comeback.is_some()
    }

    /// Keeps `value` with the socket, in place of what was kept before (row D43). Other servers see it as JSON
    /// ([`RemoteSocket::data`](super::RemoteSocket::data)), and it comes back with a recovered socket.
    ///
    /// ```
    /// #[derive(serde::Serialize)]
    /// struct User {
    ///     name: String,
    /// }
    ///
    /// # fn f(socket: socketio::Socket) {
    /// socket.set_data(User { name: "Ada".into() });
    /// assert_eq!(socket.data::<User>().unwrap().name, "Ada");
    /// # }
    /// ```
    pub fn set_data<T: Serialize + Send + Sync + 'static>(&self, value: T) {
        let before = self.core.data().replace(Slot::new(value));
        // Its destructor is the application's, and runs under no lock.
        drop(before);
    }

    /// What [`Socket::set_data`] has kept, where it is of this type; handlers may take it with
    /// [`SocketData`](super::SocketData).
    #[must_use]
    pub fn data<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.core.data().as_ref()?.value()
    }

    /// Sends an event to this client; never waits. Events arrive in the order of these calls.
    ///
    /// # Errors
    /// [`EmitError::Encode`], [`EmitError::Disconnected`], or [`EmitError::Full`] where the client does not
    /// read. Nothing was sent then.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.emitter().emit(event, args)
    }

    /// Sends an event called `message` (row D49).
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn send<T: Serialize + ?Sized>(&self, args: &T) -> Result<(), EmitError> {
        self.emit("message", args)
    }

    /// Sends an event as it was received, arguments and attachments unread.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn emit_raw(&self, event: &Body) -> Result<(), EmitError> {
        self.core.emit(&Outgoing::raw(event), Flags::default())
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
        self.emitter().emit_with_ack(event, args)
    }

    fn emitter(&self) -> Emitter {
        Emitter::new(self.core.clone())
    }

    /// The next event is sent only if it can leave at once, and dropped otherwise (row D53): where a poll waits for an
    /// answer, or the WebSocket has written all that it was given. For what is worthless when it is late.
    ///
    /// ```
    /// # fn f(socket: socketio::Socket) -> Result<(), socketio::EmitError> {
    /// socket.volatile().emit("position", &(12, 34))
    /// # }
    /// ```
    pub fn volatile(&self) -> Emitter {
        self.emitter().volatile()
    }

    /// Sends an event as [`Socket::emit`] does, but waits for room where the client's queue is full, and until the event
    /// has been handed to the network (row J2): the way to send much at the pace at which the client reads.
    ///
    /// In a middleware or connect handler, where the client is not connected yet, it does not wait.
    ///
    /// ```
    /// # async fn f(socket: socketio::Socket, lines: Vec<String>) -> Result<(), socketio::EmitError> {
    /// for line in &lines {
    ///     socket.emit_flushed("line", line).await?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EmitError::Encode`] and [`EmitError::Disconnected`].
    pub async fn emit_flushed<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.emitter().emit_flushed(event, args).await
    }

    /// Bytes that were sent to this connection and wait for the client (row D63).
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.core.link.session.queued_bytes()
    }

    /// The next event is not compressed where `compress` is false (row D54): what is random or compressed already
    /// costs time and shrinks nothing.
    ///
    /// ```
    /// # fn f(socket: socketio::Socket, jpeg: bytes::Bytes) -> Result<(), socketio::EmitError> {
    /// socket.compress(false).emit("picture", &jpeg)
    /// # }
    /// ```
    pub fn compress(&self, compress: bool) -> Emitter {
        self.emitter().compress(compress)
    }

    /// Runs `handler` for each event of that name from this socket, behind the namespace's own handlers (row D64). It
    /// goes with the socket.
    ///
    /// # Panics
    /// As [`Namespace::on`].
    pub fn on<M>(&self, event: &str, handler: impl Handler<EventContext, M>) {
        self.register(event, Erased::new(handler), false);
    }

    /// The same for the next such event alone.
    ///
    /// ```
    /// # fn f(socket: socketio::Socket) {
    /// use socketio::Data;
    ///
    /// socket.once("ready", async |Data(version): Data<u32>| println!("ready with version {version}"));
    /// # }
    /// ```
    ///
    /// # Panics
    /// As [`Namespace::on`].
    pub fn once<M>(&self, event: &str, handler: impl Handler<EventContext, M>) {
        self.register(event, Erased::new(handler), true);
    }

    fn register(&self, event: &str, handler: Erased<EventContext>, once: bool) {
        check_event_name(event);
        self.core.with_handlers(|own| own.events.add(event, handler, once));
    }

    /// Forgets this socket's own handlers of that event; the namespace's stay.
    pub fn off(&self, event: &str) {
        drop(self.core.with_handlers(|own| own.events.remove(event)));
    }

    /// Runs `handler` for each event from this socket, as [`Namespace::on_any`] does for all (row D66).
    pub fn on_any<M>(&self, handler: impl Handler<EventContext, M>) {
        let handler = Erased::new(handler);
        self.core.with_handlers(|own| own.events.any.push(handler));
    }

    /// Forgets this socket's own catch-all handlers, in and out.
    pub fn off_any(&self) {
        // Dropped under no lock.
        drop(self.core.with_handlers(|own| (take(&mut own.events.any), take(&mut own.outgoing))));
    }

    /// Calls `listener` for each event that is emitted to this socket, as [`Namespace::on_any_outgoing`] does for all
    /// (row D67).
    pub fn on_any_outgoing(&self, listener: impl Fn(&Self, &Body) + Send + Sync + 'static) {
        self.core.namespace.look_into_events();
        self.core.with_handlers(|own| own.outgoing.push(Arc::new(listener)));
    }

    /// Runs `handler` when this socket is leaving, as [`Namespace::on_disconnecting`] does for all (row D70).
    pub fn on_disconnecting<M>(&self, handler: impl Handler<DisconnectContext, M>) {
        let handler = Erased::new(handler);
        self.core.with_handlers(|own| own.leaving.disconnecting.push(handler));
    }

    /// Runs `handler` when this socket has left, as [`Namespace::on_disconnect`] does for all (row D71).
    pub fn on_disconnect<M>(&self, handler: impl Handler<DisconnectContext, M>) {
        let handler = Erased::new(handler);
        self.core.with_handlers(|own| own.leaving.disconnect.push(handler));
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

    /// Joins a room; does nothing where the socket is in it, or disconnected (row D59), or in
    /// [`Limits::max_rooms`](super::Limits::max_rooms) rooms already.
    pub fn join(&self, room: impl AsRef<str>) {
        self.core.join(room.as_ref());
    }

    /// Leaves a room (row D60).
    pub fn leave(&self, room: impl AsRef<str>) {
        self.core.leave(room.as_ref());
    }

    /// The rooms that the socket is in, without the one of its own id (row D44). In a disconnect handler
    /// they are those it was in; afterwards there are none.
    #[must_use]
    pub fn rooms(&self) -> Vec<Arc<str>> {
        self.core.rooms()
    }

    /// Disconnects this socket from its namespace; the connection and its other namespaces stay (row D61). The
    /// disconnect handler runs with `server namespace disconnect`. A client that is not in yet is refused, with the
    /// message `disconnected by the server`.
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
