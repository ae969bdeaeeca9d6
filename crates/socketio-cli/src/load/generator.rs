//! [`Generator`]: the loop of a load: opens connections, reads what comes, and goes from one stage to the next.
//!
//! What packets mean and which messages follow is in `traffic.rs`.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::Result;
use bytes::BytesMut;
use mio::{Events, Poll};

use super::{
    client::{Client, Phase},
    fault::Fault,
    group::Group,
    message::{MOST_UNANSWERED, Messages},
    options::{LoadOptions, Mode},
    polling::Half,
    progress::Progress,
    stage::Stage,
    tally::Tally,
    traffic::Reply,
    watch::Watch,
    wire::{Wire, owner},
};

/// Connections that are opened at the same time, where no rate is asked for.
const MOST_OPENING: usize = 50;

/// How long a connection may take to be let in.
const OPENING_TIMEOUT: Duration = Duration::from_secs(20);

/// How long the last answers are waited for.
const DRAINING_TIME: Duration = Duration::from_secs(5);

/// How long the loop sleeps at most, so that it sees a signal and the time.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// What is read at once, in bytes.
const SCRATCH_BYTES: usize = 256 * 1024;

/// Everything of a load.
pub(super) struct Generator {
    pub(super) options: LoadOptions,
    pub(super) messages: Messages,
    addr: SocketAddr,
    watch: Watch,
    poll: Poll,
    started: Instant,
    pub(super) stage: Stage,
    pub(super) tally: Tally,
    pub(super) clients: Vec<Client>,
    /// The connection of each client, while it has one.
    wires: Vec<Option<Box<Wire>>>,
    pub(super) groups: Vec<Group>,
    /// Clients to be dialled, and those on their way in, the first dialled first.
    to_dial: VecDeque<usize>,
    opening: VecDeque<(u64, usize)>,
    dialled: u64,
    pub(super) is_opening: usize,
    pub(super) ready: u64,
    /// Messages sent on schedule since there is one.
    pub(super) scheduled: u64,
    pub(super) next_client: usize,
    scratch: Vec<u8>,
    input: BytesMut,
    outgoing: Vec<u8>,
    pub(super) replies: Vec<Reply>,
    /// Groups whose sender may have something to send.
    pub(super) due: Vec<usize>,
}

impl Generator {
    /// # Errors
    /// Where the host is not found, or the process cannot be watched.
    pub(super) fn new(options: LoadOptions) -> Result<Self> {
        let addr = options.target.resolve()?;
        let watch = Watch::new(options.watch)?;
        let count = options.connections;
        let rooms = options.rooms.clamp(1, count);
        let numbers = (options.mode == Mode::Ack).then_some(if options.rate.is_some() {
            MOST_UNANSWERED
        } else {
            options.in_flight
        });
        let members = |room: usize| (count / rooms + usize::from(room < count % rooms)) as u64;
        Ok(Self {
            messages: Messages::new(&options),
            addr,
            watch,
            poll: Poll::new()?,
            started: Instant::now(),
            stage: Stage::Opening,
            tally: Tally::new()?,
            clients: (0..count).map(|client| Client::new(client % rooms, numbers)).collect(),
            wires: (0..count).map(|_| None).collect(),
            groups: (0..rooms).map(|room| Group::new(room, members(room))).collect(),
            to_dial: (0..count).collect(),
            opening: VecDeque::new(),
            dialled: 0,
            is_opening: 0,
            ready: 0,
            scheduled: 0,
            next_client: 0,
            scratch: vec![0; SCRATCH_BYTES],
            input: BytesMut::new(),
            outgoing: Vec::new(),
            replies: Vec::new(),
            due: Vec::new(),
            options,
        })
    }

    /// Runs to the end, or until `stop` is set.
    ///
    /// # Errors
    /// Where the system does not say which connections are ready.
    pub(super) fn run(mut self, stop: &AtomicBool) -> Result<Tally> {
        let mut events = Events::with_capacity(1024);
        let mut progress = Progress::new();
        self.tally.at_start = self.watch.sample();
        self.started = Instant::now();
        if self.options.mode == Mode::Connect {
            self.warm_up();
        }
        while self.stage != Stage::Over && !stop.load(Ordering::Relaxed) {
            self.dial();
            self.send_scheduled();
            match self.poll.poll(&mut events, Some(self.sleep())) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                polled => polled?,
            }
            for event in &events {
                let (client, half) = owner(event.token());
                self.serve(client, half, event.is_writable());
            }
            self.advance();
            progress.tell(self.started.elapsed(), self.stage.name(), self.ready, self.tally.received);
        }
        if self.stage.measures() {
            self.close_window();
        }
        progress.end();
        Ok(self.tally)
    }

    /// Nanoseconds since the load began; never 0.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    fn sleep(&self) -> Duration {
        match self.until_scheduled() {
            // The system wakes up on whole milliseconds, which is too coarse for a schedule.
            Some(wait) if wait < Duration::from_millis(1) => Duration::ZERO,
            Some(wait) => Duration::from_millis(wait.as_millis() as u64).min(LONGEST_SLEEP),
            None if self.options.ramp_up.is_some() && !self.to_dial.is_empty() => Duration::from_millis(1),
            None => LONGEST_SLEEP,
        }
    }

    /// Opens as many connections as it is time for.
    fn dial(&mut self) {
        while let Some(&client) = self.to_dial.front() {
            let is_time = match self.options.ramp_up {
                None => self.is_opening < MOST_OPENING.max(self.concurrent_opening()),
                Some(rate) => (self.dialled as f64) < self.started.elapsed().as_secs_f64() * f64::from(rate),
            };
            if !is_time || matches!(self.stage, Stage::Draining { .. }) {
                return;
            }
            self.to_dial.pop_front();
            self.dialled += 1;
            self.is_opening += 1;
            let now = self.now();
            if let Some(client) = self.clients.get_mut(client) {
                (client.phase, client.dialled_at) = (Phase::Opening, now);
            }
            self.opening.push_back((now, client));
            let polling = client * 100 / self.clients.len() < usize::from(self.options.polling);
            match Wire::dial(polling, &self.options.target, self.addr, self.poll.registry(), client) {
                Ok(wire) => self.keep(client, Box::new(wire)),
                Err(error) => self.fail(client, &error.into()),
            }
        }
    }

    /// In the mode `connect` all connections are opened at once; their number says how many that is.
    fn concurrent_opening(&self) -> usize {
        if self.options.mode == Mode::Connect { self.options.connections } else { 0 }
    }

    fn keep(&mut self, client: usize, wire: Box<Wire>) {
        if let Some(slot) = self.wires.get_mut(client) {
            *slot = Some(wire);
        }
    }

    /// A connection can be read or written.
    fn serve(&mut self, client: usize, half: Half, is_writable: bool) {
        let Some(mut wire) = self.wires.get_mut(client).and_then(Option::take) else { return };
        match self.exchange(client, &mut wire, half, is_writable) {
            Ok(true) => self.keep(client, wire),
            Ok(false) => {
                drop(wire);
                self.to_dial.push_back(client);
            }
            Err(fault) => self.fail(client, &fault),
        }
        while let Some(group) = self.due.pop() {
            self.cast(group);
        }
    }

    /// Reads all there is, and answers what calls for an answer; whether the connection is to be kept.
    fn exchange(&mut self, client: usize, wire: &mut Wire, half: Half, is_writable: bool) -> Result<bool, Fault> {
        if is_writable {
            wire.write_rest(half)?;
        }
        loop {
            self.input.clear();
            let more = wire.read(half, &mut self.scratch, &mut self.input)?;
            let now = self.now();
            while let Some(packet) = wire.next(&mut self.input)? {
                self.packet(client, packet.as_bytes(), now)?;
            }
            let mut replies = std::mem::take(&mut self.replies);
            let is_over = replies.contains(&Reply::Close);
            for reply in replies.drain(..) {
                if let Some(message) = self.messages.of(reply) {
                    wire.push(message, &mut self.outgoing);
                }
            }
            self.replies = replies;
            wire.flush(&mut self.outgoing)?;
            if is_over {
                return Ok(false);
            }
            if !more {
                return Ok(true);
            }
        }
    }

    /// Sends messages of a client that is not being read just now.
    pub(super) fn send(&mut self, client: usize, replies: impl IntoIterator<Item = Reply>) {
        let Some(mut wire) = self.wires.get_mut(client).and_then(Option::take) else { return };
        for reply in replies {
            if let Some(message) = self.messages.of(reply) {
                wire.push(message, &mut self.outgoing);
            }
        }
        match wire.flush(&mut self.outgoing) {
            Ok(()) => self.keep(client, wire),
            Err(fault) => self.fail(client, &fault),
        }
    }

    /// A connection came to nothing, or to its end.
    fn fail(&mut self, client: usize, fault: &Fault) {
        self.outgoing.clear();
        self.replies.clear();
        let Some(state) = self.clients.get_mut(client) else { return };
        let was = std::mem::replace(&mut state.phase, Phase::Over);
        let (room, casts) = (state.room, state.casts);
        state.unanswered.clear();
        match was {
            Phase::Over => return,
            Phase::Ready => {
                self.ready -= 1;
                self.tally.lost += 1;
            }
            Phase::Opening | Phase::Joining => {
                self.is_opening -= 1;
                self.tally.failed += 1;
            }
        }
        self.tally.fault(fault);
        if let Some(group) = self.groups.get_mut(room) {
            group.left(casts);
            self.due.push(room);
        }
    }

    /// Goes on to the next stage where it is time.
    fn advance(&mut self) {
        self.give_up_late_ones();
        let now = self.started.elapsed();
        match self.stage {
            Stage::Opening if self.to_dial.is_empty() && self.is_opening == 0 => {
                self.tally.opened = [Duration::ZERO, now];
                self.tally.at_opened = self.watch.sample();
                if self.ready == 0 {
                    self.stage = Stage::Over;
                } else if self.options.mode == Mode::Idle {
                    self.open_window();
                } else {
                    self.warm_up();
                }
            }
            Stage::Warming { until } if now >= until => self.open_window(),
            Stage::Measuring { until } => {
                let is_enough = self.options.count.is_some_and(|count| self.tally.measured >= count);
                if now >= until || is_enough || self.is_deserted() {
                    self.close_window();
                    let until = self.started.elapsed() + DRAINING_TIME;
                    self.stage = if self.options.mode.sends() { Stage::Draining { until } } else { Stage::Over };
                }
            }
            Stage::Draining { until } if now >= until || self.unanswered() == 0 => self.stage = Stage::Over,
            _ => {}
        }
    }

    /// Whether all connections are gone for good.
    fn is_deserted(&self) -> bool {
        self.ready == 0 && self.is_opening == 0 && self.to_dial.is_empty()
    }

    fn warm_up(&mut self) {
        self.stage = Stage::Warming { until: self.started.elapsed() + self.options.warm_up };
        self.start_traffic();
    }

    fn open_window(&mut self) {
        self.tally.measured = 0;
        self.tally.at_window[0] = self.watch.sample();
        let now = self.started.elapsed();
        self.tally.window = [now; 2];
        self.stage = Stage::Measuring { until: now + self.options.duration };
    }

    fn close_window(&mut self) {
        self.tally.window[1] = self.started.elapsed();
        self.tally.at_window[1] = self.watch.sample();
    }

    fn give_up_late_ones(&mut self) {
        let now = self.now();
        while let Some(&(dialled_at, client)) = self.opening.front() {
            let state = self.clients.get(client).filter(|state| state.dialled_at == dialled_at);
            let is_opening = state.is_some_and(|state| matches!(state.phase, Phase::Opening | Phase::Joining));
            if is_opening && Duration::from_nanos(now.saturating_sub(dialled_at)) < OPENING_TIMEOUT {
                return;
            }
            self.opening.pop_front();
            if is_opening {
                if let Some(wire) = self.wires.get_mut(client) {
                    *wire = None;
                }
                self.fail(client, &Fault::TooLate);
            }
        }
    }
}
