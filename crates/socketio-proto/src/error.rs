//! What can go wrong: [`DecodeError`] (the peer's fault), [`EncodeError`] (the caller's fault) and
//! [`ArgumentError`] (the peer sent a proper packet whose values do not fit the type asked for).
//!
//! Leaves out what to do about it: the server closes the connection at a [`DecodeError`].

use std::{error::Error, fmt};

/// Why a message is not a packet. The connection that sent it cannot be used any further.
///
/// `offset` is in bytes from the start of the message. The text of each is the reference's where
/// it has one.
///
/// ```
/// use socketio_proto::{DecodeError, Decoder, DecoderLimits};
///
/// let error = Decoder::new(DecoderLimits::default()).handle("9".into()).unwrap_err();
/// assert_eq!(error, DecodeError::UnknownPacketType(Some('9')));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The first character is no packet type; `None` for an empty message.
    UnknownPacketType(Option<char>),
    /// The number of attachments is missing, is no number, or does not end in `-`.
    IllegalAttachmentCount {
        /// Where the number should be.
        offset: usize,
    },
    /// More attachments are announced than [`max_attachments`](crate::DecoderLimits::max_attachments).
    TooManyAttachments {
        /// The bound.
        limit: usize,
    },
    /// The attachments have more bytes than
    /// [`max_attachment_bytes`](crate::DecoderLimits::max_attachment_bytes).
    AttachmentsTooLarge {
        /// The bound in bytes.
        limit: usize,
    },
    /// The namespace is longer than [`max_namespace_bytes`](crate::DecoderLimits::max_namespace_bytes); or, in
    /// a MessagePack packet, it is missing, is no string or does not begin with a slash.
    InvalidNamespace {
        /// The bound in bytes.
        limit: usize,
    },
    /// The acknowledgement id is no integer, is negative, is larger than [`AckId::MAX`](crate::AckId::MAX) or
    /// has too many digits.
    InvalidAckId {
        /// Where it is.
        offset: usize,
    },
    /// The payload is missing, is no JSON, is nested too deep, or has the wrong shape for the type; or
    /// the event's name is reserved.
    InvalidPayload {
        /// Where it was noticed.
        offset: usize,
    },
    /// A placeholder does not name one of the announced attachments, or names one a second time, or has
    /// further members; or, in a MessagePack packet with binary data, an object of the sender's own could be
    /// taken for one.
    IllegalPlaceholder {
        /// Where the placeholder is.
        offset: usize,
    },
    /// A text message came where an attachment should.
    TextWhileReconstructing,
    /// A binary message came where no attachment was announced.
    UnexpectedBinary,
    /// A text message came, and the parser in use knows binary ones only.
    UnexpectedText,
    /// The message is not one whole packet in the format of the parser in use: it is cut short, has something
    /// behind its end, is no MessagePack, or is no map with string keys, each of the packet's own at most once.
    InvalidPacket {
        /// Where it was noticed.
        offset: usize,
    },
    /// The packet's type is missing or is not a number from 0 to 4. For MessagePack; in the default format it is
    /// [`UnknownPacketType`](Self::UnknownPacketType).
    InvalidPacketType,
    /// What a parser from outside this crate has against it.
    Custom(Box<str>),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownPacketType(Some(kind)) => write!(f, "unknown packet type {}", kind.escape_default()),
            Self::UnknownPacketType(None) => f.write_str("unknown packet type: empty message"),
            Self::IllegalAttachmentCount { offset } => write!(f, "Illegal attachments (byte {offset})"),
            Self::TooManyAttachments { limit } => write!(f, "too many attachments (limit {limit})"),
            Self::AttachmentsTooLarge { limit } => write!(f, "attachments too large (limit {limit} bytes)"),
            Self::InvalidNamespace { limit } => write!(f, "invalid namespace (limit {limit} bytes)"),
            Self::InvalidAckId { offset } => write!(f, "invalid acknowledgement id (byte {offset})"),
            Self::InvalidPayload { offset } => write!(f, "invalid payload (byte {offset})"),
            Self::IllegalPlaceholder { offset } => write!(f, "illegal attachments (byte {offset})"),
            Self::TextWhileReconstructing => f.write_str("got plaintext data when reconstructing a packet"),
            Self::UnexpectedBinary => f.write_str("got binary data when not reconstructing a packet"),
            Self::UnexpectedText => f.write_str("got plaintext data, expected binary"),
            Self::InvalidPacket { offset } => write!(f, "invalid packet (byte {offset})"),
            Self::InvalidPacketType => f.write_str("invalid packet type"),
            Self::Custom(reason) => f.write_str(reason),
        }
    }
}

impl Error for DecodeError {}

/// Why a value cannot be sent.
///
/// ```
/// use socketio_proto::{Body, EncodeError};
///
/// assert_eq!(Body::event("disconnect", &()), Err(EncodeError::ReservedEvent));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The event's name is one of [`RESERVED_EVENTS`](crate::RESERVED_EVENTS), which every peer refuses.
    ReservedEvent,
    /// The value's `Serialize` failed, or JSON has no way to say it; with the reason.
    Unrepresentable(Box<str>),
    /// Bytes in the payload of a CONNECT or CONNECT_ERROR, which cannot have attachments.
    BinaryNotAllowed,
    /// The payload of a CONNECT must be an object.
    NotAnObject,
    /// Beside real attachments there is an object of the caller's with `"_placeholder": true` (or with an
    /// array or object under that key), which the other side would take for one: at best it reads the
    /// wrong bytes, at worst it closes the connection.
    PlaceholderLookalike,
    /// Nested deeper than [`MAX_DEPTH`](crate::DecoderLimits::MAX_DEPTH).
    TooDeep,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedEvent => f.write_str("this event name is reserved"),
            Self::Unrepresentable(reason) => write!(f, "this value cannot be sent as JSON: {reason}"),
            Self::BinaryNotAllowed => f.write_str("a connect payload cannot carry binary data"),
            Self::NotAnObject => f.write_str("a connect payload must be an object"),
            Self::PlaceholderLookalike => {
                f.write_str("an object with \"_placeholder\": true cannot be sent beside binary data")
            }
            Self::TooDeep => f.write_str("this value is nested too deep"),
        }
    }
}

impl Error for EncodeError {}

/// Why the values of a packet do not fit the type that was asked for.
///
/// ```
/// use socketio_proto::Body;
///
/// let event = Body::event("add", &(1, "two"))?;
/// assert_eq!(event.args::<(u8, u8)>().unwrap_err().index(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentError {
    index: usize,
    reason: Box<str>,
}

impl ArgumentError {
    pub(crate) fn new(index: usize, reason: &dyn fmt::Display) -> Self {
        Self { index, reason: reason.to_string().into() }
    }

    /// Which argument it was, counted from 0 and without the event's name; 0 where there are no
    /// arguments, as in a CONNECT.
    ///
    /// ```
    /// let body = socketio_proto::Body::event("add", &(1, "two"))?;
    /// let error = body.args::<(u8, u8)>().expect_err("the second is no number");
    /// assert_eq!(error.index(), 1);
    /// # Ok::<(), socketio_proto::EncodeError>(())
    /// ```
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "argument {}: {}", self.index, self.reason)
    }
}

impl Error for ArgumentError {}
