//! The running of handlers: each is polled once, inline, and joins those that wait if it is not done. Rows E24, E30–E33,
//! E46, E51, E52, E60; hazards R19, R25.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
};

use futures_util::FutureExt;
use socketio_proto::{AckId, Body};

use super::{
    Client, ClientEvent, ConnectContext, ConnectError, ConnectErrorContext, DisconnectContext, EventContext, Socket,
    auth::Auth,
    core::Core,
    desk::Work,
    socket::{SocketCore, tell},
    stream::Incoming,
};
use crate::{
    DisconnectReason, HandlerError,
    handler::{Context, Erased, begin, finish},
};

/// A handler that has begun, with what is to be done about its end.
pub(super) type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What came up for a socket becomes handlers that run, in order.
pub(super) struct Dispatch<'a> {
    pub(super) core: &'a Arc<Core>,
    /// The user's side: gone where nobody is left who could be told.
    pub(super) client: Option<Client>,
}

impl Dispatch<'_> {
    /// Does what is to be done, and gives each handler to `start`.
    pub(super) fn perform(&self, socket: &Arc<SocketCore>, work: Work, start: &mut dyn FnMut(Running)) {
        match work {
            Work::AskAuth(id) => {
                let socket = socket.clone();
                let auth = socket.auth().clone();
                let asked = catch_unwind(AssertUnwindSafe(|| match auth {
                    Auth::Function(ask) => Some(ask()),
                    Auth::Nothing | Auth::Value(_) => None,
                }));
                start(Box::pin(async move {
                    let given = match asked {
                        Ok(Some(asked)) => AssertUnwindSafe(asked).catch_unwind().await,
                        // It was replaced in this moment; the next attempt asks again.
                        Ok(None) => Ok(Ok(None)),
                        Err(panic) => Err(panic),
                    };
                    socket.answer_auth(id, given.unwrap_or_else(|_| Err(HandlerError::panic())));
                }));
            }
            Work::Event { body, ack, connection } => self.dispatch(socket, body, ack, connection, start),
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
    pub(super) fn fail(&self, socket: &Arc<SocketCore>, error: &ConnectError, start: &mut dyn FnMut(Running)) {
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
        start: &mut dyn FnMut(Running),
    ) {
        let Some(client) = &self.client else { return };
        for handler in handlers {
            let mut context = context(Socket::new(socket.clone(), client.clone()));
            let begun = begin(handler, &mut context);
            drop(context);
            let (core, socket) = (self.core.clone(), socket.clone());
            start(Box::pin(async move {
                if let Err(error) = finish(begun).await {
                    report(&core, &socket, name, &error);
                }
            }));
        }
    }

    /// Streams, catch-all handlers, handlers; who takes the acknowledgement first has it.
    fn dispatch(
        &self,
        socket: &Arc<SocketCore>,
        event: Body,
        ack: Option<AckId>,
        connection: u64,
        start: &mut dyn FnMut(Running),
    ) {
        let Some(client) = &self.client else { return };
        let mut context = EventContext { socket: Socket::new(socket.clone(), client.clone()), event, ack, connection };
        let streams = socket.handlers().streams.clone();
        for stream in streams {
            let ack = context.ack.take().map(|id| socket.ack_sender(connection, id));
            stream.push(Incoming::new(context.event.clone(), ack));
        }
        let name = context.event.event_name().unwrap_or_default().into_owned();
        let (name, any, handlers) = {
            let mut registered = socket.handlers();
            let any = registered.events.any.clone();
            let shared_name = registered.events.name_of(&name);
            let mut handlers = registered.events.take_event(&name);
            if handlers.is_empty() {
                handlers.extend(registered.fallback.clone());
            }
            (shared_name, any, handlers)
        };
        for handler in &any {
            let begun = begin(handler, &mut context);
            let (core, socket, name) = (self.core.clone(), socket.clone(), name.clone());
            start(Box::pin(async move {
                if let Err(error) = finish(begun).await {
                    report(&core, &socket, &name, &error);
                }
            }));
        }
        for handler in &handlers {
            let begun = begin(handler, &mut context);
            let ack = context.ack.take();
            let (core, socket, name) = (self.core.clone(), socket.clone(), name.clone());
            start(Box::pin(async move {
                let outcome = finish(begun).await;
                if let Err(error) = &outcome {
                    report(&core, &socket, &name, error);
                }
                acknowledge(&socket, connection, ack, outcome);
            }));
        }
    }
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
