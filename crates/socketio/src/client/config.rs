//! [`Config`]: everything about a client that can be chosen, with the reference's defaults.

use std::time::Duration;

use engineio::client as engine;
use socketio_proto::{AnyParser, ClientSocketOptions, DecoderLimits, ReconnectOptions};

/// Configuration of a [`Client`](super::Client).
///
/// ```
/// use std::time::Duration;
/// use socketio::{TransportKind, client::{Client, Config}};
///
/// let mut config = Config::default();
/// config.engine.transports = vec![TransportKind::WebSocket];
/// config.reconnect.delay = Duration::from_millis(200);
/// config.socket.ack_timeout = Some(Duration::from_secs(10));
/// let client = Client::with_config("https://example.com", config)?;
/// # Ok::<(), socketio::client::AddressError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The engine below: path, transports, headers, query, proxies, TLS, cookies, bounds (rows B1–B24, E14). Its path is
    /// `/socket.io` by default (row E12); `engine.options.limits.open_timeout` is the reference's `timeout` (row E10).
    pub engine: engine::Config,
    /// Whether the connection is tried again after it has failed or ended (row E5). Default true.
    pub reconnection: bool,
    /// How often and how soon (rows E6–E9).
    pub reconnect: ReconnectOptions,
    /// What turns packets into messages and back; the server has to use the same (row E11). Default JSON.
    pub parser: AnyParser,
    /// How sockets behave for which nothing else is said ([`Client::of_with`](super::Client::of_with)): retries, limits of
    /// acknowledgements, what is kept while offline (rows E37, E42, E47).
    pub socket: ClientSocketOptions,
    /// Bounds on what the server sends.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        let mut engine = engine::Config::default();
        "/socket.io".clone_into(&mut engine.path);
        Self {
            engine,
            reconnection: true,
            reconnect: ReconnectOptions::default(),
            parser: AnyParser::default(),
            socket: ClientSocketOptions::default(),
            limits: Limits::default(),
        }
    }
}

/// Bounds on what a server can make a client hold, beside the engine's.
///
/// ```
/// let mut config = socketio::client::Config::default();
/// config.limits.max_pending_handlers = 16;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bounds on one packet. A packet over them ends the connection as `parse error`, and it is tried again (row E23).
    /// Attachments may have 100 MiB, as a message of the engine.
    pub decoder: DecoderLimits,
    /// How long the next attachment of a packet may take. Default 30 s; then the connection ends as `parse error`. One of which
    /// parts are here is waited for as long as more of it comes (hazard R16).
    pub attachment_timeout: Duration,
    /// Handlers that wait at the same time; at the bound nothing more is read until one has ended. Default 128.
    pub max_pending_handlers: usize,
    /// Events that a stream of [`Socket::events`](super::Socket::events) holds; at the bound nothing more is read until some
    /// are taken. Default 256.
    pub max_stream_events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let mut decoder = DecoderLimits::default();
        decoder.max_attachment_bytes = 100 << 20;
        Self { decoder, attachment_timeout: Duration::from_secs(30), max_pending_handlers: 128, max_stream_events: 256 }
    }
}
