//! The model of a client: what the JavaScript one does on the wire, as far as a session can tell.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Event, Peer, message, network::Air, next_of};
use crate::{
    Answer, CloseReason, Message, MessageFrame, Packet, Packets, PayloadWriter, Text, WireFrame, websocket::FrameEvent,
};

/// What waits in the client's buffer.
#[derive(Debug)]
enum Waiting {
    Message(Message),
    Pong,
}

#[derive(Debug)]
pub(super) struct Client {
    open: bool,
    sent: u32,
    received: u32,
    buffer: VecDeque<Waiting>,
    /// The GET on its way.
    getting: Option<usize>,
    gets: usize,
    posting: bool,
    posts: usize,
    /// `3probe` has come: nothing is polled or posted until the switch.
    paused: bool,
    candidate: Option<usize>,
    /// The WebSocket after the switch.
    wire: Option<usize>,
    closing: bool,
    /// A POST was refused, which makes a client give up even if a GET's answer is on its way.
    refused: bool,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            open: true,
            sent: 0,
            received: 0,
            buffer: VecDeque::new(),
            getting: None,
            gets: 0,
            posting: false,
            posts: 0,
            paused: false,
            candidate: None,
            wire: None,
            closing: false,
            refused: false,
        }
    }
}

impl Client {
    /// Does what can be done now.
    fn pump(&mut self, air: &mut Air) {
        if !self.open {
            return;
        }
        if let Some(link) = self.wire {
            return self.pump_wire(link, air);
        }
        if self.paused {
            if self.getting.is_none() && !self.posting {
                self.switch(air);
            }
            return;
        }
        if !self.posting {
            if !self.buffer.is_empty() {
                self.post(air);
            } else if self.closing {
                self.post_close(air);
                return;
            }
        }
        if self.getting.is_none() {
            self.gets += 1;
            self.getting = Some(self.gets);
            air.soon(Event::Get(self.gets));
        }
    }

    fn pump_wire(&mut self, link: usize, air: &mut Air) {
        for waiting in std::mem::take(&mut self.buffer) {
            let frame = match waiting {
                Waiting::Message(Message::Text(text)) => FrameEvent::Message(format!("4{text}").into()),
                Waiting::Message(binary @ Message::Binary(_)) => FrameEvent::Message(binary),
                Waiting::Pong => FrameEvent::Message("3".into()),
            };
            air.up(link, Event::FrameUp(link, frame));
        }
        if self.closing {
            air.up(link, Event::FrameUp(link, FrameEvent::Close(None)));
            self.open = false;
        }
    }

    fn switch(&mut self, air: &mut Air) {
        let Some(link) = self.candidate.take() else { return };
        self.paused = false;
        self.wire = Some(link);
        air.up(link, Event::FrameUp(link, FrameEvent::Message("5".into())));
        self.pump_wire(link, air);
    }

    fn post(&mut self, air: &mut Air) {
        let mut payload = PayloadWriter::new();
        for waiting in self.buffer.drain(..) {
            match waiting {
                Waiting::Message(message) => {
                    payload.push_message(&MessageFrame::from(&message), usize::MAX);
                }
                Waiting::Pong => payload.push_text("3"),
            }
        }
        self.post_body(payload.finish().bytes, air);
    }

    fn post_body(&mut self, body: Bytes, air: &mut Air) {
        self.posting = true;
        self.posts += 1;
        air.post(self.posts, body);
    }

    fn post_close(&mut self, air: &mut Air) {
        self.post_body(Bytes::from_static(b"1"), air);
        self.open = false;
        if let Some(link) = self.candidate {
            air.up(link, Event::FrameUp(link, FrameEvent::Close(None)));
        }
    }

    fn get_answered(&mut self, answer: &Answer, air: &mut Air) {
        if !self.open {
            return;
        }
        assert!(self.getting.take().is_some(), "an answer to a GET that is on its way");
        let Answer::Payload(payload) = answer else {
            return self.crashes(air);
        };
        for packet in Packets::new(Text::from_utf8(payload.bytes.clone()).unwrap()) {
            match packet.unwrap() {
                Packet::Message(message) => next_of(&mut self.received, &message),
                Packet::Ping(data) => {
                    assert!(data.is_empty(), "a heartbeat has no data");
                    self.buffer.push_back(Waiting::Pong);
                }
                Packet::Close => {
                    self.open = false;
                    return;
                }
                Packet::Noop => {}
                packet @ (Packet::Open(_) | Packet::Pong(_) | Packet::Upgrade) => panic!("{packet:?} in an answer"),
            }
        }
        self.pump(air);
    }

    fn post_answered(&mut self, taken: bool, air: &mut Air) {
        if !self.open {
            return;
        }
        assert!(std::mem::take(&mut self.posting), "an answer to a POST that is on its way");
        if taken {
            return self.pump(air);
        }
        self.refused = true;
        self.crashes(air);
    }

    fn wire_opened(&mut self, link: usize, air: &mut Air) {
        if self.open && self.candidate == Some(link) {
            air.up(link, Event::FrameUp(link, FrameEvent::Message("2probe".into())));
        }
    }

    fn frame(&mut self, link: usize, bytes: &Bytes, air: &mut Air) {
        if !self.open {
            return;
        }
        let word = super::super::frame(&WireFrame::Ready(bytes.clone()));
        if self.candidate == Some(link) {
            assert_eq!(word, "3probe", "a candidate gets nothing else");
            self.paused = true;
        } else if self.wire == Some(link) {
            if bytes[0] == 0x82 {
                next_of(&mut self.received, &Message::Binary(bytes.slice(2..)));
            } else if word == "2" {
                self.buffer.push_back(Waiting::Pong);
            } else {
                let text = word.strip_prefix('4').unwrap_or_else(|| panic!("{word:?} on the WebSocket"));
                next_of(&mut self.received, &text.into());
            }
        }
        self.pump(air);
    }

    fn wire_closed(&mut self, link: usize, air: &mut Air) {
        if self.wire == Some(link) {
            return self.crashes(air);
        }
        if self.candidate == Some(link) {
            // The upgrade failed: on with long-polling.
            self.candidate = None;
            self.paused = false;
            self.pump(air);
        }
    }

    fn sends(&mut self, air: &mut Air) {
        if self.open && !self.closing {
            for _ in 0..=air.rng.below(3) {
                self.buffer.push_back(Waiting::Message(message(self.sent)));
                self.sent += 1;
            }
            self.pump(air);
        }
    }

    fn upgrades(&mut self, air: &mut Air) {
        if self.open && !self.closing {
            let link = air.open_link();
            self.candidate = Some(link);
            air.up(link, Event::WireOpen(link));
        }
    }

    fn closes(&mut self, air: &mut Air) {
        if self.open {
            self.closing = true;
            self.pump(air);
        }
    }
}

impl Peer for Client {
    fn begin(&mut self, air: &mut Air) {
        self.pump(air);
    }

    fn happen(&mut self, event: Event, air: &mut Air) {
        match event {
            Event::GetAnswered(_, answer) => self.get_answered(&answer, air),
            Event::PostAnswered(_, taken) => self.post_answered(taken, air),
            Event::WireOpened(link) => self.wire_opened(link, air),
            Event::FrameDown(link, frame) => self.frame(link, &frame, air),
            Event::WireClosed(link) => self.wire_closed(link, air),
            Event::ClientSends => self.sends(air),
            Event::ClientUpgrades => self.upgrades(air),
            Event::ClientCloses => self.closes(air),
            other => unreachable!("{other:?} at the model"),
        }
    }

    /// Its requests go by other connections.
    fn cut(&mut self, _: &mut Air) {}

    /// Gone, with its requests and connections: by a crash, or because a transport failed.
    fn crashes(&mut self, air: &mut Air) {
        self.open = false;
        if let Some(number) = self.getting.take() {
            air.soon(Event::GetAborted(number));
        }
        if std::mem::take(&mut self.posting) {
            air.soon(Event::PostAborted(self.posts));
        }
        for link in self.candidate.take().into_iter().chain(self.wire.take()) {
            air.up(link, Event::WireGone(link));
        }
    }

    /// It is the server that is looked at.
    fn bury(&mut self, air: &mut Air) {
        self.crashes(air);
    }

    fn next_timeout(&self) -> Option<u64> {
        None
    }

    fn timeout(&mut self, _: &mut Air) {}

    fn check_end(&self) {}

    fn is_open(&self) -> bool {
        self.open
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
        None
    }
}
