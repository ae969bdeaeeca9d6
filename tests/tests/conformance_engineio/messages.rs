//! [EIO4 Message], [EIO4 Packet encoding]: packets that are not messages on an open session, over either transport.

use socketio_tests::{PollingSession, TestServer, Wire};

// A58: packet types that mean nothing on an open session are ignored.
#[test]
fn open_upgrade_and_noop_packets_are_ignored() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let (mut wire, _) = Wire::open_session(&server);
    for packet in ["0", "0{}", "5", "6", "6text", "5text"] {
        session.say(packet);
        wire.text(packet);
        wire.expect_alive();
    }
    session.expect_alive();
}

// A58, A86, A51: a type that does not exist closes the session with `parse error`.
#[test]
fn an_unknown_packet_type_closes_the_session() {
    let server = TestServer::calm();
    for packet in ["7", "9abc", "abc", "é", " 4x", "-1"] {
        let session = PollingSession::open(&server);
        session.post_to_the_end(packet);
        assert_eq!(server.close_reason(session.sid()), "parse error", "{packet:?} over polling");
        session.expect_gone();

        let (mut wire, handshake) = Wire::open_session(&server);
        wire.text(packet);
        wire.expect_closed();
        assert_eq!(server.close_reason(handshake["sid"].as_str().unwrap()), "parse error", "{packet:?} over WebSocket");
    }
}

// A86: a packet without a type is as unknown.
#[test]
fn an_empty_packet_closes_the_session() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    session.post_to_the_end("");
    assert_eq!(server.close_reason(session.sid()), "parse error");
    session.expect_gone();

    let (mut wire, handshake) = Wire::open_session(&server);
    wire.text("");
    wire.expect_closed();
    assert_eq!(server.close_reason(handshake["sid"].as_str().unwrap()), "parse error");
}

// [EIO4 Message]: a message may be empty.
#[test]
fn an_empty_message_is_a_message() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    session.say("4");
    session.expect_poll(&["4"]);

    let (mut wire, _) = Wire::open_session(&server);
    wire.text("4");
    wire.expect_text("4");
}
