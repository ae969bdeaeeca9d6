//! What a handler acknowledges with has to be writable.
//~ Receipt: serde::Serialize
//~ `#[derive(serde::Serialize)]`
//~ `Reply<socketio::EventContext>`

// serde says it by itself; the rest is the way from there to the handler.

use socketio::Server;

struct Receipt {
    _number: u32,
}

fn main() {
    let io = Server::new();
    io.of("/").on("order", async || Ok(Receipt { _number: 1 }));
}
