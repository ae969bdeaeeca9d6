//! [`Shared`]: one session as its driver, its HTTP requests and its handles see it: the protocol machine
//! under the one lock of the session, and who is to be woken.
//!
//! INVARIANT: no await and no user code under the lock. Every method locks, feeds, drains, unlocks.

use std::{
    cell::Cell,
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use engineio_proto::{
    Answer, CloseMode, Closed, Message, MessageGroup, Moment, Output, PollId, PostFault, PostRefusal, PostRest, Reject,
    Revision, SendError, SendOptions, Sent, ServerSession, SessionId, TransportKind, WhenFull, WireId,
    websocket::CloseCode,
};
use tokio::sync::oneshot;

use crate::{
    changes::Changes, counters::Tally, opening::Opening, sleeper::Sleeper, surroundings::Surroundings,
    transport::websocket::Upgrade, waiting::Waiting,
};

/// Outputs for which a thread keeps room: those of an ordinary input, or of one read with many messages.
const KEPT_OUTPUTS: usize = 256;

thread_local! {
    /// What a session puts its outputs into: the thread's, so that a session that has nothing to say owns none. Taken for
    /// the length of one input, and put back empty.
    static OUT: Cell<Vec<Output>> = Cell::default();
}

/// What is shared between a session's driver, requests and handles.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) id: SessionId,
    pub(crate) surroundings: Arc<Surroundings>,
    inner: Mutex<Inner>,
    /// Rings when the session closes, and when the last waiting message was taken.
    changed: Changes,
}

/// What the lock guards.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) session: ServerSession,
    /// The request that opened the session.
    pub(crate) opening: Opening,
    /// The session has moved to a WebSocket.
    pub(crate) upgraded: bool,
    /// A part of a message is here, and the rest on its way.
    pub(crate) receiving: bool,
    /// Messages that the application has not taken. Bounded: while there is one, nothing more is read.
    incoming: VecDeque<Message>,
    /// Who waits for the session's queue.
    pub(crate) waiting: Waiting,
    /// `None` for a session on a WebSocket that does nothing.
    rare: Option<Box<Rare>>,
    /// Counts what the application is to be run for: messages, and the end.
    pub(crate) news: u32,
    /// The driver's task.
    driver: Sleeper,
}

/// What a session on a WebSocket does without most of the time.
#[derive(Debug, Default)]
struct Rare {
    /// GETs that wait for their answer: one, or two for the moment in which they overlap.
    parked: Option<Parked>,
    orders: Orders,
    closed: Option<Closed>,
    /// Who waits for a message outside the driver's task.
    receiver: Option<Waker>,
}

/// What is left for the driver to do.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    /// A WebSocket whose HTTP upgrade is under way, to be picked up.
    pub(crate) offered: Option<(WireId, Upgrade)>,
    /// WebSockets that are to be closed.
    pub(crate) close_wires: Vec<(WireId, Option<CloseCode>)>,
}

impl Orders {
    const fn is_empty(&self) -> bool {
        self.offered.is_none() && self.close_wires.is_empty()
    }
}

/// A GET that waits for its answer, in front of those that came before.
#[derive(Debug)]
struct Parked {
    id: PollId,
    answer: oneshot::Sender<Answer>,
    before: Option<Box<Self>>,
}

impl Shared {
    pub(crate) fn new(
        id: SessionId,
        opening: Opening,
        surroundings: Arc<Surroundings>,
        session: ServerSession,
    ) -> Self {
        let inner = Inner {
            session,
            opening,
            upgraded: false,
            receiving: false,
            incoming: VecDeque::new(),
            waiting: Waiting::default(),
            rare: None,
            news: 0,
            driver: Sleeper::default(),
        };
        Self { id, surroundings, inner: Mutex::new(inner), changed: Changes::default() }
    }

    pub(crate) fn now(&self) -> Moment {
        self.surroundings.clock.now()
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.surroundings.tally
    }

    /// The lock. A panic elsewhere cannot poison it for good: no user code runs under it.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Feeds the session one input, carries its outputs out, and wakes who has something to do.
    pub(crate) fn feed<R>(&self, input: impl FnOnce(&mut Inner, &mut Vec<Output>) -> R) -> R {
        let mut inner = self.lock();
        let mut out = OUT.try_with(Cell::take).unwrap_or_default();
        let result = input(&mut inner, &mut out);
        let mut changed = false;
        if out.len() > KEPT_OUTPUTS {
            inner.incoming.reserve(out.len());
        }
        for output in out.drain(..) {
            match &output {
                Output::Closed(closed) => self.tally().count_closed(closed.reason),
                Output::Upgraded => self.tally().upgrades.count(),
                _ => {}
            }
            changed |= inner.carry_out(output);
        }
        // A burst must not be paid for with memory ever after.
        if out.capacity() <= KEPT_OUTPUTS {
            let _ = OUT.try_with(|kept| kept.set(out));
        }
        let receiver = if changed || inner.has_incoming() { inner.take_receiver() } else { None };
        wake_driver(inner);
        if changed {
            self.changed.ring();
        }
        if let Some(receiver) = receiver {
            receiver.wake();
        }
        result
    }

    // ---- requests ----

    /// A GET: its answer comes through the channel.
    pub(crate) fn open_poll(&self) -> Result<(PollId, oneshot::Receiver<Answer>), Reject> {
        self.feed(|inner, out| {
            let poll = inner.session.handle_poll_opened(out)?;
            let (answer, receiver) = oneshot::channel();
            let parked = &mut inner.rare().parked;
            let before = parked.take().map(Box::new);
            *parked = Some(Parked { id: poll, answer, before });
            Ok((poll, receiver))
        })
    }

    pub(crate) fn abandon_poll(&self, poll: PollId) {
        self.feed(|inner, out| {
            drop(inner.take_parked(poll));
            inner.session.handle_poll_abandoned(poll, out);
        });
    }

    pub(crate) fn lose_answer(&self) {
        self.feed(|inner, out| inner.session.handle_answer_lost(out));
    }

    pub(crate) fn begin_post(&self) -> Result<(), PostRefusal> {
        self.feed(|inner, out| inner.session.handle_post_begun(out))
    }

    pub(crate) fn finish_post(&self, body: bytes::Bytes) -> Result<Option<PostRest>, PostRefusal> {
        let now = self.now();
        self.feed(|inner, out| {
            inner.receiving = false;
            inner.session.handle_post(body, now, out)
        })
    }

    /// The same for a body of type `application/octet-stream`.
    pub(crate) fn finish_binary_post(&self, body: bytes::Bytes) -> Result<Option<PostRest>, PostRefusal> {
        let now = self.now();
        self.feed(|inner, out| {
            inner.receiving = false;
            inner.session.handle_binary_post(body, now, out)
        })
    }

    /// Takes more of a body that is taken in parts.
    pub(crate) fn finish_post_rest(&self, rest: PostRest) -> Result<Option<PostRest>, PostRefusal> {
        let now = self.now();
        self.feed(|inner, out| inner.session.handle_post_rest(rest, now, out))
    }

    /// A part of a POST's body has come, and more is to follow.
    pub(crate) fn post_moved(&self, bytes: usize) {
        let now = self.now();
        let mut inner = self.lock();
        inner.receiving = true;
        inner.session.handle_body_progress(bytes, now);
    }

    /// A part of the answer to a GET has gone, and more is to follow.
    pub(crate) fn answer_moved(&self, bytes: usize) {
        let now = self.now();
        self.lock().session.handle_body_progress(bytes, now);
    }

    pub(crate) fn fail_post(&self, fault: PostFault) {
        self.feed(|inner, out| inner.session.handle_post_failed(fault, out));
    }

    // ---- handles ----

    pub(crate) fn send(&self, frames: MessageGroup<'_>, options: SendOptions) -> Result<Sent, SendError> {
        let mut inner = self.lock();
        // What is exempt, is dropped at once or may be dropped again takes no room from those who wait for it.
        let limits = inner.session.limits();
        let drops_oldest = limits.when_full == WhenFull::DropOldest;
        let passes = options.exempt || options.volatile || options.droppable && drops_oldest;
        if !passes && inner.waiting.has_line_for_room() {
            self.tally().queue_full.count();
            return Err(SendError::Full { queued: inner.session.queued_bytes(), limit: limits.max_queue_bytes });
        }
        let sent = inner.session.handle_send_with(frames, options);
        if let Err(SendError::Full { .. }) = sent {
            self.tally().queue_full.count();
        }
        let sent = sent?;
        wake_driver(inner);
        Ok(sent)
    }

    pub(crate) fn close(&self, mode: CloseMode) {
        let now = self.now();
        self.feed(|inner, out| inner.session.handle_close(mode, now, out));
    }

    pub(crate) fn run_application_again(&self) {
        let mut inner = self.lock();
        inner.news = inner.news.wrapping_add(1);
        wake_driver(inner);
    }

    pub(crate) fn closed_now(&self) -> Option<Closed> {
        self.lock().closed()
    }

    /// The transport, `None` once the session is over.
    pub(crate) fn transport(&self) -> Option<TransportKind> {
        let inner = self.lock();
        (!inner.session.is_closed()).then(|| inner.session.transport())
    }

    /// The same, with the revision, which stays the same.
    pub(crate) fn transport_and_revision(&self) -> Option<(TransportKind, Revision)> {
        let inner = self.lock();
        (!inner.session.is_closed()).then(|| (inner.session.transport(), inner.session.revision()))
    }

    pub(crate) fn revision(&self) -> Revision {
        self.lock().session.revision()
    }

    pub(crate) fn poll_recv(&self, cx: &Context<'_>) -> Poll<Option<Message>> {
        let mut inner = self.lock_to_receive(cx.waker());
        if let Some(message) = inner.incoming.pop_front() {
            if inner.incoming.is_empty() {
                self.read_on(inner);
            }
            return Poll::Ready(Some(message));
        }
        if inner.closed().is_some() { Poll::Ready(None) } else { Poll::Pending }
    }

    /// The same for all messages that have come.
    pub(crate) fn poll_recv_all(&self, cx: &Context<'_>, messages: &mut VecDeque<Message>) -> Poll<bool> {
        let mut inner = self.lock_to_receive(cx.waker());
        if inner.incoming.is_empty() {
            return if inner.closed().is_some() { Poll::Ready(false) } else { Poll::Pending };
        }
        if messages.is_empty() {
            *messages = std::mem::take(&mut inner.incoming);
        } else {
            messages.append(&mut inner.incoming);
        }
        self.read_on(inner);
        Poll::Ready(true)
    }

    /// Puts messages back in front of those that have come since.
    pub(crate) fn put_back(&self, messages: &mut VecDeque<Message>) {
        if !messages.is_empty() {
            let mut inner = self.lock();
            messages.append(&mut inner.incoming);
            inner.incoming = std::mem::take(messages);
        }
    }

    fn lock_to_receive(&self, waker: &Waker) -> MutexGuard<'_, Inner> {
        let mut inner = self.lock();
        if !inner.driver.wakes(waker) {
            // A receiver inside the driver's task needs no waking: the driver runs it whenever there is something.
            inner.register_receiver(waker);
        }
        inner
    }

    /// All messages were taken: the memory goes back, a POST that waits for its turn is let in, and the driver, if this is
    /// not its task, reads on.
    fn read_on(&self, mut inner: MutexGuard<'_, Inner>) {
        inner.forget_incoming();
        wake_driver(inner);
        self.changed.ring();
    }

    pub(crate) async fn closed(&self) -> Closed {
        self.until(Inner::closed).await
    }

    pub(crate) async fn upgraded(&self) -> bool {
        self.until(|inner| (inner.upgraded || inner.closed().is_some()).then_some(inner.upgraded)).await
    }

    /// Waits until the application has taken what came before, or the session is over.
    pub(crate) async fn drained(&self) {
        self.until(|inner| (inner.incoming.is_empty() || inner.closed().is_some()).then_some(())).await;
    }

    async fn until<R>(&self, check: impl Fn(&Inner) -> Option<R>) -> R {
        self.changed.until(|| check(&self.lock())).await
    }
}

/// Unlocks, and wakes the driver where it sleeps, once; and before that serves those who wait for the queue.
pub(crate) fn wake_driver(mut inner: MutexGuard<'_, Inner>) {
    let Inner { waiting, session, .. } = &mut *inner;
    let served = waiting.is_awaited().then(|| waiting.serve(session));
    let driver = inner.driver.take();
    drop(inner);
    if let Some(driver) = driver {
        driver.wake();
    }
    served.into_iter().flatten().for_each(Waker::wake);
}

impl Inner {
    /// The driver runs, under this waker.
    pub(crate) fn driver_runs(&mut self, waker: &Waker) {
        self.driver.runs(waker);
    }

    /// The driver is about to sleep: from now on it is woken.
    pub(crate) const fn driver_sleeps(&mut self) {
        self.driver.sleeps();
    }

    pub(crate) fn forget_incoming(&mut self) {
        self.incoming = VecDeque::new();
    }

    pub(crate) fn has_incoming(&self) -> bool {
        !self.incoming.is_empty()
    }

    pub(crate) fn closed(&self) -> Option<Closed> {
        self.rare.as_ref()?.closed
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Leaves a WebSocket for the driver to pick up.
    pub(crate) fn offer(&mut self, wire: WireId, upgrade: Upgrade) {
        self.rare().orders.offered = Some((wire, upgrade));
    }

    pub(crate) fn has_orders(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.orders.is_empty())
    }

    pub(crate) fn take_orders(&mut self) -> Orders {
        let Some(rare) = &mut self.rare else { return Orders::default() };
        let orders = std::mem::take(&mut rare.orders);
        if let Rare { parked: None, closed: None, receiver: None, .. } = **rare {
            self.rare = None;
        }
        orders
    }

    fn register_receiver(&mut self, waker: &Waker) {
        match &mut self.rare().receiver {
            Some(receiver) => receiver.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    fn take_receiver(&mut self) -> Option<Waker> {
        self.rare.as_mut()?.receiver.take()
    }

    /// Who waits for the answer to that GET.
    fn take_parked(&mut self, poll: PollId) -> Option<oneshot::Sender<Answer>> {
        let last = &mut self.rare.as_mut()?.parked;
        let mut parked = last.take();
        // The other one stays; there are no more than two.
        if parked.as_ref().is_some_and(|parked| parked.id != poll) {
            *last = parked;
            return last.as_mut()?.before.take_if(|before| before.id == poll).map(|before| before.answer);
        }
        *last = parked.as_mut()?.before.take().map(|before| *before);
        parked.map(|parked| parked.answer)
    }

    /// While messages were not taken, nothing is read, and a pong may be waiting unseen: the session is told (hazard R17).
    pub(crate) fn note_reading(&mut self, now: Moment) {
        if self.has_incoming() {
            self.session.handle_reading_paused(now);
        } else {
            self.session.handle_reading_resumed(now);
        }
    }

    /// Carries out one output; says whether waiters are to be told.
    fn carry_out(&mut self, output: Output) -> bool {
        match output {
            Output::Answer(poll, answer) => {
                if let Some(waits) = self.take_parked(poll) {
                    // A client that has gone meanwhile has dropped the receiver; then there is nobody to answer.
                    let _ = waits.send(answer);
                }
            }
            Output::Message(message) => {
                self.incoming.push_back(message);
                self.news = self.news.wrapping_add(1);
            }
            Output::CloseWire(wire, code) => self.rare().orders.close_wires.push((wire, code)),
            Output::Upgraded => {
                self.upgraded = true;
                return true;
            }
            Output::Closed(closed) => {
                self.rare().closed = Some(closed);
                self.news = self.news.wrapping_add(1);
                return true;
            }
            _ => {}
        }
        false
    }
}
