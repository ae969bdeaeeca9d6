//! [`Address`]: where a server is, read from a URL as people write it. Rows B1, E1.
//!
//! Owns what a URL is here: scheme, host, port, and a path and a query that mean something to the layers above. Leaves out
//! the path of the requests, which is the configuration's. [RFC 3986 §3]

use std::{error::Error, fmt, net::Ipv6Addr, str::FromStr};

/// The longest URL, in bytes (row B1).
const MAX_URL_BYTES: usize = 8000;

/// Where a server is: `https://example.com:8080/admin?token=abc`.
///
/// The schemes are `http`, `https`, `ws` and `wss`; a URL without one is of `https` (row E1), for the same reason that
/// browsers have for it. Which transport is used does not depend on the scheme.
///
/// ```
/// use engineio::client::Address;
///
/// let address: Address = "wss://example.com/admin?token=a%20b".parse()?;
/// assert!(address.is_secure());
/// assert_eq!((address.host(), address.port(), address.path()), ("example.com", 443, "/admin"));
/// assert_eq!(address.query(), [("token".to_owned(), "a b".to_owned())]);
/// assert_eq!("localhost:3000".parse::<Address>()?.to_string(), "https://localhost:3000");
/// # Ok::<(), engineio::client::AddressError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    secure: bool,
    host: String,
    port: u16,
    path: String,
    query: Vec<(String, String)>,
}

impl Address {
    /// Whether it is reached over TLS.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host, in lower case; an IPv6 address without its brackets.
    ///
    /// ```
    /// let address: engineio::client::Address = "http://[::1]:3000".parse()?;
    /// assert_eq!(address.host(), "::1");
    /// # Ok::<(), engineio::client::AddressError>(())
    /// ```
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own (80 or 443) where the URL has none.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The URL's path as it stands there, `/` where it has none. It is not the path of the requests,
    /// [`Config::path`](super::Config::path): Socket.IO has the namespace here (row E1).
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The pairs of the URL's query, decoded, in their order. They are sent with each request, before those of
    /// [`Config::query`](super::Config::query).
    #[must_use]
    pub fn query(&self) -> &[(String, String)] {
        &self.query
    }

    /// What stands in the header `Host`: the port only where it is not the scheme's (row B1).
    pub(crate) fn authority(&self) -> String {
        let port = if self.port == default_port(self.secure) { None } else { Some(self.port) };
        let host = bracketed(&self.host);
        port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
    }
}

/// The server: scheme, host and port. Path and query are left out; they may have secrets.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "https" } else { "http" }, self.authority())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.query.iter().map(|(key, _)| key).collect();
        f.debug_struct("Address")
            .field("server", &format_args!("{self}"))
            .field("path", &self.path)
            .field("query", &keys)
            .finish()
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(url: &str) -> Result<Self, AddressError> {
        if url.len() > MAX_URL_BYTES {
            return Err(AddressError::TooLong);
        }
        let (secure, rest) = split_scheme(url)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(AddressError::UserInfo);
        }
        let (host, port) = split_authority(authority)?;
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        Ok(Self {
            secure,
            host,
            port: port.unwrap_or(default_port(secure)),
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        })
    }
}

const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// A host as it stands in a URL.
pub(super) fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// Whether it is over TLS, and what stands behind the scheme.
fn split_scheme(url: &str) -> Result<(bool, &str), AddressError> {
    if let Some(rest) = url.strip_prefix("//") {
        return Ok((true, rest));
    }
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| !scheme.contains(['/', '?', '#'])) else {
        return Ok((true, url));
    };
    match &*scheme.to_ascii_lowercase() {
        "https" | "wss" => Ok((true, rest)),
        "http" | "ws" => Ok((false, rest)),
        _ => Err(AddressError::Scheme),
    }
}

/// The host in lower case and without brackets, and the port, if there is one. [RFC 3986 §3.2]
pub(super) fn split_authority(authority: &str) -> Result<(String, Option<u16>), AddressError> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(AddressError::Host)?;
        let host = host.parse::<Ipv6Addr>().map_err(|_| AddressError::Host)?.to_string();
        (host, if port.is_empty() { "" } else { port.strip_prefix(':').ok_or(AddressError::Port)? })
    } else {
        let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
        if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
            return Err(AddressError::Host);
        }
        (host.to_ascii_lowercase(), port)
    };
    if host.is_empty() {
        return Err(AddressError::NoHost);
    }
    if port.is_empty() {
        return Ok((host, None));
    }
    // `parse` would take a sign.
    let number = Some(port).filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    let number = number.and_then(|port| port.parse().ok()).filter(|port| *port != 0);
    Ok((host, Some(number.ok_or(AddressError::Port)?)))
}

/// A URL that is no [`Address`]. It never shows the URL, in which there may be a secret.
///
/// ```
/// use engineio::client::{Address, AddressError};
///
/// assert_eq!("ftp://example.com".parse::<Address>(), Err(AddressError::Scheme));
/// assert_eq!("/admin".parse::<Address>(), Err(AddressError::NoHost));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// More than 8000 bytes (row B1).
    TooLong,
    /// A scheme other than the four.
    Scheme,
    /// No host: only a browser could complete it.
    NoHost,
    /// A host that is neither a name in ASCII nor an address.
    Host,
    /// A port that is no number from 1 to 65535.
    Port,
    /// A user before the host (`user:password@`), which would end up in logs.
    UserInfo,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the URL is too long: it has more than 8000 bytes; send what is long as a message",
            Self::Scheme => "the URL has an unknown scheme: use http, https, ws or wss",
            Self::NoHost => "the URL has no host: write it as https://host/path",
            Self::Host => {
                "the host of the URL is not valid: use a name in ASCII (punycode), an IPv4 address, or an \
                           IPv6 address in brackets"
            }
            Self::Port => "the port of the URL is not a number from 1 to 65535",
            Self::UserInfo => {
                "the URL has a user in front of the host: send it in the header Authorization instead, by \
                               way of Config::extra_headers"
            }
        })
    }
}

impl Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, AddressError> {
        url.parse()
    }

    /// B1, E1.
    #[test]
    fn a_url_is_read_as_people_write_it() {
        let cases = [
            ("http://example.com", "http://example.com", "example.com", 80, "/"),
            ("http://example.com:80/", "http://example.com", "example.com", 80, "/"),
            ("HTTPS://Example.COM:443/Admin", "https://example.com", "example.com", 443, "/Admin"),
            ("ws://localhost:3000", "http://localhost:3000", "localhost", 3000, "/"),
            ("wss://localhost:80", "https://localhost:80", "localhost", 80, "/"),
            ("https://a.b:", "https://a.b", "a.b", 443, "/"),
            ("http://[::1]:3000/x/y", "http://[::1]:3000", "::1", 3000, "/x/y"),
            ("http://[2001:DB8:0:0:0:0:0:1]", "http://[2001:db8::1]", "2001:db8::1", 80, "/"),
            ("http://127.0.0.1:1?a=1", "http://127.0.0.1:1", "127.0.0.1", 1, "/"),
            // Completed (row E1).
            ("example.com", "https://example.com", "example.com", 443, "/"),
            ("localhost:3000/admin", "https://localhost:3000", "localhost", 3000, "/admin"),
            ("//example.com/x", "https://example.com", "example.com", 443, "/x"),
            ("example.com?next=http://other", "https://example.com", "example.com", 443, "/"),
            // The rest of it means nothing to a server.
            ("http://example.com/x#y?z", "http://example.com", "example.com", 80, "/x"),
        ];
        for (url, server, host, port, path) in cases {
            let address = parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(address.to_string(), server, "{url}");
            assert_eq!((address.host(), address.port(), address.path()), (host, port, path), "{url}");
        }
        let pairs = parse("http://x/?a=1&b=%26&a=&c").unwrap().query;
        let pairs: Vec<_> = pairs.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(pairs, [("a", "1"), ("b", "&"), ("a", ""), ("c", "")]);
    }

    /// Hazard R43.
    #[test]
    fn what_is_no_address_is_an_error_that_says_so() {
        use AddressError::{Host, NoHost, Port, Scheme, TooLong, UserInfo};
        let long = format!("http://x/{}", "y".repeat(7991));
        assert_eq!(parse(&long).map(|address| address.path.len()), Ok(7992));
        let longer = format!("{long}y");
        let cases = [
            (&*longer, TooLong),
            ("ftp://example.com", Scheme),
            ("://example.com", Scheme),
            ("http+unix://x", Scheme),
            ("", NoHost),
            ("http://", NoHost),
            ("https:///x", NoHost),
            ("/admin", NoHost),
            ("http://:80", NoHost),
            ("http://exa mple.com", Host),
            ("http://exämple.com", Host),
            ("http://example.com\\@evil", UserInfo),
            ("http://example.com\r\n", Host),
            ("http://a%20b", Host),
            ("http://[::1", Host),
            ("http://[::g]", Host),
            ("http://[fe80::1%25eth0]", Host),
            ("http://[1.2.3.4]", Host),
            ("http://::1", NoHost),
            ("http://[::1]3000", Port),
            ("http://x:0", Port),
            ("http://x:65536", Port),
            ("http://x:+80", Port),
            ("http://x:-1", Port),
            ("http://x:80:80", Port),
            ("http://x:http", Port),
            ("http://user@example.com", UserInfo),
            ("http://user:password@example.com", UserInfo),
        ];
        for (url, error) in cases {
            assert_eq!(parse(url), Err(error), "{url}");
        }
        assert!(parse("http://user:secret@x").unwrap_err().to_string().contains("Config::extra_headers"));
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        let shown = format!("{:?}", parse("https://example.com/x?token=secret").unwrap());
        assert_eq!(shown, r#"Address { server: https://example.com, path: "/x", query: ["token"] }"#);
    }
}
