//! [`Rooms`]: who is in which room under which name. Knows nothing of sockets or sending; the caller holds the lock.
//!
//! There are never more rooms than people, since a room without members is forgotten.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::Hash,
};

use serde::Serialize;

/// Somebody in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Member<Id> {
    id: Id,
    name: String,
}

/// A room in the list of all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Room {
    name: String,
    /// How many are in it.
    members: usize,
}

/// Where somebody is, and under which name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) room: String,
    pub(crate) name: String,
}

/// Who is where; each is in at most one room.
#[derive(Debug)]
pub(crate) struct Rooms<Id> {
    /// Room to members in order of arrival; none is empty.
    rooms: BTreeMap<String, Vec<Member<Id>>>,
    places: HashMap<Id, Place>,
}

impl<Id> Default for Rooms<Id> {
    fn default() -> Self {
        Self { rooms: BTreeMap::new(), places: HashMap::new() }
    }
}

impl<Id: Clone + Eq + Hash> Rooms<Id> {
    /// Puts somebody into a room, out of any other, and returns the name they have there: a name that is taken gets
    /// a number.
    pub(crate) fn join(&mut self, id: Id, room: &str, name: &str) -> String {
        self.leave(&id);
        let members = self.rooms.entry(room.to_owned()).or_default();
        let name = free_name(members, name);
        members.push(Member { id: id.clone(), name: name.clone() });
        self.places.insert(id, Place { room: room.to_owned(), name: name.clone() });
        name
    }

    /// Takes somebody out of their room; returns where they were.
    pub(crate) fn leave(&mut self, id: &Id) -> Option<Place> {
        let place = self.places.remove(id)?;
        if let Some(members) = self.rooms.get_mut(&place.room) {
            members.retain(|member| member.id != *id);
            if members.is_empty() {
                self.rooms.remove(&place.room);
            }
        }
        Some(place)
    }

    /// Where somebody is.
    pub(crate) fn place(&self, id: &Id) -> Option<&Place> {
        self.places.get(id)
    }

    /// Who is in a room, in order of arrival.
    pub(crate) fn members(&self, room: &str) -> &[Member<Id>] {
        self.rooms.get(room).map_or(&[], Vec::as_slice)
    }

    /// All rooms, by name.
    pub(crate) fn list(&self) -> Vec<Room> {
        self.rooms.iter().map(|(name, members)| Room { name: name.clone(), members: members.len() }).collect()
    }
}

/// `wanted`, or with the first number from 2 on that nobody has.
fn free_name<Id>(members: &[Member<Id>], wanted: &str) -> String {
    let taken: HashSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let mut name = wanted.to_owned();
    let mut number = 2_usize;
    while taken.contains(name.as_str()) {
        name = format!("{wanted} ({number})");
        number += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(rooms: &Rooms<u32>, room: &str) -> Vec<String> {
        rooms.members(room).iter().map(|member| member.name.clone()).collect()
    }

    fn list(rooms: &Rooms<u32>) -> Vec<(String, usize)> {
        rooms.list().into_iter().map(|room| (room.name, room.members)).collect()
    }

    #[test]
    fn a_taken_name_gets_the_first_free_number() {
        let mut rooms = Rooms::default();
        assert_eq!(rooms.join(1, "r", "Ada"), "Ada");
        assert_eq!(rooms.join(2, "r", "Ada"), "Ada (2)");
        assert_eq!(rooms.join(3, "r", "Ada"), "Ada (3)");
        assert_eq!(rooms.join(4, "r", "Ada (2)"), "Ada (2) (2)");
        assert_eq!(rooms.join(5, "s", "Ada"), "Ada", "names are taken in one room only");
        rooms.leave(&2);
        assert_eq!(rooms.join(6, "r", "Ada"), "Ada (2)", "a name is free again");
        assert_eq!(names(&rooms, "r"), ["Ada", "Ada (3)", "Ada (2) (2)", "Ada (2)"], "in order of arrival");
    }

    #[test]
    fn somebody_is_in_one_room_at_a_time_and_empty_rooms_are_forgotten() {
        let mut rooms = Rooms::default();
        rooms.join(1, "a", "Ada");
        rooms.join(2, "a", "Grace");
        assert_eq!(list(&rooms), [("a".to_owned(), 2)]);
        rooms.join(1, "b", "Ada");
        assert_eq!(list(&rooms), [("a".to_owned(), 1), ("b".to_owned(), 1)]);
        assert_eq!(rooms.place(&1), Some(&Place { room: "b".into(), name: "Ada".into() }));
        assert_eq!(rooms.leave(&2).map(|place| place.room), Some("a".to_owned()));
        assert_eq!(list(&rooms), [("b".to_owned(), 1)]);
        assert_eq!(rooms.leave(&2), None);
        assert!(names(&rooms, "a").is_empty());
    }

    #[test]
    fn joining_the_same_room_again_keeps_the_own_name_and_moves_to_the_end() {
        let mut rooms = Rooms::default();
        rooms.join(1, "a", "Ada");
        rooms.join(2, "a", "Grace");
        assert_eq!(rooms.join(1, "a", "Ada"), "Ada", "nobody stands in one's own way");
        assert_eq!(names(&rooms, "a"), ["Grace", "Ada"]);
    }
}
