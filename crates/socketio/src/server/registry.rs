//! [`Registry`]: the namespaces of a server: those that the application made, parents that stand for many, and
//! the children that exist because a client asked for them. Rows D17–D27; hazards R31, S18.
//!
//! INVARIANT: a child that nobody is in, or on the way into, or can come back to, is not kept (unless configured so): who
//! looks one up to join it is counted under the same lock.

use std::{
    collections::HashMap,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use futures_util::FutureExt;
use socketio_proto as sio;

use super::{Namespace, counters::count, environment::Environment, recovery::Store};

type Verdict = Pin<Box<dyn Future<Output = bool> + Send>>;
type Matching = dyn Fn(&str) -> bool + Send + Sync;
type Allowing = dyn Fn(String, Option<sio::Body>) -> Verdict + Send + Sync;

/// When a parent takes a name for its own.
#[derive(Clone)]
pub(super) enum Rule {
    /// By the name alone; then `of` of such a name makes a child too (row D24).
    Matching(Arc<Matching>),
    /// By the name and the CONNECT's payload, perhaps after a while (row D23).
    Allowing(Arc<Allowing>),
}

#[derive(Clone)]
pub(super) struct Parent {
    pub(super) namespace: Namespace,
    pub(super) rule: Rule,
}

struct Entry {
    namespace: Namespace,
    /// A client asked for it: then how many connections are in it or on their way.
    child_users: Option<usize>,
}

#[derive(Default)]
struct Known {
    entries: HashMap<sio::Namespace, Entry>,
    parents: Arc<[Parent]>,
    children: usize,
}

impl Known {
    fn remove_child(&mut self, name: &sio::Namespace) -> Option<Entry> {
        let removed = self.entries.remove(name);
        self.children -= usize::from(removed.is_some());
        removed
    }
}

/// All namespaces of a server.
pub(super) struct Registry {
    pub(super) environment: Arc<Environment>,
    known: RwLock<Known>,
}

impl Registry {
    /// A registry with the main namespace in it.
    pub(super) fn new(environment: Arc<Environment>) -> Self {
        let registry = Self { environment, known: RwLock::default() };
        registry.of("/");
        registry
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The namespace of that name; made where there is none, as a child where a parent's pattern matches.
    pub(super) fn of(&self, name: &str) -> Namespace {
        let name = sio::Namespace::new(name);
        let parents = {
            let known = self.read();
            if let Some(entry) = known.entries.get(&name) {
                return entry.namespace.clone();
            }
            known.parents.clone()
        };
        // The application's patterns are asked under no lock.
        let parent = parents.iter().find(|parent| parent.matches(name.as_str()));
        let namespace = match parent {
            Some(parent) => parent.namespace.child(name.clone()),
            None => Namespace::new(name.clone(), self.environment.clone()),
        };
        let entry = Entry { namespace: namespace.clone(), child_users: None };
        let mut known = self.write();
        if let Some(first) = known.entries.get(&name) {
            return first.namespace.clone();
        }
        known.entries.insert(name.clone(), entry);
        drop(known);
        namespace.adopt(parent.map(|parent| &parent.namespace));
        if !name.is_root() {
            self.environment.announce_namespace(&namespace);
        }
        namespace.open();
        namespace
    }

    pub(super) fn add_parent(&self, rule: Rule) -> Namespace {
        let mut known = self.write();
        // The reference's name for it; no client can ask for it, since a parent is in no table (row D25).
        let name = sio::Namespace::new(&format!("/_{}", known.parents.len()));
        let namespace = Namespace::parent(name, self.environment.clone());
        let parent = Parent { namespace: namespace.clone(), rule };
        known.parents = known.parents.iter().cloned().chain([parent]).collect();
        namespace
    }

    pub(super) fn parents(&self) -> Arc<[Parent]> {
        self.read().parents.clone()
    }

    pub(super) fn find(&self, name: &str) -> Option<Namespace> {
        self.read().entries.get(name).map(|entry| entry.namespace.clone())
    }

    pub(super) fn all(&self) -> Vec<Namespace> {
        self.read().entries.values().map(|entry| entry.namespace.clone()).collect()
    }

    /// A client is on its way into a namespace; `None` where that does not exist. Each such call is followed by one of
    /// [`Registry::leave`].
    pub(super) fn enter(&self, name: &sio::Namespace) -> Option<Namespace> {
        {
            let known = self.read();
            let entry = known.entries.get(name)?;
            if entry.child_users.is_none() {
                let namespace = entry.namespace.clone();
                drop(known);
                return Some(namespace.wait_until_open());
            }
        }
        let mut known = self.write();
        let entry = known.entries.get_mut(name)?;
        entry.child_users = entry.child_users.map(|users| users + 1);
        let namespace = entry.namespace.clone();
        drop(known);
        Some(namespace.wait_until_open())
    }

    /// A client is on its way into a namespace that `parent` has taken for its own; `None` where there are too many.
    pub(super) fn enter_child(&self, name: &sio::Namespace, parent: &Parent) -> Option<Namespace> {
        let mut known = self.write();
        if let Some(entry) = known.entries.get_mut(name) {
            entry.child_users = entry.child_users.map(|users| users + 1);
            let namespace = entry.namespace.clone();
            drop(known);
            return Some(namespace.wait_until_open());
        }
        if known.children >= self.environment.config.limits.max_child_namespaces {
            count(&self.environment.counting.child_namespaces_refused);
            return None;
        }
        // The packet's name shares the memory of its message.
        let name = name.detached();
        let namespace = parent.namespace.child(name.clone());
        known.entries.insert(name, Entry { namespace: namespace.clone(), child_users: Some(1) });
        known.children += 1;
        drop(known);
        namespace.adopt(Some(&parent.namespace));
        self.environment.announce_namespace(&namespace);
        namespace.open();
        Some(namespace)
    }

    /// The server has ended, and nothing of the application's is called any more. What that captured goes, under no lock:
    /// mostly the server itself, which would never go otherwise.
    pub(super) fn forget_handlers(&self) {
        let parents = std::mem::take(&mut self.write().parents);
        for namespace in self.all().iter().chain(parents.iter().map(|parent| &parent.namespace)) {
            namespace.forget_handlers();
        }
        self.environment.forget_hooks();
    }

    /// A client has left, or was refused.
    pub(super) fn leave(self: &Arc<Self>, name: &sio::Namespace) {
        if self.read().entries.get(name).is_none_or(|entry| entry.child_users.is_none()) {
            return;
        }
        let mut known = self.write();
        let Some(entry) = known.entries.get_mut(name) else { return };
        let users = entry.child_users.map(|users| users.saturating_sub(1));
        entry.child_users = users;
        if users != Some(0) || !self.environment.config.cleanup_empty_child_namespaces {
            return;
        }
        let (registry, own) = (Arc::downgrade(self), name.clone());
        let release = move || {
            if let Some(registry) = registry.upgrade() {
                registry.release(&own);
            }
        };
        if entry.namespace.store().is_some_and(|store| store.when_all_are_forgotten(release)) {
            return;
        }
        let removed = known.remove_child(name);
        drop(known);
        // With what its handlers have captured, which is the application's.
        drop(removed);
    }

    /// Nobody can come back to a child any more: it goes, unless somebody is in it again.
    fn release(&self, name: &sio::Namespace) {
        let mut known = self.write();
        let is_unused = known.entries.get(name).is_some_and(|entry| {
            entry.child_users == Some(0) && !entry.namespace.store().is_some_and(Store::remembers_anybody)
        });
        let removed = if is_unused { known.remove_child(name) } else { None };
        drop(known);
        drop(removed);
    }
}

impl Parent {
    /// Whether a pattern takes that name; one that panics does not.
    pub(super) fn matches(&self, name: &str) -> bool {
        let Rule::Matching(matches) = &self.rule else { return false };
        self.namespace.environment().guard("a pattern of namespaces", || matches(name)).unwrap_or(false)
    }

    /// Whether this takes a client with that CONNECT; a function that panics does not.
    pub(super) async fn takes(&self, connect: &sio::Packet) -> bool {
        let name = connect.namespace.as_str();
        let Rule::Allowing(ask) = &self.rule else { return self.matches(name) };
        let asking = async { ask(name.to_owned(), connect.body.clone()).await };
        let outcome = AssertUnwindSafe(asking).catch_unwind().await;
        self.namespace.environment().survive("a function for namespaces", outcome).unwrap_or(false)
    }
}
