//! [`ClientHost`]: a client's session and what a runtime does around it, with everything checked that holds whatever a server does.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use engineio_proto::{
    ClientOptions, ClientOutput, ClientSession, CloseMode, CloseReason, Message, MessageFrame, Moment, Packet, Payload,
    RequestId, SendOptions, Sent, TransportKind, WhenFull, WireLoss,
    websocket::{FrameError, FrameEvent, FrameLimits, Role},
};

use crate::{
    both_ends::{Wire, both_ends, close},
    ledger::Ledger,
    server_host::{answer_packets, event_of},
};

/// What becomes of the outside by an input.
#[derive(Debug)]
pub(crate) enum Effect {
    Get(usize),
    Post(usize, Bytes),
    Abort(usize),
    OpenWire(usize),
    CloseWire(usize),
    /// A frame to a WebSocket, without its mask.
    Frame(usize, Bytes),
    Message(Message),
}

/// Times and bounds that a few inputs reach.
pub(crate) fn options(settings: u8) -> ClientOptions {
    let mut options = ClientOptions::default();
    options.try_all_transports = settings & 1 != 0;
    options.upgrade = settings & 2 == 0;
    options.limits.max_message_bytes = 1_000;
    options.limits.max_fragments = 3;
    options.limits.max_queue_bytes = if settings & 4 == 0 { 1_000 } else { 100_000 };
    options.limits.when_full = if settings & 8 == 0 { WhenFull::Refuse } else { WhenFull::DropOldest };
    options.limits.open_timeout = Duration::from_millis(90);
    options.limits.upgrade_timeout = Duration::from_millis(50);
    options.limits.close_timeout = Duration::from_millis(120);
    options
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Get,
    Post,
}

#[derive(Debug)]
struct Request {
    id: RequestId,
    kind: Kind,
    is_over: bool,
}

/// The session, its requests and its connections, each by the order in which they were asked for.
pub(crate) struct ClientHost {
    session: ClientSession,
    out: Vec<ClientOutput>,
    requests: Vec<Request>,
    wires: Vec<Wire>,
    now: Moment,
    pub(crate) sent: Ledger,
    pub(crate) closed: Option<CloseReason>,
    pub(crate) opened: bool,
    upgraded: bool,
    pings: usize,
    pongs: usize,
}

impl ClientHost {
    both_ends!();

    pub(crate) fn new(options: ClientOptions, first: TransportKind) -> (Self, Vec<Effect>) {
        let mut out = Vec::new();
        let session = ClientSession::open(Arc::new(options), Some(first), Moment::EPOCH, &mut out);
        let mut host = Self {
            session,
            out,
            requests: Vec::new(),
            wires: Vec::new(),
            now: Moment::EPOCH,
            sent: Ledger::default(),
            closed: None,
            opened: false,
            upgraded: false,
            pings: 0,
            pongs: 0,
        };
        let effects = host.carry_out();
        (host, effects)
    }

    // ---- requests ----

    /// A GET is answered; the answer may also come after it was given up.
    pub(crate) fn answer(&mut self, request: usize, body: Bytes) -> Vec<Effect> {
        let Some(id) = self.end(request, Kind::Get) else { return Vec::new() };
        let bytes = body.len();
        self.session.handle_answer(id, body, self.now, &mut self.out);
        assert!(self.out.iter().map(size).sum::<usize>() <= bytes, "more came out of an answer than was in it");
        self.carry_out()
    }

    pub(crate) fn posted(&mut self, request: usize) -> Vec<Effect> {
        let Some(id) = self.end(request, Kind::Post) else { return Vec::new() };
        self.session.handle_posted(id, self.now, &mut self.out);
        self.carry_out()
    }

    /// A request fails, or is answered with another status than 200.
    pub(crate) fn fail(&mut self, request: usize) -> Vec<Effect> {
        let Some(&Request { kind, .. }) = self.requests.get(request) else { return Vec::new() };
        let Some(id) = self.end(request, kind) else { return Vec::new() };
        self.session.handle_request_failed(id, &mut self.out);
        self.carry_out()
    }

    fn end(&mut self, request: usize, kind: Kind) -> Option<RequestId> {
        let request = self.requests.get_mut(request).filter(|request| request.kind == kind)?;
        request.is_over = true;
        Some(request.id)
    }

    // ---- WebSockets ----

    pub(crate) fn wire_opened(&mut self, wire: usize) {
        let Some(wire) = self.wires.get_mut(wire).filter(|wire| wire.closes == 0) else { return };
        if !std::mem::replace(&mut wire.opened, true) {
            self.session.handle_wire_opened(wire.id);
        }
    }

    pub(crate) fn frame(&mut self, wire: usize, frame: FrameEvent) -> Vec<Effect> {
        if let Some(wire) = self.wires.get(wire).filter(|wire| wire.opened) {
            self.session.handle_frame(wire.id, frame, self.now, &mut self.out);
        }
        self.carry_out()
    }

    /// The socket takes bytes.
    pub(crate) fn write(&mut self, wire: usize, budget: usize) -> Vec<Effect> {
        let Some(Wire { id, opened, closes, .. }) = self.wires.get(wire) else { return Vec::new() };
        let (wanted, is_there) = (self.session.wants_write(*id), *opened && *closes == 0);
        let mut frames = Vec::new();
        self.session.take_frames(*id, budget, &mut frames, &mut self.out);
        assert_eq!(wanted, !frames.is_empty() || !self.out.is_empty(), "wants_write tells the truth");
        assert!(is_there || frames.is_empty(), "written to a WebSocket that is not open");
        let frames: Vec<Bytes> = frames.into_iter().map(|frame| frame.into_bytes()).collect();
        for frame in &frames {
            match event_of(frame) {
                FrameEvent::Message(Message::Text(text)) => match Packet::decode(&text) {
                    Ok(Packet::Message(message)) => self.sent.see(&message),
                    Ok(Packet::Pong(_)) => self.pongs += 1,
                    Ok(Packet::Ping(_) | Packet::Upgrade) => {}
                    other => panic!("{other:?} is nothing that a client says"),
                },
                FrameEvent::Message(binary) => self.sent.see(&binary),
                FrameEvent::Pong(_) => {}
                other => panic!("{other:?} is nothing that a client says"),
            }
        }
        let mut effects: Vec<_> = frames.into_iter().map(|frame| Effect::Frame(wire, frame)).collect();
        effects.extend(self.carry_out());
        effects
    }

    // ---- the application ----

    /// Sends a group of messages of this size; a group is always smaller than the queue.
    pub(crate) fn send(&mut self, count: usize, len: usize, options: SendOptions, bound: usize) {
        let frames: Vec<_> = (0..count).map(|more| MessageFrame::from(&self.sent.next(more, len))).collect();
        match self.session.handle_send_with(&frames, options, self.now) {
            Ok(Sent::Queued { dropped }) => {
                assert!(self.session.takes_messages() && !self.session.has_expired(self.now));
                assert!(!self.session.is_drained());
                self.sent.taken(count, options.droppable, dropped);
            }
            Ok(Sent::Discarded) => assert!(options.volatile),
            Err(_) => {}
        }
        let queued = self.session.queued_bytes();
        assert!(queued <= bound, "{queued} bytes in a queue of {bound}");
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.len()
    }

    fn carry_out(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        for output in std::mem::take(&mut self.out) {
            let may_come = matches!(output, ClientOutput::CloseWire(..) | ClientOutput::Abort(_));
            assert!(self.closed.is_none() || may_come, "{output:?} after the end");
            match output {
                ClientOutput::Get(id) => effects.push(Effect::Get(self.begin(id, Kind::Get))),
                ClientOutput::Post(id, payload) => {
                    self.posts(&payload);
                    effects.push(Effect::Post(self.begin(id, Kind::Post), payload.bytes));
                }
                ClientOutput::Abort(id) => {
                    let request = self.requests.iter().position(|request| request.id == id);
                    let Some(index) = request else { panic!("{id:?} is given up and was never asked for") };
                    let is_over = std::mem::replace(&mut self.requests[index].is_over, true);
                    assert!(!is_over, "what is given up is under way");
                    effects.push(Effect::Abort(index));
                }
                ClientOutput::OpenWire(id) => {
                    assert!(self.wires.iter().all(|wire| wire.id != id), "each WebSocket has a number of its own");
                    let limits = FrameLimits { max_message_bytes: 1_000, max_fragments: 3 };
                    self.wires.push(Wire::new(id, Role::Client, limits));
                    effects.push(Effect::OpenWire(self.wires.len() - 1));
                }
                ClientOutput::CloseWire(id, _) => effects.push(Effect::CloseWire(close(&mut self.wires, id))),
                ClientOutput::Message(message) => effects.push(Effect::Message(message)),
                ClientOutput::Opened => assert!(!std::mem::replace(&mut self.opened, true), "it opens once"),
                ClientOutput::Upgraded => assert!(!std::mem::replace(&mut self.upgraded, true), "one upgrade"),
                ClientOutput::UpgradeFailed(_) => assert!(!self.upgraded, "an upgrade does not fail afterwards"),
                ClientOutput::TriesNext(_) => assert!(!self.opened, "one that is open tries no other transport"),
                ClientOutput::Ping => self.pings += 1,
                ClientOutput::Closed(closed) => self.closed = Some(closed.reason),
                other => panic!("an output that nobody knows: {other:?}"),
            }
        }
        self.check();
        effects
    }

    fn begin(&mut self, id: RequestId, kind: Kind) -> usize {
        let under_way = self.requests.iter().filter(|request| request.kind == kind && !request.is_over).count();
        assert_eq!(under_way, 0, "one {kind:?} at a time");
        assert!(!self.session.is_pausing(), "a {kind:?} while the WebSocket takes over");
        assert!(self.requests.iter().all(|request| request.id != id), "each request has a number of its own");
        self.requests.push(Request { id, kind, is_over: false });
        self.requests.len() - 1
    }

    fn posts(&mut self, payload: &Payload) {
        let packets = answer_packets(payload, engineio_proto::Dialect::V4);
        assert!(!packets.is_empty(), "an empty POST");
        for packet in packets {
            match packet {
                Packet::Message(message) => self.sent.see(&message),
                Packet::Pong(_) => self.pongs += 1,
                Packet::Close => {}
                other => panic!("{other:?} is nothing that a client posts"),
            }
        }
    }

    fn check(&self) {
        assert!(self.pongs <= self.pings, "a pong that nobody asked for");
        assert_eq!(self.session.is_closed(), self.closed.is_some(), "the end is told");
        if self.closed.is_some() {
            assert_eq!((self.session.queued_bytes(), self.session.next_timeout()), (0, None), "the end leaves nothing");
            assert!(self.requests.iter().all(|request| request.is_over), "each request was answered or given up");
            assert!(self.wires.iter().all(|wire| wire.closes == 1), "each WebSocket is closed");
            assert!(!self.session.wants_flush() && !self.session.takes_messages());
        } else {
            assert!(self.session.next_timeout().is_some(), "a state without a deadline");
        }
        for wire in self.wires.iter().filter(|wire| !wire.opened || wire.closes > 0) {
            assert!(!self.session.wants_write(wire.id), "a WebSocket that is not open wants to be written to");
        }
    }

    /// The server does nothing any more: the session notices by itself, and ends.
    pub(crate) fn end_of_all(mut self) {
        self.pause(false);
        for _ in 0..50 {
            let Some(due) = self.session.next_timeout() else { break };
            self.pass(due);
        }
        assert!(self.closed.is_some(), "a session whose server is gone is over: {:?}", self.session);
    }
}

fn size(output: &ClientOutput) -> usize {
    if let ClientOutput::Message(message) = output { message.len() } else { 0 }
}
