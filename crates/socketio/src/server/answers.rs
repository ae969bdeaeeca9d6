//! [`PendingAnswers`]: the answers to a question to many, of clients or of servers, and [`Incomplete`], what there is
//! where some are missing. Rows D81, D82, D90; hazards R22, R23: nobody who is gone is waited for, nothing is lost for
//! the sake of who is late.

use std::{
    error::Error,
    fmt,
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    time::Duration,
};

use serde::de::DeserializeOwned;
use socketio_cluster::{Absence, NodeId, Outcome};
use socketio_proto::{ArgumentError, Body};
use tokio::{sync::mpsc, time::Instant};

use super::{
    broadcast::Asked,
    cluster::{Part, Request},
};

/// Answers on their way; await it for all of them, in the order of their arrival. Each is the first argument of an
/// acknowledgement.
///
/// The time for them runs from the question, which has been put already. Dropping this forgets the answers that are still to come.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// # let io = Server::new();
/// let (ada, bob) = (TestClient::connect(&io).await, TestClient::connect(&io).await);
/// let votes = io.broadcast().emit_with_ack::<bool>("agreed?", &())?;
/// ada.receive_event("agreed?").await.ack(&true);
/// bob.receive_event("agreed?").await.ack(&false);
/// assert_eq!(votes.await?.len(), 2);
/// # Ok(()) }
/// ```
#[must_use = "await it for the answers, or use `emit` where none are wanted"]
pub struct PendingAnswers<R> {
    gathering: Gathering,
    answer: PhantomData<fn() -> R>,
}

/// Where answers come from.
pub(super) struct Gathering {
    /// Clients of this server, namespace by namespace.
    pub(super) here: Vec<Asked>,
    /// Other servers.
    pub(super) others: Vec<Request>,
    deadline: Instant,
    parts: mpsc::UnboundedReceiver<Part>,
}

impl Gathering {
    pub(super) fn new(timeout: Duration, parts: mpsc::UnboundedReceiver<Part>) -> Self {
        // A time beyond the clock's end is no time-out at all.
        let now = Instant::now();
        let deadline = now.checked_add(timeout).unwrap_or_else(|| now + Duration::from_secs(86_400 * 365));
        Self { here: Vec::new(), others: Vec::new(), deadline, parts }
    }
}

impl<R> PendingAnswers<R> {
    pub(super) const fn new(gathering: Gathering) -> Self {
        Self { gathering, answer: PhantomData }
    }
}

impl<R> PendingAnswers<R> {
    /// Waits for the answers and gives them as they came, unread.
    ///
    /// ```
    /// # async fn f(io: socketio::Server) -> Result<(), Box<dyn std::error::Error>> {
    /// for answer in io.of("/").broadcast().emit_with_ack::<()>("dump", &())?.raw().await? {
    ///     println!("{}", answer.json());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Where some are missing; those that came are in the error.
    pub async fn raw(self) -> Result<Vec<Body>, Incomplete<Body>> {
        self.gather(u64::MAX, Ok).await.complete()
    }

    /// What came until everybody has answered or `enough` did, and who is missing then.
    async fn gather<T>(self, enough: u64, read: impl Fn(Body) -> Result<T, ArgumentError>) -> Incomplete<T> {
        let Gathering { mut here, others, deadline, mut parts } = self.gathering;
        let mut clients: u64 = here.iter().map(Asked::count).sum();
        let mut result = Incomplete { answers: Vec::new(), ..Incomplete::default() };
        let mut heard = 0;
        while heard < enough {
            let part = match tokio::time::timeout_at(deadline, parts.recv()).await {
                Ok(part) => part,
                Err(_) if !result.timed_out => {
                    result.timed_out = true;
                    // Who has not answered by now is forgotten; the other servers' end comes by itself.
                    here.drain(..).for_each(Asked::expire);
                    continue;
                }
                Err(_) => parts.recv().await,
            };
            match part {
                Some(Part::Answer(body)) => {
                    heard += 1;
                    match read(body) {
                        Ok(answer) => result.answers.push(answer),
                        Err(error) => result.unreadable = Some(error),
                    }
                }
                Some(Part::Outcome(outcome)) => {
                    clients += outcome.clients;
                    // Whether this was looked at by then or only later makes no difference.
                    result.timed_out |= is_late(&outcome);
                    result.missing_servers.extend(outcome.missing);
                }
                Some(Part::Sockets(_)) => {}
                None => break,
            }
        }
        drop(others);
        result.missing_clients = clients.saturating_sub(heard);
        result
    }
}

/// Whether the time was up for a server.
fn is_late(outcome: &Outcome) -> bool {
    outcome.missing.iter().any(|(_, absence)| *absence == Absence::Late)
}

impl<R: DeserializeOwned> PendingAnswers<R> {
    pub(super) async fn first(self) -> Incomplete<R> {
        self.gather(1, |body| body.ack_args()).await
    }

    async fn wait(self) -> Result<Vec<R>, Incomplete<R>> {
        self.gather(u64::MAX, |body| body.ack_args()).await.complete()
    }
}

impl<R: DeserializeOwned + Send + 'static> IntoFuture for PendingAnswers<R> {
    type Output = Result<Vec<R>, Incomplete<R>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.wait())
    }
}

impl<R> fmt::Debug for PendingAnswers<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingAnswers").field("deadline", &self.gathering.deadline).finish_non_exhaustive()
    }
}

/// Answers of which some are missing: what came, and who did not answer.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// # let io = Server::new();
/// let (ada, bob) = (TestClient::connect(&io).await, TestClient::connect(&io).await);
/// let votes = io.broadcast().emit_with_ack::<bool>("agreed?", &())?;
/// ada.receive_event("agreed?").await.ack(&true); // and Bob says nothing
/// let incomplete = votes.await.unwrap_err();
/// assert_eq!((incomplete.answers, incomplete.missing_clients, incomplete.timed_out), (vec![true], 1, true));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Incomplete<T> {
    /// What came in time, in the order of its arrival.
    pub answers: Vec<T>,
    /// Clients that were asked and did not answer: they were late, or left.
    pub missing_clients: u64,
    /// Servers that did not answer wholly, and why.
    pub missing_servers: Vec<(NodeId, Absence)>,
    /// Whether the time was up.
    pub timed_out: bool,
    /// The last answer that is not of the type asked for; it is not among `answers`.
    pub unreadable: Option<ArgumentError>,
}

impl<T> Incomplete<T> {
    /// The answers, if that is all of them.
    fn complete(self) -> Result<Vec<T>, Self> {
        let complete = self.missing_clients == 0 && self.missing_servers.is_empty() && self.unreadable.is_none();
        if complete { Ok(self.answers) } else { Err(self) }
    }

    pub(super) fn of_servers(answers: Vec<T>, outcome: Outcome) -> Self {
        let timed_out = is_late(&outcome);
        Self { answers, missing_servers: outcome.missing, timed_out, ..Self::default() }
    }
}

impl<T> Default for Incomplete<T> {
    fn default() -> Self {
        Self {
            answers: Vec::new(),
            missing_clients: 0,
            missing_servers: Vec::new(),
            timed_out: false,
            unreadable: None,
        }
    }
}

impl<T> fmt::Display for Incomplete<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = if self.timed_out { "operation has timed out" } else { "not everybody answered" };
        write!(f, "{reason}: {} answers, ", self.answers.len())?;
        write!(f, "{} clients and {} servers are missing", self.missing_clients, self.missing_servers.len())?;
        if let Some(error) = &self.unreadable {
            write!(f, "; an answer does not fit: {error}")?;
        }
        Ok(())
    }
}

impl<T: fmt::Debug> Error for Incomplete<T> {}
