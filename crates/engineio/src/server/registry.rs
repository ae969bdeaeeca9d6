//! [`Registry`]: the sessions that are alive, by id.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use engineio_proto::{CloseMode, SessionId};
use tokio::sync::Notify;

use super::gate::Pass;
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
        let (left, is_empty) = {
            let mut table = self.registry.lock();
            (table.remove(&self.session.id), table.sessions.is_empty())
        };
        drop(left);
        if is_empty {
            self.registry.emptied.notify_waiters();
        }
        self.session.close(CloseMode::Discard);
    }
}

/// The table of live sessions. Looked at once a request; frames on a WebSocket do not pass here.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    table: Mutex<Table>,
    /// Told each time that the last session goes.
    emptied: Notify,
    /// No session begins any more.
    full: AtomicBool,
}

#[derive(Debug, Default)]
struct Table {
    sessions: HashMap<SessionId, Arc<Shared>>,
    /// The places of those that are counted; a table of its own, so that it costs nothing where nobody is.
    passes: HashMap<SessionId, Pass>,
}

impl Table {
    /// What was kept of a session, to be dropped without the lock.
    fn remove(&mut self, id: &SessionId) -> (Option<Arc<Shared>>, Option<Pass>) {
        (self.sessions.remove(id), self.passes.remove(id))
    }
}

impl Registry {
    /// Adds a session; `None` where the id is taken.
    pub(super) fn insert(self: &Arc<Self>, session: Arc<Shared>, pass: Pass) -> Option<Registration> {
        let mut table = self.lock();
        if table.sessions.contains_key(&session.id) {
            return None;
        }
        table.sessions.insert(session.id.clone(), session.clone());
        if pass.counts() {
            table.passes.insert(session.id.clone(), pass);
        }
        Some(Registration { registry: self.clone(), session })
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Shared>> {
        self.lock().sessions.get(id).cloned()
    }

    /// Lets no session begin any more.
    pub(super) fn admit_no_more(&self) {
        self.full.store(true, Ordering::SeqCst);
    }

    pub(super) fn admits(&self) -> bool {
        !self.full.load(Ordering::SeqCst)
    }

    /// Waits until there is no session.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.len() == 0 {
                return;
            }
            emptied.await;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().sessions.len()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Shared>> {
        self.lock().sessions.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
