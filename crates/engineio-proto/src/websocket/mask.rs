//! Masking: XOR of a payload with a key of four bytes. [RFC 6455 §5.3]
//!
//! Owns the arithmetic only; who has to mask is decided in `header.rs`.

/// Masks or unmasks `payload` in place; the operation is its own inverse.
///
/// `offset` is the position of `payload` within the whole payload of its frame, so that a frame may be
/// unmasked in pieces.
pub(super) fn apply_mask(payload: &mut [u8], key: [u8; 4], offset: usize) {
    let [a, b, c, d] = key;
    let key = match offset % 4 {
        0 => [a, b, c, d],
        1 => [b, c, d, a],
        2 => [c, d, a, b],
        _ => [d, a, b, c],
    };
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    // The words are a multiple of the key long, so the rest starts with the key's first byte.
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}
