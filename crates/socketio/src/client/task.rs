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
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use engineio::{
    CloseMode, CloseReason, Closed, Message,
    client::{Driver, Session},
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use socketio_proto::{AnyDecoder, Backoff};
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep},
};

use super::{
    Client, ClientEvent, ConnectError, Last, Limits, OpenError, State,
    core::Core,
    dispatch::{Dispatch, Running},
    opening::{dial, random_seed},
    socket::SocketCore,
};

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
    /// Attachments that are late by then never come.
    attachments_due: Option<Instant>,
    /// Connections that are over for the sockets and still have something to say good-bye with.
    retiring: Vec<Driver>,
    pending: FuturesUnordered<Running>,
    /// Who waits for a connection without a socket on it.
    opens: Vec<oneshot::Sender<Result<(), OpenError>>>,
    /// A connection was asked for by hand: it stays without a socket (row E21).
    by_hand: bool,
    last_error: Option<OpenError>,
    sleep: Pin<Box<Sleep>>,
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
        if self.driver.as_mut().is_some_and(|driver| Pin::new(driver).poll(cx).is_ready()) {
            self.driver = None;
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
            attachments_due: None,
            retiring: Vec::new(),
            pending: FuturesUnordered::new(),
            opens: Vec::new(),
            by_hand: false,
            last_error: None,
            sleep: Box::pin(tokio::time::sleep_until(Instant::now())),
            ending: false,
        }
    }

    fn dispatch(&self) -> Dispatch<'_> {
        let client = self.last.upgrade().map(|last| Client::new_handle(self.core.clone(), last));
        Dispatch { core: &self.core, client }
    }

    // ---- orders ----

    /// Does what the handles have left here, and starts handlers; says whether there was anything.
    fn follow_orders(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.core.desk.has_orders() {
            return false;
        }
        let orders = self.core.desk.take();
        for (socket, work) in orders.work {
            let mut begun = Vec::new();
            self.dispatch().perform(&socket, work, &mut |running| start(&mut begun, running, cx));
            self.pending.extend(begun);
        }
        if orders.abandoned {
            self.ending = true;
        }
        if orders.close || self.ending {
            self.close();
        } else {
            self.by_hand |= !orders.opens.is_empty();
            self.opens.extend(orders.opens);
            if orders.stop_waiting && matches!(self.stage, Stage::Waiting(_)) {
                self.settle();
            }
            if orders.dial {
                self.begin(0);
            }
            if orders.check_last && !self.by_hand && !self.core.has_active() {
                self.close();
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
                return self.settle();
            }
        }
        self.core.set_state(State::Opening(attempt));
        let (session, driver) = dial(&self.core);
        self.stage = Stage::Opening(Connection { session, driver: Some(driver) });
    }

    /// Ends the connection; nobody wants it any more (row E22).
    fn close(&mut self) {
        self.by_hand = false;
        for socket in self.core.sockets() {
            if socket.lock().machine.is_active() {
                socket.disconnect();
            }
        }
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

    /// Nothing is tried any more.
    fn settle(&mut self) {
        self.stage = Stage::Idle;
        self.backoff.reset();
        self.core.set_state(State::Closed);
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
                } else {
                    self.give_up(cx);
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
        self.core.tell(&ClientEvent::Opened);
        if attempts > 0 {
            self.core.tell(&ClientEvent::Reconnected(attempts));
        }
        self.core.attach(&session);
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
        self.tell_sockets(error, false, cx);
        self.wait_or_give_up(cx);
    }

    /// Tells the sockets that want to be connected that they are not.
    fn tell_sockets(&self, error: &OpenError, is_final: bool, cx: &mut Context<'_>) {
        let mut begun = Vec::new();
        let dispatch = self.dispatch();
        for socket in &self.sockets {
            let waits = {
                let state = socket.lock();
                state.machine.is_active() && !state.machine.is_connected()
            };
            if waits && is_final {
                socket.give_up(ConnectError::Unreachable(error.clone()));
            } else if waits {
                let error = ConnectError::Unreachable(error.clone());
                dispatch.fail(socket, error, false, &mut |running| start(&mut begun, running, cx));
            }
        }
        begun.into_iter().for_each(|running| self.pending.push(running));
    }

    fn wait_or_give_up(&mut self, cx: &mut Context<'_>) {
        if !self.is_wanted() {
            return self.give_up(cx);
        }
        self.backoff.set_options(self.core.config().reconnect);
        let Some(delay) = self.backoff.next_delay() else {
            self.core.tell(&ClientEvent::GaveUp);
            return self.give_up(cx);
        };
        self.core.set_state(State::Waiting);
        self.core.tell(&ClientEvent::Waiting(delay));
        self.stage = Stage::Waiting(Instant::now() + delay);
    }

    /// No more attempts are made: nobody is to wait for one.
    fn give_up(&mut self, cx: &mut Context<'_>) {
        self.settle();
        if let Some(error) = self.last_error.take() {
            self.tell_sockets(&error, true, cx);
        }
    }

    /// The connection is over.
    fn leave(&mut self, closed: Closed) {
        self.attachments_due = None;
        self.core.detach(closed.reason);
        self.core.tell(&ClientEvent::Closed(closed));
    }

    /// The connection has ended, or is ended because of what came on it.
    fn lose(&mut self, closed: Closed, cx: &mut Context<'_>) {
        let Stage::Open(connection) = std::mem::replace(&mut self.stage, Stage::Idle) else { return };
        connection.session.close(CloseMode::Discard);
        self.last_error = Some(OpenError::of(closed, connection.session.error()));
        self.retire(connection);
        self.backoff.reset();
        self.leave(closed);
        self.wait_or_give_up(cx);
    }

    // ---- packets ----

    /// Takes the next message, if the handlers and streams keep up; says whether anything came.
    fn receive(&mut self, cx: &mut Context<'_>) -> bool {
        let Stage::Open(connection) = &self.stage else { return false };
        let session = &connection.session;
        let is_full = self.pending.len() >= self.limits.max_pending_handlers.max(1);
        if is_full || self.sockets.iter().any(|socket| socket.is_held_up()) {
            // What is unread belongs to a connection that may be over.
            let Some(closed) = session.closed_now() else { return false };
            self.lose(closed, cx);
            return true;
        }
        match session.poll_recv(cx) {
            Poll::Pending => false,
            Poll::Ready(Some(message)) => {
                self.handle_message(message, cx);
                true
            }
            Poll::Ready(None) => {
                let closed = session.closed_now().unwrap_or(BY_THIS_SIDE);
                self.lose(closed, cx);
                true
            }
        }
    }

    fn handle_message(&mut self, message: Message, cx: &mut Context<'_>) {
        let now = self.core.clock.now();
        let outcome = match self.decoder.handle(message) {
            Ok(None) => Ok(()),
            Ok(Some(packet)) => {
                // A packet for a namespace of which this client knows nothing is read over, as by the reference.
                let socket = self.sockets.iter().find(|socket| socket.name == packet.namespace);
                socket.map_or(Ok(()), |socket| {
                    let handled = socket.feed(|state, out| state.machine.handle_packet(packet, now, out));
                    handled.map_err(|error| error.to_string())
                })
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "the server has sent what cannot be read");
            return self.lose(Closed::new(CloseReason::ParseError, "the server has sent what cannot be read"), cx);
        }
        let timeout = self.limits.attachment_timeout;
        self.attachments_due = self.decoder.is_partial().then(|| Instant::now() + timeout);
    }

    // ---- time ----

    /// Lets the sockets and the decoder see the time; says whether something was due.
    fn tick(&mut self, cx: &mut Context<'_>) -> bool {
        if self.attachments_due.is_some_and(|due| Instant::now() >= due) {
            self.lose(Closed::new(CloseReason::ParseError, "attachments that do not come"), cx);
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

    /// Sets the timer; says whether it has passed already.
    fn set_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.deadline() else { return false };
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(cx).is_ready()
    }
}

/// Runs a handler until it waits, and keeps it if it does.
fn start(begun: &mut Vec<Running>, mut running: Running, cx: &mut Context<'_>) {
    if running.as_mut().poll(cx).is_pending() {
        begun.push(running);
    }
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.core.desk.register(cx.waker());
        loop {
            if this.sockets.len() != this.core.made() {
                this.sockets = this.core.sockets();
            }
            let mut moved = this.follow_orders(cx);
            moved |= this.drive(cx);
            moved |= this.receive(cx);
            moved |= this.tick(cx);
            while let Poll::Ready(Some(())) = this.pending.poll_next_unpin(cx) {
                moved = true;
            }
            this.retiring.retain_mut(|driver| Pin::new(driver).poll(cx).is_pending());
            if moved {
                continue;
            }
            if this.ending && this.retiring.is_empty() {
                return Poll::Ready(());
            }
            if !this.set_timer(cx) {
                return Poll::Pending;
            }
        }
    }
}

/// However the task ends, by itself or with its runtime, nobody waits for it any more.
impl Drop for Task {
    fn drop(&mut self) {
        self.pending.clear();
        self.core.end();
    }
}
