//! The tower face: [`EngineLayer`] puts the engine in front of a service, [`EngineService`] is the result.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower_layer::Layer;
use tower_service::Service;

use super::{Body, Engine};

/// Puts an engine in front of a service: requests to the engine's path are the engine's, all others go on.
///
/// ```
/// use engineio::{Config, server::{Engine, NotFound}};
/// use tower_layer::Layer;
///
/// let engine = Engine::new(Config::default(), |_session| async {});
/// let service = engine.layer().layer(NotFound);
/// ```
#[derive(Clone, Debug)]
pub struct EngineLayer {
    engine: Engine,
}

impl<S> Layer<S> for EngineLayer {
    type Service = EngineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        EngineService { engine: self.engine.clone(), inner }
    }
}

/// An engine in front of the service `S`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use engineio::{*, server::{Body, Engine}};
/// use tower_service::Service;
///
/// let mut service = Engine::new(Config::default(), |_session| async {}).service();
/// let elsewhere = http::Request::get("/").body(String::new())?;
/// assert_eq!(service.call(elsewhere).await?.status(), 404);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct EngineService<S = NotFound> {
    engine: Engine,
    inner: S,
}

/// What stands behind an engine without an application: 404 for everything (row A23).
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use engineio::{*, server::{Body, Engine}};
/// use tower_service::Service;
///
/// let request = http::Request::get("/").body(String::new())?;
/// assert_eq!(server::NotFound.call(request).await?.status(), 404);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NotFound;

impl Engine {
    /// The layer that puts this engine in front of a service, such as an axum router.
    ///
    /// ```
    /// let engine = engineio::server::Engine::new(engineio::Config::default(), |_session| async {});
    /// let layer = engine.layer(); // for `axum::Router::layer`, or any tower stack
    /// ```
    #[must_use]
    pub fn layer(&self) -> EngineLayer {
        EngineLayer { engine: self.clone() }
    }

    /// The engine as a service; what is not its path is answered with 404.
    ///
    /// ```
    /// let engine = engineio::server::Engine::new(engineio::Config::default(), |_session| async {});
    /// let service = engine.service(); // for hyper, or `Listener::serve`
    /// ```
    #[must_use]
    pub fn service(&self) -> EngineService {
        EngineService { engine: self.clone(), inner: NotFound }
    }
}

type BoxFuture<R> = Pin<Box<dyn Future<Output = R> + Send>>;

impl<S, B, R> Service<Request<B>> for EngineService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Buf + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    R: Send + 'static,
{
    type Response = Response<Body<R>>;
    type Error = S::Error;
    type Future = BoxFuture<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.engine.serves(request.uri().path()) {
            let engine = self.engine.clone();
            return Box::pin(async move { Ok(engine.handle(request).await) });
        }
        let response = self.inner.call(request);
        Box::pin(async move { Ok(response.await?.map(Body::inner)) })
    }
}

impl<B> Service<Request<B>> for NotFound {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::NOT_FOUND;
        std::future::ready(Ok(response))
    }
}
