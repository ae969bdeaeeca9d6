//! The server: [`Server`] holds the namespaces and the engine, [`Namespace`] the handlers and rooms,
//! [`Socket`] one client in one namespace.
//!
//! `connection.rs` is the part that runs: one future a session, inside the engine's task. `handler.rs` and
//! `extract.rs` turn functions into handlers; `broadcast.rs` selects recipients; `rooms.rs` keeps members;
//! `protocol.rs` has what is different for old clients; `client_files.rs` serves the browser client; `service.rs` is the tower face.
//!
//! Lock order: rooms of a namespace, then a socket, then (inside the engine) its session. No user code
//! runs under any of them.

mod ack;
mod broadcast;
mod client_files;
mod config;
mod connection;
mod error;
mod extract;
mod handler;
mod id;
mod namespace;
mod protocol;
mod reason;
mod rooms;
mod service;
mod socket;

use std::{collections::HashMap, fmt, io, sync::Arc, sync::PoisonError, sync::RwLock};

pub use ack::PendingAck;
pub use broadcast::Broadcast;
pub use client_files::ClientFiles;
pub use config::Config;
use connection::Connection;
use engineio::server::{Engine, Listener};
pub use error::{AckError, EmitError, HandlerError};
pub use extract::{
    AckSender, Auth, ConnectContext, Data, DisconnectContext, Event, EventContext, FromContext, RawEvent,
};
pub use handler::{Context, Handler, Reply};
pub use id::SocketId;
pub use namespace::Namespace;
pub use reason::DisconnectReason;
pub use service::{ServerLayer, ServerService};
pub use socket::{Handshake, Socket};
use socketio_proto as sio;
use tokio::net::ToSocketAddrs;

/// A Socket.IO server. Cloning it costs a reference count; all clones are the same server.
///
/// ```
/// let io = socketio::Server::new();
/// io.of("/news"); // a namespace that clients may join
/// let clone = io.clone();
/// assert_eq!(clone.engine().session_count(), 0);
/// ```
#[derive(Clone)]
pub struct Server {
    core: Arc<Core>,
    engine: Engine,
}

/// What connections share.
pub(crate) struct Core {
    config: Config,
    namespaces: RwLock<HashMap<sio::Namespace, Namespace>>,
}

impl Server {
    /// A server with the reference's defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::with_config(Config::default())
    }

    /// A server of that configuration.
    #[must_use]
    pub fn with_config(config: Config) -> Self {
        let engine_config = config.engine.clone();
        let root = Namespace::new(sio::Namespace::root());
        let namespaces = RwLock::new(HashMap::from([(sio::Namespace::root(), root)]));
        let core = Arc::new(Core { config, namespaces });
        let shared = core.clone();
        let engine = Engine::new(engine_config, move |session| Connection::new(shared.clone(), session));
        Self { core, engine }
    }

    /// The namespace of that name, made where there is none (row D18). A missing `/` in front is added. The
    /// main namespace, `/`, always exists.
    pub fn of(&self, name: &str) -> Namespace {
        let name = sio::Namespace::new(name);
        let mut namespaces = self.core.namespaces.write().unwrap_or_else(PoisonError::into_inner);
        namespaces.entry(name.clone()).or_insert_with(|| Namespace::new(name)).clone()
    }

    /// The Engine.IO server underneath.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.core.config
    }

    /// The layer that puts this server in front of a service, such as an axum router: requests under the
    /// server's path are its own, all others go on.
    #[must_use]
    pub fn layer(&self) -> ServerLayer {
        ServerLayer::new(self)
    }

    /// The server as a tower service; what is not under its path is answered with 404.
    #[must_use]
    pub fn service(&self) -> ServerService {
        ServerService::standing_alone(self)
    }

    /// Binds an address, to serve later with [`Listener::serve`] and [`Server::service`].
    ///
    /// # Errors
    /// What the system says of the address.
    pub async fn bind(&self, address: impl ToSocketAddrs) -> io::Result<Listener> {
        self.engine.bind(address).await
    }

    /// Binds an address and serves it until [`Server::close`].
    ///
    /// # Errors
    /// What the system says of the address.
    pub async fn listen(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        self.bind(address).await?.serve(self.service()).await;
        Ok(())
    }

    /// Ends the server (row D15): every socket of every namespace is disconnected as `server shutting down`, the
    /// connections are closed, the listeners end, and all tasks are waited for, handlers that still run
    /// included: awaited inside a handler, it would wait for itself. Calling it again waits for the same end.
    pub async fn close(&self) {
        for namespace in self.core.all() {
            namespace.shut_down();
        }
        self.engine.close().await;
    }
}

impl Core {
    fn find(&self, name: &sio::Namespace) -> Option<Namespace> {
        self.namespaces.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn all(&self) -> Vec<Namespace> {
        self.namespaces.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("engine", &self.engine).finish_non_exhaustive()
    }
}
