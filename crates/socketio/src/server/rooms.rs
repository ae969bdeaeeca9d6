//! [`Rooms`]: who is where in one namespace. Owns the sockets of the namespace and the members of its rooms,
//! under one lock; knows nothing of packets.
//!
//! A client that comes back has the id of its old socket, which may not have left yet: a place belongs to the socket that
//! has taken it last, and the old one cannot give it up any more (hazard R12).
//!
//! The room named like a socket's id holds that socket (row D40): it is not stored, it is looked up.

use std::{
    borrow::Borrow,
    collections::{HashMap, HashSet},
    hash::{Hash, Hasher},
    sync::Arc,
};

use super::{SocketId, socket::SocketCore};

type Members = HashSet<Member>;

/// A socket where it is known by its id, which it has itself.
struct Member(Arc<SocketCore>);

impl Borrow<str> for Member {
    fn borrow(&self) -> &str {
        self.0.id.as_str()
    }
}

impl Hash for Member {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for Member {}

/// Something happened to a room, for [`Namespace::on_room_event`](super::Namespace::on_room_event) (row D92). The room
/// named like a socket's id, which each socket is in while it is connected, is among them.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// # let io = Server::new();
/// io.of("/").on_room_event(|event| match event {
///     RoomEvent::Created { room } => println!("{room} exists"),
///     RoomEvent::Joined { room, socket } => println!("{socket} is in {room}"),
///     _ => {}
/// });
/// TestClient::connect(&io).await;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomEvent {
    /// The first socket is about to join.
    Created {
        /// The room.
        room: Arc<str>,
    },
    /// A socket has joined.
    Joined {
        /// The room.
        room: Arc<str>,
        /// Who.
        socket: SocketId,
    },
    /// A socket has left.
    Left {
        /// The room.
        room: Arc<str>,
        /// Who.
        socket: SocketId,
    },
    /// The last socket has left.
    Deleted {
        /// The room.
        room: Arc<str>,
    },
}

/// The sockets and rooms of a namespace.
#[derive(Default)]
pub(super) struct Rooms {
    sockets: Members,
    rooms: HashMap<Arc<str>, Members>,
    /// What happened under this lock and was not told yet, where somebody wants to know.
    pub(super) log: Option<Vec<RoomEvent>>,
    /// A thread tells the listeners, and goes on with what is added meanwhile.
    is_telling: bool,
}

impl Rooms {
    pub(super) fn add(&mut self, socket: &Arc<SocketCore>) {
        let replaced = self.sockets.replace(Member(socket.clone())).is_some();
        if let (false, Some(log)) = (replaced, &mut self.log) {
            let room: Arc<str> = socket.id.as_str().into();
            log.push(RoomEvent::Created { room: room.clone() });
            log.push(RoomEvent::Joined { room, socket: socket.id.clone() });
        }
    }

    /// What is to be told now by a thread that `continues` to tell, or wants to begin. Nothing where another thread does:
    /// that one tells it, so that the listeners hear everything in its order.
    pub(super) fn take_untold(&mut self, continues: bool) -> Vec<RoomEvent> {
        if self.is_telling && !continues {
            return Vec::new();
        }
        let untold = self.log.as_mut().map(std::mem::take).unwrap_or_default();
        self.is_telling = !untold.is_empty();
        untold
    }

    fn note_join(&mut self, room: &Arc<str>, created: bool, socket: &SocketId) {
        let Some(log) = &mut self.log else { return };
        if created {
            log.push(RoomEvent::Created { room: room.clone() });
        }
        log.push(RoomEvent::Joined { room: room.clone(), socket: socket.clone() });
    }

    /// Puts a socket into a room, in the place of another of the same id where there is one; gives the room's name in shared
    /// memory, `None` where it was in already.
    pub(super) fn join(&mut self, room: &str, socket: &Arc<SocketCore>) -> Option<Arc<str>> {
        if let Some(members) = self.rooms.get_mut(room) {
            let before = members.replace(Member(socket.clone()));
            if before.as_ref().is_some_and(|Member(before)| Arc::ptr_eq(before, socket)) {
                return None;
            }
            let name = self.rooms.get_key_value(room).map(|(name, _)| name.clone())?;
            if before.is_none() {
                self.note_join(&name, false, &socket.id);
            }
            return Some(name);
        }
        let name: Arc<str> = room.into();
        self.rooms.insert(name.clone(), Members::from([Member(socket.clone())]));
        self.note_join(&name, true, &socket.id);
        Some(name)
    }

    /// Takes a socket out of a room; an empty room is gone. Another socket of the same id, which is what a client that
    /// comes back has, stays.
    pub(super) fn leave(&mut self, room: &str, socket: &Arc<SocketCore>) {
        let Some(members) = self.rooms.get_mut(room) else { return };
        if !take_out(members, socket) {
            return;
        }
        let deleted = members.is_empty();
        if self.log.is_some() {
            self.note_leave(room, deleted, &socket.id);
        }
        if deleted {
            self.rooms.remove(room);
        }
    }

    fn note_leave(&mut self, room: &str, deleted: bool, socket: &SocketId) {
        let name = self.rooms.get_key_value(room).map_or_else(|| room.into(), |(name, _)| name.clone());
        let Some(log) = &mut self.log else { return };
        log.push(RoomEvent::Left { room: name.clone(), socket: socket.clone() });
        if deleted {
            log.push(RoomEvent::Deleted { room: name });
        }
    }

    /// Takes a socket out of everything.
    pub(super) fn remove(&mut self, socket: &Arc<SocketCore>, rooms: &[Arc<str>]) {
        let was_here = take_out(&mut self.sockets, socket);
        for room in rooms {
            self.leave(room, socket);
        }
        if was_here && self.log.is_some() {
            self.note_leave(socket.id.as_str(), true, &socket.id);
        }
    }

    pub(super) fn sockets(&self) -> impl Iterator<Item = &Arc<SocketCore>> {
        sockets_in(&self.sockets)
    }

    pub(super) fn socket_count(&self) -> usize {
        self.sockets.len()
    }

    /// The number of members of a room, by its name.
    pub(super) fn room_len(&self, room: &str) -> usize {
        self.members(room).count()
    }

    pub(super) fn room_names(&self) -> Vec<Arc<str>> {
        self.rooms.keys().cloned().collect()
    }

    /// The sockets in any of `rooms` (all sockets, where none is named) and in none of `except`, each once
    /// (rows D77, D78).
    pub(super) fn select(&self, rooms: &[String], except: &[String]) -> Vec<Arc<SocketCore>> {
        let left_out = |socket: &Arc<SocketCore>| {
            except.iter().any(|room| {
                **room == *socket.id.as_str() || self.rooms.get(&**room).is_some_and(|m| m.contains(socket.id.as_str()))
            })
        };
        let kept = |socket: &&Arc<SocketCore>| !left_out(socket);
        match rooms {
            [] => sockets_in(&self.sockets).filter(kept).cloned().collect(),
            [room] => self.members(room).filter(kept).cloned().collect(),
            rooms => {
                let mut seen = HashSet::new();
                let members = rooms.iter().flat_map(|room| self.members(room));
                members.filter(kept).filter(|socket| seen.insert(socket.id.clone())).cloned().collect()
            }
        }
    }

    fn members<'a>(&'a self, room: &str) -> impl Iterator<Item = &'a Arc<SocketCore>> + use<'a> {
        let members = self.rooms.get(room).into_iter().flat_map(sockets_in);
        // A room of an id's name may have been joined by others beside.
        let own = self
            .sockets
            .get(room)
            .filter(|Member(own)| self.rooms.get(room).is_none_or(|members| !members.contains(own.id.as_str())));
        let own = own.map(|Member(own)| own);
        members.chain(own)
    }
}

#[allow(clippy::mutable_key_type, reason = "what a member is known by is its id, which stays the same")]
fn sockets_in(members: &Members) -> impl Iterator<Item = &Arc<SocketCore>> {
    members.iter().map(|Member(socket)| socket)
}

/// Takes a socket out, if it is this one that is there.
#[allow(clippy::mutable_key_type, reason = "what a member is known by is its id, which stays the same")]
fn take_out(members: &mut Members, socket: &Arc<SocketCore>) -> bool {
    let is_there = members.get(socket.id.as_str()).is_some_and(|Member(member)| Arc::ptr_eq(member, socket));
    is_there && members.remove(socket.id.as_str())
}
