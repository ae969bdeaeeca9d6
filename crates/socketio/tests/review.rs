//! What a second reader of the server found: code of the application where it can do harm, counters, order between
//! threads, and what stays behind. Contract rows D51, D81, D92, D107, J1; hazards R11, R24, R25, R37.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;

use std::sync::Arc;

use client::Client;
use serde::Serialize;
use socketio::{Config, Server, Socket, cluster::MemoryHub};

/// Data that cannot be described to anybody.
struct Secret;

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("as it is meant to")
    }
}

/// R25: the data of one socket, asked for by another server, takes its server neither down nor out of the cluster.
#[tokio::test(start_paused = true)]
async fn data_that_panics_while_it_is_described_leaves_the_server_in_its_cluster() {
    let hub = MemoryHub::new();
    let one = Server::in_cluster(Config::default(), Arc::new(hub.backplane())).await.unwrap();
    let two = Server::in_cluster(Config::default(), Arc::new(hub.backplane())).await.unwrap();
    two.of("/").on_connect(async |socket: Socket| socket.set_data(Secret));
    let client = Client::connected(&two).await;
    for asks in [&one, &two] {
        let sockets = asks.of("/").fetch_sockets().await.unwrap();
        assert_eq!(sockets.len(), 1);
        assert_eq!(sockets[0].data::<u32>().unwrap(), None);
    }
    assert_eq!(two.counters().handler_panics, 2);
    one.of("/").emit("still there", &()).unwrap();
    assert_eq!(client.receive().await, ["42[\"still there\"]"]);
    one.close().await;
    two.close().await;
}
