//! What happens to an event: catch-all handlers, middlewares, its handlers, its acknowledgement. Rows D62, D64–D69;
//! hazards R19, R25.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, ready},
};

use futures_util::future::join_all;
use socketio_proto::{AckId, Body, Packet};

use super::Connection;
use crate::{
    event_handlers::Registered,
    handler::{Erased, HandlerFuture, begin, finish},
    server::{EventContext, HandlerError, Socket, handlers::Handlers, hooks::Occasion, socket::SocketCore},
};

type Begun = Result<HandlerFuture<EventContext>, HandlerError>;

impl Connection {
    /// Starts the handlers of an event of a connected socket.
    pub(super) fn dispatch(&mut self, core: Arc<SocketCore>, packet: Packet, cx: &mut TaskContext<'_>) {
        let Some(event) = packet.body else { return };
        let shared = core.namespace.handlers();
        let (name, named) = shared.events.find(&event.event_name().unwrap_or_default());
        let own = core.own_handlers(|own| Some((own.events.any.clone(), own.event_middleware.clone())));
        let has_own = own.is_some();
        let (own_any, own_middleware) = own.unwrap_or_default();
        // The acknowledgement stays in the context until somebody takes it.
        let mut context = EventContext { socket: Socket { core }, event, ack: packet.ack };
        for handler in shared.events.any.iter().chain(&own_any) {
            let begun = begin(handler, &mut context);
            self.start(Box::pin(watch(name.clone(), context.socket.core.clone(), begun)), cx);
        }
        if !shared.event_middleware.is_empty() || !own_middleware.is_empty() {
            return self.start(Box::pin(behind(name, shared, own_middleware, context)), cx);
        }
        // A catch-all may have disconnected it (row D74), or given it handlers.
        let is_watched = !shared.events.any.is_empty() || !own_any.is_empty();
        if is_watched && !context.socket.is_connected() {
            return;
        }
        let own = if has_own || is_watched {
            context.socket.core.own_handlers(|own| own.events.take_event(&name))
        } else {
            Vec::new()
        };
        let mut handlers = registered(named).chain(&own).peekable();
        let fallback = shared.fallback.as_ref().filter(|_| handlers.peek().is_none());
        for handler in handlers.chain(fallback) {
            let mut begun = begin(handler, &mut context);
            let ack = context.ack.take();
            // Most handlers never wait, and need no place among those that do.
            match poll_begun(&mut begun, cx) {
                Poll::Ready(outcome) => conclude(&context.socket.core, &name, ack, outcome),
                Poll::Pending => {
                    let (name, socket) = (name.clone(), context.socket.core.clone());
                    let call = Call { name, socket, begun, ack };
                    self.pending.get_or_insert_default().push(Box::pin(call));
                }
            }
        }
    }
}

fn registered(named: &[Registered<EventContext>]) -> impl Iterator<Item = &Erased<EventContext>> {
    named.iter().map(|registered| &registered.handler)
}

/// The handlers of an event that nobody has dropped; those that run once are used up only now. None where the socket is
/// gone meanwhile (row D74): a catch-all or a middleware may have disconnected it.
fn take_handlers(socket: &Arc<SocketCore>, shared: &Handlers, name: &str) -> Vec<Erased<EventContext>> {
    if !socket.is_connected() {
        return Vec::new();
    }
    let own = socket.own_handlers(|own| own.events.take_event(name));
    let mut handlers: Vec<_> = registered(shared.events.find(name).1).chain(&own).cloned().collect();
    if handlers.is_empty() {
        handlers.extend(shared.fallback.clone());
    }
    handlers
}

/// A handler of an event that has its arguments.
struct Call {
    name: Arc<str>,
    socket: Arc<SocketCore>,
    begun: Begun,
    /// The first handler's return value acknowledges; the others have no acknowledgement to give.
    ack: Option<AckId>,
}

impl Call {
    fn begin(name: &Arc<str>, handler: &Erased<EventContext>, context: &mut EventContext) -> Self {
        let begun = begin(handler, context);
        Self { name: name.clone(), socket: context.socket.core.clone(), begun, ack: context.ack.take() }
    }
}

/// Runs the handler and acknowledges.
impl Future for Call {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let this = self.get_mut();
        let outcome = ready!(poll_begun(&mut this.begun, cx));
        conclude(&this.socket, &this.name, this.ack.take(), outcome);
        Poll::Ready(())
    }
}

/// Runs a handler on. A panic of it is an error of this one call (hazard R25).
fn poll_begun(begun: &mut Begun, cx: &mut TaskContext<'_>) -> Poll<Result<Body, HandlerError>> {
    match begun {
        Ok(running) => catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx)))
            .unwrap_or_else(|_| Poll::Ready(Err(HandlerError::panic()))),
        Err(error) => Poll::Ready(Err(std::mem::replace(error, HandlerError::panic()))),
    }
}

/// A handler is done: its error is reported, and the event acknowledged.
fn conclude(socket: &Arc<SocketCore>, name: &str, ack: Option<AckId>, outcome: Result<Body, HandlerError>) {
    if let Err(error) = &outcome {
        socket.namespace.environment().report(&socket.handle(), Occasion::Event(name), error);
    }
    acknowledge(socket, ack, outcome);
}

/// The answer to an event, where one was asked for: what the handler returned, or its error.
fn acknowledge(socket: &Arc<SocketCore>, ack: Option<AckId>, outcome: Result<Body, HandlerError>) {
    let Some(id) = ack else { return };
    let Some(body) = outcome.map_or_else(|error| error.ack(), Some) else { return };
    // Where it cannot be sent, the client is gone, or is thrown out.
    let _ = socket.acknowledge(id, &body);
}

/// A catch-all handler: what it returns is no acknowledgement.
async fn watch(name: Arc<str>, socket: Arc<SocketCore>, begun: Begun) {
    if let Err(error) = finish(begun).await {
        socket.namespace.environment().report(&socket.handle(), Occasion::Any(&name), &error);
    }
}

/// The handlers of an event behind its middlewares, each of which waits for the one before.
async fn behind(name: Arc<str>, shared: Arc<Handlers>, own: Vec<Erased<EventContext>>, mut context: EventContext) {
    for handler in shared.event_middleware.iter().chain(&own) {
        let begun = begin(handler, &mut context);
        if let Err(error) = finish(begun).await {
            let socket = &context.socket;
            socket.core.namespace.environment().report(socket, Occasion::EventMiddleware(&name), &error);
            return acknowledge(&socket.core, context.ack, Err(error));
        }
    }
    let handlers = take_handlers(&context.socket.core, &shared, &name);
    let calls: Vec<_> = handlers.iter().map(|handler| Call::begin(&name, handler, &mut context)).collect();
    drop(context);
    join_all(calls).await;
}
