//! [`Engine`]: takes requests, makes sessions, closes them. Routing and the order of checks; the answers
//! are made next door.
//!
//! INVARIANT: a task without a handle does not exist: every task runs under the engine's tracker, and
//! [`Engine::close`] waits for them.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use bytes::{Buf, BytesMut};
use engineio_proto::{
    Answer, Attached, BadRequest, CloseMode, Dialect, Handshake, Limits, Reject, ServerSession, SessionId,
    TransportKind,
    request::{self, Method, Query},
    websocket::encode_close,
};
use http::{Response, StatusCode, request::Parts};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Body, polling, registry::Registry, respond, upgrade};
use crate::{
    clock::Clock,
    config::Config,
    driver::{Application, Driver},
    random::random_id,
    session::{Request, Session},
    shared::Shared,
};

/// How long a WebSocket that is refused after its handshake may take to say good-bye.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(5);

/// An Engine.IO server. Cloning it costs a reference count; all clones are the same server.
///
/// It has no socket of its own: use it as a tower service or layer ([`Engine::service`], [`Engine::layer`]), feed
/// it requests by hand ([`Engine::handle`]), or let it listen ([`Engine::listen`]).
#[derive(Clone)]
pub struct Engine {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) config: Config,
    limits: Arc<Limits>,
    registry: Arc<Registry>,
    application: Box<dyn Fn(Session) -> Application + Send + Sync>,
    clock: Clock,
    pub(super) tasks: TaskTracker,
    pub(super) closing: CancellationToken,
}

impl Engine {
    /// A server that runs `application` once for each session, inside the session's one task: it receives
    /// and sends through the [`Session`], and when it returns, the session is closed gracefully.
    pub fn new<F, Fut>(config: Config, application: F) -> Self
    where
        F: Fn(Session) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let limits = Arc::new(config.limits.clone());
        let application = Box::new(move |session| Box::pin(application(session)) as Application);
        let (registry, clock) = (Arc::<Registry>::default(), Clock::start());
        let (tasks, closing) = (TaskTracker::new(), CancellationToken::new());
        Self { inner: Arc::new(Inner { config, limits, registry, application, clock, tasks, closing }) }
    }

    /// Whether a request with this path is for the engine.
    #[must_use]
    pub fn serves(&self, path: &str) -> bool {
        self.inner.config.serves(path)
    }

    /// Sessions that are alive now (row A30).
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.inner.registry.len()
    }

    /// Closes every session at once, dropping what is queued (row A31), stops the listeners, refuses new
    /// sessions, and waits until all tasks have ended: an application that does not return when `recv` gives
    /// `None` holds this up.
    pub async fn close(&self) {
        self.inner.closing.cancel();
        for session in self.inner.registry.all() {
            session.close(CloseMode::Discard);
        }
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// Answers one request (row A24). The path is not looked at; see [`Engine::serves`]. For a WebSocket the
    /// request must carry hyper's upgrade extension, as it does under every server built on hyper.
    pub async fn handle<B, R>(&self, request: http::Request<B>) -> Response<Body<R>>
    where
        B: http_body::Body,
        B::Data: Buf,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (mut parts, body) = request.into_parts();
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let wants_websocket = upgrade::is_websocket(&parts.headers);
        let method = match parts.method {
            http::Method::GET => Method::Get,
            http::Method::POST => Method::Post,
            _ => Method::Other,
        };
        let transport = |sid: &str| self.inner.registry.find(sid).and_then(|session| session.transport_and_revision());
        let classified = request::classify(&query, method, wants_websocket, &self.inner.config.transports, transport);
        let find = |sid: &str| self.inner.registry.find(sid).ok_or(Reject::UnknownSid);
        let answered = match classified {
            Err(reject) => Err(reject),
            Ok(request::Request::Open(TransportKind::WebSocket)) => self.open_websocket(&query, &mut parts),
            Ok(request::Request::Open(_)) => self.open_polling(&query, &parts),
            Ok(request::Request::Poll(sid)) => match find(sid) {
                Ok(shared) => Ok(polling::get(&shared, &parts.headers).await),
                Err(reject) => Err(reject),
            },
            Ok(request::Request::Post(sid)) => match find(sid) {
                Ok(shared) => {
                    Ok(polling::post(&shared, &parts.headers, body, self.inner.limits.max_payload_bytes).await)
                }
                Err(reject) => Err(reject),
            },
            Ok(request::Request::Attach(sid)) => find(sid).and_then(|shared| self.attach(&shared, &query, &mut parts)),
            Ok(request::Request::PollingOverWebSocket) => Ok(self.refuse_websocket(&mut parts)),
            Ok(request::Request::UnknownMethod) => Ok(respond::bare(StatusCode::INTERNAL_SERVER_ERROR)),
        };
        answered.unwrap_or_else(|reject| {
            tracing::debug!(path = parts.uri.path(), %reject, "request refused");
            if wants_websocket { respond::reject_upgrade(reject.message()) } else { respond::reject(&reject) }
        })
    }

    fn open_polling<R>(&self, query: &Query, parts: &Parts) -> Result<Response<Body<R>>, Reject> {
        self.inner.config.check_allowed(parts)?;
        let dialect = self.dialect(query)?;
        if self.inner.closing.is_cancelled() {
            return Ok(respond::bare(StatusCode::SERVICE_UNAVAILABLE));
        }
        let id = new_session_id()?;
        let open = self.open_packet(&id, TransportKind::Polling);
        let now = self.inner.clock.now();
        let (session, payload) = ServerSession::open_polling(self.inner.limits.clone(), dialect, &open, now);
        self.start(id, session, parts, |_| {})?;
        Ok(respond::poll(Answer::Payload(payload), &parts.headers))
    }

    fn open_websocket<R>(&self, query: &Query, parts: &mut Parts) -> Result<Response<Body<R>>, Reject> {
        self.inner.config.check_allowed(parts)?;
        let Ok(dialect) = self.dialect(query) else {
            // The reference notices after the 101, so the client just sees the WebSocket close (row A41).
            return Ok(self.refuse_websocket(parts));
        };
        if self.inner.closing.is_cancelled() {
            return Ok(respond::bare(StatusCode::SERVICE_UNAVAILABLE));
        }
        let (response, upgrade) = match accept(parts) {
            Ok(accepted) => accepted,
            Err(response) => return Ok(*response),
        };
        let id = new_session_id()?;
        let open = self.open_packet(&id, TransportKind::WebSocket);
        let now = self.inner.clock.now();
        let (session, wire) = ServerSession::open_wire(self.inner.limits.clone(), dialect, &open, now);
        self.start(id, session, parts, |shared| shared.lock().offered = Some((wire, upgrade)))?;
        Ok(response)
    }

    /// How the client of a request is to be talked to, where it is served at all (rows A16, A41).
    fn dialect(&self, query: &Query) -> Result<Dialect, Reject> {
        query.dialect(self.inner.config.allow_eio3)
    }

    fn open_packet(&self, id: &SessionId, transport: TransportKind) -> engineio_proto::Text {
        Handshake::new(id, self.inner.config.upgrades(transport), &self.inner.limits).packet()
    }

    /// Registers a session and starts its task.
    fn start(
        &self,
        id: SessionId,
        session: ServerSession,
        parts: &Parts,
        prepare: impl FnOnce(&Shared),
    ) -> Result<(), Reject> {
        let request = Arc::new(Request::from_parts(parts));
        let shared = Arc::new(Shared::new(id, request, self.inner.clock, session));
        prepare(&shared);
        let registration = self.inner.registry.insert(shared.clone());
        let registration = registration.ok_or(Reject::BadRequest(BadRequest::NoSessionId))?;
        let application = (self.inner.application)(Session { shared: shared.clone() });
        let driver = Driver::new(registration, self.inner.limits.clone(), application);
        self.inner.tasks.spawn(driver);
        if self.inner.closing.is_cancelled() {
            // The engine began to close after this request was let in, and may not have seen the session.
            shared.close(CloseMode::Discard);
        }
        Ok(())
    }

    /// A WebSocket for a session that exists: the candidate of an upgrade, or refused (row A47).
    fn attach<R>(&self, shared: &Shared, query: &Query, parts: &mut Parts) -> Result<Response<Body<R>>, Reject> {
        let dialect = self.dialect(query)?;
        let (response, upgrade) = match accept(parts) {
            Ok(accepted) => accepted,
            Err(response) => return Ok(*response),
        };
        let now = shared.clock.now();
        let mut upgrade = Some(upgrade);
        shared.feed(|inner, _| {
            if let Attached::Candidate(wire) = inner.session.handle_wire_attached(dialect, now) {
                inner.offered = upgrade.take().map(|upgrade| (wire, upgrade));
            }
        });
        if let Some(refused) = upgrade {
            self.close_refused(refused);
        }
        Ok(response)
    }

    /// Completes the handshake and closes the WebSocket at once (rows A41, A46).
    fn refuse_websocket<R>(&self, parts: &mut Parts) -> Response<Body<R>> {
        match accept(parts) {
            Ok((response, upgrade)) => {
                self.close_refused(upgrade);
                response
            }
            Err(response) => *response,
        }
    }

    fn close_refused(&self, upgrade: OnUpgrade) {
        self.inner.tasks.spawn(tokio::time::timeout(REFUSAL_TIMEOUT, async move {
            // Who is refused may well be gone: every error here is consumed (hazard S6).
            let Ok(upgraded) = upgrade.await else { return };
            let mut frame = BytesMut::new();
            encode_close(None, "", None, &mut frame);
            let mut io = TokioIo::new(upgraded);
            let _ = io.write_all(&frame).await;
            let _ = io.shutdown().await;
        }));
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (config, sessions) = (&self.inner.config, self.session_count());
        f.debug_struct("Engine").field("config", config).field("sessions", &sessions).finish_non_exhaustive()
    }
}

/// The 101 and the promise of the connection.
type Accepted<R> = (Response<Body<R>>, OnUpgrade);

/// The 101 and the promise of the connection, or the answer that refuses the handshake.
fn accept<R>(parts: &mut Parts) -> Result<Accepted<R>, upgrade::Refused<R>> {
    let response = upgrade::accept(&parts.method, &parts.headers)?;
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    // The HTTP server in front cannot hand connections over: HTTP/2, or one that was not told to.
    let upgrade = upgrade.ok_or_else(|| Box::new(respond::reject_upgrade("This connection cannot be upgraded")))?;
    Ok((response, upgrade))
}

fn new_session_id() -> Result<SessionId, Reject> {
    random_id().map(SessionId::new).map_err(|_| Reject::BadRequest(BadRequest::NoSessionId))
}
