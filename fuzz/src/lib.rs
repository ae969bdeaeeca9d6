//! Every decoder and every state machine of the crates without I/O, each as a function of bytes that panics where an invariant does
//! not hold: differential where there is a second implementation, and else beside a plain account of what has
//! happened. libFuzzer calls them (`fuzz_targets/`), and `replay` does, which needs nothing but Rust.
//!
//! The bytes are whatever the target takes them for; each file says what. Where they are an input as it is on the wire, seeds
//! and findings can be read. Leaves out everything with a clock or a socket in it.

mod both_ends;
mod client_host;
pub mod client_session;
pub mod client_socket;
pub mod cluster_node;
mod cluster_wire;
pub mod conversation;
pub mod eio_packet;
mod ledger;
pub mod msgpack;
mod node_host;
pub mod payload_v3;
pub mod payload_v4;
pub mod query_string;
pub mod recovery;
mod recovery_ledger;
mod request_ledger;
mod server_host;
pub mod server_session;
pub mod sio_decoder;
pub mod sio_packet;
mod sio_reading;
pub mod sio_values;
pub mod websocket_deflate;
pub mod websocket_extensions;
pub mod websocket_frames;

/// What is called with an input.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 17] = [
    ("client_session", client_session::run),
    ("client_socket", client_socket::run),
    ("cluster_node", cluster_node::run),
    ("conversation", conversation::run),
    ("eio_packet", eio_packet::run),
    ("msgpack", msgpack::run),
    ("payload_v3", payload_v3::run),
    ("payload_v4", payload_v4::run),
    ("query_string", query_string::run),
    ("recovery", recovery::run),
    ("server_session", server_session::run),
    ("sio_decoder", sio_decoder::run),
    ("sio_packet", sio_packet::run),
    ("sio_values", sio_values::run),
    ("websocket_deflate", websocket_deflate::run),
    ("websocket_extensions", websocket_extensions::run),
    ("websocket_frames", websocket_frames::run),
];
