//! Raw connections, so that a client can be as rude as it likes: [`WebSocket`], and [`Polling`] over [`Http`]. Owns
//! the bytes of well-formed requests; what is left out of them, and when, is the business of `behaviour.rs`.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use bytes::BytesMut;
use engineio_proto::{
    Message, SEPARATOR, Text,
    websocket::{FrameDecoder, FrameEvent, FrameLimits, Opcode, Role, encode_close, encode_frame},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// Masks protect proxies from scripts of browsers, and here is neither.
const MASK: [u8; 4] = [1, 2, 3, 4];

/// The longest head of an answer, in bytes.
const MOST_HEAD_BYTES: usize = 16 * 1024;

/// How much of what comes is kept by the kernel for who does not read: the least that there is.
const SMALL_WINDOW: u32 = 4 * 1024;

/// Ends a connection as a killed process or a pulled cable does that the network notices: with RST, whatever is unsent.
pub(crate) fn reset(tcp: TcpStream) {
    // Where it fails, the connection is gone already.
    let _ = tcp.set_zero_linger();
    drop(tcp);
}

/// One HTTP connection.
#[derive(Debug)]
pub(crate) struct Http {
    pub(crate) tcp: TcpStream,
    input: BytesMut,
}

impl Http {
    pub(crate) async fn dial(addr: SocketAddr) -> Result<Self> {
        Ok(Self { tcp: TcpStream::connect(addr).await?, input: BytesMut::new() })
    }

    /// With a window that is soon full.
    async fn dial_narrow(addr: SocketAddr) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(SMALL_WINDOW)?;
        Ok(Self { tcp: socket.connect(addr).await?, input: BytesMut::new() })
    }

    pub(crate) async fn send(&mut self, request: &str) -> Result<()> {
        Ok(self.tcp.write_all(request.as_bytes()).await?)
    }

    /// The status and the head of the next answer.
    async fn head(&mut self) -> Result<(u16, String)> {
        let end = loop {
            if let Some(end) = self.input.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            ensure!(self.input.len() < MOST_HEAD_BYTES, "an endless head");
            self.read().await?;
        };
        let head = String::from_utf8_lossy(&self.input.split_to(end)).into_owned();
        let status = head.get(9..12).and_then(|status| status.parse().ok()).context("no status")?;
        Ok((status, head))
    }

    /// The body of the next answer, which has to be a success.
    pub(crate) async fn answer(&mut self) -> Result<String> {
        let (status, head) = self.head().await?;
        let fields = head.lines().filter_map(|line| line.split_once(':'));
        let length = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = length.and_then(|(_, length)| length.trim().parse::<usize>().ok()).context("no length")?;
        while self.input.len() < length {
            self.read().await?;
        }
        let body = String::from_utf8_lossy(&self.input.split_to(length)).into_owned();
        ensure!(status == 200, "{status} {body}");
        Ok(body)
    }

    async fn read(&mut self) -> Result<()> {
        ensure!(self.tcp.read_buf(&mut self.input).await? > 0, "the server has closed the connection");
        Ok(())
    }

    /// Waits until the server closes the connection, and reads over what it sends until then.
    pub(crate) async fn closed(&mut self) {
        loop {
            self.input.clear();
            if self.read().await.is_err() {
                return;
            }
        }
    }
}

/// A session on long-polling, with one connection for all its requests.
#[derive(Debug)]
pub(crate) struct Polling {
    pub(crate) http: Http,
    pub(crate) sid: String,
    addr: SocketAddr,
}

impl Polling {
    pub(crate) async fn open(addr: SocketAddr) -> Result<Self> {
        let mut http = Http::dial(addr).await?;
        http.send("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: soak\r\n\r\n").await?;
        let body = http.answer().await?;
        let open: Value = serde_json::from_str(body.strip_prefix('0').context("no open packet")?)?;
        let sid = open["sid"].as_str().context("no session")?.to_owned();
        Ok(Self { http, sid, addr })
    }

    /// Opens a session and joins a namespace.
    pub(crate) async fn join(addr: SocketAddr, namespace: &str) -> Result<Self> {
        let mut polling = Self::open(addr).await?;
        polling.post(&connect(namespace, "")).await?;
        polling.until(|packet| packet.starts_with("40")).await?;
        Ok(polling)
    }

    /// Sends a GET, and does not wait for its answer.
    pub(crate) async fn send_get(&mut self) -> Result<()> {
        let request =
            format!("GET /socket.io/?EIO=4&transport=polling&sid={} HTTP/1.1\r\nHost: soak\r\n\r\n", self.sid);
        self.http.send(&request).await
    }

    /// Sends a POST of which `body` is what is sent, and `length` what is announced.
    pub(crate) async fn send_post(&mut self, body: &str, length: usize) -> Result<()> {
        let request = format!(
            "POST /socket.io/?EIO=4&transport=polling&sid={} HTTP/1.1\r\nHost: soak\r\nContent-Length: {length}\r\n\r\n{body}",
            self.sid
        );
        self.http.send(&request).await
    }

    pub(crate) async fn post(&mut self, body: &str) -> Result<()> {
        self.send_post(body, body.len()).await?;
        let answer = self.http.answer().await?;
        ensure!(answer == "ok", "a POST was answered {answer}");
        Ok(())
    }

    /// Polls until such a packet comes; answers pings.
    pub(crate) async fn until(&mut self, is_it: impl Fn(&str) -> bool) -> Result<String> {
        loop {
            self.send_get().await?;
            let body = self.http.answer().await?;
            let mut found = None;
            for packet in body.split(char::from(SEPARATOR)) {
                match packet {
                    "2" => self.post("3").await?,
                    "1" => bail!("the server has closed the session"),
                    packet if is_it(packet) => found = Some(packet.to_owned()),
                    _ => {}
                }
            }
            if let Some(found) = found {
                return Ok(found);
            }
        }
    }

    /// A WebSocket of this session, for the upgrade.
    pub(crate) async fn second_transport(&self) -> Result<WebSocket> {
        WebSocket::dial(Http::dial(self.addr).await?, &format!("&sid={}", self.sid)).await
    }
}

/// A WebSocket.
#[derive(Debug)]
pub(crate) struct WebSocket {
    http: Http,
    decoder: FrameDecoder,
}

impl WebSocket {
    async fn dial(mut http: Http, query: &str) -> Result<Self> {
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nHost: soak\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNvYWsgc2FpZCBzbw==\r\n\r\n"
        );
        http.send(&request).await?;
        let (status, head) = http.head().await?;
        ensure!(status == 101, "{}", head.lines().next().unwrap_or_default());
        Ok(Self { http, decoder: FrameDecoder::new(Role::Client, FrameLimits::default()) })
    }

    /// Opens a session, and joins nothing.
    pub(crate) async fn open(addr: SocketAddr) -> Result<Self> {
        let mut socket = Self::dial(Http::dial(addr).await?, "").await?;
        socket.until(|packet| packet.starts_with("0{")).await?;
        Ok(socket)
    }

    /// Opens a session and joins a namespace.
    pub(crate) async fn join(addr: SocketAddr, namespace: &str) -> Result<Self> {
        let mut socket = Self::open(addr).await?;
        socket.enter(namespace).await?;
        Ok(socket)
    }

    /// The same with a window that is soon full.
    pub(crate) async fn join_narrow(addr: SocketAddr) -> Result<Self> {
        let mut socket = Self::dial(Http::dial_narrow(addr).await?, "").await?;
        socket.enter("/").await?;
        Ok(socket)
    }

    async fn enter(&mut self, namespace: &str) -> Result<()> {
        self.send(&connect(namespace, "")).await?;
        self.until(|packet| packet.starts_with("40")).await?;
        Ok(())
    }

    pub(crate) async fn send(&mut self, packet: &str) -> Result<()> {
        let mut frame = BytesMut::new();
        encode_frame(Opcode::Text, packet.as_bytes(), Some(MASK), &mut frame);
        Ok(self.http.tcp.write_all(&frame).await?)
    }

    /// Sends an event, and waits for its acknowledgement.
    pub(crate) async fn ask(&mut self, namespace: &str, event: &str) -> Result<String> {
        let namespace = prefix(namespace);
        self.send(&format!("42{namespace}7{event}")).await?;
        let start = format!("43{namespace}7");
        self.until(|packet| packet.starts_with(&start)).await
    }

    /// Sends the beginning of a frame.
    pub(crate) async fn send_half(&mut self) -> Result<()> {
        let mut frame = BytesMut::new();
        encode_frame(Opcode::Text, &[b'x'; 1000], Some(MASK), &mut frame);
        Ok(self.http.tcp.write_all(frame.get(..500).unwrap_or_default()).await?)
    }

    /// Says goodbye as a WebSocket does, and waits until the server has closed the connection.
    pub(crate) async fn close(mut self) -> Result<()> {
        let mut frame = BytesMut::new();
        encode_close(None, "", Some(MASK), &mut frame);
        self.http.tcp.write_all(&frame).await?;
        self.closed().await;
        Ok(())
    }

    /// Waits until the server closes the connection, and reads over what it sends until then.
    pub(crate) async fn closed(&mut self) {
        self.http.closed().await;
    }

    pub(crate) fn reset(self) {
        reset(self.http.tcp);
    }

    /// Reads until such a packet comes; answers pings.
    pub(crate) async fn until(&mut self, is_it: impl Fn(&str) -> bool) -> Result<String> {
        loop {
            let packet = self.next().await?;
            match &*packet {
                "2" => self.send("3").await?,
                packet if is_it(packet) => return Ok(packet.to_owned()),
                packet if packet.starts_with("44") => bail!("refused: {packet}"),
                _ => {}
            }
        }
    }

    async fn next(&mut self) -> Result<Text> {
        loop {
            match self.decoder.decode(&mut self.http.input)? {
                Some(FrameEvent::Message(Message::Text(packet))) => return Ok(packet),
                Some(FrameEvent::Close(_)) => bail!("the server has closed the WebSocket"),
                Some(_) => {}
                None => self.http.read().await?,
            }
        }
    }
}

/// The CONNECT packet of a namespace.
pub(crate) fn connect(namespace: &str, auth: &str) -> String {
    format!("40{}{auth}", prefix(namespace))
}

fn prefix(namespace: &str) -> String {
    if namespace == "/" { String::new() } else { format!("{namespace},") }
}
