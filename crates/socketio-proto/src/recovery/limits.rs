//! [`RecoveryLimits`]: how long sessions and packets are kept, and how many.
//!
//! Owns the numbers and their reasons; leaves out what they are applied to. (D103)

use std::time::Duration;

/// Bounds of a [`Recovery`](crate::Recovery), which is one namespace's.
///
/// # Memory
/// At most `max_bytes` for the packets as the caller counts them, beside some 50 bytes and the caller's own value for
/// each of `max_packets`; and for each of `max_sessions` what the caller saves and some 200 bytes. With the default
/// numbers that is 64 MiB and 5 MB for packets, and 10 MB and the rooms and data of 50 000 clients for sessions. A
/// connected socket costs some 100 bytes.
///
/// Time bounds most of it long before: at 100 packets of 500 bytes each second and the default times, packets take 10 MB.
///
/// ```
/// use std::time::Duration;
///
/// let mut limits = socketio_proto::RecoveryLimits::default();
/// assert_eq!(limits.max_disconnection_duration, Duration::from_secs(120));
/// limits.max_disconnection_duration = Duration::from_secs(600);
/// limits.max_bytes = 256 << 20; // as clients may come back for longer
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryLimits {
    /// How long after its disconnection was noticed a client may come back.
    pub max_disconnection_duration: Duration,
    /// The longest that a connection may have been dead before that is noticed: packets may have been lost for as
    /// long. It is `ping_interval` and twice `ping_timeout`, as the last answer may have been about to time out when
    /// it came; too short a time would let losses go unnoticed.
    pub detection: Duration,
    /// Most packets kept. Where it is too low, clients come back as new ones though their time is not over.
    pub max_packets: usize,
    /// Most bytes of packets kept.
    pub max_bytes: usize,
    /// Most sessions kept for clients that are gone; the oldest are given up first.
    pub max_sessions: usize,
}

impl RecoveryLimits {
    /// How long packets are kept: who comes back at the last moment may have missed those of the time before it was
    /// noticed to be gone.
    pub(super) const fn retention(&self) -> Duration {
        self.max_disconnection_duration.saturating_add(self.detection)
    }
}

impl Default for RecoveryLimits {
    /// 2 minutes as in the reference, a detection of 65 seconds for its default heartbeat, 100 000 packets of 64 MiB
    /// together, 50 000 sessions. The reference has no bounds but time.
    fn default() -> Self {
        Self {
            max_disconnection_duration: Duration::from_secs(120),
            detection: Duration::from_secs(25 + 2 * 20),
            max_packets: 100_000,
            max_bytes: 64 << 20,
            max_sessions: 50_000,
        }
    }
}
