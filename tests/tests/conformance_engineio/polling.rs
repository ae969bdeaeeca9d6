//! [EIO4 HTTP long-polling]: headers, payloads and the waiting GET.

use socketio_tests::{Connection, PollingSession, TestServer, packets};

// A61: the body of a poll is text in UTF-8 of a stated length that nobody may cache.
#[test]
fn a_poll_is_answered_with_the_documented_headers() {
    let server = TestServer::calm();
    let mut connection = Connection::open(server.addr());
    connection.send_request("GET", "/engine.io/?EIO=4&transport=polling", &[], None);
    let open = connection.response();
    let session = PollingSession::open(&server);
    session.say("4é€😀");
    let message = session.get();
    assert_eq!(message.text(), "4é€😀");
    for response in [open, message] {
        assert_eq!(response.status, 200);
        assert_eq!(response.header("content-type"), Some("text/plain; charset=UTF-8"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(response.header("content-length"), Some(response.body.len().to_string().as_str()));
        assert_eq!(response.header("x-xss-protection"), None);
    }
}

// A61, A70: old Internet Explorers are told not to mistake a payload for an attack.
#[test]
fn old_internet_explorers_get_the_xss_header() {
    let server = TestServer::calm();
    for agent in [
        "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)",
        "Mozilla/5.0 (Trident/7.0; rv:11.0) like Gecko",
    ] {
        let mut connection = Connection::open(server.addr());
        let headers = [("User-Agent", agent)];
        connection.send_request("GET", "/engine.io/?EIO=4&transport=polling", &headers, None);
        assert_eq!(connection.response().header("x-xss-protection"), Some("0"), "{agent}");
    }
}

// A62: a POST is answered 200 with `ok` as HTML (so that old browsers do not offer it as a download).
#[test]
fn a_post_is_answered_ok() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let response = session.post("4hello");
    assert_eq!((response.status, response.text()), (200, "ok"));
    assert_eq!(response.header("content-type"), Some("text/html"));
    assert_eq!(response.header("content-length"), Some("2"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

// [EIO4 HTTP long-polling]: a GET waits until there is something to send.
#[test]
fn a_waiting_poll_is_answered_by_the_next_message() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let mut poll = session.start_get();
    session.say("4hello");
    let response = poll.response();
    assert_eq!((response.status, response.text()), (200, "4hello"));
}

// [EIO4 Packet encoding, HTTP long-polling]: several packets in a payload, joined with 0x1E, both ways, in order.
#[test]
fn several_packets_share_a_payload() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    session.say("4one\u{1e}4two\u{1e}bAQIDBA==\u{1e}4three");
    let echoed = session.get();
    assert_eq!(packets(&echoed), ["4one", "4two", "bAQIDBA==", "4three"]);
}

// [EIO4 Packet encoding, HTTP long-polling], A61: binary is base64 after a `b`; text after it is not touched.
#[test]
fn binary_travels_as_base64() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    for packet in ["bAQIDBA==", "bAA==", "b/+7/", "4bAQIDBA==", "b"] {
        session.say(packet);
        session.expect_poll(&[packet]);
    }
}

// R28: a thousand small packets in one POST are a legal payload, since the limit counts bytes.
#[test]
fn a_thousand_packets_in_one_payload_come_back_in_order() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let sent: Vec<String> = (0..1000).map(|n| format!("4{n}")).collect();
    session.say(&sent.join("\u{1e}"));
    assert_eq!(session.poll_packets(sent.len()), sent);
}

// A9: a payload of exactly the limit is accepted.
#[test]
fn a_payload_of_exactly_the_limit_is_accepted() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let payload = format!("4{}", "x".repeat(999_999));
    session.say(&payload);
    assert_eq!(session.poll_packets(1), [payload]);
}

// A61: requests share a connection where the client keeps it open.
#[test]
fn requests_of_a_session_can_share_a_connection() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let mut connection = Connection::open(server.addr());
    for n in 0..5 {
        let packet = format!("4{n}");
        connection.send_request("POST", &session.target(), &[], Some(packet.as_bytes()));
        assert_eq!(connection.response().text(), "ok");
        connection.send_request("GET", &session.target(), &[], None);
        assert_eq!(connection.response().text(), packet);
    }
}

// A61: a body without a length is as good, as long as it ends.
#[test]
fn a_chunked_post_is_read_to_its_end() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let mut connection = Connection::open(server.addr());
    connection.send_head("POST", &session.target(), &[("Transfer-Encoding", "chunked")]);
    // The two bytes of one character arrive in different chunks.
    for piece in [&b"2\r\n4\xc3\r\n"[..], b"2\r\n\xa9!\r\n", b"0\r\n\r\n"] {
        connection.send(piece);
    }
    assert_eq!(connection.response().text(), "ok");
    session.expect_poll(&["4é!"]);
}
