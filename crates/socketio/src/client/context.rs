//! What handlers of a client are called for, and what they may ask for as an argument: the same words as on the server.

use std::{fmt, sync::Arc};

use socketio_proto::{AckId, Body};

use super::{ConnectError, Socket};
use crate::{
    AckSender, DisconnectReason, FromContext, HandlerError,
    extract::{HasAck, HasEvent, ack_extractors, event_extractors},
    handler::context,
};

/// A socket is connected, for the first time or again.
pub struct ConnectContext {
    pub(super) socket: Socket,
}

/// An event has come.
pub struct EventContext {
    pub(super) socket: Socket,
    pub(super) event: Body,
    pub(super) ack: Option<AckId>,
    /// The connection of the socket on which it came.
    pub(super) connection: u64,
}

/// A socket is not connected any more.
pub struct DisconnectContext {
    pub(super) socket: Socket,
    pub(super) reason: DisconnectReason,
}

/// A socket could not be connected.
pub struct ConnectErrorContext {
    pub(super) socket: Socket,
    pub(super) error: Arc<ConnectError>,
}

context!(ConnectContext, replies with nothing);
context!(EventContext, replies with a value);
context!(DisconnectContext, replies with nothing);
context!(ConnectErrorContext, replies with nothing);

event_extractors!(EventContext);
ack_extractors!(EventContext);

impl HasEvent for EventContext {
    fn event(&self) -> &Body {
        &self.event
    }
}

impl HasAck for EventContext {
    fn take_ack(&mut self) -> Option<AckSender> {
        self.ack.take().map(|id| self.socket.core.ack_sender(self.connection, id))
    }
}

macro_rules! has_socket {
    ($($context:ident)*) => { $(
        impl fmt::Debug for $context {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($context)).field("socket", &self.socket).finish_non_exhaustive()
            }
        }

        impl FromContext<$context> for Socket {
            fn from_context(context: &mut $context) -> Result<Self, HandlerError> {
                Ok(context.socket.clone())
            }
        }
    )* };
}

has_socket!(ConnectContext EventContext DisconnectContext ConnectErrorContext);

impl FromContext<DisconnectContext> for DisconnectReason {
    fn from_context(context: &mut DisconnectContext) -> Result<Self, HandlerError> {
        Ok(context.reason)
    }
}

impl FromContext<ConnectErrorContext> for Arc<ConnectError> {
    fn from_context(context: &mut ConnectErrorContext) -> Result<Self, HandlerError> {
        Ok(context.error.clone())
    }
}

impl FromContext<ConnectErrorContext> for ConnectError {
    fn from_context(context: &mut ConnectErrorContext) -> Result<Self, HandlerError> {
        Ok((*context.error).clone())
    }
}
