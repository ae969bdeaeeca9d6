//! The same protocol over HTTP long-polling: the transport makes no difference.

use serde_json::Value;
use socketio_tests::{PollingSession, TestServer};

/// Opens a session and joins the main namespace.
fn connect(server: &TestServer) -> PollingSession {
    let session = PollingSession::open_at(server, "/socket.io/");
    session.say("40");
    let packets = session.poll_packets(2);
    let connect: Value =
        serde_json::from_str(packets[0].strip_prefix("40").expect("a CONNECT")).expect("the CONNECT carries JSON");
    assert!(connect["sid"].is_string());
    assert_eq!(packets[1], r#"42["auth",{}]"#);
    session
}

// [SIO5 Sending and receiving data] over [EIO4 HTTP long-polling].
#[test]
fn events_and_acknowledgements_travel_over_polling() {
    let server = TestServer::calm();
    let session = connect(&server);
    session.say("42[\"message\",1,\"é\"]\u{1e}427[\"message-with-ack\",2]");
    assert_eq!(session.poll_packets(2), [r#"42["message-back",1,"é"]"#, "437[2]"]);
}

// C5, A61: attachments are base64 packets right behind their event, even if they come in another request.
#[test]
fn attachments_travel_over_polling() {
    let server = TestServer::calm();
    let session = connect(&server);
    session.say("451-[\"message\",{\"_placeholder\":true,\"num\":0}]");
    session.say("bAQIDBA==");
    assert_eq!(session.poll_packets(2), [r#"451-["message-back",{"_placeholder":true,"num":0}]"#, "bAQIDBA=="]);
}

// D28 over polling.
#[test]
fn an_unknown_namespace_is_refused_over_polling() {
    let server = TestServer::calm();
    let session = PollingSession::open_at(&server, "/socket.io/");
    session.say("40/random,");
    session.expect_poll(&[r#"44/random,{"message":"Invalid namespace"}"#]);
}

// C32, A53: a malformed packet closes the session, and the waiting or the next poll learns of it.
#[test]
fn a_malformed_packet_closes_a_polling_session() {
    let server = TestServer::calm();
    let session = connect(&server);
    let mut poll = session.start_get();
    session.post_to_the_end("42{}");
    assert_eq!(poll.response().text(), "1");
    session.expect_gone();
}
