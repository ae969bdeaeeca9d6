//! [`Registry`]: the sessions that are alive, by id.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use engineio_proto::{CloseMode, SessionId};

use crate::shared::Shared;

/// A session's place in the table. Giving it up, in whatever way its task ends, takes the session out and
/// closes it, so that nobody waits for a session without a task.
#[derive(Debug)]
pub(crate) struct Registration {
    registry: Arc<Registry>,
    session: Arc<Shared>,
}

impl Registration {
    pub(crate) const fn session(&self) -> &Arc<Shared> {
        &self.session
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.lock().remove(&self.session.id);
        self.session.close(CloseMode::Discard);
    }
}

/// The table of live sessions. Looked at once a request; frames on a WebSocket do not pass here.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    sessions: Mutex<HashMap<SessionId, Arc<Shared>>>,
}

impl Registry {
    /// Adds a session; `None` where the id is taken.
    pub(crate) fn insert(self: &Arc<Self>, session: Arc<Shared>) -> Option<Registration> {
        let mut sessions = self.lock();
        if sessions.contains_key(&session.id) {
            return None;
        }
        sessions.insert(session.id.clone(), session.clone());
        Some(Registration { registry: self.clone(), session })
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Shared>> {
        self.lock().get(id).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Shared>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Shared>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
