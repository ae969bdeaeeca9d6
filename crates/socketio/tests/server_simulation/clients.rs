//! What clients make of what they hear, as the official one does: polling, the upgrade, heartbeats, joining, answers.
//!
//! Leaves out what they do of their own accord (`acts.rs`).

use bytes::Bytes;
use engineio_proto::{Handshake, Message, Packet as EnginePacket, Packets, Text};
use http::StatusCode;
use serde::Deserialize;
use socketio_proto::{Packet as SocketPacket, PacketKind};

use crate::{
    PLACES,
    agenda::Happening,
    application::{VOLATILE, attachment},
    comebacks::Pass,
    life::{Life, Packet, Phase, Question, Road, Standing, Upgrading},
    requests::Purpose,
    world::World,
};

/// What a client that cannot decide pauses between its polls, in milliseconds.
const UNDECIDED_PAUSE: u64 = 400;

#[derive(Deserialize)]
struct Welcome {
    sid: String,
    pid: Option<String>,
}

// ---- long-polling, the upgrade, the end ----

impl World {
    pub(crate) fn begin(&mut self, client: usize) {
        if !self.is_stormy {
            return;
        }
        let plan = &self.plan;
        let dice = &mut self.dice_of_clients[client];
        let road = [Road::Polling, Road::WebSocket, Road::Both, Road::Both][dice.below(4) as usize];
        let life = self.lives.len();
        self.lives.push(Life::new(client, plan.format, road, dice.between(1, plan.acts), dice.fork()));
        let twin = (plan.returning.is_some() && dice.percent(12)).then(|| dice.between(0, 600));
        self.story.connections += 1;
        if let Some(after) = twin {
            // It comes twice: somebody thought that the first was in vain.
            self.later(after, Happening::Begin(client));
        }
        match road {
            Road::WebSocket => self.dial(life),
            Road::Polling | Road::Both => self.ask(life, Purpose::Open, Vec::new()),
        }
    }

    /// The answer to a request.
    pub(crate) fn hear(&mut self, life: usize, purpose: Purpose, status: StatusCode, body: Bytes) {
        let this = &mut self.lives[life];
        match purpose {
            Purpose::Poll => this.gets = false,
            Purpose::Post => this.posts = false,
            Purpose::Open | Purpose::Mischief => {}
        }
        if this.is_over() {
            return;
        }
        if status != StatusCode::OK {
            assert!(!this.is_unharmed() || self.is_ended(life), "{life} is refused with {status}: {body:?}");
            return self.finish(life);
        }
        if purpose != Purpose::Post {
            for packet in Packets::new(Text::from_utf8(body).expect("a payload is text")) {
                self.hear_packet(life, None, packet.expect("the server sends packets"));
            }
        }
        self.go_on(life);
    }

    /// A request came to nothing: the client gives up, as the official one does.
    pub(crate) fn request_failed(&mut self, life: usize) {
        self.lives[life].is_harmed = true;
        self.finish(life);
    }

    /// Does what is to be done next: polls, sends what waits, or takes the last step of an upgrade.
    pub(crate) fn go_on(&mut self, life: usize) {
        let this = &mut self.lives[life];
        match this.phase {
            Phase::Opening | Phase::Over => {}
            Phase::Polling | Phase::Probing => {
                if !std::mem::replace(&mut this.gets, true) {
                    if this.phase == Phase::Probing && this.upgrading == Upgrading::Undecided {
                        self.later(UNDECIDED_PAUSE, Happening::Poll(life));
                    } else {
                        self.ask(life, Purpose::Poll, Vec::new());
                    }
                }
                let this = &mut self.lives[life];
                if !this.posts && !this.outbox.is_empty() {
                    this.posts = true;
                    let packets = this.take_post();
                    self.ask(life, Purpose::Post, packets);
                }
            }
            Phase::Pausing => {
                if !this.gets && !this.posts {
                    this.phase = Phase::Wire;
                    let wire = this.wire.expect("it has answered the probe");
                    self.send_packet(wire, &Packet::plain("5"));
                    self.go_on(life);
                }
            }
            Phase::Wire => {
                let wire = this.wire.expect("it is on it");
                for packet in std::mem::take(&mut this.outbox) {
                    self.send_packet(wire, &packet);
                }
            }
        }
    }

    /// The handshake of a WebSocket has succeeded.
    pub(crate) fn wire_opened(&mut self, id: usize) {
        let life = self.wires[id].life;
        let this = &self.lives[life];
        if this.phase == Phase::Probing && this.upgrading != Upgrading::Silent {
            self.send_packet(id, &Packet::plain("2probe"));
        }
    }

    /// The client sees the end of a WebSocket.
    pub(crate) fn wire_ended(&mut self, id: usize) {
        let life = self.wires[id].life;
        let this = &mut self.lives[life];
        if this.wire != Some(id) {
            return;
        }
        match this.phase {
            // The upgrade has failed, and nothing is lost.
            Phase::Probing | Phase::Pausing => {
                (this.wire, this.phase) = (None, Phase::Polling);
                self.hang_up(id);
                self.go_on(life);
            }
            Phase::Opening | Phase::Polling | Phase::Wire => {
                assert!(!this.is_unharmed() || self.is_ended(life), "the WebSocket of {life} has ended");
                self.finish(life);
            }
            Phase::Over => self.hang_up(id),
        }
    }

    /// The client takes the connection for over, and perhaps begins another.
    pub(crate) fn finish(&mut self, life: usize) {
        let this = &mut self.lives[life];
        if this.is_over() {
            return;
        }
        this.phase = Phase::Over;
        let client = this.client;
        if let Some(wire) = this.wire.take() {
            self.hang_up(wire);
        }
        self.begin_again(client);
    }

    pub(crate) fn begin_again(&mut self, client: usize) {
        if self.lives_left[client] > 0 {
            self.lives_left[client] -= 1;
            let pause = self.dice_of_clients[client].between(1, 3000);
            self.later(pause, Happening::Begin(client));
        }
    }

    /// Whether the server has a reason of its own to end that connection.
    pub(crate) fn is_ended(&self, life: usize) -> bool {
        self.plan.is_narrow() || self.has_closed || self.ledger.lock().ended.contains(&life)
    }
}

// ---- packets ----

impl World {
    /// An Engine.IO packet; by which WebSocket, if any.
    pub(crate) fn hear_packet(&mut self, life: usize, wire: Option<usize>, packet: EnginePacket) {
        let this = &mut self.lives[life];
        if this.is_over() {
            return;
        }
        let is_candidate = wire.is_some() && matches!(this.phase, Phase::Probing | Phase::Pausing);
        match packet {
            EnginePacket::Open(handshake) => self.opened(life, &handshake),
            EnginePacket::Pong(data) if is_candidate && *data == *"probe" => {
                if this.upgrading == Upgrading::Whole && this.phase == Phase::Probing {
                    this.phase = Phase::Pausing;
                    self.go_on(life);
                }
            }
            // Messages are where the client looks for them (hazard R4).
            _ if is_candidate => panic!("{packet:?} came on a WebSocket that {life} has not switched to"),
            EnginePacket::Ping(_) => {
                this.outbox.push(Packet::plain("3"));
                self.flush(life);
            }
            EnginePacket::Message(message) => self.hear_message(life, message),
            EnginePacket::Close => {
                assert!(!this.is_unharmed() || self.is_ended(life), "{life} is closed");
                self.finish(life);
            }
            EnginePacket::Noop => {}
            EnginePacket::Pong(_) | EnginePacket::Upgrade => panic!("{packet:?} came to {life}"),
        }
    }

    /// Sends what waits, where nothing else is under way.
    fn flush(&mut self, life: usize) {
        if self.lives[life].phase == Phase::Wire {
            self.go_on(life);
        }
    }

    fn opened(&mut self, life: usize, handshake: &str) {
        let handshake: Handshake = serde_json::from_str(handshake).expect("a handshake");
        let this = &mut self.lives[life];
        assert_eq!(this.phase, Phase::Opening, "{life} was opened twice");
        this.session = format!("&sid={}", handshake.sid);
        this.phase = if this.road == Road::WebSocket { Phase::Wire } else { Phase::Polling };
        let pause = this.dice.between(1, 400);
        if this.dice.percent(94) {
            self.join_at_first(life);
        } else {
            this.is_harmed = true;
        }
        self.later(pause, Happening::Act(life));
        self.flush(life);
    }

    /// What most clients begin with.
    fn join_at_first(&mut self, life: usize) {
        for place in 0..PLACES.len() {
            let this = &mut self.lives[life];
            if place == 0 || this.dice.percent(50) {
                let wait = if this.dice.percent(20) { this.dice.between(1, 2000) } else { 0 };
                let claim = self.choose_claim(life, place);
                self.lives[life].connect(life, place, wait, false, claim);
            }
        }
    }

    fn hear_message(&mut self, life: usize, message: Message) {
        let this = &mut self.lives[life];
        let packet = match this.decoder.handle(message) {
            Ok(Some(packet)) => packet,
            Ok(None) => return,
            // What belongs together was in two answers.
            Err(_) if this.is_blind => return self.finish(life),
            Err(error) => panic!("{life} got no packet: {error}"),
        };
        let place = PLACES.iter().position(|name| *name == packet.namespace.as_str()).expect("it asked for it");
        let this = &mut self.lives[life];
        match packet.kind {
            PacketKind::Connect => {
                let welcome: Welcome = packet.body.as_ref().expect("with an id").data().expect("an id");
                // One that it did not ask for, since somebody repeated its CONNECT or it had left meanwhile.
                if this.places[place].state == Standing::Asking {
                    this.places[place].state = Standing::In;
                } else {
                    assert!(this.is_rogue, "{life} is in {} without asking", PLACES[place]);
                }
                self.welcomed(life, place, welcome);
            }
            PacketKind::ConnectError | PacketKind::Disconnect => {
                if this.places[place].state == Standing::Asking && packet.kind == PacketKind::Disconnect {
                    // It is about its last time there, and the client cannot know.
                    this.is_rogue = true;
                }
                assert!(this.places[place].held.is_empty(), "{life} has got something before it was refused");
                this.places[place].leave();
            }
            PacketKind::Event if this.places[place].id.is_none() && this.places[place].claim.is_some() => {
                this.places[place].held.push(packet);
            }
            PacketKind::Event => self.hear_event(life, place, &packet),
            PacketKind::Ack => self.hear_ack(life, place, &packet),
        }
    }

    /// The client learns who it is, and so whose what came before that was.
    fn welcomed(&mut self, life: usize, place: usize, welcome: Welcome) {
        assert_eq!(welcome.pid.is_some(), self.plan.returning.is_some(), "a private id for {life}");
        let this = &mut self.lives[life].places[place];
        let held = std::mem::take(&mut this.held);
        let is_back = this.claim.as_ref().is_some_and(|claim| Some(&claim.pid) == welcome.pid.as_ref());
        assert!(is_back || held.is_empty(), "{life} is new in {} and has got {held:?}", PLACES[place]);
        if let Some(pid) = &welcome.pid {
            self.ledger.lock().introduce(&welcome.sid, pid);
        }
        this.pass = welcome.pid.map(|pid| Pass::new(pid, this.claim.as_ref()));
        this.id = Some(welcome.sid);
        for packet in held {
            self.hear_event(life, place, &packet);
        }
    }

    fn hear_event(&mut self, life: usize, place: usize, packet: &SocketPacket) {
        let (number, is_volatile, offset) = self.open_event(packet);
        let this = &mut self.lives[life];
        if !this.is_blind {
            self.ledger.lock().read(this.places[place].id.as_deref(), life, number);
        }
        if let (Some(pass), Some(offset)) = (&mut this.places[place].pass, offset) {
            pass.read(number, offset, is_volatile, this.dice.percent(30));
        }
        let Some(ack) = packet.ack else { return };
        match this.dice.below(10) {
            0 => {}
            1..3 => {
                let time = this.dice.between(1, 5000);
                self.later(time, Happening::Reply(life, place, ack.0, number));
            }
            _ => self.reply(life, place, ack.0, number),
        }
    }

    /// An event's number, whether it is volatile, and its offset.
    fn open_event(&self, packet: &SocketPacket) -> (u64, bool, Option<String>) {
        let body = packet.body.as_ref().expect("an event has a body");
        let has_offset = self.plan.returning.is_some() && packet.ack.is_none();
        assert_eq!(body.arg_count(), if has_offset { 3 } else { 2 }, "the arguments of {body:?}");
        if body.is_event("bin") {
            let (number, bytes, offset): (u64, Bytes, Option<String>) = if has_offset {
                body.args().expect("a number, bytes and an offset")
            } else {
                let (number, bytes) = body.args().expect("a number and bytes");
                (number, bytes, None)
            };
            assert_eq!(bytes, attachment(number), "what came with {number}");
            return (number, false, offset);
        }
        let (number, text, offset): (u64, String, Option<String>) = if has_offset {
            body.args().expect("a number, a text and an offset")
        } else {
            let (number, text) = body.args().expect("a number and a text");
            (number, text, None)
        };
        (number, text == VOLATILE, offset)
    }

    /// Answers a question of the server, where it is still there to hear it.
    pub(crate) fn reply(&mut self, life: usize, place: usize, ack: u64, number: u64) {
        let this = &mut self.lives[life];
        if this.is_over() || this.places[place].state != Standing::In {
            return;
        }
        let frames = this.format.write(PacketKind::Ack, place, Some(ack), &format!("[{number}]"), None);
        this.outbox.push(frames.into());
        self.go_on(life);
    }

    fn hear_ack(&mut self, life: usize, place: usize, packet: &SocketPacket) {
        let (ack, body) = (packet.ack.expect("its number"), packet.body.as_ref().expect("a body"));
        let this = &mut self.lives[life];
        let place = &mut this.places[place];
        let Some(question) = place.asked.remove(&ack.0) else {
            // Who asked and left, or whose question was repeated, may get an answer too many.
            assert!(this.is_rogue || ack.0 <= place.forgotten, "{life} is answered {ack:?}, which it did not ask");
            return;
        };
        let is_right = match question {
            Question::Number => body.ack_args::<u64>().is_ok_and(|number| number == ack.0),
            Question::Bytes => body.ack_args::<Bytes>().is_ok_and(|bytes| bytes == attachment(ack.0)),
            Question::Anything => true,
        };
        assert!(is_right, "{life} asked {ack:?} and is answered {body:?}");
    }
}
