//! [`Children`]: what a parent namespace knows of its children (row D25). It keeps none of them alive; who ends tells it, so
//! that what clients have made leaves nothing behind (hazard S18). Leaves out when a child ends (`registry.rs`).

use std::sync::{Arc, Weak};

/// The children of a parent, the oldest first.
pub(super) struct Children<T> {
    list: Vec<Weak<T>>,
    /// At least so many in the list have ended. A weak reference keeps the whole allocation.
    gone: usize,
}

impl<T> Default for Children<T> {
    fn default() -> Self {
        Self { list: Vec::new(), gone: 0 }
    }
}

impl<T> Children<T> {
    pub(super) fn add(&mut self, child: &Arc<T>) {
        self.list.push(Arc::downgrade(child));
    }

    /// Those that have not ended. Who has locked the list unlocks it before it drops one: that may have been the last
    /// reference, and the end of a child locks the list.
    pub(super) fn alive(&self) -> impl Iterator<Item = Arc<T>> {
        self.list.iter().filter_map(Weak::upgrade)
    }

    /// One more has ended. The list is cleaned when more than half of it is gone: so that costs each child little, and at
    /// most as many are left over as are alive.
    pub(super) fn note_gone(&mut self) {
        self.gone += 1;
        if self.gone * 2 <= self.list.len() {
            return;
        }
        self.gone = 0;
        self.list.retain(|child| child.strong_count() > 0);
        if self.list.capacity() > self.list.len().saturating_mul(4) {
            self.list.shrink_to(self.list.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Server;

    #[test]
    fn no_more_are_left_over_than_are_alive() {
        let mut children = Children::default();
        let mut alive: Vec<_> = (0..1000).map(Arc::new).collect();
        alive.iter().for_each(|child| children.add(child));
        while let Some(child) = alive.pop() {
            drop(child);
            children.note_gone();
            assert!(children.list.len() <= 2 * alive.len(), "{} for {}", children.list.len(), alive.len());
            assert!(children.list.capacity() <= 1024.min(8 * alive.len() + 8), "and its memory goes back");
            assert_eq!(children.alive().count(), alive.len());
        }
    }

    /// S18, R31: also where no other child ever comes.
    #[test]
    fn a_parent_keeps_nothing_of_the_children_that_are_gone() {
        let io = Server::new();
        let parent = io.of_matching(|_| false);
        let child = |number: u32| {
            let child = parent.child(socketio_proto::Namespace::new(&format!("/{number}")));
            child.adopt(Some(&parent));
            child
        };
        let children: Vec<_> = (0..100).map(child).collect();
        assert_eq!((parent.members().len(), parent.kept_children()), (100, 100));
        drop(children);
        assert_eq!((parent.members().len(), parent.kept_children()), (0, 0));
    }

    impl<T> Children<T> {
        pub(in crate::server) fn len(&self) -> usize {
            self.list.len()
        }
    }
}
