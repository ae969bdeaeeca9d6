//! [`Socket`]: the handle on one client in one namespace. What the handles of a socket share is in `core.rs`, the
//! application's data in `data.rs`, the registration of its own handlers in `listening.rs`; the running of handlers is
//! `connection/`'s.

mod core;
mod data;
mod extensions;
mod listening;
mod state;

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
    time::SystemTime,
};

use engineio::{CloseMode, OpeningRequest};
use serde::{Serialize, de::DeserializeOwned};
use socketio_proto::Body;

pub(super) use self::core::SocketCore;
pub(super) use self::data::Slot;
pub use self::extensions::Extensions;
pub(super) use self::state::{AckWaiter, Stage};
use super::{
    Broadcast, DisconnectReason, EmitError, Emitter, Namespace, PendingAck, SocketId,
    outgoing::{Flags, Outgoing},
};

/// How a client came (rows D41, D42).
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// # let io = Server::new();
/// io.of("/").on_connect(async |socket: Socket| {
///     let handshake = socket.handshake();
///     assert_eq!(handshake.query().get("page").map(String::as_str), Some("7"));
///     let auth: serde_json::Value = handshake.auth.as_ref().unwrap().data()?;
///     assert_eq!(auth["name"], "Ada");
///     Ok(())
/// });
/// TestClient::connect(&io).query("page", "7").auth(&serde_json::json!({ "name": "Ada" })).await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Handshake {
    /// The HTTP request that opened the connection.
    pub request: OpeningRequest,
    /// The payload of the CONNECT, where the client sent one; read it with [`Body::data`]. Of a client of JavaScript 1.x
    /// or 2.x it is the query that it gave the namespace (row C22).
    pub auth: Option<Box<Body>>,
    /// When the client joined the namespace.
    pub time: SystemTime,
}

impl fmt::Debug for Handshake {
    /// Without the private id of a client that comes back: a log is not for secrets (hazard S1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let auth = self.auth.as_ref().map(|_| self.public_auth());
        let mut debug = f.debug_struct("Handshake");
        debug.field("request", &self.request).field("auth", &auth).field("time", &self.time).finish()
    }
}

/// A handle on one client in one namespace; cloning it costs a reference count. It may be kept after the
/// socket is disconnected: then emitting fails, and what the connection held is free.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
/// socket.join("lobby");
/// socket.emit("welcome", "to the lobby")?;
/// assert_eq!(client.receive::<String>("welcome").await, "to the lobby");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Socket {
    pub(super) core: Arc<SocketCore>,
}

impl Socket {
    /// The id of this socket: new for each namespace and connection, and no secret (row D39).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// assert_eq!(socket.id().as_str(), client.id());
    /// io.to(socket.id()).emit("hello", &())?; // the room of this one socket
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn id(&self) -> &SocketId {
        &self.core.id
    }

    /// The namespace.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// assert_eq!(socket.namespace().name(), "/");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.core.namespace
    }

    /// How the client came.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// let agent = socket.handshake().request.headers.get("user-agent");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.core.handshake
    }

    /// What carries this socket's packets now; `None` once the connection is over.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// assert_eq!(socket.transport(), Some(TransportKind::Polling));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn transport(&self) -> Option<engineio::TransportKind> {
        self.core.link.session.transport()
    }

    /// Waits until the connection moves from long-polling to a WebSocket (row D45): true once it has, false once it is over
    /// without. One that began on a WebSocket does not move.
    ///
    /// ```
    /// # async fn f(socket: socketio::Socket) {
    /// if socket.upgraded().await {
    ///     println!("{} is on a WebSocket now", socket.id());
    /// }
    /// # }
    /// ```
    pub async fn upgraded(&self) -> bool {
        self.core.link.session.upgraded().await
    }

    /// Whether the client has been told that it is connected, and is still there.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// assert!(socket.is_connected());
    /// socket.disconnect();
    /// assert!(!socket.is_connected());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.core.is_connected()
    }

    /// Whether the client came back to the session that it had before its connection was lost: with its id, rooms and
    /// data, and with the events that it missed (row D109; [`ConnectionStateRecovery`](super::ConnectionStateRecovery)).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// if !socket.is_recovered() {
    ///     socket.join("news"); // a recovered one is there already
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn is_recovered(&self) -> bool {
        self.core.comeback().is_some()
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
        let before = self.core.put_data(Slot::new(value));
        // Its destructor is the application's, and runs under no lock.
        drop(before);
    }

    /// What [`Socket::set_data`] has kept, where it is of this type; handlers may take it with
    /// [`SocketData`](super::SocketData).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.set_data(7_u32);
    /// assert_eq!(socket.data::<u32>().as_deref(), Some(&7));
    /// assert_eq!(socket.data::<String>(), None); // something else is kept
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn data<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.core.data_slot()?.value()
    }

    /// Values of the application's own beside this socket, by their type, which only this server sees; see
    /// [`Extensions`]. For what other servers see, and what comes back with a recovered client, there is
    /// [`Socket::set_data`].
    ///
    /// ```
    /// # fn f(socket: socketio::Socket) {
    /// socket.extensions().insert(std::time::Instant::now());
    /// # }
    /// ```
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        self.core.extensions()
    }

    /// Sends an event to this client; never waits. Events arrive in the order of these calls.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.emit("move", &(3, "knight"))?; // two arguments
    /// assert_eq!(client.receive::<(u8, String)>("move").await, (3, "knight".into()));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EmitError::Encode`], [`EmitError::Disconnected`], or [`EmitError::Full`] where the client does not
    /// read. Nothing was sent then.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.emitter().emit(event, args)
    }

    /// Sends an event called `message` (row D49).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.send("hello")?;
    /// assert_eq!(client.receive::<String>("message").await, "hello");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn send<T: Serialize + ?Sized>(&self, args: &T) -> Result<(), EmitError> {
        self.emit("message", args)
    }

    /// Sends an event as it was received, arguments and attachments unread.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.on("echo", async |socket: Socket, RawEvent(event): RawEvent| Ok(socket.emit_raw(&event)?));
    /// client.emit("echo", &(1, "two"));
    /// assert_eq!(client.receive::<(u8, String)>("echo").await, (1, "two".into()));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn emit_raw(&self, event: &Body) -> Result<(), EmitError> {
        self.core.emit(Outgoing::passed_on(&self.core.namespace, event), Flags::default())
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
    /// In a middleware or connect handler, where the client is not connected yet, it does not wait, and says
    /// [`EmitError::Full`] where more is held back for the client than its queue may have. While it waits, those who do
    /// not wait may be faster.
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
    /// [`EmitError::Encode`] and [`EmitError::Disconnected`]; [`EmitError::Full`] before the client is connected.
    pub async fn emit_flushed<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.emitter().emit_flushed(event, args).await
    }

    /// Bytes that were sent to this connection and wait for the client (row D63).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// if socket.queued_bytes() > 1 << 20 {
    ///     println!("{} reads slowly", socket.id());
    /// }
    /// # Ok(()) }
    /// ```
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

    /// All in that room but this socket (row D56).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.to("lobby").emit("said", "to the others in the lobby")?;
    /// # Ok(()) }
    /// ```
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn to(&self, room: impl AsRef<str>) -> Broadcast {
        self.broadcast().to(room)
    }

    /// All in the namespace but this socket and those in that room (row D57).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.except("muted").emit("said", "to all others but those in the room")?;
    /// # Ok(()) }
    /// ```
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn except(&self, room: impl AsRef<str>) -> Broadcast {
        self.broadcast().except(room)
    }

    /// All in the namespace but this socket (row D55).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// let bob = TestClient::connect(&io).await;
    /// socket.broadcast().emit("said", "hello")?;
    /// assert_eq!(bob.receive::<String>("said").await, "hello");
    /// client.expect_nothing().await;
    /// # Ok(()) }
    /// ```
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn broadcast(&self) -> Broadcast {
        self.core.namespace.broadcast().except(self.core.id.as_str())
    }

    /// Joins a room; does nothing where the socket is in it, or disconnected (row D59), or in
    /// [`Limits::max_rooms`](super::Limits::max_rooms) rooms already.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.join("lobby");
    /// assert_eq!(io.of("/").room_len("lobby"), 1);
    /// # Ok(()) }
    /// ```
    pub fn join(&self, room: impl AsRef<str>) {
        self.core.join(room.as_ref());
    }

    /// Leaves a room (row D60).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.join("lobby");
    /// socket.leave("lobby");
    /// assert_eq!(io.of("/").room_len("lobby"), 0);
    /// # Ok(()) }
    /// ```
    pub fn leave(&self, room: impl AsRef<str>) {
        self.core.leave(room.as_ref());
    }

    /// The rooms that the socket is in, without the one of its own id (row D44). In a disconnect handler
    /// they are those it was in; afterwards there are none.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.join("lobby");
    /// assert_eq!(socket.rooms(), ["lobby".into()]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn rooms(&self) -> Vec<Arc<str>> {
        self.core.rooms()
    }

    /// Disconnects this socket from its namespace; the connection and its other namespaces stay (row D61). The
    /// disconnect handler runs with `server namespace disconnect`. A client that is not in yet is refused, with the
    /// message `disconnected by the server`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.disconnect();
    /// assert_eq!(client.disconnected().await.as_str(), "io server disconnect");
    /// # Ok(()) }
    /// ```
    pub fn disconnect(&self) {
        self.core.disconnect();
    }

    /// Closes the whole connection at once, as `forced close`, and drops what is queued for it: for a client that does
    /// not read ([`EmitError::Full`]), and which would be waited for otherwise.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// if socket.emit("price", &42).is_err_and(|error| error.is_full()) {
    ///     socket.abort_connection();
    /// }
    /// # Ok(()) }
    /// ```
    pub fn abort_connection(&self) {
        self.core.link.close_because(DisconnectReason::ForcedClose, CloseMode::Discard);
    }

    /// Disconnects the whole connection: all its namespaces are told, what is queued goes out as far as the client
    /// takes it within [`close_timeout`](engineio::Limits::close_timeout), then it is closed (row D61).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.emit("bye", &())?;
    /// socket.disconnect_connection();
    /// client.receive::<()>("bye").await; // what was sent before still arrives
    /// client.disconnected().await;
    /// # Ok(()) }
    /// ```
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
        let id = self.core.id_in_logs();
        f.debug_struct("Socket").field("id", &id).field("namespace", self.namespace()).finish_non_exhaustive()
    }
}
