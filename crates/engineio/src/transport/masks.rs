//! [`next_mask`]: masks for the frames of clients, from the system's randomness. [RFC 6455 §5.3]
//!
//! Each frame has a mask that nobody can guess, since a script of an attacker may choose the payload. The system is asked
//! for many of them at a time: one call for a few hundred frames.

use std::{cell::RefCell, io};

/// Masks that are fetched at a time.
const STOCK: usize = 256;

thread_local! {
    static MASKS: RefCell<Vec<[u8; 4]>> = const { RefCell::new(Vec::new()) };
}

/// A mask that was not used before.
pub(super) fn next_mask() -> io::Result<[u8; 4]> {
    MASKS.with_borrow_mut(|masks| {
        if masks.is_empty() {
            let mut random = [0; STOCK * 4];
            getrandom::fill(&mut random).map_err(io::Error::other)?;
            let (chunks, _) = random.as_chunks::<4>();
            masks.extend_from_slice(chunks);
        }
        masks.pop().ok_or_else(|| io::Error::other("no randomness"))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn masks_do_not_repeat_from_frame_to_frame() {
        let masks: HashSet<_> = (0..2000).map(|_| next_mask().unwrap()).collect();
        assert!(masks.len() > 1990, "{}", masks.len());
    }
}
