//! The contexts of a server's handlers, and the extractors that only they have: each says in which contexts it can be had.
//! Those that a client has too are in `crate::extract`.

use std::{fmt, sync::Arc};

use serde::de::DeserializeOwned;
use socketio_proto::{AckId, Body};

use super::{DisconnectReason, HandlerError, Namespace, ServerEventContext, Socket, socket::SocketCore};
use crate::{
    AckSender, Context, FromContext,
    extract::{HasAck, HasEvent, ack_extractors, event_extractors},
    handler::context,
};

/// A client asks to join a namespace.
pub struct ConnectContext {
    pub(super) socket: Socket,
}

/// An event has come.
pub struct EventContext {
    pub(super) socket: Socket,
    pub(super) event: Body,
    /// The acknowledgement that is still to be sent; an [`AckSender`] takes it over.
    pub(super) ack: Option<AckId>,
}

/// A client has left.
pub struct DisconnectContext {
    pub(super) socket: Socket,
    pub(super) reason: DisconnectReason,
}

impl ConnectContext {
    pub(super) fn new(socket: &Arc<SocketCore>) -> Self {
        Self { socket: socket.handle() }
    }
}

context!(ConnectContext, replies with nothing);
context!(EventContext, replies with a value where |context| context.ack.is_some());
context!(DisconnectContext, replies with nothing);
context!(ServerEventContext, replies with a value);

event_extractors!(EventContext);
event_extractors!(ServerEventContext);
ack_extractors!(EventContext);

impl HasEvent for EventContext {
    fn event(&self) -> &Body {
        &self.event
    }
}

impl HasEvent for ServerEventContext {
    fn event(&self) -> &Body {
        &self.event
    }
}

impl HasAck for EventContext {
    fn take_ack(&mut self) -> Option<AckSender> {
        self.ack.take().map(|id| AckSender::new(self.socket.core.clone(), id))
    }
}

/// Contexts that have a socket: all.
trait HasSocket: Context {
    fn socket(&self) -> &Socket;
}

macro_rules! has_socket {
    ($($context:ident)*) => { $(
        impl HasSocket for $context {
            fn socket(&self) -> &Socket {
                &self.socket
            }
        }

        impl fmt::Debug for $context {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($context)).field("socket", &self.socket).finish_non_exhaustive()
            }
        }

        impl FromContext<$context> for Socket {
            fn from_context(context: &mut $context) -> Result<Self, HandlerError> {
                Ok(context.socket().clone())
            }
        }

        impl FromContext<$context> for Namespace {
            fn from_context(context: &mut $context) -> Result<Self, HandlerError> {
                Ok(context.socket().namespace().clone())
            }
        }

        impl<T: DeserializeOwned> FromContext<$context> for Auth<T> {
            fn from_context(context: &mut $context) -> Result<Self, HandlerError> {
                read_auth(context.socket()).map(Self)
            }
        }

        impl<T: Send + Sync + 'static> FromContext<$context> for SocketData<T> {
            fn from_context(context: &mut $context) -> Result<Self, HandlerError> {
                context.socket().data().map(Self).ok_or_else(|| missing::<T>("data"))
            }
        }

        impl<T: Send + Sync + 'static> FromContext<$context> for Extension<T> {
            fn from_context(context: &mut $context) -> Result<Self, HandlerError> {
                context.socket().extensions().get().map(Self).ok_or_else(|| missing::<T>("extension"))
            }
        }
    )* };
}

has_socket!(ConnectContext EventContext DisconnectContext);

/// The payload with which the client joined the namespace (row D42). Without one it reads as an empty object,
/// or as `None` for an `Option`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// # let io = Server::new();
/// #[derive(serde::Deserialize)]
/// struct Login {
///     name: String,
/// }
///
/// io.of("/").on("who am I", async |Auth(login): Auth<Login>| Ok(login.name));
/// let client = TestClient::connect(&io).auth(&serde_json::json!({ "name": "Ada" })).await;
/// assert_eq!(client.emit_with_ack::<String>("who am I", &()).await, "Ada");
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<T>(pub T);

/// What [`Socket::set_data`] has kept. A handler that asks for a type that is not there is not run, and the client is
/// told `internal error`.
///
/// ```
/// use socketio::{Server, Socket, SocketData};
///
/// let io = Server::new();
/// io.of("/")
///     .on_connect(async |socket: Socket| socket.set_data(String::from("Ada")))
///     .on("who am i", async |SocketData(name): SocketData<String>| Ok(name.to_string()));
/// ```
#[derive(Debug)]
pub struct SocketData<T>(pub Arc<T>);

impl<T> Clone for SocketData<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// What [`Extensions`](super::Extensions) has of that type. A handler that asks for a type that is not there is not run,
/// and the client is told `internal error`; `Result<Extension<T>, HandlerError>` tells the handler.
///
/// ```
/// use socketio::{Extension, Server, Socket};
///
/// let io = Server::new();
/// io.of("/")
///     .on_connect(async |socket: Socket| drop(socket.extensions().insert(std::time::Instant::now())))
///     .on("how long", async |Extension(since): Extension<std::time::Instant>| Ok(since.elapsed()));
/// ```
#[derive(Debug)]
pub struct Extension<T>(pub Arc<T>);

impl<T> Clone for Extension<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Nobody's fault but this application's: the client is not told the type.
fn missing<T>(what: &str) -> HandlerError {
    tracing::error!(wanted = std::any::type_name::<T>(), "the socket has no {what} of this type");
    HandlerError::new("internal error")
}

fn read_auth<T: DeserializeOwned>(socket: &Socket) -> Result<T, HandlerError> {
    let read = match &socket.handshake().auth {
        Some(auth) => auth.data().map_err(|error| error.to_string()),
        // Nothing reads as an empty object, or as `None` where that is what is asked for.
        None => serde_json::from_str("{}")
            .or_else(|error| serde_json::from_str("null").map_err(|_| error))
            .map_err(|error| error.to_string()),
    };
    read.map_err(|error| HandlerError::extraction(format!("invalid auth payload: {error}")))
}

impl FromContext<ServerEventContext> for Namespace {
    fn from_context(context: &mut ServerEventContext) -> Result<Self, HandlerError> {
        Ok(context.namespace.clone())
    }
}

impl FromContext<DisconnectContext> for DisconnectReason {
    fn from_context(context: &mut DisconnectContext) -> Result<Self, HandlerError> {
        Ok(context.reason)
    }
}
