//! [`open_websocket`]: the opening handshake of a WebSocket from the client's side [RFC 6455 §4.1], compression [RFC 7692 §7]
//! and sub-protocols (row B14) included. Each takes a connection of its own.
//!
//! Leaves out what is spoken on it: frames are `transport/websocket.rs`'s.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use engineio_proto::{
    SessionId, TransportKind,
    websocket::{DEFLATE_OFFER, accept_key, check_deflate_answer},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};

use super::{
    TransportError, TransportErrorKind,
    connection::HttpConnection,
    endpoint::{Endpoint, lost, refusal, unanswered},
};
use crate::{
    per_message_deflate::PerMessageDeflate,
    transport::websocket::{Upgrade, WireIo},
};

const ON: TransportKind = TransportKind::WebSocket;

/// A WebSocket that has been opened.
#[derive(Debug)]
pub(crate) struct OpenedWebSocket {
    pub(crate) upgrade: Upgrade,
    /// The sub-protocol that the server chose among those that were offered (row B14).
    pub(crate) protocol: Option<String>,
}

/// Opens a WebSocket, for a new session or for one that exists. Dropping it closes the connection.
pub(crate) async fn open_websocket(
    endpoint: Arc<Endpoint>,
    sid: Option<SessionId>,
) -> Result<OpenedWebSocket, TransportError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| {
        TransportError::configuration(ON, "the system gives no randomness").with_source(std::io::Error::other(error))
    })?;
    let key = STANDARD.encode(random);
    let config = endpoint.config();
    let offer = Offer { key: &key, protocols: &config.protocols, deflate: config.per_message_deflate };
    let request = endpoint.request(ON, Method::GET, sid.as_ref(), offer.headers()?, Bytes::new())?;
    let stream = endpoint.dial(ON).await?;
    let mut connection = HttpConnection::open(stream).await.map_err(|error| lost(ON, error))?;
    let answer = connection.send(request).await.map_err(|fault| unanswered(ON, fault))?;
    endpoint.keep_cookies(ON, answer.headers());
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        if answer.status().is_success() {
            let detail = "the server answered without opening a WebSocket: is Config::path an Engine.IO server's, and do \
                          the proxies in front of it let WebSockets through?";
            return Err(
                TransportError::new(ON, TransportErrorKind::Handshake, detail).with_status(answer.status().as_u16())
            );
        }
        return Err(refusal(ON, &mut connection, answer).await);
    }
    let Agreement { protocol, deflate } = offer
        .check(answer.headers())
        .map_err(|detail| TransportError::new(ON, TransportErrorKind::Handshake, detail).with_status(101))?;
    drop(answer);
    let (stream, early) = connection.into_stream().await;
    Ok(OpenedWebSocket { upgrade: Upgrade { connection: WireIo::Open(stream), early, deflate }, protocol })
}

/// What is offered to the server.
struct Offer<'a> {
    key: &'a str,
    protocols: &'a [String],
    deflate: Option<PerMessageDeflate>,
}

/// What both sides agree on.
#[derive(Debug, PartialEq, Eq)]
struct Agreement {
    protocol: Option<String>,
    deflate: Option<PerMessageDeflate>,
}

impl Offer<'_> {
    fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, TransportError> {
        let invalid = "one of Config::protocols is not a token, or stands there twice";
        let mut headers = vec![
            (CONNECTION, HeaderValue::from_static("Upgrade")),
            (UPGRADE, HeaderValue::from_static("websocket")),
            (SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
        ];
        let key = HeaderValue::try_from(self.key).map_err(|_| TransportError::configuration(ON, invalid))?;
        headers.push((SEC_WEBSOCKET_KEY, key));
        if !self.protocols.is_empty() {
            // A header's name is a token too.
            let is_token = |protocol: &String| HeaderName::try_from(protocol).is_ok();
            let is_repeated = (1..self.protocols.len()).any(|i| self.protocols[i..].contains(&self.protocols[i - 1]));
            let protocols = HeaderValue::try_from(self.protocols.join(", "));
            match protocols {
                Ok(protocols) if self.protocols.iter().all(is_token) && !is_repeated => {
                    headers.push((SEC_WEBSOCKET_PROTOCOL, protocols));
                }
                _ => return Err(TransportError::configuration(ON, invalid)),
            }
        }
        if self.deflate.is_some() {
            headers.push((SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(DEFLATE_OFFER)));
        }
        Ok(headers)
    }

    /// Checks the head of a 101. [RFC 6455 §4.1]
    fn check(&self, answer: &HeaderMap) -> Result<Agreement, &'static str> {
        let has_token = |name: HeaderName, token: &str| {
            let values = answer.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
            values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
        };
        if !has_token(UPGRADE, "websocket") || !has_token(CONNECTION, "upgrade") {
            return Err("the server changes over to something that is no WebSocket");
        }
        let accept = only(answer, SEC_WEBSOCKET_ACCEPT)?;
        if accept.map(|accept| accept.trim().to_owned()) != accept_key(self.key) {
            return Err("the server did not understand the handshake: a cache or another server may have answered");
        }
        let protocol = only(answer, SEC_WEBSOCKET_PROTOCOL)?.map(str::trim);
        if protocol.is_some_and(|chosen| !self.protocols.iter().any(|offered| offered == chosen)) {
            return Err("the server chose a sub-protocol that was not offered: see Config::protocols");
        }
        let extensions = answer.get_all(SEC_WEBSOCKET_EXTENSIONS).iter().map(HeaderValue::as_bytes);
        let deflate = match (check_deflate_answer(extensions), self.deflate) {
            (Some(false), _) => None,
            (Some(true), Some(deflate)) => Some(deflate),
            (Some(true), None) | (None, _) => return Err("the server uses an extension that was not offered"),
        };
        Ok(Agreement { protocol: protocol.map(str::to_owned), deflate })
    }
}

/// The value of a header that may be there once.
fn only(answer: &HeaderMap, name: HeaderName) -> Result<Option<&str>, &'static str> {
    let mut values = answer.get_all(name).into_iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| "a header of the handshake cannot be read"),
        (Some(_), Some(_)) => Err("a header of the handshake is there twice"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPT: (&str, &str) = ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v))).collect()
    }

    /// B14, B19: what was not offered, or is not an answer to this very request, opens nothing.
    #[test]
    fn an_answer_opens_a_websocket_only_where_it_fits_the_offer() {
        let protocols = ["chat".to_owned(), "superchat".to_owned()];
        let deflate = Some(PerMessageDeflate::default());
        let offer = |deflate| Offer { key: KEY, protocols: &protocols, deflate };
        let (upgrade, connection) = (("upgrade", "WebSocket"), ("connection", "keep-alive, Upgrade"));
        let (protocol, extensions) = ("sec-websocket-protocol", "sec-websocket-extensions");
        let packed = (extensions, "permessage-deflate; server_no_context_takeover");
        let open = Ok((None, false));
        type Opened = Result<(Option<&'static str>, bool), ()>;
        let cases: &[(&[_], Option<_>, Opened)] = &[
            (&[upgrade, connection, ACCEPT], deflate, open),
            (&[upgrade, connection, ACCEPT, packed], deflate, Ok((None, true))),
            (&[upgrade, connection, ACCEPT, packed], None, Err(())),
            (&[upgrade, connection, ACCEPT, (extensions, "permessage-deflate")], deflate, Err(())),
            (&[upgrade, connection, ACCEPT, (extensions, "mux")], deflate, Err(())),
            (&[upgrade, connection, ACCEPT, (extensions, "")], None, open),
            (&[upgrade, connection, ACCEPT, (protocol, "superchat")], None, Ok((Some("superchat"), false))),
            (&[upgrade, connection, ACCEPT, (protocol, "Chat")], None, Err(())),
            (&[upgrade, connection, ACCEPT, (protocol, "chat, superchat")], None, Err(())),
            (&[upgrade, connection, ACCEPT, (protocol, "")], None, Err(())),
            (&[upgrade, connection, ACCEPT, (protocol, "chat"), (protocol, "chat")], None, Err(())),
            (&[upgrade, connection], None, Err(())),
            (&[upgrade, connection, ACCEPT, ACCEPT], None, Err(())),
            (&[upgrade, connection, ("sec-websocket-accept", "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=")], None, Err(())),
            (&[connection, ACCEPT], None, Err(())),
            (&[upgrade, ACCEPT], None, Err(())),
            (&[("upgrade", "h2c"), connection, ACCEPT], None, Err(())),
        ];
        for (pairs, deflate, expected) in cases {
            let agreed = offer(*deflate).check(&headers_with_repeats(pairs));
            let agreed = agreed.as_ref().map(|agreed| (agreed.protocol.as_deref(), agreed.deflate.is_some()));
            assert_eq!(agreed.map_err(|_| ()), *expected, "{pairs:?} {deflate:?}");
        }
        let bare = Offer { key: KEY, protocols: &[], deflate: None };
        assert!(bare.check(&headers(&[upgrade, connection, ACCEPT, (protocol, "chat")])).is_err());
    }

    fn headers_with_repeats(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn sub_protocols_are_tokens_and_stand_there_once() {
        let offer = |protocols: &[&str]| {
            let protocols: Vec<_> = protocols.iter().map(|protocol| (*protocol).to_owned()).collect();
            let headers = Offer { key: KEY, protocols: &protocols, deflate: None }.headers();
            headers.map(|headers| headers.into_iter().find(|(name, _)| name == SEC_WEBSOCKET_PROTOCOL).map(|(_, v)| v))
        };
        assert_eq!(offer(&[]).unwrap(), None);
        assert_eq!(offer(&["a", "b.c"]).unwrap().unwrap(), "a, b.c");
        for bad in [&["a b"][..], &["a,b"], &[""], &["é"], &["a", "b", "a"], &["a\r\nx: y"]] {
            assert!(offer(bad).unwrap_err().is_configuration(), "{bad:?}");
        }
    }
}
