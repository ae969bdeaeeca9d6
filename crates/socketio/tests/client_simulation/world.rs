//! [`World`]: what all who take part in one run share, and the run itself.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use socketio::Socket;
use tokio::time::sleep;

use crate::{clients::Player, dice::Dice, ledger::Ledger, link::Weather, network::Network, servers};

/// How long things go wrong.
const STORM: Duration = Duration::from_secs(90);

pub(crate) struct World {
    pub(crate) network: Network,
    pub(crate) dice: Dice,
    storms: AtomicBool,
    rooms: AtomicI64,
    ledger: Mutex<Ledger>,
    /// The servers' sockets, in the order in which they came.
    places: Mutex<Vec<Socket>>,
}

impl World {
    fn new(dice: &Dice) -> Arc<Self> {
        Arc::new(Self {
            network: Network::default(),
            dice: dice.fork(),
            storms: AtomicBool::new(true),
            rooms: AtomicI64::new(0),
            ledger: Mutex::default(),
            places: Mutex::default(),
        })
    }

    pub(crate) fn is_stormy(&self) -> bool {
        self.storms.load(Ordering::Relaxed)
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("nobody panicked")
    }

    pub(crate) fn places(&self) -> MutexGuard<'_, Vec<Socket>> {
        self.places.lock().expect("nobody panicked")
    }

    pub(crate) fn any_place(&self, dice: &Dice) -> Option<Socket> {
        let places = self.places();
        if places.is_empty() { None } else { Some(places[dice.size(0, places.len())].clone()) }
    }

    pub(crate) fn count_rooms(&self, more: i64) {
        self.rooms.fetch_add(more, Ordering::Relaxed);
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Story {
    pub(crate) events: usize,
    pub(crate) connections: usize,
    pub(crate) answers: usize,
}

/// One run, from the first server to the last.
pub(crate) async fn run(seed: u64) -> Story {
    let dice = Dice::new(seed);
    let world = World::new(&dice);
    let recovers = dice.percent(30);
    world.network.set(Some(&servers::start(&world, recovers)));
    let weather = Weather::new(&world.network, dice.fork());
    let players: Vec<_> =
        (0..dice.size(1, 4)).map(|number| Arc::new(Player::new(&world, &weather, number, &dice))).collect();
    let mut actors = tokio::task::JoinSet::new();
    actors.spawn(servers::act(world.clone(), dice.fork()));
    actors.spawn(servers::replace(world.clone(), dice.fork(), recovers));
    for player in &players {
        actors.spawn(player.clone().act(world.clone(), dice.fork()));
    }
    sleep(STORM).await;
    world.storms.store(false, Ordering::Relaxed);
    while let Some(ended) = actors.join_next().await {
        ended.expect("nobody panicked");
    }
    weather.calm_down();
    settle(&world, &players).await;
    leave(&world, players).await
}

/// Nothing goes wrong any more, and what is still on its way arrives.
async fn settle(world: &World, players: &[Arc<Player>]) {
    for player in players {
        player.settle().await;
    }
    sleep(Duration::from_secs(100)).await;
    let mut ids = BTreeMap::new();
    for (seat, socket) in players.iter().flat_map(|player| &player.sockets) {
        assert!(socket.buffered().is_empty() && socket.queued().is_empty(), "{seat:?} keeps something");
        ids.insert(*seat, socket.id().expect("it is connected").to_string());
    }
    let ledger = world.ledger();
    ledger.check_order();
    ledger.check_losses(&ids);
}

/// The last handles go, and nothing is left.
async fn leave(world: &World, players: Vec<Arc<Player>>) -> Story {
    drop(players);
    sleep(Duration::from_secs(200)).await;
    let io = world.network.server().expect("there is one");
    servers::assert_empty(&io);
    assert!(world.places().is_empty());
    assert_eq!(world.rooms.load(Ordering::Relaxed), 0, "rooms are left");
    let ledger = world.ledger();
    assert_eq!(ledger.begun, ledger.ended, "somebody waits for ever");
    ledger.check_order();
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks, 0, "tasks are left");
    Story { events: ledger.count(), connections: ledger.told.values().map(Vec::len).sum(), answers: ledger.answered }
}
