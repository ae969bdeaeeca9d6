//! The Socket.IO face: what each namespace does.
//!
//! `/` and `/custom` are those of the official protocol test suite; the others exist for the interop scenarios.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use serde_json::value::RawValue;
use socketio::{
    AckSender, Args, Auth, Broadcast, Data, DisconnectReason, EmitError, HandlerError, Namespace, RawEvent, Server,
    Socket,
};

use super::book::Book;
use super::value::Value;

/// Remembers how each socket left, for those who ask with `reason-of`: the reason, and the rooms it was in while leaving.
type Farewells = Book<(DisconnectReason, Vec<Arc<str>>)>;

pub(super) fn install(io: &Server) {
    let farewells = Farewells::new();
    install_main(io, &farewells);
    install_echo(&io.of("/echo"));
    install_guarded(io.of("/guarded"));
    install_closed(io.of("/closed"));
    install_slow(io.of("/slow"));
    install_rooms(io.of("/rooms"));
    install_asking(io.of("/asking"));
    install_leaving(io.of("/leaving"));
    for name in ["/", "/custom", "/echo", "/guarded", "/slow", "/rooms", "/asking", "/leaving", "/sockets"] {
        let farewells = farewells.clone();
        io.of(name).on_disconnect(move |socket: Socket, reason: DisconnectReason| {
            let mut rooms = socket.rooms();
            rooms.sort();
            farewells.record(socket.id().as_str(), (reason, rooms));
            async {}
        });
    }
}

/// Sends the auth payload back, as it was written.
async fn greet(socket: Socket, Auth(auth): Auth<Box<RawValue>>) -> Result<(), HandlerError> {
    Ok(socket.emit("auth", &auth)?)
}

fn install_main(io: &Server, farewells: &Farewells) {
    let farewells = farewells.clone();
    io.of("/")
        .on_connect(greet)
        .on("message", async |socket: Socket, RawEvent(event): RawEvent| {
            send(socket.emit("message-back", &Args(Value::arguments(&event))))
        })
        .on("message-with-ack", async |RawEvent(event): RawEvent, ack: AckSender| send(ack.send_raw(&event)))
        .on("reason-of", move |Data(id): Data<String>, ack: AckSender| {
            farewells.ask(&id, move |(reason, rooms)| send(ack.send(&(reason.as_str(), rooms))));
            async {}
        })
        .on("count-to", async |socket: Socket, Data(n): Data<u32>| {
            for number in 0..n {
                send(socket.emit("tick", &number));
            }
        });
    io.of("/custom").on_connect(greet);
}

/// Every event goes back with its arguments; where an acknowledgement is asked for, it acknowledges with them instead.
fn install_echo(echo: &Namespace) {
    echo.clone().on_fallback(async |socket: Socket, RawEvent(event): RawEvent, ack: Option<AckSender>| match ack {
        Some(ack) => send(ack.send_raw(&event)),
        None => send(socket.emit_raw(&event)),
    });
}

/// Only those who know the token come in; the others learn what they gave.
fn install_guarded(guarded: Namespace) {
    guarded.on_connect(async |socket: Socket, Auth(auth): Auth<serde_json::Value>| {
        if auth["token"] != "secret" {
            let data = json!({"code": "E_TOKEN", "given": auth["token"]});
            return Err(HandlerError::new("not authorized").with_data(&data));
        }
        Ok(socket.emit("welcome", &())?)
    });
}

/// Nobody comes in, and is told no more than that.
fn install_closed(closed: Namespace) {
    closed.on_connect(async || Err::<(), _>(HandlerError::new("closed")));
}

/// Admission takes 300 ms, so that a client can do something meanwhile.
fn install_slow(slow: Namespace) {
    slow.on_connect(async || tokio::time::sleep(Duration::from_millis(300)).await);
}

/// `say` reaches others, `shout` includes the speaker; both take a list of rooms (empty: everybody) and a list of rooms to leave
/// out.
fn install_rooms(rooms: Namespace) {
    type Selection = (Vec<String>, Vec<String>);
    rooms
        .on("join", async |socket: Socket, Data(room): Data<String>| socket.join(room))
        .on("leave", async |socket: Socket, Data(room): Data<String>| socket.leave(room))
        .on("say", async |socket: Socket, Data((to, except)): Data<Selection>, event: RawEvent| {
            say(socket.broadcast(), &to, &except, &event);
        })
        .on("shout", async |rooms: Namespace, Data((to, except)): Data<Selection>, event: RawEvent| {
            say(rooms.broadcast(), &to, &except, &event);
        })
        .on("members", async |rooms: Namespace, Data(room): Data<String>| {
            let mut ids: Vec<_> = rooms.to(room).sockets().iter().map(|socket| socket.id().clone()).collect();
            ids.sort();
            Ok(ids)
        })
        .on_disconnect(async |socket: Socket| {
            for room in socket.rooms() {
                send(socket.to(&room).emit("left", &(&room, socket.id())));
            }
        });
}

/// Sends the third argument of `event` to the rooms.
fn say(everybody: Broadcast, to: &[String], except: &[String], RawEvent(event): &RawEvent) {
    let selected = to.iter().fold(everybody, Broadcast::to);
    let selected = except.iter().fold(selected, Broadcast::except);
    send(selected.emit("said", &(Value::arguments(event).get(2),)));
}

/// `ask-me` has the server ask this client the same arguments back as `question`, waiting at most so many milliseconds.
fn install_asking(asking: Namespace) {
    asking.on("ask-me", async |socket: Socket, RawEvent(event): RawEvent, ack: AckSender| {
        let mut args = Value::arguments(&event);
        let timeout = args.remove(0).json().as_u64().map(Duration::from_millis).expect("milliseconds");
        match socket.emit_with_ack::<()>("question", &Args(args)).timeout(timeout).raw().await {
            Ok(answer) => {
                let answer = std::iter::once(Value::text("answered")).chain(Value::elements(&answer));
                send(ack.send(&Args(answer.collect())));
            }
            Err(_) => send(ack.send("timed out")),
        }
    });
}

/// `disconnect-me` ends this namespace, or with `true` the whole connection; `goodbye` is sent just before.
fn install_leaving(leaving: Namespace) {
    leaving.on("disconnect-me", async |socket: Socket, Data(whole): Data<Option<bool>>| {
        send(socket.emit("goodbye", &()));
        if whole == Some(true) {
            socket.disconnect_connection();
        } else {
            socket.disconnect();
        }
    });
}

/// A client that has gone gets nothing; any other failure is one of the test server.
pub(super) fn send(sent: Result<(), EmitError>) {
    if let Err(error) = sent {
        assert!(error.is_disconnected(), "{error}");
    }
}
