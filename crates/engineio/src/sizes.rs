//! What a session takes while it does nothing, before anything that is in use: a field that is added to one of these is paid
//! for by each of a million sessions, so that it has to be added here as well.

use std::mem::size_of;

use engineio_proto::ServerSession;
use tokio_util::task::task_tracker::TrackedFuture;

use crate::{
    driver::Driver,
    opening::Opening,
    shared::{Inner, Shared},
    transport::websocket::Wire,
};

/// Hazard R38.
#[test]
fn the_parts_of_an_idle_session_do_not_grow() {
    // tokio puts 104 bytes around the future of a task, and rounds up to the next 128: more than 152 are 128 more.
    let parts = [
        ("the future of the task", size_of::<TrackedFuture<Driver>>(), 152),
        ("what is shared", size_of::<Shared>(), 336),
        ("of that under the lock", size_of::<Inner>(), 280),
        ("of that the protocol's state", size_of::<ServerSession>(), 176),
        ("the request", size_of::<Opening>(), 24),
        ("of the task the WebSocket", size_of::<Wire>(), 96),
    ];
    let grown: Vec<_> = parts.into_iter().filter(|(_, bytes, bound)| bytes > bound).collect();
    assert!(grown.is_empty(), "what, its bytes, those that are to do: {grown:?}");
}
