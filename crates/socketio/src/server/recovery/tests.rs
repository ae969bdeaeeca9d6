//! What cannot be seen from outside: that the memory of events is given back (row F6).

use std::time::Duration;

use crate::{Config, ConnectionStateRecovery, Namespace, Server};

fn main_namespace() -> (Server, Namespace) {
    let recovery = Some(ConnectionStateRecovery::default());
    let config = Config { connection_state_recovery: recovery, ..Config::default() };
    let io = Server::with_config(config);
    let namespace = io.of("/");
    (io, namespace)
}

fn kept(namespace: &Namespace) -> usize {
    namespace.store().unwrap().kept().packet_count()
}

/// F6: for the time in which a client may have been lost without notice, and that in which it may come back; then events
/// are freed, though nobody has left and nothing is emitted any more.
#[tokio::test(start_paused = true)]
async fn events_are_freed_when_nobody_can_have_missed_them_any_more() {
    let (_io, namespace) = main_namespace();
    for _ in 0..2 {
        for n in 0..100 {
            namespace.emit("n", &n).unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_secs(120 + 25 + 2 * 20 - 2)).await;
        assert_eq!(kept(&namespace), 100);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(kept(&namespace), 0);
        assert!(namespace.store().unwrap().sweeper().task.is_none(), "nothing runs where there is nothing to do");
    }
}

/// F6: nothing is kept for nobody: neither what is volatile, nor what asks for an answer, nor what nobody could be sent.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_replayed_is_not_kept() {
    let (_io, namespace) = main_namespace();
    namespace.broadcast().volatile().emit("volatile", &()).unwrap();
    drop(namespace.broadcast().emit_with_ack::<()>("asked", &()).unwrap());
    assert!(namespace.emit("disconnect", &()).is_err());
    assert_eq!(kept(&namespace), 0);
}

/// D15: the server has ended: nothing is kept, and nothing will be.
#[tokio::test(start_paused = true)]
async fn a_server_that_has_ended_keeps_nothing() {
    let (io, namespace) = main_namespace();
    namespace.emit("before", &()).unwrap();
    io.close().await;
    assert_eq!(kept(&namespace), 0);
    namespace.emit("after", &()).unwrap();
    assert_eq!(kept(&namespace), 0);
    assert!(namespace.store().unwrap().sweeper().task.is_none());
}
