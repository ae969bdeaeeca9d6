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
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
}

impl<R> PendingAck<R> {
    /// Waits for the answer and gives it as it came, arguments and attachments unread.
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
