//! The server's side: the session, and what a runtime does with its outputs.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use super::{Event, message, network::Air, next_of};
use crate::{
    Attached, CloseMode, CloseReason, Dialect, Handshake, Limits, MessageFrame, Output, Payload, PollId, PostFault,
    SendOptions, Sent, ServerSession, SessionId, WireId, WireLoss, websocket::FrameEvent,
};

/// A GET that has come: the client's number of it, how often it was answered, and whether its client is gone.
#[derive(Debug)]
struct Poll {
    number: usize,
    answers: u32,
    abandoned: bool,
}

#[derive(Debug)]
struct Wire {
    link: usize,
    closes: u32,
    writing: bool,
}

pub(super) struct Server {
    session: ServerSession,
    /// The WebSocket with which the session is opened, until it has come.
    first_wire: Option<WireId>,
    out: Vec<Output>,
    polls: BTreeMap<u32, Poll>,
    /// The client's numbers of its GETs.
    gets: BTreeMap<usize, PollId>,
    wires: BTreeMap<u32, Wire>,
    /// GETs that were given up before they came.
    aborted: Vec<usize>,
    reading_post: Option<usize>,
    flushing: bool,
    pub(super) sent: u32,
    pub(super) received: u32,
    pub(super) upgraded: bool,
    pub(super) closed: Option<CloseReason>,
}

impl Server {
    /// A session that was opened by a GET, and what that is answered with.
    pub(super) fn polling(limits: Limits, upgrades: &[&str]) -> (Self, Payload) {
        let open = Handshake::new(&SessionId::new("secret"), upgrades, &limits).packet();
        let (session, answer) = ServerSession::open_polling(Arc::new(limits), Dialect::V4, &open, crate::Moment::EPOCH);
        (Self::new(session, None), answer)
    }

    /// A session that is opened on the WebSocket that begins with it.
    pub(super) fn on_wire(limits: Limits) -> Self {
        let open = Handshake::new(&SessionId::new("secret"), &["websocket"], &limits).packet();
        let (session, wire) = ServerSession::open_wire(Arc::new(limits), Dialect::V4, &open, crate::Moment::EPOCH);
        Self::new(session, Some(wire))
    }

    fn new(session: ServerSession, first_wire: Option<WireId>) -> Self {
        Self {
            session,
            first_wire,
            out: Vec::new(),
            polls: BTreeMap::new(),
            gets: BTreeMap::new(),
            wires: BTreeMap::new(),
            aborted: Vec::new(),
            reading_post: None,
            flushing: false,
            sent: 0,
            received: 0,
            upgraded: false,
            closed: None,
        }
    }

    /// Rounded up, so that it is due when it comes.
    pub(super) fn next_timeout(&self) -> Option<u64> {
        self.session.next_timeout().map(|due| due.as_nanos().div_ceil(1_000_000))
    }

    pub(super) fn timeout(&mut self, air: &mut Air) {
        let due = self.session.next_timeout();
        self.session.handle_timeout(air.moment(), &mut self.out);
        assert_ne!(self.session.next_timeout(), due, "a deadline that has passed is not set again");
        self.carry_out(air);
    }

    pub(super) fn get(&mut self, number: usize, air: &mut Air) {
        match self.session.handle_poll_opened(&mut self.out) {
            Ok(id) => {
                assert!(
                    self.polls.insert(id.0, Poll { number, answers: 0, abandoned: false }).is_none(),
                    "each GET has a number of its own"
                );
                self.gets.insert(number, id);
                if self.aborted.contains(&number) {
                    self.carry_out(air);
                    return self.get_aborted(number, air);
                }
            }
            Err(_) => {
                air.soon(Event::GetAnswered(number, crate::Answer::BadRequest));
            }
        }
        self.carry_out(air);
    }

    pub(super) fn get_aborted(&mut self, number: usize, air: &mut Air) {
        let Some(id) = self.gets.get(&number) else {
            // Sooner than the GET itself.
            self.aborted.push(number);
            return;
        };
        if let Some(poll) = self.polls.get_mut(&id.0) {
            poll.abandoned = true;
        }
        self.session.handle_poll_abandoned(*id, &mut self.out);
        self.carry_out(air);
    }

    pub(super) fn post_head(&mut self, number: usize, air: &mut Air) {
        let is_taken = self.session.handle_post_begun(&mut self.out).is_ok();
        self.reading_post = is_taken.then_some(number);
        if !is_taken {
            air.soon(Event::PostAnswered(number, false));
        }
        self.carry_out(air);
    }

    pub(super) fn post_body(&mut self, number: usize, body: Bytes, air: &mut Air) {
        if self.reading_post.take_if(|reading| *reading == number).is_some() {
            let taken = self.session.handle_post(body, air.moment(), &mut self.out).is_ok();
            air.soon(Event::PostAnswered(number, taken));
        }
        self.carry_out(air);
    }

    pub(super) fn post_aborted(&mut self, number: usize, air: &mut Air) {
        if self.reading_post.take_if(|reading| *reading == number).is_some() {
            self.session.handle_post_failed(PostFault::Abandoned, &mut self.out);
        }
        self.carry_out(air);
    }

    pub(super) fn wire_begins(&mut self, link: usize, air: &mut Air) {
        let id = self.first_wire.take().expect("a session is opened once");
        self.wires.insert(id.0, Wire { link, closes: u32::from(self.session.is_closed()), writing: false });
        air.down(link, if self.session.is_closed() { Event::WireClosed(link) } else { Event::WireOpened(link) });
        self.carry_out(air);
    }

    pub(super) fn wire_open(&mut self, link: usize, air: &mut Air) {
        match self.session.handle_wire_attached(Dialect::V4, air.moment()) {
            Attached::Candidate(id) => {
                assert!(self.wires.insert(id.0, Wire { link, closes: 0, writing: false }).is_none());
                air.down(link, Event::WireOpened(link));
            }
            Attached::Refused => air.down(link, Event::WireClosed(link)),
        }
        self.carry_out(air);
    }

    fn id_of(&self, link: usize) -> Option<WireId> {
        self.wires.iter().find(|(_, wire)| wire.link == link).map(|(id, _)| WireId(*id))
    }

    /// A runtime that is late also hands over frames of connections that it has closed.
    pub(super) fn frame(&mut self, link: usize, frame: FrameEvent, air: &mut Air) {
        if let Some(id) = self.id_of(link) {
            self.session.handle_frame(id, frame, air.moment(), &mut self.out);
        }
        self.carry_out(air);
    }

    pub(super) fn wire_gone(&mut self, link: usize, air: &mut Air) {
        if let Some(id) = self.id_of(link) {
            self.session.handle_wire_lost(id, WireLoss::Disconnected, air.moment(), &mut self.out);
        }
        self.carry_out(air);
    }

    pub(super) fn sends(&mut self, air: &mut Air) {
        let count = 1 + air.rng.below(4) as u32;
        let frames: Vec<_> = (0..count).map(|more| MessageFrame::from(&message(self.sent + more))).collect();
        let options = if air.rng.one_in(8) { SendOptions::VOLATILE } else { SendOptions::KEPT };
        if self.session.handle_send_with(&frames, options).is_ok_and(Sent::is_queued) {
            self.sent += count;
            // Where something was sent, it has not left yet: what a discarded group left behind would be a gap.
            assert!(!self.session.has_left(self.session.sent_mark()));
        }
        self.carry_out(air);
    }

    pub(super) fn flushes(&mut self, air: &mut Air) {
        self.flushing = false;
        self.session.handle_flush(&mut self.out);
        self.carry_out(air);
    }

    pub(super) fn ends(&mut self, mode: CloseMode, air: &mut Air) {
        self.session.handle_close(mode, air.moment(), &mut self.out);
        self.carry_out(air);
    }

    /// The socket takes bytes.
    pub(super) fn writes(&mut self, link: usize, air: &mut Air) {
        let Some(id) = self.id_of(link) else { return };
        // The socket took what it was given before.
        self.session.handle_wire_flushed(id);
        let (wanted, budget) = (self.session.wants_write(id), air.rng.below(40) as usize);
        let mut frames = Vec::new();
        self.session.take_frames(id, budget, &mut frames, &mut self.out);
        assert_eq!(wanted, !frames.is_empty() || !self.out.is_empty(), "wants_write tells the truth");
        let Some(wire) = self.wires.get_mut(&id.0) else { return };
        wire.writing = false;
        assert!(wire.closes == 0 || frames.is_empty(), "a dead WebSocket is written to");
        for frame in frames {
            air.down(link, Event::FrameDown(link, frame.into_bytes()));
        }
        self.carry_out(air);
    }

    fn carry_out(&mut self, air: &mut Air) {
        for output in std::mem::take(&mut self.out) {
            let after_the_end = self.closed.is_some();
            assert!(!after_the_end || matches!(output, Output::CloseWire(..)), "{output:?} after the end");
            match output {
                Output::Answer(id, answer) => {
                    let poll = self.polls.get_mut(&id.0).expect("a GET that has come");
                    poll.answers += 1;
                    assert_eq!((poll.answers, poll.abandoned), (1, false), "{id:?} is answered once, if at all");
                    air.soon(Event::GetAnswered(poll.number, answer));
                }
                Output::Message(message) => next_of(&mut self.received, &message),
                Output::Upgraded => {
                    assert!(!std::mem::replace(&mut self.upgraded, true), "there is one upgrade");
                }
                Output::CloseWire(id, _) => {
                    // Over before its WebSocket has come.
                    let Some(wire) = self.wires.get_mut(&id.0) else { continue };
                    wire.closes += 1;
                    air.down(wire.link, Event::WireClosed(wire.link));
                }
                Output::Closed(closed) => self.closed = Some(closed.reason),
            }
        }
        self.schedule(air);
    }

    /// What wants to leave does so after a while: that is when sends meet in one answer.
    fn schedule(&mut self, air: &mut Air) {
        if self.session.wants_flush() && !std::mem::replace(&mut self.flushing, true) {
            air.soon(Event::ServerFlushes);
        }
        for (id, wire) in &mut self.wires {
            let wants = self.session.wants_write(WireId(*id));
            assert!(!wants || wire.closes == 0, "a dead WebSocket wants to be written to");
            // A runtime may also ask in vain.
            if (wants || air.rng.one_in(50)) && !std::mem::replace(&mut wire.writing, true) {
                air.soon(Event::ServerWrites(wire.link));
            }
        }
    }

    /// The client has been gone for long.
    pub(super) fn check_end(&self) {
        assert!(self.session.is_closed() && self.closed.is_some(), "a session that nobody uses is over");
        assert_eq!((self.session.next_timeout(), self.session.queued_bytes()), (None, 0));
        for (id, poll) in &self.polls {
            assert!(poll.answers == 1 || poll.abandoned, "GET {id} has {} answers", poll.answers);
        }
        for (id, wire) in &self.wires {
            assert_eq!(wire.closes, 1, "WebSocket {id} is closed once");
        }
    }
}
