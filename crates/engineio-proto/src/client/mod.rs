//! The client's side of a session. `session.rs` is its states, what the application and the clock do to it and the one
//! way to its end; `polling.rs` and `wire.rs` have the inputs of the transports, `sending.rs` what is sent, `watch.rs` the
//! timer over the server's pings, `options.rs` what can be chosen, `output.rs` what it asks the runtime to do.
//!
//! # The model
//! The same as the server's: inputs go in through `handle_*` with the time as an argument, what is to be done comes back
//! in a `Vec<ClientOutput>` that the caller lends and drains after each call, frames for a WebSocket are pulled with
//! [`ClientSession::take_frames`] when it can take bytes, and [`ClientSession::next_timeout`] is the one deadline. Requests and
//! WebSockets are asked for by number: addresses, headers and the query are the runtime's.

mod options;
mod output;
mod polling;
mod sending;
mod session;
#[cfg(test)]
mod tests;
mod watch;
mod wire;

pub use options::{ClientLimits, ClientOptions};
pub use output::ClientOutput;
pub use session::ClientSession;
