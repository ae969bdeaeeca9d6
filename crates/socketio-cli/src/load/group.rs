//! [`Group`]: those who get each other's broadcasts, and how many of these are on their way.

/// Broadcasts of one group whose time of sending is remembered.
const REMEMBERED: usize = 4096;

/// A room, or all connections where there are no rooms.
#[derive(Debug)]
pub(super) struct Group {
    /// Who sends.
    pub(super) sender: usize,
    pub(super) members: u64,
    /// Broadcasts sent, and receipts of all members together.
    sent: u64,
    received: u64,
    sent_at: Vec<u64>,
}

impl Group {
    pub(super) const fn new(sender: usize, members: u64) -> Self {
        Self { sender, members, sent: 0, received: 0, sent_at: Vec::new() }
    }

    /// How many broadcasts may go, so that no more than `most` are on their way to somebody.
    pub(super) fn room_for(&self, most: usize) -> u64 {
        let arrived = self.received / self.members.max(1);
        (arrived + most as u64).saturating_sub(self.sent)
    }

    pub(super) fn sent(&mut self, at: u64) {
        if self.sent_at.is_empty() {
            self.sent_at = vec![0; REMEMBERED];
        }
        if let Some(slot) = self.sent_at.get_mut((self.sent % REMEMBERED as u64) as usize) {
            *slot = at;
        }
        self.sent += 1;
    }

    /// A member has its broadcast of this number, counted from 0; when that was sent, where it is remembered.
    pub(super) fn received(&mut self, number: u64) -> Option<u64> {
        self.received += 1;
        let is_remembered = number < self.sent && self.sent - number <= REMEMBERED as u64;
        self.sent_at.get((number % REMEMBERED as u64) as usize).copied().filter(|_| is_remembered)
    }

    /// Receipts that are owed still.
    pub(super) const fn unanswered(&self) -> u64 {
        (self.sent * self.members).saturating_sub(self.received)
    }

    /// A member is gone, with what was on its way to it.
    pub(super) const fn left(&mut self, casts: u64) {
        self.members = self.members.saturating_sub(1);
        self.received = self.received.saturating_sub(casts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_broadcast_goes_when_all_have_had_the_one_before() {
        let mut group = Group::new(0, 2);
        assert_eq!(group.room_for(1), 1);
        group.sent(7);
        assert_eq!((group.room_for(1), group.unanswered()), (0, 2));
        assert_eq!((group.received(0), group.room_for(1)), (Some(7), 0));
        assert_eq!((group.received(0), group.room_for(1)), (Some(7), 1));
        group.sent(8);
        group.left(1); // with one of the two that it was sent
        assert_eq!((group.received(1), group.room_for(1), group.unanswered()), (Some(8), 1, 0));
    }
}
