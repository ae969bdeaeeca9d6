//! [`Expectation`]: something that a test waits for, with a deadline; and [`TestError`], which says what came
//! instead.

use std::{
    error::Error,
    fmt,
    future::Future,
    panic::Location,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use socketio_proto::ArgumentError;
use tokio::time::{Instant, Sleep};

use super::{Refusal, seat::Seat};
use crate::DisconnectReason;

/// For [`expect_nothing`](super::TestClient::expect_nothing), whose deadline is its success: the time that it costs
/// where the clock is not paused.
pub(super) const QUIET_TIME: Duration = Duration::from_millis(100);

type Wait<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

/// What a [`TestClient`](super::TestClient) waits for. Await it for the value; at its deadline, or when it cannot come
/// any more, it panics and says where the call was, what it waited for and what came instead.
///
/// The deadline is the client's ([`TestClient::with_deadline`](super::TestClient::with_deadline)), counted from the
/// moment in which it is awaited, in tokio's time: on a paused clock it costs nothing.
///
/// ```
/// # use std::time::Duration;
/// # use socketio::{Server, Socket, testing::TestClient};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let io = Server::new();
/// io.of("/").on("remind me", async |socket: Socket| {
///     tokio::time::sleep(Duration::from_secs(3600)).await;
///     let _ = socket.emit("reminder", &());
/// });
/// let client = TestClient::connect(&io).await;
/// client.emit("remind me", &());
/// let early = client.receive::<()>("reminder").result().await;
/// assert!(early.unwrap_err().is_timeout());
/// client.receive::<()>("reminder").within(Duration::from_secs(3600)).await;
/// # }
/// ```
#[must_use = "an expectation that is not awaited expects nothing"]
pub struct Expectation<T> {
    wait: Wait<T>,
    /// What came instead is told from here.
    seat: Arc<Seat>,
    /// What is waited for, to follow "waiting for".
    what: String,
    within: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    /// The value where the deadline is no failure.
    at_deadline: Option<T>,
    caller: &'static Location<'static>,
}

/// Nothing in it is pinned in place.
impl<T> Unpin for Expectation<T> {}

impl<T> Expectation<T> {
    #[track_caller]
    pub(super) fn new(
        seat: &Arc<Seat>,
        within: Duration,
        what: String,
        wait: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Self {
        let caller = Location::caller();
        Self { wait: Box::pin(wait), seat: seat.clone(), what, within, deadline: None, at_deadline: None, caller }
    }

    /// The same, but the deadline is its success.
    pub(super) fn passing_with(self, value: T) -> Self {
        Self { at_deadline: Some(value), ..self }
    }

    /// Waits that long instead.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// client.expect_nothing().within(std::time::Duration::from_secs(3600)).await;
    /// # Ok(()) }
    /// ```
    pub fn within(self, within: Duration) -> Self {
        Self { within, ..self }
    }

    /// Gives an error instead of panicking: for what may or may not come.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// assert!(client.receive::<()>("nothing").result().await.is_err()); // in place of a panic
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`TestError`] says.
    pub async fn result(mut self) -> Result<T, TestError> {
        std::future::poll_fn(|cx| self.poll_result(cx)).await
    }

    fn poll_result(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, TestError>> {
        if let Poll::Ready(outcome) = self.wait.as_mut().poll(cx) {
            return Poll::Ready(outcome.map_err(|failure| self.explain(failure)));
        }
        let within = self.within;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(within)));
        if deadline.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(self.at_deadline.take().ok_or_else(|| self.explain(Failure::Timeout(within))))
    }

    fn explain(&self, failure: Failure) -> TestError {
        let text = format!("waiting for {}: {failure}; {}", self.what, self.seat.describe());
        TestError { failure, text: text.into() }
    }
}

/// As tokio's, but whatever lies too far away for the clock is a year away.
fn sleep(duration: Duration) -> Sleep {
    let far = Duration::from_secs(365 * 24 * 3600);
    tokio::time::sleep_until(Instant::now().checked_add(duration).unwrap_or_else(|| Instant::now() + far))
}

impl<T> Future for Expectation<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let caller = self.caller;
        self.poll_result(cx).map(|outcome| outcome.unwrap_or_else(|error| panic!("{caller}: {error}")))
    }
}

impl<T> fmt::Debug for Expectation<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expectation").field("what", &self.what).field("within", &self.within).finish_non_exhaustive()
    }
}

/// An [`Expectation`] that was not met. Its text says what was waited for, what happened, and what came instead.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::*};
/// # let io = Server::new();
/// let client = TestClient::connect(&io).await;
/// let error = client.receive::<()>("nothing").result().await.unwrap_err();
/// assert!(error.to_string().contains("waiting for the event \"nothing\""));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct TestError {
    failure: Failure,
    text: Box<str>,
}

#[derive(Clone, Debug)]
pub(super) enum Failure {
    Timeout(Duration),
    /// The client is out.
    Ended(DisconnectReason),
    Refused(Refusal),
    /// A client that was to be refused.
    LetIn,
    /// It came, with other arguments than those asked for; with how it came.
    Arguments(String, ArgumentError),
    /// Something came where nothing should.
    Unexpected,
    /// The connection is in that namespace already, or on its way: the server would throw it out.
    AlreadyIn,
}

impl TestError {
    /// Whether the deadline passed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// let error = client.receive::<()>("nothing").result().await.unwrap_err();
    /// assert!(error.is_timeout());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self.failure, Failure::Timeout(_))
    }

    /// Whether it could not come any more, since the client is disconnected.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// client.disconnect();
    /// assert!(client.receive::<()>("anything").result().await.is_err_and(|error| error.is_disconnected()));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn is_disconnected(&self) -> bool {
        matches!(self.failure, Failure::Ended(_))
    }

    /// Why the server refused the client, where it did.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let error = TestClient::connect(&io).namespace("/nowhere").into_future().result().await.unwrap_err();
    /// assert_eq!(error.refusal().ok_or("refused")?.message, "Invalid namespace");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        match &self.failure {
            Failure::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(within) => write!(f, "it did not come within {within:?}"),
            Self::Ended(reason) => write!(f, "the client was disconnected ({reason})"),
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::LetIn => f.write_str("the client was let in"),
            Self::Arguments(came, error) => write!(f, "it came as {came}, which does not fit: {error}"),
            Self::Unexpected => f.write_str("something came"),
            Self::AlreadyIn => f.write_str("this connection has joined it before, and a second time is not allowed"),
        }
    }
}

impl fmt::Display for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// As its text, which is what `unwrap` prints.
impl fmt::Debug for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for TestError {}
