//! A handler may wait on one thread and go on on another.
//~ future cannot be sent between threads safely
//~ `Rc<i32>`

// rustc says it by itself, with the value and the place.

use std::rc::Rc;

use socketio::{Server, Socket};

fn main() {
    let io = Server::new();
    io.of("/").on("hello", async |socket: Socket| {
        let count = Rc::new(1);
        let _ = socket.emit_flushed("count", &*count).await;
        drop(count);
    });
}
