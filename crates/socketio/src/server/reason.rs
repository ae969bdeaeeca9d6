//! [`DisconnectReason`]: why a socket left its namespace.

use std::fmt;

use engineio::CloseReason;

/// Why a socket was disconnected, in the reference's words (row D72).
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
    /// The transport failed, or the client broke its rules.
    TransportError,
    /// The client closed the connection, or lost it.
    TransportClose,
    /// The connection was closed underneath: by the application, or because a packet could not be decoded.
    ForcedClose,
    /// The client did not answer a ping in time.
    PingTimeout,
    /// The client sent something that is not an Engine.IO packet.
    ParseError,
    /// The server is closing.
    ServerShuttingDown,
    /// The server closed the connection: the client broke the order of the protocol, or joined nothing in time.
    ForcedServerClose,
    /// The client left this namespace.
    ClientNamespaceDisconnect,
    /// [`Socket::disconnect`](super::Socket::disconnect).
    ServerNamespaceDisconnect,
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
        }
    }

    /// Whether a client of the official kind comes back by itself: not where either side left on purpose.
    ///
    /// ```
    /// assert!(socketio::DisconnectReason::TransportClose.will_reconnect());
    /// ```
    #[must_use]
    pub const fn will_reconnect(self) -> bool {
        !matches!(self, Self::ClientNamespaceDisconnect | Self::ServerNamespaceDisconnect)
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

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
