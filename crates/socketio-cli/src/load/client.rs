//! [`Client`]: how far a connection has got, and what it waits for.

use std::collections::VecDeque;

/// One connection's state, without its wire. Times are nanoseconds since the load began.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) phase: Phase,
    pub(super) dialled_at: u64,
    /// Its room, and its place in the table of groups.
    pub(super) room: usize,
    /// Broadcasts that it has had.
    pub(super) casts: u64,
    pub(super) unanswered: Unanswered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not dialled, or on the way to the namespace.
    Opening,
    /// In the namespace, and on the way into its room.
    Joining,
    Ready,
    Over,
}

/// When the messages were sent that have no answer yet.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// Echoes come in the order in which the messages went.
    InOrder(VecDeque<u64>),
    /// Acknowledgements have numbers, which are used again once they are free.
    Numbered { sent_at: Vec<u64>, free: Vec<usize> },
}

impl Unanswered {
    pub(super) fn numbered(most: usize) -> Self {
        Self::Numbered { sent_at: vec![0; most], free: (0..most).rev().collect() }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::InOrder(times) => times.len(),
            Self::Numbered { sent_at, free } => sent_at.len() - free.len(),
        }
    }

    /// Notes a message; its number, or `None` where no number is free.
    pub(super) fn sent(&mut self, at: u64) -> Option<usize> {
        match self {
            Self::InOrder(times) => {
                times.push_back(at);
                Some(0)
            }
            Self::Numbered { sent_at, free } => {
                let number = free.pop()?;
                *sent_at.get_mut(number)? = at;
                Some(number)
            }
        }
    }

    /// Notes an answer; when its message was sent, or `None` where there was no such message.
    pub(super) fn answered(&mut self, number: usize) -> Option<u64> {
        match self {
            Self::InOrder(times) => times.pop_front(),
            Self::Numbered { sent_at, free } => {
                let at = sent_at.get_mut(number).filter(|at| **at != 0)?;
                free.push(number);
                Some(std::mem::take(at))
            }
        }
    }

    pub(super) fn clear(&mut self) {
        match self {
            Self::InOrder(times) => times.clear(),
            Self::Numbered { sent_at, .. } => *self = Self::numbered(sent_at.len()),
        }
    }
}

impl Client {
    pub(super) fn new(room: usize, numbers: Option<usize>) -> Self {
        let unanswered = numbers.map_or_else(|| Unanswered::InOrder(VecDeque::new()), Unanswered::numbered);
        Self { phase: Phase::Opening, dialled_at: 0, room, casts: 0, unanswered }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_counts_once_and_frees_its_number() {
        let mut unanswered = Unanswered::numbered(2);
        assert_eq!((unanswered.sent(10), unanswered.sent(20), unanswered.sent(30)), (Some(0), Some(1), None));
        assert_eq!((unanswered.answered(1), unanswered.answered(1), unanswered.answered(9)), (Some(20), None, None));
        assert_eq!((unanswered.sent(40), unanswered.len()), (Some(1), 2));
    }

    #[test]
    fn echoes_are_matched_in_order() {
        let mut unanswered = Client::new(0, None).unanswered;
        assert_eq!((unanswered.sent(10), unanswered.sent(20)), (Some(0), Some(0)));
        assert_eq!(
            (unanswered.answered(0), unanswered.answered(0), unanswered.answered(0)),
            (Some(10), Some(20), None)
        );
    }
}
