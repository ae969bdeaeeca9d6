//! Who is in a [`Namespace`], and what is said to all of them or to those in a room: the short ways to a
//! [`Broadcast`], and to what the namespace knows of its own.

use std::sync::Arc;

use serde::Serialize;

use super::{Broadcast, EmitError, Incomplete, Namespace, RemoteSocket, Socket};

impl Namespace {
    /// Sends an event to every socket of the namespace.
    ///
    /// # Errors
    /// As [`Broadcast::emit`].
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.broadcast().emit(event, args)
    }

    /// All in that room. A socket's id is the name of a room that holds just that socket (row D40).
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn to(&self, room: impl AsRef<str>) -> Broadcast {
        self.broadcast().to(room)
    }

    /// All but those in that room.
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn except(&self, room: impl AsRef<str>) -> Broadcast {
        self.broadcast().except(room)
    }

    /// All in the namespace.
    #[must_use = "a selection does nothing until something is emitted to it"]
    pub fn broadcast(&self) -> Broadcast {
        Broadcast::new(self.clone())
    }

    /// The sockets of all servers; see [`Broadcast::fetch_sockets`].
    ///
    /// # Errors
    /// As [`Broadcast::fetch_sockets`].
    pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>, Incomplete<RemoteSocket>> {
        self.broadcast().fetch_sockets().await
    }

    /// Lets all sockets, of all servers, join rooms; see [`Broadcast::sockets_join`].
    pub fn sockets_join(&self, rooms: impl IntoIterator<Item = impl Into<String>>) {
        self.broadcast().sockets_join(rooms);
    }

    /// Lets all sockets, of all servers, leave rooms; see [`Broadcast::sockets_leave`].
    pub fn sockets_leave(&self, rooms: impl IntoIterator<Item = impl Into<String>>) {
        self.broadcast().sockets_leave(rooms);
    }

    /// Disconnects all sockets, of all servers; see [`Broadcast::disconnect_sockets`].
    pub fn disconnect_sockets(&self, close: bool) {
        self.broadcast().disconnect_sockets(close);
    }

    /// The sockets of this server that are connected now.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        let mut sockets = Vec::new();
        for namespace in self.members() {
            sockets.extend(namespace.rooms().sockets().map(|core| Socket { core: core.clone() }));
        }
        sockets
    }

    /// How many sockets are connected to this server now.
    #[must_use]
    pub fn socket_count(&self) -> usize {
        self.members().iter().map(|namespace| namespace.rooms().socket_count()).sum()
    }

    /// The names of the rooms that have members on this server now, without those of single sockets. None for a parent.
    #[must_use]
    pub fn room_names(&self) -> Vec<Arc<str>> {
        self.rooms().room_names()
    }

    /// How many sockets of this server are in that room now.
    #[must_use]
    pub fn room_len(&self, room: &str) -> usize {
        self.members().iter().map(|namespace| namespace.rooms().room_len(room)).sum()
    }
}
