//! [`Environment`]: what all namespaces and connections of a server share: its configuration, hooks and counters.
//! Leaves out the namespaces themselves (`registry.rs`).

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::{
    Config, DisconnectReason, HandlerError, Namespace, Socket,
    cluster::Cluster,
    counters::{Counting, count},
    hooks::{HandlerFailure, Hooks, Occasion},
    socket::SocketCore,
};

pub(super) struct Environment {
    pub(super) config: Config,
    pub(super) counting: Arc<Counting>,
    /// The other servers, where there are any.
    cluster: OnceLock<Arc<Cluster>>,
    hooks: RwLock<Arc<Hooks>>,
    shutting_down: AtomicBool,
}

impl Environment {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            counting: Arc::default(),
            cluster: OnceLock::new(),
            hooks: RwLock::default(),
            shutting_down: AtomicBool::new(false),
        }
    }

    pub(super) fn cluster(&self) -> Option<&Arc<Cluster>> {
        self.cluster.get()
    }

    /// This server is one of several from now on.
    pub(super) fn set_cluster(&self, cluster: Arc<Cluster>) {
        // It is set by the call that makes the server, before anybody else has it.
        let _ = self.cluster.set(cluster);
    }

    /// From now on connections that this side ends do so because the server does.
    pub(super) fn begin_shutdown(&self) {
        self.shutting_down.store(true, Ordering::Relaxed);
    }

    /// What the sockets of a connection that ended like this are told (row D15).
    pub(super) fn reason_of_end(&self, closed: DisconnectReason) -> DisconnectReason {
        let is_ours = closed == DisconnectReason::ForcedClose && self.shutting_down.load(Ordering::Relaxed);
        if is_ours { DisconnectReason::ServerShuttingDown } else { closed }
    }

    pub(super) fn add_hook(&self, change: impl FnOnce(&mut Hooks)) {
        change(Arc::make_mut(&mut self.hooks.write().unwrap_or_else(PoisonError::into_inner)));
    }

    pub(super) fn forget_hooks(&self) {
        let hooks = std::mem::take(&mut *self.hooks.write().unwrap_or_else(PoisonError::into_inner));
        drop(hooks);
    }

    fn hooks(&self) -> Arc<Hooks> {
        self.hooks.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A handler has failed: counted, logged and told; never silence.
    pub(super) fn report(&self, socket: &Socket, occasion: Occasion<'_>, error: &HandlerError) {
        count(&self.counting.handler_errors);
        if error.is_panic() {
            count(&self.counting.handler_panics);
            tracing::error!(socket = %socket.core.id_in_logs(), %occasion, "a handler panicked");
        } else if error.is_extraction() || occasion == Occasion::Connect {
            // The client's fault, and as frequent as it likes.
            tracing::debug!(socket = %socket.core.id_in_logs(), %occasion, %error, "refused");
        } else {
            tracing::warn!(socket = %socket.core.id_in_logs(), %occasion, %error, "handler failed");
        }
        for hook in &self.hooks().error {
            self.guard("an error hook", || hook(&HandlerFailure { socket, occasion, error }));
        }
    }

    pub(super) fn announce_slowness(&self, socket: &Arc<SocketCore>) {
        for hook in &self.hooks().slow_client {
            self.guard("a hook for slow clients", || hook(&socket.handle()));
        }
    }

    /// A handler for what other servers say has failed.
    pub(super) fn report_server_event(&self, namespace: &Namespace, event: &str, error: &HandlerError) {
        count(&self.counting.handler_errors);
        if error.is_panic() {
            count(&self.counting.handler_panics);
        }
        tracing::warn!(namespace = namespace.name(), event, %error, "a handler for another server's event failed");
    }

    pub(super) fn announce_namespace(&self, namespace: &Namespace) {
        for hook in &self.hooks().namespace {
            self.guard("a namespace hook", || hook(namespace));
        }
    }

    /// Calls a function of the application's that must neither take the connection down with it nor keep the next one
    /// from being called (hazard R25); `None` where it panicked.
    pub(super) fn guard<R>(&self, what: &str, call: impl FnOnce() -> R) -> Option<R> {
        self.survive(what, catch_unwind(AssertUnwindSafe(call)))
    }

    /// Counts the panic of a function of the application's, where it was one.
    pub(super) fn survive<R>(&self, what: &str, outcome: thread::Result<R>) -> Option<R> {
        if outcome.is_err() {
            count(&self.counting.handler_panics);
            tracing::error!("{what} panicked");
        }
        outcome.ok()
    }
}
