//! A namespace of a client and a server that sends any packet at any time: everybody who waits is told once, what is held is
//! within its bounds, and nothing stays behind.

use std::{collections::HashSet, time::Duration};

use arbitrary::{Arbitrary, Result, Unstructured};
use engineio_proto::{CloseReason, Message, Moment};
use socketio_proto::{
    AuthId, Body, ClientOutput, ClientSocket, ClientSocketOptions, Decoder, EmitOptions, Emitted, Namespace,
    OfflinePolicy, Outgoing, Packet, PacketKind,
};

use crate::sio_reading::{check, small_limits};

/// What one byte more stands for.
#[derive(Debug, Arbitrary)]
enum Operation<'a> {
    /// As it comes from the server; what is no packet would end the connection.
    Packet(&'a str),
    Connected(bool),
    Event(u8),
    /// The answer to an event that asked for one.
    Ack(u8),
    Refused,
    Left,
    Connect,
    EngineOpened,
    EngineClosed,
    Auth(bool),
    AuthFailed,
    Disconnect,
    Emit(u8, u8),
    /// The engine takes what was sent last no more.
    Unsent,
    Forget(u8),
    ClearBuffer,
    ClearQueue,
    Pass(u8),
}

const MAX_OFFLINE_BYTES: usize = 400;

/// The first byte is the options, the rest is what happens.
pub fn run(data: &[u8]) {
    _ = live(&mut Unstructured::new(data));
}

fn live(input: &mut Unstructured<'_>) -> Result<()> {
    let settings: u8 = input.arbitrary()?;
    let mut life = Life::new(settings);
    while !input.is_empty() {
        let Ok(operation) = Operation::arbitrary(input) else { break };
        life.happen(operation);
        life.check();
    }
    life.end();
    Ok(())
}

struct Life {
    socket: ClientSocket<u32>,
    out: Vec<ClientOutput<u32>>,
    now: Moment,
    is_open: bool,
    auth: Option<AuthId>,
    /// Who waits for an answer, by a number.
    waiting: HashSet<u32>,
    asked: u32,
    sent: Vec<Outgoing>,
    is_connected: bool,
}

impl Life {
    fn new(settings: u8) -> Self {
        let mut options = ClientSocketOptions::default();
        options.offline = match settings & 3 {
            0 => OfflinePolicy::None,
            1 => OfflinePolicy::Unbounded,
            _ => OfflinePolicy::Bounded { max_bytes: MAX_OFFLINE_BYTES },
        };
        options.retries = (settings & 4 != 0).then_some(u32::from(settings >> 3 & 3));
        options.ack_timeout = (settings & 32 != 0).then_some(Duration::from_millis(50));
        (options.max_early_events, options.max_early_bytes) = (3, 500);
        Self {
            socket: ClientSocket::new(Namespace::root(), options),
            out: Vec::new(),
            now: Moment::EPOCH,
            is_open: false,
            auth: None,
            waiting: HashSet::new(),
            asked: 0,
            sent: Vec::new(),
            is_connected: false,
        }
    }

    fn happen(&mut self, operation: Operation<'_>) {
        let body = |list: &str| Body::from_parts(PacketKind::Event, list, Vec::new()).ok();
        match operation {
            Operation::Packet(text) => {
                let decoded = Decoder::new(small_limits()).handle(Message::from(text));
                if let Ok(Some(packet)) = decoded {
                    self.packet(packet);
                }
            }
            Operation::Connected(recovers) => {
                let pid = if recovers { ",\"pid\":\"p\"" } else { "" };
                self.text(&format!("0{{\"sid\":\"s\"{pid}}}"));
            }
            Operation::Event(number) => self.text(&format!("2{}[\"x\",\"o{number}\"]", number % 4)),
            Operation::Ack(number) => self.text(&format!("3{}[1]", number % 16)),
            Operation::Refused => self.text("4{\"message\":\"no\"}"),
            Operation::Left => self.text("1"),
            Operation::Connect => self.socket.handle_connect(self.is_open, &mut self.out),
            Operation::EngineOpened => {
                if !std::mem::replace(&mut self.is_open, true) {
                    self.socket.handle_engine_opened(&mut self.out);
                }
            }
            Operation::EngineClosed => self.close_engine(),
            Operation::Auth(with_payload) => {
                let Some(id) = self.auth.take() else { return };
                let payload = Body::connect(&std::collections::BTreeMap::from([("token", 1)])).ok();
                let payload = payload.as_ref().filter(|_| with_payload);
                assert!(self.socket.handle_auth(id, payload, &mut self.out).is_ok());
            }
            Operation::AuthFailed => {
                let Some(id) = self.auth.take() else { return };
                self.socket.handle_auth_failed(id, "no", &mut self.out);
            }
            Operation::Disconnect => self.socket.handle_disconnect(&mut self.out),
            Operation::Emit(settings, len) => {
                let list = format!("[\"e\",\"{}\"]", "x".repeat(len.into()));
                if let Some(body) = body(&list) {
                    self.emit(body, settings);
                }
            }
            Operation::Unsent => self.unsent(),
            Operation::Forget(number) => self.forget(number),
            Operation::ClearBuffer => self.socket.clear_buffer(&mut self.out),
            Operation::ClearQueue => self.socket.clear_queue(&mut self.out),
            Operation::Pass(millis) => {
                self.now = self.now + Duration::from_millis(millis.into());
                self.socket.handle_timeout(self.now, &mut self.out);
                assert!(self.socket.next_timeout().is_none_or(|due| due > self.now), "what is due is done");
            }
        }
        self.carry_out();
    }

    fn text(&mut self, text: &str) {
        let decoded = Decoder::new(small_limits()).handle(Message::from(text));
        let Ok(Some(packet)) = decoded else { panic!("{text} is no packet") };
        self.packet(packet);
    }

    /// Nothing comes where there is no connection; too much too early is its end.
    fn packet(&mut self, packet: Packet) {
        if self.is_open && self.socket.handle_packet(packet, self.now, &mut self.out).is_err() {
            self.carry_out();
            self.close_engine();
        }
    }

    fn close_engine(&mut self) {
        if std::mem::replace(&mut self.is_open, false) {
            self.socket.handle_engine_closed(CloseReason::TransportClose, &mut self.out);
            self.sent.clear();
        }
    }

    fn emit(&mut self, body: Body, settings: u8) {
        let mut options = EmitOptions::default();
        options.volatile = settings & 1 != 0;
        options.timeout = (settings & 2 != 0).then_some(Duration::from_millis(30));
        let waiter = (settings & 4 != 0).then(|| {
            self.asked += 1;
            self.waiting.insert(self.asked);
            self.asked
        });
        match self.socket.handle_emit(body, options, waiter, self.now, &mut self.out) {
            Ok(Emitted::Send(outgoing)) => self.send(outgoing),
            Ok(_) => {}
            Err(refused) => {
                assert_eq!(refused.waiter, waiter, "the waiter is given back");
                self.waiting.retain(|waiting| Some(*waiting) != waiter);
            }
        }
    }

    fn send(&mut self, outgoing: Outgoing) {
        assert!(self.is_open, "{outgoing:?} is sent and there is no connection");
        let packet = outgoing.clone().into_packet(Namespace::root());
        check(&packet);
        self.sent.push(outgoing);
    }

    fn unsent(&mut self) {
        let Some(outgoing) = self.sent.pop() else { return };
        match self.socket.handle_unsent(outgoing, &mut self.out) {
            Ok(_) => {}
            Err(refused) => self.waiting.retain(|waiting| Some(*waiting) != refused.waiter),
        }
    }

    fn forget(&mut self, number: u8) {
        if let Some(waiter) = self.socket.forget_ack(socketio_proto::AckId((number % 16).into())) {
            assert!(self.waiting.remove(&waiter), "{waiter} was told already");
        }
    }

    fn carry_out(&mut self) {
        for output in std::mem::take(&mut self.out) {
            match output {
                ClientOutput::AskAuth(id) => self.auth = Some(id),
                ClientOutput::Send(outgoing) => self.send(outgoing),
                ClientOutput::Event { body, .. } => {
                    // What came too early is handed on in front of the news that the socket has joined.
                    assert!(self.is_connected || self.socket.is_connected(), "an event of a connection that is none");
                    assert!(body.event_name().is_some());
                }
                ClientOutput::Answer { waiter, .. } | ClientOutput::Failed { waiter, .. } => {
                    assert!(self.waiting.remove(&waiter), "{waiter} was told already");
                }
                ClientOutput::Connected { .. } => assert!(!std::mem::replace(&mut self.is_connected, true)),
                ClientOutput::Refused(_) => assert!(!self.is_connected),
                ClientOutput::Disconnected(_) => assert!(std::mem::replace(&mut self.is_connected, false)),
                other => panic!("an output that nobody knows: {other:?}"),
            }
        }
    }

    fn check(&self) {
        let socket = &self.socket;
        assert_eq!(socket.is_connected(), self.is_connected, "what it is was told");
        assert_eq!(socket.id().is_some(), self.is_connected);
        assert!(self.is_open || !self.is_connected);
        let bodies: usize = socket.buffered().chain(socket.queued()).map(Body::byte_len).sum();
        assert!(bodies <= socket.held_bytes());
        if let OfflinePolicy::Bounded { max_bytes } = socket.options().offline {
            assert!(socket.held_bytes() <= max_bytes, "{} bytes of {max_bytes}", socket.held_bytes());
        }
    }

    /// Everybody is told in the end, and nothing is held.
    fn end(mut self) {
        self.socket.handle_disconnect(&mut self.out);
        self.carry_out();
        self.close_engine();
        self.socket.clear_buffer(&mut self.out);
        self.socket.clear_queue(&mut self.out);
        self.carry_out();
        assert_eq!((self.socket.held_bytes(), self.socket.next_timeout()), (0, None));
        assert!(self.waiting.is_empty(), "{:?} were never told", self.waiting);
        assert!(!self.socket.is_active() && self.socket.id().is_none());
    }
}
