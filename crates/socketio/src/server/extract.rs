//! Extractors: what a handler may ask for as an argument. Each says in which contexts it can be had.

use std::{fmt, sync::Arc};

use engineio::SendOptions;
use serde::{Serialize, de::DeserializeOwned};
use socketio_proto::{AckId, Body, PacketKind};

use super::{
    DisconnectReason, EmitError, HandlerError, Namespace, ServerEventContext, Socket, handler::Context,
    socket::SocketCore,
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

/// What can be an argument of a handler for `C`.
///
/// An extraction that fails ends the handler before it starts, as if it had returned the error: a connect is
/// refused with it, an event is acknowledged with it where an acknowledgement was asked for.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// # let io = Server::new();
/// use socketio::{EventContext, FromContext};
///
/// /// The text of an event, without the spaces around it.
/// struct Trimmed(String);
///
/// impl FromContext<EventContext> for Trimmed {
///     fn from_context(context: &mut EventContext) -> Result<Self, HandlerError> {
///         let Data(text) = Data::<String>::from_context(context)?;
///         Ok(Self(text.trim().to_owned()))
///     }
/// }
///
/// io.of("/").on("say", async |Trimmed(text): Trimmed| Ok(text));
/// let client = TestClient::connect(&io).await;
/// assert_eq!(client.emit_with_ack::<String>("say", "  hello ").await, "hello");
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of this handler",
    label = "not an extractor for `{C}`",
    note = "the arguments of an event are taken with `Data<T>`, where `T` implements `Deserialize`; several with a tuple: `Data((a, b)): Data<(A, B)>`",
    note = "every handler may take `Socket`, `Namespace`, `Auth<T>`, `SocketData<T>` and `Extension<T>`; one for events also `Data<T>`, `Event`, `RawEvent`, `AckSender` and `Option<AckSender>`; one for clients that leave also `DisconnectReason`; `Result<_, HandlerError>` around one lets the handler look at what is wrong",
    note = "a handler for events of other servers takes `Data<T>`, `Event`, `RawEvent` and `Namespace` only"
)]
pub trait FromContext<C>: Sized {
    /// Takes the value.
    ///
    /// # Errors
    /// Where it is not there, or not of this type; the client is told.
    fn from_context(context: &mut C) -> Result<Self, HandlerError>;
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

        impl<E: FromContext<$context>> FromContext<$context> for Result<E, HandlerError> {
            fn from_context(context: &mut $context) -> Result<Self, HandlerError> {
                Ok(E::from_context(context))
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

/// The arguments of the event: the first one, or with a tuple as many as it has. Further ones are ignored; a
/// missing one is `None` where an `Option` is asked for, otherwise the handler is not run.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// # let io = Server::new();
/// io.of("/")
///     .on("one", async |Data(text): Data<String>| Ok(text.len()))
///     .on("two", async |Data((text, times)): Data<(String, Option<usize>)>| Ok(text.repeat(times.unwrap_or(2))));
/// let client = TestClient::connect(&io).await;
/// assert_eq!(client.emit_with_ack::<usize>("one", "argument").await, 8);
/// assert_eq!(client.emit_with_ack::<String>("two", "ab").await, "abab");
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<T>(pub T);

/// The name of the event.
///
/// ```
/// use socketio::{Event, Server};
///
/// let io = Server::new();
/// io.of("/").on_any(async |Event(name): Event| println!("{name} came"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event(pub String);

/// The event as it came, unread: to be sent on ([`Socket::emit_raw`]) or back ([`AckSender::send_raw`]).
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// # let io = Server::new();
/// io.of("/").on_fallback(async |RawEvent(event): RawEvent, ack: Option<AckSender>| {
///     ack.map_or(Ok(()), |ack| ack.send_raw(&event))?; // back as it came
///     Ok(())
/// });
/// let client = TestClient::connect(&io).await;
/// assert_eq!(client.emit_with_ack::<(u8, String)>("any", &(1, "two")).await, (1, "two".into()));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEvent(pub Body);

macro_rules! has_event {
    ($($context:ident)*) => { $(
        impl<T: DeserializeOwned> FromContext<$context> for Data<T> {
            fn from_context(context: &mut $context) -> Result<Self, HandlerError> {
                let read = context.event.args().map(Self);
                read.map_err(|error| HandlerError::extraction(format!("invalid arguments: {error}")))
            }
        }

        impl FromContext<$context> for Event {
            fn from_context(context: &mut $context) -> Result<Self, HandlerError> {
                // The decoder lets no event without a name pass.
                Ok(Self(context.event.event_name().unwrap_or_default().into_owned()))
            }
        }

        impl FromContext<$context> for RawEvent {
            fn from_context(context: &mut $context) -> Result<Self, HandlerError> {
                Ok(Self(context.event.clone()))
            }
        }
    )* };
}

has_event!(EventContext ServerEventContext);

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

/// The acknowledgement, to be sent by hand: later, from another task, or not at all. A handler that takes it
/// acknowledges nothing by returning. As an `Option` it tells whether the client asked for one.
///
/// It is used once; dropped unused, the client gets no acknowledgement.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// # let io = Server::new();
/// io.of("/").on("convert", async |ack: AckSender| {
///     tokio::spawn(async move {
///         // … long after the handler has ended
///         let _ = ack.send("done");
///     });
/// });
/// let client = TestClient::connect(&io).await;
/// assert_eq!(client.emit_with_ack::<String>("convert", &()).await, "done");
/// # Ok(()) }
/// ```
pub struct AckSender {
    socket: Arc<SocketCore>,
    id: AckId,
}

impl AckSender {
    /// Acknowledges the event: one value, or with a tuple several.
    ///
    /// ```
    /// use socketio::{AckSender, Server};
    ///
    /// let io = Server::new();
    /// io.of("/").on("both", async |ack: AckSender| Ok(ack.send(&("two", "values"))?));
    /// ```
    ///
    /// # Errors
    /// As [`Socket::emit`]; with [`EmitError::Full`] the client is disconnected, since it would wait in vain.
    pub fn send<T: Serialize + ?Sized>(self, args: &T) -> Result<(), EmitError> {
        self.send_body(&Body::ack(args)?)
    }

    /// Acknowledges the event with the arguments of an event, as they are.
    ///
    /// ```
    /// use socketio::{AckSender, RawEvent, Server};
    ///
    /// let io = Server::new();
    /// io.of("/").on("echo", async |ack: AckSender, RawEvent(event): RawEvent| Ok(ack.send_raw(&event)?));
    /// ```
    ///
    /// # Errors
    /// As [`AckSender::send`].
    pub fn send_raw(self, event: &Body) -> Result<(), EmitError> {
        self.send_body(&event.to_ack())
    }

    /// Acknowledges the event with somebody else's answer, as [`PendingAck::raw`](super::PendingAck::raw) gives it.
    ///
    /// ```
    /// use socketio::{AckSender, RawEvent, Server, Socket};
    ///
    /// let io = Server::new();
    /// io.of("/").on("ask the other", async |socket: Socket, ack: AckSender| {
    ///     let others = socket.broadcast().sockets();
    ///     let Some(other) = others.first() else { return Ok(ack.send("there is no other")?) };
    ///     let answer = other.emit_with_ack::<()>("question", &()).raw().await?;
    ///     Ok(ack.send_answer(&answer)?)
    /// });
    /// ```
    ///
    /// # Errors
    /// As [`AckSender::send`].
    pub fn send_answer(self, answer: &Body) -> Result<(), EmitError> {
        self.send_body(answer)
    }

    pub(super) const fn new(socket: Arc<SocketCore>, id: AckId) -> Self {
        Self { socket, id }
    }

    pub(super) fn send_body(self, body: &Body) -> Result<(), EmitError> {
        let packet = self.socket.namespace.encode(PacketKind::Ack, Some(self.id), Some(body));
        let sent = self.socket.send_as(&packet, SendOptions::KEPT).map(drop);
        if sent == Err(EmitError::Full) {
            // It is used up, and the client waits for it (row J1).
            self.socket.link.close_for_slowness();
        }
        sent
    }
}

impl fmt::Debug for AckSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckSender").field("id", &self.id).finish_non_exhaustive()
    }
}

impl FromContext<EventContext> for Option<AckSender> {
    fn from_context(context: &mut EventContext) -> Result<Self, HandlerError> {
        Ok(context.ack.take().map(|id| AckSender::new(context.socket.core.clone(), id)))
    }
}

impl FromContext<EventContext> for AckSender {
    fn from_context(context: &mut EventContext) -> Result<Self, HandlerError> {
        Option::from_context(context)?.ok_or_else(|| HandlerError::extraction("this event wants an acknowledgement"))
    }
}
