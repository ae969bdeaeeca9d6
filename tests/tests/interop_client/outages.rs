//! Servers that die, freeze and come back, and cables that are cut without a word. (B28, B30, E9, E19, E34, E37)

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use socketio::AckError;
use socketio::client::{Client, State};
use socketio_tests::Proxy;
use testkit::NodeServer;

use crate::harness::{
    BOTH, EACH_WAY, POLLING, WEBSOCKET, brisk_witness, client, config, expect_alive, lines, log_of, log_of_socket,
    output_of, run, soon, url_of, witness,
};

fn proxy_to(server: &NodeServer) -> Proxy {
    Proxy::start(([127, 0, 0, 1], server.port()).into())
}

/// E19, E37, R14, R39: what is said while the server is dead reaches the next one, once and in order; what was said before
/// reached the first.
#[test]
fn what_is_emitted_before_during_and_after_an_outage_arrives_once_and_in_order() {
    for transports in EACH_WAY {
        let first = Arc::new(witness(&json!({})));
        let proxy = proxy_to(&first);
        run(async {
            let client = client(&proxy.url(), transports);
            let (socket, other) = (client.of("/a"), client.of("/b"));
            let log = log_of_socket(&socket);
            soon(socket.connect()).await.unwrap();
            soon(other.connect()).await.unwrap();
            for number in 0..100 {
                socket.emit("number", &number).unwrap();
            }
            output_of(&first, &socket).await;
            proxy.refuse(true);
            let output = tokio::task::spawn_blocking(move || Arc::into_inner(first).unwrap().end()).await.unwrap();
            log.reaches(2).await;
            assert!(!socket.is_connected() && client.state().will_reconnect());
            let second = Arc::new(tokio::task::spawn_blocking(|| witness(&json!({}))).await.unwrap());
            for number in 100..200 {
                socket.emit("number", &number).unwrap();
                other.emit("number", &(number + 1000)).unwrap();
            }
            assert_eq!(socket.buffered().len(), 100);
            proxy.lead_to(([127, 0, 0, 1], second.port()).into());
            proxy.refuse(false);
            log.has_times("connect", 2).await;
            for number in 200..300 {
                socket.emit("number", &number).unwrap();
            }
            soon(other.connect()).await.unwrap();
            output_of(&second, &socket).await;
            let after = output_of(&second, &other).await;
            let numbers = |output: &str| lines(output, "got ").iter().map(|n| n.parse().unwrap()).collect::<Vec<u32>>();
            assert_eq!(numbers(&output.stdout), (0..100).collect::<Vec<_>>());
            let (of_socket, of_other): (Vec<u32>, Vec<u32>) = numbers(&after).into_iter().partition(|n| *n < 1000);
            assert_eq!(of_socket, (100..300).collect::<Vec<_>>(), "{transports:?}");
            assert_eq!(of_other, (1100..1200).collect::<Vec<_>>(), "{transports:?}");
            assert!(socket.buffered().is_empty());
        });
    }
}

/// E18, E31, R14, R40: a client that is there before its server waits for it, and says that it does.
#[test]
fn a_client_that_comes_before_its_server_waits_for_it() {
    let server = Arc::new(witness(&json!({})));
    let proxy = proxy_to(&server);
    run(async {
        proxy.refuse(true);
        let client = client(&proxy.url(), BOTH);
        let (of_client, socket) = (log_of(&client), client.of("/"));
        let (log, connecting) = (log_of_socket(&socket), socket.connect());
        socket.emit("number", &1).unwrap();
        let entries = log.reaches(3).await;
        assert!(entries.iter().all(|entry| entry.starts_with("connect_error: polling:")), "{entries:?}");
        assert!(socket.state().will_reconnect());
        proxy.refuse(false);
        soon(connecting).await.unwrap();
        assert_eq!(lines(&output_of(&server, &socket).await, "got "), ["1"]);
        assert!(of_client.entries().contains(&"reconnected".to_owned()));
    });
}

/// B28, B30, E34, R14: a server that freezes is given up as `ping timeout`, what is said meanwhile is kept, and it is come back
/// to when it thaws.
#[test]
fn a_server_that_freezes_is_a_ping_timeout_and_is_come_back_to() {
    for transports in [POLLING, WEBSOCKET] {
        let server = Arc::new(brisk_witness(100, 200));
        run(async {
            let mut config = config(transports);
            config.engine.limits.open_timeout = Duration::from_millis(300);
            let client = Client::with_config(&url_of(&server), config).unwrap();
            let (log, socket) = (log_of(&client), client.of("/"));
            let of_socket = log_of_socket(&socket);
            soon(socket.connect()).await.unwrap();
            server.freeze();
            let asked = socket.emit_with_ack::<u32>("number", &1);
            of_socket.has("ping timeout").await;
            assert_eq!(soon(asked).await, Err(AckError::Disconnected), "it had been sent, and nobody knows");
            socket.emit("number", &2).unwrap();
            log.until(|entries| entries.iter().any(|entry| entry.starts_with("failed"))).await;
            server.thaw();
            of_socket.has_times("connect", 2).await;
            let got = lines(&output_of(&server, &socket).await, "got ");
            assert_eq!(got.iter().filter(|number| *number == "2").count(), 1, "{got:?}");
            assert!(log.entries().contains(&"ping timeout".to_owned()));
        });
    }
}

/// B28, E34: the same where the cable is cut and neither end is told, on each transport and after an upgrade.
#[test]
fn a_connection_that_falls_silent_is_a_ping_timeout_and_comes_back() {
    for transports in EACH_WAY {
        let server = Arc::new(brisk_witness(100, 150));
        let proxy = proxy_to(&server);
        run(async {
            let mut config = config(transports);
            config.engine.limits.open_timeout = Duration::from_millis(300);
            let client = Client::with_config(&proxy.url(), config).unwrap();
            let (log, socket) = (log_of(&client), client.of("/"));
            let of_socket = log_of_socket(&socket);
            soon(socket.connect()).await.unwrap();
            if transports == BOTH {
                log.has("upgraded").await;
            }
            expect_alive(&socket).await;
            proxy.silence();
            of_socket.has("ping timeout").await;
            socket.emit("number", &5).unwrap();
            proxy.restore();
            of_socket.has_times("connect", 2).await;
            expect_alive(&socket).await;
            assert_eq!(lines(&output_of(&server, &socket).await, "got "), ["4711", "5", "4711"]);
        });
    }
}

/// E26, B28: a connection on which nothing is said lives by the server's pings.
#[test]
fn a_quiet_connection_lives_by_its_heartbeat() {
    for transports in EACH_WAY {
        let server = brisk_witness(30, 1000);
        run(async {
            let client = client(&url_of(&server), transports);
            let (log, pings) = (log_of(&client), crate::harness::Log::new());
            let heard = pings.clone();
            client.on_event(move |event| {
                if matches!(event, socketio::client::ClientEvent::Ping) {
                    heard.push("ping");
                }
            });
            let socket = client.of("/");
            soon(socket.connect()).await.unwrap();
            pings.reaches(10).await;
            expect_alive(&socket).await;
            assert!(!log.entries().iter().any(|entry| entry.contains("close") || entry.contains("timeout")));
        });
    }
}

/// E6, E17, E19: it gives up after so many attempts, and begins anew when it is told to.
#[test]
fn a_client_gives_up_when_it_was_told_to_and_begins_anew_when_it_is_told_to() {
    let server = witness(&json!({}));
    let proxy = proxy_to(&server);
    run(async {
        let mut config = config(BOTH);
        config.reconnect.attempts = Some(3);
        let client = Client::with_config(&proxy.url(), config).unwrap();
        let (log, socket) = (log_of(&client), client.of("/"));
        soon(socket.connect()).await.unwrap();
        proxy.refuse(true);
        let entries = log.has("gave up").await;
        assert_eq!(entries.iter().filter(|entry| entry.starts_with("failed")).count(), 3, "{entries:?}");
        assert_eq!(client.state(), State::Closed);
        assert!(!socket.state().will_reconnect(), "nobody tries any more");
        proxy.refuse(false);
        soon(socket.connect()).await.unwrap();
        expect_alive(&socket).await;
    });
}

/// E35, R14: to disconnect by hand ends the waiting, and to connect again begins at once.
#[test]
fn a_client_that_waits_can_be_told_to_stop() {
    let server = witness(&json!({}));
    let proxy = proxy_to(&server);
    run(async {
        let mut config = config(BOTH);
        config.reconnect.delay = Duration::from_secs(3600);
        config.reconnect.delay_max = Duration::from_secs(3600);
        let client = Client::with_config(&proxy.url(), config).unwrap();
        let (log, socket) = (log_of_socket(&client.of("/")), client.of("/"));
        soon(socket.connect()).await.unwrap();
        proxy.cut();
        log.reaches(2).await;
        let connecting = socket.connect();
        socket.disconnect();
        assert!(soon(connecting).await.is_err());
        assert!(!socket.state().will_reconnect());
        soon(socket.connect()).await.unwrap();
        expect_alive(&socket).await;
    });
}
