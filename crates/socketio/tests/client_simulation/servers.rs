//! The servers' side: what they listen to, what they send, whom they send away, and how they end.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use socketio::{
    Config, ConnectionStateRecovery, Data, HandlerError, RoomEvent, Server, Socket, engineio::Config as EngineConfig,
};
use tokio::time::sleep;

use crate::{NAMESPACES, dice::Dice, world::World};

/// A server with its part of the story.
pub(crate) fn start(world: &Arc<World>, recovers: bool) -> Server {
    let mut engine = EngineConfig::default();
    "/socket.io".clone_into(&mut engine.path);
    (engine.limits.ping_interval, engine.limits.ping_timeout) = (Duration::from_secs(5), Duration::from_secs(4));
    engine.limits.upgrade_timeout = Duration::from_secs(3);
    let mut config = Config::over(engine);
    config.limits.ack_timeout = Duration::from_secs(7);
    config.connection_state_recovery = recovers.then(ConnectionStateRecovery::default);
    let io = Server::with_config(config);
    for name in NAMESPACES {
        listen(world, &io, name);
    }
    io
}

fn listen(world: &Arc<World>, io: &Server, name: &'static str) {
    let (joins, comes, leaves, rooms) = (world.clone(), world.clone(), world.clone(), world.clone());
    io.of(name)
        .on_connect(move || {
            let refuses = joins.is_stormy() && joins.dice.percent(7);
            async move { if refuses { Err(HandlerError::new("not now")) } else { Ok(()) } }
        })
        .on_connected({
            let world = world.clone();
            move |socket: Socket| {
                let world = world.clone();
                async move {
                    socket.join("all");
                    world.places().push(socket);
                }
            }
        })
        .on_disconnect(move |socket: Socket| {
            leaves.places().retain(|other| other.id() != socket.id());
            async {}
        })
        .on_room_event(move |event| match event {
            RoomEvent::Created { .. } => rooms.count_rooms(1),
            RoomEvent::Deleted { .. } => rooms.count_rooms(-1),
            _ => {}
        })
        .on("up", move |socket: Socket, Data((client, number)): Data<(usize, usize)>| {
            let sid = socket.id().to_string();
            comes.ledger().arrived.entry(sid).or_default().push(((client, name), number));
            // Some are answered late, and some too late.
            let delay = if comes.dice.percent(20) { comes.dice.millis(1, 4000) } else { Duration::ZERO };
            async move {
                if !delay.is_zero() {
                    sleep(delay).await;
                }
                Ok(number)
            }
        });
}

/// Sends, asks and disconnects, for as long as it storms.
pub(crate) async fn act(world: Arc<World>, dice: Dice) {
    while world.is_stormy() {
        sleep(dice.millis(1, 150)).await;
        let Some(socket) = world.any_place(&dice) else { continue };
        match dice.below(100) {
            0..70 => send(&world, &socket),
            70..92 => ask(&world, &socket, &dice),
            92..95 => socket.disconnect(),
            95..98 => socket.abort_connection(),
            _ => socket.disconnect_connection(),
        }
    }
}

fn send(world: &World, socket: &Socket) {
    let mut ledger = world.ledger();
    let sent = ledger.sent.entry(socket.id().to_string()).or_default();
    if socket.emit("down", &(socket.id(), *sent)).is_ok() {
        *sent += 1;
    }
}

fn ask(world: &Arc<World>, socket: &Socket, dice: &Dice) {
    let (number, world) = (dice.below(1000), world.clone());
    let asked = socket.emit_with_ack::<u64>("question", &number);
    world.ledger().begun += 1;
    tokio::spawn(async move {
        if let Ok(answer) = asked.await {
            assert_eq!(answer, number);
            world.ledger().answered += 1;
        }
        world.ledger().ended += 1;
    });
}

/// Ends servers and starts others.
pub(crate) async fn replace(world: Arc<World>, dice: Dice, recovers: bool) {
    while world.is_stormy() {
        sleep(dice.millis(8000, 40_000)).await;
        if !world.is_stormy() {
            return;
        }
        let Some(io) = world.network.server() else { continue };
        world.network.set(None);
        io.close().await;
        assert_empty(&io);
        sleep(dice.millis(0, 4000)).await;
        world.network.set(Some(&start(&world, recovers)));
    }
}

/// Nobody is left.
pub(crate) fn assert_empty(io: &Server) {
    assert_eq!(io.engine().session_count(), 0);
    let left: BTreeMap<_, _> =
        io.namespaces().iter().map(|namespace| (namespace.name().to_owned(), namespace.sockets().len())).collect();
    assert!(left.values().all(|sockets| *sockets == 0), "{left:?}");
}
