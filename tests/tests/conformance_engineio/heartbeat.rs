//! [EIO4 Heartbeat]: the server pings, the client answers, and silence ends the session.

use std::time::Duration;

use socketio_tests::{Frame, Peer, PollingSession, Settings, TestServer, Wire, packets, peer};

/// A quick ping and a long patience, for tests that must do something while a pong is due.
fn patient() -> Settings {
    Settings {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(1500),
        ..Settings::calm()
    }
}

// [EIO4 Heartbeat], A49: over polling, `2` comes as a payload and `3` goes as one; again and again.
#[test]
fn pings_come_and_pongs_keep_a_polling_session_alive() {
    let server = TestServer::start(&patient());
    let session = PollingSession::open(&server);
    for _ in 0..3 {
        session.expect_poll(&["2"]);
        session.say("3");
    }
    session.expect_alive();
}

// [EIO4 Heartbeat], A49: over WebSocket, too.
#[test]
fn pings_come_and_pongs_keep_a_websocket_session_alive() {
    let server = TestServer::start(&patient());
    let (mut wire, _) = Wire::open_session(&server);
    for _ in 0..3 {
        wire.expect_text("2");
        wire.text("3");
    }
    wire.expect_alive();
}

// A7: the next ping waits for the pong: an unanswered one is not repeated.
#[test]
fn an_unanswered_ping_is_not_repeated() {
    let server = TestServer::official();
    let (mut wire, _) = Wire::open_session(&server);
    wire.expect_text("2");
    wire.expect_closed();
}

// [EIO4 Heartbeat], A8, A51: without a pong the WebSocket is closed, and the reason is `ping timeout`.
#[test]
fn a_missing_pong_closes_a_websocket_session() {
    let server = TestServer::official();
    let (mut wire, handshake) = Wire::open_session(&server);
    wire.expect_text("2");
    wire.expect_closed();
    assert_eq!(server.close_reason(handshake["sid"].as_str().unwrap()), "ping timeout");
}

// [EIO4 Heartbeat], A8, A51: without a pong the waiting poll ends with a close packet and the session id is unknown from then on.
#[test]
fn a_missing_pong_ends_the_waiting_poll_of_a_polling_session() {
    let server = TestServer::official();
    let session = PollingSession::open(&server);
    session.expect_poll(&["2"]);
    session.expect_poll(&["1"]);
    assert_eq!(server.close_reason(session.sid()), "ping timeout");
    session.expect_gone();
}

// R1: a client that opens a session and never comes again does not leave it behind.
#[test]
fn an_abandoned_polling_session_is_closed_by_the_heartbeat() {
    let server = TestServer::official();
    let session = PollingSession::open(&server);
    assert_eq!(server.close_reason(session.sid()), "ping timeout");
    session.expect_gone();
}

// A49, S16: pings are the server's; a client that sends one has its session closed with `transport error`.
#[test]
fn a_ping_from_the_client_closes_the_session() {
    let server = TestServer::calm();
    let (mut wire, handshake) = Wire::open_session(&server);
    wire.text("2");
    wire.expect_closed();
    assert_eq!(server.close_reason(handshake["sid"].as_str().unwrap()), "transport error");

    let session = PollingSession::open(&server);
    session.post_to_the_end("2");
    assert_eq!(server.close_reason(session.sid()), "transport error");
    session.expect_gone();
}

// S23: pongs that nobody asked for neither close the session nor hasten the next ping.
#[test]
fn unasked_pongs_are_ignored() {
    let server = TestServer::calm();
    let (mut wire, _) = Wire::open_session(&server);
    for _ in 0..100 {
        wire.text("3");
    }
    wire.expect_alive();
}

// R7: the heartbeat goes on over the WebSocket after an upgrade, one ping at a time.
#[test]
fn the_heartbeat_goes_on_after_an_upgrade() {
    let server = TestServer::start(&patient());
    let session = PollingSession::open(&server);
    let mut wire = Wire::open(&server, &session.target_for("websocket"));
    wire.text("2probe");
    wire.expect_text("3probe");
    wire.text("5");
    for _ in 0..3 {
        wire.expect_text("2");
        wire.text("3");
    }
    wire.expect_alive();
}

// A50, I3, R2: a ping that is outstanding while the transports are swapped still has to be answered. The reference
// forgets it.
#[test]
fn a_ping_outstanding_during_the_upgrade_still_times_out() {
    let server = TestServer::start(&patient());
    let session = PollingSession::open(&server);
    session.expect_poll(&["2"]);
    let mut wire = Wire::open(&server, &session.target_for("websocket"));
    wire.text("2probe");
    wire.expect_text("3probe");
    wire.text("5");
    wire.expect_alive();
    if peer() == Peer::Rust {
        wire.expect_closed();
        assert_eq!(server.close_reason(session.sid()), "ping timeout");
    }
}

// R7: a pong that arrives over the new transport answers a ping that left over the old one.
#[test]
fn a_ping_sent_over_polling_can_be_answered_over_websocket() {
    let server = TestServer::start(&patient());
    let session = PollingSession::open(&server);
    session.expect_poll(&["2"]);
    let mut wire = Wire::open(&server, &session.target_for("websocket"));
    wire.text("2probe");
    wire.expect_text("3probe");
    wire.text("5");
    wire.text("3");
    wire.expect_text("2");
    wire.text("3");
    wire.expect_alive();
}

// [EIO4 Heartbeat]: messages are no pongs. (The reference extends the time once; it does not end the wait.)
#[test]
fn messages_do_not_replace_the_pong() {
    let server = TestServer::official();
    let (mut wire, handshake) = Wire::open_session(&server);
    wire.expect_text("2");
    loop {
        wire.text_if_open("4x");
        match wire.receive() {
            Frame::Text(text) => assert_eq!(text, "4x"),
            Frame::Closed(_) => break,
            other => panic!("neither an echo nor the end: {other:?}"),
        }
    }
    assert_eq!(server.close_reason(handshake["sid"].as_str().unwrap()), "ping timeout");
}

// A54 and A49 together: a ping and a message that wait for the same poll share its payload.
#[test]
fn a_ping_waits_for_the_next_poll() {
    let server = TestServer::start(&patient());
    let session = PollingSession::open(&server);
    session.expect_poll(&["2"]);
    session.say("3\u{1e}4a\u{1e}4b");
    let response = session.get();
    assert_eq!(packets(&response), ["4a", "4b"]);
}
