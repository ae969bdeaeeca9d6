//! What the scenarios share: servers, clients that are in a hurry, and logs that can be waited for.
//!
//! Nothing sleeps: a test waits for an entry of a log, or for a future, and fails with what there is at the deadline.

use std::fmt::Display;
use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use socketio::client::{Client, ClientEvent, Config, Socket};
use socketio::{DisconnectReason, TransportKind};
use socketio_tests::{DEADLINE, Peer, Settings, TestServer};
use testkit::NodeServer;
use tokio::sync::watch;

pub(crate) const POLLING: &[TransportKind] = &[TransportKind::Polling];
pub(crate) const WEBSOCKET: &[TransportKind] = &[TransportKind::WebSocket];
/// Begins on long-polling and moves.
pub(crate) const BOTH: &[TransportKind] = &[TransportKind::Polling, TransportKind::WebSocket];
pub(crate) const EACH_WAY: [&[TransportKind]; 3] = [POLLING, WEBSOCKET, BOTH];

/// Runs a test in a runtime of one thread, with which everything of the client ends.
pub(crate) fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

/// Runs a test with the reference, then with our own server. The servers end after the client.
pub(crate) fn on_each_peer(settings: &Settings, test: &impl AsyncFn(&TestServer)) {
    for peer in [Peer::Reference, Peer::Rust] {
        let server = TestServer::start_as(peer, settings);
        run(test(&server));
    }
}

/// Starts the reference that writes down what it sees.
#[track_caller]
pub(crate) fn witness(options: &Value) -> NodeServer {
    NodeServer::start("tests/js/witness_server.mjs", [options.to_string()])
}

/// A witness with these times of its heartbeat, in milliseconds.
#[track_caller]
pub(crate) fn brisk_witness(ping_interval: u64, ping_timeout: u64) -> NodeServer {
    witness(&json!({ "pingInterval": ping_interval, "pingTimeout": ping_timeout }))
}

pub(crate) fn url_of(server: &NodeServer) -> String {
    format!("http://127.0.0.1:{}", server.port())
}

/// What the server has printed that begins so, without that.
pub(crate) fn lines(output: &str, prefix: &str) -> Vec<String> {
    output.lines().filter_map(|line| line.strip_prefix(prefix)).map(str::to_owned).collect()
}

/// Waits in a thread of its own until the server has printed such a line, and gives its rest.
pub(crate) async fn printed(server: &Arc<NodeServer>, prefix: &'static str) -> String {
    let server = server.clone();
    tokio::task::spawn_blocking(move || server.wait_for_line(prefix, DEADLINE)).await.unwrap()
}

/// All that the server has printed up to an event that is sent now.
#[track_caller]
pub(crate) fn output_of(server: &Arc<NodeServer>, socket: &Socket) -> impl Future<Output = String> {
    static MARKS: AtomicU32 = AtomicU32::new(0);
    let word = MARKS.fetch_add(1, Ordering::Relaxed);
    socket.emit("mark", &word).unwrap();
    let server = server.clone();
    async move {
        let waiting = move || {
            server.wait_for_line(&format!("mark {word}"), DEADLINE);
            server.output().stdout
        };
        tokio::task::spawn_blocking(waiting).await.unwrap()
    }
}

/// A client's configuration that does not wait long before it tries again.
pub(crate) fn config(transports: &[TransportKind]) -> Config {
    let mut config = Config::default();
    config.engine.transports = transports.to_vec();
    config.reconnect.delay = Duration::from_millis(10);
    config.reconnect.delay_max = Duration::from_millis(100);
    config
}

pub(crate) fn client(url: &str, transports: &[TransportKind]) -> Client {
    Client::with_config(url, config(transports)).unwrap()
}

/// The future's value; the test fails if there is none by the deadline.
#[track_caller]
pub(crate) fn soon<F: IntoFuture>(future: F) -> impl Future<Output = F::Output> {
    let asked = Location::caller();
    let future = future.into_future();
    async move {
        let value = tokio::time::timeout(DEADLINE, future).await;
        value.unwrap_or_else(|_| panic!("nothing came within {DEADLINE:?} at {asked}"))
    }
}

/// What has happened, in order, for somebody who waits for it. Clones are the same.
#[derive(Clone)]
pub(crate) struct Log(Arc<watch::Sender<Vec<String>>>);

impl Log {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Vec::new())))
    }

    pub(crate) fn push(&self, entry: impl Display) {
        self.0.send_modify(|entries| entries.push(entry.to_string()));
    }

    pub(crate) fn entries(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    /// Waits until it holds for the entries, and gives them.
    #[track_caller]
    pub(crate) fn until(&self, holds: impl Fn(&[String]) -> bool) -> impl Future<Output = Vec<String>> {
        let asked = Location::caller();
        let mut entries = self.0.subscribe();
        async move {
            let waited = tokio::time::timeout(DEADLINE, entries.wait_for(|entries| holds(entries))).await;
            match waited {
                Ok(entries) => entries.unwrap().clone(),
                Err(_) => panic!("not within {DEADLINE:?} at {asked}: {:?}", self.entries()),
            }
        }
    }

    /// Waits until there are so many entries.
    #[track_caller]
    pub(crate) fn reaches(&self, count: usize) -> impl Future<Output = Vec<String>> {
        self.until(move |entries| entries.len() >= count)
    }

    /// Waits until this is among the entries.
    #[track_caller]
    pub(crate) fn has(&self, entry: &str) -> impl Future<Output = Vec<String>> {
        self.has_times(entry, 1)
    }

    /// Waits until this is among the entries so many times.
    #[track_caller]
    pub(crate) fn has_times(&self, entry: &str, times: usize) -> impl Future<Output = Vec<String>> {
        self.until(move |entries| entries.iter().filter(|had| *had == entry).count() >= times)
    }
}

/// What happens to the connection, each in a word or two.
pub(crate) fn log_of(client: &Client) -> Log {
    let log = Log::new();
    let kept = log.clone();
    client.on_event(move |event| match event {
        ClientEvent::Opened => log.push("opened"),
        ClientEvent::Closed(closed) => log.push(closed.reason),
        ClientEvent::Failed { error, .. } => log.push(format_args!("failed: {error}")),
        ClientEvent::Reconnected(_) => log.push("reconnected"),
        ClientEvent::GaveUp => log.push("gave up"),
        ClientEvent::Upgraded => log.push("upgraded"),
        ClientEvent::UpgradeFailed(_) => log.push("upgrade failed"),
        ClientEvent::TriesNext(kind) => log.push(format_args!("tries {kind}")),
        _ => {}
    });
    kept
}

/// How a socket comes and goes: `connect`, the reasons of `disconnect`, the texts of `connect_error`.
pub(crate) fn log_of_socket(socket: &Socket) -> Log {
    let log = Log::new();
    let (connects, errors, ends) = (log.clone(), log.clone(), log.clone());
    socket
        .on_connect(move || {
            connects.push("connect");
            async {}
        })
        .on_connect_error(move |error: socketio::client::ConnectError| {
            errors.push(format_args!("connect_error: {error}"));
            async {}
        })
        .on_disconnect(move |reason: DisconnectReason| {
            ends.push(reason);
            async {}
        });
    log
}

/// Shows that the socket works: the server, which is an echo or a witness, answers, if not within the time that the socket allows.
#[track_caller]
pub(crate) fn expect_alive(socket: &Socket) -> impl Future<Output = ()> {
    let answer = soon(socket.timeout(DEADLINE).emit_with_ack::<u32>("number", &4711));
    async { assert_eq!(answer.await, Ok(4711)) }
}
