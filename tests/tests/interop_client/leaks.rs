//! What is left of clients that are gone: nothing. (R22, R37, R40)

use std::sync::Arc;

use serde_json::json;
use socketio::client::ClientSocketOptions;
use socketio_tests::Proxy;
use tokio::runtime::Handle;

use crate::harness::{
    EACH_WAY, Log, client, expect_alive, log_of, log_of_socket, output_of, run, soon, url_of, witness,
};

/// Waits until so many tasks are alive; each end of a task makes the runtime turn, and so does this.
async fn tasks_come_to(count: usize) {
    let settled = async {
        while Handle::current().metrics().num_alive_tasks() != count {
            tokio::task::yield_now().await;
        }
    };
    let settled = tokio::time::timeout(socketio_tests::DEADLINE, settled).await;
    let left = Handle::current().metrics().num_alive_tasks();
    settled.unwrap_or_else(|_| panic!("{left} tasks are alive, not {count}"));
}

/// Connections of this process to the port that are not closed, as Linux counts them.
fn connections_to(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let remote = format!("0100007F:{port:04X}");
    table.lines().filter(|line| line.split_whitespace().nth(2) == Some(&remote)).filter(is_established).count()
}

fn is_established(line: &&str) -> bool {
    line.split_whitespace().nth(3) == Some("01")
}

/// R37, R40: clients that connect, are cut, come back and are dropped, over and over, leave neither tasks nor connections.
#[test]
fn clients_that_come_and_go_leave_no_task_and_no_connection() {
    let server = Arc::new(witness(&json!({})));
    let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into());
    run(async {
        let baseline = Handle::current().metrics().num_alive_tasks();
        for round in 0..10 {
            for transports in EACH_WAY {
                let client = client(&proxy.url(), transports);
                let sockets = ["/", "/a"].map(|name| client.of(name));
                let log = log_of_socket(&sockets[0]);
                for socket in &sockets {
                    soon(socket.connect()).await.unwrap();
                }
                expect_alive(&sockets[1]).await;
                if round % 2 == 0 {
                    proxy.cut();
                    log.has_times("connect", 2).await;
                }
                if round % 3 == 0 {
                    client.close();
                }
            }
        }
        tasks_come_to(baseline).await;
        let port = proxy.url().rsplit(':').next().unwrap().parse().unwrap();
        let ended = async {
            while connections_to(port) > 0 {
                tokio::task::yield_now().await;
            }
        };
        soon(ended).await;
    });
}

/// R37, R40: clients that are dropped at whatever moment, be it before they are connected or while they wait.
#[test]
fn clients_that_are_dropped_halfway_leave_nothing() {
    let server = witness(&json!({}));
    let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into());
    run(async {
        let baseline = Handle::current().metrics().num_alive_tasks();
        for turns in 0..60 {
            let client = client(&proxy.url(), EACH_WAY[turns % 3]);
            let socket = client.of("/");
            let connecting = socket.connect();
            socket.emit("number", &1).unwrap();
            for _ in 0..turns * 3 {
                tokio::task::yield_now().await;
            }
            drop((connecting, socket, client));
        }
        tasks_come_to(baseline).await;
        // While the next attempt is waited for.
        let unreachable = client("http://127.0.0.1:1", EACH_WAY[2]);
        let log = log_of(&unreachable);
        drop(unreachable.of("/").connect());
        log.reaches(1).await;
        drop(unreachable);
        tasks_come_to(baseline).await;
    });
}

/// R40: the server hears of a client that is dropped, after what was said.
#[test]
fn a_client_that_is_dropped_says_what_it_had_to_say_and_leaves() {
    for transports in EACH_WAY {
        let server = Arc::new(witness(&json!({})));
        run(async {
            let socket = client(&url_of(&server), transports).of("/");
            soon(socket.connect()).await.unwrap();
            for number in 0..100 {
                socket.emit("number", &number).unwrap();
            }
            // The reference drops what it has not handed to its handlers yet when the farewell comes.
            expect_alive(&socket).await;
            drop(socket);
            assert_eq!(crate::harness::printed(&server, "left / ").await, "client namespace disconnect");
            let got = crate::harness::lines(&server.output().stdout, "got ");
            assert_eq!(got.len(), 101, "{transports:?}");
        });
    }
}

/// R21, R22: answers that nobody waits for any more are forgotten, on a connection that is there and while there is none; an
/// event whose answer is not wanted any more while it is kept is not sent.
#[test]
fn acknowledgements_that_are_dropped_leave_nothing() {
    let server = Arc::new(witness(&json!({})));
    run(async {
        let mut options = ClientSocketOptions::default();
        options.offline = socketio::client::OfflinePolicy::Bounded { max_bytes: 10_000 };
        let socket = client(&url_of(&server), EACH_WAY[2]).of_with("/", options);
        // The bound would be hit by what is not forgotten.
        for number in 0..10_000 {
            drop(socket.emit_with_ack::<u32>("number", &number));
        }
        assert!(socket.buffered().is_empty());
        soon(socket.connect()).await.unwrap();
        for _ in 0..1000 {
            drop(socket.emit_with_ack::<u32>("number", &1));
        }
        let forgotten = Arc::new(());
        let held = forgotten.clone();
        socket.on("never", move || {
            let _held = held.clone();
            async {}
        });
        expect_alive(&socket).await;
        assert_eq!(crate::harness::lines(&output_of(&server, &socket).await, "got ").len(), 1001);
        let (client, log) = (socket.client().clone(), Log::new());
        client.on_event(move |_| log.push("something"));
        drop((socket, client));
        tasks_come_to(Handle::current().metrics().num_alive_tasks().min(1)).await;
        while Arc::strong_count(&forgotten) > 1 {
            tokio::task::yield_now().await;
        }
    });
}
