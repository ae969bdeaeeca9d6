//! [`ClientEvent`], what a client has to say about its connection, and [`State`], where that stands. Rows E17, E20, E25,
//! E26.
//!
//! Leaves out the sockets, each of which has its own.

use std::{fmt, sync::Arc};

use engineio::{Closed, TransportKind};

use super::OpenError;

/// Something that happened to the connection.
///
/// | here | the reference's Manager |
/// |---|---|
/// | `Opened` | `open` |
/// | `Failed` | `error`; `reconnect_error` where `attempt` is not 0 |
/// | `Closed` | `close` |
/// | `Waiting` | (none) |
/// | `Attempt` | `reconnect_attempt` |
/// | `Reconnected` | `reconnect` |
/// | `GaveUp` | `reconnect_failed` |
/// | `Ping` | `ping` |
/// | `Upgraded` | the engine's `upgrade` |
///
/// ```no_run
/// # fn f(client: &socketio::client::Client) {
/// use socketio::client::ClientEvent;
///
/// client.on_event(|event| match event {
///     ClientEvent::Closed(closed) => println!("lost: {closed}"),
///     ClientEvent::Attempt(number) => println!("attempt {number}"),
///     other => println!("{other:?}"),
/// });
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The connection is open.
    Opened,
    /// An attempt has failed.
    Failed {
        /// Why.
        error: OpenError,
        /// Which attempt to come back it was; 0 for the first connection.
        attempt: u32,
    },
    /// The connection was open, and is over.
    Closed(Closed),
    /// The next attempt comes after this time.
    Waiting(std::time::Duration),
    /// An attempt to come back begins; they are counted from 1 (row E20).
    Attempt(u32),
    /// The connection is back, after so many attempts.
    Reconnected(u32),
    /// All attempts have failed. The sockets wait no more; [`Socket::connect`](super::Socket::connect) begins anew.
    GaveUp,
    /// The server has sent a heartbeat.
    Ping,
    /// A transport could not open the connection, and this one is tried.
    TriesNext(TransportKind),
    /// The connection has moved to a WebSocket.
    Upgraded,
    /// It has not, and stays on long-polling.
    UpgradeFailed(&'static str),
    /// A handler has failed or panicked; nothing else suffers (row E60).
    HandlerFailed {
        /// The namespace of its socket.
        namespace: String,
        /// What it was called for: the event, or `connect`, `disconnect`, `connect_error`.
        event: String,
        /// What it said.
        message: String,
    },
}

/// Where a client's connection stands.
///
/// ```
/// # use socketio::client::{Client, State};
/// let client = Client::new("http://localhost:3000")?;
/// assert_eq!(client.state(), State::Closed);
/// assert!(!client.state().will_reconnect());
/// # Ok::<(), socketio::client::AddressError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// There is none, and nobody wants one.
    #[default]
    Closed,
    /// It is being opened; the number counts the attempts to come back, 0 at first.
    Opening(u32),
    /// It is open.
    Open,
    /// It failed or ended, and is tried again after a while.
    Waiting,
}

impl State {
    /// Whether it comes (back) by itself.
    #[must_use]
    pub const fn will_reconnect(self) -> bool {
        !matches!(self, Self::Closed)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::Opening(0) => f.write_str("opening"),
            Self::Opening(attempt) => write!(f, "opening (attempt {attempt})"),
            Self::Open => f.write_str("open"),
            Self::Waiting => f.write_str("waiting for the next attempt"),
        }
    }
}

/// Who is told [`ClientEvent`]s.
pub(super) type Listener = Arc<dyn Fn(&ClientEvent) + Send + Sync>;
