//! [`Engine`]: takes requests, makes sessions, closes them. Routing and the order of checks; the answers
//! are made next door.
//!
//! INVARIANT: a task without a handle does not exist: every task runs under the engine's tracker, and
//! [`Engine::close`] waits for them.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use engineio_proto::{
    Attached, CloseMode, Dialect, Handshake, MessageFrame, Reject, ServerSession, SessionId, TransportKind,
    request::{self, Method, Query, Request},
    websocket::encode_close,
};
use http::{HeaderMap, Response, StatusCode, request::Parts};
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncWriteExt, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Body,
    admission::{Fault, answer},
    gate::{Bounds, Gate, Pass},
    listener::MOST_TURNED_AWAY,
    polling,
    registry::Registry,
    respond, upgrade,
};
use crate::{
    clock::Clock,
    config::Config,
    cookie::CookieTemplate,
    counters::{Counters, Tally},
    driver::{Application, Driver},
    hooks::ErrorContext,
    middleware::Exchange,
    opening::Opening,
    per_message_deflate::PerMessageDeflate,
    random::random_id,
    session::{PeerAddr, Session},
    shared::Shared,
    surroundings::Surroundings,
    transport::websocket::{Upgrade, WireIo},
};

/// How long a WebSocket that is refused after its handshake may take to say good-bye.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes that the id of a session may have: it is in every request line of long-polling, and a key of the table.
const MAX_ID_BYTES: usize = 256;

/// An Engine.IO server. Cloning it costs a reference count; all clones are the same server.
///
/// It has no socket of its own: use it as a tower service or layer ([`Engine::service`], [`Engine::layer`]), feed
/// it requests by hand ([`Engine::handle`]), or let it listen ([`Engine::listen`]).
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use engineio::{*, server::{Body, Engine}};
/// let engine = Engine::new(Config::default(), |session| async move {
///     let _ = session.send("welcome");
///     session.closed().await;
/// });
/// let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
/// let answer: http::Response<Body> = engine.handle(opening).await;
/// assert_eq!((answer.status(), engine.session_count()), (http::StatusCode::OK, 1));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Engine {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) config: Config,
    /// How many sessions may begin.
    sessions: Arc<Gate>,
    /// How many connections may speak HTTP with the listener.
    pub(super) connections: Arc<Gate>,
    /// Places for connections that are being turned away.
    pub(super) leaving: Arc<Semaphore>,
    /// What the sessions see of the engine.
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) cookie: Option<CookieTemplate>,
    /// [`Config::initial_packet`], framed once for all.
    initial: Option<MessageFrame>,
    application: Box<dyn Fn(Session) -> Application + Send + Sync>,
    pub(super) tasks: TaskTracker,
    pub(super) closing: CancellationToken,
}

impl Engine {
    /// A server that runs `application` once for each session, inside the session's one task: it receives
    /// and sends through the [`Session`], and when it returns, the session is closed gracefully.
    ///
    /// ```
    /// use engineio::{Config, server::Engine};
    ///
    /// let engine = Engine::new(Config::default(), |session| async move {
    ///     while let Some(message) = session.recv().await {
    ///         println!("{message:?}");
    ///     }
    /// });
    /// ```
    ///
    /// # Panics
    /// Where the configured [`Cookie`](crate::Cookie) has a name, a domain or a path that no cookie can have.
    pub fn new<F, Fut>(config: Config, application: F) -> Self
    where
        F: Fn(Session) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let cookie = config.cookie.as_ref().map(|cookie| {
            // A mistake in the program's own text is told when the program starts.
            CookieTemplate::new(cookie).unwrap_or_else(|fault| panic!("Config::cookie: {fault}"))
        });
        let admission = &config.admission;
        let sessions = Gate::new(Bounds {
            at_once: admission.max_sessions,
            of_one_address: admission.max_sessions_per_address,
            per_second: admission.sessions_per_second,
        });
        let connections = Gate::new(Bounds {
            at_once: admission.max_connections,
            of_one_address: admission.max_connections_per_address,
            per_second: None,
        });
        Self {
            inner: Arc::new(Inner {
                sessions,
                connections,
                leaving: Arc::new(Semaphore::new(MOST_TURNED_AWAY)),
                surroundings: Arc::new(Surroundings {
                    limits: Arc::new(config.limits.clone()),
                    clock: Clock::start(),
                    tally: Tally::default(),
                    registry: Registry::default(),
                }),
                initial: config.initial_packet.as_ref().map(MessageFrame::from),
                config,
                cookie,
                application: Box::new(move |session| Box::pin(application(session)) as Application),
                tasks: TaskTracker::new(),
                closing: CancellationToken::new(),
            }),
        }
    }

    /// Whether a request with this path is for the engine.
    ///
    /// ```
    /// let engine = engineio::server::Engine::new(engineio::Config::default(), |_session| async {});
    /// assert!(engine.serves("/engine.io/") && !engine.serves("/"));
    /// ```
    #[must_use]
    pub fn serves(&self, path: &str) -> bool {
        self.inner.config.serves(path)
    }

    /// Sessions that are alive now (row A30).
    ///
    /// ```
    /// let engine = engineio::server::Engine::new(engineio::Config::default(), |_session| async {});
    /// assert_eq!(engine.session_count(), 0);
    /// ```
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.inner.surroundings.registry.len()
    }

    /// How often what happened so far, and how often each limit was met.
    ///
    /// ```
    /// let engine = engineio::server::Engine::new(engineio::Config::default(), |_session| async {});
    /// assert_eq!(engine.counters().upgrades, 0);
    /// ```
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.inner.surroundings.tally.read()
    }

    /// Closes every session at once, dropping what is queued (row A31), stops the listeners, refuses new
    /// sessions, and waits until all tasks have ended: an application that does not return when `recv` gives
    /// `None` holds this up.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// engine.close().await;
    /// assert_eq!(session.closed().await.reason, CloseReason::ForcedClose);
    /// # Ok(()) }
    /// ```
    pub async fn close(&self) {
        self.inner.surroundings.registry.admit_no_more();
        self.inner.closing.cancel();
        for session in self.inner.surroundings.registry.all() {
            session.close(CloseMode::Discard);
        }
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// Answers one request (row A24). The path is not looked at; see [`Engine::serves`]. For a WebSocket the
    /// request must carry hyper's upgrade extension, as it does under every server built on hyper.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// let engine = Engine::new(Config::default(), |_session| async {});
    /// let wrong = http::Request::get("/engine.io/?EIO=4&transport=pigeon").body(String::new())?;
    /// let answer: http::Response<Body> = engine.handle(wrong).await;
    /// assert_eq!(answer.status(), 400);
    /// # Ok(()) }
    /// ```
    pub async fn handle<B, R>(&self, request: http::Request<B>) -> Response<Body<R>>
    where
        B: http_body::Body,
        B::Data: Buf,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        // Row A42: origins and middlewares come before everything else.
        let Exchange { mut request, mut response_headers } = match self.admit(parts).await {
            Ok(exchange) => exchange,
            Err(response) => return response,
        };
        let query = Query::parse(request.uri.query().unwrap_or_default());
        match self.route(&query, &mut request, &mut response_headers, body).await {
            Ok(response) => answer(response, &response_headers),
            Err(fault) => self.refuse(fault, &request, &response_headers),
        }
    }

    /// Answers a request that was let in. `added` are headers that middlewares want in the answer.
    async fn route<B, R>(
        &self,
        query: &Query,
        request: &mut Parts,
        added: &mut HeaderMap,
        body: B,
    ) -> Result<Response<Body<R>>, Fault>
    where
        B: http_body::Body,
        B::Data: Buf,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let method = match request.method {
            http::Method::GET => Method::Get,
            http::Method::POST => Method::Post,
            _ => Method::Other,
        };
        let transports = &self.inner.config.transports;
        let mut found = None;
        let find = |sid: &str| {
            found = self.inner.surroundings.registry.find(sid);
            found.as_ref()?.transport_and_revision()
        };
        let wants_websocket = upgrade::is_websocket(&request.headers);
        let wanted = request::classify(query, method, wants_websocket, transports, find)?;
        let session = found.ok_or(Reject::UnknownSid);
        match wanted {
            Request::Open(TransportKind::WebSocket) => self.open_websocket(query, request, added).await,
            Request::Open(_) => self.open_polling(query, request).await,
            Request::Poll(_) => Ok(polling::get(self, &session?, request).await?),
            Request::Post(_) => Ok(polling::post(self, &session?, request, body).await?),
            Request::Attach(_) => self.attach(&*session?, query, request, added),
            Request::PollingOverWebSocket => Ok(self.refuse_websocket(request, added)),
            Request::UnknownMethod => Ok(respond::bare(StatusCode::INTERNAL_SERVER_ERROR)),
        }
    }

    async fn open_polling<R>(&self, query: &Query, request: &Parts) -> Result<Response<Body<R>>, Fault> {
        self.inner.config.check_origin(request)?;
        let pass = match self.let_in(request) {
            Ok(pass) => pass,
            Err(busy) => return Ok(*busy),
        };
        self.inner.config.check_allowed(request)?;
        let dialect = self.dialect(query)?;
        if !self.inner.surroundings.registry.admits() {
            return Ok(respond::busy(self.inner.config.admission.retry_after));
        }
        let id = self.new_session_id(request).await?;
        let open = self.open_packet(&id, TransportKind::Polling);
        let now = self.inner.surroundings.clock.now();
        let (session, mut payload) =
            ServerSession::open_polling(self.inner.surroundings.limits.clone(), dialect, &open, now);
        if let Some(initial) = &self.inner.initial {
            payload = session.answer_open_with(&open, initial);
        }
        self.start(id.clone(), session, request, pass, |_| {})?;
        Ok(self.answer_poll(payload, request, Some(&id)).await)
    }

    async fn open_websocket<R>(
        &self,
        query: &Query,
        request: &mut Parts,
        added: &mut HeaderMap,
    ) -> Result<Response<Body<R>>, Fault> {
        self.inner.config.check_origin(request)?;
        let pass = match self.let_in(request) {
            Ok(pass) => pass,
            Err(busy) => return Ok(*busy),
        };
        self.inner.config.check_allowed(request)?;
        let Ok(dialect) = self.dialect(query) else {
            // The reference notices after the 101, so the client just sees the WebSocket close (row A41).
            let context = ErrorContext::UnsupportedProtocol { protocol: query.eio().map(str::to_owned) };
            self.report(&Reject::UnsupportedProtocol, context, request);
            return Ok(self.refuse_websocket(request, added));
        };
        if !self.inner.surroundings.registry.admits() {
            return Ok(respond::busy(self.inner.config.admission.retry_after));
        }
        let (mut response, upgrade) = match accept(request, self.inner.config.per_message_deflate) {
            Ok(accepted) => accepted,
            Err(response) => return Ok(*response),
        };
        let id = self.new_session_id(request).await?;
        let open = self.open_packet(&id, TransportKind::WebSocket);
        let now = self.inner.surroundings.clock.now();
        let (mut session, wire) = ServerSession::open_wire(self.inner.surroundings.limits.clone(), dialect, &open, now);
        if let Some(initial) = &self.inner.initial {
            session.send_behind_open(initial);
        }
        self.answer_upgrade(&mut response, request, added, true);
        self.start(id, session, request, pass, |shared| shared.lock().offer(wire, upgrade))?;
        Ok(response)
    }

    /// Whether one more session may begin now; before the application is asked, whose code may be what a flood is aimed
    /// at.
    fn let_in<R>(&self, request: &Parts) -> Result<Pass, Box<Response<Body<R>>>> {
        let peer = request.extensions.get::<PeerAddr>().map(|peer| peer.0);
        self.inner.sessions.enter(peer, self.inner.surroundings.clock.now()).map_err(|_full| {
            tracing::debug!(?peer, "session turned away: as many are there, or come, as may");
            self.inner.surroundings.tally.sessions_turned_away.count();
            Box::new(respond::busy(self.inner.config.admission.retry_after))
        })
    }

    /// How the client of a request is to be talked to, where it is served at all (rows A16, A41).
    fn dialect(&self, query: &Query) -> Result<Dialect, Reject> {
        query.dialect(self.inner.config.allow_eio3)
    }

    /// An id for a session: the application's, or a random one (row A26).
    async fn new_session_id(&self, request: &Parts) -> Result<SessionId, Fault> {
        let Some(generator) = &self.inner.config.generate_id else {
            return random_id().map(SessionId::new).map_err(|error| Fault::NoId(error.into()));
        };
        let id = generator.generate(request).await.map_err(Fault::NoId)?;
        if id.is_empty() || id.len() > MAX_ID_BYTES {
            return Err(Fault::NoId(format!("an id of {} bytes; 1 to {MAX_ID_BYTES} will do", id.len()).into()));
        }
        Ok(SessionId::new(id))
    }

    fn open_packet(&self, id: &SessionId, transport: TransportKind) -> engineio_proto::Text {
        Handshake::new(id, self.inner.config.upgrades(transport), &self.inner.surroundings.limits).packet()
    }

    /// Registers a session and starts its task.
    fn start(
        &self,
        id: SessionId,
        session: ServerSession,
        request: &Parts,
        pass: Pass,
        prepare: impl FnOnce(&Shared),
    ) -> Result<(), Fault> {
        let surroundings = self.inner.surroundings.clone();
        let shared = Arc::new(Shared::new(id, Opening::new(request), surroundings, session));
        prepare(&shared);
        let registration = Registry::insert(shared.clone(), pass);
        let registration = registration.ok_or_else(|| Fault::NoId("a living session has this id".into()))?;
        self.inner.surroundings.tally.sessions_opened.count();
        let application = (self.inner.application)(Session { shared: shared.clone() });
        self.inner.tasks.spawn(Driver::new(registration, application));
        if !self.inner.surroundings.registry.admits() {
            // The engine began to close after this request was let in, and may not have seen the session.
            shared.close(CloseMode::Discard);
        }
        Ok(())
    }

    /// A WebSocket for a session that exists: the candidate of an upgrade, or refused (row A47).
    fn attach<R>(
        &self,
        shared: &Shared,
        query: &Query,
        request: &mut Parts,
        added: &mut HeaderMap,
    ) -> Result<Response<Body<R>>, Fault> {
        let dialect = self.dialect(query)?;
        self.inner.config.check_origin(request)?;
        let (mut response, upgrade) = match accept(request, self.inner.config.per_message_deflate) {
            Ok(accepted) => accepted,
            Err(response) => return Ok(*response),
        };
        // Before the session learns of it: the application's hook may panic.
        self.answer_upgrade(&mut response, request, added, false);
        let now = shared.now();
        let mut upgrade = Some(upgrade);
        shared.feed(|inner, _| {
            if let Attached::Candidate(wire) = inner.session.handle_wire_attached(dialect, now)
                && let Some(upgrade) = upgrade.take()
            {
                inner.offer(wire, upgrade);
            }
        });
        if let Some(refused) = upgrade {
            self.close_refused(refused);
        }
        Ok(response)
    }

    /// Completes the handshake and closes the WebSocket at once (rows A41, A46).
    fn refuse_websocket<R>(&self, request: &mut Parts, added: &mut HeaderMap) -> Response<Body<R>> {
        match accept(request, None) {
            Ok((mut response, upgrade)) => {
                self.answer_upgrade(&mut response, request, added, false);
                self.close_refused(upgrade);
                response
            }
            Err(response) => *response,
        }
    }

    fn close_refused(&self, upgrade: Upgrade) {
        self.inner.tasks.spawn(tokio::time::timeout(REFUSAL_TIMEOUT, async move {
            // Who is refused may well be gone: every error here is consumed (hazard S6).
            let WireIo::Upgrading(connection) = upgrade.connection else { return };
            let Ok(upgraded) = connection.await else { return };
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
type Accepted<R> = (Response<Body<R>>, Upgrade);

/// The 101 and the promise of the connection, or the answer that refuses the handshake.
fn accept<R>(parts: &mut Parts, deflate: Option<PerMessageDeflate>) -> Result<Accepted<R>, upgrade::Refused<R>> {
    let mut response = upgrade::accept(&parts.method, &parts.headers)?;
    let connection = parts.extensions.remove();
    // The HTTP server in front cannot hand connections over: HTTP/2, or one that was not told to.
    let connection =
        connection.ok_or_else(|| Box::new(respond::reject_upgrade("This connection cannot be upgraded")))?;
    let deflate = deflate.filter(|_| upgrade::agree_on_deflate(&parts.headers, &mut response));
    let connection = WireIo::Upgrading(connection);
    Ok((response, Upgrade { connection, early: Bytes::new(), deflate }))
}
