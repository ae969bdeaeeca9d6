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
#[derive(Clone, Debug)]
pub struct EngineService<S = NotFound> {
    engine: Engine,
    inner: S,
}

/// What stands behind an engine without an application: 404 for everything (row A23).
#[derive(Clone, Copy, Debug, Default)]
pub struct NotFound;

impl Engine {
    /// The layer that puts this engine in front of a service, such as an axum router.
    #[must_use]
    pub fn layer(&self) -> EngineLayer {
        EngineLayer { engine: self.clone() }
    }

    /// The engine as a service; what is not its path is answered with 404.
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
