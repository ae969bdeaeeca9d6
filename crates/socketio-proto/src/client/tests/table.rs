//! Every state × every input: what is returned, what comes out, and the state after it. There is no wildcard here: a new
//! state or input does not compile until it has been decided on.
//!
//! What is expected stands in the contract (rows E27–E45, E57) and in the hazards (R21, R22, R39–R41), not in the code.

use super::bench::{Bench, Input, Kind, Question, STATES, State, Time, inputs};

use State::{Asking, Connected, ConnectedUnsent, Connecting, ConnectingEarly, Idle, Owed, OwedWanted, Waiting};

/// What an input does.
#[derive(Debug, PartialEq, Eq)]
struct Effect {
    returned: &'static str,
    outputs: &'static str,
    after: State,
    /// Events in the offline buffer.
    buffered: usize,
    /// Acknowledgements that are waited for.
    waiting: usize,
    /// Whether there is a time limit, which is that of the acknowledgement of `b`.
    due: bool,
}

/// The socket is then as in `after`, with `b` as it is in that state; nothing came out.
fn to(after: State) -> Effect {
    let buffered = match after {
        Idle | Owed | OwedWanted | Waiting | Asking | Connecting | ConnectingEarly | ConnectedUnsent => 1,
        Connected => 0,
    };
    Effect { returned: "", outputs: "", after, buffered, waiting: 1, due: true }
}

impl Effect {
    fn returns(self, returned: &'static str) -> Self {
        Self { returned, ..self }
    }

    fn outputs(self, outputs: &'static str) -> Self {
        Self { outputs, ..self }
    }

    /// Nobody waits for `b` any more, and it does not wait either.
    fn done(self) -> Self {
        Self { buffered: 0, waiting: 0, due: false, ..self }
    }

    fn one_more_buffered(self) -> Self {
        Self { buffered: self.buffered + 1, ..self }
    }

    fn one_more_waiting(self) -> Self {
        Self { waiting: self.waiting + 1, ..self }
    }
}

fn expected(state: State, input: Input) -> Effect {
    match input {
        Input::ConnectOnOpenEngine => connect(state, true),
        Input::ConnectOnClosedEngine => connect(state, false),
        Input::EngineOpened => engine_opened(state),
        Input::EngineClosed => engine_closed(state),
        Input::Auth(Question::Last) => auth(state),
        Input::WrongAuth(Question::Last) => wrong_auth(state),
        Input::AuthFailed(Question::Last) => auth_failed(state),
        // What is over has no say.
        Input::Auth(Question::Stale) | Input::WrongAuth(Question::Stale) => to(state),
        Input::AuthFailed(Question::Stale) => to(state),
        Input::Disconnect => disconnect(state),
        Input::Packet(kind) => packet(state, kind),
        Input::Emit => emit(state),
        Input::EmitWithAck => emit_with_ack(state),
        Input::EmitVolatile => emit_volatile(state),
        Input::Unsent => unsent(state),
        Input::UnsentVolatile | Input::UnsentOfProtocol => to(state).returns("dropped"),
        Input::Forget => done(state).returns("1"),
        Input::ForgetUnknown | Input::ClearQueue => to(state),
        Input::ClearBuffer => clear_buffer(state),
        Input::Timeout(Time::Early) => to(state),
        Input::Timeout(Time::Due) => done(state).outputs("failed(1,TimedOut)"),
    }
}

/// `b` is neither waited for nor waiting, and nothing else has changed.
fn done(state: State) -> Effect {
    match state {
        Idle | Owed | OwedWanted | Waiting | Asking | Connecting | ConnectingEarly => to(state).done(),
        Connected | ConnectedUnsent => to(Connected).done(),
    }
}

fn connect(state: State, engine_is_open: bool) -> Effect {
    match state {
        Idle if engine_is_open => to(Asking).outputs("ask"),
        Idle => to(Waiting),
        // A second CONNECT before the answer would end the connection (D34).
        Owed => to(OwedWanted),
        OwedWanted | Waiting | Asking | Connecting | ConnectingEarly | Connected | ConnectedUnsent => to(state),
    }
}

fn engine_opened(state: State) -> Effect {
    match state {
        Waiting => to(Asking).outputs("ask"),
        Idle | Owed | OwedWanted | Asking | Connecting | ConnectingEarly | Connected | ConnectedUnsent => to(state),
    }
}

fn engine_closed(state: State) -> Effect {
    match state {
        Idle | Owed => to(Idle),
        OwedWanted | Waiting | Asking | Connecting | ConnectingEarly => to(Waiting),
        Connected => to(Waiting).done().outputs("disconnected(transport close) failed(1,Disconnected)"),
        // E44: what has not been sent may still be answered.
        ConnectedUnsent => to(Waiting).outputs("disconnected(transport close)"),
    }
}

fn auth(state: State) -> Effect {
    match state {
        Asking => to(Connecting).outputs("send(CONNECT)"),
        Idle | Owed | OwedWanted | Waiting | Connecting | ConnectingEarly | Connected | ConnectedUnsent => to(state),
    }
}

fn wrong_auth(state: State) -> Effect {
    match state {
        Asking => to(Asking).returns("a connect payload must be an object"),
        Idle | Owed | OwedWanted | Waiting | Connecting | ConnectingEarly | Connected | ConnectedUnsent => to(state),
    }
}

fn auth_failed(state: State) -> Effect {
    match state {
        Asking => to(Idle).outputs("refused(no token)"),
        Idle | Owed | OwedWanted | Waiting | Connecting | ConnectingEarly | Connected | ConnectedUnsent => to(state),
    }
}

fn disconnect(state: State) -> Effect {
    match state {
        Idle | Waiting | Asking => to(Idle),
        // Nothing may be sent before the answer (D35).
        Owed | OwedWanted | Connecting | ConnectingEarly => to(Owed),
        Connected => {
            to(Idle).done().outputs("send(DISCONNECT) disconnected(io client disconnect) failed(1,Disconnected)")
        }
        ConnectedUnsent => to(Idle).outputs("send(DISCONNECT) disconnected(io client disconnect)"),
    }
}

fn packet(state: State, kind: Kind) -> Effect {
    match kind {
        Kind::Connect => connect_answer(state),
        Kind::ConnectWithoutSid | Kind::ConnectWithoutPayload => connect_of_v2(state),
        Kind::ConnectError => connect_error(state),
        Kind::Disconnect => server_disconnect(state),
        Kind::Event => event(state, "event(x)"),
        Kind::EventToAcknowledge => event(state, "event(x?7)"),
        Kind::Ack => ack(state),
        Kind::UnknownAck | Kind::AckWithoutId => to(state),
    }
}

fn connect_answer(state: State) -> Effect {
    match state {
        Connecting => to(Connected).outputs("send(b?0) connected"),
        ConnectingEarly => to(Connected).outputs("event(e) send(b?0) connected"),
        Owed => to(Idle).outputs("send(DISCONNECT)"),
        OwedWanted => to(Asking).outputs("send(DISCONNECT) ask"),
        Idle | Waiting | Asking | Connected | ConnectedUnsent => to(state),
    }
}

const OTHER_VERSION: &str = "refused(the server confirmed the namespace without an id for the socket, as those of \
     Socket.IO v2 do: it is to be upgraded to v3 or later, or a client for v2 is to be used)";

/// E32.
fn connect_of_v2(state: State) -> Effect {
    match state {
        // Such a server confirms the root namespace before it is asked.
        Asking | Connecting | ConnectingEarly | OwedWanted => to(Idle).outputs(OTHER_VERSION),
        Owed => to(Idle),
        Idle | Waiting | Connected | ConnectedUnsent => to(state),
    }
}

fn connect_error(state: State) -> Effect {
    match state {
        Connecting | ConnectingEarly => to(Idle).outputs("refused(no)"),
        Owed => to(Idle),
        OwedWanted => to(Asking).outputs("ask"),
        Idle | Waiting | Asking | Connected | ConnectedUnsent => to(state),
    }
}

fn server_disconnect(state: State) -> Effect {
    match state {
        Connected => to(Idle).done().outputs("disconnected(io server disconnect) failed(1,Disconnected)"),
        ConnectedUnsent => to(Idle).outputs("disconnected(io server disconnect)"),
        // It means the socket of before.
        Idle | Owed | OwedWanted | Waiting | Asking | Connecting | ConnectingEarly => to(state),
    }
}

fn event(state: State, output: &'static str) -> Effect {
    match state {
        Connecting | ConnectingEarly => to(ConnectingEarly),
        Connected | ConnectedUnsent => to(state).outputs(output),
        Idle | Owed | OwedWanted | Waiting | Asking => to(state),
    }
}

fn ack(state: State) -> Effect {
    match state {
        Connected => to(Connected).done().outputs(r#"answer(1,["yes"])"#),
        // What has not been sent cannot have been answered.
        Idle | Owed | OwedWanted | Waiting | Asking | Connecting | ConnectingEarly | ConnectedUnsent => to(state),
    }
}

fn emit(state: State) -> Effect {
    match state {
        Connected => to(Connected).returns("send(m)"),
        Idle | Owed | OwedWanted | Waiting | Asking | Connecting | ConnectingEarly | ConnectedUnsent => {
            to(state).one_more_buffered().returns("buffered")
        }
    }
}

fn emit_with_ack(state: State) -> Effect {
    match state {
        Connected => to(Connected).one_more_waiting().returns("send(m?1)"),
        Idle | Owed | OwedWanted | Waiting | Asking | Connecting | ConnectingEarly | ConnectedUnsent => {
            to(state).one_more_buffered().one_more_waiting().returns("buffered?1")
        }
    }
}

/// R39.
fn emit_volatile(state: State) -> Effect {
    match state {
        Connected => to(Connected).one_more_waiting().returns("send(m?1)"),
        Idle | Owed | OwedWanted | Waiting | Asking | Connecting | ConnectingEarly | ConnectedUnsent => {
            to(state).returns("dropped").outputs("failed(2,Disconnected)")
        }
    }
}

fn unsent(state: State) -> Effect {
    match state {
        Connected => to(ConnectedUnsent).returns("buffered"),
        Idle | Owed | OwedWanted | Waiting | Asking | Connecting | ConnectingEarly | ConnectedUnsent => {
            to(state).one_more_buffered().returns("buffered")
        }
    }
}

fn clear_buffer(state: State) -> Effect {
    match state {
        Connected => to(Connected),
        ConnectedUnsent => to(Connected).done().outputs("failed(1,Cleared)"),
        Idle | Owed | OwedWanted | Waiting | Asking | Connecting | ConnectingEarly => {
            to(state).done().outputs("failed(1,Cleared)")
        }
    }
}

#[test]
fn every_input_does_what_it_should_in_every_state() {
    let mut wrong = Vec::new();
    for state in STATES {
        for input in inputs() {
            let mut bench = Bench::new(state);
            let (returned, outputs) = bench.apply(input);
            let seen = (returned, outputs, bench.state(), bench.buffered(), bench.waiting(), bench.is_due());
            let Effect { returned, outputs, after, buffered, waiting, due } = expected(state, input);
            let expected = (returned.to_owned(), outputs.to_owned(), after, buffered, waiting, due);
            if seen != expected {
                wrong.push(format!("{state:?}, {input:?}:\n  seen     {seen:?}\n  expected {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
