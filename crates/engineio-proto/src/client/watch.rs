//! [`Watch`]: is the server still there? It pings, and this side answers. [EIO4 Heartbeat] Rows B28–B30.
//!
//! One timer a session, whatever the transport, restarted by a ping and by nothing else.

use std::time::Duration;

use crate::{moment::Moment, progress::Progress};

/// The watch over the server's pings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    /// Without a ping until then, the server is gone.
    due: Moment,
    /// The interval and the time-out that the server has named, together.
    period: Duration,
    /// A pong is still to be sent. A flood of pings costs one slot.
    pong_owed: bool,
    /// What has come of long messages.
    progress: Progress,
}

impl Watch {
    pub(super) fn new(period: Duration, now: Moment) -> Self {
        Self { due: now + period, period, pong_owed: false, progress: Progress::default() }
    }

    pub(super) const fn due(&self) -> Moment {
        self.due
    }

    pub(super) const fn period(&self) -> Duration {
        self.period
    }

    pub(super) fn handle_ping(&mut self, now: Moment) {
        *self = Self { pong_owed: true, ..Self::new(self.period, now) };
    }

    /// Bytes of a message that takes long have moved, so the server is there: its ping stands behind them, or this side's pong
    /// (hazard R16).
    /// Says whether there were enough of them.
    pub(super) fn handle_progress(&mut self, bytes: usize, now: Moment) -> bool {
        let is_life = self.progress.add(bytes);
        if is_life {
            self.due = self.due.max(now + self.period);
        }
        is_life
    }

    /// Nothing was read from `since` to `now`: a ping may have lain unread. One that was handled meanwhile gives no more than
    /// it would have given now.
    pub(super) fn excuse(&mut self, since: Moment, now: Moment) {
        self.due = now + self.due.saturating_since(since).min(self.period);
    }

    pub(super) const fn owes_pong(&self) -> bool {
        self.pong_owed
    }

    pub(super) const fn take_pong(&mut self) -> bool {
        std::mem::replace(&mut self.pong_owed, false)
    }
}
