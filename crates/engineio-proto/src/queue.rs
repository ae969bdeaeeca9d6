//! [`SendQueue`]: the only queue of a session: messages on their way out, bounded in bytes. Rows J1, D63.
//!
//! Control packets (pings, probes) are not in it: they pass in front (hazard R16).

use std::{collections::VecDeque, num::NonZeroU64};

use crate::{
    MessageFrame,
    error::SendError,
    limits::WhenFull,
    send::{MessageGroup, SendMark, SendOptions},
};

/// What an entry costs beside its bytes, at the least: a flood of tiny messages is a flood of these.
const ENTRY_BYTES: usize = 64;

/// Messages in the order in which they were sent, with the bytes that they hold.
///
/// What one [`push`](Self::push) adds is a group: it leaves in one piece, or is dropped in one piece.
///
/// Kept and droppable groups stand in lines of their own and meet again by their numbers, so that the oldest
/// droppable group is found at once, whatever stands in front of it: a client that does not read would else make
/// every message to it dearer than the one before.
///
/// ```
/// use engineio_proto::{MessageFrame, SendOptions, SendQueue, WhenFull};
///
/// let mut queue = SendQueue::default();
/// let group = [MessageFrame::text(&["one"]), MessageFrame::text(&["two"])];
/// let dropped = queue.push(&group, SendOptions::KEPT, 1000, WhenFull::Refuse)?;
/// assert_eq!((dropped, queue.bytes()), (0, group[0].len() + group[1].len()));
/// assert_eq!(queue.front(), Some(&group[0]));
/// assert_eq!([queue.pop(), queue.pop(), queue.pop()], [Some(group[0].clone()), Some(group[1].clone()), None]);
/// assert!(queue.is_empty());
/// # Ok::<(), engineio_proto::SendError>(())
/// ```
#[derive(Debug)]
pub struct SendQueue {
    kept: VecDeque<Entry>,
    /// `None` where there are none: most sessions never drop anything.
    droppable: Option<Box<Droppable>>,
    bytes: usize,
    /// What exempt groups cost, which stand in the line of those that are kept.
    exempt_cost: usize,
    /// The number of the next group.
    next_group: NonZeroU64,
}

impl Default for SendQueue {
    fn default() -> Self {
        Self { kept: VecDeque::new(), droppable: None, bytes: 0, exempt_cost: 0, next_group: NonZeroU64::MIN }
    }
}

/// Groups that may be dropped.
#[derive(Debug, Default)]
struct Droppable {
    /// Whole groups only: of one that has begun to leave, the rest is kept.
    entries: VecDeque<Entry>,
    /// Of the queue's bytes, those that are here.
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    frame: MessageFrame,
    group: NonZeroU64,
    exempt: bool,
}

impl SendQueue {
    /// Adds all of `frames`, one behind the other, or none of them. Where there is no room and `when_full` says so,
    /// droppable groups are dropped for it, the oldest first; gives how many.
    ///
    /// ```
    /// use engineio_proto::{MessageFrame, SendOptions, SendQueue, WhenFull};
    ///
    /// let news = [MessageFrame::text(&["news"])];
    /// let limit = 2 * SendQueue::cost_of(&news); // there is room for two
    /// let mut queue = SendQueue::default();
    /// let dropped = [(); 3].map(|()| queue.push(&news, SendOptions::DROPPABLE, limit, WhenFull::DropOldest));
    /// assert_eq!(dropped, [Ok(0), Ok(0), Ok(1)]);
    /// assert!(queue.push(&news, SendOptions::KEPT, limit, WhenFull::Refuse).is_err());
    /// ```
    ///
    /// # Errors
    /// [`SendError::Full`] where something that is not exempt waits already and the queue would then hold more than `limit` bytes, each message
    /// counted with what keeping it costs, and dropping all that may be dropped would not help: then nothing is
    /// dropped. An empty queue takes anything: what is larger than the bound could otherwise never be sent. What is exempt
    /// is always taken, and not counted for what comes after it.
    pub fn push<'a>(
        &mut self,
        frames: impl Into<MessageGroup<'a>>,
        options: SendOptions,
        limit: usize,
        when_full: WhenFull,
    ) -> Result<u32, SendError> {
        let frames = frames.into();
        let (count, bytes) = (frames.frames().len(), frames.frames().iter().map(MessageFrame::len).sum());
        let more = cost_of(count, bytes);
        let SendOptions { droppable, exempt, .. } = options;
        let mut dropped = 0;
        if !exempt && !self.fits(more, limit) {
            if !self.has_room(more, limit, when_full) {
                return Err(SendError::Full { queued: self.bytes, limit });
            }
            while !self.fits(more, limit) {
                self.drop_oldest();
                dropped += 1;
            }
        }
        let group = self.next_group;
        // In centuries.
        self.next_group = self.next_group.saturating_add(1);
        self.bytes += bytes;
        let line = if droppable && !exempt {
            let droppable = self.droppable.get_or_insert_default();
            droppable.bytes += bytes;
            &mut droppable.entries
        } else {
            self.exempt_cost += if exempt { more } else { 0 };
            &mut self.kept
        };
        line.reserve(count);
        frames.give(|frame| line.push_back(Entry { frame, group, exempt }));
        Ok(dropped)
    }

    /// What a group of these frames costs in a queue, in bytes: their own, and those of keeping them.
    ///
    /// ```
    /// use engineio_proto::{MessageFrame, SendQueue};
    ///
    /// let frame = MessageFrame::text(&["hello"]);
    /// assert!(SendQueue::cost_of(&[frame.clone()]) > frame.len());
    /// ```
    #[must_use]
    pub fn cost_of(frames: &[MessageFrame]) -> usize {
        frames.iter().map(|frame| frame.len().saturating_add(ENTRY_BYTES)).fold(0, usize::saturating_add)
    }

    /// Whether [`SendQueue::push`] would take a group of this cost.
    ///
    /// ```
    /// use engineio_proto::{MessageFrame, SendOptions, SendQueue, WhenFull::Refuse};
    ///
    /// let mut queue = SendQueue::default();
    /// assert!(queue.has_room(1_000_000, 100, Refuse)); // an empty queue takes anything
    /// queue.push(&[MessageFrame::text(&["hello"])], SendOptions::KEPT, 100, Refuse)?;
    /// assert!(!queue.has_room(90, 100, Refuse));
    /// # Ok::<(), engineio_proto::SendError>(())
    /// ```
    #[must_use]
    pub fn has_room(&self, cost: usize, limit: usize, when_full: WhenFull) -> bool {
        match when_full {
            WhenFull::Refuse => self.fits(cost, limit),
            WhenFull::DropOldest => {
                let kept = self.counted(cost_of(self.kept.len(), self.bytes - self.droppable_bytes()));
                kept == 0 || kept.saturating_add(cost) <= limit
            }
        }
    }

    /// Whether a group of this cost fits beside all that is here.
    fn fits(&self, cost: usize, limit: usize) -> bool {
        let held = self.counted(cost_of(self.len(), self.bytes));
        held == 0 || held.saturating_add(cost) <= limit
    }

    /// A cost without that of what is exempt.
    const fn counted(&self, cost: usize) -> usize {
        cost.saturating_sub(self.exempt_cost)
    }

    fn droppable_bytes(&self) -> usize {
        self.droppable.as_ref().map_or(0, |droppable| droppable.bytes)
    }

    /// The next entry of those that may be dropped.
    fn front_droppable(&self) -> Option<&Entry> {
        self.droppable.as_ref()?.entries.front()
    }

    /// Drops the oldest droppable group; there is one.
    fn drop_oldest(&mut self) {
        let Some(droppable) = &mut self.droppable else { return };
        let oldest = droppable.entries.front().map(|entry| entry.group);
        while droppable.entries.front().map(|entry| entry.group) == oldest {
            let Some(Entry { frame, .. }) = droppable.entries.pop_front() else { return };
            self.bytes -= frame.len();
            droppable.bytes -= frame.len();
        }
    }

    /// Whether the next message stands in the line of those that may be dropped.
    fn next_is_droppable(&self) -> bool {
        match (self.kept.front(), self.front_droppable()) {
            (Some(kept), Some(droppable)) => droppable.group < kept.group,
            (kept, _) => kept.is_none(),
        }
    }

    fn front_entry(&self) -> Option<&Entry> {
        if self.next_is_droppable() { self.front_droppable() } else { self.kept.front() }
    }

    /// The next message, without taking it.
    #[must_use]
    pub fn front(&self) -> Option<&MessageFrame> {
        self.front_entry().map(|entry| &entry.frame)
    }

    /// Takes the next message. The last one gives the queue's memory back, so that an idle session holds
    /// none.
    ///
    /// ```
    /// use engineio_proto::{MessageFrame, SendOptions, SendQueue, WhenFull};
    ///
    /// let (mut queue, frame) = (SendQueue::default(), MessageFrame::text(&["hello"]));
    /// queue.push(std::slice::from_ref(&frame), SendOptions::KEPT, 1000, WhenFull::Refuse)?;
    /// assert_eq!((queue.pop(), queue.pop()), (Some(frame), None));
    /// # Ok::<(), engineio_proto::SendError>(())
    /// ```
    pub fn pop(&mut self) -> Option<MessageFrame> {
        let next = if self.next_is_droppable() { self.begin_droppable() } else { self.kept.pop_front() };
        let Entry { frame, exempt, .. } = next?;
        self.bytes -= frame.len();
        if exempt {
            self.exempt_cost = self.exempt_cost.saturating_sub(cost_of(1, frame.len()));
        }
        if self.is_empty() {
            (self.kept, self.droppable) = (VecDeque::new(), None);
        }
        Some(frame)
    }

    /// The oldest droppable group begins to leave: its first message is taken, and the rest is kept from now on, in front
    /// of all.
    fn begin_droppable(&mut self) -> Option<Entry> {
        let droppable = self.droppable.as_mut()?;
        let first = droppable.entries.pop_front()?;
        droppable.bytes -= first.frame.len();
        let rest = droppable.entries.iter().take_while(|entry| entry.group == first.group).count();
        // Nearly all are alone.
        if rest > 0 {
            for entry in droppable.entries.drain(..rest).rev() {
                droppable.bytes -= entry.frame.len();
                self.kept.push_front(entry);
            }
        }
        Some(first)
    }

    /// Drops everything.
    ///
    /// ```
    /// use engineio_proto::{MessageFrame, SendOptions, SendQueue, WhenFull};
    ///
    /// let mut queue = SendQueue::default();
    /// queue.push(&[MessageFrame::text(&["hello"])], SendOptions::KEPT, 1000, WhenFull::Refuse)?;
    /// queue.clear();
    /// assert_eq!((queue.is_empty(), queue.bytes()), (true, 0));
    /// # Ok::<(), engineio_proto::SendError>(())
    /// ```
    pub fn clear(&mut self) {
        *self = Self { next_group: self.next_group, ..Self::default() };
    }

    /// How many messages wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len() + self.droppable.as_ref().map_or(0, |droppable| droppable.entries.len())
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.front_droppable().is_none()
    }

    /// Bytes that wait, frame headers included.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Behind everything that was pushed until now.
    #[must_use]
    pub const fn end(&self) -> SendMark {
        SendMark(self.next_group)
    }

    /// In front of everything that waits: what was pushed before it was taken, or dropped.
    ///
    /// ```
    /// use engineio_proto::{MessageFrame, SendOptions, SendQueue, WhenFull};
    ///
    /// let mut queue = SendQueue::default();
    /// queue.push(&[MessageFrame::text(&["hello"])], SendOptions::KEPT, 1000, WhenFull::Refuse)?;
    /// let behind = queue.end();
    /// assert!(queue.start() < behind);
    /// queue.pop();
    /// assert!(queue.start() >= behind); // all in front of that has been taken
    /// # Ok::<(), engineio_proto::SendError>(())
    /// ```
    #[must_use]
    pub fn start(&self) -> SendMark {
        self.front_entry().map_or_else(|| self.end(), |entry| SendMark(entry.group))
    }
}

/// What so many entries with so many bytes cost.
const fn cost_of(entries: usize, bytes: usize) -> usize {
    bytes.saturating_add(entries.saturating_mul(ENTRY_BYTES))
}

#[cfg(test)]
mod tests;
