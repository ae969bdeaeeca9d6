//! [`ClientDisconnectReason`]: why a client is disconnected, as the client sees it. What the server sees is
//! [`DisconnectReason`](crate::DisconnectReason), and not always the same.

use std::fmt;

/// Why a [`TestClient`](super::TestClient) is disconnected, in the words of the JavaScript client.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::*};
/// # let io = Server::new();
/// let client = TestClient::connect(&io).await;
/// io.of("/").disconnect_sockets(false);
/// assert_eq!(client.disconnected().await, ClientDisconnectReason::ServerDisconnect);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientDisconnectReason {
    /// The server disconnected this socket.
    ServerDisconnect,
    /// The client left: [`TestClient::disconnect`](super::TestClient::disconnect).
    ClientDisconnect,
    /// One side closed the connection.
    TransportClose,
    /// The connection broke: a request was refused, or it was cut with
    /// [`TestClient::drop_connection`](super::TestClient::drop_connection).
    TransportError,
    /// The server sent something that cannot be decoded.
    ParseError,
}

impl ClientDisconnectReason {
    /// The reason as the JavaScript client writes it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::*};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// io.of("/").disconnect_sockets(false);
    /// assert_eq!(client.disconnected().await.as_str(), "io server disconnect");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerDisconnect => "io server disconnect",
            Self::ClientDisconnect => "io client disconnect",
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::ParseError => "parse error",
        }
    }
}

impl fmt::Display for ClientDisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
