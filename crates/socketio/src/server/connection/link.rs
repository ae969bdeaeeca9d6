//! [`Link`]: a connection as its sockets see it, and what they may order of it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use engineio::{CloseMode, MessageFrame, Revision, SendError, SendOptions, Sent, Session};
use socketio_proto::Encoded;

use super::joining::Resolved;
use crate::server::{DisconnectReason, counters::count, environment::Environment, socket::SocketCore};

/// A connection as its sockets see it.
pub(in crate::server) struct Link {
    pub(in crate::server) session: Session,
    pub(in crate::server) revision: Revision,
    environment: Arc<Environment>,
    /// `None` where nothing was ordered since it was last looked, which is so for nearly all of a connection's life.
    orders: Mutex<Option<Box<Orders>>>,
    /// Something was ordered; looked at for each message.
    ordered: AtomicBool,
    joined: AtomicBool,
}

/// What others want of the connection's future.
#[derive(Default)]
pub(super) struct Orders {
    pub(super) departures: Vec<Departure>,
    /// CONNECTs whose namespace was looked for.
    pub(super) resolved: Vec<Resolved>,
    pub(super) disconnect_all: bool,
    /// Why the connection is being closed, where the session's own reason would not tell.
    pub(super) reason: Option<DisconnectReason>,
}

/// A socket has left its namespace. However this goes, the socket is in no room afterwards.
pub(in crate::server) struct Departure {
    pub(super) socket: Arc<SocketCore>,
    pub(super) reason: DisconnectReason,
    pub(super) was_connected: bool,
}

impl Departure {
    pub(in crate::server) const fn new(socket: Arc<SocketCore>, reason: DisconnectReason, was_connected: bool) -> Self {
        Self { socket, reason, was_connected }
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.socket.leave_rooms();
    }
}

impl Link {
    pub(super) fn new(session: Session, environment: Arc<Environment>) -> Self {
        Self {
            revision: session.revision(),
            session,
            environment,
            orders: Mutex::default(),
            ordered: AtomicBool::new(false),
            joined: AtomicBool::new(false),
        }
    }

    pub(in crate::server) fn ack_timeout(&self) -> Duration {
        self.environment.config.limits.ack_timeout
    }

    pub(in crate::server) fn max_queue_bytes(&self) -> usize {
        self.environment.config.engine.limits.max_queue_bytes
    }

    /// Leaves something for the connection's future to do.
    fn order(&self, change: impl FnOnce(&mut Orders)) {
        self.orders(change);
        self.ordered.store(true, Ordering::Release);
        self.session.run_again();
    }

    /// Whether something was ordered since this was last asked.
    pub(super) fn take_ordered(&self) -> bool {
        self.ordered.load(Ordering::Acquire) && self.ordered.swap(false, Ordering::AcqRel)
    }

    fn orders<R>(&self, change: impl FnOnce(&mut Orders) -> R) -> R {
        change(self.orders.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
    }

    /// What was ordered and is not done; the reason stays.
    pub(super) fn take_orders(&self) -> Orders {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = orders.take().map(|orders| *orders).unwrap_or_default();
        *orders = taken.reason.map(|reason| Box::new(Orders { reason: Some(reason), ..Orders::default() }));
        taken
    }

    /// Why the connection is being closed, where somebody has said.
    pub(super) fn reason(&self) -> Option<DisconnectReason> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.reason
    }

    pub(in crate::server) fn announce(&self, departure: Departure) {
        self.order(|orders| orders.departures.push(departure));
    }

    pub(in crate::server) fn order_disconnect_all(&self) {
        self.order(|orders| orders.disconnect_all = true);
    }

    /// Closes the connection; its sockets see this reason. Says whether it is the first.
    pub(in crate::server) fn close_because(&self, reason: DisconnectReason, mode: CloseMode) -> bool {
        let is_first = self.orders(|orders| {
            let is_first = orders.reason.is_none();
            orders.reason.get_or_insert(reason);
            is_first
        });
        self.session.close(mode);
        is_first
    }

    /// Sends a packet that belongs to the connection; one that is over drops it. Says whether events gave way to it, which
    /// is counted, and is to be told (row J1).
    pub(in crate::server) fn send(&self, packet: &Encoded) -> bool {
        self.send_frames(packet.frames(), SendOptions::KEPT)
    }

    /// The same for several, next to each other, in a way of the caller's choice.
    pub(in crate::server) fn send_frames(&self, frames: &[MessageFrame], options: SendOptions) -> bool {
        match self.session.send_with(frames, options) {
            Ok(Sent::Queued { dropped }) if dropped > 0 => {
                self.environment.counting.events_dropped.fetch_add(u64::from(dropped), Ordering::Relaxed);
                true
            }
            Err(SendError::Full { .. }) => {
                self.close_for_slowness();
                false
            }
            _ => false,
        }
    }

    /// The client's queue is full, and something that it has to see, or what would leave a hole in what it sees,
    /// does not fit: it is thrown out, with a reason, rather than left in doubt.
    pub(in crate::server) fn close_for_slowness(&self) {
        // Several threads may find the queue full at the same time.
        if self.close_because(DisconnectReason::TransportError, CloseMode::Discard) {
            count(&self.environment.counting.slow_clients_disconnected);
            tracing::debug!(session = ?self.session.id(), "the client reads too slowly: its send queue is full, it is disconnected");
        }
    }

    pub(in crate::server) fn set_joined(&self) {
        self.joined.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_joined(&self) -> bool {
        self.joined.load(Ordering::Relaxed)
    }

    /// A namespace was found, or not.
    pub(super) fn resolve(&self, resolved: Resolved) {
        self.order(|orders| orders.resolved.push(resolved));
    }
}
