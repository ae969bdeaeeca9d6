//! [`Handlers`]: what was registered on a namespace, and [`EventHandlers`], the part of it that a single socket may
//! have of its own. Storage and lookup; the running is `connection/`'s.

use std::{collections::HashMap, sync::Arc};

use socketio_proto::Body;

use super::{ConnectContext, DisconnectContext, EventContext, RoomEvent, ServerEventContext, Socket};
use crate::handler::Erased;

pub(super) type OutgoingListener = Arc<dyn Fn(&Socket, &Body) + Send + Sync>;
pub(super) type RoomListener = Arc<dyn Fn(&RoomEvent) + Send + Sync>;

/// The handlers of a namespace; replaced as a whole when one is registered, so that a packet needs no more
/// than a reference count.
#[derive(Clone, Default)]
pub(super) struct Handlers {
    pub(super) middleware: Vec<Erased<ConnectContext>>,
    pub(super) connect: Option<Erased<ConnectContext>>,
    pub(super) connected: Vec<Erased<ConnectContext>>,
    pub(super) event_middleware: Vec<Erased<EventContext>>,
    pub(super) fallback: Option<Erased<EventContext>>,
    pub(super) events: EventHandlers,
    pub(super) leaving: Leaving,
    pub(super) server_events: HashMap<Arc<str>, Vec<Erased<ServerEventContext>>>,
    pub(super) outgoing: Vec<OutgoingListener>,
    pub(super) rooms: Vec<RoomListener>,
}

/// Handlers of events by name, and those of all events.
#[derive(Clone, Default)]
pub(super) struct EventHandlers {
    pub(super) any: Vec<Erased<EventContext>>,
    named: HashMap<Arc<str>, Vec<Registered>>,
}

#[derive(Clone)]
pub(super) struct Registered {
    handler: Erased<EventContext>,
    once: bool,
}

/// Handlers for the end of a socket.
#[derive(Clone, Default)]
pub(super) struct Leaving {
    pub(super) disconnecting: Vec<Erased<DisconnectContext>>,
    pub(super) disconnect: Vec<Erased<DisconnectContext>>,
}

impl EventHandlers {
    pub(super) fn add(&mut self, event: &str, handler: Erased<EventContext>, once: bool) {
        self.named.entry(event.into()).or_default().push(Registered { handler, once });
    }

    /// Gives what was removed, to be dropped under no lock: what it captured may have a destructor of the
    /// application's.
    pub(super) fn remove(&mut self, event: &str) -> Option<Vec<Registered>> {
        self.named.remove(event)
    }

    /// The name of an event, in memory of its own: shared where it has handlers.
    pub(super) fn name_of(&self, event: &str) -> Arc<str> {
        self.named.get_key_value(event).map_or_else(|| event.into(), |(name, _)| name.clone())
    }

    /// The handlers of an event in the order of their registration.
    pub(super) fn of_event(&self, event: &str) -> impl Iterator<Item = &Erased<EventContext>> {
        self.named.get(event).into_iter().flatten().map(|registered| &registered.handler)
    }

    /// The same, and those that run once are gone.
    pub(super) fn take_event(&mut self, event: &str) -> Vec<Erased<EventContext>> {
        let Some(registered) = self.named.get_mut(event) else { return Vec::new() };
        let handlers = registered.iter().map(|registered| registered.handler.clone()).collect();
        registered.retain(|registered| !registered.once);
        if registered.is_empty() {
            self.named.remove(event);
        }
        handlers
    }
}

/// What was registered on one socket: mostly nothing, which costs nothing.
#[derive(Default)]
pub(super) struct SocketHandlers {
    pub(super) events: EventHandlers,
    pub(super) event_middleware: Vec<Erased<EventContext>>,
    pub(super) leaving: Leaving,
    pub(super) outgoing: Vec<OutgoingListener>,
}
