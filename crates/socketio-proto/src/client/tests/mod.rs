//! Tests of a client's socket.
