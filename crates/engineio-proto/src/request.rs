//! HTTP requests of Engine.IO: from method, query and session to a typed [`Request`], or a [`Reject`]
//! with the code that the contract gives it. [EIO4 Handshake] Rows A34–A47.
//!
//! Owns the order of the checks (row A42). Leaves out HTTP itself, and what only the caller knows: the
//! sessions (asked through a closure) and `allowRequest`.

use std::fmt;

use crate::{Dialect, Revision, id::TransportKind, v3};

/// The query parameters that the protocol knows. A repeated key counts with its last value (row A43).
///
/// ```
/// use engineio_proto::request::Query;
///
/// let query = Query::parse("EIO=4&transport=polling&sid=abc&t=x");
/// assert_eq!((query.eio(), query.transport(), query.sid()), (Some("4"), Some("polling"), Some("abc")));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    transport: Option<String>,
    sid: Option<String>,
    revision: Option<String>,
    base64: bool,
    jsonp: Option<u32>,
}

impl Query {
    /// Reads a query string, without the question mark; percent-decoded. Unknown keys are ignored.
    ///
    /// ```
    /// use engineio_proto::request::Query;
    ///
    /// assert_eq!(Query::parse("sid=a%20b&unknown=1").sid(), Some("a b"));
    /// assert_eq!(Query::parse("sid=first&sid=last").sid(), Some("last"));
    /// ```
    #[must_use]
    pub fn parse(query: &str) -> Self {
        let mut parsed = Self::default();
        for pair in query.split('&') {
            // The protocol's own parameters are nearly always written plainly: a request of long-polling has four of them.
            if !pair.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                parsed.take(key, value);
                continue;
            }
            for (key, value) in form_urlencoded::parse(pair.as_bytes()) {
                parsed.take(&key, &value);
            }
        }
        parsed
    }

    fn take(&mut self, key: &str, value: &str) {
        match key {
            "transport" => self.transport = Some(value.to_owned()),
            "sid" => self.sid = Some(value.to_owned()),
            "EIO" => self.revision = Some(value.to_owned()),
            "b64" => self.base64 = !value.is_empty(),
            "j" => self.jsonp = Some(number(value)),
            _ => {}
        }
    }

    /// The session that the request names; an empty id is none, as in the reference.
    ///
    /// ```
    /// use engineio_proto::request::Query;
    ///
    /// assert_eq!(Query::parse("sid=abc").sid(), Some("abc"));
    /// assert_eq!(Query::parse("sid=").sid(), None);
    /// ```
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref().filter(|sid| !sid.is_empty())
    }

    /// The name of the transport as the request has it, whether there is such a transport or not.
    #[must_use]
    pub fn transport(&self) -> Option<&str> {
        self.transport.as_deref()
    }

    /// The protocol revision as the request has it, whether there is such a revision or not.
    #[must_use]
    pub fn eio(&self) -> Option<&str> {
        self.revision.as_deref()
    }

    /// The protocol revision: the fourth where the query says so, and otherwise the third (row A16).
    ///
    /// ```
    /// use engineio_proto::{Revision, request::Query};
    ///
    /// assert_eq!(Query::parse("EIO=4").revision(), Revision::V4);
    /// assert_eq!(Query::parse("").revision(), Revision::V3);
    /// ```
    #[must_use]
    pub fn revision(&self) -> Revision {
        if self.revision.as_deref() == Some("4") { Revision::V4 } else { Revision::V3 }
    }

    /// How the client wants to be talked to; the last check of a handshake (rows A41, A42).
    ///
    /// ```
    /// use engineio_proto::{Dialect, Reject, request::Query};
    ///
    /// assert_eq!(Query::parse("EIO=4").dialect(false), Ok(Dialect::V4));
    /// assert_eq!(Query::parse("EIO=3").dialect(false), Err(Reject::UnsupportedProtocol));
    /// ```
    ///
    /// # Errors
    /// [`Reject::UnsupportedProtocol`] for anything but `EIO=4`, unless `allow_v3`.
    pub fn dialect(&self, allow_v3: bool) -> Result<Dialect, Reject> {
        match self.revision() {
            Revision::V4 => Ok(Dialect::V4),
            Revision::V3 if allow_v3 => Ok(Dialect::V3(v3::Style { base64: self.base64, jsonp: self.jsonp })),
            Revision::V3 => Err(Reject::UnsupportedProtocol),
        }
    }
}

/// The digits of a text as a number, as large as it can be; whatever else stands there must not get into a script.
fn number(text: &str) -> u32 {
    let digits = text.chars().filter_map(|character| character.to_digit(10));
    digits.fold(0, |number, digit| number.saturating_mul(10).saturating_add(digit))
}

/// The method of a request, as far as the protocol tells methods apart.
///
/// ```
/// use engineio_proto::{Reject, TransportKind, request::{Method, Query, classify}};
///
/// let query = Query::parse("EIO=4&transport=polling");
/// let refused = classify(&query, Method::Post, false, &[TransportKind::Polling], |_| None);
/// assert_eq!(refused, Err(Reject::BadHandshakeMethod));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Receives.
    Get,
    /// Sends.
    Post,
    /// Anything else.
    Other,
}

/// What a request wants, after all checks that need no configuration call-back.
///
/// ```
/// use engineio_proto::{Revision, TransportKind, request::{Method, Query, Request, classify}};
///
/// let query = Query::parse("EIO=4&transport=websocket&sid=abc");
/// let both = [TransportKind::Polling, TransportKind::WebSocket];
/// let request = classify(&query, Method::Get, true, &both, |_| Some((TransportKind::Polling, Revision::V4)));
/// assert_eq!(request, Ok(Request::Attach("abc"))); // an upgrade
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'q> {
    /// A new session over this transport. `allowRequest` and [`Query::dialect`] are still to come.
    Open(TransportKind),
    /// GET of a session.
    Poll(&'q str),
    /// POST to a session.
    Post(&'q str),
    /// A WebSocket for a session that exists.
    Attach(&'q str),
    /// A method that a session does not know: HTTP 500, session untouched (row A44).
    UnknownMethod,
    /// A WebSocket upgrade that names the transport `polling`: 101, then closed (row A46).
    PollingOverWebSocket,
}

/// Checks a request, in the order of row A42.
///
/// `upgrade` says whether it is a WebSocket upgrade; `enabled` are the configured transports; `session`
/// tells the transport and the revision of a session, `None` where it is unknown.
///
/// ```
/// use engineio_proto::{Reject, TransportKind, request::{Method, Query, Request, classify}};
///
/// let both = [TransportKind::Polling, TransportKind::WebSocket];
/// let query = Query::parse("EIO=4&transport=polling");
/// let request = classify(&query, Method::Get, false, &both, |_| None);
/// assert_eq!(request, Ok(Request::Open(TransportKind::Polling)));
///
/// let query = Query::parse("EIO=4&transport=polling&sid=gone");
/// assert_eq!(classify(&query, Method::Get, false, &both, |_| None), Err(Reject::UnknownSid));
/// ```
///
/// # Errors
/// The [`Reject`] with the answer to give.
pub fn classify<'q>(
    query: &'q Query,
    method: Method,
    upgrade: bool,
    enabled: &[TransportKind],
    session: impl FnOnce(&str) -> Option<(TransportKind, Revision)>,
) -> Result<Request<'q>, Reject> {
    let transport = query.transport.as_deref().and_then(TransportKind::from_name);
    let transport = transport.filter(|kind| enabled.contains(kind)).ok_or(Reject::TransportUnknown)?;
    if let Some(sid) = query.sid() {
        let (current, revision) = session(sid).ok_or(Reject::UnknownSid)?;
        return match (upgrade, transport) {
            (false, _) if transport != current => Err(Reject::BadRequest(BadRequest::TransportMismatch)),
            // Row A39: one session is one revision, and without a number a request is of the third.
            _ if query.revision() != revision => Err(Reject::BadRequest(BadRequest::ProtocolMismatch)),
            (true, TransportKind::WebSocket) => Ok(Request::Attach(sid)),
            (true, TransportKind::Polling) => Ok(Request::PollingOverWebSocket),
            (false, TransportKind::WebSocket) => Err(Reject::BadRequest(BadRequest::NotAnUpgrade)),
            (false, TransportKind::Polling) => Ok(match method {
                Method::Get => Request::Poll(sid),
                Method::Post => Request::Post(sid),
                Method::Other => Request::UnknownMethod,
            }),
        };
    }
    if method != Method::Get {
        return Err(Reject::BadHandshakeMethod);
    }
    match (upgrade, transport) {
        (false, TransportKind::WebSocket) => Err(Reject::BadRequest(BadRequest::NotAnUpgrade)),
        (true, TransportKind::Polling) => Ok(Request::PollingOverWebSocket),
        _ => Ok(Request::Open(transport)),
    }
}

/// A refused request. The JSON body of the answer is [`Reject::body`], its status [`Reject::status`].
///
/// ```
/// use engineio_proto::Reject;
///
/// let refused = Reject::Forbidden("not today".into());
/// assert_eq!((refused.status(), refused.body().as_str()), (403, r#"{"code":4,"message":"not today"}"#));
/// assert_eq!((Reject::UnknownSid.code(), Reject::UnknownSid.message()), (1, "Session ID unknown"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reject {
    /// Code 0 (row A36): no such transport, or not enabled.
    TransportUnknown,
    /// Code 1 (row A37): no such session here; with several servers typically a missing sticky session.
    UnknownSid,
    /// Code 2 (row A38): a handshake that is not a GET.
    BadHandshakeMethod,
    /// Code 3 (row A39).
    BadRequest(BadRequest),
    /// Code 4 (row A40): refused by the application, with its message.
    Forbidden(String),
    /// Code 5 (row A41): a revision other than the ones served.
    UnsupportedProtocol,
}

/// What was bad about a request with code 3; for logs, the wire carries the code only.
///
/// ```
/// use engineio_proto::{BadRequest, Reject};
///
/// let refused = Reject::from(BadRequest::NotAnUpgrade);
/// assert_eq!(refused.body(), r#"{"code":3,"message":"Bad request"}"#); // the cause is for the log
/// assert_eq!(refused.to_string(), "Bad request (code 3): NotAnUpgrade");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadRequest {
    /// The session is on another transport (row A45).
    TransportMismatch,
    /// The session is of another protocol revision.
    ProtocolMismatch,
    /// `transport=websocket` without an upgrade.
    NotAnUpgrade,
    /// No id could be made for the session.
    NoSessionId,
    /// The application's code in front of the engine refused (row A25).
    MiddlewareFailure,
}

impl From<BadRequest> for Reject {
    fn from(cause: BadRequest) -> Self {
        Self::BadRequest(cause)
    }
}

impl Reject {
    /// The code in the answer's body.
    ///
    /// ```
    /// use engineio_proto::Reject;
    ///
    /// assert_eq!((Reject::TransportUnknown.code(), Reject::UnsupportedProtocol.code()), (0, 5));
    /// ```
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::TransportUnknown => 0,
            Self::UnknownSid => 1,
            Self::BadHandshakeMethod => 2,
            Self::BadRequest(_) => 3,
            Self::Forbidden(_) => 4,
            Self::UnsupportedProtocol => 5,
        }
    }

    /// The message in the answer's body.
    ///
    /// ```
    /// use engineio_proto::Reject;
    ///
    /// let refused = Reject::Forbidden("not today".into());
    /// assert_eq!((refused.message(), refused.title()), ("not today", "Forbidden"));
    /// ```
    #[must_use]
    pub fn message(&self) -> &str {
        if let Self::Forbidden(message) = self { message } else { self.title() }
    }

    /// The message of the error table, also where the answer has another one.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        match self {
            Self::TransportUnknown => "Transport unknown",
            Self::UnknownSid => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::BadRequest(_) => "Bad request",
            Self::Forbidden(_) => "Forbidden",
            Self::UnsupportedProtocol => "Unsupported protocol version",
        }
    }

    /// The HTTP status of a plain request (row A34). A refused upgrade is always 400 (row A35).
    ///
    /// ```
    /// use engineio_proto::Reject;
    ///
    /// assert_eq!(Reject::Forbidden("not today".into()).status(), 403);
    /// assert_eq!(Reject::TransportUnknown.status(), 400);
    /// ```
    #[must_use]
    pub const fn status(&self) -> u16 {
        if matches!(self, Self::Forbidden(_)) { 403 } else { 400 }
    }

    /// The JSON body: `{"code":…,"message":"…"}`.
    ///
    /// ```
    /// use engineio_proto::Reject;
    ///
    /// assert_eq!(Reject::UnknownSid.body(), r#"{"code":1,"message":"Session ID unknown"}"#);
    /// ```
    #[must_use]
    pub fn body(&self) -> String {
        #[derive(serde::Serialize)]
        struct Body<'a> {
            code: u8,
            message: &'a str,
        }
        // A number and a string always serialise.
        serde_json::to_string(&Body { code: self.code(), message: self.message() }).unwrap_or_default()
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.message(), self.code())?;
        if let Self::BadRequest(cause) = self {
            write!(f, ": {cause:?}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Reject {}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[TransportKind] = &[TransportKind::Polling, TransportKind::WebSocket];
    const MISMATCH: Reject = Reject::BadRequest(BadRequest::TransportMismatch);
    const OTHER_REVISION: Reject = Reject::BadRequest(BadRequest::ProtocolMismatch);
    const NO_UPGRADE: Reject = Reject::BadRequest(BadRequest::NotAnUpgrade);

    fn session(sid: &str) -> Option<(TransportKind, Revision)> {
        match sid {
            "polls" => Some((TransportKind::Polling, Revision::V4)),
            "wired" => Some((TransportKind::WebSocket, Revision::V4)),
            "old" => Some((TransportKind::Polling, Revision::V3)),
            _ => None,
        }
    }

    /// Rows A43, A72: what is written plainly is read without the decoder, and as the decoder reads it.
    #[test]
    fn a_query_is_read_alike_however_it_is_written() {
        for query in [
            "EIO=4&transport=polling&sid=abc&t=x",
            "&&sid=a&&sid=b&",
            "sid=a=b&EIO==4",
            "sid&transport&b64&j",
            "=sid&EIO=&b64=&j=",
            "b64=1&j=2x3&sid=é€",
        ] {
            // A key that nobody asks for makes no difference, and each value in its escaped form is the same value.
            let escaped: String = query
                .bytes()
                .map(|byte| if matches!(byte, b'&' | b'=') { char::from(byte).into() } else { format!("%{byte:02x}") })
                .collect();
            assert_eq!(Query::parse(query), Query::parse(&escaped), "{query}");
        }
        assert_eq!(Query::parse("sid=a+b&EIO=%34").sid(), Some("a b"));
        assert_eq!(Query::parse("sid=a=b&EIO=%34").eio(), Some("4"));
        assert_eq!(Query::parse("sid=a=b").sid(), Some("a=b"));
    }

    /// Hazards S7, S14.
    #[test]
    fn each_request_is_told_apart_or_refused_in_the_order_of_the_contract() {
        use Method::{Get, Other, Post};
        use TransportKind::{Polling, WebSocket};
        type Case = (&'static str, Method, bool, Result<Request<'static>, Reject>);
        let table: &[Case] = &[
            ("EIO=4&transport=polling", Get, false, Ok(Request::Open(Polling))),
            ("EIO=4&transport=websocket", Get, true, Ok(Request::Open(WebSocket))),
            ("EIO=4&transport=polling&sid=polls", Get, false, Ok(Request::Poll("polls"))),
            ("EIO=4&transport=polling&sid=polls", Post, false, Ok(Request::Post("polls"))),
            ("EIO=4&transport=polling&sid=polls", Other, false, Ok(Request::UnknownMethod)),
            ("EIO=4&transport=websocket&sid=polls", Get, true, Ok(Request::Attach("polls"))),
            ("EIO=4&transport=websocket&sid=wired", Get, true, Ok(Request::Attach("wired"))),
            ("EIO=4&transport=polling&sid=polls", Get, true, Ok(Request::PollingOverWebSocket)),
            ("transport=polling", Get, true, Ok(Request::PollingOverWebSocket)),
            // Row A36: the transport is looked at first of all.
            ("", Post, false, Err(Reject::TransportUnknown)),
            ("transport=", Get, false, Err(Reject::TransportUnknown)),
            ("transport=constructor&sid=nobody", Get, false, Err(Reject::TransportUnknown)),
            ("transport=webtransport", Get, false, Err(Reject::TransportUnknown)),
            // Row A37: then the session, whatever the method.
            ("transport=polling&sid=nobody", Other, false, Err(Reject::UnknownSid)),
            ("transport=websocket&sid=nobody", Get, true, Err(Reject::UnknownSid)),
            // Row A45, then A39.
            ("EIO=4&transport=polling&sid=wired", Get, false, Err(MISMATCH)),
            ("EIO=4&transport=websocket&sid=polls", Get, false, Err(MISMATCH)),
            ("EIO=4&transport=websocket&sid=wired", Get, false, Err(NO_UPGRADE)),
            // A session keeps its revision, also across the upgrade.
            ("transport=polling&sid=polls", Get, false, Err(OTHER_REVISION)),
            ("EIO=3&transport=polling&sid=polls", Post, false, Err(OTHER_REVISION)),
            ("EIO=3&transport=polling&sid=wired", Get, false, Err(MISMATCH)),
            ("EIO=3&transport=websocket&sid=polls", Get, true, Err(OTHER_REVISION)),
            ("EIO=3&transport=polling&sid=nobody", Get, false, Err(Reject::UnknownSid)),
            ("EIO=3&transport=polling&sid=old", Post, false, Ok(Request::Post("old"))),
            ("transport=polling&sid=old", Get, false, Ok(Request::Poll("old"))),
            ("EIO=3&transport=websocket&sid=old", Get, true, Ok(Request::Attach("old"))),
            ("EIO=4&transport=polling&sid=old", Get, false, Err(OTHER_REVISION)),
            ("EIO=4&transport=websocket&sid=old", Get, true, Err(OTHER_REVISION)),
            // Row A38.
            ("transport=polling", Post, false, Err(Reject::BadHandshakeMethod)),
            ("transport=websocket", Other, false, Err(Reject::BadHandshakeMethod)),
            ("transport=websocket", Get, false, Err(NO_UPGRADE)),
            // An empty id is no id, as in the reference.
            ("transport=polling&sid=", Post, false, Err(Reject::BadHandshakeMethod)),
            // Row A43: decoded, and the last of a repeated key counts.
            ("transport=x&transport=%70olling", Get, false, Ok(Request::Open(Polling))),
        ];
        for (query, method, upgrade, expected) in table {
            let parsed = Query::parse(query);
            let got = classify(&parsed, *method, *upgrade, BOTH, session);
            assert_eq!(&got, expected, "{query} {method:?} upgrade={upgrade}");
        }
    }

    #[test]
    fn a_transport_that_is_not_enabled_is_unknown() {
        let query = Query::parse("EIO=4&transport=websocket");
        let got = classify(&query, Method::Get, true, &[TransportKind::Polling], session);
        assert_eq!(got, Err(Reject::TransportUnknown));
    }

    #[test]
    fn only_revision_four_is_supported_unless_the_third_is_allowed() {
        assert_eq!(Query::parse("EIO=4").dialect(false), Ok(Dialect::V4));
        assert_eq!(Query::parse("EIO=4&b64=1&j=0").dialect(true), Ok(Dialect::V4));
        for query in ["", "EIO=", "EIO=3", "EIO=abc", "EIO=44", "eio=4"] {
            assert_eq!(Query::parse(query).dialect(false), Err(Reject::UnsupportedProtocol), "{query}");
            assert_eq!(Query::parse(query).dialect(true), Ok(Dialect::V3(v3::Style::default())), "{query}");
        }
    }

    /// A71, A72: only digits of `j` get into the script that it is put in.
    #[test]
    fn the_query_says_whether_binary_is_taken_and_which_function_takes_the_answers() {
        let table = [
            ("b64=1", true, None),
            ("b64=", false, None),
            ("j=7", false, Some(7)),
            ("b64=true&j=12", true, Some(12)),
            ("j=", false, Some(0)),
            ("j=1);alert(2", false, Some(12)),
            ("j=99999999999999999999", false, Some(u32::MAX)),
        ];
        for (query, base64, jsonp) in table {
            assert_eq!(Query::parse(query).dialect(true), Ok(Dialect::V3(v3::Style { base64, jsonp })), "{query}");
        }
    }

    #[test]
    fn the_answer_to_each_reject_is_that_of_the_error_table() {
        let table = [
            (Reject::TransportUnknown, 400, r#"{"code":0,"message":"Transport unknown"}"#),
            (Reject::UnknownSid, 400, r#"{"code":1,"message":"Session ID unknown"}"#),
            (Reject::BadHandshakeMethod, 400, r#"{"code":2,"message":"Bad handshake method"}"#),
            (MISMATCH, 400, r#"{"code":3,"message":"Bad request"}"#),
            (Reject::Forbidden("no \"way\"".into()), 403, r#"{"code":4,"message":"no \"way\""}"#),
            (Reject::UnsupportedProtocol, 400, r#"{"code":5,"message":"Unsupported protocol version"}"#),
        ];
        for (reject, status, body) in table {
            assert_eq!((reject.status(), reject.body().as_str()), (status, body));
        }
    }
}
