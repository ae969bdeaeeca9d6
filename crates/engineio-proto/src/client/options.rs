//! [`ClientOptions`] and [`ClientLimits`]: what a client's session may be told, each with its default.
//!
//! Leaves out everything about addresses, requests and encryption, which are the runtime's.

use std::time::Duration;

use crate::{TransportKind, WhenFull};

/// How a client's session behaves. Rows B3, B4, B6.
///
/// ```
/// use engineio_proto::{ClientOptions, TransportKind};
///
/// let mut options = ClientOptions::default();
/// options.transports = vec![TransportKind::WebSocket];
/// options.limits.max_message_bytes = 1_000_000;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientOptions {
    /// The transports that may be used; the first one opens the session (row B3). Default long-polling, then WebSocket.
    pub transports: Vec<TransportKind>,
    /// Whether to move to a WebSocket where the server offers it and it is among the transports (row B4). Default true.
    pub upgrade: bool,
    /// Whether a transport that fails while opening is followed by the next one (row B6); it is not upgraded to then. Default
    /// false: the first failure is the end.
    pub try_all_transports: bool,
    /// Bounds and times.
    pub limits: ClientLimits,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            transports: vec![TransportKind::Polling, TransportKind::WebSocket],
            upgrade: true,
            try_all_transports: false,
            limits: ClientLimits::default(),
        }
    }
}

/// Bounds and times of a client's session.
///
/// Memory that a server can make the session hold is at most twice `max_message_bytes` (an answer or a message on its way in,
/// where each packet of an answer counts with 64 bytes) + `max_queue_bytes` (messages on their way out) + one payload on
/// its way out.
///
/// ```
/// let mut limits = engineio_proto::ClientLimits::default();
/// limits.open_timeout = std::time::Duration::from_secs(5);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientLimits {
    /// Bytes of the answer to a GET, or of a WebSocket message. A longer one ends the session as `transport error`.
    /// Default 100 MiB, which is what the reference's WebSocket library takes (row B18).
    pub max_message_bytes: usize,
    /// Frames that one WebSocket message may be cut into. Default 1,024 (hazard S34).
    pub max_fragments: u32,
    /// Bytes queued for a server that does not read. At the bound happens what [`ClientLimits::when_full`] says. Default
    /// 16 MiB.
    pub max_queue_bytes: usize,
    /// What is done for a message that would not fit into the queue. Default [`WhenFull::Refuse`].
    pub when_full: WhenFull,
    /// From the first attempt to the open packet, over all transports that are tried (row E10). Default 20 s.
    pub open_timeout: Duration,
    /// From the start of an upgrade to its end; then the session stays on long-polling. Default 10 s.
    pub upgrade_timeout: Duration,
    /// How long a graceful close waits for what is queued to leave. Default 30 s.
    pub close_timeout: Duration,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            max_message_bytes: 100 << 20,
            max_fragments: 1024,
            max_queue_bytes: 16 << 20,
            when_full: WhenFull::Refuse,
            open_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(30),
        }
    }
}
