//! [EIO4 Close]: either side ends the session, over either transport.

use socketio_tests::{Peer, PollingSession, TestServer, Wire, packets, peer};

// [EIO4 Close], A54: `1` in a POST ends the session; the waiting poll gets a NOOP, the POST its `ok`.
#[test]
fn a_close_packet_over_polling_ends_the_session_and_the_waiting_poll() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let mut poll = session.start_get();
    session.say("1");
    let response = poll.response();
    assert_eq!((response.status, response.text()), (200, "6"));
    assert_eq!(server.close_reason(session.sid()), "transport close");
    session.expect_gone();
}

// A54: without a waiting poll there is nothing else to end.
#[test]
fn a_close_packet_without_a_waiting_poll_ends_the_session() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    session.say("1");
    assert_eq!(server.close_reason(session.sid()), "transport close");
    session.expect_gone();
}

// A54, A87: what precedes the close packet in its payload has been said.
#[test]
fn packets_before_a_close_packet_are_delivered() {
    let server = TestServer::calm();
    // Somebody else hears of it: a session that its client has closed has nobody left to answer.
    let (mut witness, handshake) = Wire::open_session(&server);
    let session = PollingSession::open(&server);
    session.say(&format!("4please pass {} heard\u{1e}1", handshake["sid"].as_str().unwrap()));
    witness.expect_text("4heard");
    assert_eq!(server.close_reason(session.sid()), "transport close");
}

// [EIO4 Close], A51: the closing handshake of the WebSocket ends the session.
#[test]
fn a_close_frame_ends_a_websocket_session() {
    let server = TestServer::calm();
    let (mut wire, handshake) = Wire::open_session(&server);
    wire.close();
    wire.expect_closed();
    assert_eq!(server.close_reason(handshake["sid"].as_str().unwrap()), "transport close");
}

// A51: a TCP connection that just ends is a closed transport as well.
#[test]
fn a_lost_connection_ends_a_websocket_session() {
    let server = TestServer::calm();
    let (wire, handshake) = Wire::open_session(&server);
    wire.abort();
    assert_eq!(server.close_reason(handshake["sid"].as_str().unwrap()), "transport close");
}

// A55, I2: `1` over WebSocket is a clean end for us; the reference waits for the close frame.
#[test]
fn a_close_packet_over_websocket_ends_the_session() {
    let server = TestServer::calm();
    let (mut wire, handshake) = Wire::open_session(&server);
    wire.text("1");
    match peer() {
        Peer::Rust => drop(wire.expect_closed()),
        Peer::Reference => {
            wire.expect_alive();
            wire.close();
            wire.expect_closed();
        }
    }
    assert_eq!(server.close_reason(handshake["sid"].as_str().unwrap()), "transport close");
}

// A53, A51: the server's close ends the waiting poll with a close packet; the reason is `forced close`.
#[test]
fn the_server_closes_a_polling_session_through_the_waiting_poll() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let mut poll = session.start_get();
    session.post_to_the_end("4please close");
    let response = poll.response();
    assert_eq!((response.status, response.text()), (200, "1"));
    assert_eq!(server.close_reason(session.sid()), "forced close");
    session.expect_gone();
}

// A53: without a waiting poll, the next one learns of the close.
#[test]
fn the_server_closes_a_polling_session_through_the_next_poll() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    session.post_to_the_end("4please close");
    let response = session.get();
    assert_eq!(response.status, 200);
    assert_eq!(packets(&response).last().map(String::as_str), Some("1"), "not {}", response.text());
    assert_eq!(server.close_reason(session.sid()), "forced close");
    session.expect_gone();
}

// A52: a graceful close lets go out first what was said before.
#[test]
fn what_the_server_said_before_closing_still_arrives() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    session.post_to_the_end("4one\u{1e}4two\u{1e}4please close");
    let mut got = Vec::new();
    while got.last().map(String::as_str) != Some("1") {
        let response = session.get();
        assert_eq!(response.status, 200, "{response:?}");
        got.extend(packets(&response).into_iter().filter(|packet| packet != "6"));
    }
    assert_eq!(got, ["4one", "4two", "1"]);

    let (mut wire, _) = Wire::open_session(&server);
    wire.text("4please count 3");
    wire.text("4please close");
    for expected in ["40", "41", "42"] {
        wire.expect_text(expected);
    }
    wire.expect_closed();
}

// A81, A51: the server closes a WebSocket with a close frame that has no code.
#[test]
fn the_server_closes_a_websocket_without_a_code() {
    let server = TestServer::calm();
    let (mut wire, handshake) = Wire::open_session(&server);
    wire.text("4please close");
    // 1005 is how a close frame without a code is reported [RFC 6455 §7.4.1].
    let code = wire.expect_closed();
    assert!(matches!(code, None | Some(1005)), "the code is {code:?}");
    assert_eq!(server.close_reason(handshake["sid"].as_str().unwrap()), "forced close");
}
