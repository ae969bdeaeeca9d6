//! Socket.IO beside other routes, on one port: the layer takes the requests under `/socket.io/`, axum all others.
//! `POST /announce` sends its body to every client, `GET /online` counts them.
//!
//!     cargo run --package socketio-examples --bin axum_router
//!     curl --data hello http://127.0.0.1:3000/announce
#![allow(clippy::print_stdout, reason = "it says where it listens")]

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
    serve::ListenerExt,
};
use socketio::Server;
use tokio::net::TcpListener;

async fn online(State(io): State<Server>) -> String {
    io.of("/").socket_count().to_string()
}

async fn announce(State(io): State<Server>, text: String) -> Result<(), (StatusCode, String)> {
    io.of("/").emit("announcement", &text).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let io = Server::new(); // a handle: all clones are the same server
    io.of("/").on("ping", async || Ok("pong"));

    let router = Router::new()
        .route("/", get(async || "Socket.IO is under /socket.io/"))
        .route("/online", get(online))
        .route("/announce", post(announce))
        .with_state(io.clone())
        .layer(io.layer());

    // Another address may be given as an argument.
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    // Small packets are not to wait for each other.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).await
}
