//! What a connection in one namespace takes while it does nothing: a field that is added to one of these is paid for by each
//! of a million connections, so that it has to be added here as well. The session underneath is the engine's.

use std::mem::size_of;

use super::{
    connection::{Connection, Link},
    socket::SocketCore,
};

/// Hazard R38.
#[test]
fn the_parts_of_an_idle_connection_do_not_grow() {
    let parts = [
        ("the connection's future", size_of::<Connection>(), 112),
        ("what its sockets share of it", size_of::<Link>(), 40),
        ("the socket", size_of::<SocketCore>(), 184),
    ];
    let grown: Vec<_> = parts.into_iter().filter(|(_, bytes, bound)| bytes > bound).collect();
    assert!(grown.is_empty(), "what, its bytes, those that are to do: {grown:?}");
}
