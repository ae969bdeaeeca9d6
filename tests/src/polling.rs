//! An Engine.IO session over HTTP long-polling, one request at a time and each on a connection of its own.
//!
//! Owns the addresses and the split of payloads into packets [EIO4 HTTP long-polling]. Leaves out the heartbeat: a test that
//! needs it answers itself.

use std::net::SocketAddr;

use serde_json::Value;

use crate::{Connection, Response, TestServer, request};

/// A session that was opened with polling.
#[derive(Debug)]
pub struct PollingSession {
    addr: SocketAddr,
    path: String,
    sid: String,
    handshake: Value,
}

impl PollingSession {
    /// Opens a session on the echo server of Engine.IO.
    pub fn open(server: &TestServer) -> Self {
        Self::open_at(server, "/engine.io/")
    }

    /// Opens a session at that path.
    pub fn open_at(server: &TestServer, path: &str) -> Self {
        let response = request(server.addr(), "GET", &format!("{path}?EIO=4&transport=polling"), None);
        assert_eq!(response.status, 200, "the handshake is accepted: {response:?}");
        let text = response.text();
        let handshake = text.strip_prefix('0').unwrap_or_else(|| panic!("an open packet, not {text:?}"));
        let handshake: Value = serde_json::from_str(handshake).expect("the open packet carries JSON");
        let sid = handshake["sid"].as_str().expect("a session id").to_owned();
        Self { addr: server.addr(), path: path.to_owned(), sid, handshake }
    }

    /// The session id.
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// What the open packet said.
    pub fn handshake(&self) -> &Value {
        &self.handshake
    }

    /// The address of this session's polling requests.
    pub fn target(&self) -> String {
        self.target_for("polling")
    }

    /// The address of this session with another transport.
    pub fn target_for(&self, transport: &str) -> String {
        format!("{}?EIO=4&transport={transport}&sid={}", self.path, self.sid)
    }

    /// Polls, waiting for the answer.
    pub fn get(&self) -> Response {
        request(self.addr, "GET", &self.target(), None)
    }

    /// Polls and expects exactly these packets.
    pub fn expect_poll(&self, expected: &[&str]) {
        let response = self.get();
        assert_eq!(response.status, 200, "the poll is answered: {response:?}");
        assert_eq!(packets(&response), expected);
    }

    /// Polls until so many packets are there, and returns them in order.
    pub fn poll_packets(&self, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        while all.len() < count {
            let response = self.get();
            assert_eq!(response.status, 200, "the poll is answered: {response:?}");
            all.extend(packets(&response));
        }
        all
    }

    /// Starts a poll and leaves it open; its answer can be read later.
    ///
    /// Two round trips on other connections follow, so that the server has seen this poll before the test goes on.
    pub fn start_get(&self) -> Connection {
        let mut connection = Connection::open(self.addr);
        connection.send_request("GET", &self.target(), &[], None);
        for _ in 0..2 {
            request(self.addr, "GET", &format!("{}?EIO=4&transport=none", self.path), None);
        }
        connection
    }

    /// Posts this payload.
    pub fn post(&self, payload: &str) -> Response {
        request(self.addr, "POST", &self.target(), Some(payload.as_bytes()))
    }

    /// Posts this payload, whatever becomes of the request: for payloads that make the server end the session.
    pub fn post_to_the_end(&self, payload: &str) {
        let mut connection = Connection::open(self.addr);
        connection.send_request("POST", &self.target(), &[], Some(payload.as_bytes()));
        connection.try_response();
    }

    /// Posts this payload and expects the `ok` of A62.
    pub fn say(&self, payload: &str) {
        let response = self.post(payload);
        assert_eq!((response.status, response.text()), (200, "ok"), "the payload is accepted");
    }

    /// Shows that the session works: a message is echoed.
    pub fn expect_alive(&self) {
        self.say("4still here");
        self.expect_poll(&["4still here"]);
    }

    /// Shows that the session is gone: its id is unknown (A37).
    pub fn expect_gone(&self) {
        let response = self.get();
        assert_eq!(response.status, 400, "the session is gone: {response:?}");
        assert_eq!(response.json()["code"], 1, "the session id is unknown");
    }
}

/// The packets of a payload, split at 0x1E.
pub fn packets(response: &Response) -> Vec<String> {
    response.text().split('\u{1e}').map(str::to_owned).collect()
}
