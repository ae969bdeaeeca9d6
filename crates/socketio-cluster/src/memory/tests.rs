//! The backplane in memory, and with it what every backplane has to keep to.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Wake},
};

use socketio_proto::Namespace;

use super::*;

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

struct Server {
    id: NodeId,
    backplane: MemoryBackplane,
    receiving: Option<BoxFuture<Result<(), BackplaneError>>>,
    received: mpsc::Receiver<Bytes>,
    wakes: Arc<Count>,
}

impl Server {
    fn start(hub: &MemoryHub, id: u64) -> Self {
        let (id, backplane) = (NodeId::new(id), hub.backplane());
        let (send, received) = mpsc::channel();
        let inbox: Inbox = Box::new(move |bytes| send.send(bytes).unwrap());
        let receiving = Some(now(backplane.start(id.clone(), inbox)).unwrap());
        Self { id, backplane, receiving, received, wakes: Arc::new(Count(AtomicUsize::new(0))) }
    }

    fn publish(&self, destination: Destination, bytes: impl Into<Bytes>) -> Result<(), BackplaneError> {
        let (namespace, room, bytes) = (Namespace::root(), Some("r".into()), bytes.into());
        now(self.backplane.publish(Publication { destination, namespace, room, bytes }))
    }

    /// Whether receiving has ended.
    fn poll(&mut self) -> bool {
        let waker = Waker::from(Arc::clone(&self.wakes));
        self.receiving.as_mut().unwrap().as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
    }

    fn received(&mut self) -> Vec<Bytes> {
        self.poll();
        self.received.try_iter().collect()
    }
}

#[test]
fn messages_reach_whom_they_are_for_in_order_and_not_their_sender() {
    let hub = MemoryHub::new();
    let [mut one, mut two, mut three] = [1, 2, 3].map(|id| Server::start(&hub, id));
    one.publish(Destination::All, "1").unwrap();
    one.publish(Destination::Node(two.id.clone()), "2").unwrap();
    one.publish(Destination::All, "3").unwrap();
    assert_eq!(two.received(), ["1", "2", "3"]);
    assert_eq!(three.received(), ["1", "3"]);
    assert!(one.received().is_empty());
    one.publish(Destination::Node(NodeId::new(9)), "to nobody").unwrap();
    assert!(two.received().is_empty());
}

#[test]
fn a_message_wakes_whom_it_is_for_and_many_let_others_have_their_turn() {
    let hub = MemoryHub::new();
    let [one, mut two] = [1, 2].map(|id| Server::start(&hub, id));
    assert!(!two.poll());
    assert_eq!(two.wakes.0.load(Ordering::Relaxed), 0);
    for _ in 0..TURN + 1 {
        one.publish(Destination::All, "x").unwrap();
    }
    assert_eq!(two.wakes.0.load(Ordering::Relaxed), 1);
    assert_eq!(two.received().len(), TURN);
    assert_eq!(two.wakes.0.load(Ordering::Relaxed), 2, "there is more");
    assert_eq!(two.received().len(), 1);
}

#[test]
fn a_server_that_is_cut_off_neither_hears_nor_is_heard_until_it_is_back() {
    let hub = MemoryHub::new();
    let [mut one, mut two] = [1, 2].map(|id| Server::start(&hub, id));
    hub.disconnect(&two.id);
    one.publish(Destination::All, "lost").unwrap();
    assert!(two.publish(Destination::All, "not sent").is_err());
    assert!(two.received().is_empty() && one.received().is_empty());
    assert_eq!(hub.lost(&two.id), 1);
    hub.reconnect(&two.id);
    one.publish(Destination::All, "back").unwrap();
    two.publish(Destination::All, "again").unwrap();
    assert_eq!((two.received(), one.received()), (vec!["back".into()], vec!["again".into()]));
}

#[test]
fn a_server_that_does_not_take_its_messages_loses_what_is_beyond_the_bound() {
    let hub = MemoryHub::new();
    let [one, mut two] = [1, 2].map(|id| Server::start(&hub, id));
    let half = Bytes::from(vec![0; MAX_WAITING_BYTES / 2]);
    for _ in 0..3 {
        one.publish(Destination::All, half.clone()).unwrap();
    }
    one.publish(Destination::All, Bytes::new()).unwrap();
    assert_eq!(hub.lost(&two.id), 1);
    assert_eq!(two.received().iter().map(Bytes::len).collect::<Vec<_>>(), [half.len(), half.len(), 0]);
    one.publish(Destination::All, half).unwrap();
    assert_eq!(two.received().len(), 1, "there is room again");
}

#[test]
fn what_came_before_the_end_is_taken_and_nothing_is_left_behind() {
    let hub = MemoryHub::new();
    let [one, mut two] = [1, 2].map(|id| Server::start(&hub, id));
    assert!(!two.poll());
    one.publish(Destination::All, "last").unwrap();
    now(two.backplane.close());
    now(two.backplane.close());
    one.publish(Destination::All, "too late").unwrap();
    assert!(two.publish(Destination::All, "closed").is_err());
    assert!(two.poll());
    assert_eq!(two.received.try_iter().collect::<Vec<_>>(), ["last"]);
    assert_eq!(hub.members().len(), 1);
    // Whose future is dropped is gone as well, and its id is free.
    drop(one);
    assert_eq!(hub.members().len(), 0);
    Server::start(&hub, 1);
}

#[test]
fn an_id_can_be_there_once_and_a_backplane_be_started_once() {
    let hub = MemoryHub::new();
    let one = Server::start(&hub, 1);
    let start = |backplane: &MemoryBackplane, id| now(backplane.start(NodeId::new(id), Box::new(|_| {}))).map(drop);
    assert!(start(&hub.backplane(), 1).is_err());
    assert!(start(&one.backplane, 2).is_err());
    let (destination, namespace) = (Destination::All, Namespace::root());
    let publication = Publication { destination, namespace, room: None, bytes: "x".into() };
    assert!(now(hub.backplane().publish(publication)).is_err(), "not started");
}
