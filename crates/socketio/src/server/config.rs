//! [`Config`]: everything about a server that can be chosen, with the reference's defaults.

use std::time::Duration;

use engineio::{AllowRequest, Limits, TransportKind};
use socketio_proto::DecoderLimits;

use super::ClientFiles;

/// Configuration of a [`Server`](super::Server).
///
/// ```
/// use socketio::{Config, Server};
///
/// let mut config = Config::default();
/// config.path = "/realtime".into();
/// config.limits.max_payload_bytes = 5_000_000;
/// let io = Server::with_config(config);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The path that is served; default `/socket.io` (row D2). See [`engineio::Config::path`].
    pub path: String,
    /// Whether the path is served with a slash at its end only; default true (row A2).
    pub add_trailing_slash: bool,
    /// The transports offered; default polling and WebSocket (row A3).
    pub transports: Vec<TransportKind>,
    /// Whether upgrades are offered; default true (row A4).
    pub allow_upgrades: bool,
    /// Is asked before a connection begins; default: nobody, all may come (row A40).
    pub allow_request: Option<AllowRequest>,
    /// Bounds and times of each connection.
    pub limits: Limits,
    /// Bounds of a binary packet on its way in, and of names.
    pub decoder_limits: DecoderLimits,
    /// A connection that has joined no namespace by then is closed; default 45 s (row D4).
    pub connect_timeout: Duration,
    /// How long an acknowledgement is waited for unless the call says otherwise; default 20 s. The reference
    /// waits for ever, and leaks what waits (contract I10).
    pub ack_timeout: Duration,
    /// Handlers of one connection that may wait at the same time; past it the connection is not read until
    /// one ends, so that slow handlers become back-pressure and not memory; zero counts as one. Default 256 (row
    /// J17). Acknowledgements are not read either then: with this many handlers that all wait for one, each runs
    /// into its time-out.
    pub max_pending_handlers: usize,
    /// Namespaces that one connection may be in at the same time; one more is refused with a
    /// CONNECT_ERROR. Default 64 (hazard S17).
    pub max_namespaces: usize,
    /// The browser client that is served under the path; default none (row D3).
    pub client_files: ClientFiles,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/socket.io".to_owned(),
            add_trailing_slash: true,
            transports: vec![TransportKind::Polling, TransportKind::WebSocket],
            allow_upgrades: true,
            allow_request: None,
            limits: Limits::default(),
            decoder_limits: DecoderLimits::default(),
            connect_timeout: Duration::from_secs(45),
            ack_timeout: Duration::from_secs(20),
            max_pending_handlers: 256,
            max_namespaces: 64,
            client_files: ClientFiles::none(),
        }
    }
}

impl Config {
    pub(super) fn engine_config(&self) -> engineio::Config {
        let mut config = engineio::Config::default();
        config.path.clone_from(&self.path);
        config.transports.clone_from(&self.transports);
        config.add_trailing_slash = self.add_trailing_slash;
        config.allow_upgrades = self.allow_upgrades;
        config.allow_request.clone_from(&self.allow_request);
        config.limits = self.limits.clone();
        config
    }
}
