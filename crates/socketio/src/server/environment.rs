//! [`Environment`]: what all namespaces and connections of a server share: its configuration, hooks and counters.
//! Leaves out the namespaces themselves (`registry.rs`).

use std::sync::{Arc, PoisonError, RwLock};

use super::{
    Config, HandlerError, Namespace, Socket,
    counters::{Counting, count},
    hooks::{HandlerFailure, Hooks, Occasion, guarded},
};

pub(super) struct Environment {
    pub(super) config: Config,
    pub(super) counting: Counting,
    hooks: RwLock<Arc<Hooks>>,
}

impl Environment {
    pub(super) fn new(config: Config) -> Self {
        Self { config, counting: Counting::default(), hooks: RwLock::default() }
    }

    pub(super) fn add_hook(&self, change: impl FnOnce(&mut Hooks)) {
        change(Arc::make_mut(&mut self.hooks.write().unwrap_or_else(PoisonError::into_inner)));
    }

    fn hooks(&self) -> Arc<Hooks> {
        self.hooks.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A handler has failed: counted, logged and told; never silence.
    pub(super) fn report(&self, socket: &Socket, occasion: Occasion<'_>, error: &HandlerError) {
        count(&self.counting.handler_errors);
        if error.is_panic() {
            count(&self.counting.handler_panics);
            tracing::error!(socket = %socket.id(), %occasion, "a handler panicked");
        } else if error.is_extraction() || occasion == Occasion::Connect {
            // The client's fault, and as frequent as it likes.
            tracing::debug!(socket = %socket.id(), %occasion, %error, "refused");
        } else {
            tracing::warn!(socket = %socket.id(), %occasion, %error, "handler failed");
        }
        for hook in &self.hooks().error {
            guarded("an error hook", || hook(&HandlerFailure { socket, occasion, error }));
        }
    }

    pub(super) fn announce_namespace(&self, namespace: &Namespace) {
        for hook in &self.hooks().namespace {
            guarded("a namespace hook", || hook(namespace));
        }
    }
}
