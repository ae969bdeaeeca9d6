//! [`Heartbeat`]: the server pings, the client pongs. [EIO4 Heartbeat]
//!
//! One timer a session, whatever the transport and through an upgrade (hazard R7): a ping that is
//! outstanding when the transport is swapped keeps its deadline (contract I3). A pong that nobody asked
//! for is ignored (hazard S23).

use crate::{Limits, moment::Moment};

/// What a due heartbeat asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Not due yet.
    Quiet,
    /// A ping is to be sent.
    Ping,
    /// The pong did not come in time.
    Dead,
}

/// `Resting` until `due`, then a ping is owed and the pong awaited until the next `due`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heartbeat {
    due: Moment,
    awaiting_pong: bool,
    ping_owed: bool,
}

impl Heartbeat {
    pub(super) fn new(limits: &Limits, now: Moment) -> Self {
        Self { due: now + limits.ping_interval, awaiting_pong: false, ping_owed: false }
    }

    pub(super) const fn due(&self) -> Moment {
        self.due
    }

    pub(super) const fn awaits_pong(&self) -> bool {
        self.awaiting_pong
    }

    /// Nothing was read from `since` until `now`, and the pong may have been here all along: it has as much time
    /// left as it had when the pause began, or the ping left. Not more: a client that keeps the application busy
    /// has to answer all the same.
    pub(super) fn excuse(&mut self, limits: &Limits, since: Moment, now: Moment) {
        if self.awaiting_pong {
            self.due = now + self.due.saturating_since(since).min(limits.ping_timeout);
        }
    }

    pub(super) fn handle_timeout(&mut self, limits: &Limits, now: Moment, paused: bool) -> Beat {
        if now < self.due {
            return Beat::Quiet;
        }
        if self.awaiting_pong {
            return if paused { Beat::Quiet } else { Beat::Dead };
        }
        *self = Self { due: now + limits.ping_timeout, awaiting_pong: true, ping_owed: true };
        Beat::Ping
    }

    pub(super) fn handle_pong(&mut self, limits: &Limits, now: Moment) {
        // A pong before the ping has even left answers nothing.
        if self.awaiting_pong && !self.ping_owed {
            *self = Self::new(limits, now);
        }
    }

    /// Whether a ping is to be written; it is owed once.
    pub(super) const fn take_ping(&mut self) -> bool {
        std::mem::replace(&mut self.ping_owed, false)
    }

    pub(super) const fn owes_ping(&self) -> bool {
        self.ping_owed
    }
}
