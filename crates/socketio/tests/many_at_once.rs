//! What many do at once, or one after the other without end: no packet is torn apart, nobody who goes meanwhile is missed, and
//! nothing is left of those who were refused. Hazards R9, R20, S28.
#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

mod network;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use network::Network;
use socketio::{Config, Data, HandlerError, Server, Socket, TransportKind, testing::TestClient};
use tokio::sync::mpsc;

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it happens soon")
}

/// Bytes that say which event they belong to.
fn attachment(number: u32, which: u8) -> Bytes {
    [&number.to_be_bytes()[..], &[which; 40]].concat().into()
}

/// R20: a hundred tasks on four threads send events with attachments, to the socket and to all, over long-polling and over a WebSocket:
/// each event comes with its own attachments, and those of one task in their order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_event_is_torn_from_its_attachments_whoever_emits_at_once() {
    const EMITTERS: u32 = 100;
    const EVENTS: u32 = 20;
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let io = Server::new();
        let (seen, mut pieces) = mpsc::unbounded_channel();
        let client = Network::to(&io).client(&[transport]);
        let socket = client.of("/");
        socket.on("piece", move |Data(piece): Data<(u32, Bytes, Bytes)>| {
            let _ = seen.send(piece);
            std::future::ready(())
        });
        soon(socket.connect()).await.unwrap();
        let target = io.of("/").sockets().remove(0);
        for emitter in 0..EMITTERS {
            let (target, all) = (target.clone(), io.of("/"));
            tokio::spawn(async move {
                for number in emitter * EVENTS..(emitter + 1) * EVENTS {
                    let piece = (number, attachment(number, 1), attachment(number, 2));
                    if number % 2 == 0 {
                        target.emit("piece", &piece).unwrap();
                    } else {
                        all.emit("piece", &piece).unwrap();
                    }
                    tokio::task::yield_now().await;
                }
            });
        }
        let mut next: Vec<u32> = (0..EMITTERS).map(|emitter| emitter * EVENTS).collect();
        for _ in 0..EMITTERS * EVENTS {
            let (number, first, second) = soon(pieces.recv()).await.unwrap();
            assert_eq!((first, second), (attachment(number, 1), attachment(number, 2)), "{transport}");
            let next = &mut next[(number / EVENTS) as usize];
            assert_eq!(number, *next, "{transport}");
            *next += 1;
        }
        assert!(socket.is_connected(), "{transport}");
        io.close().await;
    }
}

/// S28, R8: clients come and go in every way while others broadcast: nobody minds, who stays misses nothing, and who is gone is in no
/// namespace and no room.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_goes_during_a_broadcast_is_no_loss_for_those_who_stay() {
    const EVENTS: u32 = 2000;
    let mut config = Config::default();
    // Nobody's end is noticed only by this.
    config.engine.limits.ping_interval = Duration::from_secs(3600);
    let io = Server::with_config(config);
    io.of("/").on_connect(async |socket: Socket| socket.join("room"));
    let steady = TestClient::connect(&io).await;
    let churn: Vec<_> = (0..3)
        .map(|way| {
            let io = io.clone();
            tokio::spawn(async move {
                for round in 0..150 {
                    let client = TestClient::connect(&io).await;
                    match (way + round) % 3 {
                        0 => client.drop_connection(),
                        1 => client.disconnect(),
                        _ => io
                            .of("/")
                            .sockets()
                            .iter()
                            .filter(|s| s.id().as_str() == client.id())
                            .for_each(Socket::disconnect),
                    }
                }
            })
        })
        .collect();
    let all = io.of("/");
    tokio::spawn(async move {
        for number in 0..EVENTS {
            if number % 2 == 0 {
                all.emit("number", &number).unwrap();
            } else {
                all.to("room").emit("number", &number).unwrap();
            }
            tokio::task::yield_now().await;
        }
    });
    for number in 0..EVENTS {
        assert_eq!(steady.receive::<u32>("number").await, number);
    }
    for task in churn {
        soon(task).await.unwrap();
    }
    soon(async {
        while io.engine().session_count() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!((io.of("/").socket_count(), io.of("/").room_len("room")), (1, 1));
    assert_eq!(io.counters().handler_panics, 0);
    io.close().await;
}

/// R9: thousands who are refused, by a middleware or by the connect handler, after having joined a room and been given data, leave
/// nothing: no session, no task, no room, and nothing of what they held.
#[tokio::test(start_paused = true)]
async fn thousands_who_are_refused_leave_nothing() {
    let io = Server::new();
    let held = Arc::new(());
    let (given, counted) = (held.clone(), AtomicU32::new(0));
    io.of("/")
        .middleware(move |socket: Socket| {
            socket.extensions().insert(given.clone());
            socket.join("waiting");
            let count = counted.fetch_add(1, Ordering::Relaxed);
            async move { if count % 2 == 0 { Err(HandlerError::new("early")) } else { Ok(()) } }
        })
        .on_connect(async || -> Result<(), HandlerError> { Err(HandlerError::new("late")) });
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for _ in 0..3000 {
        TestClient::connect(&io).expect_refused().await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((io.engine().session_count(), tasks()), (0, before));
    assert_eq!((io.of("/").socket_count(), io.of("/").room_names().len()), (0, 0));
    assert_eq!(io.counters().joins_refused, 3000);
    assert_eq!(Arc::strong_count(&held), 2, "the test's, and the middleware's");
}
