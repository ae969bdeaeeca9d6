//! [`Body`]: what an answer carries: the engine's own bytes, or the body of the service behind it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::{Either, Full};

/// The body of an answer: bytes of the engine, or `B`, the body of an inner service.
///
/// ```
/// use engineio::server::Body;
///
/// let answer: http::Response<Body> = http::Response::new(Body::full("hello"));
/// ```
#[derive(Debug)]
pub struct Body<B = Full<Bytes>>(Either<Full<Bytes>, B>);

impl<B> Body<B> {
    /// The engine's own bytes; their length is known.
    ///
    /// ```
    /// let body: engineio::server::Body = engineio::server::Body::full("hello");
    /// ```
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Either::Left(Full::new(bytes.into())))
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
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
