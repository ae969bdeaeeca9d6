//! The official engine.io-client from npm against the test server: over polling, over WebSocket, and with the upgrade.
//!
//! Owns the list of scenarios; what each does is in `tests/js/engineio_client.mjs`. Leaves out what only a raw client can do
//! (`conformance_engineio.rs`, `bad_input.rs`).

use std::time::Duration;

use socketio_tests::{Peer, ScenarioRun, Settings, TestServer, Transport, peer};

/// B25 to B46, R3, R6, A51 to A54, A75 to A77.
const SCENARIOS: [&str; 12] = [
    "the session comes to the transport it was asked for",
    "text is echoed",
    "binary is echoed",
    "text and binary keep their order",
    "a numbered stream is echoed without loss, doubling or disorder",
    "numbered streams from the server arrive without loss, doubling or disorder",
    "many sessions do not mix their messages",
    "a backlog larger than one payload passes",
    "the client closes",
    "the client closes during the upgrade, and what it said before arrives",
    "the server closes",
    "the server closes before the upgrade is done",
];

/// A49, A51, B28.
const HEARTBEAT_SCENARIOS: [&str; 2] =
    ["the heartbeat keeps a session alive", "both sides report a ping timeout when nothing passes any more"];

/// A11, A12, S38.
const DEFLATE_SCENARIOS: [&str; 9] = [
    "a long message is echoed and comes compressed",
    "a short message comes as it is",
    "a message that must not be compressed comes as it is",
    "what does not shrink arrives all the same",
    "messages of every size and kind are echoed as they were",
    "a message in many compressed fragments is echoed",
    "clients with other windows and contexts are served",
    "a message over the limit closes with 1009",
    "a message that cannot be inflated closes with 1007",
];

fn run(transport: Transport) {
    let server = TestServer::calm();
    ScenarioRun::of("tests/js/engineio_client.mjs", &server, transport, &[]).expect_all(&SCENARIOS);
    let quick = Settings {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(700),
        ..Settings::calm()
    };
    let server = TestServer::start(&quick);
    ScenarioRun::of("tests/js/engineio_client.mjs", &server, transport, &["heartbeat"])
        .expect_all(&HEARTBEAT_SCENARIOS);
}

// [EIO4 HTTP long-polling], with `transports: ["polling"]`.
#[test]
fn the_official_client_talks_over_polling() {
    run(Transport::Polling);
}

// [EIO4 WebSocket], with `transports: ["websocket"]`.
#[test]
fn the_official_client_talks_over_websocket() {
    run(Transport::WebSocket);
}

// R3: [EIO4 Upgrade], with `transports` left at the default.
#[test]
fn the_official_client_talks_across_the_upgrade() {
    run(Transport::Upgrade);
}

// A11, RFC 7692: the `ws` library as the judge of what is compressed here, and of what is taken.
#[test]
fn the_ws_library_talks_compressed() {
    let server = TestServer::start(&Settings { per_message_deflate: true, ..Settings::calm() });
    let words: &[&str] = if peer() == Peer::Reference { &["reference"] } else { &[] };
    ScenarioRun::of("tests/js/deflate_client.mjs", &server, Transport::WebSocket, words).expect_all(&DEFLATE_SCENARIOS);
}

// A11: the official client offers it by itself, on a WebSocket from the start and after an upgrade.
#[test]
fn the_official_client_talks_compressed() {
    let server = TestServer::start(&Settings { per_message_deflate: true, ..Settings::calm() });
    for transport in [Transport::WebSocket, Transport::Upgrade] {
        ScenarioRun::of("tests/js/engineio_client.mjs", &server, transport, &[]).expect_all(&SCENARIOS);
    }
}
