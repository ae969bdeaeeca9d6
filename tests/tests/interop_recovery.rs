//! Connection state recovery with the official socket.io-client: its connection is lost, with and without the server
//! noticing, and it comes back. (D103 to D114, R12, R32)
//!
//! The scenarios are in `tests/js/recovery_client.mjs`, which also knows in which of them the reference does not recover a
//! client. Leaves out what takes hours, and what no client does (`crates/socketio/tests/recovery*.rs`).

use std::time::Duration;

use socketio_tests::{Peer, ScenarioRun, Settings, TestServer, Transport, peer};

const SCENARIOS: [&str; 11] = [
    "a client that comes back has its id, rooms and data, and gets what it missed before `connect`",
    "binary events are replayed",
    "a client that never received an event comes back",
    "a client that was quiet for longer than anything is kept comes back",
    "a client that comes back before its loss is noticed takes the place of its old socket",
    "a client comes back again and again and sees everything once",
    "volatile events that end with a text do no harm",
    "more was missed than the queue of a connection holds",
    "who was asked to leave, or leaves, begins anew",
    "who is away for too long begins anew",
    "each namespace of a connection comes back",
];

const MAX_AWAY: Duration = Duration::from_secs(3);

fn run(transport: Transport) {
    let settings = Settings {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(700),
        recovery: Some(MAX_AWAY),
        max_queue: 20_000,
        ..Settings::calm()
    };
    let detection = settings.ping_interval + 2 * settings.ping_timeout;
    let server = TestServer::start(&settings);
    let peer = if peer() == Peer::Reference { "reference" } else { "rust" };
    let times = [MAX_AWAY, detection].map(|time| time.as_millis().to_string());
    let words = [peer, &times[0], &times[1]];
    ScenarioRun::of("tests/js/recovery_client.mjs", &server, transport, &words).expect_all(&SCENARIOS);
}

// [SIO5 Connection state recovery], with `transports: ["polling"]`.
#[test]
fn the_official_client_is_recovered_over_polling() {
    run(Transport::Polling);
}

// [SIO5 Connection state recovery], with `transports: ["websocket"]`.
#[test]
fn the_official_client_is_recovered_over_websocket() {
    run(Transport::WebSocket);
}
