//! The client: one connection and the sockets on it, one a namespace. Leaves out the protocol (`socketio-proto`), and what it
//! shares with the server, which is at the root of the crate.
