//! The Socket.IO v5 protocol document, clause by clause, and the contract's rows C1 to C35 and D28 to D43, over raw WebSocket.
//!
//! Owns what a client that writes the protocol itself may rely on, and what becomes of packets that break it. Leaves out the
//! layer below (`conformance_engineio.rs`) and the official client (`interop_socketio.rs`).

mod connection;
mod events;
mod malformed;
mod polling;
