//! Errors of the client: [`OpenError`] for a connection that could not be had, [`ConnectError`] for a socket that was not
//! let in.

use std::{error::Error, fmt, sync::Arc};

use engineio::{
    CloseReason, Closed,
    client::{self as engine, AddressError},
};
use serde::de::DeserializeOwned;
use socketio_proto::Refusal;

/// The connection to the server could not be opened, for one attempt (row E31: the server was not reached).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = socketio::client::Client::new("http://127.0.0.1:1")?; // nobody listens there
/// let error = client.open().await.expect_err("nobody listens");
/// println!("{error}");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct OpenError(pub(super) Arc<engine::ConnectError>);

impl OpenError {
    /// A connection that ended, as an attempt that has failed.
    pub(super) fn of(closed: Closed, error: Option<Arc<engine::TransportError>>) -> Self {
        Self(Arc::new(engine::ConnectError::Closed { closed, error }))
    }

    /// The client was closed, or has ended.
    pub(super) fn ended() -> Self {
        Self::of(Closed::new(CloseReason::ForcedClose, "the client was closed, or has ended"), None)
    }

    /// The engine's error, with the transport's behind it.
    #[must_use]
    pub fn engine(&self) -> &engine::ConnectError {
        &self.0
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// A socket is not connected (the reference's `connect_error`, row E31).
///
/// ```no_run
/// # async fn f(socket: socketio::client::Socket) {
/// use socketio::client::ConnectError;
///
/// match socket.connect().await {
///     Ok(()) => {}
///     Err(error) if error.is_refused() => println!("not let in: {error}"), // ask for another password
///     Err(error) => println!("not reached: {error}"),
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server has refused the socket, or the function for its `auth` has failed. It does not try again by itself:
    /// change what is wrong, and connect again.
    Refused(Refusal),
    /// The server was not reached. Where the connection is tried again, so is the socket's.
    Unreachable(OpenError),
    /// The socket was disconnected while it connected, by hand.
    Disconnected,
    /// The URL is none; only from [`connect`](super::connect).
    Address(AddressError),
}

impl ConnectError {
    /// Whether the server has answered, and refused.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// Whether the server was not reached.
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }

    /// What the server adds to its refusal, as `T`; `None` where it adds nothing or something else.
    #[must_use]
    pub fn data<T: DeserializeOwned>(&self) -> Option<T> {
        match self {
            Self::Refused(refusal) => serde_json::from_str(refusal.data_json()?).ok(),
            _ => None,
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Unreachable(error) => error.fmt(f),
            Self::Address(error) => error.fmt(f),
            Self::Disconnected => f.write_str("the socket was disconnected before it was connected"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable(error) => error.source(),
            Self::Address(error) => error.source(),
            Self::Refused(_) | Self::Disconnected => None,
        }
    }
}
