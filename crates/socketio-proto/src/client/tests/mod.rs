//! Tests of a client's socket: every state × every input (`table.rs`), and a test for each row of the contract
//! (`connecting.rs`, `emitting.rs`, `retrying.rs`). The simulation is in the `tests` folder of the crate.
//!
//! Whoever waits for an acknowledgement is a number here, and outputs are compared as text.

mod bench;
mod connecting;
mod emitting;
mod retrying;
mod table;

use std::time::Duration;

use serde_json::{Value, json};

use super::*;

type Socket = ClientSocket<u32>;
type Out = Vec<ClientOutput<u32>>;

fn at(seconds: u64) -> Moment {
    Moment::EPOCH + Duration::from_secs(seconds)
}

fn event(name: &str) -> Body {
    Body::event(name, &()).unwrap()
}

fn packet(kind: PacketKind, body: Option<Body>) -> Packet {
    Packet::new(kind, Namespace::root(), body)
}

fn connect_with(payload: &Value) -> Packet {
    packet(PacketKind::Connect, Some(Body::connect(payload).unwrap()))
}

fn connect() -> Packet {
    connect_with(&json!({ "sid": "s" }))
}

fn connect_error(message: &str) -> Packet {
    packet(PacketKind::ConnectError, Some(Body::connect_error(message, None::<&()>).unwrap()))
}

fn event_packet(body: Body) -> Packet {
    packet(PacketKind::Event, Some(body))
}

fn ack_packet(id: AckId) -> Packet {
    Packet { ack: Some(id), ..packet(PacketKind::Ack, Some(Body::ack(&"yes").unwrap())) }
}

/// An event as `name`, with `?` and the id of the acknowledgement that is asked for.
fn show_event(body: &Body, ack: Option<AckId>) -> String {
    let ack = ack.map_or(String::new(), |ack| format!("?{ack}"));
    format!("{}{ack}", body.event_name().unwrap())
}

fn show_outgoing(outgoing: &Outgoing) -> String {
    match (outgoing.kind, &outgoing.body) {
        (PacketKind::Event, Some(body)) => show_event(body, outgoing.ack),
        (PacketKind::Connect, None) => "CONNECT".into(),
        (PacketKind::Connect, Some(body)) => format!("CONNECT{}", body.json()),
        (PacketKind::Disconnect, None) => "DISCONNECT".into(),
        other => panic!("a client does not send {other:?}"),
    }
}

fn show(output: &ClientOutput<u32>) -> String {
    match output {
        ClientOutput::AskAuth(_) => "ask".into(),
        ClientOutput::Send(outgoing) => format!("send({})", show_outgoing(outgoing)),
        ClientOutput::Event { body, ack } => format!("event({})", show_event(body, *ack)),
        ClientOutput::Answer { waiter, body } => format!("answer({waiter},{})", body.json()),
        ClientOutput::Failed { waiter, failure } => format!("failed({waiter},{failure:?})"),
        ClientOutput::Connected { recovered } => if *recovered { "recovered" } else { "connected" }.into(),
        ClientOutput::Refused(refusal) => format!("refused({refusal})"),
        ClientOutput::Disconnected(reason) => format!("disconnected({reason})"),
    }
}

/// Takes the outputs, as text.
fn taken(out: &mut Out) -> String {
    let shown: Vec<_> = out.drain(..).map(|output| show(&output)).collect();
    shown.join(" ")
}

/// A socket with its outputs, at a time of its own.
#[derive(Debug)]
struct Rig {
    socket: Socket,
    out: Out,
    now: Moment,
}

impl Rig {
    fn new(options: ClientSocketOptions) -> Self {
        Self { socket: Socket::new(Namespace::root(), options), out: Vec::new(), now: Moment::EPOCH }
    }

    fn idle() -> Self {
        Self::new(ClientSocketOptions::default())
    }

    fn connected() -> Self {
        let mut rig = Self::idle();
        rig.connect();
        assert_eq!(rig.join(&json!({ "sid": "s" })), "connected");
        rig
    }

    fn recoverable() -> Self {
        let mut rig = Self::idle();
        rig.connect();
        assert_eq!(rig.join(&json!({ "sid": "s", "pid": "p" })), "connected");
        rig
    }

    /// On an open engine, up to the CONNECT, whose text it yields.
    fn connect(&mut self) -> String {
        self.socket.handle_connect(true, &mut self.out);
        self.answer_auth(None)
    }

    fn ask(&mut self) -> AuthId {
        match self.out.pop() {
            Some(ClientOutput::AskAuth(id)) => id,
            other => panic!("it does not ask: {other:?}"),
        }
    }

    fn answer_auth(&mut self, payload: Option<&Body>) -> String {
        let id = self.ask();
        self.socket.handle_auth(id, payload, &mut self.out).unwrap();
        taken(&mut self.out)
    }

    /// The server's CONNECT.
    fn join(&mut self, payload: &Value) -> String {
        self.packet(connect_with(payload))
    }

    fn packet(&mut self, packet: Packet) -> String {
        self.socket.handle_packet(packet, self.now, &mut self.out).unwrap();
        taken(&mut self.out)
    }

    /// The engine closes and opens again, up to the CONNECT; yields what the close and what the CONNECT was.
    fn reopen(&mut self) -> (String, String) {
        let closed = self.close();
        self.socket.handle_engine_opened(&mut self.out);
        (closed, self.answer_auth(None))
    }

    fn close(&mut self) -> String {
        self.socket.handle_engine_closed(CloseReason::TransportClose, &mut self.out);
        taken(&mut self.out)
    }

    fn disconnect(&mut self) -> String {
        self.socket.handle_disconnect(&mut self.out);
        taken(&mut self.out)
    }

    fn emit_with(&mut self, body: Body, options: EmitOptions, waiter: Option<u32>) -> String {
        let emitted = self.socket.handle_emit(body, options, waiter, self.now, &mut self.out);
        show_emitted(emitted)
    }

    fn emit(&mut self, name: &str, waiter: Option<u32>) -> String {
        self.emit_with(event(name), EmitOptions::default(), waiter)
    }

    fn timeout_at(&mut self, seconds: u64) -> String {
        self.now = at(seconds);
        self.socket.handle_timeout(self.now, &mut self.out);
        taken(&mut self.out)
    }

    fn buffered(&self) -> Vec<String> {
        self.socket.buffered().map(|body| show_event(body, None)).collect()
    }
}

fn show_emitted(emitted: Result<Emitted, NotEmitted<u32>>) -> String {
    match emitted {
        Ok(Emitted::Send(outgoing)) => format!("send({})", show_outgoing(&outgoing)),
        Ok(Emitted::Buffered { ack: None }) => "buffered".into(),
        Ok(Emitted::Buffered { ack: Some(ack) }) => format!("buffered?{ack}"),
        Ok(Emitted::Dropped) => "dropped".into(),
        Ok(Emitted::Queued) => "queued".into(),
        Err(NotEmitted { refusal, waiter: None }) => format!("not: {refusal}"),
        Err(NotEmitted { refusal, waiter: Some(waiter) }) => format!("not: {refusal} ({waiter})"),
    }
}

fn within(seconds: u64) -> EmitOptions {
    EmitOptions { timeout: Some(Duration::from_secs(seconds)), ..EmitOptions::default() }
}

fn volatile() -> EmitOptions {
    EmitOptions { volatile: true, ..EmitOptions::default() }
}
