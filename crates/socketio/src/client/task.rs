//! [`Task`]: the one task of a client: it dials, drives the engine's session inside itself, hands packets to the sockets'
//! machines, runs handlers, and sleeps between attempts. Rows E5–E10, E17–E26; hazards R14, R40.
//!
//! ```text
//!  Idle ── a socket wants to be connected ──▶ Opening ── open packet ──▶ Open ── over ──▶ Idle
//!                                              ▲   │ failed                │ over, and a socket wants to come back
//!                                              │   ▼                       │
//!                                              └─ Waiting ◀────────────────┘    (attempts used up: Idle)
//! ```
//!
//! INVARIANT: there is one attempt at a time, and one connection.

use std::{
    collections::VecDeque,
    error::Error,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use engineio::{
    Alarm, CloseMode, CloseReason, Closed, Message,
    client::{Driver, Rest, Session},
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use socketio_proto::{AnyDecoder, Backoff, Packet, PacketKind};
use tokio::{sync::oneshot, time::Instant};

use super::{
    Client, ClientEvent, ConnectError, Last, Limits, OpenError, State,
    core::Core,
    dispatch::{Dispatch, Running, Start},
    opening::{dial, random_seed},
    socket::{Arrived, SocketCore, tell},
};
use crate::LARGE_ATTACHMENT_STEP;

/// Rounds after which the task lets others run, whatever there is to do: handlers that begin something new each time, or a
/// connection that always has more.
const MAX_ROUNDS: u32 = 32;

/// Messages that are taken in a round, before the connection is looked at again.
const MAX_MESSAGES: u32 = 64;
/// Messages for which the inbox keeps room: those of an ordinary read.
const KEPT_MESSAGES: usize = 4;

const BY_THIS_SIDE: Closed = Closed::new(CloseReason::ForcedClose, "closed by this side");

/// The one task of a client.
pub(super) struct Task {
    pub(super) core: Arc<Core>,
    last: Weak<Last>,
    /// Those that the core had when it was last looked at.
    sockets: Vec<Arc<SocketCore>>,
    /// As it was when the connection was opened.
    limits: Limits,
    stage: Stage,
    backoff: Backoff,
    decoder: AnyDecoder,
    /// Messages of the connection that were not looked at. Bounded: the engine reads nothing more meanwhile.
    inbox: VecDeque<Message>,
    /// Attachments that are late by then never come.
    attachments_due: Option<Instant>,
    /// Connections that are over for the sockets and still have something to say good-bye with.
    retiring: Vec<Driver>,
    pending: FuturesUnordered<Running>,
    /// Who waits for a connection without a socket on it.
    opens: Vec<oneshot::Sender<Result<(), OpenError>>>,
    /// Who waits until the connection has ended.
    closes: Vec<oneshot::Sender<()>>,
    /// A connection was asked for by hand: it stays without a socket (row E21).
    by_hand: bool,
    last_error: Option<OpenError>,
    alarm: Alarm,
    ending: bool,
}

enum Stage {
    Idle,
    Opening(Connection),
    Open(Connection),
    Waiting(Instant),
}

/// A session of the engine and what drives it; `None` once that has ended.
struct Connection {
    session: Session,
    driver: Option<Driver>,
}

impl Connection {
    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver {
            driver.run(cx);
        }
    }

    /// Whether the task may sleep, as far as the connection is concerned.
    fn may_rest(&mut self, cx: &mut Context<'_>) -> bool {
        match self.driver.as_mut().map(|driver| driver.rest(cx)) {
            None | Some(Rest::Asleep) => true,
            Some(Rest::Again) => false,
            Some(Rest::Ended) => {
                self.driver = None;
                false
            }
        }
    }
}

impl Task {
    pub(super) fn new(core: Arc<Core>, last: Weak<Last>) -> Self {
        let (backoff, limits, decoder) = {
            let config = core.config();
            let limits = config.limits.clone();
            (Backoff::new(config.reconnect, random_seed()), limits.clone(), config.parser.decoder(limits.decoder))
        };
        Self {
            core,
            last,
            sockets: Vec::new(),
            limits,
            stage: Stage::Idle,
            backoff,
            decoder,
            inbox: VecDeque::new(),
            attachments_due: None,
            retiring: Vec::new(),
            pending: FuturesUnordered::new(),
            opens: Vec::new(),
            closes: Vec::new(),
            by_hand: false,
            last_error: None,
            alarm: Alarm::new(),
            ending: false,
        }
    }

    fn dispatch(&self) -> Dispatch {
        let client = self.last.upgrade().map(|last| Client::new_handle(self.core.clone(), last));
        Dispatch::new(self.core.clone(), client)
    }

    // ---- orders ----

    /// Does what the handles have left here, and starts handlers; says whether there was anything.
    fn follow_orders(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.core.desk.begin_round() || !self.core.desk.has_orders() {
            return false;
        }
        let orders = self.core.desk.take();
        for (socket, work) in orders.work {
            self.dispatch().perform(&socket, work, &mut Start { pending: &mut self.pending, cx });
        }
        self.ending |= orders.abandoned;
        if self.ending {
            self.core.disconnect_all();
        }
        let asked_by_hand = !orders.opens.is_empty();
        let is_unused = !self.by_hand && !asked_by_hand && !self.core.has_active();
        self.closes.extend(orders.closes);
        if orders.close || self.ending || (orders.check_last && is_unused) {
            self.close();
        }
        if !self.ending {
            if orders.stop_waiting && matches!(self.stage, Stage::Waiting(_)) {
                self.settle();
            }
            self.by_hand |= asked_by_hand;
            self.opens.retain(|waits| !waits.is_closed());
            self.opens.extend(orders.opens);
            // After a close too: what wants to be connected now has said so since.
            if (orders.dial || orders.close) && (self.by_hand || self.core.has_active()) {
                self.begin(0);
            }
        }
        if matches!(self.stage, Stage::Open(_)) {
            self.opens.drain(..).for_each(|waits| drop(waits.send(Ok(()))));
        }
        true
    }

    /// Begins to dial, unless a connection is there or on its way.
    fn begin(&mut self, attempt: u32) {
        if !matches!(self.stage, Stage::Idle) {
            return;
        }
        if attempt > 0 {
            self.core.tell(&ClientEvent::Attempt(attempt));
            // A listener may have changed its mind.
            if !self.is_wanted() {
                return;
            }
        }
        self.core.set_state(State::Opening(attempt));
        let (session, driver) = dial(&self.core);
        self.stage = Stage::Opening(Connection { session, driver: Some(driver) });
    }

    /// Ends the connection, or the waiting for one; nobody wants it any more (row E22).
    fn close(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Open(connection) => {
                connection.session.close(CloseMode::Graceful);
                let closed = connection.session.closed_now().unwrap_or(BY_THIS_SIDE);
                self.retire(connection);
                self.leave(closed);
            }
            Stage::Opening(connection) => {
                connection.session.close(CloseMode::Discard);
                self.retire(connection);
            }
            Stage::Waiting(_) | Stage::Idle => {}
        }
        self.settle();
    }

    /// Nothing is tried any more, and nobody waits for it.
    fn settle(&mut self) {
        (self.stage, self.by_hand) = (Stage::Idle, false);
        self.backoff.reset();
        self.core.set_state(State::Closed);
        let error = self.last_error.clone().unwrap_or_else(OpenError::ended);
        self.opens.drain(..).for_each(|waits| drop(waits.send(Err(error.clone()))));
    }

    fn retire(&mut self, connection: Connection) {
        self.retiring.extend(connection.driver);
    }

    /// Whether the connection is to be tried again.
    fn is_wanted(&self) -> bool {
        self.core.config().reconnection && !self.ending && self.core.has_active()
    }

    // ---- the connection ----

    /// Moves the connection on; says whether its stage has changed.
    fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.stage {
            Stage::Idle => false,
            Stage::Opening(connection) => {
                connection.drive(cx);
                if let Some(Ok(())) = connection.session.opened_now() {
                    self.open();
                    return true;
                }
                let Some(Err(error)) = connection.session.opened_now() else { return false };
                self.fail(&OpenError(Arc::new(error)), cx);
                true
            }
            Stage::Open(connection) => {
                connection.drive(cx);
                false
            }
            Stage::Waiting(until) => {
                let is_over = Instant::now() >= *until;
                let wanted = self.is_wanted();
                if wanted && !is_over {
                    return false;
                }
                self.stage = Stage::Idle;
                if wanted {
                    self.begin(self.backoff.attempts());
                }
                if matches!(self.stage, Stage::Idle) {
                    self.give_up(false);
                }
                true
            }
        }
    }

    fn open(&mut self) {
        let Stage::Opening(connection) = std::mem::replace(&mut self.stage, Stage::Idle) else { return };
        let attempts = self.backoff.attempts();
        self.backoff.reset();
        (self.limits, self.decoder) = {
            let config = self.core.config();
            (config.limits.clone(), config.parser.decoder(config.limits.decoder))
        };
        (self.attachments_due, self.last_error) = (None, None);
        let session = connection.session.clone();
        self.stage = Stage::Open(connection);
        self.core.attach(&session);
        self.core.tell(&ClientEvent::Opened);
        if attempts > 0 {
            self.core.tell(&ClientEvent::Reconnected(attempts));
        }
        self.opens.drain(..).for_each(|waits| drop(waits.send(Ok(()))));
    }

    /// An attempt has failed (rows E18, E31).
    fn fail(&mut self, error: &OpenError, cx: &mut Context<'_>) {
        if let Stage::Opening(connection) = std::mem::replace(&mut self.stage, Stage::Idle) {
            self.retire(connection);
        }
        let attempt = self.backoff.attempts();
        self.core.tell(&ClientEvent::Failed { error: error.clone(), attempt });
        self.opens.drain(..).for_each(|waits| drop(waits.send(Err(error.clone()))));
        self.by_hand = false;
        self.last_error = Some(error.clone());
        self.tell_sockets(&ConnectError::Unreachable(error.clone()), cx);
        self.wait_or_give_up();
    }

    /// Tells the sockets that want to be connected that they are not.
    fn tell_sockets(&mut self, error: &ConnectError, cx: &mut Context<'_>) {
        let dispatch = self.dispatch();
        for socket in &self.sockets {
            let waits = {
                let state = socket.lock();
                state.machine.is_active() && !state.machine.is_connected()
            };
            if waits {
                dispatch.fail(socket, error, &mut Start { pending: &mut self.pending, cx });
            }
        }
    }

    fn wait_or_give_up(&mut self) {
        if !self.is_wanted() {
            return self.give_up(false);
        }
        self.backoff.set_options(self.core.config().reconnect);
        let Some(delay) = self.backoff.next_delay() else {
            return self.give_up(true);
        };
        self.core.set_state(State::Waiting);
        self.core.tell(&ClientEvent::Waiting(delay));
        self.stage = Stage::Waiting(Instant::now() + delay);
    }

    /// No more attempts are made: nobody is to wait for one. Who connects because of being told waits for the next.
    fn give_up(&mut self, is_used_up: bool) {
        let verdicts: Vec<_> = self.sockets.iter().map(|socket| socket.give_up()).collect();
        self.settle();
        if is_used_up {
            self.core.tell(&ClientEvent::GaveUp);
        }
        let error = ConnectError::Unreachable(self.last_error.take().unwrap_or_else(OpenError::ended));
        verdicts.into_iter().for_each(|waits| tell(waits, &Err(error.clone())));
    }

    /// The connection is over.
    fn leave(&mut self, closed: Closed) {
        self.inbox = VecDeque::new();
        // Half a packet is as much memory as a whole one.
        (self.attachments_due, self.decoder) = (None, self.core.config().parser.decoder(self.limits.decoder));
        self.core.detach(closed.reason);
        self.core.tell(&ClientEvent::Closed(closed));
    }

    /// The connection has ended, or is ended because of what came on it.
    fn lose(&mut self, closed: Closed) {
        let Stage::Open(connection) = std::mem::replace(&mut self.stage, Stage::Idle) else { return };
        connection.session.close(CloseMode::Discard);
        self.last_error = Some(OpenError::of(closed, connection.session.error()));
        self.retire(connection);
        self.backoff.reset();
        self.leave(closed);
        self.wait_or_give_up();
    }

    // ---- packets ----

    /// Takes what has come, as far as the handlers and streams keep up; says whether anything was taken.
    fn receive(&mut self, cx: &mut Context<'_>) -> bool {
        let Stage::Open(Connection { session, .. }) = &self.stage else { return false };
        if self.is_held_up() {
            // What is unread belongs to a connection that may be over.
            let Some(closed) = session.closed_now() else { return false };
            self.lose(closed);
            return true;
        }
        if self.inbox.is_empty() {
            match session.poll_recv_many(cx, &mut self.inbox) {
                Poll::Pending => return false,
                Poll::Ready(true) => {}
                Poll::Ready(false) => {
                    let closed = session.closed_now().unwrap_or(BY_THIS_SIDE);
                    self.lose(closed);
                    return true;
                }
            }
        }
        self.take_messages(cx);
        true
    }

    /// Whether nothing more can be taken for now.
    fn is_held_up(&self) -> bool {
        let is_full = self.pending.len() >= self.limits.max_pending_handlers.max(1);
        is_full || self.sockets.iter().any(|socket| socket.is_held_up())
    }

    /// Takes messages until something else has to be seen to first.
    fn take_messages(&mut self, cx: &mut Context<'_>) {
        let mut dispatch = self.dispatch();
        for _ in 0..MAX_MESSAGES {
            let Some(message) = self.inbox.pop_front() else { break };
            if let Err(error) = self.handle_message(message, &mut dispatch, cx) {
                tracing::debug!(%error, "the server has sent what cannot be read");
                return self.lose(Closed::new(CloseReason::ParseError, "the server has sent what cannot be read"));
            }
            // What came up for a socket comes before its next event.
            if self.core.desk.is_signalled() || self.is_held_up() {
                break;
            }
        }
        if self.inbox.is_empty() {
            if self.inbox.capacity() > KEPT_MESSAGES {
                self.inbox = VecDeque::new();
            }
            // The engine reads on.
            if let Stage::Open(Connection { session, .. }) = &self.stage {
                let _ = session.poll_recv_many(cx, &mut self.inbox);
            }
        }
    }

    fn handle_message(
        &mut self,
        message: Message,
        dispatch: &mut Dispatch,
        cx: &mut Context<'_>,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        if let Some(packet) = self.decoder.handle(message)? {
            self.attachments_due = None;
            // A packet for a namespace of which this client knows nothing is read over, as by the reference.
            let Some(socket) = self.sockets.iter().find(|socket| socket.name == packet.namespace) else {
                return Ok(());
            };
            if let (PacketKind::Event, Some(body)) = (packet.kind, &packet.body)
                && let Some(connection) = socket.admit_event(body, packet.ack)
            {
                if let Packet { body: Some(body), ack, .. } = packet {
                    let start = &mut Start { pending: &mut self.pending, cx };
                    dispatch.dispatch(socket, Arrived { body, ack, connection }, start);
                }
            } else {
                socket.handle_packet(packet, self.core.clock.now())?;
            }
        } else {
            self.attachments_due = self.decoder.is_partial().then(|| Instant::now() + self.limits.attachment_timeout);
        }
        Ok(())
    }

    // ---- time ----

    /// Lets the sockets and the decoder see the time; says whether something was due.
    fn tick(&mut self) -> bool {
        if self.attachments_due.is_some_and(|due| Instant::now() >= due) {
            if matches!(&self.stage, Stage::Open(connection) if connection.session.is_receiving()) {
                // The next one is on its way, and large (hazard R16).
                self.attachments_due = Some(Instant::now() + self.limits.attachment_timeout.max(LARGE_ATTACHMENT_STEP));
                return true;
            }
            self.lose(Closed::new(CloseReason::ParseError, "attachments that do not come"));
            return true;
        }
        let now = self.core.clock.now();
        let mut any = false;
        for socket in &self.sockets {
            if socket.lock().machine.next_timeout().is_some_and(|due| due <= now) {
                socket.feed(|state, out| state.machine.handle_timeout(now, out));
                any = true;
            }
        }
        any
    }

    fn deadline(&self) -> Option<Instant> {
        let waiting = if let Stage::Waiting(until) = self.stage { Some(until) } else { None };
        let sockets = self.sockets.iter().filter_map(|socket| socket.lock().machine.next_timeout()).min();
        let sockets = sockets.map(|at| self.core.clock.instant(at));
        waiting.into_iter().chain(self.attachments_due).chain(sockets).min()
    }
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.core.desk.register(cx.waker());
        for _ in 0..MAX_ROUNDS {
            if this.sockets.len() != this.core.made() {
                this.sockets = this.core.sockets();
            }
            let mut moved = this.follow_orders(cx);
            moved |= this.drive(cx);
            moved |= this.receive(cx);
            moved |= this.tick();
            while !this.pending.is_empty()
                && let Poll::Ready(Some(())) = this.pending.poll_next_unpin(cx)
            {
                moved = true;
            }
            this.retiring.retain_mut(|driver| Pin::new(driver).poll(cx).is_pending());
            if this.retiring.is_empty() {
                // Who waited may have given up in this moment.
                for waits in this.closes.drain(..) {
                    let _ = waits.send(());
                }
            }
            if moved {
                continue;
            }
            if this.ending && this.retiring.is_empty() {
                return Poll::Ready(());
            }
            let may_rest = match &mut this.stage {
                Stage::Opening(connection) | Stage::Open(connection) => connection.may_rest(cx),
                Stage::Idle | Stage::Waiting(_) => true,
            };
            if !may_rest || !this.core.desk.may_sleep() {
                continue;
            }
            let deadline = this.deadline();
            if !this.alarm.is_over(deadline, cx) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// However the task ends, by itself or with its runtime, nobody waits for it any more.
impl Drop for Task {
    fn drop(&mut self) {
        // Handlers are the user's, down to what they do when they are dropped.
        let dropped = catch_unwind(AssertUnwindSafe(|| self.pending.clear()));
        self.core.end();
        if dropped.is_err() {
            tracing::error!("a handler of a client has panicked as it was dropped");
        }
    }
}
