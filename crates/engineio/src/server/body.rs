//! [`Body`]: what an answer carries: the engine's own bytes, or the body of the service behind it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::{Either, Full};

use crate::{
    parts::{Parts, Progress},
    shared::Shared,
};

/// The body of an answer: bytes of the engine, or `B`, the body of an inner service.
///
/// ```
/// use engineio::server::Body;
///
/// let answer: http::Response<Body> = http::Response::new(Body::full("hello"));
/// ```
#[derive(Debug)]
pub struct Body<B = Full<Bytes>>(Either<Parts<Arc<Shared>>, B>);

impl Progress for Arc<Shared> {
    fn moved(&self, bytes: usize) {
        self.answer_moved(bytes);
    }
}

impl<B> Body<B> {
    /// The engine's own bytes; their length is known.
    ///
    /// ```
    /// let body: engineio::server::Body = engineio::server::Body::full("hello");
    /// ```
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Either::Left(Parts::new(bytes.into())))
    }

    /// The same body, where it is long, in parts of which the session is told: they are a sign of life (hazard R16).
    pub(super) fn tells(self, session: &Arc<Shared>) -> Self {
        match self.0 {
            Either::Left(own) => Self(Either::Left(own.telling(session))),
            body @ Either::Right(_) => Self(body),
        }
    }

    /// No bytes at all.
    ///
    /// ```
    /// use http_body::Body as _;
    ///
    /// let body: engineio::server::Body = engineio::server::Body::empty();
    /// assert!(body.is_end_stream());
    /// ```
    #[must_use]
    pub fn empty() -> Self {
        Self::full(Bytes::new())
    }

    /// The body of the inner service.
    ///
    /// ```
    /// let body = engineio::server::Body::inner(String::from("the answer of the service behind"));
    /// ```
    pub const fn inner(body: B) -> Self {
        Self(Either::Right(body))
    }
}

impl<B> http_body::Body for Body<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut self.0 {
            Either::Left(own) => Pin::new(own).poll_frame(cx).map_err(|never| match never {}),
            Either::Right(inner) => Pin::new(inner).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Either::Left(own) => own.is_end_stream(),
            Either::Right(inner) => inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Either::Left(own) => own.size_hint(),
            Either::Right(inner) => inner.size_hint(),
        }
    }
}
