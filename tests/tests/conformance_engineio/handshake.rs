//! [EIO4 Handshake]: the open packet over both transports.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use socketio_tests::{PollingSession, Settings, TestServer, Wire, request};

fn keys(handshake: &Value) -> BTreeSet<&str> {
    handshake.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn expect_official_fields(handshake: &Value) {
    assert_eq!(keys(handshake), BTreeSet::from(["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]));
    assert!(handshake["sid"].is_string());
    assert_eq!(handshake["pingInterval"], 300);
    assert_eq!(handshake["pingTimeout"], 200);
    assert_eq!(handshake["maxPayload"], 1_000_000);
}

// [EIO4 Handshake], A20, A5: exactly these five fields, times in milliseconds, and WebSocket as the only upgrade.
#[test]
fn polling_opens_with_exactly_the_five_fields() {
    let session = PollingSession::open(&TestServer::official());
    expect_official_fields(session.handshake());
    assert_eq!(session.handshake()["upgrades"], json!(["websocket"]));
}

// [EIO4 Handshake], A74: the open packet is the first text frame, and there is nothing to upgrade to.
#[test]
fn websocket_opens_with_exactly_the_five_fields_and_no_upgrades() {
    let (_wire, handshake) = Wire::open_session(&TestServer::official());
    expect_official_fields(&handshake);
    assert_eq!(handshake["upgrades"], json!([]));
}

// A26, S1: ids are at least as long as the reference's twenty characters, safe in a query, and never twice the same.
#[test]
fn session_ids_are_long_and_differ() {
    let server = TestServer::calm();
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        let session = PollingSession::open(&server);
        let sid = session.sid().to_owned();
        assert!(sid.len() >= 20, "{sid} is too short");
        assert!(sid.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{sid} needs escaping");
        assert!(seen.insert(sid), "an id came twice");
    }
}

// A3, A5: a server without WebSocket neither offers nor accepts it.
#[test]
fn a_transport_that_is_switched_off_is_neither_offered_nor_accepted() {
    let server = TestServer::start(&Settings { transports: &["polling"], ..Settings::calm() });
    let session = PollingSession::open(&server);
    assert_eq!(session.handshake()["upgrades"], json!([]));
    let response = request(server.addr(), "GET", "/engine.io/?EIO=4&transport=websocket", None);
    assert_eq!((response.status, response.json()), (400, json!({"code": 0, "message": "Transport unknown"})));
}

// A3: a server without polling opens over WebSocket only.
#[test]
fn a_server_without_polling_still_opens_over_websocket() {
    let server = TestServer::start(&Settings { transports: &["websocket"], ..Settings::calm() });
    let response = request(server.addr(), "GET", "/engine.io/?EIO=4&transport=polling", None);
    assert_eq!((response.status, response.json()), (400, json!({"code": 0, "message": "Transport unknown"})));
    Wire::open_session(&server).0.expect_alive();
}

// A43: names and values are URL-decoded, and of a repeated key the last one counts.
#[test]
fn the_query_is_decoded_and_its_last_value_counts() {
    let server = TestServer::calm();
    for query in [
        "EIO=4&transport=poll%69ng",
        "EIO=3&transport=none&EIO=4&transport=polling",
        "%45IO=4&transport=polling&t=x+y%20z",
    ] {
        let response = request(server.addr(), "GET", &format!("/engine.io/?{query}"), None);
        assert_eq!(response.status, 200, "{query}: {response:?}");
    }
}

// A1, I4: the path is matched as a whole. The reference takes whatever begins like it.
#[test]
fn a_longer_path_is_not_ours() {
    let server = TestServer::calm();
    let response = request(server.addr(), "GET", "/engine.io/deeper?EIO=4&transport=polling", None);
    let expected = match socketio_tests::peer() {
        socketio_tests::Peer::Rust => 404,
        socketio_tests::Peer::Reference => 200,
    };
    assert_eq!(response.status, expected);
}

// A72, R42: `b64=1`, which old clients send, changes nothing in this revision.
#[test]
fn the_base64_flag_of_old_clients_changes_nothing() {
    let server = TestServer::calm();
    let response = request(server.addr(), "GET", "/engine.io/?EIO=4&transport=polling&b64=1", None);
    assert_eq!(response.status, 200);
    assert!(response.text().starts_with("0{"), "not {}", response.text());
}
