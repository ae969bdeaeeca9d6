//! A handler runs many times: what it uses up, it has to clone first.
//~ this cannot be called again and again, as a handler for `socketio::EventContext` is
//~ move |…| { let x = x.clone(); async move { … } }

use socketio::{Data, Server};

fn main() {
    let io = Server::new();
    let prefix = String::from("hello ");
    io.of("/").on("greet", async move |Data(name): Data<String>| Ok(prefix + &name));
}
