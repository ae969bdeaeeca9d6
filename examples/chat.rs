//! A chat with rooms in a page's worth of code. A client says with its CONNECT who it is and where it wants to be:
//! `io("http://127.0.0.1:3000", { auth: { name: "Ada", room: "lobby" } })`; then it sends `message` with a text.
//!
//!     cargo run --package socketio-examples --bin chat
#![allow(clippy::print_stdout, reason = "it says where it listens")]

use serde::Deserialize;
use socketio::{Auth, Data, DisconnectReason, HandlerError, Server, Socket};

/// What a client sends with its CONNECT. Any handler may ask for it again, so nothing has to be kept here.
#[derive(Deserialize)]
struct Login {
    name: String,
    room: String,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let io = Server::new();
    io.of("/")
        // Who sends no name and room is refused before this runs, with a message that says so.
        .on_connect(async |socket: Socket, Auth(who): Auth<Login>| {
            if who.name.is_empty() || who.room.is_empty() {
                return Err(HandlerError::new("a name and a room, please"));
            }
            socket.join(&who.room);
            socket.to(&who.room).emit("joined", &who.name)?;
            Ok(())
        })
        // A tuple is several arguments: the others get `(name, text) => …`.
        .on("message", async |socket: Socket, Auth(who): Auth<Login>, Data(text): Data<String>| {
            socket.to(&who.room).emit("message", &(who.name, text))?;
            Ok("delivered") // the acknowledgement, for those who ask for one
        })
        .on_disconnect(async |socket: Socket, Auth(who): Auth<Login>, reason: DisconnectReason| {
            println!("{} left: {reason}", who.name);
            // The room of somebody who has left is that of those who stay.
            if let Err(error) = socket.to(&who.room).emit("left", &who.name) {
                println!("nobody was told: {error}");
            }
        });

    // Another address may be given as an argument.
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = io.bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    listener.serve(io.service()).await;
    Ok(())
}
