//! [`Driver`]: THE task of a client's session: requests, WebSockets, the timer, and nothing of the protocol, whose state is
//! in [`Shared`]. One round of [`Driver::poll`] does each of these once and goes round again while anything moved; then it
//! puts its waker where the others find it and sleeps.
//!
//! INVARIANT: a driver ends: once the session is closed, every request is given up and every wire has a deadline.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
};

use bytes::Bytes;
use engineio_proto::{
    ClientLimits, CloseReason, Moment, RequestId, TransportKind, WireFrame, WireId, WireLoss,
    websocket::{FrameEvent, FrameLimits, Role},
};
use tokio::time::Instant;

use super::{
    Listener, Notice, TransportError,
    endpoint::Endpoint,
    handshake::{OpenedWebSocket, open_websocket},
    requests::Requests,
    shared::{Inner, Order, Shared},
};
use crate::{
    alarm::Alarm,
    transport::{
        websocket::{Read, Wire},
        wires::Wires,
    },
};

/// Bytes taken from the session's queue at a time.
const WRITE_BUDGET: usize = 256 * 1024;

type Requested = Pin<Box<dyn Future<Output = Result<Bytes, TransportError>> + Send>>;
type Handshaken = Pin<Box<dyn Future<Output = Result<OpenedWebSocket, TransportError>> + Send>>;

/// The task of one session. It is to be polled, spawned or within another task, until it ends; dropping it cuts the
/// session off.
#[must_use = "nothing happens unless it is polled"]
pub struct Driver {
    shared: Arc<Shared>,
    endpoint: Arc<Endpoint>,
    polling: Requests,
    limits: ClientLimits,
    listener: Option<Listener>,
    /// At most a GET and a POST.
    requests: Vec<Request>,
    /// A GET that is not sent while the application has not taken what is here.
    held_back: Option<RequestId>,
    /// A WebSocket that is being opened.
    opening: Option<(WireId, Handshaken)>,
    /// The session's WebSocket, and those that are closing.
    wires: Wires,
    alarm: Alarm,
    /// Reading was suspended in this round, so that neither a wire nor the watch will wake this task.
    unread: bool,
}

/// Whether a task that runs a [`Driver`] may sleep; see [`Driver::run`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// There is more to do: the driver is to be run again.
    Again,
    /// It is woken when there is.
    Asleep,
    /// The session is over, and nothing of it is left to do.
    Ended,
}

struct Request {
    id: RequestId,
    is_post: bool,
    future: Requested,
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, endpoint: Arc<Endpoint>) -> Self {
        Self {
            shared,
            polling: Requests::new(endpoint.clone()),
            limits: endpoint.config().limits.clone(),
            listener: endpoint.config().listener.clone(),
            endpoint,
            requests: Vec::new(),
            held_back: None,
            opening: None,
            wires: Wires::default(),
            alarm: Alarm::new(),
            unread: false,
        }
    }

    /// Carries out what the session has ordered; says whether there was anything.
    fn take_orders(&mut self) -> bool {
        let (orders, notices, sid) = {
            let mut inner = self.shared.lock();
            if inner.orders.is_empty() && inner.notices.is_empty() {
                return false;
            }
            let sid = if inner.orders.is_empty() { None } else { inner.session.id() };
            (std::mem::take(&mut inner.orders), std::mem::take(&mut inner.notices), sid)
        };
        notices.iter().for_each(|notice| self.tell(*notice));
        let any = !orders.is_empty();
        for order in orders {
            match order {
                Order::Get(id) => self.held_back = Some(id),
                Order::Post(id, payload) => {
                    let posted = self.polling.post(sid.clone(), payload.bytes);
                    let future = Box::pin(async move { posted.await.map(|()| Bytes::new()) });
                    self.requests.push(Request { id, is_post: true, future });
                }
                Order::Abort(id) => {
                    self.requests.retain(|request| request.id != id);
                    self.held_back = self.held_back.filter(|held| *held != id);
                }
                Order::OpenWire(id) => {
                    self.opening = Some((id, Box::pin(open_websocket(self.endpoint.clone(), sid.clone()))));
                }
                Order::CloseWire(id, code) => {
                    if self.opening.as_ref().is_some_and(|(opening, _)| *opening == id) {
                        self.opening = None;
                    } else {
                        self.wires.close(id, code);
                    }
                }
            }
        }
        any
    }

    /// Tells the listener, and remembers whether WebSockets work here (row B5).
    fn tell(&self, notice: Notice) {
        let remembered = &self.endpoint.config().remembered;
        match notice {
            Notice::Opened => {
                let on = self.shared.lock().session.transport();
                remembered.store(on == TransportKind::WebSocket, Ordering::Relaxed);
            }
            Notice::Upgraded => {
                remembered.store(true, Ordering::Relaxed);
                self.polling.close_idle();
            }
            Notice::UpgradeFailed(_) => remembered.store(false, Ordering::Relaxed),
            _ => {}
        }
        if let Some(listener) = &self.listener {
            listener.tell(notice);
        }
    }

    /// The session is over: what was kept for its next request goes, and an error is remembered (row B5).
    fn finish(&self, inner: &Inner) {
        self.polling.close_idle();
        if inner.closed.is_some_and(|closed| closed.reason == CloseReason::TransportError) {
            self.endpoint.config().remembered.store(false, Ordering::Relaxed);
        }
    }

    /// Sends the GET that waits, unless the application lags behind: then what the server has stays there.
    fn poll_again(&mut self) -> bool {
        if self.held_back.is_none() {
            return false;
        }
        let sid = {
            let inner = self.shared.lock();
            if inner.has_incoming() && !inner.session.is_pausing() {
                self.unread = true;
                return false;
            }
            inner.session.id()
        };
        let Some(id) = self.held_back.take() else { return false };
        let future = Box::pin(self.polling.get(sid, self.limits.max_message_bytes));
        self.requests.push(Request { id, is_post: false, future });
        true
    }

    /// Moves requests on; says whether one has ended.
    fn drive_requests(&mut self, cx: &mut Context<'_>) -> bool {
        let mut ended = Vec::new();
        self.requests.retain_mut(|request| match request.future.as_mut().poll(cx) {
            Poll::Pending => true,
            Poll::Ready(outcome) => {
                ended.push((request.id, request.is_post, outcome));
                false
            }
        });
        let (received, sent) = self.polling.take_moved();
        if received + sent > 0 {
            let mut inner = self.shared.lock();
            inner.receiving |= received > 0;
            inner.bodies_moved(received + sent, self.shared.clock.now());
        }
        let moved = !ended.is_empty();
        for (id, is_post, outcome) in ended {
            let now = self.shared.clock.now();
            self.shared.feed(|inner, out| {
                inner.receiving = false;
                match outcome {
                    Ok(_) if is_post => inner.session.handle_posted(id, now, out),
                    Ok(body) => inner.session.handle_answer(id, body, now, out),
                    Err(error) => {
                        inner.error = Some(Arc::new(error));
                        inner.session.handle_request_failed(id, out);
                    }
                }
            });
        }
        moved
    }

    /// Moves the opening of a WebSocket on; says whether it has ended.
    fn drive_opening(&mut self, cx: &mut Context<'_>) -> bool {
        let Some((id, opening)) = &mut self.opening else { return false };
        let (id, Poll::Ready(outcome)) = (*id, opening.as_mut().poll(cx)) else { return false };
        self.opening = None;
        let now = self.shared.clock.now();
        match outcome {
            Ok(OpenedWebSocket { upgrade, protocol }) => {
                self.wires.push(Wire::new(id, upgrade, Role::Client));
                self.shared.feed(|inner, _| {
                    inner.protocol = protocol;
                    inner.session.handle_wire_opened(id);
                });
            }
            Err(error) => self.shared.feed(|inner, out| {
                inner.error = Some(Arc::new(error));
                inner.session.handle_wire_lost(id, WireLoss::Disconnected, now, out);
            }),
        }
        true
    }

    /// Reads each open wire once, unless the application has not taken what is here; says whether one is to be read again.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        let mut has_more = false;
        let limits =
            FrameLimits { max_message_bytes: self.limits.max_message_bytes, max_fragments: self.limits.max_fragments };
        for wire in self.wires.open() {
            {
                let inner = self.shared.lock();
                if inner.has_incoming() && !inner.session.is_candidate(wire.id) {
                    self.unread = true;
                    continue;
                }
            }
            let Poll::Ready(read) = wire.poll_read(limits, cx) else { continue };
            let (id, now) = (wire.id, self.shared.clock.now());
            self.shared.feed(|inner, out| match read {
                Read::Part(bytes) => {
                    inner.receiving = true;
                    inner.wire_moved(id, bytes, now);
                }
                Read::Ended => inner.session.handle_wire_lost(id, WireLoss::Disconnected, now, out),
                Read::Frames(events, error) => {
                    inner.receiving = false;
                    for event in events {
                        if let FrameEvent::Close(Some(frame)) = &event {
                            inner.error = Some(Arc::new(TransportError::closed(frame)));
                        }
                        inner.session.handle_frame(id, event, now, out);
                        inner.carry_out(out);
                    }
                    if let Some(error) = error {
                        inner.error = Some(Arc::new(TransportError::frame(error)));
                        inner.session.handle_wire_lost(id, WireLoss::Violation(error), now, out);
                    }
                }
            });
            // Where the application has something to take, the rest waits until it has.
            let inner = self.shared.lock();
            if inner.has_incoming() && !inner.session.is_candidate(id) {
                self.unread = true;
            } else {
                has_more = true;
            }
        }
        has_more
    }

    /// Lets the session see the time. Where nothing is read, a ping may be waiting unseen: the session is told (R17).
    fn tick(&self) {
        let mut inner = self.shared.lock();
        let now = inner.take_lateness().unwrap_or_else(|| self.shared.clock.now());
        if self.unread && inner.has_incoming() {
            inner.session.handle_reading_paused(now);
        } else {
            inner.session.handle_reading_resumed(now);
        }
        let due = inner.session.next_timeout().is_some_and(|at| at <= now);
        drop(inner);
        if due {
            self.shared.feed(|inner, out| inner.session.handle_timeout(now, out));
        }
    }

    /// Posts and writes what the session has to send.
    fn write(&mut self, cx: &mut Context<'_>) {
        let shared = &self.shared;
        if shared.lock().session.wants_flush() {
            shared.feed(|inner, out| inner.session.handle_flush(out));
        }
        let take = |id, frames: &mut Vec<WireFrame>| {
            let wants = shared.lock().session.wants_write(id);
            if wants {
                shared.feed(|inner, out| inner.session.take_frames(id, WRITE_BUDGET, frames, out));
            }
            wants
        };
        let written = |id, outcome: io::Result<()>| {
            let now = shared.clock.now();
            shared.feed(|inner, out| match outcome {
                Ok(()) => inner.session.handle_wire_flushed(id),
                Err(error) => {
                    inner.error = Some(Arc::new(TransportError::broken(error)));
                    inner.session.handle_wire_lost(id, WireLoss::Disconnected, now, out);
                }
            });
        };
        let part = |id, bytes| shared.lock().wire_moved(id, bytes, shared.clock.now());
        self.wires.write(cx, take, written, part);
    }

    /// The first half of a poll, for a task that does more than this: moves the session on until nothing moves any more. The
    /// driver stays awake, so that what the task itself does to the session does not wake it; [`Driver::rest`] is to be called
    /// before the task sleeps.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use std::{future::poll_fn, task::Poll};
    /// use engineio::client::Rest;
    ///
    /// let (session, mut driver) = engineio::client::open("http://localhost:1".parse().unwrap(), Default::default());
    /// poll_fn(|cx| loop {
    ///     driver.run(cx);
    ///     session.close(engineio::CloseMode::Discard); // or whatever the task does
    ///     match driver.rest(cx) {
    ///         Rest::Again => {}
    ///         Rest::Asleep => return Poll::Pending,
    ///         Rest::Ended => return Poll::Ready(()),
    ///     }
    /// })
    /// .await;
    /// # }
    /// ```
    pub fn run(&mut self, cx: &mut Context<'_>) {
        self.shared.lock().driver_runs(cx.waker());
        loop {
            self.unread = false;
            let mut moved = self.take_orders();
            moved |= self.poll_again();
            moved |= self.drive_requests(cx);
            moved |= self.drive_opening(cx);
            moved |= self.read(cx);
            self.tick();
            self.write(cx);
            moved |= self.take_orders();
            self.wires.drive_close(cx);
            if !moved && !self.has_work(&self.shared.lock()) {
                return;
            }
        }
    }

    /// The other half: whether the task may sleep, as far as the driver is concerned. If so, the driver wakes it.
    pub fn rest(&mut self, cx: &mut Context<'_>) -> Rest {
        let shared = self.shared.clone();
        let mut inner = shared.lock();
        if self.has_work(&inner) {
            return Rest::Again;
        }
        if self.is_done(&inner) {
            self.finish(&inner);
            return Rest::Ended;
        }
        let deadline = self.deadline(&inner);
        inner.driver_sleeps();
        drop(inner);
        if self.alarm.is_over(deadline, cx) { Rest::Again } else { Rest::Asleep }
    }

    fn deadline(&self, inner: &Inner) -> Option<Instant> {
        let far = |at: &Moment| *at < Moment::from_nanos(u64::MAX);
        let session = inner.session.next_timeout().filter(far).map(|at| self.shared.clock.instant(at));
        self.wires.deadline().into_iter().chain(session).min()
    }

    /// Whether something came up since this round looked at it.
    fn has_work(&self, inner: &Inner) -> bool {
        !inner.orders.is_empty()
            || !inner.notices.is_empty()
            || inner.is_late()
            || (self.unread && !inner.has_incoming())
            || inner.session.wants_flush()
            || self.wires.can_take(|id| inner.session.wants_write(id))
    }

    fn is_done(&self, inner: &Inner) -> bool {
        inner.closed.is_some() && self.wires.is_empty() && self.requests.is_empty() && self.opening.is_none()
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.run(cx);
            match self.rest(cx) {
                Rest::Again => {}
                Rest::Asleep => return Poll::Pending,
                Rest::Ended => return Poll::Ready(()),
            }
        }
    }
}

/// A driver that goes away takes its session along: nobody waits for what cannot come any more.
impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.close(engineio_proto::CloseMode::Discard);
    }
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("shared", &self.shared).finish_non_exhaustive()
    }
}
