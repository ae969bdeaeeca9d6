//! How a socket is let in, or not: auth, refusals, middlewares, servers that are too old. (E27, E31, E32)

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use socketio::HandlerError;
use socketio::client::{ConnectError, Socket, State};
use socketio_tests::{Caller, RawServer, Settings};

use crate::harness::{
    BOTH, EACH_WAY, WEBSOCKET, client, lines, log_of, log_of_socket, on_each_peer, output_of, run, soon, url_of,
    witness,
};

/// E27, E31, R40: a refusal has the server's words and its data, is final, and is no end for others; with other auth it
/// comes in.
#[test]
fn a_refused_socket_comes_in_with_other_auth() {
    on_each_peer(&Settings::calm(), &async |server| {
        for transports in EACH_WAY {
            let client = client(&server.url(), transports);
            let (guarded, echo) = (client.of("/guarded"), client.of("/echo"));
            let log = log_of_socket(&guarded);
            guarded.set_auth(&json!({ "token": "wrong" })).unwrap();
            soon(echo.connect()).await.unwrap();
            let error = soon(guarded.connect()).await.unwrap_err();
            assert!(error.is_refused() && error.to_string() == "not authorized", "{error}");
            assert_eq!(error.data::<Value>(), Some(json!({ "code": "E_TOKEN", "given": "wrong" })));
            assert!(!guarded.state().will_reconnect() && echo.is_connected());
            guarded.set_auth(&json!({ "token": "secret" })).unwrap();
            soon(guarded.connect()).await.unwrap();
            assert_eq!(log.entries(), ["connect_error: not authorized", "connect"]);
        }
    });
}

/// E31: a handler for `connect_error` may change the auth and connect again.
#[test]
fn a_handler_for_the_refusal_may_try_again() {
    on_each_peer(&Settings::calm(), &async |server| {
        let socket = client(&server.url(), BOTH).of("/guarded");
        let log = log_of_socket(&socket);
        socket.on_connect_error(async |socket: Socket, error: ConnectError| {
            assert_eq!(error.to_string(), "not authorized");
            socket.set_auth(&json!({ "token": "secret" }))?;
            drop(socket.connect());
            Ok(())
        });
        drop(socket.connect());
        assert_eq!(log.reaches(2).await, ["connect_error: not authorized", "connect"]);
    });
}

/// E31: the middlewares of a namespace have their say, and where no data comes there is none.
#[test]
fn errors_of_middlewares_arrive_with_their_data() {
    on_each_peer(&Settings::calm(), &async |server| {
        let client = client(&server.url(), WEBSOCKET);
        let socket = client.of("/middlewares");
        socket.set_auth(&json!({ "refuse": "not today" })).unwrap();
        let error = soon(socket.connect()).await.unwrap_err();
        assert_eq!(error.to_string(), "not today");
        assert!(error.data::<Value>().unwrap()["steps"].is_array());
        let error = soon(client.of("/closed").connect()).await.unwrap_err();
        assert_eq!((error.to_string(), error.data::<Value>()), ("closed".to_owned(), None));
        let error = soon(client.of("/nobody-knows").connect()).await.unwrap_err();
        assert_eq!((error.to_string(), error.is_refused()), ("Invalid namespace".to_owned(), true));
    });
}

/// E27, R14: the function is asked before each attempt, also where it takes a while; its failure is a refusal.
#[test]
fn the_function_for_auth_is_asked_before_every_connect() {
    for transports in EACH_WAY {
        let server = Arc::new(witness(&json!({})));
        run(async {
            let socket = client(&url_of(&server), transports).of("/a");
            let log = log_of_socket(&socket);
            let attempts = Arc::new(AtomicU32::new(0));
            let asked = attempts.clone();
            socket.set_auth_fn(move || {
                let attempt = asked.fetch_add(1, Ordering::Relaxed);
                async move {
                    tokio::task::yield_now().await;
                    if attempt == 0 { Err(HandlerError::new("no token yet")) } else { Ok(json!({ "n": attempt })) }
                }
            });
            let error = soon(socket.connect()).await.unwrap_err();
            assert!(error.is_refused() && error.to_string() == "no token yet", "{error}");
            soon(socket.connect()).await.unwrap();
            for times in 2..4 {
                socket.emit("cut", &()).unwrap();
                log.has_times("connect", times).await;
            }
            let expected = [r#"/a {"n":1}"#, r#"/a {"n":2}"#, r#"/a {"n":3}"#];
            assert_eq!(lines(&output_of(&server, &socket).await, "joined "), expected);
            assert_eq!(attempts.load(Ordering::Relaxed), 4);
        });
    }
}

/// E32: a server of Socket.IO v2 confirms the namespace without an id; the error says what to do, and the client does not
/// hammer it.
#[test]
fn a_server_of_version_2_is_told_apart() {
    let server = RawServer::start(|mut caller: Caller| {
        let Some(request) = caller.request() else { return };
        caller.switch(&request);
        caller.text(r#"0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#);
        caller.text("40");
        caller.is_ended();
    });
    run(async {
        let client = client(&server.url(), WEBSOCKET);
        let (log, socket) = (log_of(&client), client.of("/"));
        let error = soon(socket.connect()).await.unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("v2"), "{error}");
        assert!(!socket.state().will_reconnect());
        // The reference keeps the connection; here nobody is on it any more (E22).
        log.has_times("forced close", 1).await;
        assert_eq!(client.state(), State::Closed);
    });
}
