//! [`Driver`]: THE task of a session: read, feed, run the application, drain, write, sleep.
//!
//! It owns the WebSockets, the session's one timer and the application's future; the protocol's state is
//! in [`Shared`]. One round of [`Driver::poll`] does each of these once and goes round again while anything
//! moved; then it puts its waker where the others find it and sleeps.
//!
//! INVARIANT: a driver ends: once the session is closed, every wire has a deadline, and the application is
//! told by `recv` giving `None`.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use engineio_proto::{
    CloseMode, CloseReason, Limits, Moment, Output, WireFrame, WireLoss,
    websocket::{FrameError, FrameLimits, Role},
};
use tokio::time::{Instant, Sleep};

use crate::{
    server::Registration,
    shared::{Inner, Shared},
    transport::websocket::{Read, Wire},
};

/// Bytes taken from the session's queue at a time.
const WRITE_BUDGET: usize = 256 * 1024;

/// WebSockets of one session that may be closing at the same time; past it the oldest is dropped.
const MAX_CLOSING_WIRES: usize = 4;

pub(crate) type Application = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The task of one session.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    limits: Arc<Limits>,
    /// `None` once the session is closed: then nobody finds it any more.
    registration: Option<Registration>,
    /// `None` once it has ended.
    application: Option<Application>,
    /// The session's WebSocket and its candidate, and those that are closing.
    wires: Vec<Wire>,
    sleep: Pin<Box<Sleep>>,
    /// The news up to which the application was run.
    seen: u32,
    /// Reading was suspended in this round, so that neither a wire nor the heartbeat will wake this task.
    unread: bool,
}

impl Driver {
    pub(crate) fn new(registration: Registration, limits: Arc<Limits>, application: Application) -> Self {
        let shared = registration.session().clone();
        let sleep = Box::pin(tokio::time::sleep_until(Instant::now()));
        Self {
            shared,
            limits,
            registration: Some(registration),
            application: Some(application),
            wires: Vec::new(),
            sleep,
            seen: 0,
            unread: false,
        }
    }

    /// Runs the application until it waits.
    fn run_application(&mut self, cx: &mut Context<'_>) {
        self.seen = self.shared.lock().news;
        let Some(application) = &mut self.application else { return };
        if application.as_mut().poll(cx).is_ready() {
            self.application = None;
            self.shared.close(CloseMode::Graceful);
        }
    }

    /// Picks up what the requests and the session left for this task.
    fn take_orders(&mut self) {
        if self.shared.closed_now().is_some() {
            self.registration = None;
        }
        let mut inner = self.shared.lock();
        if let Some((id, upgrade)) = inner.offered.take() {
            // A client that offers one broken WebSocket after the other does not collect them here.
            if self.wires.iter().filter(|wire| !wire.is_open()).count() >= MAX_CLOSING_WIRES {
                let oldest = self.wires.iter().position(|wire| !wire.is_open());
                oldest.map(|at| self.wires.remove(at));
            }
            let limits = FrameLimits {
                max_message_bytes: self.limits.max_payload_bytes,
                max_fragments: self.limits.max_fragments,
            };
            self.wires.push(Wire::new(id, upgrade, Role::Server, limits));
        }
        for (id, code) in std::mem::take(&mut inner.close_wires) {
            if let Some(wire) = self.wires.iter_mut().find(|wire| wire.id == id) {
                wire.close(code);
            }
        }
    }

    /// Reads each open wire once, unless the application has not taken what is here; says whether
    /// anything came.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        self.unread = false;
        for wire in self.wires.iter_mut().filter(|wire| wire.is_open()) {
            if self.shared.lock().has_incoming() {
                self.unread = true;
                break;
            }
            let Poll::Ready(read) = wire.poll_read(cx) else { continue };
            moved = true;
            let (id, now) = (wire.id, self.shared.clock.now());
            match &read {
                Read::Frames(_, Some(FrameError::MessageTooBig { .. })) => self.shared.tally.payloads_too_large.count(),
                Read::Frames(_, Some(FrameError::TooManyFragments { .. })) => {
                    self.shared.tally.too_many_fragments.count();
                }
                _ => {}
            }
            self.shared.feed(|inner, out| match read {
                Read::Ended => inner.session.handle_wire_lost(id, WireLoss::Disconnected, now, out),
                Read::Frames(events, error) => {
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

    /// Lets the session see the time. Where nothing is read, a pong may be waiting unseen: the session is
    /// told (hazard R17).
    fn tick(&mut self, now: Moment) {
        let mut inner = self.shared.lock();
        if inner.has_incoming() {
            self.unread = true;
            inner.session.handle_reading_paused(now);
        } else {
            inner.session.handle_reading_resumed(now);
        }
        let due = inner.session.next_timeout().is_some_and(|at| at <= now);
        drop(inner);
        if due {
            self.time_out(now);
        }
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
            self.shared.tally.upgrade_timeouts.count();
        }
        // Time alone closes by force only what was closing already.
        if closed.is_some_and(|closed| closed.reason == CloseReason::ForcedClose) {
            self.shared.tally.close_timeouts.count();
        }
    }

    /// Hands the wires what the session has for them and writes; says whether anything moved on that may
    /// have more behind it.
    fn write(&mut self, cx: &mut Context<'_>, frames: &mut Vec<WireFrame>) -> bool {
        self.shared.feed(|inner, out| inner.session.handle_flush(out));
        let mut moved = false;
        for wire in self.wires.iter_mut().filter(|wire| wire.is_open()) {
            if wire.can_take_frames() && self.shared.lock().session.wants_write(wire.id) {
                let id = wire.id;
                self.shared.feed(|inner, out| inner.session.take_frames(id, WRITE_BUDGET, frames, out));
                wire.push_frames(frames);
                moved = true;
            }
            if wire.is_flushed() {
                continue;
            }
            let Poll::Ready(written) = wire.poll_write(cx) else { continue };
            let (id, now) = (wire.id, self.shared.clock.now());
            self.shared.feed(|inner, out| match written {
                Ok(()) => inner.session.handle_wire_flushed(id),
                Err(_) => inner.session.handle_wire_lost(id, WireLoss::Disconnected, now, out),
            });
            moved = true;
        }
        moved
    }

    /// Moves closing wires on and drops those that are gone.
    fn close(&mut self, cx: &mut Context<'_>) {
        for wire in self.wires.iter_mut().filter(|wire| !wire.is_open()) {
            wire.drive_close(cx);
        }
        self.wires.retain(|wire| !wire.is_gone());
        if self.wires.is_empty() {
            self.wires = Vec::new();
        }
    }

    /// Sets the timer to the next deadline; says whether it has passed already.
    fn set_timer(&mut self, deadline: Option<Instant>, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = deadline else { return false };
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(cx).is_ready()
    }

    fn deadline(&self, inner: &Inner) -> Option<Instant> {
        let session = inner.session.next_timeout().map(|at| self.shared.clock.instant(at));
        self.wires.iter().filter_map(Wire::deadline).chain(session).min()
    }

    /// Whether something came up since this round looked at it.
    fn has_work(&self, inner: &Inner) -> bool {
        inner.offered.is_some()
            || !inner.close_wires.is_empty()
            || (self.application.is_some() && inner.news != self.seen)
            || (self.unread && !inner.has_incoming())
            || inner.session.wants_flush()
            || self.wires.iter().any(|wire| wire.can_take_frames() && inner.session.wants_write(wire.id))
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut frames = Vec::new();
        this.shared.lock().driver_runs(cx.waker());
        loop {
            this.take_orders();
            let mut moved = this.read(cx);
            this.tick(this.shared.clock.now());
            this.run_application(cx);
            moved |= this.write(cx, &mut frames);
            this.take_orders();
            this.close(cx);
            if moved {
                continue;
            }
            let shared = this.shared.clone();
            let mut inner = shared.lock();
            if this.has_work(&inner) {
                continue;
            }
            if inner.closed.is_some() && this.application.is_none() && this.wires.is_empty() {
                // Nobody will take what is left, though somebody may still hold the session.
                inner.forget_incoming();
                return Poll::Ready(());
            }
            let deadline = this.deadline(&inner);
            inner.driver_sleeps();
            drop(inner);
            if !this.set_timer(deadline, cx) {
                return Poll::Pending;
            }
            this.shared.lock().driver_runs(cx.waker());
        }
    }
}
