//! Payloads: several packets in the body of one GET answer or POST. [EIO4 Payload]
//!
//! Packets are joined by U+001E; binary messages stand as `b` + base64. Owns both directions for
//! version 4; leaves out single packets (`packet.rs`).

use base64::{
    Engine as _, alphabet,
    engine::{
        DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig,
        general_purpose::{PAD, STANDARD},
    },
};
use bytes::{BufMut, Bytes, BytesMut};

use crate::{Message, MessageFrame, Packet, Text, error::DecodeError};

/// What stands between two packets.
///
/// ```
/// let payload = b"4one\x1e4two";
/// assert_eq!(payload.split(|byte| *byte == engineio_proto::SEPARATOR).count(), 2);
/// ```
pub const SEPARATOR: u8 = 0x1E;

const LENIENT: GeneralPurposeConfig = PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD_OR_UNPADDED: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE_OR_UNPADDED: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The packets of a payload, in order. After the first error there is nothing more (row A87).
///
/// The packets share the memory of the payload; base64 is decoded into memory of its own.
///
/// ```
/// use engineio_proto::{Message, Packet, Packets};
///
/// let packets: Result<Vec<_>, _> = Packets::new("4hi\u{1e}bAQI=".into()).collect();
/// let binary = Message::Binary(vec![1, 2].into());
/// assert_eq!(packets, Ok(vec![Packet::Message("hi".into()), Packet::Message(binary)]));
/// ```
#[derive(Debug)]
pub struct Packets {
    payload: Text,
    /// Where the next packet starts; `None` when the last has been read.
    next: Option<usize>,
}

impl Packets {
    /// Reads a payload. An empty one is one empty packet, and so an error.
    ///
    /// ```
    /// use engineio_proto::{DecodeError, Packets};
    ///
    /// let mut packets = Packets::new("4a\u{1e}9\u{1e}4b".into());
    /// assert!(packets.next().is_some_and(|packet| packet.is_ok()));
    /// assert_eq!(packets.next(), Some(Err(DecodeError::UnknownKind(b'9'))));
    /// assert_eq!(packets.next(), None); // nothing more after an error
    /// ```
    #[must_use]
    pub const fn new(payload: Text) -> Self {
        Self { payload, next: Some(0) }
    }
}

impl Iterator for Packets {
    type Item = Result<Packet, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next.take()?;
        let rest = self.payload.as_bytes().get(start..)?;
        let end = memchr::memchr(SEPARATOR, rest).map(|at| start + at);
        // The separator is ASCII: both bounds are character boundaries.
        let packet = self.payload.slice(start, end.unwrap_or(self.payload.len()))?;
        let decoded = decode(packet);
        if decoded.is_ok() {
            self.next = end.map(|at| at + 1);
        }
        Some(decoded)
    }
}

fn decode(packet: Text) -> Result<Packet, DecodeError> {
    let Some(encoded) = packet.strip_prefix('b') else {
        return Packet::take(packet);
    };
    Ok(Packet::Message(Message::Binary(decode_base64(encoded)?)))
}

/// Some clients leave the padding out or use the URL-safe alphabet, and the reference takes both.
pub(crate) fn decode_base64(encoded: &str) -> Result<Bytes, DecodeError> {
    let bytes = STANDARD_OR_UNPADDED.decode(encoded).or_else(|_| URL_SAFE_OR_UNPADDED.decode(encoded));
    bytes.map(Bytes::from).map_err(|_| DecodeError::Base64)
}

/// What an answer's body is, which its content type says (row A61).
///
/// ```
/// use engineio_proto::{ContentKind, Dialect};
///
/// assert_eq!(Dialect::V4.control("6").content, ContentKind::Text);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentKind {
    /// UTF-8 text.
    Text,
    /// Bytes, in revision 3 only.
    Binary,
}

/// A payload that was written: the body of the answer to a GET.
///
/// ```
/// use engineio_proto::{MessageFrame, PayloadWriter};
///
/// let mut writer = PayloadWriter::new();
/// writer.push_message(&MessageFrame::text(&["hello"]).uncompressed(), 1000);
/// let payload = writer.finish();
/// assert_eq!((&payload.bytes[..], payload.compress), (&b"4hello"[..], false));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The packets, joined.
    pub bytes: Bytes,
    /// Whether HTTP may compress it: where any of its packets may be (row A12).
    pub compress: bool,
    /// What it is.
    pub content: ContentKind,
}

impl Payload {
    /// A payload of one packet that belongs to the protocol: too short to compress.
    ///
    /// ```
    /// let noop = engineio_proto::Payload::control("6");
    /// assert_eq!(noop.bytes, "6");
    /// assert!(!noop.compress);
    /// ```
    #[must_use]
    pub const fn control(packet: &'static str) -> Self {
        Self { bytes: Bytes::from_static(packet.as_bytes()), compress: false, content: ContentKind::Text }
    }
}

/// Writes a payload packet by packet, within a budget of bytes.
///
/// ```
/// use engineio_proto::{MessageFrame, PayloadWriter};
///
/// let mut writer = PayloadWriter::new();
/// writer.push_text("2");
/// assert!(writer.push_message(&MessageFrame::binary(&[1, 2]), 100));
/// assert_eq!(writer.finish().bytes, "2\u{1e}bAQI=");
/// ```
#[derive(Debug, Default)]
pub struct PayloadWriter {
    bytes: BytesMut,
    compress: bool,
}

impl PayloadWriter {
    /// An empty payload.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing has been written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds a packet that is text already: its kind and data.
    ///
    /// ```
    /// let mut writer = engineio_proto::PayloadWriter::new();
    /// writer.push_text("2");
    /// writer.push_text("6");
    /// assert_eq!(writer.finish().bytes, "2\u{1e}6");
    /// ```
    pub fn push_text(&mut self, packet: &str) {
        self.compress = true;
        self.separate();
        self.bytes.put_slice(packet.as_bytes());
    }

    /// Adds a message if the payload then has at most `budget` bytes, or if it is the first:
    /// a message over the budget travels alone rather than never. Says whether it was added.
    ///
    /// ```
    /// use engineio_proto::{MessageFrame, PayloadWriter};
    ///
    /// let (frame, mut writer) = (MessageFrame::text(&["0123456789"]), PayloadWriter::new());
    /// assert!(writer.push_message(&frame, 4)); // the first goes, whatever its size
    /// assert!(!writer.push_message(&frame, 4)); // to be tried again with the next payload
    /// assert_eq!(writer.finish().bytes, "40123456789");
    /// ```
    pub fn push_message(&mut self, frame: &MessageFrame, budget: usize) -> bool {
        let packet = frame.packet();
        let len = if frame.is_binary() { 1 + packet.len().div_ceil(3) * 4 } else { packet.len() };
        if !self.has_room(len, budget) {
            return false;
        }
        self.bytes.reserve(len + 1);
        self.compress |= frame.may_compress();
        self.separate();
        if frame.is_binary() {
            self.bytes.put_u8(b'b');
            let start = self.bytes.len();
            self.bytes.resize(start + len - 1, 0);
            // The room was computed above; base64 with padding needs exactly that much.
            let written = STANDARD.encode_slice(packet, &mut self.bytes[start..]).unwrap_or_default();
            self.bytes.truncate(start + written);
        } else {
            self.bytes.put_slice(packet);
        }
        true
    }

    /// Whether a packet of so many bytes may be added: the payload then has at most `budget` bytes, or it is the first.
    pub(crate) fn has_room(&self, len: usize, budget: usize) -> bool {
        self.is_empty() || self.bytes.len() + 1 + len <= budget
    }

    /// The payload, ready for a body.
    ///
    /// ```
    /// use engineio_proto::{ContentKind, PayloadWriter};
    ///
    /// let mut writer = PayloadWriter::new();
    /// writer.push_text("6");
    /// assert_eq!(writer.finish().content, ContentKind::Text);
    /// ```
    #[must_use]
    pub fn finish(self) -> Payload {
        Payload { bytes: self.bytes.freeze(), compress: self.compress, content: ContentKind::Text }
    }

    fn separate(&mut self) {
        if !self.bytes.is_empty() {
            self.bytes.put_u8(SEPARATOR);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packets(payload: &str) -> Vec<Result<Packet, DecodeError>> {
        Packets::new(payload.into()).collect()
    }

    #[test]
    fn packets_are_split_at_the_separator_and_binary_is_base64() {
        let text = |t: &str| Ok(Packet::Message(t.into()));
        assert_eq!(packets("4hello"), [text("hello")]);
        assert_eq!(packets("4a\u{1e}2\u{1e}4é"), [text("a"), Ok(Packet::Ping("".into())), text("é")]);
        let binary = Ok(Packet::Message(Message::Binary(Bytes::from_static(&[1, 2, 3, 4]))));
        assert_eq!(packets("4hello\u{1e}bAQIDBA=="), [text("hello"), binary]);
    }

    #[test]
    fn reading_stops_at_the_first_bad_packet_and_keeps_those_before() {
        let text = |t: &str| Ok(Packet::Message(t.into()));
        assert_eq!(packets(""), [Err(DecodeError::Empty)]);
        assert_eq!(packets("4a\u{1e}"), [text("a"), Err(DecodeError::Empty)]);
        assert_eq!(packets("4a\u{1e}9\u{1e}4b"), [text("a"), Err(DecodeError::UnknownKind(b'9'))]);
        assert_eq!(packets("4a\u{1e}b%%%\u{1e}4b"), [text("a"), Err(DecodeError::Base64)]);
    }

    #[test]
    fn base64_is_taken_without_padding_and_in_either_alphabet() {
        let expected = [Ok(Packet::Message(Message::Binary(Bytes::from_static(&[0xFB, 0xEF, 0xFF, 0x01]))))];
        for payload in ["b++//AQ==", "b++//AQ", "b--__AQ==", "b--__AQ"] {
            assert_eq!(packets(payload), expected, "{payload}");
        }
        for payload in ["b+-//AQ==", "bA", "bAQ=A", "bé"] {
            assert_eq!(packets(payload), [Err(DecodeError::Base64)], "{payload}");
        }
    }

    #[test]
    fn a_message_over_the_budget_is_left_for_the_next_payload_unless_it_is_the_first() {
        let frame = MessageFrame::text(&["0123456789"]);
        let mut writer = PayloadWriter::new();
        assert!(writer.push_message(&frame, 4), "the first always goes");
        assert!(!writer.push_message(&frame, 22));
        assert!(writer.push_message(&frame, 23));
        assert_eq!(&writer.finish().bytes[..], b"40123456789\x1e40123456789");
    }

    fn message() -> impl Strategy<Value = Message> {
        prop_oneof![
            "[^\u{1e}]{0,20}".prop_map(|text| Message::Text(text.into())),
            proptest::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Message::Binary(bytes.into())),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(messages in proptest::collection::vec(message(), 1..12)) {
            let mut writer = PayloadWriter::new();
            for message in &messages {
                prop_assert!(writer.push_message(&message.into(), usize::MAX));
            }
            let payload = Text::from_utf8(writer.finish().bytes).unwrap();
            let read: Vec<_> = Packets::new(payload).collect();
            prop_assert_eq!(read, messages.into_iter().map(|m| Ok(Packet::Message(m))).collect::<Vec<_>>());
        }

        /// Hazard R26.
        #[test]
        fn no_payload_makes_the_reader_panic_or_go_on_for_ever(payload in "\\PC{0,64}|[0-7b\u{1e}=A]{0,64}") {
            prop_assert!(Packets::new(payload.as_str().into()).count() <= payload.len() + 1);
        }
    }
}
