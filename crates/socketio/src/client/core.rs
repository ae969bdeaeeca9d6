//! [`Core`]: what a client's handles and its task share: the configuration, the sockets, where the connection stands.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use engineio::{
    Clock,
    client::{Address, Session},
};
use socketio_proto::{ClientSocket, ClientSocketOptions, Namespace};

use super::{ClientEvent, Config, State, desk::Desk, event::Listener, socket::SocketCore};

/// What a client's handles and its task share.
pub(super) struct Core {
    pub(super) address: Address,
    pub(super) clock: Clock,
    pub(super) desk: Arc<Desk>,
    config: Mutex<Config>,
    /// Held by the one who changes the configuration: the only lock under which code of the user runs.
    changing: Mutex<()>,
    inner: Mutex<Inner>,
    listeners: Mutex<Vec<Listener>>,
    /// The task runs, or has run.
    started: AtomicBool,
    /// Counts the sockets that were made, so that the task knows when to look for new ones.
    made: AtomicUsize,
}

#[derive(Default)]
struct Inner {
    /// By the names of their namespaces.
    sockets: BTreeMap<String, Arc<SocketCore>>,
    /// The connection, while it is open.
    session: Option<Session>,
    state: State,
}

impl Core {
    pub(super) fn new(address: Address, config: Config) -> Self {
        Self {
            address,
            clock: Clock::start(),
            desk: Arc::new(Desk::new()),
            config: Mutex::new(config),
            changing: Mutex::default(),
            inner: Mutex::default(),
            listeners: Mutex::default(),
            started: AtomicBool::new(false),
            made: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn config(&self) -> MutexGuard<'_, Config> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the user change the configuration, outside of its lock: others may look at it meanwhile.
    pub(super) fn configure<R>(&self, change: impl FnOnce(&mut Config) -> R) -> R {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut config = self.config().clone();
        let changed = change(&mut config);
        let before = std::mem::replace(&mut *self.config(), config);
        drop(before);
        changed
    }

    /// Whether the task runs, or has run.
    pub(super) fn is_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    /// Whether the caller is the first to want the task.
    pub(super) fn is_to_start(&self) -> bool {
        !self.started.swap(true, Ordering::AcqRel)
    }

    /// The socket of a namespace, made where there is none yet; options count only then.
    pub(super) fn socket(&self, name: &str, options: Option<ClientSocketOptions>) -> Arc<SocketCore> {
        let name = Namespace::new(name);
        let mut inner = self.lock();
        if let Some(socket) = inner.sockets.get(name.as_str()) {
            return socket.clone();
        }
        let (options, parser) = {
            let config = self.config();
            (options.unwrap_or_else(|| config.socket.clone()), config.parser.clone())
        };
        let key = name.as_str().to_owned();
        let machine = ClientSocket::new(name, options);
        let session = inner.session.clone();
        let socket = Arc::new(SocketCore::new(machine, parser, self.clock, self.desk.clone(), session));
        inner.sockets.insert(key, socket.clone());
        self.made.fetch_add(1, Ordering::Release);
        socket
    }

    /// How many sockets were made.
    pub(super) fn made(&self) -> usize {
        self.made.load(Ordering::Acquire)
    }

    pub(super) fn sockets(&self) -> Vec<Arc<SocketCore>> {
        self.lock().sockets.values().cloned().collect()
    }

    /// Whether a socket is connected or wants to be.
    pub(super) fn has_active(&self) -> bool {
        self.sockets().iter().any(|socket| socket.lock().machine.is_active())
    }

    /// No socket is to be connected any more.
    pub(super) fn disconnect_all(&self) {
        for socket in self.sockets() {
            let is_active = socket.lock().machine.is_active();
            if is_active {
                socket.disconnect();
            }
        }
    }

    pub(super) fn session(&self) -> Option<Session> {
        self.lock().session.clone()
    }

    /// The connection is open, and its sockets are asked in. A socket that is made meanwhile finds it by itself.
    pub(super) fn attach(&self, session: &Session) {
        let sockets: Vec<_> = {
            let mut inner = self.lock();
            inner.session = Some(session.clone());
            inner.state = State::Open;
            inner.sockets.values().cloned().collect()
        };
        sockets.iter().for_each(|socket| socket.attach(session));
    }

    /// The connection is over.
    pub(super) fn detach(&self, reason: engineio::CloseReason) {
        let sockets: Vec<_> = {
            let mut inner = self.lock();
            inner.session = None;
            inner.sockets.values().cloned().collect()
        };
        sockets.iter().for_each(|socket| socket.detach(reason));
    }

    pub(super) fn state(&self) -> State {
        self.lock().state
    }

    pub(super) fn set_state(&self, state: State) {
        self.lock().state = state;
    }

    pub(super) fn listen(&self, listener: Listener) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    /// Tells the listeners; a panic in one is its own.
    pub(super) fn tell(&self, event: &ClientEvent) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for listener in listeners {
            let call = std::panic::AssertUnwindSafe(|| listener(event));
            if std::panic::catch_unwind(call).is_err() {
                tracing::error!(?event, "a listener of a client has panicked");
            }
        }
    }

    /// The task has ended: nobody is called any more, and what handlers and listeners hold is let go.
    pub(super) fn end(&self) {
        // First, so that nobody begins to wait any more while those who wait are told.
        self.desk.shut();
        self.detach(engineio::CloseReason::ForcedClose);
        self.set_state(State::Closed);
        for socket in self.sockets() {
            let handlers = std::mem::take(&mut *socket.change_handlers());
            handlers.streams.iter().for_each(|stream| stream.end());
            drop(handlers);
            socket.disconnect();
            socket.feed(|state, out| {
                state.machine.clear_buffer(out);
                state.machine.clear_queue(out);
            });
        }
        let listeners = std::mem::take(&mut *self.listeners.lock().unwrap_or_else(PoisonError::into_inner));
        drop(listeners);
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("address", &self.address).field("state", &self.state()).finish_non_exhaustive()
    }
}
