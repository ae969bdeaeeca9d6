//! A Socket.IO client that only knows the protocol's text: it sends what it is told and shows what comes.
//!
//! Owns the way from nothing to a joined namespace over WebSocket [SIO5 Connection]. Leaves out packet parsing beyond what a
//! test needs to read an answer.

use serde_json::Value;

use crate::{Frame, TestServer, Wire};

/// A Socket.IO connection over WebSocket, packet by packet.
#[derive(Debug)]
pub struct SocketIoWire {
    wire: Wire,
    session: String,
}

impl SocketIoWire {
    /// Opens the Engine.IO session, and no namespace.
    pub fn open(server: &TestServer) -> Self {
        let (wire, handshake) = Wire::open_session_at(server, "/socket.io/");
        let session = handshake["sid"].as_str().expect("a session id").to_owned();
        Self { wire, session }
    }

    /// Opens the session and joins the main namespace; its `auth` event is read.
    pub fn connect(server: &TestServer) -> Self {
        let mut this = Self::open(server);
        this.join("/", "");
        this.expect(r#"2["auth",{}]"#);
        this
    }

    /// Joins a namespace with this text as auth payload; returns the socket id.
    pub fn join(&mut self, namespace: &str, auth: &str) -> String {
        let prefix = if namespace == "/" { String::new() } else { format!("{namespace},") };
        self.send(&format!("0{prefix}{auth}"));
        let answer = self.receive();
        let payload = answer.strip_prefix(&format!("0{prefix}")).unwrap_or_else(|| panic!("a CONNECT, not {answer:?}"));
        let payload: Value = serde_json::from_str(payload).expect("the CONNECT carries JSON");
        payload["sid"].as_str().expect("a socket id").to_owned()
    }

    /// The id of the Engine.IO session.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// The connection below, for what is not a text packet.
    pub fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    /// Sends one text packet (without Engine.IO's `4`).
    pub fn send(&mut self, packet: &str) {
        self.wire.text_if_open(&format!("4{packet}"));
    }

    /// The next text packet (without Engine.IO's `4`).
    pub fn receive(&mut self) -> String {
        match self.wire.receive() {
            Frame::Text(text) => match text.strip_prefix('4') {
                Some(packet) => packet.to_owned(),
                None => panic!("a message, not {text:?}"),
            },
            other => panic!("a text packet, not {other:?}"),
        }
    }

    /// Expects this text packet next.
    pub fn expect(&mut self, expected: &str) {
        assert_eq!(self.receive(), expected);
    }

    /// Expects the end of the connection; pings and packets that were on their way are skipped.
    pub fn expect_closed(&mut self) {
        while !matches!(self.wire.receive(), Frame::Closed(_)) {}
    }

    /// Shows that the main namespace works: a message comes back.
    pub fn expect_alive(&mut self) {
        self.send(r#"2["message","still here"]"#);
        self.expect(r#"2["message-back","still here"]"#);
    }
}
