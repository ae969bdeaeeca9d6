//! [`Waiting`]: those who wait for a session's send queue: for room in it, or for what they sent to leave it.
//! Rows A59, J1, J2.
//!
//! Leaves out the queue itself and what "left" means, which are the protocol's ([`ServerSession`]).
//!
//! INVARIANT: no wake-up is lost. Whether something is due is looked at under the session's lock, with each change of
//! the session and each step out of the line, and so is the first look of whoever comes.
//!
//! INVARIANT: a session for which nobody waits pays for one look at a null pointer.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll, Waker},
};

use engineio_proto::{MessageFrame, SendError, SendMark, SendOptions, SendQueue, Sent, ServerSession};

use crate::shared::{Shared, wake_driver};

/// What was queued for somebody, and the mark behind it.
pub(crate) type Queued = (Sent, SendMark);

/// Who waits for a session's send queue.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    lines: Option<Box<Lines>>,
}

#[derive(Debug, Default)]
struct Lines {
    /// For room for what they send, in the order in which they came.
    for_room: BTreeMap<u64, ForRoom>,
    /// For room without sending anything.
    to_be_ready: BTreeMap<u64, Waker>,
    /// Out of that line, with what came of it; they have not looked yet.
    served: BTreeMap<u64, Queued>,
    /// For all in front of a mark to leave.
    to_leave: BTreeMap<(SendMark, u64), Waker>,
}

#[derive(Debug)]
struct ForRoom {
    frames: Vec<MessageFrame>,
    cost: usize,
    waker: Waker,
}

impl Waiting {
    /// Whether anybody waits.
    pub(crate) const fn is_awaited(&self) -> bool {
        self.lines.is_some()
    }

    /// Serves those whose time has come: whoever waits for room has given the frames away, and they are queued here.
    /// Gives whom to wake, once the session is unlocked.
    pub(crate) fn serve(&mut self, session: &mut ServerSession) -> Vec<Waker> {
        let Some(lines) = &mut self.lines else { return Vec::new() };
        let mut due = Vec::new();
        while let Some(first) = lines.for_room.first_entry() {
            if session.takes_messages() && !session.has_room(first.get().cost) {
                break;
            }
            let (number, ForRoom { frames, waker, .. }) = first.remove_entry();
            // Who is not served and not in the line any more finds the session closed.
            if let Ok(sent) = session.handle_send_with(&frames, SendOptions::KEPT) {
                lines.served.insert(number, (sent, session.sent_mark()));
            }
            due.push(waker);
        }
        if lines.for_room.is_empty() && (is_ready(session) || !session.takes_messages()) {
            due.extend(std::mem::take(&mut lines.to_be_ready).into_values());
        }
        // After the room was given away: what was dropped for it is not waited for either.
        while let Some(first) = lines.to_leave.first_entry() {
            if !session.has_left(first.key().0) && !session.is_closed() {
                break;
            }
            due.push(first.remove());
        }
        self.forget_empty();
        due
    }

    /// A number for somebody who comes: after all that were given, by this session and others, so that it is nobody
    /// else's however long its owner keeps it.
    fn number() -> u64 {
        static LAST: AtomicU64 = AtomicU64::new(0);
        LAST.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether somebody waits for room, who is not to be passed by those who take room: else a group that needs more
    /// than what leaves at a time would never get in beside others who fill up again what has left.
    pub(crate) fn has_line_for_room(&self) -> bool {
        self.lines.as_ref().is_some_and(|lines| !lines.for_room.is_empty())
    }

    /// What came of waiting for room.
    fn poll_room(&mut self, number: u64, waker: &Waker) -> Poll<Result<Queued, SendError>> {
        let Some(lines) = &mut self.lines else { return Poll::Ready(Err(SendError::Closed)) };
        if let Some(waits) = lines.for_room.get_mut(&number) {
            waits.waker.clone_from(waker);
            return Poll::Pending;
        }
        Poll::Ready(lines.served.remove(&number).ok_or(SendError::Closed))
    }

    fn forget_empty(&mut self) {
        let Some(lines) = &self.lines else { return };
        let Lines { for_room, to_be_ready, served, to_leave } = &**lines;
        if for_room.is_empty() && to_be_ready.is_empty() && served.is_empty() && to_leave.is_empty() {
            self.lines = None;
        }
    }
}

/// Waits for room and queues `frames`. Dropped before that, it has queued nothing.
pub(crate) struct SendWhenReady<'a> {
    shared: &'a Shared,
    frames: &'a [MessageFrame],
    number: Option<u64>,
}

impl<'a> SendWhenReady<'a> {
    pub(crate) const fn new(shared: &'a Shared, frames: &'a [MessageFrame]) -> Self {
        Self { shared, frames, number: None }
    }
}

impl Future for SendWhenReady<'_> {
    type Output = Result<Queued, SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mut inner = this.shared.lock();
        if let Some(number) = this.number {
            return inner.waiting.poll_room(number, cx.waker()).map(|outcome| {
                this.number = None;
                inner.waiting.forget_empty();
                outcome
            });
        }
        let cost = SendQueue::cost_of(this.frames);
        // Nobody passes those who came before.
        let is_first = !inner.waiting.has_line_for_room() && inner.session.has_room(cost);
        if is_first || !inner.session.takes_messages() {
            let outcome = inner.session.handle_send_with(this.frames, SendOptions::KEPT);
            let mark = inner.session.sent_mark();
            wake_driver(inner);
            return Poll::Ready(outcome.map(|sent| (sent, mark)));
        }
        let number = Waiting::number();
        let waits = ForRoom { frames: this.frames.to_vec(), cost, waker: cx.waker().clone() };
        inner.waiting.lines.get_or_insert_default().for_room.insert(number, waits);
        this.number = Some(number);
        Poll::Pending
    }
}

impl Drop for SendWhenReady<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut inner = self.shared.lock();
        if let Some(lines) = &mut inner.waiting.lines {
            lines.for_room.remove(&number);
            lines.served.remove(&number);
        }
        inner.waiting.forget_empty();
        // The next one may need less room than this one did.
        wake_driver(inner);
    }
}

/// Waits until half of the queue's bound is free.
pub(crate) struct Ready<'a> {
    shared: &'a Shared,
    number: Option<u64>,
}

impl<'a> Ready<'a> {
    pub(crate) const fn new(shared: &'a Shared) -> Self {
        Self { shared, number: None }
    }
}

fn is_ready(session: &ServerSession) -> bool {
    session.has_room(session.limits().max_queue_bytes / 2)
}

impl Future for Ready<'_> {
    type Output = Result<(), SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mut inner = this.shared.lock();
        if !inner.session.takes_messages() {
            return Poll::Ready(Err(SendError::Closed));
        }
        let waits = match this.number {
            Some(number) => inner.waiting.lines.as_ref().is_some_and(|lines| lines.to_be_ready.contains_key(&number)),
            None => inner.waiting.has_line_for_room() || !is_ready(&inner.session),
        };
        if !waits {
            // It is so now, or was so when this was woken, whatever has been sent since.
            return Poll::Ready(Ok(()));
        }
        let number = *this.number.get_or_insert_with(Waiting::number);
        inner.waiting.lines.get_or_insert_default().to_be_ready.insert(number, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Ready<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut inner = self.shared.lock();
        if let Some(lines) = &mut inner.waiting.lines {
            lines.to_be_ready.remove(&number);
        }
        inner.waiting.forget_empty();
    }
}

/// Waits until all in front of a mark has left.
pub(crate) struct Leaving<'a> {
    shared: &'a Shared,
    mark: SendMark,
    number: Option<u64>,
}

impl<'a> Leaving<'a> {
    pub(crate) const fn new(shared: &'a Shared, mark: SendMark) -> Self {
        Self { shared, mark, number: None }
    }
}

impl Future for Leaving<'_> {
    type Output = Result<(), SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mut inner = this.shared.lock();
        if inner.session.has_left(this.mark) {
            return Poll::Ready(Ok(()));
        }
        if inner.session.is_closed() {
            return Poll::Ready(Err(SendError::Closed));
        }
        let number = *this.number.get_or_insert_with(Waiting::number);
        let lines = inner.waiting.lines.get_or_insert_default();
        lines.to_leave.insert((this.mark, number), cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut inner = self.shared.lock();
        if let Some(lines) = &mut inner.waiting.lines {
            lines.to_leave.remove(&(self.mark, number));
        }
        inner.waiting.forget_empty();
    }
}
