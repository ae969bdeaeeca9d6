//! [`Limits`]: every bound of a session, its default, what it costs, and what happens at it; [`WhenFull`] where that is
//! a matter of choice.

use std::time::Duration;

/// Bounds and times of a session.
///
/// Memory that one peer can make the session hold is at most `max_payload_bytes` (a body or a message on
/// its way in; of a body, some 100 bytes more for each of at most 1,024 packets at a time) + `max_queue_bytes` (messages on their way
/// out) + one payload being answered.
///
/// ```
/// let mut limits = engineio_proto::Limits::default();
/// limits.max_payload_bytes = 5_000_000;
/// limits.ping_interval = std::time::Duration::from_secs(10);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a POST body or of a WebSocket message; told to the client as `maxPayload`. At the bound a
    /// POST is answered 413 and a WebSocket closed with 1009, and the session ends as `transport error`.
    /// Also the budget of one long-polling answer. Default 1,000,000 (row A9).
    pub max_payload_bytes: usize,
    /// Frames that one WebSocket message may be cut into; at the bound the connection is closed with 1009.
    /// Default 1,024 (hazard S34).
    pub max_fragments: u32,
    /// Bytes queued for a peer that does not read. At the bound happens what [`Limits::when_full`] says.
    /// Default 16 MiB: several payloads, little against what the system's own socket buffers hold for
    /// thousands of connections.
    pub max_queue_bytes: usize,
    /// What is done for a message that would not fit into the queue. Default [`WhenFull::Refuse`] (row J1).
    pub when_full: WhenFull,
    /// From open, or from the last pong, to the next ping. Default 25 s (row A7).
    pub ping_interval: Duration,
    /// From a ping to its pong; then the session ends as `ping timeout`. Where a message is under way that takes longer, its bytes
    /// prolong it, 16 KiB at a time (hazard R16). Default 20 s (row A8).
    pub ping_timeout: Duration,
    /// From the arrival of a second transport to its `5`; then that transport is closed and the session
    /// stays on the first. Time in which nothing is read, since the application lags behind, does not count. Default
    /// 10 s (row A6).
    pub upgrade_timeout: Duration,
    /// How long a graceful close waits for the peer to take what is queued. Default 30 s (row A53).
    pub close_timeout: Duration,
}

/// What is done for a message that would not fit into the send queue (row J1).
///
/// ```
/// use engineio_proto::{Limits, WhenFull};
///
/// let mut limits = Limits::default();
/// assert_eq!(limits.when_full, WhenFull::Refuse);
/// limits.when_full = WhenFull::DropOldest; // for news that grow old
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// It is refused with [`SendError::Full`](crate::SendError::Full): the sender decides, and may wait for room.
    #[default]
    Refuse,
    /// The oldest groups of messages that were sent as [droppable](crate::SendOptions::droppable) are dropped until it
    /// fits, and the sender is told how many. Where dropping all of them would not be enough, none is dropped and it
    /// is refused.
    DropOldest,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_payload_bytes: 1_000_000,
            max_fragments: 1024,
            max_queue_bytes: 16 << 20,
            when_full: WhenFull::Refuse,
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(30),
        }
    }
}
