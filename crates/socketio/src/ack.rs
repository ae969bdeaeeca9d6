//! Acknowledgements, the same in both directions and on both ends: [`PendingAck`], of an event that was sent and whose
//! acknowledgement is awaited, and [`AckSender`], of one that came and wants to be acknowledged. Leaves out the table of
//! those that are awaited (`socketio_proto::AckTable`) and the way to the other end. [SIO5 Acknowledgement]
//! Rows D50–D52, E41–E46; hazards R21, R22.

#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use socketio_proto::{AckId, Body};
use tokio::sync::oneshot;

use crate::{AckError, EmitError};

/// A socket that waits for acknowledgements.
pub(crate) trait AckSource: Send + Sync {
    /// Nobody waits for that answer any more, because it is there, or the time was up, or by choice.
    fn forget(&self, id: AckId, timed_out: bool);
}

/// A socket to which events come that want to be acknowledged.
pub(crate) trait AckTarget: Send + Sync {
    /// Acknowledges an event; what that costs where it does not go is the socket's to decide.
    fn send_ack(self: Arc<Self>, id: AckId, body: &Body) -> Result<(), EmitError>;
}

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
    /// Without one it waits as long as it takes.
    timeout: Option<Duration>,
    answer: PhantomData<fn() -> R>,
}

/// The place of an awaited acknowledgement in its socket's table; dropping it clears the place.
pub(crate) struct Waiting {
    source: Arc<dyn AckSource>,
    id: AckId,
    answer: oneshot::Receiver<Result<Body, AckError>>,
    timed_out: bool,
}

impl Waiting {
    /// The place with that number; where the sender of the answer is dropped, the socket is taken for disconnected.
    pub(crate) fn new(
        source: Arc<dyn AckSource>,
        id: AckId,
        answer: oneshot::Receiver<Result<Body, AckError>>,
    ) -> Self {
        Self { source, id, answer, timed_out: false }
    }

    /// Waits for the answer, at most that long.
    async fn answer(mut self, timeout: Option<Duration>) -> Result<Body, AckError> {
        let answer = match timeout {
            None => (&mut self.answer).await,
            Some(timeout) => match tokio::time::timeout(timeout, &mut self.answer).await {
                Ok(answer) => answer,
                Err(_) => {
                    self.timed_out = true;
                    return Err(AckError::Timeout);
                }
            },
        };
        answer.unwrap_or(Err(AckError::Disconnected))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.source.forget(self.id, self.timed_out);
    }
}

impl<R> PendingAck<R> {
    pub(crate) const fn new(state: Result<Waiting, AckError>, timeout: Option<Duration>) -> Self {
        Self { state, timeout, answer: PhantomData }
    }

    /// Waits at most that long, from the moment it is awaited. Without it, a server waits for
    /// [`Limits::ack_timeout`](crate::Limits::ack_timeout).
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
        Self { timeout: Some(timeout), ..self }
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
        self.state?.answer(self.timeout).await
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

/// The acknowledgement, to be sent by hand: later, from another task, or not at all. A handler that takes it
/// acknowledges nothing by returning. As an `Option` it tells whether the other end asked for one.
///
/// It is used once; dropped unused, the other end gets no acknowledgement.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// # let io = Server::new();
/// io.of("/").on("convert", async |ack: AckSender| {
///     tokio::spawn(async move {
///         // … long after the handler has ended
///         let _ = ack.send("done");
///     });
/// });
/// let client = TestClient::connect(&io).await;
/// assert_eq!(client.emit_with_ack::<String>("convert", &()).await, "done");
/// # Ok(()) }
/// ```
pub struct AckSender {
    target: Arc<dyn AckTarget>,
    id: AckId,
}

impl AckSender {
    /// Acknowledges the event: one value, or with a tuple several.
    ///
    /// ```
    /// use socketio::{AckSender, Server};
    ///
    /// let io = Server::new();
    /// io.of("/").on("both", async |ack: AckSender| Ok(ack.send(&("two", "values"))?));
    /// ```
    ///
    /// # Errors
    /// As [`Socket::emit`](crate::Socket::emit); with [`EmitError::Full`] a server disconnects the client, since it would
    /// wait in vain.
    pub fn send<T: Serialize + ?Sized>(self, args: &T) -> Result<(), EmitError> {
        self.send_body(&Body::ack(args)?)
    }

    /// Acknowledges the event with the arguments of an event, as they are.
    ///
    /// ```
    /// use socketio::{AckSender, RawEvent, Server};
    ///
    /// let io = Server::new();
    /// io.of("/").on("echo", async |ack: AckSender, RawEvent(event): RawEvent| Ok(ack.send_raw(&event)?));
    /// ```
    ///
    /// # Errors
    /// As [`AckSender::send`].
    pub fn send_raw(self, event: &Body) -> Result<(), EmitError> {
        self.send_body(&event.to_ack())
    }

    /// Acknowledges the event with somebody else's answer, as [`PendingAck::raw`] gives it.
    ///
    /// ```
    /// use socketio::{AckSender, RawEvent, Server, Socket};
    ///
    /// let io = Server::new();
    /// io.of("/").on("ask the other", async |socket: Socket, ack: AckSender| {
    ///     let others = socket.broadcast().sockets();
    ///     let Some(other) = others.first() else { return Ok(ack.send("there is no other")?) };
    ///     let answer = other.emit_with_ack::<()>("question", &()).raw().await?;
    ///     Ok(ack.send_answer(&answer)?)
    /// });
    /// ```
    ///
    /// # Errors
    /// As [`AckSender::send`].
    pub fn send_answer(self, answer: &Body) -> Result<(), EmitError> {
        self.send_body(answer)
    }

    pub(crate) const fn new(target: Arc<dyn AckTarget>, id: AckId) -> Self {
        Self { target, id }
    }

    pub(crate) fn send_body(self, body: &Body) -> Result<(), EmitError> {
        self.target.send_ack(self.id, body)
    }
}

impl fmt::Debug for AckSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckSender").field("id", &self.id).finish_non_exhaustive()
    }
}
