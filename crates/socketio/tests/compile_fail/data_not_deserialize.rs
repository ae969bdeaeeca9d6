//! What `Data` reads has to be readable.
//~ Message: serde::Deserialize
//~ `#[derive(serde::Deserialize)]`
//~ required for `Data<Message>` to implement `FromContext<socketio::EventContext>`

// serde says it by itself; the rest is the way from there to the handler.

use socketio::{Data, Server};

struct Message {
    text: String,
}

fn main() {
    let io = Server::new();
    io.of("/").on("say", async |Data(message): Data<Message>| println!("{}", message.text));
}
