//! Bodies that are too large, of the wrong kind, or not a payload: A67 to A69.

use socketio_tests::{Connection, Peer, PollingSession, Settings, Wire, peer};

use crate::Scene;

fn small() -> Settings {
    Settings { max_payload: 1000, ..Settings::calm() }
}

// A68, I5, S3: a body above the limit is answered 413 without a body of its own, and the session closes with `transport error`.
// The reference leaves the session open.
#[test]
fn an_oversize_body_is_answered_413_and_closes_the_session() {
    let mut scene = Scene::with(&small());
    let session = PollingSession::open(&scene.server);
    let response = session.post(&format!("4{}", "x".repeat(1000)));
    assert_eq!((response.status, response.text()), (413, ""));
    expect_oversize_consequence(&scene, &session);
    scene.expect_undisturbed();
}

fn expect_oversize_consequence(scene: &Scene, session: &PollingSession) {
    match peer() {
        Peer::Rust => {
            assert_eq!(scene.server.close_reason(session.sid()), "transport error");
            session.expect_gone();
        }
        Peer::Reference => session.expect_alive(),
    }
}

// A68, S3: where the length is announced, the answer comes before the first byte of the body. The reference counts what arrives.
#[test]
fn an_announced_oversize_body_is_refused_before_it_is_sent() {
    let mut scene = Scene::with(&small());
    let session = PollingSession::open(&scene.server);
    let mut post = Connection::open(scene.server.addr());
    post.send_head("POST", &session.target(), &[("Content-Length", "1001")]);
    if peer() == Peer::Reference {
        post.send(&[b'x'; 1001]);
    }
    assert_eq!(post.response().status, 413);
    expect_oversize_consequence(&scene, &session);
    scene.expect_undisturbed();
}

// A68, S3: a length that nobody could ever send is no different.
#[test]
fn an_absurd_length_is_refused() {
    let mut scene = Scene::with(&small());
    if peer() == Peer::Rust {
        let session = PollingSession::open(&scene.server);
        let mut post = Connection::open(scene.server.addr());
        post.send_head("POST", &session.target(), &[("Content-Length", "18446744073709551615")]);
        // An HTTP library may refuse such a number by itself, before it is a request of any session.
        let status = post.try_response().map(|response| response.status);
        assert!(matches!(status, None | Some(400 | 413 | 431)), "{status:?}");
    }
    scene.expect_undisturbed();
}

// A68, S3: without a length, the limit holds as soon as it is crossed, long before the body ends.
#[test]
fn a_chunked_body_is_cut_off_at_the_limit() {
    let mut scene = Scene::with(&small());
    let session = PollingSession::open(&scene.server);
    let mut post = Connection::open(scene.server.addr());
    post.send_head("POST", &session.target(), &[("Transfer-Encoding", "chunked")]);
    for _ in 0..3 {
        // 0x190 is 400; the last chunk, which would end the body, is never sent.
        post.send_if_open(format!("190\r\n{}\r\n", "x".repeat(400)).as_bytes());
    }
    assert_eq!(post.response().status, 413);
    expect_oversize_consequence(&scene, &session);
    scene.expect_undisturbed();
}

// A67, S13: bytes that call themselves binary are not a payload of this revision: 400, and the session is closed.
#[test]
fn a_binary_content_type_is_refused_and_closes_the_session() {
    let mut scene = Scene::new();
    let session = PollingSession::open(&scene.server);
    let mut post = Connection::open(scene.server.addr());
    let headers = [("Content-Type", "application/octet-stream")];
    post.send_request("POST", &session.target(), &headers, Some(b"4hello"));
    let response = post.response();
    assert_eq!((response.status, response.text()), (400, ""));
    assert_eq!(scene.server.close_reason(session.sid()), "transport error");
    session.expect_gone();
    scene.expect_undisturbed();
}

// B43 and every other type: the content type is not asked for otherwise.
#[test]
fn other_content_types_are_payloads() {
    let scene = Scene::new();
    let session = PollingSession::open(&scene.server);
    for kind in ["text/plain;charset=UTF-8", "text/html", "application/json", "nonsense"] {
        let mut post = Connection::open(scene.server.addr());
        post.send_request("POST", &session.target(), &[("Content-Type", kind)], Some(b"4hello"));
        assert_eq!(post.response().text(), "ok", "{kind}");
        session.expect_poll(&["4hello"]);
    }
}

// A69, A87: the packets before a malformed one are delivered; then the session closes with `parse error`.
#[test]
fn packets_before_a_malformed_one_are_delivered() {
    let mut scene = Scene::new();
    for malformed in ["abc", "", "9", "\u{1e}"] {
        // Somebody else hears of them: whether the session itself still gets an answer out is a matter of luck.
        let (mut witness, handshake) = Wire::open_session(&scene.server);
        let request = format!("4please pass {}", handshake["sid"].as_str().unwrap());
        let session = PollingSession::open(&scene.server);
        session.post_to_the_end(&format!("{request} good\u{1e}{malformed}\u{1e}{request} late"));
        witness.expect_text("4good");
        witness.expect_alive();
        assert_eq!(scene.server.close_reason(session.sid()), "parse error", "{malformed:?}");
        session.expect_gone();
        scene.expect_undisturbed();
    }
}

// A69: the POST with the malformed packet is answered or ended; it does not hang.
#[test]
fn a_malformed_payload_does_not_hang_its_request() {
    let mut scene = Scene::new();
    let session = PollingSession::open(&scene.server);
    let mut post = Connection::open(scene.server.addr());
    post.send_request("POST", &session.target(), &[], Some(b"abc"));
    let status = post.try_response().map(|response| response.status);
    assert!(matches!(status, None | Some(200 | 400)), "{status:?}");
    assert_eq!(scene.server.close_reason(session.sid()), "parse error");
    scene.expect_undisturbed();
}

// R26: bytes that are not UTF-8, and base64 that is none, hurt at most their own session.
#[test]
fn payloads_that_are_no_text_hurt_only_their_session() {
    let mut scene = Scene::new();
    let payloads: [&[u8]; 6] = [b"4\xff\xfe", b"\xff", b"4\xed\xa0\x80", b"b***", b"bAAA", b"bA=B="];
    for payload in payloads {
        let session = PollingSession::open(&scene.server);
        let mut post = Connection::open(scene.server.addr());
        post.send_request("POST", &session.target(), &[], Some(payload));
        let status = post.try_response().map(|response| response.status);
        assert!(matches!(status, None | Some(200 | 400)), "{payload:?}: {status:?}");
        scene.expect_undisturbed();
    }
}
