//! [`Pace`]: the times of a soak, which its server and its clients have to agree on. Everything else is in the two
//! programs.

use std::time::Duration;

/// How long one unit of a soak is. All deadlines of the server are a few units, so that everything that a client can leave
/// behind is over soon.
///
/// ```
/// use std::time::Duration;
///
/// let pace = soak::Pace::new(Duration::from_secs(1));
/// assert!(pace.hold() > pace.ping_interval() + pace.ping_timeout());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pace(Duration);

impl Pace {
    /// With that unit.
    #[must_use]
    pub const fn new(unit: Duration) -> Self {
        Self(unit)
    }

    /// From the first word of a command line that says a whole number of milliseconds, for the programs.
    #[must_use]
    pub fn from_word(word: Option<String>) -> Option<Self> {
        word?.parse().ok().filter(|unit| *unit > 0).map(|unit| Self(Duration::from_millis(unit)))
    }

    /// Between two pings.
    #[must_use]
    pub fn ping_interval(self) -> Duration {
        self.0 * 3
    }

    /// For a pong. Long beside the interval: the well-behaved have to keep it on a busy machine.
    #[must_use]
    pub fn ping_timeout(self) -> Duration {
        self.0 * 5
    }

    /// For an upgrade, for a CONNECT, for an acknowledgement, and for what is left when a session is closed.
    #[must_use]
    pub fn patience(self) -> Duration {
        self.0 * 3
    }

    /// Over which the clients of a burst begin.
    #[must_use]
    pub fn burst(self) -> Duration {
        self.0 * 4
    }

    /// How long a client that does nothing more holds on to its connection: longer than every deadline.
    #[must_use]
    pub fn hold(self) -> Duration {
        self.0 * 10
    }
}
