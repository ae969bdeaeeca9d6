//! The arguments of an event are taken with `Data`, not by their own type.
//~ `String` cannot be an argument of this handler
//~ not an extractor for `socketio::EventContext`
//~ the arguments of an event are taken with `Data<T>`

fn main() {
    let io = socketio::Server::new();
    io.of("/").on("say", async |text: String| println!("{text}"));
}
