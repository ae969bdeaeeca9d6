//! [`Config`]: everything about a client that can be chosen, with the reference's defaults. Rows B2–B19, B23.
//!
//! Absent are the rows that only a browser or Node has a meaning for: B15, B20–B22, B24.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use engineio_proto::{ClientLimits, TransportKind};
use http::HeaderMap;

#[cfg(feature = "tls")]
use super::Tls;
use super::{Connector, Listener, Proxy};
use crate::PerMessageDeflate;

/// Configuration of a client.
///
/// ```
/// use engineio::{TransportKind, client::Config};
///
/// let mut config = Config::default();
/// config.path = "/realtime".into();
/// config.transports = vec![TransportKind::WebSocket];
/// config.query.push(("room".into(), "lobby".into()));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The path of the requests; default `/engine.io` (row B2). What a URL does not allow in a path is percent-encoded.
    pub path: String,
    /// Whether the path gets a slash at its end where it has none; default true (row B23).
    pub add_trailing_slash: bool,
    /// The transports to use, in order: the first one opens the session. Default polling and WebSocket (row B3).
    pub transports: Vec<TransportKind>,
    /// Whether to change over to a transport that the server offers, where it is also in [`Config::transports`]; default
    /// true (row B4).
    pub upgrade: bool,
    /// Whether to begin on a WebSocket where the last session got that far; default false (row B5).
    pub remember_upgrade: bool,
    /// Whether to try the next of [`Config::transports`] where one cannot open the session; default false (row B6).
    pub try_all_transports: bool,
    /// Pairs for the query of each request, not encoded; default none (row B7). They come after those of the address, and
    /// replace the ones with the same key. The protocol's own keys are left out: `EIO`, `transport`, `sid`, `t`, `j`, `b64`.
    pub query: Vec<(String, String)>,
    /// Headers of each request and of the WebSocket's handshake: `Authorization`, say; default none (row B8). They replace
    /// those that the client would send, `Host` among them, but for the ones that make up the request's body or the
    /// handshake, which are left out: `Connection`, `Content-Length`, `Transfer-Encoding`, `Upgrade`, `Sec-WebSocket-…`.
    pub extra_headers: HeaderMap,
    /// Whether cookies are kept and sent back, as sticky routing needs it where it goes by cookies; default false (row B9).
    /// Domain, path, `Secure` and the end of a cookie are respected, unlike by the reference (contract I14).
    pub with_credentials: bool,
    /// Whether `b64=1` is sent, which asks for binary messages as base64; default false (row B10). On long-polling they are
    /// anyway.
    pub force_base64: bool,
    /// Whether each URL gets a stamp, so that no cache answers; default `None`: on long-polling only (row B11).
    pub timestamp_requests: Option<bool>,
    /// The name of the stamp; default `t` (row B11).
    pub timestamp_param: String,
    /// How long one request of long-polling may take, from connecting to the last byte of its answer; default `None`: as long
    /// as the session lives (row B12). A GET waits for the server to have something, which may take
    /// [`ping_interval`](crate::Limits::ping_interval): this has to be longer.
    pub request_timeout: Option<Duration>,
    /// What is different on long-polling; default nothing (row B13).
    pub polling: TransportOptions,
    /// What is different on WebSockets; default nothing (row B13).
    pub websocket: TransportOptions,
    /// Sub-protocols to offer in the handshake of a WebSocket, best first; default none (row B14). Each is a token of RFC
    /// 9110.
    pub protocols: Vec<String>,
    /// A proxy to go through; default `None` (row B16). The environment (`HTTPS_PROXY`) is not looked at.
    pub proxy: Option<Proxy>,
    /// Whom to trust, and who to be, over https and wss; default: whom the system trusts, and nobody (row B17, hazard S15).
    #[cfg(feature = "tls")]
    pub tls: Tls,
    /// The address of this machine to connect from; default `None`: what the system chooses (row B18).
    pub local_address: Option<IpAddr>,
    /// The kind of addresses to connect to; default `None`: both, raced (row B18).
    pub family: Option<Family>,
    /// How long an address of the kind that is tried first, IPv6 usually, has to itself before the other kind is tried beside
    /// it; default 300 ms. [RFC 8305 §8]
    pub happy_eyeballs_timeout: Duration,
    /// Compression of WebSocket messages, with servers that agree to it; default none (row B19).
    pub per_message_deflate: Option<PerMessageDeflate>,
    /// Makes the connections instead of TCP; default `None`. [`Config::proxy`], [`Config::local_address`],
    /// [`Config::family`] and [`Config::happy_eyeballs_timeout`] mean nothing then.
    pub connector: Option<Connector>,
    /// Bounds and times of each session (rows B18, E10).
    pub limits: ClientLimits,
    /// Is told what happens to a session beside messages; default nobody (row B27).
    pub listener: Option<Listener>,
    /// Whether the last session with this configuration ended on a WebSocket (row B5); shared by its clones.
    pub(super) remembered: Arc<AtomicBool>,
}

/// What is different on one transport; `None` is as for all (row B13). What is set replaces and does not add.
///
/// ```
/// use engineio::client::Config;
///
/// let mut config = Config::default();
/// config.websocket.path = Some("/websockets".into());
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TransportOptions {
    /// Instead of [`Config::path`].
    pub path: Option<String>,
    /// Instead of [`Config::add_trailing_slash`].
    pub add_trailing_slash: Option<bool>,
    /// Instead of [`Config::query`].
    pub query: Option<Vec<(String, String)>>,
    /// Instead of [`Config::extra_headers`].
    pub extra_headers: Option<HeaderMap>,
    /// Instead of [`Config::timestamp_requests`].
    pub timestamp_requests: Option<bool>,
}

/// A kind of addresses, for [`Config::family`].
///
/// ```
/// let mut config = engineio::client::Config::default();
/// config.family = Some(engineio::client::Family::V4);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    pub(super) const fn has(self, address: IpAddr) -> bool {
        matches!((self, address), (Self::V4, IpAddr::V4(_)) | (Self::V6, IpAddr::V6(_)))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/engine.io".to_owned(),
            add_trailing_slash: true,
            transports: vec![TransportKind::Polling, TransportKind::WebSocket],
            upgrade: true,
            remember_upgrade: false,
            try_all_transports: false,
            query: Vec::new(),
            extra_headers: HeaderMap::new(),
            with_credentials: false,
            force_base64: false,
            timestamp_requests: None,
            timestamp_param: "t".to_owned(),
            request_timeout: None,
            polling: TransportOptions::default(),
            websocket: TransportOptions::default(),
            protocols: Vec::new(),
            proxy: None,
            #[cfg(feature = "tls")]
            tls: Tls::default(),
            local_address: None,
            family: None,
            happy_eyeballs_timeout: Duration::from_millis(300),
            per_message_deflate: None,
            connector: None,
            limits: ClientLimits::default(),
            listener: None,
            remembered: Arc::default(),
        }
    }
}

impl Config {
    fn options(&self, transport: TransportKind) -> Option<&TransportOptions> {
        match transport {
            TransportKind::Polling => Some(&self.polling),
            TransportKind::WebSocket => Some(&self.websocket),
            _ => None,
        }
    }

    /// The path of the requests of a transport, with its slashes.
    pub(super) fn path_on(&self, transport: TransportKind) -> String {
        let options = self.options(transport);
        let path = options.and_then(|options| options.path.as_ref()).unwrap_or(&self.path);
        let add_slash = options.and_then(|options| options.add_trailing_slash).unwrap_or(self.add_trailing_slash);
        let front = if path.starts_with('/') { "" } else { "/" };
        let back = if add_slash && !path.ends_with('/') && !path.is_empty() { "/" } else { "" };
        format!("{front}{path}{back}")
    }

    pub(super) fn query_on(&self, transport: TransportKind) -> &[(String, String)] {
        self.options(transport).and_then(|options| options.query.as_ref()).unwrap_or(&self.query)
    }

    pub(super) fn extra_headers_on(&self, transport: TransportKind) -> &HeaderMap {
        self.options(transport).and_then(|options| options.extra_headers.as_ref()).unwrap_or(&self.extra_headers)
    }

    /// Whether the requests of a transport are stamped (row B11).
    pub(super) fn is_stamped(&self, transport: TransportKind) -> bool {
        let own = self.options(transport).and_then(|options| options.timestamp_requests);
        own.or(self.timestamp_requests).unwrap_or(transport == TransportKind::Polling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B2, B13, B23.
    #[test]
    fn the_path_gets_the_slashes_that_it_lacks() {
        for (path, add_trailing_slash, expected) in [
            ("/engine.io", true, "/engine.io/"),
            ("/engine.io/", true, "/engine.io/"),
            ("engine.io", true, "/engine.io/"),
            ("/engine.io", false, "/engine.io"),
            ("/engine.io/", false, "/engine.io/"),
            ("", true, "/"),
            ("/", false, "/"),
        ] {
            let config = Config { path: path.into(), add_trailing_slash, ..Config::default() };
            assert_eq!(config.path_on(TransportKind::Polling), expected, "{path} {add_trailing_slash}");
        }
    }

    /// B11, B13: what is said of a transport counts before what is said of all.
    #[test]
    fn a_transport_may_have_options_of_its_own() {
        let mut config = Config::default();
        let stamped = |config: &Config| {
            [TransportKind::Polling, TransportKind::WebSocket].map(|transport| config.is_stamped(transport))
        };
        assert_eq!(stamped(&config), [true, false]);
        config.timestamp_requests = Some(true);
        assert_eq!(stamped(&config), [true, true]);
        config.timestamp_requests = Some(false);
        assert_eq!(stamped(&config), [false, false]);
        config.websocket.timestamp_requests = Some(true);
        assert_eq!(stamped(&config), [false, true]);

        config.query = vec![("a".into(), "1".into())];
        config.websocket.query = Some(Vec::new());
        config.websocket.path = Some("/ws".into());
        config.websocket.add_trailing_slash = Some(false);
        assert_eq!(config.query_on(TransportKind::Polling).len(), 1);
        assert!(config.query_on(TransportKind::WebSocket).is_empty());
        assert_eq!(config.path_on(TransportKind::WebSocket), "/ws");
        assert_eq!(config.path_on(TransportKind::Polling), "/engine.io/");
    }
}
