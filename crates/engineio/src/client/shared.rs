//! [`Shared`]: one session as its driver and its handles see it: the protocol machine under the one lock of the session,
//! and who is to be woken.
//!
//! INVARIANT: no await and no user code under the lock. Every method locks, feeds, drains, unlocks.

use std::{
    cell::Cell,
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::SystemTime,
};

use engineio_proto::{
    ClientOptions, ClientOutput, ClientSession, CloseMode, Closed, Message, MessageFrame, Moment, Payload, RequestId,
    SendError, SendOptions, Sent, TransportKind, WireId, websocket::CloseCode,
};
use futures_util::task::AtomicWaker;

use super::{ConnectError, Notice, TransportError};
use crate::{changes::Changes, clock::Clock, sleeper::Sleeper};

/// Outputs for which a thread keeps room: those of an ordinary input.
const KEPT_OUTPUTS: usize = 16;

thread_local! {
    /// What a session puts its outputs into: the thread's, so that a session that has nothing to say owns none. Taken for
    /// the length of one input, and put back empty.
    static OUT: Cell<Vec<ClientOutput>> = Cell::default();
}

/// What is shared between a session's driver and its handles.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) clock: Clock,
    inner: Mutex<Inner>,
    /// Who waits for a message outside the driver's task.
    receiver: AtomicWaker,
    /// Rings when the session opens, upgrades, drains or closes.
    changed: Changes,
}

/// What the lock guards.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) session: ClientSession,
    /// What the driver is to carry out.
    pub(super) orders: Vec<Order>,
    /// What the listener is to be told.
    pub(super) notices: Vec<Notice>,
    /// Messages that the application has not taken. Bounded: while there is one, nothing more is read.
    incoming: VecDeque<Message>,
    /// Who waits for the session to open, upgrade or close is to be told.
    has_changed: bool,
    /// The application has been lent messages and has not asked for more: they are not taken yet.
    lent: bool,
    /// A part of a message is here, and the rest on its way.
    pub(super) receiving: bool,
    pub(super) opened: bool,
    pub(super) upgraded: bool,
    pub(super) closed: Option<Closed>,
    /// What went wrong last below the session, if anything did.
    pub(super) error: Option<Arc<TransportError>>,
    /// The sub-protocol that the server has chosen for the WebSocket (row B14).
    pub(super) protocol: Option<String>,
    /// When the server was last heard, by the clock that goes on while the machine sleeps (row B30).
    heard: SystemTime,
    /// The wall clock says that the server has been silent for too long.
    overslept: bool,
    sleeper: Sleeper,
}

/// What the driver is to do.
#[derive(Debug)]
pub(super) enum Order {
    Get(RequestId),
    Post(RequestId, Payload),
    Abort(RequestId),
    OpenWire(WireId),
    CloseWire(WireId, Option<CloseCode>),
}

impl Shared {
    /// A session that begins on `first`, or on the first of its transports.
    pub(super) fn open(options: ClientOptions, first: Option<TransportKind>) -> Self {
        let clock = Clock::start();
        let mut out = Vec::new();
        let session = ClientSession::open(Arc::new(options), first, clock.now(), &mut out);
        let mut inner = Inner {
            session,
            orders: Vec::new(),
            notices: Vec::new(),
            incoming: VecDeque::new(),
            has_changed: false,
            lent: false,
            receiving: false,
            opened: false,
            upgraded: false,
            closed: None,
            error: None,
            protocol: None,
            heard: SystemTime::now(),
            overslept: false,
            sleeper: Sleeper::default(),
        };
        inner.carry_out(&mut out);
        Self { clock, inner: Mutex::new(inner), receiver: AtomicWaker::new(), changed: Changes::default() }
    }

    /// The lock. A panic elsewhere cannot poison it for good: no user code runs under it.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Feeds the session one input, carries its outputs out, and wakes who has something to do.
    pub(super) fn feed<R>(&self, input: impl FnOnce(&mut Inner, &mut Vec<ClientOutput>) -> R) -> R {
        let mut inner = self.lock();
        let was_drained = inner.session.is_drained();
        let mut out = OUT.try_with(Cell::take).unwrap_or_default();
        let result = input(&mut inner, &mut out);
        inner.carry_out(&mut out);
        // A burst must not be paid for with memory ever after.
        if out.capacity() <= KEPT_OUTPUTS {
            let _ = OUT.try_with(|kept| kept.set(out));
        }
        let is_drained = !was_drained && inner.session.is_drained();
        let changed = std::mem::take(&mut inner.has_changed) || is_drained;
        let has_messages = !inner.incoming.is_empty();
        wake_driver(inner);
        if changed {
            self.changed.ring();
        }
        if has_messages || changed {
            self.receiver.wake();
        }
        result
    }

    // ---- handles ----

    pub(super) fn send(&self, frames: &[MessageFrame], options: SendOptions) -> Result<Sent, SendError> {
        let now = self.clock.now();
        let mut inner = self.lock();
        if inner.has_overslept() {
            inner.overslept = true;
            wake_driver(inner);
            return Err(SendError::Closed);
        }
        let sent = inner.session.handle_send_with(frames, options, now);
        wake_driver(inner);
        sent
    }

    /// Whether the server has been silent for too long, by any clock (row B30).
    pub(super) fn has_expired(&self) -> bool {
        let inner = self.lock();
        inner.session.has_expired(self.clock.now()) || inner.has_overslept()
    }

    pub(super) fn close(&self, mode: CloseMode) {
        let now = self.clock.now();
        self.feed(|inner, out| inner.session.handle_close(mode, now, out));
    }

    pub(super) fn poll_recv(&self, cx: &Context<'_>) -> Poll<Option<Message>> {
        let mut inner = self.lock();
        if !inner.sleeper.wakes(cx.waker()) {
            // A receiver inside the driver's task needs no waking: it is run whenever the driver was.
            self.receiver.register(cx.waker());
        }
        inner.lent = false;
        if let Some(message) = inner.incoming.pop_front() {
            if inner.incoming.is_empty() {
                // The memory goes back, and the driver reads on.
                inner.forget_incoming();
                inner.hear();
                wake_driver(inner);
            }
            return Poll::Ready(Some(message));
        }
        if inner.closed.is_some() { Poll::Ready(None) } else { Poll::Pending }
    }

    pub(super) fn poll_recv_many(&self, cx: &Context<'_>, messages: &mut VecDeque<Message>) -> Poll<bool> {
        let mut inner = self.lock();
        if !inner.sleeper.wakes(cx.waker()) {
            self.receiver.register(cx.waker());
        }
        let was_lent = std::mem::replace(&mut inner.lent, false);
        if messages.is_empty() {
            std::mem::swap(messages, &mut inner.incoming);
        } else {
            messages.append(&mut inner.incoming);
        }
        if !messages.is_empty() {
            inner.lent = true;
            return Poll::Ready(true);
        }
        let answer = if inner.closed.is_some() { Poll::Ready(false) } else { Poll::Pending };
        if was_lent {
            // The driver reads on.
            inner.hear();
            wake_driver(inner);
        }
        answer
    }

    /// Waits until `check` has an answer; it is asked whenever the session opens, upgrades, drains or closes.
    pub(super) async fn until<R>(&self, check: impl Fn(&Inner) -> Option<R>) -> R {
        self.changed.until(|| check(&self.lock())).await
    }
}

/// Unlocks, and wakes the driver where it sleeps, once.
fn wake_driver(mut inner: MutexGuard<'_, Inner>) {
    let driver = inner.sleeper.take();
    drop(inner);
    if let Some(driver) = driver {
        driver.wake();
    }
}

impl Inner {
    /// The driver runs, under this waker.
    pub(super) fn driver_runs(&mut self, waker: &Waker) {
        self.sleeper.runs(waker);
    }

    /// The driver is about to sleep: from now on it is woken.
    pub(super) const fn driver_sleeps(&mut self) {
        self.sleeper.sleeps();
    }

    pub(super) fn has_incoming(&self) -> bool {
        self.lent || !self.incoming.is_empty()
    }

    pub(super) fn forget_incoming(&mut self) {
        self.incoming = VecDeque::new();
    }

    /// Whether the session was opened, once that is known.
    pub(super) fn verdict(&self) -> Option<Result<(), ConnectError>> {
        match self.closed {
            _ if self.opened => Some(Ok(())),
            Some(closed) => Some(Err(ConnectError::Closed { closed, error: self.error.clone() })),
            None => None,
        }
    }

    /// Whether the machine has slept through the server's time. What is unread may hold a ping.
    fn has_overslept(&self) -> bool {
        let Some(period) = self.session.heartbeat_period() else { return false };
        let silent = self.heard.elapsed().unwrap_or_default();
        self.closed.is_none() && !self.has_incoming() && silent > period
    }

    /// Whether the driver is to see that the server's time is over.
    pub(super) const fn is_late(&self) -> bool {
        self.overslept
    }

    /// When the session has to see the time again; the end of time where it was overslept.
    pub(super) fn take_lateness(&mut self) -> Option<Moment> {
        std::mem::take(&mut self.overslept).then_some(Moment::from_nanos(u64::MAX))
    }

    /// A part of a message has come or gone on a WebSocket.
    pub(super) fn wire_moved(&mut self, wire: WireId, bytes: usize, now: Moment) {
        if self.session.handle_wire_progress(wire, bytes, now) {
            self.hear();
        }
    }

    /// A part of the answer to a GET has come, or one of the body of a POST has gone.
    pub(super) fn bodies_moved(&mut self, bytes: usize, now: Moment) {
        if self.session.handle_body_progress(bytes, now) {
            self.hear();
        }
    }

    /// The application has taken what came: pings that lay unread are read from now on.
    pub(super) fn hear(&mut self) {
        self.heard = SystemTime::now();
    }

    /// Carries out what there is. An input with many outputs does so in between, so that they do not pile up.
    pub(super) fn carry_out(&mut self, out: &mut Vec<ClientOutput>) {
        for output in out.drain(..) {
            self.has_changed |= self.carry_out_one(output);
        }
    }

    /// Carries out one output; says whether waiters are to be told.
    fn carry_out_one(&mut self, output: ClientOutput) -> bool {
        match output {
            ClientOutput::Get(get) => self.orders.push(Order::Get(get)),
            ClientOutput::Post(post, payload) => self.orders.push(Order::Post(post, payload)),
            ClientOutput::Abort(request) => self.orders.push(Order::Abort(request)),
            ClientOutput::OpenWire(wire) => self.orders.push(Order::OpenWire(wire)),
            ClientOutput::CloseWire(wire, code) => self.orders.push(Order::CloseWire(wire, code)),
            ClientOutput::Message(message) => self.incoming.push_back(message),
            ClientOutput::TriesNext(kind) => self.notices.push(Notice::TriesNext(kind)),
            ClientOutput::UpgradeFailed(why) => self.notices.push(Notice::UpgradeFailed(why)),
            ClientOutput::Ping => {
                self.hear();
                // A flood of them is told once.
                if self.notices.last() != Some(&Notice::Ping) {
                    self.notices.push(Notice::Ping);
                }
            }
            ClientOutput::Opened => {
                self.hear();
                self.opened = true;
                self.notices.push(Notice::Opened);
                return true;
            }
            ClientOutput::Upgraded => {
                self.upgraded = true;
                self.notices.push(Notice::Upgraded);
                return true;
            }
            ClientOutput::Closed(closed) => {
                self.closed = Some(closed);
                return true;
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use engineio_proto::{CloseReason, Handshake, Limits, SessionId};

    use super::*;

    /// B30: the monotonic clock stands still while a machine sleeps, and the server has given up meanwhile.
    #[tokio::test]
    async fn a_machine_that_was_suspended_notices_before_it_writes() {
        let shared = Shared::open(ClientOptions::default(), None);
        let Some(Order::Get(first)) = shared.lock().orders.pop() else { panic!("it begins with a GET") };
        let open = Handshake::new(&SessionId::new("secret"), &[], &Limits::default()).packet();
        let now = shared.clock.now();
        shared.feed(|inner, out| inner.session.handle_answer(first, open.to_string().into(), now, out));
        let hello = [MessageFrame::text(&["hello"])];
        assert!(shared.send(&hello, SendOptions::KEPT).is_ok());

        // What has come of a long message was heard too (hazard R16).
        shared.lock().heard = SystemTime::now() - Duration::from_secs(46);
        shared.lock().bodies_moved(100_000, now);
        assert!(!shared.has_expired());

        shared.lock().heard = SystemTime::now() - Duration::from_secs(46);
        assert!(shared.has_expired());
        assert_eq!(shared.send(&hello, SendOptions::KEPT), Err(SendError::Closed));
        let late = shared.lock().take_lateness().expect("the driver is told");
        shared.feed(|inner, out| inner.session.handle_timeout(late, out));
        assert_eq!(shared.lock().closed.map(|closed| closed.reason), Some(CloseReason::PingTimeout));
    }
}
