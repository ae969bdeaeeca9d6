//! What the Rust test server does for the tests of single sockets: `/sockets`, the same as in
//! `tests/js/reference_sockets.mjs`, name for name.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use socketio::{AckError, AckSender, Args, Data, DisconnectReason, Event, Namespace, RawEvent, Server, Socket};

use super::namespaces::send;
use super::value::Value;

/// Events with the counts of their arguments.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(String, usize)>>>);

impl Log {
    fn add(&self, event: &str, args: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((event.to_owned(), args));
    }

    fn entries(&self) -> Vec<(String, usize)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(super) fn install(io: &Server) {
    let sockets = io.of("/sockets").on_connected(async |socket: Socket| {
        watch(&socket);
        talk(&socket);
        transmit(&socket);
    });
    install_leaving(sockets);
}

/// D66, D67: each event with the count of its arguments; acknowledgements are no events.
fn watch(socket: &Socket) {
    let [incoming, outgoing] = [Log::default(), Log::default()];
    let (seen, sent) = (incoming.clone(), outgoing.clone());
    socket.on_any(move |Event(name): Event, RawEvent(event): RawEvent| {
        seen.add(&name, event.arg_count());
        async {}
    });
    socket.on_any_outgoing(move |_socket, event| {
        sent.add(&event.event_name().unwrap_or_default(), event.arg_count());
    });
    socket.on("log", move |ack: AckSender| {
        send(ack.send(&(incoming.entries(), outgoing.entries())));
        async {}
    });
    socket.on("stop-watching", async |socket: Socket| socket.off_any());
}

/// D41, D43, D49, D64: handlers of the one socket.
fn talk(socket: &Socket) {
    socket.once("once", async |socket: Socket| send(socket.emit("once-heard", &())));
    socket.on("own", async || Ok("mine"));
    socket.on("off-own", async |socket: Socket| socket.off("own"));
    socket.on("send-me", async |socket: Socket, RawEvent(event): RawEvent| {
        send(socket.send(&Args(Value::arguments(&event))));
    });
    socket.on("message", async |socket: Socket, RawEvent(event): RawEvent| {
        send(socket.emit("got-message", &Args(Value::arguments(&event))));
    });
    socket.on("handshake", async |socket: Socket| Ok(socket.handshake().details()));
    socket.on("ask-me", async |socket: Socket, Data((millis, question)): Data<(u64, String)>, ack: AckSender| {
        let asked = socket.emit_with_ack::<String>("question", &question).timeout(Duration::from_millis(millis));
        match asked.await {
            Ok(answer) => send(ack.send(&("answered", answer))),
            Err(error @ AckError::Timeout) => send(ack.send(&error.to_string())),
            Err(AckError::Disconnected) => {}
            Err(error) => panic!("{error}"),
        }
    });
}

/// D53, D54.
fn transmit(socket: &Socket) {
    socket.on("burst", async |socket: Socket, Data((n, binary)): Data<(u8, bool)>| {
        for number in 0..n {
            let bytes = |length| Bytes::from(vec![number; length]);
            if binary {
                send(socket.volatile().emit("volatile", &(number, bytes(1000), bytes(1))));
            } else {
                send(socket.volatile().emit("volatile", &number));
            }
        }
        send(socket.emit("burst-over", &()));
    });
    socket.on("spare", async |socket: Socket, Data((compress, length)): Data<(bool, usize)>| {
        send(socket.compress(compress).emit("spared", &"x".repeat(length)));
    });
}

/// D70, D71, D97: who is in the room `watchers` hears what becomes of the others.
fn install_leaving(sockets: Namespace) {
    sockets
        .on("join", async |socket: Socket, Data(room): Data<String>| socket.join(room))
        .on("abort-me", async |socket: Socket| socket.abort_connection())
        .on_disconnecting(async |socket: Socket, sockets: Namespace, reason: DisconnectReason| {
            let mut rooms = socket.rooms();
            rooms.sort();
            let account = (socket.id(), reason.as_str(), rooms, sockets.room_len("corner"));
            send(sockets.to("watchers").emit("leaving", &account));
            send(socket.to("corner").emit("bye", socket.id()));
        })
        .on_disconnect(async |socket: Socket, sockets: Namespace, reason: DisconnectReason| {
            let account = (socket.id(), reason.as_str(), sockets.room_len("corner"));
            send(sockets.to("watchers").emit("left", &account));
        });
}
