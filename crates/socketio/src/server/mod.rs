//! The server: [`Server`] holds the namespaces and the engine, [`Namespace`] the handlers and rooms,
//! [`Socket`] one client in one namespace.
//!
//! `connection/` is the part that runs: one future a session, inside the engine's task. `extract.rs` has what its
//! handlers are called for; `outgoing.rs` makes events, `selection.rs` and `broadcast.rs` select
//! recipients, `rooms.rs` keeps members; `registry.rs` knows the namespaces, `children.rs` those of a parent,
//! `environment.rs` what they share; `protocol.rs` has what is different for old clients; `client_files.rs` serves the
//! browser client; `service.rs` is the tower face.
//!
//! Lock order: the registry, the sweeper and the store of a namespace, its rooms, handlers of a socket, the socket, then
//! its data or (inside the engine) its session. No user code runs under any of them.

mod answers;
mod broadcast;
mod children;
mod client_files;
mod cluster;
mod config;
mod connection;
mod counters;
mod emitter;
mod environment;
mod extract;
mod handlers;
mod hooks;
mod limits;
mod main_namespace;
mod namespace;
mod outgoing;
mod protocol;
mod recovery;
mod registry;
mod remote;
mod rooms;
mod selection;
mod server_events;
mod service;
#[cfg(all(test, target_pointer_width = "64"))]
mod sizes;
mod socket;

use std::{fmt, future::Future, io, sync::Arc};

pub use answers::{Incomplete, PendingAnswers};
pub use broadcast::Broadcast;
pub use client_files::ClientFiles;
use cluster::Cluster;
pub use config::{Config, WhenFull};
use connection::Connection;
pub use counters::Counters;
pub use emitter::Emitter;
pub use engineio::server::Drain;
use engineio::server::{Engine, Listener};
use environment::Environment;
pub use extract::{Auth, ConnectContext, DisconnectContext, EventContext, Extension, SocketData};
pub use hooks::{HandlerFailure, Occasion};
pub use limits::Limits;
pub use namespace::Namespace;
pub use recovery::ConnectionStateRecovery;
use registry::{Registry, Rule};
pub use remote::{HandshakeDetails, RemoteSocket};
pub use rooms::RoomEvent;
pub use server_events::ServerEventContext;
pub use service::{ServerLayer, ServerService};
pub use socket::{Extensions, Handshake, Socket};
use socketio_cluster::{Backplane, BackplaneError, NodeId};
use socketio_proto::Body;
use tokio::{
    net::ToSocketAddrs,
    time::{Instant, timeout_at},
};

pub use crate::{
    AckError, AckSender, Context, Data, DisconnectReason, EmitError, Event, FromContext, Handler, HandlerError,
    PendingAck, RawEvent, Reply, SocketId,
};

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
    registry: Arc<Registry>,
    engine: Engine,
}

impl Server {
    /// A server with the reference's defaults.
    ///
    /// ```
    /// let io = socketio::Server::new();
    /// assert_eq!(io.config().engine.path, "/socket.io");
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::with_config(Config::default())
    }

    /// A server of that configuration.
    ///
    /// ```
    /// let mut config = socketio::Config::default();
    /// config.engine.path = "/realtime".into();
    /// let io = socketio::Server::with_config(config);
    /// ```
    #[must_use]
    pub fn with_config(config: Config) -> Self {
        let mut engine_config = config.engine.clone();
        if config.when_full == WhenFull::DropOldest {
            engine_config.limits.when_full = engineio::WhenFull::DropOldest;
        }
        let registry = Arc::new(Registry::new(Arc::new(Environment::new(config))));
        let shared = registry.clone();
        let engine = Engine::new(engine_config, move |session| Connection::new(shared.clone(), session));
        Self { registry, engine }
    }

    /// A server of that configuration which is one of several, joined by `backplane`: broadcasts, `fetch_sockets`,
    /// `server_side_emit` and their like reach the sockets and handlers of all. It returns when this server hears the
    /// others (row D94).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::Arc;
    /// use socketio::{Config, Server, cluster::MemoryHub};
    ///
    /// let hub = MemoryHub::new(); // several servers in one process
    /// let one = Server::in_cluster(Config::default(), Arc::new(hub.backplane())).await?;
    /// let two = Server::in_cluster(Config::default(), Arc::new(hub.backplane())).await?;
    /// one.of("/").emit("news", "to the clients of both")?;
    /// # one.close().await;
    /// # two.close().await;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Where the backplane cannot connect.
    pub async fn in_cluster(config: Config, backplane: Arc<dyn Backplane>) -> Result<Self, BackplaneError> {
        let server = Self::with_config(config);
        let id = engineio::random_id().map_err(BackplaneError::new)?;
        let number = id.bytes().fold(0, |number: u64, byte| number.rotate_left(7) ^ u64::from(byte));
        let cluster = Cluster::join(&server.registry, backplane, NodeId::new(number)).await?;
        server.registry.environment.set_cluster(cluster);
        Ok(server)
    }

    /// How many servers there are in the cluster, this one included, as far as this one knows (row F4).
    ///
    /// ```
    /// let io = socketio::Server::new();
    /// assert_eq!(io.server_count(), 1);
    /// ```
    #[must_use]
    pub fn server_count(&self) -> usize {
        self.registry.environment.cluster().map_or(1, |cluster| cluster.server_count())
    }

    /// The namespace of that name, made where there is none (row D18). A missing `/` in front is added. The
    /// main namespace, `/`, always exists. A new one whose name a pattern of [`Server::of_matching`] takes is its child
    /// (row D24).
    ///
    /// ```
    /// let io = socketio::Server::new();
    /// let chat = io.of("/chat").on("ping", async || Ok("pong"));
    /// assert_eq!(chat.name(), "/chat");
    /// ```
    pub fn of(&self, name: &str) -> Namespace {
        self.registry.of(name)
    }

    /// A parent for all namespaces whose names `matches` takes (row D22): a client that asks for such a namespace makes
    /// it, with the handlers that the parent has then. Parents are asked in the order of their declaration, and only
    /// for names that do not exist.
    ///
    /// `matches` is asked about whatever a client sends, and under no lock; with a regular expression, mind its
    /// anchors (row H31). Children go when they are empty
    /// ([`Config::cleanup_empty_child_namespaces`]), and there are at most [`Limits::max_child_namespaces`].
    ///
    /// ```
    /// use socketio::{Namespace, Server, Socket};
    ///
    /// let io = Server::new();
    /// let is_room = |name: &str| name.strip_prefix("/room-").is_some_and(|id| id.parse::<u32>().is_ok());
    /// let rooms = io.of_matching(is_room).on_connect(async |socket: Socket, namespace: Namespace| {
    ///     println!("{} is in {}", socket.id(), namespace.name());
    /// });
    /// rooms.emit("to all of them", &())?; // every child
    /// # Ok::<(), socketio::EmitError>(())
    /// ```
    pub fn of_matching(&self, matches: impl Fn(&str) -> bool + Send + Sync + 'static) -> Namespace {
        self.registry.add_parent(Rule::Matching(Arc::new(matches)))
    }

    /// The same by a function that may look at the payload of the CONNECT, and wait (row D23). It gets the name, with its
    /// leading slash, and what [`Auth`] reads from; it has [`Limits::connect_timeout`] to say yes.
    ///
    /// ```
    /// use socketio::{Body, Server};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Tenant {
    ///     key: String,
    /// }
    ///
    /// let io = Server::new();
    /// io.of_allowed(async |name: String, auth: Option<Body>| {
    ///     let tenant: Option<Tenant> = auth.and_then(|auth| auth.data().ok());
    ///     name.starts_with("/tenant/") && tenant.is_some_and(|tenant| tenant.key == "42")
    /// });
    /// ```
    pub fn of_allowed<F, Fut>(&self, allows: F) -> Namespace
    where
        F: Fn(String, Option<Body>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        let ask = move |name, auth| Box::pin(allows(name, auth)) as _;
        self.registry.add_parent(Rule::Allowing(Arc::new(ask)))
    }

    /// The namespaces that exist now, parents aside (row D20).
    ///
    /// ```
    /// let io = socketio::Server::new();
    /// io.of("/chat");
    /// let names: Vec<_> = io.namespaces().iter().map(|namespace| namespace.name().to_owned()).collect();
    /// assert!(names.contains(&"/chat".to_owned()));
    /// ```
    #[must_use]
    pub fn namespaces(&self) -> Vec<Namespace> {
        self.registry.all()
    }

    /// Calls `hook` for each namespace that is made from now on, by the application or for a client (row D17): the place
    /// to register what all namespaces have.
    ///
    /// ```
    /// let io = socketio::Server::new();
    /// io.on_new_namespace(|namespace| println!("{} exists", namespace.name()));
    /// ```
    pub fn on_new_namespace(&self, hook: impl Fn(&Namespace) + Send + Sync + 'static) -> &Self {
        self.registry.environment.add_hook(|hooks| hooks.namespace.push(Arc::new(hook)));
        self
    }

    /// Calls `hook` for each handler, middleware or extractor that fails or panics, in any namespace (rows D69, D73).
    ///
    /// ```
    /// let io = socketio::Server::new();
    /// io.on_error(|failure| {
    ///     if !failure.error.is_extraction() {
    ///         eprintln!("{}: {}", failure.occasion, failure.error);
    ///     }
    /// });
    /// ```
    pub fn on_error(&self, hook: impl Fn(&HandlerFailure<'_>) + Send + Sync + 'static) -> &Self {
        self.registry.environment.add_hook(|hooks| hooks.error.push(Arc::new(hook)));
        self
    }

    /// Calls `hook` whenever an event meets a client's full queue and [`WhenFull`] decides what becomes of it (row J1);
    /// not where [`Socket::emit`] tells its caller that the queue is full.
    ///
    /// ```
    /// let io = socketio::Server::new();
    /// io.on_slow_client(|socket| println!("{} does not keep up", socket.id()));
    /// ```
    pub fn on_slow_client(&self, hook: impl Fn(&Socket) + Send + Sync + 'static) -> &Self {
        self.registry.environment.add_hook(|hooks| hooks.slow_client.push(Arc::new(hook)));
        self
    }

    /// What the server has counted since it was made, each limit that bit among it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// assert_eq!(io.counters().sockets_joined, 1);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.registry.environment.counting.snapshot()
    }

    /// The Engine.IO server underneath.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// assert_eq!(io.engine().session_count(), 1);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The configuration.
    ///
    /// ```
    /// let io = socketio::Server::new();
    /// assert_eq!(io.config().limits.max_namespaces, 64);
    /// ```
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.registry.environment.config
    }

    /// The layer that puts this server in front of a service, such as an axum router: requests under the
    /// server's path are its own, all others go on.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    ///
    /// let io = socketio::Server::new();
    /// let app: Router = Router::new().route("/", get(async || "hello")).layer(io.layer());
    /// ```
    #[must_use]
    pub fn layer(&self) -> ServerLayer {
        ServerLayer::new(self)
    }

    /// The server as a tower service; what is not under its path is answered with 404.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// use tower_service::Service;
    ///
    /// let request = http::Request::get("/elsewhere").body(String::new())?;
    /// let response = Server::new().service().call(request).await?;
    /// assert_eq!(response.status(), 404);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn service(&self) -> ServerService {
        ServerService::standing_alone(self)
    }

    /// Binds an address, to serve later with [`Listener::serve`] and [`Server::service`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// let io = Server::new();
    /// let listener = io.bind("127.0.0.1:0").await?; // a free port
    /// println!("listening on http://{}", listener.local_addr()?);
    /// tokio::spawn(listener.serve(io.service()));
    /// # io.close().await;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// What the system says of the address.
    pub async fn bind(&self, address: impl ToSocketAddrs) -> io::Result<Listener> {
        self.engine.bind(address).await
    }

    /// Binds an address and serves it until [`Server::close`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// let io = Server::new();
    /// let closing = io.clone();
    /// tokio::spawn(async move {
    /// #   tokio::task::yield_now().await;
    ///     // … on a signal:
    ///     closing.close().await;
    /// });
    /// io.listen("127.0.0.1:0").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// What the system says of the address.
    pub async fn listen(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        self.bind(address).await?.serve(self.service()).await;
        Ok(())
    }

    /// Ends the server (row D15): every socket of every namespace is disconnected as `server shutting down`, the
    /// connections are closed, the listeners end, and all tasks are waited for, handlers that still run
    /// included: awaited inside a handler, it would wait for itself. Handlers, hooks and patterns are dropped then, with
    /// what they captured, which may be the server itself. Calling it again waits for the same end.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// let client = TestClient::connect(&io).await;
    /// io.close().await;
    /// assert_eq!(io.engine().session_count(), 0);
    /// # Ok(()) }
    /// ```
    pub async fn close(&self) {
        self.close_before(None).await;
    }

    /// Ends the server without haste, for a deployment: no new client comes in any more (503 with `Retry-After`), and those
    /// that are there are let go one after the other over [`Drain::window`], each with what was sent to it before. Their
    /// sockets end as `server shutting down` here and as `transport close` there, so that they come back by themselves, to
    /// another server where there is one. Then the server is closed, as by [`Server::close`]; at [`Drain::deadline`] who
    /// is left is closed at once, and handlers that still run are not waited for: they are dropped
    /// [`Limits::handler_grace`] after the end of their connection.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socketio::{*, testing::TestClient};
    /// # let io = Server::new();
    /// # let client = TestClient::connect(&io).await;
    /// // … on a signal:
    /// io.drain(Drain::default()).await;
    /// assert_eq!(client.disconnected().await.to_string(), "transport close");
    /// # Ok(()) }
    /// ```
    pub async fn drain(&self, drain: Drain) {
        let deadline = Instant::now() + drain.deadline;
        self.registry.environment.begin_shutdown();
        self.engine.drain(drain).await;
        self.close_before(Some(deadline)).await;
    }

    async fn close_before(&self, deadline: Option<Instant>) {
        for namespace in self.registry.all() {
            namespace.shut_down();
        }
        within(deadline, self.engine.close()).await;
        if let Some(cluster) = self.registry.environment.cluster() {
            within(deadline, cluster.leave()).await;
        }
        self.registry.forget_handlers();
    }
}

/// Waits no longer than until then. What is past its deadline is begun all the same.
async fn within(deadline: Option<Instant>, end: impl Future<Output = ()>) {
    match deadline {
        None => end.await,
        // Who is late is told nothing more: the caller's time is over.
        Some(deadline) => drop(timeout_at(deadline, end).await),
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
