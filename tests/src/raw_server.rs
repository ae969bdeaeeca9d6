//! A server whose every byte is the test's: HTTP/1.1 and WebSocket by hand, for answers that no proper server would give.
//!
//! Owns the accepting, a thread for each connection, and the reading of requests and frames. Leaves out what is answered. A write
//! says whether the client still takes it, since a client that has gone is often what the test waits for.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tungstenite::handshake::derive_accept_key;

use crate::DEADLINE;

/// A running server. Dropping it ends the accepting; a connection ends with the function that serves it.
#[derive(Debug)]
pub struct RawServer {
    addr: SocketAddr,
    ended: Arc<AtomicBool>,
}

/// A request, read to its end.
#[derive(Debug, Clone)]
pub struct Request {
    /// The request line and the header fields, as they came.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

/// One connection of a client.
#[derive(Debug)]
pub struct Caller {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl RawServer {
    /// Starts a server on a port of its own that has `serve` serve each connection.
    pub fn start(serve: impl Fn(Caller) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let addr = listener.local_addr().expect("a bound listener");
        let ended = Arc::new(AtomicBool::new(false));
        let (is_over, serve) = (ended.clone(), Arc::new(serve));
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if is_over.load(Ordering::Acquire) {
                    break;
                }
                stream.set_read_timeout(Some(DEADLINE)).expect("a deadline can be set");
                stream.set_write_timeout(Some(DEADLINE)).expect("a deadline can be set");
                let serve = serve.clone();
                thread::spawn(move || serve(Caller { stream, unread: Vec::new() }));
            }
        });
        Self { addr, ended }
    }

    /// The address for clients that want a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.addr);
    }
}

impl Request {
    /// Whether it asks for a WebSocket.
    pub fn is_websocket(&self) -> bool {
        self.header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
    }

    /// Whether it is a POST.
    pub fn is_post(&self) -> bool {
        self.head.starts_with("POST ")
    }

    /// Whether it is for a session that is open already.
    pub fn has_sid(&self) -> bool {
        self.head.lines().next().is_some_and(|line| line.contains("sid="))
    }

    /// The value of the header field of that name (in lower case), if there is one.
    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

impl Caller {
    /// Reads the next request; `None` at the end of the connection.
    pub fn request(&mut self) -> Option<Request> {
        let end = loop {
            match self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break end,
                None => self.read_more()?,
            }
        };
        let head = self.take(end + 4)?;
        let mut request = Request { head: String::from_utf8_lossy(&head).into_owned(), body: Vec::new() };
        let length = request.header("content-length").and_then(|length| length.parse().ok());
        request.body = self.take(length.unwrap_or(0))?;
        Some(request)
    }

    /// Writes these bytes, whatever they are.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Answers a request.
    pub fn answer(&mut self, status: u16, body: &str) -> bool {
        let length = body.len();
        self.send(format!("HTTP/1.1 {status} Whatever\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes())
    }

    /// Accepts the WebSocket that was asked for.
    pub fn switch(&mut self, request: &Request) -> bool {
        let accept = derive_accept_key(request.header("sec-websocket-key").unwrap_or_default().as_bytes());
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        self.send(format!("{head}Sec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes())
    }

    /// Sends a frame with this first byte (FIN, RSV and opcode), unmasked as a server does it.
    pub fn frame(&mut self, first: u8, payload: &[u8]) -> bool {
        self.send(&server_frame(first, payload))
    }

    /// Sends a text message.
    pub fn text(&mut self, text: &str) -> bool {
        self.frame(0x81, text.as_bytes())
    }

    /// The opcode and payload of the client's next frame; `None` at the end of the connection.
    pub fn read_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = self.take(2)?;
        let (first, second) = (*head.first()?, *head.get(1)?);
        let length = match second & 0x7f {
            126 => usize::from(u16::from_be_bytes(self.take(2)?.try_into().ok()?)),
            127 => usize::try_from(u64::from_be_bytes(self.take(8)?.try_into().ok()?)).ok()?,
            short => usize::from(short),
        };
        assert_ne!(second & 0x80, 0, "a client masks [RFC 6455 §5.1]");
        let mask = self.take(4)?;
        let masked = self.take(length)?;
        Some((first & 0x0f, masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()))
    }

    /// The client's next text message; `None` at the end of the connection.
    pub fn read_text(&mut self) -> Option<String> {
        loop {
            match self.read_frame()? {
                (1, payload) => return String::from_utf8(payload).ok(),
                (8, _) => return None,
                _ => {}
            }
        }
    }

    /// Reads on until the client ends the connection; true once it has.
    pub fn is_ended(&mut self) -> bool {
        while self.read_more().is_some() {
            self.unread.clear();
        }
        true
    }

    /// Ends the connection at once.
    pub fn abort(&mut self) {
        let _gone = self.stream.shutdown(Shutdown::Both);
    }

    fn read_more(&mut self) -> Option<()> {
        let mut chunk = [0; 16 * 1024];
        let read = self.stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
        self.unread.extend_from_slice(chunk.get(..read)?);
        Some(())
    }

    fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.unread.len() < count {
            self.read_more()?;
        }
        Some(self.unread.drain(..count).collect())
    }
}

/// A frame as a server sends it.
fn server_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(u8::try_from(short).expect("a short length")),
        medium @ 126..=0xffff => {
            frame.push(126);
            frame.extend(u16::try_from(medium).expect("a medium length").to_be_bytes());
        }
        long => {
            frame.push(127);
            frame.extend(u64::try_from(long).expect("a length").to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}
