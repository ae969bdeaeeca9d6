//! The table of refusals, A34 to A47: status, headers and body of each, over plain HTTP and over an HTTP upgrade.

use serde_json::json;
use socketio_tests::{Connection, PollingSession, Refusal, Response, TestServer, Wire, request};

const UPGRADE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

const MESSAGES: [&str; 6] = [
    "Transport unknown",
    "Session ID unknown",
    "Bad handshake method",
    "Bad request",
    "Forbidden",
    "Unsupported protocol version",
];

#[track_caller]
fn expect_refusal(case: &str, response: &Response, code: usize) {
    let status = if code == 4 { 403 } else { 400 };
    assert_eq!(response.status, status, "{case}: {response:?}");
    assert_eq!(response.header("content-type"), Some("application/json"), "{case}");
    assert_eq!(response.json(), json!({"code": code, "message": MESSAGES[code]}), "{case}");
}

// A34, A36 to A42: the first check that fails decides: transport, session id, method, missing upgrade, permission, revision.
#[test]
fn every_refusal_has_its_code_and_the_first_failing_check_decides() {
    let server = TestServer::calm();
    let cases = [
        // A36, code 0.
        ("GET", "", 0),
        ("GET", "EIO=4", 0),
        ("GET", "EIO=4&transport=", 0),
        ("GET", "EIO=4&transport=abc", 0),
        ("GET", "EIO=4&transport=Polling", 0),
        ("GET", "EIO=4&transport=constructor", 0),
        ("GET", "EIO=4&transport=__proto__", 0),
        ("GET", "EIO=4&transport=webtransport", 0),
        ("POST", "EIO=3&transport=abc&sid=abc", 0),
        // A37, code 1.
        ("GET", "EIO=4&transport=polling&sid=abc", 1),
        ("POST", "EIO=4&transport=polling&sid=abc", 1),
        ("PUT", "EIO=4&transport=polling&sid=abc", 1),
        ("GET", "EIO=4&transport=polling&sid=__proto__", 1),
        ("GET", "EIO=4&transport=websocket&sid=abc", 1),
        ("GET", "EIO=3&transport=polling&sid=abc&forbid=yes", 1),
        // A38, code 2; A13: without CORS that holds for OPTIONS, too.
        ("POST", "EIO=4&transport=polling", 2),
        ("PUT", "EIO=4&transport=polling", 2),
        ("DELETE", "EIO=4&transport=polling", 2),
        ("OPTIONS", "EIO=4&transport=polling", 2),
        ("POST", "EIO=3&transport=websocket&forbid=yes", 2),
        // A39, code 3.
        ("GET", "EIO=4&transport=websocket", 3),
        ("GET", "EIO=3&transport=websocket&forbid=yes", 3),
        // A40, code 4.
        ("GET", "EIO=4&transport=polling&forbid=yes", 4),
        ("GET", "EIO=3&transport=polling&forbid=yes", 4),
        // A41, code 5.
        ("GET", "transport=polling", 5),
        ("GET", "EIO=&transport=polling", 5),
        ("GET", "EIO=3&transport=polling", 5),
        ("GET", "EIO=5&transport=polling", 5),
        ("GET", "EIO=abc&transport=polling", 5),
    ];
    for (method, query, code) in cases {
        let body = (method != "GET").then_some(&b""[..]);
        let response = request(server.addr(), method, &format!("/engine.io/?{query}"), body);
        expect_refusal(&format!("{method} {query}"), &response, code);
    }
}

// A38: a HEAD is no handshake either, and its answer has no body.
#[test]
fn head_is_not_a_handshake() {
    let server = TestServer::calm();
    let mut connection = Connection::open(server.addr());
    connection.send_request("HEAD", "/engine.io/?EIO=4&transport=polling", &[("Connection", "close")], None);
    let head = connection.try_head().expect("an answer");
    assert_eq!(head.status, 400);
}

// A39, A45: the transport in the query must be that of the session.
#[test]
fn a_request_for_the_wrong_transport_of_a_session_is_a_bad_request() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let response = request(server.addr(), "GET", &session.target_for("websocket"), None);
    expect_refusal("websocket without upgrade for a polling session", &response, 3);
    session.expect_alive();

    let (mut wire, handshake) = Wire::open_session(&server);
    let sid = handshake["sid"].as_str().unwrap();
    for method in ["GET", "POST"] {
        let body = (method == "POST").then_some(&b"4x"[..]);
        let response = request(server.addr(), method, &format!("/engine.io/?EIO=4&transport=polling&sid={sid}"), body);
        expect_refusal("polling for a WebSocket session", &response, 3);
    }
    wire.expect_alive();
}

// Engine.IO 6.6.12 (not in the contract, which was read from 6.6.9): a session keeps the protocol revision it was opened with.
#[test]
fn a_request_with_another_revision_than_the_session_is_a_bad_request() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    for query in ["EIO=3&transport=polling", "transport=polling"] {
        let response = request(server.addr(), "GET", &format!("/engine.io/?{query}&sid={}", session.sid()), None);
        expect_refusal(query, &response, 3);
    }
    session.expect_alive();
}

// A44: with a session id, a method other than GET and POST is answered 500 and the session does not notice.
#[test]
fn another_method_on_a_session_is_answered_500_and_changes_nothing() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let response = request(server.addr(), method, &session.target(), Some(b""));
        assert_eq!(response.status, 500, "{method}: {response:?}");
    }
    session.expect_alive();
}

// A35: an upgrade that is refused gets 400 with the message as plain body, and the connection ends.
#[test]
fn a_refused_upgrade_is_answered_400_with_the_message_as_body() {
    let server = TestServer::calm();
    let cases = [
        ("EIO=4&transport=abc", "Transport unknown"),
        ("EIO=4&transport=websocket&sid=abc", "Session ID unknown"),
        ("EIO=4&transport=websocket&forbid=yes", "Forbidden"),
    ];
    for (query, message) in cases {
        let mut connection = Connection::open(server.addr());
        connection.send_head("GET", &format!("/engine.io/?{query}"), &UPGRADE);
        let response = connection.response();
        assert_eq!((response.status, response.text()), (400, message), "{query}");
        assert_eq!(response.header("connection").map(str::to_ascii_lowercase).as_deref(), Some("close"), "{query}");
        assert_eq!(response.header("content-type"), Some("text/html"), "{query}");
        assert!(connection.is_ended());
    }
}

// A15: who may come in is asked once, when the session begins: not for its later requests, nor for its upgrade.
#[test]
fn a_session_that_was_let_in_is_not_asked_again() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let forbidden = |transport: &str| format!("{}&forbid=yes", session.target_for(transport));
    let posted = request(server.addr(), "POST", &forbidden("polling"), Some(b"4still here"));
    assert_eq!((posted.status, posted.text()), (200, "ok"));
    let polled = request(server.addr(), "GET", &forbidden("polling"), None);
    assert_eq!((polled.status, polled.text()), (200, "4still here"));
    let mut wire = Wire::open(&server, &forbidden("websocket"));
    wire.text("2probe");
    wire.expect_text("3probe");
    wire.text("5");
    wire.expect_alive();
}

// A41: over WebSocket the reference finds out after the 101 that it does not speak the revision; either way there is no session.
#[test]
fn a_websocket_with_an_unsupported_revision_gets_no_session() {
    let server = TestServer::calm();
    for query in ["EIO=3&transport=websocket", "transport=websocket"] {
        match Wire::try_open(server.addr(), &format!("/engine.io/?{query}")) {
            Err(Refusal::Status(status, body)) => assert_eq!((status, body.as_str()), (400, MESSAGES[5])),
            Err(Refusal::Closed) => {}
            Ok(mut wire) => drop(wire.expect_closed()),
        }
    }
}

// A46, S7: polling does not handle upgrades, so the WebSocket is refused or closed at once; no session comes of it.
#[test]
fn an_upgrade_that_asks_for_polling_gets_no_session() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    for target in ["/engine.io/?EIO=4&transport=polling".to_owned(), session.target()] {
        match Wire::try_open(server.addr(), &target) {
            Err(Refusal::Status(status, _)) => assert_eq!(status, 400),
            Err(Refusal::Closed) => {}
            Ok(mut wire) => drop(wire.expect_closed()),
        }
    }
    session.expect_alive();
}

// A23: what is not under the path is not ours.
#[test]
fn another_path_is_answered_404() {
    let server = TestServer::calm();
    for target in ["/", "/engine", "/engine.iox/?EIO=4&transport=polling", "/other?EIO=4&transport=polling"] {
        assert_eq!(request(server.addr(), "GET", target, None).status, 404, "{target}");
    }
}

// A2, R42: with the default trailing slash, the path without it is not served.
#[test]
fn the_path_without_its_trailing_slash_is_not_served() {
    let server = TestServer::calm();
    let response = request(server.addr(), "GET", "/engine.io?EIO=4&transport=polling", None);
    assert_eq!(response.status, 404, "{response:?}");
}
