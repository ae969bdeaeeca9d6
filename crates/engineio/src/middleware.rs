//! [`Middleware`]: the application's code in front of every request of the engine (row A25, hazard S14).

use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Response, request::Parts};

/// Runs before the engine looks at a request, whichever it is: handshake, GET, POST or WebSocket. There is no way
/// into a session that passes it by (hazard S14).
///
/// It is an async function from an [`Exchange`] to the same, or to a [`Refusal`]. What it puts into the extensions
/// of a session's first request is kept in [`Request::extensions`](crate::Request::extensions); the headers that it
/// adds to the answer go out with every answer, but for that to a refused WebSocket, as in the reference. Middlewares
/// run one after the other, in the order of [`Config::middlewares`](crate::Config::middlewares), after [`Cors`].
///
/// A tower layer around [`Engine::service`](crate::server::Engine::service) sees the same requests and many are
/// ready-made: take one for what concerns the whole HTTP server (traces, limits, time-outs). A middleware is for what
/// concerns the engine: it goes along in its configuration, its refusals have the protocol's form and are counted and
/// reported ([`Config::connection_error`](crate::Config::connection_error)), and it sees only the engine's requests.
///
/// ```
/// use engineio::{Config, Middleware, Refusal};
///
/// #[derive(Clone)]
/// struct User(String);
///
/// async fn who_is(token: &str) -> Result<User, std::io::Error> {
/// #   Ok(User(token.to_owned()))
///     // … asks a database
/// }
///
/// let mut config = Config::default();
/// config.middlewares.push(Middleware::new(|mut exchange| async move {
///     let token = exchange.request.headers.get("authorization").and_then(|token| token.to_str().ok());
///     let user = who_is(token.ok_or_else(|| Refusal::new("no token"))?).await?;
///     exchange.request.extensions.insert(user);
///     exchange.response_headers.insert("x-served-by", "me".parse()?);
///     Ok(exchange)
/// }));
/// ```
///
/// [`Cors`]: crate::Cors
#[derive(Clone)]
pub struct Middleware(Arc<Function>);

type Function = dyn Fn(Exchange) -> Running + Send + Sync;

type Running = Pin<Box<dyn Future<Output = Result<Exchange, Refusal>> + Send>>;

/// A request on its way to the engine, and what its answer will have.
///
/// ```
/// let middleware = engineio::Middleware::new(|mut exchange| async move {
///     println!("{} {}", exchange.request.method, exchange.request.uri);
///     exchange.response_headers.insert("x-seen", http::HeaderValue::from_static("yes"));
///     Ok(exchange)
/// });
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// The head of the request: the engine goes by what is here when the last middleware has passed it on.
    pub request: Parts,
    /// Headers for the answer. Where the engine sets a header of that name itself, its own counts; `Set-Cookie`
    /// and `Vary` are sent beside it.
    pub response_headers: HeaderMap,
}

/// Why a [`Middleware`] does not pass a request on. Every error becomes one with `?`.
///
/// ```
/// use engineio::{Middleware, Refusal};
///
/// let nobody = Middleware::new(|_exchange| async { Err(Refusal::new("closed on Sundays")) });
/// ```
#[derive(Debug)]
pub struct Refusal(pub(crate) Refused);

#[derive(Debug)]
pub(crate) enum Refused {
    /// Answered with code 3.
    Failed(Box<dyn Error + Send + Sync>),
    /// Answered with this.
    Answered(Box<Response<Bytes>>),
}

impl Middleware {
    /// Wraps an async function. It runs inside the request: where the client goes away, it is dropped.
    ///
    /// ```
    /// let nothing = engineio::Middleware::new(|exchange| async move { Ok(exchange) });
    /// ```
    pub fn new<F, Fut>(function: F) -> Self
    where
        F: Fn(Exchange) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Exchange, Refusal>> + Send + 'static,
    {
        Self(Arc::new(move |exchange| Box::pin(function(exchange))))
    }

    pub(crate) fn run(&self, exchange: Exchange) -> Running {
        (self.0)(exchange)
    }
}

impl Exchange {
    pub(crate) fn new(request: Parts) -> Self {
        Self { request, response_headers: HeaderMap::new() }
    }
}

impl Refusal {
    /// The request is answered with `Bad request`, code 3; the reason is for the log and for
    /// [`Config::connection_error`](crate::Config::connection_error), never for the client (rows A25, A39). The answer
    /// has the headers that the middlewares before this one added.
    ///
    /// ```
    /// let refusal = engineio::Refusal::new("the token has expired"); // for the log; the client sees `Bad request`
    /// ```
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Refused::Failed(reason.into()))
    }

    /// The request is answered with this, and the engine does not see it: a redirect, a page, a 401. It is no
    /// refusal to the engine, so nobody else is told. A client that wanted a WebSocket sees its handshake fail.
    ///
    /// ```
    /// use engineio::Refusal;
    /// use http::{Response, StatusCode};
    ///
    /// let answer = Response::builder().status(StatusCode::UNAUTHORIZED).body("log in first".into());
    /// let refusal = Refusal::answer(answer.expect("a status and a body"));
    /// ```
    #[must_use]
    pub fn answer(response: Response<Bytes>) -> Self {
        Self(Refused::Answered(Box::new(response)))
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

impl fmt::Debug for Middleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Middleware").finish_non_exhaustive()
    }
}
