//! Messages as bytes: [`encode`] and [`decode`], bounded by [`WireLimits`].
//!
//! A message without binary data is a JSON text, any other is MessagePack, both of the same object; the first byte tells which, as a
//! JSON text begins with `{` and a MessagePack map never does. That is how the reference's sharded Redis adapter writes them (F34), and
//! the parts of how the others do (F36, F40). The names in the object are those of rows F9 to F15.
//!
//! Whoever can publish can write anything: nothing is read beyond the bounds, what is missing or of a wrong type is an error, and what
//! is unknown is ignored. (S25)

mod numbering;
mod reading;
mod writing;

use std::{error::Error, fmt};

use bytes::Bytes;
use socketio_proto::{DecoderLimits, Namespace, json_to_msgpack, msgpack_to_json};

use crate::{Envelope, NodeId};

/// Levels of the message above the deepest payload in it.
const LEVELS: usize = 4;

/// The type of a packet of a broadcast.
const EVENT: u8 = 2;

/// What a message may be.
///
/// ```
/// use socketio_cluster::{DecodeError, WireLimits, decode};
///
/// let mut limits = WireLimits::default();
/// limits.max_message_bytes = 10;
/// let refused = decode(&"eleven byte".into(), &limits);
/// assert_eq!(refused, Err(DecodeError::TooLarge { len: 11, limit: 10 }));
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WireLimits {
    /// Longest message in bytes, either way. Reading one takes at most some 30 times as much memory.
    pub max_message_bytes: usize,
}

impl WireLimits {
    /// Most binary values in one message.
    pub const MAX_ATTACHMENTS: usize = 100_000;
    /// Most rooms in one list.
    pub const MAX_ROOMS: usize = 100_000;
}

impl Default for WireLimits {
    /// 16 MiB: an event with the 10 MB of attachments that a client may send has room, and so have the details of some ten thousand
    /// sockets.
    fn default() -> Self {
        Self { max_message_bytes: 16 << 20 }
    }
}

/// The bytes of a message.
///
/// ```
/// use bytes::Bytes;
/// use socketio_cluster::{Envelope, Message, NodeId, WireLimits, decode, encode};
/// use socketio_proto::{Body, Namespace};
///
/// let emit = |event| Envelope {
///     sender: NodeId::new(1),
///     namespace: Namespace::new("/chat"),
///     message: Message::ServerSideEmit { event, request: None },
/// };
/// let limits = WireLimits::default();
///
/// let text = encode(&emit(Body::event("hello", &1)?), &limits)?;
/// assert_eq!(text, r#"{"uid":"0000000000000001","nsp":"/chat","type":9,"data":{"packet":["hello",1]}}"#);
///
/// let binary = emit(Body::event("hello", &Bytes::from_static(&[1, 2]))?);
/// let bytes = encode(&binary, &limits)?;
/// assert_eq!(bytes[0], 0x84); // a MessagePack map of four
/// assert_eq!(decode(&bytes, &limits)?, binary);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`EncodeError::TooLarge`] where it is longer than the others would read.
pub fn encode(envelope: &Envelope, limits: &WireLimits) -> Result<Bytes, EncodeError> {
    let (json, attachments) = writing::write(envelope)?;
    let bytes = if attachments.is_empty() { json.into_bytes() } else { json_to_msgpack(&json, &attachments) };
    let limit = limits.max_message_bytes;
    if bytes.len() > limit { Err(EncodeError::TooLarge { len: bytes.len(), limit }) } else { Ok(bytes.into()) }
}

/// The message in these bytes. What it keeps is copied out of them, but for long binary data, which shares their memory.
///
/// ```
/// use socketio_cluster::{Message, NodeId, WireLimits, decode};
///
/// let bytes = r#"{"uid":"b3a4","nsp":"/","type":2}"#.into();
/// let envelope = decode(&bytes, &WireLimits::default())?;
/// assert_eq!((envelope.sender.as_str(), envelope.message), ("b3a4", Message::Heartbeat));
/// # Ok::<(), socketio_cluster::DecodeError>(())
/// ```
///
/// # Errors
/// See [`DecodeError`].
pub fn decode(bytes: &Bytes, limits: &WireLimits) -> Result<Envelope, DecodeError> {
    let limit = limits.max_message_bytes;
    if bytes.len() > limit {
        return Err(DecodeError::TooLarge { len: bytes.len(), limit });
    }
    if bytes.first() == Some(&b'{') {
        let json = std::str::from_utf8(bytes).map_err(|error| DecodeError::malformed(&error))?;
        return reading::read(json, &[]);
    }
    let mut decoder_limits = DecoderLimits::default();
    decoder_limits.max_attachments = WireLimits::MAX_ATTACHMENTS;
    decoder_limits.max_attachment_bytes = limit;
    let (json, attachments) = msgpack_to_json(bytes, &decoder_limits, DecoderLimits::MAX_DEPTH + LEVELS)
        .map_err(|error| DecodeError::malformed(&error))?;
    reading::read(&json, &attachments)
}

/// Why a message was not made.
///
/// ```
/// use socketio_cluster::{EncodeError, Envelope, Message, NodeId, WireLimits, encode};
/// use socketio_proto::Namespace;
///
/// let mut limits = WireLimits::default();
/// limits.max_message_bytes = 10;
/// let beat = Envelope { sender: NodeId::new(1), namespace: Namespace::root(), message: Message::Heartbeat };
/// assert!(matches!(encode(&beat, &limits), Err(EncodeError::TooLarge { limit: 10, .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// It is longer than [`max_message_bytes`](WireLimits::max_message_bytes).
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// The bound in bytes.
        limit: usize,
    },
    /// It holds something that the format has no way to say; with the reason.
    Unrepresentable(Box<str>),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { len, limit } => write!(f, "this message has {len} bytes (limit {limit})"),
            Self::Unrepresentable(reason) => write!(f, "this message cannot be sent: {reason}"),
        }
    }
}

impl Error for EncodeError {}

/// Why bytes from the others are no message. It is ignored, and nothing else comes of it: there is nobody to punish, as the backplane is
/// shared.
///
/// ```
/// use socketio_cluster::{DecodeError, NodeId, WireLimits, decode};
/// use socketio_proto::Namespace;
///
/// let newer = decode(&r#"{"uid":"b3a4","nsp":"/","type":99}"#.into(), &WireLimits::default());
/// let (sender, namespace) = (NodeId::parse("b3a4").expect("an id"), Namespace::root());
/// assert_eq!(newer, Err(DecodeError::UnknownType { sender, namespace, number: 99 }));
/// assert!(matches!(decode(&"hello".into(), &WireLimits::default()), Err(DecodeError::Malformed(_))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// They are more than [`max_message_bytes`](WireLimits::max_message_bytes).
    TooLarge {
        /// How many they are.
        len: usize,
        /// The bound.
        limit: usize,
    },
    /// They are neither JSON nor MessagePack, or lack a field, or a field has the wrong type; with the reason.
    Malformed(Box<str>),
    /// The message is of a type that is not known here: the sender is of a newer version. (R34)
    UnknownType {
        /// Who sent it; it is alive.
        sender: NodeId,
        /// What it is about.
        namespace: Namespace,
        /// The number of the type.
        number: u64,
    },
}

impl DecodeError {
    fn malformed(reason: &dyn fmt::Display) -> Self {
        Self::Malformed(reason.to_string().into())
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { len, limit } => write!(f, "a message of {len} bytes (limit {limit})"),
            Self::Malformed(reason) => write!(f, "malformed message: {reason}"),
            Self::UnknownType { sender, number, .. } => write!(f, "unknown message type {number} from {sender}"),
        }
    }
}

impl Error for DecodeError {}

#[cfg(test)]
mod tests;
