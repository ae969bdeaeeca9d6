//! [EIO4 Upgrade]: probe, swap, and all that may go wrong between them.

use std::time::Duration;

use socketio_tests::{Peer, PollingSession, Refusal, Settings, TestServer, Wire, packets, peer, request};

/// Opens the candidate WebSocket of a session and has its probe answered.
fn probe(server: &TestServer, session: &PollingSession) -> Wire {
    let mut wire = Wire::open(server, &session.target_for("websocket"));
    wire.text("2probe");
    wire.expect_text("3probe");
    wire
}

/// Expects that a further WebSocket for this session is refused: by a status, or by closing it without a word.
#[track_caller]
fn expect_refused(server: &TestServer, target: &str) {
    match Wire::try_open(server.addr(), target) {
        Err(Refusal::Status(status, _)) => assert_eq!(status, 400),
        Err(Refusal::Closed) => {}
        Ok(mut wire) => {
            wire.text_if_open("2probe");
            wire.expect_closed();
        }
    }
}

// [EIO4 Upgrade], A75: probe, `3probe`, a NOOP to the waiting poll, `5`, and from then on the WebSocket.
#[test]
fn a_session_upgrades_from_polling_to_websocket() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let mut poll = session.start_get();
    let mut wire = probe(&server, &session);
    let response = poll.response();
    assert_eq!((response.status, response.text()), (200, "6"));
    wire.text("5");
    wire.expect_alive();
    wire.binary(&[1, 2, 3]);
    wire.expect_binary(&[1, 2, 3]);
}

// A4: a server that offers no upgrade does not refuse one, either: only the offer is gone.
#[test]
fn an_upgrade_that_was_not_offered_is_not_refused() {
    let server = TestServer::start(&Settings { allow_upgrades: false, ..Settings::calm() });
    let session = PollingSession::open(&server);
    assert_eq!(session.handshake()["upgrades"], serde_json::json!([]));
    let mut wire = probe(&server, &session);
    wire.text("5");
    wire.expect_alive();
}

// A45: from then on, polling requests of this session are bad requests, and harmless.
#[test]
fn polling_is_refused_after_the_upgrade() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let mut wire = probe(&server, &session);
    wire.text("5");
    wire.expect_alive();
    for (method, body) in [("GET", None), ("POST", Some(&b"4x"[..]))] {
        let response = request(server.addr(), method, &session.target(), body);
        assert_eq!((response.status, response.json()["code"].as_u64()), (400, Some(3)), "{method}: {response:?}");
    }
    wire.expect_alive();
}

// R3: every poll that is opened during the probe is answered with a NOOP, so that the client can pause.
#[test]
fn polls_opened_during_the_probe_are_each_answered_with_a_noop() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let mut wire = probe(&server, &session);
    for _ in 0..5 {
        session.expect_poll(&["6"]);
    }
    wire.text("5");
    wire.expect_alive();
}

// A77: until `5` arrives, messages flow over polling.
#[test]
fn messages_flow_over_polling_during_the_probe() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let mut wire = probe(&server, &session);
    session.say("4hello");
    let mut got = Vec::new();
    while got.is_empty() {
        got.extend(packets(&session.get()).into_iter().filter(|packet| packet != "6"));
    }
    assert_eq!(got, ["4hello"]);
    wire.text("5");
    wire.expect_alive();
}

// R6: what the server said while no poll was waiting goes out over the WebSocket after `5`, in order and before anything newer.
#[test]
fn messages_that_waited_for_a_poll_go_out_over_the_websocket() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let mut wire = probe(&server, &session);
    session.say("4please count 100");
    wire.text("5");
    wire.text("4after");
    for n in 0..100 {
        wire.expect_text(&format!("4{n}"));
    }
    wire.expect_text("4after");
}

// R4: NOOPs are for polling; none appears on the WebSocket.
#[test]
fn no_noop_appears_on_the_websocket() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let mut wire = probe(&server, &session);
    let mut poll = session.start_get();
    wire.text("5");
    // The poll either got the NOOP of the probe or is ended by the swap; it never hangs.
    poll.response();
    for _ in 0..20 {
        wire.expect_alive();
    }
}

// A76: anything but probe and upgrade on the candidate closes the candidate only.
#[test]
fn anything_else_during_the_probe_closes_only_the_candidate() {
    let server = TestServer::calm();
    for packet in ["4hello", "1", "3", "2", "2other", "6", "9", ""] {
        for probed in [false, true] {
            let session = PollingSession::open(&server);
            let mut wire = Wire::open(&server, &session.target_for("websocket"));
            if probed {
                wire.text("2probe");
                wire.expect_text("3probe");
            }
            wire.text(packet);
            wire.expect_closed();
            session.expect_alive();
        }
    }
}

// A76: nor does a binary frame do any harm.
#[test]
fn a_binary_frame_during_the_probe_closes_only_the_candidate() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let mut wire = probe(&server, &session);
    wire.binary(b"hello");
    wire.expect_closed();
    session.expect_alive();
}

// R2: a candidate that is lost leaves the session on polling, and the next attempt succeeds.
#[test]
fn a_lost_candidate_leaves_the_session_on_polling() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let wire = probe(&server, &session);
    wire.abort();
    session.expect_alive();
    // The server may still be learning of the loss, and refuses a second candidate until it has.
    let mut wire = retry_probe(&server, &session);
    wire.text("5");
    wire.expect_alive();
}

/// Probes until the server has seen that the last candidate is gone.
fn retry_probe(server: &TestServer, session: &PollingSession) -> Wire {
    let started = std::time::Instant::now();
    while started.elapsed() < socketio_tests::DEADLINE {
        if let Ok(mut wire) = Wire::try_open(server.addr(), &session.target_for("websocket")) {
            wire.text_if_open("2probe");
            if wire.receive() == socketio_tests::Frame::Text("3probe".to_owned()) {
                return wire;
            }
        }
    }
    panic!("no further candidate is accepted");
}

// A6, R2, S21: a candidate that does not finish its probe in time is closed, at either step; polling goes on and may
// try again.
#[test]
fn an_unfinished_probe_is_closed_after_the_upgrade_timeout() {
    let server = TestServer::start(&Settings { upgrade_timeout: Duration::from_millis(300), ..Settings::calm() });
    let session = PollingSession::open(&server);
    let mut silent = Wire::open(&server, &session.target_for("websocket"));
    silent.expect_closed();
    session.expect_alive();

    let mut undecided = probe(&server, &session);
    undecided.expect_closed();
    session.expect_alive();

    let mut wire = probe(&server, &session);
    wire.text("5");
    wire.expect_alive();
}

// A47, R5: while one candidate probes, another is refused; the first goes on.
#[test]
fn a_second_candidate_is_refused_while_the_first_probes() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let mut wire = probe(&server, &session);
    expect_refused(&server, &session.target_for("websocket"));
    wire.text("5");
    wire.expect_alive();
}

// A47, R5: an upgraded session takes no further WebSocket.
#[test]
fn a_second_websocket_for_an_upgraded_session_is_refused() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let mut wire = probe(&server, &session);
    wire.text("5");
    wire.expect_alive();
    expect_refused(&server, &session.target_for("websocket"));
    wire.expect_alive();
}

// A47, I1, R5: nor does a session that began on WebSocket. The reference lets the second one take it over.
#[test]
fn a_second_websocket_for_a_session_born_on_websocket_is_refused() {
    let server = TestServer::calm();
    let (mut wire, handshake) = Wire::open_session(&server);
    let target = format!("/engine.io/?EIO=4&transport=websocket&sid={}", handshake["sid"].as_str().unwrap());
    match peer() {
        Peer::Rust => {
            expect_refused(&server, &target);
            wire.expect_alive();
        }
        Peer::Reference => {
            let mut thief = Wire::open(&server, &target);
            thief.text("2probe");
            thief.expect_text("3probe");
        }
    }
}

// [EIO4 Upgrade]: a session that the client closes during the probe takes the candidate with it.
#[test]
fn closing_the_session_during_the_probe_closes_the_candidate() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let mut wire = probe(&server, &session);
    session.say("1");
    wire.expect_closed();
    assert_eq!(server.close_reason(session.sid()), "transport close");
}

// A75, A51: after the upgrade, the end of the WebSocket is the end of the session.
#[test]
fn the_end_of_the_websocket_ends_an_upgraded_session() {
    let server = TestServer::calm();
    let session = PollingSession::open(&server);
    let mut wire = probe(&server, &session);
    wire.text("5");
    wire.close();
    wire.expect_closed();
    assert_eq!(server.close_reason(session.sid()), "transport close");
    session.expect_gone();
}
