//! [`Stays`]: in which rooms a socket was when, so that a client that comes back gets what went to them while it was in, be it
//! there still or not, and nothing from before it came or after it left. (D109, R32)

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use socketio_proto::Offset;

/// Rooms that were left are remembered as long as there are no more of them than that, each of some 60 bytes.
const MOST_LEFT: usize = 64;

/// The time of a socket in a room that it has left: behind the one event, and up to the other.
#[derive(Clone)]
struct Stay {
    room: Arc<str>,
    from: Offset,
    to: Offset,
}

/// What a socket's rooms were, one event after the other.
#[derive(Clone, Default)]
pub(in crate::server) struct Stays {
    /// Where it is, and behind which event it came.
    here: HashMap<Arc<str>, Offset>,
    /// In the order in which it left them.
    left: VecDeque<Stay>,
    /// It has left too many: up to there nobody knows.
    forgotten: Option<Offset>,
}

impl Stays {
    /// The socket is in a room behind that event, where it is not in already.
    pub(in crate::server) fn begin(&mut self, room: &Arc<str>, from: Offset) {
        self.here.entry(room.clone()).or_insert(from);
    }

    /// The socket is in a room no more; that event was the last before.
    pub(in crate::server) fn end(&mut self, room: &str, to: Offset) {
        // Where nothing was sent meanwhile, it need not be known.
        let Some((room, from)) = self.here.remove_entry(room).filter(|(_, from)| *from != to) else { return };
        self.left.push_back(Stay { room, from, to });
        if self.left.len() > MOST_LEFT {
            self.forgotten = self.left.pop_front().map(|stay| stay.to);
        }
    }

    /// Whether the socket was in that room when that event was sent.
    pub(super) fn cover(&self, room: &str, offset: Offset) -> bool {
        self.here.get(room).is_some_and(|from| offset > *from)
            || self.left.iter().any(|stay| *stay.room == *room && offset > stay.from && offset <= stay.to)
    }

    /// Whether it is known of all events behind that one.
    pub(super) fn reach_back_to(&self, offset: Offset) -> bool {
        self.forgotten.is_none_or(|forgotten| forgotten <= offset)
    }
}
