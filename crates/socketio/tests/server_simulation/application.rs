//! The application on the server: what its handlers do when a client asks for it, and what it does by itself.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use socketio::{
    AckError, Auth, Broadcast, Data, DisconnectReason, EmitError, HandlerError, Namespace, RoomEvent, Server, Socket,
    WhenFull,
};
use testkit::Random;
use tokio::time::sleep;

use crate::{
    PLACES, ROOMS,
    comebacks::Behind,
    ledger::{Busy, Event, Ledger, Shared},
    plan::Plan,
};

/// What a client says when it joins: who it is, and how it is to be received.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Greeting {
    pub(crate) life: usize,
    pub(crate) wait: u64,
    pub(crate) refuse: bool,
    /// What it comes back with, as the protocol has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<String>,
    /// For the ledger: what the offset stands for; `None` where it is no offset of that namespace.
    pub(crate) behind: Option<Behind>,
    /// For the ledger: the server is sure to know it.
    pub(crate) is_sure: bool,
}

/// What a socket is given when its session begins, and has when it comes back.
#[derive(Serialize)]
struct Keepsake {
    of: String,
    #[serde(skip)]
    _alive: Arc<()>,
}

/// What a client wants of the handler of its event.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) enum Deed {
    Nothing,
    Join,
    Leave,
    SayToRoom,
    SayToOthers,
    SayToAll,
    SayBack,
    AskBack,
    Fail,
    Disconnect,
    Close,
}

pub(crate) fn start(plan: &Plan, ledger: &Shared) -> Server {
    ledger.lock().returning.clone_from(&plan.returning);
    let io = Server::with_config(plan.config());
    listen(io.of(PLACES[0]), 0, plan, ledger);
    listen(io.of(PLACES[1]), 1, plan, ledger);
    listen(io.of_matching(|name| name == PLACES[2]), 2, plan, ledger);
    let (slow, when_full) = (ledger.clone(), plan.when_full);
    io.on_slow_client(move |socket| {
        let Some(life) = life_of(socket) else { return };
        let mut ledger = slow.lock();
        if when_full == WhenFull::Disconnect {
            ledger.ended.insert(life);
        }
        // It is not told which one it was.
        ledger.may_miss(life, None);
    });
    io
}

fn listen(namespace: Namespace, place: usize, plan: &Plan, ledger: &Shared) {
    let namespace = listen_to_sockets(namespace, place, ledger);
    let ups = ledger.clone();
    let namespace = namespace.on(
        "up",
        move |socket: Socket, Data((life, number, deed, wait, room)): Data<(usize, u64, Deed, u64, String)>| {
            let busy = Busy::new(&ups, life);
            ups.lock().receive(Event { life, place, number });
            act(&ups, &socket, place, deed, &room);
            let ledger = ups.clone();
            async move {
                if wait > 0 {
                    sleep(Duration::from_millis(wait)).await;
                }
                if matches!(deed, Deed::AskBack) {
                    ask(&ledger, &socket).await;
                }
                drop(busy);
                if matches!(deed, Deed::Fail) { Err(HandlerError::new("as you like")) } else { Ok(number) }
            }
        },
    );
    let binaries = ledger.clone();
    let namespace = namespace.on("bin", move |Data((life, number, bytes)): Data<(usize, u64, Bytes)>| {
        let mut ledger = binaries.lock();
        ledger.receive(Event { life, place, number });
        if bytes != attachment(number) {
            ledger.fault(format!("{bytes:?} came with {number}"));
        }
        async move { Ok::<_, HandlerError>(bytes) }
    });
    if plan.watches_leaving {
        let leaving = ledger.clone();
        namespace.clone().on_disconnecting(move |socket: Socket| {
            let mut rooms: Vec<_> = socket.rooms().iter().map(|room| room.to_string()).collect();
            rooms.sort();
            let mut ledger = leaving.lock();
            let known: Vec<_> = life_of(&socket)
                .and_then(|life| ledger.rooms_of(&socket, life))
                .map(|rooms| rooms.iter().cloned().collect())
                .unwrap_or_default();
            if rooms != known {
                ledger.fault(format!("{} leaves {rooms:?} and was in {known:?}", socket.id()));
            }
            drop(ledger);
            say(&leaving, place, Some(ROOMS[0]), Some(&socket), &namespace_of(&socket));
            std::future::ready(())
        });
    }
    if plan.watches_outgoing {
        namespace.on_any_outgoing(|_, _| {});
    }
}

fn listen_to_sockets(namespace: Namespace, place: usize, ledger: &Shared) -> Namespace {
    let (comes, joins, leaves, rooms) = (ledger.clone(), ledger.clone(), ledger.clone(), ledger.clone());
    namespace
        .on_connect(move |socket: Socket, Auth(greeting): Auth<Greeting>| {
            let busy = Busy::new(&comes, greeting.life);
            comes.lock().claimed(&socket, place, &greeting);
            async move {
                if greeting.wait > 0 {
                    sleep(Duration::from_millis(greeting.wait)).await;
                }
                drop(busy);
                if greeting.refuse { Err(HandlerError::new("not you")) } else { Ok(()) }
            }
        })
        .on_connected(move |socket: Socket, Auth(greeting): Auth<Greeting>| {
            let mut ledger = joins.lock();
            ledger.joined(&socket, place, &greeting);
            if ledger.returning.is_some() {
                remember(&mut ledger, &socket);
            }
            std::future::ready(())
        })
        .on_disconnect(move |socket: Socket, reason: DisconnectReason| {
            leaves.lock().left(&socket, life_of(&socket).unwrap_or(usize::MAX), reason);
            std::future::ready(())
        })
        .on_room_event(move |event| match event {
            RoomEvent::Created { .. } => rooms.lock().rooms_alive += 1,
            RoomEvent::Deleted { .. } => rooms.lock().rooms_alive -= 1,
            _ => {}
        })
}

/// A session's data are the same from one connection to the next.
fn remember(ledger: &mut Ledger, socket: &Socket) {
    let of = socket.id().to_string();
    let kept = socket.data::<Keepsake>().map(|keepsake| keepsake.of.clone());
    let expected = socket.is_recovered().then(|| of.clone());
    if kept != expected {
        ledger.fault(format!("{of} has the data of {kept:?}"));
    }
    if kept.is_none() {
        socket.set_data(Keepsake { of, _alive: ledger.keepsakes.clone() });
    }
}

/// What goes with a binary event of that number.
pub(crate) fn attachment(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes()[5..])
}

/// The connection of a socket, which may only just have joined.
fn life_of(socket: &Socket) -> Option<usize> {
    let greeting = socket.handshake().auth.as_ref()?.data::<Greeting>();
    Some(greeting.ok()?.life)
}

fn namespace_of(socket: &Socket) -> Namespace {
    socket.namespace().clone()
}

/// What a handler does before it first waits.
fn act(ledger: &Shared, socket: &Socket, place: usize, deed: Deed, room: &str) {
    let namespace = namespace_of(socket);
    match deed {
        Deed::Nothing | Deed::Fail | Deed::AskBack => {}
        Deed::Join => join(ledger, socket, room),
        Deed::Leave => {
            change_rooms(ledger, socket, |rooms| rooms.remove(room));
            socket.leave(room);
        }
        Deed::SayToRoom => say(ledger, place, Some(room), None, &namespace),
        Deed::SayToOthers => say(ledger, place, Some(room), Some(socket), &namespace),
        Deed::SayToAll => say(ledger, place, None, None, &namespace),
        Deed::SayBack => tell(ledger, socket, room.len() * 40),
        Deed::Disconnect => socket.disconnect(),
        Deed::Close => {
            end(ledger, socket);
            socket.disconnect_connection();
        }
    }
}

fn join(ledger: &Shared, socket: &Socket, room: &str) {
    change_rooms(ledger, socket, |rooms| rooms.insert(room.to_owned()));
    socket.join(room);
}

/// What is about to change in a socket's rooms, while it is there.
fn change_rooms(ledger: &Shared, socket: &Socket, change: impl FnOnce(&mut BTreeSet<String>) -> bool) {
    if socket.is_connected() {
        life_of(socket).and_then(|life| ledger.lock().rooms_of(socket, life).map(change));
    }
}

/// The application is about to end the connection of a socket.
fn end(ledger: &Shared, socket: &Socket) {
    ledger.lock().ended.extend(life_of(socket));
}

/// Sends to one, with so much beside the number.
fn tell(ledger: &Shared, socket: &Socket, more_bytes: usize) {
    let number = ledger.lock().new_number();
    let sent = if number.is_multiple_of(5) {
        socket.emit("bin", &(number, attachment(number)))
    } else {
        socket.emit("down", &(number, "x".repeat(more_bytes)))
    };
    if sent.is_ok() {
        ledger.lock().send(socket.id().as_str(), number, false, true);
    }
}

/// What stands in a volatile event.
pub(crate) const VOLATILE: &str = "if you can";

fn tell_if_it_can_be(ledger: &Shared, socket: &Socket) {
    let number = ledger.lock().new_number();
    if socket.volatile().emit("down", &(number, VOLATILE)).is_ok() {
        ledger.lock().send(socket.id().as_str(), number, true, false);
    }
}

/// Sends to one by the name of its room, who may be gone, and come back for it.
fn tell_by_name(ledger: &Shared, namespace: &Namespace, id: &str) {
    let number = ledger.lock().new_number();
    ledger.lock().send(id, number, false, true);
    if let Err(error) = namespace.to(id).emit("down", &(number, "for you")) {
        ledger.lock().fault(format!("{number} was not said: {error}"));
    }
}

/// Sends to a room, or to all.
fn say(ledger: &Shared, place: usize, room: Option<&str>, except: Option<&Socket>, namespace: &Namespace) {
    let number = ledger.lock().new_number();
    ledger.lock().send_to_room(place, room, except.map(|socket| socket.id().as_str()), number);
    let select = |all: Broadcast| match room {
        Some(room) => all.to(room),
        None => all,
    };
    let sent = match except {
        Some(socket) => select(socket.broadcast()).emit("down", &(number, "said")),
        None => select(namespace.broadcast()).emit("down", &(number, "said")),
    };
    if let Err(error) = sent {
        ledger.lock().fault(format!("{number} was not said: {error}"));
    }
}

/// Says something to everybody who is anywhere.
pub(crate) fn say_to_all(ledger: &Shared, io: &Server) {
    for namespace in io.namespaces() {
        if let Some(place) = PLACES.iter().position(|name| *name == namespace.name()) {
            say(ledger, place, None, None, &namespace);
        }
    }
}

/// Asks the client, and waits for its answer.
async fn ask(ledger: &Shared, socket: &Socket) {
    let number = ledger.lock().new_number();
    ledger.lock().ask(socket, life_of(socket).unwrap_or(usize::MAX), number);
    let answer = socket.emit_with_ack::<u64>("ask", &(number, "")).await;
    let mut ledger = ledger.lock();
    ledger.decide(number);
    match answer {
        Ok(answer) if answer == number => ledger.answers += 1,
        Ok(answer) => ledger.fault(format!("{number} was answered with {answer}")),
        Err(AckError::Timeout | AckError::Disconnected) => {}
        Err(AckError::Emit(EmitError::Full | EmitError::Disconnected)) => {
            life_of(socket).into_iter().for_each(|life| ledger.may_miss(life, Some(number)));
        }
        Err(error) => ledger.fault(format!("{number} was not answered: {error}")),
    }
}

/// Does something by itself, with one of those who are there.
pub(crate) fn serve(ledger: &Shared, dice: &mut Random) {
    let here: Vec<_> = {
        let ledger = ledger.lock();
        ledger.seats.iter().filter_map(|seat| seat.socket.clone().map(|socket| (socket, seat.place))).collect()
    };
    let Some((socket, place)) = (!here.is_empty()).then(|| here[dice.below(here.len() as u64) as usize].clone()) else {
        return;
    };
    let (namespace, room) = (namespace_of(&socket), ROOMS[dice.below(2) as usize]);
    match dice.below(100) {
        0..40 => {
            for _ in 0..dice.between(1, 6) {
                tell(ledger, &socket, dice.below(150) as usize);
            }
        }
        40..50 => tell_if_it_can_be(ledger, &socket),
        50..65 => {
            let ledger = ledger.clone();
            tokio::spawn(async move { ask(&ledger, &socket).await });
        }
        65..75 => say(ledger, place, Some(room), None, &namespace),
        75..85 => say(ledger, place, None, dice.percent(50).then_some(&socket), &namespace),
        85..89 => {
            // The last that those who are not in it yet do not get.
            say(ledger, place, Some(room), None, &namespace);
            for (socket, _) in here.iter().filter(|(_, other)| *other == place) {
                change_rooms(ledger, socket, |rooms| rooms.insert(room.to_owned()));
            }
            namespace.broadcast().sockets_join([room]);
        }
        89..93 => {
            // The last that those who are in it get, perhaps when they are not any more.
            say(ledger, place, Some(room), None, &namespace);
            for (socket, _) in here.iter().filter(|(_, other)| *other == place) {
                change_rooms(ledger, socket, |rooms| rooms.remove(room));
            }
            ledger.lock().leave_on_the_way(place, room);
            namespace.to(room).sockets_leave([room]);
        }
        93..95 => {
            let one = ledger.lock().sessions.any(place, dice.below(1 << 32));
            one.into_iter().for_each(|id| tell_by_name(ledger, &namespace, &id));
        }
        95..97 => socket.disconnect(),
        97..99 => {
            end(ledger, &socket);
            socket.disconnect_connection();
        }
        _ => {
            end(ledger, &socket);
            socket.abort_connection();
        }
    }
}
