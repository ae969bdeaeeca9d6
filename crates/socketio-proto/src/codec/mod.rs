//! From packets to messages: `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`, then one binary
//! message per attachment. [SIO5 Packet encoding] (C3, C5)
//!
//! Owns [`Encoded`] and the header; leaves out JSON (`json.rs`), what becomes an attachment
//! (`attachments.rs`), the list of arguments (`arguments.rs`) and the way back (`decoder.rs`).

pub(crate) mod arguments;
pub(crate) mod attachments;
pub(crate) mod json;
pub(crate) mod resolve;
mod wellformed;

use std::sync::Arc;

use engineio_proto::{MessageFrame, MessageGroup};
use serde::Serialize;

use crate::{AckId, Body, EncodeError, Namespace, Packet, PacketKind};

/// A packet ready for the wire: its messages, framed once and shared by all who get it.
///
/// The messages must be sent one after the other with none of another packet between them (R20).
/// Cloning costs a reference count.
///
/// ```
/// use socketio_proto::{Namespace, encode_event};
///
/// let packet = encode_event(&Namespace::root(), None, "file", &bytes::Bytes::from_static(b"content"))?;
/// assert_eq!(packet.frames().len(), 2); // the text, and one attachment
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded(Frames);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Frames {
    /// No list to allocate for a packet without attachments.
    One(MessageFrame),
    Many(Arc<[MessageFrame]>),
}

impl Encoded {
    /// One packet in these messages, in this order: for parsers of other formats.
    ///
    /// Without any message nothing is sent.
    ///
    /// ```
    /// use engineio_proto::MessageFrame;
    /// use socketio_proto::Encoded;
    ///
    /// let packet = Encoded::from_frames(vec![MessageFrame::text(&["one"]), MessageFrame::binary(&[2])]);
    /// assert_eq!(packet.frames().len(), 2);
    /// ```
    #[must_use]
    pub fn from_frames(frames: Vec<MessageFrame>) -> Self {
        match <[MessageFrame; 1]>::try_from(frames) {
            Ok([frame]) => Self(Frames::One(frame)),
            Err(frames) => Self(Frames::Many(frames.into())),
        }
    }

    /// The messages in order; those of the default parser are one text, then the attachments.
    ///
    /// ```
    /// use socketio_proto::{Namespace, encode_event};
    ///
    /// let packet = encode_event(&Namespace::root(), None, "hi", &())?;
    /// assert_eq!(packet.frames()[0].packet(), br#"42["hi"]"#);
    /// # Ok::<(), socketio_proto::EncodeError>(())
    /// ```
    #[must_use]
    pub fn frames(&self) -> &[MessageFrame] {
        match &self.0 {
            Frames::One(frame) => std::slice::from_ref(frame),
            Frames::Many(frames) => frames,
        }
    }

    /// The same, not to be compressed on its way; see [`MessageFrame::uncompressed`].
    ///
    /// ```
    /// use socketio_proto::{Namespace, encode_event};
    ///
    /// let packet = encode_event(&Namespace::root(), None, "hi", &())?.uncompressed();
    /// assert!(!packet.frames()[0].may_compress());
    /// # Ok::<(), socketio_proto::EncodeError>(())
    /// ```
    #[must_use]
    pub fn uncompressed(&self) -> Self {
        self.map(MessageFrame::uncompressed)
    }

    /// The same, to be sent to many of whom some want it compressed: that is then done once; see
    /// [`MessageFrame::shared`].
    ///
    /// ```
    /// use engineio_proto::websocket::Deflater;
    /// use socketio_proto::{Namespace, encode_event};
    ///
    /// let packet = encode_event(&Namespace::root(), None, "news", &"long ".repeat(500))?.shared();
    /// let (one, other) = (packet.clone(), packet);
    /// let [one, other] = [one, other].map(|packet| packet.frames()[0].deflated(&mut Deflater::new(6)));
    /// assert_eq!(one.as_ptr(), other.as_ptr()); // made once
    /// # Ok::<(), socketio_proto::EncodeError>(())
    /// ```
    #[must_use]
    pub fn shared(&self) -> Self {
        self.map(MessageFrame::shared)
    }

    /// The messages for a queue, lent.
    ///
    /// ```
    /// use engineio_proto::{MessageGroup, SendOptions, SendQueue, WhenFull};
    /// use socketio_proto::{Namespace, encode_event};
    ///
    /// let packet = encode_event(&Namespace::root(), None, "hi", &())?;
    /// let mut queue = SendQueue::default();
    /// queue.push(packet.group(), SendOptions::KEPT, 1000, WhenFull::Refuse)?;
    /// queue.push(MessageGroup::from(packet), SendOptions::KEPT, 1000, WhenFull::Refuse)?; // given away
    /// assert_eq!(queue.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn group(&self) -> MessageGroup<'_> {
        MessageGroup::Lent(self.frames())
    }

    fn map(&self, change: impl Fn(MessageFrame) -> MessageFrame) -> Self {
        Self(match &self.0 {
            Frames::One(frame) => Frames::One(change(frame.clone())),
            Frames::Many(frames) => Frames::Many(frames.iter().cloned().map(change).collect()),
        })
    }

    /// Bytes that it costs in a queue, frame headers included.
    ///
    /// ```
    /// use socketio_proto::{Namespace, encode_event};
    ///
    /// let packet = encode_event(&Namespace::root(), None, "hi", &())?;
    /// assert_eq!(packet.byte_len(), 10); // 2 of the frame's header, and `42["hi"]`
    /// # Ok::<(), socketio_proto::EncodeError>(())
    /// ```
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.frames().iter().map(MessageFrame::len).sum()
    }
}

/// Gives the messages away, all next to each other.
impl From<Encoded> for MessageGroup<'_> {
    fn from(packet: Encoded) -> Self {
        match packet.0 {
            Frames::One(frame) => frame.into(),
            Frames::Many(frames) => frames.into(),
        }
    }
}

/// An EVENT called `event` with the arguments `args`; with `ack`, the other side is asked to answer.
///
/// The bytes in `args` are copied once, into their frames.
///
/// ```
/// use socketio_proto::{AckId, EncodeError, Namespace, encode_event};
///
/// let packet = encode_event(&Namespace::new("/chat"), Some(AckId(7)), "hello", &("world", 1))?;
/// assert_eq!(packet.frames()[0].packet(), br#"42/chat,7["hello","world",1]"#);
/// let refused = encode_event(&Namespace::root(), None, "disconnect", &());
/// assert!(matches!(refused, Err(EncodeError::ReservedEvent)));
/// # Ok::<(), EncodeError>(())
/// ```
///
/// # Errors
/// [`EncodeError::ReservedEvent`], and whatever keeps `args` from becoming JSON.
pub fn encode_event<T: Serialize + ?Sized>(
    namespace: &Namespace,
    ack: Option<AckId>,
    event: &str,
    args: &T,
) -> Result<Encoded, EncodeError> {
    let mut frames: Vec<MessageFrame> = Vec::new();
    let json = arguments::write_event(event, args, &mut frames)?;
    Ok(join(PacketKind::Event, namespace, ack, &json, frames))
}

/// The ACK that answers the event with the id `ack` with `args`.
///
/// ```
/// use socketio_proto::{AckId, Namespace, encode_ack};
///
/// let packet = encode_ack(&Namespace::root(), AckId(7), &"done")?;
/// assert_eq!(packet.frames()[0].packet(), br#"437["done"]"#);
/// # Ok::<(), socketio_proto::EncodeError>(())
/// ```
///
/// # Errors
/// Whatever keeps `args` from becoming JSON.
pub fn encode_ack<T: Serialize + ?Sized>(namespace: &Namespace, ack: AckId, args: &T) -> Result<Encoded, EncodeError> {
    let mut frames: Vec<MessageFrame> = Vec::new();
    let json = arguments::write_ack(args, &mut frames)?;
    Ok(join(PacketKind::Ack, namespace, Some(ack), &json, frames))
}

/// `packet`, as [`encode`] does.
///
/// ```
/// use socketio_proto::{Body, Namespace, Packet, PacketKind, encode_packet};
///
/// let body = Body::connect(&serde_json::json!({"a": 1}))?;
/// let packet = Packet::new(PacketKind::Connect, Namespace::root(), Some(body));
/// assert_eq!(encode_packet(&packet).frames()[0].packet(), br#"40{"a":1}"#);
/// # Ok::<(), socketio_proto::EncodeError>(())
/// ```
#[must_use]
pub fn encode_packet(packet: &Packet) -> Encoded {
    encode(packet.kind, &packet.namespace, packet.ack, packet.body.as_ref())
}

/// The packet of these parts. The body must have been made for this kind: [`Body::event`] for an EVENT,
/// and so on; nothing here looks into it.
///
/// An EVENT or ACK with attachments is written as BINARY_EVENT or BINARY_ACK. (C4)
///
/// ```
/// use socketio_proto::{Body, Namespace, PacketKind, encode};
///
/// let body = Body::event("file", &bytes::Bytes::from_static(b"content"))?;
/// let packet = encode(PacketKind::Event, &Namespace::root(), None, Some(&body));
/// assert_eq!(packet.frames()[0].packet(), br#"451-["file",{"_placeholder":true,"num":0}]"#);
/// # Ok::<(), socketio_proto::EncodeError>(())
/// ```
#[must_use]
pub fn encode(kind: PacketKind, namespace: &Namespace, ack: Option<AckId>, body: Option<&Body>) -> Encoded {
    let json = body.map_or("", |body| body.json().as_str());
    let frames = body.map_or_else(Vec::new, |body| {
        body.attachments().iter().map(|attachment| MessageFrame::binary(attachment)).collect()
    });
    join(kind, namespace, ack, json, frames)
}

fn join(
    kind: PacketKind,
    namespace: &Namespace,
    ack: Option<AckId>,
    json: &str,
    mut attachments: Vec<MessageFrame>,
) -> Encoded {
    let (namespace, comma) = if namespace.is_root() { ("", "") } else { (namespace.as_str(), ",") };
    let ack = ack.map(|id| Decimal::new(id.0));
    let ack = ack.as_ref().map_or("", Decimal::as_str);
    let digit = digit(kind, !attachments.is_empty());
    if attachments.is_empty() {
        return Encoded(Frames::One(MessageFrame::text(&[digit, namespace, comma, ack, json])));
    }
    let count = Decimal::new(attachments.len() as u64);
    let text = MessageFrame::text(&[digit, count.as_str(), "-", namespace, comma, ack, json]);
    attachments.insert(0, text);
    Encoded(Frames::Many(attachments.into()))
}

const fn digit(kind: PacketKind, binary: bool) -> &'static str {
    match (kind, binary) {
        (PacketKind::Connect, _) => "0",
        (PacketKind::Disconnect, _) => "1",
        (PacketKind::Event, false) => "2",
        (PacketKind::Ack, false) => "3",
        (PacketKind::ConnectError, _) => "4",
        (PacketKind::Event, true) => "5",
        (PacketKind::Ack, true) => "6",
    }
}

/// The decimal digits of a number, without allocating.
struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    fn new(mut number: u64) -> Self {
        let mut decimal = Self { digits: [b'0'; 20], start: 20 };
        loop {
            decimal.start -= 1;
            decimal.digits[decimal.start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return decimal;
            }
        }
    }

    fn as_str(&self) -> &str {
        // Digits are always UTF-8.
        std::str::from_utf8(&self.digits[self.start..]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
