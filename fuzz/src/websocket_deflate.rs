//! permessage-deflate: against miniz, which shares no code with what is used here, and back. [RFC 7692 §7.2]

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use engineio_proto::{
    Message,
    websocket::{Deflater, FrameDecoder, FrameError, FrameEvent, FrameLimits, Opcode, Role, encode_header},
};
use miniz_oxide::{
    deflate::compress_to_vec,
    inflate::{
        TINFLStatus,
        core::{DecompressorOxide, decompress, inflate_flags},
    },
};

const COMPRESSED: u8 = 0x40;

/// What a sender leaves out, and an empty last block behind it.
const TAIL: [u8; 9] = [0x00, 0x00, 0xFF, 0xFF, 0x01, 0x00, 0x00, 0xFF, 0xFF];

thread_local! {
    /// One for many messages, as in a server.
    static DEFLATERS: RefCell<[Deflater; 2]> = RefCell::new([Deflater::new(1), Deflater::new(6)]);
}

/// The first byte is the limit and where the message is cut; the rest is taken for compressed, and for what is to be.
pub fn run(data: &[u8]) {
    let Some((&settings, payload)) = data.split_first() else { return };
    let limit = [100, 5_000, 60_000, 60_000][usize::from(settings & 3)];
    let cut = payload.len() * usize::from(settings >> 2) / 64;
    compare(payload, cut, limit);
    from_miniz(payload, settings % 11);
    let deflater = usize::from(settings & 1);
    let mask = (settings & 2 == 0).then_some([settings, 2, 3, 4]);
    let frame = DEFLATERS.with_borrow_mut(|deflaters| deflaters[deflater].encode_frame(Opcode::Binary, payload, mask));
    if let Some(frame) = frame {
        back(&frame, payload, mask);
    }
}

/// A message, whole and in two frames, is what miniz reads.
fn compare(compressed: &[u8], cut: usize, limit: usize) {
    let whole = decode(&frames(&[compressed]), limit);
    let (first, second) = compressed.split_at(cut);
    let in_two = decode(&frames(&[first, second]), limit);
    if compressed.len() > limit {
        let refused = [whole, in_two].map(|read| matches!(read, Err(FrameError::MessageTooBig { .. })));
        return assert_eq!(refused, [true, true]);
    }
    assert_eq!(whole, in_two, "in one frame and in two");
    match (inflated(compressed, limit), whole) {
        (Some(theirs), Ok(ours)) => assert_eq!(ours, theirs),
        (Some(theirs), Err(FrameError::MessageTooBig { .. })) => assert!(theirs.len() > limit),
        (None, Err(FrameError::MessageTooBig { .. } | FrameError::InvalidDeflate)) => {}
        // miniz takes codes that are not complete, which zlib refuses. What miniz writes is read, see `from_miniz`.
        (Some(_), Err(FrameError::InvalidDeflate)) => {}
        (theirs, ours) => panic!("here {ours:?}, there {theirs:?}"),
    }
}

/// What miniz has compressed is read. Its last block is marked as such, and then a byte of 0 belongs behind it. [RFC 7692 §7.2.3.4]
fn from_miniz(payload: &[u8], level: u8) {
    let mut compressed = compress_to_vec(payload, level);
    compressed.push(0);
    assert_eq!(decode(&frames(&[&compressed]), payload.len().max(compressed.len())).as_deref(), Ok(payload));
}

/// A binary message in these fragments.
fn frames(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = BytesMut::new();
    for (index, part) in parts.iter().enumerate() {
        let (opcode, bit) = if index == 0 { (Opcode::Binary, COMPRESSED) } else { (Opcode::Continuation, 0) };
        let start = out.len();
        encode_header(opcode, index + 1 == parts.len(), part.len() as u64, None, &mut out);
        out[start] |= bit;
        out.extend_from_slice(part);
    }
    out.to_vec()
}

fn decode(frames: &[u8], limit: usize) -> Result<Bytes, FrameError> {
    let limits = FrameLimits { max_message_bytes: limit, ..FrameLimits::default() };
    let mut decoder = FrameDecoder::new(Role::Client, limits).with_deflate();
    let Some(FrameEvent::Message(Message::Binary(bytes))) = decoder.decode(&mut frames.into())? else {
        panic!("a message is an event");
    };
    assert!(decoder.is_idle() && decoder.buffered_bytes() == 0);
    assert!(bytes.len() <= limit);
    Ok(bytes)
}

/// The message by miniz, no further than a little over the limit; `None` where it cannot be read.
fn inflated(compressed: &[u8], limit: usize) -> Option<Vec<u8>> {
    let input = [compressed, &TAIL].concat();
    let (mut output, mut rest) = (Vec::new(), &input[..]);
    while !rest.is_empty() {
        // Each stream in a room of its own, so that none refers to what was in front of it.
        let mut room = vec![0; limit + 1 - output.len()];
        let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, read, written) = decompress(&mut DecompressorOxide::new(), rest, &mut room, 0, flags);
        output.extend_from_slice(&room[..written]);
        rest = &rest[read..];
        match status {
            _ if output.len() > limit => break,
            // A sender may mark a block as the last one and go on at the next byte.
            TINFLStatus::Done => {}
            _ => return None,
        }
    }
    Some(output)
}

/// A frame of ours is shorter than its payload in a plain one would be, and both read it.
fn back(frame: &Bytes, payload: &[u8], mask: Option<[u8; 4]>) {
    let mut header = BytesMut::new();
    encode_header(Opcode::Binary, true, payload.len() as u64, mask, &mut header);
    assert!(frame.len() <= header.len() + payload.len(), "{} of {} bytes", frame.len(), payload.len());
    let role = if mask.is_some() { Role::Server } else { Role::Client };
    let limits = FrameLimits { max_message_bytes: payload.len(), ..FrameLimits::default() };
    let event = FrameDecoder::new(role, limits).with_deflate().decode(&mut frame[..].into());
    let expected = FrameEvent::Message(Message::Binary(Bytes::copy_from_slice(payload)));
    assert_eq!(event, Ok(Some(expected)));
    if mask.is_none() {
        let short = frame[1] & 0x7F;
        let start = 2 + if short < 126 { 0 } else { 2 };
        assert_eq!(inflated(&frame[start..], payload.len()).as_deref(), Some(payload));
    }
}
