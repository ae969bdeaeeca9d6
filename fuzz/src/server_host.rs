//! [`ServerHost`]: a server's session and what a runtime does around it, with everything checked that holds whatever a client does.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use engineio_proto::{
    Answer, Attached, CloseMode, CloseReason, Dialect, Handshake, Limits, Message, MessageFrame, Moment, Output,
    Packet, Packets, Payload, PollId, PostFault, PostRefusal, Revision, SendOptions, Sent, ServerSession, SessionId,
    Text, WhenFull, WireId, WireLoss,
    v3::Style,
    websocket::{FrameDecoder, FrameError, FrameEvent, FrameLimits, Role},
};

use crate::{
    both_ends::{Wire, both_ends, close},
    ledger::Ledger,
    payload_v3,
};

/// What becomes of the outside by an input.
#[derive(Debug)]
pub(crate) enum Effect {
    /// A GET has its answer.
    Answer(usize, Answer),
    /// A frame to a WebSocket.
    Frame(usize, Bytes),
    CloseWire(usize),
    Message(Message),
}

/// Times and bounds that a few inputs reach.
pub(crate) fn limits(settings: u8) -> Limits {
    let mut limits = Limits::default();
    limits.max_payload_bytes = if settings & 1 == 0 { 40 } else { 1_000 };
    limits.max_queue_bytes = if settings & 2 == 0 { 1_000 } else { 100_000 };
    limits.max_fragments = 3;
    limits.when_full = if settings & 4 == 0 { WhenFull::Refuse } else { WhenFull::DropOldest };
    limits.ping_interval = Duration::from_millis(100);
    limits.ping_timeout = Duration::from_millis(80);
    limits.upgrade_timeout = Duration::from_millis(50);
    limits.close_timeout = Duration::from_millis(120);
    limits
}

#[derive(Debug)]
struct Poll {
    id: PollId,
    answers: u32,
    abandoned: bool,
}

/// The session, its requests and its connections, each by the order in which they came.
pub(crate) struct ServerHost {
    session: ServerSession,
    dialect: Dialect,
    out: Vec<Output>,
    polls: Vec<Poll>,
    wires: Vec<Wire>,
    /// Whether the body of a POST is being read.
    reading: bool,
    now: Moment,
    pub(crate) sent: Ledger,
    pub(crate) closed: Option<CloseReason>,
    upgraded: bool,
}

impl ServerHost {
    both_ends!();

    /// A session opened by a GET, which is answered with the payload, or on a WebSocket, the first.
    pub(crate) fn new(limits: Limits, dialect: Dialect, upgrades: &[&str], on_wire: bool) -> (Self, Option<Payload>) {
        let limits = Arc::new(limits);
        let open = Handshake::new(&SessionId::new("secret"), upgrades, &limits).packet();
        let now = Moment::EPOCH;
        let (session, wire, answer) = if on_wire {
            let (session, wire) = ServerSession::open_wire(limits, dialect, &open, now);
            (session, Some(wire), None)
        } else {
            let (session, answer) = ServerSession::open_polling(limits, dialect, &open, now);
            (session, None, Some(answer))
        };
        let mut host = Self {
            session,
            dialect,
            out: Vec::new(),
            polls: Vec::new(),
            wires: Vec::new(),
            reading: false,
            now,
            sent: Ledger::default(),
            closed: None,
            upgraded: false,
        };
        host.wires.extend(wire.map(|id| host.wire(id)));
        (host, answer)
    }

    fn wire(&self, id: WireId) -> Wire {
        let limits = self.session.limits();
        let limits = FrameLimits { max_message_bytes: limits.max_payload_bytes, max_fragments: limits.max_fragments };
        Wire::new(id, Role::Server, limits)
    }

    // ---- requests ----

    /// A GET, whose number is given where it is one of the session's.
    pub(crate) fn get(&mut self) -> (Option<usize>, Vec<Effect>) {
        let id = self.session.handle_poll_opened(&mut self.out).ok();
        if let Some(id) = id {
            assert!(self.polls.iter().all(|poll| poll.id != id), "each GET has a number of its own");
            self.polls.push(Poll { id, answers: 0, abandoned: false });
        }
        (id.map(|_| self.polls.len() - 1), self.carry_out())
    }

    /// The client of a GET has gone.
    pub(crate) fn abandon(&mut self, poll: usize) -> Vec<Effect> {
        let Some(poll) = self.polls.get_mut(poll) else { return Vec::new() };
        poll.abandoned = true;
        let id = poll.id;
        self.session.handle_poll_abandoned(id, &mut self.out);
        self.carry_out()
    }

    pub(crate) fn answer_lost(&mut self) -> Vec<Effect> {
        self.session.handle_answer_lost(&mut self.out);
        self.carry_out()
    }

    /// The head of a POST: whether its body is to be read.
    pub(crate) fn post_head(&mut self) -> (bool, Vec<Effect>) {
        let begun = self.session.handle_post_begun(&mut self.out);
        match begun {
            Ok(()) => assert!(!std::mem::replace(&mut self.reading, true), "one POST at a time"),
            Err(PostRefusal::BadRequest) => assert!(self.session.is_closed(), "two at once are the end"),
            Err(PostRefusal::Reject(_)) => assert!(self.out.is_empty()),
        }
        (begun.is_ok(), self.carry_out())
    }

    /// The body of the POST that is being read, and whether it was taken.
    pub(crate) fn post_body(&mut self, body: Bytes, is_binary: bool) -> (bool, Vec<Effect>) {
        if !std::mem::replace(&mut self.reading, false) {
            return (false, Vec::new());
        }
        let bytes = body.len();
        let taken = match is_binary {
            true => self.session.handle_binary_post(body, self.now, &mut self.out),
            false => self.session.handle_post(body, self.now, &mut self.out),
        };
        assert!(self.out.iter().map(size).sum::<usize>() <= bytes, "more came out of a POST than was in it");
        (taken.is_ok(), self.carry_out())
    }

    pub(crate) fn post_failed(&mut self, fault: PostFault) -> Vec<Effect> {
        if std::mem::replace(&mut self.reading, false) {
            self.session.handle_post_failed(fault, &mut self.out);
        }
        self.carry_out()
    }

    // ---- WebSockets ----

    /// A WebSocket with the session's id, whose number is given where it may stay.
    pub(crate) fn attach(&mut self, dialect: Dialect) -> (Option<usize>, Vec<Effect>) {
        let attached = self.session.handle_wire_attached(dialect, self.now);
        if let Attached::Candidate(id) = attached {
            assert_eq!(dialect.revision(), self.session.revision());
            assert!(self.wires.iter().all(|wire| wire.id != id), "each WebSocket has a number of its own");
            let wire = self.wire(id);
            self.wires.push(wire);
            return (Some(self.wires.len() - 1), self.carry_out());
        }
        (None, self.carry_out())
    }

    /// A frame, also on a connection that was closed.
    pub(crate) fn frame(&mut self, wire: usize, frame: FrameEvent) -> Vec<Effect> {
        if let Some(wire) = self.wires.get(wire) {
            self.session.handle_frame(wire.id, frame, self.now, &mut self.out);
        }
        self.carry_out()
    }

    /// The socket takes bytes.
    pub(crate) fn write(&mut self, wire: usize, budget: usize) -> Vec<Effect> {
        let Some(Wire { id, closes, .. }) = self.wires.get(wire) else { return Vec::new() };
        let (wanted, is_dead) = (self.session.wants_write(*id), *closes > 0);
        let mut frames = Vec::new();
        self.session.take_frames(*id, budget, &mut frames, &mut self.out);
        assert_eq!(wanted, !frames.is_empty() || !self.out.is_empty(), "wants_write tells the truth");
        assert!(!is_dead || frames.is_empty(), "a dead WebSocket is written to");
        let mut effects: Vec<_> = frames.into_iter().map(|frame| Effect::Frame(wire, frame.into_bytes())).collect();
        effects.extend(self.carry_out());
        effects
    }

    // ---- the application ----

    /// Sends a group of messages of this size; a group is always smaller than the queue.
    pub(crate) fn send(&mut self, count: usize, len: usize, options: SendOptions) {
        let frames: Vec<_> = (0..count).map(|more| MessageFrame::from(&self.sent.next(more, len))).collect();
        match self.session.handle_send_with(&frames, options) {
            Ok(Sent::Queued { dropped }) => {
                assert!(self.session.takes_messages());
                assert!(!self.session.has_left(self.session.sent_mark()), "what was just queued has not left");
                self.sent.taken(count, options.droppable, dropped);
            }
            Ok(Sent::Discarded) => assert!(options.volatile),
            Err(_) => {}
        }
        let (queued, bound) = (self.session.queued_bytes(), self.session.limits().max_queue_bytes);
        assert!(queued <= bound, "{queued} bytes in a queue of {bound}");
    }

    pub(crate) fn polls(&self) -> usize {
        self.polls.len()
    }

    fn carry_out(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        for output in std::mem::take(&mut self.out) {
            assert!(self.closed.is_none() || matches!(output, Output::CloseWire(..)), "{output:?} after the end");
            match output {
                Output::Answer(id, answer) => {
                    let Some(index) = self.polls.iter().position(|poll| poll.id == id) else {
                        panic!("an answer to {id:?}, which has not come");
                    };
                    let poll = &mut self.polls[index];
                    poll.answers += 1;
                    assert_eq!((poll.answers, poll.abandoned), (1, false), "{id:?} is answered once, if at all");
                    effects.push(Effect::Answer(index, answer));
                }
                Output::Message(message) => effects.push(Effect::Message(message)),
                Output::Upgraded => assert!(!std::mem::replace(&mut self.upgraded, true), "there is one upgrade"),
                Output::CloseWire(id, _) => effects.push(Effect::CloseWire(close(&mut self.wires, id))),
                Output::Closed(closed) => self.closed = Some(closed.reason),
                other => panic!("an output that nobody knows: {other:?}"),
            }
        }
        assert_eq!(self.session.is_closed(), self.closed.is_some(), "the end is told");
        if self.closed.is_some() {
            assert_eq!((self.session.queued_bytes(), self.session.next_timeout()), (0, None), "the end leaves nothing");
            assert!(!self.session.wants_flush() && !self.session.takes_messages());
        }
        let parked = self.polls.iter().filter(|poll| poll.answers == 0 && !poll.abandoned).count();
        assert!(parked <= usize::from(self.closed.is_none()), "{parked} GETs without an answer");
        for wire in self.wires.iter().filter(|wire| wire.closes > 0) {
            assert!(!self.session.wants_write(wire.id), "a dead WebSocket wants to be written to");
        }
        effects
    }

    /// Nobody does anything any more: the session notices by itself, and ends.
    pub(crate) fn end(mut self) {
        self.pause(false);
        for _ in 0..50 {
            let Some(due) = self.session.next_timeout() else { break };
            self.pass(due);
        }
        assert!(self.closed.is_some(), "a session that nobody uses is over: {:?}", self.session);
        for poll in &self.polls {
            assert!(poll.answers == 1 || poll.abandoned, "{:?} has {} answers", poll.id, poll.answers);
        }
        for wire in &self.wires {
            assert_eq!(wire.closes, 1, "{:?} is closed once", wire.id);
        }
    }

    /// Reads what has left, whose messages are those that were sent.
    pub(crate) fn see(&mut self, effects: &[Effect]) {
        for effect in effects {
            let packets = match effect {
                Effect::Answer(_, Answer::Payload(payload)) => answer_packets(payload, self.dialect),
                Effect::Frame(_, frame) => frame_packet(frame, self.dialect).into_iter().collect(),
                _ => continue,
            };
            for packet in packets {
                if let Packet::Message(message) = packet {
                    self.sent.see(&message);
                }
            }
        }
    }
}

fn size(output: &Output) -> usize {
    if let Output::Message(message) = output { message.len() } else { 0 }
}

/// The packets in the answer to a GET, all of them good.
pub(crate) fn answer_packets(payload: &Payload, dialect: Dialect) -> Vec<Packet> {
    let packets = match dialect {
        Dialect::V3(style) => payload_v3::read_answer(payload, style),
        Dialect::V4 => {
            let text = Text::from_utf8(payload.bytes.clone()).unwrap_or_else(|error| panic!("{payload:?}: {error}"));
            Packets::new(text).map(Result::ok).collect()
        }
    };
    packets.into_iter().map(|packet| packet.unwrap_or_else(|| panic!("no packet in {payload:?}"))).collect()
}

/// The event that a whole frame without a mask is.
pub(crate) fn event_of(frame: &Bytes) -> FrameEvent {
    let mut bytes = BytesMut::from(&frame[..]);
    match FrameDecoder::new(Role::Client, FrameLimits::default()).decode(&mut bytes) {
        Ok(Some(event)) if bytes.is_empty() => event,
        other => panic!("{other:?} of {frame:?}"),
    }
}

/// The packet in a frame; none in one that belongs to the WebSocket.
fn frame_packet(frame: &Bytes, dialect: Dialect) -> Option<Packet> {
    let FrameEvent::Message(message) = event_of(frame) else { return None };
    let packet = match (message, dialect.revision()) {
        (Message::Text(text), Revision::V4) => Packet::decode(&text).ok(),
        (Message::Binary(bytes), Revision::V4) => Some(Packet::Message(Message::Binary(bytes))),
        (Message::Text(text), Revision::V3) => payload_v3::read_packet(&text),
        (Message::Binary(bytes), Revision::V3) => {
            Some(Packet::Message(Message::Binary(bytes.strip_prefix(&[4]).map(Bytes::copy_from_slice)?)))
        }
    };
    Some(packet.unwrap_or_else(|| panic!("no packet in {frame:?}")))
}

/// The dialects that there are, by a number.
pub(crate) fn dialect(settings: u8) -> Dialect {
    match settings & 3 {
        0 => Dialect::V3(Style { base64: settings & 4 != 0, jsonp: None }),
        1 => Dialect::V3(Style { base64: false, jsonp: Some(7) }),
        _ => Dialect::V4,
    }
}
