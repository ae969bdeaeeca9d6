//! Answers: each function makes one answer of the contract's rows A34, A35, A44, A61, A62 and A63.

use std::time::Duration;

use bytes::Bytes;
use engineio_proto::{ContentKind, Reject};
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, SET_COOKIE, USER_AGENT, VARY, X_XSS_PROTECTION},
};

use super::Body;

/// Adds headers to an answer. What it says itself counts, but for the two that add up.
pub(super) fn add_headers<B>(response: &mut Response<B>, added: &HeaderMap) {
    let own = response.headers_mut();
    for name in added.keys() {
        if !own.contains_key(name) || name == SET_COOKIE || name == VARY {
            for value in added.get_all(name) {
                own.append(name, value.clone());
            }
        }
    }
}

pub(super) fn bare<B>(status: StatusCode) -> Response<Body<B>> {
    with_body(status, None, Bytes::new())
}

/// 400, or 403 for a refusal by the application, with the JSON of the error table (row A34).
pub(super) fn reject<B>(reject: &Reject) -> Response<Body<B>> {
    let status = StatusCode::from_u16(reject.status()).unwrap_or(StatusCode::BAD_REQUEST);
    with_body(status, Some("application/json"), reject.body())
}

/// The answer to a WebSocket handshake that is refused: always 400, the message as the body (row A35).
pub(super) fn reject_upgrade<B>(message: &str) -> Response<Body<B>> {
    let mut response = with_body(StatusCode::BAD_REQUEST, Some("text/html"), message.to_owned());
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The answer to a GET (row A61).
pub(super) fn poll<B>(payload: Bytes, content: ContentKind, request: &HeaderMap) -> Response<Body<B>> {
    let kind = match content {
        ContentKind::Text => "text/plain; charset=UTF-8",
        ContentKind::Binary => "application/octet-stream",
    };
    let mut response = with_body(StatusCode::OK, Some(kind), payload);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    spare_internet_explorer(&mut response, request);
    response
}

/// The answer to a POST that was taken (row A62).
pub(super) fn post<B>(request: &HeaderMap) -> Response<Body<B>> {
    let mut response = with_body(StatusCode::OK, Some("text/html"), Bytes::from_static(b"ok"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    spare_internet_explorer(&mut response, request);
    response
}

/// 413, and the connection ends with what it still carries of the body (row A68).
pub(super) fn too_large<B>() -> Response<Body<B>> {
    let mut response = bare(StatusCode::PAYLOAD_TOO_LARGE);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// 503, to be tried again later: there are as many clients as there may be.
pub(super) fn busy<B>(retry_after: Duration) -> Response<Body<B>> {
    let mut response = bare(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs()));
    response
}

fn with_body<B>(status: StatusCode, kind: Option<&'static str>, body: impl Into<Bytes>) -> Response<Body<B>> {
    let mut response = Response::new(Body::full(body));
    *response.status_mut() = status;
    if let Some(kind) = kind {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}

/// Its XSS filter mangles payloads (row A61).
fn spare_internet_explorer<B>(response: &mut Response<Body<B>>, request: &HeaderMap) {
    let agent = request.get(USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    let contains = |name: &[u8]| agent.windows(name.len()).any(|part| part == name);
    if contains(b";MSIE") || contains(b"Trident/") {
        response.headers_mut().insert(X_XSS_PROTECTION, HeaderValue::from_static("0"));
    }
}
