//! [`Emitter`]: how the next event to one socket is sent. The event itself is `outgoing.rs`'s.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    EmitError, PendingAck,
    outgoing::{Flags, Outgoing},
    socket::SocketCore,
};

/// An event to one socket, with what was said about how to send it (row D58: it holds for that event alone). From
/// [`Socket::compress`](super::Socket::compress) and its like.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
/// let quick = socket.volatile().compress(false);
/// quick.emit("position", &(1, 2))?;
/// quick.emit("position", &(3, 4))?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "it does nothing until something is emitted"]
pub struct Emitter {
    socket: Arc<SocketCore>,
    flags: Flags,
    timeout: Duration,
}

impl Emitter {
    pub(super) fn new(socket: Arc<SocketCore>) -> Self {
        let timeout = socket.link.ack_timeout();
        Self { socket, flags: Flags::default(), timeout }
    }

    /// The event is sent only if it can leave at once; see [`Socket::volatile`](super::Socket::volatile).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.compress(false).volatile().emit("position", &(1, 2))?;
    /// # Ok(()) }
    /// ```
    pub const fn volatile(mut self) -> Self {
        self.flags.volatile = true;
        self
    }

    /// Whether the event may be compressed; see [`Socket::compress`](super::Socket::compress).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.volatile().compress(false).emit("frame", &bytes::Bytes::from_static(b"a JPEG"))?;
    /// # Ok(()) }
    /// ```
    pub const fn compress(mut self, compress: bool) -> Self {
        self.flags.compress = compress;
        self
    }

    /// How long an acknowledgement is waited for (row D51).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// let second = std::time::Duration::from_secs(1);
    /// let answer = socket.compress(false).timeout(second).emit_with_ack::<bool>("sure?", &()).await;
    /// assert_eq!(answer, Err(AckError::Timeout));
    /// # Ok(()) }
    /// ```
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends the event; never waits.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.compress(false).emit("picture", &bytes::Bytes::from_static(b"a JPEG"))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Socket::emit`](super::Socket::emit).
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.socket.emit(Outgoing::new(&self.socket.namespace, None, event, args)?, self.flags)
    }

    /// Sends the event and waits until it has left; see [`Socket::emit_flushed`](super::Socket::emit_flushed).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// socket.compress(false).emit_flushed("chunk", &bytes::Bytes::from_static(b"a part of a film")).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Socket::emit_flushed`](super::Socket::emit_flushed).
    pub async fn emit_flushed<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        let event = Outgoing::new(&self.socket.namespace, None, event, args)?;
        let session = &self.socket.link.session;
        event.show_to(&self.socket);
        let flags = Flags { awaited: true, ..self.flags };
        while let Err(error) = self.socket.emit_unseen(&event, flags) {
            // What is held back for a client that connects makes no room by being waited for.
            if !error.is_full() || self.socket.is_connecting() {
                return Err(error);
            }
            // A queue that was full is not empty, so that this waits; and an empty one takes an event of any size.
            session.flushed().await?;
        }
        if self.socket.is_connecting() {
            return Ok(());
        }
        Ok(session.flushed().await?)
    }

    /// Sends the event and asks for its acknowledgement; see [`Socket::emit_with_ack`](super::Socket::emit_with_ack).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// let asked = socket.compress(false).emit_with_ack::<u8>("age?", &());
    /// client.receive_event("age?").await.ack(&36);
    /// assert_eq!(asked.await?, 36);
    /// # Ok(()) }
    /// ```
    pub fn emit_with_ack<R: DeserializeOwned>(&self, event: &str, args: &(impl Serialize + ?Sized)) -> PendingAck<R> {
        let namespace = &self.socket.namespace;
        let id = namespace.next_ack_id();
        let event = Outgoing::new(namespace, Some(id), event, args).map_err(|error| EmitError::from(error).into());
        PendingAck::new(event.and_then(|event| self.socket.ask(id, &event, self.flags)), Some(self.timeout))
    }
}

impl fmt::Debug for Emitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter").field("socket", &self.socket.id).field("flags", &self.flags).finish_non_exhaustive()
    }
}
