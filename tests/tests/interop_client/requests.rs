//! What the requests of a client carry: headers, query, cookies, paths, and no more than the server takes. (B2, B7 to B9, B19,
//! B31, E14)

use std::sync::Arc;

use serde_json::{Value, json};
use socketio::client::Client;
use socketio::engineio::PerMessageDeflate;
use socketio_tests::Settings;

use crate::harness::{
    BOTH, EACH_WAY, POLLING, WEBSOCKET, config, expect_alive, lines, log_of, log_of_socket, on_each_peer, output_of,
    run, soon, url_of, witness,
};

/// B7, B8, E14: both servers see the headers and the query of the client in the handshake.
#[test]
fn headers_and_query_arrive_on_every_transport() {
    on_each_peer(&Settings::calm(), &async |server| {
        for transports in EACH_WAY {
            let mut config = config(transports);
            config.engine.query.push(("room".into(), "a b&c=é".into()));
            config.engine.query.push(("EIO".into(), "3".into()));
            config.engine.extra_headers.insert("x-token", "secret".parse().unwrap());
            let socket = Client::with_config(&format!("{}?of=url", server.url()), config).unwrap().of("/sockets");
            soon(socket.connect()).await.unwrap();
            let handshake: Value = soon(socket.emit_with_ack("handshake", &())).await.unwrap();
            assert_eq!(handshake["headers"]["x-token"], "secret");
            let query = &handshake["query"];
            assert_eq!((&query["room"], &query["of"], &query["EIO"]), (&json!("a b&c=é"), &json!("url"), &json!("4")));
        }
    });
}

/// B8, B9: a cookie that a load balancer sets with the first answer comes back with each request, and with the WebSocket's;
/// without `with_credentials` it does not. Headers of the user go along each time.
#[test]
fn a_sticky_cookie_comes_back_with_every_request() {
    for with_credentials in [true, false] {
        let server = Arc::new(witness(&json!({ "sticky": "backend-7" })));
        run(async {
            let mut config = config(BOTH);
            config.engine.with_credentials = with_credentials;
            config.engine.extra_headers.insert("x-token", "secret".parse().unwrap());
            let client = Client::with_config(&url_of(&server), config).unwrap();
            let (log, socket) = (log_of(&client), client.of("/"));
            soon(socket.connect()).await.unwrap();
            log.has("upgraded").await;
            expect_alive(&socket).await;
            let output = output_of(&server, &socket).await;
            let requests = [lines(&output, "request "), lines(&output, "upgrade ")].concat();
            assert!(requests.len() > 2 && requests.iter().any(|line| line.starts_with("GET websocket")));
            assert!(requests.iter().all(|line| line.contains(r#""token":"secret""#)), "{requests:#?}");
            let sent = requests.iter().filter(|line| line.contains(r#""cookie":"backend=backend-7""#)).count();
            // All but the first, which was answered with it.
            assert_eq!(sent, if with_credentials { requests.len() - 1 } else { 0 }, "{requests:#?}");
        });
    }
}

/// B9: on a WebSocket too, a cookie belongs to the session that it was set for, as with the reference.
#[test]
fn a_cookie_is_forgotten_with_its_session() {
    let server = Arc::new(witness(&json!({ "sticky": "backend-7" })));
    run(async {
        let mut config = config(WEBSOCKET);
        config.engine.with_credentials = true;
        let socket = Client::with_config(&url_of(&server), config).unwrap().of("/");
        let log = log_of_socket(&socket);
        soon(socket.connect()).await.unwrap();
        socket.emit("cut", &()).unwrap();
        log.has_times("connect", 2).await;
        let upgrades = lines(&output_of(&server, &socket).await, "upgrade ");
        let cookies: Vec<_> = upgrades.iter().map(|line| line.contains("backend=backend-7")).collect();
        assert_eq!(cookies, [false, false], "{upgrades:?}");
    });
}

/// B2, B23, E12: another path, with and without a slash at its end.
#[test]
fn a_path_of_ones_own_is_used_on_every_transport() {
    for (path, add_trailing_slash, expected) in
        [("/live/chat", true, "/live/chat/"), ("/live/chat", false, "/live/chat")]
    {
        let server = witness(&json!({ "path": "/live/chat", "addTrailingSlash": add_trailing_slash }));
        run(async {
            for transports in EACH_WAY {
                let mut config = config(transports);
                config.engine.path = path.to_owned();
                config.engine.add_trailing_slash = add_trailing_slash;
                let client = Client::with_config(&url_of(&server), config).unwrap();
                let (log, socket) = (log_of(&client), client.of("/"));
                soon(socket.connect()).await.unwrap();
                if transports == BOTH {
                    log.has("upgraded").await;
                }
                expect_alive(&socket).await;
            }
        });
        let output = server.end().stdout;
        let requests = [lines(&output, "request "), lines(&output, "upgrade ")].concat();
        assert!(requests.iter().all(|line| line.contains(&format!(r#""path":"{expected}""#))), "{requests:#?}");
    }
}

/// B31, B32: over polling, what is queued goes in bodies that the server takes, whatever the sizes of its parts; binary
/// grows on the way.
#[test]
fn a_batch_over_polling_is_cut_so_that_the_server_takes_each_part() {
    let server = Arc::new(witness(&json!({ "maxHttpBufferSize": 2000 })));
    run(async {
        let client = Client::with_config(&url_of(&server), config(POLLING)).unwrap();
        let (log, socket) = (log_of(&client), client.of("/"));
        soon(socket.connect()).await.unwrap();
        let mut expected = Vec::new();
        for n in 0..300_usize {
            // Small ones, and some just below the limit; the characters have one to four bytes.
            let length = if n % 7 == 0 { 1950 } else { (n * 37) % 300 };
            let character = ["x", "é", "😀"][n % 3];
            socket.emit("number", &(n, character.repeat(length / character.len()))).unwrap();
            if n % 10 == 0 {
                socket.emit("bytes", &bytes::Bytes::from(vec![0; 1400])).unwrap();
            }
            expected.push(n.to_string());
        }
        socket.emit("number", &9999).unwrap();
        expected.push("9999".to_owned());
        let output = output_of(&server, &socket).await;
        assert_eq!(lines(&output, "got "), expected);
        let statuses = lines(&output, "status ");
        assert!(statuses.iter().all(|status| status == "200"), "{statuses:?}");
        let posts = lines(&output, "request POST").len();
        assert!(posts < 200, "batches, not one request for each: {posts}");
        assert_eq!(log.entries(), ["opened"]);
    });
}

/// B31, R27: one that is too large by itself is sent alone, refused, and costs the connection; what is behind it waits.
#[test]
fn a_message_that_no_body_can_hold_costs_the_connection_and_nothing_else() {
    let server = Arc::new(witness(&json!({ "maxHttpBufferSize": 2000 })));
    run(async {
        let client = Client::with_config(&url_of(&server), config(POLLING)).unwrap();
        let (log, socket) = (log_of(&client), client.of("/"));
        let of_socket = log_of_socket(&socket);
        soon(socket.connect()).await.unwrap();
        socket.emit("number", &(1, "x".repeat(5000))).unwrap();
        assert_eq!(of_socket.reaches(3).await, ["connect", "transport error", "connect"]);
        expect_alive(&socket).await;
        assert_eq!(log.entries()[1], "transport error");
        assert_eq!(lines(&output_of(&server, &socket).await, "status 413").len(), 1);
    });
}

/// B19, B46, E40: compression is negotiated with a server that offers it, and saves what it is meant to save; an event that is
/// not to be compressed goes as it is.
#[test]
fn compression_is_negotiated_and_used_unless_an_event_says_no() {
    let offered = [json!({ "perMessageDeflate": { "threshold": 0 } }), json!({})];
    for (offer, expected) in offered.into_iter().zip([true, false]) {
        let server = witness(&offer);
        run(async {
            let mut config = config(WEBSOCKET);
            config.engine.per_message_deflate = Some(PerMessageDeflate::default());
            let socket = Client::with_config(&url_of(&server), config).unwrap().of("/");
            soon(socket.connect()).await.unwrap();
            let wire = async || -> u64 {
                let asked = soon(socket.emit_with_ack::<(String, Value, u64)>("wire", &())).await.unwrap();
                assert_eq!(asked.1.to_string().contains("permessage-deflate"), expected, "{asked:?}");
                asked.2
            };
            let long = "hello ".repeat(5000);
            let before = wire().await;
            soon(socket.emit_with_ack::<u32>("number", &(1, &long))).await.unwrap();
            let between = wire().await;
            soon(socket.compress(false).emit_with_ack::<u32>("number", &(2, &long))).await.unwrap();
            let after = wire().await;
            assert_eq!(between - before < 3000, expected, "{}", between - before);
            assert!(after - between > 30_000, "{}", after - between);
        });
    }
}
