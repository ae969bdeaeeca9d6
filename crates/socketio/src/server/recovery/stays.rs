//! [`Stays`]: in which rooms a socket was when, so that a client that comes back gets what went to them while it was in, be it
//! there still or not, and nothing from before it came or after it left. (D109, R32)

use std::sync::Arc;

use socketio_proto::Offset;

/// Rooms that were left are remembered as long as there are no more of them than that, each of some 60 bytes.
const MOST_LEFT: usize = 64;

/// The time of a socket in a room: behind the one event, and up to the other.
#[derive(Clone)]
struct Stay {
    room: Arc<str>,
    from: Offset,
    to: Option<Offset>,
}

/// What a socket's rooms were, one event after the other.
#[derive(Clone, Default)]
pub(in crate::server) struct Stays {
    list: Vec<Stay>,
    /// There were too many: up to there nobody knows.
    forgotten: Option<Offset>,
}

impl Stays {
    /// The socket is in a room behind that event, where it is not in already.
    pub(in crate::server) fn begin(&mut self, room: &Arc<str>, from: Offset) {
        if !self.list.iter().any(|stay| stay.to.is_none() && stay.room == *room) {
            self.list.push(Stay { room: room.clone(), from, to: None });
        }
    }

    /// The socket is in a room no more; that event was the last before.
    pub(in crate::server) fn end(&mut self, room: &str, to: Offset) {
        for stay in self.list.iter_mut().filter(|stay| stay.to.is_none() && *stay.room == *room) {
            stay.to = Some(to);
        }
        // Nothing was sent meanwhile.
        self.list.retain(|stay| stay.to != Some(stay.from));
        if self.list.iter().filter(|stay| stay.to.is_some()).count() > MOST_LEFT {
            let oldest = self.list.iter().enumerate().filter_map(|(at, stay)| Some((stay.to?, at))).min();
            if let Some((to, at)) = oldest {
                self.list.remove(at);
                self.forgotten = self.forgotten.max(Some(to));
            }
        }
    }

    /// Whether the socket was in that room when that event was sent.
    pub(super) fn cover(&self, room: &str, offset: Offset) -> bool {
        let is_within = |stay: &Stay| offset > stay.from && stay.to.is_none_or(|to| offset <= to);
        self.list.iter().any(|stay| *stay.room == *room && is_within(stay))
    }

    /// Whether it is known of all events behind that one.
    pub(super) fn reach_back_to(&self, offset: Offset) -> bool {
        self.forgotten.is_none_or(|forgotten| forgotten <= offset)
    }
}
