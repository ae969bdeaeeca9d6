//! The tower face: [`ServerLayer`] and [`ServerService`]: the browser client's files, then the engine, then
//! whatever service stands behind.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Buf;
use engineio::server::{Body, EngineService, NotFound};
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{ClientFiles, Server};

/// Puts a Socket.IO server in front of a service.
#[derive(Clone, Debug)]
pub struct ServerLayer {
    server: Server,
}

impl ServerLayer {
    pub(super) fn new(server: &Server) -> Self {
        Self { server: server.clone() }
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = ServerService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ServerService::new(&self.server, self.server.engine().layer().layer(inner))
    }
}

/// A Socket.IO server in front of the service `S`.
#[derive(Clone, Debug)]
pub struct ServerService<S = NotFound> {
    files: ClientFiles,
    /// The server's path, with a slash at its end.
    prefix: String,
    inner: EngineService<S>,
}

impl ServerService {
    pub(super) fn standing_alone(server: &Server) -> Self {
        Self::new(server, server.engine().service())
    }
}

impl<S> ServerService<S> {
    fn new(server: &Server, inner: EngineService<S>) -> Self {
        let prefix = format!("{}/", server.config().engine.path.trim_end_matches('/'));
        Self { files: server.config().client_files.clone(), prefix, inner }
    }
}

impl<S, B, R> Service<Request<B>> for ServerService<S>
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
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let name = request.uri().path().strip_prefix(&*self.prefix);
        let file = name.and_then(|name| self.files.answer(name, request.method(), request.headers()));
        match file {
            Some(response) => Box::pin(std::future::ready(Ok(response))),
            None => self.inner.call(request),
        }
    }
}
