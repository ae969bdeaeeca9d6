//! [`Message`]: what an application sends and receives over a session, and [`MessageFrame`], the same
//! made ready for the wire once, so that a broadcast costs each recipient a reference count.
//!
//! Leaves out the other packet kinds (`packet.rs`) and the frame format itself (`websocket/`).

use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    Text,
    websocket::{self, Deflater},
};

/// One message, text or binary. [EIO4 Message]
///
/// ```
/// use engineio_proto::Message;
///
/// assert_eq!(Message::from("hello").len(), 5);
/// assert!(matches!(Message::from(bytes::Bytes::from_static(b"\x01")), Message::Binary(_)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// UTF-8 text.
    Text(Text),
    /// Raw bytes; base64 on long-polling, a binary frame on WebSocket.
    Binary(Bytes),
}

impl Message {
    /// Length of the payload in bytes, without any framing.
    ///
    /// ```
    /// assert_eq!(engineio_proto::Message::from("é").len(), 2);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Text> for Message {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

/// A message with its unmasked WebSocket frame header in front, in one piece of shared memory.
///
/// Layout: `header ‖ packet`, where the packet is `4` + text for text and the raw bytes for binary.
/// WebSocket writes the whole, long-polling takes the packet behind the header; a WebSocket with permessage-deflate
/// writes [`MessageFrame::deflated`].
///
/// ```
/// let frame = engineio_proto::MessageFrame::text(&["hel", "lo"]);
/// assert_eq!(frame.packet(), b"4hello");
/// assert_eq!(frame.message(), engineio_proto::Message::from("hello"));
/// ```
#[derive(Clone, Debug)]
pub struct MessageFrame {
    bytes: Bytes,
    /// Where all clones find the compressed frame, once one of them needed it; `None` in it where it would not be
    /// shorter. Without such a place each compresses for itself.
    deflated: Option<Arc<OnceLock<Option<Bytes>>>>,
    header_len: u8,
    binary: bool,
    compress: bool,
}

impl MessageFrame {
    /// The frame of a text message made of `parts`, which are joined without anything between them.
    ///
    /// ```
    /// let frame = engineio_proto::MessageFrame::text(&["hel", "lo"]);
    /// assert_eq!(&frame.frame()[..], b"\x81\x064hello");
    /// ```
    #[must_use]
    pub fn text(parts: &[&str]) -> Self {
        let len = 1 + parts.iter().map(|part| part.len()).sum::<usize>();
        let (mut bytes, header_len) = start(websocket::Opcode::Text, len);
        bytes.put_u8(b'4');
        for part in parts.iter().filter(|part| !part.is_empty()) {
            bytes.put_slice(part.as_bytes());
        }
        Self { bytes: bytes.freeze(), deflated: None, header_len, binary: false, compress: true }
    }

    /// The frame of a packet that is text already, kind included.
    pub(crate) fn packet_text(packet: &str) -> Self {
        let (mut bytes, header_len) = start(websocket::Opcode::Text, packet.len());
        bytes.put_slice(packet.as_bytes());
        Self { bytes: bytes.freeze(), deflated: None, header_len, binary: false, compress: true }
    }

    /// The frame of a binary message.
    ///
    /// ```
    /// let frame = engineio_proto::MessageFrame::binary(&[1, 2]);
    /// assert!(frame.is_binary());
    /// assert_eq!(&frame.frame()[..], [0x82, 2, 1, 2]);
    /// ```
    #[must_use]
    pub fn binary(payload: &[u8]) -> Self {
        Self::packet_binary(&[], payload)
    }

    /// The frame of a binary packet with something in front of its payload.
    pub(crate) fn packet_binary(prefix: &[u8], payload: &[u8]) -> Self {
        let (mut bytes, header_len) = start(websocket::Opcode::Binary, prefix.len() + payload.len());
        bytes.put_slice(prefix);
        bytes.put_slice(payload);
        Self { bytes: bytes.freeze(), deflated: None, header_len, binary: true, compress: true }
    }

    /// The same, not to be compressed on its way: neither by permessage-deflate nor, where it travels alone, by HTTP
    /// (row A12). What is random or compressed already costs time and shrinks nothing.
    ///
    /// ```
    /// use engineio_proto::MessageFrame;
    ///
    /// assert!(MessageFrame::binary(&[1]).may_compress());
    /// assert!(!MessageFrame::binary(&[1]).uncompressed().may_compress());
    /// ```
    #[must_use]
    pub fn uncompressed(self) -> Self {
        Self { compress: false, deflated: None, ..self }
    }

    /// The same, to be cloned for many: permessage-deflate then compresses it once, for whoever comes first, and not
    /// again for each clone. What it made is kept as long as a clone is; the place for it costs some 60 bytes, so this
    /// is for servers that do compress.
    ///
    /// ```
    /// use engineio_proto::{MessageFrame, websocket::Deflater};
    ///
    /// let frame = MessageFrame::text(&["news ".repeat(500).as_str()]).shared();
    /// let (one, other) = (frame.clone(), frame);
    /// let mut deflater = Deflater::new(6);
    /// assert_eq!(one.deflated(&mut deflater).as_ptr(), other.deflated(&mut deflater).as_ptr());
    /// ```
    #[must_use]
    pub fn shared(self) -> Self {
        Self { deflated: self.compress.then(Arc::default), ..self }
    }

    /// Whether a transport that compresses may compress it (row A12); true unless said otherwise.
    #[must_use]
    pub const fn may_compress(&self) -> bool {
        self.compress
    }

    /// The whole WebSocket frame, header included.
    ///
    /// ```
    /// let frame = engineio_proto::MessageFrame::text(&["hi"]);
    /// assert_eq!(&frame.frame()[..], [0x81, 3, b'4', b'h', b'i']);
    /// ```
    #[must_use]
    pub const fn frame(&self) -> &Bytes {
        &self.bytes
    }

    /// The whole WebSocket frame, given away.
    ///
    /// ```
    /// let frame = engineio_proto::MessageFrame::binary(&[7]);
    /// assert_eq!(&frame.into_frame()[..], [0x82, 1, 7]);
    /// ```
    #[must_use]
    pub fn into_frame(self) -> Bytes {
        self.bytes
    }

    /// The whole frame for a WebSocket with permessage-deflate: compressed, if it is shorter that way and allowed
    /// ([`MessageFrame::may_compress`]). Whether it is long enough to be worth the work, the caller has asked.
    /// [RFC 7692 §6]
    ///
    /// ```
    /// use engineio_proto::{MessageFrame, websocket::Deflater};
    ///
    /// let frame = MessageFrame::text(&["again ".repeat(100).as_str()]);
    /// assert!(frame.deflated(&mut Deflater::new(6)).len() < frame.len());
    /// ```
    #[must_use]
    pub fn deflated(&self, deflater: &mut Deflater) -> Bytes {
        if !self.compress {
            return self.bytes.clone();
        }
        let opcode = if self.binary { websocket::Opcode::Binary } else { websocket::Opcode::Text };
        let mut deflate = || deflater.encode_frame(opcode, self.packet(), None);
        let deflated = match &self.deflated {
            Some(shared) => shared.get_or_init(deflate).clone(),
            None => deflate(),
        };
        deflated.unwrap_or_else(|| self.bytes.clone())
    }

    /// The packet without the frame header: `4` + text, or the raw bytes of a binary message.
    ///
    /// ```
    /// use engineio_proto::MessageFrame;
    ///
    /// assert_eq!(MessageFrame::text(&["hi"]).packet(), b"4hi");
    /// assert_eq!(MessageFrame::binary(&[7]).packet(), [7]);
    /// ```
    #[must_use]
    pub fn packet(&self) -> &[u8] {
        &self.bytes[usize::from(self.header_len)..]
    }

    /// The packet of a text message as text; empty for a binary one.
    pub(crate) fn text_packet(&self) -> &str {
        if self.binary {
            return "";
        }
        // The text came in as `&str`, so the check cannot fail.
        std::str::from_utf8(self.packet()).unwrap_or_default()
    }

    /// Whether this is a binary message.
    #[must_use]
    pub const fn is_binary(&self) -> bool {
        self.binary
    }

    /// Bytes that it costs in a queue.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never true: a frame has at least its header. Here for completeness beside [`MessageFrame::len`].
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The message that it carries, sharing the memory.
    ///
    /// ```
    /// use engineio_proto::{Message, MessageFrame};
    ///
    /// assert_eq!(MessageFrame::binary(&[7]).message(), Message::Binary(vec![7].into()));
    /// ```
    #[must_use]
    pub fn message(&self) -> Message {
        let start = usize::from(self.header_len);
        if self.binary {
            return Message::Binary(self.bytes.slice(start..));
        }
        // The text came in as `&str`, so the check cannot fail.
        Message::Text(Text::from_utf8(self.bytes.slice(start + 1..)).unwrap_or_default())
    }
}

impl PartialEq for MessageFrame {
    /// Whether both carry the same and may be compressed alike; not whether one of them has been.
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.compress == other.compress
    }
}

impl Eq for MessageFrame {}

impl From<&Message> for MessageFrame {
    fn from(message: &Message) -> Self {
        match message {
            Message::Text(text) => Self::text(&[text]),
            Message::Binary(bytes) => Self::binary(bytes),
        }
    }
}

fn start(opcode: websocket::Opcode, payload_len: usize) -> (BytesMut, u8) {
    // Just the room that it takes: the memory is then shared without being moved, and without a second piece of it.
    let header_len = websocket::unmasked_header_bytes(payload_len);
    let mut bytes = BytesMut::with_capacity(usize::from(header_len) + payload_len);
    websocket::encode_header(opcode, true, payload_len as u64, None, &mut bytes);
    (bytes, header_len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_deflated_once_for_all_its_clones() {
        let text = "again and ".repeat(200);
        let frame = MessageFrame::text(&[&text]);
        let (own, shared) = (frame.clone(), frame.clone().shared());
        let mut deflater = Deflater::new(6);
        let first = shared.deflated(&mut deflater);
        assert_eq!(first[0], 0xC1, "text, final, compressed");
        assert!(first.len() < 100 && shared.frame().len() > 2000);
        assert_eq!(shared.clone().deflated(&mut deflater).as_ptr(), first.as_ptr(), "made once");
        assert_ne!(own.deflated(&mut deflater).as_ptr(), own.deflated(&mut deflater).as_ptr(), "made each time");
        assert_eq!((own, shared), (frame.clone(), frame), "they are the same frame still");
    }

    #[test]
    fn a_frame_that_must_not_or_cannot_shrink_goes_as_it_is() {
        let mut deflater = Deflater::new(6);
        let zeros = MessageFrame::binary(&[0; 2000]);
        assert_eq!(zeros.deflated(&mut deflater)[0], 0xC2, "binary, final, compressed");
        let forbidden =
            [zeros.clone().uncompressed(), zeros.clone().shared().uncompressed(), zeros.uncompressed().shared()];
        for frame in forbidden.into_iter().chain([MessageFrame::text(&["short"]).shared()]) {
            for _ in 0..2 {
                let sent = frame.deflated(&mut deflater);
                assert_eq!((&sent, sent.as_ptr()), (frame.frame(), frame.frame().as_ptr()));
            }
        }
    }

    /// It is one piece of memory until it is shared, and nothing is moved for that.
    #[test]
    fn a_frame_takes_just_the_memory_that_it_needs() {
        for len in [0, 1, 124, 125, 126, 127, 65_534, 65_535, 65_536, 70_000] {
            let payload = vec![b'x'; len];
            let frame = MessageFrame::binary(&payload);
            assert_eq!(frame.packet(), payload, "{len}");
            let (bytes, _) = start(websocket::Opcode::Binary, len);
            assert_eq!(bytes.capacity() - bytes.len(), len, "{len}");
        }
    }

    /// What waits in a queue costs this for each recipient.
    #[test]
    fn a_frame_costs_48_bytes_where_it_waits() {
        assert!(size_of::<MessageFrame>() <= 48, "{}", size_of::<MessageFrame>());
    }
}
