//! WebSocket connections to the test server: a well-behaved one on tungstenite, and a raw one for frames that break the rules.
//!
//! Owns the opening handshake, Engine.IO's packet-per-frame reading [EIO4 WebSocket] and, in [`RawWire`], frames written byte by
//! byte [RFC 6455 §5.2]. Leaves out the heartbeat: a test that needs it answers itself.

use std::net::{Shutdown, SocketAddr, TcpStream};

use serde_json::Value;
use tungstenite::protocol::WebSocket;
use tungstenite::{Bytes, Error, Message};

use crate::{Connection, DEADLINE, TestServer};

/// What the server sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// The connection ended, with the close code if there was a close frame with one.
    Closed(Option<u16>),
}

/// Why a WebSocket could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// An HTTP response instead of 101.
    Status(u16, String),
    /// The connection ended before or right after the 101, without a packet.
    Closed,
}

/// A WebSocket connection that keeps to the rules.
#[derive(Debug)]
pub struct Wire {
    socket: WebSocket<TcpStream>,
}

impl Wire {
    /// Connects to this address on the server and expects the 101.
    pub fn open(server: &TestServer, target: &str) -> Self {
        Self::try_open(server.addr(), target)
            .unwrap_or_else(|refusal| panic!("the WebSocket is accepted, not {refusal:?}"))
    }

    /// Connects, and tells how it went.
    pub fn try_open(addr: SocketAddr, target: &str) -> Result<Self, Refusal> {
        let stream = TcpStream::connect(addr).expect("the server accepts connections");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline can be set");
        stream.set_nodelay(true).expect("the stream is a TCP stream");
        match tungstenite::client(format!("ws://{addr}{target}"), stream) {
            Ok((socket, _response)) => Ok(Self { socket }),
            Err(tungstenite::HandshakeError::Failure(Error::Http(response))) => {
                let body = response.body().clone().unwrap_or_default();
                Err(Refusal::Status(response.status().as_u16(), String::from_utf8_lossy(&body).into_owned()))
            }
            Err(tungstenite::HandshakeError::Interrupted(_)) => panic!("no handshake within {DEADLINE:?}"),
            Err(_ended) => Err(Refusal::Closed),
        }
    }

    /// Opens an Engine.IO session on the echo server over WebSocket alone; returns what the open packet said, too.
    pub fn open_session(server: &TestServer) -> (Self, Value) {
        Self::open_session_at(server, "/engine.io/")
    }

    /// Opens an Engine.IO session at that path over WebSocket alone.
    pub fn open_session_at(server: &TestServer, path: &str) -> (Self, Value) {
        let mut wire = Self::open(server, &format!("{path}?EIO=4&transport=websocket"));
        let Frame::Text(open) = wire.receive() else { panic!("the first frame is the open packet") };
        let handshake = open.strip_prefix('0').unwrap_or_else(|| panic!("an open packet, not {open:?}"));
        let handshake = serde_json::from_str(handshake).expect("the open packet carries JSON");
        (wire, handshake)
    }

    /// Sends a text frame.
    pub fn text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).expect("the server reads");
    }

    /// Sends a text frame, and does not mind if the server has gone meanwhile.
    pub fn text_if_open(&mut self, text: &str) {
        let _gone = self.socket.send(Message::text(text));
    }

    /// Sends a binary frame.
    pub fn binary(&mut self, bytes: &[u8]) {
        self.socket.send(Message::Binary(Bytes::copy_from_slice(bytes))).expect("the server reads");
    }

    /// Sends a binary frame, and does not mind if the server has gone meanwhile.
    pub fn binary_if_open(&mut self, bytes: &[u8]) {
        let _gone = self.socket.send(Message::Binary(Bytes::copy_from_slice(bytes)));
    }

    /// Sends a ping of the WebSocket protocol and expects the pong [RFC 6455 §5.5.3].
    pub fn expect_control_pong(&mut self) {
        self.socket.send(Message::Ping(Bytes::from_static(b"are you there"))).expect("the server reads");
        match self.socket.read().expect("the server answers") {
            Message::Pong(payload) => assert_eq!(&payload[..], b"are you there"),
            other => panic!("a pong, not {other:?}"),
        }
    }

    /// Starts the closing handshake.
    pub fn close(&mut self) {
        self.socket.close(None).expect("a close frame can be sent");
    }

    /// Drops the TCP connection without a close frame.
    pub fn abort(self) {
        let _gone = self.socket.get_ref().shutdown(Shutdown::Both);
    }

    /// The next data frame, or the end.
    pub fn receive(&mut self) -> Frame {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Frame::Text(text.to_string()),
                Ok(Message::Binary(bytes)) => return Frame::Binary(bytes.to_vec()),
                Ok(Message::Close(frame)) => {
                    let code = frame.map(|frame| u16::from(frame.code));
                    while self.socket.read().is_ok() {}
                    // The peer waits for the end of our side of the stream, too [RFC 6455 §7.1.1].
                    let _gone = self.socket.get_ref().shutdown(Shutdown::Both);
                    return Frame::Closed(code);
                }
                Ok(_control) => {}
                Err(Error::Io(error))
                    if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
                {
                    panic!("the server neither sent nor closed within {DEADLINE:?}")
                }
                Err(_ended) => return Frame::Closed(None),
            }
        }
    }

    /// Expects this text frame next.
    pub fn expect_text(&mut self, expected: &str) {
        assert_eq!(self.receive(), Frame::Text(expected.to_owned()));
    }

    /// Expects this binary frame next.
    pub fn expect_binary(&mut self, expected: &[u8]) {
        assert_eq!(self.receive(), Frame::Binary(expected.to_vec()));
    }

    /// Expects the end of the connection next; returns the close code, if any.
    pub fn expect_closed(&mut self) -> Option<u16> {
        match self.receive() {
            Frame::Closed(code) => code,
            other => panic!("the connection is closed, not {other:?}"),
        }
    }

    /// Shows that the session works: a message is echoed.
    pub fn expect_alive(&mut self) {
        self.text("4still here");
        self.expect_text("4still here");
    }
}

/// A WebSocket connection on which any bytes can be written.
#[derive(Debug)]
pub struct RawWire {
    connection: Connection,
}

impl RawWire {
    /// Opens an Engine.IO session on the echo server over WebSocket and returns it with its session id.
    pub fn open(server: &TestServer) -> (Self, String) {
        let mut wire = Self::open_at(server, "/engine.io/?EIO=4&transport=websocket");
        let (opcode, payload) = wire.receive().expect("the open packet");
        assert_eq!(opcode, 1, "the open packet is text");
        let open = String::from_utf8(payload).expect("the open packet is UTF-8");
        let handshake: Value = serde_json::from_str(&open[1..]).expect("the open packet carries JSON");
        let sid = handshake["sid"].as_str().expect("a session id").to_owned();
        (wire, sid)
    }

    /// Opens a WebSocket at this address and reads nothing yet.
    pub fn open_at(server: &TestServer, target: &str) -> Self {
        let mut connection = Connection::open(server.addr());
        let headers = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        connection.send_head("GET", target, &headers);
        let response = connection.response();
        assert_eq!(response.status, 101);
        // The example of RFC 6455 §1.3.
        assert_eq!(response.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        Self { connection }
    }

    /// Writes these bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.connection.send_if_open(bytes);
    }

    /// Writes a frame with this first byte (FIN, RSV and opcode) and this payload, masked and of the right length.
    pub fn send_frame(&mut self, first: u8, payload: &[u8]) {
        self.send(&masked_frame(first, payload));
    }

    /// The opcode and payload of the next frame, or `None` at the end of the connection.
    pub fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = self.connection.take(2)?;
        assert_eq!(head[1] & 0x80, 0, "a server does not mask [RFC 6455 §5.1]");
        let length = match head[1] {
            126 => usize::from(u16::from_be_bytes(self.connection.take(2)?.try_into().ok()?)),
            127 => usize::try_from(u64::from_be_bytes(self.connection.take(8)?.try_into().ok()?)).ok()?,
            short => usize::from(short),
        };
        Some((head[0] & 0x0f, self.connection.take(length)?))
    }

    /// Reads to the end of the connection; returns the code of the close frame, if there was one.
    pub fn expect_closed(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some((opcode, payload)) = self.receive() {
            assert_eq!(opcode, 8, "nothing but a close frame comes, not {payload:?}");
            code = payload.first_chunk::<2>().map(|bytes| u16::from_be_bytes(*bytes));
            // The peer may wait for the answer to its close frame before it ends the connection [RFC 6455 §7.1.1].
            self.send_frame(0x88, &payload);
        }
        code
    }
}

/// A frame as a client sends it, with the mask 1, 2, 3, 4.
fn masked_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | u8::try_from(short).expect("a short length")),
        medium @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(medium).expect("a medium length").to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend(u64::try_from(long).expect("a length").to_be_bytes());
        }
    }
    let mask = [1, 2, 3, 4];
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}
