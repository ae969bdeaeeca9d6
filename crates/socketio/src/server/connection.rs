//! [`Connection`]: the future that runs one session's Socket.IO side, inside the engine's task: decodes,
//! joins and leaves namespaces, starts handlers, waits for them, and ends when the session has ended and
//! the last handler is done. [`Link`] is what its sockets know of it.
//!
//! Order: a handler is run inline until it first waits, then the next packet is looked at (row D62).

#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context as TaskContext, Poll},
    time::{Duration, SystemTime},
};

use engineio::{CloseMode, Revision, SendError, Session};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered, task::AtomicWaker};
use socketio_proto::{Decoder, Encoded, Packet, PacketKind, encode};
use tokio::time::Sleep;

use super::{
    AckSender, ConnectContext, Core, DisconnectContext, DisconnectReason, EmitError, EventContext, HandlerError,
    Handshake, Socket,
    handler::{Context, Erased, Outcome},
    protocol,
    socket::SocketCore,
};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection as its sockets see it.
pub(super) struct Link {
    pub(super) session: Session,
    pub(super) revision: Revision,
    pub(super) ack_timeout: Duration,
    pub(super) max_queue_bytes: usize,
    orders: Mutex<Orders>,
    waker: AtomicWaker,
    joined: AtomicBool,
}

/// What sockets want of the connection's future.
#[derive(Default)]
struct Orders {
    departures: Vec<Departure>,
    disconnect_all: bool,
    /// Why the connection is being closed, where the session's own reason would not tell.
    reason: Option<DisconnectReason>,
}

/// A socket has left its namespace.
pub(super) struct Departure {
    pub(super) socket: Arc<SocketCore>,
    pub(super) reason: DisconnectReason,
    pub(super) was_connected: bool,
}

impl Link {
    fn orders<R>(&self, change: impl FnOnce(&mut Orders) -> R) -> R {
        change(&mut self.orders.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn announce(&self, departure: Departure) {
        self.orders(|orders| orders.departures.push(departure));
        self.waker.wake();
    }

    pub(super) fn order_disconnect_all(&self) {
        self.orders(|orders| orders.disconnect_all = true);
        self.waker.wake();
    }

    /// Closes the connection; its sockets see this reason.
    pub(super) fn close_because(&self, reason: DisconnectReason, mode: CloseMode) {
        self.orders(|orders| *orders.reason.get_or_insert(reason));
        self.session.close(mode);
    }

    /// Sends a packet that belongs to the connection; one that is over drops it.
    pub(super) fn send(&self, packet: &Encoded) {
        if let Err(SendError::Full { .. }) = self.session.send_frames(packet.frames()) {
            self.close_for_slowness();
        }
    }

    /// The client's queue is full, and something that it has to see, or what would leave a hole in what it sees,
    /// does not fit: it is thrown out, with a reason, rather than left in doubt.
    pub(super) fn close_for_slowness(&self) {
        tracing::warn!(session = ?self.session.id(), "the client reads too slowly: its send queue is full, it is disconnected");
        self.close_because(DisconnectReason::TransportError, CloseMode::Discard);
    }

    pub(super) fn set_joined(&self) {
        self.joined.store(true, Ordering::Relaxed);
    }
}

/// The Socket.IO side of one session.
pub(super) struct Connection {
    core: Arc<Core>,
    link: Arc<Link>,
    decoder: Decoder,
    /// Runs while attachments of a packet are still to come.
    attachment_timeout: Option<Pin<Box<Sleep>>>,
    /// At most `max_namespaces`, usually one: a list is smaller and quicker than a table.
    sockets: Vec<Arc<SocketCore>>,
    pending: FuturesUnordered<Task>,
    connect_timeout: Option<Pin<Box<Sleep>>>,
    /// The client is still to be put into the main namespace, for which it does not ask.
    joins_by_itself: bool,
    /// This side has disconnected a socket of this connection: packets for it may still be on their way, however
    /// late, and are no offence (hazard R41).
    expects_late_packets: bool,
    /// The client broke the protocol and is being thrown out: what else it sent is not looked at.
    broken: bool,
    over: bool,
}

impl Connection {
    pub(super) fn new(core: Arc<Core>, session: Session) -> Self {
        let revision = session.revision();
        let link = Arc::new(Link {
            session,
            revision,
            ack_timeout: core.config.ack_timeout,
            max_queue_bytes: core.config.engine.limits.max_queue_bytes,
            orders: Mutex::default(),
            waker: AtomicWaker::new(),
            joined: AtomicBool::new(false),
        });
        let mut before_joining = protocol::decoder_limits(revision, core.config.decoder_limits);
        before_joining.max_attachments = 0;
        Self {
            link,
            decoder: Decoder::new(before_joining),
            attachment_timeout: None,
            sockets: Vec::new(),
            pending: FuturesUnordered::new(),
            connect_timeout: Some(Box::pin(tokio::time::sleep(core.config.connect_timeout))),
            joins_by_itself: protocol::joins_by_itself(revision),
            expects_late_packets: false,
            broken: false,
            over: false,
            core,
        }
    }

    /// Runs a handler until it first waits; then it joins those that wait.
    fn start(&mut self, mut task: Task, cx: &mut TaskContext<'_>) {
        if task.as_mut().poll(cx).is_pending() {
            self.pending.push(task);
        }
    }

    fn handle_packet(&mut self, packet: Packet, cx: &mut TaskContext<'_>) {
        let packet = protocol::without_query(self.link.revision, packet);
        let socket = self.sockets.iter().find(|socket| *socket.namespace.wire_name() == packet.namespace).cloned();
        match (packet.kind, socket) {
            (PacketKind::Connect, None) => self.connect(packet, cx),
            // Twice to one namespace, whether or not the first is through (row D34, contract I6).
            (PacketKind::Connect, Some(_)) | (PacketKind::ConnectError, _) => self.break_off(),
            (PacketKind::Disconnect, Some(socket)) => {
                socket.depart(DisconnectReason::ClientNamespaceDisconnect);
            }
            (PacketKind::Event, Some(socket)) if !socket.is_connecting() => self.dispatch(&socket, packet, cx),
            (PacketKind::Ack, Some(socket)) => {
                if let (Some(id), Some(body)) = (packet.ack, packet.body) {
                    socket.handle_ack(id, body);
                }
            }
            (_, None) if self.expects_late_packets => {}
            // A packet for a namespace that was not joined (row D35).
            (PacketKind::Disconnect | PacketKind::Event | PacketKind::Ack, _) => self.break_off(),
        }
    }

    /// The client broke the order of the protocol.
    fn break_off(&mut self) {
        self.broken = true;
        self.link.close_because(DisconnectReason::ForcedServerClose, CloseMode::Graceful);
    }

    fn connect(&mut self, packet: Packet, cx: &mut TaskContext<'_>) {
        let refuse = |message: &str| {
            let body = HandlerError::new(message).connect_error();
            self.link.send(&encode(PacketKind::ConnectError, &packet.namespace, None, body.as_ref()));
        };
        let Some(namespace) = self.core.find(&packet.namespace) else { return refuse("Invalid namespace") };
        if self.sockets.len() >= self.core.config.max_namespaces {
            return refuse("Too many namespaces");
        }
        let id = protocol::socket_id(&self.link.session, self.link.revision, namespace.wire_name());
        let Ok(id) = id else { return refuse("Internal error") };
        let request = self.link.session.request().clone();
        // In memory of its own: the packet may share a large read with much else.
        let auth = packet.body.map(|body| body.detached());
        let handshake = Handshake { request, auth, time: SystemTime::now() };
        let socket = Arc::new(SocketCore::new(id, namespace.clone(), handshake, self.link.clone()));
        self.sockets.push(socket.clone());
        match &namespace.handlers().connect {
            None => socket.accept(),
            Some(handler) => {
                let context = ConnectContext { socket: Socket { core: socket.clone() } };
                let handler = handler.clone();
                let task = async move {
                    let (_, outcome) = run(handler, context).await;
                    match outcome {
                        Ok(()) => socket.accept(),
                        Err(error) => {
                            tracing::debug!(socket = %socket.id, %error, "connect refused");
                            socket.refuse(protocol::refusal(socket.link.revision, &error).as_ref());
                        }
                    }
                };
                self.start(Box::pin(task), cx);
            }
        }
    }

    fn dispatch(&mut self, socket: &Arc<SocketCore>, packet: Packet, cx: &mut TaskContext<'_>) {
        let Some(event) = packet.body else { return };
        if !socket.is_connected() {
            return;
        }
        let handlers = socket.namespace.handlers();
        let (name, handlers) = handlers.of_event(&event.event_name().unwrap_or_default());
        // The first handler's return value acknowledges; the others have no acknowledgement to give.
        let mut ack = packet.ack;
        for handler in handlers {
            let context =
                EventContext { socket: Socket { core: socket.clone() }, event: Some(event.clone()), ack: ack.take() };
            self.start(Box::pin(answer(name.cloned(), handler.clone(), context)), cx);
        }
    }

    /// Does what sockets have ordered; says whether there was anything.
    fn follow_orders(&mut self, cx: &mut TaskContext<'_>) -> bool {
        let (departures, disconnect_all) = self
            .link
            .orders(|orders| (std::mem::take(&mut orders.departures), std::mem::take(&mut orders.disconnect_all)));
        let any = disconnect_all || !departures.is_empty();
        for departure in departures {
            self.sockets.retain(|socket| !Arc::ptr_eq(socket, &departure.socket));
            self.expects_late_packets |=
                departure.was_connected && departure.reason == DisconnectReason::ServerNamespaceDisconnect;
            self.run_disconnect_handlers(departure, cx);
        }
        if disconnect_all {
            for socket in &self.sockets {
                socket.disconnect();
            }
            self.link.session.close(CloseMode::Graceful);
        }
        any
    }

    fn run_disconnect_handlers(&mut self, departure: Departure, cx: &mut TaskContext<'_>) {
        let Departure { socket, reason, was_connected } = departure;
        let handlers = socket.namespace.handlers();
        if !was_connected || handlers.disconnect.is_empty() {
            return socket.forget_rooms();
        }
        let task = async move {
            for handler in &handlers.disconnect {
                let context = DisconnectContext { socket: Socket { core: socket.clone() }, reason };
                if let (_, Err(error)) = run(handler.clone(), context).await {
                    tracing::warn!(socket = %socket.id, %error, "disconnect handler failed");
                }
            }
            socket.forget_rooms();
        };
        self.start(Box::pin(task), cx);
    }

    fn handle_message(&mut self, message: engineio::Message, cx: &mut TaskContext<'_>) {
        if self.broken {
            return;
        }
        match self.decoder.handle(message) {
            Ok(None) => {}
            Ok(Some(packet)) => self.handle_packet(packet, cx),
            Err(error) => self.reject(&error),
        }
        let timeout = || Box::pin(tokio::time::sleep(self.core.config.attachment_timeout));
        self.attachment_timeout = self.decoder.is_partial().then(timeout);
    }

    /// Something came that is no packet, or what was to complete one did not: row C32, every socket of the
    /// connection sees `forced close`.
    fn reject(&mut self, error: &dyn fmt::Display) {
        tracing::debug!(session = ?self.link.session.id(), %error, "undecodable packet");
        self.broken = true;
        self.link.session.close(CloseMode::Discard);
    }

    /// The session is over: all sockets leave.
    fn end(&mut self) {
        self.over = true;
        (self.connect_timeout, self.attachment_timeout) = (None, None);
        let reason = self.link.orders(|orders| orders.reason);
        let closed = self.link.session.closed_now().map(|closed| closed.reason.into());
        let reason = reason.or(closed).unwrap_or(DisconnectReason::ForcedClose);
        for socket in &self.sockets {
            socket.depart(reason);
        }
    }

    fn check_connect_timeout(&mut self, cx: &mut TaskContext<'_>) {
        if self.connect_timeout.is_some() && self.link.joined.load(Ordering::Relaxed) {
            self.connect_timeout = None;
            self.decoder.set_limits(protocol::decoder_limits(self.link.revision, self.core.config.decoder_limits));
        }
        if self.connect_timeout.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready()) {
            self.connect_timeout = None;
            self.break_off();
        }
    }

    /// To be called where all that came has been read: the time runs against a client that is silent, not against
    /// one that is not being read.
    fn check_attachment_timeout(&mut self, cx: &mut TaskContext<'_>) {
        if self.attachment_timeout.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready()) {
            self.attachment_timeout = None;
            self.reject(&"attachments that do not come");
        }
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let this = &mut *self;
        this.link.waker.register(cx.waker());
        if std::mem::take(&mut this.joins_by_itself) {
            let (kind, namespace) = (PacketKind::Connect, socketio_proto::Namespace::root());
            this.connect(Packet { kind, namespace, ack: None, body: None }, cx);
        }
        loop {
            let ordered = this.follow_orders(cx);
            while let Poll::Ready(Some(())) = this.pending.poll_next_unpin(cx) {}
            this.check_connect_timeout(cx);
            let full = this.pending.len() >= this.core.config.max_pending_handlers.max(1);
            if full && !this.over && this.link.session.closed_now().is_some() {
                // What is still unread was for sockets that are gone now (row D74).
                this.end();
                continue;
            }
            if !full && !this.over {
                match this.link.session.poll_recv(cx) {
                    Poll::Ready(Some(message)) => {
                        this.handle_message(message, cx);
                        continue;
                    }
                    Poll::Ready(None) => {
                        this.end();
                        continue;
                    }
                    Poll::Pending => this.check_attachment_timeout(cx),
                }
            }
            if !ordered {
                break;
            }
        }
        // A socket that another thread is disconnecting announces it yet, and its handler has to run.
        let done = this.over && this.pending.is_empty() && this.sockets.is_empty();
        if done { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Only where the engine's task is torn down: then nobody runs handlers any more, but the sockets still leave
/// their rooms, and do not keep each other alive through the orders.
impl Drop for Connection {
    fn drop(&mut self) {
        for socket in &self.sockets {
            socket.depart(DisconnectReason::ForcedClose);
        }
        drop(self.link.orders(std::mem::take));
    }
}

/// Runs an event's handler and acknowledges. `event` is its registered name, none for the fallback.
async fn answer(event: Option<Arc<str>>, handler: Erased<EventContext>, context: EventContext) {
    let (context, outcome) = run(handler, context).await;
    let (socket, event) = (&context.socket, event.as_deref().unwrap_or("(fallback)"));
    let body = match outcome {
        Ok(body) => Some(body),
        Err(error) => {
            if error.is_extraction() {
                // The client's fault, and as frequent as it likes.
                tracing::debug!(socket = %socket.id(), event, %error, "arguments refused");
            } else {
                tracing::warn!(socket = %socket.id(), event, %error, "handler failed");
            }
            error.ack()
        }
    };
    let Some((id, body)) = context.ack.zip(body) else { return };
    if AckSender::new(socket.core.clone(), id).send_body(&body) == Err(EmitError::Full) {
        socket.core.link.close_for_slowness();
    }
}

/// Runs a handler; a panic in it, or in an extractor, is an error of this one call (hazard R25). While it waits,
/// it holds what it has taken out of the context, and the packet is gone.
async fn run<C: Context>(handler: Erased<C>, mut context: C) -> (C, Outcome<C>) {
    let call = async {
        let future = handler.call(&mut context)?;
        context.release();
        future.await
    };
    let outcome = AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a handler panicked");
        Err(HandlerError::new("internal error"))
    });
    (context, outcome)
}
