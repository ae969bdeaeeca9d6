//! WebSocket frames: against tungstenite, in pieces, and within the bound on memory. [RFC 6455 §5]

use bytes::BytesMut;
use engineio_proto::websocket::{FrameDecoder, FrameLimits, MAX_CONTROL_PAYLOAD_BYTES, Role};

#[path = "../../crates/engineio-proto/tests/websocket_differential/comparison.rs"]
mod comparison;

/// What an unfinished message begins with.
const FIRST_BUFFER_BYTES: usize = 256;

/// The first byte says who reads, under which limits; the second how long the pieces are; the rest is the stream.
pub fn run(data: &[u8]) {
    let Some((&[settings, pieces], bytes)) = data.split_first_chunk() else { return };
    let limits = FrameLimits {
        max_message_bytes: [125, 130, 300, 2_000][usize::from(settings >> 1 & 3)],
        max_fragments: [1, 2, 3, 1024][usize::from(settings >> 3 & 3)],
    };
    let role = if settings & 1 == 0 { Role::Client } else { Role::Server };
    let pieces = usize::from(pieces).max(1);
    memory(FrameDecoder::new(role, limits), limits, bytes, pieces);
    memory(FrameDecoder::new(role, limits).with_deflate(), limits, bytes, pieces);
    let case = comparison::Case { role, limits, bytes: bytes.to_vec(), pieces };
    if let Err(difference) = case.compare() {
        panic!("{difference}\n{case:02x?}");
    }
}

/// What is held is bounded by the limit and by what has arrived, and is nothing between two messages.
fn memory(mut decoder: FrameDecoder, limits: FrameLimits, bytes: &[u8], pieces: usize) {
    let mut unfinished = 0;
    for piece in bytes.chunks(pieces) {
        let mut input = BytesMut::from(piece);
        unfinished += piece.len();
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(_)) if decoder.is_idle() => unfinished = input.len(),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.decode(&mut BytesMut::from(&b"\x81\0"[..])), Err(error), "it is dead");
                    break;
                }
            }
        }
        assert!(input.is_empty(), "what is incomplete was copied out");
        let held = decoder.buffered_bytes();
        assert!(held <= limits.max_message_bytes + MAX_CONTROL_PAYLOAD_BYTES, "{held} bytes under {limits:?}");
        assert!(held <= FIRST_BUFFER_BYTES.max(2 * unfinished), "{held} bytes of {unfinished} that have arrived");
        assert!(!decoder.is_idle() || held == 0, "{held} bytes between two messages");
    }
}
