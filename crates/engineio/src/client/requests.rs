//! [`Requests`]: long-polling over a few connections that are used again (rows B12, B43, B45).
//!
//! Owns which connection a request takes. Nothing runs while nobody waits: an idle connection is looked at when the next
//! request wants one. Leaves out what the bodies say, and when to ask: a session has one GET and one POST at a time.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use engineio_proto::{SessionId, TransportKind};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request,
    header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE},
};
use tokio::time::Instant;

use super::{
    TransportError, TransportErrorKind,
    answer_body::ACCEPTED_CODINGS,
    connection::{HttpConnection, RequestBody, SendFault},
    endpoint::{Endpoint, lost, read_error, refusal, unanswered},
};
use crate::parts::Progress;

const ON: TransportKind = TransportKind::Polling;
/// Connections kept: one for the GETs, one for the POSTs.
const MAX_IDLE: usize = 2;
/// How long a connection is kept for the next request, where the server does not say.
const IDLE_TIME: Duration = Duration::from_secs(25);
/// How long before a server would close a connection it is not used any more, as a POST would be lost on it.
const IDLE_MARGIN: Duration = Duration::from_secs(1);
/// What is read of the answer to a POST, which is `ok`.
const MAX_POST_ANSWER_BYTES: usize = 64 * 1024;

/// Makes the requests of long-polling. Clones share the connections, which are closed with the last one.
#[derive(Clone)]
pub(crate) struct Requests {
    endpoint: Arc<Endpoint>,
    idle: Arc<Mutex<Vec<Idle>>>,
    moved: Arc<Moved>,
}

/// Bytes of bodies that moved since somebody asked.
#[derive(Debug, Default)]
pub(super) struct Moved {
    received: AtomicUsize,
    sent: AtomicUsize,
}

impl Progress for Arc<Moved> {
    fn moved(&self, bytes: usize) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }
}

struct Idle {
    connection: HttpConnection,
    until: Instant,
}

impl Requests {
    pub(crate) fn new(endpoint: Arc<Endpoint>) -> Self {
        Self { endpoint, idle: Arc::default(), moved: Arc::default() }
    }

    /// GET: the body of the answer, at most `max_bytes` of it.
    pub(crate) fn get(
        &self,
        sid: Option<SessionId>,
        max_bytes: usize,
    ) -> impl Future<Output = Result<Bytes, TransportError>> + Send + 'static {
        let headers = [(ACCEPT, "*/*"), (ACCEPT_ENCODING, ACCEPTED_CODINGS)];
        self.clone().ask(Method::GET, sid, headers.into(), Bytes::new(), max_bytes)
    }

    /// POST: whether the server took it.
    pub(crate) fn post(
        &self,
        sid: Option<SessionId>,
        body: Bytes,
    ) -> impl Future<Output = Result<(), TransportError>> + Send + 'static {
        let headers = [(ACCEPT, "*/*"), (CONTENT_TYPE, "text/plain;charset=UTF-8")];
        let asked = self.clone().ask(Method::POST, sid, headers.into(), body, MAX_POST_ANSWER_BYTES);
        async move { asked.await.map(drop) }
    }

    /// Closes the connections that nobody uses, for when no request is to come: after an upgrade.
    pub(crate) fn close_idle(&self) {
        let idle = std::mem::take(&mut *self.idle());
        drop(idle);
    }

    /// How much has come of answers since the last call, and how much has gone of bodies that are not all sent.
    pub(crate) fn take_moved(&self) -> (usize, usize) {
        (self.moved.received.swap(0, Ordering::Relaxed), self.moved.sent.swap(0, Ordering::Relaxed))
    }

    async fn ask(
        self,
        method: Method,
        sid: Option<SessionId>,
        headers: Vec<(HeaderName, &'static str)>,
        body: Bytes,
        max_bytes: usize,
    ) -> Result<Bytes, TransportError> {
        let headers = headers.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value)));
        let request = self.endpoint.request(ON, method, sid.as_ref(), headers, body)?;
        let exchanged = self.exchange(request.map(|body| body.telling(&self.moved)), max_bytes);
        let Some(timeout) = self.endpoint.config().request_timeout else { return exchanged.await };
        tokio::time::timeout(timeout, exchanged).await.unwrap_or_else(|_| {
            let detail = format!("no answer within Config::request_timeout, {timeout:?}");
            Err(TransportError::new(ON, TransportErrorKind::Timeout, detail))
        })
    }

    async fn exchange(&self, request: Request<RequestBody>, max_bytes: usize) -> Result<Bytes, TransportError> {
        let mut connection = self.connection().await?;
        let mut sent = connection.send(request).await;
        if let Err(SendFault::Unsent(request)) = sent {
            // The connection ended while it was idle, and just now. A new one has not been idle.
            connection = self.open().await?;
            sent = connection.send(*request).await;
        }
        let answer = sent.map_err(|fault| unanswered(ON, fault))?;
        self.endpoint.keep_cookies(ON, answer.headers());
        if !answer.status().is_success() {
            return Err(refusal(ON, &mut connection, answer).await);
        }
        let idle_time = idle_time(answer.headers());
        let moved = |bytes| {
            self.moved.received.fetch_add(bytes, Ordering::Relaxed);
        };
        let body = connection.read(answer, max_bytes, moved).await;
        let body = body.map_err(|fault| read_error(ON, fault, max_bytes))?;
        if connection.is_usable().await {
            self.keep(connection, idle_time);
        }
        Ok(body)
    }

    /// A connection that was idle, or a new one. Those that ended while they were idle go.
    async fn connection(&self) -> Result<HttpConnection, TransportError> {
        loop {
            let idle = self.idle().pop();
            match idle {
                None => return self.open().await,
                Some(Idle { mut connection, until }) => {
                    if Instant::now() < until && connection.is_usable().await {
                        return Ok(connection);
                    }
                }
            }
        }
    }

    /// Keeps a connection for the next request.
    fn keep(&self, connection: HttpConnection, idle_time: Duration) {
        let now = Instant::now();
        let mut idle = self.idle();
        idle.retain(|idle| now < idle.until);
        if idle.len() < MAX_IDLE {
            idle.push(Idle { connection, until: now + idle_time });
        }
    }

    async fn open(&self) -> Result<HttpConnection, TransportError> {
        let stream = self.endpoint.dial(ON).await?;
        HttpConnection::open(stream).await.map_err(|error| lost(ON, error))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a connection can be kept, by the header `Keep-Alive: timeout=5`, which Node's servers send.
fn idle_time(answer: &HeaderMap) -> Duration {
    let said = answer.get("keep-alive").and_then(|value| value.to_str().ok());
    let seconds = said.into_iter().flat_map(|value| value.split(',')).find_map(|part| {
        let (key, seconds) = part.split_once('=')?;
        if key.trim().eq_ignore_ascii_case("timeout") { seconds.trim().parse().ok() } else { None }
    });
    seconds.map_or(IDLE_TIME, |seconds| Duration::from_secs(seconds).saturating_sub(IDLE_MARGIN).min(IDLE_TIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_not_used_as_long_as_the_server_keeps_it() {
        for (value, seconds) in [
            ("timeout=5", 4),
            ("timeout=5, max=100", 4),
            ("max=100 , Timeout = 10", 9),
            ("timeout=1", 0),
            ("timeout=0", 0),
            ("timeout=600", 25),
            ("timeout=x", 25),
            ("timeout=-1", 25),
            ("", 25),
        ] {
            let headers =
                HeaderMap::from_iter([(HeaderName::from_static("keep-alive"), HeaderValue::from_static(value))]);
            assert_eq!(idle_time(&headers), Duration::from_secs(seconds), "{value}");
        }
        assert_eq!(idle_time(&HeaderMap::new()), IDLE_TIME);
    }
}
