//! A plain value needs an `Ok` around it.
//~ a handler cannot return `i32` here
//~ a plain value needs `Ok(…)` around it

use socketio::{Data, Server};

fn main() {
    let io = Server::new();
    io.of("/").on("add", async |Data((a, b)): Data<(i32, i32)>| a + b);
}
