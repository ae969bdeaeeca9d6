//! Frame headers, both directions: opcodes, lengths, masks and the rules of one frame by itself.
//! [RFC 6455 §5.2]
//!
//! Owns every check that needs nothing but the header and the role; those that need the frames before
//! it (fragments, limits) are in `frame_decoder.rs`.

use bytes::{BufMut, BytesMut};

use super::{FrameError, MAX_CONTROL_PAYLOAD_BYTES};

/// The longest header of a frame that a server sends, in bytes; those of a client have 4 more, the mask.
///
/// ```
/// use bytes::BytesMut;
/// use engineio_proto::websocket::{MAX_SERVER_HEADER_BYTES, Opcode, encode_header};
///
/// let mut out = BytesMut::with_capacity(MAX_SERVER_HEADER_BYTES);
/// encode_header(Opcode::Binary, true, u64::from(u32::MAX), None, &mut out);
/// assert_eq!(out.len(), MAX_SERVER_HEADER_BYTES);
/// ```
pub const MAX_SERVER_HEADER_BYTES: usize = 10;

/// The longest header of any frame, in bytes.
pub(super) const MAX_HEADER_BYTES: usize = MAX_SERVER_HEADER_BYTES + 4;

const FIN: u8 = 0x80;
/// RSV1: the first frame of a message that permessage-deflate has compressed. [RFC 7692 §6]
pub(super) const COMPRESSED: u8 = 0x40;
/// RSV2 and RSV3, which nothing here ever gives a meaning.
const RESERVED: u8 = 0x30;
const OPCODE: u8 = 0x0F;
pub(super) const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7F;
/// In the place of the length: a 16-bit length follows.
const LENGTH_16: u8 = 126;
/// In the place of the length: a 64-bit length follows.
const LENGTH_64: u8 = 127;

/// Which side of the connection **we** are. [RFC 6455 §5.1]
///
/// ```
/// use bytes::BytesMut;
/// use engineio_proto::websocket::{FrameDecoder, FrameError, FrameLimits, Role};
///
/// let mut unmasked = BytesMut::from(&b"\x81\x02hi"[..]);
/// let refused = FrameDecoder::new(Role::Server, FrameLimits::default()).decode(&mut unmasked);
/// assert_eq!(refused, Err(FrameError::Unmasked));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// We accepted the connection: only masked frames come in.
    Server,
    /// We opened the connection: only unmasked frames come in.
    Client,
}

/// What a frame carries. [RFC 6455 §5.2]
///
/// ```
/// use engineio_proto::websocket::Opcode;
///
/// assert!(Opcode::Ping.is_control());
/// assert!(!Opcode::Text.is_control());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// 0: the next fragment of a message.
    Continuation,
    /// 1: UTF-8 text, or its first fragment.
    Text,
    /// 2: bytes, or their first fragment.
    Binary,
    /// 8: the connection ends.
    Close,
    /// 9: asks for a pong with the same payload.
    Ping,
    /// 10: answers a ping.
    Pong,
}

impl Opcode {
    /// Whether this is a control frame: never fragmented, at most 125 bytes. [RFC 6455 §5.5]
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    const fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    const fn from_number(number: u8) -> Result<Self, FrameError> {
        Ok(match number {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return Err(FrameError::ReservedOpcode(number)),
        })
    }
}

/// The header of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) opcode: Opcode,
    /// Whether this is the last frame of its message.
    pub(super) fin: bool,
    /// Whether it begins a message that is compressed.
    pub(super) compressed: bool,
    pub(super) mask: Option<[u8; 4]>,
    /// Announced by the peer and not to be trusted; under 2^63.
    pub(super) payload_len: u64,
}

impl FrameHeader {
    /// Reads the header at the start of `bytes`, and how many bytes it takes; `None` where it is
    /// incomplete.
    ///
    /// More bytes behind those given never change an error, or a header, that was already found: the
    /// checks go from the front to the back. `deflate` says whether permessage-deflate was agreed on.
    pub(super) fn parse(bytes: &[u8], role: Role, deflate: bool) -> Result<Option<(Self, usize)>, FrameError> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let compressed = first & COMPRESSED != 0;
        if first & RESERVED != 0 || (compressed && !deflate) {
            return Err(FrameError::ReservedBits);
        }
        let opcode = Opcode::from_number(first & OPCODE)?;
        // The bit is the message's: it stands on its first frame only. [RFC 7692 §6]
        if compressed && !matches!(opcode, Opcode::Text | Opcode::Binary) {
            return Err(FrameError::ReservedBits);
        }
        let fin = first & FIN != 0;
        if opcode.is_control() && !fin {
            return Err(FrameError::FragmentedControl);
        }

        let Some(&second) = bytes.get(1) else { return Ok(None) };
        match (role, second & MASKED != 0) {
            (Role::Server, false) => return Err(FrameError::Unmasked),
            (Role::Client, true) => return Err(FrameError::Masked),
            _ => {}
        }
        // Both extended forms lie over 125, whatever length they spell out.
        if opcode.is_control() && usize::from(second & LENGTH) > MAX_CONTROL_PAYLOAD_BYTES {
            return Err(FrameError::ControlTooLong);
        }

        let Some((payload_len, end)) = parse_length(bytes, second & LENGTH)? else { return Ok(None) };
        if role == Role::Client {
            return Ok(Some((Self { opcode, fin, compressed, mask: None, payload_len }, end)));
        }
        let Some(&mask) = bytes.get(end..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
        Ok(Some((Self { opcode, fin, compressed, mask: Some(mask), payload_len }, end + mask.len())))
    }
}

/// The payload length and where it ends, `None` where it is incomplete.
fn parse_length(bytes: &[u8], short: u8) -> Result<Option<(u64, usize)>, FrameError> {
    let (length, least, end) = match short {
        LENGTH_16 => {
            let Some(&wide) = bytes.get(2..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
            (u64::from(u16::from_be_bytes(wide)), u64::from(LENGTH_16), 4)
        }
        LENGTH_64 => {
            let Some(&wide) = bytes.get(2..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
            (u64::from_be_bytes(wide), 1 << 16, 10)
        }
        short => (u64::from(short), 0, 2),
    };
    if length >> 63 != 0 {
        return Err(FrameError::LengthTopBit);
    }
    if length < least {
        return Err(FrameError::NonMinimalLength);
    }
    Ok(Some((length, end)))
}

/// Appends a frame header to `out`, with the length in its shortest form.
///
/// A server passes no mask; a client must pass one, fresh and unpredictable for each frame, and mask
/// the payload with it. The caller keeps to the rules for control frames (`fin` set, at most 125
/// bytes) and to a payload under 2^63 bytes; [`encode_frame`](super::encode_frame) does so by itself.
///
/// ```
/// use bytes::BytesMut;
/// use engineio_proto::websocket::{Opcode, encode_header};
///
/// let mut out = BytesMut::new();
/// encode_header(Opcode::Binary, true, 300, None, &mut out);
/// assert_eq!(&out[..], [0x82, 126, 1, 44]);
/// ```
pub fn encode_header(opcode: Opcode, fin: bool, payload_len: u64, mask: Option<[u8; 4]>, out: &mut BytesMut) {
    out.put_u8(opcode.number() | if fin { FIN } else { 0 });
    let masked = if mask.is_some() { MASKED } else { 0 };
    match (u8::try_from(payload_len), u16::try_from(payload_len)) {
        (Ok(short), _) if short < LENGTH_16 => out.put_u8(masked | short),
        (_, Ok(wide)) => {
            out.put_u8(masked | LENGTH_16);
            out.put_u16(wide);
        }
        _ => {
            out.put_u8(masked | LENGTH_64);
            out.put_u64(payload_len);
        }
    }
    if let Some(mask) = mask {
        out.put_slice(&mask);
    }
}

/// How many bytes [`encode_header`] writes without a mask.
pub(crate) const fn unmasked_header_bytes(payload_len: usize) -> u8 {
    match payload_len {
        0..=125 => 2,
        126..=0xFFFF => 4,
        _ => MAX_SERVER_HEADER_BYTES as u8,
    }
}
