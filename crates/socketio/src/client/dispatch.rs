//! The running of handlers: each is polled once, inline, and joins those that wait if it is not done. Rows E24, E30–E33,
//! E46, E51, E52, E60; hazards R19, R25.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};

use futures_util::{FutureExt, stream::FuturesUnordered};
use socketio_proto::{AckId, Body};

use super::{
    Client, ClientEvent, ConnectContext, ConnectError, ConnectErrorContext, DisconnectContext, EventContext, Socket,
    auth::Auth,
    core::Core,
    desk::Work,
    socket::{Arrived, SocketCore, tell},
    stream::Incoming,
};
use crate::{
    DisconnectReason, HandlerError,
    handler::{Context, Erased, begin, finish},
};

/// A handler that has begun, with what is to be done about its end.
pub(super) type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What came up for sockets becomes handlers that run, in order.
pub(super) struct Dispatch {
    core: Arc<Core>,
    /// The user's side: gone where nobody is left who could be told.
    client: Option<Client>,
    /// The handle that the last event was dispatched with: the next one is mostly for the same socket.
    handle: Option<Socket>,
    /// The one handler that it had: the next one is mostly called the same.
    known: Option<Known>,
}

/// The one handler of a socket's event, as it was found.
struct Known {
    event: Arc<str>,
    handler: Erased<EventContext>,
    /// As of then.
    changes: u64,
}

impl Known {
    /// Looks the event up; nothing where more than one handler is to be called, or none.
    fn find(socket: &SocketCore, event: &Body) -> Option<Self> {
        let registered = socket.handlers();
        if !registered.streams.is_empty() || !registered.events.any.is_empty() {
            return None;
        }
        let (event, handler) = registered.events.lone(&event.event_name()?)?;
        Some(Self { event: event.clone(), handler: handler.clone(), changes: socket.handler_changes() })
    }

    /// Whether a look would find the same.
    fn fits(&self, socket: &SocketCore, event: &Body) -> bool {
        self.changes == socket.handler_changes() && event.is_event(&self.event)
    }
}

/// Where handlers start.
pub(super) struct Start<'a, 'b> {
    /// Those that wait.
    pub(super) pending: &'a mut FuturesUnordered<Running>,
    pub(super) cx: &'a mut task::Context<'b>,
}

impl Start<'_, '_> {
    /// Runs a handler until it waits, and keeps it if it does.
    fn start(&mut self, mut running: Running) {
        if running.as_mut().poll(self.cx).is_pending() {
            self.pending.push(running);
        }
    }
}

impl Dispatch {
    pub(super) const fn new(core: Arc<Core>, client: Option<Client>) -> Self {
        Self { core, client, handle: None, known: None }
    }

    /// Does what is to be done, and starts the handlers.
    pub(super) fn perform(&mut self, socket: &Arc<SocketCore>, work: Work, start: &mut Start<'_, '_>) {
        match work {
            Work::AskAuth(id) => {
                let socket = socket.clone();
                let auth = socket.auth().clone();
                let asked = catch_unwind(AssertUnwindSafe(|| match auth {
                    Auth::Function(ask) => Some(ask()),
                    Auth::Nothing | Auth::Value(_) => None,
                }));
                start.start(Box::pin(async move {
                    let given = match asked {
                        Ok(Some(asked)) => AssertUnwindSafe(asked).catch_unwind().await,
                        // It was replaced in this moment; the next attempt asks again.
                        Ok(None) => Ok(Ok(None)),
                        Err(panic) => Err(panic),
                    };
                    socket.answer_auth(id, given.unwrap_or_else(|_| Err(HandlerError::panic())));
                }));
            }
            Work::Event(event) => self.dispatch(socket, event, start),
            Work::Connected(verdicts) => {
                let handlers = socket.handlers().connect.clone();
                self.call_all("connect", socket, &handlers, |socket| ConnectContext { socket }, start);
                tell(verdicts, &Ok(()));
            }
            Work::Refused(refusal, verdicts) => {
                let error = ConnectError::Refused(refusal);
                self.fail(socket, &error, start);
                tell(verdicts, &Err(error));
            }
            Work::Disconnected(closed) => {
                let reason = DisconnectReason::from(closed);
                let handlers = socket.handlers().disconnect.clone();
                self.call_all("disconnect", socket, &handlers, |socket| DisconnectContext { socket, reason }, start);
            }
        }
    }

    /// The socket could not be connected.
    pub(super) fn fail(&self, socket: &Arc<SocketCore>, error: &ConnectError, start: &mut Start<'_, '_>) {
        let handlers = socket.handlers().connect_error.clone();
        let shared = Arc::new(error.clone());
        let context = |socket| ConnectErrorContext { socket, error: shared.clone() };
        self.call_all("connect_error", socket, &handlers, context, start);
    }

    fn call_all<C: Context>(
        &self,
        name: &'static str,
        socket: &Arc<SocketCore>,
        handlers: &[Erased<C>],
        context: impl Fn(Socket) -> C,
        start: &mut Start<'_, '_>,
    ) {
        let Some(client) = &self.client else { return };
        for handler in handlers {
            let mut context = context(Socket::new(socket.clone(), client.clone()));
            let begun = begin(handler, &mut context);
            drop(context);
            let (core, socket) = (self.core.clone(), socket.clone());
            start.start(Box::pin(async move {
                if let Err(error) = finish(begun).await {
                    report(&core, &socket, name, &error);
                }
            }));
        }
    }

    /// Streams, catch-all handlers, handlers; who takes the acknowledgement first has it.
    pub(super) fn dispatch(&mut self, socket: &Arc<SocketCore>, arrived: Arrived, start: &mut Start<'_, '_>) {
        let Some(client) = &self.client else { return };
        let Arrived { body: event, ack, connection } = arrived;
        let handle = self.handle.take().filter(|handle| Arc::ptr_eq(&handle.core, socket));
        if handle.is_none() || self.known.as_ref().is_none_or(|known| !known.fits(socket, &event)) {
            self.known = Known::find(socket, &event);
        }
        let handle = handle.unwrap_or_else(|| Socket::new(socket.clone(), client.clone()));
        let mut context = EventContext { socket: handle, event, ack, connection };
        match &self.known {
            Some(known) => call(&self.core, &known.handler, &mut context, start),
            None => self.call_each(&mut context, start),
        }
        self.handle = Some(context.socket);
    }

    /// Whoever is there to be called.
    fn call_each(&self, context: &mut EventContext, start: &mut Start<'_, '_>) {
        let (socket, connection) = (context.socket.core.clone(), context.connection);
        let streams = socket.handlers().streams.clone();
        for stream in streams {
            let ack = context.ack.take().map(|id| socket.ack_sender(connection, id));
            stream.push(Incoming::new(context.event.clone(), ack));
        }
        let name: Arc<str> = context.event.event_name().unwrap_or_default().into();
        let (any, handlers) = {
            let mut registered = socket.change_handlers();
            let any = registered.events.any.clone();
            let mut handlers = registered.events.take_event(&name);
            if handlers.is_empty() {
                handlers.extend(registered.fallback.clone());
            }
            (any, handlers)
        };
        for handler in &any {
            let begun = begin(handler, context);
            let (core, socket, name) = (self.core.clone(), socket.clone(), name.clone());
            start.start(Box::pin(async move {
                if let Err(error) = finish(begun).await {
                    report(&core, &socket, &name, &error);
                }
            }));
        }
        for handler in &handlers {
            call(&self.core, handler, context, start);
        }
    }
}

/// One handler, whose outcome is the answer. It is polled as it is: most are done then, and only one that waits is wrapped
/// into a future that sees to its outcome.
fn call(core: &Arc<Core>, handler: &Erased<EventContext>, context: &mut EventContext, start: &mut Start<'_, '_>) {
    let begun = begin(handler, context);
    let (ack, connection) = (context.ack.take(), context.connection);
    let outcome = match begun {
        Err(error) => Err(error),
        Ok(mut future) => {
            let mut outcome = None;
            let polled = catch_unwind(AssertUnwindSafe(|| match future.as_mut().poll(start.cx) {
                // An answer that nobody has asked for is not even looked at.
                Poll::Ready(Ok(_)) if ack.is_none() => true,
                Poll::Ready(ended) => {
                    outcome = Some(ended);
                    true
                }
                Poll::Pending => false,
            }));
            match polled {
                Ok(true) => match outcome {
                    Some(outcome) => outcome,
                    None => return,
                },
                Ok(false) => {
                    let (core, socket, event) = (core.clone(), context.socket.core.clone(), context.event.clone());
                    start.pending.push(Box::pin(async move {
                        conclude(&core, &socket, &event, connection, ack, finish(Ok(future)).await);
                    }));
                    return;
                }
                Err(_) => Err(HandlerError::panic()),
            }
        }
    };
    conclude(core, &context.socket.core, &context.event, connection, ack, outcome);
}

/// A handler of an event has ended.
fn conclude(
    core: &Core,
    socket: &SocketCore,
    event: &Body,
    connection: u64,
    ack: Option<AckId>,
    outcome: Result<Body, HandlerError>,
) {
    if let Err(error) = &outcome {
        report(core, socket, &event.event_name().unwrap_or_default(), error);
    }
    acknowledge(socket, connection, ack, outcome);
}

/// The answer to an event, where one was asked for: what the handler returned, or its error.
fn acknowledge(socket: &SocketCore, connection: u64, ack: Option<AckId>, outcome: Result<Body, HandlerError>) {
    let Some(id) = ack else { return };
    let Some(body) = outcome.map_or_else(|error| error.ack(), Some) else { return };
    // Where it cannot be sent, the server has dropped its question with the connection.
    if let Err(error) = socket.send_ack(connection, id, &body) {
        tracing::debug!(namespace = %socket.name, %error, "an acknowledgement could not be sent");
    }
}

/// A handler that fails hurts only its event (row E60).
fn report(core: &Core, socket: &SocketCore, event: &str, error: &HandlerError) {
    tracing::warn!(namespace = %socket.name, event, %error, "a handler has failed");
    core.tell(&ClientEvent::HandlerFailed {
        namespace: socket.name.as_str().to_owned(),
        event: event.to_owned(),
        message: error.message().to_owned(),
    });
}
