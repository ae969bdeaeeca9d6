//! [`Session`]: the application's handle on a session, and [`Request`], the HTTP request that opened it.

use std::{fmt, net::SocketAddr, sync::Arc, task::Context, task::Poll};

pub use engineio_proto::CloseMode;
use engineio_proto::{Closed, Message, MessageFrame, Revision, SendError, SessionId, TransportKind};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::shared::Shared;

/// The HTTP request that opened a session (row A57).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// Path and query, as received.
    pub uri: Uri,
    /// The headers, as received.
    pub headers: HeaderMap,
    /// The address of the direct peer, where the listener tells it: through a [`PeerAddr`] in the request's
    /// extensions. Behind a proxy this is the proxy (row D46).
    pub peer: Option<SocketAddr>,
}

impl Request {
    pub(crate) fn from_parts(parts: &http::request::Parts) -> Self {
        let peer = parts.extensions.get::<PeerAddr>().map(|peer| peer.0);
        // The parts share the buffer that the request was read into; a session outlives it by hours.
        let uri = parts.uri.to_string().parse().unwrap_or_else(|_| parts.uri.clone());
        let copied = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| value.clone()))
        };
        Self { uri, headers: parts.headers.iter().map(copied).collect(), peer }
    }
}

/// The direct peer of a request. The stand-alone listener puts it into the request's extensions; under
/// another HTTP server a middleware may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// A handle on a session; cloning it costs a reference count. Dropping all handles does not close the
/// session: returning from the application's function does.
#[derive(Clone)]
pub struct Session {
    pub(crate) shared: Arc<Shared>,
}

impl Session {
    /// The session's id: a secret between this server and this client (hazard S45).
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.shared.id
    }

    /// The HTTP request that opened the session.
    #[must_use]
    pub fn request(&self) -> &Arc<Request> {
        &self.shared.request
    }

    /// What carries messages now; `None` once the session is over.
    #[must_use]
    pub fn transport(&self) -> Option<TransportKind> {
        self.shared.transport()
    }

    /// The revision of the protocol that the client speaks, the same for all of the session (row A57). It is the
    /// third only where [`Config::allow_eio3`](crate::Config::allow_eio3) is set.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.shared.revision()
    }

    /// Queues a message; never waits.
    ///
    /// # Errors
    /// [`SendError::Closed`] where the session is closing or over, [`SendError::Full`] at
    /// `max_queue_bytes`: the message was not queued.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.shared.send(&[MessageFrame::from(&message.into())])
    }

    /// Queues messages that were framed before, next to each other and all or none: the way to send the
    /// same to many, or what must not be torn apart.
    ///
    /// # Errors
    /// As [`Session::send`].
    pub fn send_frames(&self, frames: &[MessageFrame]) -> Result<(), SendError> {
        self.shared.send(frames)
    }

    /// Bytes that were sent and wait for the client (row D63).
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.shared.lock().session.queued_bytes()
    }

    /// The next message in order; `None` once the session is over and all messages were taken.
    ///
    /// One receiver at a time: a session that is received from in two places wakes one of them. Until a
    /// message is taken, nothing more is read from the client.
    pub async fn recv(&self) -> Option<Message> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`Session::recv`] for a future written by hand.
    pub fn poll_recv(&self, cx: &Context<'_>) -> Poll<Option<Message>> {
        self.shared.poll_recv(cx)
    }

    /// Closes the session as `forced close`; does nothing where it is closing or over (row A52).
    pub fn close(&self, mode: CloseMode) {
        self.shared.close(mode);
    }

    /// Waits for the end of the session, whoever ends it.
    pub async fn closed(&self) -> Closed {
        self.shared.closed().await
    }

    /// Why the session ended; `None` while it goes on.
    #[must_use]
    pub fn closed_now(&self) -> Option<Closed> {
        self.shared.closed_now()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", self.id()).field("transport", &self.transport()).finish()
    }
}
