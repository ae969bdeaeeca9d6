//! The opening handshake of a WebSocket.

use engineio_proto::websocket::Opcode;
use http::{HeaderValue, header};

use super::*;
use crate::{PerMessageDeflate, client::TransportErrorKind};

/// B8, B14, B25: the request is a WebSocket's, and what came with the answer is not lost.
#[tokio::test]
async fn a_handshake_asks_for_a_websocket_and_hands_over_the_connection() {
    let mut frame = BytesMut::new();
    engineio_proto::websocket::encode_frame(Opcode::Text, b"0{}", None, &mut frame);
    let early = frame.clone();
    let mut server = Server::start(move |request| switching(request, "Sec-WebSocket-Protocol: b\r\n", &early)).await;
    let mut config = Config { protocols: vec!["a".into(), "b".into()], ..Config::default() };
    config.extra_headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"));
    config.extra_headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("mine"));
    config.extra_headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    config.websocket.path = Some("/ws".into());
    let opened = within(open_websocket(server.endpoint(config), sid())).await.unwrap();
    let request = server.request().await;
    assert!(request.starts_with("GET /ws/?EIO=4&transport=websocket&sid=the-sid HTTP/1.1\r\n"), "{request}");
    for (name, value) in [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "a, b"),
        ("authorization", "Bearer x"),
    ] {
        assert_eq!(header(&request, name), Some(value), "{name}");
        assert_eq!(request.to_lowercase().matches(&format!("\r\n{name}: ")).count(), 1, "{name}");
    }
    assert_eq!(header(&request, "sec-websocket-extensions"), None);
    assert_eq!(opened.protocol.as_deref(), Some("b"));
    assert!(matches!(opened.upgrade.connection, WireIo::Open(ByteStream::Tcp(_))), "plain TCP is not boxed");
    let mut stream = stream(opened.upgrade.connection);
    let mut received = opened.upgrade.early.to_vec();
    while received.len() < frame.len() {
        within(stream.read_buf(&mut received)).await.unwrap();
    }
    assert_eq!(received, frame);
    drop(stream);
    server.end_of(0).await;
}

#[tokio::test]
async fn each_handshake_has_a_key_of_its_own() {
    let mut server = Server::start(|request| switching(request, "", b"")).await;
    let endpoint = server.endpoint(Config::default());
    let mut keys = std::collections::HashSet::new();
    for _ in 0..10 {
        websocket(&endpoint).await.unwrap();
        let request = server.request().await;
        assert!(keys.insert(header(&request, "sec-websocket-key").unwrap().to_owned()));
    }
}

/// B19: compression is used where it was offered and agreed on.
#[tokio::test]
async fn compression_is_offered_where_it_is_configured_and_agreed_on_where_it_is_answered() {
    let agreed = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n";
    let kept = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let deflate = Some(PerMessageDeflate::default());
    for (configured, answered, expected) in [
        (deflate, agreed, Ok(deflate)),
        (deflate, "", Ok(None)),
        (None, "", Ok(None)),
        (None, agreed, Err(TransportErrorKind::Handshake)),
        (deflate, kept, Err(TransportErrorKind::Handshake)),
    ] {
        let mut server = Server::start(move |request| switching(request, answered, b"")).await;
        let config = Config { per_message_deflate: configured, ..Config::default() };
        let opened = websocket(&server.endpoint(config)).await;
        assert_eq!(
            opened.map(|opened| opened.upgrade.deflate).map_err(|error| error.kind()),
            expected,
            "{configured:?} {answered}"
        );
        let offer = configured.map(|_| "permessage-deflate; client_no_context_takeover; server_no_context_takeover");
        assert_eq!(header(&server.request().await, "sec-websocket-extensions"), offer);
        server.end_of(0).await;
    }
}

/// [RFC 6455 §4.1]: what answers is a WebSocket server, and answers this very request, or there is no connection.
#[tokio::test]
async fn an_answer_that_opens_no_websocket_is_an_error_and_closes_the_connection() {
    use TransportErrorKind::{Handshake, Http, Redirect, Status};
    let wrong = "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let refusal = r#"{"code":3,"message":"Bad request"}"#;
    let refused = format!("HTTP/1.1 400 X\r\nContent-Length: {}\r\n\r\n{refusal}", refusal.len());
    for (answer, kind, status) in [
        (wrong, Handshake, Some(101)),
        ("HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", Handshake, Some(101)),
        ("HTTP/1.1 101 X\r\n\r\n", Handshake, Some(101)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Handshake, Some(200)),
        (&refused, Status, Some(400)),
        ("HTTP/1.1 302 X\r\nLocation: http://other\r\nContent-Length: 0\r\n\r\n", Redirect, Some(302)),
        ("HTTP/1.1 503 X\r\nContent-Length: 1000000\r\n\r\n", Status, Some(503)),
        ("nonsense\r\n\r\n", Http, None),
    ] {
        let mut server = Server::saying(answer).await;
        let error = websocket(&server.endpoint(Config::default())).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (kind, status), "{answer}: {error}");
        assert_eq!(error.refusal().is_some(), answer == refused);
        assert!(error.to_string().starts_with("websocket: "), "{error}");
        server.end_of(0).await;
    }
}

#[tokio::test]
async fn a_handshake_that_nobody_waits_for_closes_its_connection() {
    let mut server = Server::saying("").await;
    let waiting = tokio::spawn(open_websocket(server.endpoint(Config::default()), None));
    server.request().await;
    waiting.abort();
    server.end_of(0).await;
}
