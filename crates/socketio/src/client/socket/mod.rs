//! [`Socket`]: one namespace of a client's connection, as its user sees it. `core.rs` is what the handles share, `listening.rs`
//! registers handlers, `emitter.rs` is how an event is sent.

mod core;
mod emitter;
mod handlers;
mod listening;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

pub(super) use self::core::{Arrived, SocketCore, tell};
pub use emitter::Emitter;
use serde::{Serialize, de::DeserializeOwned};
use socketio_proto::{Body, EncodeError};
use tokio::sync::oneshot;

use super::{Client, ConnectError, auth::Auth};
use crate::{EmitError, HandlerError, PendingAck, SocketId};

/// A namespace of a server, as a client is in it: events, acknowledgements, and what is kept while there is no connection.
/// Cloning it costs two reference counts. When the last socket and the last [`Client`] are dropped, the connection is
/// closed; a handler that captures one therefore keeps the connection open for ever: it takes the `Socket` as an argument
/// instead.
///
/// ```no_run
/// use socketio::{Data, client::Client};
///
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new("http://localhost:3000")?;
/// let chat = client.of("/chat");
/// chat.on("message", async |Data(text): Data<String>| println!("{text}"));
/// chat.connect().await?; // the namespace has answered
/// chat.emit("message", "hello")?;
/// let answer: String = chat.emit_with_ack("message", "are you there?").await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Socket {
    pub(super) core: Arc<SocketCore>,
    client: Client,
}

/// How a socket stands (row E29).
///
/// ```
/// # use socketio::client::{Client, SocketState};
/// let socket = Client::new("http://localhost:3000")?.of("/");
/// assert_eq!(socket.state(), SocketState::Disconnected);
/// assert!(!socket.state().will_reconnect());
/// # Ok::<(), socketio::client::AddressError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketState {
    /// It is not connected, and stays so until [`Socket::connect`].
    Disconnected,
    /// It is not connected, and connects by itself as soon as it can.
    Connecting,
    /// It is connected.
    Connected,
}

impl SocketState {
    /// Whether it is connected, or (re)connects by itself: the reference's `active`.
    #[must_use]
    pub const fn will_reconnect(self) -> bool {
        !matches!(self, Self::Disconnected)
    }
}

impl Socket {
    pub(super) const fn new(core: Arc<SocketCore>, client: Client) -> Self {
        Self { core, client }
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.core.name.as_str()
    }

    /// The client whose connection it uses (the reference's `io`).
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Its id, while it is connected. It is another one after each reconnection that was not recovered: no name for a user
    /// (rows E29, E58).
    #[must_use]
    pub fn id(&self) -> Option<SocketId> {
        let state = self.core.lock();
        state.machine.id().filter(|_| state.machine.is_connected()).map(SocketId::new)
    }

    /// Whether it is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.core.lock().machine.is_connected()
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> SocketState {
        let state = self.core.lock();
        match (state.machine.is_connected(), state.machine.is_active()) {
            (true, _) => SocketState::Connected,
            (false, true) => SocketState::Connecting,
            (false, false) => SocketState::Disconnected,
        }
    }

    /// Whether the last connection took up the one before, so that nothing was missed (row E57).
    #[must_use]
    pub fn is_recovered(&self) -> bool {
        self.core.lock().machine.recovered()
    }

    // ---- connecting ----

    /// Connects, and awaited gives the verdict: the namespace has answered. It begins at once, whether awaited or not, and
    /// needs tokio's runtime. Where the socket is connected or connecting already, only the waiting is new.
    ///
    /// A server that cannot be reached is tried again and again, as the [`Config`](super::Config) says, and this waits; put a
    /// `tokio::time::timeout` around it to wait less.
    ///
    /// # Errors
    /// [`ConnectError::Refused`] where the server says no, or the function for `auth` fails: then the socket does not try again
    /// by itself. [`ConnectError::Unreachable`] where no more attempts are made. [`ConnectError::Disconnected`] by
    /// [`Socket::disconnect`], or the end of the client. Rows E31, E35; hazard R40.
    ///
    /// # Panics
    /// Outside of tokio's runtime.
    pub fn connect(&self) -> Connecting {
        let verdict = self.core.connect();
        if !self.client.dial() {
            // The runtime that ran the client is gone, and everything with it.
            self.core.disconnect();
        }
        Connecting(verdict)
    }

    /// Leaves the namespace: the server is told, handlers for `disconnect` get `io client disconnect`, and it does not come
    /// back by itself. Other namespaces of the connection stay; the last one to leave closes it (rows E22, E35).
    ///
    /// A server in JavaScript may drop events that reach it together with this good-bye: where one has to have its effect, await
    /// its acknowledgement first.
    pub fn disconnect(&self) {
        self.core.disconnect();
        self.client.left();
    }

    /// What the server gets to see with each CONNECT, as its handshake's `auth`: an object (row E27).
    ///
    /// ```
    /// # use socketio::client::Client;
    /// let socket = Client::new("http://localhost:3000")?.of("/");
    /// socket.set_auth(&serde_json::json!({ "token": "abc" }))?;
    /// assert!(socket.set_auth("abc").is_err()); // not an object
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Where it is no object, or has binary in it; what was said before stays.
    pub fn set_auth<T: Serialize + ?Sized>(&self, auth: &T) -> Result<(), EncodeError> {
        self.core.set_auth(Auth::value(auth)?);
        Ok(())
    }

    /// The same by a function, which is asked before every CONNECT: for tokens that expire (row E27, hazard R14). An error
    /// is a refusal.
    ///
    /// ```
    /// # use socketio::client::Client;
    /// let socket = Client::new("http://localhost:3000")?.of("/");
    /// socket.set_auth_fn(async || Ok(serde_json::json!({ "token": fresh_token().await? })));
    /// # async fn fresh_token() -> std::io::Result<String> { Ok("abc".into()) }
    /// # Ok::<(), socketio::client::AddressError>(())
    /// ```
    pub fn set_auth_fn<T, F>(&self, auth: impl Fn() -> F + Send + Sync + 'static)
    where
        T: Serialize,
        F: Future<Output = Result<T, HandlerError>> + Send + 'static,
    {
        self.core.set_auth(Auth::function(auth));
    }

    // ---- sending ----

    /// Emits an event: one value is one argument, a tuple several, `()` none. It never waits. While the socket is not
    /// connected, the event is kept as [`OfflinePolicy`](super::OfflinePolicy) says, and sent in order before the handlers for `connect`
    /// run (rows E36, E37, E55).
    ///
    /// ```
    /// # use socketio::client::Client;
    /// let socket = Client::new("http://localhost:3000")?.of("/");
    /// socket.emit("message", "hello")?;
    /// socket.emit("three", &(1, "two", bytes::Bytes::from_static(b"three")))?;
    /// assert_eq!(socket.buffered().len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`EmitError::Encode`] for a reserved name or a value that cannot be sent; [`EmitError::Full`] where the buffer or the
    /// queue is; [`EmitError::Disconnected`] where nothing is kept. Nothing was emitted then.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.emitter().emit(event, args)
    }

    /// Emits the event `message` (row E54).
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn send<T: Serialize + ?Sized>(&self, args: &T) -> Result<(), EmitError> {
        self.emit("message", args)
    }

    /// Emits what is an event already, as it came from somewhere else.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn emit_raw(&self, event: &Body) -> Result<(), EmitError> {
        self.emitter().emit_raw(event)
    }

    /// Emits an event and asks for its acknowledgement, whose first argument is the answer, or with a tuple several
    /// (row E43). It is emitted at once, and awaited for as long as
    /// [`ack_timeout`](socketio_proto::ClientSocketOptions::ack_timeout) says: by default without a limit.
    ///
    /// Dropped while the event is still kept for a connection, it takes the event along; one that has left has left.
    ///
    /// ```no_run
    /// # async fn f(socket: socketio::client::Socket) -> Result<(), socketio::AckError> {
    /// use std::time::Duration;
    ///
    /// let sum: u32 = socket.timeout(Duration::from_secs(5)).emit_with_ack("add", &(1, 2)).await?;
    /// # Ok(()) }
    /// ```
    pub fn emit_with_ack<R: DeserializeOwned>(&self, event: &str, args: &(impl Serialize + ?Sized)) -> PendingAck<R> {
        self.emitter().emit_with_ack(event, args)
    }

    /// The next event is dropped unless it can leave at once (row E39); it is never kept.
    pub fn volatile(&self) -> Emitter {
        self.emitter().volatile()
    }

    /// Whether the next event may be compressed (row E40).
    pub fn compress(&self, compress: bool) -> Emitter {
        self.emitter().compress(compress)
    }

    /// How long the acknowledgement of the next event is awaited (row E41). An event that is still kept when the time is
    /// over is not sent.
    pub fn timeout(&self, timeout: std::time::Duration) -> Emitter {
        self.emitter().timeout(timeout)
    }

    fn emitter(&self) -> Emitter {
        Emitter::new(self.clone())
    }

    // ---- what is kept ----

    /// The events that wait for a connection, in order (row E37).
    #[must_use]
    pub fn buffered(&self) -> Vec<Body> {
        self.core.lock().machine.buffered().cloned().collect()
    }

    /// Takes all events out of the buffer; who waits for their acknowledgements is told
    /// [`AckError::Disconnected`](crate::AckError::Disconnected) (hazard R39).
    pub fn clear_buffer(&self) {
        self.core.feed(|state, out| state.machine.clear_buffer(out));
    }

    /// The events that wait for their turn or their acknowledgement under
    /// [`retries`](socketio_proto::ClientSocketOptions::retries), in order (row E47).
    #[must_use]
    pub fn queued(&self) -> Vec<Body> {
        self.core.lock().machine.queued().cloned().collect()
    }

    /// Takes all of these out, also the one that is on its way.
    pub fn clear_queue(&self) {
        self.core.feed(|state, out| state.machine.clear_queue(out));
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("namespace", &self.namespace()).field("state", &self.state()).finish()
    }
}

/// The verdict on a socket that connects; made by [`Socket::connect`], which has begun already.
pub struct Connecting(oneshot::Receiver<Result<(), ConnectError>>);

impl Future for Connecting {
    type Output = Result<(), ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let verdict = Pin::new(&mut self.0).poll(cx);
        verdict.map(|verdict| verdict.unwrap_or(Err(ConnectError::Disconnected)))
    }
}

impl fmt::Debug for Connecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connecting")
    }
}
