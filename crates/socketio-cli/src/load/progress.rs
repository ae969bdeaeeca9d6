//! [`Progress`]: one line a second on standard error about how it goes.

use std::{
    io::{IsTerminal, Write, stderr},
    time::Duration,
};

/// How often there is a line.
const INTERVAL: Duration = Duration::from_secs(1);

/// On a terminal the line is written over; elsewhere each is a line of its own.
#[derive(Debug)]
pub(super) struct Progress {
    is_terminal: bool,
    next: Duration,
    received: u64,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { is_terminal: stderr().is_terminal(), next: INTERVAL, received: 0 }
    }

    /// Writes a line if it is time for one: what is going on, connections that are open, and messages so far.
    pub(super) fn tell(&mut self, now: Duration, stage: &str, connections: u64, received: u64) {
        if now < self.next {
            return;
        }
        let since = (now + INTERVAL).saturating_sub(self.next).as_secs_f64();
        let per_second = (received - self.received.min(received)) as f64 / since.max(0.001);
        self.next = now + INTERVAL;
        self.received = received;
        let line = format!(
            "{:>4} s  {stage:<9}  {connections} connections  {received} messages  {per_second:.0}/s",
            now.as_secs()
        );
        // Nobody has to look.
        let _ = match self.is_terminal {
            true => write!(stderr(), "\r\x1b[K{line}"),
            false => writeln!(stderr(), "{line}"),
        };
    }

    /// Takes the line away, so that the result stands alone.
    pub(super) fn end(&self) {
        if self.is_terminal {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
