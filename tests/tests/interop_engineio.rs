//! The official engine.io-client from npm against the test server: over polling, over WebSocket, and with the upgrade.
//!
//! Owns the list of scenarios; what each does is in `tests/js/engineio_client.mjs`. Leaves out what only a raw client can do
//! (`conformance_engineio.rs`, `bad_input.rs`).

use std::time::Duration;

use socketio_tests::{ScenarioRun, Settings, TestServer, Transport};

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

// [EIO4 Upgrade], with `transports` left at the default.
#[test]
fn the_official_client_talks_across_the_upgrade() {
    run(Transport::Upgrade);
}
