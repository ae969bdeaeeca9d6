//! [`World`]: the server, the clients and what is between them; the run from the first connection to the last, and what has
//! to hold after each step and in the end.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use socketio::Server;
use testkit::Random;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::{
    PLACES,
    agenda::{Agenda, Happening, Time},
    application,
    format::Format,
    ledger::Shared,
    life::{Life, Phase, Standing},
    plan::Plan,
    requests::{Answer, Purpose, Request},
    story::Story,
    wires::Wire,
};

/// How long things go wrong, in milliseconds.
const STORM: Time = 12_000;
/// Longer than any ping is waited for, so that who has no reason to go has shown that it is there.
const CALM: Time = 13_000;
/// Longer than everything that the server waits for and keeps, one after the other.
const SILENCE: Time = 60_000;
/// Longer than the server may take for an answer.
const LONGEST_ANSWER: Time = 40_000;

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) now: Time,
    started: Instant,
    pub(crate) agenda: Agenda,
    pub(crate) server: Server,
    pub(crate) ledger: Shared,
    /// All connections that clients have made.
    pub(crate) lives: Vec<Life>,
    pub(crate) lives_left: Vec<u64>,
    pub(crate) dice_of_clients: Vec<Random>,
    dice_of_server: Random,
    pub(crate) requests: BTreeMap<usize, Request>,
    pub(crate) next_request: usize,
    pub(crate) answers: (mpsc::UnboundedSender<Answer>, mpsc::UnboundedReceiver<Answer>),
    pub(crate) wires: Vec<Wire>,
    /// Clients act, and things go wrong.
    pub(crate) is_stormy: bool,
    /// The server was closed.
    pub(crate) has_closed: bool,
    pub(crate) story: Story,
}

/// One run, from the first connection to the last.
pub(crate) async fn run(seed: u64) -> Story {
    let mut world = World::new(seed);
    world.run_until(STORM).await;
    world.calm_down();
    world.run_until(world.now + CALM).await;
    world.check_calm();
    if world.plan.server_ends {
        world.has_closed = true;
        world.server.close().await;
        let left = world.server.engine().session_count();
        assert_eq!(left, 0, "sessions outlive the server");
    }
    for life in 0..world.lives.len() {
        world.go_away(life);
    }
    world.run_until(world.now + SILENCE).await;
    world.check_end()
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Random(seed);
        let plan = Plan::of(&mut dice);
        let ledger = Shared::default();
        let server = application::start(&plan, &ledger);
        let mut world = Self {
            now: 0,
            started: Instant::now(),
            agenda: Agenda::default(),
            server,
            ledger,
            lives: Vec::new(),
            lives_left: vec![plan.lives; plan.clients],
            dice_of_clients: (0..plan.clients).map(|_| dice.fork()).collect(),
            dice_of_server: dice.fork(),
            requests: BTreeMap::new(),
            next_request: 0,
            answers: mpsc::unbounded_channel(),
            wires: Vec::new(),
            is_stormy: true,
            has_closed: false,
            story: Story::default(),
            plan,
        };
        for client in 0..world.plan.clients {
            world.begin_again(client);
        }
        world.agenda.add(300, Happening::Serve);
        world
    }

    pub(crate) fn later(&mut self, after: Time, happening: Happening) {
        self.agenda.add(self.now + after, happening);
    }

    /// One thing happens after the other, each when what the one before has set off has come to rest.
    async fn run_until(&mut self, end: Time) {
        while self.now < end {
            let next = self.agenda.next().map_or(end, |at| at.min(end));
            self.pass(next, true).await;
            if let Some(happening) = self.agenda.take(self.now) {
                self.happen(happening);
            }
            self.pass(self.now + 1, false).await;
            self.check();
        }
    }

    /// Lets time pass, or only until something comes from the server. On a paused clock it passes when nobody has
    /// anything to do.
    async fn pass(&mut self, until: Time, or_news: bool) {
        let mut sleep = pin!(sleep_until(self.started + Duration::from_millis(until)));
        loop {
            let news = poll_fn(|cx| {
                let passed = self.started.elapsed().as_millis();
                self.now = Time::try_from(passed).expect("it is not that late");
                if self.poll_server(cx) { Poll::Ready(true) } else { sleep.as_mut().poll(cx).map(|()| false) }
            });
            if !news.await || or_news {
                return;
            }
        }
    }

    /// Takes what the server has for those outside.
    fn poll_server(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = self.poll_wires(cx);
        while let Poll::Ready(Some(answer)) = self.answers.1.poll_recv(cx) {
            self.answered(answer);
            moved = true;
        }
        moved
    }

    fn happen(&mut self, happening: Happening) {
        self.story.steps += 1;
        match happening {
            Happening::Begin(client) => self.begin(client),
            Happening::Act(life) => self.act(life),
            Happening::Poll(life) => {
                let this = &mut self.lives[life];
                if matches!(this.phase, Phase::Polling | Phase::Probing) {
                    self.ask(life, Purpose::Poll, Vec::new());
                } else {
                    this.gets = false;
                    self.go_on(life);
                }
            }
            Happening::Reply(life, place, ack, number) => self.reply(life, place, ack, number),
            Happening::Serve => {
                if self.is_stormy {
                    application::serve(&self.ledger, &mut self.dice_of_server);
                    let pause = self.dice_of_server.between(20, 500);
                    self.later(pause, Happening::Serve);
                }
            }
            Happening::Request(id, stage) => self.request_moves(id, stage),
            Happening::Wire(id, step) => self.wire_moves(id, step),
        }
    }

    /// What holds after each step.
    fn check(&self) {
        let mut ledger = self.ledger.lock();
        ledger.settle(self.plan.pending_handlers, |life| !self.lives[life].is_rogue);
        assert!(ledger.faults.is_empty(), "{:#?}", ledger.faults);
        ledger.check_rooms(&self.server);
        ledger.check_queues(self.plan.queue_bytes);
        self.check_requests(LONGEST_ANSWER);
    }

    /// Nothing goes wrong any more, and everybody says something yet.
    fn calm_down(&mut self) {
        self.is_stormy = false;
        application::say_to_all(&self.ledger, &self.server);
        for life in 0..self.lives.len() {
            let this = &mut self.lives[life];
            for place in 0..PLACES.len() {
                if this.places[place].state == Standing::In {
                    this.emit(life, place, application::Deed::SayBack, 0, "");
                }
            }
            self.go_on(life);
        }
    }

    /// Whom nothing happened to is still there, has all that was sent to it, and has an answer to all that it asked.
    fn check_calm(&mut self) {
        let ledger = self.ledger.lock();
        for (id, life) in self.lives.iter().enumerate().filter(|(_, life)| life.is_unharmed()) {
            if life.is_over() || ledger.ended.contains(&id) || self.plan.is_narrow() {
                continue;
            }
            if !ledger.is_idle(id, self.plan.pending_handlers) {
                // Its handlers take longer yet, one after the other.
                continue;
            }
            assert!(life.outbox.iter().all(|packet| packet.event.is_none()), "{id} has more to say: {life:?}");
            for (place, name) in life.places.iter().zip(PLACES) {
                let seat = ledger.unread(place.id.as_deref(), id);
                let is_in = seat.as_ref().is_some_and(|(seat, _)| seat.left.is_none());
                assert_eq!(is_in, place.state == Standing::In, "{id} in {name}: {place:?}, {seat:?}");
                let unread = seat.filter(|_| is_in).map(|(_, unread)| unread).unwrap_or_default();
                assert!(unread.is_empty(), "{id} in {name} has not got {unread:?}");
                assert!(place.asked.is_empty(), "{id} in {name} has no answer to {:?}", place.asked);
            }
            self.story.unharmed += 1;
        }
    }

    /// Nobody and nothing is left.
    fn check_end(mut self) -> Story {
        let ledger = self.ledger.lock();
        let (engine, counters) = (self.server.engine().counters(), self.server.counters());
        assert_eq!(self.server.engine().session_count(), 0, "sessions are left");
        assert_eq!(engine.sessions_opened, engine.sessions_closed(), "sessions ended without a reason");
        let staying: Vec<_> = ledger.seats.iter().filter(|seat| seat.left.is_none()).collect();
        assert!(staying.is_empty(), "sockets are left: {staying:?}");
        assert_eq!(counters.sockets_joined, ledger.seats.len() as u64, "sockets have joined unseen");
        assert_eq!(ledger.rooms_alive, 0, "rooms are left");
        assert_eq!(ledger.busy_handlers(), 0, "handlers are left");
        assert_eq!(ledger.open_questions(), 0, "somebody waits for an answer for ever");
        let namespaces = self.server.namespaces();
        assert!(namespaces.iter().all(|namespace| namespace.name() != PLACES[2]), "a namespace is left");
        assert_eq!(self.unanswered(), 0, "requests are not answered");
        assert_eq!(self.open_wires(), 0, "WebSockets are left");
        assert_eq!(counters.recoveries, ledger.recovered, "somebody has come back unseen");
        // A session that is kept has its socket's data, and the task that frees what is too old ends when nothing is kept.
        assert_eq!(Arc::strong_count(&ledger.keepsakes), 1, "sessions are kept");
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        assert_eq!(tasks, 0, "tasks are left");
        self.story.add_counters(&engine, &counters);
        (self.story.events_up, self.story.events_down) = (ledger.up as u64, ledger.down as u64);
        self.story.acknowledgements = ledger.answers as u64;
        (self.story.recovered, self.story.not_recovered) = (ledger.recovered, ledger.not_recovered);
        (self.story.taken_over, self.story.replayed) = (ledger.taken_over, ledger.replayed);
        self.story.messagepack = u64::from(self.plan.format == Format::MessagePack);
        drop(ledger);
        self.story
    }
}
