//! The Rust client against the npm reference, and against our own server where a scenario can run on both: what it says and
//! hears, how it comes back, and what a server or a network can do to it.
//!
//! `harness.rs` has what the scenarios share. Leaves out what is the machine's alone (`socketio-proto`), and what needs no other
//! side to judge it (`crates/socketio/tests`).
#![allow(clippy::unwrap_used, reason = "all of this folder is tests; clippy sees only the functions marked as such")]

mod admission;
mod cuts;
mod events;
mod harness;
mod hostile;
mod leaks;
mod namespaces;
mod outages;
mod recovery;
mod requests;
mod retries;
mod transports;
