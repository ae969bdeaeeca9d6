//! [`MemoryBackplane`]: several servers in one process, for tests and as the pattern for other backplanes.
//!
//! Leaves out everything that another process could take part in.
#![expect(
    clippy::disallowed_types,
    reason = "servers in different threads share the queues; the rest of the crate has one owner for everything"
)]

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    future::{self, poll_fn},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use bytes::Bytes;

use crate::{Backplane, BackplaneError, BoxFuture, Destination, Inbox, NodeId, Publication};

/// Most bytes that wait for one server, which is 64 MiB: what comes beyond that is lost to it, and counted.
///
/// ```
/// use socketio_cluster::{MAX_WAITING_BYTES, WireLimits};
///
/// assert!(WireLimits::default().max_message_bytes < MAX_WAITING_BYTES);
/// ```
pub const MAX_WAITING_BYTES: usize = 64 << 20;

/// What the servers of one process have in common. Cloning it gives another handle to the same.
///
/// ```
/// use std::{future::Future, pin::pin, sync::mpsc, task::{Context, Poll, Waker}};
/// use socketio_cluster::{Backplane, Destination, MemoryHub, NodeId, Publication};
/// use socketio_proto::Namespace;
///
/// fn now<T>(future: impl Future<Output = T>) -> T {
///     match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
///         Poll::Ready(value) => value,
///         Poll::Pending => panic!("it waits"),
///     }
/// }
///
/// let hub = MemoryHub::new();
/// let (one, two) = (hub.backplane(), hub.backplane());
/// let (send, received) = mpsc::channel();
/// let _nothing_comes = now(one.start(NodeId::new(1), Box::new(|_| {})))?;
/// let receiving = now(two.start(NodeId::new(2), Box::new(move |bytes| send.send(bytes).unwrap_or(()))))?;
///
/// let (destination, namespace) = (Destination::All, Namespace::root());
/// now(one.publish(Publication { destination, namespace, room: None, bytes: "hello".into() }))?;
/// now(two.close());
/// now(receiving)?; // takes what has come before it was closed
/// assert_eq!(received.recv()?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct MemoryHub(Arc<Mutex<BTreeMap<NodeId, Member>>>);

#[derive(Default)]
struct Member {
    queue: VecDeque<Bytes>,
    waiting_bytes: usize,
    lost: u64,
    is_cut_off: bool,
    is_closed: bool,
    waker: Option<Waker>,
}

impl Member {
    fn push(&mut self, bytes: &Bytes) {
        if self.is_closed || self.is_cut_off || self.waiting_bytes.saturating_add(bytes.len()) > MAX_WAITING_BYTES {
            self.lost += 1;
            return;
        }
        self.waiting_bytes += bytes.len();
        self.queue.push_back(bytes.clone());
    }
}

impl MemoryHub {
    /// A hub without servers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A backplane for one server more.
    ///
    /// ```
    /// use socketio_cluster::{Backplane, MemoryHub};
    ///
    /// let hub = MemoryHub::new();
    /// let own: Box<dyn Backplane> = Box::new(hub.backplane());
    /// assert_eq!(format!("{hub:?}"), "MemoryHub { servers: 0 }"); // it counts when it has started
    /// # drop(own);
    /// ```
    #[must_use]
    pub fn backplane(&self) -> MemoryBackplane {
        MemoryBackplane { hub: self.clone(), node: Arc::default() }
    }

    /// Cuts a server off: what it publishes fails, and what others publish is lost to it. What waits for it already still comes.
    ///
    /// ```
    /// use socketio_cluster::{Backplane, Destination, MemoryHub, NodeId, Publication};
    ///
    /// # fn now<T>(future: impl std::future::Future<Output = T>) -> T {
    /// #     match std::pin::pin!(future).poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
    /// #         std::task::Poll::Ready(value) => value,
    /// #         std::task::Poll::Pending => panic!("it waits"),
    /// #     }
    /// # }
    /// let (hub, two) = (MemoryHub::new(), NodeId::new(2));
    /// let (sender, receiver) = (hub.backplane(), hub.backplane());
    /// let _of_one = now(sender.start(NodeId::new(1), Box::new(|_| {})))?;
    /// let _of_two = now(receiver.start(two.clone(), Box::new(|_| {})))?;
    /// hub.disconnect(&two);
    /// let (destination, namespace) = (Destination::All, Default::default());
    /// now(sender.publish(Publication { destination, namespace, room: None, bytes: "hello".into() }))?;
    /// assert_eq!(hub.lost(&two), 1);
    /// # Ok::<(), socketio_cluster::BackplaneError>(())
    /// ```
    pub fn disconnect(&self, node: &NodeId) {
        self.cut_off(node, true);
    }

    /// Undoes [`disconnect`](Self::disconnect).
    ///
    /// ```
    /// use socketio_cluster::{Backplane, Destination, MemoryHub, NodeId, Publication};
    ///
    /// # fn now<T>(future: impl std::future::Future<Output = T>) -> T {
    /// #     match std::pin::pin!(future).poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
    /// #         std::task::Poll::Ready(value) => value,
    /// #         std::task::Poll::Pending => panic!("it waits"),
    /// #     }
    /// # }
    /// let (hub, one) = (MemoryHub::new(), NodeId::new(1));
    /// let backplane = hub.backplane();
    /// let _receiving = now(backplane.start(one.clone(), Box::new(|_| {})))?;
    /// let (destination, namespace) = (Destination::All, Default::default());
    /// let hello = Publication { destination, namespace, room: None, bytes: "hello".into() };
    /// hub.disconnect(&one);
    /// assert!(now(backplane.publish(hello.clone())).is_err());
    /// hub.reconnect(&one);
    /// assert!(now(backplane.publish(hello)).is_ok());
    /// # Ok::<(), socketio_cluster::BackplaneError>(())
    /// ```
    pub fn reconnect(&self, node: &NodeId) {
        self.cut_off(node, false);
    }

    /// How many messages were lost to a server, being cut off or too slow.
    #[must_use]
    pub fn lost(&self, node: &NodeId) -> u64 {
        self.members().get(node).map_or(0, |member| member.lost)
    }

    fn cut_off(&self, node: &NodeId, is_cut_off: bool) {
        if let Some(member) = self.members().get_mut(node) {
            member.is_cut_off = is_cut_off;
        }
    }

    /// No user code runs under this lock, so that a panic cannot leave anything half done.
    fn members(&self) -> MutexGuard<'_, BTreeMap<NodeId, Member>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, sender: &NodeId, publication: &Publication) -> Result<(), BackplaneError> {
        let mut wakers = Vec::new();
        let mut members = self.members();
        if !members.get(sender).is_some_and(|member| !member.is_cut_off && !member.is_closed) {
            return Err(BackplaneError::new("this server is not connected"));
        }
        for (node, member) in members.iter_mut() {
            let is_meant = match &publication.destination {
                Destination::All => node != sender,
                Destination::Node(meant) => node == meant,
            };
            if is_meant {
                member.push(&publication.bytes);
                wakers.extend(member.waker.take());
            }
        }
        drop(members);
        wakers.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// The next message for that server; `None` when it has left.
    fn poll_message(&self, node: &NodeId, waker: &Waker) -> Poll<Option<Bytes>> {
        let mut members = self.members();
        let Some(member) = members.get_mut(node) else { return Poll::Ready(None) };
        if let Some(bytes) = member.queue.pop_front() {
            member.waiting_bytes -= bytes.len();
            return Poll::Ready(Some(bytes));
        }
        if member.is_closed {
            return Poll::Ready(None);
        }
        member.waker = Some(waker.clone());
        Poll::Pending
    }
}

impl fmt::Debug for MemoryHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryHub").field("servers", &self.members().len()).finish()
    }
}

/// The way of one server to a [`MemoryHub`].
///
/// ```
/// use socketio_cluster::{Backplane, MemoryHub, NodeId};
///
/// # fn now<T>(future: impl std::future::Future<Output = T>) -> T {
/// #     match std::pin::pin!(future).poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
/// #         std::task::Poll::Ready(value) => value,
/// #         std::task::Poll::Pending => panic!("it waits"),
/// #     }
/// # }
/// let hub = MemoryHub::new();
/// let (one, two) = (hub.backplane(), hub.backplane());
/// let _receiving = now(one.start(NodeId::new(1), Box::new(|_| {})))?;
/// assert!(now(two.start(NodeId::new(1), Box::new(|_| {}))).is_err()); // an id that is in use
/// # Ok::<(), socketio_cluster::BackplaneError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemoryBackplane {
    hub: MemoryHub,
    /// Whose it is, once started.
    node: Arc<Mutex<Option<NodeId>>>,
}

impl MemoryBackplane {
    fn node(&self) -> MutexGuard<'_, Option<NodeId>> {
        self.node.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, node: NodeId, inbox: Inbox) -> Result<BoxFuture<Result<(), BackplaneError>>, BackplaneError> {
        let mut own = self.node();
        if own.is_some() || self.hub.members().contains_key(&node) {
            return Err(BackplaneError::new("already started, or an id that is in use"));
        }
        self.hub.members().insert(node.clone(), Member::default());
        *own = Some(node.clone());
        let membership = Membership { hub: self.hub.clone(), node };
        Ok(Box::pin(receive(membership, inbox)))
    }
}

/// A server's place at the hub, given up when it is dropped: nobody is left to receive.
struct Membership {
    hub: MemoryHub,
    node: NodeId,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.hub.members().remove(&self.node);
    }
}

/// Messages in a row, after which other tasks of the thread have their turn.
const TURN: usize = 64;

async fn receive(membership: Membership, mut inbox: Inbox) -> Result<(), BackplaneError> {
    loop {
        for _ in 0..TURN {
            let next = poll_fn(|context| membership.hub.poll_message(&membership.node, context.waker())).await;
            let Some(bytes) = next else { return Ok(()) };
            inbox(bytes);
        }
        pause().await;
    }
}

/// Is ready when polled again, which it asks for.
async fn pause() {
    let mut is_first = true;
    poll_fn(|context| {
        if !std::mem::take(&mut is_first) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Backplane for MemoryBackplane {
    fn start(
        &self,
        node: NodeId,
        inbox: Inbox,
    ) -> BoxFuture<Result<BoxFuture<Result<(), BackplaneError>>, BackplaneError>> {
        Box::pin(future::ready(self.join(node, inbox)))
    }

    fn publish(&self, publication: Publication) -> BoxFuture<Result<(), BackplaneError>> {
        let node = self.node().clone();
        let published = match node {
            Some(node) => self.hub.publish(&node, &publication),
            None => Err(BackplaneError::new("not started")),
        };
        Box::pin(future::ready(published))
    }

    fn close(&self) -> BoxFuture<()> {
        let node = self.node().clone();
        let waker = node.and_then(|node| {
            let mut members = self.hub.members();
            let member = members.get_mut(&node)?;
            member.is_closed = true;
            member.waker.take()
        });
        waker.into_iter().for_each(Waker::wake);
        Box::pin(future::ready(()))
    }
}

#[cfg(test)]
mod tests;
