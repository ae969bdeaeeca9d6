//! There is no reason to leave in an event.
//~ `DisconnectReason` cannot be an argument of this handler
//~ one for clients that leave also `DisconnectReason`

use socketio::{DisconnectReason, Server};

fn main() {
    let io = Server::new();
    io.of("/").on("hello", async |reason: DisconnectReason| println!("{reason}"));
}
