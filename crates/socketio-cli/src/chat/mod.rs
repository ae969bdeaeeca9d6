//! The chat of the page, in the namespace `/`. This file is its wiring: which event does what, and who hears of
//! it. `rooms.rs` knows who is where, `payload.rs` what a client may say.
//!
//! | from the client | acknowledged with |
//! |---|---|
//! | `join` `{"room","name"}` | `{"ok":true,"room","name","members":[{"id","name"}]}`, in order of arrival |
//! | `message` `{"text"}` | `{"ok":true,"time"}` |
//! | `picture` `{"type","data":<binary>,"caption"?}` | `{"ok":true,"time"}` |
//! | `typing` `true` or `false` | |
//! | `rooms` | `{"ok":true,"rooms":[{"name","members"}]}` |
//!
//! A refusal is `{"ok":false,"error"}`, with a text for people. The others in the room hear `joined` and `left`
//! `{"id","name","time"}`, `message`, `picture` and `typing`; everybody hears `rooms` when the list changes.
//! `time` is in milliseconds since 1970, `id` is the socket's.
//!
//! INVARIANT: who is where changes, and what is sent because of it leaves, under one lock; so the members in the
//! acknowledgement of `join` and the `joined` and `left` after it never contradict each other, for anybody.

mod payload;
mod rooms;

use std::{
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use bytes::Bytes;
pub(crate) use payload::LARGEST_PICTURE_BYTES;
use payload::{Join, Message, Picture, Refusal};
use rooms::{Place, Rooms};
use serde::Serialize;
use serde_json::{Value, json};
use socketio::{AckSender, Body, Broadcast, Data, HandlerError, Namespace, RawEvent, Socket, SocketId};

/// What the client sent, or why it could not be read.
type Read<T> = Result<Data<T>, HandlerError>;

/// Gives the namespace the chat's handlers.
pub(crate) fn serve(namespace: Namespace) {
    let chat = Arc::new(Chat::default());
    let [join, message, picture, typing, list, leave] = std::array::from_fn(|_| chat.clone());
    namespace
        .on("join", move |socket: Socket, asked: Read<Join>, ack: Option<AckSender>| {
            join.join(&socket, asked, ack);
            ready(())
        })
        .on("message", move |socket: Socket, said: Read<Message>| ready(answer(message.message(&socket, said))))
        .on("picture", move |socket: Socket, RawEvent(event): RawEvent| ready(answer(picture.picture(&socket, &event))))
        .on("typing", move |socket: Socket, is_typing: Read<bool>| {
            if let Ok(Data(is_typing)) = is_typing {
                typing.typing(&socket, is_typing);
            }
            ready(())
        })
        .on("rooms", move || ready(answer(Ok(json!({ "ok": true, "rooms": list.rooms().list() })))))
        .on_disconnect(move |socket: Socket| {
            leave.leave(&socket);
            ready(())
        });
}

/// Everything the chat knows.
#[derive(Debug, Default)]
struct Chat {
    rooms: Mutex<Rooms<SocketId>>,
}

#[derive(Serialize)]
struct Person<'a> {
    id: &'a SocketId,
    name: &'a str,
    time: u64,
}

#[derive(Serialize)]
struct Said<'a> {
    id: &'a SocketId,
    name: &'a str,
    text: &'a str,
    time: u64,
}

#[derive(Serialize)]
struct Shown<'a> {
    id: &'a SocketId,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    data: &'a Bytes,
    caption: &'a str,
    time: u64,
}

#[derive(Serialize)]
struct Typing<'a> {
    id: &'a SocketId,
    name: &'a str,
    typing: bool,
}

impl Chat {
    fn rooms(&self) -> MutexGuard<'_, Rooms<SocketId>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, socket: &Socket, asked: Read<Join>, ack: Option<AckSender>) {
        let mut rooms = self.rooms();
        let answer = match read(asked).and_then(Join::check) {
            Ok(Join { room, name }) => {
                take_leave(&mut rooms, socket);
                let name = rooms.join(socket.id().clone(), &room, &name);
                socket.join(channel(&room));
                tell(&others(socket, &room), "joined", &Person { id: socket.id(), name: &name, time: now() });
                json!({ "ok": true, "room": room, "name": name, "members": rooms.members(&room) })
            }
            Err(refusal) => refusal.into_value(),
        };
        let has_joined = answer["ok"] == true;
        if ack.is_some_and(|ack| ack.send(&answer).is_err()) {
            // Without its members the page would show a room that is not so.
            socket.abort_connection();
        }
        if has_joined {
            tell_rooms(&rooms, socket.namespace());
        }
    }

    fn message(&self, socket: &Socket, said: Read<Message>) -> Result<Value, Refusal> {
        let rooms = self.rooms();
        let Place { room, name } = place(&rooms, socket)?;
        let Message { text } = read(said)?.check()?;
        let time = now();
        tell(&others(socket, room), "message", &Said { id: socket.id(), name, text: &text, time });
        Ok(json!({ "ok": true, "time": time }))
    }

    fn picture(&self, socket: &Socket, event: &Body) -> Result<Value, Refusal> {
        let rooms = self.rooms();
        let Place { room, name } = place(&rooms, socket)?;
        let Picture { kind, data, caption } = Picture::read(event)?.check()?;
        let caption = caption.as_deref().unwrap_or_default();
        let time = now();
        let shown = Shown { id: socket.id(), name, kind: &kind, data: &data.0, caption, time };
        tell(&others(socket, room), "picture", &shown);
        Ok(json!({ "ok": true, "time": time }))
    }

    fn typing(&self, socket: &Socket, typing: bool) {
        let rooms = self.rooms();
        if let Some(Place { room, name }) = rooms.place(socket.id()) {
            tell(&others(socket, room), "typing", &Typing { id: socket.id(), name, typing });
        }
    }

    fn leave(&self, socket: &Socket) {
        let mut rooms = self.rooms();
        if take_leave(&mut rooms, socket) {
            tell_rooms(&rooms, socket.namespace());
        }
    }
}

/// Takes the socket out of its room and tells those who remain; whether it was in one.
fn take_leave(rooms: &mut Rooms<SocketId>, socket: &Socket) -> bool {
    let Some(Place { room, name }) = rooms.leave(socket.id()) else { return false };
    socket.leave(channel(&room));
    tell(&others(socket, &room), "left", &Person { id: socket.id(), name: &name, time: now() });
    true
}

fn place<'a>(rooms: &'a Rooms<SocketId>, socket: &Socket) -> Result<&'a Place, Refusal> {
    rooms.place(socket.id()).ok_or_else(|| Refusal::new("Join a room first."))
}

fn read<T>(read: Read<T>) -> Result<T, Refusal> {
    read.map(|Data(value)| value).map_err(|error| Refusal::unreadable(&error))
}

fn answer(result: Result<Value, Refusal>) -> Result<Value, HandlerError> {
    Ok(result.unwrap_or_else(Refusal::into_value))
}

/// The server's room for a room of the chat. A socket's id is a room as well, so the two must not meet.
fn channel(room: &str) -> String {
    format!("room:{room}")
}

fn others(socket: &Socket, room: &str) -> Broadcast {
    socket.to(channel(room))
}

fn tell_rooms(rooms: &Rooms<SocketId>, namespace: &Namespace) {
    if let Err(error) = namespace.emit("rooms", &rooms.list()) {
        tracing::error!(%error, "the list of rooms was not sent");
    }
}

fn tell<T: Serialize>(to: &Broadcast, event: &str, what: &T) {
    if let Err(error) = to.emit(event, what) {
        tracing::error!(event, %error, "an event of the chat was not sent");
    }
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let elapsed = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
