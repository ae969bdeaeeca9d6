//! [`Line`]: one connection as its clients see it: who sits in which namespace, what is to be sent, and how it is to
//! end. [`Connection`] ends it when the last client is gone. The requests are made next door (`wire.rs`).

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use engineio::MessageFrame;
use engineio_proto::PayloadWriter;
use socketio_proto::{Encoded, Namespace, Packet};
use tokio::sync::Notify;

use super::seat::Seat;
use crate::DisconnectReason;

#[derive(Debug, Default)]
pub(super) struct Line {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    seats: HashMap<Namespace, Arc<Seat>>,
    outgoing: VecDeque<Outgoing>,
    silent: bool,
    stop: Option<Stop>,
    over: Option<DisconnectReason>,
}

#[derive(Debug)]
enum Outgoing {
    Message(MessageFrame),
    Pong,
}

/// How the client ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// What was emitted goes out first, and the server is told.
    HangUp,
    /// At once, as when a cable is cut.
    Cut,
}

impl Line {
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let changed = change(&mut self.lock());
        self.changed.notify_waiters();
        changed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sits down in a namespace; says no where somebody of this connection sits there already.
    pub(super) fn take_seat(&self, seat: &Arc<Seat>) -> bool {
        let (is_free, over) = {
            let mut state = self.lock();
            let is_free = !state.seats.contains_key(&seat.namespace);
            if is_free {
                state.seats.insert(seat.namespace.clone(), seat.clone());
            }
            (is_free, state.over)
        };
        if let Some(reason) = over {
            seat.end(reason);
        }
        is_free
    }

    /// Gets up; what still comes for the namespace is ignored.
    pub(super) fn leave_seat(&self, seat: &Arc<Seat>) {
        let mut state = self.lock();
        if state.seats.get(&seat.namespace).is_some_and(|current| Arc::ptr_eq(current, seat)) {
            state.seats.remove(&seat.namespace);
        }
    }

    /// Queues a packet; on a line that is over, it is lost.
    pub(super) fn send(&self, packet: &Encoded) {
        self.change(|state| {
            if state.over.is_none() {
                state.outgoing.extend(packet.frames().iter().cloned().map(Outgoing::Message));
            }
        });
    }

    pub(super) fn send_pong(&self) {
        self.change(|state| state.outgoing.push_back(Outgoing::Pong));
    }

    /// Hands a packet to whom it is for.
    pub(super) fn deliver(&self, packet: Packet) {
        let seat = self.lock().seats.get(&packet.namespace).cloned();
        if let Some(seat) = seat
            && !seat.handle(packet)
        {
            self.leave_seat(&seat);
        }
    }

    /// From now on nothing is read or sent, pongs neither.
    pub(super) fn fall_silent(&self) {
        self.change(|state| state.silent = true);
    }

    pub(super) fn is_silent(&self) -> bool {
        self.lock().silent
    }

    /// Orders the end; the first order counts. Who is silent cannot say good-bye.
    pub(super) fn stop(&self, stop: Stop) {
        self.change(|state| {
            let stop = if state.silent { Stop::Cut } else { stop };
            state.stop.get_or_insert(stop);
        });
    }

    /// Waits for the order to end.
    pub(super) async fn stopped(&self) -> Stop {
        loop {
            let changed = self.changed.notified();
            if let Some(stop) = self.lock().stop {
                return stop;
            }
            changed.await;
        }
    }

    /// Waits for something to send, and gives as much as fits into `budget` bytes; and whether that is the last.
    pub(super) async fn next_payload(&self, budget: usize) -> (Bytes, bool) {
        loop {
            let changed = self.changed.notified();
            if let Some(payload) = self.lock().write_payload(budget) {
                return payload;
            }
            changed.await;
        }
    }

    /// The connection is over; the first reason counts.
    pub(super) fn end(&self, reason: DisconnectReason) {
        let (seats, reason) = self.change(|state| {
            state.outgoing.clear();
            (std::mem::take(&mut state.seats), *state.over.get_or_insert(reason))
        });
        for seat in seats.into_values() {
            seat.end(reason);
        }
    }
}

impl State {
    fn write_payload(&mut self, budget: usize) -> Option<(Bytes, bool)> {
        if self.silent {
            return None;
        }
        let mut payload = PayloadWriter::new();
        while let Some(next) = self.outgoing.front() {
            match next {
                Outgoing::Message(frame) if !payload.push_message(frame, budget) => break,
                Outgoing::Message(_) => {}
                Outgoing::Pong => payload.push_text("3"),
            }
            self.outgoing.pop_front();
        }
        let last = self.stop == Some(Stop::HangUp) && self.outgoing.is_empty();
        if last {
            payload.push_text("1");
        }
        (!payload.is_empty()).then(|| (payload.finish().bytes, last))
    }
}

/// Held by the clients of a connection, and by nobody else: when it goes, the connection is closed.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) line: Arc<Line>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.line.stop(Stop::HangUp);
    }
}
