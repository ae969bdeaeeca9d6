//! Every state × every input: what is returned, what comes out, and the state after it. There is no wildcard here: a new state
//! or input does not compile until it has been decided on.
//!
//! What is expected stands in the contract (rows B3–B6, B28–B41) and in the reference, not in the code. The state after an
//! input is known by what can be seen of it: the transport, the next deadline, what is queued, whether it wants to write or to
//! post, and whether it takes messages, now or later, as a session that was brought into that state does.

use super::{
    at,
    bench::{Bench, Body, Id, Input, Kind, Loss, Post, Request, Rest, State, Time, Via, inputs, states},
};
use crate::{ClientSession, CloseMode, TransportKind, WireId};

use State::{
    Asked, Asking, Closed, Closing, Connecting, Draining, Leaving, LeavingPosting, LeavingQueued, Opening,
    OpeningClosing, Pausing, Polling, PollingQueued, Wire, WireBusy, WireQueued,
};

/// Bytes that `m` holds in the queue, frame header included.
const M: usize = 4;

/// What an input does.
#[derive(Debug, PartialEq, Eq)]
struct Effect {
    returned: &'static str,
    outputs: String,
    after: State,
    /// The second of the next deadline.
    due: Option<u64>,
    queued: usize,
    /// Something is to be written beside what is queued.
    writes: bool,
}

/// The session is then as in `after`, with that state's own deadline and queue; nothing came out.
fn to(after: State) -> Effect {
    let due = match after {
        Opening(_) | OpeningClosing(_) => Some(20),
        Polling(_) | PollingQueued | Wire | WireBusy | WireQueued => Some(45),
        Connecting(_) | Asking(_) | Asked(_) | Pausing(_) | Closing(_) => Some(10),
        Draining | Leaving(_) | LeavingPosting | LeavingQueued => Some(32),
        Closed(_) => None,
    };
    let queued = match after {
        OpeningClosing(_) | PollingQueued | Closing(_) | WireQueued | Draining | LeavingQueued => M,
        Opening(_) | Polling(_) | Connecting(_) | Asking(_) | Asked(_) | Pausing(_) => 0,
        Wire | WireBusy | Leaving(_) | LeavingPosting | Closed(_) => 0,
    };
    let writes = match after {
        Asking(_) | Draining => true,
        Opening(_) | OpeningClosing(_) | Polling(_) | PollingQueued | Connecting(_) | Asked(_) | Pausing(_) => false,
        Closing(_) | Wire | WireBusy | WireQueued | Leaving(_) | LeavingPosting | LeavingQueued | Closed(_) => false,
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

    /// A ping was read at second 3, which counts where the watch is the next deadline.
    fn pinged(self) -> Self {
        let due = self.due.map(|due| if due == 45 { 48 } else { due });
        Self { due, ..self }
    }

    fn with_code(self, code: &str) -> Self {
        let outputs = self.outputs.replace("close:wire", &format!("close:wire{code}"));
        Self { outputs, ..self }
    }
}

/// What a session in this state gives up at its end, in order.
fn let_go(state: State) -> &'static str {
    match state {
        Opening(Via::Get) | OpeningClosing(Via::Get) => "abort:get",
        Opening(Via::Wire) | OpeningClosing(Via::Wire) | Wire | WireBusy | WireQueued | Draining => "close:wire",
        Polling(Post::None) | PollingQueued => "abort:get",
        Polling(Post::UnderWay) | Leaving(true) | LeavingPosting | LeavingQueued => "abort:get abort:post",
        Connecting(Post::None) | Asking(Post::None) | Asked(Post::None) => "abort:get close:wire",
        Pausing(Rest::Get) | Closing(Rest::Get) => "abort:get close:wire",
        Pausing(Rest::Post) | Closing(Rest::Post) => "abort:post close:wire",
        Connecting(Post::UnderWay) | Asking(Post::UnderWay) | Asked(Post::UnderWay) => {
            "abort:get abort:post close:wire"
        }
        Pausing(Rest::Both) | Closing(Rest::Both) => "abort:get abort:post close:wire",
        Leaving(false) => "abort:post",
        Closed(_) => "",
    }
}

/// The one end of all: it is told, then what is under way is given up and what is open closed.
fn end(state: State, reason: &str) -> Effect {
    if let Closed(_) = state {
        return to(state);
    }
    to(Closed(transport(state))).outputs(&format!("closed({reason})")).outputs(let_go(state))
}

/// The same, where a request has ended by itself.
fn end_by(state: State, request: &str, reason: &str) -> Effect {
    let end = end(state, reason);
    let outputs = end.outputs.replace(&format!(" abort:{request}"), "");
    Effect { outputs, ..end }
}

fn expected(state: State, input: Input) -> Effect {
    match input {
        Input::Answer(Id::Own, body) => answer(state, body),
        Input::Posted(Id::Own) => posted(state),
        Input::Failed(Request::Get) => get_failed(state),
        Input::Failed(Request::Post) => post_failed(state),
        Input::WireOpened(Id::Own) => wire_opened(state),
        Input::Frame(Id::Own, kind) => frame(state, kind),
        Input::WireLost(Id::Own, loss) => wire_lost(state, loss),
        Input::Send => send(state),
        Input::SendVolatile => send_volatile(state),
        Input::Flush => flush(state),
        Input::SendAndFlush => send_and_flush(state),
        Input::Close(mode) => close(state, mode),
        Input::Timeout(time) => timeout(state, time),
        Input::TakeFrames(Id::Own) => take_frames(state),
        Input::WireFlushed(Id::Own) => wire_flushed(state),
        Input::ReadingPaused => reading_paused(state),
        // Nothing was paused.
        Input::ReadingResumed => to(state),
        // As good as a ping (hazard R16).
        Input::WireProgress(Id::Own) if matches!(state, Wire | WireBusy | WireQueued) => to(state).pinged(),
        Input::BodyProgress if matches!(state, Polling(_) | PollingQueued) => to(state).pinged(),
        Input::WireProgress(_) | Input::BodyProgress => to(state),
        // What is over has no say.
        Input::Answer(Id::Stale, _) | Input::Posted(Id::Stale) | Input::Failed(Request::Stale) => to(state),
        Input::WireOpened(Id::Stale) | Input::Frame(Id::Stale, _) | Input::WireLost(Id::Stale, _) => to(state),
        Input::TakeFrames(Id::Stale) | Input::WireFlushed(Id::Stale) => to(state),
    }
}

fn answer(state: State, body: Body) -> Effect {
    match state {
        Opening(Via::Get) | OpeningClosing(Via::Get) => first_answer(state, body),
        Polling(_) | PollingQueued | Connecting(_) | Asking(_) | Asked(_) => next_answer(state, body),
        LeavingPosting | LeavingQueued => next_answer(state, body),
        Pausing(Rest::Get | Rest::Both) | Closing(Rest::Get | Rest::Both) | Leaving(true) => next_answer(state, body),
        // There is no GET.
        Opening(Via::Wire) | OpeningClosing(Via::Wire) | Pausing(Rest::Post) | Closing(Rest::Post) => to(state),
        Wire | WireBusy | WireQueued | Draining | Leaving(false) | Closed(_) => to(state),
    }
}

/// Row B6: it has to begin with an open packet.
fn first_answer(state: State, body: Body) -> Effect {
    let closes = matches!(state, OpeningClosing(_));
    match body {
        // Row B37, and nothing is upgraded.
        Body::Offer | Body::Open if closes => to(LeavingPosting).outputs("opened post:new=4m get:new").due(33),
        // Row B34.
        Body::Offer => to(Connecting(Post::None)).outputs("opened open:new get:new").due(13),
        Body::Open => to(Polling(Post::None)).outputs("opened get:new").due(48),
        Body::Message | Body::Ping | Body::Close | Body::Noop | Body::MalformedAfterGood | Body::NotUtf8 => {
            end_by(state, "get", "transport error")
        }
        Body::Several => end_by(state, "get", "transport error"),
    }
}

fn next_answer(state: State, body: Body) -> Effect {
    let said = match body {
        // Another open packet says nothing.
        Body::Offer | Body::Open | Body::Noop => "",
        Body::Message => "message(x)",
        Body::Ping => "ping",
        Body::Several => "message(x) ping message(0102)",
        // Row B38.
        Body::Close => return end_by(state, "get", "transport close"),
        // Row B39.
        Body::NotUtf8 => return end_by(state, "get", "transport error"),
        Body::MalformedAfterGood => {
            let end = end_by(state, "get", "transport error");
            let outputs = to(state).outputs("message(x)").outputs(&end.outputs).outputs;
            return Effect { outputs, ..end };
        }
    };
    let pinged = matches!(body, Body::Ping | Body::Several);
    let effect = get_ended(state, said, pinged);
    if pinged { effect.pinged() } else { effect }
}

/// A GET has ended well, and brought this: what is owed or queued is posted if no POST is under way, then comes the next GET.
fn get_ended(state: State, said: &str, pinged: bool) -> Effect {
    let posting = |after| {
        let effect = to(after).outputs(said);
        if pinged { effect.outputs("post:new=3 get:new") } else { effect.outputs("get:new") }
    };
    let post = if pinged { Post::UnderWay } else { Post::None };
    match state {
        Polling(Post::None) => posting(Polling(post)),
        Connecting(Post::None) => posting(Connecting(post)),
        Asking(Post::None) => posting(Asking(post)),
        Asked(Post::None) => posting(Asked(post)),
        PollingQueued => {
            let payload = if pinged { "post:new=3,4m get:new" } else { "post:new=4m get:new" };
            to(Polling(Post::UnderWay)).outputs(said).outputs(payload)
        }
        Polling(Post::UnderWay) | Connecting(Post::UnderWay) | Asking(Post::UnderWay) | Asked(Post::UnderWay) => {
            to(state).outputs(said).outputs("get:new")
        }
        // Row B34: the last that was waited for.
        Pausing(Rest::Get) => to(Wire).outputs(said).outputs("upgraded").writes(),
        Closing(Rest::Get) => to(Draining).outputs(said).outputs("upgraded").due(33),
        Pausing(Rest::Both | Rest::Post) => to(Pausing(Rest::Post)).outputs(said),
        Closing(Rest::Both | Rest::Post) => to(Closing(Rest::Post)).outputs(said),
        // The server knows of no close yet.
        LeavingPosting | LeavingQueued => to(state).outputs(said).outputs("get:new"),
        // The server knows no other GET once it has read the close packet.
        Leaving(_) => to(Leaving(false)).outputs(said),
        Opening(_) | OpeningClosing(_) | Wire | WireBusy | WireQueued | Draining | Closed(_) => to(state),
    }
}

/// Row B32.
fn posted(state: State) -> Effect {
    match state {
        Polling(Post::UnderWay) => to(Polling(Post::None)),
        Connecting(Post::UnderWay) => to(Connecting(Post::None)),
        Asking(Post::UnderWay) => to(Asking(Post::None)),
        Asked(Post::UnderWay) => to(Asked(Post::None)),
        Pausing(Rest::Post) => to(Wire).outputs("upgraded").writes(),
        Closing(Rest::Post) => to(Draining).outputs("upgraded").due(33),
        Pausing(Rest::Both) => to(Pausing(Rest::Get)),
        Closing(Rest::Both) => to(Closing(Rest::Get)),
        // Row B37.
        Leaving(_) => end_by(state, "post", "forced close"),
        LeavingQueued => to(LeavingPosting).outputs("post:new=4m"),
        LeavingPosting => to(Leaving(true)).outputs("post:new=1"),
        Opening(_) | OpeningClosing(_) | Polling(Post::None) | PollingQueued | Pausing(Rest::Get) => to(state),
        Connecting(Post::None) | Asking(Post::None) | Asked(Post::None) | Closing(Rest::Get) => to(state),
        Wire | WireBusy | WireQueued | Draining | Closed(_) => to(state),
    }
}

/// Row B40.
fn get_failed(state: State) -> Effect {
    match state {
        Opening(Via::Get) | OpeningClosing(Via::Get) | Polling(_) | PollingQueued | Connecting(_) | Asking(_) => {
            end_by(state, "get", "transport error")
        }
        Asked(_) | Pausing(Rest::Get | Rest::Both) | Closing(Rest::Get | Rest::Both) => {
            end_by(state, "get", "transport error")
        }
        LeavingPosting | LeavingQueued => end_by(state, "get", "transport error"),
        // That is how a server may take the close packet.
        Leaving(_) => to(Leaving(false)),
        Opening(Via::Wire) | OpeningClosing(Via::Wire) | Pausing(Rest::Post) | Closing(Rest::Post) => to(state),
        Wire | WireBusy | WireQueued | Draining | Closed(_) => to(state),
    }
}

/// Row B40.
fn post_failed(state: State) -> Effect {
    match state {
        Polling(Post::UnderWay) | Connecting(Post::UnderWay) | Asking(Post::UnderWay) | Asked(Post::UnderWay) => {
            end_by(state, "post", "transport error")
        }
        Pausing(Rest::Post | Rest::Both) | Closing(Rest::Post | Rest::Both) | Leaving(_) => {
            end_by(state, "post", "transport error")
        }
        LeavingPosting | LeavingQueued => end_by(state, "post", "transport error"),
        Opening(_) | OpeningClosing(_) | Polling(Post::None) | PollingQueued | Pausing(Rest::Get) => to(state),
        Connecting(Post::None) | Asking(Post::None) | Asked(Post::None) | Closing(Rest::Get) => to(state),
        Wire | WireBusy | WireQueued | Draining | Closed(_) => to(state),
    }
}

fn wire_opened(state: State) -> Effect {
    match state {
        Connecting(post) => to(Asking(post)),
        Opening(_) | OpeningClosing(_) | Polling(_) | PollingQueued | Asking(_) | Asked(_) | Pausing(_) => to(state),
        Closing(_) | Wire | WireBusy | WireQueued | Draining | Leaving(_) | LeavingPosting | LeavingQueued
        | Closed(_) => to(state),
    }
}

fn frame(state: State, kind: Kind) -> Effect {
    match state {
        Opening(Via::Wire) | OpeningClosing(Via::Wire) => match kind {
            Kind::Open if state == Opening(Via::Wire) => to(Wire).outputs("opened").due(48),
            Kind::Open => to(Draining).outputs("opened").due(33),
            Kind::WsPing => to(state).writes(),
            Kind::WsPong => to(state),
            Kind::ProbeAnswer | Kind::Message | Kind::Close | Kind::Ping | Kind::Pong | Kind::Upgrade | Kind::Noop => {
                end(state, "transport error")
            }
            Kind::Unknown | Kind::Empty | Kind::Binary | Kind::WsClose => end(state, "transport error"),
        },
        Connecting(_) | Asking(_) | Asked(_) | Pausing(_) | Closing(_) => match (kind, state) {
            (Kind::ProbeAnswer, Asked(Post::None)) => to(Pausing(Rest::Get)),
            (Kind::ProbeAnswer, Asked(Post::UnderWay)) => to(Pausing(Rest::Both)),
            (Kind::WsPing, _) => to(state).writes(),
            (Kind::WsPong, _) => to(state),
            // Row B35.
            (Kind::ProbeAnswer | Kind::Open | Kind::Message | Kind::Close | Kind::Ping | Kind::Pong, _)
            | (Kind::Upgrade | Kind::Noop | Kind::Unknown | Kind::Empty | Kind::Binary | Kind::WsClose, _) => {
                probe_lost(state, 3)
            }
        },
        Wire | WireBusy | WireQueued | Draining => match kind {
            Kind::Message => to(state).outputs("message(x)"),
            Kind::Binary => to(state).outputs("message(0102)"),
            // Rows B28, B29.
            Kind::Ping => to(state).outputs("ping").pinged().writes(),
            // A packet out of place is read over, the close packet too (row B38).
            Kind::Open | Kind::ProbeAnswer | Kind::Pong | Kind::Upgrade | Kind::Noop | Kind::Close => to(state),
            Kind::WsPing => to(state).writes(),
            Kind::WsPong => to(state),
            // Row B41.
            Kind::WsClose => end(state, "transport close"),
            // Row B39.
            Kind::Unknown | Kind::Empty => end(state, "transport error"),
        },
        Opening(Via::Get) | OpeningClosing(Via::Get) | Polling(_) | PollingQueued => to(state),
        Leaving(_) | LeavingPosting | LeavingQueued | Closed(_) => to(state),
    }
}

/// Row B35: only the upgrade is over; a close that waited for it goes on from now.
fn probe_lost(state: State, second: u64) -> Effect {
    let lost = |after| to(after).outputs("close:wire upgrade-failed");
    match state {
        Connecting(post) | Asking(post) | Asked(post) => lost(Polling(post)),
        Pausing(Rest::Get) => lost(Polling(Post::None)),
        Pausing(Rest::Post) => lost(Polling(Post::UnderWay)).outputs("get:new"),
        Pausing(Rest::Both) => lost(Polling(Post::UnderWay)),
        Closing(Rest::Get) => lost(LeavingPosting).outputs("post:new=4m").due(second + 30),
        Closing(Rest::Post) => lost(LeavingQueued).outputs("get:new").due(second + 30),
        Closing(Rest::Both) => lost(LeavingQueued).due(second + 30),
        Opening(_) | OpeningClosing(_) | Polling(_) | PollingQueued | Wire | WireBusy | WireQueued => to(state),
        Draining | Leaving(_) | LeavingPosting | LeavingQueued | Closed(_) => to(state),
    }
}

fn wire_lost(state: State, loss: Loss) -> Effect {
    let (reason, code) = match loss {
        Loss::Disconnected => ("transport close", ""),
        Loss::TooBig => ("transport error", ",1009"),
    };
    let effect = match state {
        Opening(Via::Wire) | OpeningClosing(Via::Wire) => end(state, "transport error"),
        Connecting(_) | Asking(_) | Asked(_) | Pausing(_) | Closing(_) => probe_lost(state, 3),
        Wire | WireBusy | WireQueued | Draining => end(state, reason),
        Opening(Via::Get) | OpeningClosing(Via::Get) | Polling(_) | PollingQueued => to(state),
        Leaving(_) | LeavingPosting | LeavingQueued | Closed(_) => to(state),
    };
    effect.with_code(code)
}

fn send(state: State) -> Effect {
    match state {
        Polling(Post::None) => to(PollingQueued),
        Wire | WireBusy => to(WireQueued),
        Opening(_) | Polling(Post::UnderWay) | PollingQueued | Connecting(_) | Asking(_) | Asked(_) | Pausing(_) => {
            let effect = to(state);
            Effect { queued: effect.queued + M, ..effect }
        }
        WireQueued => to(state).queued(2 * M),
        OpeningClosing(_) | Closing(_) | Draining | Leaving(_) | LeavingPosting | LeavingQueued | Closed(_) => {
            to(state).returns("Closed")
        }
    }
}

/// Row E39: only where it can leave at once.
fn send_volatile(state: State) -> Effect {
    match state {
        Polling(Post::None) | Connecting(Post::None) | Asking(Post::None) | Asked(Post::None) | Wire => send(state),
        Opening(_) | PollingQueued | Pausing(_) | WireBusy | WireQueued => to(state).returns("Discarded"),
        Polling(Post::UnderWay) | Connecting(Post::UnderWay) | Asking(Post::UnderWay) | Asked(Post::UnderWay) => {
            to(state).returns("Discarded")
        }
        OpeningClosing(_) | Closing(_) | Draining | Leaving(_) | LeavingPosting | LeavingQueued | Closed(_) => {
            send(state)
        }
    }
}

fn flush(state: State) -> Effect {
    match state {
        PollingQueued => to(Polling(Post::UnderWay)).outputs("post:new=4m"),
        Opening(_) | OpeningClosing(_) | Polling(_) | Connecting(_) | Asking(_) | Asked(_) | Pausing(_) => to(state),
        Closing(_) | Wire | WireBusy | WireQueued | Draining | Leaving(_) | LeavingPosting | LeavingQueued
        | Closed(_) => to(state),
    }
}

/// Rows B32, B33.
fn send_and_flush(state: State) -> Effect {
    match state {
        Polling(Post::None) => to(Polling(Post::UnderWay)).outputs("post:new=4m"),
        Connecting(Post::None) => to(Connecting(Post::UnderWay)).outputs("post:new=4m"),
        Asking(Post::None) => to(Asking(Post::UnderWay)).outputs("post:new=4m"),
        Asked(Post::None) => to(Asked(Post::UnderWay)).outputs("post:new=4m"),
        PollingQueued => to(Polling(Post::UnderWay)).outputs("post:new=4m,4m"),
        Polling(Post::UnderWay) | Connecting(Post::UnderWay) | Asking(Post::UnderWay) | Asked(Post::UnderWay) => {
            send(state)
        }
        Opening(_) | OpeningClosing(_) | Pausing(_) | Closing(_) | Wire | WireBusy | WireQueued => send(state),
        Draining | Leaving(_) | LeavingPosting | LeavingQueued | Closed(_) => send(state),
    }
}

/// Row B37.
fn close(state: State, mode: CloseMode) -> Effect {
    if mode == CloseMode::Discard {
        return end(state, "forced close");
    }
    let given_up = "close:wire upgrade-failed";
    match state {
        Opening(Via::Get) => to(OpeningClosing(Via::Get)).queued(0),
        Opening(Via::Wire) => end(state, "forced close"),
        Polling(Post::None) => to(Leaving(true)).outputs("post:new=1").due(33),
        Polling(Post::UnderWay) => to(LeavingPosting).due(33),
        PollingQueued => to(LeavingPosting).outputs("post:new=4m").due(33),
        Connecting(Post::None) | Asking(Post::None) | Asked(Post::None) => {
            to(Leaving(true)).outputs(given_up).outputs("post:new=1").due(33)
        }
        Connecting(Post::UnderWay) | Asking(Post::UnderWay) | Asked(Post::UnderWay) => {
            to(LeavingPosting).outputs(given_up).due(33)
        }
        // An upgrade that is so far is waited for.
        Pausing(rest) => to(Closing(rest)).queued(0),
        Wire | WireBusy => to(Draining).queued(0).due(33),
        WireQueued => to(Draining).due(33),
        OpeningClosing(_) | Closing(_) | Draining | Leaving(_) | LeavingPosting | LeavingQueued | Closed(_) => {
            to(state)
        }
    }
}

fn timeout(state: State, time: Time) -> Effect {
    let reached = |reached: Time| time.second() >= reached.second();
    match state {
        Opening(_) if reached(Time::Open) => end(state, "transport error"),
        OpeningClosing(_) if reached(Time::Open) => end(state, "forced close"),
        Closing(_) if reached(Time::Upgrade) => probe_lost(state, time.second()),
        Connecting(_) | Asking(_) | Asked(_) | Pausing(_) if reached(Time::Ping) => {
            let lost = probe_lost(state, time.second());
            let end = end(lost.after, "ping timeout");
            // The GET that has just been sent is not the one of the state.
            let ends = if lost.outputs.contains("get:new") { end.outputs.replace(":get", ":new") } else { end.outputs };
            Effect { outputs: lost.outputs, ..to(end.after) }.outputs(&ends)
        }
        Connecting(_) | Asking(_) | Asked(_) | Pausing(_) if reached(Time::Upgrade) => probe_lost(state, time.second()),
        // Row B28.
        Polling(_) | PollingQueued | Wire | WireBusy | WireQueued if reached(Time::Ping) => end(state, "ping timeout"),
        Draining | Leaving(_) | LeavingPosting | LeavingQueued if reached(Time::Close) => end(state, "forced close"),
        Opening(_) | OpeningClosing(_) | Connecting(_) | Asking(_) | Asked(_) | Pausing(_) | Closing(_) => to(state),
        Polling(_) | PollingQueued | Wire | WireBusy | WireQueued | Draining => to(state),
        Leaving(_) | LeavingPosting | LeavingQueued | Closed(_) => to(state),
    }
}

fn take_frames(state: State) -> Effect {
    match state {
        Asking(post) => to(Asked(post)).returns("2probe"),
        WireQueued => to(WireBusy).returns("4m"),
        Draining => end(state, "forced close").returns("4m"),
        Opening(_) | OpeningClosing(_) | Polling(_) | PollingQueued | Connecting(_) | Asked(_) | Pausing(_) => {
            to(state)
        }
        Closing(_) | Wire | WireBusy | Leaving(_) | LeavingPosting | LeavingQueued | Closed(_) => to(state),
    }
}

fn wire_flushed(state: State) -> Effect {
    match state {
        WireBusy => to(Wire),
        Opening(_) | OpeningClosing(_) | Polling(_) | PollingQueued | Connecting(_) | Asking(_) | Asked(_) => to(state),
        Pausing(_) | Closing(_) | Wire | WireQueued | Draining | Leaving(_) | LeavingPosting | LeavingQueued
        | Closed(_) => to(state),
    }
}

/// Hazard R17: a ping may lie unread, for a period from now.
fn reading_paused(state: State) -> Effect {
    match state {
        Polling(_) | PollingQueued | Wire | WireBusy | WireQueued => to(state).due(48),
        Opening(_) | OpeningClosing(_) | Connecting(_) | Asking(_) | Asked(_) | Pausing(_) | Closing(_) => to(state),
        Draining | Leaving(_) | LeavingPosting | LeavingQueued | Closed(_) => to(state),
    }
}

fn transport(state: State) -> TransportKind {
    match state {
        Opening(Via::Get) | OpeningClosing(Via::Get) | Polling(_) | PollingQueued | Connecting(_) | Asking(_) => {
            TransportKind::Polling
        }
        Asked(_) | Pausing(_) | Closing(_) | Leaving(_) | LeavingPosting | LeavingQueued => TransportKind::Polling,
        Opening(Via::Wire) | OpeningClosing(Via::Wire) | Wire | WireBusy | WireQueued | Draining => {
            TransportKind::WebSocket
        }
        Closed(last) => last,
    }
}

/// Whether what is queued would be posted: with nothing under way that it would have to wait for.
const fn posts(state: State) -> bool {
    match state {
        Polling(Post::None) | PollingQueued | Connecting(Post::None) | Asking(Post::None) | Asked(Post::None) => true,
        Polling(Post::UnderWay) | Connecting(Post::UnderWay) | Asking(Post::UnderWay) | Asked(Post::UnderWay) => false,
        Opening(_) | OpeningClosing(_) | Pausing(_) | Closing(_) | Wire | WireBusy | WireQueued => false,
        Draining | Leaving(_) | LeavingPosting | LeavingQueued | Closed(_) => false,
    }
}

/// What can be seen of a state, whatever is queued.
fn face(session: &ClientSession) -> (TransportKind, [bool; 4]) {
    let is = [session.is_open(), session.is_closed(), session.is_upgrading(), session.takes_messages()];
    (session.transport(), is)
}

#[test]
fn every_input_does_in_every_state_what_the_contract_says() {
    let mut wrong = Vec::new();
    for state in states() {
        for input in inputs() {
            let want = expected(state, input);
            let (mut bench, model) = (Bench::new(state), Bench::new(want.after));
            let (returned, outputs) = bench.apply(input);
            let (session, model) = (&bench.client.session, &model.client.session);
            let seen = (returned.as_str(), outputs.as_str(), session.queued_bytes(), session.next_timeout());
            let on_wire = matches!(want.after, Wire | WireBusy | WireQueued);
            // A WebSocket that was just asked for is not the one of the state.
            let writes = want.writes || (on_wire && want.queued > 0);
            if seen != (want.returned, want.outputs.as_str(), want.queued, want.due.map(at))
                || face(session) != face(model)
                || session.is_writable() != (model.is_writable() && want.queued == 0)
                || session.wants_write(WireId(bench.wire)) != writes
                || session.wants_flush() != (posts(want.after) && want.queued > 0)
            {
                let asks = (session.wants_write(WireId(bench.wire)), session.wants_flush(), session.is_writable());
                let face = face(session);
                wrong.push(format!("{state:?} × {input:?}\n  want {want:?}\n  seen {seen:?} {face:?} {asks:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn nothing_but_what_is_given_up_comes_after_the_end_and_the_end_comes_once() {
    for state in states() {
        for input in inputs() {
            let mut bench = Bench::new(state);
            let (_, outputs) = bench.apply(input);
            let after: Vec<_> = outputs.split(' ').skip_while(|word| !word.starts_with("closed(")).collect();
            // A reason is two words.
            let mut rest = after.get(2..).unwrap_or_default().iter();
            assert!(rest.all(|word| word.starts_with("close:") || word.starts_with("abort:")), "{state:?} × {input:?}");
            if bench.client.session.is_closed() {
                let again = inputs().into_iter().map(|next| bench.apply(next).1).collect::<String>();
                assert_eq!(again, "", "{state:?} × {input:?}");
                bench.client.assert_over();
            }
        }
    }
}
