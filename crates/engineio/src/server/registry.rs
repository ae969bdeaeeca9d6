//! [`Registry`]: the sessions that are alive, by id.

use std::{
    borrow::Borrow,
    collections::{HashMap, HashSet},
    hash::{Hash, Hasher},
    ops::Deref,
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
    table: Mutex<Table>,
    /// Told each time that the last session goes.
    emptied: Notify,
    /// No session begins any more.
    full: AtomicBool,
}

#[derive(Debug, Default)]
struct Table {
    sessions: HashSet<ById>,
    /// The places of those that are counted; a table of its own, so that it costs nothing where nobody is.
    passes: HashMap<SessionId, Pass>,
}

impl Registry {
    /// Adds a session to the table of its engine; `None` where the id is taken.
    pub(super) fn insert(session: Arc<Shared>, pass: Pass) -> Option<Registration> {
        let mut table = session.surroundings.registry.lock();
        // One that is here already stays: a set does not replace.
        let is_new = table.sessions.insert(ById(session.clone()));
        if is_new && pass.counts() {
            table.passes.insert(session.id.clone(), pass);
        }
        drop(table);
        is_new.then(|| Registration(session))
    }

    /// Takes this session out, and none that has its id after it.
    fn remove(&self, session: &Arc<Shared>) {
        let mut table = self.lock();
        if !table.sessions.get(session.id.expose()).is_some_and(|ById(found)| Arc::ptr_eq(found, session)) {
            return;
        }
        table.sessions.remove(session.id.expose());
        let pass = table.passes.remove(&session.id);
        let is_empty = table.sessions.is_empty();
        drop(table);
        drop(pass);
        if is_empty {
            self.emptied.notify_waiters();
        }
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

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Shared>> {
        self.lock().sessions.get(id).map(|ById(session)| session.clone())
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().sessions.len()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Shared>> {
        self.lock().sessions.iter().map(|ById(session)| session.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
