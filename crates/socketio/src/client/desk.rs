//! [`Desk`]: what handles leave for the client's task, and how they wake it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    task::Waker,
};

use futures_util::task::AtomicWaker;
use socketio_proto::{AckId, AuthId, Body, ClientClosed, Refusal};
use tokio::sync::oneshot;

use super::{OpenError, socket::SocketCore};

/// What is to be done within the task, for one socket.
#[derive(Debug)]
pub(super) enum Work {
    /// Ask the user's function for the payload of a CONNECT.
    AskAuth(AuthId),
    /// An event has come, on the socket's connection of this number.
    Event { body: Body, ack: Option<AckId>, connection: u64 },
    /// The server has let the socket in.
    Connected,
    /// It has not.
    Refused(Refusal),
    /// It was connected, and is no more.
    Disconnected(ClientClosed),
}

/// What was left for the task.
#[derive(Default)]
pub(super) struct Orders {
    /// In the order in which it came up.
    pub(super) work: VecDeque<(Arc<SocketCore>, Work)>,
    /// A connection is wanted.
    pub(super) dial: bool,
    /// Who waits for a connection without a socket on it.
    pub(super) opens: Vec<oneshot::Sender<Result<(), OpenError>>>,
    /// A socket has become inactive: it may have been the last one (row E22).
    pub(super) check_last: bool,
    /// The last active socket was disconnected by hand: what was waited for is not waited for any more, even where another
    /// socket wants to be connected since.
    pub(super) stop_waiting: bool,
    /// No connection is wanted any more, whatever the sockets want.
    pub(super) close: bool,
    /// The last handle is gone.
    pub(super) abandoned: bool,
}

/// What is between the task and the handles.
#[derive(Default)]
pub(super) struct Desk {
    /// `None` once the task has ended: then nothing is kept that nobody will do.
    orders: Mutex<Option<Orders>>,
    waker: AtomicWaker,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self { orders: Mutex::new(Some(Orders::default())), waker: AtomicWaker::new() }
    }

    /// Leaves something for the task; says whether there is one that will do it.
    pub(super) fn order(&self, change: impl FnOnce(&mut Orders)) -> bool {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let is_manned = orders.as_mut().map(change).is_some();
        drop(orders);
        self.wake();
        is_manned
    }

    /// What was left; the handles' side starts afresh.
    pub(super) fn take(&self) -> Orders {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Whether something was left.
    pub(super) fn has_orders(&self) -> bool {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.as_ref().is_some_and(|orders| {
            let Orders { work, dial, opens, check_last, stop_waiting, close, abandoned } = orders;
            !work.is_empty() || !opens.is_empty() || *dial || *check_last || *stop_waiting || *close || *abandoned
        })
    }

    /// The task ends, and does nothing any more.
    pub(super) fn shut(&self) {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(orders);
    }

    pub(super) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    pub(super) fn wake(&self) {
        self.waker.wake();
    }
}
