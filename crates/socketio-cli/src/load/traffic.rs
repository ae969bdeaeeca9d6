//! What packets mean to a load, and which messages follow from them. [SIO5 Packet encoding]

use std::time::Duration;

use super::{
    client::Phase,
    fault::Fault,
    generator::Generator,
    message::{MOST_UNANSWERED, Message, Messages},
    options::Mode,
};

/// A message to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Pong,
    /// Into the namespace.
    Connect,
    /// Into the room of this number.
    Join(usize),
    /// The event of this number.
    Event(usize),
    /// No message: the connection has done what it was for.
    Close,
}

impl Messages {
    pub(super) fn of(&self, reply: Reply) -> Option<&Message> {
        match reply {
            Reply::Pong => Some(&self.pong),
            Reply::Connect => Some(&self.connect),
            Reply::Join(room) => self.join.get(room),
            Reply::Event(number) => self.events.get(number),
            Reply::Close => None,
        }
    }
}

impl Generator {
    /// A packet has come.
    pub(super) fn packet(&mut self, client: usize, packet: &[u8], now: u64) -> Result<(), Fault> {
        match packet {
            [b'4', kind, rest @ ..] => {
                let Some(rest) = self.messages.within_namespace(rest) else { return Ok(()) };
                match kind {
                    b'2' => self.event(client, rest, now),
                    b'3' => self.acknowledgement(client, rest, now),
                    b'0' => self.joined(client, now),
                    b'1' | b'4' => return Err(Fault::Refused(String::from_utf8_lossy(packet).into_owned())),
                    _ => self.tally.others += 1,
                }
            }
            [b'2', ..] => self.replies.push(Reply::Pong),
            [b'0', ..] => self.replies.push(Reply::Connect),
            [b'1', ..] => return Err(Fault::Closed),
            _ => {}
        }
        Ok(())
    }

    fn event(&mut self, client: usize, rest: &[u8], now: u64) {
        let is_expected = self.messages.expects(rest);
        let Some(state) = self.clients.get_mut(client).filter(|_| is_expected) else {
            self.tally.others += 1;
            return;
        };
        let sent_at = match self.options.mode {
            Mode::Echo => state.unanswered.answered(0),
            Mode::Cast => {
                let number = state.casts;
                state.casts += 1;
                let room = state.room;
                self.groups.get_mut(room).and_then(|group| {
                    let sent_at = group.received(number);
                    if self.options.rate.is_none() && group.room_for(self.options.in_flight) > 0 {
                        self.due.push(room);
                    }
                    sent_at
                })
            }
            Mode::Ack | Mode::Idle | Mode::Connect => None,
        };
        match sent_at {
            Some(sent_at) => self.came(sent_at, now),
            None => self.tally.others += 1,
        }
        if self.options.mode == Mode::Echo && sent_at.is_some() {
            self.send_again(client, now);
        }
    }

    fn acknowledgement(&mut self, client: usize, rest: &[u8], now: u64) {
        let Some(state) = self.clients.get_mut(client) else { return };
        if state.phase == Phase::Joining {
            self.is_ready(client, now);
            return;
        }
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
        let number =
            digits.fold(0_usize, |sum, digit| sum.saturating_mul(10).saturating_add(usize::from(digit - b'0')));
        match state.unanswered.answered(number) {
            Some(sent_at) => {
                self.came(sent_at, now);
                self.send_again(client, now);
            }
            None => self.tally.others += 1,
        }
    }

    /// A message is where it should be.
    fn came(&mut self, sent_at: u64, now: u64) {
        self.tally.received += 1;
        if self.stage.measures() {
            self.tally.measured += 1;
            self.tally.latency.saturating_record(now.saturating_sub(sent_at));
        }
    }

    /// In a closed loop, an answer calls for the next message.
    fn send_again(&mut self, client: usize, now: u64) {
        if !self.stage.sends() || self.options.rate.is_some() {
            return;
        }
        if let Some(number) = self.clients.get_mut(client).and_then(|state| state.unanswered.sent(now)) {
            self.tally.sent += 1;
            self.replies.push(Reply::Event(number));
        }
    }

    /// The client is in the namespace.
    fn joined(&mut self, client: usize, now: u64) {
        let Some(state) = self.clients.get_mut(client).filter(|state| state.phase == Phase::Opening) else { return };
        if self.messages.join.is_empty() {
            self.is_ready(client, now);
            return;
        }
        state.phase = Phase::Joining;
        self.replies.push(Reply::Join(state.room));
    }

    fn is_ready(&mut self, client: usize, now: u64) {
        let Some(state) = self.clients.get_mut(client) else { return };
        let took = now.saturating_sub(state.dialled_at);
        self.tally.joined += 1;
        self.is_opening -= 1;
        if self.options.mode == Mode::Connect {
            self.tally.received += 1;
            if self.stage.measures() {
                self.tally.measured += 1;
                self.tally.latency.saturating_record(took);
            }
            state.phase = Phase::Over;
            self.replies.push(Reply::Close);
            return;
        }
        state.phase = Phase::Ready;
        self.ready += 1;
        self.tally.opening.saturating_record(took);
    }

    /// Sends the first messages of a closed loop.
    pub(super) fn start_traffic(&mut self) {
        if self.options.rate.is_some() {
            return;
        }
        match self.options.mode {
            Mode::Echo | Mode::Ack => {
                for client in 0..self.clients.len() {
                    let now = self.now();
                    let Some(state) = self.clients.get_mut(client).filter(|state| state.phase == Phase::Ready) else {
                        continue;
                    };
                    let numbers: Vec<usize> =
                        (0..self.options.in_flight).filter_map(|_| state.unanswered.sent(now)).collect();
                    self.tally.sent += numbers.len() as u64;
                    self.send(client, numbers.into_iter().map(Reply::Event));
                }
            }
            Mode::Cast => (0..self.groups.len()).for_each(|group| self.cast(group)),
            Mode::Idle | Mode::Connect => {}
        }
    }

    /// Sends the broadcasts that a group has room for.
    pub(super) fn cast(&mut self, number: usize) {
        let is_cast = self.options.mode == Mode::Cast && self.options.rate.is_none() && self.stage.sends();
        let now = self.now();
        let Some(group) = self.groups.get_mut(number).filter(|_| is_cast) else { return };
        let room = group.room_for(self.options.in_flight);
        let sender = group.sender;
        if room == 0 || self.clients.get(sender).is_none_or(|state| state.phase != Phase::Ready) {
            return;
        }
        for _ in 0..room {
            group.sent(now);
        }
        self.tally.sent += room;
        self.send(sender, (0..room).map(|_| Reply::Event(number)));
    }

    /// How long until the next message of the schedule is due; `None` without one.
    pub(super) fn until_scheduled(&self) -> Option<Duration> {
        let rate = self.options.rate.filter(|_| self.stage.sends() && self.options.mode.sends())?;
        let due = Duration::from_secs_f64((self.scheduled + 1) as f64 / f64::from(rate));
        Some(due.saturating_sub(self.since_schedule()))
    }

    /// The schedule begins when warming up does.
    fn since_schedule(&self) -> Duration {
        let opened = if self.options.mode == Mode::Connect { Duration::ZERO } else { self.tally.opened[1] };
        Duration::from_nanos(self.now()).saturating_sub(opened)
    }

    /// Sends what is due.
    pub(super) fn send_scheduled(&mut self) {
        let Some(rate) = self.options.rate else { return };
        while self.until_scheduled().is_some_and(|wait| wait.is_zero()) {
            self.scheduled += 1;
            let due = Duration::from_secs_f64(self.scheduled as f64 / f64::from(rate)) + self.tally.opened[1];
            let due = u64::try_from(due.as_nanos()).unwrap_or(u64::MAX);
            if !self.send_next(due) {
                self.tally.skipped += 1;
            }
        }
    }

    /// Sends one message of whose turn it is; whether it could.
    fn send_next(&mut self, due: u64) -> bool {
        self.next_client += 1;
        if self.options.mode == Mode::Cast {
            let number = self.next_client % self.groups.len();
            let Some(group) = self.groups.get_mut(number) else { return false };
            let sender = group.sender;
            let is_ready = self.clients.get(sender).is_some_and(|state| state.phase == Phase::Ready);
            if !is_ready || group.room_for(MOST_UNANSWERED) == 0 {
                return false;
            }
            group.sent(due);
            self.tally.sent += 1;
            self.send(sender, [Reply::Event(number)]);
            return true;
        }
        let client = self.next_client % self.clients.len();
        let state = self.clients.get_mut(client).filter(|state| state.phase == Phase::Ready);
        let state = state.filter(|state| state.unanswered.len() < MOST_UNANSWERED);
        let Some(number) = state.and_then(|state| state.unanswered.sent(due)) else { return false };
        self.tally.sent += 1;
        self.send(client, [Reply::Event(number)]);
        true
    }

    /// Messages whose answers are not there yet.
    pub(super) fn unanswered(&self) -> u64 {
        match self.options.mode {
            Mode::Cast => self.groups.iter().map(super::group::Group::unanswered).sum(),
            _ => self.clients.iter().map(|state| state.unanswered.len() as u64).sum(),
        }
    }
}
