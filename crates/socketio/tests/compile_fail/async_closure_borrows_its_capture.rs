//! Nor may an async closure use what it captures by reference: its future would borrow from it.
//~ this cannot be called again and again, as a handler for `socketio::EventContext` is
//~ move |…| { let x = x.clone(); async move { … } }

use socketio::{Data, Server};

fn main() {
    let io = Server::new();
    let prefix = String::from("hello ");
    io.of("/").on("greet", async move |Data(name): Data<String>| Ok(format!("{prefix}{name}")));
}
