//! [`CloseCode`] and [`CloseFrame`]: why a peer closes. [RFC 6455 §7.4]
//!
//! Owns which codes may stand in a close frame and how its payload is read; writing one is in
//! `frame_encoder.rs`.

use std::fmt;

use bytes::Bytes;

use super::FrameError;
use crate::Text;

/// A status code that may stand in a close frame. [RFC 6455 §7.4]
///
/// The codes that only ever describe a local observation (1005, 1006, 1015), the reserved ones (1004,
/// 1016..=2999) and everything outside of 1000..=4999 cannot be made.
///
/// ```
/// use engineio_proto::websocket::CloseCode;
///
/// assert_eq!(CloseCode::new(1000), Some(CloseCode::NORMAL));
/// assert_eq!(CloseCode::new(1006), None); // says what was seen, and is never sent
/// assert_eq!(CloseCode::MESSAGE_TOO_BIG.as_u16(), 1009);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server goes down, or the browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the framing rules.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a kind of data that this endpoint does not take.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a policy was violated; the generic refusal.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message over the limits. [EIO4 maxPayload]
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the client misses an extension in the handshake's answer.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: the server met an unexpected condition.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the server restarts (registered with IANA after the RFC).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the server is overloaded (registered with IANA after the RFC).
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got a bad answer (registered with IANA after the RFC).
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code with this number; `None` where it may not stand in a frame.
    ///
    /// ```
    /// use engineio_proto::websocket::CloseCode;
    ///
    /// assert_eq!(CloseCode::new(4000).map(CloseCode::as_u16), Some(4000)); // the application's own
    /// assert_eq!(CloseCode::new(999), None);
    /// ```
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a close frame says; a close frame may also be empty, which is an `Option` of this.
///
/// ```
/// use bytes::BytesMut;
/// use engineio_proto::websocket::{CloseCode, CloseFrame, FrameDecoder, FrameEvent, FrameLimits, Role, encode_close};
///
/// let mut bytes = BytesMut::new();
/// encode_close(Some(CloseCode::GOING_AWAY), "bye", None, &mut bytes);
/// let event = FrameDecoder::new(Role::Client, FrameLimits::default()).decode(&mut bytes);
/// let frame = CloseFrame { code: CloseCode::GOING_AWAY, reason: "bye".into() };
/// assert_eq!(event, Ok(Some(FrameEvent::Close(Some(frame)))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// The status code.
    pub code: CloseCode,
    /// Text for people, at most 123 bytes; often empty.
    pub reason: Text,
}

impl CloseFrame {
    /// Reads the unmasked payload of a close frame. [RFC 6455 §5.5.1]
    ///
    /// # Errors
    /// Where the payload is a single byte, the code may not stand in a frame, or the reason is not UTF-8.
    pub(super) fn decode(payload: &Bytes) -> Result<Option<Self>, FrameError> {
        let (high, low) = match **payload {
            [] => return Ok(None),
            [_] => return Err(FrameError::ClosePayloadTruncated),
            [high, low, ..] => (high, low),
        };
        let number = u16::from_be_bytes([high, low]);
        let code = CloseCode::new(number).ok_or(FrameError::CloseCodeForbidden(number))?;
        let reason = if payload.len() == 2 { Bytes::new() } else { payload.slice(2..) };
        let reason = Text::from_utf8(reason).map_err(|_| FrameError::CloseReasonNotUtf8)?;
        Ok(Some(Self { code, reason }))
    }
}
