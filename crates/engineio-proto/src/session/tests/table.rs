//! Every state × every input, in both revisions: what is returned, what comes out, and the state after it. There is no wildcard
//! here: a new state or input does not compile until it has been decided on.
//!
//! What is expected stands in the contract (rows A45, A47–A55, A58, A61–A69, A75–A78, A81, A89; I1, I2, I5), not in
//! the code. The state after an input is known by what can be seen of it: the transport, the next deadline,
//! whether it wants to write, what is queued, and how it takes a GET, a POST, a WebSocket and a send.

use super::{
    at,
    bench::{Bench, Body, Get, Id, Input, Kind, Loss, Post, State, Time, inputs, states},
};
use crate::{CloseMode, Dialect, TransportKind, v3};

use State::{
    Closed, Closing, Draining, Leaving, LeavingLarge, Polling, PollingQueued, Probed, Unprobed, Wire, WireBusy,
    WireQueued,
};

/// Bytes that `m` and one of the large messages hold in the queue, frame header included.
const M: usize = 4;
const LARGE: usize = 13;

const MISMATCH: &str = "BadRequest(TransportMismatch)";
const POST_MISMATCH: &str = "Reject(BadRequest(TransportMismatch))";

/// What an input does.
#[derive(Debug, PartialEq, Eq)]
struct Effect {
    returned: &'static str,
    outputs: String,
    after: State,
    /// The second of the next deadline.
    due: Option<u64>,
    queued: usize,
    writes: bool,
}

/// The session is then as in `after`, with that state's own deadline and queue; nothing came out.
fn to(after: State) -> Effect {
    let due = match after {
        Polling(..) | PollingQueued | Wire | WireBusy | WireQueued => Some(25),
        Unprobed(..) | Probed(_) | Closing(_) => Some(11),
        Draining | Leaving(_) | LeavingLarge => Some(32),
        Closed(_) => None,
    };
    let queued = match after {
        PollingQueued | Closing(_) | WireQueued | Draining => M,
        LeavingLarge => 2 * LARGE,
        Polling(..) | Unprobed(..) | Probed(_) | Wire | WireBusy | Leaving(_) | Closed(_) => 0,
    };
    let writes = match after {
        WireQueued | Draining => true,
        Polling(..) | PollingQueued | Unprobed(..) | Probed(_) | Closing(_) | Leaving(_) | LeavingLarge => false,
        Wire | WireBusy | Closed(_) => false,
    };
    Effect { returned: "", outputs: String::new(), after, due, queued, writes }
}

impl Effect {
    fn returns(self, returned: &'static str) -> Self {
        Self { returned, ..self }
    }

    fn outputs(self, outputs: &str) -> Self {
        let separator = if self.outputs.is_empty() || outputs.is_empty() { "" } else { " " };
        Self { outputs: self.outputs + separator + outputs, ..self }
    }

    fn due(self, second: u64) -> Self {
        Self { due: Some(second), ..self }
    }

    fn queued(self, queued: usize) -> Self {
        Self { queued, ..self }
    }

    fn writes(self) -> Self {
        Self { writes: true, ..self }
    }
}

/// The one end of all: a parked GET is answered with the close packet (or with what is said), then the end
/// is told, then the WebSocket is closed, without a code (row A81).
fn end_with(state: State, answer: &str, reason: &str) -> Effect {
    let answer = match state {
        Polling(Get::Parked, _) | Unprobed(Get::Parked, _) => answer,
        Polling(Get::None, _) | Unprobed(Get::None, _) | PollingQueued | Probed(_) | Closing(_) => "",
        Wire | WireBusy | WireQueued | Draining | Leaving(_) | LeavingLarge | Closed(_) => "",
    };
    let (last, wire) = match state {
        Polling(..) | PollingQueued | Leaving(_) | LeavingLarge => (TransportKind::Polling, ""),
        Unprobed(..) | Probed(_) | Closing(_) => (TransportKind::Polling, "close(own)"),
        Wire | WireBusy | WireQueued | Draining => (TransportKind::WebSocket, "close(own)"),
        Closed(_) => return to(state),
    };
    to(Closed(last)).outputs(answer).outputs(&format!("closed({reason})")).outputs(wire)
}

fn end(state: State, reason: &str) -> Effect {
    end_with(state, "own=1", reason)
}

const DIALECTS: [Dialect; 2] = [Dialect::V4, Dialect::V3(v3::Style { base64: true, jsonp: None })];

fn expected(dialect: Dialect, state: State, input: Input) -> Effect {
    match dialect {
        Dialect::V4 => expected_v4(state, input),
        Dialect::V3(_) => expected_v3(state, input),
    }
}

/// What is different in revision 3: the client pings, and is dead when it has not for interval + timeout (row A89).
fn expected_v3(state: State, input: Input) -> Effect {
    let on_wire = match state {
        Wire | WireBusy | WireQueued | Draining => true,
        Polling(..) | PollingQueued | Unprobed(..) | Probed(_) | Closing(_) | Leaving(_) | LeavingLarge => false,
        Closed(_) => false,
    };
    // A POST of a session that is on WebSocket is not looked at.
    let due_after_post = if on_wire { 45 } else { 48 };
    match input {
        Input::Post(body @ (Body::Ping | Body::Several)) => {
            let read = post(state, if body == Body::Ping { Body::Pong } else { body });
            with_heartbeat_due(read, due_after_post)
        }
        Input::Post(Body::Pong) => with_heartbeat_due(post(state, Body::Ping), 45),
        Input::Frame(Id::Own, Kind::Ping | Kind::Probe) if on_wire => {
            with_heartbeat_due(frame(state, Kind::Pong), 48).writes()
        }
        Input::Frame(Id::Own, Kind::Pong) if on_wire => frame(state, Kind::Ping),
        Input::Timeout(time) => timeout_v3(state, time),
        // A ping is always waited for, and may lie unread (hazard R17).
        Input::ReadingPaused => Effect { due: reading_paused(state).due.filter(|due| *due != 25), ..to(state) },
        // What moves, moves at second 40 (hazard R16).
        Input::WireProgress(Id::Own) if matches!(state, Wire | WireBusy | WireQueued) => to(state).due(60),
        Input::BodyProgress if matches!(state, Polling(..) | PollingQueued) => to(state).due(60),
        _ => with_heartbeat_due(expected_v4(state, input), 45),
    }
}

fn with_heartbeat_due(effect: Effect, second: u64) -> Effect {
    Effect { due: effect.due.map(|due| if due == 25 { second } else { due }), ..effect }
}

fn timeout_v3(state: State, time: Time) -> Effect {
    let lost = |second: u64| match state {
        Closing(_) => candidate_lost(state).due(second + 30),
        _ => with_heartbeat_due(candidate_lost(state), 45),
    };
    match (time, state) {
        (Time::Early | Time::UpgradeDeadline, _) => with_heartbeat_due(timeout(state, time), 45),
        (Time::CloseDeadline | Time::PongMissed, Draining | Leaving(_) | LeavingLarge) => timeout(state, time),
        (Time::CloseDeadline, _) => lost(32),
        (Time::PingDue, _) | (Time::PongMissed, Closing(_)) => lost(25),
        (Time::PongMissed, _) => {
            let lost = lost(25);
            let end = end(lost.after, "ping timeout");
            Effect { outputs: lost.outputs(&end.outputs).outputs, ..end }
        }
    }
}

fn expected_v4(state: State, input: Input) -> Effect {
    match input {
        Input::PollOpened => poll_opened(state),
        Input::PollAbandoned(Id::Own) => poll_abandoned(state),
        Input::PostBegun => post_begun(state),
        Input::Post(body) => post(state, body),
        Input::PostFailed(_) => post_failed(state),
        Input::WireAttached => wire_attached(state),
        Input::Frame(Id::Own, kind) => frame(state, kind),
        Input::WireLost(Id::Own, loss) => wire_lost(state, loss),
        Input::Send | Input::SendDroppable => send(state),
        Input::SendVolatile => send_volatile(state),
        Input::SendAndFlush => send_and_flush(state),
        Input::Close(mode) => close(state, mode),
        Input::Timeout(time) => timeout(state, time),
        Input::TakeFrames(Id::Own) => take_frames(state),
        Input::WireFlushed(Id::Own) => wire_flushed(state),
        Input::ReadingPaused => reading_paused(state),
        Input::ReadingResumed => to(state),
        Input::WireProgress(_) | Input::BodyProgress => to(state),
        // Nobody asks: what is queued without a GET goes on waiting for one.
        Input::Flush => to(state),
        // What is over has no say.
        Input::PollAbandoned(Id::Stale) | Input::Frame(Id::Stale, _) | Input::WireLost(Id::Stale, _) => to(state),
        Input::TakeFrames(Id::Stale) | Input::WireFlushed(Id::Stale) => to(state),
    }
}

/// No pong is waited for; the next step of an upgrade may lie unread (hazard R17).
fn reading_paused(state: State) -> Effect {
    match state {
        Unprobed(..) | Probed(_) => to(state).due(25),
        _ => to(state),
    }
}

fn poll_opened(state: State) -> Effect {
    match state {
        // Held until there is something to send (row A61).
        Polling(Get::None, post) => to(Polling(Get::Parked, post)),
        Unprobed(Get::None, post) => to(Unprobed(Get::Parked, post)),
        PollingQueued => to(Polling(Get::None, Post::None)).outputs("new=4m"),
        // Overlapping (row A63): the second one gets a 400, the first one the close packet.
        Polling(Get::Parked, _) | Unprobed(Get::Parked, _) => {
            let end = end(state, "transport error");
            Effect { outputs: format!("new=400 {}", end.outputs), ..end }
        }
        // The client is about to stop polling: it is never kept waiting (row A75, hazard R3).
        Probed(post) => to(Probed(post)).outputs("new=6"),
        Closing(post) => to(Closing(post)).outputs("new=4m").queued(0),
        Wire | WireBusy | WireQueued | Draining => to(state).returns(MISMATCH),
        // Row A53.
        Leaving(_) => to(Closed(TransportKind::Polling)).outputs("new=6,1 closed(forced close)"),
        LeavingLarge => to(Leaving(Post::None)).outputs("new=4aaaaaaaaaa").queued(LARGE),
        Closed(_) => to(state).returns("UnknownSid"),
    }
}

/// Row A65.
fn poll_abandoned(state: State) -> Effect {
    match state {
        Polling(Get::Parked, _) | Unprobed(Get::Parked, _) => end_with(state, "", "transport error"),
        Polling(Get::None, _) | Unprobed(Get::None, _) | PollingQueued | Probed(_) | Closing(_) => to(state),
        Wire | WireBusy | WireQueued | Draining | Leaving(_) | LeavingLarge | Closed(_) => to(state),
    }
}

fn post_begun(state: State) -> Effect {
    match state {
        Polling(get, Post::None) => to(Polling(get, Post::Reading)),
        Unprobed(get, Post::None) => to(Unprobed(get, Post::Reading)),
        PollingQueued => to(Polling(Get::None, Post::Reading)).queued(M),
        Probed(Post::None) => to(Probed(Post::Reading)),
        Closing(Post::None) => to(Closing(Post::Reading)),
        Leaving(Post::None) => to(Leaving(Post::Reading)),
        LeavingLarge => to(Leaving(Post::Reading)).queued(2 * LARGE),
        // Overlapping (row A64).
        Polling(_, Post::Reading) | Unprobed(_, Post::Reading) | Probed(Post::Reading) | Closing(Post::Reading) => {
            end(state, "transport error").returns("BadRequest")
        }
        Leaving(Post::Reading) => end(state, "transport error").returns("BadRequest"),
        Wire | WireBusy | WireQueued | Draining => to(state).returns(POST_MISMATCH),
        Closed(_) => to(state).returns("Reject(UnknownSid)"),
    }
}

fn post(state: State, body: Body) -> Effect {
    // Whether what is good in the body is delivered: not while this side closes.
    let (delivered, read) = match state {
        Polling(get, _) => (true, to(Polling(get, Post::None))),
        PollingQueued => (true, to(PollingQueued)),
        Unprobed(get, _) => (true, to(Unprobed(get, Post::None))),
        Probed(_) => (true, to(Probed(Post::None))),
        Closing(_) => (false, to(Closing(Post::None))),
        Leaving(_) => (false, to(Leaving(Post::None))),
        LeavingLarge => (false, to(LeavingLarge)),
        Wire | WireBusy | WireQueued | Draining => return to(state).returns(POST_MISMATCH),
        // It was begun before the end: a refusal could overtake the answer that tells the client of the end.
        Closed(_) => return to(state),
    };
    let messages = |messages| if delivered { messages } else { "" };
    match body {
        Body::Message => read.outputs(messages("message(x)")),
        // Nobody asked for it (hazard S23).
        Body::Pong => read,
        // The server pings (row A49).
        Body::Ping => end(state, "transport error").returns("BadRequest"),
        // Row A54.
        Body::Close => end_with(state, "own=6", "transport close"),
        // Row A69: what stands before the bad packet counts.
        Body::MalformedAfterGood => {
            let end = end(state, "parse error").returns("BadRequest");
            let outputs = to(state).outputs(messages("message(x)")).outputs(&end.outputs).outputs;
            Effect { outputs, ..end }
        }
        // It is not text as a whole.
        Body::NotUtf8 => end(state, "parse error").returns("BadRequest"),
        Body::Several => read.outputs(messages("message(x) message(0102)")),
    }
}

/// Rows A66, A67, A68 as I5 has it: the session ends, whatever the fault.
fn post_failed(state: State) -> Effect {
    match state {
        Polling(_, Post::Reading) | Unprobed(_, Post::Reading) => end(state, "transport error"),
        Probed(Post::Reading) | Closing(Post::Reading) | Leaving(Post::Reading) => end(state, "transport error"),
        Polling(_, Post::None) | PollingQueued | Unprobed(_, Post::None) => to(state),
        Probed(Post::None) | Closing(Post::None) | Leaving(Post::None) => to(state),
        Wire | WireBusy | WireQueued | Draining | LeavingLarge | Closed(_) => to(state),
    }
}

/// Rows A47 and I1, hazard R5: one candidate, and only while the session polls.
fn wire_attached(state: State) -> Effect {
    match state {
        Polling(get, post) => to(Unprobed(get, post)).due(13).returns("Candidate"),
        PollingQueued => to(Unprobed(Get::None, Post::None)).due(13).queued(M).returns("Candidate"),
        Unprobed(..) | Probed(_) | Closing(_) | Wire | WireBusy | WireQueued | Draining => to(state).returns("Refused"),
        Leaving(_) | LeavingLarge | Closed(_) => to(state).returns("Refused"),
    }
}

fn frame(state: State, kind: Kind) -> Effect {
    match state {
        Unprobed(get, post) => match kind {
            // The parked GET is let go, so that the client can pause (row A75).
            Kind::Probe => to(Probed(post)).writes().outputs(if get == Get::Parked { "own=6" } else { "" }),
            Kind::WsPing => to(state).writes(),
            Kind::WsPong => to(state),
            // Also a `5` without a probe (row A76).
            Kind::Upgrade | Kind::Message | Kind::Open | Kind::Close | Kind::Ping | Kind::Pong => candidate_lost(state),
            Kind::Noop | Kind::Unknown | Kind::Empty | Kind::Binary | Kind::WsClose => candidate_lost(state),
        },
        Probed(_) | Closing(_) => match kind {
            Kind::Probe | Kind::WsPing => to(state).writes(),
            Kind::WsPong => to(state),
            Kind::Upgrade => switched(state),
            Kind::Message | Kind::Open | Kind::Close | Kind::Ping | Kind::Pong => candidate_lost(state),
            Kind::Noop | Kind::Unknown | Kind::Empty | Kind::Binary | Kind::WsClose => candidate_lost(state),
        },
        Wire | WireBusy | WireQueued | Draining => match kind {
            // The server pings (row A49); `2probe` is a ping.
            Kind::Probe | Kind::Ping => end(state, "transport error"),
            Kind::Message if state == Draining => to(state),
            Kind::Binary if state == Draining => to(state),
            Kind::Message => to(state).outputs("message(x)"),
            Kind::Binary => to(state).outputs("message(0102)"),
            // A packet out of place is ignored, a pong that nobody asked for too (row A58, hazard S23).
            Kind::Open | Kind::Upgrade | Kind::Noop | Kind::Pong | Kind::WsPong => to(state),
            Kind::WsPing => to(state).writes(),
            // Row I2.
            Kind::Close | Kind::WsClose => end(state, "transport close"),
            Kind::Unknown | Kind::Empty => end(state, "parse error"),
        },
        Polling(..) | PollingQueued | Leaving(_) | LeavingLarge | Closed(_) => to(state),
    }
}

fn switched(state: State) -> Effect {
    match state {
        Probed(_) => to(Wire).outputs("upgraded"),
        // The close goes on where the messages go (hazard R6).
        Closing(_) => to(Draining).due(33).outputs("upgraded"),
        Polling(..) | PollingQueued | Unprobed(..) | Wire | WireBusy | WireQueued | Draining => {
            unreachable!("not probed")
        }
        Leaving(_) | LeavingLarge | Closed(_) => unreachable!("not probed"),
    }
}

/// Row A76: only the candidate is closed.
fn candidate_lost(state: State) -> Effect {
    match state {
        Unprobed(get, post) => to(Polling(get, post)).outputs("close(own)"),
        Probed(post) => to(Polling(Get::None, post)).outputs("close(own)"),
        Closing(post) => to(Leaving(post)).due(33).queued(M).outputs("close(own)"),
        Polling(..) | PollingQueued | Wire | WireBusy | WireQueued | Draining | Leaving(_) | LeavingLarge
        | Closed(_) => to(state),
    }
}

fn wire_lost(state: State, loss: Loss) -> Effect {
    let (reason, close) = match loss {
        Loss::Disconnected => ("transport close", "close(own)"),
        // Row A78.
        Loss::TooBig => ("transport error", "close(own,1009)"),
    };
    let effect = match state {
        Unprobed(..) | Probed(_) | Closing(_) => candidate_lost(state),
        Wire | WireBusy | WireQueued | Draining => end(state, reason),
        Polling(..) | PollingQueued | Leaving(_) | LeavingLarge | Closed(_) => to(state),
    };
    Effect { outputs: effect.outputs.replace("close(own)", close), ..effect }
}

fn send(state: State) -> Effect {
    match state {
        Polling(..) | PollingQueued | Unprobed(..) | Probed(_) => {
            let effect = to(state);
            Effect { queued: effect.queued + M, ..effect }
        }
        Wire | WireBusy => to(WireQueued),
        WireQueued => to(WireQueued).queued(2 * M),
        Closing(_) | Draining | Leaving(_) | LeavingLarge | Closed(_) => to(state).returns("Closed"),
    }
}

/// Row D53: only where it can leave at once.
fn send_volatile(state: State) -> Effect {
    match state {
        Polling(Get::Parked, _) | Unprobed(Get::Parked, _) => to(state).queued(M),
        Wire => to(WireQueued),
        Polling(Get::None, _) | PollingQueued | Unprobed(Get::None, _) | Probed(_) | WireBusy | WireQueued => {
            to(state).returns("Discarded")
        }
        Closing(_) | Draining | Leaving(_) | LeavingLarge | Closed(_) => to(state).returns("Closed"),
    }
}

fn send_and_flush(state: State) -> Effect {
    match state {
        Polling(Get::Parked, post) => to(Polling(Get::None, post)).outputs("own=4m"),
        // Messages still flow on long-polling until the `5` (row A77).
        Unprobed(Get::Parked, post) => to(Unprobed(Get::None, post)).outputs("own=4m"),
        Polling(Get::None, _) | PollingQueued | Unprobed(Get::None, _) | Probed(_) | Wire | WireBusy | WireQueued => {
            send(state)
        }
        Closing(_) | Draining | Leaving(_) | LeavingLarge | Closed(_) => send(state),
    }
}

fn close(state: State, mode: CloseMode) -> Effect {
    match (mode, state) {
        // Row A53.
        (CloseMode::Graceful, Polling(Get::None, post)) => to(Leaving(post)).due(33),
        (CloseMode::Graceful, PollingQueued) => to(Leaving(Post::None)).due(33).queued(M),
        (CloseMode::Graceful, Polling(Get::Parked, _)) => end(state, "forced close"),
        // The client has not chosen the WebSocket yet and may still poll.
        (CloseMode::Graceful, Unprobed(Get::None, post)) => to(Leaving(post)).due(33).outputs("close(own)"),
        (CloseMode::Graceful, Unprobed(Get::Parked, _)) => {
            to(Closed(TransportKind::Polling)).outputs("close(own) own=1 closed(forced close)")
        }
        // An upgrade in progress is waited for (row A52).
        (CloseMode::Graceful, Probed(post)) => to(Closing(post)).queued(0),
        (CloseMode::Graceful, Wire | WireBusy) => to(Draining).due(33).queued(0),
        (CloseMode::Graceful, WireQueued) => to(Draining).due(33),
        (CloseMode::Graceful, Closing(_) | Draining | Leaving(_) | LeavingLarge | Closed(_)) => to(state),
        (CloseMode::Discard, Polling(..) | PollingQueued | Unprobed(..) | Probed(_) | Closing(_)) => {
            end(state, "forced close")
        }
        (CloseMode::Discard, Wire | WireBusy | WireQueued | Draining | Leaving(_) | LeavingLarge | Closed(_)) => {
            end(state, "forced close")
        }
    }
}

fn timeout(state: State, time: Time) -> Effect {
    match time {
        Time::Early => to(state),
        Time::UpgradeDeadline => match state {
            // Row A6, hazard R2.
            Unprobed(..) | Probed(_) => candidate_lost(state),
            Closing(_) => candidate_lost(state).due(41),
            Polling(..) | PollingQueued | Wire | WireBusy | WireQueued | Draining | Leaving(_) | LeavingLarge => {
                to(state)
            }
            Closed(_) => to(state),
        },
        Time::PingDue => beat(state, 25),
        Time::CloseDeadline => match state {
            Draining | Leaving(_) | LeavingLarge => end(state, "forced close"),
            Polling(..) | PollingQueued | Unprobed(..) | Probed(_) | Closing(_) | Wire | WireBusy | WireQueued => {
                beat(state, 32)
            }
            Closed(_) => to(state),
        },
        Time::PongMissed => match state {
            Polling(..) | PollingQueued | Unprobed(..) | Probed(_) => {
                let over = to(Closed(TransportKind::Polling)).outputs(&beat(state, 25).outputs);
                over.outputs("closed(ping timeout)")
            }
            Wire | WireBusy | WireQueued => end(state, "ping timeout"),
            Closing(_) => beat(state, 25),
            Draining | Leaving(_) | LeavingLarge => end(state, "forced close"),
            Closed(_) => to(state),
        },
    }
}

/// A ping is due, and a candidate is overdue.
fn beat(state: State, second: u64) -> Effect {
    let pong_due = second + 20;
    match state {
        Polling(Get::None, _) | PollingQueued => to(state).due(pong_due),
        Polling(Get::Parked, post) => to(Polling(Get::None, post)).due(pong_due).outputs("own=2"),
        Unprobed(Get::None, _) | Probed(_) => candidate_lost(state).due(pong_due),
        Unprobed(Get::Parked, post) => to(Polling(Get::None, post)).due(pong_due).outputs("close(own) own=2"),
        Closing(_) => candidate_lost(state).due(second + 30),
        Wire | WireBusy | WireQueued => to(state).due(pong_due).writes(),
        Draining | Leaving(_) | LeavingLarge | Closed(_) => to(state),
    }
}

fn take_frames(state: State) -> Effect {
    match state {
        WireQueued => to(WireBusy).returns("4m"),
        Draining => to(Closed(TransportKind::WebSocket)).returns("4m").outputs("closed(forced close) close(own)"),
        Polling(..) | PollingQueued | Unprobed(..) | Probed(_) | Closing(_) | Wire | WireBusy => to(state),
        Leaving(_) | LeavingLarge | Closed(_) => to(state),
    }
}

fn wire_flushed(state: State) -> Effect {
    match state {
        WireBusy => to(Wire),
        Polling(..) | PollingQueued | Unprobed(..) | Probed(_) | Closing(_) | Wire | WireQueued => to(state),
        Draining | Leaving(_) | LeavingLarge | Closed(_) => to(state),
    }
}

fn transport(state: State) -> TransportKind {
    match state {
        Polling(..) | PollingQueued | Unprobed(..) | Probed(_) | Closing(_) | Leaving(_) | LeavingLarge => {
            TransportKind::Polling
        }
        Wire | WireBusy | WireQueued | Draining => TransportKind::WebSocket,
        Closed(last) => last,
    }
}

const fn over(state: State) -> bool {
    matches!(state, Closed(_))
}

#[test]
fn every_input_does_in_every_state_what_the_contract_says() {
    let mut wrong = Vec::new();
    for (dialect, state) in DIALECTS.into_iter().flat_map(|dialect| states().into_iter().map(move |s| (dialect, s))) {
        for input in inputs() {
            let want = expected(dialect, state, input);
            let mut bench = Bench::new_in(dialect, state);
            let (returned, outputs) = bench.apply(input);
            let session = &bench.session;
            let seen = (returned.as_str(), outputs.as_str(), session.queued_bytes(), session.next_timeout());
            let due = want.due.map(at);
            if seen != (want.returned, &want.outputs, want.queued, due)
                || session.transport() != transport(want.after)
                || session.is_closed() != over(want.after)
                || session.wants_write(bench.own_wire) != want.writes
            {
                let kind = (session.transport(), session.wants_write(bench.own_wire));
                wrong.push(format!("{dialect:?} {state:?} × {input:?}\n  want {want:?}\n  seen {seen:?} {kind:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn after_every_input_the_session_takes_the_next_ones_as_its_new_state_does() {
    let next = [Input::PollOpened, Input::PostBegun, Input::WireAttached, Input::Send, Input::SendVolatile];
    let mut wrong = Vec::new();
    for (dialect, state) in DIALECTS.into_iter().flat_map(|dialect| states().into_iter().map(move |s| (dialect, s))) {
        for input in inputs() {
            let Effect { after, queued, .. } = expected(dialect, state, input);
            for next in next {
                let mut bench = Bench::new_in(dialect, state);
                bench.apply(input);
                let (returned, _) = bench.apply(next);
                let mut want = expected(dialect, after, next);
                // What is queued has to leave before anything volatile can.
                if next == Input::SendVolatile && queued > 0 && want.returned.is_empty() {
                    want = to(after).returns("Discarded");
                }
                // Otherwise what is queued makes no difference, but that a session leaves after it and not with it.
                let stays = matches!(after, Leaving(_)) && queued > 0 && next == Input::PollOpened;
                if returned != want.returned || bench.session.is_closed() != (over(want.after) && !stays) {
                    wrong.push(format!(
                        "{dialect:?} {state:?} × {input:?}, then {next:?}: {returned}; as in {after:?}: {want:?}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
}
