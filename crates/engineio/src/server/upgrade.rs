//! The HTTP side of a WebSocket: checks the handshake [RFC 6455 §4.2], agrees on compression [RFC 7692 §5] and makes the
//! 101. Rows A11, A35, A46, A47, A80.

use engineio_proto::websocket::{accept_key, negotiate_deflate};
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{
        CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};

use super::{Body, respond};

/// Whether a request asks for a WebSocket.
pub(super) fn is_websocket(headers: &HeaderMap) -> bool {
    has_token(headers, &UPGRADE, "websocket") && has_token(headers, &CONNECTION, "upgrade")
}

/// The answer to a handshake that is not accepted.
pub(super) type Refused<B> = Box<Response<Body<B>>>;

/// The 101, or the answer to a handshake that RFC 6455 does not allow (row A80).
pub(super) fn accept<B>(method: &Method, headers: &HeaderMap) -> Result<Response<Body<B>>, Refused<B>> {
    if method != Method::GET {
        return Err(Box::new(respond::bare(StatusCode::METHOD_NOT_ALLOWED)));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let mut response = respond::bare(StatusCode::UPGRADE_REQUIRED);
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        return Err(Box::new(response));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok());
    let accept = key.and_then(accept_key).and_then(|accept| HeaderValue::try_from(accept).ok());
    let accept =
        accept.ok_or_else(|| Box::new(respond::reject_upgrade("Missing or invalid Sec-WebSocket-Key header")))?;
    let mut response = respond::bare(StatusCode::SWITCHING_PROTOCOLS);
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    response.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// Accepts the client's offer of permessage-deflate, if it made one that can be: puts that into the 101, and says so.
pub(super) fn agree_on_deflate<B>(headers: &HeaderMap, response: &mut Response<Body<B>>) -> bool {
    let offers = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter().map(HeaderValue::as_bytes);
    let Some(answer) = negotiate_deflate(offers) else { return false };
    response.headers_mut().insert(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(answer));
    true
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn a_websocket_is_recognised_by_its_tokens_in_any_case_and_company() {
        for connection in ["Upgrade", "keep-alive, upgrade", "UPGRADE"] {
            assert!(is_websocket(&headers(&[("upgrade", "WebSocket"), ("connection", connection)])), "{connection}");
        }
        assert!(!is_websocket(&headers(&[("upgrade", "websocket")])));
        assert!(!is_websocket(&headers(&[("upgrade", "h2c"), ("connection", "upgrade")])));
    }

    #[test]
    fn a_bad_handshake_gets_the_status_that_says_what_is_wrong() {
        let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let version = ("sec-websocket-version", "13");
        let status = |method: Method, pairs: &[_]| match accept::<()>(&method, &headers(pairs)) {
            Ok(response) => response.status().as_u16(),
            Err(response) => response.status().as_u16(),
        };
        assert_eq!(status(Method::GET, &[key, version]), 101);
        assert_eq!(status(Method::POST, &[key, version]), 405);
        assert_eq!(status(Method::GET, &[key]), 426);
        assert_eq!(status(Method::GET, &[key, ("sec-websocket-version", "12")]), 426);
        assert_eq!(status(Method::GET, &[version]), 400);
        assert_eq!(status(Method::GET, &[version, ("sec-websocket-key", "short")]), 400);
    }
}
