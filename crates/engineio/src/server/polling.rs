//! Long-polling: a GET is parked until the session answers it, a POST is read, bounded, and handed over.
//! [EIO4 Polling] Rows A61–A69.

use std::{pin::pin, sync::Arc};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use engineio_proto::{Answer, CloseReason, PollId, PostFault, PostRefusal, Revision};
use http::{HeaderMap, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt;

use tokio::sync::oneshot;

use super::{Body, respond};
use crate::shared::Shared;

/// A GET that waits. Where the client goes away first, hyper drops the future that waits here, and with it
/// this, which tells the session (row A65).
struct Parked<'a> {
    shared: &'a Shared,
    /// `None` once the answer is on its way to the client.
    waiting: Option<(PollId, oneshot::Receiver<Answer>)>,
}

impl Parked<'_> {
    async fn answer(&mut self) -> Option<Answer> {
        let (_, receiver) = self.waiting.as_mut()?;
        let answer = receiver.await.ok();
        self.waiting = None;
        answer
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        let Some((poll, receiver)) = &mut self.waiting else { return };
        if receiver.try_recv().is_ok() {
            self.shared.lose_answer();
        } else {
            self.shared.abandon_poll(*poll);
        }
    }
}

/// The same for a POST (row A66).
struct Posting<'a> {
    shared: &'a Shared,
    fault: Option<PostFault>,
}

impl Drop for Posting<'_> {
    fn drop(&mut self) {
        if let Some(fault) = self.fault {
            self.shared.fail_post(fault);
        }
    }
}

/// Serves a GET of a session.
pub(super) async fn get<R>(shared: &Shared, headers: &HeaderMap) -> Response<Body<R>> {
    let waiting = match shared.open_poll() {
        Ok(opened) => Some(opened),
        Err(reject) => return respond::reject(&reject),
    };
    // The session answers every GET before it ends; a missing answer would mean that it did not.
    let answer = Parked { shared, waiting }.answer().await.unwrap_or(Answer::BadRequest);
    respond::poll(answer, headers)
}

/// Serves a POST to a session.
pub(super) async fn post<B, R>(shared: &Arc<Shared>, headers: &HeaderMap, body: B, limit: usize) -> Response<Body<R>>
where
    B: http_body::Body,
    B::Data: Buf,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if let Err(refusal) = shared.begin_post() {
        return refused(&refusal);
    }
    let mut posting = Posting { shared, fault: Some(PostFault::Abandoned) };
    let binary = is_binary(headers);
    if binary && shared.revision() == Revision::V4 {
        posting.fault = Some(PostFault::BinaryContent);
        return respond::bare(StatusCode::BAD_REQUEST);
    }
    if body.size_hint().lower() > limit as u64 {
        posting.fault = Some(PostFault::TooLarge);
        return respond::too_large();
    }
    // The back-pressure of long-polling: the body stays in the network until the application is ready for it.
    shared.drained().await;
    let body = tokio::select! {
        body = collect(body, limit) => body,
        closed = shared.closed() => Err(Incomplete::SessionOver(closed.reason)),
    };
    match body {
        Ok(body) => {
            posting.fault = None;
            let taken = if binary { shared.finish_binary_post(body) } else { shared.finish_post(body) };
            taken.map_or_else(|refusal| refused(&refusal), |()| respond::post(headers))
        }
        Err(Incomplete::TooLarge) => {
            posting.fault = Some(PostFault::TooLarge);
            respond::too_large()
        }
        // A client whose POST is refused gives up at once, perhaps before it has read the answer to its GET
        // with the last messages: where this side closed the session, the body is taken and dropped.
        Err(Incomplete::SessionOver(CloseReason::ForcedClose)) => respond::post(headers),
        Err(Incomplete::SessionOver(_) | Incomplete::Abandoned) => respond::bare(StatusCode::BAD_REQUEST),
    }
}

fn refused<R>(refusal: &PostRefusal) -> Response<Body<R>> {
    match refusal {
        PostRefusal::Reject(reject) => respond::reject(reject),
        PostRefusal::BadRequest => respond::bare(StatusCode::BAD_REQUEST),
    }
}

enum Incomplete {
    TooLarge,
    Abandoned,
    /// The session ended meanwhile and has no use for the rest.
    SessionOver(CloseReason),
}

/// Reads a body of at most `limit` bytes. A body in one piece is not copied; one in many is put together as it
/// comes, so that a flood of tiny pieces costs no more than its bytes (hazard S34).
async fn collect<B>(body: B, limit: usize) -> Result<Bytes, Incomplete>
where
    B: http_body::Body,
    B::Data: Buf,
{
    let mut body = pin!(body);
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(mut data) = frame.map_err(|_| Incomplete::Abandoned)?.into_data() else { continue };
        if data.remaining() > limit - collected.len() {
            return Err(Incomplete::TooLarge);
        }
        if collected.is_empty() && body.is_end_stream() {
            return Ok(data.copy_to_bytes(data.remaining()));
        }
        collected.put(data);
    }
    Ok(collected.freeze())
}

fn is_binary(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(b"application/octet-stream"))
}
