//! [`Cookie`]: the cookie that a load balancer may use to send a client to the server of its session (row A14).
//!
//! Owns the one `Set-Cookie` header that the engine writes. It is written here and not by a cookie library, since
//! those bring a calendar and a parser along, and here nothing is parsed.

use std::{
    fmt::{self, Write as _},
    time::{Duration, SystemTime},
};

use engineio_proto::SessionId;
use http::HeaderValue;

/// A cookie with the session's id, set by the answer to a long-polling handshake and by no other (row A14). It is
/// there for sticky routing; the engine itself never reads it.
///
/// ```
/// use std::time::Duration;
/// use engineio::{Config, Cookie, SameSite};
///
/// let mut cookie = Cookie::default(); // io=<sid>; Path=/; HttpOnly; SameSite=Lax
/// cookie.secure = true;
/// cookie.same_site = Some(SameSite::None);
/// cookie.max_age = Some(Duration::from_secs(24 * 3600));
///
/// let mut config = Config::default();
/// config.cookie = Some(cookie);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cookie {
    /// Its name, a token of RFC 9110; default `io`.
    pub name: String,
    /// The paths that it is sent to; default `/`. `None` leaves it to the client, which then takes the folder of
    /// the request's path.
    pub path: Option<String>,
    /// The hosts that it is sent to; default `None`: this host only.
    pub domain: Option<String>,
    /// Whether scripts cannot read it; default true.
    pub http_only: bool,
    /// Whether it travels over TLS only; default false.
    pub secure: bool,
    /// Whether it comes along when another site asks; default `Lax`. `None` leaves it to the client.
    pub same_site: Option<SameSite>,
    /// How long it lives, in whole seconds; default `None`: until the browser ends.
    pub max_age: Option<Duration>,
    /// When it ends, for clients that do not know `Max-Age`; default `None`.
    pub expires: Option<SystemTime>,
}

/// When a cookie comes along with requests that another site causes. [RFC 6265bis §4.1.2.7]
///
/// ```
/// let mut cookie = engineio::Cookie::default();
/// cookie.same_site = Some(engineio::SameSite::Strict);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Never.
    Strict,
    /// When the user follows a link.
    Lax,
    /// Always; browsers then want [`Cookie::secure`].
    None,
}

impl Default for Cookie {
    fn default() -> Self {
        Self {
            name: "io".to_owned(),
            path: Some("/".to_owned()),
            domain: None,
            http_only: true,
            secure: false,
            same_site: Some(SameSite::Lax),
            max_age: None,
            expires: None,
        }
    }
}

/// What is wrong with a [`Cookie`] of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvalidCookie {
    Name,
    Path,
    Domain,
    Expires,
}

impl fmt::Display for InvalidCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "the name of the cookie is not a token",
            Self::Path => "the path of the cookie has characters that it cannot have",
            Self::Domain => "the domain of the cookie is not a host name",
            Self::Expires => "the end of the cookie is before 1970 or after 9999",
        })
    }
}

/// A [`Cookie`] that was checked, all but the value written.
#[derive(Clone, Debug)]
pub(crate) struct CookieTemplate {
    name: String,
    attributes: String,
}

impl CookieTemplate {
    pub(crate) fn new(cookie: &Cookie) -> Result<Self, InvalidCookie> {
        if http::HeaderName::try_from(&cookie.name).is_err() {
            return Err(InvalidCookie::Name);
        }
        let mut attributes = String::new();
        // Writing to a string cannot fail.
        if let Some(max_age) = cookie.max_age {
            let _ = write!(attributes, "; Max-Age={}", max_age.as_secs());
        }
        if let Some(domain) = &cookie.domain {
            let is_host = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
            if domain.is_empty() || !domain.bytes().all(is_host) {
                return Err(InvalidCookie::Domain);
            }
            let _ = write!(attributes, "; Domain={domain}");
        }
        if let Some(path) = &cookie.path {
            if !path.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b';') {
                return Err(InvalidCookie::Path);
            }
            let _ = write!(attributes, "; Path={path}");
        }
        if let Some(expires) = cookie.expires {
            let last = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
            if !(SystemTime::UNIX_EPOCH..=last).contains(&expires) {
                return Err(InvalidCookie::Expires);
            }
            let _ = write!(attributes, "; Expires={}", httpdate::fmt_http_date(expires));
        }
        attributes.push_str(if cookie.http_only { "; HttpOnly" } else { "" });
        attributes.push_str(if cookie.secure { "; Secure" } else { "" });
        attributes.push_str(match cookie.same_site {
            None => "",
            Some(SameSite::Strict) => "; SameSite=Strict",
            Some(SameSite::Lax) => "; SameSite=Lax",
            Some(SameSite::None) => "; SameSite=None",
        });
        Ok(Self { name: cookie.name.clone(), attributes })
    }

    /// The value of `Set-Cookie` for a session.
    pub(crate) fn header(&self, id: &SessionId) -> Option<HeaderValue> {
        let mut header = format!("{}=", self.name);
        for byte in id.expose().bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
                header.push(char::from(byte));
            } else {
                let _ = write!(header, "%{byte:02X}");
            }
        }
        header.push_str(&self.attributes);
        HeaderValue::try_from(header).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(cookie: &Cookie, id: &str) -> String {
        let header = CookieTemplate::new(cookie).unwrap().header(&SessionId::new(id)).unwrap();
        header.to_str().unwrap().to_owned()
    }

    #[test]
    fn each_attribute_is_written_as_browsers_read_it() {
        assert_eq!(header(&Cookie::default(), "abc"), "io=abc; Path=/; HttpOnly; SameSite=Lax");
        let full = Cookie {
            name: "lb".into(),
            path: Some("/chat".into()),
            domain: Some("example.com".into()),
            http_only: false,
            secure: true,
            same_site: Some(SameSite::None),
            max_age: Some(Duration::from_millis(90_900)),
            expires: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)),
        };
        assert_eq!(
            header(&full, "abc"),
            "lb=abc; Max-Age=90; Domain=example.com; Path=/chat; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Secure; \
             SameSite=None"
        );
        let bare = Cookie { path: None, http_only: false, same_site: None, ..Cookie::default() };
        assert_eq!(header(&bare, "a b;é=~"), "io=a%20b%3B%C3%A9%3D~");
    }

    #[test]
    fn a_cookie_that_would_not_stay_one_cookie_is_refused() {
        let cookie = Cookie::default;
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
        for (cookie, fault) in [
            (Cookie { name: String::new(), ..cookie() }, InvalidCookie::Name),
            (Cookie { name: "a=b".into(), ..cookie() }, InvalidCookie::Name),
            (Cookie { path: Some("/; Domain=x".into()), ..cookie() }, InvalidCookie::Path),
            (Cookie { path: Some("/\r\n".into()), ..cookie() }, InvalidCookie::Path),
            (Cookie { domain: Some("a; b".into()), ..cookie() }, InvalidCookie::Domain),
            (Cookie { domain: Some(String::new()), ..cookie() }, InvalidCookie::Domain),
            (Cookie { expires: Some(far), ..cookie() }, InvalidCookie::Expires),
        ] {
            assert_eq!(CookieTemplate::new(&cookie).unwrap_err(), fault, "{cookie:?}");
        }
    }
}
