//! Tests of your handlers without sockets and ports: [`TestClient`] speaks Socket.IO straight into a
//! [`Server`](crate::Server) of the same process (contract rows J15, H2, H3).
//!
//! What runs is the real server: its sessions, limits, time-outs and heartbeats, over long-polling requests that are
//! handed to [`Engine::handle`](engineio::server::Engine::handle). Under `#[tokio::test(start_paused = true)]` the time
//! is virtual: when everybody waits, the clock jumps to what comes next, so that a time-out of an hour is tested in
//! microseconds.
//!
//! ```
//! use socketio::{Data, Server, Socket, testing::TestClient};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let io = Server::new();
//! io.of("/").on("say", async |socket: Socket, Data(text): Data<String>| {
//!     socket.broadcast().emit("said", &text)?;
//!     Ok(text.len())
//! });
//!
//! let (ada, bob) = (TestClient::connect(&io).await, TestClient::connect(&io).await);
//! let length: usize = ada.emit_with_ack("say", "hello").await;
//! assert_eq!(length, 5);
//! assert_eq!(bob.receive::<String>("said").await, "hello");
//! ada.expect_nothing().await;
//! # }
//! ```
//!
//! # No test hangs
//! What waits is an [`Expectation`]: it has a deadline, 5 s unless said otherwise, and then panics with the place of
//! the call, what it waited for, and what came instead. [`Expectation::result`] gives an error in place of the panic.
//!
//! # Left out
//! WebSocket and upgrades: the server has to offer long-polling, as it does by default. What depends on a transport
//! belongs into a test with a real client.
//!
//! `client.rs` has the client, `entry.rs` its way in, `seat.rs` what came for it, `expectation.rs` the waiting,
//! `line.rs` the connection that clients share, and `wire.rs` the requests and the one task that makes them.

mod client;
mod entry;
mod event;
mod expectation;
mod line;
mod seat;
mod wire;

pub use client::TestClient;
pub use entry::{Connect, Join, Refusal};
pub use event::ReceivedEvent;
pub use expectation::{Expectation, TestError};
