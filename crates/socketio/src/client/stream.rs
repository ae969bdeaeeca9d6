//! [`Events`]: a socket's events as a stream, for those who would rather wait than be called. Row E51.
//!
//! It is bounded: while it is full, the client reads nothing, so that a consumer that lags becomes back-pressure and not
//! memory.

use std::{
    borrow::Cow,
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::{Stream, task::AtomicWaker};
use serde::de::DeserializeOwned;
use socketio_proto::{ArgumentError, Body};

use super::desk::Desk;
use crate::AckSender;

/// An event that has come.
#[derive(Debug)]
pub struct Incoming {
    body: Body,
    ack: Option<AckSender>,
}

impl Incoming {
    pub(super) const fn new(body: Body, ack: Option<AckSender>) -> Self {
        Self { body, ack }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        self.body.event_name().unwrap_or_default()
    }

    /// Its arguments, as for [`Data`](crate::Data): one value is one argument, a tuple is several.
    ///
    /// # Errors
    /// Where they do not fit.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, ArgumentError> {
        self.body.args()
    }

    /// Name, arguments and attachments, unread.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// The acknowledgement that the server waits for; `None` where it asked for none, or it was taken already. Where a
    /// stream and a handler see the same event, the stream has it.
    #[must_use]
    pub fn take_ack(&mut self) -> Option<AckSender> {
        self.ack.take()
    }
}

/// What is between the client's task and a stream.
pub(super) struct Queue {
    events: Mutex<VecDeque<Incoming>>,
    capacity: usize,
    consumer: AtomicWaker,
    /// One of the two sides is gone: nothing more comes, or nobody takes it.
    ended: AtomicBool,
    desk: Arc<Desk>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Incoming>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_full(&self) -> bool {
        self.lock().len() >= self.capacity
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(super) fn push(&self, event: Incoming) {
        let mut events = self.lock();
        if self.has_ended() {
            return;
        }
        events.push_back(event);
        drop(events);
        self.consumer.wake();
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.consumer.wake();
    }
}

/// The events of a socket, in order; made by [`Socket::events`](super::Socket::events). It goes on over reconnections, and ends when
/// the client does. Dropping it costs nothing.
///
/// ```no_run
/// # async fn f(socket: socketio::client::Socket) -> Result<(), Box<dyn std::error::Error>> {
/// let mut events = socket.events();
/// socket.connect().await?;
/// while let Some(mut event) = events.next().await {
///     println!("{}: {}", event.name(), event.body().json());
///     if let Some(ack) = event.take_ack() {
///         ack.send("seen")?;
///     }
/// }
/// # Ok(()) }
/// ```
#[must_use = "a stream that is kept and not read stops the client from reading"]
pub struct Events(Arc<Queue>);

impl Events {
    pub(super) fn new(capacity: usize, desk: Arc<Desk>) -> (Self, Arc<Queue>) {
        let queue = Arc::new(Queue {
            events: Mutex::default(),
            capacity: capacity.max(1),
            consumer: AtomicWaker::new(),
            ended: AtomicBool::new(false),
            desk,
        });
        (Self(queue.clone()), queue)
    }

    /// Waits for the next event; `None` once the client has ended.
    pub async fn next(&mut self) -> Option<Incoming> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&self, cx: &Context<'_>) -> Poll<Option<Incoming>> {
        self.0.consumer.register(cx.waker());
        let mut events = self.0.lock();
        let was_full = events.len() >= self.0.capacity;
        let event = events.pop_front();
        if events.is_empty() {
            *events = VecDeque::new();
        }
        drop(events);
        if was_full {
            self.0.desk.wake();
        }
        match event {
            Some(event) => Poll::Ready(Some(event)),
            None if self.0.has_ended() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl Stream for Events {
    type Item = Incoming;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        self.poll_event(cx)
    }
}

/// A full stream that goes away lets the client read on.
impl Drop for Events {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
        // The client may keep the rest of it until it reads again.
        let left = std::mem::take(&mut *self.0.lock());
        drop(left);
        self.0.desk.wake();
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("waiting", &self.0.lock().len()).finish_non_exhaustive()
    }
}
