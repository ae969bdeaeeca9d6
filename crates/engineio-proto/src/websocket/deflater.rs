//! [`Deflater`]: compresses the payload of a message into a frame. [RFC 7692 §7.2.1]
//!
//! Owns the compressed frame's form and the decision that a message which does not shrink stays as it is. It leaves out
//! which messages are worth a try: that is for the caller to say, by their length or kind. Hazard S38.

use std::fmt;

use bytes::{Bytes, BytesMut};
use flate2::{Compress, Compression, FlushCompress};

use super::{
    Opcode, encode_header,
    header::{COMPRESSED, MAX_HEADER_BYTES},
    mask::apply_mask,
};

/// What a flush ends with; it is left out on the wire. [RFC 7692 §7.2.1]
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// The least room that a message is compressed into, in bytes.
const FIRST_ROOM_BYTES: usize = 256;

/// Compresses messages, each by itself.
///
/// It takes 380 KB, so keep one per thread rather than per connection. It carries nothing over from one message to the
/// next, though what it compressed last stays in its memory until then.
///
/// ```
/// use bytes::BytesMut;
/// use engineio_proto::{Message, websocket::{Deflater, FrameDecoder, FrameEvent, FrameLimits, Opcode, Role}};
///
/// let text = "the same again, ".repeat(100);
/// let frame = Deflater::new(6).encode_frame(Opcode::Text, text.as_bytes(), None).expect("it shrinks");
/// assert!(frame.len() < 100);
///
/// let mut client = FrameDecoder::new(Role::Client, FrameLimits::default()).with_deflate();
/// let event = client.decode(&mut BytesMut::from(&frame[..]));
/// assert_eq!(event, Ok(Some(FrameEvent::Message(Message::from(text)))));
/// ```
pub struct Deflater {
    stream: Compress,
    level: u8,
}

impl Deflater {
    /// Of that level, as zlib counts them: 1 is the quickest, 9 looks hardest. Others count as the nearest of these.
    ///
    /// ```
    /// use engineio_proto::websocket::Deflater;
    ///
    /// assert_eq!((Deflater::new(0).level(), Deflater::new(6).level()), (1, 6));
    /// ```
    #[must_use]
    pub fn new(level: u8) -> Self {
        let level = level.clamp(1, 9);
        Self { stream: Compress::new(Compression::new(level.into()), false), level }
    }

    /// The level that it works at, 1 to 9.
    #[must_use]
    pub const fn level(&self) -> u8 {
        self.level
    }

    /// The whole frame of a message in compressed form, masked where a mask is given; `None` where that would not be
    /// shorter, and for anything but text and binary, which is never compressed. [RFC 7692 §5, §6]
    ///
    /// It gives up as soon as the compressed form is as long as the payload, and holds no more memory than that.
    ///
    /// ```
    /// use engineio_proto::websocket::{Deflater, Opcode};
    ///
    /// let mut deflater = Deflater::new(6);
    /// assert!(deflater.encode_frame(Opcode::Binary, &[0; 1000], None).is_some_and(|frame| frame.len() < 20));
    /// assert!(deflater.encode_frame(Opcode::Binary, &[1, 2, 3], None).is_none()); // no shorter
    /// ```
    pub fn encode_frame(&mut self, opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>) -> Option<Bytes> {
        if !matches!(opcode, Opcode::Text | Opcode::Binary) {
            return None;
        }
        let mut frame = self.deflate(payload)?;
        frame.truncate(frame.len().checked_sub(TAIL.len())?);
        frame.shrink_to_fit();
        Some(with_header(frame, opcode, mask))
    }

    /// The payload in compressed form, [`TAIL`] included, behind the room for a header.
    fn deflate(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        self.stream.reset();
        let ceiling = MAX_HEADER_BYTES + payload.len() + TAIL.len();
        let mut frame = Vec::new();
        frame.reserve_exact((MAX_HEADER_BYTES + FIRST_ROOM_BYTES).max(payload.len() / 4).min(ceiling));
        frame.resize(MAX_HEADER_BYTES, 0);
        let mut input = payload;
        loop {
            let before = self.stream.total_in();
            self.stream.compress_vec(input, &mut frame, FlushCompress::Sync).ok()?;
            let read = usize::try_from(self.stream.total_in() - before).ok()?;
            input = input.get(read..)?;
            if frame.len() >= ceiling {
                return None;
            }
            if frame.len() < frame.capacity() {
                // There was room for everything.
                return (input.is_empty() && frame.ends_with(&TAIL)).then_some(frame);
            }
            frame.reserve_exact(frame.len().min(ceiling - frame.len()));
        }
    }
}

/// Puts the header into the room in front of the payload.
fn with_header(mut frame: Vec<u8>, opcode: Opcode, mask: Option<[u8; 4]>) -> Bytes {
    let payload_len = frame.len().saturating_sub(MAX_HEADER_BYTES);
    let mut header = BytesMut::with_capacity(MAX_HEADER_BYTES);
    encode_header(opcode, true, payload_len as u64, mask, &mut header);
    if let Some(first) = header.first_mut() {
        *first |= COMPRESSED;
    }
    let start = MAX_HEADER_BYTES - header.len();
    if let Some(room) = frame.get_mut(start..MAX_HEADER_BYTES) {
        room.copy_from_slice(&header);
    }
    if let (Some(mask), Some(payload)) = (mask, frame.get_mut(MAX_HEADER_BYTES..)) {
        apply_mask(payload, mask, 0);
    }
    Bytes::from(frame).slice(start..)
}

impl fmt::Debug for Deflater {
    /// Leaves out the state, which holds what was compressed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater").field("level", &self.level).finish_non_exhaustive()
    }
}
