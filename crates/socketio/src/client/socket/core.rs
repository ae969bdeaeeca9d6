//! [`SocketCore`]: what the handles of a socket share: its machine, its place on the connection, its handlers. Leaves out
//! the running of handlers (`dispatch.rs`) and the rules of the protocol ([`ClientSocket`]).
//!
//! Lock order: the socket's state, then its `auth`, the desk, or the engine's session. User code runs under none.

use std::{
    cell::Cell,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use engineio::{Clock, SendError, SendOptions, Sent, client::Session};
use engineio_proto::Moment;
use socketio_proto::{
    AckFailure, AckId, AnyParser, AuthId, Body, ClientOutput, ClientSocket, EarlyOverflow, EmitOptions, EmitRefusal,
    Emitted, Namespace, Outgoing, Packet, PacketKind,
};
use tokio::sync::oneshot;

use super::handlers::Handlers;
use crate::{
    AckError, AckSender, EmitError, HandlerError,
    ack::{AckSource, AckTarget, Waiting},
    client::{
        ConnectError,
        auth::Auth,
        desk::{Desk, Verdicts, Work},
    },
};

/// Who waits for an acknowledgement.
pub(in crate::client) type AckWaiter = oneshot::Sender<Result<Body, AckError>>;

/// An acknowledgement that is to be waited for.
pub(in crate::client) type Awaited = oneshot::Receiver<Result<Body, AckError>>;

/// What the handles of a socket share.
pub(in crate::client) struct SocketCore {
    pub(in crate::client) name: Namespace,
    parser: AnyParser,
    clock: Clock,
    pub(in crate::client) desk: Arc<Desk>,
    state: Mutex<State>,
    handlers: Mutex<Handlers>,
    /// How often they were changed.
    changes: AtomicU64,
    /// Whether there is, or was, a stream of its events: looked at for each message.
    pub(super) has_streams: AtomicBool,
    /// Whether somebody is, or was, to be shown what is sent.
    pub(super) has_outgoing: AtomicBool,
    auth: Mutex<Auth>,
}

/// What the lock guards.
pub(in crate::client) struct State {
    pub(in crate::client) machine: ClientSocket<AckWaiter>,
    /// The connection, while it is open.
    session: Option<Session>,
    /// Who waits to be told whether the socket was let in.
    verdicts: Verdicts,
}

/// Outputs for which a thread keeps room: those of an ordinary input.
const KEPT_OUTPUTS: usize = 4;

thread_local! {
    /// What a socket puts its outputs into: the thread's, so that a socket that has nothing to say owns none. Taken for the
    /// length of one input, and put back empty.
    static OUT: Cell<Outputs> = Cell::default();
}

/// An event that has come, to be dispatched.
#[derive(Debug)]
pub(in crate::client) struct Arrived {
    pub(in crate::client) body: Body,
    pub(in crate::client) ack: Option<AckId>,
    /// The socket's connection on which it came.
    pub(in crate::client) connection: u64,
}

type Outputs = Vec<ClientOutput<AckWaiter>>;

impl SocketCore {
    pub(in crate::client) fn new(
        machine: ClientSocket<AckWaiter>,
        parser: AnyParser,
        clock: Clock,
        desk: Arc<Desk>,
        session: Option<Session>,
    ) -> Self {
        Self {
            name: machine.namespace().clone(),
            parser,
            clock,
            desk,
            state: Mutex::new(State { machine, session, verdicts: Vec::new() }),
            handlers: Mutex::default(),
            changes: AtomicU64::new(0),
            has_streams: AtomicBool::new(false),
            has_outgoing: AtomicBool::new(false),
            auth: Mutex::default(),
        }
    }

    pub(in crate::client) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::client) fn handlers(&self) -> MutexGuard<'_, Handlers> {
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The handlers, to be changed: what was found among them before has to be looked up again.
    pub(in crate::client) fn change_handlers(&self) -> MutexGuard<'_, Handlers> {
        let handlers = self.handlers();
        self.changes.fetch_add(1, Ordering::Release);
        handlers
    }

    /// How often the handlers were changed. What was found under their lock holds as long as this says what it said there.
    pub(in crate::client) fn handler_changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Whether a stream of its events has no room.
    pub(in crate::client) fn is_held_up(&self) -> bool {
        self.has_streams.load(Ordering::Acquire) && self.handlers().is_held_up()
    }

    pub(in crate::client) fn auth(&self) -> MutexGuard<'_, Auth> {
        self.auth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- inputs ----

    /// Feeds the machine one input and carries its outputs out: packets are sent, waiters told, the rest is left for the
    /// task. What was sent is shown to listeners afterwards.
    pub(in crate::client) fn feed<R>(self: &Arc<Self>, input: impl FnOnce(&mut State, &mut Outputs) -> R) -> R {
        let mut shown = Vec::new();
        let mut state = self.lock();
        let timer = state.machine.next_timeout();
        let mut out = OUT.try_with(Cell::take).unwrap_or_default();
        let result = input(&mut state, &mut out);
        self.carry_out(&mut state, &mut out, &mut shown);
        // A burst must not be paid for with memory ever after.
        if out.capacity() <= KEPT_OUTPUTS {
            let _ = OUT.try_with(|kept| kept.set(out));
        }
        let is_sooner = state.machine.next_timeout().is_some_and(|at| timer.is_none_or(|before| at < before));
        drop(state);
        if is_sooner {
            self.desk.wake();
        }
        self.show(&shown);
        result
    }

    /// An event has come. Where it is to be told at once, gives the connection that it belongs to: the caller dispatches it,
    /// and nothing that came before it waits for the task. Where not, it is one for [`SocketCore::handle_packet`].
    pub(in crate::client) fn admit_event(&self, body: &Body, ack: Option<AckId>) -> Option<u64> {
        let mut state = self.lock();
        state.machine.admit_event(body, ack).then(|| state.machine.connection())
    }

    /// Feeds the machine a packet.
    pub(in crate::client) fn handle_packet(self: &Arc<Self>, packet: Packet, now: Moment) -> Result<(), EarlyOverflow> {
        let answer = self.feed(|state, out| {
            state.machine.handle_packet(packet, now, out)?;
            Ok(if matches!(out[..], [ClientOutput::Answer { .. }]) { out.pop() } else { None })
        })?;
        if let Some(ClientOutput::Answer { waiter, body }) = answer {
            // Not under the lock, for which the one who is woken would have to wait at once.
            let _ = waiter.send(Ok(body));
        }
        Ok(())
    }

    /// The connection is open.
    pub(in crate::client) fn attach(self: &Arc<Self>, session: &Session) {
        self.feed(|state, out| {
            state.session = Some(session.clone());
            state.machine.handle_engine_opened(out);
        });
    }

    /// The connection is over.
    pub(in crate::client) fn detach(self: &Arc<Self>, reason: engineio::CloseReason) {
        self.feed(|state, out| {
            state.session = None;
            state.machine.handle_engine_closed(reason, out);
        });
    }

    /// The user wants the socket to be connected; the verdict comes through the channel.
    pub(super) fn connect(self: &Arc<Self>) -> oneshot::Receiver<Result<(), ConnectError>> {
        let (sender, verdict) = oneshot::channel();
        self.feed(|state, out| {
            if state.machine.is_connected() {
                let _ = sender.send(Ok(()));
                return;
            }
            // Who asks again and again, and waits only a while each time, leaves nothing behind.
            state.verdicts.retain(|waits| !waits.is_closed());
            state.verdicts.push(sender);
            let is_open = state.session.as_ref().is_some_and(Session::is_open);
            state.machine.handle_connect(is_open, out);
        });
        verdict
    }

    /// The user wants it to be disconnected.
    pub(in crate::client) fn disconnect(self: &Arc<Self>) {
        let verdicts = self.feed(|state, out| {
            state.machine.handle_disconnect(out);
            std::mem::take(&mut state.verdicts)
        });
        tell(verdicts, &Err(ConnectError::Disconnected));
        self.desk.order(|orders| orders.check_last = true);
    }

    /// No more attempts are made: the socket waits no more (row E29). Yields who waits for it, if it has not been let in.
    pub(in crate::client) fn give_up(self: &Arc<Self>) -> Verdicts {
        self.feed(|state, out| {
            if state.machine.is_connected() {
                return Vec::new();
            }
            state.machine.handle_disconnect(out);
            std::mem::take(&mut state.verdicts)
        })
    }

    /// Changes what goes into the CONNECT. What it replaces may hold anything of the user's: it goes under no lock.
    pub(super) fn set_auth(&self, auth: Auth) {
        let replaced = std::mem::replace(&mut *self.auth(), auth);
        drop(replaced);
    }

    /// The user's function has given the payload of a CONNECT, or failed.
    pub(in crate::client) fn answer_auth(self: &Arc<Self>, id: AuthId, given: Result<Option<Body>, HandlerError>) {
        self.feed(|state, out| match given {
            Ok(body) => give_auth(state, id, body.as_ref(), out),
            Err(error) => state.machine.handle_auth_failed(id, error.message(), out),
        });
    }

    // ---- sending ----

    /// Emits an event; gives the id under which its acknowledgement may be forgotten.
    pub(super) fn emit(
        self: &Arc<Self>,
        body: Body,
        options: EmitOptions,
        waiter: Option<AckWaiter>,
    ) -> Result<Option<AckId>, EmitError> {
        let now = self.clock.now();
        let mut shown = Vec::new();
        let emitted = self.feed(|state, out| {
            if self.desk.is_shut() {
                return Err(EmitError::Disconnected);
            }
            match state.machine.handle_emit(body, options, waiter, now, out) {
                Ok(Emitted::Send(packet)) => self.emit_now(state, packet, out, &mut shown),
                Ok(emitted) => Ok(ack_of(&emitted)),
                Err(refused) => Err(refused.refusal.into()),
            }
        });
        self.show(&shown);
        emitted
    }

    /// Hands an event to the engine. What the engine refuses has not been emitted, but where its server is silent: then the
    /// event waits for the next connection (row B30).
    fn emit_now(
        &self,
        state: &mut State,
        packet: Outgoing,
        out: &mut Outputs,
        shown: &mut Vec<Body>,
    ) -> Result<Option<AckId>, EmitError> {
        let ack = packet.ack;
        match self.send(state, &packet, SendOptions::KEPT) {
            Ok(Sent::Discarded) => {
                if let Some(waiter) = ack.and_then(|ack| state.machine.forget_ack(ack)) {
                    let _ = waiter.send(Err(AckError::Disconnected));
                }
                Ok(None)
            }
            Ok(_) => {
                self.note(packet, shown);
                Ok(ack)
            }
            Err(SendError::Full { .. }) => {
                ack.and_then(|ack| state.machine.forget_ack(ack));
                Err(EmitError::Full)
            }
            Err(_) => match state.machine.handle_unsent(packet, out) {
                Ok(emitted) => Ok(ack_of(&emitted)),
                Err(refused) => Err(refused.refusal.into()),
            },
        }
    }

    fn send(&self, state: &State, packet: &Outgoing, options: SendOptions) -> Result<Sent, SendError> {
        let session = state.session.as_ref().ok_or(SendError::Closed)?;
        let encoded = self.parser.encode(packet.kind, &self.name, packet.ack, packet.body.as_ref());
        let encoded = if packet.compress { encoded } else { encoded.uncompressed() };
        session.send_with(encoded.frames(), if packet.volatile { SendOptions::VOLATILE } else { options })
    }

    /// Carries outputs out, and then those that come of it.
    fn carry_out(self: &Arc<Self>, state: &mut State, out: &mut Outputs, shown: &mut Vec<Body>) {
        let mut more = Vec::new();
        for output in out.drain(..) {
            self.carry_out_one(state, output, &mut more, shown);
        }
        while !more.is_empty() {
            for output in std::mem::take(&mut more) {
                self.carry_out_one(state, output, &mut more, shown);
            }
        }
    }

    fn carry_out_one(
        self: &Arc<Self>,
        state: &mut State,
        output: ClientOutput<AckWaiter>,
        more: &mut Outputs,
        shown: &mut Vec<Body>,
    ) {
        let work = match output {
            ClientOutput::Send(packet) => return self.send_bounded(state, packet, more, shown),
            ClientOutput::Answer { waiter, body } => {
                // Who waited may have given up in this moment.
                let _ = waiter.send(Ok(body));
                return;
            }
            ClientOutput::Failed { waiter, failure } => {
                let _ = waiter.send(Err(failed(failure)));
                return;
            }
            ClientOutput::AskAuth(id) => {
                let given = match &*self.auth() {
                    Auth::Nothing => None,
                    Auth::Value(body) => Some(body.clone()),
                    Auth::Function(_) => {
                        let work = (self.clone(), Work::AskAuth(id));
                        self.desk.order(|orders| orders.work.push_back(work));
                        return;
                    }
                };
                return give_auth(state, id, given.as_ref(), more);
            }
            ClientOutput::Event { body, ack } => {
                Work::Event(Arrived { body, ack, connection: state.machine.connection() })
            }
            // Who waits by now is told, and nobody who asks later, with another attempt in mind.
            ClientOutput::Connected { .. } => Work::Connected(std::mem::take(&mut state.verdicts)),
            ClientOutput::Refused(refusal) => Work::Refused(refusal, std::mem::take(&mut state.verdicts)),
            ClientOutput::Disconnected(closed) => Work::Disconnected(closed),
            _ => return,
        };
        let (work, is_out) = ((self.clone(), work), !state.machine.is_active());
        self.desk.order(|orders| {
            orders.work.push_back(work);
            orders.check_last |= is_out;
        });
    }

    /// Sends what the machine has bounded itself.
    fn send_bounded(&self, state: &mut State, packet: Outgoing, more: &mut Outputs, shown: &mut Vec<Body>) {
        match self.send(state, &packet, SendOptions::EXEMPT) {
            Ok(_) if packet.kind == PacketKind::Event => self.note(packet, shown),
            Ok(_) => {}
            Err(_) => {
                if let Err(refused) = state.machine.handle_unsent(packet, more) {
                    let error = AckError::Emit(refused.refusal.into());
                    refused.waiter.map(|waiter| waiter.send(Err(error)));
                }
            }
        }
    }

    /// Notes down what was sent, where somebody is to be shown it.
    fn note(&self, packet: Outgoing, shown: &mut Vec<Body>) {
        if self.has_outgoing.load(Ordering::Acquire) {
            shown.extend(packet.body);
        }
    }

    /// Shows listeners what was sent (row E53).
    fn show(self: &Arc<Self>, shown: &[Body]) {
        if shown.is_empty() {
            return;
        }
        let listeners = self.handlers().outgoing.clone();
        for body in shown {
            for listener in &listeners {
                let call = std::panic::AssertUnwindSafe(|| listener(body));
                if std::panic::catch_unwind(call).is_err() {
                    tracing::error!(namespace = %self.name, "a listener for outgoing events has panicked");
                }
            }
        }
    }

    // ---- acknowledgements ----

    /// The acknowledgement of an event that came on a connection of this socket; later connections know nothing of it.
    pub(in crate::client) fn ack_sender(self: &Arc<Self>, connection: u64, id: AckId) -> AckSender {
        AckSender::new(Arc::new(Answering { core: self.clone(), connection }), id)
    }

    pub(in crate::client) fn send_ack(&self, connection: u64, id: AckId, body: &Body) -> Result<(), EmitError> {
        let state = self.lock();
        if !state.machine.is_connected() || state.machine.connection() != connection {
            return Err(EmitError::Disconnected);
        }
        let session = state.session.as_ref().ok_or(EmitError::Disconnected)?;
        let encoded = self.parser.encode(PacketKind::Ack, &self.name, Some(id), Some(body));
        session.send_with(encoded.frames(), SendOptions::KEPT)?;
        Ok(())
    }

    /// How long an acknowledgement is awaited, unless each try has its own time.
    pub(super) fn patience(&self, options: EmitOptions) -> Option<Duration> {
        let state = self.lock();
        let own = state.machine.options();
        let is_queued = own.retries.is_some_and(|retries| retries > 0) && !options.volatile;
        options.timeout.or(own.ack_timeout).filter(|_| !is_queued)
    }

    /// The receiving end of an acknowledgement; without an id, nothing has to be forgotten.
    pub(super) fn waiting(self: &Arc<Self>, id: Option<AckId>, answer: Awaited) -> Waiting {
        match id {
            Some(id) => Waiting::new(self.clone(), id, answer),
            None => Waiting::new(Arc::new(Nobody), AckId::MAX, answer),
        }
    }
}

impl AckSource for SocketCore {
    fn forget(&self, id: AckId, _timed_out: bool) {
        let waiter = self.lock().machine.forget_ack(id);
        drop(waiter);
    }
}

/// Who keeps no acknowledgement that could be forgotten.
struct Nobody;

impl AckSource for Nobody {
    fn forget(&self, _id: AckId, _timed_out: bool) {}
}

/// The way back for acknowledgements of one connection.
struct Answering {
    core: Arc<SocketCore>,
    connection: u64,
}

impl AckTarget for Answering {
    fn send_ack(self: Arc<Self>, id: AckId, body: &Body) -> Result<(), EmitError> {
        self.core.send_ack(self.connection, id, body)
    }
}

/// Tells those who wait for a socket to be let in.
pub(in crate::client) fn tell(verdicts: Verdicts, verdict: &Result<(), ConnectError>) {
    for waits in verdicts {
        let _ = waits.send(verdict.clone());
    }
}

fn give_auth(state: &mut State, id: AuthId, body: Option<&Body>, out: &mut Outputs) {
    if let Err(error) = state.machine.handle_auth(id, body, out) {
        state.machine.handle_auth_failed(id, &error.to_string(), out);
    }
}

const fn ack_of(emitted: &Emitted) -> Option<AckId> {
    match emitted {
        Emitted::Buffered { ack } => *ack,
        _ => None,
    }
}

impl From<EmitRefusal> for EmitError {
    fn from(refusal: EmitRefusal) -> Self {
        match refusal {
            EmitRefusal::Full { .. } => Self::Full,
            _ => Self::Disconnected,
        }
    }
}

const fn failed(failure: AckFailure) -> AckError {
    match failure {
        AckFailure::TimedOut => AckError::Timeout,
        _ => AckError::Disconnected,
    }
}

impl fmt::Debug for SocketCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketCore").field("namespace", &self.name).finish_non_exhaustive()
    }
}
