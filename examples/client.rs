//! A client of the example `echo`: it says something, hears it come back, and asks a question.
//!
//!     cargo run --package socketio-examples --bin echo
//!     cargo run --package socketio-examples --bin client
//!
//! Stop the server and start it again while this runs with `stay` behind the address: it comes back by itself.
#![allow(clippy::print_stdout, reason = "it shows what it hears")]

use std::{error::Error, time::Duration};

use socketio::{Data, DisconnectReason, client::Client};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Another address may be given as an argument.
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:3000".to_owned());
    let client = Client::new(&url)?;
    client.on_event(|event| println!("{event:?}"));
    let socket = client.of("/");
    // Handlers first: then none of them misses anything. They stay over reconnections.
    socket
        .on("hello", async |Data(text): Data<String>| println!("the server says hello to {text}"))
        .on_disconnect(async |reason: DisconnectReason| println!("disconnected: {reason}"));
    // Awaited, this means that the namespace has answered.
    socket.connect().await?;
    socket.emit("hello", "the world")?;
    let question = socket.timeout(Duration::from_secs(5)).emit_with_ack("how many", &("stars", 7));
    let (what, count): (String, u32) = question.await?;
    println!("{count} {what}");
    if std::env::args().nth(2).is_some_and(|word| word == "stay") {
        std::future::pending::<()>().await;
    }
    // After what was sent has left. Without it, the program's end would cut everything off.
    client.close().await;
    Ok(())
}
