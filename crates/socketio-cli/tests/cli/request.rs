//! A plain HTTP client: one request, one connection, read to its end.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::DEADLINE;

/// A response whose body is not looked into.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The value of a header field, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }
}

/// A connection on which everything is waited for only so long.
pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("sio accepts connections");
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Writes a request whose response ends the connection.
pub(crate) fn write(stream: &mut TcpStream, method: &str, target: &str, headers: &[(&str, &str)], body: &str) {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("sio reads");
}

/// Reads a response to the end of the connection.
pub(crate) fn read(stream: &mut TcpStream) -> Response {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("sio answers");
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a response has a head");
    let body = bytes.split_off(end + 4);
    let head = String::from_utf8(bytes).expect("a head is text");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a head has a status");
    Response { status, head, body }
}

/// One request and its response.
pub(crate) fn get(addr: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Response {
    let mut stream = connect(addr);
    write(&mut stream, "GET", target, headers, "");
    read(&mut stream)
}

/// Sends a body and reads the response.
pub(crate) fn post(addr: SocketAddr, target: &str, body: &str) -> Response {
    let mut stream = connect(addr);
    write(&mut stream, "POST", target, &[], body);
    read(&mut stream)
}
