//! [`Ledger`]: the numbered messages of one direction, and what may become of them.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use engineio_proto::Message;

/// Messages that one side sends: they are seen in their order, each at most once, and none is missing in front of one that is
/// seen, unless it was one that could be dropped.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// For each message that was taken, its group, and whether that may be dropped.
    taken: Vec<(usize, bool)>,
    groups: usize,
    /// The number behind the last one that was seen.
    seen: usize,
    /// Groups, as the queue tells.
    dropped: usize,
    /// Groups that were passed over.
    missing: usize,
    /// What was seen and has not arrived.
    under_way: VecDeque<Message>,
}

impl Ledger {
    /// The message of the next number but `more`; text and binary by turns. It is filled up to `len` bytes.
    pub(crate) fn next(&self, more: usize, len: usize) -> Message {
        let number = self.taken.len() + more;
        let mut text = format!("{number}.");
        text.extend(std::iter::repeat_n('x', len.saturating_sub(text.len())));
        if number.is_multiple_of(3) { Message::Binary(Bytes::from(text)) } else { text.into() }
    }

    /// So many messages were taken as a group, and so many other groups dropped for them.
    pub(crate) fn taken(&mut self, count: usize, droppable: bool, dropped: u32) {
        self.taken.extend(std::iter::repeat_n((self.groups, droppable), count));
        self.groups += 1;
        self.dropped += dropped as usize;
    }

    /// The next message is seen.
    pub(crate) fn see(&mut self, message: &Message) {
        let (bytes, is_binary) = match message {
            Message::Text(text) => (text.as_bytes(), false),
            Message::Binary(bytes) => (bytes, true),
        };
        let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&bytes[..digits]).ok().and_then(|digits| digits.parse::<usize>().ok());
        let Some(number) = number else { panic!("{message:?} was never sent") };
        assert_eq!(is_binary, number.is_multiple_of(3), "{message:?} is of another kind than it was");
        let (from, sent) = (self.seen, self.taken.len());
        assert!((from..sent).contains(&number), "{message:?} where {from} is next, of {sent}");
        let skipped = &self.taken[from..number];
        assert!(skipped.iter().all(|(_, droppable)| *droppable), "{from} is lost, {number} is here");
        let groups: BTreeSet<usize> = skipped.iter().map(|(group, _)| *group).collect();
        let before = from.checked_sub(1).and_then(|before| self.taken.get(before));
        let neighbours = before.into_iter().chain(self.taken.get(number)).map(|(group, _)| group);
        assert!(neighbours.into_iter().all(|group| !groups.contains(group)), "a part of a group is dropped");
        self.missing += groups.len();
        assert!(self.missing <= self.dropped, "more are missing than were dropped");
        self.seen = number + 1;
        self.under_way.push_back(message.clone());
    }

    /// What was seen arrives, nothing of it twice or out of order.
    pub(crate) fn arrive(&mut self, message: &Message) {
        let next = self.under_way.pop_front();
        assert_eq!(Some(message), next.as_ref(), "what arrives is what left next");
    }

    /// Whether all has left and arrived that was not dropped.
    pub(crate) fn is_complete(&self) -> bool {
        self.under_way.is_empty() && self.taken[self.seen..].iter().all(|(_, droppable)| *droppable)
    }
}
