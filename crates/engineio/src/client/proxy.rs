//! [`Proxy`]: the way through an HTTP or a SOCKS proxy (row B16). [RFC 9110 §9.3.6] [RFC 1928] [RFC 1929]
//!
//! Each connection is a tunnel, also for http and ws, so that a proxy sees and keeps nothing. Leaves out the connection to
//! the proxy itself, which is `dial.rs`'s.

use std::{
    error::Error,
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request,
    header::{HOST, PROXY_AUTHORIZATION},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    address::{bracketed, split_authority},
    connection::{HttpConnection, RequestBody, SendFault},
};
use crate::transport::byte_stream::ByteStream;

/// A proxy to reach the server through; for [`Config::proxy`](super::Config::proxy).
///
/// `http://proxy:3128` is asked with `CONNECT`, `socks5://proxy:1080` speaks SOCKS 5; a user and a password may stand in front
/// of the host, percent-encoded: `http://user:p%40ss@proxy:3128`. The proxy resolves the server's name. TLS is spoken with
/// the server, through the proxy; TLS to the proxy itself (`https://`) is absent.
///
/// ```
/// use engineio::client::{Config, Proxy};
///
/// let mut config = Config::default();
/// config.proxy = Some("socks5://user:password@localhost:1080".parse()?);
/// assert_eq!(format!("{:?}", config.proxy), "Some(Proxy(socks5://localhost:1080))"); // the password is a secret
/// # Ok::<(), engineio::client::ProxyError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    scheme: Scheme,
    host: String,
    port: u16,
    credentials: Option<Credentials>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Socks5,
}

#[derive(Clone, PartialEq, Eq)]
struct Credentials {
    user: String,
    password: String,
}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(url: &str) -> Result<Self, ProxyError> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let (scheme, default_port) = match &*scheme.to_ascii_lowercase() {
            "http" => (Scheme::Http, 80),
            "socks5" | "socks5h" => (Scheme::Socks5, 1080),
            _ => return Err(ProxyError::Scheme),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (credentials, authority) = match rest.rsplit_once('@') {
            Some((user, authority)) => (Some(Credentials::parse(user, scheme)?), authority),
            None => (None, rest),
        };
        let (host, port) = split_authority(authority).map_err(|_| ProxyError::Host)?;
        Ok(Self { scheme, host, port: port.unwrap_or(default_port), credentials })
    }
}

impl Credentials {
    fn parse(user: &str, scheme: Scheme) -> Result<Self, ProxyError> {
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().map(Into::into);
        let (Ok(user), Ok(password)) = (decode(user), decode(password)) else { return Err(ProxyError::User) };
        let credentials = Self { user, password };
        let is_valid = match scheme {
            // [RFC 7617 §2]
            Scheme::Http => !credentials.user.contains(':'),
            // [RFC 1929 §2]
            Scheme::Socks5 => {
                (1..=255).contains(&credentials.user.len()) && (1..=255).contains(&credentials.password.len())
            }
        };
        if is_valid { Ok(credentials) } else { Err(ProxyError::User) }
    }

    fn basic(&self) -> Option<HeaderValue> {
        let mut value =
            HeaderValue::try_from(format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, self.password))))
                .ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Without the user.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Socks5 => "socks5",
        };
        write!(f, "Proxy({scheme}://{}:{})", bracketed(&self.host), self.port)
    }
}

/// A URL that is no [`Proxy`]. It never shows the URL, in which there is a password.
///
/// ```
/// use engineio::client::{Proxy, ProxyError};
///
/// assert_eq!("https://proxy:3128".parse::<Proxy>(), Err(ProxyError::Scheme));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyError {
    /// A scheme other than `http` and `socks5`.
    Scheme,
    /// Host or port are missing or not valid.
    Host,
    /// User or password are not UTF-8, or not such as this kind of proxy can be told.
    User,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "the proxy's URL has an unknown scheme: use http or socks5",
            Self::Host => "the proxy's URL has no valid host and port: write it as http://host:port",
            Self::User => {
                "the user in the proxy's URL is not valid: percent-encode what is not a letter or digit; SOCKS \
                           wants both a user and a password, of up to 255 bytes"
            }
        })
    }
}

impl Error for ProxyError {}

/// Why there is no tunnel.
#[derive(Debug)]
pub(super) enum TunnelFault {
    /// The proxy refused; for HTTP the status of its answer.
    Refused(Option<u16>, &'static str),
    /// What came is not what a proxy says.
    NoProxy(&'static str),
    Io(io::Error),
    Http(hyper::Error),
}

impl Proxy {
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// Makes a tunnel to the server of a connection to the proxy.
    pub(super) async fn tunnel(&self, to_proxy: ByteStream, host: &str, port: u16) -> Result<ByteStream, TunnelFault> {
        match self.scheme {
            Scheme::Http => self.connect(to_proxy, host, port).await,
            Scheme::Socks5 => self.socks(to_proxy, host, port).await,
        }
    }

    async fn connect(&self, to_proxy: ByteStream, host: &str, port: u16) -> Result<ByteStream, TunnelFault> {
        let authority = format!("{}:{port}", bracketed(host));
        let mut request = Request::builder().method(Method::CONNECT).uri(&*authority).header(HOST, &*authority);
        if let Some(basic) = self.credentials.as_ref().and_then(Credentials::basic) {
            request = request.header(PROXY_AUTHORIZATION, basic);
        }
        let request = request
            .body(RequestBody::new(Bytes::new()))
            .map_err(|_| TunnelFault::NoProxy("the server's name is not valid"))?;
        let mut connection = HttpConnection::open(to_proxy).await.map_err(TunnelFault::Http)?;
        let answer = connection.send(request).await.map_err(|fault| match fault {
            SendFault::Unsent(_) | SendFault::Ended => TunnelFault::NoProxy("the proxy ended the connection at once"),
            SendFault::Lost(error) => TunnelFault::Http(error),
        })?;
        let status = answer.status();
        if !status.is_success() {
            return Err(TunnelFault::Refused(
                Some(status.as_u16()),
                match status.as_u16() {
                    407 => "it wants a user and a password: put them into its URL",
                    403 | 405 => "it does not let connections to this port through",
                    502..=504 => "it does not reach the server",
                    _ => "it refused to connect",
                },
            ));
        }
        drop(answer);
        let (stream, early) = connection.into_stream().await;
        // The client speaks first, over TLS as well as without.
        if early.is_empty() { Ok(stream) } else { Err(TunnelFault::NoProxy("the proxy spoke for the server")) }
    }

    async fn socks(&self, mut io: ByteStream, host: &str, port: u16) -> Result<ByteStream, TunnelFault> {
        // No more is ever read than belongs to the answer, so what comes behind it stays in the stream.
        let methods: &[u8] = if self.credentials.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
        write(&mut io, methods).await?;
        match read::<2>(&mut io).await? {
            [5, 0] => {}
            [5, 2] => self.authenticate(&mut io).await?,
            [5, _] if self.credentials.is_none() => {
                return Err(TunnelFault::Refused(None, "it wants a user and a password: put them into its URL"));
            }
            [5, _] => return Err(TunnelFault::Refused(None, "it wants another way to authenticate")),
            _ => return Err(TunnelFault::NoProxy("it does not speak SOCKS 5")),
        }
        let mut request = vec![5, 1, 0];
        if let Ok(address) = host.parse::<Ipv4Addr>() {
            request.push(1);
            request.extend(address.octets());
        } else if let Ok(address) = host.parse::<Ipv6Addr>() {
            request.push(4);
            request.extend(address.octets());
        } else {
            let len = u8::try_from(host.len()).map_err(|_| TunnelFault::NoProxy("the server's name is too long"))?;
            request.extend([3, len]);
            request.extend(host.bytes());
        }
        request.extend(port.to_be_bytes());
        write(&mut io, &request).await?;
        let [version, reply, _, kind] = read::<4>(&mut io).await?;
        if version != 5 {
            return Err(TunnelFault::NoProxy("it does not speak SOCKS 5"));
        }
        if reply != 0 {
            return Err(TunnelFault::Refused(None, socks_reply(reply)));
        }
        // The address that the proxy connects from, which nobody needs.
        let len = match kind {
            1 => 4,
            4 => 16,
            3 => usize::from(read::<1>(&mut io).await?[0]),
            _ => return Err(TunnelFault::NoProxy("it does not speak SOCKS 5")),
        };
        let mut bound = [0; 255 + 2];
        io.read_exact(&mut bound[..len + 2]).await.map_err(TunnelFault::Io)?;
        Ok(io)
    }

    async fn authenticate(&self, io: &mut ByteStream) -> Result<(), TunnelFault> {
        let Some(Credentials { user, password }) = &self.credentials else {
            return Err(TunnelFault::NoProxy("it chose what was not offered"));
        };
        let mut request = vec![1];
        for text in [user, password] {
            // Their length was checked when the URL was read.
            request.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            request.extend(text.bytes().take(255));
        }
        write(io, &request).await?;
        match read::<2>(io).await? {
            [_, 0] => Ok(()),
            _ => Err(TunnelFault::Refused(None, "it does not accept the user and the password in its URL")),
        }
    }
}

async fn write(io: &mut ByteStream, bytes: &[u8]) -> Result<(), TunnelFault> {
    io.write_all(bytes).await.map_err(TunnelFault::Io)?;
    io.flush().await.map_err(TunnelFault::Io)
}

async fn read<const N: usize>(io: &mut ByteStream) -> Result<[u8; N], TunnelFault> {
    let mut bytes = [0; N];
    io.read_exact(&mut bytes).await.map_err(TunnelFault::Io)?;
    Ok(bytes)
}

/// [RFC 1928 §6]
const fn socks_reply(reply: u8) -> &'static str {
    match reply {
        2 => "its rules do not allow the connection",
        3 => "it does not reach the server's network",
        4 => "it does not reach the server, whose name may be unknown to it",
        5 => "nobody listens at the server's port",
        6 => "the connection took too long",
        7 | 8 => "it does not know how to reach this kind of address",
        _ => "it failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B16.
    #[test]
    fn a_proxy_is_read_from_its_url_and_does_not_show_the_password() {
        for (url, shown, user) in [
            ("http://proxy", "Proxy(http://proxy:80)", None),
            ("proxy:3128", "Proxy(http://proxy:3128)", None),
            ("HTTP://user:p%40ss%3A@[::1]:8080/", "Proxy(http://[::1]:8080)", Some(("user", "p@ss:"))),
            ("http://user@proxy", "Proxy(http://proxy:80)", Some(("user", ""))),
            ("http://us@er:a@proxy", "Proxy(http://proxy:80)", Some(("us@er", "a"))),
            ("socks5://u:p@proxy", "Proxy(socks5://proxy:1080)", Some(("u", "p"))),
            ("socks5h://proxy:9", "Proxy(socks5://proxy:9)", None),
        ] {
            let proxy: Proxy = url.parse().unwrap();
            assert_eq!(format!("{proxy:?}"), shown, "{url}");
            assert_eq!(proxy.credentials.as_ref().map(|c| (&*c.user, &*c.password)), user, "{url}");
        }
        let long = format!("socks5://u:{}@proxy", "p".repeat(256));
        for (url, error) in [
            ("https://proxy", ProxyError::Scheme),
            ("socks4://proxy", ProxyError::Scheme),
            ("", ProxyError::Host),
            ("http://", ProxyError::Host),
            ("http://proxy/path", ProxyError::Host),
            ("http://proxy:x", ProxyError::Host),
            ("http://%FF@proxy", ProxyError::User),
            ("http://a%3Ab:c@proxy", ProxyError::User),
            ("socks5://u@proxy", ProxyError::User),
            (&long, ProxyError::User),
        ] {
            assert_eq!(url.parse::<Proxy>(), Err(error), "{url}");
        }
    }
}
