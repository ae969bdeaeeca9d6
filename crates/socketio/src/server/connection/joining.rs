//! How a client gets into a namespace: which one it is, who is asked, what it is told. Rows D22–D34.

use std::{sync::Arc, task::Context as TaskContext, time::SystemTime};

use engineio::{CloseMode, OpeningRequest};
use futures_util::future::join_all;
use socketio_proto::{Packet, PacketKind, PrivateId};

use super::Connection;
use crate::{
    handler::run,
    server::{
        ConnectContext, DisconnectReason, HandlerError, Handshake, Namespace,
        counters::count,
        handlers::Handlers,
        hooks::Occasion,
        protocol,
        recovery::{Return, Store},
        registry::{Parent, Rule},
        socket::SocketCore,
    },
};

/// A CONNECT whose namespace was looked for, by asking the application.
pub(in crate::server) struct Resolved {
    packet: Packet,
    parent: Option<Parent>,
}

impl Connection {
    /// Puts a client that does not ask for it into the main namespace (row C23).
    pub(super) fn join_main(&mut self, cx: &mut TaskContext<'_>) {
        let (kind, namespace) = (PacketKind::Connect, socketio_proto::Namespace::root());
        self.connect(Packet { kind, namespace, ack: None, body: None }, cx);
    }

    /// A CONNECT for a namespace that this connection is not in.
    pub(super) fn connect(&mut self, packet: Packet, cx: &mut TaskContext<'_>) {
        let resolving = self.resolving.as_ref().map_or(0, |resolving| resolving.len());
        if self.sockets.len() + resolving >= self.registry.environment.config.limits.max_namespaces {
            count(&self.registry.environment.counting.namespaces_refused);
            return self.refuse(&packet, "Too many namespaces");
        }
        match self.registry.enter(&packet.namespace) {
            Some(namespace) => self.join(packet, &namespace, cx),
            None => self.look_for_parent(packet, cx),
        }
    }

    /// Asks the parents in the order of their declaration (row D23): patterns at once, functions in a task.
    fn look_for_parent(&mut self, packet: Packet, cx: &mut TaskContext<'_>) {
        let parents = self.registry.parents();
        let first = parents.iter().position(|parent| match &parent.rule {
            Rule::Matching(_) => parent.matches(packet.namespace.as_str()),
            Rule::Allowing(_) => true,
        });
        let Some(first) = first else { return self.refuse(&packet, "Invalid namespace") };
        if let Some(parent @ Parent { rule: Rule::Matching(_), .. }) = parents.get(first) {
            return self.join_child(packet, parent, cx);
        }
        self.resolving.get_or_insert_default().push(packet.namespace.detached());
        let link = self.link.clone();
        let environment = self.registry.environment.clone();
        let task = async move {
            let limit = environment.config.limits.connect_timeout;
            let found = tokio::time::timeout(limit, first_willing(&parents, first, &packet)).await;
            let found = found.inspect_err(|_| count(&environment.counting.connect_timeouts));
            let parent = found.ok().flatten().cloned();
            link.resolve(Resolved { packet, parent });
        };
        self.start(Box::pin(task), cx);
    }

    /// A function has said whether it takes the client.
    pub(super) fn follow_resolution(&mut self, resolved: Resolved, cx: &mut TaskContext<'_>) {
        let Resolved { packet, parent } = resolved;
        if let Some(resolving) = &mut self.resolving {
            resolving.retain(|name| *name != packet.namespace);
        }
        self.resolving.take_if(|resolving| resolving.is_empty());
        match parent {
            _ if self.over || self.broken => {}
            Some(parent) => self.join_child(packet, &parent, cx),
            None => self.refuse(&packet, "Invalid namespace"),
        }
    }

    fn join_child(&mut self, packet: Packet, parent: &Parent, cx: &mut TaskContext<'_>) {
        match self.registry.enter_child(&packet.namespace, parent) {
            Some(namespace) => self.join(packet, &namespace, cx),
            None => self.refuse(&packet, "Too many namespaces"),
        }
    }

    fn refuse(&self, packet: &Packet, message: &str) {
        let body = protocol::connect_error(&HandlerError::new(message));
        let parser = &self.registry.environment.config.parser;
        let gave_way = self.link.send(&parser.encode(PacketKind::ConnectError, &packet.namespace, None, body.as_ref()));
        // The queue is the connection's: any of its sockets says whose.
        if let Some(socket) = self.sockets.iter().next().filter(|_| gave_way) {
            self.registry.environment.announce_slowness(socket);
        }
    }

    /// A socket for the client, which then is let in or refused.
    fn join(&mut self, packet: Packet, namespace: &Namespace, cx: &mut TaskContext<'_>) {
        let store = namespace.store().filter(|_| protocol::comes_back(self.link.revision));
        let asked = store.and_then(|store| Some((store, packet.body.as_ref()?.data::<Comeback>().ok()?)));
        let comeback = asked.and_then(|(store, asked)| {
            let found = find_session(store, &asked);
            if found.is_none() {
                count(&self.registry.environment.counting.recoveries_failed);
            }
            found
        });
        let new_id = || protocol::socket_id(&self.link.session, self.link.revision, namespace.wire_name());
        let id = comeback.as_ref().map_or_else(new_id, |comeback| Ok(comeback.saved.id.clone()));
        let Ok(id) = id else {
            self.registry.leave(&packet.namespace);
            return self.refuse(&packet, "Internal error");
        };
        let request = OpeningRequest::of(&self.link.session);
        // In memory of its own: the packet may share a large read with much else.
        let auth = packet.body.map(|body| Box::new(body.detached()));
        let handshake = Handshake { request, auth, time: SystemTime::now() };
        let rooms = comeback.as_ref().map(|comeback| comeback.saved.rooms.clone()).unwrap_or_default();
        let socket = Arc::new(SocketCore::new(id, namespace.clone(), handshake, self.link.clone(), comeback));
        self.sockets.push(socket.clone());
        rooms.iter().for_each(|room| socket.join(room));
        let handlers = namespace.handlers();
        if handlers.middleware.is_empty() && handlers.connect.is_none() && handlers.connected.is_empty() {
            socket.accept();
            return;
        }
        self.start(Box::pin(admit(socket, handlers)), cx);
    }
}

/// What a client that comes back sends in its CONNECT (row D106).
#[derive(serde::Deserialize)]
struct Comeback {
    pid: String,
    offset: Option<serde_json::Value>,
}

impl Comeback {
    /// The offset; what is no text is none of ours either.
    fn offset(&self) -> Option<String> {
        self.offset.as_ref().map(|offset| offset.as_str().map_or_else(|| offset.to_string(), str::to_owned))
    }
}

/// The session that the client asks for. Where its old socket is still taken for alive, that one goes, as lost
/// (hazards R12, R32).
fn find_session(store: &Store, asked: &Comeback) -> Option<Return> {
    let (pid, offset) = (&asked.pid, asked.offset());
    let found = store.lock().find(pid, offset.as_deref());
    let found = match found {
        Err(Some(old)) => {
            old.link.close_because(DisconnectReason::TransportClose, CloseMode::Discard);
            old.depart(DisconnectReason::TransportClose);
            store.lock().find(pid, offset.as_deref())
        }
        found => found,
    };
    Some(Return { pid: PrivateId::new(pid), offset, saved: found.ok()? })
}

/// The first parent from `first` on that takes the client.
async fn first_willing<'a>(parents: &'a [Parent], first: usize, packet: &Packet) -> Option<&'a Parent> {
    for parent in parents.iter().skip(first) {
        if parent.takes(packet).await {
            return Some(parent);
        }
    }
    None
}

/// Asks middlewares and the connect handler, and tells the client; then the handlers for those who have joined start.
async fn admit(socket: Arc<SocketCore>, handlers: Arc<Handlers>) {
    let environment = socket.namespace.environment().clone();
    let limit = environment.config.limits.connect_timeout;
    let decision = tokio::time::timeout(limit, decide(&socket, &handlers)).await.unwrap_or_else(|_| {
        count(&environment.counting.connect_timeouts);
        Err(HandlerError::new("timeout"))
    });
    if let Err(error) = decision {
        environment.report(&socket.handle(), Occasion::Connect, &error);
        return socket.refuse(protocol::refusal(socket.link.revision, &error).as_ref());
    }
    if !socket.accept() {
        return;
    }
    let greet = handlers.connected.iter().map(|handler| async {
        if let (_, Err(error)) = run(handler.clone(), ConnectContext::new(&socket)).await {
            environment.report(&socket.handle(), Occasion::Connected, &error);
        }
    });
    join_all(greet).await;
}

async fn decide(socket: &Arc<SocketCore>, handlers: &Handlers) -> Result<(), HandlerError> {
    let recovery = socket.namespace.environment().config.connection_state_recovery.as_ref();
    let skips = socket.comeback().is_some() && recovery.is_some_and(|recovery| recovery.skip_middlewares);
    let middleware = if skips { &[] } else { handlers.middleware.as_slice() };
    for handler in middleware.iter().chain(&handlers.connect) {
        run(handler.clone(), ConnectContext::new(socket)).await.1?;
    }
    Ok(())
}
