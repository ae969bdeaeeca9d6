//! A network in memory: a client whose connections are pipes to the server of this process, which may be gone or another
//! one by the time of the next. Leaves out what goes wrong on the way.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    sync::{Arc, Mutex},
};

use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use socketio::{
    Server, TransportKind,
    client::{Client, Config, engine::Connector},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service;

/// Where clients dial, and who answers there.
#[derive(Clone, Default)]
pub(crate) struct Network(Arc<Mutex<Option<Server>>>);

impl Network {
    pub(crate) fn to(server: &Server) -> Self {
        let network = Self::default();
        network.set(Some(server));
        network
    }

    /// From now on this one answers, or nobody.
    pub(crate) fn set(&self, server: Option<&Server>) {
        *self.0.lock().unwrap() = server.cloned();
    }

    pub(crate) fn server(&self) -> Option<Server> {
        self.0.lock().unwrap().clone()
    }

    /// A client that dials here, without chance in its delays.
    #[allow(dead_code, reason = "each test file uses another part of this")]
    pub(crate) fn client(&self, transports: &[TransportKind]) -> Client {
        Client::with_config("http://server", self.config(transports)).unwrap()
    }

    pub(crate) fn config(&self, transports: &[TransportKind]) -> Config {
        let network = self.clone();
        let mut config = Config::default();
        config.reconnect.randomization_factor = 0.0;
        config.engine.transports = transports.to_vec();
        config.engine.connector = Some(Connector::new(move |_| {
            let server = network.server();
            async move {
                let server = server.ok_or(io::ErrorKind::ConnectionRefused)?;
                let (near, far) = tokio::io::duplex(64 * 1024);
                serve(&server, far);
                Ok::<_, io::Error>(near)
            }
        }));
        config
    }
}

/// Serves one connection, in a task of its own.
pub(crate) fn serve(server: &Server, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    let service = server.service();
    let service = service_fn(move |request: Request<Incoming>| {
        let mut service = service.clone();
        async move {
            poll_fn(|cx| Service::<Request<Incoming>>::poll_ready(&mut service, cx)).await?;
            service.call(request).await.map_err(|error: Infallible| error)
        }
    });
    // As little is buffered as by the listener of the engine: what is, is not seen to move.
    let mut http = http1::Builder::new();
    http.max_buf_size(64 * 1024);
    let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    // A connection that is cut is an error here, and the client's business.
    tokio::spawn(async move { drop(connection.await) });
}
