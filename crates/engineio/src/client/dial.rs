//! [`Dialer`]: gets a connection to the server: TCP with both kinds of addresses raced [RFC 8305], a proxy, or the user's
//! connector; TLS on top where the address wants it. Rows B16–B18.
//!
//! Dropping what is awaited here closes the sockets. There is no time-out: who waits has one.

use std::{
    future::{Future, poll_fn},
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};

use engineio_proto::TransportKind;
use http::Uri;
use hyper_util::client::legacy::connect::{HttpConnector, dns::Name};
use tower_service::Service;

#[cfg(feature = "tls")]
use super::tls;
use super::{
    Address, Config, Connector, Destination, Family, Proxy, TransportError, TransportErrorKind, address::bracketed,
    proxy::TunnelFault,
};
use crate::transport::byte_stream::ByteStream;

/// The ways to a server, as configured.
pub(super) struct Dialer {
    tcp: HttpConnector<Resolver>,
    family: Option<Family>,
    proxy: Option<Proxy>,
    connector: Option<Connector>,
    #[cfg(feature = "tls")]
    tls: super::Tls,
    /// Made for the first connection that needs it.
    #[cfg(feature = "tls")]
    tls_connector: tokio::sync::OnceCell<tls::Connector>,
}

impl Dialer {
    pub(super) fn new(config: &Config) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver(config.family));
        // Small packets are the point of this protocol: none waits for the next.
        tcp.set_nodelay(true);
        tcp.set_local_address(config.local_address);
        tcp.set_happy_eyeballs_timeout(Some(config.happy_eyeballs_timeout));
        Self {
            tcp,
            family: config.family,
            proxy: config.proxy.clone(),
            connector: config.connector.clone(),
            #[cfg(feature = "tls")]
            tls: config.tls.clone(),
            #[cfg(feature = "tls")]
            tls_connector: tokio::sync::OnceCell::new(),
        }
    }

    /// A connection to the server on which HTTP can be spoken.
    pub(super) async fn dial(&self, address: &Address, on: TransportKind) -> Result<ByteStream, TransportError> {
        let (host, port, secure) = (address.host(), address.port(), address.is_secure());
        let stream = if let Some(connector) = &self.connector {
            let destination = Destination { host: host.to_owned(), port, secure };
            let connected = connector.connect(destination).await;
            connected.map_err(|error| {
                TransportError::new(on, TransportErrorKind::Connect, "Config::connector gave no connection")
                    .with_source(error)
            })?
        } else if let Some(proxy) = &self.proxy {
            let to_proxy = self.tcp(proxy.host(), proxy.port()).await.map_err(|error| {
                let detail = format!("no connection to the proxy, {proxy:?}: see Config::proxy");
                TransportError::new(on, TransportErrorKind::Proxy, detail).with_source(error)
            })?;
            proxy.tunnel(to_proxy, host, port).await.map_err(|fault| proxy_error(on, proxy, fault))?
        } else {
            self.tcp(host, port).await.map_err(|error| {
                let detail = format!("no connection to {address}: is the server there, and is this its port?");
                TransportError::new(on, TransportErrorKind::Connect, detail).with_source(error)
            })?
        };
        if secure { self.secure(stream, host, on).await } else { Ok(stream) }
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<ByteStream, Box<dyn std::error::Error + Send + Sync>> {
        // An address is not looked up, so the resolver does not see it.
        if let (Some(family), Ok(address)) = (self.family, host.parse::<IpAddr>())
            && !family.has(address)
        {
            return Err("the address is not of the kind that Config::family asks for".into());
        }
        let uri = Uri::try_from(format!("http://{}:{port}/", bracketed(host)))?;
        let mut tcp = self.tcp.clone();
        poll_fn(|cx| tcp.poll_ready(cx)).await?;
        Ok(ByteStream::Tcp(tcp.call(uri).await?.into_inner()))
    }

    #[cfg(feature = "tls")]
    async fn secure(&self, stream: ByteStream, host: &str, on: TransportKind) -> Result<ByteStream, TransportError> {
        let connector = self.tls_connector.get_or_try_init(|| async {
            let tls = self.tls.clone();
            let made = tokio::task::spawn_blocking(move || tls::Connector::new(&tls)).await;
            let stopped = |_| TransportError::new(on, TransportErrorKind::Tls, "the runtime is shutting down");
            made.map_err(stopped)?.map_err(|(detail, source)| {
                let error = TransportError::configuration(on, detail);
                match source {
                    Some(source) => error.with_source(source),
                    None => error,
                }
            })
        });
        connector.await?.connect(stream, host).await.map_err(|error| {
            let detail = format!("no TLS with {host}: {error}{}", tls_advice(&error));
            TransportError::new(on, TransportErrorKind::Tls, detail).with_source(error)
        })
    }

    #[cfg(not(feature = "tls"))]
    #[allow(clippy::unused_async, clippy::unused_self, reason = "with TLS it is not so")]
    async fn secure(&self, _: ByteStream, _: &str, on: TransportKind) -> Result<ByteStream, TransportError> {
        Err(TransportError::configuration(on, "https and wss need the feature `tls` of the crate `engineio`"))
    }
}

/// What can be done about TLS that fails.
#[cfg(feature = "tls")]
fn tls_advice(error: &io::Error) -> &'static str {
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(_)) => {
            "; if the server is trusted all the same, add its root to Config::tls's roots"
        }
        Some(rustls::Error::InvalidMessage(_)) => "; is it an http or ws server?",
        _ => "",
    }
}

fn proxy_error(on: TransportKind, proxy: &Proxy, fault: TunnelFault) -> TransportError {
    let error = |detail: &str| {
        TransportError::new(on, TransportErrorKind::Proxy, format!("no way through the proxy, {proxy:?}: {detail}"))
    };
    match fault {
        TunnelFault::Refused(Some(status), detail) => error(detail).with_status(status),
        TunnelFault::Refused(None, detail) | TunnelFault::NoProxy(detail) => error(detail),
        TunnelFault::Io(source) => error("the connection to it ended").with_source(source),
        TunnelFault::Http(source) => error("it does not answer as an HTTP proxy does").with_source(source),
    }
}

/// The system's resolver, without addresses of another kind than asked for.
#[derive(Clone)]
struct Resolver(Option<Family>);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let family = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let wanted: Vec<_> = found.filter(|found| family.is_none_or(|family| family.has(found.ip()))).collect();
            if wanted.is_empty() {
                return Err(io::Error::new(
                    io::ErrorKind::NotFound,
                    "the name has no address, or none of the kind that Config::family asks for",
                ));
            }
            Ok(wanted.into_iter())
        })
    }
}
