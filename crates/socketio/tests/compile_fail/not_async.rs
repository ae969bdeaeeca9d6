//! A handler is an async function.
//~ a handler is async, and this one returns `()` at once
//~ write `async |…| …`, or `|…| async move { … }`

use socketio::{Server, Socket};

fn main() {
    let io = Server::new();
    io.of("/").on("hello", |socket: Socket| println!("{}", socket.id()));
}
