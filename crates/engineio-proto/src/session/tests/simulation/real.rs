//! The real client: the session, and what a runtime does with its outputs.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};

use super::{Event, Peer, Plan, message, network::Air, next_of};
use crate::{
    Answer, ClientLimits, ClientOptions, ClientOutput, ClientSession, CloseMode, CloseReason, MessageFrame, Moment,
    Payload, RequestId, SEPARATOR, SendOptions, Sent, TransportKind, WireId, WireLoss,
    websocket::{FrameDecoder, FrameEvent, FrameLimits, Role},
};

#[derive(Debug)]
struct Wire {
    link: usize,
    opened: bool,
    closes: u32,
    writing: bool,
}

pub(super) struct RealClient {
    session: ClientSession,
    out: Vec<ClientOutput>,
    /// What the GET that opens the session is answered with.
    open: Option<Payload>,
    max_payload_bytes: usize,
    max_queue_bytes: usize,
    /// Under way.
    get: Option<usize>,
    post: Option<usize>,
    wires: BTreeMap<u32, Wire>,
    flushing: bool,
    /// What lies unread, while the application lags behind.
    unread: Option<VecDeque<Event>>,
    crashed: bool,
    refused: bool,
    sent: u32,
    received: u32,
    pings: usize,
    pongs: usize,
    opened: bool,
    upgraded: bool,
    closed: Option<CloseReason>,
}

impl RealClient {
    /// A client that begins with a GET, which is answered with `open`, or else with a WebSocket.
    pub(super) fn new(plan: &Plan, open: Option<Payload>) -> Self {
        let limits = ClientLimits {
            max_queue_bytes: plan.limits.max_queue_bytes,
            open_timeout: plan.limits.close_timeout,
            upgrade_timeout: plan.limits.upgrade_timeout,
            close_timeout: plan.limits.close_timeout,
            ..ClientLimits::default()
        };
        let options = Arc::new(ClientOptions { limits, ..ClientOptions::default() });
        let first = if open.is_some() { TransportKind::Polling } else { TransportKind::WebSocket };
        let mut out = Vec::new();
        Self {
            session: ClientSession::open(options, Some(first), Moment::EPOCH, &mut out),
            out,
            open,
            max_payload_bytes: plan.limits.max_payload_bytes,
            max_queue_bytes: plan.limits.max_queue_bytes,
            get: None,
            post: None,
            wires: BTreeMap::new(),
            flushing: false,
            unread: None,
            crashed: false,
            refused: false,
            sent: 0,
            received: 0,
            pings: 0,
            pongs: 0,
            opened: false,
            upgraded: false,
            closed: None,
        }
    }

    fn id_of(&self, link: usize) -> Option<WireId> {
        self.wires.iter().find(|(_, wire)| wire.link == link).map(|(id, _)| WireId(*id))
    }

    /// An answer may also come after the GET was given up: the session is told, and has to know.
    fn get_answered(&mut self, number: usize, answer: Answer, now: Moment) {
        self.get.take_if(|get| *get == number);
        let get = RequestId(number as u32);
        match answer {
            Answer::Payload(payload) => self.session.handle_answer(get, payload.bytes, now, &mut self.out),
            Answer::BadRequest => self.session.handle_request_failed(get, &mut self.out),
        }
    }

    fn post_answered(&mut self, number: usize, taken: bool, now: Moment) {
        self.post.take_if(|post| *post == number);
        let post = RequestId(number as u32);
        if taken {
            return self.session.handle_posted(post, now, &mut self.out);
        }
        self.refused = true;
        self.session.handle_request_failed(post, &mut self.out);
    }

    fn wire_opened(&mut self, link: usize) {
        let Some(id) = self.id_of(link) else { return };
        if let Some(wire) = self.wires.get_mut(&id.0) {
            wire.opened = true;
        }
        self.session.handle_wire_opened(id);
    }

    /// With a close frame, or without.
    fn wire_closed(&mut self, link: usize, air: &mut Air) {
        let Some(id) = self.id_of(link) else { return };
        if air.rng.one_in(2) {
            self.session.handle_frame(id, FrameEvent::Close(None), air.moment(), &mut self.out);
        }
        self.session.handle_wire_lost(id, WireLoss::Disconnected, air.moment(), &mut self.out);
    }

    fn sends(&mut self, air: &mut Air) {
        let count = 1 + air.rng.below(4) as u32;
        let frames: Vec<_> = (0..count).map(|more| MessageFrame::from(&message(self.sent + more))).collect();
        let options = if air.rng.one_in(8) { SendOptions::VOLATILE } else { SendOptions::KEPT };
        let now = air.moment();
        if self.session.handle_send_with(&frames, options, now).is_ok_and(Sent::is_queued) {
            self.sent += count;
            assert!(self.session.takes_messages() && !self.session.has_expired(now) && !self.session.is_drained());
        }
        assert!(self.session.queued_bytes() <= self.max_queue_bytes, "the queue has a bound");
    }

    /// The socket takes bytes.
    fn writes(&mut self, link: usize, air: &mut Air) {
        let Some(id) = self.id_of(link) else { return };
        // The socket took what it was given before.
        self.session.handle_wire_flushed(id);
        let (wanted, budget) = (self.session.wants_write(id), air.rng.below(40) as usize);
        let mut frames = Vec::new();
        self.session.take_frames(id, budget, &mut frames, &mut self.out);
        assert_eq!(wanted, !frames.is_empty() || !self.out.is_empty(), "wants_write tells the truth");
        let Some(wire) = self.wires.get_mut(&id.0) else { return };
        wire.writing = false;
        assert!(frames.is_empty() || (wire.opened && wire.closes == 0), "written to a WebSocket that is not open");
        for frame in frames {
            let event = event_of(&frame.into_bytes());
            self.pongs += usize::from(event == FrameEvent::Message("3".into()));
            air.up(link, Event::FrameUp(link, event));
        }
    }

    /// The application lags behind for a while.
    fn pauses(&mut self, air: &mut Air) {
        self.session.handle_reading_paused(air.moment());
        self.unread.get_or_insert_default();
        let resumes = air.now + 1 + air.rng.below(200);
        air.at(resumes, Event::ClientResumes);
    }

    fn resumes(&mut self, air: &mut Air) {
        self.session.handle_reading_resumed(air.moment());
        for event in self.unread.take().unwrap_or_default() {
            self.handle(event, air);
            self.carry_out(air);
        }
    }

    fn handle(&mut self, event: Event, air: &mut Air) {
        match event {
            Event::GetAnswered(number, answer) => self.get_answered(number, answer, air.moment()),
            Event::PostAnswered(number, taken) => self.post_answered(number, taken, air.moment()),
            Event::WireOpened(link) => self.wire_opened(link),
            Event::FrameDown(link, frame) => {
                if let Some(id) = self.id_of(link) {
                    self.session.handle_frame(id, event_of(&frame), air.moment(), &mut self.out);
                }
            }
            Event::WireClosed(link) => self.wire_closed(link, air),
            Event::ClientSends => self.sends(air),
            Event::ClientFlushes => {
                self.flushing = false;
                self.session.handle_flush(&mut self.out);
            }
            Event::ClientWrites(link) => self.writes(link, air),
            Event::ClientPauses => self.pauses(air),
            Event::ClientResumes => self.resumes(air),
            Event::ClientCloses => self.session.handle_close(CloseMode::Graceful, air.moment(), &mut self.out),
            // It upgrades when it is offered.
            Event::ClientUpgrades => {}
            other => unreachable!("{other:?} at the client"),
        }
    }

    fn carry_out(&mut self, air: &mut Air) {
        for output in std::mem::take(&mut self.out) {
            let may_come = matches!(output, ClientOutput::CloseWire(..) | ClientOutput::Abort(_));
            assert!(self.closed.is_none() || may_come, "{output:?} after the end");
            match output {
                ClientOutput::Get(id) => self.gets(id, air),
                ClientOutput::Post(id, payload) => self.posts(id, payload, air),
                ClientOutput::Abort(RequestId(id)) => {
                    let number = id as usize;
                    if self.get.take_if(|get| *get == number).is_some() {
                        air.soon(Event::GetAborted(number));
                    } else {
                        assert_eq!(self.post.take(), Some(number), "what is given up is under way");
                        air.soon(Event::PostAborted(number));
                    }
                }
                ClientOutput::OpenWire(id) => self.opens_wire(id, air),
                ClientOutput::CloseWire(id, _) => {
                    let wire = self.wires.get_mut(&id.0).expect("a WebSocket that was asked for");
                    wire.closes += 1;
                    assert_eq!(wire.closes, 1, "{id:?} is closed once");
                    let link = wire.link;
                    if wire.opened {
                        air.up(link, Event::FrameUp(link, FrameEvent::Close(None)));
                    }
                    air.up(link, Event::WireGone(link));
                }
                ClientOutput::Opened => assert!(!std::mem::replace(&mut self.opened, true), "it opens once"),
                ClientOutput::Upgraded => assert!(!std::mem::replace(&mut self.upgraded, true), "one upgrade"),
                ClientOutput::UpgradeFailed(_) => assert!(!self.upgraded, "an upgrade does not fail afterwards"),
                ClientOutput::TriesNext(kind) => unreachable!("{kind} was not asked for"),
                ClientOutput::Ping => self.pings += 1,
                ClientOutput::Message(message) => next_of(&mut self.received, &message),
                ClientOutput::Closed(closed) => self.closed = Some(closed.reason),
            }
        }
        assert!(self.pongs <= self.pings, "a pong that nobody asked for");
        self.schedule(air);
    }

    fn gets(&mut self, id: RequestId, air: &mut Air) {
        let number = id.0 as usize;
        assert_eq!(self.get.replace(number), None, "one GET at a time");
        match self.open.take() {
            Some(open) => air.soon(Event::GetAnswered(number, Answer::Payload(open))),
            None => air.soon(Event::Get(number)),
        };
    }

    fn posts(&mut self, id: RequestId, payload: Payload, air: &mut Air) {
        let number = id.0 as usize;
        assert_eq!(self.post.replace(number), None, "one POST at a time");
        assert!(payload.bytes.len() <= self.max_payload_bytes, "no message is so large that it has to go alone");
        self.pongs += payload.bytes.split(|byte| *byte == SEPARATOR).filter(|packet| *packet == b"3").count();
        air.post(number, payload.bytes);
    }

    fn opens_wire(&mut self, id: WireId, air: &mut Air) {
        let link = air.open_link();
        let wire = Wire { link, opened: false, closes: 0, writing: false };
        assert!(self.wires.insert(id.0, wire).is_none(), "each WebSocket has a number of its own");
        if self.opened {
            let it_takes = air.rng.below(120);
            air.at(air.now + it_takes, Event::WireOpen(link));
        } else {
            air.up(link, Event::WireBegins(link));
        }
    }

    /// What wants to leave does so after a while: that is when sends meet in one POST.
    fn schedule(&mut self, air: &mut Air) {
        if self.session.wants_flush() && !std::mem::replace(&mut self.flushing, true) {
            air.soon(Event::ClientFlushes);
        }
        for (id, wire) in &mut self.wires {
            let wants = self.session.wants_write(WireId(*id));
            assert!(!wants || (wire.opened && wire.closes == 0), "a WebSocket that is not open wants to be written to");
            // A runtime may also ask in vain.
            if (wants || air.rng.one_in(50)) && !std::mem::replace(&mut wire.writing, true) {
                air.soon(Event::ClientWrites(wire.link));
            }
        }
    }
}

/// What a frame without a mask says.
fn event_of(frame: &Bytes) -> FrameEvent {
    let mut bytes = BytesMut::from(&frame[..]);
    let event = FrameDecoder::new(Role::Client, FrameLimits::default()).decode(&mut bytes);
    event.unwrap().expect("a whole frame")
}

impl Peer for RealClient {
    fn begin(&mut self, air: &mut Air) {
        if air.rng.one_in(3) {
            let time = air.rng.below(400);
            air.at(time, Event::ClientPauses);
        }
        self.carry_out(air);
    }

    fn happen(&mut self, event: Event, air: &mut Air) {
        if self.crashed {
            return;
        }
        let is_read = matches!(event, Event::GetAnswered(..) | Event::FrameDown(..) | Event::WireClosed(_));
        if let Some(unread) = self.unread.as_mut().filter(|_| is_read) {
            return unread.push_back(event);
        }
        self.handle(event, air);
        self.carry_out(air);
    }

    fn cut(&mut self, air: &mut Air) {
        if air.rng.one_in(2) {
            return;
        }
        if let Some(number) = self.get {
            air.soon(Event::GetAborted(number));
            air.soon(Event::GetAnswered(number, Answer::BadRequest));
        }
        if let Some(number) = self.post {
            air.soon(Event::PostAborted(number));
            air.soon(Event::PostAnswered(number, false));
        }
    }

    fn crashes(&mut self, air: &mut Air) {
        self.crashed = true;
        if let Some(number) = self.get {
            air.soon(Event::GetAborted(number));
        }
        if let Some(number) = self.post {
            air.soon(Event::PostAborted(number));
        }
        for wire in self.wires.values().filter(|wire| wire.closes == 0) {
            air.up(wire.link, Event::WireGone(wire.link));
        }
    }

    fn bury(&mut self, air: &mut Air) {
        air.silent = true;
    }

    /// Rounded up, so that it is due when it comes.
    fn next_timeout(&self) -> Option<u64> {
        let due = self.session.next_timeout().filter(|_| !self.crashed);
        due.map(|due| due.as_nanos().div_ceil(1_000_000))
    }

    fn timeout(&mut self, air: &mut Air) {
        let due = self.session.next_timeout();
        self.session.handle_timeout(air.moment(), &mut self.out);
        assert_ne!(self.session.next_timeout(), due, "a deadline that has passed is not set again");
        self.carry_out(air);
    }

    fn check_end(&self) {
        if self.crashed {
            return;
        }
        assert!(self.session.is_closed() && self.closed.is_some(), "a session whose server is gone is over");
        assert_eq!((self.session.next_timeout(), self.session.queued_bytes()), (None, 0));
        assert_eq!((self.get, self.post), (None, None), "each request was answered or given up");
        for (id, wire) in &self.wires {
            assert_eq!(wire.closes, 1, "WebSocket {id} is closed once");
        }
    }

    fn is_open(&self) -> bool {
        self.session.is_open()
    }

    fn was_refused(&self) -> bool {
        self.refused
    }

    fn sent(&self) -> u32 {
        self.sent
    }

    fn received(&self) -> u32 {
        self.received
    }

    fn closed(&self) -> Option<CloseReason> {
        self.closed
    }
}
