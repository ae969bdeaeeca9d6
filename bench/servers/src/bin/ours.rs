//! The workload on this project's server, with the listener of its own.
//!
//! Arguments pass through unread, as a server does that only hands on what it got. With the argument `value` they
//! are read into `serde_json::Value` and written again, which is what the peers do that have no other way.

use std::io::{self, Write};

use serde_json::Value;
use socketio::{AckSender, Data, HandlerError, Namespace, RawEvent, Server, Socket};

#[tokio::main]
async fn main() -> io::Result<()> {
    let io = Server::new();
    let root = io.of("/");
    if std::env::args().nth(1).is_some_and(|word| word == "value") {
        read(root)
    } else {
        pass_through(root)
    }
    let listener = io.bind("127.0.0.1:0").await?;
    writeln!(io::stdout(), "listening {}", listener.local_addr()?.port())?;
    listener.serve(io.service()).await;
    Ok(())
}

fn pass_through(root: Namespace) {
    root.on("echo", async |socket: Socket, RawEvent(event): RawEvent| Ok(socket.emit_raw(&event)?))
        .on("ask", async |RawEvent(event): RawEvent, ack: AckSender| Ok(ack.send_raw(&event)?))
        .on("cast", async |all: Namespace, RawEvent(event): RawEvent| all.broadcast().emit_raw(&event))
        .on("flood", flood);
}

/// For the benchmark of clients: so many events of 16 bytes, as fast as the client takes them, and many in one write.
async fn flood(socket: Socket, Data(count): Data<u32>) -> Result<(), HandlerError> {
    for number in 1..=count {
        if number % 500 == 0 {
            socket.emit_flushed("event", "0123456789abcdef").await?;
        } else {
            socket.emit("event", "0123456789abcdef")?;
        }
    }
    Ok(())
}

fn read(root: Namespace) {
    root.on("echo", async |socket: Socket, Data(value): Data<Value>| Ok(socket.emit("echo", &value)?))
        .on("ask", async |Data(value): Data<Value>| Ok(value))
        .on("cast", async |all: Namespace, Data(value): Data<Value>| Ok(all.broadcast().emit("cast", &value)?));
}
