//! [`Clock`]: where the protocol's `Moment`s come from. It is tokio's clock, so that a paused runtime pauses
//! the sessions too.

use engineio_proto::Moment;
use tokio::time::Instant;

/// Counts from the moment in which the engine was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { epoch: Instant::now() }
    }

    pub(crate) fn now(&self) -> Moment {
        Moment::from_nanos(u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The instant of a moment. What lies too far away for the platform's clock is a year away.
    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        let since = moment.saturating_since(Moment::EPOCH);
        let far = std::time::Duration::from_secs(365 * 24 * 3600);
        self.epoch.checked_add(since).unwrap_or_else(|| Instant::now() + far)
    }
}
