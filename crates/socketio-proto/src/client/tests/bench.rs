//! The states and inputs of the table, how a socket is brought into each state, and how each input is applied.
//!
//! Time: at second 0 the event `b` is emitted, whose acknowledgement 0 is waited for by 1 until second 10; the input comes
//! at 3. Each socket has asked for the auth payload before, so that a question of the past exists in every state.

use super::{
    AuthId, Rig, ack_packet, connect, connect_error, connect_with, event, event_packet, packet, show_emitted, taken,
    volatile, within,
};
use crate::{AckId, Body, EmitOptions, Outgoing, Packet, PacketKind, client::Phase};
use engineio_proto::CloseReason;
use serde_json::json;

/// Every state that can be reached. `b` is in the offline buffer but for [`State::Connected`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Idle,
    /// Left by hand while the CONNECT was unanswered.
    Owed,
    /// And wanted again.
    OwedWanted,
    Waiting,
    Asking,
    Connecting,
    /// An event `e` has come before the CONNECT.
    ConnectingEarly,
    /// `b` has been sent.
    Connected,
    /// `b` was not taken by the engine.
    ConnectedUnsent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// The last one.
    Last,
    /// The one of before.
    Stale,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Connect,
    ConnectWithoutSid,
    ConnectWithoutPayload,
    ConnectError,
    Disconnect,
    Event,
    EventToAcknowledge,
    /// Of `b`.
    Ack,
    UnknownAck,
    AckWithoutId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    /// Second 9.
    Early,
    /// Second 10.
    Due,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    ConnectOnOpenEngine,
    ConnectOnClosedEngine,
    EngineOpened,
    EngineClosed,
    Auth(Question),
    /// A body that is no payload of a CONNECT.
    WrongAuth(Question),
    AuthFailed(Question),
    Disconnect,
    Packet(Kind),
    /// The event `m`.
    Emit,
    /// The same, with 2 waiting for its acknowledgement, without a time limit.
    EmitWithAck,
    EmitVolatile,
    /// `u`, which nobody waits for, comes back from the engine.
    Unsent,
    UnsentVolatile,
    /// A CONNECT or DISCONNECT comes back.
    UnsentOfProtocol,
    /// The acknowledgement of `b`.
    Forget,
    ForgetUnknown,
    ClearBuffer,
    ClearQueue,
    Timeout(Time),
}

pub(super) const STATES: [State; 9] = [
    State::Idle,
    State::Owed,
    State::OwedWanted,
    State::Waiting,
    State::Asking,
    State::Connecting,
    State::ConnectingEarly,
    State::Connected,
    State::ConnectedUnsent,
];

const KINDS: [Kind; 10] = [
    Kind::Connect,
    Kind::ConnectWithoutSid,
    Kind::ConnectWithoutPayload,
    Kind::ConnectError,
    Kind::Disconnect,
    Kind::Event,
    Kind::EventToAcknowledge,
    Kind::Ack,
    Kind::UnknownAck,
    Kind::AckWithoutId,
];

pub(super) fn inputs() -> Vec<Input> {
    use Input::{
        Auth, AuthFailed, ClearBuffer, ClearQueue, ConnectOnClosedEngine, ConnectOnOpenEngine, Disconnect, Emit,
        EmitVolatile, EmitWithAck, EngineClosed, EngineOpened, Forget, ForgetUnknown, Timeout, Unsent,
        UnsentOfProtocol, UnsentVolatile, WrongAuth,
    };
    let mut all = vec![ConnectOnOpenEngine, ConnectOnClosedEngine, EngineOpened, EngineClosed, Disconnect, Emit];
    all.extend([EmitWithAck, EmitVolatile, Unsent, UnsentVolatile, UnsentOfProtocol, Forget, ForgetUnknown]);
    all.extend([ClearBuffer, ClearQueue, Timeout(Time::Early), Timeout(Time::Due)]);
    for question in [Question::Last, Question::Stale] {
        all.extend([Auth(question), WrongAuth(question), AuthFailed(question)]);
    }
    all.extend(KINDS.map(Input::Packet));
    all
}

/// A socket in a state, with what is needed for the inputs.
pub(super) struct Bench {
    rig: Rig,
    stale: AuthId,
    last: AuthId,
}

impl Bench {
    pub(super) fn new(state: State) -> Self {
        let mut rig = Rig::idle();
        assert_eq!(rig.emit_with(event("b"), within(10), Some(1)), "buffered?0");
        rig.socket.handle_connect(true, &mut rig.out);
        let stale = rig.ask();
        rig.disconnect();
        let mut bench = Self { rig, stale, last: stale };
        bench.bring_to(state);
        bench.rig.now = super::at(3);
        assert!(bench.rig.out.is_empty());
        assert_eq!(bench.state(), state);
        bench
    }

    fn bring_to(&mut self, state: State) {
        match state {
            State::Idle => {}
            State::Waiting => self.rig.socket.handle_connect(false, &mut self.rig.out),
            State::Asking => {
                self.rig.socket.handle_connect(true, &mut self.rig.out);
                self.last = self.rig.ask();
            }
            State::Connecting => {
                self.bring_to(State::Asking);
                self.rig.socket.handle_auth(self.last, None, &mut self.rig.out).unwrap();
                self.rig.out.clear();
            }
            State::ConnectingEarly => {
                self.bring_to(State::Connecting);
                self.rig.packet(event_packet(event("e")));
            }
            State::Owed => {
                self.bring_to(State::Connecting);
                self.rig.disconnect();
            }
            State::OwedWanted => {
                self.bring_to(State::Owed);
                self.rig.socket.handle_connect(true, &mut self.rig.out);
            }
            State::Connected => {
                self.bring_to(State::Connecting);
                assert_eq!(self.rig.packet(connect()), "send(b?0) connected");
            }
            State::ConnectedUnsent => {
                self.bring_to(State::Connected);
                let packet = Outgoing::event(event("b"), Some(AckId(0)));
                self.rig.socket.handle_unsent(packet, &mut self.rig.out).unwrap();
            }
        }
    }

    pub(super) fn state(&self) -> State {
        let socket = &self.rig.socket;
        let is_buffer_empty = self.buffered() == 0;
        match &socket.phase {
            Phase::Idle => State::Idle,
            Phase::Owed { wanted: false } => State::Owed,
            Phase::Owed { wanted: true } => State::OwedWanted,
            Phase::Waiting => State::Waiting,
            Phase::Asking(_) => State::Asking,
            Phase::Connecting(early) if early.len() == 0 => State::Connecting,
            Phase::Connecting(_) => State::ConnectingEarly,
            Phase::Connected(_) if is_buffer_empty => State::Connected,
            Phase::Connected(_) => State::ConnectedUnsent,
        }
    }

    pub(super) fn buffered(&self) -> usize {
        self.rig.socket.buffered().count()
    }

    pub(super) fn waiting(&self) -> usize {
        self.rig.socket.acks.len()
    }

    pub(super) fn is_due(&self) -> bool {
        self.rig.socket.next_timeout().is_some()
    }

    /// What is returned, and what comes out.
    pub(super) fn apply(&mut self, input: Input) -> (String, String) {
        let returned = self.returned(input);
        (returned, taken(&mut self.rig.out))
    }

    fn returned(&mut self, input: Input) -> String {
        let Rig { socket, out, now } = &mut self.rig;
        let question = |question| if question == Question::Last { self.last } else { self.stale };
        match input {
            Input::ConnectOnOpenEngine => socket.handle_connect(true, out),
            Input::ConnectOnClosedEngine => socket.handle_connect(false, out),
            Input::EngineOpened => socket.handle_engine_opened(out),
            Input::EngineClosed => socket.handle_engine_closed(CloseReason::TransportClose, out),
            Input::Auth(asked) => socket.handle_auth(question(asked), None, out).unwrap(),
            Input::WrongAuth(asked) => {
                let result = socket.handle_auth(question(asked), Some(&event("x")), out);
                return result.map_or_else(|error| error.to_string(), |()| String::new());
            }
            Input::AuthFailed(asked) => socket.handle_auth_failed(question(asked), "no token", out),
            Input::Disconnect => socket.handle_disconnect(out),
            Input::Packet(kind) => socket.handle_packet(incoming(kind), *now, out).unwrap(),
            Input::Emit => return emit(&mut self.rig, EmitOptions::default(), None),
            Input::EmitWithAck => return emit(&mut self.rig, EmitOptions::default(), Some(2)),
            Input::EmitVolatile => return emit(&mut self.rig, volatile(), Some(2)),
            Input::Unsent => return show_emitted(socket.handle_unsent(Outgoing::event(event("u"), None), out)),
            Input::UnsentVolatile => {
                let packet = Outgoing { volatile: true, ..Outgoing::event(event("u"), None) };
                return show_emitted(socket.handle_unsent(packet, out));
            }
            Input::UnsentOfProtocol => {
                let packet = Outgoing::of_protocol(PacketKind::Disconnect, None);
                return show_emitted(socket.handle_unsent(packet, out));
            }
            Input::Forget => return show_waiter(socket.forget_ack(AckId(0))),
            Input::ForgetUnknown => return show_waiter(socket.forget_ack(AckId(99))),
            Input::ClearBuffer => socket.clear_buffer(out),
            Input::ClearQueue => socket.clear_queue(out),
            Input::Timeout(Time::Early) => socket.handle_timeout(super::at(9), out),
            Input::Timeout(Time::Due) => socket.handle_timeout(super::at(10), out),
        }
        String::new()
    }
}

fn emit(rig: &mut Rig, options: EmitOptions, waiter: Option<u32>) -> String {
    rig.emit_with(event("m"), options, waiter)
}

fn show_waiter(waiter: Option<u32>) -> String {
    waiter.map_or(String::new(), |waiter| waiter.to_string())
}

fn incoming(kind: Kind) -> Packet {
    match kind {
        Kind::Connect => connect(),
        Kind::ConnectWithoutSid => connect_with(&json!({})),
        Kind::ConnectWithoutPayload => packet(PacketKind::Connect, None),
        Kind::ConnectError => connect_error("no"),
        Kind::Disconnect => packet(PacketKind::Disconnect, None),
        Kind::Event => event_packet(event("x")),
        Kind::EventToAcknowledge => Packet { ack: Some(AckId(7)), ..event_packet(event("x")) },
        Kind::Ack => ack_packet(AckId(0)),
        Kind::UnknownAck => ack_packet(AckId(99)),
        Kind::AckWithoutId => packet(PacketKind::Ack, Some(Body::ack(&()).unwrap())),
    }
}
