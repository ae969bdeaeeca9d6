//! [`FrameDecoder`]: bytes in, messages and control frames out. [RFC 6455 §5.4, §5.5, §6.2]
//!
//! Owns the state between two reads: a partial header, a partial payload, an unfinished fragmented
//! message, and the limits on them. It leaves out the checks of one header by itself (`header.rs`) and
//! every reply. It has no clock: how long a message may stay unfinished is for the caller to bound,
//! with [`FrameDecoder::is_idle`].

use std::{fmt, mem};

use bytes::{Buf, Bytes, BytesMut};

use super::{
    CloseFrame, FrameError, Opcode, Role,
    header::{FrameHeader, MAX_HEADER_BYTES},
    inflate::inflate,
    mask::apply_mask,
};
use crate::{Message, Text};

/// What the buffer of an unfinished message starts with, in bytes, unless the whole message is shorter; it
/// keeps the first few dribbled bytes from allocating one by one.
const FIRST_BUFFER_BYTES: usize = 256;

/// From this length on, a frame that came whole is copied by itself, when it is not to be decoded where it lies: many of them
/// together would take more memory in one piece than allocators hand out and take back cheaply.
const OWN_MEMORY_BYTES: u64 = 16 * 1024;

/// Bounds on what a peer may make a [`FrameDecoder`] buffer.
///
/// ```
/// use bytes::BytesMut;
/// use engineio_proto::websocket::{FrameDecoder, FrameError, FrameLimits, Role};
///
/// let limits = FrameLimits { max_message_bytes: 100, ..FrameLimits::default() };
/// let mut header = BytesMut::from(&[0x81, 101][..]); // the payload is not even there
/// let refused = FrameDecoder::new(Role::Client, limits).decode(&mut header);
/// assert_eq!(refused, Err(FrameError::MessageTooBig { limit: 100, seen: 101 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// The longest message, in bytes of payload over all its fragments; 1 000 000 by default, as is
    /// [EIO4 maxPayload]. A message over it is refused by the header that takes it over. A compressed message may be as
    /// long on its way, and as long inflated.
    pub max_message_bytes: usize,
    /// The most frames that one message may come in; 1024 by default. 1 or 0 refuses every fragmented
    /// message at its second frame. Control frames between the fragments do not count.
    pub max_fragments: u32,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self { max_message_bytes: 1_000_000, max_fragments: 1024 }
    }
}

/// What the peer sent. [RFC 6455 §5.5, §5.6]
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use engineio_proto::websocket::{FrameDecoder, FrameEvent, FrameLimits, Role};
///
/// let mut bytes = BytesMut::from(&b"\x89\x02hi"[..]);
/// let event = FrameDecoder::new(Role::Client, FrameLimits::default()).decode(&mut bytes);
/// assert_eq!(event, Ok(Some(FrameEvent::Ping(Bytes::from_static(b"hi")))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameEvent {
    /// A complete message; text was checked to be UTF-8.
    Message(Message),
    /// A ping, with the at most 125 bytes that the pong has to carry.
    Ping(Bytes),
    /// A pong, asked for or not, with its at most 125 bytes.
    Pong(Bytes),
    /// The peer closes; it is the last event. `None` where it gave no code.
    Close(Option<CloseFrame>),
}

/// Reads the frames of one direction of one connection.
///
/// Heap memory is held only while a frame or a fragmented message is unfinished. It is at most twice what
/// has arrived of it (256 bytes to begin with), and at most the limit on a message and one control frame;
/// see [`FrameDecoder::buffered_bytes`]. A compressed message is inflated when all of it is there, within one call: the
/// message that comes out, of at most the limit, exists beside the compressed one for that moment.
///
/// ```
/// use bytes::BytesMut;
/// use engineio_proto::websocket::{FrameDecoder, FrameEvent, FrameLimits, Opcode, Role, encode_frame};
///
/// let mut input = BytesMut::new();
/// encode_frame(Opcode::Text, b"4hello", Some([1, 2, 3, 4]), &mut input); // as a client does
/// let mut decoder = FrameDecoder::new(Role::Server, FrameLimits::default());
/// assert_eq!(decoder.decode(&mut input)?, Some(FrameEvent::Message("4hello".into())));
/// assert_eq!(decoder.decode(&mut input)?, None); // more is to be read
/// # Ok::<(), engineio_proto::websocket::FrameError>(())
/// ```
pub struct FrameDecoder {
    role: Role,
    limits: FrameLimits,
    /// Whether permessage-deflate was agreed on.
    deflate: bool,
    phase: Phase,
    /// The fragmented message that is unfinished, if any; its payload so far is in `buffer`.
    message: Option<Fragments>,
    /// The unmasked payload of `message`, and behind it what came of an incomplete frame.
    buffer: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Phase {
    /// Between two frames, or within a header: its first `len` bytes.
    Header { bytes: [u8; MAX_HEADER_BYTES], len: u8 },
    /// Within a payload, or right behind it: `received` bytes of it are at the end of the buffer.
    Payload { header: FrameHeader, payload_len: usize, received: usize },
    /// The peer has closed; whatever follows is discarded. [RFC 6455 §1.4]
    Closed,
    /// The peer broke a rule.
    Failed(FrameError),
}

impl Phase {
    const BETWEEN_FRAMES: Self = Self::Header { bytes: [0; MAX_HEADER_BYTES], len: 0 };
}

/// A message of which at least one frame, and not the last, has come.
#[derive(Clone, Copy)]
struct Fragments {
    binary: bool,
    compressed: bool,
    /// Frames so far.
    count: u32,
    /// Bytes of payload so far.
    len: usize,
}

impl FrameDecoder {
    /// A decoder for the frames that come in on a connection on which we are `role`.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use engineio_proto::websocket::{FrameDecoder, FrameEvent, FrameLimits, Role};
    ///
    /// let mut decoder = FrameDecoder::new(Role::Client, FrameLimits::default());
    /// let event = decoder.decode(&mut BytesMut::from(&b"\x81\x012"[..]));
    /// assert_eq!(event, Ok(Some(FrameEvent::Message("2".into()))));
    /// ```
    #[must_use]
    pub const fn new(role: Role, limits: FrameLimits) -> Self {
        Self { role, limits, deflate: false, phase: Phase::BETWEEN_FRAMES, message: None, buffer: Vec::new() }
    }

    /// The same for a connection on which permessage-deflate was agreed on, with no context taken over from message to
    /// message in the direction that is read here (see [`negotiate_deflate`](super::negotiate_deflate)). Without it a
    /// compressed message is an error. [RFC 7692 §6]
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use engineio_proto::websocket::{Deflater, FrameDecoder, FrameError, FrameLimits, Opcode, Role};
    ///
    /// let frame = Deflater::new(6).encode_frame(Opcode::Text, &[b'a'; 500], None).expect("it shrinks");
    /// let decoder = || FrameDecoder::new(Role::Client, FrameLimits::default());
    /// assert!(decoder().with_deflate().decode(&mut BytesMut::from(&frame[..])).is_ok());
    /// assert_eq!(decoder().decode(&mut BytesMut::from(&frame[..])), Err(FrameError::ReservedBits));
    /// ```
    #[must_use]
    pub const fn with_deflate(mut self) -> Self {
        self.deflate = true;
        self
    }

    /// Takes bytes off the front of `input` up to and with the next event.
    ///
    /// Call it until it returns `None`, at which `input` is empty and may be used for another
    /// connection: an incomplete frame was copied out. It is emptied as well by an error and by
    /// [`FrameEvent::Close`], behind which nothing counts; after a close there are no more events.
    /// A caller that stops earlier must not give the rest of `input` to another decoder.
    ///
    /// A frame that lies in `input` whole and is a message by itself, or a control frame, is unmasked in
    /// place and shares its memory: it is neither copied nor does it allocate. Whoever keeps such an
    /// event keeps that whole read buffer alive, so a small part that is to live long is worth a copy.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use engineio_proto::websocket::{FrameDecoder, FrameEvent, FrameLimits, Role};
    ///
    /// let mut decoder = FrameDecoder::new(Role::Client, FrameLimits::default());
    /// for (part, event) in [(&b"\x81\x03a"[..], None), (b"bc", Some(FrameEvent::Message("abc".into())))] {
    ///     assert_eq!(decoder.decode(&mut BytesMut::from(part))?, event);
    /// }
    /// # Ok::<(), engineio_proto::websocket::FrameError>(())
    /// ```
    ///
    /// # Errors
    /// Where the peer broke a framing rule or went over a limit. The decoder is dead after that and
    /// returns the same error again.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<FrameEvent>, FrameError> {
        let outcome = self.next_event(input);
        // Where the bytes are used up, clearing gives `input` its room back.
        if self.ends_with(&outcome) || matches!(outcome, Ok(None)) {
            input.clear();
        }
        outcome
    }

    /// Takes off the front of `input` what belongs to a frame whose header has come, and yields the event that it completes.
    /// Nothing of `input` is shared: it is copied to where the frame is gathered, and so copied once. Before a header, and
    /// within one, this takes nothing: the rest of `input` is [`FrameDecoder::decode`]'s.
    ///
    /// With [`FrameDecoder::len_to_share`] it is for reading into a buffer that is used again and again, and for frames of
    /// which hardly any arrives whole: decoded from a copy of the buffer, they would be copied twice.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use engineio_proto::websocket::{FrameDecoder, FrameEvent, FrameLimits, Role};
    ///
    /// let mut decoder = FrameDecoder::new(Role::Client, FrameLimits::default());
    /// let mut events = Vec::new();
    /// for mut read in [&b"\x81\x03a"[..], b"bc\x81\x01d"] {
    ///     while !read.is_empty() {
    ///         events.extend(decoder.continue_frame(&mut read)?);
    ///         let (shared, rest) = read.split_at(decoder.len_to_share(read));
    ///         let mut shared = BytesMut::from(shared);
    ///         while let Some(event) = decoder.decode(&mut shared)? {
    ///             events.push(event);
    ///         }
    ///         read = rest;
    ///     }
    /// }
    /// assert_eq!(events, [FrameEvent::Message("abc".into()), FrameEvent::Message("d".into())]);
    /// # Ok::<(), engineio_proto::websocket::FrameError>(())
    /// ```
    ///
    /// # Errors
    /// As [`FrameDecoder::decode`].
    pub fn continue_frame(&mut self, input: &mut &[u8]) -> Result<Option<FrameEvent>, FrameError> {
        let Phase::Payload { header, payload_len, received } = self.phase else { return Ok(None) };
        let (taken, outcome) = self.take_part(header, payload_len, received, input);
        *input = if self.ends_with(&outcome) { &[] } else { input.get(taken..).unwrap_or_default() };
        outcome
    }

    /// How much at the front of `input` is for [`FrameDecoder::decode`], so that messages share it: frames that are there
    /// whole, up to the header of one that is not, or is large enough to be worth memory of its own. Once the front is
    /// decoded, the payload of that one is for [`FrameDecoder::continue_frame`].
    #[must_use]
    pub fn len_to_share(&self, input: &[u8]) -> usize {
        if !matches!(self.phase, Phase::Header { len: 0, .. }) {
            return input.len();
        }
        let mut at = 0;
        while let Some(rest) = input.get(at..)
            && let Ok(Some((header, used))) = FrameHeader::parse(rest, self.role, self.deflate)
        {
            let here = (rest.len() - used) as u64;
            if header.payload_len > here || header.payload_len >= OWN_MEMORY_BYTES {
                return at + used;
            }
            // No more than is here, so that it fits.
            at += used + header.payload_len as usize;
        }
        // A part of a header, or what is none: decoding tells.
        input.len()
    }

    /// Heap memory held for what is unfinished, in bytes; 0 between messages.
    #[must_use]
    pub const fn buffered_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    /// Whether nothing is unfinished: the last byte seen was the last one of a message or of a control
    /// frame outside of one. Also true after the end.
    ///
    /// A caller puts a deadline on the time between two moments at which this is true, so that a peer
    /// cannot hold a partial message for ever.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use engineio_proto::websocket::{FrameDecoder, FrameLimits, Role};
    ///
    /// let mut decoder = FrameDecoder::new(Role::Client, FrameLimits::default());
    /// assert!(decoder.is_idle() && decoder.buffered_bytes() == 0);
    /// decoder.decode(&mut BytesMut::from(&b"\x81\x03a"[..]))?;
    /// assert!(!decoder.is_idle() && decoder.buffered_bytes() > 0); // two bytes are to come
    /// # Ok::<(), engineio_proto::websocket::FrameError>(())
    /// ```
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        match self.phase {
            Phase::Header { len, .. } => len == 0 && self.message.is_none(),
            Phase::Payload { .. } => false,
            Phase::Closed | Phase::Failed(_) => true,
        }
    }

    /// Whether it stands between two messages of a connection that goes on: then a new one does as well in its place, and
    /// there is nothing to keep.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use engineio_proto::websocket::{FrameDecoder, FrameLimits, Role};
    ///
    /// let mut decoder = FrameDecoder::new(Role::Client, FrameLimits::default());
    /// assert!(decoder.is_as_new());
    /// decoder.decode(&mut BytesMut::from(&b"\x88\x00"[..]))?;
    /// assert!(decoder.is_idle() && !decoder.is_as_new()); // what follows a close is not looked at
    /// # Ok::<(), engineio_proto::websocket::FrameError>(())
    /// ```
    #[must_use]
    pub const fn is_as_new(&self) -> bool {
        matches!(self.phase, Phase::Header { len: 0, .. }) && self.message.is_none()
    }

    /// Whether nothing more will come of this connection; then what is held is freed, and the input is to be discarded.
    fn ends_with(&mut self, outcome: &Result<Option<FrameEvent>, FrameError>) -> bool {
        self.phase = match outcome {
            Err(error) => Phase::Failed(*error),
            Ok(Some(FrameEvent::Close(_))) => Phase::Closed,
            Ok(_) => return false,
        };
        self.message = None;
        self.buffer = Vec::new();
        true
    }

    fn next_event(&mut self, input: &mut BytesMut) -> Result<Option<FrameEvent>, FrameError> {
        loop {
            match self.phase {
                Phase::Failed(error) => return Err(error),
                Phase::Closed => return Ok(None),
                Phase::Header { bytes, len } => {
                    let Some(header) = self.take_header(bytes, len, input)? else { return Ok(None) };
                    let payload_len = self.admit(header)?;
                    if payload_len <= input.len() && self.stands_alone(header) {
                        self.phase = Phase::BETWEEN_FRAMES;
                        let payload = take_payload(header, payload_len, input);
                        return self.event(header.opcode, header.compressed, payload).map(Some);
                    }
                    self.phase = Phase::Payload { header, payload_len, received: 0 };
                }
                Phase::Payload { header, payload_len, received } => {
                    let (taken, outcome) = self.take_part(header, payload_len, received, input);
                    input.advance(taken);
                    if outcome != Ok(None) || matches!(self.phase, Phase::Payload { .. }) {
                        return outcome;
                    }
                }
            }
        }
    }

    /// Takes the next part of a payload of which `received` bytes came earlier; how much that was, and what it completes.
    fn take_part(
        &mut self,
        header: FrameHeader,
        payload_len: usize,
        received: usize,
        input: &[u8],
    ) -> (usize, Result<Option<FrameEvent>, FrameError>) {
        let part = input.len().min(payload_len - received);
        self.append(header, payload_len, received, input.get(..part).unwrap_or_default());
        if received + part < payload_len {
            self.phase = Phase::Payload { header, payload_len, received: received + part };
            return (part, Ok(None));
        }
        self.phase = Phase::BETWEEN_FRAMES;
        (part, self.finish_frame(header))
    }

    /// Takes a header off `input`, of which `len` bytes came earlier; `None` where it is incomplete
    /// still, and kept.
    fn take_header(
        &mut self,
        mut bytes: [u8; MAX_HEADER_BYTES],
        mut len: u8,
        input: &mut BytesMut,
    ) -> Result<Option<FrameHeader>, FrameError> {
        if len == 0
            && let Some((header, used)) = FrameHeader::parse(input, self.role, self.deflate)?
        {
            input.advance(used);
            return Ok(Some(header));
        }
        // Only a header that two reads share comes here, and it is complete at 14 bytes at the latest, so
        // parsing it anew for each of its bytes is bounded work.
        while let Some(&byte) = input.first() {
            if let Some(slot) = bytes.get_mut(usize::from(len)) {
                *slot = byte;
            }
            len += 1;
            input.advance(1);
            let known = bytes.get(..usize::from(len)).unwrap_or_default();
            if let Some((header, _)) = FrameHeader::parse(known, self.role, self.deflate)? {
                return Ok(Some(header));
            }
        }
        self.phase = Phase::Header { bytes, len };
        Ok(None)
    }

    /// The checks that depend on the frames before this one; on success the length of the payload.
    fn admit(&self, header: FrameHeader) -> Result<usize, FrameError> {
        let before = match (header.opcode, self.message) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) | (Opcode::Text | Opcode::Binary, None) => 0,
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(FrameError::InterleavedData),
            (Opcode::Continuation, None) => return Err(FrameError::UnexpectedContinuation),
            (Opcode::Continuation, Some(message)) => {
                if message.count >= self.limits.max_fragments {
                    return Err(FrameError::TooManyFragments { limit: self.limits.max_fragments });
                }
                message.len
            }
        };
        let limit = self.limits.max_message_bytes;
        let seen = (before as u64).saturating_add(header.payload_len);
        match usize::try_from(header.payload_len) {
            // The limit is on messages; a control frame has its own, checked with the header.
            Ok(payload_len) if header.opcode.is_control() || seen <= limit as u64 => Ok(payload_len),
            _ => Err(FrameError::MessageTooBig { limit, seen }),
        }
    }

    /// Whether the frame is an event all by itself, so that its payload need not be gathered.
    const fn stands_alone(&self, header: FrameHeader) -> bool {
        header.opcode.is_control() || (header.fin && self.message.is_none())
    }

    /// Appends and unmasks the next `part` of a payload of which `received` bytes came earlier.
    fn append(&mut self, header: FrameHeader, payload_len: usize, received: usize, part: &[u8]) {
        let len = self.buffer.len();
        let needed = len + part.len();
        if needed > self.buffer.capacity() {
            // Doubling keeps dribbled bytes linear. It stops at the end of a message that is known, so
            // that a message is not kept in twice the memory; the announced length itself is never
            // reserved ahead of the bytes.
            let ceiling = if header.fin { len + payload_len - received } else { self.limits.max_message_bytes };
            let capacity = len.saturating_mul(2).max(FIRST_BUFFER_BYTES).min(ceiling).max(needed);
            self.buffer.reserve_exact(capacity - len);
        }
        self.buffer.extend_from_slice(part);
        if let (Some(mask), Some(appended)) = (header.mask, self.buffer.get_mut(len..)) {
            apply_mask(appended, mask, received);
        }
    }

    /// The payload of the frame is complete at the end of the buffer.
    fn finish_frame(&mut self, header: FrameHeader) -> Result<Option<FrameEvent>, FrameError> {
        if header.opcode.is_control() {
            // The fragments in front of it, if any, stay.
            let payload = match self.message {
                Some(message) => {
                    let payload = Bytes::copy_from_slice(self.buffer.get(message.len..).unwrap_or_default());
                    self.buffer.truncate(message.len);
                    payload
                }
                None => mem::take(&mut self.buffer).into(),
            };
            return self.event(header.opcode, false, payload).map(Some);
        }
        let (binary, compressed, count) = match self.message {
            Some(message) => (message.binary, message.compressed, message.count.saturating_add(1)),
            None => (header.opcode == Opcode::Binary, header.compressed, 1),
        };
        if !header.fin {
            self.message = Some(Fragments { binary, compressed, count, len: self.buffer.len() });
            return Ok(None);
        }
        self.message = None;
        let opcode = if binary { Opcode::Binary } else { Opcode::Text };
        let payload = mem::take(&mut self.buffer).into();
        self.event(opcode, compressed, payload).map(Some)
    }

    /// The event of a complete payload; a fragmented message comes with the opcode of its first frame.
    fn event(&self, opcode: Opcode, compressed: bool, payload: Bytes) -> Result<FrameEvent, FrameError> {
        let payload = if compressed { inflate(&payload, self.limits.max_message_bytes)? } else { payload };
        Ok(match opcode {
            Opcode::Text => {
                FrameEvent::Message(Message::Text(Text::from_utf8(payload).map_err(|_| FrameError::InvalidUtf8)?))
            }
            // A continuation has been given the opcode of its message before it comes here.
            Opcode::Binary | Opcode::Continuation => FrameEvent::Message(Message::Binary(payload)),
            Opcode::Close => FrameEvent::Close(CloseFrame::decode(&payload)?),
            Opcode::Ping => FrameEvent::Ping(payload),
            Opcode::Pong => FrameEvent::Pong(payload),
        })
    }
}

impl fmt::Debug for FrameDecoder {
    /// Leaves out the payload, which belongs to users and not in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameDecoder")
            .field("role", &self.role)
            .field("limits", &self.limits)
            .field("deflate", &self.deflate)
            .field("idle", &self.is_idle())
            .field("buffered_bytes", &self.buffered_bytes())
            .finish_non_exhaustive()
    }
}

/// Splits a payload that is there whole off `input`, unmasked in place.
fn take_payload(header: FrameHeader, payload_len: usize, input: &mut BytesMut) -> Bytes {
    if payload_len == 0 {
        // An empty part would still hold on to the memory of the whole input.
        return Bytes::new();
    }
    let mut payload = input.split_to(payload_len);
    if let Some(mask) = header.mask {
        apply_mask(&mut payload, mask, 0);
    }
    payload.freeze()
}
