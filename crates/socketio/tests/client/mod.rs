//! A client for tests: long-polling straight into the engine, one packet a line. And [`Log`], where
//! handlers write what they saw.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use socketio::{DisconnectReason, Event, Server, Socket};
use tokio::sync::Notify;

/// Far beyond any test; on a paused clock it costs nothing.
const DEADLINE: Duration = Duration::from_secs(60);

/// Longer than any limit that is waited for.
const PATIENCE: Duration = Duration::from_secs(600);

type Body = engineio::server::Body<Full<bytes::Bytes>>;

/// One connection.
pub(crate) struct Client {
    io: Server,
    sid: String,
}

impl Client {
    /// A connection that has joined nothing.
    pub(crate) async fn open(io: &Server) -> Self {
        let mut client = Self { io: io.clone(), sid: String::new() };
        let open = client.get().await;
        client.sid = format!("&sid={}", open.split('"').nth(3).unwrap());
        client
    }

    /// A connection that has joined the main namespace.
    pub(crate) async fn connected(io: &Server) -> Self {
        let client = Self::open(io).await;
        client.send("40").await;
        let answer = client.receive().await;
        assert!(answer[0].starts_with("40{\"sid\""), "{answer:?}");
        client
    }

    /// The same, with its socket.
    #[allow(dead_code, reason = "not every test file looks at the server's side")]
    pub(crate) async fn with_socket(io: &Server) -> (Self, Socket) {
        let before = io.of("/").sockets();
        let client = Self::connected(io).await;
        let socket = io.of("/").sockets().into_iter().find(|socket| !before.contains(socket)).unwrap();
        (client, socket)
    }

    async fn ask(&self, method: &str, body: &str) -> (StatusCode, String) {
        let uri = format!("/socket.io/?EIO=4&transport=polling{}", self.sid);
        let body: Full<bytes::Bytes> = Full::from(body.to_owned());
        let request = Request::builder().method(method).uri(uri).body(body).unwrap();
        let response: http::Response<Body> = self.io.engine().handle(request).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self) -> String {
        let (status, body) = self.ask("GET", "").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// Sends Engine.IO packets.
    pub(crate) async fn post(&self, payload: &str) {
        assert_eq!(self.ask("POST", payload).await, (StatusCode::OK, "ok".into()));
    }

    /// Sends Socket.IO packets, each written with its leading `4`; attachments as `b…`.
    pub(crate) async fn send(&self, payload: &str) {
        self.post(payload).await;
    }

    /// The packets of the next answer that has more than a ping, which is answered.
    pub(crate) async fn receive(&self) -> Vec<String> {
        let wait = async {
            loop {
                let packets: Vec<_> = self.get().await.split('\u{1e}').map(str::to_owned).collect();
                if packets == ["2"] {
                    self.post("3").await;
                    continue;
                }
                return packets;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the server sends something")
    }

    /// Joins a namespace, and gives what comes behind the CONNECT.
    #[allow(dead_code, reason = "each test file uses another part of the client")]
    pub(crate) async fn join(&self, name: &str) -> Vec<String> {
        self.send(&format!("40{name},")).await;
        let mut packets = self.receive().await;
        assert!(packets[0].starts_with(&format!("40{name},{{\"sid\"")), "{packets:?}");
        packets.split_off(1)
    }

    /// Sends what is answered at once, and gives the answer.
    #[allow(dead_code, reason = "each test file uses another part of the client")]
    pub(crate) async fn exchange(&self, packet: &str) -> Vec<String> {
        self.send(packet).await;
        self.receive().await
    }

    /// A GET that is one too many.
    pub(crate) async fn refused_get(&self) {
        assert_eq!(self.ask("GET", "").await.0, StatusCode::BAD_REQUEST);
    }

    /// Sends what the server will not take.
    #[allow(dead_code, reason = "each test file uses another part of the client")]
    pub(crate) async fn send_refused(&self, payload: &str) {
        assert_eq!(self.ask("POST", payload).await.0, StatusCode::BAD_REQUEST);
    }

    /// Says good-bye, whether or not the session is still there.
    pub(crate) async fn close(&self) {
        self.ask("POST", "1").await;
    }

    /// All packets up to and with `last`.
    pub(crate) async fn receive_until(&self, last: &str) -> Vec<String> {
        let mut packets = Vec::new();
        while packets.last().is_none_or(|packet| packet != last) {
            packets.extend(self.receive().await);
        }
        packets
    }

    /// So many packets, or more where they come together.
    #[allow(dead_code, reason = "each test file uses another part of the client")]
    pub(crate) async fn receive_until_count(&self, count: usize) -> Vec<String> {
        let mut packets = Vec::new();
        while packets.len() < count {
            packets.extend(self.receive().await);
        }
        packets
    }

    /// Answers pings for so long, at the least; nothing else may come.
    #[allow(dead_code, reason = "each test file uses another part of the client")]
    pub(crate) async fn receive_pings(&self, time: Duration) {
        let end = tokio::time::Instant::now() + time;
        while tokio::time::Instant::now() < end {
            assert_eq!(self.get().await, "2");
            self.post("3").await;
        }
    }

    /// Lets everybody else run until all wait: on a paused clock, time moves only then.
    pub(crate) async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// What handlers saw, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<(Mutex<Vec<String>>, Notify)>);

type Done = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Log {
    pub(crate) fn push(&self, entry: String) {
        self.0.0.lock().unwrap().push(entry);
        self.0.1.notify_waiters();
    }

    pub(crate) fn clear(&self) {
        self.0.0.lock().unwrap().clear();
    }

    pub(crate) fn entries(&self) -> Vec<String> {
        self.0.0.lock().unwrap().clone()
    }

    /// A handler that notes why sockets left.
    pub(crate) fn reasons(&self) -> impl Fn(DisconnectReason) -> Done + Send + Sync + 'static + use<> {
        let log = self.clone();
        move |reason: DisconnectReason| {
            log.push(reason.to_string());
            Box::pin(async {})
        }
    }

    /// A handler of any kind that notes that it ran.
    #[allow(dead_code, reason = "each test file uses another part of the log")]
    pub(crate) fn note(&self, entry: &str) -> impl Fn() -> Done + Send + Sync + 'static + use<> {
        let (log, entry) = (self.clone(), entry.to_owned());
        move || {
            log.push(entry.clone());
            Box::pin(async {})
        }
    }

    /// What was noted since the last time.
    #[allow(dead_code, reason = "each test file uses another part of the log")]
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.0.lock().unwrap())
    }

    /// A handler that notes the names of events.
    pub(crate) fn events(&self) -> impl Fn(Event) -> Done + Send + Sync + 'static + use<> {
        let log = self.clone();
        move |Event(name): Event| {
            log.push(name);
            Box::pin(async {})
        }
    }

    /// Waits until the log has that many entries.
    pub(crate) async fn reaches(&self, count: usize) {
        let wait = async {
            loop {
                let changed = self.0.1.notified();
                if self.entries().len() >= count {
                    return;
                }
                changed.await;
            }
        };
        let outcome = tokio::time::timeout(DEADLINE, wait).await;
        outcome.unwrap_or_else(|_| panic!("{} entries instead of {count}", self.entries().len()));
    }

    /// Waits until the log is exactly this.
    pub(crate) async fn becomes(&self, expected: &[&str]) {
        let wait = async {
            loop {
                let changed = self.0.1.notified();
                if self.entries() == expected {
                    return;
                }
                changed.await;
            }
        };
        let outcome = tokio::time::timeout(DEADLINE, wait).await;
        outcome.unwrap_or_else(|_| panic!("{:?} instead of {expected:?}", self.entries()));
    }
}
