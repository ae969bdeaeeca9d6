//! [`Namespace`]: the handlers, sockets and rooms of one namespace. Registration and lookup; the running of
//! handlers is `connection.rs`'s.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use serde::Serialize;
use socketio_proto as sio;

use super::{
    Broadcast, ConnectContext, DisconnectContext, DisconnectReason, EmitError, EventContext, Handler, Socket,
    handler::Erased, rooms::Rooms,
};

/// A namespace of a server; cloning it costs a reference count.
///
/// Handlers belong to the namespace and are shared by all its sockets. What is registered later counts for
/// the events that come later.
#[derive(Clone)]
pub struct Namespace {
    core: Arc<NamespaceCore>,
}

struct NamespaceCore {
    name: sio::Namespace,
    handlers: RwLock<Arc<Handlers>>,
    rooms: Mutex<Rooms>,
}

/// The handlers of a namespace; replaced as a whole when one is registered, so that a packet needs no more
/// than a reference count.
#[derive(Clone, Default)]
pub(super) struct Handlers {
    pub(super) connect: Option<Erased<ConnectContext>>,
    pub(super) disconnect: Vec<Erased<DisconnectContext>>,
    events: HashMap<Arc<str>, Vec<Erased<EventContext>>>,
    fallback: Option<Erased<EventContext>>,
}

impl Handlers {
    /// The handlers of an event, under its registered name; or the one for events without.
    pub(super) fn of_event(&self, event: &str) -> (Option<&Arc<str>>, &[Erased<EventContext>]) {
        match self.events.get_key_value(event) {
            Some((name, handlers)) => (Some(name), handlers),
            None => (None, self.fallback.as_slice()),
        }
    }
}

impl Namespace {
    pub(super) fn new(name: sio::Namespace) -> Self {
        let (handlers, rooms) = (RwLock::default(), Mutex::default());
        Self { core: Arc::new(NamespaceCore { name, handlers, rooms }) }
    }

    /// The name, with its leading slash.
    #[must_use]
    pub fn name(&self) -> &str {
        self.core.name.as_str()
    }

    /// Runs `handler` for each client that asks to join; its `Ok` lets the client in, its error refuses it
    /// with a CONNECT_ERROR. Without one, everybody is let in. The last one registered counts.
    ///
    /// The client is told that it is connected when the handler has ended: what is emitted to it before,
    /// arrives after. The handler may take the [`Socket`], [`Auth`](super::Auth) and the [`Namespace`].
    pub fn on_connect<M>(self, handler: impl Handler<ConnectContext, M>) -> Self {
        self.register(|handlers| handlers.connect = Some(Erased::new(handler)))
    }

    /// Runs `handler` for each event of that name; what it returns is the acknowledgement, where the client
    /// asked for one (row D65): `Ok(value)`, or nothing for an empty one.
    ///
    /// Several handlers of one event start in the order of their registration; the first one's return
    /// value acknowledges.
    ///
    /// # Panics
    /// Where no client can send that event, since the protocol reserves its name (row C11): `connect`, `disconnect`
    /// and their like. Joining and leaving are no events here: use [`Namespace::on_connect`] and
    /// [`Namespace::on_disconnect`].
    pub fn on<M>(self, event: &str, handler: impl Handler<EventContext, M>) -> Self {
        assert!(
            !sio::is_reserved_event(event),
            "no client can send the reserved event {event:?}: register with `on_connect` or `on_disconnect` instead"
        );
        if event == "connection" {
            tracing::warn!(
                "`on(\"connection\", …)` waits for an event of that name: clients that join are `on_connect`'s"
            );
        }
        self.register(|handlers| handlers.events.entry(event.into()).or_default().push(Erased::new(handler)))
    }

    /// Runs `handler` for each event that has no handler of its own. The last one registered counts.
    pub fn on_fallback<M>(self, handler: impl Handler<EventContext, M>) -> Self {
        self.register(|handlers| handlers.fallback = Some(Erased::new(handler)))
    }

    /// Runs `handler` once for each client that was let in, when it leaves, with the [`DisconnectReason`]. The
    /// rooms it was in can still be read.
    pub fn on_disconnect<M>(self, handler: impl Handler<DisconnectContext, M>) -> Self {
        self.register(|handlers| handlers.disconnect.push(Erased::new(handler)))
    }

    fn register(self, change: impl FnOnce(&mut Handlers)) -> Self {
        let mut current = self.core.handlers.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut current));
        drop(current);
        self
    }

    /// Sends an event to every socket of the namespace.
    ///
    /// # Errors
    /// As [`Broadcast::emit`].
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.broadcast().emit(event, args)
    }

    /// All in that room. A socket's id is the name of a room that holds just that socket (row D40).
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn to(&self, room: impl AsRef<str>) -> Broadcast {
        self.broadcast().to(room)
    }

    /// All but those in that room.
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn except(&self, room: impl AsRef<str>) -> Broadcast {
        self.broadcast().except(room)
    }

    /// All in the namespace.
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn broadcast(&self) -> Broadcast {
        Broadcast::new(self.clone())
    }

    /// The sockets that are connected now.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        self.rooms().sockets().map(|core| Socket { core: core.clone() }).collect()
    }

    /// How many sockets are connected now.
    #[must_use]
    pub fn socket_count(&self) -> usize {
        self.rooms().socket_count()
    }

    /// The names of the rooms that have members now, without those of single sockets.
    #[must_use]
    pub fn room_names(&self) -> Vec<Arc<str>> {
        self.rooms().room_names()
    }

    /// How many sockets are in that room now.
    #[must_use]
    pub fn room_len(&self, room: &str) -> usize {
        self.rooms().room_len(room)
    }

    pub(super) fn wire_name(&self) -> &sio::Namespace {
        &self.core.name
    }

    pub(super) fn handlers(&self) -> Arc<Handlers> {
        self.core.handlers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.core.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn shut_down(&self) {
        for socket in self.sockets() {
            socket.core.depart(DisconnectReason::ServerShuttingDown);
        }
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Namespace").field(&self.name()).finish()
    }
}
