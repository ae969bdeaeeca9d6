//! Query strings: against a second reader, told apart, and written by the client's side. [EIO4 Handshake]

use std::collections::BTreeMap;

use engineio_proto::{
    ClientQuery, Dialect, Refusal, Reject, Revision, SessionId, TransportKind,
    request::{Method, Query, Request, classify},
    v3::Style,
};
use serde_json::Value;

const BOTH: [TransportKind; 2] = [TransportKind::Polling, TransportKind::WebSocket];

/// Reads the text as a query, and the bytes as the body of a refusal.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let query = Query::parse(&text);
    let pairs = read(&text);
    let last = pairs.iter().cloned().collect::<BTreeMap<_, _>>();
    let value = |key: &str| last.get(key).map(String::as_str);
    assert_eq!(query.transport(), value("transport"));
    assert_eq!(query.eio(), value("EIO"));
    assert_eq!(query.sid(), value("sid").filter(|sid| !sid.is_empty()));
    let style = Style { base64: value("b64").is_some_and(|value| !value.is_empty()), jsonp: value("j").map(index) };
    let dialect = if value("EIO") == Some("4") { Dialect::V4 } else { Dialect::V3(style) };
    assert_eq!(query.dialect(true), Ok(dialect));
    assert_eq!(query.dialect(false).is_ok(), dialect == Dialect::V4);
    tell_apart(&query);
    write_back(&pairs, value("sid").unwrap_or_default());
    refuse(data);
}

/// Pairs, as the URL standard has them: `+` is a space, `%` and two digits is a byte, and what is no UTF-8 is replaced.
fn read(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

fn decode(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&first, behind)) = rest.split_first() {
        let digits = behind.get(..2).filter(|digits| first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let escaped = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(if first == b'+' { b' ' } else { first }));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The digits of it as a number, or the largest there is.
fn index(value: &str) -> u32 {
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u32::MAX) }
}

/// Each request is one of those that there are or has its refusal, and what is taken names the session of the query.
fn tell_apart(query: &Query) {
    let sessions = [None, Some((TransportKind::Polling, Revision::V4)), Some((TransportKind::WebSocket, Revision::V3))];
    for (method, upgrade) in
        [Method::Get, Method::Post, Method::Other].map(|method| [(method, false), (method, true)]).concat()
    {
        for session in sessions {
            let request = classify(query, method, upgrade, &BOTH, |sid| {
                assert_eq!(Some(sid), query.sid());
                session
            });
            match request {
                Ok(Request::Open(kind)) => {
                    assert!(query.sid().is_none() && method == Method::Get);
                    assert_eq!((kind == TransportKind::WebSocket, query.transport()), (upgrade, Some(kind.name())));
                }
                Ok(Request::Poll(sid)) => assert_eq!((Some(sid), method, upgrade), (query.sid(), Method::Get, false)),
                Ok(Request::Post(sid)) => assert_eq!((Some(sid), method, upgrade), (query.sid(), Method::Post, false)),
                Ok(Request::Attach(sid)) => assert!(upgrade && Some(sid) == query.sid() && session.is_some()),
                Ok(Request::UnknownMethod) => assert_eq!(method, Method::Other),
                Ok(Request::PollingOverWebSocket) => assert!(upgrade && query.transport() == Some("polling")),
                Err(reject) => assert_eq!((reject.status(), reject == Reject::UnknownSid), (400, reject.code() == 1)),
            }
        }
    }
}

/// What a client writes is what a server reads, whatever the user's own pairs are called.
fn write_back(pairs: &[(String, String)], sid: &str) {
    let sid = SessionId::new(sid);
    let mut query = ClientQuery::new(TransportKind::WebSocket, pairs);
    query.sid = Some(&sid);
    query.base64 = true;
    query.stamp = pairs.first().map(|(key, value)| (&**key, &**value));
    let written = query.to_query();
    assert_eq!(read(&written), form_urlencoded::parse(written.as_bytes()).into_owned().collect::<Vec<_>>());
    let query = Query::parse(&written);
    assert_eq!((query.eio(), query.transport()), (Some("4"), Some("websocket")), "{written}");
    assert_eq!(query.sid().unwrap_or_default(), sid.expose());
    assert_eq!(query.dialect(false), Ok(Dialect::V4));
}

fn refuse(body: &[u8]) {
    let Some(refusal) = Refusal::parse(body) else { return };
    let value: Value = serde_json::from_slice(body).unwrap_or_else(|error| panic!("{refusal:?} is no JSON: {error}"));
    if value.is_object() {
        assert_eq!(
            (value["code"].as_u64(), value["message"].as_str()),
            (Some(refusal.code.into()), Some(&*refusal.message))
        );
    }
}
