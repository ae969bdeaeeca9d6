//! [`Agenda`]: what is still to happen in the world, in the order of its times, one thing at a time.

use std::collections::BTreeMap;

use bytes::Bytes;

/// One thing, which somebody outside of the server does, or which becomes of something on its way.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A client connects.
    Begin(usize),
    /// A client does something on its connection.
    Act(usize),
    /// A client polls, after a pause.
    Poll(usize),
    /// A client answers a question: where, by which acknowledgement, and what.
    Reply(usize, usize, u64, u64),
    /// The application does something by itself.
    Serve,
    Request(usize, Stage),
    Wire(usize, Move),
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Its head is at the server.
    Arrives,
    /// So is a piece of its body; whether that was the last.
    Piece(Bytes, bool),
    /// Its body ends in the middle.
    Breaks,
    /// Its connection is gone, and with it the server's answer.
    Dropped,
    /// The client has the answer.
    Told,
    /// The client is told that there is none.
    Failed,
}

/// What becomes of the bytes of a WebSocket.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    /// The next piece is at the server.
    Up,
    /// The next piece is at the client.
    Down,
    /// The client sees the end of it.
    End,
    /// What the server writes is taken again.
    Thaw,
}

/// Milliseconds since the world began.
pub(crate) type Time = u64;

#[derive(Debug, Default)]
pub(crate) struct Agenda {
    entries: BTreeMap<(Time, u64), Happening>,
    count: u64,
}

impl Agenda {
    pub(crate) fn add(&mut self, at: Time, happening: Happening) {
        self.count += 1;
        self.entries.insert((at, self.count), happening);
    }

    pub(crate) fn next(&self) -> Option<Time> {
        self.entries.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next thing, if its time has come.
    pub(crate) fn take(&mut self, now: Time) -> Option<Happening> {
        let entry = self.entries.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }
}
