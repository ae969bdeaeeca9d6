//! Types of arguments have to be written.
//~ type annotations needed

// rustc says it by itself.

use socketio::Server;

fn main() {
    let io = Server::new();
    io.of("/").on("greet", async |socket| {});
}
