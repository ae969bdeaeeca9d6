//! WebSocket frames as bytes in, events out, for either side of a connection. [RFC 6455 §5]
//!
//! Owns reading frames ([`FrameDecoder`]), writing them ([`encode_header`], [`encode_frame`],
//! [`encode_close`], [`mask_frame`]), the close codes, the `Sec-WebSocket-Accept` digest, and permessage-deflate
//! ([`negotiate_deflate`], [`check_deflate_answer`], [`FrameDecoder::with_deflate`], [`Deflater`]; RFC 7692). It leaves out the rest of
//! the HTTP handshake, every reply (answering a ping or a close is the session's decision), other extensions
//! (their reserved bits are errors) and randomness: masks come from the caller.
//!
//! # Compression
//! No context is ever taken over from one message to the next, in either direction, so compression keeps nothing for a
//! connection. Inflating takes 48 KB for the length of one call, beside the message that it makes; deflating takes one
//! [`Deflater`] of 380 KB, which any number of connections use one after the other. Ten thousand connections served by
//! four threads so hold 1.5 MB for compression; with contexts taken over they would hold 4.3 GB.
//!
//! Three promises, each held by a test:
//! - an idle decoder owns no heap memory, and a frame that arrives whole is not copied;
//! - the limits are checked on a frame's header, before its payload is buffered;
//! - the events do not depend on how the bytes were split on their way.

mod close;
#[cfg(test)]
mod deflate_tests;
mod deflater;
mod error;
mod frame_decoder;
mod frame_encoder;
mod handshake;
mod header;
mod inflate;
mod mask;
mod negotiation;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;

pub use close::{CloseCode, CloseFrame};
pub use deflater::Deflater;
pub use error::FrameError;
pub use frame_decoder::{FrameDecoder, FrameEvent, FrameLimits};
pub use frame_encoder::{encode_close, encode_frame, mask_frame};
pub use handshake::accept_key;
pub(crate) use header::unmasked_header_bytes;
pub use header::{MAX_SERVER_HEADER_BYTES, Opcode, Role, encode_header};
pub use negotiation::{DEFLATE_OFFER, check_deflate_answer, negotiate_deflate};

/// The longest payload that a control frame may have, in bytes. [RFC 6455 §5.5]
///
/// ```
/// use bytes::BytesMut;
/// use engineio_proto::websocket::{MAX_CONTROL_PAYLOAD_BYTES, Opcode, encode_frame};
///
/// let mut out = BytesMut::new();
/// encode_frame(Opcode::Ping, &[0; 200], None, &mut out); // is cut
/// assert_eq!(out.len(), 2 + MAX_CONTROL_PAYLOAD_BYTES);
/// ```
pub const MAX_CONTROL_PAYLOAD_BYTES: usize = 125;
