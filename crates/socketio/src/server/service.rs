//! The tower face: [`ServerLayer`] and [`ServerService`]: the browser client's files, then the engine, then
//! whatever service stands behind.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Buf;
use engineio::{
    Cors,
    server::{Body, EngineService, NotFound},
};
use http::{HeaderMap, Request, Response, request::Parts};
use tower_layer::Layer;
use tower_service::Service;

use super::{ClientFiles, Server};

/// Puts a Socket.IO server in front of a service.
///
/// ```
/// use axum::Router;
///
/// let io = socketio::Server::new();
/// let app: Router = Router::new().layer(io.layer());
/// ```
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
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use socketio::{*, testing::TestClient};
/// use tower_service::Service;
///
/// let mut service = Server::new().service();
/// let request = http::Request::get("/socket.io/?EIO=4&transport=polling").body(String::new())?;
/// assert_eq!(service.call(request).await?.status(), 200);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ServerService<S = NotFound> {
    files: FilesAtPath,
    inner: EngineService<S>,
}

/// The client's files where the server puts them.
#[derive(Clone, Debug)]
struct FilesAtPath {
    files: ClientFiles,
    /// What holds for the engine holds for the files (row D8).
    cors: Option<Cors>,
    /// The server's path, with a slash at its end.
    prefix: String,
}

impl ServerService {
    pub(super) fn standing_alone(server: &Server) -> Self {
        Self::new(server, server.engine().service())
    }
}

impl<S> ServerService<S> {
    fn new(server: &Server, inner: EngineService<S>) -> Self {
        let config = server.config();
        let prefix = format!("{}/", config.engine.path.trim_end_matches('/'));
        let files = FilesAtPath { files: config.client_files.clone(), cors: config.engine.cors.clone(), prefix };
        Self { files, inner }
    }
}

impl FilesAtPath {
    /// The answer to a request for one of the client's files; `None` where it is something else.
    fn answer<R>(&self, request: &Parts) -> Option<impl Future<Output = Response<Body<R>>> + Send + use<R>>
    where
        R: Send,
    {
        let name = request.uri.path().strip_prefix(&*self.prefix).filter(|name| self.files.has(name))?;
        let mut headers = HeaderMap::new();
        let preflight = self.cors.as_ref().and_then(|cors| cors.apply(request, &mut headers));
        if preflight.is_none() && !self.files.serves(name, &request.method) {
            return None;
        }
        let (files, name, request) = (self.files.clone(), name.to_owned(), request.headers.clone());
        Some(async move {
            let mut response = match preflight {
                None => files.answer(&name, &request).await,
                Some(status) => {
                    let mut response = Response::new(Body::empty());
                    *response.status_mut() = status;
                    response
                }
            };
            for (name, value) in &headers {
                response.headers_mut().append(name, value.clone());
            }
            response
        })
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
        let (head, body) = request.into_parts();
        match self.files.answer(&head) {
            Some(answer) => Box::pin(async move { Ok(answer.await) }),
            None => self.inner.call(Request::from_parts(head, body)),
        }
    }
}
