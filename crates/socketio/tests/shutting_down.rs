//! R36: the server is let go over a time, by a deadline, also with handlers that never end; and R24's other side: handlers
//! that never end hold up nothing but their own connection, and that not for ever.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use socketio::{Config, DisconnectReason, Drain, Server, Socket, testing::TestClient};
use tokio::{runtime::Handle, time::Instant};

const SECOND: Duration = Duration::from_secs(1);

fn drain(window: u32, deadline: u32) -> Drain {
    let mut drain = Drain::default();
    (drain.window, drain.deadline) = (SECOND * window, SECOND * deadline);
    drain
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Counts when it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn clients_are_let_go_one_after_the_other_and_see_a_reason_to_come_back() {
    let io = Server::new();
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let log = reasons.clone();
    io.of("/").on_disconnect(move |reason: DisconnectReason| {
        log.lock().unwrap().push(reason);
        std::future::ready(())
    });
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(TestClient::connect(&io).await.with_deadline(SECOND * 60));
    }
    io.emit("news", "going").unwrap();
    let begin = Instant::now();
    let ends = clients.into_iter().map(|client| async move {
        client.receive::<String>("news").await;
        assert_eq!(client.disconnected().await, DisconnectReason::TransportClose);
        begin.elapsed().as_secs()
    });
    let (mut seconds, ()) = tokio::join!(futures_util::future::join_all(ends), io.drain(drain(10, 30)));
    seconds.sort_unstable();
    assert_eq!(seconds, [0, 2, 4, 6, 8]);
    assert_eq!(*reasons.lock().unwrap(), [DisconnectReason::ServerShuttingDown; 5]);
    assert_eq!((io.engine().session_count(), io.of("/").sockets().len(), tasks()), (0, 0, 0));
    // Again, in either way, waits for nothing.
    io.close().await;
    io.drain(drain(10, 30)).await;
    assert!(begin.elapsed() < SECOND * 11);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_ends_holds_the_end_up_no_longer_than_the_deadline() {
    let io = Server::new();
    let dropped = Arc::new(AtomicUsize::new(0));
    let count = dropped.clone();
    io.of("/").on("stuck", move || {
        let held = Counted(count.clone());
        async move {
            pending::<()>().await;
            drop(held);
        }
    });
    let client = TestClient::connect(&io).await;
    client.emit("stuck", &());
    tokio::time::sleep(SECOND).await;
    let begin = Instant::now();
    io.drain(drain(2, 20)).await;
    assert_eq!((begin.elapsed(), dropped.load(Ordering::SeqCst)), (SECOND * 20, 0));
    tokio::time::sleep(SECOND * 60).await;
    assert_eq!((dropped.load(Ordering::SeqCst), tasks()), (1, 0));
    assert_eq!(io.counters().handlers_abandoned, 1);
    assert_eq!(Arc::strong_count(&dropped), 1, "the handlers are gone with what they hold");
}

#[tokio::test(start_paused = true)]
async fn handlers_that_outlive_their_connection_are_dropped_in_the_end() {
    let io = Server::new();
    let dropped = Arc::new(AtomicUsize::new(0));
    let count = dropped.clone();
    io.of("/")
        .on("stuck", move |_: Socket| {
            let held = Counted(count.clone());
            async move {
                pending::<()>().await;
                drop(held);
            }
        })
        .on("slow", async |socket: Socket| {
            tokio::time::sleep(SECOND * 50).await;
            assert!(!socket.is_connected());
        })
        .on_disconnect(pending::<()>);
    let client = TestClient::connect(&io).await;
    for event in ["stuck", "slow", "stuck"] {
        client.emit(event, &());
    }
    tokio::time::sleep(SECOND).await;
    client.close_connection();
    tokio::time::sleep(SECOND * 59).await;
    assert_eq!((dropped.load(Ordering::SeqCst), io.counters().handler_errors), (0, 0));
    tokio::time::sleep(SECOND * 2).await;
    assert_eq!((dropped.load(Ordering::SeqCst), io.engine().session_count(), tasks()), (2, 0, 0));
    // The handler for the end is one of them.
    assert_eq!((io.counters().handlers_abandoned, io.counters().handler_panics), (3, 0));
    io.close().await;
}

/// R25: what is dropped is the application's, and may panic as it goes: the next is dropped all the same.
#[tokio::test(start_paused = true)]
async fn an_abandoned_handler_that_panics_as_it_is_dropped_hurts_nobody() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("as it is dropped");
        }
    }
    let io = Server::new();
    io.of("/").on("bomb", async || {
        let bomb = Bomb;
        pending::<()>().await;
        drop(bomb);
    });
    let client = TestClient::connect(&io).await;
    let other = TestClient::connect(&io).await;
    client.emit("bomb", &());
    client.emit("bomb", &());
    tokio::time::sleep(SECOND).await;
    client.close_connection();
    tokio::time::sleep(SECOND * 61).await;
    assert_eq!((io.counters().handlers_abandoned, io.counters().handler_panics), (2, 2));
    assert_eq!((io.engine().session_count(), other.is_connected()), (1, true));
    io.close().await;
}

/// R24.
#[tokio::test(start_paused = true)]
async fn a_connection_that_its_handlers_keep_unread_is_closed_unless_one_of_them_ends() {
    let mut config = Config::default();
    config.limits.max_pending_handlers = 2;
    let io = Server::with_config(config);
    io.of("/").on("stuck", pending::<()>).on("slow", async || tokio::time::sleep(SECOND * 50).await);
    let patient = TestClient::connect(&io).await.with_deadline(SECOND * 600);
    let stuck = TestClient::connect(&io).await.with_deadline(SECOND * 600);
    let begin = Instant::now();
    for _ in 0..10 {
        patient.emit("slow", &());
        stuck.emit("stuck", &());
    }
    stuck.disconnected().await;
    assert_eq!(begin.elapsed().as_secs(), 60);
    assert_eq!(io.counters().stuck_connections_closed, 1);
    // Ten of fifty seconds, two at a time, and none of them was the last straw.
    tokio::time::sleep(SECOND * 200).await;
    assert!(patient.is_connected());
    assert_eq!((io.counters().stuck_connections_closed, io.counters().handlers_abandoned), (1, 2));
    io.close().await;
    assert_eq!(tasks(), 0);
}
