//! That nothing is kept of what was asked, however it ended: what cannot be seen from outside. Hazards R22, R23.

use std::{sync::Arc, time::Duration};

use socketio_cluster::MemoryHub;

use crate::{Config, PendingAnswers, Server, testing::TestClient};

async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

fn ask(io: &Server) -> PendingAnswers<u32> {
    io.of("/").broadcast().timeout(Duration::from_secs(3)).emit_with_ack("q", &()).unwrap()
}

/// What the server keeps of questions: those of its node, who waits for them, and acknowledgements of its clients.
fn kept(io: &Server) -> (usize, usize, usize) {
    let sockets = io.of("/").sockets();
    let state = io.registry.environment.cluster().unwrap().lock();
    let acks = sockets.iter().map(|socket| socket.core.awaited_acks()).sum();
    (state.node.pending_requests(), state.waiting.len(), acks)
}

async fn expect_nothing_kept(servers: &[Server], why: &str) {
    settle().await;
    for (number, io) in servers.iter().enumerate() {
        assert_eq!(kept(io), (0, 0, 0), "by server {number}: {why}");
    }
}

/// Hazard R22.
#[tokio::test(start_paused = true)]
async fn nothing_is_kept_of_a_question_however_it_ends() {
    let hub = MemoryHub::new();
    let mut servers = Vec::new();
    for _ in 0..2 {
        servers.push(Server::in_cluster(Config::default(), Arc::new(hub.backplane())).await.unwrap());
    }
    settle().await;
    let clients = [TestClient::connect(&servers[0]).await, TestClient::connect(&servers[1]).await];
    for _ in 0..10 {
        let answers = ask(&servers[0]);
        assert_eq!(kept(&servers[0]), (1, 1, 1));
        for client in &clients {
            client.receive_event("q").await.ack(&1);
        }
        answers.await.unwrap();
        expect_nothing_kept(&servers, "answered").await;

        drop(ask(&servers[0]));
        assert_eq!(kept(&servers[0]), (0, 0, 0));
        for client in &clients {
            client.receive_event("q").await.ack(&1);
        }
        expect_nothing_kept(&servers, "dropped, and answered late").await;

        let late = ask(&servers[0]).await.unwrap_err();
        assert_eq!(late.missing_clients, 2);
        expect_nothing_kept(&servers, "late").await;

        // What is never looked at keeps its place as long as it is there.
        let answers = ask(&servers[0]);
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert_eq!(kept(&servers[0]), (0, 0, 1));
        drop(answers);
        expect_nothing_kept(&servers, "never awaited").await;

        drop(servers[0].of("/").server_side_emit_with_ack::<()>("q", &()).unwrap());
        let asked = servers[0].of("/").server_side_emit_with_ack::<Option<u8>>("q", &()).unwrap();
        asked.await.unwrap();
        servers[0].of("/").fetch_sockets().await.unwrap();
        let fetching = servers[0].of("/");
        tokio::select! { biased; _ = fetching.fetch_sockets() => panic!("at once"), () = async {} => {} }
        expect_nothing_kept(&servers, "events between servers, and sockets").await;
        for client in &clients {
            while client.next_event().within(Duration::from_millis(1)).result().await.is_ok() {}
        }
    }
    let answers = ask(&servers[0]);
    settle().await;
    servers[1].close().await;
    clients[0].receive_event("q").await.ack(&1);
    answers.await.unwrap_err();
    expect_nothing_kept(&servers, "the other server closed").await;
}
