//! [`Moment`]: a point in time that the caller names, since the protocol owns no clock.
//!
//! Leaves out everything about where time comes from: a runtime counts from any epoch it likes, a
//! simulation counts from zero.

use std::{num::NonZeroU64, ops::Add, time::Duration};

/// Nanoseconds since an epoch of the caller's choice, which must not go backwards.
///
/// Eight bytes, and no more where there may be none, so that a session with several deadlines stays small; good for 584
/// years.
///
/// ```
/// use std::time::Duration;
/// use engineio_proto::Moment;
///
/// let later = Moment::EPOCH + Duration::from_secs(25);
/// assert_eq!(later.saturating_since(Moment::EPOCH), Duration::from_secs(25));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(
    /// The nanoseconds and one; the last two are the same moment.
    NonZeroU64,
);

impl Moment {
    /// The epoch itself.
    pub const EPOCH: Self = Self::from_nanos(0);

    /// A moment `nanos` nanoseconds after the epoch.
    ///
    /// ```
    /// use std::time::Duration;
    /// use engineio_proto::Moment;
    ///
    /// assert_eq!(Moment::from_nanos(1_000), Moment::EPOCH + Duration::from_micros(1));
    /// assert_eq!(Moment::from_nanos(7).as_nanos(), 7);
    /// ```
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0.get() - 1
    }

    /// Time passed since `earlier`; zero where `earlier` is later.
    ///
    /// ```
    /// use std::time::Duration;
    /// use engineio_proto::Moment;
    ///
    /// let later = Moment::EPOCH + Duration::from_secs(3);
    /// assert_eq!(later.saturating_since(Moment::EPOCH), Duration::from_secs(3));
    /// assert_eq!(Moment::EPOCH.saturating_since(later), Duration::ZERO);
    /// ```
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

impl Default for Moment {
    fn default() -> Self {
        Self::EPOCH
    }
}

/// Saturates at the end of time instead of overflowing: "never" is a legal duration in configuration.
impl Add<Duration> for Moment {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_an_endless_duration_saturates() {
        assert_eq!(Moment::from_nanos(5) + Duration::MAX, Moment::from_nanos(u64::MAX));
        assert_eq!(Moment::EPOCH.saturating_since(Moment::from_nanos(1)), Duration::ZERO);
        assert_eq!(Moment::from_nanos(7).saturating_since(Moment::from_nanos(2)), Duration::from_nanos(5));
    }
}
