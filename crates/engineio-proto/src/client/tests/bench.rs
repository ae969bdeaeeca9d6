//! The states and inputs of the table, how a session is brought into each state, and how each input is applied.
//!
//! Time: a session begins and opens at second 0 (an upgrade is then due by 10, the open packet by 20), a close is asked for at
//! 2 (due by 32), the input comes at 3. The ids of the past, or of nothing, are those of requests and WebSockets that are over.

use bytes::Bytes;

use super::{Client, OFFER, OPEN, at, frame, line, text};
use crate::{
    ClientOptions, CloseMode, Message, RequestId, SendOptions, Sent, TransportKind, WireId, WireLoss,
    websocket::{FrameError, FrameEvent},
};

/// What brings the open packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    Get,
    Wire,
}

/// Is a POST under way?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Post {
    None,
    UnderWay,
}

/// What polling waits for while it pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    Get,
    Post,
    Both,
}

/// Every state that can be reached. Where nothing is said of a GET, there is one under way wherever the session polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Opening(Via),
    /// With `m` queued, and then a graceful close.
    OpeningClosing(Via),
    Polling(Post),
    /// `m` waits for a flush.
    PollingQueued,
    /// The WebSocket is being opened.
    Connecting(Post),
    /// `2probe` is to be written.
    Asking(Post),
    Asked(Post),
    Pausing(Rest),
    /// Pausing, with `m` queued, and then a graceful close.
    Closing(Rest),
    Wire,
    /// `m` was taken and is being written.
    WireBusy,
    /// `m` waits to be taken.
    WireQueued,
    /// `m` waits to be taken, and then a graceful close.
    Draining,
    /// The close packet is in the POST that is under way; perhaps there is a GET.
    Leaving(bool),
    /// All that was queued is in the POST that is under way, and the close packet is still to come.
    LeavingPosting,
    /// A POST is under way, `m` is queued, and then a graceful close.
    LeavingQueued,
    /// By discarding, on this transport.
    Closed(TransportKind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Id {
    Own,
    Stale,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Get,
    Post,
    Stale,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// The open packet of a server that offers a WebSocket, and of one that does not.
    Offer,
    Open,
    Message,
    Ping,
    Close,
    Noop,
    MalformedAfterGood,
    NotUtf8,
    Several,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    ProbeAnswer,
    Message,
    Close,
    Ping,
    Pong,
    Upgrade,
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
    /// Second 10.
    Upgrade,
    /// Second 20.
    Open,
    /// Second 32.
    Close,
    /// Second 45.
    Ping,
}

impl Time {
    pub(super) const fn second(self) -> u64 {
        match self {
            Self::Early => 3,
            Self::Upgrade => 10,
            Self::Open => 20,
            Self::Close => 32,
            Self::Ping => 45,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Answer(Id, Body),
    Posted(Id),
    Failed(Request),
    WireOpened(Id),
    Frame(Id, Kind),
    WireLost(Id, Loss),
    Send,
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
    use State::{
        Asked, Asking, Closed, Closing, Connecting, Draining, Leaving, LeavingPosting, LeavingQueued, Opening,
        OpeningClosing, Pausing, Polling, PollingQueued, Wire, WireBusy, WireQueued,
    };
    let mut all = vec![PollingQueued, Wire, WireBusy, WireQueued, Draining, LeavingPosting, LeavingQueued];
    all.extend([Via::Get, Via::Wire].into_iter().flat_map(|via| [Opening(via), OpeningClosing(via)]));
    let posts = [Post::None, Post::UnderWay].into_iter();
    all.extend(posts.flat_map(|post| [Polling(post), Connecting(post), Asking(post), Asked(post)]));
    all.extend([Rest::Get, Rest::Post, Rest::Both].into_iter().flat_map(|rest| [Pausing(rest), Closing(rest)]));
    all.extend([true, false].map(Leaving));
    all.extend([TransportKind::Polling, TransportKind::WebSocket].map(Closed));
    all
}

pub(super) fn inputs() -> Vec<Input> {
    use Input::{
        Answer, BodyProgress, Close, Failed, Flush, Frame, Posted, ReadingPaused, ReadingResumed, Send, SendAndFlush,
        SendVolatile, TakeFrames, Timeout, WireFlushed, WireLost, WireOpened, WireProgress,
    };
    let mut all = vec![Send, SendVolatile, Flush, SendAndFlush, ReadingPaused, ReadingResumed, BodyProgress];
    for id in [Id::Own, Id::Stale] {
        all.extend([Posted(id), WireOpened(id), TakeFrames(id), WireFlushed(id), WireProgress(id)]);
        all.extend([Loss::Disconnected, Loss::TooBig].map(|loss| WireLost(id, loss)));
        all.extend(BODIES.map(|body| Answer(id, body)));
        all.extend(KINDS.map(|kind| Frame(id, kind)));
    }
    all.extend([Request::Get, Request::Post, Request::Stale].map(Failed));
    all.extend([CloseMode::Graceful, CloseMode::Discard].map(Close));
    all.extend([Time::Early, Time::Upgrade, Time::Open, Time::Close, Time::Ping].map(Timeout));
    all
}

const BODIES: [Body; 9] = [
    Body::Offer,
    Body::Open,
    Body::Message,
    Body::Ping,
    Body::Close,
    Body::Noop,
    Body::MalformedAfterGood,
    Body::NotUtf8,
    Body::Several,
];

const KINDS: [Kind; 14] = [
    Kind::Open,
    Kind::ProbeAnswer,
    Kind::Message,
    Kind::Close,
    Kind::Ping,
    Kind::Pong,
    Kind::Upgrade,
    Kind::Noop,
    Kind::Unknown,
    Kind::Empty,
    Kind::Binary,
    Kind::WsPing,
    Kind::WsPong,
    Kind::WsClose,
];

const fn body(body: Body) -> &'static [u8] {
    match body {
        Body::Offer => OFFER.as_bytes(),
        Body::Open => OPEN.as_bytes(),
        Body::Message => b"4x",
        Body::Ping => b"2",
        Body::Close => b"1",
        Body::Noop => b"6",
        Body::MalformedAfterGood => b"4x\x1e9\x1e4y",
        Body::NotUtf8 => b"4x\x1e4\xff",
        Body::Several => b"4x\x1e2\x1ebAQI=\x1e6",
    }
}

fn event(kind: Kind) -> FrameEvent {
    let packet = |packet: &str| FrameEvent::Message(packet.into());
    match kind {
        Kind::Open => packet(OPEN),
        Kind::ProbeAnswer => packet("3probe"),
        Kind::Message => packet("4x"),
        Kind::Close => packet("1"),
        Kind::Ping => packet("2"),
        Kind::Pong => packet("3"),
        Kind::Upgrade => packet("5"),
        Kind::Noop => packet("6"),
        Kind::Unknown => packet("9"),
        Kind::Empty => packet(""),
        Kind::Binary => FrameEvent::Message(Message::Binary(Bytes::from_static(&[1, 2]))),
        Kind::WsPing => FrameEvent::Ping(Bytes::from_static(b"z")),
        Kind::WsPong => FrameEvent::Pong(Bytes::from_static(b"z")),
        Kind::WsClose => FrameEvent::Close(None),
    }
}

/// A session in a state, with the ids that belong to it. Those that do not exist there are of nothing.
pub(super) struct Bench {
    pub(super) client: Client,
    get: u32,
    post: u32,
    pub(super) wire: u32,
}

const NOTHING: u32 = 900;

impl Bench {
    pub(super) fn new(state: State) -> Self {
        let (client, [get, post, wire]) = reach(state);
        Self { client, get, post, wire }
    }

    /// Applies an input; gives what the call returned (`ok` and `()` are nothing) and the outputs.
    pub(super) fn apply(&mut self, input: Input) -> (String, String) {
        self.client.now = at(3);
        let returned = self.call(input);
        let out = std::mem::take(&mut self.client.out);
        let request = |RequestId(id)| match id {
            id if id == self.get => "get".to_owned(),
            id if id == self.post => "post".to_owned(),
            _ => "new".to_owned(),
        };
        let wire = |WireId(id)| if id == self.wire { "wire".to_owned() } else { "new".to_owned() };
        (returned, line(&out, request, wire))
    }

    const fn wire(&self, id: Id) -> WireId {
        match id {
            Id::Own => WireId(self.wire),
            Id::Stale => WireId(NOTHING + 9),
        }
    }

    fn request(&self, request: Request) -> RequestId {
        match request {
            Request::Get => RequestId(self.get),
            Request::Post => RequestId(self.post),
            Request::Stale => RequestId(NOTHING + 9),
        }
    }

    fn call(&mut self, input: Input) -> String {
        let (now, get, post) = (self.client.now, self.request(Request::Get), self.request(Request::Post));
        let stale = self.request(Request::Stale);
        let own = |id, own| if id == Id::Own { own } else { stale };
        match input {
            Input::Answer(id, kind) => {
                let body = Bytes::from_static(body(kind));
                self.client.session.handle_answer(own(id, get), body, now, &mut self.client.out);
            }
            Input::Posted(id) => self.client.session.handle_posted(own(id, post), now, &mut self.client.out),
            Input::Failed(request) => {
                let request = self.request(request);
                self.client.session.handle_request_failed(request, &mut self.client.out);
            }
            Input::WireOpened(id) => self.client.session.handle_wire_opened(self.wire(id)),
            Input::Frame(id, kind) => {
                self.client.session.handle_frame(self.wire(id), event(kind), now, &mut self.client.out);
            }
            Input::WireLost(id, loss) => {
                let loss = match loss {
                    Loss::Disconnected => WireLoss::Disconnected,
                    Loss::TooBig => WireLoss::Violation(FrameError::MessageTooBig { limit: 16, seen: 17 }),
                };
                self.client.session.handle_wire_lost(self.wire(id), loss, now, &mut self.client.out);
            }
            Input::Send => return self.send(SendOptions::KEPT),
            Input::SendVolatile => return self.send(SendOptions::VOLATILE),
            Input::Flush => self.flush(),
            Input::SendAndFlush => {
                let returned = self.send(SendOptions::KEPT);
                self.flush();
                return returned;
            }
            Input::Close(mode) => self.client.session.handle_close(mode, now, &mut self.client.out),
            Input::Timeout(time) => self.client.session.handle_timeout(at(time.second()), &mut self.client.out),
            Input::TakeFrames(id) => return self.take(self.wire(id)),
            Input::WireFlushed(id) => self.client.session.handle_wire_flushed(self.wire(id)),
            Input::ReadingPaused => self.client.session.handle_reading_paused(now),
            Input::ReadingResumed => self.client.session.handle_reading_resumed(now),
            Input::WireProgress(id) => {
                self.client.session.handle_wire_progress(self.wire(id), 1 << 20, now);
            }
            Input::BodyProgress => {
                self.client.session.handle_body_progress(1 << 20, now);
            }
        }
        String::new()
    }

    fn send(&mut self, options: SendOptions) -> String {
        match self.client.session.handle_send_with(&[text("m")], options, self.client.now) {
            Ok(Sent::Queued { .. }) => String::new(),
            Ok(Sent::Discarded) => "Discarded".into(),
            Err(error) => format!("{error:?}"),
        }
    }

    fn flush(&mut self) {
        let wanted = self.client.session.wants_flush();
        self.client.session.handle_flush(&mut self.client.out);
        assert_eq!(wanted, !self.client.out.is_empty(), "wants_flush tells whether there will be a POST");
    }

    fn take(&mut self, wire: WireId) -> String {
        let mut frames = Vec::new();
        let wanted = self.client.session.wants_write(wire);
        self.client.session.take_frames(wire, usize::MAX, &mut frames, &mut self.client.out);
        assert_eq!(
            wanted,
            !frames.is_empty() || !self.client.out.is_empty(),
            "wants_write tells what take_frames gives"
        );
        frames.iter().map(frame).collect::<Vec<_>>().join(" ")
    }
}

/// A session in this state, and its GET, its POST and its WebSocket.
fn reach(state: State) -> (Client, [u32; 3]) {
    match state {
        State::Opening(via) => {
            let first = if via == Via::Get { TransportKind::Polling } else { TransportKind::WebSocket };
            let mut client = Client::new(ClientOptions::default(), Some(first));
            client.said();
            (client, if via == Via::Get { [1, NOTHING, NOTHING] } else { [NOTHING, NOTHING, 1] })
        }
        State::OpeningClosing(via) => leaving(State::Opening(via), true),
        State::Polling(post) => posting(Client::polling(), [2, NOTHING, NOTHING], post),
        State::PollingQueued => sending(reach(State::Polling(Post::None))),
        State::Connecting(post) => posting(Client::connecting(), [3, NOTHING, 2], post),
        State::Asking(post) => {
            let (mut client, ids) = reach(State::Connecting(post));
            client.session.handle_wire_opened(WireId(2));
            (client, ids)
        }
        State::Asked(post) => {
            let (mut client, ids) = reach(State::Asking(post));
            assert_eq!(client.take(2), "2probe");
            (client, ids)
        }
        State::Pausing(rest) => {
            let (mut client, [mut get, post, wire]) =
                reach(State::Asked(if rest == Rest::Get { Post::None } else { Post::UnderWay }));
            assert_eq!(client.says(2, "3probe"), "");
            if rest == Rest::Post {
                assert_eq!(client.answer(get, "6"), "");
                get = NOTHING;
            }
            (client, [get, post, wire])
        }
        State::Closing(rest) => leaving(State::Pausing(rest), true),
        State::Wire => (Client::upgraded(), [NOTHING, NOTHING, 2]),
        State::WireQueued => sending(reach(State::Wire)),
        State::WireBusy => {
            let (mut client, ids) = reach(State::WireQueued);
            assert_eq!(client.take(2), "4m");
            (client, ids)
        }
        State::Draining => leaving(State::Wire, true),
        State::Leaving(with_get) => {
            let (mut client, [mut get, _, wire]) = leaving(State::Polling(Post::None), false);
            if !with_get {
                assert_eq!(client.answer(get, "6"), "");
                get = NOTHING;
            }
            (client, [get, 3, wire])
        }
        State::LeavingPosting => {
            let (client, [get, _, wire]) = leaving(State::PollingQueued, false);
            (client, [get, 3, wire])
        }
        State::LeavingQueued => leaving(State::Polling(Post::UnderWay), true),
        State::Closed(last) => {
            let polls = last == TransportKind::Polling;
            let (mut client, ids) = reach(if polls { State::Polling(Post::None) } else { State::Wire });
            client.close(CloseMode::Discard);
            (client, ids)
        }
    }
}

fn posting(mut client: Client, [get, none, wire]: [u32; 3], post: Post) -> (Client, [u32; 3]) {
    if post == Post::None {
        return (client, [get, none, wire]);
    }
    client.send(&["old"]);
    assert_eq!(client.flush(), format!("post:{}=4old", get + 1));
    (client, [get, get + 1, wire])
}

fn sending((mut client, ids): (Client, [u32; 3])) -> (Client, [u32; 3]) {
    client.send(&["m"]);
    (client, ids)
}

fn leaving(state: State, with_message: bool) -> (Client, [u32; 3]) {
    let (mut client, ids) = if with_message { sending(reach(state)) } else { reach(state) };
    client.now = at(2);
    client.close(CloseMode::Graceful);
    (client, ids)
}
