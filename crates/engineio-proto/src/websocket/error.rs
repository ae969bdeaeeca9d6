//! [`FrameError`]: what a peer can do wrong at the level of frames.
//!
//! Owns the kinds and the close code that each calls for; sending the close frame is the session's work.

use std::fmt;

use super::CloseCode;

/// The peer broke the framing rules or went over a limit; the connection cannot be read any further.
///
/// ```
/// use engineio_proto::websocket::{CloseCode, FrameError};
///
/// assert_eq!(FrameError::InvalidUtf8.close_code(), CloseCode::INVALID_PAYLOAD);
/// assert_eq!(FrameError::ReservedOpcode(3).to_string(), "the opcode 0x3 is reserved");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// A reserved bit is set although no extension was agreed on, or where the extension has no use for it.
    /// [RFC 6455 §5.2] [RFC 7692 §6]
    ReservedBits,
    /// An opcode without a meaning; holds its number, 3..=7 or 11..=15. [RFC 6455 §5.2]
    ReservedOpcode(u8),
    /// A control frame without the final bit. [RFC 6455 §5.5]
    FragmentedControl,
    /// A control frame announces more than 125 bytes. [RFC 6455 §5.5]
    ControlTooLong,
    /// A continuation frame while no message is unfinished. [RFC 6455 §5.4]
    UnexpectedContinuation,
    /// A text or binary frame while a fragmented message is unfinished. [RFC 6455 §5.4]
    InterleavedData,
    /// A client sent a frame without a mask. [RFC 6455 §5.1]
    Unmasked,
    /// A server sent a frame with a mask. [RFC 6455 §5.1]
    Masked,
    /// A message over [`FrameLimits::max_message_bytes`](super::FrameLimits::max_message_bytes), as it comes or inflated.
    MessageTooBig {
        /// The limit, in bytes.
        limit: usize,
        /// What the message came to with the frame just announced, in bytes; one more than the limit where it is
        /// over it inflated, since nothing is inflated past that.
        seen: u64,
    },
    /// A message in more frames than [`FrameLimits::max_fragments`](super::FrameLimits::max_fragments).
    TooManyFragments {
        /// The limit, in frames.
        limit: u32,
    },
    /// A payload length in a longer form than it needs. [RFC 6455 §5.2]
    NonMinimalLength,
    /// A 64-bit payload length with the top bit set. [RFC 6455 §5.2]
    LengthTopBit,
    /// A compressed message that cannot be inflated. [RFC 7692 §7.2.2]
    InvalidDeflate,
    /// A text message that is not UTF-8. [RFC 6455 §8.1]
    InvalidUtf8,
    /// A close frame with a payload of one byte. [RFC 6455 §5.5.1]
    ClosePayloadTruncated,
    /// A close frame with a code that may not stand in one; holds it. [RFC 6455 §7.4]
    CloseCodeForbidden(u16),
    /// A close frame whose reason is not UTF-8. [RFC 6455 §5.5.1]
    CloseReasonNotUtf8,
}

impl FrameError {
    /// The code to close the connection with. [RFC 6455 §7.4.1]
    ///
    /// ```
    /// use engineio_proto::websocket::FrameError;
    ///
    /// assert_eq!(FrameError::Unmasked.close_code().as_u16(), 1002);
    /// assert_eq!(FrameError::TooManyFragments { limit: 10 }.close_code().as_u16(), 1009);
    /// ```
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::MessageTooBig { .. } | Self::TooManyFragments { .. } => CloseCode::MESSAGE_TOO_BIG,
            Self::InvalidDeflate | Self::InvalidUtf8 | Self::CloseReasonNotUtf8 => CloseCode::INVALID_PAYLOAD,
            Self::ReservedBits
            | Self::ReservedOpcode(_)
            | Self::FragmentedControl
            | Self::ControlTooLong
            | Self::UnexpectedContinuation
            | Self::InterleavedData
            | Self::Unmasked
            | Self::Masked
            | Self::NonMinimalLength
            | Self::LengthTopBit
            | Self::ClosePayloadTruncated
            | Self::CloseCodeForbidden(_) => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReservedBits => "a reserved bit is set",
            Self::ReservedOpcode(opcode) => return write!(f, "the opcode {opcode:#x} is reserved"),
            Self::FragmentedControl => "a control frame is fragmented",
            Self::ControlTooLong => "a control frame is longer than 125 bytes",
            Self::UnexpectedContinuation => "a continuation frame without a message to continue",
            Self::InterleavedData => "a new message starts within a fragmented one",
            Self::Unmasked => "a frame from the client is not masked",
            Self::Masked => "a frame from the server is masked",
            Self::MessageTooBig { limit, seen } => {
                return write!(f, "a message of {seen} bytes or more is over the limit of {limit} bytes");
            }
            Self::TooManyFragments { limit } => {
                return write!(f, "a message is in more than {limit} fragments");
            }
            Self::NonMinimalLength => "a payload length is not in its shortest form",
            Self::LengthTopBit => "a payload length has its top bit set",
            Self::InvalidDeflate => "a compressed message cannot be inflated",
            Self::InvalidUtf8 => "a text message is not UTF-8",
            Self::ClosePayloadTruncated => "the payload of a close frame is one byte long",
            Self::CloseCodeForbidden(code) => return write!(f, "the close code {code} may not be sent"),
            Self::CloseReasonNotUtf8 => "the reason of a close frame is not UTF-8",
        })
    }
}

impl std::error::Error for FrameError {}
