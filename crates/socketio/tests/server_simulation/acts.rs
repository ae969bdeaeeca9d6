//! What clients do of their own accord: emit, join, leave, upgrade or half of it, break the rules, and go in one way or
//! another.

use socketio_proto::PacketKind;

use crate::{
    PLACES, ROOMS,
    agenda::Happening,
    application::Deed,
    life::{Life, Packet, Phase, Road, Standing, Upgrading},
    requests::Purpose,
    world::World,
};

const DEEDS: [Deed; 12] = [
    Deed::Nothing,
    Deed::Nothing,
    Deed::Join,
    Deed::Join,
    Deed::Leave,
    Deed::SayToRoom,
    Deed::SayToOthers,
    Deed::SayToAll,
    Deed::SayBack,
    Deed::SayBack,
    Deed::AskBack,
    Deed::Fail,
];

impl Life {
    /// Somewhere it is in.
    fn any_place(&mut self) -> Option<usize> {
        let places: Vec<_> = (0..PLACES.len()).filter(|place| self.places[*place].state == Standing::In).collect();
        (!places.is_empty()).then(|| places[self.dice.below(places.len() as u64) as usize])
    }

    fn emit_some(&mut self, life: usize) {
        let Some(place) = self.any_place() else { return };
        for _ in 0..self.dice.between(1, 5) {
            let wait = if self.dice.percent(25) { self.dice.between(1, 1500) } else { 0 };
            let room = ROOMS[self.dice.below(2) as usize];
            match self.dice.below(100) {
                0..12 => self.emit_binary(life, place),
                12..14 => self.emit(life, place, Deed::Disconnect, wait, room),
                14 => self.emit(life, place, Deed::Close, wait, room),
                _ => {
                    let deed = DEEDS[self.dice.below(DEEDS.len() as u64) as usize];
                    self.emit(life, place, deed, wait, room);
                }
            }
        }
    }
}

impl World {
    /// A client does something, and thinks of the next thing.
    pub(crate) fn act(&mut self, life: usize) {
        let has_rogues = self.plan.has_rogues;
        let this = &mut self.lives[life];
        if this.is_over() || !self.is_stormy {
            return;
        }
        if this.acts == 0 {
            // Some stay, and only listen.
            return if this.dice.percent(40) {
                self.go_away(life)
            };
        }
        this.acts -= 1;
        let pause = if this.dice.percent(8) { this.dice.between(1000, 9000) } else { this.dice.between(1, 350) };
        match this.dice.below(100) {
            0..52 => this.emit_some(life),
            52..60 => self.join_one(life),
            60..64 => {
                if let Some(place) = this.any_place() {
                    this.disconnect(place);
                }
            }
            64..88 => self.upgrade(life),
            88..90 => self.go_away(life),
            90..100 if has_rogues => self.break_rules(life),
            _ => {}
        }
        self.go_on(life);
        self.later(pause, Happening::Act(life));
    }

    fn join_one(&mut self, life: usize) {
        let this = &mut self.lives[life];
        let place = this.dice.below(PLACES.len() as u64) as usize;
        if this.places[place].state == Standing::Out {
            let wait = if this.dice.percent(30) { this.dice.between(1, 7000) } else { 0 };
            let refuse = this.dice.percent(20);
            let claim = self.choose_claim(life, place);
            self.lives[life].connect(life, place, wait, refuse, claim);
        }
    }

    fn upgrade(&mut self, life: usize) {
        let this = &mut self.lives[life];
        if this.road != Road::Both || this.phase != Phase::Polling {
            return;
        }
        this.upgrading = match this.dice.below(10) {
            0 => Upgrading::Silent,
            1 => Upgrading::Undecided,
            _ => Upgrading::Whole,
        };
        this.phase = Phase::Probing;
        self.dial(life);
    }

    /// Leaves, with or without a word.
    pub(crate) fn go_away(&mut self, life: usize) {
        let this = &mut self.lives[life];
        if this.is_over() || this.phase == Phase::Opening {
            return;
        }
        this.is_harmed = true;
        let (wire, is_polling) = (this.wire, !this.posts && matches!(this.phase, Phase::Polling));
        match (this.dice.below(4), wire) {
            // It says so.
            (0, Some(wire)) => {
                self.send_close(wire);
                self.leave_alone(life);
            }
            (0 | 1, None) if is_polling => {
                self.ask(life, Purpose::Mischief, vec![Packet::plain("1")]);
                self.finish(life);
            }
            (1, Some(wire)) if self.lives[life].phase == Phase::Wire => {
                self.send_packet(wire, &Packet::plain("1"));
                self.leave_alone(life);
            }
            // It is just not there any more, and its connections are not either, or are.
            (2, _) => self.finish(life),
            _ => self.leave_alone(life),
        }
    }

    /// The client is gone; its connections stay as they are.
    fn leave_alone(&mut self, life: usize) {
        let this = &mut self.lives[life];
        this.phase = Phase::Over;
        let client = this.client;
        self.begin_again(client);
    }

    fn break_rules(&mut self, life: usize) {
        let this = &mut self.lives[life];
        if matches!(this.phase, Phase::Opening | Phase::Over) {
            return;
        }
        this.is_rogue = true;
        let place = this.dice.below(PLACES.len() as u64) as usize;
        let (format, is_mine) = (this.format, this.dice.percent(50));
        let event = |json: &str| format.write(PacketKind::Event, place, None, json, None).into();
        let packet = match this.dice.below(12) {
            0 => Packet::plain("nonsense"),
            1 | 7 => format.write_badly(place, &mut this.dice).into(),
            2 => Packet::plain("2"),
            3 => Packet::plain("3"),
            4 => format.write(PacketKind::Connect, place, None, "{}", None).into(),
            5 => format.write(PacketKind::Disconnect, place, None, "", None).into(),
            6 => event("[\"nobody listens\"]"),
            8 => format.write(PacketKind::Ack, place, Some(7), "[1]", None).into(),
            9 => event(&format!("[\"too large\",\"{}\"]", "x".repeat(3000))),
            10 => Packet::plain("6"),
            _ => {
                // One GET too many, or in between.
                this.is_blind = true;
                return self.ask(life, Purpose::Mischief, Vec::new());
            }
        };
        if is_mine {
            this.outbox.push(packet);
        } else {
            self.ask(life, Purpose::Mischief, vec![packet]);
        }
    }
}
