//! [`Driver`]: THE task of a session: read, feed, run the application, drain, write, sleep.
//!
//! It owns the WebSockets, the session's one timer and the application's future; the protocol's state is
//! in [`Shared`]. [`Driver::poll`] does each of these once and goes round again while anything comes in; then it
//! says that it sleeps, so that the others wake it.
//!
//! INVARIANT: a driver ends: once the session is closed, every wire has a deadline, and the application is
//! told by `recv` giving `None`.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use engineio_proto::{
    CloseMode, CloseReason, Limits, Moment, Output, WireFrame, WireLoss,
    websocket::{FrameError, FrameLimits, Role},
};
use tokio::time::Instant;

use crate::{
    alarm::Alarm,
    server::Registration,
    shared::{Inner, Orders},
    transport::{
        websocket::{Read, Wire},
        wires::Wires,
    },
};

/// Bytes taken from the session's queue at a time.
const WRITE_BUDGET: usize = 256 * 1024;

pub(crate) type Application = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The task of one session.
pub(crate) struct Driver {
    /// Given up once the session is closed: then nobody finds it any more.
    shared: Registration,
    /// `None` once it has ended.
    application: Option<Application>,
    /// The session's WebSocket and its candidate, and those that are closing.
    wires: Wires,
    alarm: Alarm,
    /// The news up to which the application was run.
    seen: u32,
    /// A wire was not read when it was last looked at, so that it will not wake this task.
    unread: bool,
    /// The session may be found by its id, since it is not closed.
    listed: bool,
}

impl Driver {
    pub(crate) fn new(registration: Registration, application: Application) -> Self {
        Self {
            shared: registration,
            application: Some(application),
            wires: Wires::default(),
            alarm: Alarm::new(),
            seen: 0,
            unread: false,
            listed: true,
        }
    }

    /// Runs the application until it waits, with all news up to these.
    fn run_application(&mut self, news: u32, cx: &mut Context<'_>) {
        self.seen = news;
        let Some(application) = &mut self.application else { return };
        if application.as_mut().poll(cx).is_ready() {
            self.application = None;
            self.shared.close(CloseMode::Graceful);
        }
    }

    /// Picks up what the requests and the session left for this task, which runs and need not be woken.
    fn take_orders(&mut self, waker: &Waker) {
        let mut inner = self.shared.lock();
        inner.driver_runs(waker);
        let Orders { offered, close_wires } = inner.take_orders();
        let is_closed = inner.closed().is_some();
        drop(inner);
        if is_closed && std::mem::take(&mut self.listed) {
            self.shared.give_up();
        }
        if let Some((id, upgrade)) = offered {
            self.wires.push(Wire::new(id, upgrade, Role::Server));
        }
        for (id, code) in close_wires {
            self.wires.close(id, code);
        }
    }

    /// Reads each open wire once, unless the application has not taken what is here; says whether
    /// anything came.
    fn read(&mut self, now: Moment, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        self.unread = false;
        let Limits { max_payload_bytes: max_message_bytes, max_fragments, .. } = *self.shared.surroundings.limits;
        for wire in self.wires.open() {
            if self.shared.lock().has_incoming() {
                self.unread = true;
                break;
            }
            let Poll::Ready(read) = wire.poll_read(FrameLimits { max_message_bytes, max_fragments }, cx) else {
                continue;
            };
            moved = true;
            let id = wire.id;
            match &read {
                Read::Frames(_, Some(FrameError::MessageTooBig { .. })) => {
                    self.shared.tally().payloads_too_large.count()
                }
                Read::Frames(_, Some(FrameError::TooManyFragments { .. })) => {
                    self.shared.tally().too_many_fragments.count();
                }
                _ => {}
            }
            self.shared.feed(|inner, out| match read {
                Read::Part(bytes) => {
                    inner.receiving = true;
                    inner.session.handle_wire_progress(id, bytes, now);
                }
                Read::Ended => inner.session.handle_wire_lost(id, WireLoss::Disconnected, now, out),
                Read::Frames(events, error) => {
                    inner.receiving = false;
                    out.reserve(events.len());
                    for event in events {
                        inner.session.handle_frame(id, event, now, out);
                    }
                    if let Some(error) = error {
                        inner.session.handle_wire_lost(id, WireLoss::Violation(error), now, out);
                    }
                }
            });
        }
        moved
    }

    /// Lets the session see the time. Yields the news up to now.
    fn tick(&self, now: Moment) -> u32 {
        let mut inner = self.shared.lock();
        inner.note_reading(now);
        if inner.session.next_timeout().is_none_or(|at| at > now) {
            return inner.news;
        }
        drop(inner);
        self.time_out(now);
        self.shared.lock().news
    }

    fn time_out(&self, now: Moment) {
        let (candidate_late, closed) = self.shared.feed(|inner, out| {
            let upgrading = inner.session.is_upgrading();
            inner.session.handle_timeout(now, out);
            let closed =
                out.iter().find_map(|output| if let Output::Closed(closed) = output { Some(*closed) } else { None });
            (upgrading && !inner.session.is_upgrading() && closed.is_none(), closed)
        });
        if candidate_late {
            self.shared.tally().upgrade_timeouts.count();
        }
        // Time alone closes by force only what was closing already.
        if closed.is_some_and(|closed| closed.reason == CloseReason::ForcedClose) {
            self.shared.tally().close_timeouts.count();
        }
    }

    /// Hands the wires what the session has for them and writes.
    fn write(&mut self, cx: &mut Context<'_>) {
        let shared = &self.shared;
        let inner = shared.lock();
        let (flushes, wires) = (inner.session.wants_flush(), &self.wires);
        let is_idle = wires.is_flushed() && !wires.can_take(|id| inner.session.wants_write(id));
        drop(inner);
        if flushes {
            shared.feed(|inner, out| inner.session.handle_flush(out));
        }
        if is_idle {
            return;
        }
        let take = |id, frames: &mut Vec<WireFrame>| {
            shared.feed(|inner, out| {
                let wants = inner.session.wants_write(id);
                if wants {
                    inner.session.take_frames(id, WRITE_BUDGET, frames, out);
                }
                wants
            })
        };
        let written = |id, outcome: io::Result<()>| {
            shared.feed(|inner, out| match outcome {
                Ok(()) => inner.session.handle_wire_flushed(id),
                Err(_) => inner.session.handle_wire_lost(id, WireLoss::Disconnected, shared.now(), out),
            });
        };
        let part = |id, bytes| shared.lock().session.handle_wire_progress(id, bytes, shared.now());
        self.wires.write(cx, take, written, part);
    }

    fn deadline(&self, inner: &Inner) -> Option<Instant> {
        let session = inner.session.next_timeout().map(|at| self.shared.surroundings.clock.instant(at));
        self.wires.deadline().into_iter().chain(session).min()
    }

    /// Whether something came up since this round looked at it.
    fn has_work(&self, inner: &Inner) -> bool {
        inner.has_orders()
            || (inner.closed().is_some() && self.listed)
            || (self.application.is_some() && inner.news != self.seen)
            || (self.unread && !inner.has_incoming())
            || inner.session.wants_flush()
            || self.wires.can_take(|id| inner.session.wants_write(id))
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // Who wakes the application wakes this task, so that it is run once for each time that this is polled, and for news.
        let mut is_first = true;
        loop {
            this.take_orders(cx.waker());
            let mut now = this.shared.now();
            let mut came = this.read(now, cx);
            loop {
                let news = this.tick(now);
                if std::mem::take(&mut is_first) || news != this.seen {
                    this.run_application(news, cx);
                }
                this.write(cx);
                this.wires.drive_close(cx);
                if !came {
                    break;
                }
                // What came may have more behind it, for which nobody would wake this task.
                now = this.shared.now();
                came = this.read(now, cx);
                if !came {
                    break;
                }
            }
            let shared = this.shared.session().clone();
            let mut inner = shared.lock();
            if this.has_work(&inner) {
                continue;
            }
            if inner.closed().is_some() && this.application.is_none() && this.wires.is_empty() {
                // Nobody will take what is left, though somebody may still hold the session.
                inner.forget_incoming();
                return Poll::Ready(());
            }
            inner.note_reading(now);
            let deadline = this.deadline(&inner);
            inner.driver_sleeps();
            drop(inner);
            if !this.alarm.is_over(deadline, cx) {
                return Poll::Pending;
            }
        }
    }
}
