//! [`Peer`]: what the network asks of whoever plays the client, be it the model or the real session.

use super::{Event, network::Air};
use crate::CloseReason;

/// The client's end of a conversation.
pub(super) trait Peer {
    /// Does what it does first of all.
    fn begin(&mut self, air: &mut Air);

    /// Something that happens at the client.
    fn happen(&mut self, event: Event, air: &mut Air);

    /// What is on its way breaks, together with all WebSockets.
    fn cut(&mut self, air: &mut Air);

    /// Its process ends.
    fn crashes(&mut self, air: &mut Air);

    /// Nothing comes any more, and nothing that it sends arrives; it has to notice by itself.
    fn bury(&mut self, air: &mut Air);

    /// Milliseconds.
    fn next_timeout(&self) -> Option<u64>;

    fn timeout(&mut self, air: &mut Air);

    /// The conversation is long over.
    fn check_end(&self);

    fn is_open(&self) -> bool;

    /// A POST was refused, which makes a client give up even if a GET's answer is on its way.
    fn was_refused(&self) -> bool;

    fn sent(&self) -> u32;

    fn received(&self) -> u32;

    /// Why it says that the session is over; `None` where it does not say.
    fn closed(&self) -> Option<CloseReason>;
}
