//! An error of the application's own has to become a `HandlerError`.
//~ a handler cannot return `Result<i32, ParseIntError>` here
//~ another error becomes a `HandlerError` by `?`

use socketio::{Data, Server};

fn main() {
    let io = Server::new();
    io.of("/").on("parse", async |Data(text): Data<String>| text.parse::<i32>());
}
