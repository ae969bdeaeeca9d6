//! [`Config`]: everything about an engine that can be chosen, with the reference's defaults.

use engineio_proto::{Limits, TransportKind};

/// Configuration of an [`Engine`](crate::server::Engine).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The path that is served, with or without a slash at its end; default `/engine.io` (row A1). The match
    /// is exact up to that slash (contract I4): `/engine.iox` and `/engine.io/x` are not served.
    pub path: String,
    /// The transports offered, in order; default polling and WebSocket (row A3).
    pub transports: Vec<TransportKind>,
    /// Whether the open packet offers upgrades; default true. A client that upgrades all the same is not
    /// refused (row A4).
    pub allow_upgrades: bool,
    /// Bounds and times of each session.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/engine.io".to_owned(),
            transports: vec![TransportKind::Polling, TransportKind::WebSocket],
            allow_upgrades: true,
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// Whether a request path is this engine's.
    pub(crate) fn serves(&self, path: &str) -> bool {
        let own = self.path.strip_suffix('/').unwrap_or(&self.path);
        path.strip_suffix('/').unwrap_or(path) == own
    }

    /// The upgrades to offer to a session that begins on `transport` (row A5).
    pub(crate) fn upgrades(&self, transport: TransportKind) -> &'static [&'static str] {
        let offered = transport == TransportKind::Polling
            && self.allow_upgrades
            && self.transports.contains(&TransportKind::WebSocket);
        if offered { &["websocket"] } else { &[] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_matched_exactly_but_for_one_slash_at_its_end() {
        for configured in ["/socket.io", "/socket.io/"] {
            let config = Config { path: configured.into(), ..Config::default() };
            for (path, served) in [
                ("/socket.io", true),
                ("/socket.io/", true),
                ("/socket.io//", false),
                ("/socket.iox/", false),
                ("/socket.io/x", false),
                ("/", false),
                ("", false),
            ] {
                assert_eq!(config.serves(path), served, "{configured} {path}");
            }
        }
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
