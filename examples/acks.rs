//! Questions in both directions. The client asks `socket.emit("add", 1, 2, (sum) => …)`; for `socket.emit("greet me", (greeting)
//! => …)` the server first asks back, and the client answers with `socket.on("who are you", (answer) => answer("Ada", 36))`.
//!
//!     cargo run --package socketio-examples --bin acks
#![allow(clippy::print_stdout, reason = "it says where it listens")]

use std::time::Duration;

use socketio::{AckError, Data, HandlerError, Server, Socket};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let io = Server::new();
    io.of("/")
        // Two arguments in; what is returned goes out. An error goes out too, as `{"error": "…"}`.
        .on("add", async |Data((a, b)): Data<(i64, i64)>| {
            a.checked_add(b).ok_or_else(|| HandlerError::new("too large"))
        })
        .on("greet me", async |socket: Socket| {
            // The type says what answer is wanted: a tuple is several arguments.
            let asked = socket.emit_with_ack::<(String, u8)>("who are you", &());
            match asked.timeout(Duration::from_secs(5)).await {
                Ok((name, age)) => Ok(format!("Good day, {name}, {age}")),
                Err(AckError::Timeout) => Ok("Good day, whoever you are".to_owned()),
                // Gone meanwhile, or an answer of another type.
                Err(error) => Err(error.into()),
            }
        });

    // Another address may be given as an argument.
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = io.bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    listener.serve(io.service()).await;
    Ok(())
}
