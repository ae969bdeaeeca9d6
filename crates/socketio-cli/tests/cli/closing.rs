//! SIGINT and SIGTERM: everybody is told, everything is let go, exit code 0; and what happens when a client holds on.

use std::{io::Write, net::TcpStream};

use rustix::process::Signal;
use tungstenite::{Message, WebSocket};

use crate::{program::Served, request};

/// A client in the namespace `/` whose next poll is waiting.
fn polling_client(served: &Served) -> TcpStream {
    let open = request::get(served.addr(), "/socket.io/?EIO=4&transport=polling", &[]);
    let sid = open.text().split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a session id");
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    assert_eq!(request::post(served.addr(), &target, "40").text(), "ok");
    assert!(request::get(served.addr(), &target, &[]).text().starts_with("40{"));
    let mut poll = request::connect(served.addr());
    request::write(&mut poll, "GET", &target, &[], "");
    poll
}

/// A client in the namespace `/` over WebSocket.
fn websocket_client(served: &Served) -> WebSocket<TcpStream> {
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", served.addr());
    let (mut socket, _) = tungstenite::client(url, request::connect(served.addr())).expect("a WebSocket");
    assert!(socket.read().unwrap().to_text().unwrap().starts_with("0{"));
    socket.send(Message::text("40")).unwrap();
    assert!(socket.read().unwrap().to_text().unwrap().starts_with("40{"));
    socket
}

fn closes_cleanly(signal: Signal) {
    let served = Served::start(&["--log","trace"]);
    let mut poll = polling_client(&served);
    let mut socket = websocket_client(&served);
    // A browser's idle connection.
    let mut idle = request::connect(served.addr());
    idle.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    served.signal(signal);

    // A poll that the server let go of has been answered; a WebSocket ends with or without a close frame.
    assert_eq!(request::read(&mut poll).status, 200);
    while socket.read().is_ok() {}
    assert!(!socket.can_read(), "the WebSocket has ended");
    let (status, printed, log) = served.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(printed, ["closed"]);
    assert!(!log.contains("did not let go"), "{log}");
}

#[test]
fn sigterm_closes_the_connections_and_exits_with_0() {
    closes_cleanly(Signal::TERM);
}

#[test]
fn sigint_closes_the_connections_and_exits_with_0() {
    closes_cleanly(Signal::INT);
}

/// Sends a request whose body never comes whole, and waits until the server reads it.
fn client_that_holds_on(served: &Served) -> TcpStream {
    let open = request::get(served.addr(), "/socket.io/?EIO=4&transport=polling", &[]);
    assert_eq!(open.status, 200);
    let mut stream = request::connect(served.addr());
    stream.write_all(b"GET / HTTP/1.1\r\nHost: loc").unwrap();
    stream
}

#[test]
fn a_client_that_does_not_let_go_delays_the_end_only_for_so_long() {
    let served = Served::start(&[]);
    let held = client_that_holds_on(&served);
    served.signal(Signal::TERM);
    let (status, printed, log) = served.end();
    assert_eq!((status.code(), &*printed), (Some(0), &["closed".to_owned()][..]), "{log}");
    drop(held);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let served = Served::start(&[]);
    let held = client_that_holds_on(&served);
    served.signal(Signal::TERM);
    served.wait_for_log("closing");
    served.signal(Signal::INT);
    let (status, printed, log) = served.end();
    assert_eq!((status.code(), &*printed), (Some(130), &[][..]), "{log}");
    drop(held);
}
