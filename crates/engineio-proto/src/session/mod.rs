//! The session: the part of Engine.IO that has states. `server.rs` is the server's side, with
//! `polling.rs` and `wire.rs` for its transports, `sending.rs` for ways of sending, `heartbeat.rs` its timer, `output.rs` what it asks the runtime to do.
//!
//! # The model
//! Inputs go in through `handle_*` with the time as an argument; what is to be done comes back in a
//! `Vec<Output>` that the caller lends and drains after each call; frames for a WebSocket are pulled with
//! [`ServerSession::take_frames`] when it can take bytes; [`ServerSession::next_timeout`] is the one
//! deadline. The session never calls a clock, draws a random number or waits.

mod heartbeat;
mod output;
mod polling;
mod sending;
mod server;
#[cfg(test)]
pub(crate) mod tests;
mod wire;

pub use output::{Answer, Attached, Output, PostFault, PostRefusal, WireFrame, WireLoss};
pub use polling::PostRest;
pub use server::{CloseMode, ServerSession};
