//! [`Handlers`]: what was registered on a socket. Storage; the running is `dispatch.rs`'s.

use std::sync::Arc;

use socketio_proto::Body;

use crate::{
    client::{ConnectContext, ConnectErrorContext, DisconnectContext, EventContext, stream::Queue},
    event_handlers::EventHandlers,
    handler::Erased,
};

/// Who sees every event that is sent.
pub(super) type OutgoingListener = Arc<dyn Fn(&Body) + Send + Sync>;

/// What was registered on a socket.
#[derive(Default)]
pub(in crate::client) struct Handlers {
    pub(in crate::client) events: EventHandlers<EventContext>,
    /// Events for which there is no handler.
    pub(in crate::client) fallback: Option<Erased<EventContext>>,
    pub(in crate::client) connect: Vec<Erased<ConnectContext>>,
    pub(in crate::client) connect_error: Vec<Erased<ConnectErrorContext>>,
    pub(in crate::client) disconnect: Vec<Erased<DisconnectContext>>,
    pub(in crate::client) streams: Vec<Arc<Queue>>,
    pub(super) outgoing: Vec<OutgoingListener>,
}

impl Handlers {
    /// Whether a stream of events has no room: then nothing more is read. Streams that nobody holds any more go.
    pub(in crate::client) fn is_held_up(&mut self) -> bool {
        self.streams.retain(|stream| !stream.has_ended());
        self.streams.iter().any(|stream| stream.is_full())
    }
}
