//! [`Clock`]: where the protocol's `Moment`s come from. It is tokio's clock, so that a paused runtime pauses
//! the sessions too.

use engineio_proto::Moment;
use tokio::time::Instant;

/// Counts from the moment in which it was started.
///
/// ```
/// use engineio::Clock;
///
/// let clock = Clock::start();
/// let now = clock.now();
/// assert!(clock.instant(now) <= tokio::time::Instant::now());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Instant,
}

impl Clock {
    /// A clock that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self { epoch: Instant::now() }
    }

    /// The time that has passed since then.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment::from_nanos(u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The instant of a moment. What lies too far away for the platform's clock is a year away.
    #[must_use]
    pub fn instant(&self, moment: Moment) -> Instant {
        let since = moment.saturating_since(Moment::EPOCH);
        let far = std::time::Duration::from_secs(365 * 24 * 3600);
        self.epoch.checked_add(since).unwrap_or_else(|| Instant::now() + far)
    }
}
