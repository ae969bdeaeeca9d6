//! Several servers in one process, joined by a hub in memory: what tests of the cluster begin with.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use socketio::{
    Config, Server,
    cluster::{Backplane, BackplaneError, BoxFuture, Inbox, MemoryBackplane, MemoryHub, NodeId, Publication},
    testing::TestClient,
};

/// Servers that know each other.
pub(crate) struct Servers {
    pub(crate) hub: MemoryHub,
    pub(crate) io: Vec<Server>,
    /// Their ids, in the same order.
    pub(crate) ids: Vec<NodeId>,
}

impl Servers {
    pub(crate) async fn new(count: usize) -> Self {
        Self::with(count, &Config::default()).await
    }

    pub(crate) async fn with(count: usize, config: &Config) -> Self {
        let mut servers = Self { hub: MemoryHub::new(), io: Vec::new(), ids: Vec::new() };
        for _ in 0..count {
            servers.add(config.clone()).await;
        }
        assert!(servers.io.iter().all(|io| io.server_count() == count), "they have heard of each other");
        servers
    }

    /// One server more, as the last.
    pub(crate) async fn add(&mut self, config: Config) {
        let known = Arc::new(Known { backplane: self.hub.backplane(), id: Mutex::default() });
        self.io.push(Server::in_cluster(config, known.clone()).await.unwrap());
        self.ids.push(known.id.lock().unwrap().clone().unwrap());
        settle().await;
    }

    /// One client at each.
    pub(crate) async fn clients(&self) -> Vec<TestClient> {
        let mut clients = Vec::new();
        for io in &self.io {
            clients.push(TestClient::connect(io).await);
        }
        clients
    }

    #[allow(dead_code, reason = "each test file uses another part of this")]
    pub(crate) async fn close(self) {
        for io in &self.io {
            io.close().await;
        }
    }
}

/// Lets everybody else run until all wait: on a paused clock, time moves only then.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// A backplane that tells whose it is.
#[derive(Debug)]
struct Known {
    backplane: MemoryBackplane,
    id: Mutex<Option<NodeId>>,
}

impl Backplane for Known {
    fn start(
        &self,
        node: NodeId,
        inbox: Inbox,
    ) -> BoxFuture<Result<BoxFuture<Result<(), BackplaneError>>, BackplaneError>> {
        *self.id.lock().unwrap() = Some(node.clone());
        self.backplane.start(node, inbox)
    }

    fn publish(&self, publication: Publication) -> BoxFuture<Result<(), BackplaneError>> {
        self.backplane.publish(publication)
    }

    fn close(&self) -> BoxFuture<()> {
        self.backplane.close()
    }
}
