//! [`EventHandlers`]: the handlers of events that somebody has, be it a namespace of a server or a socket of either end.
//! Storage and lookup; the running is the business of each end.

use std::{collections::BTreeMap, sync::Arc};

use crate::handler::{Context, Erased};

/// Handlers of events by name, and those of all events.
pub(crate) struct EventHandlers<C: Context> {
    pub(crate) any: Vec<Erased<C>>,
    named: BTreeMap<Arc<str>, Vec<Registered<C>>>,
}

pub(crate) struct Registered<C: Context> {
    pub(crate) handler: Erased<C>,
    once: bool,
}

impl<C: Context> EventHandlers<C> {
    pub(crate) fn add(&mut self, event: &str, handler: Erased<C>, once: bool) {
        self.named.entry(event.into()).or_default().push(Registered { handler, once });
    }

    /// Gives what was removed, to be dropped under no lock: what it captured may have a destructor of the
    /// application's.
    pub(crate) fn remove(&mut self, event: &str) -> Option<Vec<Registered<C>>> {
        self.named.remove(event)
    }

    /// The name of an event, in memory of its own, which is shared where it has handlers; and these in the order of their
    /// registration.
    #[cfg(feature = "server")]
    pub(crate) fn find(&self, event: &str) -> (Arc<str>, &[Registered<C>]) {
        match self.named.get_key_value(event) {
            Some((name, handlers)) => (name.clone(), handlers),
            None => (event.into(), &[]),
        }
    }

    /// The handler of an event that has one, which stays, with the event's name.
    #[cfg(feature = "client")]
    pub(crate) fn lone(&self, event: &str) -> Option<(&Arc<str>, &Erased<C>)> {
        match self.named.get_key_value(event).map(|(name, registered)| (name, registered.as_slice())) {
            Some((name, [Registered { handler, once: false }])) => Some((name, handler)),
            _ => None,
        }
    }

    /// The same, and those that run once are gone.
    pub(crate) fn take_event(&mut self, event: &str) -> Vec<Erased<C>> {
        let Some(registered) = self.named.get_mut(event) else { return Vec::new() };
        let handlers = registered.iter().map(|registered| registered.handler.clone()).collect();
        registered.retain(|registered| !registered.once);
        if registered.is_empty() {
            self.named.remove(event);
        }
        handlers
    }
}

impl<C: Context> Default for EventHandlers<C> {
    fn default() -> Self {
        Self { any: Vec::new(), named: BTreeMap::new() }
    }
}

impl<C: Context> Clone for EventHandlers<C> {
    fn clone(&self) -> Self {
        Self { any: self.any.clone(), named: self.named.clone() }
    }
}

impl<C: Context> Clone for Registered<C> {
    fn clone(&self) -> Self {
        Self { handler: self.handler.clone(), once: self.once }
    }
}

/// Tells a mistake at the place where it is made: a handler that could never run.
pub(crate) fn check_event_name(event: &str) {
    assert!(
        !socketio_proto::is_reserved_event(event),
        "nobody can send the reserved event {event:?}: register with `on_connect` or `on_disconnect` instead"
    );
}
