//! The server under test: ours in this process, or the npm reference in a process of its own; the same behaviour either way.
//!
//! Owns the choice between the two, the settings, and the questions a test may ask the server about sessions that have ended.
//! The behaviour itself is in `rust_server.rs` and in `tests/js/reference_*.mjs`.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::json;
use testkit::NodeServer;

use crate::rust_server::RustServer;
use crate::{Frame, HttpSettings, Wire};

/// Which implementation the tests run against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// This project.
    Rust,
    /// The npm packages socket.io and engine.io. Only there to show that the tests ask for the right thing: where section I of
    /// the contract departs from the reference, the tests expect the departure of [`Peer::Rust`] and the original of this one.
    Reference,
}

/// The implementation that the environment chooses: ours, unless `SIO_TEST_PEER` is `reference`.
pub fn peer() -> Peer {
    match std::env::var("SIO_TEST_PEER").as_deref() {
        Ok("reference") => Peer::Reference,
        Ok(other) if !other.is_empty() && other != "rust" => {
            panic!("SIO_TEST_PEER is `rust` or `reference`, not `{other}`")
        }
        _ => Peer::Rust,
    }
}

/// The options of a test server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// From the opening, or from the last pong, to the next ping (A7).
    pub ping_interval: Duration,
    /// From a ping to its pong (A8).
    pub ping_timeout: Duration,
    /// From the arrival of a second transport to the end of its probe (A6).
    pub upgrade_timeout: Duration,
    /// From the opening to the first joined namespace (D4).
    pub connect_timeout: Duration,
    /// The largest request body and message, in bytes (A9).
    pub max_payload: usize,
    /// Whether WebSocket messages are compressed for clients that offer it (A11).
    pub per_message_deflate: bool,
    /// The transports that are served (A3).
    pub transports: &'static [&'static str],
    /// Whether the open packet offers upgrades (A4).
    pub allow_upgrades: bool,
    /// Whether the Socket.IO packets are MessagePack (C28).
    pub msgpack: bool,
    /// Whether the browser client is served (D8).
    pub serve_client: bool,
    /// Whether clients of revision 3 of Engine.IO are served (A16).
    pub allow_eio3: bool,
    /// How long a client may be away and come back to its session (D103); `None` is without recovery.
    pub recovery: Option<Duration>,
    /// The most bytes that wait for a client; the reference has no such bound (A21).
    pub max_queue: usize,
    /// What is added to the answers over HTTP; nothing unless a test is about it.
    pub http: HttpSettings,
}

impl Settings {
    /// The settings of the official protocol test suites (A91, C31): a heartbeat that fails within half a second.
    pub fn official() -> Self {
        Self {
            ping_interval: Duration::from_millis(300),
            ping_timeout: Duration::from_millis(200),
            connect_timeout: Duration::from_secs(1),
            ..Self::calm()
        }
    }

    /// The defaults, for tests that are not about time: no heartbeat comes between what they send and expect.
    pub fn calm() -> Self {
        Self {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(45),
            max_payload: 1_000_000,
            per_message_deflate: false,
            transports: &["polling", "websocket"],
            allow_upgrades: true,
            msgpack: false,
            serve_client: false,
            allow_eio3: false,
            recovery: None,
            max_queue: 16 << 20,
            http: HttpSettings::default(),
        }
    }

    fn to_json(&self) -> String {
        json!({
            "pingInterval": self.ping_interval.as_millis(),
            "pingTimeout": self.ping_timeout.as_millis(),
            "upgradeTimeout": self.upgrade_timeout.as_millis(),
            "connectTimeout": self.connect_timeout.as_millis(),
            "maxPayload": self.max_payload,
            "perMessageDeflate": self.per_message_deflate,
            "transports": self.transports,
            "allowUpgrades": self.allow_upgrades,
            "msgpack": self.msgpack,
            "serveClient": self.serve_client,
            "allowEIO3": self.allow_eio3,
            "recovery": self.recovery.map(|recovery| recovery.as_millis()),
            "http": self.http.to_json(),
        })
        .to_string()
    }
}

/// A server of its own for one test, on a free port; it ends with the value.
#[derive(Debug)]
pub struct TestServer {
    addr: SocketAddr,
    _running: Running,
}

#[derive(Debug)]
enum Running {
    Rust(#[expect(dead_code, reason = "held so that the server ends with the test")] RustServer),
    Reference(#[expect(dead_code, reason = "held so that the process ends with the test")] NodeServer),
}

impl TestServer {
    /// Starts the server that [`peer`] chooses, with the calm settings.
    pub fn calm() -> Self {
        Self::start(&Settings::calm())
    }

    /// Starts the server that [`peer`] chooses, with the settings of the official suites.
    pub fn official() -> Self {
        Self::start(&Settings::official())
    }

    /// Starts the server that [`peer`] chooses.
    pub fn start(settings: &Settings) -> Self {
        Self::start_as(peer(), settings)
    }

    /// Starts this one, for tests of a client, whose judge is the reference.
    pub fn start_as(peer: Peer, settings: &Settings) -> Self {
        match peer {
            Peer::Rust => {
                let server = RustServer::start(settings);
                Self { addr: server.addr(), _running: Running::Rust(server) }
            }
            Peer::Reference => {
                let server = NodeServer::start("tests/js/reference_server.mjs", [settings.to_json()]);
                let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
                Self { addr, _running: Running::Reference(server) }
            }
        }
    }

    /// Where the server listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address for clients that want a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Waits until that session of the Engine.IO echo server has closed, and returns the reason (A51).
    ///
    /// The question travels over a session of its own, so an answer also shows that the server still serves others.
    pub fn close_reason(&self, sid: &str) -> String {
        let (mut wire, _) = Wire::open_session(self);
        wire.text(&format!("4please tell {sid}"));
        loop {
            match wire.receive() {
                Frame::Text(text) if text == "2" => wire.text("3"),
                Frame::Text(text) => return text.trim_start_matches('4').to_owned(),
                other => panic!("an answer, not {other:?}"),
            }
        }
    }
}
