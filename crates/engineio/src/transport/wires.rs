//! [`Wires`]: the WebSockets of one session: its transport, a candidate, and those that are closing.
//!
//! Leaves out what is read from them, which each end feeds to its own session.

use std::{
    io,
    task::{Context, Poll},
};

use engineio_proto::{WireFrame, WireId, websocket::CloseCode};
use tokio::time::Instant;

use super::websocket::Wire;
use crate::few::Few;

/// WebSockets of one session that may be closing at the same time; past it the oldest is dropped.
const MAX_CLOSING: usize = 4;

/// The WebSockets of one session.
#[derive(Default)]
pub(crate) struct Wires(Few<Wire>);

impl Wires {
    /// One more. A peer that offers one broken WebSocket after the other does not collect them here.
    pub(crate) fn push(&mut self, wire: Wire) {
        if self.0.iter().filter(|wire| !wire.is_open()).count() >= MAX_CLOSING {
            let oldest = self.0.iter().find(|wire| !wire.is_open()).map(|wire| wire.id);
            self.0.retain(|wire| Some(wire.id) != oldest);
        }
        self.0.push(wire);
    }

    /// Those that are not closing.
    pub(crate) fn open(&mut self) -> impl Iterator<Item = &mut Wire> {
        self.0.iter_mut().filter(|wire| wire.is_open())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Starts closing one of them.
    pub(crate) fn close(&mut self, id: WireId, code: Option<CloseCode>) {
        if let Some(wire) = self.0.iter_mut().find(|wire| wire.id == id) {
            wire.close(code);
        }
    }

    /// Hands the wires what `take` puts into the vector for them, and writes; `written` is told of each that has written all
    /// it was given, or has failed, and `part` of so many bytes where more is still to be written.
    pub(crate) fn write(
        &mut self,
        cx: &mut Context<'_>,
        take: impl Fn(WireId, &mut Vec<WireFrame>) -> bool,
        written: impl Fn(WireId, io::Result<()>),
        part: impl Fn(WireId, usize),
    ) {
        let mut frames = Vec::new();
        for wire in self.open() {
            if wire.can_take_frames() && take(wire.id, &mut frames) {
                wire.push_frames(&mut frames);
            }
            if wire.is_flushed() {
                continue;
            }
            let mut bytes = 0;
            match wire.poll_write(cx, &mut bytes) {
                Poll::Ready(outcome) => written(wire.id, outcome),
                Poll::Pending if bytes > 0 => part(wire.id, bytes),
                Poll::Pending => {}
            }
        }
    }

    /// Whether all that was handed over has been written.
    pub(crate) fn is_flushed(&self) -> bool {
        self.0.iter().all(Wire::is_flushed)
    }

    /// Whether one that can take frames is wanted to.
    pub(crate) fn can_take(&self, wants: impl Fn(WireId) -> bool) -> bool {
        self.0.iter().any(|wire| wire.can_take_frames() && wants(wire.id))
    }

    /// Moves closing wires on and drops those that are gone.
    pub(crate) fn drive_close(&mut self, cx: &mut Context<'_>) {
        for wire in self.0.iter_mut().filter(|wire| !wire.is_open()) {
            wire.drive_close(cx);
        }
        if self.0.iter().any(Wire::is_gone) {
            self.0.retain(|wire| !wire.is_gone());
        }
    }

    /// When the next closing wire is to be dropped, whatever the peer does.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.0.iter().filter_map(Wire::deadline).min()
    }
}
