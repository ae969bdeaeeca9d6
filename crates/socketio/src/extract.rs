//! Extractors: what a handler may ask for as an argument, as far as both ends have it. Each end has its contexts, and the
//! extractors of its own.

use serde::de::DeserializeOwned;
use socketio_proto::Body;

use crate::{AckSender, Context, HandlerError};

/// What can be an argument of a handler for `C`.
///
/// An extraction that fails ends the handler before it starts, as if it had returned the error: a connect is
/// refused with it, an event is acknowledged with it where an acknowledgement was asked for. `Result<_, HandlerError>`
/// around an extractor lets the handler look at the error instead.
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
    note = "every handler of a server may take `Socket`, `Namespace`, `Auth<T>`, `SocketData<T>` and `Extension<T>`; one for events also `Data<T>`, `Event`, `RawEvent`, `AckSender` and `Option<AckSender>`; one for clients that leave also `DisconnectReason`; `Result<_, HandlerError>` around one lets the handler look at what is wrong",
    note = "a handler for events of other servers takes `Data<T>`, `Event`, `RawEvent` and `Namespace` only",
    note = "every handler of a client may take `client::Socket`; one for events also `Data<T>`, `Event`, `RawEvent`, `AckSender` and `Option<AckSender>`; `on_disconnect` also `DisconnectReason`, `on_connect_error` also `client::ConnectError`"
)]
pub trait FromContext<C>: Sized {
    /// Takes the value.
    ///
    /// # Errors
    /// Where it is not there, or not of this type; the other end is told.
    fn from_context(context: &mut C) -> Result<Self, HandlerError>;
}

impl<C, E: FromContext<C>> FromContext<C> for Result<E, HandlerError> {
    fn from_context(context: &mut C) -> Result<Self, HandlerError> {
        Ok(E::from_context(context))
    }
}

/// Contexts of an event, whoever sent it.
pub(crate) trait HasEvent: Context {
    fn event(&self) -> &Body;
}

/// Contexts of an event that may be acknowledged.
pub(crate) trait HasAck: HasEvent {
    /// The acknowledgement, where one was asked for and nobody has taken it.
    fn take_ack(&mut self) -> Option<AckSender>;
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

/// The event as it came, unread: to be sent on ([`Socket::emit_raw`](crate::Socket::emit_raw)) or back ([`AckSender::send_raw`]).
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

/// The arguments of an event, for [`Data`].
pub(crate) fn read_args<T: DeserializeOwned>(context: &impl HasEvent) -> Result<T, HandlerError> {
    context.event().args().map_err(|error| HandlerError::extraction(format!("invalid arguments: {error}")))
}

/// Gives a context that [`HasEvent`] the extractors of an event. One implementation for each context: with one for all,
/// the compiler would tell of a trait that no user has heard of.
macro_rules! event_extractors {
    ($context:ty) => {
        impl<T: ::serde::de::DeserializeOwned> $crate::FromContext<$context> for $crate::Data<T> {
            fn from_context(context: &mut $context) -> Result<Self, $crate::HandlerError> {
                $crate::extract::read_args(context).map(Self)
            }
        }

        impl $crate::FromContext<$context> for $crate::Event {
            fn from_context(context: &mut $context) -> Result<Self, $crate::HandlerError> {
                // The decoder lets no event without a name pass.
                Ok(Self($crate::extract::HasEvent::event(context).event_name().unwrap_or_default().into_owned()))
            }
        }

        impl $crate::FromContext<$context> for $crate::RawEvent {
            fn from_context(context: &mut $context) -> Result<Self, $crate::HandlerError> {
                Ok(Self($crate::extract::HasEvent::event(context).clone()))
            }
        }
    };
}

/// Gives a context that [`HasAck`] the extractors of the acknowledgement.
macro_rules! ack_extractors {
    ($context:ty) => {
        impl $crate::FromContext<$context> for Option<$crate::AckSender> {
            fn from_context(context: &mut $context) -> Result<Self, $crate::HandlerError> {
                Ok($crate::extract::HasAck::take_ack(context))
            }
        }

        impl $crate::FromContext<$context> for $crate::AckSender {
            fn from_context(context: &mut $context) -> Result<Self, $crate::HandlerError> {
                let ack = $crate::extract::HasAck::take_ack(context);
                ack.ok_or_else(|| $crate::HandlerError::extraction("this event wants an acknowledgement"))
            }
        }
    };
}

pub(crate) use {ack_extractors, event_extractors};
