//! [`Parts`]: a body of known length that HTTP takes in parts, so that it can be seen how far a long one has come (hazard R16).
//!
//! Leaves out who is told: on the server the session whose answer it is, on the client the driver.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// What is given to HTTP at a time: as much as makes a sign of life. What HTTP and the system have taken and not sent yet is not
/// seen, so that a link has to carry these buffers within the heartbeat's time-out: some 100 kB behind the listener here, and 400 kB
/// more behind another server that leaves hyper its default.
const PART_BYTES: usize = 16 * 1024;

/// Who is told that some of a body has gone, and more is to follow.
pub(crate) trait Progress {
    fn moved(&self, bytes: usize);
}

/// The bytes of one request or answer.
#[derive(Debug)]
pub(crate) struct Parts<P> {
    rest: Bytes,
    /// Who is told, and how much was given to HTTP last.
    progress: Option<(P, usize)>,
}

impl<P> Parts<P> {
    pub(crate) const fn new(bytes: Bytes) -> Self {
        Self { rest: bytes, progress: None }
    }

    /// The same body; where it is long, it goes in parts, and `progress` is told of them.
    pub(crate) fn telling(self, progress: &P) -> Self
    where
        P: Clone,
    {
        let is_long = self.rest.len() > PART_BYTES;
        Self { progress: is_long.then(|| (progress.clone(), 0)), ..self }
    }
}

impl<P: Progress + Unpin> Body for Parts<P> {
    type Data = Bytes;
    type Error = Infallible;

    /// That HTTP asks for more says that it has got rid of what it had.
    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Self { rest, progress } = &mut *self;
        let part = match progress {
            None => std::mem::take(rest),
            Some((progress, last)) => {
                if *last > 0 {
                    progress.moved(*last);
                }
                *last = rest.len().min(PART_BYTES);
                rest.split_to(*last)
            }
        };
        Poll::Ready((!part.is_empty()).then(|| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
