//! The functions of the application that the engine calls: [`AllowRequest`], [`GenerateId`], [`HeadersHook`] and
//! [`ConnectionErrorHook`] with its [`ConnectionError`] (rows A15, A26–A29, A40).
//!
//! Leaves out [`Middleware`](crate::Middleware), which may also change the request.

use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc};

use engineio_proto::SessionId;
use http::{HeaderMap, request::Parts};

/// Decides whether a client may open a session, from the head of its first request (row A40). Clones share the
/// function.
///
/// It is asked after all checks that cost nothing but before that of the revision (row A42), and not again for the
/// session's later requests or its upgrade. It runs inside the request and must not block.
///
/// ```
/// use engineio::{AllowRequest, Config};
///
/// let mut config = Config::default();
/// config.allow_request = Some(AllowRequest::new(|request| {
///     let origin = request.headers.get("origin");
///     if origin.is_some_and(|origin| origin == "https://example.com") { Ok(()) } else { Err("Who are you?".into()) }
/// }));
/// ```
#[derive(Clone)]
pub struct AllowRequest(Arc<Decision>);

type Decision = dyn Fn(&Parts) -> Result<(), String> + Send + Sync;

impl AllowRequest {
    /// Asks `decide`; its error is the message that the client gets with a 403, or with a 400 where it wants a
    /// WebSocket (rows A35, A40). An empty message becomes `Forbidden`.
    ///
    /// ```
    /// let mut config = engineio::Config::default();
    /// config.allow_request = Some(engineio::AllowRequest::new(|request| {
    ///     if request.headers.contains_key("x-key") { Ok(()) } else { Err("no key".into()) }
    /// }));
    /// ```
    pub fn new(decide: impl Fn(&Parts) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(decide))
    }

    pub(crate) fn decide(&self, request: &Parts) -> Result<(), String> {
        (self.0)(request)
    }
}

/// What went wrong in the application's code, for logs.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Makes the ids of sessions, instead of [`random_id`](crate::random_id) (row A26). Clones share the function.
///
/// Who knows the id of a session can read and write it: an id must not be guessable, and no two servers that a
/// client may reach may give the same one (hazard S1). An id that a living session has, an empty one and one of more
/// than 256 bytes are refused: the client gets code 3, and [`ErrorContext::IdGenerationError`] is reported.
///
/// ```
/// use engineio::{Config, GenerateId, random_id};
///
/// let mut config = Config::default();
/// // The load balancer finds the server of a session by what its id begins with.
/// config.generate_id = Some(GenerateId::new(|_request| {
///     random_id().map(|random| format!("server7-{random}"))
/// }));
/// ```
#[derive(Clone)]
pub struct GenerateId(Arc<Generator>);

type Generator = dyn Fn(&Parts) -> Generating + Send + Sync;

type Generating = Pin<Box<dyn Future<Output = Result<String, BoxError>> + Send>>;

impl GenerateId {
    /// Calls `generate` with the head of the handshake. It must not block.
    ///
    /// ```
    /// let mut config = engineio::Config::default();
    /// config.generate_id = Some(engineio::GenerateId::new(|_request| engineio::random_id().map(|id| format!("a-{id}"))));
    /// ```
    pub fn new<E: Into<Box<dyn Error + Send + Sync>>>(
        generate: impl Fn(&Parts) -> Result<String, E> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |request| Box::pin(std::future::ready(generate(request).map_err(Into::into)))))
    }

    /// The same with a function that waits, say for a database. It takes what it needs of the head before it does.
    ///
    /// ```
    /// use engineio::GenerateId;
    ///
    /// let from_elsewhere = GenerateId::from_async(|request| {
    ///     let path = request.uri.path().to_owned();
    ///     async move { std::io::Result::Ok(format!("{path}-…")) }
    /// });
    /// ```
    pub fn from_async<F, Fut, E>(generate: F) -> Self
    where
        F: Fn(&Parts) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self(Arc::new(move |request| {
            let generated = generate(request);
            Box::pin(async move { generated.await.map_err(Into::into) })
        }))
    }

    pub(crate) fn generate(&self, request: &Parts) -> Generating {
        (self.0)(request)
    }
}

/// Changes the headers of answers before they go out; for [`Config::initial_headers`](crate::Config::initial_headers)
/// and [`Config::headers`](crate::Config::headers) (rows A27, A28). Clones share the function.
///
/// It gets the headers that the answer has so far and the head of the request. Those of a 101 start out with what
/// [`Middleware`](crate::Middleware)s added and do not show the handshake's own, which cannot be changed. The length
/// of a body is the engine's business: what is said of it here is dropped.
///
/// ```
/// use engineio::{Config, HeadersHook};
/// use http::HeaderValue;
///
/// let mut config = Config::default();
/// config.initial_headers = Some(HeadersHook::new(|headers, _request| {
///     headers.insert("x-began", HeaderValue::from_static("here"));
/// }));
/// ```
#[derive(Clone)]
pub struct HeadersHook(Arc<Change>);

type Change = dyn Fn(&mut HeaderMap, &Parts) + Send + Sync;

impl HeadersHook {
    /// Calls `change`. It must not block.
    ///
    /// ```
    /// let mut config = engineio::Config::default();
    /// config.headers = Some(engineio::HeadersHook::new(|headers, _request| {
    ///     headers.insert("x-served-by", http::HeaderValue::from_static("server7"));
    /// }));
    /// ```
    pub fn new(change: impl Fn(&mut HeaderMap, &Parts) + Send + Sync + 'static) -> Self {
        Self(Arc::new(change))
    }

    pub(crate) fn change(&self, headers: &mut HeaderMap, request: &Parts) {
        (self.0)(headers, request);
    }
}

/// Is told of every request that is refused with a code of the error table (row A29). Clones share the function.
///
/// ```
/// use engineio::{Config, ConnectionErrorHook};
///
/// let mut config = Config::default();
/// config.connection_error = Some(ConnectionErrorHook::new(|error| {
///     eprintln!("{} refused: {} ({:?})", error.request.uri, error.message, error.context);
/// }));
/// ```
#[derive(Clone)]
pub struct ConnectionErrorHook(Arc<Listener>);

type Listener = dyn Fn(&ConnectionError<'_>) + Send + Sync;

impl ConnectionErrorHook {
    /// Calls `told`. It must not block.
    ///
    /// ```
    /// let mut config = engineio::Config::default();
    /// config.connection_error = Some(engineio::ConnectionErrorHook::new(|error| eprintln!("{}", error.message)));
    /// ```
    pub fn new(told: impl Fn(&ConnectionError<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(told))
    }

    pub(crate) fn tell(&self, error: &ConnectionError<'_>) {
        (self.0)(error);
    }
}

/// A refused request (row A29).
///
/// ```
/// let hook = engineio::ConnectionErrorHook::new(|error| {
///     eprintln!("{} {}: code {}, {}", error.request.method, error.request.uri, error.code, error.message);
/// });
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectionError<'a> {
    /// Its head. For what a middleware refused: as it was when it came in.
    pub request: &'a Parts,
    /// The code of the error table, 0 to 5 (rows A36–A41).
    pub code: u8,
    /// The message of the error table.
    pub message: &'static str,
    /// What was wrong.
    pub context: ErrorContext,
}

/// What was wrong with a refused request. The text in it is the client's, so log it with care.
///
/// ```
/// use engineio::{ConnectionErrorHook, ErrorContext};
///
/// let hook = ConnectionErrorHook::new(|error| match &error.context {
///     ErrorContext::TransportUnknown { transport } => eprintln!("what is {transport:?}?"),
///     ErrorContext::BadHandshakeMethod { method } => eprintln!("{method} is no way to begin"),
///     _ => {}
/// });
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorContext {
    /// Code 0: the transport that was asked for, if any.
    TransportUnknown {
        /// The name in the query.
        transport: Option<String>,
    },
    /// Code 1.
    SessionUnknown {
        /// The id in the query. It may be that of a session on another server, and is a secret then.
        sid: SessionId,
    },
    /// Code 2.
    BadHandshakeMethod {
        /// The method.
        method: http::Method,
    },
    /// Code 3: the session is on another transport (row A45).
    TransportMismatch {
        /// The name in the query.
        transport: Option<String>,
    },
    /// Code 3: the session was opened with another revision.
    ProtocolMismatch {
        /// The revision in the query.
        protocol: Option<String>,
    },
    /// Code 3: `transport=websocket` without a WebSocket handshake.
    TransportHandshakeError,
    /// Code 3: [`GenerateId`], or the system's randomness, gave no id that can be used.
    IdGenerationError {
        /// Why.
        error: Box<dyn Error + Send + Sync>,
    },
    /// Code 3: a [`Middleware`](crate::Middleware) refused.
    MiddlewareFailure {
        /// The reason that it gave.
        error: Box<dyn Error + Send + Sync>,
    },
    /// Code 4: [`AllowRequest`] said no, or the origin is not allowed
    /// ([`Cors::check_handshakes`](crate::Cors::check_handshakes)).
    Forbidden {
        /// What the client is told.
        message: String,
    },
    /// Code 5: a revision that is not served.
    UnsupportedProtocol {
        /// The revision in the query.
        protocol: Option<String>,
    },
}

impl ErrorContext {
    /// The reference's name for it, where it has one: those of code 3.
    ///
    /// ```
    /// assert_eq!(engineio::ErrorContext::TransportHandshakeError.name(), Some("TRANSPORT_HANDSHAKE_ERROR"));
    /// ```
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        match self {
            Self::TransportMismatch { .. } => Some("TRANSPORT_MISMATCH"),
            Self::ProtocolMismatch { .. } => Some("PROTOCOL_MISMATCH"),
            Self::TransportHandshakeError => Some("TRANSPORT_HANDSHAKE_ERROR"),
            Self::IdGenerationError { .. } => Some("ID_GENERATION_ERROR"),
            Self::MiddlewareFailure { .. } => Some("MIDDLEWARE_FAILURE"),
            _ => None,
        }
    }
}

macro_rules! opaque {
    ($($hook:ident)*) => {$(
        impl fmt::Debug for $hook {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($hook)).finish_non_exhaustive()
            }
        }
    )*};
}

opaque!(AllowRequest GenerateId HeadersHook ConnectionErrorHook);
