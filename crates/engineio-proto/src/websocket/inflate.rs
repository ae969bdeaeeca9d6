//! [`inflate`]: one compressed message as it was before. [RFC 7692 §7.2.2]
//!
//! Owns the bound on what comes out, and the check that the message is whole. It leaves out which messages are compressed
//! (`header.rs`, `frame_decoder.rs`) and the way there (`deflater.rs`). Hazard S38.

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};

use super::FrameError;

/// What the sender has cut off, and behind it an empty block that is marked as the last one: only a message that was
/// cut where it should be comes to its end exactly with it.
const TAIL: [u8; 9] = [0x00, 0x00, 0xFF, 0xFF, 0x01, 0x00, 0x00, 0xFF, 0xFF];

/// The least room that a message is inflated into, in bytes.
const FIRST_ROOM_BYTES: usize = 256;

/// Inflates the payload of one message, with no context from the one before.
///
/// The state of it, 48 KB, is gone when this returns. The room for what comes out grows by doubling with what really
/// does, up to one byte more than `limit`: that byte tells a message over the limit from one at it.
///
/// # Errors
/// [`FrameError::MessageTooBig`] as soon as more than `limit` bytes came out; [`FrameError::InvalidDeflate`] where it is
/// no DEFLATE data or not all of it.
pub(super) fn inflate(payload: &[u8], limit: usize) -> Result<Bytes, FrameError> {
    let ceiling = limit.saturating_add(1);
    let mut stream = Decompress::new(false);
    let mut output = Vec::new();
    // Text mostly shrinks to a quarter or less.
    output.reserve_exact(payload.len().saturating_mul(4).max(FIRST_ROOM_BYTES).min(ceiling));
    let mut is_whole = false;
    for mut input in [payload, &TAIL] {
        loop {
            let before = stream.total_in();
            let status = stream.decompress_vec(input, &mut output, FlushDecompress::None);
            let read = usize::try_from(stream.total_in() - before).unwrap_or(usize::MAX);
            input = input.get(read..).unwrap_or_default();
            if output.len() > limit {
                return Err(FrameError::MessageTooBig { limit, seen: ceiling as u64 });
            }
            let is_full = output.len() == output.capacity();
            match status {
                Err(_) => return Err(FrameError::InvalidDeflate),
                // A sender may mark a block as the last one and go on at the next byte. [RFC 7692 §7.2.1]
                Ok(Status::StreamEnd) => stream.reset(false),
                Ok(_) if is_full => output.reserve_exact(output.len().min(ceiling - output.len())),
                Ok(_) if !input.is_empty() => return Err(FrameError::InvalidDeflate),
                Ok(_) => {}
            }
            is_whole = matches!(status, Ok(Status::StreamEnd));
            if input.is_empty() && (is_whole || !is_full) {
                break;
            }
        }
    }
    if !is_whole {
        return Err(FrameError::InvalidDeflate);
    }
    output.shrink_to_fit();
    Ok(output.into())
}
