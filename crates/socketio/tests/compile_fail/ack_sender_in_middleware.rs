//! A middleware for clients that join has no event to acknowledge.
//~ `AckSender` cannot be an argument of this handler
//~ not an extractor for `socketio::ConnectContext`

use socketio::{AckSender, Server};

fn main() {
    let io = Server::new();
    io.of("/").middleware(async |ack: AckSender| drop(ack));
}
