//! [`SocketId`]: the public name of a socket, on both ends. Leaves out where a server gets it from.

use std::{borrow::Borrow, fmt};

use engineio::ShortText;

/// The id of a socket: 20 random characters, new for each namespace that a client joins. It may be shown to
/// others; the id of the session underneath is a secret and never equal to it (row D39, hazard S45). A client learns it
/// from the server, and has another one after each connection, but for where its session is recovered (row E58).
///
/// Except for clients of the JavaScript versions 1.x and 2.x, where
/// [`allow_eio3`](engineio::Config::allow_eio3) lets them in: they make up the id themselves, as the session's id, and
/// behind `<namespace>#` outside the main namespace (row C24). Do not show the ids of such sockets to others.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
/// let scores = std::collections::HashMap::from([(socket.id().clone(), 7)]);
/// assert_eq!(scores.get(client.id()), Some(&7)); // it can be looked up by its text
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(ShortText);

impl SocketId {
    /// The id that a server has made up.
    pub(crate) fn new(id: &str) -> Self {
        Self(ShortText::new(id))
    }

    /// The id as text.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new(); let client = TestClient::connect(&io).await; let socket = io.of("/").sockets().remove(0);
    /// assert_eq!(socket.id().as_str().len(), 20);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Borrow<str> for SocketId {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for SocketId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl serde::Serialize for SocketId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SocketId({})", self.as_str())
    }
}
