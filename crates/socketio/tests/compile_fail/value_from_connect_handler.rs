//! A connect handler lets in or refuses; there is no value to return.
//~ a handler cannot return `Result<&str, HandlerError>` here
//~ every other one returns `()` or `Result<(), HandlerError>`

use socketio::{HandlerError, Server, Socket};

fn main() {
    let io = Server::new();
    io.of("/").on_connect(async |_socket: Socket| Ok::<_, HandlerError>("welcome"));
}
