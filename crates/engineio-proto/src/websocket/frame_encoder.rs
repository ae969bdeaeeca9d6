//! Whole frames as bytes: [`encode_frame`] and [`encode_close`], and [`mask_frame`] for a client's. [RFC 6455 §5.2, §5.3,
//! §5.5.1]
//!
//! Owns masking on the way out and the bounds of control frames. It leaves out fragmenting: nothing
//! here has a reason to send a message in pieces.

use bytes::{BufMut, BytesMut};

use super::{
    CloseCode, MAX_CONTROL_PAYLOAD_BYTES, Opcode, encode_header,
    header::{MASKED, MAX_HEADER_BYTES},
    mask::apply_mask,
};

/// Appends one final frame to `out`, masked where a mask is given.
///
/// A server passes no mask; a client must pass one, fresh and unpredictable for each frame.
/// The payload of a control frame is cut to 125 bytes, so that what is written is always a legal frame.
///
/// ```
/// use bytes::BytesMut;
/// use engineio_proto::websocket::{Opcode, encode_frame};
///
/// let mut out = BytesMut::new();
/// encode_frame(Opcode::Text, b"4hi", None, &mut out);
/// assert_eq!(&out[..], b"\x81\x034hi");
/// ```
pub fn encode_frame(opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>, out: &mut BytesMut) {
    let payload = match payload.get(..MAX_CONTROL_PAYLOAD_BYTES) {
        Some(start) if opcode.is_control() => start,
        _ => payload,
    };
    out.reserve(MAX_HEADER_BYTES + payload.len());
    encode_header(opcode, true, payload.len() as u64, mask, out);
    let start = out.len();
    out.put_slice(payload);
    if let (Some(mask), Some(written)) = (mask, out.get_mut(start..)) {
        apply_mask(written, mask, 0);
    }
}

/// Appends a close frame to `out`, masked where a mask is given.
///
/// The reason is cut before the character that would take the payload over 125 bytes. Without a code
/// the payload is empty and the reason is left out, as a reason cannot stand alone. [RFC 6455 §5.5.1]
///
/// ```
/// use bytes::BytesMut;
/// use engineio_proto::websocket::{CloseCode, encode_close};
///
/// let mut out = BytesMut::new();
/// encode_close(Some(CloseCode::NORMAL), "bye", None, &mut out);
/// assert_eq!(&out[..], b"\x88\x05\x03\xe8bye");
/// ```
pub fn encode_close(code: Option<CloseCode>, reason: &str, mask: Option<[u8; 4]>, out: &mut BytesMut) {
    let mut payload = Vec::new();
    if let Some(code) = code {
        let [high, low] = code.as_u16().to_be_bytes();
        let room = MAX_CONTROL_PAYLOAD_BYTES - 2;
        let end = (0..=room.min(reason.len())).rev().find(|&end| reason.is_char_boundary(end));
        let reason = reason.get(..end.unwrap_or_default()).unwrap_or_default();
        payload.reserve_exact(2 + reason.len());
        payload.extend([high, low]);
        payload.extend(reason.as_bytes());
    }
    encode_frame(Opcode::Close, &payload, mask, out);
}

/// Appends a frame that has no mask, as a server writes it, in the form that a client has to write: the same, masked.
/// What is no such frame is appended as it is. [RFC 6455 §5.3]
///
/// ```
/// use bytes::BytesMut;
/// use engineio_proto::{MessageFrame, websocket::{FrameDecoder, FrameEvent, FrameLimits, Role, mask_frame}};
///
/// let mut out = BytesMut::new();
/// mask_frame(MessageFrame::text(&["hello"]).frame(), [1, 2, 3, 4], &mut out);
/// let seen = FrameDecoder::new(Role::Server, FrameLimits::default()).decode(&mut out)?;
/// assert_eq!(seen, Some(FrameEvent::Message("4hello".into())));
/// # Ok::<(), engineio_proto::websocket::FrameError>(())
/// ```
pub fn mask_frame(frame: &[u8], mask: [u8; 4], out: &mut BytesMut) {
    let header_len = match frame.get(1) {
        Some(126) => 4,
        Some(127) => 10,
        Some(0..126) => 2,
        _ => usize::MAX,
    };
    let Some((header, payload)) = frame.split_at_checked(header_len) else { return out.put_slice(frame) };
    out.reserve(frame.len() + mask.len());
    let start = out.len();
    out.put_slice(header);
    if let Some(length) = out.get_mut(start + 1) {
        *length |= MASKED;
    }
    out.put_slice(&mask);
    let start = out.len();
    out.put_slice(payload);
    if let Some(written) = out.get_mut(start..) {
        apply_mask(written, mask, 0);
    }
}
