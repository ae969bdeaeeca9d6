//! The clients' side: what they emit, how they connect and leave.

use std::{sync::Arc, time::Duration};

use socketio::{
    AckError, Data, EmitError, TransportKind,
    client::{Client, ClientSocketOptions, Config, OfflinePolicy, Socket},
};
use tokio::time::sleep;

use crate::{
    NAMESPACES,
    dice::Dice,
    ledger::{Emitted, Kind, Seat, Told},
    link::Weather,
    world::World,
};

/// What an offline buffer may hold.
const MAX_OFFLINE_BYTES: usize = 4000;
const MAX_QUEUE_BYTES: usize = 1 << 20;

/// A client with a socket in each namespace.
pub(crate) struct Player {
    pub(crate) number: usize,
    pub(crate) client: Client,
    pub(crate) sockets: Vec<(Seat, Socket)>,
    pub(crate) retries: bool,
}

impl Player {
    pub(crate) fn new(world: &Arc<World>, weather: &Weather, number: usize, dice: &Dice) -> Self {
        let mut config = Config::default();
        config.engine.connector = Some(weather.connector());
        config.engine.transports = match dice.below(3) {
            0 => vec![TransportKind::Polling],
            1 => vec![TransportKind::WebSocket],
            _ => vec![TransportKind::Polling, TransportKind::WebSocket],
        };
        config.engine.limits.open_timeout = Duration::from_secs(6);
        config.engine.limits.max_queue_bytes = MAX_QUEUE_BYTES;
        config.reconnect.randomization_factor = 0.0;
        config.reconnect.delay = dice.millis(50, 2000);
        config.limits.max_pending_handlers = dice.size(1, 20);
        config.limits.max_stream_events = dice.size(1, 20);
        let client = Client::with_config("http://server", config).expect("it is a URL");
        let retries = dice.percent(30);
        let mut options = ClientSocketOptions::default();
        options.offline = OfflinePolicy::Bounded { max_bytes: MAX_OFFLINE_BYTES };
        if retries {
            options.retries = Some(2);
            options.ack_timeout = Some(dice.millis(500, 5000));
        }
        let sockets = NAMESPACES
            .map(|name| ((number, name), listening(world, client.of_with(name, options.clone()), number, name)));
        Self { number, client, sockets: sockets.into(), retries }
    }

    /// Does one thing or another, for as long as it storms.
    pub(crate) async fn act(self: Arc<Self>, world: Arc<World>, dice: Dice) {
        while world.is_stormy() {
            sleep(if dice.percent(4) { dice.millis(1000, 15_000) } else { dice.millis(1, 300) }).await;
            let (seat, socket) = &self.sockets[dice.size(0, self.sockets.len())];
            match dice.below(100) {
                0..40 => self.emit(&world, *seat, socket, Kind::Plain),
                40..50 => self.emit(&world, *seat, socket, Kind::Volatile),
                50..75 => self.emit_with_ack(&world, *seat, socket, &dice),
                75..80 => socket.disconnect(),
                80..98 => connect(&world, socket, &dice),
                98 => drop(self.client.close()),
                _ => self.open(&world),
            }
            self.check_bounds();
        }
    }

    fn note(&self, world: &World, seat: Seat, socket: &Socket, kind: Kind) -> usize {
        let mut ledger = world.ledger();
        let after = ledger.told.entry(seat).or_default().len();
        let kind = if self.retries && kind != Kind::Volatile { Kind::Retried } else { kind };
        let events = ledger.emitted.entry(seat).or_default();
        events.push(Emitted { kind, offline: !socket.is_connected(), after });
        events.len() - 1
    }

    fn emit(&self, world: &World, seat: Seat, socket: &Socket, kind: Kind) {
        // Where events are tried again, those that are not would come out of turn.
        if self.retries && kind == Kind::Volatile {
            return;
        }
        let number = self.note(world, seat, socket, kind);
        let event = (self.number, number);
        let emitted =
            if kind == Kind::Volatile { socket.volatile().emit("up", &event) } else { socket.emit("up", &event) };
        if let Err(error) = emitted {
            assert_eq!(error, EmitError::Full);
            // Nothing was emitted.
            world.ledger().emitted.entry(seat).or_default().pop();
        }
    }

    fn emit_with_ack(&self, world: &Arc<World>, seat: Seat, socket: &Socket, dice: &Dice) {
        let limit = dice.percent(50).then(|| dice.millis(100, 8000));
        let number = self.note(world, seat, socket, if limit.is_some() { Kind::Limited } else { Kind::Plain });
        let event = (self.number, number);
        let asked = match limit {
            Some(limit) => socket.timeout(limit).emit_with_ack::<usize>("up", &event),
            None => socket.emit_with_ack("up", &event),
        };
        world.ledger().begun += 1;
        let world = world.clone();
        tokio::spawn(async move {
            match asked.await {
                Ok(answer) => {
                    assert_eq!(answer, number);
                    let mut ledger = world.ledger();
                    assert!(ledger.arrivals().contains_key(&(seat, number)), "{number} was answered and has not come");
                    ledger.answered += 1;
                }
                Err(AckError::Emit(EmitError::Full)) => {
                    world.ledger().emitted.entry(seat).or_default()[number].kind = Kind::Volatile
                }
                Err(AckError::Timeout | AckError::Disconnected) => {}
                Err(error) => panic!("{error}"),
            }
            world.ledger().ended += 1;
        });
    }

    fn open(&self, world: &Arc<World>) {
        let (world, client) = (world.clone(), self.client.clone());
        world.ledger().begun += 1;
        tokio::spawn(async move {
            let _ = client.open().await;
            world.ledger().ended += 1;
        });
    }

    fn check_bounds(&self) {
        for (_, socket) in &self.sockets {
            let kept = socket.buffered().iter().chain(&socket.queued()).map(|body| body.byte_len() + 64).sum::<usize>();
            assert!(kept <= MAX_OFFLINE_BYTES, "{kept} bytes are kept");
        }
        if let Some(session) = self.client.engine() {
            assert!(session.queued_bytes() <= MAX_QUEUE_BYTES + 2 * MAX_OFFLINE_BYTES);
        }
    }

    /// Once nothing goes wrong any more, everybody gets in.
    pub(crate) async fn settle(&self) {
        for (_, socket) in &self.sockets {
            socket.connect().await.expect("nothing is in the way");
        }
    }
}

/// Begins to connect; somebody waits for the verdict, or only for a while.
fn connect(world: &Arc<World>, socket: &Socket, dice: &Dice) {
    let (world, connecting, patience) = (world.clone(), socket.connect(), dice.millis(1, 60_000));
    let is_patient = dice.percent(60);
    world.ledger().begun += 1;
    tokio::spawn(async move {
        if is_patient {
            let _ = connecting.await;
        } else {
            let _ = tokio::time::timeout(patience, connecting).await;
        }
        world.ledger().ended += 1;
    });
}

fn listening(world: &Arc<World>, socket: Socket, number: usize, name: &'static str) -> Socket {
    let seat = (number, name);
    let tell = |told| {
        let world = world.clone();
        move || {
            world.ledger().told.entry(seat).or_default().push(told);
            std::future::ready(())
        }
    };
    let answers = world.clone();
    let comes = world.clone();
    socket
        .on_connect(tell(Told::Connected))
        .on_disconnect(tell(Told::Disconnected))
        .on("down", move |Data((sid, number)): Data<(String, usize)>| {
            comes.ledger().received.entry(sid).or_default().push(number);
            // Handlers that wait keep the client from reading.
            let delay = if comes.dice.percent(5) { comes.dice.millis(1, 2000) } else { Duration::ZERO };
            async move {
                if !delay.is_zero() {
                    sleep(delay).await;
                }
            }
        })
        .on("question", move |Data(number): Data<u64>| {
            let delay = if answers.dice.percent(20) { answers.dice.millis(1, 9000) } else { Duration::ZERO };
            async move {
                if !delay.is_zero() {
                    sleep(delay).await;
                }
                Ok(number)
            }
        });
    // Somebody reads it all as a stream as well, and not always at once.
    let (mut events, dice) = (socket.events(), world.dice.fork());
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if dice.percent(10) {
                sleep(dice.millis(1, 500)).await;
            }
            drop(event);
        }
    });
    socket
}
