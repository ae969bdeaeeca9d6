//! [`Drain`]: how an engine lets its sessions go before it is closed. [`Engine::drain`] itself is here too.

use std::{sync::Arc, time::Duration};

use engineio_proto::CloseMode;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Engine;
use crate::shared::Shared;

/// How to let go of everybody: over which time, and until when at most.
///
/// ```
/// use std::time::Duration;
///
/// let mut drain = engineio::server::Drain::default();
/// drain.window = Duration::from_secs(60);
/// drain.deadline = Duration::from_secs(90);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drain {
    /// The closes are spread evenly over this time, so that those who come back elsewhere do not come all at once;
    /// default 10 s. Zero closes all at once.
    pub window: Duration,
    /// When to wait no longer for who does not take what is left for it, counted from the beginning; default 30 s.
    pub deadline: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self { window: Duration::from_secs(10), deadline: Duration::from_secs(30) }
    }
}

impl Engine {
    /// Lets go of all sessions: no new one begins any more (503 with `Retry-After`), and those that are there are closed
    /// gracefully, one after the other: each gets what is queued for it, then its close. The official clients come back by
    /// themselves then, and find another server where there is one. Ends when no session is left, or at the deadline;
    /// [`Engine::close`] ends the rest.
    ///
    /// Until that the listener goes on, since a client that polls may need a new connection to be told.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Drain, Engine}};
    /// # let engine = Engine::new(Config::default(), |session| async move { drop(session.closed().await) });
    /// // … on a signal:
    /// engine.drain(Drain::default()).await;
    /// engine.close().await;
    /// # Ok(()) }
    /// ```
    pub async fn drain(&self, drain: Drain) {
        let begin = Instant::now();
        self.inner.surroundings.registry.admit_no_more();
        let all_gone = async {
            self.close_over(begin, drain.window).await;
            self.inner.surroundings.registry.emptied().await;
        };
        // Who is left at the deadline is the close's.
        let _ = timeout_at(begin + drain.deadline, all_gone).await;
    }

    /// Closes them in an order that is nobody's: the table's.
    async fn close_over(&self, begin: Instant, window: Duration) {
        let sessions: Vec<Arc<Shared>> = self.inner.surroundings.registry.all();
        let count = u32::try_from(sessions.len()).unwrap_or(u32::MAX);
        for (number, session) in (0..count).zip(sessions) {
            sleep_until(begin + window / count * number).await;
            session.close(CloseMode::Graceful);
        }
    }
}
