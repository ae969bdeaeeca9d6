//! [`Endpoint`]: a server as one client sees it: address, configuration, cookies, and the ways there. It makes requests
//! (rows B7–B11, B13, B25, B43) and reads refusals (row B45); `requests.rs` and `handshake.rs` send them.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use engineio_proto::{ClientQuery, Refusal, SessionId, TransportKind};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response,
    header::{
        CONNECTION, CONTENT_LENGTH, COOKIE, HOST, LOCATION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
        SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, SET_COOKIE, TE, TRANSFER_ENCODING, UPGRADE,
    },
};
use hyper::body::Incoming;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{
    Address, Config, TransportError, TransportErrorKind,
    answer_body::BodyFault,
    connection::{HttpConnection, ReadFault, RequestBody, SendFault},
    dial::Dialer,
    jar::{Jar, Site},
};
use crate::transport::byte_stream::ByteStream;

/// What a URL does not allow in a path. A percent sign stays, so that what is encoded already is not encoded twice.
const NOT_IN_PATH: AsciiSet = CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'\\')
    .add(b'^')
    .add(b'|');

/// Headers that make up a body or a handshake, and are not the user's.
const NOT_USERS: [HeaderName; 10] = [
    CONNECTION,
    CONTENT_LENGTH,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION,
];

/// What is read of an answer that refuses, and for how long: what it says is good to know, and no more than that.
const MAX_REFUSAL_BYTES: usize = 8 * 1024;
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// A server, as configured.
pub(crate) struct Endpoint {
    address: Address,
    config: Config,
    dialer: Dialer,
    /// Nothing is awaited and no code of the user runs under this lock.
    jar: Mutex<Jar>,
}

impl Endpoint {
    /// Where to go and how. Nothing is opened yet.
    pub(crate) fn new(address: Address, config: Config) -> Self {
        let dialer = Dialer::new(&config);
        Self { address, config, dialer, jar: Mutex::default() }
    }

    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    pub(super) async fn dial(&self, on: TransportKind) -> Result<ByteStream, TransportError> {
        self.dialer.dial(&self.address, on).await
    }

    /// A request with all that each request has, the transport's own headers, and then the user's (row B8).
    pub(super) fn request(
        &self,
        on: TransportKind,
        method: Method,
        sid: Option<&SessionId>,
        own: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> Result<Request<RequestBody>, TransportError> {
        let path = self.path(on);
        let uri = format!("{path}?{}", self.query(on, sid));
        let mut request = Request::builder().method(method).uri(uri).body(RequestBody::new(body)).map_err(|error| {
            TransportError::configuration(on, "Config::path is not the path of a URL").with_source(error)
        })?;
        let headers = request.headers_mut();
        let host = HeaderValue::try_from(self.address.authority()).map_err(|error| {
            TransportError::configuration(on, "the address has a host that cannot be sent").with_source(error)
        })?;
        headers.insert(HOST, host);
        headers.extend(own);
        let extra = self.config.extra_headers_on(on);
        for name in extra.keys().filter(|name| !NOT_USERS.contains(name)) {
            headers.remove(name);
            headers.extend(extra.get_all(name).iter().map(|value| (name.clone(), value.clone())));
        }
        self.add_cookies(headers, &path);
        Ok(request)
    }

    fn path(&self, on: TransportKind) -> String {
        utf8_percent_encode(&self.config.path_on(on), &NOT_IN_PATH).to_string()
    }

    fn query(&self, on: TransportKind, sid: Option<&SessionId>) -> String {
        let configured = self.config.query_on(on);
        // The configuration's pairs replace those of the address.
        let of_address = self.address.query().iter().filter(|(key, _)| !configured.iter().any(|(own, _)| own == key));
        let user: Vec<_> = of_address.chain(configured).cloned().collect();
        let stamp = self.config.is_stamped(on).then(stamp);
        let mut query = ClientQuery::new(on, &user);
        query.stamp = stamp.as_deref().map(|stamp| (&*self.config.timestamp_param, stamp));
        query.sid = sid;
        query.base64 = self.config.force_base64;
        query.to_query()
    }

    /// Adds the jar's cookies to those that the user sends anyway.
    fn add_cookies(&self, headers: &mut HeaderMap, path: &str) {
        if !self.config.with_credentials {
            return;
        }
        let Some(cookies) = self.jar().cookies(self.site(path), SystemTime::now()) else { return };
        let users = headers.get(COOKIE).and_then(|users| users.to_str().ok());
        let all = users.map_or_else(|| cookies.clone(), |users| format!("{users}; {cookies}"));
        if let Ok(mut all) = HeaderValue::try_from(all) {
            all.set_sensitive(true);
            headers.insert(COOKIE, all);
        }
    }

    /// Takes the cookies out of an answer, whatever else it says.
    pub(super) fn keep_cookies(&self, on: TransportKind, answer: &HeaderMap) {
        if self.config.with_credentials && answer.contains_key(SET_COOKIE) {
            let (path, now) = (self.path(on), SystemTime::now());
            let mut jar = self.jar();
            answer.get_all(SET_COOKIE).iter().for_each(|cookie| jar.set(cookie, self.site(&path), now));
        }
    }

    fn site<'a>(&'a self, path: &'a str) -> Site<'a> {
        Site { host: self.address.host(), path, secure: self.address.is_secure() }
    }

    fn jar(&self) -> MutexGuard<'_, Jar> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error of an answer that is no success, with what its body says, as far as that is small (row B45).
pub(super) async fn refusal(
    on: TransportKind,
    connection: &mut HttpConnection,
    answer: Response<Incoming>,
) -> TransportError {
    let status = answer.status();
    if status.is_redirection() {
        let to = answer.headers().get(LOCATION).map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
        return TransportError::redirected(on, status.as_u16(), to.as_deref());
    }
    let read = tokio::time::timeout(REFUSAL_TIMEOUT, connection.read(answer, MAX_REFUSAL_BYTES, |_| {})).await;
    let refusal = read.ok().and_then(Result::ok).and_then(|body| Refusal::parse(&body));
    TransportError::refused(on, status.as_u16(), refusal)
}

/// The error of an answer whose body did not come, or not as it should.
pub(super) fn read_error(on: TransportKind, fault: ReadFault, max_bytes: usize) -> TransportError {
    match fault {
        ReadFault::Body(BodyFault::TooLarge) => TransportError::new(
            on,
            TransportErrorKind::BodyTooLarge,
            format!("the server's answer has more than the {max_bytes} bytes that are allowed: see Config::limits"),
        ),
        ReadFault::Body(BodyFault::UnknownCoding) => TransportError::new(
            on,
            TransportErrorKind::ContentCoding,
            "the server's answer is packed in a way that was not asked for",
        ),
        ReadFault::Body(BodyFault::Broken(error)) => {
            TransportError::new(on, TransportErrorKind::ContentCoding, "the server's answer cannot be unpacked")
                .with_source(error)
        }
        ReadFault::Lost(error) => lost(on, error),
        ReadFault::Ended => {
            TransportError::new(on, TransportErrorKind::Http, "the connection ended in the middle of the answer")
        }
    }
}

/// The error of a request that has no answer.
pub(super) fn unanswered(on: TransportKind, fault: SendFault) -> TransportError {
    match fault {
        SendFault::Lost(error) => lost(on, error),
        SendFault::Unsent(_) | SendFault::Ended => {
            TransportError::new(on, TransportErrorKind::Http, "the server closes its connections at once")
        }
    }
}

/// The error of a connection that failed under a request.
pub(super) fn lost(on: TransportKind, error: hyper::Error) -> TransportError {
    let detail = if error.is_parse() {
        "the server's answer is not HTTP/1.1, or its head is too large"
    } else {
        "the connection ended before the answer was there"
    };
    TransportError::new(on, TransportErrorKind::Http, detail).with_source(error)
}

/// What makes a URL another one: the time, and something random for two in one millisecond (row B11).
fn stamp() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut random = [0; 4];
    // Without randomness the time has to do: no secret hangs on it.
    let _ = getrandom::fill(&mut random);
    let mut number = now.as_millis() << 16 | u128::from(u32::from_le_bytes(random) & 0xffff);
    let mut stamp = String::new();
    while number > 0 {
        let digit = u32::try_from(number % 36).unwrap_or(0);
        stamp.extend(char::from_digit(digit, 36));
        number /= 36;
    }
    stamp
}
