//! The states and inputs of the table, how a session is brought into each state, and how each input is applied.
//!
//! Time: a session opens at second 0, a candidate comes at 1 (so it is due by 11), a close is asked for at 2
//! (due by 32), the input comes at 3. Each session has answered a poll and dropped a candidate before, so
//! that ids of the past exist in every state.

use bytes::Bytes;

use super::{at, frame, line, polling_session_in, text};
use crate::{
    Attached, CloseMode, Dialect, Message, Moment, Output, PollId, PostFault, Revision, SendOptions, ServerSession,
    TransportKind, WireId, WireLoss,
    websocket::{FrameError, FrameEvent},
};

/// Is a GET waiting for its answer?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Get {
    None,
    Parked,
}

/// Is the body of a POST being read?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Post {
    None,
    Reading,
}

/// Every state that can be reached. A GET cannot be parked once the probe has come, nor while the session
/// leaves: it is answered at once there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Polling(Get, Post),
    /// `m` waits for a GET.
    PollingQueued,
    Unprobed(Get, Post),
    /// The probe has come and its answer has been taken.
    Probed(Post),
    /// Probed, with `m` queued, and then a graceful close.
    Closing(Post),
    Wire,
    /// `m` was taken and is being written.
    WireBusy,
    /// `m` waits to be taken.
    WireQueued,
    /// `m` waits to be taken, and then a graceful close.
    Draining,
    Leaving(Post),
    /// Two messages of which one fills a payload, and then a graceful close.
    LeavingLarge,
    /// By discarding, on this transport.
    Closed(TransportKind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Id {
    Own,
    Stale,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Message,
    Pong,
    Ping,
    Close,
    MalformedAfterGood,
    NotUtf8,
    Several,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Probe,
    Upgrade,
    Message,
    Open,
    Close,
    Ping,
    Pong,
    Noop,
    Unknown,
    Empty,
    Binary,
    WsPing,
    WsPong,
    WsClose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    Disconnected,
    TooBig,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    /// Second 3, before any deadline.
    Early,
    /// Second 11.
    UpgradeDeadline,
    /// Second 25.
    PingDue,
    /// Second 32.
    CloseDeadline,
    /// Second 25 and then second 45.
    PongMissed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    PollOpened,
    PollAbandoned(Id),
    PostBegun,
    Post(Body),
    PostFailed(PostFault),
    WireAttached,
    Frame(Id, Kind),
    WireLost(Id, Loss),
    Send,
    SendDroppable,
    SendVolatile,
    Flush,
    SendAndFlush,
    Close(CloseMode),
    Timeout(Time),
    TakeFrames(Id),
    WireFlushed(Id),
    ReadingPaused,
    ReadingResumed,
    WireProgress(Id),
    BodyProgress,
}

pub(super) fn states() -> Vec<State> {
    use Get::Parked;
    use Post::Reading;
    use State::{
        Closed, Closing, Draining, Leaving, LeavingLarge, Polling, PollingQueued, Probed, Unprobed, Wire, WireBusy,
        WireQueued,
    };
    let mut all = vec![PollingQueued, Wire, WireBusy, WireQueued, Draining, LeavingLarge];
    for get in [Get::None, Parked] {
        all.extend([Post::None, Reading].into_iter().flat_map(|post| [Polling(get, post), Unprobed(get, post)]));
    }
    for post in [Post::None, Reading] {
        all.extend([Probed(post), Closing(post), Leaving(post)]);
    }
    all.extend([TransportKind::Polling, TransportKind::WebSocket].map(Closed));
    all
}

pub(super) fn inputs() -> Vec<Input> {
    use Input::{
        BodyProgress, Close, Flush, Frame, PollAbandoned, PollOpened, PostBegun, PostFailed, ReadingPaused,
        ReadingResumed, Send, SendAndFlush, SendDroppable, SendVolatile, TakeFrames, Timeout, WireAttached,
        WireFlushed, WireLost, WireProgress,
    };
    let mut all = vec![PollOpened, PostBegun, WireAttached, Send, Flush, SendAndFlush, ReadingPaused, ReadingResumed];
    all.extend([SendDroppable, SendVolatile, BodyProgress]);
    for id in [Id::Own, Id::Stale] {
        all.extend([PollAbandoned(id), TakeFrames(id), WireFlushed(id), WireProgress(id)]);
        all.extend([Loss::Disconnected, Loss::TooBig].map(|loss| WireLost(id, loss)));
        all.extend(KINDS.map(|kind| Frame(id, kind)));
    }
    all.extend(BODIES.map(Input::Post));
    all.extend([PostFault::Abandoned, PostFault::TooLarge, PostFault::BinaryContent].map(PostFailed));
    all.extend([CloseMode::Graceful, CloseMode::Discard].map(Close));
    all.extend([Time::Early, Time::UpgradeDeadline, Time::PingDue, Time::CloseDeadline, Time::PongMissed].map(Timeout));
    all
}

const BODIES: [Body; 7] =
    [Body::Message, Body::Pong, Body::Ping, Body::Close, Body::MalformedAfterGood, Body::NotUtf8, Body::Several];

const KINDS: [Kind; 14] = [
    Kind::Probe,
    Kind::Upgrade,
    Kind::Message,
    Kind::Open,
    Kind::Close,
    Kind::Ping,
    Kind::Pong,
    Kind::Noop,
    Kind::Unknown,
    Kind::Empty,
    Kind::Binary,
    Kind::WsPing,
    Kind::WsPong,
    Kind::WsClose,
];

fn body(revision: Revision, body: Body) -> Bytes {
    Bytes::from_static(if revision == Revision::V4 { body_v4(body) } else { body_v3(body) })
}

const fn body_v4(body: Body) -> &'static [u8] {
    match body {
        Body::Message => b"4x",
        Body::Pong => b"3",
        Body::Ping => b"2",
        Body::Close => b"1",
        Body::MalformedAfterGood => b"4x\x1e9\x1e4y",
        Body::NotUtf8 => b"4x\x1e4\xff",
        Body::Several => b"4x\x1e3\x1ebAQI=\x1e6",
    }
}

/// The same packets, but that the client pings where it ponged.
const fn body_v3(body: Body) -> &'static [u8] {
    match body {
        Body::Message => b"2:4x",
        Body::Pong => b"1:3",
        Body::Ping => b"1:2",
        Body::Close => b"1:1",
        Body::MalformedAfterGood => b"2:4x1:92:4y",
        Body::NotUtf8 => b"2:4x2:4\xff",
        Body::Several => b"2:4x1:26:b4AQI=1:6",
    }
}

fn event_in(revision: Revision, kind: Kind) -> FrameEvent {
    match (revision, kind) {
        (Revision::V3, Kind::Binary) => FrameEvent::Message(Message::Binary(Bytes::from_static(&[4, 1, 2]))),
        (Revision::V3 | Revision::V4, kind) => event(kind),
    }
}

pub(super) fn event(kind: Kind) -> FrameEvent {
    let packet = |packet: &str| FrameEvent::Message(packet.into());
    match kind {
        Kind::Probe => packet("2probe"),
        Kind::Upgrade => packet("5"),
        Kind::Message => packet("4x"),
        Kind::Open => packet("0{}"),
        Kind::Close => packet("1"),
        Kind::Ping => packet("2"),
        Kind::Pong => packet("3"),
        Kind::Noop => packet("6"),
        Kind::Unknown => packet("9"),
        Kind::Empty => packet(""),
        Kind::Binary => FrameEvent::Message(Message::Binary(Bytes::from_static(&[1, 2]))),
        Kind::WsPing => FrameEvent::Ping(Bytes::from_static(b"z")),
        Kind::WsPong => FrameEvent::Pong(Bytes::from_static(b"z")),
        Kind::WsClose => FrameEvent::Close(None),
    }
}

/// A session in a state, with the ids that belong to it. Ids that do not exist there were never given out.
pub(super) struct Bench {
    pub(super) session: ServerSession,
    dialect: Dialect,
    own_poll: PollId,
    new_poll: PollId,
    stale_poll: PollId,
    pub(super) own_wire: WireId,
    stale_wire: WireId,
}

impl Bench {
    pub(super) fn new(state: State) -> Self {
        Self::new_in(Dialect::V4, state)
    }

    pub(super) fn new_in(dialect: Dialect, state: State) -> Self {
        let mut session = polling_session_in(dialect);
        let stale_poll = session.handle_poll_opened(&mut Vec::new()).unwrap();
        session.handle_send(&[text("old")]).unwrap();
        session.handle_flush(&mut Vec::new());
        let Attached::Candidate(stale_wire) = session.handle_wire_attached(dialect, at(0)) else { panic!("refused") };
        session.handle_frame(stale_wire, event(Kind::WsClose), at(0), &mut Vec::new());
        let (own_poll, new_poll, own_wire) = (PollId(900), PollId(901), WireId(902));
        let mut bench = Self { session, dialect, own_poll, new_poll, stale_poll, own_wire, stale_wire };
        bench.reach(state);
        bench
    }

    fn reach(&mut self, state: State) {
        match state {
            State::Polling(get, post) => self.requests(get, post),
            State::PollingQueued => self.send("m"),
            State::Unprobed(get, post) => {
                self.requests(get, post);
                self.attach(at(1));
            }
            State::Probed(post) => {
                self.reach(State::Unprobed(Get::None, post));
                self.session.handle_frame(self.own_wire, event(Kind::Probe), at(1), &mut Vec::new());
                assert_eq!(self.take(self.own_wire, &mut Vec::new()), "3probe");
            }
            State::Closing(post) => {
                self.reach(State::Probed(post));
                self.send("m");
                self.leave();
            }
            State::Wire => {
                self.reach(State::Probed(Post::None));
                self.session.handle_frame(self.own_wire, event(Kind::Upgrade), at(1), &mut Vec::new());
            }
            State::WireQueued => {
                self.reach(State::Wire);
                self.send("m");
            }
            State::WireBusy => {
                self.reach(State::WireQueued);
                assert_eq!(self.take(self.own_wire, &mut Vec::new()), "4m");
            }
            State::Draining => {
                self.reach(State::WireQueued);
                self.leave();
            }
            State::Leaving(post) => {
                self.requests(Get::None, post);
                self.leave();
            }
            State::LeavingLarge => {
                self.send("aaaaaaaaaa");
                self.send("bbbbbbbbbb");
                self.leave();
            }
            State::Closed(TransportKind::Polling) => self.discard(),
            State::Closed(TransportKind::WebSocket) => {
                self.reach(State::Wire);
                self.discard();
            }
        }
    }

    fn requests(&mut self, get: Get, post: Post) {
        if get == Get::Parked {
            self.own_poll = self.session.handle_poll_opened(&mut Vec::new()).unwrap();
        }
        if post == Post::Reading {
            self.session.handle_post_begun(&mut Vec::new()).unwrap();
        }
    }

    fn attach(&mut self, now: Moment) -> &'static str {
        match self.session.handle_wire_attached(self.dialect, now) {
            Attached::Candidate(wire) => {
                self.own_wire = wire;
                "Candidate"
            }
            Attached::Refused => "Refused",
        }
    }

    fn send(&mut self, message: &str) {
        self.session.handle_send(&[text(message)]).unwrap();
    }

    fn leave(&mut self) {
        self.session.handle_close(CloseMode::Graceful, at(2), &mut Vec::new());
    }

    fn discard(&mut self) {
        self.session.handle_close(CloseMode::Discard, at(2), &mut Vec::new());
    }

    fn take(&mut self, wire: WireId, out: &mut Vec<Output>) -> String {
        let mut frames = Vec::new();
        let wanted = self.session.wants_write(wire);
        let before = out.len();
        self.session.take_frames(wire, usize::MAX, &mut frames, out);
        assert_eq!(wanted, !frames.is_empty() || out.len() > before, "wants_write tells what take_frames gives");
        frames.iter().map(frame).collect::<Vec<_>>().join(" ")
    }

    fn poll(&self, id: Id) -> PollId {
        match id {
            Id::Own => self.own_poll,
            Id::Stale => self.stale_poll,
        }
    }

    fn wire(&self, id: Id) -> WireId {
        match id {
            Id::Own => self.own_wire,
            Id::Stale => self.stale_wire,
        }
    }

    /// Applies an input; gives what the call returned (`ok` and `()` are nothing) and the outputs.
    pub(super) fn apply(&mut self, input: Input) -> (String, String) {
        let mut out = Vec::new();
        let returned = self.call(input, &mut out);
        (returned, self.line(&out))
    }

    fn call(&mut self, input: Input, out: &mut Vec<Output>) -> String {
        fn error<E: std::fmt::Debug>(result: Result<(), E>) -> String {
            result.err().map_or_else(String::new, |error| format!("{error:?}"))
        }
        let now = at(3);
        let revision = self.dialect.revision();
        let session = &mut self.session;
        match input {
            Input::PollOpened => return error(session.handle_poll_opened(out).map(|id| self.new_poll = id)),
            Input::PollAbandoned(id) => self.session.handle_poll_abandoned(self.poll(id), out),
            Input::PostBegun => return error(session.handle_post_begun(out)),
            Input::Post(kind) => return error(session.handle_post(body(revision, kind), now, out).map(drop)),
            Input::PostFailed(fault) => session.handle_post_failed(fault, out),
            Input::WireAttached => return self.attach(now).into(),
            Input::Frame(id, kind) => {
                self.session.handle_frame(self.wire(id), event_in(revision, kind), now, out);
            }
            Input::WireLost(id, Loss::Disconnected) => {
                self.session.handle_wire_lost(self.wire(id), WireLoss::Disconnected, now, out);
            }
            Input::WireLost(id, Loss::TooBig) => {
                let loss = WireLoss::Violation(FrameError::MessageTooBig { limit: 16, seen: 17 });
                self.session.handle_wire_lost(self.wire(id), loss, now, out);
            }
            Input::Send => return error(session.handle_send(&[text("m")])),
            Input::SendDroppable => {
                return error(session.handle_send_with(&[text("m")], SendOptions::DROPPABLE).map(drop));
            }
            Input::SendVolatile => match session.handle_send_volatile(&[text("m")]) {
                Ok(true) => {}
                Ok(false) => return "Discarded".into(),
                Err(refused) => return error(Err(refused)),
            },
            Input::Flush => {
                assert!(!session.wants_flush(), "nothing has been sent since the last flush");
                session.handle_flush(out);
            }
            Input::SendAndFlush => {
                let returned = error(session.handle_send(&[text("m")]));
                let wanted = session.wants_flush();
                session.handle_flush(out);
                assert_eq!(wanted, !out.is_empty(), "wants_flush tells whether a GET will be answered");
                return returned;
            }
            Input::Close(mode) => session.handle_close(mode, now, out),
            Input::Timeout(Time::Early) => session.handle_timeout(now, out),
            Input::Timeout(Time::UpgradeDeadline) => session.handle_timeout(at(11), out),
            Input::Timeout(Time::PingDue) => session.handle_timeout(at(25), out),
            Input::Timeout(Time::CloseDeadline) => session.handle_timeout(at(32), out),
            Input::Timeout(Time::PongMissed) => {
                session.handle_timeout(at(25), out);
                session.handle_timeout(at(45), out);
            }
            Input::ReadingPaused => session.handle_reading_paused(now),
            Input::ReadingResumed => session.handle_reading_resumed(now),
            Input::WireFlushed(id) => self.session.handle_wire_flushed(self.wire(id)),
            Input::WireProgress(id) => self.session.handle_wire_progress(self.wire(id), 1 << 20, at(40)),
            Input::BodyProgress => session.handle_body_progress(1 << 20, at(40)),
            Input::TakeFrames(id) => return self.take(self.wire(id), out),
        }
        String::new()
    }

    fn line(&self, out: &[Output]) -> String {
        let poll = |id: PollId| {
            let known = [(self.own_poll, "own"), (self.new_poll, "new"), (self.stale_poll, "stale")];
            known.iter().find(|(known, _)| *known == id).map_or_else(|| format!("{id:?}"), |(_, name)| (*name).into())
        };
        let wire = |id: WireId| if id == self.own_wire { "own".into() } else { format!("{id:?}") };
        line(self.dialect.revision(), out, poll, wire)
    }
}
