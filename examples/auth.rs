//! Letting clients in, or not. `/members` wants a token, `io("http://127.0.0.1:3000/members", { auth: { token } })`; who is
//! refused gets `connect_error` with the message and `error.data`. The namespace `/` is open to all.
//!
//!     cargo run --package socketio-examples --bin auth
#![allow(clippy::print_stdout, reason = "it says where it listens")]

use std::time::Duration;

use serde::{Deserialize, Serialize};
use socketio::{Auth, HandlerError, Server, Socket};

#[derive(Deserialize)]
struct Credentials {
    token: String,
}

/// What the client's code gets beside the message.
#[derive(Serialize)]
struct Refusal {
    code: u16,
    retry: bool,
}

/// Stands for a question to a database; a handler may take its time.
async fn member_with(token: &str) -> Option<&'static str> {
    tokio::time::sleep(Duration::from_millis(10)).await;
    (token == "open sesame").then_some("Ali Baba")
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let io = Server::new();
    io.of("/").on("ping", async || Ok("pong"));
    io.of("/members").on_connect(async |socket: Socket, Auth(sent): Auth<Credentials>| {
        let Some(name) = member_with(&sent.token).await else {
            return Err(HandlerError::new("not authorized").with_data(&Refusal { code: 401, retry: false }));
        };
        // Held back until the client knows that it is connected.
        socket.emit("welcome", name)?;
        socket.join("staff");
        Ok(())
    });

    // Another address may be given as an argument.
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = io.bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    listener.serve(io.service()).await;
    Ok(())
}
