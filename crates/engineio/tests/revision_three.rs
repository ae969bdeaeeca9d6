//! Clients of revision 3 against the engine, over HTTP without sockets, on a paused clock. Rows A16, A41, A57, A61, A67,
//! A71, A72, A88, A89; what the bytes look like is in `engineio-proto`, and the old official clients are in the workspace's
//! `tests/`.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::time::Duration;

use bytes::Bytes;
use engineio::{CloseReason, Config, Revision, Session, server::Engine};
use http::{
    Request, Response, StatusCode,
    header::{CONTENT_TYPE, USER_AGENT, X_XSS_PROTECTION},
};
use http_body_util::{BodyExt, Full};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

type Body = engineio::server::Body<Full<Bytes>>;

/// An echo server for both revisions that also shows its sessions.
fn engine() -> (Engine, UnboundedReceiver<Session>) {
    let (sender, sessions) = unbounded_channel();
    let mut config = Config::default();
    config.allow_eio3 = true;
    let engine = Engine::new(config, move |session: Session| {
        let _ = sender.send(session.clone());
        async move {
            while let Some(message) = session.recv().await {
                let _ = session.send(message);
            }
        }
    });
    (engine, sessions)
}

async fn send(engine: &Engine, request: http::request::Builder, body: &'static [u8]) -> (Response<()>, Bytes) {
    let response: Response<Body> = engine.handle(request.body(Full::new(Bytes::from_static(body))).unwrap()).await;
    let (parts, body) = response.into_parts();
    (Response::from_parts(parts, ()), body.collect().await.unwrap().to_bytes())
}

async fn get(engine: &Engine, query: &str) -> (Response<()>, Bytes) {
    send(engine, Request::get(format!("/engine.io/?transport=polling{query}")), b"").await
}

async fn post(engine: &Engine, query: &str, kind: &str, body: &'static [u8]) -> (Response<()>, Bytes) {
    let request = Request::post(format!("/engine.io/?transport=polling{query}")).header(CONTENT_TYPE, kind);
    send(engine, request, body).await
}

fn kind(response: &Response<()>) -> &str {
    response.headers()[CONTENT_TYPE].to_str().unwrap()
}

/// Opens a session with this query and gives the query of its further requests.
async fn open(engine: &Engine, query: &str) -> String {
    let (response, body) = get(engine, query).await;
    assert_eq!(response.status(), StatusCode::OK);
    let body = std::str::from_utf8(&body).unwrap().replace('\\', "");
    format!("{query}&sid={}", body.split('"').skip_while(|part| *part != "sid").nth(2).unwrap())
}

const TEXT: &str = "text/plain;charset=UTF-8";
const BYTES: &str = "application/octet-stream";

/// A16, A41, A42: only where it is allowed; what names no revision is of the third.
#[tokio::test(start_paused = true)]
async fn revision_three_is_served_only_where_it_is_allowed() {
    let strict = Engine::new(Config::default(), |session| async move {
        session.closed().await;
    });
    let (engine, mut sessions) = engine();
    for query in ["&EIO=3", "", "&EIO=2", "&EIO=3&j=0"] {
        let (response, body) = get(&strict, query).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(&body[..], br#"{"code":5,"message":"Unsupported protocol version"}"#, "{query}");
        let (response, _) = get(&engine, query).await;
        assert_eq!(response.status(), StatusCode::OK, "{query}");
        assert_eq!(sessions.recv().await.unwrap().revision(), Revision::V3, "{query}");
    }
    open(&engine, "&EIO=4").await;
    assert_eq!(sessions.recv().await.unwrap().revision(), Revision::V4);
}

/// A88, A20: the open packet has the same five keys, with its length in front.
#[tokio::test(start_paused = true)]
async fn the_open_packet_has_its_length_in_front() {
    let (engine, _sessions) = engine();
    let (response, body) = get(&engine, "&EIO=3&b64=1").await;
    assert_eq!(kind(&response), "text/plain; charset=UTF-8");
    let body = std::str::from_utf8(&body).unwrap();
    let (length, packet) = body.split_once(':').unwrap();
    assert_eq!(length.parse(), Ok(packet.len()));
    assert!(packet.starts_with(r#"0{"sid":""#), "{packet}");
    let rest = r#"","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
    assert!(packet.ends_with(rest), "{packet}");
}

/// A39: one session is one revision.
#[tokio::test(start_paused = true)]
async fn a_session_keeps_its_revision() {
    let (engine, _sessions) = engine();
    let old = open(&engine, "&EIO=3").await.replace("EIO=3", "EIO=4");
    let new = open(&engine, "&EIO=4").await.replace("&EIO=4", "");
    for query in [old, new] {
        let (response, body) = get(&engine, &query).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(&body[..], br#"{"code":3,"message":"Bad request"}"#);
    }
}

/// A67, A72, A88: both forms in, and out as the client takes it.
#[tokio::test(start_paused = true)]
async fn binary_goes_as_bytes_or_base64_as_the_client_asks() {
    let (engine, _sessions) = engine();
    let bytes = open(&engine, "&EIO=3").await;
    let base64 = open(&engine, "&EIO=3&b64=1").await;
    let in_bytes = b"\x00\x03\xFF4\xC3\xA9\x01\x03\xFF\x04\x01\x02";
    for (sid, content, expected) in
        [(&bytes, BYTES, &in_bytes[..]), (&base64, "text/plain; charset=UTF-8", "2:4é6:b4AQI=".as_bytes())]
    {
        for (sent_as, body) in [(BYTES, &in_bytes[..]), (TEXT, "2:4é6:b4AQI=".as_bytes())] {
            let (response, ok) = post(&engine, sid, sent_as, body).await;
            assert_eq!((response.status(), &ok[..]), (StatusCode::OK, &b"ok"[..]));
            let (response, body) = get(&engine, sid).await;
            assert_eq!((kind(&response), &body[..]), (content, expected), "{sid} {sent_as}");
        }
    }
}

/// A67, S13: and under revision 4 it is refused as ever.
#[tokio::test(start_paused = true)]
async fn a_post_of_bytes_is_refused_under_revision_four() {
    let (engine, mut sessions) = engine();
    let sid = open(&engine, "&EIO=4").await;
    assert_eq!(post(&engine, &sid, BYTES, b"\x00\x02\xFF4x").await.0.status(), StatusCode::BAD_REQUEST);
    assert_eq!(sessions.recv().await.unwrap().closed().await.reason, CloseReason::TransportError);
}

/// A71: scripts out, forms in; A61: and Internet Explorer's filter is told to keep off.
#[tokio::test(start_paused = true)]
async fn jsonp_is_served_by_scripts_and_forms() {
    let (engine, _sessions) = engine();
    let sid = open(&engine, "&EIO=3&j=3").await;
    let (response, ok) =
        post(&engine, &sid, "application/x-www-form-urlencoded", br"d=7%3A4%22a%5C%5Cn%E2%80%A8%0A").await;
    assert_eq!((response.status(), &ok[..]), (StatusCode::OK, &b"ok"[..]));
    let request = Request::get(format!("/engine.io/?transport=polling{sid}")).header(USER_AGENT, "Trident/7.0");
    let (response, body) = send(&engine, request, b"").await;
    assert_eq!(std::str::from_utf8(&body).unwrap(), r#"___eio[3]("7:4\"a\\n\u2028\n");"#);
    assert_eq!(kind(&response), "text/plain; charset=UTF-8");
    assert_eq!(response.headers()[X_XSS_PROTECTION], "0");
}

/// A88, S20: a payload that is not one ends the session, and the client is told.
#[tokio::test(start_paused = true)]
async fn a_malformed_payload_ends_the_session_as_parse_error() {
    let (engine, mut sessions) = engine();
    for (query, kind, body) in [
        ("&EIO=3", TEXT, &b"4no length"[..]),
        ("&EIO=3", TEXT, b"99:4short"),
        ("&EIO=3", BYTES, b"\x00\x01\x02\x03"),
        ("&EIO=3&j=1", TEXT, b"6:4hello"),
    ] {
        let sid = open(&engine, query).await;
        assert_eq!(post(&engine, &sid, kind, body).await.0.status(), StatusCode::BAD_REQUEST);
        assert_eq!(sessions.recv().await.unwrap().closed().await.reason, CloseReason::ParseError);
    }
}

/// A89: the client pings; a poll that waits is answered with the pong, and who stops pinging is dead.
#[tokio::test(start_paused = true)]
async fn the_client_pings_and_is_dead_when_it_stops() {
    let (engine, mut sessions) = engine();
    let sid = open(&engine, "&EIO=3").await;
    let session = sessions.recv().await.unwrap();
    for _ in 0..5 {
        let poll = tokio::time::timeout(Duration::from_secs(30), get(&engine, &sid));
        let (polled, _) = tokio::join!(poll, async {
            tokio::time::sleep(Duration::from_secs(25)).await;
            post(&engine, &sid, TEXT, b"1:2").await
        });
        assert_eq!(&polled.unwrap().1[..], b"1:3");
    }
    let silent = tokio::time::Instant::now();
    assert_eq!(&get(&engine, &sid).await.1[..], b"1:1", "the server pings nobody");
    assert_eq!(session.closed_now().unwrap().reason, CloseReason::PingTimeout);
    let elapsed = silent.elapsed();
    assert!(elapsed >= Duration::from_secs(45) && elapsed < Duration::from_millis(45_100), "{elapsed:?}");
}
