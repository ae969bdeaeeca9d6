//! The workload on socketioxide, on axum, in the way that its documentation shows.

use std::io::{self, Write};

use serde_json::Value;
use socketioxide::{
    SocketIo,
    extract::{AckSender, Data, SocketRef},
};

#[tokio::main]
async fn main() -> io::Result<()> {
    let (layer, io) = SocketIo::new_layer();
    io.ns("/", async |socket: SocketRef| {
        socket.on("echo", async |socket: SocketRef, Data::<Value>(value)| {
            socket.emit("echo", &value).ok();
        });
        socket.on("ask", async |Data::<Value>(value), ack: AckSender| {
            ack.send(&value).ok();
        });
        socket.on("cast", async |io: SocketIo, Data::<Value>(value)| {
            io.emit("cast", &value).await.ok();
        });
    });
    let app = axum::Router::new().layer(layer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    writeln!(io::stdout(), "listening {}", listener.local_addr()?.port())?;
    axum::serve(listener, app).await
}
