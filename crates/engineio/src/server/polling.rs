//! Long-polling: a GET is parked until the session answers it, a POST is read, bounded, and handed over.
//! [EIO4 Polling] Rows A61–A69.

use std::{pin::pin, sync::Arc};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use engineio_proto::{Answer, BadRequest, CloseReason, PollId, PostFault, PostRefusal, Reject, Revision};
use http::{HeaderMap, Response, StatusCode, header::CONTENT_TYPE, request::Parts};
use http_body_util::BodyExt;
use tokio::sync::oneshot;

use super::{Body, Engine, respond};
use crate::shared::Shared;

/// A GET that waits, or whose answer is being made. Where the client goes away first, hyper drops the future
/// that waits here, and with it this, which tells the session (row A65).
struct Parked<'a> {
    shared: &'a Shared,
    step: Step,
}

enum Step {
    Waiting(PollId, oneshot::Receiver<Answer>),
    /// The messages were taken out of the session, and are in nobody else's hands.
    Answering,
    Answered,
}

impl Parked<'_> {
    /// The session's answer: it gives one to every GET before it ends.
    async fn answer(&mut self) -> Option<Answer> {
        let Step::Waiting(_, receiver) = &mut self.step else { return None };
        let answer = receiver.await.ok();
        self.step = Step::Answering;
        answer
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        let answered = match &mut self.step {
            Step::Waiting(_, receiver) => receiver.try_recv().is_ok(),
            Step::Answering => true,
            Step::Answered => return,
        };
        match self.step {
            Step::Waiting(poll, _) if !answered => self.shared.abandon_poll(poll),
            _ => self.shared.lose_answer(),
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
pub(super) async fn get<R>(
    engine: &Engine,
    shared: &Arc<Shared>,
    request: &Parts,
) -> Result<Response<Body<R>>, Reject> {
    let (poll, receiver) = shared.open_poll()?;
    let mut parked = Parked { shared, step: Step::Waiting(poll, receiver) };
    let response = match parked.answer().await {
        Some(Answer::Payload(payload)) => {
            engine.answer_poll(payload, request, None).await.map(|body: Body<R>| body.tells(shared))
        }
        Some(Answer::BadRequest) | None => respond::bare(StatusCode::BAD_REQUEST),
    };
    parked.step = Step::Answered;
    Ok(response)
}

/// Serves a POST to a session.
pub(super) async fn post<B, R>(
    engine: &Engine,
    shared: &Arc<Shared>,
    request: &Parts,
    body: B,
) -> Result<Response<Body<R>>, Reject>
where
    B: http_body::Body,
    B::Data: Buf,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limit = engine.inner.config.limits.max_payload_bytes;
    let bad_request = || Ok(respond::bare(StatusCode::BAD_REQUEST));
    match shared.begin_post() {
        Ok(()) => {}
        Err(PostRefusal::Reject(reject)) => return Err(reject),
        Err(PostRefusal::BadRequest) => return bad_request(),
    }
    let mut posting = Posting { shared, fault: Some(PostFault::Abandoned) };
    let binary = is_binary(&request.headers);
    if binary && shared.revision() == Revision::V4 {
        posting.fault = Some(PostFault::BinaryContent);
        return bad_request();
    }
    // The back-pressure of long-polling: the body stays in the network until the application is ready for it.
    let body = if body.size_hint().lower() > limit as u64 {
        Err(Incomplete::TooLarge)
    } else {
        shared.drained().await;
        tokio::select! {
            body = collect(body, limit, |bytes| shared.post_moved(bytes)) => body,
            _ = shared.upgraded() => Err(match shared.closed_now() {
                Some(closed) => Incomplete::SessionOver(closed.reason),
                None => Incomplete::Upgraded,
            }),
        }
    };
    match body {
        Ok(body) => {
            let taken = hand_over(shared, body, binary).await;
            posting.fault = None;
            match taken {
                Ok(()) => Ok(engine.answer_post(request)),
                Err(PostRefusal::Reject(reject)) => Err(reject),
                Err(PostRefusal::BadRequest) => bad_request(),
            }
        }
        Err(Incomplete::TooLarge) => {
            posting.fault = Some(PostFault::TooLarge);
            shared.tally().payloads_too_large.count();
            Ok(respond::too_large())
        }
        // A client whose POST is refused gives up at once, perhaps before it has read the answer to its GET
        // with the last messages: where this side closed the session, the body is taken and dropped.
        Err(Incomplete::SessionOver(CloseReason::ForcedClose)) => Ok(engine.answer_post(request)),
        // What is still to come of it has lost its place in the order, and is not waited for (hazard S44).
        Err(Incomplete::Upgraded) => Err(BadRequest::TransportMismatch.into()),
        Err(Incomplete::SessionOver(_) | Incomplete::Abandoned) => bad_request(),
    }
}

/// Hands a body to the session: one of very many packets in parts, each when the application has taken the one before (hazard R28).
async fn hand_over(shared: &Shared, body: Bytes, binary: bool) -> Result<(), PostRefusal> {
    let mut rest = if binary { shared.finish_binary_post(body)? } else { shared.finish_post(body)? };
    while let Some(left) = rest {
        shared.drained().await;
        rest = shared.finish_post_rest(left)?;
    }
    Ok(())
}

enum Incomplete {
    TooLarge,
    Abandoned,
    /// The session has moved to a WebSocket meanwhile.
    Upgraded,
    /// The session ended meanwhile and has no use for the rest.
    SessionOver(CloseReason),
}

/// Reads a body of at most `limit` bytes. A body in one piece is not copied; one in many is put together as it
/// comes, so that a flood of tiny pieces costs no more than its bytes (hazard S34). `moved` is told of each of these.
async fn collect<B>(body: B, limit: usize, moved: impl Fn(usize)) -> Result<Bytes, Incomplete>
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
        moved(data.remaining());
        collected.put(data);
    }
    Ok(collected.freeze())
}

fn is_binary(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(b"application/octet-stream"))
}
