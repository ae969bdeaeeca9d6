//! [`Namespace`]: the handlers, sockets and rooms of one namespace, or of a parent that stands for many. Registration
//! and lookup; the running of handlers is `connection/`'s, who is in it and is spoken to `selection.rs`'s, what servers
//! say to each other `server_events.rs`'s.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use socketio_proto::{self as sio, AckId, Body, Encoded, Offset, PacketKind};

use super::{
    ConnectContext, DisconnectContext, DisconnectReason, EventContext, Handler, RoomEvent, Socket,
    children::Children,
    environment::Environment,
    handlers::Handlers,
    recovery::{Locked, Store},
    rooms::Rooms,
};
use crate::{event_handlers, handler::Erased};

/// A namespace of a server; cloning it costs a reference count.
///
/// Handlers belong to the namespace and are shared by all its sockets. What is registered later counts for
/// the events that come later.
///
/// What [`Server::of_matching`](super::Server::of_matching) and its like give is a *parent* (row D25): each of its
/// children begins with the handlers that the parent has at that moment, and what is emitted to the parent goes to
/// all children.
///
/// ```
/// use socketio::{Data, Server, Socket};
///
/// let io = Server::new();
/// io.of("/chat")
///     .on_connected(async |socket: Socket| {
///         socket.join("lobby");
///     })
///     .on("say", async |socket: Socket, Data(text): Data<String>| {
///         socket.to("lobby").emit("said", &text)?;
///         Ok(text.len()) // the acknowledgement
///     });
/// assert_eq!(io.of("/chat").name(), "/chat");
/// ```
#[derive(Clone)]
pub struct Namespace {
    core: Arc<NamespaceCore>,
}

struct NamespaceCore {
    name: sio::Namespace,
    environment: Arc<Environment>,
    handlers: RwLock<Arc<Handlers>>,
    rooms: Mutex<Rooms>,
    /// Ids of acknowledgements, for all sockets of the namespace (row C34).
    next_ack: AtomicU64,
    /// The hooks for new namespaces have seen it: before that, no client gets in, so that what they register holds for
    /// the first one too.
    announced: OnceLock<()>,
    store: Option<Store>,
    /// Somebody listens, or has listened, to the events that are emitted.
    watched: AtomicBool,
    /// Of a parent.
    children: Option<Mutex<Children<Self>>>,
    /// Of a child.
    parent: OnceLock<Weak<Self>>,
}

impl NamespaceCore {
    fn children(&self) -> Option<MutexGuard<'_, Children<Self>>> {
        Some(self.children.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for NamespaceCore {
    fn drop(&mut self) {
        let parent = self.parent.get().and_then(Weak::upgrade);
        if let Some(mut children) = parent.as_deref().and_then(Self::children) {
            children.note_gone();
        }
    }
}

/// A namespace that may go meanwhile.
pub(super) struct WeakNamespace(Weak<NamespaceCore>);

impl WeakNamespace {
    pub(super) fn upgrade(&self) -> Option<Namespace> {
        self.0.upgrade().map(|core| Namespace { core })
    }
}

impl Namespace {
    pub(super) fn new(name: sio::Namespace, environment: Arc<Environment>) -> Self {
        Self::with(name, environment, Arc::default(), None)
    }

    pub(super) fn parent(name: sio::Namespace, environment: Arc<Environment>) -> Self {
        Self::with(name, environment, Arc::default(), Some(Mutex::default()))
    }

    /// A child with the handlers that this has now.
    pub(super) fn child(&self, name: sio::Namespace) -> Self {
        Self::with(name, self.core.environment.clone(), self.handlers(), None)
    }

    fn with(
        name: sio::Namespace,
        environment: Arc<Environment>,
        handlers: Arc<Handlers>,
        children: Option<Mutex<Children<NamespaceCore>>>,
    ) -> Self {
        let mut rooms = Rooms::default();
        rooms.log = (!handlers.rooms.is_empty()).then(Vec::new);
        let config = &environment.config;
        let recovery = config.connection_state_recovery.as_ref().filter(|_| children.is_none());
        let store = recovery.map(|recovery| Store::new(recovery, &config.engine.limits));
        let watched = AtomicBool::new(!handlers.outgoing.is_empty());
        let (handlers, rooms, next_ack) = (RwLock::new(handlers), Mutex::new(rooms), AtomicU64::new(0));
        let core = NamespaceCore {
            name,
            environment,
            handlers,
            rooms,
            next_ack,
            announced: OnceLock::new(),
            store,
            watched,
            children,
            parent: OnceLock::new(),
        };
        Self { core: Arc::new(core) }
    }

    /// Makes this a child of `parent`, so that what is emitted there comes here.
    pub(super) fn adopt(&self, parent: Option<&Self>) {
        let Some(parent) = parent else { return };
        if let Some(mut children) = parent.core.children() {
            children.add(&self.core);
            let _ = self.core.parent.set(Arc::downgrade(&parent.core));
        }
    }

    /// Clients may come in from now on.
    pub(super) fn open(&self) {
        let _ = self.core.announced.set(());
    }

    /// Waits until the hooks, which run on another thread, have seen it.
    pub(super) fn wait_until_open(self) -> Self {
        self.core.announced.wait();
        self
    }

    /// The namespaces that this stands for: itself, or a parent's children.
    pub(super) fn members(&self) -> Vec<Self> {
        match self.core.children() {
            None => vec![self.clone()],
            Some(children) => children.alive().map(|core| Self { core }).collect(),
        }
    }

    #[cfg(test)]
    pub(super) fn kept_children(&self) -> usize {
        self.core.children().map_or(0, |children| children.len())
    }

    pub(super) fn is_parent(&self) -> bool {
        self.core.children.is_some()
    }

    /// The name, with its leading slash. A parent's is `/_0`, `/_1` and so on, which no client can join.
    ///
    /// ```
    /// let io = socketio::Server::new();
    /// assert_eq!(io.of("chat").name(), "/chat");
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        self.core.name.as_str()
    }

    /// Runs `middleware` for each client that asks to join, before it is told that it is connected (row D29):
    /// several run in the order of their registration, each when the one before has said `Ok`; the first error refuses
    /// the client with a CONNECT_ERROR. It may take the [`Socket`], [`Auth`](super::Auth) and the [`Namespace`], set the
    /// socket's data and join rooms. It has [`Limits::connect_timeout`](super::Limits::connect_timeout) to decide.
    ///
    /// ```
    /// use socketio::{Auth, HandlerError, Server, Socket};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Login {
    ///     token: String,
    /// }
    ///
    /// let io = Server::new();
    /// io.of("/admin").middleware(async |socket: Socket, Auth(login): Auth<Login>| {
    ///     if login.token != "secret" {
    ///         return Err(HandlerError::new("not authorized"));
    ///     }
    ///     socket.set_data(String::from("root"));
    ///     Ok(())
    /// });
    /// ```
    pub fn middleware<M>(self, middleware: impl Handler<ConnectContext, M>) -> Self {
        self.register(|handlers| handlers.middleware.push(Erased::new(middleware)))
    }

    /// Runs `handler` for each client that asks to join, behind the middlewares; its `Ok` lets the client in, its error
    /// refuses it with a CONNECT_ERROR. Without one, everybody is let in. The last one registered counts.
    ///
    /// The client is told that it is connected when the handler has ended: what is emitted to it before,
    /// arrives after. Where the handler wants to ask the client something, use [`Namespace::on_connected`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.of("/").on_connect(async |socket: Socket, Auth(name): Auth<Option<serde_json::Value>>| {
    ///     if name.is_none() {
    ///         return Err(HandlerError::new("who are you?"));
    ///     }
    ///     socket.join("lobby");
    ///     Ok(())
    /// });
    /// TestClient::connect(&io).auth(&serde_json::json!({ "name": "Ada" })).await;
    /// # Ok(()) }
    /// ```
    pub fn on_connect<M>(self, handler: impl Handler<ConnectContext, M>) -> Self {
        self.register(|handlers| handlers.connect.replace(Erased::new(handler)))
    }

    /// Runs `handler` for each client once it is connected: it has been told, and the events that it sends are handled
    /// from now on (rows D32, D33). Several start in the order of their registration.
    ///
    /// ```
    /// use socketio::{Server, Socket};
    ///
    /// let io = Server::new();
    /// io.of("/").on_connected(async |socket: Socket| {
    ///     let name: String = socket.emit_with_ack("who are you", &()).await?;
    ///     socket.broadcast().emit("joined", &name)?;
    ///     Ok(())
    /// });
    /// ```
    pub fn on_connected<M>(self, handler: impl Handler<ConnectContext, M>) -> Self {
        self.register(|handlers| handlers.connected.push(Erased::new(handler)))
    }

    /// Runs `handler` for each event of that name; what it returns is the acknowledgement, where the client
    /// asked for one (row D65): `Ok(value)`, or nothing for an empty one.
    ///
    /// Several handlers of one event start in the order of their registration; the first one's return
    /// value acknowledges.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.of("/").on("add", async |Data((a, b)): Data<(i64, i64)>| Ok(a + b));
    /// let client = TestClient::connect(&io).await;
    /// assert_eq!(client.emit_with_ack::<i64>("add", &(1, 2)).await, 3);
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// Where no client can send that event, since the protocol reserves its name (row C11): `connect`, `disconnect`
    /// and their like. Joining and leaving are no events here: use [`Namespace::on_connect`] and
    /// [`Namespace::on_disconnect`].
    pub fn on<M>(self, event: &str, handler: impl Handler<EventContext, M>) -> Self {
        check_event_name(event);
        self.register(|handlers| handlers.events.add(event, Erased::new(handler), false))
    }

    /// Runs `handler` for each event that comes, whatever its name, before event middlewares and the event's own
    /// handlers (row D66). What it returns is no acknowledgement, but it may take the [`AckSender`](super::AckSender).
    ///
    /// ```
    /// use socketio::{Event, Server, Socket};
    ///
    /// let io = Server::new();
    /// io.of("/").on_any(async |socket: Socket, Event(name): Event| println!("{} sent {name}", socket.id()));
    /// ```
    pub fn on_any<M>(self, handler: impl Handler<EventContext, M>) -> Self {
        self.register(|handlers| handlers.events.any.push(Erased::new(handler)))
    }

    /// Runs `handler` for each event that has no handler of its own. The last one registered counts.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.of("/").on_fallback(async |Event(name): Event| Err::<(), _>(HandlerError::new(format!("what is {name}?"))));
    /// let client = TestClient::connect(&io).await;
    /// let answer: serde_json::Value = client.emit_with_ack("nonsense", &()).await;
    /// assert_eq!(answer["error"], "what is nonsense?");
    /// # Ok(()) }
    /// ```
    pub fn on_fallback<M>(self, handler: impl Handler<EventContext, M>) -> Self {
        self.register(|handlers| handlers.fallback.replace(Erased::new(handler)))
    }

    /// Runs `middleware` for each event before its handlers (row D68): several run in the order of their registration,
    /// each when the one before has said `Ok`. An error drops the event, reaches
    /// [`Server::on_error`](super::Server::on_error) and, where the client asked for one, the acknowledgement.
    ///
    /// While one waits, the events behind are looked at: a middleware that waits gives the order up.
    ///
    /// ```
    /// use socketio::{Event, HandlerError, Server};
    ///
    /// let io = Server::new();
    /// io.of("/").event_middleware(async |Event(name): Event| {
    ///     if name.starts_with("admin:") { Err(HandlerError::new("not allowed")) } else { Ok(()) }
    /// });
    /// ```
    pub fn event_middleware<M>(self, middleware: impl Handler<EventContext, M>) -> Self {
        self.register(|handlers| handlers.event_middleware.push(Erased::new(middleware)))
    }

    /// Calls `listener` for each event that is emitted to a socket of the namespace, once for each socket, broadcasts
    /// included, right before it is sent (row D67). It runs inside the call that emits, and should be quick.
    ///
    /// ```
    /// use socketio::Server;
    ///
    /// let io = Server::new();
    /// io.of("/").on_any_outgoing(|socket, event| {
    ///     println!("{} is sent {}", socket.id(), event.event_name().unwrap_or_default());
    /// });
    /// ```
    pub fn on_any_outgoing(self, listener: impl Fn(&Socket, &Body) + Send + Sync + 'static) -> Self {
        self.set_watched();
        self.register(|handlers| handlers.outgoing.push(Arc::new(listener)))
    }

    /// Runs `handler` once for each client that was let in, when it is leaving: it can be found in its rooms until the
    /// handler first waits (row D70).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.of("/").on_disconnecting(async |socket: Socket| {
    ///     for room in socket.rooms() {
    ///         socket.to(&*room).emit("left", socket.id())?;
    ///     }
    ///     Ok(())
    /// });
    /// # Ok(()) }
    /// ```
    pub fn on_disconnecting<M>(self, handler: impl Handler<DisconnectContext, M>) -> Self {
        self.register(|handlers| handlers.leaving.disconnecting.push(Erased::new(handler)))
    }

    /// Runs `handler` once for each client that was let in, when it has left, with the [`DisconnectReason`]
    /// (row D71). The rooms it was in can still be read.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.of("/").on_disconnect(async |socket: Socket, reason: DisconnectReason| {
    ///     println!("{} left: {reason}", socket.id());
    /// });
    /// # Ok(()) }
    /// ```
    pub fn on_disconnect<M>(self, handler: impl Handler<DisconnectContext, M>) -> Self {
        self.register(|handlers| handlers.leaving.disconnect.push(Erased::new(handler)))
    }

    /// Calls `listener` whenever a room of the namespace is made, joined, left or deleted (row D92), one event at a time
    /// and in the order in which they happen; so what happens while a listener runs is told behind it, perhaps by the
    /// thread that it runs on. Register it before clients come: what happened before is not told.
    ///
    /// ```
    /// use socketio::{RoomEvent, Server};
    ///
    /// let io = Server::new();
    /// io.of("/").on_room_event(|event| {
    ///     if let RoomEvent::Joined { room, socket } = event {
    ///         println!("{socket} is in {room}");
    ///     }
    /// });
    /// ```
    pub fn on_room_event(self, listener: impl Fn(&RoomEvent) + Send + Sync + 'static) -> Self {
        let namespace = self.register(|handlers| handlers.rooms.push(Arc::new(listener)));
        namespace.rooms().log.get_or_insert_default();
        namespace
    }

    /// Changes the handlers; what was replaced is dropped under no lock.
    pub(super) fn register<R>(self, change: impl FnOnce(&mut Handlers) -> R) -> Self {
        let mut current = self.core.handlers.write().unwrap_or_else(PoisonError::into_inner);
        let replaced = change(Arc::make_mut(&mut current));
        drop(current);
        drop(replaced);
        self
    }

    pub(super) fn wire_name(&self) -> &sio::Namespace {
        &self.core.name
    }

    pub(super) fn environment(&self) -> &Arc<Environment> {
        &self.core.environment
    }

    pub(super) fn handlers(&self) -> Arc<Handlers> {
        self.core.handlers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.core.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the rooms, and tells the listeners after the lock. Who holds another lock uses [`Namespace::rooms`] and
    /// tells them later. Where clients can be recovered, nothing is sent meanwhile, and the last event before is named.
    pub(super) fn change_rooms<R>(&self, change: impl FnOnce(&mut Rooms, Option<Offset>) -> R) -> R {
        let store = self.store().map(Store::lock);
        let mut rooms = self.rooms();
        let result = change(&mut rooms, store.as_ref().map(Locked::latest));
        let is_silent = rooms.log.as_ref().is_none_or(Vec::is_empty);
        drop(rooms);
        drop(store);
        if !is_silent {
            self.tell_room_listeners();
        }
        result
    }

    pub(super) fn tell_room_listeners(&self) {
        let mut untold = self.rooms().take_untold(false);
        while !untold.is_empty() {
            let handlers = self.handlers();
            for event in &untold {
                for listener in &handlers.rooms {
                    self.core.environment.guard("a room listener", || listener(event));
                }
            }
            untold = self.rooms().take_untold(true);
        }
    }

    /// What is kept for clients that come back, where that is configured.
    pub(super) fn store(&self) -> Option<&Store> {
        self.core.store.as_ref()
    }

    pub(super) fn downgrade(&self) -> WeakNamespace {
        WeakNamespace(Arc::downgrade(&self.core))
    }

    /// A packet of this namespace, in the server's format.
    pub(super) fn encode(&self, kind: PacketKind, ack: Option<AckId>, body: Option<&Body>) -> Encoded {
        self.core.environment.config.parser.encode(kind, &self.core.name, ack, body)
    }

    /// The next id for an acknowledgement.
    pub(super) fn next_ack_id(&self) -> AckId {
        AckId(self.core.next_ack.fetch_add(1, Ordering::Relaxed) & AckId::MAX.0)
    }

    /// Whether events have to be kept readable on their way out: for listeners, for the offset that is added where clients
    /// can be recovered, and for other servers.
    pub(super) fn looks_into_events(&self) -> bool {
        self.is_watched() || self.core.store.is_some() || self.core.environment.cluster().is_some()
    }

    /// Whether there may be listeners to what is emitted, of the namespace or of single sockets.
    pub(super) fn is_watched(&self) -> bool {
        self.core.watched.load(Ordering::Relaxed)
    }

    pub(super) fn set_watched(&self) {
        self.core.watched.store(true, Ordering::Relaxed);
    }

    pub(super) fn forget_handlers(&self) {
        let handlers = std::mem::take(&mut *self.core.handlers.write().unwrap_or_else(PoisonError::into_inner));
        drop(handlers);
    }

    pub(super) fn shut_down(&self) {
        for socket in self.sockets() {
            socket.core.depart(DisconnectReason::ServerShuttingDown);
        }
        if let Some(store) = self.store() {
            store.shut_down();
        }
    }
}

/// Tells a mistake at the place where it is made.
pub(super) fn check_event_name(event: &str) {
    event_handlers::check_event_name(event);
    if event == "connection" {
        tracing::warn!("`on(\"connection\", …)` waits for an event of that name: clients that join are `on_connect`'s");
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Namespace").field(&self.name()).finish()
    }
}
