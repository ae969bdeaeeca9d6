//! A client that joins sends no event.
//~ `Data<String>` cannot be an argument of this handler
//~ not an extractor for `socketio::ConnectContext`
//~ one for events also `Data<T>`

use socketio::{Data, Server};

fn main() {
    let io = Server::new();
    io.of("/").on_connect(async |Data(name): Data<String>| println!("{name}"));
}
