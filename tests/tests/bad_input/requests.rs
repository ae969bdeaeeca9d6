//! Requests that are no requests of the protocol: bad query strings, unknown ids, half requests, bad WebSocket handshakes.

use socketio_tests::{Connection, PollingSession, request};

use crate::Scene;

/// Names and values of header fields.
type Headers<'a> = &'a [(&'a str, &'a str)];

// A36, A37, A43, S7: whatever stands in the query, the answer is one of the table's.
#[test]
fn bad_query_strings_are_refused() {
    let mut scene = Scene::new();
    let long = format!("EIO=4&transport=polling&sid={}", "x".repeat(4000));
    let many = format!("{}transport=none", "a=b&".repeat(500));
    let cases = [
        "",
        "&",
        "&&&===",
        "%",
        "%zz",
        "%zz=%zz",
        "EIO=4&transport=%zz",
        "EIO=4&transport=%00",
        "EIO=4&transport[]=polling",
        "EIO=4;transport=polling",
        "eio=4&TRANSPORT=polling",
        "EIO=4&transport=polling&sid=%00",
        "EIO=4&transport=polling&sid=%ff",
        "EIO=4&transport=polling&sid=../../etc/passwd",
        "EIO=4&transport=polling&sid=%F0%9F%98%80",
        "EIO=4&transport=polling%20",
        "EIO=4&transport=polling&sid=hasOwnProperty",
        "EIO=%34%34&transport=polling",
        &long,
        &many,
    ];
    for query in cases {
        let response = request(scene.server.addr(), "GET", &format!("/engine.io/?{query}"), None);
        assert_eq!(response.status, 400, "{query}: {response:?}");
        let code = response.json()["code"].as_u64();
        assert!(matches!(code, Some(0..=5)), "{query}: {response:?}");
    }
    scene.expect_undisturbed();
}

// S33, S36: a head that is far too long is refused or cut off, and not collected for ever.
#[test]
fn an_endless_head_is_refused() {
    let mut scene = Scene::new();
    let mut connection = Connection::open(scene.server.addr());
    connection.send(b"GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n");
    for n in 0..2000 {
        connection.send_if_open(format!("X-{n}: {}\r\n", "x".repeat(1000)).as_bytes());
    }
    let status = connection.try_response().map(|response| response.status);
    assert!(matches!(status, None | Some(400 | 431)), "{status:?}");
    scene.expect_undisturbed();
}

// R26: what is not HTTP at all ends its own connection.
#[test]
fn bytes_that_are_no_http_end_their_connection() {
    let mut scene = Scene::new();
    let junk: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"4hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ];
    for bytes in junk {
        let mut connection = Connection::open(scene.server.addr());
        connection.send(bytes);
        let status = connection.try_response().map(|response| response.status);
        assert!(matches!(status, None | Some(400..=599)), "{bytes:?}: {status:?}");
        assert!(connection.is_ended());
    }
    scene.expect_undisturbed();
}

// S40, S41, S42, S43: HTTP/2 is not spoken, so that nothing that its streams were attacked with is here.
#[test]
fn http_2_is_not_spoken() {
    let mut scene = Scene::new();
    let mut connection = Connection::open(scene.server.addr());
    // The preface, and an empty SETTINGS frame, which a server of HTTP/2 answers with its own and waits.
    connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    let status = connection.try_response().map(|response| response.status);
    assert!(matches!(status, None | Some(400..=599)), "{status:?}");
    assert!(connection.is_ended());
    scene.expect_undisturbed();
}

// R29, S44: half a request holds up nobody else, whether it is then dropped or left open.
#[test]
fn half_requests_hold_up_nobody() {
    let mut scene = Scene::new();
    let session = PollingSession::open(&scene.server);
    let mut open = Vec::new();
    let target = session.target();
    let halves = [
        "G".to_owned(),
        format!("GET {target} HTTP/1.1\r\nHost: loc"),
        format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n"),
        format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Len"),
    ];
    for half in &halves {
        let mut connection = Connection::open(scene.server.addr());
        connection.send(half.as_bytes());
        open.push(connection);
        let mut connection = Connection::open(scene.server.addr());
        connection.send(half.as_bytes());
        connection.abort();
    }
    // None of them was a request yet, so not even their own session has noticed.
    session.expect_alive();
    scene.expect_undisturbed();
    drop(open);
    session.expect_alive();
    scene.expect_undisturbed();
}

// A37, R29: unknown ids are refused for every method that knows ids, and over upgrades.
#[test]
fn unknown_session_ids_are_refused_everywhere() {
    let mut scene = Scene::new();
    let session = PollingSession::open(&scene.server);
    let other = format!("{}x", session.sid());
    let shorter = &session.sid()[..session.sid().len() - 1];
    for sid in [other.as_str(), shorter, "0", "unknown"] {
        for (method, body) in [("GET", None), ("POST", Some(&b"4x"[..]))] {
            let target = format!("/engine.io/?EIO=4&transport=polling&sid={sid}");
            let response = request(scene.server.addr(), method, &target, body);
            assert_eq!((response.status, response.json()["code"].as_u64()), (400, Some(1)), "{method} {sid}");
        }
    }
    session.expect_alive();
    scene.expect_undisturbed();
}

// A80: an upgrade that lacks what RFC 6455 §4.2.1 asks for is refused with 400 or, for the version, 426; no session comes of it.
#[test]
fn bad_websocket_handshakes_are_refused() {
    let mut scene = Scene::new();
    const KEY: (&str, &str) = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    const VERSION: (&str, &str) = ("Sec-WebSocket-Version", "13");
    let cases: [(&str, &str, Headers<'_>); 6] = [
        ("no key", "GET", &[VERSION]),
        ("a key that is no base64 of sixteen bytes", "GET", &[VERSION, ("Sec-WebSocket-Key", "short")]),
        ("no version", "GET", &[KEY]),
        ("an old version", "GET", &[KEY, ("Sec-WebSocket-Version", "7")]),
        ("a version that is no number", "GET", &[KEY, ("Sec-WebSocket-Version", "thirteen")]),
        ("another method", "POST", &[KEY, VERSION]),
    ];
    for (case, method, extra) in cases {
        let mut connection = Connection::open(scene.server.addr());
        let headers = [&[("Connection", "Upgrade"), ("Upgrade", "websocket")], extra].concat();
        connection.send_head(method, "/engine.io/?EIO=4&transport=websocket", &headers);
        let status = connection.try_response().map(|response| response.status);
        assert!(matches!(status, Some(400 | 405 | 426)), "{case}: {status:?}");
    }
    scene.expect_undisturbed();
}

// A39: an upgrade to something else than WebSocket is no upgrade.
#[test]
fn an_upgrade_to_another_protocol_gets_no_session() {
    let mut scene = Scene::new();
    let mut connection = Connection::open(scene.server.addr());
    let headers = [("Connection", "Upgrade"), ("Upgrade", "h2c")];
    connection.send_head("GET", "/engine.io/?EIO=4&transport=websocket", &headers);
    let status = connection.try_response().map(|response| response.status);
    assert!(matches!(status, None | Some(400..=499)), "{status:?}");
    scene.expect_undisturbed();
}

// S32: odd extension and sub-protocol lists are read in linear time, and ignored where they are legal.
#[test]
fn unknown_extensions_and_protocols_are_ignored() {
    let mut scene = Scene::new();
    let mut connection = Connection::open(scene.server.addr());
    let extensions = "permessage-deflate; client_max_window_bits, x-unknown; a=\"b\"";
    connection.send_head(
        "GET",
        "/engine.io/?EIO=4&transport=websocket",
        &[
            ("Connection", "keep-alive, Upgrade"),
            ("Upgrade", "WebSocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Extensions", extensions),
        ],
    );
    let response = connection.response();
    assert_eq!(response.status, 101, "{response:?}");
    assert_eq!(response.header("sec-websocket-extensions"), None, "compression is off by default");
    scene.expect_undisturbed();
}

// S6: a client that resets the connection while its upgrade is refused harms nobody.
#[test]
fn a_reset_during_a_refused_upgrade_harms_nobody() {
    let mut scene = Scene::new();
    for _ in 0..20 {
        let mut connection = Connection::open(scene.server.addr());
        let headers = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
        connection.send_head("GET", "/engine.io/?EIO=4&transport=none", &headers);
        connection.abort();
    }
    scene.expect_undisturbed();
}
