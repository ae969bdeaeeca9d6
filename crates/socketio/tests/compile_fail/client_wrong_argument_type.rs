//! What a handler of a client may take is said as well.
//~ `Auth<String>` cannot be an argument of this handler
//~ not an extractor for `socketio::client::EventContext`
//~ every handler of a client may take `client::Socket`; one for events also `Data<T>`, `Event`, `RawEvent`, `AckSender` and `Option<AckSender>`
use socketio::{Auth, client::Client};

fn main() {
    let socket = Client::new("http://localhost:3000").unwrap().of("/");
    socket.on("event", async |_: Auth<String>| {});
}
