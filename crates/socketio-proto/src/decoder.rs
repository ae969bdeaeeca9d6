//! [`Decoder`]: from messages to packets, holding at most one packet that waits for its attachments.
//!
//! Owns the header, the order of text and binary messages and the limits; leaves out the payload (`body.rs`). [SIO5 Packet encoding]

use bytes::Bytes;
use engineio_proto::{Message, Text};

use crate::{AckId, Body, DecodeError, DecoderLimits, Namespace, Packet, PacketKind, body};

/// Below this, copying an attachment costs less than keeping what lies around it.
const SMALL_ATTACHMENT_BYTES: usize = 16 * 1024;

/// Digits of the largest number that is looked at; longer ones are refused before they are counted up.
const MAX_DIGITS: usize = 16;

/// Puts packets together from the messages of one connection. [SIO5 Packet encoding]
///
/// After an error it has forgotten everything, but the connection is beyond repair and should be closed
/// (C32). Between packets it holds no memory of its own.
///
/// ```
/// use socketio_proto::{Decoder, DecoderLimits};
///
/// let mut decoder = Decoder::new(DecoderLimits::default());
/// assert!(decoder.handle(r#"51-["file",{"_placeholder":true,"num":0}]"#.into())?.is_none()); // the attachment is to come
/// let packet = decoder.handle(bytes::Bytes::from_static(b"content").into())?.ok_or("complete")?;
/// assert_eq!(packet.body.ok_or("an event has one")?.attachments(), ["content"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    limits: DecoderLimits,
    partial: Option<Box<Partial>>,
}

/// A packet whose attachments are still on their way.
#[derive(Debug)]
struct Partial {
    kind: PacketKind,
    namespace: Namespace,
    ack: Option<AckId>,
    json: Text,
    expected: usize,
    attachments: Vec<Bytes>,
    attachment_bytes: usize,
}

impl Decoder {
    /// A decoder that waits for a packet.
    #[must_use]
    pub const fn new(limits: DecoderLimits) -> Self {
        Self { limits, partial: None }
    }

    /// Puts other limits in force from the next message on, say once the peer has joined a namespace.
    ///
    /// ```
    /// use socketio_proto::{Decoder, DecoderLimits};
    ///
    /// let mut limits = DecoderLimits::default();
    /// limits.max_attachments = 0; // before the peer has joined a namespace
    /// let mut decoder = Decoder::new(limits);
    /// decoder.set_limits(DecoderLimits::default());
    /// assert!(decoder.handle(r#"51-["file",{"_placeholder":true,"num":0}]"#.into()).is_ok());
    /// ```
    pub const fn set_limits(&mut self, limits: DecoderLimits) {
        self.limits = limits;
    }

    /// Whether a packet waits for attachments. How long it may is for the caller to say.
    ///
    /// ```
    /// use socketio_proto::{Decoder, DecoderLimits};
    ///
    /// let mut decoder = Decoder::new(DecoderLimits::default());
    /// decoder.handle(r#"51-["file",{"_placeholder":true,"num":0}]"#.into())?;
    /// assert!(decoder.is_partial()); // one attachment is to come
    /// # Ok::<(), socketio_proto::DecodeError>(())
    /// ```
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.partial.is_some()
    }

    /// Takes the next message; yields the packet which it completes.
    ///
    /// ```
    /// use socketio_proto::{Decoder, DecoderLimits, PacketKind};
    ///
    /// let mut decoder = Decoder::new(DecoderLimits::default());
    /// let packet = decoder.handle(r#"2/chat,7["hello",1]"#.into())?.ok_or("it has no attachments")?;
    /// assert_eq!((packet.kind, packet.namespace.as_str()), (PacketKind::Event, "/chat"));
    /// assert!(decoder.handle("9".into()).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Where the message is not what the protocol allows here, or is beyond a limit.
    pub fn handle(&mut self, message: Message) -> Result<Option<Packet>, DecodeError> {
        match (message, self.partial.take()) {
            (Message::Text(text), None) => self.handle_text(text),
            (Message::Binary(bytes), Some(partial)) => self.handle_attachment(partial, bytes),
            (Message::Text(_), Some(_)) => Err(DecodeError::TextWhileReconstructing),
            (Message::Binary(_), None) => Err(DecodeError::UnexpectedBinary),
        }
    }

    fn handle_attachment(&mut self, mut partial: Box<Partial>, bytes: Bytes) -> Result<Option<Packet>, DecodeError> {
        let limit = self.limits.max_attachment_bytes;
        partial.attachment_bytes = partial.attachment_bytes.saturating_add(bytes.len());
        if partial.attachment_bytes > limit {
            return Err(DecodeError::AttachmentsTooLarge { limit });
        }
        let parked = partial.attachments.len() + 1 < partial.expected;
        // A small attachment that has to wait for others would keep the whole read it came in.
        let copied = parked && bytes.len() < SMALL_ATTACHMENT_BYTES;
        partial.attachments.push(if copied { Bytes::copy_from_slice(&bytes) } else { bytes });
        if parked {
            self.partial = Some(partial);
            return Ok(None);
        }
        let Partial { kind, namespace, ack, json, attachments, .. } = *partial;
        Ok(Some(Packet { kind, namespace, ack, body: Some(Body::from_wire(json, attachments)) }))
    }

    fn handle_text(&mut self, text: Text) -> Result<Option<Packet>, DecodeError> {
        let (kind, binary) = packet_type(&text)?;
        let mut header = Header { text: &text, at: 1 };
        let expected = if binary { header.attachment_count(self.limits.max_attachments)? } else { 0 };
        let namespace = header.namespace(self.limits.max_namespace_bytes)?;
        let ack = header.ack()?;
        let start = header.at;
        let Some(json) = body::check_payload(text, start, kind, expected)? else {
            return Ok(Some(Packet { kind, namespace, ack, body: None }));
        };
        if expected == 0 {
            return Ok(Some(Packet { kind, namespace, ack, body: Some(Body::from_wire(json, Vec::new())) }));
        }
        let (attachments, attachment_bytes) = (Vec::new(), 0);
        self.partial = Some(Box::new(Partial { kind, namespace, ack, json, expected, attachments, attachment_bytes }));
        Ok(None)
    }
}

/// The type of packet, and whether it is one of the binary variants.
fn packet_type(text: &str) -> Result<(PacketKind, bool), DecodeError> {
    Ok(match text.as_bytes().first() {
        Some(b'0') => (PacketKind::Connect, false),
        Some(b'1') => (PacketKind::Disconnect, false),
        Some(b'2') => (PacketKind::Event, false),
        Some(b'3') => (PacketKind::Ack, false),
        Some(b'4') => (PacketKind::ConnectError, false),
        Some(b'5') => (PacketKind::Event, true),
        Some(b'6') => (PacketKind::Ack, true),
        _ => return Err(DecodeError::UnknownPacketType(text.chars().next())),
    })
}

/// What stands between the type and the payload.
struct Header<'a> {
    text: &'a Text,
    at: usize,
}

impl Header<'_> {
    fn rest(&self) -> &[u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The digits from here on; `None` if there are more than any number in a header needs.
    fn digits(&self) -> Option<&str> {
        let count = self.rest().iter().take(MAX_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
        self.text.get(self.at..self.at + count).filter(|_| count <= MAX_DIGITS)
    }

    /// (C9)
    fn attachment_count(&mut self, limit: usize) -> Result<usize, DecodeError> {
        let illegal = DecodeError::IllegalAttachmentCount { offset: self.at };
        let Some(digits) = self.digits() else { return Err(DecodeError::TooManyAttachments { limit }) };
        let len = digits.len();
        let count: u64 = digits.parse().map_err(|_| illegal.clone())?;
        if self.rest().get(len) != Some(&b'-') {
            return Err(illegal);
        }
        self.at += len + 1;
        usize::try_from(count).ok().filter(|count| *count <= limit).ok_or(DecodeError::TooManyAttachments { limit })
    }

    /// (C13)
    fn namespace(&mut self, limit: usize) -> Result<Namespace, DecodeError> {
        let rest = self.rest();
        if rest.first() != Some(&b'/') {
            return Ok(Namespace::root());
        }
        let invalid = DecodeError::InvalidNamespace { limit };
        // Looking no further than a name may go, so that a long one costs nothing.
        let window = rest.get(..=limit).unwrap_or(rest);
        let (len, comma) = match memchr::memchr(b',', window) {
            Some(comma) => (comma, 1),
            None if window.len() == rest.len() && rest.len() <= limit => (rest.len(), 0),
            None => return Err(invalid),
        };
        let name = self.text.slice(self.at, self.at + len).ok_or(invalid)?;
        self.at += len + comma;
        Ok(if name.len() == 1 { Namespace::root() } else { Namespace::from_wire(name) })
    }

    /// (C14)
    fn ack(&mut self) -> Result<Option<AckId>, DecodeError> {
        let invalid = DecodeError::InvalidAckId { offset: self.at };
        let digits = self.digits().ok_or(invalid.clone())?;
        if digits.is_empty() {
            return Ok(None);
        }
        let len = digits.len();
        let id = digits.parse().ok().map(AckId).filter(|id| *id <= AckId::MAX).ok_or(invalid)?;
        self.at += len;
        Ok(Some(id))
    }
}

#[cfg(test)]
mod tests;
