//! Hooks of the server: functions that are told what no handler sees: failures of handlers
//! ([`HandlerFailure`]) and new namespaces. They are called where it happens, under no lock.

use std::{fmt, sync::Arc};

use super::{HandlerError, Namespace, Socket};

/// A handler, a middleware or an extractor that failed, for [`Server::on_error`](super::Server::on_error). What the
/// client is told of it stands in [`HandlerError`].
///
/// ```
/// let io = socketio::Server::new();
/// io.on_error(|failure| eprintln!("{} of {}: {}", failure.occasion, failure.socket.id(), failure.error));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct HandlerFailure<'a> {
    /// Whose handler it was.
    pub socket: &'a Socket,
    /// What it was called for.
    pub occasion: Occasion<'a>,
    /// How it failed; [`HandlerError::is_panic`] and [`HandlerError::is_extraction`] tell the kinds apart.
    pub error: &'a HandlerError,
}

/// What a handler was called for.
///
/// ```
/// assert_eq!(socketio::Occasion::Event("say").to_string(), "event \"say\"");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Occasion<'a> {
    /// A middleware or the connect handler; the client was refused.
    Connect,
    /// A handler for clients that have joined.
    Connected,
    /// An event middleware; the event was dropped.
    EventMiddleware(&'a str),
    /// A catch-all handler.
    Any(&'a str),
    /// A handler of that event, or the fallback.
    Event(&'a str),
    /// A handler for a socket that is leaving, or has left.
    Disconnect,
}

impl fmt::Display for Occasion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("connect"),
            Self::Connected => f.write_str("connected"),
            Self::EventMiddleware(event) => write!(f, "middleware of event {event:?}"),
            Self::Any(event) => write!(f, "catch-all of event {event:?}"),
            Self::Event(event) => write!(f, "event {event:?}"),
            Self::Disconnect => f.write_str("disconnect"),
        }
    }
}

type OnError = dyn Fn(&HandlerFailure<'_>) + Send + Sync;
type OnSocket = dyn Fn(&Socket) + Send + Sync;
type OnNamespace = dyn Fn(&Namespace) + Send + Sync;

/// The hooks of a server; replaced as a whole when one is added.
#[derive(Clone, Default)]
pub(super) struct Hooks {
    pub(super) error: Vec<Arc<OnError>>,
    pub(super) slow_client: Vec<Arc<OnSocket>>,
    pub(super) namespace: Vec<Arc<OnNamespace>>,
}
