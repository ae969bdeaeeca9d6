//! [`HttpConnection`]: HTTP/1.1 on one connection, driven by whoever waits for the answer.
//!
//! There is no task for it: what is awaited here drives the connection too, and dropping it closes the socket. So a client
//! is one task, as a session of the server is. Leaves out what is asked, and which connection is used again.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, header::CONTENT_ENCODING};
use http_body::Body as _;
use hyper::{
    body::Incoming,
    client::conn::http1::{self, Connection, SendRequest},
};
use hyper_util::rt::TokioIo;

use super::{
    answer_body::{AnswerBody, BodyFault},
    requests::Moved,
};
use crate::{parts::Parts, transport::byte_stream::ByteStream};

/// Bytes that the head of an answer may have, and what hyper reads ahead of a body (hazard S33).
const HEAD_BYTES: usize = 64 * 1024;
/// Header lines that an answer may have.
const MAX_HEADERS: usize = 100;

/// The body of a request, whose parts are counted where it is long.
pub(super) type RequestBody = Parts<Arc<Moved>>;

/// A connection that takes one request after the other.
pub(super) struct HttpConnection {
    sender: SendRequest<RequestBody>,
    connection: Connection<TokioIo<ByteStream>, RequestBody>,
    is_done: bool,
}

/// A request without an answer.
pub(super) enum SendFault {
    /// The connection had ended already: nothing was sent, and another connection may be tried.
    Unsent(Box<Request<RequestBody>>),
    /// It cannot be known what the server saw of it.
    Lost(hyper::Error),
    /// The connection was over, and there was no answer.
    Ended,
}

/// Why there is no body.
pub(super) enum ReadFault {
    Body(BodyFault),
    Lost(hyper::Error),
    /// The connection was over before the body was.
    Ended,
}

impl HttpConnection {
    pub(super) async fn open(stream: ByteStream) -> hyper::Result<Self> {
        let mut http = http1::Builder::new();
        http.max_buf_size(HEAD_BYTES).max_headers(MAX_HEADERS);
        let (sender, connection) = http.handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, connection, is_done: false })
    }

    /// Moves bytes in both directions. What goes wrong is told to the request that waits.
    fn drive(&mut self, cx: &mut Context<'_>) {
        // Without the shutdown, since an upgraded connection is done here and goes on elsewhere.
        self.is_done = self.is_done || self.connection.poll_without_shutdown(cx).is_ready();
    }

    /// Whether it can take another request: as far as it is known now.
    pub(super) async fn is_usable(&mut self) -> bool {
        poll_fn(|cx| {
            self.drive(cx);
            let is_ready = matches!(self.sender.poll_ready(cx), Poll::Ready(Ok(())));
            Poll::Ready(is_ready && !self.is_done)
        })
        .await
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn send(&mut self, request: Request<RequestBody>) -> Result<Response<Incoming>, SendFault> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let answered = poll_fn(|cx| {
            self.drive(cx);
            match answer.as_mut().poll(cx) {
                Poll::Ready(answered) => Poll::Ready(Some(answered)),
                Poll::Pending if self.is_done => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        answered.await.ok_or(SendFault::Ended)?.map_err(|mut fault| match fault.take_message() {
            Some(request) => SendFault::Unsent(Box::new(request)),
            None => SendFault::Lost(fault.into_error()),
        })
    }

    /// Waits for the body of an answer, which may have at most `max_bytes`, packed or not; `moved` is told of each part.
    pub(super) async fn read(
        &mut self,
        answer: Response<Incoming>,
        max_bytes: usize,
        moved: impl Fn(usize),
    ) -> Result<Bytes, ReadFault> {
        let (head, mut body) = answer.into_parts();
        let coding = head.headers.get(CONTENT_ENCODING).map(|coding| coding.as_bytes());
        let mut collected = AnswerBody::new(coding, max_bytes).map_err(ReadFault::Body)?;
        // What is announced as too large is not waited for.
        if body.size_hint().lower() > u64::try_from(max_bytes).unwrap_or(u64::MAX) {
            return Err(ReadFault::Body(BodyFault::TooLarge));
        }
        loop {
            let frame = poll_fn(|cx| {
                self.drive(cx);
                match pin!(&mut body).poll_frame(cx) {
                    Poll::Ready(frame) => Poll::Ready(frame.map(|frame| frame.map_err(ReadFault::Lost))),
                    Poll::Pending if self.is_done => Poll::Ready(Some(Err(ReadFault::Ended))),
                    Poll::Pending => Poll::Pending,
                }
            });
            match frame.await {
                None => return collected.finish().map_err(ReadFault::Body),
                Some(frame) => {
                    // Trailers mean nothing here.
                    if let Ok(data) = frame?.into_data() {
                        moved(data.len());
                        collected.push(data).map_err(ReadFault::Body)?;
                    }
                }
            }
        }
    }

    /// The connection itself, after an answer with which another protocol begins, and what came behind that answer.
    pub(super) async fn into_stream(mut self) -> (ByteStream, Bytes) {
        poll_fn(|cx| {
            self.drive(cx);
            if self.is_done { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let parts = self.connection.into_parts();
        (parts.io.into_inner(), parts.read_buf)
    }
}
