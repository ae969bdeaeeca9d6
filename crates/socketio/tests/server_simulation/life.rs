//! [`Life`]: a client's connection as the client knows it, and the packets that it sends. Leaves out what it does with
//! them (`clients.rs`, `acts.rs`) and how they travel.

use std::collections::BTreeMap;

use bytes::Bytes;
use socketio_proto::{Decoder, DecoderLimits};
use testkit::Random;

use crate::{
    PLACES,
    application::{Deed, Greeting, attachment},
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
    pub(crate) text: String,
    pub(crate) attachment: Option<Bytes>,
    pub(crate) event: Option<Event>,
}

impl Packet {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), attachment: None, event: None }
    }

    fn payload(&self) -> String {
        let attachment = self.attachment.as_ref().map(|bytes| format!("{SEPARATOR}b{}", base64(bytes)));
        format!("{}{}", self.text, attachment.unwrap_or_default())
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
    pub(crate) decoder: Decoder,
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
    pub(crate) fn new(client: usize, road: Road, acts: u64, dice: Random) -> Self {
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
            decoder: Decoder::new(DecoderLimits::default()),
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

    pub(crate) fn connect(&mut self, life: usize, place: usize, wait: u64, refuse: bool) {
        let greeting = serde_json::to_string(&Greeting { life, wait, refuse }).expect("it is JSON");
        self.places[place].state = Standing::Asking;
        self.outbox.push(Packet::plain(format!("40{}{greeting}", prefix(place))));
    }

    pub(crate) fn disconnect(&mut self, place: usize) {
        self.places[place].leave();
        self.outbox.push(Packet::plain(format!("41{}", prefix(place))));
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
        let id = if asks { number.to_string() } else { String::new() };
        let text = format!("42{}{id}[\"up\",{life},{number},{deed},{wait},\"{room}\"]", prefix(place));
        let event = Some(Event { life, place, number });
        self.outbox.push(Packet { text, attachment: None, event });
    }

    pub(crate) fn emit_binary(&mut self, life: usize, place: usize) {
        let number = self.number(place, Some(Question::Bytes));
        let placeholder = "{\"_placeholder\":true,\"num\":0}";
        let text = format!("451-{}{number}[\"bin\",{life},{number},{placeholder}]", prefix(place));
        let event = Some(Event { life, place, number });
        self.outbox.push(Packet { text, attachment: Some(attachment(number)), event });
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

/// How a packet names its namespace.
pub(crate) fn prefix(place: usize) -> String {
    if place == 0 { String::new() } else { format!("{},", PLACES[place]) }
}

/// Three bytes as base64.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let number = bytes.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
    [18, 12, 6, 0].map(|shift| char::from(DIGITS[number >> shift & 63])).iter().collect()
}
