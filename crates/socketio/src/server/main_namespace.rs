//! What a [`Server`] does for its main namespace: short ways to [`Server::of`]`("/")` (row D16). Handlers are registered
//! there, in one place.

use serde::Serialize;

use super::{Broadcast, EmitError, Incomplete, RemoteSocket, Server, Socket};

impl Server {
    /// Sends an event to every socket of the main namespace; as [`Namespace::emit`](super::Namespace::emit) (row D16).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// io.emit("news", "all is well")?;
    /// assert_eq!(client.receive::<String>("news").await, "all is well");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Broadcast::emit`].
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.broadcast().emit(event, args)
    }

    /// All in that room of the main namespace; as [`Namespace::to`](super::Namespace::to) (row D16).
    ///
    /// ```
    /// # fn f(io: &socketio::Server) -> Result<(), socketio::EmitError> {
    /// io.to("lobby").except("away").emit("news", "the door is open")
    /// # }
    /// ```
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn to(&self, room: impl AsRef<str>) -> Broadcast {
        self.broadcast().to(room)
    }

    /// All of the main namespace but those in that room; as [`Namespace::except`](super::Namespace::except) (row D16).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.except("staff").emit("news", "the staff knows")?;
    /// # Ok(()) }
    /// ```
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn except(&self, room: impl AsRef<str>) -> Broadcast {
        self.broadcast().except(room)
    }

    /// All in the main namespace; as [`Namespace::broadcast`](super::Namespace::broadcast) (row D16).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.broadcast().volatile().emit("time", &1234)?;
    /// # Ok(()) }
    /// ```
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn broadcast(&self) -> Broadcast {
        self.of("/").broadcast()
    }

    /// The sockets of the main namespace that are connected to this server; as
    /// [`Namespace::sockets`](super::Namespace::sockets) (row D16).
    ///
    /// ```
    /// assert!(socketio::Server::new().sockets().is_empty());
    /// ```
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        self.of("/").sockets()
    }

    /// The sockets of the main namespace on all servers; as [`Namespace::fetch_sockets`](super::Namespace::fetch_sockets)
    /// (row D16).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// assert_eq!(io.fetch_sockets().await?[0].id(), client.id());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Broadcast::fetch_sockets`].
    pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>, Incomplete<RemoteSocket>> {
        self.broadcast().fetch_sockets().await
    }

    /// Lets all sockets of the main namespace join rooms; as [`Broadcast::sockets_join`] (row D16).
    ///
    /// ```
    /// socketio::Server::new().sockets_join(["everybody"]);
    /// ```
    pub fn sockets_join(&self, rooms: impl IntoIterator<Item = impl Into<String>>) {
        self.broadcast().sockets_join(rooms);
    }

    /// Lets all sockets of the main namespace leave rooms; as [`Broadcast::sockets_leave`] (row D16).
    ///
    /// ```
    /// socketio::Server::new().sockets_leave(["everybody"]);
    /// ```
    pub fn sockets_leave(&self, rooms: impl IntoIterator<Item = impl Into<String>>) {
        self.broadcast().sockets_leave(rooms);
    }

    /// Disconnects all sockets of the main namespace, with `close` their whole connections; as
    /// [`Broadcast::disconnect_sockets`] (row D16).
    ///
    /// ```
    /// socketio::Server::new().disconnect_sockets(true);
    /// ```
    pub fn disconnect_sockets(&self, close: bool) {
        self.broadcast().disconnect_sockets(close);
    }
}
