//! [`Config`]: everything about a server that can be chosen, with the reference's defaults.

use std::time::Duration;

use socketio_proto::DecoderLimits;

use super::ClientFiles;

/// Configuration of a [`Server`](super::Server).
///
/// ```
/// use socketio::{Config, Server};
///
/// let mut config = Config::default();
/// config.engine.path = "/realtime".into();
/// config.engine.limits.max_payload_bytes = 5_000_000;
/// let io = Server::with_config(config);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The connections underneath: path, transports, bounds, times (row D9). Here the path defaults to `/socket.io`
    /// (row D2).
    pub engine: engineio::Config,
    /// Bounds of a binary packet on its way in, and of names. Until a connection has joined a namespace it may
    /// send no attachments at all (hazard S19).
    pub decoder_limits: DecoderLimits,
    /// How long the next attachment of a packet may take; then the connection is closed, as for a packet that
    /// cannot be decoded. Default 45 s: the time after which a client that says nothing is taken for dead
    /// (hazard S11).
    pub attachment_timeout: Duration,
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
            decoder_limits: DecoderLimits::default(),
            attachment_timeout: Duration::from_secs(45),
            connect_timeout: Duration::from_secs(45),
            ack_timeout: Duration::from_secs(20),
            max_pending_handlers: 256,
            max_namespaces: 64,
            client_files: ClientFiles::none(),
        }
    }
}
