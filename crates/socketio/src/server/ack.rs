//! [`PendingAck`]: an event that was sent and whose acknowledgement is awaited. [SIO5 Acknowledgement]
//! Rows D50–D52; hazards R21, R22.

use std::{
    fmt,
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use serde::de::DeserializeOwned;
use socketio_proto::{AckId, Body};
use tokio::sync::oneshot;

use super::{AckError, counters::count, socket::SocketCore};

/// An acknowledgement on its way; await it for the answer.
///
/// The event has been sent already. Dropping this, before or while it is awaited, forgets the
/// acknowledgement: a late answer is then ignored.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
/// client.emit("nothing", &());
/// let asked = socket.emit_with_ack::<u8>("how old are you?", &()); // it is on its way
/// client.receive_event("how old are you?").await.ack(&36);
/// assert_eq!(asked.await?, 36);
/// # Ok(()) }
/// ```
#[must_use = "await it for the answer, or use `emit` where none is wanted"]
pub struct PendingAck<R> {
    state: Result<Waiting, AckError>,
    timeout: Duration,
    answer: PhantomData<fn() -> R>,
}

/// The place of an awaited acknowledgement in its socket's table; dropping it clears the place.
pub(super) struct Waiting {
    pub(super) socket: Arc<SocketCore>,
    pub(super) id: AckId,
    pub(super) answer: oneshot::Receiver<Body>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.socket.forget_ack(self.id);
    }
}

impl<R> PendingAck<R> {
    pub(super) const fn new(state: Result<Waiting, AckError>, timeout: Duration) -> Self {
        Self { state, timeout, answer: PhantomData }
    }

    /// Waits at most that long, from the moment it is awaited, instead of
    /// [`Limits::ack_timeout`](super::Limits::ack_timeout).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// let asked = socket.emit_with_ack::<bool>("sure?", &()).timeout(std::time::Duration::from_secs(2));
    /// assert_eq!(asked.await, Err(AckError::Timeout)); // nobody answers
    /// # Ok(()) }
    /// ```
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
}

impl<R> PendingAck<R> {
    /// Waits for the answer and gives it as it came, arguments and attachments unread.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// let asked = socket.emit_with_ack::<()>("anything?", &());
    /// client.receive_event("anything?").await.ack(&(1, "two"));
    /// let answer = asked.raw().await?;
    /// assert_eq!(answer.ack_args::<(u8, String)>()?, (1, "two".into()));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// All of [`AckError`] but [`AckError::Answer`].
    pub async fn raw(self) -> Result<Body, AckError> {
        let mut waiting = self.state?;
        match tokio::time::timeout(self.timeout, &mut waiting.answer).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(_)) => Err(AckError::Disconnected),
            Err(_) => {
                count(&waiting.socket.namespace.environment().counting.ack_timeouts);
                Err(AckError::Timeout)
            }
        }
    }
}

impl<R: DeserializeOwned> PendingAck<R> {
    async fn wait(self) -> Result<R, AckError> {
        self.raw().await?.ack_args().map_err(AckError::Answer)
    }
}

impl<R: DeserializeOwned + Send + 'static> IntoFuture for PendingAck<R> {
    type Output = Result<R, AckError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.wait())
    }
}

impl<R> fmt::Debug for PendingAck<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingAck").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
