//! [`Registry`]: the sessions that are alive, by id.

use std::{
    borrow::Borrow,
    collections::HashSet,
    hash::{Hash, Hasher},
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use engineio_proto::CloseMode;

use crate::shared::Shared;

/// A session's place in the table. Giving it up, in whatever way its task ends, takes the session out and
/// closes it, so that nobody waits for a session without a task.
#[derive(Debug)]
pub(crate) struct Registration(Arc<Shared>);

impl Registration {
    pub(crate) const fn session(&self) -> &Arc<Shared> {
        &self.0
    }

    /// From now on nobody finds the session; again does nothing.
    pub(crate) fn give_up(&self) {
        self.0.surroundings.registry.remove(&self.0);
    }
}

impl Deref for Registration {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.give_up();
        self.0.close(CloseMode::Discard);
    }
}

/// A session in the table, where it is known by its id, which it has itself.
#[derive(Debug)]
struct ById(Arc<Shared>);

impl Borrow<str> for ById {
    fn borrow(&self) -> &str {
        self.0.id.expose()
    }
}

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ById {}

/// The table of live sessions. Looked at once a request; frames on a WebSocket do not pass here.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    sessions: Mutex<HashSet<ById>>,
}

impl Registry {
    /// Adds a session to the table of its engine; `None` where the id is taken.
    pub(crate) fn insert(session: Arc<Shared>) -> Option<Registration> {
        // One that is here already stays: a set does not replace.
        let is_new = session.surroundings.registry.lock().insert(ById(session.clone()));
        is_new.then(|| Registration(session))
    }

    /// Takes this session out, and none that has its id after it.
    fn remove(&self, session: &Arc<Shared>) {
        let mut sessions = self.lock();
        if sessions.get(session.id.expose()).is_some_and(|ById(found)| Arc::ptr_eq(found, session)) {
            sessions.remove(session.id.expose());
        }
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Shared>> {
        self.lock().get(id).map(|ById(session)| session.clone())
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Shared>> {
        self.lock().iter().map(|ById(session)| session.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<ById>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
