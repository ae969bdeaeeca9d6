//! Errors of the codec, split by whose fault they are. The reaction is a function of the error:
//! [`DecodeError`] closes the session as a parse error (row A69), a [`SendError`] goes back to the caller.
//!
//! Leaves out refused requests (`request.rs`) and frame errors (`websocket/`), which have answers of
//! their own.

use std::fmt;

/// The peer sent something that is not a packet. [EIO4 Packet encoding]
///
/// ```
/// use engineio_proto::{DecodeError, Packets};
///
/// assert_eq!(Packets::new("b%%%".into()).next(), Some(Err(DecodeError::Base64)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// A packet without its kind.
    Empty,
    /// A kind that does not exist; the first byte of the packet.
    UnknownKind(u8),
    /// A binary packet (`b…`) whose rest is not base64.
    Base64,
    /// A payload that is not UTF-8; the offset in bytes of the first bad one.
    Utf8(usize),
    /// A packet's length that is no number, too long, or more than is there. [EIO3 Payload]
    Length,
    /// A form without the field that carries the payload. [EIO3 JSONP]
    Form,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a packet without its kind"),
            Self::UnknownKind(kind) => write!(f, "unknown packet kind {:?}", char::from(*kind)),
            Self::Base64 => f.write_str("a binary packet that is not base64"),
            Self::Utf8(at) => write!(f, "not UTF-8 from byte {at} on"),
            Self::Length => f.write_str("a packet whose length is wrong"),
            Self::Form => f.write_str("a form without the field `d`"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// A message that could not be queued.
///
/// ```
/// let full = engineio_proto::SendError::Full { queued: 100, limit: 100 };
/// assert_ne!(full, engineio_proto::SendError::Closed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The session is closing or closed.
    Closed,
    /// The queue holds `queued` bytes of at most `limit`: the peer reads too slowly.
    Full {
        /// Bytes queued already.
        queued: usize,
        /// Bytes allowed, [`Limits::max_queue_bytes`](crate::Limits::max_queue_bytes).
        limit: usize,
    },
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the session is closed"),
            Self::Full { queued, limit } => {
                write!(
                    f,
                    "the send queue is full ({queued} of {limit} bytes): wait until the peer has read, or raise max_queue_bytes"
                )
            }
        }
    }
}

impl std::error::Error for SendError {}
