//! [`CloseReason`]: why a session ended.

use std::fmt;

/// Why a session ended, in the reference's words (row A51).
///
/// ```
/// assert_eq!(engineio_proto::CloseReason::PingTimeout.as_str(), "ping timeout");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The transport failed or the peer broke its rules: overlapping requests, an aborted poll, a bad frame.
    TransportError,
    /// The peer closed the transport.
    TransportClose,
    /// This side closed the session.
    ForcedClose,
    /// No pong came in time.
    PingTimeout,
    /// The peer sent something that is not a packet.
    ParseError,
}

impl CloseReason {
    /// The reason as the reference writes it.
    ///
    /// ```
    /// assert_eq!(engineio_proto::CloseReason::PingTimeout.as_str(), "ping timeout");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TransportError => "transport error",
            Self::TransportClose => "transport close",
            Self::ForcedClose => "forced close",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The end of a session: the reason, and one sentence on what happened.
///
/// ```
/// use engineio_proto::{CloseMode, CloseReason, Dialect, Moment, Output, ServerSession};
///
/// let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &"0{}".into(), Moment::EPOCH);
/// let mut out = Vec::new();
/// session.handle_close(CloseMode::Discard, Moment::EPOCH, &mut out);
/// let Some(Output::Closed(closed)) = out.pop() else { panic!("it is open") };
/// assert_eq!((closed.reason, closed.detail), (CloseReason::ForcedClose, "closed by this side"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// The reason.
    pub reason: CloseReason,
    /// What happened, for logs.
    pub detail: &'static str,
}

impl Closed {
    /// An end, for those who end a session for a reason of their own.
    ///
    /// ```
    /// use engineio_proto::{CloseReason, Closed};
    ///
    /// assert_eq!(Closed::new(CloseReason::ParseError, "no packet").to_string(), "parse error: no packet");
    /// ```
    #[must_use]
    pub const fn new(reason: CloseReason, detail: &'static str) -> Self {
        Self { reason, detail }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.detail)
    }
}
