//! The client's way to a server, against small servers of these tests and against the engine itself.
//!
//! Here are the servers; the tests are sorted by what is asked: long-polling, WebSockets, TLS, proxies, the engine.

#[cfg(feature = "server")]
mod engine;
mod polling;
mod proxies;
#[cfg(feature = "tls")]
mod secure;
mod websockets;

use std::{future::Future, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use engineio_proto::SessionId;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};

use super::{
    Config, TransportError,
    endpoint::Endpoint,
    handshake::{OpenedWebSocket, open_websocket},
    requests::Requests,
};
use crate::transport::{byte_stream::ByteStream, websocket::WireIo};

/// What any answer here may have.
const MAX_BYTES: usize = 100_000;

/// Waits for what has to come, but not for ever.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it should have happened by now")
}

/// What a server saw.
#[derive(Debug, PartialEq)]
enum Seen {
    /// A request on the connection of that number: head and body.
    Request(usize, String),
    /// That connection ended.
    End(usize),
}

/// A server that answers each request with the bytes that a function makes of it; none leave it without an answer. After
/// `Connection: close` it does so.
struct Server {
    port: u16,
    seen: mpsc::UnboundedReceiver<Seen>,
}

impl Server {
    async fn start(answer: impl Fn(&str) -> Vec<u8> + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, seen) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for number in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                tokio::spawn(serve(stream, number, answer.clone(), sender.clone()));
            }
        });
        Self { port, seen }
    }

    /// One that says the same to everybody.
    async fn saying(answer: impl AsRef<[u8]>) -> Self {
        let answer = answer.as_ref().to_vec();
        Self::start(move |_| answer.clone()).await
    }

    async fn seen(&mut self) -> Seen {
        within(self.seen.recv()).await.expect("the server is there")
    }

    /// The next request, whatever connection it comes on.
    async fn request(&mut self) -> String {
        loop {
            if let Seen::Request(_, request) = self.seen().await {
                return request;
            }
        }
    }

    /// Waits for the end of that connection.
    async fn end_of(&mut self, number: usize) {
        while self.seen().await != Seen::End(number) {}
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn endpoint(&self, config: Config) -> Arc<Endpoint> {
        endpoint(&self.url(), config)
    }
}

fn endpoint(url: &str, config: Config) -> Arc<Endpoint> {
    Arc::new(Endpoint::new(url.parse().unwrap(), config))
}

/// Answers the requests on a connection, until it ends.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    number: usize,
    answer: impl Fn(&str) -> Vec<u8>,
    seen: mpsc::UnboundedSender<Seen>,
) {
    while let Some(request) = read_request(&mut stream).await {
        let bytes = answer(&request);
        let _ = seen.send(Seen::Request(number, request));
        let closes = bytes.windows(17).any(|window| window.eq_ignore_ascii_case(b"connection: close"));
        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() || closes {
            break;
        }
    }
    drop(stream);
    let _ = seen.send(Seen::End(number));
}

/// The head of a request, and its body by `Content-Length`; `None` at the end of the connection.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut read = BytesMut::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let len =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= len.unwrap_or(0) {
                return Some(text);
            }
        }
        if !matches!(stream.read_buf(&mut read).await, Ok(1..)) {
            return None;
        }
    }
}

/// The value of a header of a request.
fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// A 200 with that body, on a connection that stays.
fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A 101 for that request, with more headers, and bytes behind it.
fn switching(request: &str, headers: &str, behind: &[u8]) -> Vec<u8> {
    let accept = engineio_proto::websocket::accept_key(header(request, "sec-websocket-key").unwrap()).unwrap();
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{headers}\r\n"
    );
    [head.as_bytes(), behind].concat()
}

async fn get(endpoint: &Arc<Endpoint>) -> Result<Bytes, TransportError> {
    within(Requests::new(endpoint.clone()).get(None, MAX_BYTES)).await
}

async fn websocket(endpoint: &Arc<Endpoint>) -> Result<OpenedWebSocket, TransportError> {
    within(open_websocket(endpoint.clone(), None)).await
}

/// The connection of a WebSocket.
fn stream(connection: WireIo) -> ByteStream {
    match connection {
        WireIo::Open(stream) => stream,
        #[cfg(feature = "server")]
        WireIo::Upgrading(_) => panic!("a client has no promises of connections"),
    }
}

fn sid() -> Option<SessionId> {
    Some(SessionId::new("the-sid"))
}
