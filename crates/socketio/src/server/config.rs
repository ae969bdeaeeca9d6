//! [`Config`]: everything about a server that can be chosen, with the reference's defaults.

use socketio_proto::AnyParser;

use super::{ClientFiles, Limits};

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
    /// goes when the last client has left it (row D27). Default true; the reference keeps it unless told otherwise.
    pub cleanup_empty_child_namespaces: bool,
    /// The browser client that is served under the path; default none (row D3).
    pub client_files: ClientFiles,
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
    #[must_use]
    pub fn over(engine: engineio::Config) -> Self {
        Self {
            engine,
            limits: Limits::default(),
            parser: AnyParser::default(),
            cleanup_empty_child_namespaces: true,
            client_files: ClientFiles::none(),
        }
    }
}
