//! Tests of the client's session. `table.rs` goes through every state × every input (over `bench.rs`, which builds the states
//! and applies the inputs), `clauses.rs`, `upgrading.rs`, `sending.rs` and `closing.rs` through the contract's rows and what a
//! hostile server may do, sentence by sentence. Conversations with the server's session by the thousand are in
//! `session/tests/simulation/`, where they stand beside those of the server with a client that is a model.
//!
//! Here is what they share: a session with its clock, and outputs in one readable line.

mod bench;
mod clauses;
mod closing;
mod sending;
mod table;
mod upgrading;

use bytes::Bytes;

pub(super) use crate::session::tests::{at, frame, hex, packets, text};
use crate::{
    ClientOptions, ClientOutput, ClientSession, CloseMode, Message, Moment, RequestId, SendError, TransportKind,
    WireId, WireLoss, websocket::FrameEvent,
};

/// The reference's times, and payloads so small that two of the large messages do not fit into one.
const OPEN: &str = r#"0{"sid":"secret","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":16}"#;

/// The same of a server that offers a WebSocket.
const OFFER: &str =
    r#"0{"sid":"secret","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":16}"#;

/// That with other values, as JSON.
fn open_with(values: &[(&str, &str)]) -> String {
    let mut json: serde_json::Value = serde_json::from_str(&OFFER[1..]).unwrap();
    for (key, value) in values {
        json[key] = serde_json::from_str(value).unwrap();
    }
    format!("0{json}")
}

/// Outputs in one line; the two closures name the ids.
fn line(outputs: &[ClientOutput], request: impl Fn(RequestId) -> String, wire: impl Fn(WireId) -> String) -> String {
    let word = |output: &ClientOutput| match output {
        ClientOutput::Get(id) => format!("get:{}", request(*id)),
        ClientOutput::Post(id, payload) => format!("post:{}={}", request(*id), packets(&payload.bytes)),
        ClientOutput::Abort(id) => format!("abort:{}", request(*id)),
        ClientOutput::OpenWire(id) => format!("open:{}", wire(*id)),
        ClientOutput::CloseWire(id, None) => format!("close:{}", wire(*id)),
        ClientOutput::CloseWire(id, Some(code)) => format!("close:{},{code}", wire(*id)),
        ClientOutput::Opened => "opened".into(),
        ClientOutput::TriesNext(kind) => format!("tries({kind})"),
        ClientOutput::Upgraded => "upgraded".into(),
        ClientOutput::UpgradeFailed(detail) => {
            assert!(!detail.is_empty(), "every failure is explained");
            "upgrade-failed".into()
        }
        ClientOutput::Ping => "ping".into(),
        ClientOutput::Message(Message::Text(text)) => format!("message({text})"),
        ClientOutput::Message(Message::Binary(bytes)) => format!("message({})", hex(bytes)),
        ClientOutput::Closed(closed) => {
            assert!(!closed.detail.is_empty(), "every end is explained");
            format!("closed({})", closed.reason)
        }
    };
    outputs.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// A session with its clock. Each input gives what came out of it, with the session's own numbers: they count up, so that the
/// first request or WebSocket is 1.
struct Client {
    session: ClientSession,
    now: Moment,
    out: Vec<ClientOutput>,
}

impl Client {
    fn new(options: ClientOptions, first: Option<TransportKind>) -> Self {
        let mut out = Vec::new();
        let session = ClientSession::open(options.into(), first, at(0), &mut out);
        Self { session, now: at(0), out }
    }

    /// Long-polling with GET 2 under way.
    fn polling() -> Self {
        Self::opened_by(OPEN, "opened get:2")
    }

    /// Long-polling with GET 3 under way, while WebSocket 2 is to be opened.
    fn connecting() -> Self {
        Self::opened_by(OFFER, "opened open:2 get:3")
    }

    /// The same; the WebSocket is open, and `2probe` written on it.
    fn probing() -> Self {
        let mut client = Self::connecting();
        client.session.handle_wire_opened(WireId(2));
        assert_eq!(client.take(2), "2probe");
        client
    }

    /// On a WebSocket with number 2, after an upgrade; `5` is written.
    fn upgraded() -> Self {
        let mut client = Self::probing();
        assert_eq!(client.says(2, "3probe"), "");
        assert_eq!(client.answer(3, "6"), "upgraded");
        assert_eq!(client.take(2), "5");
        client.session.handle_wire_flushed(WireId(2));
        client
    }

    /// On WebSocket 1, with which it began.
    fn wire() -> Self {
        let mut client = Self::new(ClientOptions::default(), Some(TransportKind::WebSocket));
        assert_eq!((client.said(), client.says(1, OFFER)), ("open:1".into(), "opened".into()));
        client
    }

    fn opened_by(open: &str, expected: &str) -> Self {
        let mut client = Self::new(ClientOptions::default(), None);
        assert_eq!((client.said().as_str(), client.answer(1, open).as_str()), ("get:1", expected));
        client
    }

    /// What has come out since it was last asked.
    fn said(&mut self) -> String {
        line(&std::mem::take(&mut self.out), |id| id.0.to_string(), |id| id.0.to_string())
    }

    fn answer(&mut self, get: u32, body: &str) -> String {
        self.answer_bytes(get, Bytes::copy_from_slice(body.as_bytes()))
    }

    fn answer_bytes(&mut self, get: u32, body: Bytes) -> String {
        self.session.handle_answer(RequestId(get), body, self.now, &mut self.out);
        self.said()
    }

    fn posted(&mut self, post: u32) -> String {
        self.session.handle_posted(RequestId(post), self.now, &mut self.out);
        self.said()
    }

    fn failed(&mut self, request: u32) -> String {
        self.session.handle_request_failed(RequestId(request), &mut self.out);
        self.said()
    }

    /// A text message on the WebSocket.
    fn says(&mut self, wire: u32, packet: &str) -> String {
        self.frame(wire, FrameEvent::Message(packet.into()))
    }

    fn frame(&mut self, wire: u32, frame: FrameEvent) -> String {
        self.session.handle_frame(WireId(wire), frame, self.now, &mut self.out);
        self.said()
    }

    fn lost(&mut self, wire: u32, loss: WireLoss) -> String {
        self.session.handle_wire_lost(WireId(wire), loss, self.now, &mut self.out);
        self.said()
    }

    fn send(&mut self, messages: &[&str]) {
        for message in messages {
            self.try_send(message).unwrap();
        }
    }

    fn try_send(&mut self, message: &str) -> Result<(), SendError> {
        self.session.handle_send(&[text(message)], self.now)
    }

    fn flush(&mut self) -> String {
        self.session.handle_flush(&mut self.out);
        self.said()
    }

    fn close(&mut self, mode: CloseMode) -> String {
        self.session.handle_close(mode, self.now, &mut self.out);
        self.said()
    }

    /// It is so late now, and the session is told.
    fn timeout(&mut self, now: Moment) -> String {
        self.now = now;
        self.session.handle_timeout(now, &mut self.out);
        self.said()
    }

    /// All that is to be written on a WebSocket, and what else comes of taking it.
    fn take(&mut self, wire: u32) -> String {
        let wanted = self.session.wants_write(WireId(wire));
        let mut frames = Vec::new();
        self.session.take_frames(WireId(wire), usize::MAX, &mut frames, &mut self.out);
        assert_eq!(wanted, !frames.is_empty() || !self.out.is_empty(), "wants_write tells what take_frames gives");
        let frames = frames.iter().map(frame).chain(Some(self.said()).filter(|said| !said.is_empty()));
        frames.collect::<Vec<_>>().join(" ")
    }

    /// Nothing is waited for and nothing held.
    #[track_caller]
    fn assert_over(&self) {
        let seen = (self.session.is_closed(), self.session.next_timeout(), self.session.queued_bytes());
        assert_eq!(seen, (true, None, 0), "a session that is over waits for nothing and holds nothing");
    }
}
