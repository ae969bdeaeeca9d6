//! The client: [`Client`] owns one connection, and any number of [`Socket`]s, each a namespace. It comes back by itself.
//!
//! ```no_run
//! use socketio::{Data, client::Client};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = Client::new("http://localhost:3000")?;
//!     let chat = client.of("/chat");
//!     chat.set_auth(&serde_json::json!({ "name": "Ann" }))?;
//!     chat.on("message", async |Data(text): Data<String>| println!("{text}"));
//!     chat.connect().await?; // the namespace has answered
//!     let answer: String = chat.emit_with_ack("message", "hello").await?;
//!     println!("{answer}");
//!     Ok(())
//! }
//! ```
//!
//! `task.rs` is the one task, `core.rs` what it shares with the handles, `desk.rs` how they talk to it, `dispatch.rs` runs handlers.
//! Leaves out the protocol (`socketio-proto`), and what it shares with the server, which is at the root of the crate.

mod auth;
mod config;
mod context;
mod core;
mod desk;
mod dispatch;
mod error;
mod event;
mod opening;
mod socket;
mod stream;
mod task;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

pub use config::{Config, Limits};
pub use context::{ConnectContext, ConnectErrorContext, DisconnectContext, EventContext};
pub use engineio::client as engine;
pub use engineio::client::{Address, AddressError, Session};
pub use error::{ConnectError, OpenError};
pub use event::{ClientEvent, State};
pub use socket::{Connecting, Emitter, Socket, SocketState};
pub use socketio_proto::{ClientSocketOptions, OfflinePolicy, ReconnectOptions, Refusal};
pub use stream::{Events, Incoming};
use tokio::{runtime::Handle, sync::oneshot};

use self::{core::Core, task::Task};

/// Connects to a namespace, named by the path of the URL (row E1), with everything else as it is by default.
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let chat = socketio::client::connect("http://localhost:3000/chat").await?;
/// chat.emit("message", "hello")?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`ConnectError::Address`] where the URL is none, and as [`Socket::connect`].
pub async fn connect(url: &str) -> Result<Socket, ConnectError> {
    let address: Address = url.parse().map_err(ConnectError::Address)?;
    let namespace = address.path().to_owned();
    let socket = Client::at(address, Config::default()).of(&namespace);
    socket.connect().await?;
    Ok(socket)
}

/// One connection to a server, shared by the sockets of any number of namespaces: what the JavaScript client calls a
/// Manager. Cloning it costs two reference counts; when the last handle, and the last of its sockets, is dropped, the server
/// is told and everything of it ends.
///
/// Nothing is dialled before the first [`Socket::connect`] or [`Client::open`]. After that, what fails or ends is tried again
/// as the [`Config`] says, for as long as a socket wants to be connected.
///
/// ```
/// use socketio::client::{Client, Config};
///
/// let mut config = Config::default();
/// config.engine.query.push(("version".into(), "7".into()));
/// let client = Client::with_config("https://example.com", config)?;
/// let (chat, news) = (client.of("/chat"), client.of("/news")); // both over the same connection
/// # Ok::<(), socketio::client::AddressError>(())
/// ```
#[derive(Clone)]
pub struct Client {
    core: Arc<Core>,
    last: Arc<Last>,
}

/// Ends the client when its last handle goes.
struct Last(Arc<Core>);

impl Drop for Last {
    fn drop(&mut self) {
        if self.0.is_to_start() {
            // There is no task that could.
            self.0.end();
        } else {
            self.0.desk.order(|orders| orders.abandoned = true);
        }
    }
}

impl Client {
    /// A client for the server at this URL, of which scheme, host, port and query count.
    ///
    /// # Errors
    /// Where the URL is none; the error says what is wrong with it.
    pub fn new(url: &str) -> Result<Self, AddressError> {
        Self::with_config(url, Config::default())
    }

    /// The same with a choice of everything.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_config(url: &str, config: Config) -> Result<Self, AddressError> {
        Ok(Self::at(url.parse()?, config))
    }

    fn at(address: Address, config: Config) -> Self {
        let core = Arc::new(Core::new(address, config));
        Self { last: Arc::new(Last(core.clone())), core }
    }

    const fn new_handle(core: Arc<Core>, last: Arc<Last>) -> Self {
        Self { core, last }
    }

    /// The socket of a namespace, the same one each time (rows E2, E3). It is not connected by that: register handlers, then
    /// [`Socket::connect`] (row E4).
    ///
    /// ```
    /// # use socketio::client::Client;
    /// let client = Client::new("http://localhost:3000")?;
    /// assert_eq!(client.of("chat").namespace(), "/chat");
    /// # Ok::<(), socketio::client::AddressError>(())
    /// ```
    #[must_use]
    pub fn of(&self, namespace: &str) -> Socket {
        Socket::new(self.core.socket(namespace, None), self.clone())
    }

    /// The same with a choice of how it behaves, which counts where there is no such socket yet.
    ///
    /// ```
    /// # use socketio::client::{Client, ClientSocketOptions};
    /// let mut options = ClientSocketOptions::default();
    /// options.retries = Some(3);
    /// options.ack_timeout = Some(std::time::Duration::from_secs(10));
    /// let orders = Client::new("http://localhost:3000")?.of_with("/orders", options);
    /// # Ok::<(), socketio::client::AddressError>(())
    /// ```
    #[must_use]
    pub fn of_with(&self, namespace: &str, options: ClientSocketOptions) -> Socket {
        Socket::new(self.core.socket(namespace, Some(options)), self.clone())
    }

    /// Opens the connection without a socket on it, in one attempt (rows E18, E21). It stays until [`Client::close`], or until it
    /// ends by itself while no socket is on it.
    ///
    /// # Errors
    /// [`OpenError`] where the server could not be reached.
    ///
    /// # Panics
    /// Outside of tokio's runtime.
    pub async fn open(&self) -> Result<(), OpenError> {
        let (sender, opened) = oneshot::channel();
        self.core.desk.order(|orders| orders.opens.push(sender));
        self.dial();
        match opened.await {
            Ok(outcome) => outcome,
            Err(_) => Err(OpenError::ended()),
        }
    }

    /// Disconnects every socket and ends the connection, after what was sent has left. Nothing comes back by itself
    /// (row E22). It begins at once, whether awaited or not; awaited, it is done. A program that ends right afterwards awaits it,
    /// since everything ends with tokio's runtime. A server in JavaScript may drop events that reach it together with the
    /// good-bye: await the acknowledgement of one that has to have its effect.
    ///
    /// ```no_run
    /// # async fn f(client: socketio::client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// client.of("/").emit("bye", &())?;
    /// client.close().await;
    /// # Ok(()) }
    /// ```
    pub fn close(&self) -> Closing {
        self.core.disconnect_all();
        let (sender, closed) = oneshot::channel();
        let mut given_up = Vec::new();
        // Where nothing was ever dialled, nobody is there who would answer.
        let is_started = self.core.is_started();
        self.core.desk.order(|orders| {
            orders.close = true;
            orders.closes.extend(is_started.then_some(sender));
            given_up = std::mem::take(&mut orders.opens);
        });
        Closing(is_started.then_some(closed))
    }

    /// Where the connection stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.core.state()
    }

    /// The engine's session, while the connection is open: its transport, its id, what it has queued (row E21).
    #[must_use]
    pub fn engine(&self) -> Option<Session> {
        self.core.session()
    }

    /// Waits until everything that was emitted on the open connection has left; returns at once where there is none.
    pub async fn flushed(&self) {
        if let Some(session) = self.engine() {
            // Where it ends meanwhile, nothing is on its way any more.
            let _ = session.drained().await;
        }
    }

    /// Calls `listener` with what happens to the connection (row E17), within the client's task: it must not block.
    ///
    /// ```
    /// # use socketio::client::{Client, ClientEvent};
    /// let client = Client::new("http://localhost:3000")?;
    /// client.on_event(|event| {
    ///     if let ClientEvent::Waiting(delay) = event {
    ///         println!("the next attempt comes in {delay:?}");
    ///     }
    /// });
    /// # Ok::<(), socketio::client::AddressError>(())
    /// ```
    pub fn on_event(&self, listener: impl Fn(&ClientEvent) + Send + Sync + 'static) -> &Self {
        self.core.listen(Arc::new(listener));
        self
    }

    /// Changes the configuration; it counts from the next attempt on (rows E15, E16). `reconnection` set to false also ends the
    /// waiting for one. Parser and options of sockets stay as they are for sockets that exist.
    ///
    /// ```
    /// # use socketio::client::Client;
    /// let client = Client::new("http://localhost:3000")?;
    /// client.configure(|config| config.engine.query = vec![("token".into(), "another".into())]);
    /// # Ok::<(), socketio::client::AddressError>(())
    /// ```
    pub fn configure<R>(&self, change: impl FnOnce(&mut Config) -> R) -> R {
        let changed = self.core.configure(change);
        self.core.desk.wake();
        changed
    }

    fn config<R>(&self, look: impl FnOnce(&Config) -> R) -> R {
        look(&self.core.config())
    }

    /// A socket was disconnected by hand: after the last one, a connect() dials at once and does not wait for the next attempt
    /// of before.
    fn left(&self) {
        if !self.core.has_active() {
            self.core.desk.order(|orders| orders.stop_waiting = true);
        }
    }

    /// Sees to it that somebody dials; says whether there is somebody.
    fn dial(&self) -> bool {
        if !self.core.is_started() {
            // Without a runtime, nothing has been started.
            let runtime = Handle::current();
            if self.core.is_to_start() {
                runtime.spawn(Task::new(self.core.clone(), Arc::downgrade(&self.last)));
            }
        }
        self.core.desk.order(|orders| orders.dial = true)
    }
}

/// The end of a connection; made by [`Client::close`], which has begun already.
#[derive(Debug)]
pub struct Closing(Option<oneshot::Receiver<()>>);

impl Future for Closing {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Where the client itself ends, the connection has ended as well.
        self.0.as_mut().map_or(Poll::Ready(()), |closed| Pin::new(closed).poll(cx).map(drop))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.core.address).field("state", &self.state()).finish()
    }
}
