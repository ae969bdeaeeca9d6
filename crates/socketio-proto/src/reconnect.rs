//! [`Backoff`]: how long a client waits before it tries to connect again. (E6 to E9, R14)
//!
//! Owns the numbers and their reasons; leaves out the clock, and when a count begins anew, which is the caller's.

use std::time::Duration;

/// The most that 2^n is multiplied up to, in milliseconds. Beyond it the reference's formula comes to infinity, then to
/// "not a number", and then to no delay at all, after an outage of some 90 minutes. (R14)
const LARGEST_BASE: f64 = (1_u64 << 52) as f64;

/// From this attempt on, doubling changes nothing any more.
const LAST_DOUBLING: u32 = 1000;

/// Whether a client comes back by itself, how often it tries, and how long it waits in between. (E6 to E8)
///
/// ```
/// use std::time::Duration;
///
/// let mut options = socketio_proto::ReconnectOptions::default();
/// options.attempts = Some(10);
/// options.delay_max = Duration::from_secs(60);
/// ```
#[derive(Copy, Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReconnectOptions {
    /// How often it tries before it gives up; `None` for ever, which is the default. (E6)
    pub attempts: Option<u32>,
    /// About how long it waits before the first retry; twice as long before the next, and so on. Default 1 s. (E7)
    pub delay: Duration,
    /// The longest that it waits. Default 5 s. (E7)
    pub delay_max: Duration,
    /// By which part of itself a delay is made longer or shorter by chance, so that the clients of a server which comes
    /// back do not all come at once: from 0, not at all, to 1. What is below is taken for 0, what is above for 1, and
    /// what is no number for 0. Default 0.5. (E8)
    pub randomization_factor: f64,
}

impl Default for ReconnectOptions {
    /// For ever, after 1 s to 5 s, with a factor of 0.5.
    fn default() -> Self {
        Self {
            attempts: None,
            delay: Duration::from_secs(1),
            delay_max: Duration::from_secs(5),
            randomization_factor: 0.5,
        }
    }
}

/// The sequence of delays between attempts, a function of its options and its seed. (E9)
///
/// The first delay is from 500 to 1500 ms by default, the next from 1000 to 3000, then from 2000 to 5000, and never more
/// than 5000. All are whole milliseconds. However many there were, the next is still in these bounds.
///
/// ```
/// use std::time::Duration;
/// use socketio_proto::{Backoff, ReconnectOptions};
///
/// let mut options = ReconnectOptions::default();
/// options.attempts = Some(4);
/// options.randomization_factor = 0.0;
///
/// let mut backoff = Backoff::new(options, 7);
/// let delays: Vec<_> = std::iter::from_fn(|| backoff.next_delay()).collect();
/// assert_eq!(delays, [1, 2, 4, 5].map(Duration::from_secs));
/// assert_eq!(backoff.attempts(), 4);
///
/// backoff.reset(); // it has connected
/// assert_eq!(backoff.next_delay(), Some(Duration::from_secs(1)));
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    options: ReconnectOptions,
    attempts: u32,
    random: SplitMix64,
}

impl Backoff {
    /// A sequence that has not begun. Clients with different seeds, of whatever origin, do not come back at the same
    /// time.
    #[must_use]
    pub const fn new(options: ReconnectOptions, seed: u64) -> Self {
        Self { options, attempts: 0, random: SplitMix64(seed) }
    }

    /// How long to wait before the next attempt, which is counted; `None` once all attempts have been used up.
    ///
    /// ```
    /// use socketio_proto::{Backoff, ReconnectOptions};
    ///
    /// let mut options = ReconnectOptions::default();
    /// options.attempts = Some(1);
    /// let mut backoff = Backoff::new(options, 7);
    /// assert!(backoff.next_delay().is_some());
    /// assert_eq!(backoff.next_delay(), None); // it has failed
    /// ```
    pub fn next_delay(&mut self) -> Option<Duration> {
        if self.options.attempts.is_some_and(|most| self.attempts >= most) {
            return None;
        }
        let delay = delay_before(self.attempts, &self.options, &mut || self.random.next_fraction());
        self.attempts = self.attempts.saturating_add(1);
        Some(delay)
    }

    /// How many attempts there have been since the last [`reset`](Self::reset). (E20)
    ///
    /// ```
    /// let mut backoff = socketio_proto::Backoff::new(Default::default(), 7);
    /// backoff.next_delay();
    /// backoff.next_delay();
    /// assert_eq!(backoff.attempts(), 2);
    /// ```
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Begins anew: the client has connected, has given up or was told to stop. Chance goes on where it is.
    pub const fn reset(&mut self) {
        self.attempts = 0;
    }

    /// The options in use.
    #[must_use]
    pub const fn options(&self) -> &ReconnectOptions {
        &self.options
    }

    /// Other options from the next delay on; the count stays. (E15)
    ///
    /// ```
    /// use socketio_proto::{Backoff, ReconnectOptions};
    ///
    /// let mut backoff = Backoff::new(ReconnectOptions::default(), 7);
    /// let mut options = *backoff.options();
    /// options.attempts = Some(0);
    /// backoff.set_options(options);
    /// assert_eq!(backoff.next_delay(), None);
    /// ```
    pub const fn set_options(&mut self, options: ReconnectOptions) {
        self.options = options;
    }
}

/// Before the attempt with this number, from 0. Both the deviation and its direction come from the same random number, as
/// in the reference.
fn delay_before(attempt: u32, options: &ReconnectOptions, random: &mut dyn FnMut() -> f64) -> Duration {
    let doubled = 2_f64.powi(attempt.min(LAST_DOUBLING).cast_signed());
    let mut delay = (millis(options.delay) * doubled).min(LARGEST_BASE);
    let factor = options.randomization_factor.clamp(0.0, 1.0);
    // What is no number is not above anything.
    if factor > 0.0 {
        let random = random();
        let deviation = (random * factor * delay).floor();
        let is_shorter = ((random * 10.0) as u32).is_multiple_of(2);
        delay += if is_shorter { -deviation } else { deviation };
    }
    // Truncated.
    Duration::from_millis(delay.min(millis(options.delay_max)) as u64)
}

fn millis(duration: Duration) -> f64 {
    // From nanoseconds: the whole milliseconds of a duration stay whole.
    duration.as_nanos() as f64 / 1e6
}

/// Small, and the same for ever; nothing that has to be secret comes from it.
#[derive(Clone, Debug)]
struct SplitMix64(u64);

impl SplitMix64 {
    /// From 0, included, to 1, excluded.
    fn next_fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        let mixed = mixed ^ mixed >> 31;
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests;
