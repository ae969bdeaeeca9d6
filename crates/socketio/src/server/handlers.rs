//! [`Handlers`]: what was registered on a namespace, and [`SocketHandlers`], what a single socket has of its own. Storage;
//! the running is `connection/`'s.

use std::{collections::HashMap, sync::Arc};

use socketio_proto::Body;

use super::{ConnectContext, DisconnectContext, EventContext, RoomEvent, ServerEventContext, Socket};
use crate::{event_handlers::EventHandlers, handler::Erased};

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
    pub(super) events: EventHandlers<EventContext>,
    pub(super) leaving: Leaving,
    pub(super) server_events: HashMap<Arc<str>, Vec<Erased<ServerEventContext>>>,
    pub(super) outgoing: Vec<OutgoingListener>,
    pub(super) rooms: Vec<RoomListener>,
}

/// Handlers for the end of a socket.
#[derive(Clone, Default)]
pub(super) struct Leaving {
    pub(super) disconnecting: Vec<Erased<DisconnectContext>>,
    pub(super) disconnect: Vec<Erased<DisconnectContext>>,
}

/// What was registered on one socket: mostly nothing, which costs nothing.
#[derive(Default)]
pub(super) struct SocketHandlers {
    pub(super) events: EventHandlers<EventContext>,
    pub(super) event_middleware: Vec<Erased<EventContext>>,
    pub(super) leaving: Leaving,
    pub(super) outgoing: Vec<OutgoingListener>,
}
