//! [`Session`]: the application's handle on a client's session.

use std::{
    collections::VecDeque,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use engineio_proto::{
    CloseMode, Closed, Handshake, Message, MessageFrame, SendError, SendOptions, Sent, SessionId, TransportKind,
};

use super::{
    ConnectError, TransportError,
    shared::{Inner, Shared},
};

/// A handle on a client's session; cloning it costs a reference count. When the last one is dropped, the session is closed,
/// after what was sent has left.
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let session = engineio::client::connect("http://localhost:3000", Default::default()).await?;
/// session.send("hello")?;
/// while let Some(message) = session.recv().await {
///     println!("{message:?}");
/// }
/// println!("over: {}", session.closed().await);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
    _last: Arc<Last>,
}

/// Closes the session when its last handle goes.
struct Last(Arc<Shared>);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.close(if self.0.lock().opened { CloseMode::Graceful } else { CloseMode::Discard });
    }
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { _last: Arc::new(Last(shared.clone())), shared }
    }

    /// Waits until the session is open (the reference's `open`).
    ///
    /// # Errors
    /// [`ConnectError`] where it ended before that.
    pub async fn opened(&self) -> Result<(), ConnectError> {
        self.shared.until(Inner::verdict).await
    }

    /// Whether the session was opened; `None` while that is open.
    ///
    /// # Errors
    /// As [`Session::opened`].
    #[must_use]
    pub fn opened_now(&self) -> Option<Result<(), ConnectError>> {
        self.shared.lock().verdict()
    }

    /// Whether the session is open: the server has accepted it, and it is neither closing nor over.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.shared.lock().session.is_open()
    }

    /// The session's id, once it is open: a secret between this client and this server (row B48, hazard S45).
    #[must_use]
    pub fn id(&self) -> Option<SessionId> {
        self.shared.lock().session.id()
    }

    /// What the server's open packet said; `None` before it has come.
    #[must_use]
    pub fn handshake(&self) -> Option<Handshake> {
        self.shared.lock().session.handshake().cloned()
    }

    /// The transport that carries messages now, or that is being opened; `None` once the session is over (row B48).
    #[must_use]
    pub fn transport(&self) -> Option<TransportKind> {
        let inner = self.shared.lock();
        (!inner.session.is_closed()).then(|| inner.session.transport())
    }

    /// The sub-protocol that the server has chosen for the WebSocket among those that were offered (row B14).
    #[must_use]
    pub fn websocket_protocol(&self) -> Option<String> {
        self.shared.lock().protocol.clone()
    }

    /// Waits for the move to a WebSocket: true once it has happened, false once the session is over without it. A session
    /// that began on a WebSocket does not move.
    pub async fn upgraded(&self) -> bool {
        self.shared.until(|inner| (inner.upgraded || inner.closed.is_some()).then_some(inner.upgraded)).await
    }

    /// Queues a message; never waits. Before the session is open, it waits in the queue.
    ///
    /// # Errors
    /// [`SendError::Closed`] where the session is closing or over, or its server has been silent for too long (row B30);
    /// [`SendError::Full`] at `max_queue_bytes`. The message was not queued then.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.send_with(&[MessageFrame::from(&message.into())], SendOptions::KEPT).map(drop)
    }

    /// Queues messages that were framed before, next to each other and all or none, with a choice of how: at once or never
    /// ([`SendOptions::VOLATILE`]), without compression ([`MessageFrame::uncompressed`], row B46).
    ///
    /// # Errors
    /// As [`Session::send`].
    pub fn send_with(&self, frames: &[MessageFrame], options: SendOptions) -> Result<Sent, SendError> {
        self.shared.send(frames, options)
    }

    /// Bytes that wait for the server.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.shared.lock().session.queued_bytes()
    }

    /// Whether what is sent now can leave at once (row E39).
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.shared.lock().session.is_writable()
    }

    /// Whether the server has been silent for longer than it promised, though the session is not over yet: a machine that
    /// wakes up has late timers (row B30).
    #[must_use]
    pub fn has_expired(&self) -> bool {
        self.shared.has_expired()
    }

    /// Waits until everything that was sent has left (the reference's `drain`, row B27).
    ///
    /// # Errors
    /// [`SendError::Closed`] where the session ended before that.
    pub async fn drained(&self) -> Result<(), SendError> {
        self.shared
            .until(|inner| match inner.closed {
                Some(_) => Some(Err(SendError::Closed)),
                None => (inner.opened && inner.session.is_drained()).then_some(Ok(())),
            })
            .await
    }

    /// Waits for a message; `None` once the session is over and all was taken. One receiver at a time.
    pub async fn recv(&self) -> Option<Message> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`Session::recv`] for a future written by hand.
    pub fn poll_recv(&self, cx: &Context<'_>) -> Poll<Option<Message>> {
        self.shared.poll_recv(cx)
    }

    /// The same for all messages that are here, put into an empty queue whose memory is used again; false once the session is over
    /// and all were taken. They count as not taken until this is called again: nothing more is read meanwhile.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use std::{collections::VecDeque, future::poll_fn};
    ///
    /// let (session, driver) = engineio::client::open("http://localhost:1".parse().unwrap(), Default::default());
    /// drop(driver); // nothing comes without it
    /// let mut messages = VecDeque::new();
    /// assert!(!poll_fn(|cx| session.poll_recv_many(cx, &mut messages)).await);
    /// # }
    /// ```
    pub fn poll_recv_many(&self, cx: &Context<'_>, messages: &mut VecDeque<Message>) -> Poll<bool> {
        self.shared.poll_recv_many(cx, messages)
    }

    /// Closes the session as `forced close`; does nothing where it is closing or over (row B37).
    pub fn close(&self, mode: CloseMode) {
        self.shared.close(mode);
    }

    /// Waits for the end of the session, whoever ends it.
    pub async fn closed(&self) -> Closed {
        self.shared.until(|inner| inner.closed).await
    }

    /// Why the session ended; `None` while it goes on.
    #[must_use]
    pub fn closed_now(&self) -> Option<Closed> {
        self.shared.lock().closed
    }

    /// Whether a part of a message is here and the rest on its way: what waits for a message can wait a little longer. Who lets
    /// it trickle in is gone with the heartbeat (hazard R16).
    #[must_use]
    pub fn is_receiving(&self) -> bool {
        self.shared.lock().receiving
    }

    /// What went wrong below the session, where something did: the description of a `transport error` (rows B40, B41).
    #[must_use]
    pub fn error(&self) -> Option<Arc<TransportError>> {
        self.shared.lock().error.clone()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id()).field("transport", &self.transport()).finish()
    }
}
