//! [`Desk`]: what handles leave for the client's task, and how they wake it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::Waker,
};

use futures_util::task::AtomicWaker;
use socketio_proto::{AuthId, ClientClosed, Refusal};
use tokio::sync::oneshot;

use super::{
    ConnectError, OpenError,
    socket::{Arrived, SocketCore},
};

/// Who waits to be told whether a socket was let in.
pub(super) type Verdicts = Vec<oneshot::Sender<Result<(), ConnectError>>>;

/// What is to be done within the task, for one socket.
#[derive(Debug)]
pub(super) enum Work {
    /// Ask the user's function for the payload of a CONNECT.
    AskAuth(AuthId),
    /// An event has come.
    Event(Arrived),
    /// The server has let the socket in; told to those who waited then.
    Connected(Verdicts),
    /// It has not.
    Refused(Refusal, Verdicts),
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
    /// The connection of this moment is to end. What is asked for afterwards is asked of the next one.
    pub(super) close: bool,
    /// Who waits until it has ended.
    pub(super) closes: Vec<oneshot::Sender<()>>,
    /// The last handle is gone.
    pub(super) abandoned: bool,
}

/// The task sleeps, and is to be woken.
const ASLEEP: u8 = 0;
/// It runs, and nothing has come up since it last looked.
const RUNNING: u8 = 1;
/// Something has: it looks again before it sleeps.
const SIGNALLED: u8 = 2;

/// What is between the task and the handles.
#[derive(Default)]
pub(super) struct Desk {
    /// `None` once the task has ended: then nothing is kept that nobody will do.
    orders: Mutex<Option<Orders>>,
    shut: AtomicBool,
    /// One of the three above. A task that runs is not woken: it would only run once more.
    signal: AtomicU8,
    waker: AtomicWaker,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self {
            orders: Mutex::new(Some(Orders::default())),
            shut: AtomicBool::new(false),
            // It is not there yet, and looks at everything when it begins.
            signal: AtomicU8::new(SIGNALLED),
            waker: AtomicWaker::new(),
        }
    }

    /// Leaves something for the task; says whether there is one that will do it.
    pub(super) fn order(&self, change: impl FnOnce(&mut Orders)) -> bool {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let is_manned = match orders.as_mut() {
            Some(orders) => {
                change(orders);
                true
            }
            None => false,
        };
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
            let Orders { work, dial, opens, check_last, stop_waiting, close, closes, abandoned } = orders;
            let lists = !work.is_empty() || !opens.is_empty() || !closes.is_empty();
            lists || *dial || *check_last || *stop_waiting || *close || *abandoned
        })
    }

    /// The task ends, and does nothing any more.
    pub(super) fn shut(&self) {
        self.shut.store(true, Ordering::Release);
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(orders);
    }

    /// Whether the task has ended. Who asks under the lock of a socket, and is told that it has not, is seen by the task
    /// when it clears that socket.
    pub(super) fn is_shut(&self) -> bool {
        self.shut.load(Ordering::Acquire)
    }

    /// The task runs, under this waker.
    pub(super) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// The task is about to look at everything; says whether something has come up since it last did.
    pub(super) fn begin_round(&self) -> bool {
        self.signal.swap(RUNNING, Ordering::AcqRel) == SIGNALLED
    }

    /// Whether something has come up in this round.
    pub(super) fn is_signalled(&self) -> bool {
        self.signal.load(Ordering::Acquire) == SIGNALLED
    }

    /// Whether the task may sleep: nothing has come up in this round. From then on it is woken.
    pub(super) fn may_sleep(&self) -> bool {
        self.signal.compare_exchange(RUNNING, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    pub(super) fn wake(&self) {
        if self.signal.swap(SIGNALLED, Ordering::AcqRel) == ASLEEP {
            self.waker.wake();
        }
    }
}
