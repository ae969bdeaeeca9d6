//! Several namespaces on one connection, and who is in them. (E2, E3, E22, E34, E35)

use std::sync::Arc;

use serde_json::json;
use socketio::client::{Client, State};
use socketio_tests::Settings;

use crate::harness::{
    BOTH, EACH_WAY, client, config, expect_alive, lines, log_of, log_of_socket, on_each_peer, output_of, printed, run,
    soon, url_of, witness,
};

/// E2: the server sees one connection, whatever the number of namespaces.
#[test]
fn many_namespaces_are_one_connection_of_the_engine() {
    for transports in EACH_WAY {
        let server = Arc::new(witness(&json!({})));
        run(async {
            let client = client(&url_of(&server), transports);
            let names: Vec<_> = (0..20).map(|n| if n == 0 { "/".to_owned() } else { format!("/room-{n}") }).collect();
            let sockets: Vec<_> = names.iter().map(|name| client.of(name)).collect();
            let connecting: Vec<_> = sockets.iter().map(|socket| socket.connect()).collect();
            for connecting in connecting {
                soon(connecting).await.unwrap();
            }
            for (socket, name) in sockets.iter().zip(&names) {
                let (namespace, id, sessions): (String, String, u32) =
                    soon(socket.emit_with_ack("where", &())).await.unwrap();
                assert_eq!((&namespace, sessions), (name, 1));
                assert_eq!(socket.id().unwrap().as_str(), id);
            }
            let output = output_of(&server, &sockets[0]).await;
            assert_eq!(lines(&output, "session ").len(), 1, "{transports:?}");
        });
    }
}

/// E2, R21: the same ids in two namespaces, and in two clients, answered the wrong way round.
#[test]
fn acknowledgements_find_their_namespace_and_their_client() {
    let server = witness(&json!({}));
    run(async {
        for transports in EACH_WAY {
            let clients = [client(&url_of(&server), transports), client(&url_of(&server), transports)];
            let sockets: Vec<_> =
                clients.iter().flat_map(|client| ["/a", "/b", "/c"].map(|name| client.of(name))).collect();
            for socket in &sockets {
                soon(socket.connect()).await.unwrap();
            }
            let count = sockets.len() * 5;
            let mut asked = Vec::new();
            for round in 0..5 {
                for (n, socket) in sockets.iter().enumerate() {
                    let label = format!("{n} {round}");
                    let answer = socket.emit_with_ack::<(String, String)>("hold", &(&label, count));
                    asked.push((label, socket.namespace(), answer));
                }
            }
            for (label, namespace, answer) in asked {
                assert_eq!(soon(answer).await.unwrap(), (label, namespace.to_owned()));
            }
        }
    });
}

/// E22, E35: who leaves one namespace stays in the others; the last one closes the connection.
#[test]
fn the_last_namespace_that_is_left_closes_the_connection() {
    for transports in EACH_WAY {
        let server = Arc::new(witness(&json!({})));
        run(async {
            let client = client(&url_of(&server), transports);
            let (log, sockets) = (log_of(&client), ["/", "/a"].map(|name| client.of(name)));
            let left = log_of_socket(&sockets[0]);
            for socket in &sockets {
                soon(socket.connect()).await.unwrap();
            }
            sockets[0].disconnect();
            assert_eq!(left.reaches(2).await, ["connect", "io client disconnect"]);
            expect_alive(&sockets[1]).await;
            assert_eq!(client.state(), State::Open);
            assert_eq!(lines(&output_of(&server, &sockets[1]).await, "left "), ["/ client namespace disconnect"]);
            sockets[1].disconnect();
            assert_eq!(printed(&server, "left /a ").await, "client namespace disconnect", "{transports:?}");
            log.has("forced close").await;
            assert_eq!(client.state(), State::Closed);
            printed(&server, "closed ").await;
            // It may come again, as a new connection.
            soon(sockets[0].connect()).await.unwrap();
            expect_alive(&sockets[0]).await;
            assert!(!sockets[1].is_connected());
            assert_eq!(lines(&output_of(&server, &sockets[0]).await, "session ").len(), 2);
        });
    }
}

/// E34, E35: whom the server puts out stays out until it is asked for, and comes back on the same connection if that is open.
#[test]
fn a_socket_that_the_server_disconnects_stays_away_until_it_connects() {
    on_each_peer(&Settings::calm(), &async |server| {
        for transports in EACH_WAY {
            let client = client(&server.url(), transports);
            let (leaving, echo) = (client.of("/leaving"), client.of("/echo"));
            let log = log_of_socket(&leaving);
            soon(leaving.connect()).await.unwrap();
            soon(echo.connect()).await.unwrap();
            let session = client.engine().unwrap().id().unwrap();
            leaving.emit("disconnect-me", &false).unwrap();
            assert_eq!(log.reaches(2).await, ["connect", "io server disconnect"]);
            assert!(!leaving.state().will_reconnect());
            expect_alive(&echo).await;
            soon(leaving.connect()).await.unwrap();
            assert_eq!(client.engine().unwrap().id().unwrap().expose(), session.expose());
        }
    });
}

/// E19, E34: where the server closes the whole connection underneath, the reason of each socket says so, and nothing comes
/// back by itself for whom the server has put out.
#[test]
fn a_server_that_closes_the_connection_is_not_come_back_to_by_those_it_put_out() {
    on_each_peer(&Settings::calm(), &async |server| {
        for transports in EACH_WAY {
            let client = client(&server.url(), transports);
            let leaving = client.of("/leaving");
            let (log, of_client) = (log_of_socket(&leaving), log_of(&client));
            soon(leaving.connect()).await.unwrap();
            leaving.emit("disconnect-me", &true).unwrap();
            assert_eq!(log.reaches(2).await[1], "io server disconnect");
            of_client.until(|entries| entries.iter().any(|entry| entry.contains("close"))).await;
            assert_eq!(client.state(), State::Closed, "{:?}", of_client.entries());
            soon(leaving.connect()).await.unwrap();
        }
    });
}

/// E19, E34: a connection that the server closes without putting anybody out comes back.
#[test]
fn a_connection_that_the_server_closes_comes_back() {
    for transports in EACH_WAY {
        let server = Arc::new(witness(&json!({})));
        run(async {
            let client = client(&url_of(&server), transports);
            let (socket, other) = (client.of("/a"), client.of("/b"));
            let (log, of_other) = (log_of_socket(&socket), log_of_socket(&other));
            soon(socket.connect()).await.unwrap();
            soon(other.connect()).await.unwrap();
            socket.emit("cut", &()).unwrap();
            assert_eq!(log.reaches(3).await, ["connect", "transport close", "connect"]);
            assert_eq!(of_other.reaches(3).await, ["connect", "transport close", "connect"]);
            expect_alive(&socket).await;
            assert_eq!(lines(&output_of(&server, &socket).await, "session ").len(), 2);
        });
    }
}

/// E5, E19: without reconnection, an end is the end.
#[test]
fn a_client_that_is_not_to_reconnect_stays_away() {
    let server = witness(&json!({}));
    run(async {
        let mut config = config(BOTH);
        config.reconnection = false;
        let client = Client::with_config(&url_of(&server), config).unwrap();
        let (log, socket) = (log_of(&client), client.of("/"));
        soon(socket.connect()).await.unwrap();
        socket.emit("cut", &()).unwrap();
        log.has("transport close").await;
        assert_eq!(client.state(), State::Closed);
        soon(socket.connect()).await.unwrap();
        expect_alive(&socket).await;
    });
}
