//! Rows A14, A17, A26–A29: what the configuration adds to a handshake, and what the application is told.

use engineio::{
    AllowRequest, ConnectionErrorHook, Cookie, ErrorContext, GenerateId, HeadersHook, Message, TransportKind,
};
use http::HeaderValue;

use super::*;

/// A14: the answer to a long-polling handshake sets it, and no other.
#[tokio::test(start_paused = true)]
async fn only_the_polling_handshake_sets_the_cookie() {
    let mut config = Config::default();
    config.cookie = Some(Cookie::default());
    let (engine, mut sessions) = engine(config);
    let opened = get(&engine, HANDSHAKE).await;
    let id = sessions.recv().await.unwrap().id().expose().to_owned();
    assert_eq!(opened.header("set-cookie").unwrap(), format!("io={id}; Path=/; HttpOnly; SameSite=Lax"));
    let posted = post(&engine, &opened.session(), "4x").await;
    assert_eq!((posted.text(), posted.header("set-cookie")), ("ok", None));
    let (head, _wire) = Wire::open(&engine, WEBSOCKET).await;
    assert!(!head.contains("set-cookie"), "{head}");
    let (plain, _sessions) = super::engine(Config::default());
    assert_eq!(get(&plain, HANDSHAKE).await.header("set-cookie"), None, "off by default");
}

/// A14, R43: a mistake in the program's own text is told when it starts.
#[test]
#[should_panic(expected = "the domain of the cookie is not a host name")]
fn a_cookie_that_cannot_be_is_told_when_the_engine_is_made() {
    let mut config = Config::default();
    let mut cookie = Cookie::default();
    cookie.domain = Some("a; Secure".into());
    config.cookie = Some(cookie);
    let _ = engine(config);
}

fn noting_headers(log: &Log) -> Config {
    let hook = |name: &'static str| {
        let log = log.clone();
        HeadersHook::new(move |headers, request| {
            log.write(format!("{name} {}", request.method));
            headers.insert(name, HeaderValue::from_static("yes"));
            headers.insert("content-length", HeaderValue::from_static("1"));
            headers.insert("sec-websocket-accept", HeaderValue::from_static("nonsense"));
        })
    };
    let mut config = Config::default();
    config.initial_headers = Some(hook("x-initial"));
    config.headers = Some(hook("x-each"));
    config
}

/// A27, A28: the first answer of a session has both, each further one the second, refusals neither.
#[tokio::test(start_paused = true)]
async fn header_hooks_see_the_first_and_each_answer_of_a_session() {
    let log = Log::default();
    let (engine, mut sessions) = engine(noting_headers(&log));
    let both = |answer: &Answer| (answer.header("x-initial").is_some(), answer.header("x-each").is_some());
    let opened = get(&engine, HANDSHAKE).await;
    let sid = opened.session();
    assert_eq!((both(&opened), opened.header("content-length")), ((true, true), None), "the length is the engine's");
    sessions.recv().await.unwrap().send("x").unwrap();
    assert_eq!(both(&get(&engine, &sid).await), (false, true));
    assert_eq!(both(&post(&engine, &sid, "4x").await), (false, true));
    assert_eq!(both(&get(&engine, "/engine.io/").await), (false, false));
    assert_eq!(log.read(), ["x-initial GET", "x-each GET", "x-each GET", "x-each POST"]);
}

/// A27, A28: on a WebSocket the first answer is the 101, whose own headers cannot be changed.
#[tokio::test(start_paused = true)]
async fn header_hooks_see_the_101_of_a_session_and_of_an_upgrade() {
    let log = Log::default();
    let (engine, _sessions) = engine(noting_headers(&log));
    let (head, mut wire) = Wire::open(&engine, WEBSOCKET).await;
    assert!(head.contains("x-initial: yes") && head.contains("x-each: yes"), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    assert!(wire.text().await.starts_with("0{"));
    let sid = get(&engine, HANDSHAKE).await.session();
    let (head, _wire) = Wire::open(&engine, &sid.replace("polling", "websocket")).await;
    assert!(!head.contains("x-initial") && head.contains("x-each: yes"), "{head}");
}

/// A29, A36–A41: each refused request is told with its code and what was wrong.
#[tokio::test(start_paused = true)]
async fn every_refused_request_is_told_with_its_context() {
    let log = Log::default();
    let told = log.clone();
    let mut config = Config::default();
    config.allow_request = Some(AllowRequest::new(|request| match request.headers.get("x-no") {
        Some(_) => Err("not you".into()),
        None => Ok(()),
    }));
    config.connection_error = Some(ConnectionErrorHook::new(move |error| {
        told.write(format!("{} {} | {:?}", error.code, error.message, error.context));
    }));
    let (engine, _sessions) = engine(config);
    let sid = get(&engine, HANDSHAKE).await.session();
    for (method, target, headers, expected) in [
        (
            "GET",
            "/engine.io/?transport=x",
            &[][..],
            r#"0 Transport unknown | TransportUnknown { transport: Some("x") }"#,
        ),
        (
            "GET",
            "/engine.io/?transport=polling&sid=me-and-you",
            &[],
            r#"1 Session ID unknown | SessionUnknown { sid: SessionId(me-a…) }"#,
        ),
        ("PUT", HANDSHAKE, &[], "2 Bad handshake method | BadHandshakeMethod { method: PUT }"),
        ("GET", WEBSOCKET, &[], "3 Bad request | TransportHandshakeError"),
        (
            "GET",
            &sid.replace("polling", "websocket"),
            &[],
            r#"3 Bad request | TransportMismatch { transport: Some("websocket") }"#,
        ),
        ("GET", &sid.replace("EIO=4", "EIO=3"), &[], r#"3 Bad request | ProtocolMismatch { protocol: Some("3") }"#),
        ("GET", HANDSHAKE, &[("x-no", "1")], r#"4 Forbidden | Forbidden { message: "not you" }"#),
        (
            "GET",
            "/engine.io/?EIO=9&transport=polling",
            &[],
            r#"5 Unsupported protocol version | UnsupportedProtocol { protocol: Some("9") }"#,
        ),
    ] {
        ask(&engine, method, target, headers, "").await;
        assert_eq!(log.read(), [expected], "{method} {target}");
    }
    let (head, _wire) = Wire::open(&engine, "/engine.io/?transport=websocket").await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!(log.read(), ["5 Unsupported protocol version | UnsupportedProtocol { protocol: None }"]);
}

/// A26: the application makes the ids, at once or after a while.
#[tokio::test(start_paused = true)]
async fn the_application_may_make_the_ids() {
    let by_path = GenerateId::new(|request| {
        let name = request.headers.get("x-id").and_then(|id| id.to_str().ok());
        name.map(str::to_owned).ok_or("no name")
    });
    let later = GenerateId::from_async(|request| {
        let name = request.headers.get("x-id").map(|id| id.to_str().unwrap().to_owned());
        async move {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            name.ok_or("no name")
        }
    });
    for generate in [by_path, later] {
        let log = Log::default();
        let told = log.clone();
        let mut config = Config::default();
        config.generate_id = Some(generate);
        config.connection_error = Some(ConnectionErrorHook::new(move |error| {
            let ErrorContext::IdGenerationError { error: reason } = &error.context else { panic!("{error:?}") };
            told.write(format!("{} {reason}", error.context.name().unwrap()));
        }));
        let (engine, mut sessions) = engine(config);
        let open = async |id: &str| ask(&engine, "GET", HANDSHAKE, &[("x-id", id)], "").await.status.as_u16();
        assert_eq!(open("of mine & you").await, 200);
        assert_eq!(sessions.recv().await.unwrap().id().expose(), "of mine & you");
        let posted = post(&engine, &format!("{HANDSHAKE}&sid=of%20mine%20%26%20you"), "4x").await;
        assert_eq!(posted.text(), "ok");

        assert_eq!(open("of mine & you").await, 400);
        assert_eq!(open("").await, 400);
        assert_eq!(open(&"x".repeat(257)).await, 400);
        assert_eq!(open(&"x".repeat(256)).await, 200);
        let answer = get(&engine, HANDSHAKE).await;
        assert_eq!(answer.text(), r#"{"code":3,"message":"Bad request"}"#);
        let reasons = [
            "a living session has this id",
            "an id of 0 bytes; 1 to 256 will do",
            "an id of 257 bytes; 1 to 256 will do",
            "no name",
        ];
        assert_eq!(log.read(), reasons.map(|reason| format!("ID_GENERATION_ERROR {reason}")));
        assert_eq!(engine.session_count(), 2);
    }
}

/// A17: it travels with the open packet, and before anything that the application sends.
#[tokio::test(start_paused = true)]
async fn the_initial_packet_comes_right_behind_the_open_packet() {
    for (packet, polled) in [(Message::from("hello"), "4hello"), (Bytes::from_static(&[1, 2, 3]).into(), "bAQID")] {
        let mut config = Config::default();
        config.initial_packet = Some(packet.clone());
        let engine = Engine::new(config, |session| async move {
            session.send("later").unwrap();
            session.closed().await;
        });
        let opened = get(&engine, HANDSHAKE).await;
        let (open, initial) = opened.text().split_once('\u{1e}').unwrap();
        assert!(open.starts_with("0{") && open.ends_with('}'), "{open}");
        assert_eq!(initial, polled);
        assert_eq!(get(&engine, &opened.session()).await.text(), "4later");
        let Message::Text(text) = packet else { continue };
        let (_, mut wire) = Wire::open(&engine, WEBSOCKET).await;
        assert!(wire.text().await.starts_with("0{"));
        assert_eq!(wire.text().await, format!("4{text}"));
        assert_eq!(wire.text().await, "4later");
    }
}

/// A17: whatever its size, on either transport.
#[tokio::test(start_paused = true)]
async fn an_initial_packet_larger_than_the_queue_is_sent_all_the_same() {
    let text = "x".repeat(500);
    let mut config = Config::default();
    config.initial_packet = Some(Message::from(text.clone()));
    config.limits.max_queue_bytes = 100;
    let (engine, _sessions) = engine(config);
    assert!(get(&engine, HANDSHAKE).await.text().ends_with(&format!("\u{1e}4{text}")));
    let (_, mut wire) = Wire::open(&engine, WEBSOCKET).await;
    assert!(wire.text().await.starts_with("0{"));
    assert_eq!(wire.text().await, format!("4{text}"));
}

/// A19: a WebSocket for somebody else's path is somebody else's; with nobody there, it is not found.
#[tokio::test(start_paused = true)]
async fn a_websocket_for_another_path_is_not_found() {
    let (engine, _sessions) = engine(Config::default());
    for target in ["/other/?EIO=4&transport=websocket", "/engine.iox/?EIO=4&transport=websocket", "/"] {
        let (head, _wire) = Wire::open(&engine, target).await;
        assert!(head.starts_with("HTTP/1.1 404"), "{target}: {head}");
    }
    assert_eq!(engine.session_count(), 0);
    let (_, mut wire) = Wire::open(&engine, WEBSOCKET).await;
    assert!(
        wire.text().await.contains("\"upgrades\":[]"),
        "and its own path still serves {}",
        TransportKind::WebSocket
    );
}
