//! What goes in and out of a session beside plain bytes: [`Output`], [`WireFrame`], and the outcomes of its inputs.

use bytes::Bytes;

use crate::{
    Closed, Message, MessageFrame, Payload,
    id::{PollId, WireId},
    request::Reject,
    websocket::{CloseCode, FrameError},
};

/// What the session asks its runtime to do, in this order.
///
/// ```
/// use engineio_proto::*;
///
/// let open = "0{}".into();
/// let (mut session, wire) = ServerSession::open_wire(Default::default(), Dialect::V4, &open, Moment::EPOCH);
/// let mut out = Vec::new();
/// session.handle_close(CloseMode::Discard, Moment::EPOCH, &mut out);
/// for output in out.drain(..) {
///     match output {
///         Output::Closed(closed) => assert_eq!(closed.reason, CloseReason::ForcedClose),
///         Output::CloseWire(closed, code) => assert_eq!((closed, code), (wire, None)),
///         other => panic!("{other:?}"),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Answer this GET.
    Answer(PollId, Answer),
    /// Hand this message to the application.
    Message(Message),
    /// The WebSocket has become the session's transport; the application may be told.
    Upgraded,
    /// Write what was taken for this WebSocket, then a close frame with this code (none: without a code,
    /// row A81), then close it.
    CloseWire(WireId, Option<CloseCode>),
    /// The session is over; nothing comes after this but [`Output::CloseWire`].
    Closed(Closed),
}

/// A frame to write on a WebSocket.
///
/// ```
/// use engineio_proto::{MessageFrame, WireFrame};
///
/// let frame = WireFrame::Message(MessageFrame::text(&["hello"]));
/// assert_eq!(&frame.into_bytes()[..], b"\x81\x064hello");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireFrame {
    /// Of the session itself, heartbeat or control: to be written as it is.
    Ready(Bytes),
    /// A message of the application's: to be compressed where that was agreed on, or written as it is.
    Message(MessageFrame),
}

impl WireFrame {
    /// The bytes to write where nothing is compressed.
    ///
    /// ```
    /// use engineio_proto::WireFrame;
    ///
    /// assert_eq!(&WireFrame::Ready(b"\x81\x012"[..].into()).into_bytes()[..], b"\x81\x012");
    /// ```
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Ready(bytes) => bytes,
            Self::Message(frame) => frame.into_frame(),
        }
    }
}

/// The answer to a GET.
///
/// ```
/// # use engineio_proto::*;
/// # let open = "0{}".into();
/// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
/// # let mut out = Vec::new();
/// session.handle_send(&[MessageFrame::text(&["hello"])])?;
/// let poll = session.handle_poll_opened(&mut out).expect("it polls");
/// let Some(Output::Answer(answered, Answer::Payload(payload))) = out.pop() else { panic!("it has a message") };
/// assert_eq!((answered, &payload.bytes[..]), (poll, &b"4hello"[..]));
/// # Ok::<(), SendError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200 with this payload (row A61).
    Payload(Payload),
    /// 400 without a body (row A63).
    BadRequest,
}

/// A second WebSocket was offered to the session.
///
/// ```
/// # use engineio_proto::*;
/// # let open = "0{}".into();
/// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
/// let first = session.handle_wire_attached(Dialect::V4, Moment::EPOCH);
/// assert!(matches!(first, Attached::Candidate(_)));
/// assert_eq!(session.handle_wire_attached(Dialect::V4, Moment::EPOCH), Attached::Refused); // one at a time
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// It is the candidate now, under this number.
    Candidate(WireId),
    /// Refused: complete the handshake, then close it; the session is unaffected (rows A47, I1; hazard R5).
    Refused,
}

/// Why a POST is not taken.
///
/// ```
/// # use engineio_proto::*;
/// # let open = "0{}".into();
/// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
/// # let mut out = Vec::new();
/// session.handle_close(CloseMode::Discard, Moment::EPOCH, &mut out);
/// let refused = session.handle_post_begun(&mut out);
/// assert_eq!(refused, Err(PostRefusal::Reject(Reject::UnknownSid)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostRefusal {
    /// Answered from the error table; the session is untouched.
    Reject(Reject),
    /// 400 without a body; the session has been closed (rows A64, A69).
    BadRequest,
}

/// How the body of a POST came to nothing.
///
/// ```
/// # use engineio_proto::*;
/// # let open = "0{}".into();
/// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
/// # let mut out = Vec::new();
/// session.handle_post_begun(&mut out)?;
/// session.handle_post_failed(PostFault::Abandoned, &mut out);
/// assert!(matches!(&out[..], [Output::Closed(closed)] if closed.detail == "the client aborted a POST"));
/// # Ok::<(), PostRefusal>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostFault {
    /// The client went away in the middle (row A66).
    Abandoned,
    /// More bytes than `maxPayload`: 413 (row A68, I5).
    TooLarge,
    /// `application/octet-stream`, which version 4 does not know: 400 (row A67, hazard S13).
    BinaryContent,
}

/// How a WebSocket ended from the outside.
///
/// ```
/// # use engineio_proto::{websocket::FrameEvent, *};
/// # let open = "0{}".into();
/// # let (mut session, wire) = ServerSession::open_wire(Default::default(), Dialect::V4, &open, Moment::EPOCH);
/// # let mut out = Vec::new();
/// # use engineio_proto::websocket::{CloseCode, FrameError};
/// session.handle_wire_lost(wire, WireLoss::Violation(FrameError::InvalidUtf8), Moment::EPOCH, &mut out);
/// assert_eq!(out.pop(), Some(Output::CloseWire(wire, Some(CloseCode::INVALID_PAYLOAD))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireLoss {
    /// The connection ended or failed.
    Disconnected,
    /// The peer broke the framing; it is told why by a close code (row A78).
    Violation(FrameError),
}
