//! [`Connection`]: the future that runs one session's Socket.IO side, inside the engine's task: decodes, lets
//! sockets join (`joining.rs`), starts handlers (`events.rs`), waits for them, and ends when the session has ended and
//! the last handler is done. [`Link`] is what its sockets know of it.
//!
//! Order: a handler is run inline until it first waits, then the next packet is looked at (row D62).

mod events;
mod joining;
mod link;
mod pending;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use engineio::{CloseMode, Few, Session};
use futures_util::future::join_all;
use link::Orders;
pub(super) use link::{Departure, Link};
use pending::Pending;
use socketio_proto::{self as sio, AnyDecoder, Packet, PacketKind};
use tokio::time::Sleep;

use super::{
    DisconnectContext, DisconnectReason,
    counters::count,
    hooks::Occasion,
    protocol,
    registry::Registry,
    socket::{SocketCore, Stage},
};
use crate::{
    LARGE_ATTACHMENT_STEP,
    handler::{Erased, run},
};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The Socket.IO side of one session.
pub(super) struct Connection {
    registry: Arc<Registry>,
    link: Arc<Link>,
    decoder: AnyDecoder,
    /// Runs while attachments of a packet are still to come.
    attachment_timeout: Option<Pin<Box<Sleep>>>,
    /// At most `max_namespaces`, usually one: a list is smaller and quicker than a table.
    sockets: Few<Arc<SocketCore>>,
    /// Namespaces that the client asked for and which the application is asked about; `None` where there are none.
    #[allow(clippy::box_collection, reason = "mostly there are none, and a list of none is three times as long")]
    resolving: Option<Box<Vec<sio::Namespace>>>,
    /// Handlers that wait; `None` where there are none.
    pending: Option<Box<Pending>>,
    connect_timeout: Option<Pin<Box<Sleep>>>,
    /// The client is still to be put into the main namespace, for which it does not ask.
    joins_by_itself: bool,
    /// This side has disconnected a socket of this connection: packets for it may still be on their way, however
    /// late, and are no offence (hazard R41).
    expects_late_packets: bool,
    /// Nothing is read, since too many handlers wait.
    full: bool,
    /// The client broke the protocol and is being thrown out: what else it sent is not looked at.
    broken: bool,
    over: bool,
}

impl Connection {
    pub(super) fn new(registry: Arc<Registry>, session: Session) -> Self {
        let limits = &registry.environment.config.limits;
        let revision = session.revision();
        let mut before_joining = protocol::decoder_limits(revision, limits.decoder);
        before_joining.max_attachments = 0;
        Self {
            link: Arc::new(Link::new(session, registry.environment.clone())),
            decoder: registry.environment.config.parser.decoder(before_joining),
            attachment_timeout: None,
            sockets: Few::default(),
            resolving: None,
            pending: None,
            connect_timeout: Some(Box::pin(tokio::time::sleep(limits.connect_timeout))),
            joins_by_itself: protocol::joins_by_itself(revision),
            expects_late_packets: false,
            full: false,
            broken: false,
            over: false,
            registry,
        }
    }

    fn is_resolving(&self, name: &sio::Namespace) -> bool {
        self.resolving.as_ref().is_some_and(|resolving| resolving.contains(name))
    }

    /// Runs a handler until it first waits; then it joins those that wait.
    fn start(&mut self, mut task: Task, cx: &mut TaskContext<'_>) {
        if task.as_mut().poll(cx).is_pending() {
            self.pending.get_or_insert_default().push(task);
        }
    }

    /// Runs the handlers that wait. The last one gives the list's memory back.
    fn run_pending(&mut self, cx: &mut TaskContext<'_>) {
        if self.pending.as_mut().is_some_and(|pending| pending.run(cx).is_ready()) {
            self.pending = None;
        }
    }

    /// Handlers that never end are not waited for without end: where nothing is read because of them, the connection is
    /// closed, and where it is over, they are dropped.
    fn lose_patience(&mut self, cx: &mut TaskContext<'_>) {
        let environment = &self.registry.environment;
        let (grace, hold_up) = (environment.config.limits.handler_grace, self.full || self.over);
        if !self.pending.as_mut().is_some_and(|pending| pending.outlast(grace, hold_up, cx)) {
            return;
        }
        if !self.over {
            count(&environment.counting.stuck_connections_closed);
            self.link.close_because(DisconnectReason::ForcedServerClose, CloseMode::Discard);
            return;
        }
        for handler in self.pending.take().into_iter().flat_map(|pending| pending.into_handlers()) {
            count(&environment.counting.handlers_abandoned);
            // What it holds is the user's, destructors included.
            environment.guard("a handler that was given up", || drop(handler));
        }
    }

    fn handle_packet(&mut self, packet: Packet, cx: &mut TaskContext<'_>) {
        let socket = self.sockets.iter().find(|socket| *socket.namespace.wire_name() == packet.namespace).cloned();
        match (packet.kind, socket) {
            (PacketKind::Connect, None) if self.is_resolving(&packet.namespace) => self.break_off(),
            (PacketKind::Connect, None) => self.connect(packet, cx),
            // Twice to one namespace, whether or not the first is through (row D34, contract I6).
            (PacketKind::Connect, Some(_)) | (PacketKind::ConnectError, _) => self.break_off(),
            (PacketKind::Disconnect, Some(socket)) => socket.leave_namespace(),
            (PacketKind::Event, Some(socket)) => match socket.stage() {
                Stage::Connecting => self.break_off(),
                Stage::Connected => self.dispatch(socket, packet, cx),
                Stage::Disconnected => {}
            },
            (PacketKind::Ack, Some(socket)) => {
                if let (Some(id), Some(body)) = (packet.ack, packet.body) {
                    socket.handle_ack(id, body);
                }
            }
            (_, None) if self.expects_late_packets => {}
            // A packet for a namespace that was not joined (row D35).
            (PacketKind::Disconnect | PacketKind::Event | PacketKind::Ack, None) => self.break_off(),
        }
    }

    /// The client broke the order of the protocol.
    fn break_off(&mut self) {
        self.broken = true;
        self.link.close_because(DisconnectReason::ForcedServerClose, CloseMode::Graceful);
    }

    /// Does what was ordered; says whether there was anything.
    fn follow_orders(&mut self, cx: &mut TaskContext<'_>) -> bool {
        if !self.link.take_ordered() {
            return false;
        }
        let Orders { departures, resolved, disconnect_all, .. } = self.link.take_orders();
        let any = disconnect_all || !departures.is_empty() || !resolved.is_empty();
        for departure in departures {
            self.sockets.retain(|socket| !Arc::ptr_eq(socket, &departure.socket));
            self.expects_late_packets |=
                departure.was_connected && departure.reason == DisconnectReason::ServerNamespaceDisconnect;
            self.see_off(departure, cx);
        }
        for resolved in resolved {
            self.follow_resolution(resolved, cx);
        }
        if disconnect_all {
            for socket in self.sockets.iter() {
                socket.disconnect();
            }
            self.link.session.close(CloseMode::Graceful);
        }
        any
    }

    /// Runs the handlers for the end of a socket: those for its leaving until they wait, while it is in its rooms; then
    /// those for its having left.
    fn see_off(&mut self, departure: Departure, cx: &mut TaskContext<'_>) {
        let (socket, reason) = (departure.socket.clone(), departure.reason);
        let own = socket.take_leaving();
        let handlers = socket.namespace.handlers();
        if departure.was_connected {
            for handler in handlers.leaving.disconnecting.iter().chain(&own.disconnecting) {
                self.start(Box::pin(say_goodbye(handler.clone(), socket.clone(), reason)), cx);
            }
        }
        // The socket is in no room from here on.
        let was_connected = departure.was_connected;
        drop(departure);
        self.registry.leave(socket.namespace.wire_name());
        if !was_connected || (handlers.leaving.disconnect.is_empty() && own.disconnect.is_empty()) {
            return socket.forget_all();
        }
        let task = async move {
            let handlers = handlers.leaving.disconnect.iter().chain(&own.disconnect);
            join_all(handlers.map(|handler| say_goodbye(handler.clone(), socket.clone(), reason))).await;
            socket.forget_all();
        };
        self.start(Box::pin(task), cx);
    }

    fn handle_message(&mut self, message: engineio::Message, cx: &mut TaskContext<'_>) {
        if self.broken {
            return;
        }
        let decoded = match self.decoder.handle(message) {
            // Nearly all are for the main namespace, which has no query.
            Ok(Some(packet)) if !packet.namespace.is_root() => {
                let limits = &self.registry.environment.config.limits.decoder;
                protocol::without_query(self.link.revision, packet, limits).map(Some)
            }
            decoded => decoded,
        };
        match decoded {
            Ok(None) => {}
            Ok(Some(packet)) => self.handle_packet(packet, cx),
            Err(error) => {
                count(&self.registry.environment.counting.undecodable_packets);
                self.reject(&error);
            }
        }
        self.watch_attachments(Duration::ZERO);
    }

    /// The next attachment is waited for from now on, for so long at least.
    fn watch_attachments(&mut self, least: Duration) {
        let timeout = self.registry.environment.config.limits.attachment_timeout.max(least);
        self.attachment_timeout = self.decoder.is_partial().then(|| Box::pin(tokio::time::sleep(timeout)));
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
        let reason = self.link.reason();
        let closed =
            self.link.session.closed_now().map_or(DisconnectReason::ForcedClose, |closed| closed.reason.into());
        let environment = &self.registry.environment;
        let reason = reason.unwrap_or_else(|| environment.reason_of_end(closed));
        if let Some(pending) = &mut self.pending {
            pending.forgive();
        }
        for socket in self.sockets.iter() {
            socket.depart(reason);
        }
    }

    fn check_connect_timeout(&mut self, cx: &mut TaskContext<'_>) {
        if self.connect_timeout.is_some() && self.link.has_joined() {
            self.connect_timeout = None;
            let limits = self.registry.environment.config.limits.decoder;
            self.decoder.set_limits(protocol::decoder_limits(self.link.revision, limits));
        }
        if self.connect_timeout.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready()) {
            self.connect_timeout = None;
            count(&self.registry.environment.counting.connect_timeouts);
            self.break_off();
        }
    }

    /// Whether so many handlers wait that nothing more is read (row J17).
    fn is_full(&mut self) -> bool {
        let environment = &self.registry.environment;
        let pending = self.pending.as_ref().map_or(0, |pending| pending.len());
        let full = pending >= environment.config.limits.max_pending_handlers.max(1);
        if full && !self.full {
            count(&environment.counting.reading_paused);
        }
        self.full = full;
        full
    }

    /// To be called where all that came has been read: the time runs against a client that is silent, not against
    /// one that is not being read.
    fn check_attachment_timeout(&mut self, cx: &mut TaskContext<'_>) {
        while self.attachment_timeout.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready()) {
            if self.link.session.is_receiving() {
                // The next one is on its way, and large (hazard R16).
                self.watch_attachments(LARGE_ATTACHMENT_STEP);
                continue;
            }
            self.attachment_timeout = None;
            count(&self.registry.environment.counting.attachment_timeouts);
            self.reject(&"attachments that do not come");
        }
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let this = &mut *self;
        if std::mem::take(&mut this.joins_by_itself) {
            this.join_main(cx);
        }
        // What one read has brought: one look at the session does for all of it.
        let mut messages = VecDeque::new();
        loop {
            let ordered = this.follow_orders(cx);
            this.run_pending(cx);
            this.check_connect_timeout(cx);
            let full = this.is_full();
            this.lose_patience(cx);
            if full && !this.over && this.link.session.closed_now().is_some() {
                // What is still unread was for sockets that are gone now (row D74).
                this.end();
                continue;
            }
            if !full && !this.over {
                if let Some(message) = messages.pop_front() {
                    this.handle_message(message, cx);
                    continue;
                }
                match this.link.session.poll_recv_all(cx, &mut messages) {
                    Poll::Ready(true) => continue,
                    Poll::Ready(false) => {
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
        if !this.over {
            // They wait until fewer handlers do, and nothing is read meanwhile.
            this.link.session.put_back(&mut messages);
        }
        // A socket that another thread is disconnecting announces it yet, and its handler has to run.
        let done = this.over && this.pending.is_none() && this.sockets.is_empty();
        if done { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Only where the engine's task is torn down: then nobody runs handlers any more, but the sockets still leave
/// their rooms and namespaces, and do not keep each other alive through the orders.
impl Drop for Connection {
    fn drop(&mut self) {
        for socket in self.sockets.iter() {
            socket.depart(DisconnectReason::ForcedClose);
            drop(socket.take_leaving());
            self.registry.leave(socket.namespace.wire_name());
        }
        drop(self.link.take_orders());
    }
}

async fn say_goodbye(handler: Erased<DisconnectContext>, socket: Arc<SocketCore>, reason: DisconnectReason) {
    let context = DisconnectContext { socket: socket.handle(), reason };
    if let (_, Err(error)) = run(handler, context).await {
        socket.namespace.environment().report(&socket.handle(), Occasion::Disconnect, &error);
    }
}
