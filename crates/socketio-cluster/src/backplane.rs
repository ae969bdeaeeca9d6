//! [`Backplane`]: what carries messages between servers. Bytes in, bytes out.
//!
//! Leaves out what is in the messages and who is alive (`node.rs`): a backplane never looks inside. There is one in memory
//! (`memory.rs`); those with a database behind them are crates of their own, which depend on this one only.

use std::{error::Error, fmt, future::Future, pin::Pin};

use bytes::Bytes;

use crate::{NodeId, Publication};

/// A future as a trait object: what async functions of a trait come to where the trait is used as one.
///
/// ```
/// use std::{future::ready, task::{Context, Poll, Waker}};
/// use socketio_cluster::BoxFuture;
///
/// let mut done: BoxFuture<u8> = Box::pin(ready(7));
/// assert_eq!(done.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(7));
/// ```
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Takes each message that comes in, whole, in order. It does not wait; what it takes to carry the message out is over, or is in other
/// hands, when it returns, so that what comes in faster than it can be handled waits where the backplane reads from.
///
/// ```
/// use std::sync::mpsc;
/// use socketio_cluster::Inbox;
///
/// let (send, received) = mpsc::channel();
/// let mut inbox: Inbox = Box::new(move |bytes| send.send(bytes).unwrap_or(()));
/// inbox("hello".into());
/// assert_eq!(received.recv()?, "hello");
/// # Ok::<(), mpsc::RecvError>(())
/// ```
pub type Inbox = Box<dyn FnMut(Bytes) + Send>;

/// Carries messages between the servers of a cluster.
///
/// # The contract, for authors
/// - **At most once, and in order.** Of what one server publishes, each other server gets each message once or not at all, and in the order
///   of the calls. There is no order between what different servers publish. What is lost, say while the connection is down, is lost.
/// - **To whom.** [`Destination::All`](crate::Destination::All) is every other server, whatever the namespace: servers do not tell the
///   backplane which namespaces they have. Only with a `room` may a server be left out, where the backplane knows that it has
///   no socket in there. [`Destination::Node`](crate::Destination::Node) may go to all. A server's own messages may come back to it, or
///   not: a [`Node`](crate::Node) ignores them.
/// - **Untouched.** The bytes come out as they went in. They are up to 16 MiB; a transport which cannot take as much refuses them
///   with an error.
/// - **By itself.** A lost connection is made again, as long as the future of [`start`](Self::start) is polled. Nothing is
///   spawned: whoever starts a backplane owns its task.
///
/// ```
/// use std::{future::ready, sync::mpsc};
/// use bytes::Bytes;
/// use socketio_cluster::{Backplane, BackplaneError, BoxFuture, Inbox, NodeId, Publication};
///
/// /// A cluster of one, which hears its own messages.
/// #[derive(Debug)]
/// struct Mirror(mpsc::Sender<Bytes>);
///
/// impl Backplane for Mirror {
///     fn start(&self, _: NodeId, _inbox: Inbox) -> BoxFuture<Result<BoxFuture<Result<(), BackplaneError>>, BackplaneError>> {
///         // Here it would connect, and then read and call `inbox` until it is closed.
///         Box::pin(ready(Ok(Box::pin(ready(Ok(()))) as BoxFuture<_>)))
///     }
///
///     fn publish(&self, publication: Publication) -> BoxFuture<Result<(), BackplaneError>> {
///         let sent = self.0.send(publication.bytes).map_err(BackplaneError::new);
///         Box::pin(ready(sent))
///     }
///
///     fn close(&self) -> BoxFuture<()> {
///         Box::pin(ready(()))
///     }
/// }
/// ```
pub trait Backplane: Send + Sync + fmt::Debug + 'static {
    /// Connects this server.
    ///
    /// The outer future ends when messages can be published and none that the others publish from then on is missed; the one that it
    /// gives receives, calling `inbox` with each message, until [`close`](Self::close) or until nothing more can come.
    ///
    /// # Errors
    /// Of the outer future: no connection. Of the inner one: it is lost, and it makes no sense to try again.
    fn start(
        &self,
        node: NodeId,
        inbox: Inbox,
    ) -> BoxFuture<Result<BoxFuture<Result<(), BackplaneError>>, BackplaneError>>;

    /// Publishes a message. Its place in the order is taken by the call, whether or not earlier futures have ended; the future only tells
    /// how it went, and has to be polled to its end.
    ///
    /// # Errors
    /// Where it certainly did not go out.
    fn publish(&self, publication: Publication) -> BoxFuture<Result<(), BackplaneError>>;

    /// Leaves, when all that was published before has gone out. Publishing fails from then on. A second call does nothing.
    fn close(&self) -> BoxFuture<()>;
}

/// Why something could not be published, or a backplane not be started.
///
/// ```
/// use socketio_cluster::BackplaneError;
///
/// assert_eq!(BackplaneError::new("not connected").to_string(), "backplane: not connected");
/// ```
#[derive(Debug)]
pub struct BackplaneError(Box<dyn Error + Send + Sync>);

impl BackplaneError {
    /// From whatever the transport says, or from a text.
    ///
    /// ```
    /// use std::error::Error;
    /// use socketio_cluster::BackplaneError;
    ///
    /// let error = BackplaneError::new(std::io::Error::other("reset"));
    /// assert_eq!(error.source().map(|cause| cause.to_string()).as_deref(), Some("reset"));
    /// ```
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for BackplaneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "backplane: {}", self.0)
    }
}

impl Error for BackplaneError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
