//! `sio` as people run it: the real program in a process of its own, from the outside only.
//!
//! `command_line.rs` has the words and the errors, `page.rs` what a browser loads, `closing.rs` the signals, `load.rs` the load generator;
//! `chat.rs`, `echo.rs` and `chat_page.rs` hand over to the official client and to Chromium. `connect.rs`, `emit.rs` and
//! `terminal.rs` are the client, as scripts and people have it. `program.rs` starts `sio`, `person.rs` types, `request.rs` is a
//! plain HTTP client, `cable.rs` a connection that can be cut, `reference.rs` the server of the npm packages. Signals need Unix, and so do all of these.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "all of this is tests; clippy sees only the functions marked as such")]

mod cable;
mod chat;
mod chat_page;
mod closing;
mod command_line;
mod connect;
mod echo;
mod emit;
mod load;
mod page;
mod person;
mod program;
mod reference;
mod request;
mod terminal;

use std::time::Duration;

/// How long one thing may take before its test fails: far more than it needs, because the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(20);
