//! The namespaces of the scenarios on recovery: `/recovery` and `/recovery-2` are joined by those who get lost, `/control` by
//! who has the server do something meanwhile.

use socketio::{AckSender, Args, Data, RawEvent, Server, Socket};

use super::{namespaces::send, value::Value};

pub(super) fn install(io: &Server) {
    for name in ["/recovery", "/recovery-2"] {
        io.of(name)
            .on_connect(async |socket: Socket| {
                if !socket.is_recovered() {
                    socket.join("room");
                }
            })
            .on("remember", async |socket: Socket, Data(name): Data<String>| {
                socket.set_data(name);
                Ok(())
            })
            .on("who-am-i", async |socket: Socket, ack: AckSender| {
                let name = socket.data::<String>().map(|name| (*name).clone());
                send(ack.send(&(socket.is_recovered(), socket.rooms(), name)));
            });
    }
    install_control(io);
}

fn install_control(io: &Server) {
    let (emitting, present) = (io.clone(), io.clone());
    io.of("/control")
        .on("emit", move |RawEvent(event): RawEvent, ack: AckSender| {
            let args = Value::arguments(&event);
            let [namespace, room, volatile, name, ..] = args.as_slice() else { panic!("the script sends more") };
            let text = |value: &Value| value.json().as_str().map(str::to_owned);
            let selected = emitting.of(&text(namespace).expect("a namespace")).broadcast();
            let selected = text(room).iter().fold(selected, |selected, room| selected.to(room));
            let selected = if volatile.json().as_bool() == Some(true) { selected.volatile() } else { selected };
            let name = text(name).expect("a name");
            send(selected.emit(&name, &Args(args[4..].to_vec())));
            send(ack.send(&()));
            async {}
        })
        .on("flood", {
            let io = io.clone();
            move |Data((count, size)): Data<(usize, usize)>, ack: AckSender| {
                for number in 0..count {
                    send(io.of("/recovery").emit("flood", &(number, "x".repeat(size))));
                }
                send(ack.send(&()));
                async {}
            }
        })
        .on("present", move |Data((namespace, id)): Data<(String, String)>, ack: AckSender| {
            send(ack.send(&(present.of(&namespace).to(&id).sockets().len())));
            async {}
        });
}
