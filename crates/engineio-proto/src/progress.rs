//! [`Progress`]: bytes of a message that takes long to carry, counted as a sign of life (hazard R16).
//!
//! Pings and pongs pass a queue, but not a message that is half on its way: they stand behind it, for minutes on a slow link. So what
//! has moved of it says that the peer is there. It says so by the amount and not by the piece: who lets a byte a minute trickle
//! in moves nothing that counts, so that a message that never ends is waited for no longer than silence (hazard S34).

/// Bytes that are worth a sign of life: little for any link that can carry large messages, much for a peer that only wants to
/// seem alive.
pub(crate) const SIGN_OF_LIFE_BYTES: u32 = 16 * 1024;

/// What has moved since it was last counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress(u32);

impl Progress {
    /// So many bytes more have moved; says whether that makes a sign of life.
    pub(crate) fn add(&mut self, bytes: usize) -> bool {
        self.0 = self.0.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        let is_life = self.0 >= SIGN_OF_LIFE_BYTES;
        if is_life {
            self.0 = 0;
        }
        is_life
    }
}
