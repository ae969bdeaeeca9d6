//! The last official clients of revision 3 of Engine.IO and revision 4 of Socket.IO (engine.io-client 3.x, socket.io-client 2.x)
//! against the test server with `allow_eio3`: over polling, WebSocket, the upgrade and JSONP. Rows A16, A41, A67, A71, A72,
//! A86–A90, C1, C22–C26, H19; hazard R42.
//!
//! Owns the lists of scenarios; what each does is in the file `tests/js/legacy_*.mjs` of that table. Leaves out what no
//! client sends (`engineio/tests/revision_three.rs`).

use std::time::Duration;

use socketio_tests::{Connection, Peer, ScenarioRun, Settings, TestServer, Transport, peer, request};

/// Events, acknowledgements and binary data: C24, C26, A88, A90.
const EVENTS: [&str; 9] = [
    "the connection comes to the transport it was asked for, with the id of the session",
    "an event has any number of arguments of any kind",
    "events keep their order across the upgrade",
    "events from the server keep their order across the upgrade",
    "the server acknowledges with several arguments",
    "the server asks the client and gets its answer",
    "binary goes there and back, at any depth",
    "binary keeps its place among text across the upgrade",
    "acknowledgements carry binary both ways",
];

/// Namespaces, admission, leaving and rooms: C22 to C25, H19.
const CONNECTIONS: [&str; 13] = [
    "the main namespace is joined unasked, and nothing is said but that",
    "several namespaces share one connection under the ids that the client makes up",
    "the query of a namespace is its auth payload",
    "an unknown namespace is refused",
    "who is refused gets the data of the error, or else its message",
    "admission may take its time",
    "the client leaves one of two namespaces and comes back",
    "the client disconnects",
    "the server ends a namespace",
    "the server ends the connection",
    "the connection ends and every namespace is told",
    "the client reconnects by itself after the connection was lost",
    "rooms hold old and new clients, and a broadcast reaches both",
];

/// A89.
const HEARTBEAT: [&str; 2] = ["the heartbeat keeps a connection alive", "a client whose process dies leaves its rooms"];

/// A89, A50 as I3 has it.
const SILENCE: [&str; 1] = ["both sides report a ping timeout when nothing passes any more"];

/// A88: by the official parser.
const PAYLOADS: [&str; 4] = [
    "text stays text, with lengths in UTF-16",
    "bytes are sent and received as bytes",
    "base64 is sent, and bytes are received by who takes them",
    "who takes no binary gets base64",
];

/// The scenarios of the current client, which the old one has to pass as well; but it does not know `maxPayload`.
const ENGINE: [&str; 11] = [
    "the session comes to the transport it was asked for",
    "text is echoed",
    "binary is echoed",
    "text and binary keep their order",
    "a numbered stream is echoed without loss, doubling or disorder",
    "numbered streams from the server arrive without loss, doubling or disorder",
    "many sessions do not mix their messages",
    "the client closes",
    "the client closes during the upgrade, and what it said before arrives",
    "the server closes",
    "the server closes before the upgrade is done",
];

fn lenient() -> Settings {
    Settings { allow_eio3: true, ..Settings::calm() }
}

fn quick() -> Settings {
    Settings { ping_interval: Duration::from_millis(300), ping_timeout: Duration::from_millis(700), ..lenient() }
}

fn run(settings: &Settings, transport: Transport, table: &str, scenarios: &[&str]) {
    let server = TestServer::start(settings);
    ScenarioRun::of("tests/js/legacy_client.mjs", &server, transport, &[table]).expect_all(scenarios);
}

fn run_events(transport: Transport) {
    run(&lenient(), transport, "events", &EVENTS);
}

fn run_connections(transport: Transport) {
    run(&lenient(), transport, "connections", &CONNECTIONS);
}

fn run_heartbeat(transport: Transport) {
    run(&quick(), transport, "heartbeat", &HEARTBEAT);
    if peer() == Peer::Rust || transport != Transport::Upgrade {
        run(&quick(), transport, "silence", &SILENCE);
    }
}

fn run_engine(transport: Transport) {
    let server = TestServer::start(&lenient());
    let words = ["echo", "engine.io-client-v3"];
    ScenarioRun::of("tests/js/engineio_client.mjs", &server, transport, &words).expect_all(&ENGINE);
}

// C1, C26, with `transports: ["polling"]`.
#[test]
fn the_old_client_exchanges_events_over_polling() {
    run_events(Transport::Polling);
}

// C1, C26, A90, with `transports: ["websocket"]`.
#[test]
fn the_old_client_exchanges_events_over_websocket() {
    run_events(Transport::WebSocket);
}

// R42: C1, C26, A90, with `transports` left at the default.
#[test]
fn the_old_client_exchanges_events_across_the_upgrade() {
    run_events(Transport::Upgrade);
}

// R42: A71, with `forceJSONP`.
#[test]
fn the_old_client_exchanges_events_over_jsonp() {
    run_events(Transport::Jsonp);
}

// C22 to C25, with `transports: ["polling"]`.
#[test]
fn the_old_client_joins_and_leaves_over_polling() {
    run_connections(Transport::Polling);
}

// C22 to C25, with `transports: ["websocket"]`.
#[test]
fn the_old_client_joins_and_leaves_over_websocket() {
    run_connections(Transport::WebSocket);
}

// C22 to C25, with `transports` left at the default.
#[test]
fn the_old_client_joins_and_leaves_across_the_upgrade() {
    run_connections(Transport::Upgrade);
}

// C22 to C25, with `forceJSONP`.
#[test]
fn the_old_client_joins_and_leaves_over_jsonp() {
    run_connections(Transport::Jsonp);
}

// A89, with `transports: ["polling"]`.
#[test]
fn the_old_client_pings_and_is_noticed_when_lost_over_polling() {
    run_heartbeat(Transport::Polling);
}

// A89, with `transports: ["websocket"]`.
#[test]
fn the_old_client_pings_and_is_noticed_when_lost_over_websocket() {
    run_heartbeat(Transport::WebSocket);
}

// A89, with `transports` left at the default.
#[test]
fn the_old_client_pings_and_is_noticed_when_lost_across_the_upgrade() {
    run_heartbeat(Transport::Upgrade);
}

// R42: A88, with engine.io-client 3.x and `transports: ["polling"]`.
#[test]
fn the_old_engine_client_talks_over_polling() {
    run_engine(Transport::Polling);
}

// A90, with engine.io-client 3.x and `transports: ["websocket"]`.
#[test]
fn the_old_engine_client_talks_over_websocket() {
    run_engine(Transport::WebSocket);
}

// A90, with engine.io-client 3.x and `transports` left at the default.
#[test]
fn the_old_engine_client_talks_across_the_upgrade() {
    run_engine(Transport::Upgrade);
}

// A71, with engine.io-client 3.x and `forceJSONP`.
#[test]
fn the_old_engine_client_talks_over_jsonp() {
    run_engine(Transport::Jsonp);
}

// A67, A72, A88.
#[test]
fn the_official_parser_reads_and_writes_the_same_payloads() {
    let server = TestServer::start(&lenient());
    ScenarioRun::of("tests/js/legacy_payloads.mjs", &server, Transport::Polling, &[]).expect_all(&PAYLOADS);
}

// A16, A41: without `allow_eio3`. On a WebSocket the answer is that it closes.
#[test]
fn old_clients_are_refused_unless_they_are_allowed() {
    let server = TestServer::calm();
    for target in ["/socket.io/?EIO=3&transport=polling", "/engine.io/?transport=polling&j=0"] {
        let refused = request(server.addr(), "GET", target, None);
        assert_eq!((refused.status, refused.text()), (400, r#"{"code":5,"message":"Unsupported protocol version"}"#));
    }
    let mut connection = Connection::open(server.addr());
    let headers = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    connection.send_head("GET", "/socket.io/?EIO=3&transport=websocket", &headers);
    assert_eq!(connection.try_head().map(|head| head.status), Some(101));
}
