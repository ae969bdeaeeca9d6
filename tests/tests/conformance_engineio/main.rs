//! The Engine.IO v4 protocol document, clause by clause, and the contract's rows A34 to A81, over raw HTTP and raw WebSocket.
//!
//! Owns what a client that keeps to the protocol may rely on. Leaves out bad input (`bad_input.rs`) and the official client
//! (`interop_engineio.rs`).

mod closing;
mod handshake;
mod heartbeat;
mod http;
mod messages;
mod polling;
mod refusals;
mod upgrade;
mod websocket;
