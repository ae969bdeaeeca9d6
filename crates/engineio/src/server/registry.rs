//! [`Registry`]: the sessions that are alive, by id.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use engineio_proto::SessionId;

use crate::shared::Shared;

/// The table of live sessions. Looked at once a request; frames on a WebSocket do not pass here.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    sessions: Mutex<HashMap<SessionId, Arc<Shared>>>,
}

impl Registry {
    /// Adds a session; `false` where the id is taken.
    pub(crate) fn insert(&self, session: &Arc<Shared>) -> bool {
        let mut sessions = self.lock();
        if sessions.contains_key(&session.id) {
            return false;
        }
        sessions.insert(session.id.clone(), session.clone());
        true
    }

    pub(crate) fn remove(&self, id: &SessionId) {
        self.lock().remove(id);
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
