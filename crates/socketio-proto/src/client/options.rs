//! [`ClientSocketOptions`], [`OfflinePolicy`] and [`EmitOptions`]: what a socket of a client may hold, how long it waits
//! and how often it tries.
//!
//! Owns the numbers and their reasons; leaves out what becomes of them (`mod.rs`).

use std::time::Duration;

use crate::Body;

/// What an event that waits costs beside its bytes, for each of its messages: a flood of tiny events is a flood of these.
const ENTRY_BYTES: usize = 64;

/// How a socket of a client behaves.
///
/// ```
/// use std::time::Duration;
/// use socketio_proto::{ClientSocketOptions, OfflinePolicy};
///
/// let mut options = ClientSocketOptions::default();
/// options.retries = Some(3);
/// options.ack_timeout = Some(Duration::from_secs(10));
/// options.offline = OfflinePolicy::Bounded { max_bytes: 1 << 20 };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientSocketOptions {
    /// How often an event that is not volatile is sent again if no acknowledgement of it comes in time: then events go
    /// one at a time, the next after the answer to the last. `None` and 0 send each event once. Default `None`. (E47)
    pub retries: Option<u32>,
    /// How long an acknowledgement is waited for where the emit does not say. `None`, the default, has no limit. (E42)
    pub ack_timeout: Option<Duration>,
    /// What becomes of events that are emitted while the socket is not connected. (E37)
    pub offline: OfflinePolicy,
    /// Most events that are kept because they came before the server's CONNECT. Default 100 000, as many as a server of
    /// this project replays: with less, a client that missed much is not recovered. (E38)
    pub max_early_events: usize,
    /// Most bytes that these events may hold, each counted with 64 bytes for each of its messages. Default 64 MiB, for
    /// the same reason.
    pub max_early_bytes: usize,
}

impl Default for ClientSocketOptions {
    /// No retries, no time limit, 16 MiB while offline; 100 000 early events in 64 MiB.
    fn default() -> Self {
        Self {
            retries: None,
            ack_timeout: None,
            offline: OfflinePolicy::default(),
            max_early_events: 100_000,
            max_early_bytes: 64 << 20,
        }
    }
}

impl ClientSocketOptions {
    /// How often an event is sent again, where events wait for the answer to the one before.
    pub(super) fn queueing(&self) -> Option<u32> {
        self.retries.filter(|retries| *retries > 0)
    }
}

/// What becomes of events that are emitted while the socket is not connected. (E37, R39)
///
/// Volatile events are never kept.
///
/// ```
/// use socketio_proto::OfflinePolicy;
///
/// assert_eq!(OfflinePolicy::default(), OfflinePolicy::Bounded { max_bytes: 16 << 20 });
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum OfflinePolicy {
    /// They are refused.
    None,
    /// They are kept up to so many bytes, each event counted with 64 bytes for each of its messages; beyond it they are
    /// refused, and what is kept stays. Events that wait for their turn under
    /// [`retries`](ClientSocketOptions::retries) count as well, online or offline.
    Bounded {
        /// The bound in bytes.
        max_bytes: usize,
    },
    /// They are kept, however many, as the reference does.
    Unbounded,
}

impl OfflinePolicy {
    /// What may wait for its turn while connected where nothing may wait while offline.
    const DEFAULT_MAX_BYTES: usize = 16 << 20;

    /// The most that the offline buffer and the queue of retries may hold together; `None` for no bound.
    pub(super) const fn max_bytes(self) -> Option<usize> {
        match self {
            Self::None => Some(Self::DEFAULT_MAX_BYTES),
            Self::Bounded { max_bytes } => Some(max_bytes),
            Self::Unbounded => None,
        }
    }
}

impl Default for OfflinePolicy {
    /// 16 MiB.
    fn default() -> Self {
        Self::Bounded { max_bytes: Self::DEFAULT_MAX_BYTES }
    }
}

/// What an event costs where it is kept, in bytes.
pub(super) fn cost_of(body: &Body) -> usize {
    body.byte_len().saturating_add(ENTRY_BYTES.saturating_mul(1 + body.attachments().len()))
}

/// How one event is emitted.
///
/// ```
/// use socketio_proto::EmitOptions;
///
/// let mut options = EmitOptions::default();
/// options.volatile = true;
/// assert!(options.compress);
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmitOptions {
    /// Sent at once or dropped, never kept and never sent again. Default false. (E39)
    pub volatile: bool,
    /// Whether the transport may compress it. Default true. (E40)
    pub compress: bool,
    /// How long its acknowledgement is waited for, from now on, or, under [`retries`](ClientSocketOptions::retries), at
    /// each try; [`ack_timeout`](ClientSocketOptions::ack_timeout) where it is `None`. (E41)
    pub timeout: Option<Duration>,
}

impl Default for EmitOptions {
    /// Kept, compressed if the transport compresses, with the time limit of the socket.
    fn default() -> Self {
        Self { volatile: false, compress: true, timeout: None }
    }
}
