//! What a socket is made of: [`State`], under its one lock, with the [`Phase`] it is in; what was before it; what the application has
//! given it. What is done with them is next door, in `core.rs`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use socketio_proto::{AckTable, Body, Encoded, Offset};
use tokio::sync::oneshot;

use super::{Extensions, data::Slot};
use crate::server::{
    AckError,
    cluster::{Part, Parts},
    handlers::SocketHandlers,
    recovery::{Return, Stays, Ticket},
};

/// What was before a socket.
pub(super) struct Past {
    /// What the client comes back to.
    pub(super) comeback: Option<Return>,
    /// The last event that was recorded before the client asked to join.
    pub(super) begun: Offset,
    stays: Mutex<Stays>,
}

impl Past {
    /// The socket goes on in the rooms of the one before.
    pub(super) fn new(mut comeback: Option<Return>, begun: Offset) -> Self {
        let stays = comeback.as_mut().map(|comeback| std::mem::take(&mut comeback.saved.stays)).unwrap_or_default();
        Self { comeback, begun, stays: Mutex::new(stays) }
    }

    /// Under the socket's lock and all before it.
    pub(super) fn stays(&self) -> MutexGuard<'_, Stays> {
        self.stays.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the application has given to a socket. Each has its lock, since what is under them is in the order of locks at
/// different places.
#[derive(Default)]
pub(super) struct Own {
    /// Gone with the socket, so that handlers and what they captured go too.
    pub(super) handlers: Mutex<Option<Box<SocketHandlers>>>,
    pub(super) data: Mutex<Option<Slot>>,
    pub(super) extensions: Extensions,
}

pub(super) struct State {
    pub(super) phase: Phase,
    /// The offset of the last event that went out with one.
    pub(super) last_offset: Option<Box<Offset>>,
    /// While connected, where clients can be recovered.
    pub(super) ticket: Option<Box<Ticket>>,
    pub(super) rooms: Vec<Arc<str>>,
    /// `None` until the first question to the client.
    pub(super) acks: Option<Box<AckTable<AckWaiter>>>,
}

pub(in crate::server) enum Phase {
    /// With what was emitted so far, if anything.
    Connecting(Option<Box<HeldBack>>),
    Connected,
    Disconnected,
}

/// What was emitted before the client is connected, and its bytes.
#[derive(Default)]
pub(in crate::server) struct HeldBack {
    pub(super) events: Vec<Held>,
    pub(super) bytes: usize,
}

/// Which phase a socket is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Stage {
    Connecting,
    Connected,
    Disconnected,
}

/// An event that is held back, and its offset where it has one.
pub(in crate::server) struct Held {
    pub(super) packet: Encoded,
    pub(super) offset: Option<Offset>,
}

/// Who waits for an acknowledgement. Dropped without an answer where the socket leaves.
pub(in crate::server) enum AckWaiter {
    One(oneshot::Sender<Result<Body, AckError>>),
    /// One of the answers to a broadcast.
    Shared(Parts),
}

impl AckWaiter {
    pub(super) fn answer(self, body: Body) {
        // Who waited may have given up in this moment.
        match self {
            Self::One(waiter) => drop(waiter.send(Ok(body))),
            Self::Shared(waiter) => drop(waiter.send(Part::Answer(body))),
        }
    }
}
