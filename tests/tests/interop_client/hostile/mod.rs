//! A server that wants no good, byte by byte: whatever it does is an error with a reason, and the client comes back; nothing
//! panics, hangs or grows without bound.
//!
//! Owns the proper server that each scenario ends with, the client with its tight bounds, and the verdict. What is done to the
//! client is in the other files.

mod frames;
mod packets;
mod requests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socketio::TransportKind;
use socketio::client::{Client, Socket};
use socketio_tests::{Caller, DEADLINE, RawServer, Request};

use crate::harness::{Log, config, expect_alive, log_of, soon};

/// What a message, an answer, and the attachments of a packet may have, in bytes.
const BOUND: usize = 64 * 1024;

/// What may lie in the buffers of both ends' systems, in bytes: more than that has to have been taken by the client.
const IN_TRANSIT: usize = 16 << 20;

const OPEN: &str = r#"0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

/// A client that takes no more than the bounds above, and waits for nothing for long.
fn bounded_client(url: &str, transports: &[TransportKind]) -> Client {
    let mut config = config(transports);
    config.engine.limits.max_message_bytes = BOUND;
    config.engine.limits.max_fragments = 16;
    config.engine.limits.open_timeout = Duration::from_millis(500);
    config.limits.decoder.max_attachments = 10;
    config.limits.decoder.max_attachment_bytes = BOUND;
    config.limits.attachment_timeout = Duration::from_millis(100);
    config.socket.max_early_events = 100;
    Client::with_config(url, config).unwrap()
}

/// Opens a session on the WebSocket that was asked for.
fn open(caller: &mut Caller, request: &Request) {
    caller.switch(request);
    caller.text(OPEN);
}

/// Lets the client into the namespace that it asks for first.
fn admit(caller: &mut Caller) {
    while caller.read_text().is_some_and(|text| !text.starts_with("40")) {}
    caller.text(r#"40{"sid":"s"}"#);
}

/// Does all that a server has to: it lets everybody in, and answers each question with a number.
fn serve_on(caller: &mut Caller) {
    while let Some(text) = caller.read_text() {
        if text.starts_with("40") {
            caller.text(r#"40{"sid":"s"}"#);
        } else if let Some((id, _)) = text.strip_prefix("42").and_then(|rest| rest.split_once('['))
            && !id.is_empty()
        {
            caller.text(&format!("43{id}[4711]"));
        }
    }
}

/// A server that does this on its first WebSocket, and what is proper on all others.
fn once(misbehave: impl Fn(&mut Caller, &Request) + Send + Sync + 'static) -> RawServer {
    let is_done = AtomicBool::new(false);
    RawServer::start(move |mut caller| {
        let Some(request) = caller.request() else { return };
        if is_done.swap(true, Ordering::AcqRel) {
            open(&mut caller, &request);
            serve_on(&mut caller);
        } else {
            misbehave(&mut caller, &request);
        }
    })
}

/// A client of that server, with the log of its connection.
fn client_of(server: &RawServer) -> (Socket, Log) {
    let client = bounded_client(&server.url(), &[TransportKind::WebSocket]);
    let log = log_of(&client);
    (client.of("/"), log)
}

/// The client's first connection comes to this end, and its next one works. For an end before it is open, `failed`.
async fn expect_end(server: &RawServer, end: &str, what: &str) -> Vec<String> {
    let (socket, log) = client_of(server);
    drop(socket.connect());
    let (expected, seen) = (what.to_owned(), log.clone());
    let back = log.has("reconnected");
    tokio::select! {
        _ = back => {}
        () = tokio::time::sleep(DEADLINE / 2) => panic!("{expected}: it does not come to an end: {:?}", seen.entries()),
    }
    soon(socket.connect()).await.unwrap();
    expect_alive(&socket).await;
    let entries = log.entries();
    let expected =
        if end == "failed" { vec!["failed", "opened", "reconnected"] } else { vec!["opened", end, "opened"] };
    let matches = entries.iter().zip(&expected).all(|(entry, expected)| entry.starts_with(expected));
    assert!(matches && entries.len() <= 4, "{what}: {entries:?} is not {expected:?}");
    entries
}

/// The client takes no notice: its first connection goes on.
async fn expect_nothing(server: &RawServer, what: &str) {
    let (socket, log) = client_of(server);
    soon(socket.connect()).await.unwrap();
    for _ in 0..3 {
        expect_alive(&socket).await;
    }
    assert_eq!(socket.id().unwrap().as_str(), "s", "{what}");
    assert_eq!(log.entries(), ["opened"], "{what}");
}

/// Whether the client has ended the connection on which the server did its worst.
#[derive(Clone)]
struct Witness(Arc<AtomicBool>);

impl Witness {
    fn new() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    fn sees(&self, ended: bool) {
        self.0.store(ended, Ordering::Release);
    }

    async fn has_seen(&self) {
        let seen = async {
            while !self.0.load(Ordering::Acquire) {
                tokio::task::yield_now().await;
            }
        };
        soon(seen).await;
    }
}
