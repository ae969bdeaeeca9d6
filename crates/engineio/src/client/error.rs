//! [`TransportError`]: why a request or a connection failed. Rows B40, B41, B45.
//!
//! Owns the sentences that say what to do. Leaves out what ends a session that is open, which is a `CloseReason`.

use std::{borrow::Cow, error::Error, fmt, sync::Arc};

use engineio_proto::{
    Closed, Refusal, TransportKind,
    websocket::{CloseFrame, FrameError},
};

use super::AddressError;

/// A request of long-polling, or the opening of a WebSocket, that failed. Clones share what is in it.
///
/// It never shows the query of a request or a header, in which there are secrets. What a server sent is shown in quotes, cut
/// short.
#[derive(Clone)]
pub struct TransportError {
    transport: TransportKind,
    kind: TransportErrorKind,
    status: Option<u16>,
    refusal: Option<Refusal>,
    detail: Cow<'static, str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What failed; [`TransportError::kind`].
///
/// ```
/// use engineio::client::TransportErrorKind;
///
/// assert_ne!(TransportErrorKind::Connect, TransportErrorKind::Tls);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The configuration cannot be made into a request. Trying again will not help.
    Configuration,
    /// There was no connection: the name is unknown, nobody listens, the network is down.
    Connect,
    /// The proxy refused, or is none.
    Proxy,
    /// TLS was not agreed on: most often the server's certificate is not trusted.
    Tls,
    /// The connection ended in the middle of a request, or what came was not HTTP.
    Http,
    /// The server answered with a status that is no success (row B45): [`TransportError::status`].
    Status,
    /// The server answered with another address. None is followed, since it would get the session's secrets.
    Redirect,
    /// The body of the answer is larger than allowed (hazard S27).
    BodyTooLarge,
    /// The body of the answer was packed in a way that was not asked for, or is broken.
    ContentCoding,
    /// [`Config::request_timeout`](super::Config::request_timeout) was over (row B12).
    Timeout,
    /// The answer to the opening of a WebSocket breaks the rules. [RFC 6455 §4.1]
    Handshake,
    /// The server closed the WebSocket, and said why: [`TransportError::status`] is its close code (row B41).
    Closed,
    /// The server broke the framing of the WebSocket, or sent a message over the bound (hazard S27).
    Frame,
}

impl TransportError {
    pub(crate) fn new(
        transport: TransportKind,
        kind: TransportErrorKind,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { transport, kind, status: None, refusal: None, detail: detail.into(), source: None }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// The error of an answer that is no success.
    pub(crate) fn refused(transport: TransportKind, status: u16, refusal: Option<Refusal>) -> Self {
        let said = refusal.as_ref().map_or_else(String::new, |refusal| {
            let message = shortened(&refusal.message);
            format!("{message:?}, code {}, ", refusal.code)
        });
        let detail = format!("the server refused: {said}status {status}{}", advice(status, refusal.as_ref()));
        Self { status: Some(status), refusal, ..Self::new(transport, TransportErrorKind::Status, detail) }
    }

    /// The error of an answer that names another address.
    pub(crate) fn redirected(transport: TransportKind, status: u16, to: Option<&str>) -> Self {
        let to = to.map_or("nowhere".to_owned(), |to| format!("{:?}", shortened(to)));
        let detail = format!("the server redirects to {to} (status {status}): connect there, if you trust it");
        Self { status: Some(status), ..Self::new(transport, TransportErrorKind::Redirect, detail) }
    }

    /// Configuration that no request can be made of.
    /// What a server says when it closes a WebSocket (row B41).
    pub(crate) fn closed(frame: &CloseFrame) -> Self {
        let code = frame.code.as_u16();
        let detail = match shortened(&frame.reason) {
            reason if reason.is_empty() => format!("the server closed the WebSocket with code {code}"),
            reason => format!("the server closed the WebSocket with code {code}, {reason:?}"),
        };
        Self::new(TransportKind::WebSocket, TransportErrorKind::Closed, detail).with_status(code)
    }

    /// A WebSocket whose server broke the rules.
    pub(crate) fn frame(error: FrameError) -> Self {
        let detail = "the server broke the WebSocket protocol, or sent more than Config::limits allows";
        Self::new(TransportKind::WebSocket, TransportErrorKind::Frame, detail).with_source(error)
    }

    /// A connection that ended while something was written to it.
    pub(crate) fn broken(error: std::io::Error) -> Self {
        let detail = "the connection of the WebSocket broke";
        Self::new(TransportKind::WebSocket, TransportErrorKind::Http, detail).with_source(error)
    }

    pub(crate) fn configuration(transport: TransportKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(transport, TransportErrorKind::Configuration, detail)
    }

    /// The transport on which it failed (row B40).
    #[must_use]
    pub const fn transport(&self) -> TransportKind {
        self.transport
    }

    /// What failed.
    #[must_use]
    pub const fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// The status of the server's or the proxy's answer, where there was one and it is the reason (rows B40, B45).
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        self.status
    }

    /// What the body of the answer says, where it has the form of the protocol's error table: code 1, say, where the server
    /// does not know the session.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// Whether the time for the request was over.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind == TransportErrorKind::Timeout
    }

    /// Whether there was no connection to the server, directly or through the proxy: it may be there later.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(self.kind, TransportErrorKind::Connect | TransportErrorKind::Proxy)
    }

    /// Whether the configuration is at fault, so that trying again will not help.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        self.kind == TransportErrorKind::Configuration
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }
}

/// What can be done about a status.
fn advice(status: u16, refusal: Option<&Refusal>) -> &'static str {
    match (refusal.map(|refusal| refusal.code), status) {
        (Some(0), _) => "; the server does not offer this transport: see Config::transports",
        (Some(1), _) => "; the session has ended, or several servers are behind one address without sticky sessions",
        (Some(5), _) => "; the server is too old: it does not speak revision 4 of the protocol",
        (_, 401 | 403) => "; it may want credentials: see Config::extra_headers",
        (_, 404) => "; compare Config::path with the server's path",
        (_, 413) => "; it takes no messages that large",
        (_, 502..=504) => "; what stands in front of the server does not reach it",
        _ => "",
    }
}

/// What a peer sent, for a message to people.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.transport, self.detail)
    }
}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportError")
            .field("transport", &self.transport)
            .field("kind", &self.kind)
            .field("status", &self.status)
            .field("detail", &self.detail)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

/// A session could not be opened.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use engineio::client::{ConnectError, connect};
///
/// // Nobody listens there.
/// let error = connect("http://127.0.0.1:1", Default::default()).await.expect_err("nobody listens");
/// assert!(matches!(&error, ConnectError::Closed { error: Some(error), .. } if error.is_connect()));
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is none.
    Address(AddressError),
    /// The session ended before its open packet came.
    Closed {
        /// Why.
        closed: Closed,
        /// What went wrong below it, where something did (row B40).
        error: Option<Arc<TransportError>>,
    },
}

impl From<AddressError> for ConnectError {
    fn from(error: AddressError) -> Self {
        Self::Address(error)
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(error) => error.fmt(f),
            Self::Closed { error: Some(error), .. } => error.fmt(f),
            Self::Closed { closed, error: None } => f.write_str(closed.detail),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Address(error) => error.source(),
            Self::Closed { error, .. } => error.as_ref().and_then(|error| error.source()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B40, B45: status, code and message are there to ask for, and the text says what to do.
    #[test]
    fn a_refusal_says_what_the_server_said_and_what_can_be_done() {
        let refusal = Refusal::parse(br#"{"code":1,"message":"Session ID unknown"}"#);
        let error = TransportError::refused(TransportKind::Polling, 400, refusal);
        assert_eq!(
            (error.kind(), error.status(), error.refusal().map(|refusal| refusal.code)),
            (TransportErrorKind::Status, Some(400), Some(1))
        );
        assert_eq!(
            error.to_string(),
            "polling: the server refused: \"Session ID unknown\", code 1, status 400; the session has ended, or several \
             servers are behind one address without sticky sessions"
        );
        let error = TransportError::refused(TransportKind::WebSocket, 404, None);
        assert_eq!(
            error.to_string(),
            "websocket: the server refused: status 404; compare Config::path with the server's path"
        );
    }

    #[test]
    fn what_a_server_sent_is_cut_short_and_cannot_break_a_line() {
        let error = TransportError::redirected(TransportKind::Polling, 302, Some(&"x\n".repeat(1000)));
        assert!(error.to_string().len() < 500 && !error.to_string().contains('\n'));
        let message = "\u{1b}[2J".repeat(1000);
        let refusal =
            Refusal::parse(format!("{{\"code\":4,\"message\":{message:?}}}").replace("{1b}", "001b").as_bytes());
        let error = TransportError::refused(TransportKind::Polling, 403, refusal);
        assert!(error.refusal().is_some() && error.to_string().len() < 2000 && !error.to_string().contains('\u{1b}'));
    }
}
