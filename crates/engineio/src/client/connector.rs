//! [`Connector`]: the user's own way to a server, instead of TCP. Leaves out the ways that are built in, which are `dial.rs`'s.

use std::{fmt, future::Future, io, pin::Pin, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::transport::byte_stream::ByteStream;

type Connecting = Pin<Box<dyn Future<Output = io::Result<ByteStream>> + Send>>;

/// Makes the connections of a client: over a Unix socket, a tunnel, or in memory for tests; for
/// [`Config::connector`](super::Config::connector). It replaces TCP and the proxy, but not TLS, which is spoken on top where
/// the address wants it. Clones share the function.
///
/// ```
/// use engineio::client::{Config, Connector};
/// use tokio::net::UnixStream;
///
/// let mut config = Config::default();
/// config.connector = Some(Connector::new(|_| UnixStream::connect("/run/app.sock")));
/// ```
#[derive(Clone)]
pub struct Connector(Arc<dyn Fn(Destination) -> Connecting + Send + Sync>);

/// What a [`Connector`] is to connect to.
///
/// ```
/// # use engineio::client::{Connector, Destination};
/// let connector = Connector::new(|Destination { host, port, .. }| async move {
///     tokio::net::TcpStream::connect((&*host, port)).await
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Destination {
    /// The host of the address, an IPv6 address without its brackets.
    pub host: String,
    /// The port of the address.
    pub port: u16,
    /// Whether TLS will be spoken on the connection.
    pub secure: bool,
}

impl Connector {
    /// A way to get a connection. The future is dropped where nobody waits for it any longer; its error becomes one of
    /// [`TransportErrorKind::Connect`](super::TransportErrorKind::Connect).
    pub fn new<F, Fut, S>(connect: F) -> Self
    where
        F: Fn(Destination) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self(Arc::new(move |destination| {
            let connecting = connect(destination);
            Box::pin(async move { Ok(ByteStream::Other(Box::new(connecting.await?))) })
        }))
    }

    pub(super) async fn connect(&self, destination: Destination) -> io::Result<ByteStream> {
        (self.0)(destination).await
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}
