//! WebSocket frames as bytes in, events out, for either side of a connection. [RFC 6455 §5]
//!
//! Owns reading frames ([`FrameDecoder`]), writing them ([`encode_header`], [`encode_frame`],
//! [`encode_close`]), the close codes and the `Sec-WebSocket-Accept` digest. It leaves out the rest of
//! the HTTP handshake, every reply (answering a ping or a close is the session's decision), extensions
//! (a reserved bit is an error) and randomness: masks come from the caller.
//!
//! Three promises, each held by a test:
//! - an idle decoder owns no heap memory, and a frame that arrives whole is not copied;
//! - the limits are checked on a frame's header, before its payload is buffered;
//! - the events do not depend on how the bytes were split on their way.

mod close;
mod error;
mod frame_decoder;
mod frame_encoder;
mod handshake;
mod header;
mod mask;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;

pub use close::{CloseCode, CloseFrame};
pub use error::FrameError;
pub use frame_decoder::{FrameDecoder, FrameEvent, FrameLimits};
pub use frame_encoder::{encode_close, encode_frame};
pub use handshake::accept_key;
pub use header::{MAX_SERVER_HEADER_BYTES, Opcode, Role, encode_header};

/// The longest payload that a control frame may have, in bytes. [RFC 6455 §5.5]
pub const MAX_CONTROL_PAYLOAD_BYTES: usize = 125;
