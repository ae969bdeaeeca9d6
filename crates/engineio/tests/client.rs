//! The client's session against this crate's own server, over real sockets: every way to open one, and every way to end it.
//! What the official servers say of it is in the workspace's `tests`.
#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]
#![cfg(all(feature = "server", feature = "client"))]

use std::{net::SocketAddr, sync::Mutex, time::Duration};

use engineio::{
    CloseMode, CloseReason, Config, Message, TransportKind,
    client::{self, Listener, Notice, Session},
    server::Engine,
};

/// An engine that sends back what it gets, on a port of its own.
async fn echo(config: Config) -> (Engine, SocketAddr) {
    let engine = Engine::new(config, |session| async move {
        while let Some(message) = session.recv().await {
            if session.send(message).is_err() {
                break;
            }
        }
    });
    let listener = engine.bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(engine.service()));
    (engine, address)
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it happens soon")
}

fn on(transports: &[TransportKind]) -> client::Config {
    let mut config = client::Config::default();
    config.transports = transports.to_vec();
    config
}

async fn connect(address: SocketAddr, config: client::Config) -> Session {
    soon(client::connect(&format!("http://{address}"), config)).await.unwrap()
}

#[tokio::test]
async fn a_session_talks_over_each_transport_and_across_the_upgrade() {
    let (_engine, address) = echo(Config::default()).await;
    use TransportKind::{Polling, WebSocket};
    for transports in [&[Polling][..], &[WebSocket], &[Polling, WebSocket]] {
        let session = connect(address, on(transports)).await;
        for number in 0..300u32 {
            let message = if number % 3 == 0 {
                Message::Binary(bytes::Bytes::copy_from_slice(&number.to_be_bytes()))
            } else {
                number.to_string().into()
            };
            session.send(message).unwrap();
            if number == 150 && transports.len() == 2 {
                assert!(soon(session.upgraded()).await);
            }
        }
        for number in 0..300u32 {
            let message = soon(session.recv()).await.expect("the session goes on");
            let expected = if number % 3 == 0 {
                Message::Binary(bytes::Bytes::copy_from_slice(&number.to_be_bytes()))
            } else {
                number.to_string().into()
            };
            assert_eq!(message, expected, "{transports:?}");
        }
        assert_eq!(session.transport(), transports.last().copied());
        session.close(CloseMode::Graceful);
        assert_eq!(soon(session.closed()).await.reason, CloseReason::ForcedClose);
    }
}

/// B27: what a session has to say beside messages.
#[tokio::test]
async fn the_listener_hears_of_the_opening_the_upgrade_and_the_heartbeat() {
    let mut config = Config::default();
    config.limits.ping_interval = Duration::from_millis(20);
    let (_engine, address) = echo(config).await;
    let (heard, mut notices) = tokio::sync::mpsc::unbounded_channel();
    let mut config = client::Config::default();
    let heard = Mutex::new(heard);
    config.listener = Some(Listener::new(move |notice| {
        let _ = heard.lock().unwrap().send(notice);
    }));
    let _session = connect(address, config).await;
    let mut seen = Vec::new();
    while !seen.contains(&Notice::Ping) || !seen.contains(&Notice::Upgraded) {
        seen.push(soon(notices.recv()).await.unwrap());
    }
    assert_eq!(seen[0], Notice::Opened);
}

/// Dropping the last handle ends the session, after what was sent has left.
#[tokio::test]
async fn the_last_handle_takes_the_session_along_and_what_was_sent_arrives() {
    let (got, mut messages) = tokio::sync::mpsc::unbounded_channel();
    let engine = Engine::new(Config::default(), move |session| {
        let got = got.clone();
        async move {
            while let Some(message) = session.recv().await {
                let _ = got.send(Some(message));
            }
            let _ = got.send(None);
        }
    });
    let listener = engine.bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(engine.service()));
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let session = connect(address, on(&[transport])).await;
        let other = session.clone();
        session.send("last words").unwrap();
        drop(session);
        drop(other);
        assert_eq!(soon(messages.recv()).await, Some(Some("last words".into())), "{transport}");
        assert_eq!(soon(messages.recv()).await, Some(None), "{transport}");
    }
}

/// B6, B35: a server without WebSockets.
#[tokio::test]
async fn a_transport_that_cannot_be_had_is_followed_by_the_next_one_where_that_is_asked_for() {
    let mut config = Config::default();
    config.transports = vec![TransportKind::Polling];
    let (_engine, address) = echo(config).await;
    let mut wanted = on(&[TransportKind::WebSocket, TransportKind::Polling]);
    assert!(soon(client::connect(&format!("http://{address}"), wanted.clone())).await.is_err());
    wanted.try_all_transports = true;
    let session = connect(address, wanted).await;
    assert_eq!(session.transport(), Some(TransportKind::Polling));
    session.send("hello").unwrap();
    assert_eq!(soon(session.recv()).await, Some("hello".into()));
}
