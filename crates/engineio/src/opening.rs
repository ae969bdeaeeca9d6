//! [`Opening`]: the request that opened a session, as the session keeps it: one piece of bytes, until somebody looks; and
//! [`OpeningRequest`], the handle by which somebody does.
//!
//! Leaves out what a request has to say ([`Request`]).

use std::{
    fmt,
    net::SocketAddr,
    ops::Deref,
    sync::{Arc, OnceLock},
};

use bytes::{BufMut, Bytes};
use http::{Extensions, Uri, request::Parts};
use hyper::upgrade::OnUpgrade;

use crate::{
    headers::Headers,
    session::{PeerAddr, Request, SecureTransport, Session},
};

/// The request that opened a session. Most are never looked at.
#[derive(Debug)]
pub(crate) enum Opening {
    /// Lines: the peer, behind an `s` where the request came over TLS; the path and query; the headers.
    Packed(Box<[u8]>),
    /// Somebody has looked, or it does not fit into lines.
    Made(Arc<Request>),
    Forgotten,
}

impl Opening {
    /// Copies what the session may be asked for: the parts share the buffer that the request was read into, and a session
    /// outlives it by hours.
    pub(crate) fn new(parts: &Parts) -> Self {
        let peer = parts.extensions.get::<PeerAddr>().map(|peer| peer.0);
        let secure = parts.extensions.get::<SecureTransport>().map(|secure| secure.0);
        let secure = secure.unwrap_or_else(|| parts.uri.scheme_str() == Some("https"));
        let packed = pack(peer, secure, parts);
        let mut extensions = parts.extensions.clone();
        extensions.remove::<PeerAddr>();
        extensions.remove::<SecureTransport>();
        extensions.remove::<OnUpgrade>();
        if extensions.is_empty() && is_told_by_its_text(peer, &parts.uri) {
            return Self::Packed(packed.into());
        }
        // The table stays behind when the last entry is taken out.
        let extensions = if extensions.is_empty() { Extensions::new() } else { extensions };
        let uri = parts.uri.clone();
        Self::Made(Arc::new(Request { uri, peer, extensions, ..unpack(packed.into()) }))
    }

    /// The request; from now on it is kept ready.
    pub(crate) fn look(&mut self) -> Arc<Request> {
        let made = match std::mem::replace(self, Self::Forgotten) {
            Self::Forgotten => return Arc::new(unpack(Bytes::from_static(b"\n/\n"))),
            Self::Packed(packed) => Arc::new(unpack(packed.into())),
            Self::Made(made) => made,
        };
        *self = Self::Made(made.clone());
        made
    }
}

fn pack(peer: Option<SocketAddr>, secure: bool, parts: &Parts) -> Vec<u8> {
    let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
    let (first, uri) = (if secure { "s" } else { "" }, parts.uri.to_string());
    let bytes = first.len() + peer.len() + uri.len() + 2 + Headers::written_bytes(&parts.headers);
    // Exactly what it takes, since it is kept.
    let mut packed = Vec::with_capacity(bytes);
    for line in [first, &peer, "\n", &uri, "\n"] {
        packed.put_slice(line.as_bytes());
    }
    Headers::write(&parts.headers, &mut packed);
    packed
}

/// Whether nothing is lost where these are kept as text: an address has a flow, which is not in its text.
fn is_told_by_its_text(peer: Option<SocketAddr>, uri: &Uri) -> bool {
    let has_flow = matches!(peer, Some(SocketAddr::V6(peer)) if peer.flowinfo() != 0);
    !has_flow && uri.to_string().parse::<Uri>().is_ok_and(|again| again == *uri)
}

fn unpack(packed: Bytes) -> Request {
    let mut rest = packed;
    let mut line = || {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = rest.split_to(end);
        let _ = rest.split_to(rest.len().min(1));
        line
    };
    let (first, uri) = (line(), line());
    let first = std::str::from_utf8(&first).unwrap_or_default();
    Request {
        uri: Uri::from_maybe_shared(uri).unwrap_or_default(),
        headers: Headers::from_lines(rest),
        peer: first.trim_start_matches('s').parse().ok(),
        secure: first.starts_with('s'),
        extensions: Extensions::new(),
    }
}

/// The HTTP request that opened a session, as [`Session::request`] gives it, for those who keep it and mostly do not look:
/// it is made when it is first read, and then kept.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use engineio::{*, server::{Body, Engine}};
/// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
/// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
/// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
/// # let _: http::Response<Body> = engine.handle(opening).await;
/// # let session = sessions.recv().await.ok_or("no session")?;
/// let request = OpeningRequest::of(&session);
/// assert_eq!(request.uri.path(), "/engine.io/"); // it is read like the `Request` that it stands for
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct OpeningRequest {
    session: Session,
    request: OnceLock<Arc<Request>>,
}

impl OpeningRequest {
    /// The request that opened this session. Where the session [forgets](Session::forget_request) it before it is read here,
    /// it is forgotten here as well.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        Self { session: session.clone(), request: OnceLock::new() }
    }
}

impl Deref for OpeningRequest {
    type Target = Request;

    fn deref(&self) -> &Request {
        self.request.get_or_init(|| self.session.request())
    }
}

impl fmt::Debug for OpeningRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv6Addr, SocketAddrV6};

    use super::*;

    fn opening(uri: &str, extensions: impl FnOnce(&mut Extensions)) -> Opening {
        let mut request = http::Request::get(uri).header("x-name", "Ann").header("cookie", "a=1").body(()).unwrap();
        extensions(request.extensions_mut());
        Opening::new(&request.into_parts().0)
    }

    /// A57, D46: what was packed is what came.
    #[test]
    fn a_request_is_read_as_it_came_and_kept_from_the_first_look_on() {
        let six: SocketAddr = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0, 3).into();
        let peers = [None, Some(([192, 0, 2, 1], 4711).into()), Some(six)];
        for (peer, secure) in peers.into_iter().flat_map(|peer| [(peer, false), (peer, true)]) {
            for uri in ["/engine.io/?EIO=4&transport=polling&t=%20%22", "https://h:1/p?q", "/", "*"] {
                let mut opening = opening(uri, |extensions| {
                    peer.map(|peer| extensions.insert(PeerAddr(peer)));
                    extensions.insert(SecureTransport(secure));
                });
                assert!(matches!(opening, Opening::Packed(_)), "{uri}");
                let request = opening.look();
                assert_eq!((request.uri.to_string().as_str(), request.peer, request.secure), (uri, peer, secure));
                assert_eq!(request.headers.len(), 2);
                assert_eq!(
                    (&request.headers["x-name"], &request.headers["cookie"]),
                    (&"Ann".parse().unwrap(), &"a=1".parse().unwrap())
                );
                assert!(request.extensions.is_empty());
                assert!(Arc::ptr_eq(&request, &opening.look()), "and the same again");
            }
        }
    }

    #[test]
    fn what_no_text_can_hold_is_kept_as_it_is() {
        let mut with_user = opening("/", |extensions| {
            extensions.insert("Ann");
        });
        assert_eq!(with_user.look().extensions.get::<&str>(), Some(&"Ann"));
        let flowing: SocketAddr = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 7, 0).into();
        let mut flows = opening("/", |extensions| {
            extensions.insert(PeerAddr(flowing));
        });
        let request = flows.look();
        assert_eq!((request.peer, request.headers.len(), request.uri.path()), (Some(flowing), 2, "/"));
    }

    #[test]
    fn a_forgotten_request_is_an_empty_one() {
        let request = Opening::Forgotten.look();
        assert_eq!((request.uri.to_string().as_str(), request.peer, request.secure), ("/", None, false));
        assert!(request.headers.is_empty() && request.extensions.is_empty());
    }
}
