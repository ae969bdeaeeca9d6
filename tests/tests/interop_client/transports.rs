//! The ways to a server: each transport, the change from one to the other, and what is tried where one fails. (B3 to B6, B34)

use std::sync::Arc;

use serde_json::json;
use socketio::TransportKind;
use socketio::client::Client;
use socketio_tests::{CutPoint, Peer, Proxy, Reach, Settings, TestServer};

use crate::harness::{
    BOTH, POLLING, WEBSOCKET, client, config, expect_alive, log_of, on_each_peer, output_of, printed, run, soon,
    url_of, witness,
};

/// B3, B4, B34: which transport carries messages is what the list says, and what the server offers.
#[test]
fn each_list_of_transports_comes_to_what_it_says() {
    on_each_peer(&Settings::calm(), &async |server| {
        let cases = [(POLLING, TransportKind::Polling), (WEBSOCKET, TransportKind::WebSocket)];
        for (transports, expected) in cases {
            let socket = client(&server.url(), transports).of("/echo");
            soon(socket.connect()).await.unwrap();
            expect_alive(&socket).await;
            assert_eq!(socket.client().engine().unwrap().transport(), Some(expected));
        }
        let client = client(&server.url(), BOTH);
        let (log, socket) = (log_of(&client), client.of("/echo"));
        soon(socket.connect()).await.unwrap();
        log.has("upgraded").await;
        expect_alive(&socket).await;
        assert_eq!(client.engine().unwrap().transport(), Some(TransportKind::WebSocket));
    });
}

/// B4: without `upgrade` it stays where it is.
#[test]
fn a_client_that_is_not_to_upgrade_stays_on_long_polling() {
    let server = Arc::new(witness(&json!({})));
    run(async {
        let mut config = config(BOTH);
        config.engine.upgrade = false;
        let socket = Client::with_config(&url_of(&server), config).unwrap().of("/");
        soon(socket.connect()).await.unwrap();
        for _ in 0..5 {
            expect_alive(&socket).await;
        }
        assert!(!output_of(&server, &socket).await.contains("upgrade GET"), "no WebSocket was asked for");
    });
}

/// B6: what refuses a WebSocket does not refuse a client that may try everything.
#[test]
fn a_client_that_may_try_all_transports_comes_by_the_next_one() {
    let settings = Settings { transports: &["polling"], ..Settings::calm() };
    on_each_peer(&settings, &async |server| {
        let mut config = config(&[TransportKind::WebSocket, TransportKind::Polling]);
        config.engine.try_all_transports = true;
        let client = Client::with_config(&server.url(), config).unwrap();
        let (log, socket) = (log_of(&client), client.of("/echo"));
        soon(socket.connect()).await.unwrap();
        expect_alive(&socket).await;
        assert_eq!(log.entries(), ["tries polling", "opened"]);
    });
}

/// B6, E18, E31: without that, the first transport is the only one, and each attempt fails.
#[test]
fn a_client_that_may_not_try_all_transports_fails_with_the_first() {
    let settings = Settings { transports: &["polling"], ..Settings::calm() };
    on_each_peer(&settings, &async |server| {
        let mut config = config(&[TransportKind::WebSocket, TransportKind::Polling]);
        config.reconnect.attempts = Some(2);
        let client = Client::with_config(&server.url(), config).unwrap();
        let (log, socket) = (log_of(&client), client.of("/echo"));
        let error = soon(socket.connect()).await.unwrap_err();
        assert!(error.is_unreachable(), "{error}");
        let entries = log.has("gave up").await;
        assert_eq!(entries.iter().filter(|entry| entry.starts_with("failed: websocket")).count(), 3, "{entries:?}");
        assert!(!socket.state().will_reconnect());
    });
}

/// B5: a client that has come to a WebSocket once begins there the next time; one that failed there does not insist.
#[test]
fn a_client_that_remembers_its_upgrade_begins_on_a_websocket_until_that_fails() {
    let server = TestServer::start_as(Peer::Reference, &Settings::calm());
    let proxy = Proxy::start(server.addr());
    run(async {
        let mut config = config(BOTH);
        config.engine.remember_upgrade = true;
        let client = Client::with_config(&proxy.url(), config).unwrap();
        let (log, socket) = (log_of(&client), client.of("/echo"));
        soon(socket.connect()).await.unwrap();
        log.has("upgraded").await;

        proxy.cut();
        log.has("reconnected").await;
        soon(socket.connect()).await.unwrap();
        assert_eq!(client.engine().unwrap().transport(), Some(TransportKind::WebSocket));
        expect_alive(&socket).await;
        assert_eq!(log.entries().iter().filter(|entry| *entry == "upgraded").count(), 1, "it began there");

        // The next WebSocket is cut while it is asked for: it is forgotten, and long-polling opens the session.
        proxy.cut_at(CutPoint::Asked, Reach::One);
        proxy.cut();
        log.has_times("reconnected", 2).await;
        log.has_times("upgraded", 2).await;
        soon(socket.connect()).await.unwrap();
        expect_alive(&socket).await;
    });
}

/// B35: a server that accepts no WebSocket, though it offers one, is served by long-polling.
#[test]
fn a_probe_that_fails_leaves_the_session_where_it_is() {
    for point in [CutPoint::Asked, CutPoint::Accepted, CutPoint::Said("2probe"), CutPoint::Answered("3probe")] {
        let server = Arc::new(witness(&json!({})));
        let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into());
        run(async {
            proxy.cut_at(point, Reach::One);
            let client = client(&proxy.url(), BOTH);
            let (log, socket) = (log_of(&client), client.of("/"));
            soon(socket.connect()).await.unwrap();
            log.has("upgrade failed").await;
            for _ in 0..5 {
                expect_alive(&socket).await;
            }
            assert_eq!(client.engine().unwrap().transport(), Some(TransportKind::Polling));
            assert_eq!(log.entries(), ["opened", "upgrade failed"], "{point:?}");
            client.close();
            printed(&server, "closed ").await;
        });
    }
}
