//! [`Heartbeat`]: who is still there? In revision 4 the server pings and the client pongs, in revision 3 the other way
//! round. [EIO4 Heartbeat] [EIO3 Heartbeat] Rows A49, A50, A89.
//!
//! One timer a session, whatever the transport and through an upgrade (hazard R7): what is outstanding when the
//! transport is swapped keeps its deadline (contract I3). A pong that nobody asked for is ignored (hazard S23), and so is
//! what a ping or a pong carries.

use std::time::Duration;

use crate::{Limits, Revision, moment::Moment, progress::Progress};

/// A timer that comes so late says that this side was held up, by a machine under load or asleep.
const HELD_UP: Duration = Duration::from_secs(1);

/// What a due heartbeat asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Not due yet.
    Quiet,
    /// A ping is to be sent.
    Ping,
    /// The client did not show itself in time.
    Dead,
}

/// A ping or a pong from the side that does not send it in this revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrongDirection;

/// What is waited for until `due`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// The time for the next ping.
    Rest,
    /// The client's pong.
    Pong,
    /// The client's next ping: revision 3, always.
    Ping,
}

/// `Rest` until `due`, then a ping is owed and the pong awaited until the next `due`. In revision 3 a ping is awaited,
/// and a pong owed for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heartbeat {
    due: Moment,
    wait: Wait,
    /// This side's ping or pong is still to be written; a flood of pings costs one slot.
    beat_owed: bool,
    /// Its time was prolonged already because this side was late itself.
    excused: bool,
    /// What has moved of long messages while something is awaited.
    progress: Progress,
}

impl Heartbeat {
    pub(super) fn new(revision: Revision, limits: &Limits, now: Moment) -> Self {
        match revision {
            Revision::V3 => Self::awaiting_ping(limits, now),
            Revision::V4 => Self::starting(now + limits.ping_interval, Wait::Rest),
        }
    }

    fn awaiting_ping(limits: &Limits, now: Moment) -> Self {
        let due = now + limits.ping_interval.saturating_add(limits.ping_timeout);
        Self::starting(due, Wait::Ping)
    }

    fn starting(due: Moment, wait: Wait) -> Self {
        Self { due, wait, beat_owed: false, excused: false, progress: Progress::default() }
    }

    pub(super) const fn due(&self) -> Moment {
        self.due
    }

    pub(super) fn awaits_client(&self) -> bool {
        self.wait != Wait::Rest
    }

    /// Bytes of messages that take long have moved, so the client is there: what is awaited stands behind them, and has its whole
    /// time again (hazard R16).
    pub(super) fn handle_progress(&mut self, limits: &Limits, bytes: usize, now: Moment) {
        if self.awaits_client() && self.progress.add(bytes) {
            self.due = self.due.max(now + limits.ping_timeout);
        }
    }

    /// Nothing was read from `since` until `now`, and what is awaited may have been here all along: it has as much time
    /// left as it had when the pause began, or the ping left. Not more: a client that keeps the application busy
    /// has to answer all the same.
    pub(super) fn excuse(&mut self, limits: &Limits, since: Moment, now: Moment) {
        let left = self.due.saturating_since(since);
        match self.wait {
            Wait::Rest => {}
            Wait::Pong => self.due = now + left.min(limits.ping_timeout),
            Wait::Ping => self.due = now + left,
        }
    }

    /// Where the timer is late, what is awaited may lie unread beside it: the client gets as much time as this side took from it, once
    /// (hazard R17).
    fn excuses_lateness(&mut self, limits: &Limits, now: Moment) -> bool {
        let late = now.saturating_since(self.due);
        if late < HELD_UP || std::mem::replace(&mut self.excused, true) {
            return false;
        }
        self.due = now + late.min(limits.ping_timeout);
        true
    }

    pub(super) fn handle_timeout(&mut self, limits: &Limits, now: Moment, paused: bool) -> Beat {
        if now < self.due {
            return Beat::Quiet;
        }
        if self.awaits_client() {
            return if paused || self.excuses_lateness(limits, now) { Beat::Quiet } else { Beat::Dead };
        }
        *self = Self { beat_owed: true, ..Self::starting(now + limits.ping_timeout, Wait::Pong) };
        Beat::Ping
    }

    pub(super) fn handle_ping(&mut self, limits: &Limits, now: Moment) -> Result<(), WrongDirection> {
        match self.wait {
            Wait::Rest | Wait::Pong => Err(WrongDirection),
            Wait::Ping => {
                *self = Self { beat_owed: true, ..Self::awaiting_ping(limits, now) };
                Ok(())
            }
        }
    }

    pub(super) fn handle_pong(&mut self, limits: &Limits, now: Moment) -> Result<(), WrongDirection> {
        match self.wait {
            Wait::Ping => Err(WrongDirection),
            // A pong before the ping has even left answers nothing.
            Wait::Pong if !self.beat_owed => {
                *self = Self::new(Revision::V4, limits, now);
                Ok(())
            }
            Wait::Rest | Wait::Pong => Ok(()),
        }
    }

    /// The packet that is to be written; it is owed once.
    pub(super) fn take_beat(&mut self) -> Option<&'static str> {
        let packet = if self.wait == Wait::Ping { "3" } else { "2" };
        std::mem::replace(&mut self.beat_owed, false).then_some(packet)
    }

    pub(super) const fn owes_beat(&self) -> bool {
        self.beat_owed
    }
}
