//! The HTTP side of the engine: what the application may say about requests and answers, on a paused clock and without
//! the network: requests go straight into the engine, and WebSockets over a pipe in memory.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

mod admission;
mod compression;
mod counters;
mod cross_origin;
mod draining;
mod hooks;
mod middlewares;
mod odd_limits;
mod sessions;
mod slow_links;

use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use engineio::{Config, Session, server::Engine};
use engineio_proto::{
    Message,
    websocket::{FrameDecoder, FrameEvent, FrameLimits, Opcode, Role, encode_frame},
};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

const HANDSHAKE: &str = "/engine.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";

/// An engine that gives its sessions away and lets them be until they end.
fn engine(config: Config) -> (Engine, UnboundedReceiver<Session>) {
    let (sender, sessions) = unbounded_channel();
    let engine = Engine::new(config, move |session: Session| {
        let _ = sender.send(session.clone());
        async move {
            session.closed().await;
        }
    });
    (engine, sessions)
}

/// An answer, its body read.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The query of the session that this opened.
    fn session(&self) -> String {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        format!("{HANDSHAKE}&sid={}", self.text().split('"').nth(3).unwrap())
    }
}

async fn ask(engine: &Engine, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(engine, request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await
}

async fn send(engine: &Engine, request: Request<Full<Bytes>>) -> Answer {
    let (parts, body) = engine.handle::<_, Full<Bytes>>(request).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body }
}

async fn get(engine: &Engine, target: &str) -> Answer {
    ask(engine, "GET", target, &[], "").await
}

async fn post(engine: &Engine, target: &str, body: &str) -> Answer {
    ask(engine, "POST", target, &[], body).await
}

const UPGRADE: [(&str, &str); 4] = [
    ("upgrade", "websocket"),
    ("connection", "upgrade"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// A WebSocket over a pipe.
struct Wire {
    pipe: DuplexStream,
    decoder: FrameDecoder,
    read: BytesMut,
}

impl Wire {
    /// Asks for a WebSocket: the head of the answer, and the wire to go on with.
    async fn open(engine: &Engine, target: &str) -> (String, Self) {
        let (mut pipe, server) = tokio::io::duplex(64 * 1024);
        let http = hyper::server::conn::http1::Builder::new();
        let connection = http.serve_connection(TokioIo::new(server), TowerToHyperService::new(engine.service()));
        tokio::spawn(connection.with_upgrades());
        let mut head = format!("GET {target} HTTP/1.1\r\nhost: x\r\n");
        for (name, value) in UPGRADE {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        pipe.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        let mut read = BytesMut::new();
        let head = loop {
            assert!(pipe.read_buf(&mut read).await.unwrap() > 0, "closed during the handshake");
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break String::from_utf8(read.split_to(end + 4).to_vec()).unwrap();
            }
        };
        (head, Self { pipe, decoder: FrameDecoder::new(Role::Client, FrameLimits::default()), read })
    }

    async fn send(&mut self, packet: &str) {
        let mut frame = BytesMut::new();
        encode_frame(Opcode::Text, packet.as_bytes(), Some([1, 2, 3, 4]), &mut frame);
        self.pipe.write_all(&frame).await.unwrap();
    }

    async fn text(&mut self) -> String {
        match self.event().await {
            FrameEvent::Message(Message::Text(text)) => text.to_string(),
            other => panic!("unexpected {other:?}"),
        }
    }

    /// Waits for the server's close, and goes.
    async fn sees_the_close(mut self) {
        let event = self.event().await;
        assert!(matches!(event, FrameEvent::Close(_)), "unexpected {event:?}");
    }

    async fn event(&mut self) -> FrameEvent {
        loop {
            match self.decoder.decode(&mut self.read).unwrap() {
                Some(event) => return event,
                None => assert!(self.pipe.read_buf(&mut self.read).await.unwrap() > 0, "closed"),
            }
        }
    }
}

/// Lines that functions of the configuration write down.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn write(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    /// Takes the lines out.
    fn read(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}
