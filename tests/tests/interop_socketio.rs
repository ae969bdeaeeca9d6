//! The official socket.io-client from npm against the test server: over polling, over WebSocket, and with the upgrade.
//!
//! Owns the list of scenarios; what each does is in the file `tests/js/socketio_*.mjs` of that table. Leaves out what only a
//! raw client can do (`conformance_socketio.rs`).

use std::time::Duration;

use socketio_tests::{ScenarioRun, Settings, TestServer, Transport};

/// Events, acknowledgements and binary data: C4, C5, D48 to D52, R19 to R21, and what issue 2 asks of `/echo`.
const EVENTS: [&str; 18] = [
    "the connection comes to the transport it was asked for",
    "an event comes back",
    "an event has any number of arguments of any kind",
    "events keep their order across the upgrade",
    "events from the server keep their order across the upgrade",
    "the server acknowledges with several arguments",
    "many acknowledgements at once each find their caller",
    "the server asks the client and gets its answer",
    "the server asks many at once, and each answer finds its question",
    "the server gives up waiting after its timeout, and ignores the late answer",
    "the client's own timeout works",
    "binary of every kind goes there and back",
    "binary nests anywhere among other values",
    "acknowledgements carry binary",
    "answers to the server carry binary",
    "binary events of many senders do not mix",
    "the echo namespace acknowledges with the arguments it was given",
    "the echo namespace sends events back to their sender only",
];

/// Namespaces, admission, leaving and rooms: D21, D28, D29, D39 to D44, D55 to D57, D64, R8, R10.
const CONNECTIONS: [&str; 20] = [
    "the auth payload arrives",
    "an auth function is asked",
    "several namespaces share one connection",
    "an unknown namespace is refused",
    "a refused connection gets the message and the data, and may try again",
    "admission may take its time",
    "the client leaves its namespace",
    "the client leaves one of two namespaces and comes back",
    "the server ends a namespace",
    "the server ends the connection",
    "the connection ends and every namespace is told",
    "the client reconnects by itself after the connection was lost",
    "say reaches the room except the speaker, and shout the speaker as well",
    "without a room a broadcast reaches everybody",
    "who is in several of the rooms hears it once",
    "rooms can be left out",
    "a room named like a socket id reaches that socket alone",
    "who has left a room does not hear it any more",
    "a broadcast may be binary",
    "the others hear who has left, and the rooms are empty",
];

/// A49, A51, B28, R8, R10: with a frozen client and a cut cable.
const HEARTBEAT: [&str; 4] = [
    "the heartbeat keeps a connection alive",
    "a frozen client is given up with a ping timeout and leaves its rooms",
    "both sides report a ping timeout when nothing passes any more",
    "a client whose process dies leaves its rooms",
];

fn run(table: &str, scenarios: &[&str], settings: &Settings, transport: Transport) {
    let server = TestServer::start(settings);
    ScenarioRun::of("tests/js/socketio_client.mjs", &server, transport, &[table]).expect_all(scenarios);
}

fn run_events(transport: Transport) {
    run("events", &EVENTS, &Settings::calm(), transport);
}

fn run_connections(transport: Transport) {
    run("connections", &CONNECTIONS, &Settings::calm(), transport);
}

/// C27, C28, D5: the same scenarios in the format of socket.io-msgpack-parser.
fn run_with_messagepack(transport: Transport) {
    let server = TestServer::start(&Settings { msgpack: true, ..Settings::calm() });
    let run =
        ScenarioRun::of("tests/js/socketio_client.mjs", &server, transport, &["--msgpack", "events", "connections"]);
    run.expect_all(&[&EVENTS[..], &CONNECTIONS].concat());
}

fn run_heartbeat(transport: Transport) {
    let quick = Settings {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(700),
        ..Settings::calm()
    };
    run("heartbeat", &HEARTBEAT, &quick, transport);
}

// [SIO5 Sending and receiving data], [SIO5 Acknowledgement], with `transports: ["polling"]`.
#[test]
fn the_official_client_exchanges_events_over_polling() {
    run_events(Transport::Polling);
}

// [SIO5 Sending and receiving data], [SIO5 Acknowledgement], with `transports: ["websocket"]`.
#[test]
fn the_official_client_exchanges_events_over_websocket() {
    run_events(Transport::WebSocket);
}

// R42: [SIO5 Sending and receiving data], [SIO5 Acknowledgement], with `transports` left at the default.
#[test]
fn the_official_client_exchanges_events_across_the_upgrade() {
    run_events(Transport::Upgrade);
}

// [SIO5 Connection to a namespace], [SIO5 Disconnection from a namespace], with `transports: ["polling"]`.
#[test]
fn the_official_client_joins_and_leaves_over_polling() {
    run_connections(Transport::Polling);
}

// [SIO5 Connection to a namespace], [SIO5 Disconnection from a namespace], with `transports: ["websocket"]`.
#[test]
fn the_official_client_joins_and_leaves_over_websocket() {
    run_connections(Transport::WebSocket);
}

// [SIO5 Connection to a namespace], [SIO5 Disconnection from a namespace], with `transports` left at the default.
#[test]
fn the_official_client_joins_and_leaves_across_the_upgrade() {
    run_connections(Transport::Upgrade);
}

// R10: [EIO4 Heartbeat], with `transports: ["polling"]`.
#[test]
fn a_lost_client_is_noticed_over_polling() {
    run_heartbeat(Transport::Polling);
}

// R10: [EIO4 Heartbeat], with `transports: ["websocket"]`.
#[test]
fn a_lost_client_is_noticed_over_websocket() {
    run_heartbeat(Transport::WebSocket);
}

// [EIO4 Heartbeat], with `transports` left at the default.
#[test]
fn a_lost_client_is_noticed_across_the_upgrade() {
    run_heartbeat(Transport::Upgrade);
}

#[test]
fn the_official_client_speaks_messagepack_over_polling() {
    run_with_messagepack(Transport::Polling);
}

#[test]
fn the_official_client_speaks_messagepack_over_websocket() {
    run_with_messagepack(Transport::WebSocket);
}

// Hazard R42.
#[test]
fn the_official_client_speaks_messagepack_across_the_upgrade() {
    run_with_messagepack(Transport::Upgrade);
}
