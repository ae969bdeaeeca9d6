//! [`DisconnectReason`]: why a socket left its namespace, for both ends: they see the same end, and not always with the
//! same reason.

use std::fmt;

use engineio::CloseReason;
use socketio_proto::ClientClosed;

/// Why a socket was disconnected, in the reference's words: on a server those of row D72, on a client those of row E34.
/// The other end of the same connection may see another reason.
///
/// ```
/// use socketio::{DisconnectReason, Server};
///
/// let io = Server::new();
/// io.of("/").on_disconnect(async |reason: DisconnectReason| match reason {
///     DisconnectReason::ClientNamespaceDisconnect => println!("said good-bye"),
///     reason => println!("{reason}"),
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// Both ends: the transport failed, or the other end broke its rules; on a server also: the client was thrown out,
    /// since its queue was full.
    TransportError,
    /// Both ends: the other end closed the connection, or it was lost.
    TransportClose,
    /// Both ends: the connection was closed underneath by this side's application; on a server also: a packet could not be
    /// decoded.
    ForcedClose,
    /// Both ends: the heartbeat stopped. On a server the client did not answer a ping in time, on a client no ping came.
    PingTimeout,
    /// Both ends: on a server the client sent something that is not an Engine.IO packet, on a client the server something
    /// that cannot be decoded.
    ParseError,
    /// On a server: it is closing.
    ServerShuttingDown,
    /// On a server: it closed the connection, since the client broke the order of the protocol, or joined nothing in time.
    ForcedServerClose,
    /// On a server: the client left this namespace, which sees [`DisconnectReason::IoClientDisconnect`].
    ClientNamespaceDisconnect,
    /// On a server: [`Socket::disconnect`](crate::Socket::disconnect) and its like; the client sees
    /// [`DisconnectReason::IoServerDisconnect`].
    ServerNamespaceDisconnect,
    /// On a client: the server has put this socket out of the namespace.
    IoServerDisconnect,
    /// On a client: this side has asked for it.
    IoClientDisconnect,
}

impl DisconnectReason {
    /// The reason as the reference writes it.
    ///
    /// ```
    /// assert_eq!(socketio::DisconnectReason::PingTimeout.as_str(), "ping timeout");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TransportError => CloseReason::TransportError.as_str(),
            Self::TransportClose => CloseReason::TransportClose.as_str(),
            Self::ForcedClose => CloseReason::ForcedClose.as_str(),
            Self::PingTimeout => CloseReason::PingTimeout.as_str(),
            Self::ParseError => CloseReason::ParseError.as_str(),
            Self::ServerShuttingDown => "server shutting down",
            Self::ForcedServerClose => "forced server close",
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::ServerNamespaceDisconnect => "server namespace disconnect",
            Self::IoServerDisconnect => "io server disconnect",
            Self::IoClientDisconnect => "io client disconnect",
        }
    }

    /// Whether a client comes back by itself, as those of the official kind do: not where either side left on purpose.
    ///
    /// ```
    /// use socketio::DisconnectReason;
    ///
    /// assert!(DisconnectReason::TransportClose.will_reconnect());
    /// assert!(!DisconnectReason::IoServerDisconnect.will_reconnect());
    /// ```
    #[must_use]
    pub const fn will_reconnect(self) -> bool {
        !matches!(
            self,
            Self::ClientNamespaceDisconnect
                | Self::ServerNamespaceDisconnect
                | Self::IoServerDisconnect
                | Self::IoClientDisconnect
        )
    }
}

impl From<CloseReason> for DisconnectReason {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::TransportError => Self::TransportError,
            CloseReason::TransportClose => Self::TransportClose,
            CloseReason::PingTimeout => Self::PingTimeout,
            CloseReason::ParseError => Self::ParseError,
            _ => Self::ForcedClose,
        }
    }
}

impl From<ClientClosed> for DisconnectReason {
    fn from(closed: ClientClosed) -> Self {
        match closed {
            ClientClosed::Server => Self::IoServerDisconnect,
            ClientClosed::Client => Self::IoClientDisconnect,
            ClientClosed::Engine(reason) => reason.into(),
            _ => Self::ForcedClose,
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
