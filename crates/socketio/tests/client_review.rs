//! What a second reader of the client found: handles that waited for ever, orders that overtook each other, code of the
//! application under locks, and loops without an end. Rows B30, E15–E22, E27, E31, E41, E43; hazards R17, R25, R40.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the network")]
mod network;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use network::Network;
use socketio::{
    AckError, Data, DisconnectReason, EmitError, HandlerError, Server, Socket, TransportKind,
    client::{self, Client, ClientEvent, ConnectError, State},
};
use tokio::sync::mpsc::unbounded_channel;

const WIRE: [TransportKind; 1] = [TransportKind::WebSocket];

/// Waits, on the paused clock.
async fn soon<T>(future: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(600), future.into_future()).await.expect("it happens soon")
}

/// Runs what may hang its thread, and fails then.
fn without_hanging(test: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    std::thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    finished.recv_timeout(Duration::from_secs(20)).expect("it neither hangs nor fails");
}

/// Waits until the connection of a client is over and is not tried again.
async fn closed(client: &Client) {
    soon(async {
        while client.state() != State::Closed {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
}

/// E21: a connection that was asked for by hand, and given up before it was there.
#[tokio::test(start_paused = true)]
async fn to_open_by_hand_ends_when_the_client_is_closed() {
    let mut config = Network::default().config(&WIRE);
    config.engine.connector = Some(client::engine::Connector::new(|_| async {
        std::future::pending::<()>().await;
        Ok(tokio::io::duplex(1).0)
    }));
    let client = Client::with_config("http://server", config).unwrap();
    let opening = tokio::spawn({
        let client = client.clone();
        async move { client.open().await.is_ok() }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    client.close();
    assert!(!soon(opening).await.unwrap());
}

/// E21: the same while the next attempt is waited for.
#[tokio::test(start_paused = true)]
async fn to_open_by_hand_ends_when_the_attempts_end() {
    let client = Network::default().client(&WIRE);
    let socket = client.of("/");
    let connecting = socket.connect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(client.state(), State::Waiting);
    let opening = tokio::spawn({
        let client = client.clone();
        async move { client.open().await.is_ok() }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    socket.disconnect();
    assert!(soon(connecting).await.is_err());
    assert!(!soon(opening).await.unwrap());
}

/// E15: who is told of the next attempt may call it off; nobody waits for it then.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_called_off_ends_the_waiting_for_it() {
    let client = Network::default().client(&WIRE);
    let told = client.clone();
    client.on_event(move |event| {
        if let ClientEvent::Attempt(2) = event {
            told.configure(|config| config.reconnection = false);
        }
    });
    let error = soon(client.of("/").connect()).await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    assert_eq!(client.state(), State::Closed);
}

/// E22: the connection goes with its last socket, whoever has sent that away.
#[tokio::test(start_paused = true)]
async fn a_connection_ends_when_the_server_disconnects_or_refuses_its_last_socket() {
    let io = Server::new();
    io.of("/").on_connected(async |socket: Socket| socket.disconnect());
    io.of("/no").on_connect(async || Err::<(), _>(HandlerError::new("no")));
    let client = Network::to(&io).client(&WIRE);
    soon(client.of("/").connect()).await.unwrap();
    closed(&client).await;
    assert!(soon(client.of("/no").connect()).await.unwrap_err().is_refused());
    closed(&client).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(io.engine().session_count(), 0);
}

/// E31: who connects again because of a refusal waits for the answer to that.
#[tokio::test(start_paused = true)]
async fn to_connect_again_in_a_handler_for_the_refusal_has_a_verdict_of_its_own() {
    let io = Server::new();
    let tries = Arc::new(AtomicUsize::new(0));
    io.of("/").on_connect(move || {
        let number = tries.fetch_add(1, Ordering::Relaxed);
        async move { if number == 0 { Err(HandlerError::new("not yet")) } else { Ok(()) } }
    });
    let client = Network::to(&io).client(&WIRE);
    let (told, mut verdicts) = unbounded_channel();
    let socket = client.of("/");
    socket.on_connect_error(move |socket: client::Socket| {
        let told = told.clone();
        async move {
            let _ = told.send(socket.connect().await.is_ok());
        }
    });
    assert!(soon(socket.connect()).await.unwrap_err().is_refused());
    assert_eq!(soon(verdicts.recv()).await, Some(true));
}

/// E35: what is asked for after a close is not undone by it.
#[tokio::test(start_paused = true)]
async fn to_connect_right_after_a_close_connects() {
    let io = Server::new();
    let client = Network::to(&io).client(&WIRE);
    let socket = client.of("/");
    soon(socket.connect()).await.unwrap();
    let first = socket.id();
    client.close();
    assert!(!socket.is_connected());
    soon(socket.connect()).await.unwrap();
    assert_ne!(socket.id(), first);
    client.close();
    soon(client.open()).await.unwrap();
    assert_eq!(client.state(), State::Open);
}

/// R25: a function for `auth` that fails at once, and a handler that tries again at once, leave the runtime to others.
#[tokio::test(start_paused = true)]
async fn a_handler_that_always_connects_again_does_not_hold_the_runtime_up() {
    const ENDLESS: usize = 1_000_000;
    let client = Network::to(&Server::new()).client(&WIRE);
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    client.of("/").set_auth_fn(async || Err::<(), _>(HandlerError::new("no token")));
    client.of("/").on_connect_error(move |socket: client::Socket| {
        if counted.fetch_add(1, Ordering::Relaxed) < ENDLESS {
            drop(socket.connect());
        }
        async {}
    });
    assert!(soon(client.of("/").connect()).await.unwrap_err().is_refused());
    assert!(tries.load(Ordering::Relaxed) < ENDLESS);
}

/// E41: the time of an acknowledgement runs from the emit, connected or not.
#[tokio::test(start_paused = true)]
async fn an_acknowledgement_times_out_before_anything_was_connected() {
    let client = Network::default().client(&WIRE);
    let socket = client.of("/");
    let asked = socket.timeout(Duration::from_secs(3)).emit_with_ack::<u8>("hello", &());
    assert_eq!(soon(asked).await, Err(AckError::Timeout));
    assert!(socket.buffered().is_empty());
}

/// R40: nobody is left who could connect.
#[tokio::test(start_paused = true)]
async fn an_acknowledgement_ends_with_the_last_handle_of_a_client_that_was_never_connected() {
    let client = Network::default().client(&WIRE);
    let mut events = client.of("/").events();
    let asked = client.of("/").emit_with_ack::<u8>("hello", &());
    drop(client);
    assert_eq!(soon(asked).await, Err(AckError::Disconnected));
    assert!(soon(events.next()).await.is_none());
}

/// R17: a stream that is full because its reader waits for an acknowledgement, which lies unread behind more events.
#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_for_what_it_keeps_from_being_read_is_told_that_the_connection_is_over() {
    let io = Server::new();
    io.of("/").on_connected(async |socket: Socket| (0..1000).try_for_each(|n| Ok(socket.emit("number", &n)?)));
    io.of("/").on("seen", async |Data(number): Data<u32>| Ok(number));
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let client = Network::to(&io).client(&[transport]);
        let socket = client.of("/");
        let mut events = socket.events();
        soon(socket.connect()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let first = soon(events.next()).await.unwrap();
        let asked = socket.emit_with_ack::<u32>("seen", &first.data::<u32>().unwrap());
        let outcome = soon(asked).await;
        assert_eq!(outcome, Err(AckError::Disconnected), "{transport}");
    }
}

/// R17: a pause that is shorter than the server's patience costs nothing.
#[tokio::test(start_paused = true)]
async fn a_stream_that_is_full_for_a_while_keeps_its_connection() {
    let io = Server::new();
    io.of("/").on_connected(async |socket: Socket| (0..1000).try_for_each(|n| Ok(socket.emit("number", &n)?)));
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let client = Network::to(&io).client(&[transport]);
        let socket = client.of("/");
        let mut events = socket.events();
        soon(socket.connect()).await.unwrap();
        let id = socket.id();
        for number in 0..1000 {
            if number % 300 == 0 {
                tokio::time::sleep(Duration::from_secs(8)).await;
            }
            assert_eq!(soon(events.next()).await.unwrap().data::<u32>().unwrap(), number);
        }
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(socket.id(), id, "{transport}");
    }
}

/// What calls the client when it is dropped.
struct Calls<F: Fn()>(F);

impl<F: Fn()> Drop for Calls<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// R25: what a function for `auth` holds is dropped under no lock.
#[test]
fn a_function_for_auth_may_use_the_socket_when_it_is_dropped() {
    without_hanging(|| {
        let client = Client::new("http://server").unwrap();
        let socket = client.of("/");
        let inner = socket.clone();
        let calls = Calls(move || inner.set_auth(&serde_json::json!({})).unwrap());
        socket.set_auth_fn(move || {
            let _ = &calls;
            async { Ok(()) }
        });
        socket.set_auth(&serde_json::json!({ "token": 1 })).unwrap();
        socket.set_auth_fn(async || Ok(()));
    });
}

/// R25: who changes the configuration may use the client meanwhile.
#[test]
fn the_client_may_be_used_while_its_configuration_is_changed() {
    without_hanging(|| {
        let client = Client::new("http://server").unwrap();
        client.configure(|config| {
            config.socket.retries = Some(1);
            let _events = client.of("/a").events();
        });
        assert_eq!(client.configure(|config| config.socket.retries), Some(1));
    });
}

/// R40: the runtime of the client is gone; what is emitted then is refused, as nobody will send it.
#[test]
fn a_client_whose_runtime_is_gone_refuses_what_is_emitted() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let io = Server::new();
    let client = Network::to(&io).client(&WIRE);
    let socket = client.of("/");
    runtime().block_on(async { soon(socket.connect()).await.unwrap() });
    runtime().block_on(async {
        let asked = socket.emit_with_ack::<u8>("hello", &());
        assert_eq!(soon(asked).await, Err(AckError::Emit(EmitError::Disconnected)));
        assert_eq!(socket.emit("hello", &()), Err(EmitError::Disconnected));
        assert!(soon(socket.connect()).await.is_err());
        assert!(soon(client.open()).await.is_err());
    });
}

/// R40: to connect where there is no runtime is a mistake, and no reason to fail where there is one.
#[test]
fn a_client_connects_after_somebody_tried_to_without_a_runtime() {
    let io = Server::new();
    let client = Network::to(&io).client(&WIRE);
    let socket = client.of("/");
    let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(socket.connect())));
    assert!(tried.is_err());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async { soon(socket.connect()).await.unwrap() });
}

/// E21, E22: a connection opened by hand that has ended by itself does not keep the next one open.
#[tokio::test(start_paused = true)]
async fn a_connection_opened_by_hand_is_forgotten_once_it_is_over() {
    let io = Server::new();
    let network = Network::to(&io);
    let client = network.client(&WIRE);
    soon(client.open()).await.unwrap();
    io.close().await;
    network.set(Some(&Server::new()));
    closed(&client).await;
    let socket = client.of("/");
    soon(socket.connect()).await.unwrap();
    socket.disconnect();
    closed(&client).await;
}

/// E21: whoever is told that the connection is open finds it there.
#[tokio::test(start_paused = true)]
async fn the_connection_is_there_when_its_opening_is_told() {
    let client = Network::to(&Server::new()).client(&WIRE);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (told, sees) = (client.clone(), seen.clone());
    client.on_event(move |event| {
        if let ClientEvent::Opened = event {
            sees.lock().unwrap().push((told.state(), told.engine().is_some()));
        }
    });
    soon(client.of("/").connect()).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(State::Open, true)]);
}

/// E6, E31: a give-up is told to those who waited, and who connects because of it waits for what comes of that.
#[tokio::test(start_paused = true)]
async fn to_connect_again_when_the_attempts_are_used_up_begins_anew() {
    let network = Network::default();
    let mut config = network.config(&WIRE);
    config.reconnect.attempts = Some(2);
    let client = Client::with_config("http://server", config).unwrap();
    let (told, mut verdicts) = unbounded_channel();
    let (socket, io) = (client.of("/"), Server::new());
    client.on_event(move |event| {
        if let ClientEvent::GaveUp = event {
            network.set(Some(&io));
            let _ = told.send(socket.connect());
        }
    });
    assert!(soon(client.of("/").connect()).await.unwrap_err().is_unreachable());
    let again = soon(verdicts.recv()).await.unwrap();
    soon(again).await.unwrap();
}

/// E33–E35: a server that sends the socket away can be followed by another CONNECT on the same connection.
#[tokio::test(start_paused = true)]
async fn a_handler_for_the_disconnect_may_connect_again() {
    let io = Server::new();
    let joined = Arc::new(AtomicUsize::new(0));
    io.of("/").on_connected(move |socket: Socket| {
        if joined.fetch_add(1, Ordering::Relaxed) < 3 {
            socket.disconnect();
        }
        async {}
    });
    let client = Network::to(&io).client(&WIRE);
    let (told, mut reasons) = unbounded_channel();
    client.of("/").on_disconnect(move |socket: client::Socket, reason: DisconnectReason| {
        let _ = (told.send(reason), socket.connect());
        async {}
    });
    let (told, mut errors) = unbounded_channel();
    client.of("/").on_connect_error(move |error: ConnectError| {
        let _ = told.send(error.to_string());
        async {}
    });
    soon(client.of("/").connect()).await.unwrap();
    for _ in 0..3 {
        assert_eq!(soon(reasons.recv()).await, Some(DisconnectReason::IoServerDisconnect));
    }
    soon(client.of("/").connect()).await.unwrap();
    assert!(client.of("/").is_connected() && errors.try_recv().is_err());
}

/// E51, E52: a read may bring many events, and what the handler of one does counts for the next.
#[tokio::test(start_paused = true)]
async fn what_a_handler_changes_about_the_handlers_counts_from_the_very_next_event_on() {
    let io = Server::new();
    io.of("/").on("begin", async |socket: Socket| {
        (0..6).try_for_each(|number| socket.emit("x", &number))?;
        Ok(socket.emit("end", &())?)
    });
    let socket = Network::to(&io).client(&WIRE).of("/");
    let (seen, mut all) = unbounded_channel();
    let (one, end) = (seen.clone(), seen);
    socket.on("x", move |socket: client::Socket, Data(number): Data<u32>| {
        one.send(format!("one {number}")).unwrap();
        let other = one.clone();
        if number == 1 {
            socket.off("x").on("x", move |socket: client::Socket, Data(number): Data<u32>| {
                other.send(format!("other {number}")).unwrap();
                let any = other.clone();
                if number == 3 {
                    socket.on_any(move || {
                        any.send("any".to_owned()).unwrap();
                        async {}
                    });
                }
                async {}
            });
        }
        async {}
    });
    socket.on("end", move || {
        end.send("end".to_owned()).unwrap();
        async {}
    });
    soon(socket.connect()).await.unwrap();
    socket.emit("begin", &()).unwrap();
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line| line != "end") {
        lines.push(soon(all.recv()).await.unwrap());
    }
    let expected = "one 0, one 1, other 2, other 3, any, other 4, any, other 5, any, end";
    assert_eq!(lines.join(", "), expected);
}

/// E24: events that are called the same and come in one read, for one namespace and the other.
#[tokio::test(start_paused = true)]
async fn each_namespace_has_its_own_handler_for_an_event_that_is_called_the_same() {
    let io = Server::new();
    io.of("/other");
    let both = io.clone();
    io.of("/").on("begin", move || {
        let io = both.clone();
        async move {
            (0..3).try_for_each(|_| io.emit("x", &()).and_then(|()| io.of("/other").emit("x", &())))?;
            Ok::<_, HandlerError>(())
        }
    });
    let client = Network::to(&io).client(&WIRE);
    let (seen, mut all) = unbounded_channel();
    for name in ["/", "/other"] {
        let seen = seen.clone();
        let socket = client.of(name);
        socket.on("x", move || {
            seen.send(name).unwrap();
            async {}
        });
        soon(socket.connect()).await.unwrap();
    }
    client.of("/").emit("begin", &()).unwrap();
    for name in ["/", "/other"].repeat(3) {
        assert_eq!(soon(all.recv()).await, Some(name));
    }
}
