//! The official socket.io-client from npm against single features of the server, over polling and over WebSocket; the
//! reference's server judges what is expected (`SIO_TEST_PEER=reference`).
//!
//! Owns the lists of scenarios; what each does is in the file `tests/js/socketio_*.mjs` of that table, what the server does in
//! `rust_server/` and in `tests/js/reference_*.mjs`. Leaves out events, namespaces and rooms in general
//! (`interop_socketio.rs`), and what the answers over HTTP look like to a raw client (`conformance_engineio`).

use std::time::Duration;

use socketio_tests::{CorsSettings, HttpSettings, OriginSettings, ScenarioRun, Settings, TestServer, Transport};

/// D17, D20, D22 to D28.
const DYNAMIC: [&str; 9] = [
    "a name that a pattern takes makes a namespace, with the handlers of the first such pattern",
    "a name that nobody takes is unknown",
    "a function decides by the name and the auth, in the order of declaration",
    "what a function made stays open to all while it exists",
    "a namespace that exists goes before all, and has the handlers of the pattern that takes its name",
    "children are namespaces of their own, and their parent reaches all of them",
    "the middleware of a parent works for its children",
    "a handler that a parent gets later is for later children",
    "the application hears of each new namespace, and a child goes with its last client",
];

/// C21, D29 to D31.
const MIDDLEWARES: [&str; 7] = [
    "middlewares run in order before the client is in, and what they did stays",
    "what a middleware emits arrives before what the handlers emit",
    "an error of a middleware ends the row, and the client may try again with other auth",
    "an error without data has none",
    "a middleware that waits holds back its client and nobody else",
    "a client that goes while a middleware waits is never in",
    "middlewares belong to their namespace",
];

/// D41, D49 to D54, D64 to D67.
const SOCKETS: [&str; 9] = [
    "catch-alls see each event with its arguments, in and out, and no acknowledgement",
    "catch-alls see broadcasts that reach their socket, and stop when they are taken away",
    "a handler of one socket is its own, once is once, and what is taken away does not answer",
    "send is an event called message, in both directions",
    "of many volatile events at once the first goes, or none, and what is not volatile always arrives",
    "what is not to be compressed arrives like everything else",
    "an acknowledgement that comes twice counts once, and one that is late not at all",
    "the server knows how its client came",
    "many questions of both sides do not disturb each other",
];

/// D4, D70 to D72, D97, E34.
const LEAVING: [&str; 10] = [
    "who leaves is in its rooms while it leaves and in none afterwards",
    "the client closes its connection",
    "the server closes the connection underneath",
    "the server disconnects the socket, or its connection",
    "the client sends what is no Socket.IO packet",
    "the client sends a packet out of order",
    "the client sends what is no Engine.IO packet",
    "the cable is cut",
    "a client that joins nothing is let go after the connect timeout",
    "whoever was told to go stays away, and whoever was lost comes back",
];

/// D43, D57, D76 to D88.
const BROADCASTS: [&str; 12] = [
    "a selection is a union, without those left out, and each socket hears once",
    "a volatile broadcast reaches who is ready",
    "all who are asked answer",
    "where nobody is asked the answer is there at once",
    "who does not answer in time is not waited for, and the other answers are there",
    "who leaves without an answer is missing",
    "questions to many and their answers may be binary, and of several arguments the first counts",
    "a selection is moved in and out of rooms",
    "a selection is disconnected, from the namespace or altogether",
    "what is fetched has the fields of the reference",
    "what is fetched can be spoken to, asked, moved and disconnected",
    "many hear long words, each as it was said",
];

/// A10, A14, A17, A25 to A28, D54.
const ENGINE: [&str; 6] = [
    "a session has the id that the application gave",
    "the initial packet is the first that arrives",
    "headers of the application are in the first answer and in all",
    "a middleware may refuse, and the client is told so",
    "the cookie is set by the first answer and comes back with each request",
    "long answers over polling are compressed, unless the event says no",
];

/// A9, A68.
const LIMITS: [&str; 4] = [
    "a message at the limit passes",
    "many messages together may be more than the limit",
    "a message over the limit ends the connection, and nobody else's",
    "who was too loud may come back",
];

/// A11, A12, D54.
const DEFLATE: [&str; 3] = [
    "what is said to many is compressed for those who want it",
    "an event that is not to be compressed comes as it is",
    "clients compress what they send",
];

/// D15.
const CLOSING: [&str; 1] =
    ["all clients of a server that closes see their transport close, and find nobody afterwards"];

/// A13, D8, with a real browser.
const ORIGINS: [&str; 4] = [
    "a page of an allowed origin connects, with credentials and after a preflight",
    "a page of another origin is kept out by its browser",
    "a header that is not allowed is not let through",
    "the bundle for modules is for allowed origins",
];

/// D3, D8.
const FILES: [&str; 4] = [
    "every bundle and map is that of the package",
    "who has this version is not sent it again",
    "files are compressed for who can read that",
    "other names are the engine's business",
];

fn run(table: &str, scenarios: &[&str], settings: &Settings, transport: Transport) {
    let server = TestServer::start(settings);
    ScenarioRun::of("tests/js/socketio_client.mjs", &server, transport, &[table]).expect_all(scenarios);
}

#[test]
fn clients_make_namespaces_by_pattern_and_by_function_over_polling() {
    run("dynamic", &DYNAMIC, &Settings::calm(), Transport::Polling);
}

#[test]
fn clients_make_namespaces_by_pattern_and_by_function_over_websocket() {
    run("dynamic", &DYNAMIC, &Settings::calm(), Transport::WebSocket);
}

#[test]
fn middlewares_let_clients_in_or_not_over_polling() {
    run("middlewares", &MIDDLEWARES, &Settings::calm(), Transport::Polling);
}

#[test]
fn middlewares_let_clients_in_or_not_over_websocket() {
    run("middlewares", &MIDDLEWARES, &Settings::calm(), Transport::WebSocket);
}

#[test]
fn a_socket_has_handlers_catch_alls_and_ways_to_send_of_its_own_over_polling() {
    run("sockets", &SOCKETS, &Settings::calm(), Transport::Polling);
}

#[test]
fn a_socket_has_handlers_catch_alls_and_ways_to_send_of_its_own_over_websocket() {
    run("sockets", &SOCKETS, &Settings::calm(), Transport::WebSocket);
}

/// The connect timeout is what one of the scenarios waits for.
fn impatient() -> Settings {
    Settings { connect_timeout: Duration::from_millis(500), ..Settings::calm() }
}

#[test]
fn both_sides_know_why_a_client_left_over_polling() {
    run("leaving", &LEAVING, &impatient(), Transport::Polling);
}

#[test]
fn both_sides_know_why_a_client_left_over_websocket() {
    run("leaving", &LEAVING, &impatient(), Transport::WebSocket);
}

#[test]
fn many_are_told_asked_moved_and_fetched_over_polling() {
    run("broadcasts", &BROADCASTS, &Settings::calm(), Transport::Polling);
}

#[test]
fn many_are_told_asked_moved_and_fetched_over_websocket() {
    run("broadcasts", &BROADCASTS, &Settings::calm(), Transport::WebSocket);
}

/// Everything that the application can add to a session.
fn elaborate() -> Settings {
    let http = HttpSettings {
        compression: true,
        cookie: true,
        initial_packet: Some(r#"2["greeting","first of all"]"#),
        session_prefix: Some("server7-"),
        hooks: true,
        ..HttpSettings::default()
    };
    Settings { http, ..Settings::calm() }
}

#[test]
fn the_official_client_sees_what_is_added_to_sessions_over_polling() {
    run("engine", &ENGINE, &elaborate(), Transport::Polling);
}

#[test]
fn the_official_client_sees_what_is_added_to_sessions_over_websocket() {
    run("engine", &ENGINE, &elaborate(), Transport::WebSocket);
}

fn narrow() -> Settings {
    Settings { max_payload: 10_000, ..Settings::calm() }
}

// Hazard R27.
#[test]
fn a_client_that_sends_too_much_loses_its_connection_over_polling() {
    run("limits", &LIMITS, &narrow(), Transport::Polling);
}

// Hazard R27.
#[test]
fn a_client_that_sends_too_much_loses_its_connection_over_websocket() {
    run("limits", &LIMITS, &narrow(), Transport::WebSocket);
}

#[test]
fn a_broadcast_is_compressed_for_the_websockets_that_want_it() {
    let settings = Settings { per_message_deflate: true, ..Settings::calm() };
    run("deflate", &DEFLATE, &settings, Transport::WebSocket);
}

// Hazard R36.
#[test]
fn clients_see_a_server_close_over_polling() {
    run("closing", &CLOSING, &Settings::calm(), Transport::Polling);
}

// Hazard R36.
#[test]
fn clients_see_a_server_close_over_websocket() {
    run("closing", &CLOSING, &Settings::calm(), Transport::WebSocket);
}

/// C27, C28, D5: what matters most, in the other format. `interop_socketio.rs` has the rest.
fn run_with_messagepack(transport: Transport) {
    let server = TestServer::start(&Settings { msgpack: true, ..Settings::calm() });
    let words = ["--msgpack", "dynamic", "middlewares", "sockets", "broadcasts"];
    let scenarios = [&DYNAMIC[..], &MIDDLEWARES, &SOCKETS, &BROADCASTS].concat();
    ScenarioRun::of("tests/js/socketio_client.mjs", &server, transport, &words).expect_all(&scenarios);
}

#[test]
fn namespaces_sockets_and_broadcasts_are_the_same_with_messagepack_over_polling() {
    run_with_messagepack(Transport::Polling);
}

#[test]
fn namespaces_sockets_and_broadcasts_are_the_same_with_messagepack_over_websocket() {
    run_with_messagepack(Transport::WebSocket);
}

fn run_in_browser(table: &str, scenarios: &[&str], settings: &Settings) {
    let server = TestServer::start(settings);
    let chromium = testkit::chromium();
    let words = [chromium.to_str().expect("a path in UTF-8"), table];
    ScenarioRun::of("tests/js/browser_features.mjs", &server, Transport::Polling, &words).expect_all(scenarios);
}

#[test]
fn a_browser_lets_pages_of_allowed_origins_connect_and_no_others() {
    let origins = OriginSettings::List(&["http://elsewhere.example", "http://allowed.example"]);
    let cors = Some(CorsSettings { origins, elaborate: true });
    let http = HttpSettings { cors, cookie: true, ..HttpSettings::default() };
    run_in_browser("origins", &ORIGINS, &Settings { http, serve_client: true, ..Settings::calm() });
}

#[test]
fn the_messagepack_bundle_that_is_served_works_in_a_browser() {
    let settings = Settings { msgpack: true, serve_client: true, ..Settings::calm() };
    run_in_browser("msgpack", &["the bundle with MessagePack speaks to a server that does"], &settings);
}

#[test]
fn the_browser_client_is_served_as_the_reference_serves_it() {
    let server = TestServer::start(&Settings { serve_client: true, ..Settings::calm() });
    ScenarioRun::of("tests/js/client_files.mjs", &server, Transport::Polling, &[]).expect_all(&FILES);
}
