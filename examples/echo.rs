//! An echo on a listener of its own: what a client sends comes back, as the acknowledgement where it asked for one and
//! as an event of the same name where not. Arguments and binary pass through unread.
//!
//!     cargo run --package socketio-examples --bin echo
//!
//! and with the official client: `io("http://127.0.0.1:3000").emit("hello", 1, "two", (...back) => console.log(back))`.
#![allow(clippy::print_stdout, reason = "it says where it listens")]

use socketio::{AckSender, RawEvent, Server, Socket};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let io = Server::new();
    // The handler for every event that has none of its own.
    io.of("/").on_fallback(async |socket: Socket, RawEvent(event): RawEvent, ack: Option<AckSender>| {
        match ack {
            Some(ack) => ack.send_raw(&event)?,
            None => socket.emit_raw(&event)?,
        }
        Ok(())
    });

    // Another address may be given as an argument.
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = io.bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    listener.serve(io.service()).await;
    Ok(())
}
