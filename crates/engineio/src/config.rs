//! [`Config`]: everything about an engine that can be chosen, with the reference's defaults.

use engineio_proto::{Limits, Message, Reject, TransportKind};
use http::request::Parts;

use crate::{
    AdmissionLimits, AllowRequest, ConnectionErrorHook, Cookie, Cors, GenerateId, HeadersHook, HttpCompression,
    Middleware, PerMessageDeflate,
};

/// Configuration of an [`Engine`](crate::server::Engine).
///
/// ```
/// use engineio::{Config, TransportKind};
///
/// let mut config = Config::default();
/// config.path = "/realtime".into();
/// config.transports = vec![TransportKind::WebSocket];
/// config.limits.max_payload_bytes = 5_000_000;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The path that is served; default `/engine.io` (row A1). A slash at its end makes no difference here, see
    /// [`Config::add_trailing_slash`]. The match is exact (contract I4): `/engine.iox/` and `/engine.io/x` are not
    /// served.
    pub path: String,
    /// Whether the path is served with a slash at its end only, which is what clients ask for; default true.
    /// Without it both forms are served (row A2).
    pub add_trailing_slash: bool,
    /// Whether everything below the path is served too, as by the reference, which compares the beginning of the URL (row
    /// A1): for proxies that append to it. Default false: only the path itself (contract I4).
    pub serve_below_path: bool,
    /// The transports offered, in order; default polling and WebSocket (row A3).
    pub transports: Vec<TransportKind>,
    /// Whether the open packet offers upgrades; default true. A client that upgrades all the same is not
    /// refused (row A4).
    pub allow_upgrades: bool,
    /// Whether clients of revision 3 of the protocol are served too: those of Socket.IO 1.x and 2.x, with JSONP (rows A16,
    /// A71). A request that names no revision is then of the third. Default false: they get code 5 (row A41).
    ///
    /// Two things to know before it is set: browsers let any page use JSONP, whatever is said about origins; and in
    /// Socket.IO the ids of such clients' sockets are made of the session's id, which is a secret (hazard S45).
    ///
    /// ```
    /// let mut config = engineio::Config::default();
    /// config.allow_eio3 = true;
    /// ```
    pub allow_eio3: bool,
    /// Is asked before a session begins; default: nobody, all may come (row A40).
    pub allow_request: Option<AllowRequest>,
    /// The application's code in front of every request, in this order; default none (row A25).
    pub middlewares: Vec<Middleware>,
    /// Which pages of other origins may talk to the engine; default `None`: nothing is said about it, and browsers
    /// keep them out of long-polling (row A13, hazard S2).
    pub cors: Option<Cors>,
    /// A cookie with the session's id, for sticky routing; default `None` (row A14).
    pub cookie: Option<Cookie>,
    /// Compression of the answers of long-polling; default on. `None` switches it off (row A10).
    pub http_compression: Option<HttpCompression>,
    /// Makes the ids of sessions; default `None`: [`random_id`](crate::random_id) does (row A26).
    pub generate_id: Option<GenerateId>,
    /// A message that every session starts with, in the same answer as the open packet or right behind it; default
    /// `None` (row A17).
    pub initial_packet: Option<Message>,
    /// Changes the headers of the first answer of a session: of the handshake, whether on long-polling or as a 101;
    /// default `None` (row A27).
    pub initial_headers: Option<HeadersHook>,
    /// Changes the headers of each answer of a session, after [`Config::initial_headers`]; default `None` (row A28).
    /// Refusals are no answers of a session.
    pub headers: Option<HeadersHook>,
    /// Is told of every refused request; default `None` (row A29).
    pub connection_error: Option<ConnectionErrorHook>,
    /// Compression of WebSocket messages, with clients that offer it; default none, as it costs time for each message
    /// (row A11).
    pub per_message_deflate: Option<PerMessageDeflate>,
    /// Bounds and times of each session.
    pub limits: Limits,
    /// How many sessions and connections there may be, and how fast they may come; default: as many as come.
    pub admission: AdmissionLimits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/engine.io".to_owned(),
            add_trailing_slash: true,
            serve_below_path: false,
            transports: vec![TransportKind::Polling, TransportKind::WebSocket],
            allow_upgrades: true,
            allow_eio3: false,
            allow_request: None,
            middlewares: Vec::new(),
            cors: None,
            cookie: None,
            http_compression: Some(HttpCompression::default()),
            generate_id: None,
            initial_packet: None,
            initial_headers: None,
            headers: None,
            connection_error: None,
            per_message_deflate: None,
            limits: Limits::default(),
            admission: AdmissionLimits::default(),
        }
    }
}

impl Config {
    /// Whether a request path is this engine's.
    pub(crate) fn serves(&self, path: &str) -> bool {
        let own = self.path.strip_suffix('/').unwrap_or(&self.path);
        if self.serve_below_path && path.strip_prefix(own).is_some_and(|below| below.starts_with('/')) {
            return true;
        }
        match path.strip_suffix('/') {
            Some(path) => path == own,
            None => !self.add_trailing_slash && path == own,
        }
    }

    /// Whether a handshake may come from where it comes from (hazard S2).
    pub(crate) fn check_origin(&self, request: &Parts) -> Result<(), Reject> {
        let admitted = self.cors.as_ref().is_none_or(|cors| cors.admits(request));
        if admitted { Ok(()) } else { Err(forbidden(String::new())) }
    }

    /// Asks the application whether this session may begin.
    pub(crate) fn check_allowed(&self, request: &Parts) -> Result<(), Reject> {
        self.allow_request.as_ref().map_or(Ok(()), |allow| allow.decide(request)).map_err(forbidden)
    }

    /// The upgrades to offer to a session that begins on `transport` (row A5).
    pub(crate) fn upgrades(&self, transport: TransportKind) -> &'static [&'static str] {
        let offered = transport == TransportKind::Polling
            && self.allow_upgrades
            && self.transports.contains(&TransportKind::WebSocket);
        if offered { &["websocket"] } else { &[] }
    }
}

fn forbidden(message: String) -> Reject {
    Reject::Forbidden(if message.is_empty() { "Forbidden".to_owned() } else { message })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hazard R42.
    #[test]
    fn the_path_is_matched_exactly_and_without_its_slash_only_where_none_is_added() {
        for (configured, add_trailing_slash) in
            [("/socket.io", true), ("/socket.io/", true), ("/socket.io", false), ("/socket.io/", false)]
        {
            let config = Config { path: configured.into(), add_trailing_slash, ..Config::default() };
            for (path, served) in [
                ("/socket.io", !add_trailing_slash),
                ("/socket.io/", true),
                ("/socket.io//", false),
                ("/socket.iox/", false),
                ("/socket.io/x", false),
                ("/", false),
                ("", false),
            ] {
                assert_eq!(config.serves(path), served, "{configured} {add_trailing_slash} {path}");
            }
        }
    }

    /// I4: the prefix match of the reference is there where it is asked for, and still ends at a slash.
    #[test]
    fn what_is_below_the_path_is_served_where_that_is_configured() {
        for add_trailing_slash in [true, false] {
            let mut config = Config { add_trailing_slash, serve_below_path: true, ..Config::default() };
            config.path = "/socket.io".into();
            for (path, served) in [
                ("/socket.io/", true),
                ("/socket.io/x", true),
                ("/socket.io/x/y", true),
                ("/socket.io", !add_trailing_slash),
                ("/socket.iox", false),
                ("/x/socket.io/", false),
            ] {
                assert_eq!(config.serves(path), served, "{add_trailing_slash} {path}");
            }
        }
    }

    #[test]
    fn who_is_not_allowed_is_told_why_or_that_it_is_forbidden() {
        let ask = |path: &str, config: &Config| {
            let (parts, ()) = http::Request::get(path).body(()).unwrap().into_parts();
            config.check_allowed(&parts)
        };
        let mut config = Config::default();
        assert_eq!(ask("/", &config), Ok(()));
        config.allow_request = Some(AllowRequest::new(|request| match request.uri.path() {
            "/in" => Ok(()),
            other => Err(other.trim_start_matches('/').to_owned()),
        }));
        assert_eq!(ask("/in", &config), Ok(()));
        assert_eq!(ask("/why", &config), Err(Reject::Forbidden("why".to_owned())));
        assert_eq!(ask("/", &config), Err(Reject::Forbidden("Forbidden".to_owned())));
    }

    #[test]
    fn upgrades_are_offered_only_where_they_can_be_had() {
        let config = Config::default();
        assert_eq!(config.upgrades(TransportKind::Polling), ["websocket"]);
        assert!(config.upgrades(TransportKind::WebSocket).is_empty());
        let off = Config { allow_upgrades: false, ..Config::default() };
        assert!(off.upgrades(TransportKind::Polling).is_empty());
        let polling = Config { transports: vec![TransportKind::Polling], ..Config::default() };
        assert!(polling.upgrades(TransportKind::Polling).is_empty());
    }
}
