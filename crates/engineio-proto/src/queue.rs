//! [`SendQueue`]: the only queue of a session: messages on their way out, bounded in bytes.
//!
//! Control packets (pings, probes) are not in it: they pass in front (hazard R16).

use std::collections::VecDeque;

use crate::{MessageFrame, error::SendError};

/// What an entry costs beside its bytes, at the least: a flood of tiny messages is a flood of these.
const ENTRY_BYTES: usize = 64;

/// Messages in the order in which they were sent, with the bytes that they hold.
#[derive(Debug, Default)]
pub struct SendQueue {
    frames: VecDeque<MessageFrame>,
    bytes: usize,
}

impl SendQueue {
    /// Adds all of `frames`, one behind the other, or none of them.
    ///
    /// # Errors
    /// [`SendError::Full`] where the queue is not empty and would then hold more than `limit` bytes, each
    /// message counted with what keeping it costs. An empty queue takes anything: what is larger than the bound could otherwise never be sent.
    pub fn push(&mut self, frames: &[MessageFrame], limit: usize) -> Result<(), SendError> {
        let more: usize = frames.iter().map(MessageFrame::len).sum();
        let entries = (self.frames.len() + frames.len()) * ENTRY_BYTES;
        if self.bytes > 0 && self.bytes.saturating_add(more).saturating_add(entries) > limit {
            return Err(SendError::Full { queued: self.bytes, limit });
        }
        self.frames.extend(frames.iter().cloned());
        self.bytes += more;
        Ok(())
    }

    /// The next message, without taking it.
    #[must_use]
    pub fn front(&self) -> Option<&MessageFrame> {
        self.frames.front()
    }

    /// Takes the next message. The last one gives the queue's memory back, so that an idle session holds
    /// none.
    pub fn pop(&mut self) -> Option<MessageFrame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.len();
        if self.frames.is_empty() {
            self.frames = VecDeque::new();
        }
        Some(frame)
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes that wait, frame headers included.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_frames_is_taken_whole_or_not_at_all() {
        let mut queue = SendQueue::default();
        let frame = MessageFrame::text(&["0123456"]);
        queue.push(std::slice::from_ref(&frame), 0).unwrap();
        let three = 3 * (10 + ENTRY_BYTES);
        let refused = queue.push(&[frame.clone(), frame.clone()], three - 1);
        assert_eq!(refused, Err(SendError::Full { queued: 10, limit: three - 1 }));
        assert_eq!(queue.bytes(), 10);
        queue.push(&[frame.clone(), frame], three).unwrap();
        assert_eq!(queue.bytes(), 30);
    }

    #[test]
    fn an_empty_queue_takes_more_than_its_bound_and_holds_no_memory() {
        let mut queue = SendQueue::default();
        queue.push(&[MessageFrame::binary(&[0; 100])], 1).unwrap();
        assert!(queue.pop().is_some());
        assert_eq!((queue.bytes(), queue.frames.capacity()), (0, 0));
    }
}
