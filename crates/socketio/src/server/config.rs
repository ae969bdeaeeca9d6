//! [`Config`]: everything about a server that can be chosen, with the reference's defaults.

use socketio_proto::AnyParser;

use super::{ClientFiles, ConnectionStateRecovery, Limits};

/// Configuration of a [`Server`](super::Server).
///
/// ```
/// use socketio::{Config, Server};
///
/// let mut config = Config::default();
/// config.engine.path = "/realtime".into();
/// config.engine.limits.max_payload_bytes = 5_000_000;
/// config.limits.max_namespaces = 8;
/// let io = Server::with_config(config);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The connections underneath: path, transports, bounds, times (row D9). Here the path defaults to `/socket.io`
    /// (row D2).
    pub engine: engineio::Config,
    /// Bounds and times of namespaces, events and acknowledgements.
    pub limits: Limits,
    /// The format of packets, for all namespaces; clients have to use the same (rows D5, C27). Default: text, as all
    /// clients have it by default.
    ///
    /// ```
    /// use socketio::{AnyParser, Config, MsgpackParser, Server};
    ///
    /// let mut config = Config::default();
    /// config.parser = AnyParser::new(MsgpackParser); // npm: socket.io-msgpack-parser
    /// let io = Server::with_config(config);
    /// ```
    pub parser: AnyParser,
    /// Whether a namespace that exists because a client asked for it ([`Server::of_matching`](super::Server::of_matching))
    /// goes when the last client has left it (row D27), and none can come back to it
    /// ([`Config::connection_state_recovery`]). Default true; the reference keeps it unless told otherwise.
    pub cleanup_empty_child_namespaces: bool,
    /// Whether clients whose connection is lost can come back as if they had not been gone; default no (row D103). It
    /// makes each event cost its bytes again for a while, and adds an argument to it, a text: clients other than the
    /// official ones have to tolerate that (contract I8).
    pub connection_state_recovery: Option<ConnectionStateRecovery>,
    /// What becomes of an event of a broadcast for a client that reads too slowly. Default: the client is disconnected.
    /// Dropping the oldest is the connection's business: [`engineio::Limits::when_full`] may ask for it as well.
    pub when_full: WhenFull,
    /// The browser client that is served under the path; default none (row D3).
    pub client_files: ClientFiles,
}

/// What becomes of an event where the client's send queue is at
/// [`max_queue_bytes`](engineio::Limits::max_queue_bytes), because the client does not read (row J1). Each outcome is
/// counted, and told to [`Server::on_slow_client`](super::Server::on_slow_client).
///
/// It holds for broadcasts. [`Socket::emit`](super::Socket::emit) says [`EmitError::Full`](super::EmitError::Full), and
/// the caller decides, but under [`WhenFull::DropOldest`]; [`Socket::emit_flushed`](super::Socket::emit_flushed) waits for
/// room. Acknowledgements and packets of the protocol are never dropped: a client for which there is no room for them is
/// disconnected.
///
/// ```
/// use socketio::{Config, Server, WhenFull};
///
/// let mut config = Config::default();
/// config.when_full = WhenFull::DropOldest;
/// let io = Server::with_config(config);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// The client is disconnected as `transport error`, rather than left with a hole in its events.
    #[default]
    Disconnect,
    /// The event is not sent to this client.
    DropNewest,
    /// The oldest events that wait for this client go, until the new one has room.
    DropOldest,
}

impl Default for Config {
    fn default() -> Self {
        let mut engine = engineio::Config::default();
        engine.path = "/socket.io".to_owned();
        Self::over(engine)
    }
}

impl Config {
    /// The defaults over connections of that configuration, its path included.
    ///
    /// ```
    /// use socketio::{Config, engineio};
    ///
    /// let config = Config::over(engineio::Config::default());
    /// assert_eq!(config.engine.path, "/engine.io");
    /// ```
    #[must_use]
    pub fn over(engine: engineio::Config) -> Self {
        Self {
            engine,
            limits: Limits::default(),
            parser: AnyParser::default(),
            cleanup_empty_child_namespaces: true,
            connection_state_recovery: None,
            when_full: WhenFull::default(),
            client_files: ClientFiles::none(),
        }
    }
}
