//! [`accept_key`]: the one computation of the opening handshake. [RFC 6455 §4.2.2]
//!
//! Leaves out the rest of the handshake, headers and status codes, which are `request`'s and the HTTP
//! layer's.

use base64::{
    Engine as _,
    alphabet::STANDARD as ALPHABET,
    engine::{GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use sha1::{Digest as _, Sha1};

/// What the RFC has every server put behind the key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// How a key is read. The last of its 22 characters carries four bits that mean nothing; clients that
/// draw 22 random characters set them, and other servers let them in.
const KEY_FORMAT: GeneralPurpose =
    GeneralPurpose::new(&ALPHABET, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// The value of `Sec-WebSocket-Accept` for the `Sec-WebSocket-Key` of a request, both without
/// surrounding blanks; `None` where the key is not 16 bytes in base64, which calls for status 400.
///
/// A client calls it with the key it sent, to check the answer. [RFC 6455 §4.1]
///
/// ```
/// use engineio_proto::websocket::accept_key;
///
/// assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ==").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
/// assert_eq!(accept_key("short"), None);
/// ```
#[must_use]
pub fn accept_key(sec_websocket_key: &str) -> Option<String> {
    // The length is checked first, so that a long header is not decoded for nothing.
    if sec_websocket_key.len() != 24 {
        return None;
    }
    let nonce = KEY_FORMAT.decode(sec_websocket_key).ok()?;
    if nonce.len() != 16 {
        return None;
    }
    let digest = Sha1::new().chain_update(sec_websocket_key).chain_update(GUID).finalize();
    Some(STANDARD.encode(digest))
}
