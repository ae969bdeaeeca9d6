//! A counter that nobody misses: every second the server emits `count`, and whoever loses the connection for up to two
//! minutes gets what came meanwhile, in order and once. To see it, connect with the official client and kill the connection:
//!
//! ```js
//! const socket = io("http://127.0.0.1:3000");
//! socket.on("count", (n) => console.log(n));
//! socket.on("connect", () => console.log(socket.recovered ? "recovered" : "new"));
//! setInterval(() => socket.io.engine.close(), 10_000); // in a terminal or the console of a browser
//! ```
//!
//!     cargo run --package socketio-examples --bin recovery
#![allow(clippy::print_stdout, reason = "it shows who comes and goes")]

use std::time::Duration;

use socketio::{Config, ConnectionStateRecovery, DisconnectReason, Server, Socket};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut config = Config::default();
    config.connection_state_recovery = Some(ConnectionStateRecovery::default());
    let io = Server::with_config(config);
    io.of("/")
        .on_connect(async |socket: Socket| {
            if socket.is_recovered() {
                // Its rooms and data are those of before: there is nothing to set up.
                println!("{} is recovered, in {:?}, visit {:?}", socket.id(), socket.rooms(), socket.data::<u32>());
            } else {
                println!("{} is new", socket.id());
                socket.join("counting");
            }
            socket.set_data(socket.data::<u32>().map_or(1, |visits| *visits + 1));
        })
        .on_disconnect(async |socket: Socket, reason: DisconnectReason| println!("{} is gone: {reason}", socket.id()));

    let counting = io.of("/").to("counting");
    tokio::spawn(async move {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        for number in 0_u64.. {
            seconds.tick().await;
            if let Err(error) = counting.emit("count", &number) {
                println!("{number} was not sent: {error}");
            }
        }
    });

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = io.bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    listener.serve(io.service()).await;
    Ok(())
}
