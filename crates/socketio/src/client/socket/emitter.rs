//! [`Emitter`]: how the next event of a socket is sent. Rows E39–E43.

use std::{fmt, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use socketio_proto::{Body, EmitOptions};
use tokio::sync::oneshot;

use super::Socket;
use crate::{AckError, EmitError, PendingAck};

/// How the next event is sent; made by [`Socket::volatile`](super::Socket::volatile) and its like.
///
/// ```no_run
/// # async fn f(socket: socketio::client::Socket) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// socket.volatile().compress(false).emit("position", &(1, 2))?;
/// let stored: bool = socket.timeout(Duration::from_secs(5)).emit_with_ack("store", "text").await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "it does nothing until something is emitted"]
pub struct Emitter {
    socket: Socket,
    options: EmitOptions,
}

impl Emitter {
    pub(super) fn new(socket: Socket) -> Self {
        Self { socket, options: EmitOptions::default() }
    }

    /// The event is dropped unless it can leave at once (row E39).
    pub const fn volatile(mut self) -> Self {
        self.options.volatile = true;
        self
    }

    /// Whether the event may be compressed; default true (row E40).
    pub const fn compress(mut self, compress: bool) -> Self {
        self.options.compress = compress;
        self
    }

    /// How long the acknowledgement is awaited (row E41).
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Emits an event, as [`Socket::emit`](super::Socket::emit).
    ///
    /// # Errors
    /// As [`Socket::emit`](super::Socket::emit).
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.emit_raw(&Body::event(event, args)?)
    }

    /// Emits what is an event already.
    ///
    /// # Errors
    /// As [`Socket::emit`](super::Socket::emit).
    pub fn emit_raw(&self, event: &Body) -> Result<(), EmitError> {
        self.socket.core.emit(event.clone(), self.options, None).map(drop)
    }

    /// Emits an event and asks for its acknowledgement, as [`Socket::emit_with_ack`](super::Socket::emit_with_ack).
    pub fn emit_with_ack<R: DeserializeOwned>(&self, event: &str, args: &(impl Serialize + ?Sized)) -> PendingAck<R> {
        let asked = Body::event(event, args).map_err(EmitError::from).and_then(|body| {
            let (waiter, answer) = oneshot::channel();
            let id = self.socket.core.emit(body, self.options, Some(waiter))?;
            Ok(self.socket.core.waiting(id, answer))
        });
        // The machine watches the time, once there is a task to tell it; before the first connection there is none.
        PendingAck::new(asked.map_err(AckError::from), self.socket.core.patience(self.options))
    }
}

impl fmt::Debug for Emitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter").field("options", &self.options).finish_non_exhaustive()
    }
}
