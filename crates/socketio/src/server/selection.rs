//! Who is in a [`Namespace`], and what is said to all of them or to those in a room: the short ways to a
//! [`Broadcast`], and to what the namespace knows of its own.

use std::sync::Arc;

use serde::Serialize;

use super::{Broadcast, EmitError, Incomplete, Namespace, RemoteSocket, Socket};

impl Namespace {
    /// Sends an event to every socket of the namespace.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// io.of("/").emit("news", "all is well")?;
    /// assert_eq!(client.receive::<String>("news").await, "all is well");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Broadcast::emit`].
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.broadcast().emit(event, args)
    }

    /// All in that room. A socket's id is the name of a room that holds just that socket (row D40).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.of("/").to("lobby").to("hall").emit("news", "to both, once each")?;
    /// # Ok(()) }
    /// ```
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn to(&self, room: impl AsRef<str>) -> Broadcast {
        self.broadcast().to(room)
    }

    /// All but those in that room.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.of("/").except("staff").emit("news", "the staff knows")?;
    /// # Ok(()) }
    /// ```
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn except(&self, room: impl AsRef<str>) -> Broadcast {
        self.broadcast().except(room)
    }

    /// All in the namespace.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.of("/").broadcast().volatile().emit("time", &1234)?;
    /// # Ok(()) }
    /// ```
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn broadcast(&self) -> Broadcast {
        Broadcast::new(self.clone())
    }

    /// The sockets of all servers; see [`Broadcast::fetch_sockets`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// let sockets = io.of("/").fetch_sockets().await?;
    /// assert_eq!(sockets[0].id(), client.id());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Broadcast::fetch_sockets`].
    pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>, Incomplete<RemoteSocket>> {
        self.broadcast().fetch_sockets().await
    }

    /// Lets all sockets, of all servers, join rooms; see [`Broadcast::sockets_join`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// io.of("/").sockets_join(["lobby"]);
    /// assert_eq!(io.of("/").room_len("lobby"), 1);
    /// # Ok(()) }
    /// ```
    pub fn sockets_join(&self, rooms: impl IntoIterator<Item = impl Into<String>>) {
        self.broadcast().sockets_join(rooms);
    }

    /// Lets all sockets, of all servers, leave rooms; see [`Broadcast::sockets_leave`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.of("/").sockets_leave(["lobby", "hall"]);
    /// # Ok(()) }
    /// ```
    pub fn sockets_leave(&self, rooms: impl IntoIterator<Item = impl Into<String>>) {
        self.broadcast().sockets_leave(rooms);
    }

    /// Disconnects all sockets, of all servers; see [`Broadcast::disconnect_sockets`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// io.of("/").disconnect_sockets(true);
    /// client.disconnected().await;
    /// # Ok(()) }
    /// ```
    pub fn disconnect_sockets(&self, close: bool) {
        self.broadcast().disconnect_sockets(close);
    }

    /// The sockets of this server that are connected now.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// for socket in io.of("/").sockets() {
    ///     println!("{} is in {:?}", socket.id(), socket.rooms());
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        let mut sockets = Vec::new();
        for namespace in self.members() {
            sockets.extend(namespace.rooms().sockets().map(|core| Socket { core: core.clone() }));
        }
        sockets
    }

    /// How many sockets are connected to this server now.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// let clients = (TestClient::connect(&io).await, TestClient::connect(&io).await);
    /// assert_eq!(io.of("/").socket_count(), 2);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn socket_count(&self) -> usize {
        self.members().iter().map(|namespace| namespace.rooms().socket_count()).sum()
    }

    /// The names of the rooms that have members on this server now, without those of single sockets. None for a parent.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// io.of("/").on_connect(async |socket: Socket| socket.join("lobby"));
    /// let client = TestClient::connect(&io).await;
    /// assert_eq!(io.of("/").room_names(), ["lobby".into()]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn room_names(&self) -> Vec<Arc<str>> {
        self.rooms().room_names()
    }

    /// How many sockets of this server are in that room now.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// assert_eq!(io.of("/").room_len("lobby"), 0);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn room_len(&self, room: &str) -> usize {
        self.members().iter().map(|namespace| namespace.rooms().room_len(room)).sum()
    }
}
