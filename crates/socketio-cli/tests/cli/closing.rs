//! SIGINT and SIGTERM: everybody is told, everything is let go, exit code 0; and what happens when a client holds on.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

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
    let served = Served::start(&[]);
    let mut poll = polling_client(&served);
    let mut socket = websocket_client(&served);
    let idle = idle_connection(&served);
    served.signal(signal);

    while socket.read().is_ok() {}
    assert!(!socket.can_read(), "the WebSocket has been closed");
    // As a client does when it sees the end; the server waits for that.
    drop(socket);
    let mut answer = Vec::new();
    poll.read_to_end(&mut answer).expect("the poll is let go");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    let (status, printed, log) = served.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(printed, ["closed"]);
    assert!(!log.contains("did not let go"), "{log}");
    drop(idle);
}

/// A browser's connection that has had its response and is kept for the next request.
fn idle_connection(served: &Served) -> TcpStream {
    let mut stream = request::connect(served.addr());
    stream.write_all(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a response");
        head.extend(byte);
    }
    stream
}

#[test]
fn sigterm_closes_the_connections_and_exits_with_0() {
    closes_cleanly(Signal::TERM);
}

#[test]
fn sigint_closes_the_connections_and_exits_with_0() {
    closes_cleanly(Signal::INT);
}

/// Hazard R36.
#[test]
fn a_frozen_client_delays_the_end_only_for_so_long() {
    let served = Served::start(&[]);
    let frozen = websocket_client(&served);
    served.signal(Signal::TERM);
    let (status, printed, log) = served.end();
    assert_eq!((status.code(), &*printed), (Some(0), &["closed".to_owned()][..]), "{log}");
    drop(frozen);
}

#[test]
fn a_second_signal_ends_it_at_once_whoever_holds_on() {
    let served = Served::start(&[]);
    let frozen = websocket_client(&served);
    served.signal(Signal::TERM);
    served.wait_for_log("closing");
    served.signal(Signal::INT);
    let (status, printed, log) = served.end();
    assert_eq!((status.code(), &*printed), (Some(130), &[][..]), "{log}");
    drop(frozen);
}
