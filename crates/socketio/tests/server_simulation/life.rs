//! [`Life`]: a client's connection as the client knows it, and the packets that it sends. Leaves out what it does with
//! them (`clients.rs`, `acts.rs`), how they are written (`format.rs`) and how they travel.

use std::collections::BTreeMap;

use bytes::Bytes;
use socketio_proto::{AnyDecoder, Packet as SocketPacket, PacketKind};
use testkit::Random;

use crate::{
    PLACES,
    application::{Deed, Greeting, attachment},
    comebacks::{Behind, Pass},
    format::{Format, Frame},
    ledger::Event,
};

/// Bytes of a POST, about; what does not fit waits for the next.
const POST_BYTES: usize = 800;

/// What separates the packets of a payload.
const SEPARATOR: char = '\u{1e}';

/// By what a client connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Road {
    Polling,
    WebSocket,
    /// Long-polling, and a WebSocket when it feels like it.
    Both,
}

/// Where a connection is, as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Opening,
    Polling,
    /// Polling, with a WebSocket that is to take over.
    Probing,
    /// The WebSocket has answered; what is under way by GET and POST is waited for.
    Pausing,
    Wire,
    Over,
}

/// How a client goes about an upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upgrading {
    Whole,
    /// Its WebSocket says nothing.
    Silent,
    /// It probes, and goes on polling.
    Undecided,
}

/// A client's place in a namespace.
#[derive(Debug, Default)]
pub(crate) struct Place {
    pub(crate) state: Standing,
    /// The server's name for its socket, from the last CONNECT.
    pub(crate) id: Option<String>,
    /// The next event there, whatever comes and goes.
    next: u64,
    /// Acknowledgements up to that number may still come, and are of no use any more.
    pub(crate) forgotten: u64,
    /// Events that are to be acknowledged, by the number that is also their acknowledgement's.
    pub(crate) asked: BTreeMap<u64, Question>,
    /// What it asked to come back with, when it last asked to join.
    pub(crate) claim: Option<Pass>,
    /// What it may come back with.
    pub(crate) pass: Option<Pass>,
    /// Events that came before the first CONNECT, by which it will know whose they are.
    pub(crate) held: Vec<SocketPacket>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    #[default]
    Out,
    Asking,
    In,
}

impl Place {
    /// The client is not there any more.
    pub(crate) fn leave(&mut self) {
        (self.state, self.forgotten) = (Standing::Out, self.next);
        self.asked.clear();
    }
}

/// What an event is to be answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Number,
    Bytes,
    /// The handler fails, or the client does not answer it.
    Anything,
}

/// A packet on its way to the server.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) frames: Vec<Frame>,
    pub(crate) event: Option<Event>,
}

impl Packet {
    /// A packet of Engine.IO.
    pub(crate) fn plain(text: &str) -> Self {
        vec![Frame::Text(text.to_owned())].into()
    }

    fn payload(&self) -> String {
        let frames: Vec<_> = self.frames.iter().map(Frame::in_payload).collect();
        frames.join(&SEPARATOR.to_string())
    }
}

impl From<Vec<Frame>> for Packet {
    fn from(frames: Vec<Frame>) -> Self {
        Self { frames, event: None }
    }
}

#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) client: usize,
    pub(crate) road: Road,
    pub(crate) phase: Phase,
    pub(crate) upgrading: Upgrading,
    /// `&sid=…`, once it is known.
    pub(crate) session: String,
    pub(crate) gets: bool,
    pub(crate) posts: bool,
    pub(crate) outbox: Vec<Packet>,
    /// Its WebSocket, or the one that is to be.
    pub(crate) wire: Option<usize>,
    pub(crate) places: [Place; PLACES.len()],
    pub(crate) format: Format,
    pub(crate) decoder: AnyDecoder,
    /// How often it still does something.
    pub(crate) acts: u64,
    /// Something happened to it that may end it or keep something from it.
    pub(crate) is_harmed: bool,
    /// It broke the rules, or somebody on the way did in its name.
    pub(crate) is_rogue: bool,
    /// It lets answers go unread.
    pub(crate) is_blind: bool,
    pub(crate) dice: Random,
}

impl Life {
    pub(crate) fn new(client: usize, format: Format, road: Road, acts: u64, dice: Random) -> Self {
        Self {
            client,
            road,
            phase: Phase::Opening,
            upgrading: Upgrading::Whole,
            session: String::new(),
            gets: false,
            posts: false,
            outbox: Vec::new(),
            wire: None,
            places: Default::default(),
            format,
            decoder: format.decoder(),
            acts,
            is_harmed: false,
            is_rogue: false,
            is_blind: false,
            dice,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Whether nothing but the server's rules decides about it.
    pub(crate) const fn is_unharmed(&self) -> bool {
        !self.is_harmed && !self.is_rogue
    }

    /// Asks to join, and to come back with that pass.
    pub(crate) fn connect(&mut self, life: usize, place: usize, wait: u64, refuse: bool, claim: Option<Pass>) {
        let mark = claim.as_ref().and_then(|claim| claim.mark.as_ref());
        let greeting = Greeting {
            life,
            wait,
            refuse,
            pid: claim.as_ref().map(|claim| claim.pid.clone()),
            offset: mark.map(|mark| mark.offset.clone()),
            behind: mark.map_or(Some(Behind::default()), |mark| mark.behind),
            is_sure: claim.as_ref().is_some_and(|claim| claim.is_sure),
        };
        let greeting = serde_json::to_string(&greeting).expect("it is JSON");
        (self.places[place].state, self.places[place].claim) = (Standing::Asking, claim);
        self.outbox.push(self.format.write(PacketKind::Connect, place, None, &greeting, None).into());
    }

    pub(crate) fn disconnect(&mut self, place: usize) {
        self.places[place].leave();
        self.outbox.push(self.format.write(PacketKind::Disconnect, place, None, "", None).into());
    }

    /// An event for that namespace.
    pub(crate) fn emit(&mut self, life: usize, place: usize, deed: Deed, wait: u64, room: &str) {
        let asks = self.dice.percent(50);
        let number = self.number(
            place,
            asks.then_some(match deed {
                Deed::Nothing | Deed::Join | Deed::Leave | Deed::SayToRoom | Deed::SayToAll => Question::Number,
                _ => Question::Anything,
            }),
        );
        let deed = serde_json::to_string(&deed).expect("it is JSON");
        let json = format!("[\"up\",{life},{number},{deed},{wait},\"{room}\"]");
        let frames = self.format.write(PacketKind::Event, place, asks.then_some(number), &json, None);
        self.outbox.push(Packet { frames, event: Some(Event { life, place, number }) });
    }

    pub(crate) fn emit_binary(&mut self, life: usize, place: usize) {
        let number = self.number(place, Some(Question::Bytes));
        let json = format!("[\"bin\",{life},{number},{{\"_placeholder\":true,\"num\":0}}]");
        let frames = self.format.write(PacketKind::Event, place, Some(number), &json, Some(attachment(number)));
        self.outbox.push(Packet { frames, event: Some(Event { life, place, number }) });
    }

    fn number(&mut self, place: usize, question: Option<Question>) -> u64 {
        let place = &mut self.places[place];
        place.next += 1;
        place.asked.extend(question.map(|question| (place.next, question)));
        place.next
    }

    /// What goes into the next POST.
    pub(crate) fn take_post(&mut self) -> Vec<Packet> {
        let mut bytes = 0;
        let fits = |packet: &&Packet| {
            bytes += packet.payload().len() + 1;
            bytes <= POST_BYTES
        };
        let count = self.outbox.iter().take_while(fits).count().max(1).min(self.outbox.len());
        self.outbox.drain(..count).collect()
    }
}

pub(crate) fn payload(packets: &[Packet]) -> Bytes {
    let packets: Vec<_> = packets.iter().map(Packet::payload).collect();
    packets.join(&SEPARATOR.to_string()).into()
}
