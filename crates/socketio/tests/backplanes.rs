//! Servers over backplanes of other kinds, and bytes that nobody should send: a server begins when its backplane has begun,
//! drives it to its end, and survives what comes from it. Contract rows D93, D94.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

mod servers;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use servers::{Servers, settle};
use socketio::{
    Config, Server,
    cluster::{
        Backplane, BackplaneError, BoxFuture, Destination, Inbox, MemoryBackplane, MemoryHub, NodeId, Publication,
    },
    testing::TestClient,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

/// S25: whatever comes over the backplane: refused and counted, and nothing else happens.
#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_message_are_refused_and_counted() {
    let servers = Servers::new(2).await;
    let clients = servers.clients().await;
    let intruder = servers.hub.backplane();
    let _receiving = intruder.start(NodeId::new(666), Box::new(|_| {})).await.unwrap();
    let deep = "[".repeat(100_000);
    let hostile: [&[u8]; 12] = [
        b"",
        b"{}",
        b"null",
        b"\xff\xfe\x00\xc1",
        deep.as_bytes(),
        br#"{"uid":"x","nsp":"/","type":3}"#,
        br#"{"uid":"x","nsp":"/","type":3,"data":{"opts":{"rooms":7},"packet":{}}}"#,
        br#"{"uid":"","nsp":"/","type":2}"#,
        br#"{"uid":"x","nsp":"/","type":99999999999999999999999}"#,
        br#"{"uid":"x","nsp":"/","type":7,"data":{}}"#,
        br#"{"uid":"x","nsp":"/","type":12,"data":{"requestId":5}}"#,
        b"\x83\xa3uid\xa1x",
    ];
    for bytes in hostile {
        let (destination, namespace) = (Destination::All, socketio_proto::Namespace::root());
        let bytes = bytes::Bytes::copy_from_slice(bytes);
        intruder.publish(Publication { destination, namespace, room: None, bytes }).await.unwrap();
    }
    settle().await;
    for io in &servers.io {
        let mut expected = socketio::Counters::default();
        (expected.sockets_joined, expected.cluster_messages_refused) = (1, hostile.len() as u64);
        assert_eq!(io.counters(), expected);
        assert_eq!(io.server_count(), 2);
    }
    servers.io[0].of("/").emit("still", &1).unwrap();
    for client in &clients {
        assert_eq!(client.receive::<u32>("still").await, 1);
    }
}

/// D94: a server is there when its backplane is, and not at all where that cannot be had.
#[tokio::test(start_paused = true)]
async fn a_server_begins_when_its_backplane_has_begun() {
    let hub = MemoryHub::new();
    let backplane = Arc::new(hub.backplane());
    let io = Server::in_cluster(Config::default(), backplane.clone()).await.unwrap();
    let second = Server::in_cluster(Config::default(), backplane).await;
    assert!(second.is_err(), "started twice");
    // What another server emits from now on is not missed.
    let client = TestClient::connect(&io).await;
    let other = Server::in_cluster(Config::default(), Arc::new(hub.backplane())).await.unwrap();
    other.of("/").emit("first", &1).unwrap();
    assert_eq!(client.receive::<u32>("first").await, 1);
}

/// A backplane that works only while its own future is polled, as a connection to a database does, and on demand not at
/// all.
#[derive(Debug)]
struct Lazy {
    backplane: MemoryBackplane,
    works: bool,
    sending: mpsc::UnboundedSender<Order>,
    orders: Mutex<Option<mpsc::UnboundedReceiver<Order>>>,
}

#[derive(Debug)]
enum Order {
    Publish(Publication, oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

impl Lazy {
    fn new(backplane: MemoryBackplane, works: bool) -> Arc<Self> {
        let (sending, orders) = mpsc::unbounded_channel();
        Arc::new(Self { backplane, works, sending, orders: Mutex::new(Some(orders)) })
    }
}

impl Backplane for Lazy {
    fn start(
        &self,
        node: NodeId,
        inbox: Inbox,
    ) -> BoxFuture<Result<BoxFuture<Result<(), BackplaneError>>, BackplaneError>> {
        let (starting, backplane) = (self.backplane.start(node, inbox), self.backplane.clone());
        let (mut orders, works) = (self.orders.lock().unwrap().take().unwrap(), self.works);
        Box::pin(async move {
            // It takes its time to connect (D94).
            tokio::time::sleep(Duration::from_secs(2)).await;
            let receiving = starting.await?;
            let working = async move {
                let mut forgotten = Vec::new();
                while let Some(order) = orders.recv().await {
                    match order {
                        order if !works => forgotten.push(order),
                        Order::Publish(publication, done) => {
                            backplane.publish(publication).await?;
                            let _ = done.send(());
                        }
                        Order::Close(done) => {
                            backplane.close().await;
                            let _ = done.send(());
                        }
                    }
                }
                Ok(())
            };
            Ok(Box::pin(async { tokio::try_join!(receiving, working).map(drop) }) as BoxFuture<_>)
        })
    }

    fn publish(&self, publication: Publication) -> BoxFuture<Result<(), BackplaneError>> {
        let (done, published) = oneshot::channel();
        let _ = self.sending.send(Order::Publish(publication, done));
        Box::pin(async { published.await.map_err(BackplaneError::new) })
    }

    fn close(&self) -> BoxFuture<()> {
        let (done, closed) = oneshot::channel();
        let _ = self.sending.send(Order::Close(done));
        Box::pin(async { closed.await.unwrap_or_default() })
    }
}

/// D93, D94: a backplane of the application's own: waited for when the server begins, driven until the farewell is out.
#[tokio::test(start_paused = true)]
async fn a_backplane_of_the_applications_own_is_driven_to_its_end() {
    let servers = Servers::new(1).await;
    let started = Instant::now();
    let own = Lazy::new(servers.hub.backplane(), true);
    let io = Server::in_cluster(Config::default(), own).await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 2);
    let client = TestClient::connect(&servers.io[0]).await;
    io.of("/").emit("news", &1).unwrap();
    assert_eq!(client.receive::<u32>("news").await, 1);
    assert_eq!(io.of("/").fetch_sockets().await.unwrap().len(), 1);
    let started = Instant::now();
    io.of("/").emit("last", &2).unwrap();
    io.close().await;
    assert!(started.elapsed() < Duration::from_millis(10), "{:?}", started.elapsed());
    assert_eq!(client.receive::<u32>("last").await, 2);
    assert_eq!(servers.io[0].server_count(), 1, "it has said farewell");
    assert_eq!(io.counters().cluster_failures, 0);
}

/// A backplane that is stuck holds up neither this server's sockets nor its end.
#[tokio::test(start_paused = true)]
async fn a_backplane_that_is_stuck_holds_nobody_up() {
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let hub = MemoryHub::new();
    let io = Server::in_cluster(Config::default(), Lazy::new(hub.backplane(), false)).await.unwrap();
    let client = TestClient::connect(&io).await;
    io.of("/").emit("news", &1).unwrap();
    assert_eq!(client.receive::<u32>("news").await, 1);
    assert_eq!(io.of("/").fetch_sockets().await.unwrap().len(), 1);
    let started = Instant::now();
    io.close().await;
    assert_eq!(started.elapsed().as_secs(), 5);
    drop((client, io));
    let io = Server::in_cluster(Config::default(), Lazy::new(hub.backplane(), false)).await.unwrap();
    drop(io);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(alive(), before);
}

/// A backplane that takes a message and never says that it went.
#[derive(Debug)]
struct Stalled;

impl Backplane for Stalled {
    fn start(&self, _: NodeId, _: Inbox) -> BoxFuture<Result<BoxFuture<Result<(), BackplaneError>>, BackplaneError>> {
        Box::pin(std::future::ready(Ok(Box::pin(std::future::pending()) as BoxFuture<_>)))
    }

    fn publish(&self, _: Publication) -> BoxFuture<Result<(), BackplaneError>> {
        Box::pin(std::future::pending())
    }

    fn close(&self) -> BoxFuture<()> {
        Box::pin(std::future::ready(()))
    }
}

/// A broker that hangs costs a bounded number of bytes; past them messages to the other servers are dropped and counted,
/// and this server's own clients get everything.
#[tokio::test(start_paused = true)]
async fn a_backplane_that_stalls_costs_no_memory_without_end() {
    let io = Server::in_cluster(Config::default(), Arc::new(Stalled)).await.unwrap();
    let client = TestClient::connect(&io).await;
    let megabyte = "x".repeat(900_000);
    for number in 0..100 {
        io.of("/").emit("big", &(number, &megabyte)).unwrap();
        assert_eq!(client.receive::<(u32, String)>("big").await.0, number);
    }
    let dropped = io.counters().cluster_failures;
    assert!((20..60).contains(&dropped), "{dropped}");
}
