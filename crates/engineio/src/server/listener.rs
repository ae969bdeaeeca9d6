//! [`Listener`]: HTTP/1.1 on TCP without another framework. Owns accepting and the connections; the
//! requests go to any tower service.

use std::{future::poll_fn, io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, ToSocketAddrs, lookup_host};
use tower_service::Service;

use super::{Engine, gate::Pass};
use crate::session::PeerAddr;

/// How long a client may take to send the head of a request (hazard S44).
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes that the head of a request may have, and what hyper reads ahead of a body (hazard S33).
const HEAD_BYTES: usize = 64 * 1024;
/// Connections that the system makes ahead of us: those of clients who all come at once, as after an outage. With the usual 128 it
/// drops the others, or resets them (hazard R13). Where it allows fewer it takes fewer.
const BACKLOG: u32 = 4096;
/// How long a connection may take to finish the answer it is in when the engine closes.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client that is turned away may take to read why.
const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(1);
/// Clients that are told at once why they are turned away; the others see the connection close.
pub(super) const MOST_TURNED_AWAY: usize = 256;
/// Pause after a failed accept: where file descriptors ran out, trying again at once would only burn the core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bound TCP listener that serves an engine.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use engineio::{*, server::{Body, Engine}};
/// let engine = Engine::new(Config::default(), |session| async move { drop(session.closed().await) });
/// let listener = engine.bind("127.0.0.1:0").await?;
/// println!("listening on http://{}", listener.local_addr()?);
/// tokio::spawn(listener.serve(engine.service()));
/// # engine.close().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    engine: Engine,
}

impl Engine {
    /// Binds an address, to serve later; port 0 takes a free one.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// let engine = Engine::new(Config::default(), |session| async move { drop(session.closed().await) });
    /// let listener = engine.bind("127.0.0.1:0").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// What the system says of the address.
    pub async fn bind(&self, address: impl ToSocketAddrs) -> io::Result<Listener> {
        let addresses: Vec<_> = lookup_host(address).await?.collect();
        Ok(Listener { tcp: listen_on_first(&addresses)?, engine: self.clone() })
    }

    /// Binds an address and serves it until [`Engine::close`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// let engine = Engine::new(Config::default(), |session| async move { drop(session.closed().await) });
    /// let closing = engine.clone();
    /// tokio::spawn(async move { closing.close().await }); // on a signal, say
    /// engine.listen("127.0.0.1:0").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// What the system says of the address.
    pub async fn listen(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        self.bind(address).await?.serve(self.service()).await;
        Ok(())
    }
}

/// On the first of them on which it can.
#[cold]
fn listen_on_first(addresses: &[SocketAddr]) -> io::Result<TcpListener> {
    let mut refusal = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address");
    for address in addresses {
        match listen_on(*address) {
            Ok(tcp) => return Ok(tcp),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restarted server gets its port back; on Windows that would let two servers have it.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Listener {
    /// The address that it listens on.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// let engine = Engine::new(Config::default(), |session| async move { drop(session.closed().await) });
    /// assert_ne!(engine.bind("127.0.0.1:0").await?.local_addr()?.port(), 0);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// What the system says; a listener that was bound knows its address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Serves `service`, which is usually [`Engine::service`] or something around it, until [`Engine::close`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// let engine = Engine::new(Config::default(), |session| async move { drop(session.closed().await) });
    /// let listener = engine.bind("127.0.0.1:0").await?;
    /// # engine.close().await;
    /// listener.serve(engine.service()).await; // until the engine is closed
    /// # Ok(()) }
    /// ```
    pub async fn serve<S, R>(self, service: S)
    where
        S: Service<Request<Incoming>, Response = Response<R>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        R: http_body::Body<Data = Bytes> + Send + 'static,
        R::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let closing = self.engine.inner.closing.clone();
        loop {
            let accepted = tokio::select! {
                accepted = self.tcp.accept() => accepted,
                () = closing.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    match self.engine.inner.connections.enter(Some(peer), self.engine.inner.surroundings.clock.now()) {
                        Ok(pass) => self.start(stream, peer, pass, service.clone()),
                        Err(_full) => self.turn_away(stream, peer),
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Tells a client that there is no room for it, as long as there are not too many to be told so at once.
    fn turn_away(&self, mut stream: TcpStream, peer: SocketAddr) {
        tracing::debug!(%peer, "connection turned away: as many are there as may");
        self.engine.inner.surroundings.tally.connections_turned_away.count();
        let Ok(place) = self.engine.inner.leaving.clone().try_acquire_owned() else { return };
        let seconds = self.engine.inner.config.admission.retry_after.as_secs();
        self.engine.inner.tasks.spawn(tokio::time::timeout(TURN_AWAY_TIMEOUT, async move {
            let _place = place;
            let answer = format!(
                "HTTP/1.1 503 Service Unavailable\r\nretry-after: {seconds}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            );
            if stream.write_all(answer.as_bytes()).await.is_ok() && stream.shutdown().await.is_ok() {
                // Closing before the request is read would be a reset, which may overtake the answer.
                let mut unread = [0; 1024];
                while matches!(stream.read(&mut unread).await, Ok(1..)) {}
            }
        }));
    }

    fn start<S, R>(&self, stream: TcpStream, peer: SocketAddr, pass: Pass, service: S)
    where
        S: Service<Request<Incoming>, Response = Response<R>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        R: http_body::Body<Data = Bytes> + Send + 'static,
        R::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        // Small packets are the point of this protocol: none waits for the next.
        let _ = stream.set_nodelay(true);
        let closing = self.engine.inner.closing.clone();
        self.engine.inner.tasks.spawn(async move {
            let _pass = pass;
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(PeerAddr(peer));
                let mut service = service.clone();
                async move {
                    poll_fn(|cx| service.poll_ready(cx)).await?;
                    service.call(request).await
                }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(HEAD_BYTES);
            let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
            tokio::pin!(connection);
            let result = tokio::select! {
                result = connection.as_mut() => result,
                () = closing.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    // A client that reads nothing, or sends half a request, does not hold the shutdown up.
                    tokio::time::timeout(SHUTDOWN_TIMEOUT, connection).await.unwrap_or(Ok(()))
                }
            };
            if let Err(error) = result {
                tracing::debug!(%peer, %error, "HTTP connection ended");
            }
        });
    }
}
