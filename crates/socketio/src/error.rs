//! Errors of both ends: [`EmitError`] for sending, [`AckError`] for awaited acknowledgements, and
//! [`HandlerError`], which a handler returns and the other end sees.

use std::{error::Error, fmt};

use engineio::SendError;
use serde::Serialize;
use socketio_proto::{ArgumentError, Body, EncodeError};

/// An event that was not sent.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
/// socket.disconnect();
/// assert_eq!(socket.emit("hello", &()), Err(EmitError::Disconnected));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmitError {
    /// The event could not be put into a packet: a reserved name, or a value without a JSON form.
    Encode(EncodeError),
    /// The socket is disconnected.
    Disconnected,
    /// The send queue is full: the other end reads too slowly. On a client also: it is offline, and what it keeps for
    /// the next connection has reached its bound.
    Full,
}

impl EmitError {
    /// Whether the socket is gone.
    ///
    /// ```
    /// assert!(socketio::EmitError::Disconnected.is_disconnected());
    /// ```
    #[must_use]
    pub const fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected)
    }

    /// Whether the send queue is full.
    ///
    /// ```
    /// assert!(socketio::EmitError::Full.is_full());
    /// ```
    #[must_use]
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full)
    }
}

impl From<EncodeError> for EmitError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<SendError> for EmitError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Full { .. } => Self::Full,
            _ => Self::Disconnected,
        }
    }
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encode(error) => write!(f, "the event cannot be sent: {error}"),
            Self::Disconnected => f.write_str("the socket is disconnected"),
            Self::Full => f.write_str(
                "the send queue is full, since the other end does not read as fast: send less, or raise `max_queue_bytes` of the limits",
            ),
        }
    }
}

impl Error for EmitError {}

/// An acknowledgement that did not come, or does not fit.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
/// match socket.emit_with_ack::<bool>("sure?", &()).await {
///     Ok(sure) => println!("{sure}"),
///     Err(AckError::Timeout) => println!("no answer"),
///     Err(error) => println!("{error}"),
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AckError {
    /// The event was not sent.
    Emit(EmitError),
    /// The other end did not answer in time (rows D51, E41).
    Timeout,
    /// The socket was disconnected before the answer (row E44, hazard R22).
    Disconnected,
    /// Of a server: the socket is not connected yet, since the connect handler has to end first.
    NotConnected,
    /// The answer is not of the type asked for.
    Answer(ArgumentError),
}

impl AckError {
    /// Whether the other end did not answer in time.
    ///
    /// ```
    /// assert!(socketio::AckError::Timeout.is_timeout());
    /// ```
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout)
    }

    /// Whether the socket is gone.
    ///
    /// ```
    /// use socketio::{AckError, EmitError};
    ///
    /// assert!(AckError::Emit(EmitError::Disconnected).is_disconnected());
    /// ```
    #[must_use]
    pub const fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected | Self::Emit(EmitError::Disconnected))
    }
}

impl fmt::Display for AckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Emit(error) => error.fmt(f),
            Self::Timeout => f.write_str("operation has timed out"),
            Self::Disconnected => f.write_str("the socket was disconnected before it answered"),
            Self::NotConnected => f.write_str(
                "the client answers only once the connect handler has ended: ask from a task or an event handler",
            ),
            Self::Answer(error) => write!(f, "the answer does not fit: {error}"),
        }
    }
}

impl Error for AckError {}

impl From<EmitError> for AckError {
    fn from(error: EmitError) -> Self {
        Self::Emit(error)
    }
}

/// What a handler fails with, and what the other end is told.
///
/// From an event handler it becomes the acknowledgement `{"error": message, "data": …}`, where one was asked
/// for; from a connect handler of a server it becomes the CONNECT_ERROR `{"message": message, "data": …}` (row C21). Any
/// [`std::error::Error`] turns into one by `?`, with its text as the message: where that text is not for
/// others, map it first.
///
/// ```
/// use socketio::HandlerError;
///
/// let error = HandlerError::new("not authorized").with_data(&serde_json::json!({"code": 42}));
/// assert_eq!(error.message(), "not authorized");
/// ```
#[derive(Debug)]
pub struct HandlerError {
    message: String,
    data: Option<serde_json::Value>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Returned,
    /// The other end sent what the handler does not take: its fault, and nothing to alarm anybody.
    Extraction,
    Panic,
}

impl HandlerError {
    /// An error with that message.
    ///
    /// ```
    /// assert_eq!(socketio::HandlerError::new("not authorized").to_string(), "not authorized");
    /// ```
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), data: None, kind: Kind::Returned }
    }

    /// An extractor's error.
    pub(crate) fn extraction(message: impl Into<String>) -> Self {
        Self { kind: Kind::Extraction, ..Self::new(message) }
    }

    /// The error of a handler that panicked. What it said is for the log, not for the other end.
    pub(crate) fn panic() -> Self {
        Self { kind: Kind::Panic, ..Self::new("internal error") }
    }

    /// Whether the handler did not run, because the other end sent what an extractor does not take.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.on_error(|failure| assert!(failure.error.is_extraction()));
    /// io.of("/").on("add", async |Data((a, b)): Data<(u8, u8)>| Ok(a + b));
    /// TestClient::connect(&io).await.emit_with_ack::<serde_json::Value>("add", "no numbers").await;
    /// assert_eq!(io.counters().handler_errors, 1);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn is_extraction(&self) -> bool {
        matches!(self.kind, Kind::Extraction)
    }

    /// Whether the handler panicked.
    ///
    /// ```
    /// assert!(!socketio::HandlerError::new("not authorized").is_panic());
    /// ```
    #[must_use]
    pub const fn is_panic(&self) -> bool {
        matches!(self.kind, Kind::Panic)
    }

    /// The same with data for the other end's code. Data that has no JSON form is left out.
    ///
    /// ```
    /// let error = socketio::HandlerError::new("later, please").with_data(&serde_json::json!({ "seconds": 30 }));
    /// assert_eq!(error.data().unwrap()["seconds"], 30);
    /// ```
    #[must_use]
    pub fn with_data<T: Serialize + ?Sized>(self, data: &T) -> Self {
        Self { data: serde_json::to_value(data).ok(), ..self }
    }

    /// The message for the other end.
    ///
    /// ```
    /// let error = socketio::HandlerError::from(std::io::Error::other("the disk is full"));
    /// assert_eq!(error.message(), "the disk is full");
    /// ```
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The data for the other end.
    ///
    /// ```
    /// assert_eq!(socketio::HandlerError::new("no").data(), None);
    /// ```
    #[must_use]
    pub const fn data(&self) -> Option<&serde_json::Value> {
        self.data.as_ref()
    }

    /// The body of the acknowledgement.
    pub(crate) fn ack(&self) -> Option<Body> {
        #[derive(Serialize)]
        struct Failure<'a> {
            error: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            data: Option<&'a serde_json::Value>,
        }
        Body::ack(&Failure { error: &self.message, data: self.data.as_ref() }).ok()
    }
}

impl<E: Error> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
