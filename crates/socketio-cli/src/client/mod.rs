//! `sio connect` and `sio emit`: a client for people and for scripts.
//!
//! `connect.rs` and `emit.rs` are the two commands, `connection.rs` the options that they share, `ending.rs` their exit codes.
//! `line.rs` reads what is typed, `argument.rs` its words; `session.rs` does what they ask for, and hears from `notes.rs` what
//! happens. What happens is a `report.rs`, written by `text.rs` or `json_lines.rs` and printed by `output.rs`. Lines come from
//! `input.rs`: from `editor.rs` where there is a terminal, which `terminal.rs` sets back. `leave.rs` is the good-bye. Leaves out the protocol, which is the library's.

mod argument;
mod connect;
mod connection;
mod editor;
mod emit;
mod ending;
mod input;
mod json_lines;
mod json_text;
mod leave;
mod line;
mod names;
mod notes;
mod output;
mod report;
mod session;
mod terminal;
mod text;

pub(crate) use connect::{ConnectOptions, connect};
pub(crate) use emit::{EmitOptions, emit};
pub(crate) use ending::Ending;
