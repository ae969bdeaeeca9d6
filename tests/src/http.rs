//! A raw HTTP/1.1 client, one blocking connection at a time, for requests that no proper client would send.
//!
//! Owns writing of requests byte by byte and reading of responses by length, by chunks or to the end of the stream
//! [RFC 9112 §6]. Leaves out keep-alive pools, redirects and compression.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::DEADLINE;

/// One response, its body read to the end.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, with its framing taken off.
    pub body: Vec<u8>,
}

impl Response {
    /// The first value of the header field of that name (in lower case), if there is one.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}

/// One TCP connection to the server.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    /// Connects; every later read and write is bounded by [`DEADLINE`].
    pub fn open(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("the server accepts connections");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline can be set");
        stream.set_write_timeout(Some(DEADLINE)).expect("a deadline can be set");
        stream.set_nodelay(true).expect("the stream is a TCP stream");
        Self { stream, unread: Vec::new() }
    }

    /// Writes these bytes, whatever they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// Writes these bytes, and does not mind if the server has gone meanwhile.
    pub fn send_if_open(&mut self, bytes: &[u8]) {
        let _gone = self.stream.write_all(bytes);
    }

    /// Writes the head of a request: the request line, `Host`, and the given header fields.
    pub fn send_head(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.send(head.as_bytes());
    }

    /// Writes a whole request; a body gets its `Content-Length`.
    pub fn send_request(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: Option<&[u8]>) {
        let length = body.map(|body| body.len().to_string());
        let mut headers = headers.to_vec();
        if let Some(length) = &length {
            headers.push(("Content-Length", length));
        }
        self.send_head(method, target, &headers);
        if let Some(body) = body {
            self.send_if_open(body);
        }
    }

    /// Reads one response. Interim responses (1xx other than 101) are responses of their own, without a body.
    pub fn response(&mut self) -> Response {
        self.try_response().expect("the server answers")
    }

    /// Reads one response, or `None` where the server ends or resets the connection instead of answering.
    pub fn try_response(&mut self) -> Option<Response> {
        let mut response = self.try_head()?;
        if response.status >= 200 && response.status != 204 && response.status != 304 {
            response.body = self.take_body(&response)?;
        }
        Some(response)
    }

    /// Reads the head of a response and takes it for the whole, as is right after a HEAD.
    pub fn try_head(&mut self) -> Option<Response> {
        let head = self.take_head()?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
        let status = status.parse().expect("a status code");
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Some(Response { status, headers, body: Vec::new() })
    }

    /// True once the server has ended this connection; anything it still sends before that is thrown away.
    pub fn is_ended(&mut self) -> bool {
        while self.read_more() {}
        true
    }

    /// Ends our side of the connection and drops it.
    pub fn abort(self) {
        let _gone = self.stream.shutdown(Shutdown::Both);
    }

    /// The stream itself and what was read from it too early, for a protocol that goes on from here.
    pub fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.unread)
    }

    /// Reads more bytes; false at the end of the stream. Panics at the deadline, so that a hung server is a failed test.
    fn read_more(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => false,
            Ok(n) => {
                self.unread.extend_from_slice(&chunk[..n]);
                true
            }
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                panic!("the server neither answered nor closed within {DEADLINE:?}")
            }
            Err(_reset) => false,
        }
    }

    fn take_head(&mut self) -> Option<String> {
        let end = self.find(b"\r\n\r\n")?;
        let head = self.take(end + 4)?;
        Some(String::from_utf8(head[..end].to_vec()).expect("a head in ASCII"))
    }

    fn take_body(&mut self, response: &Response) -> Option<Vec<u8>> {
        if let Some(length) = response.header("content-length") {
            return self.take(length.parse().expect("a length"));
        }
        if response.header("transfer-encoding") == Some("chunked") {
            return self.take_chunks();
        }
        while self.read_more() {}
        Some(std::mem::take(&mut self.unread))
    }

    fn take_chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = self.find(b"\r\n")?;
            let line = self.take(end + 2)?;
            let length = std::str::from_utf8(&line[..end]).expect("a chunk size");
            let length = usize::from_str_radix(length, 16).expect("a chunk size in hexadecimal");
            let chunk = self.take(length + 2)?;
            if length == 0 {
                return Some(body);
            }
            body.extend_from_slice(&chunk[..length]);
        }
    }

    fn find(&mut self, needle: &[u8]) -> Option<usize> {
        loop {
            if let Some(at) = self.unread.windows(needle.len()).position(|window| window == needle) {
                return Some(at);
            }
            if !self.read_more() {
                return None;
            }
        }
    }

    /// Takes exactly so many bytes, or `None` if the stream ends before.
    pub fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.unread.len() < count {
            if !self.read_more() {
                return None;
            }
        }
        Some(self.unread.drain(..count).collect())
    }
}

/// Sends one request on a connection of its own and reads the answer.
pub fn request(addr: SocketAddr, method: &str, target: &str, body: Option<&[u8]>) -> Response {
    let mut connection = Connection::open(addr);
    connection.send_request(method, target, &[("Connection", "close")], body);
    connection.response()
}
