//! permessage-deflate between a real socket and the engine: what is agreed on, what goes compressed over the wire, and
//! what becomes of broken and of growing messages. Rows A11, A12, J14, J29; hazards S32, S38. [RFC 7692]
//!
//! The client is the protocol crate's own codec in the role of a client, with a look at each frame's first byte.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::{net::SocketAddr, time::Duration};

use bytes::BytesMut;
use engineio::{CloseReason, Config, Message, MessageFrame, PerMessageDeflate, server::Engine};
use engineio_proto::websocket::{
    CloseCode, CloseFrame, Deflater, FrameDecoder, FrameEvent, FrameLimits, Opcode, Role, encode_header,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};

const MASK: [u8; 4] = [1, 2, 3, 4];
const DEADLINE: Duration = Duration::from_secs(10);
const ACCEPTED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
/// The first byte of a whole text frame, and of a compressed one.
const TEXT: u8 = 0x81;
const DEFLATED_TEXT: u8 = 0xC1;
const DEFLATED_BINARY: u8 = 0xC2;

struct Client {
    tcp: TcpStream,
    decoder: FrameDecoder,
    read: BytesMut,
    /// What the server accepted.
    extensions: Option<String>,
}

impl Client {
    /// Makes the handshake with these offers, each in a header of its own.
    async fn open(address: SocketAddr, query: &str, offers: &[&str]) -> Self {
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let offers: String = offers.iter().map(|offer| format!("Sec-WebSocket-Extensions: {offer}\r\n")).collect();
        let request = format!(
            "GET /engine.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             {offers}\r\n"
        );
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut read = BytesMut::new();
        let head = loop {
            assert!(tcp.read_buf(&mut read).await.unwrap() > 0, "closed during the handshake");
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break String::from_utf8(read.split_to(end + 4).to_vec()).unwrap();
            }
        };
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        let header = head.lines().find_map(|line| line.strip_prefix("sec-websocket-extensions: "));
        let decoder = FrameDecoder::new(Role::Client, FrameLimits::default()).with_deflate();
        Self { tcp, decoder, read, extensions: header.map(str::to_owned) }
    }

    /// Opens a session on a WebSocket and takes its open packet.
    async fn open_session(address: SocketAddr, offers: &[&str]) -> Self {
        let mut client = Self::open(address, "", offers).await;
        let (first, open) = client.message().await;
        assert_eq!(first, TEXT, "the open packet is short");
        assert!(matches!(open, Message::Text(text) if text.starts_with("0{")));
        client
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.tcp.write_all(bytes).await.unwrap();
    }

    /// Sends a frame of that first byte, masked.
    async fn send_frame(&mut self, first: u8, payload: &[u8]) {
        let mut frame = BytesMut::new();
        encode_header(Opcode::Text, true, payload.len() as u64, Some(MASK), &mut frame);
        frame[0] = first;
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.write(&frame).await;
    }

    async fn event(&mut self) -> (u8, FrameEvent) {
        let read = async {
            // Between two events, the first byte that is unread begins a frame.
            let mut first = None;
            loop {
                first = first.or(self.read.first().copied());
                if let Some(event) = self.decoder.decode(&mut self.read).unwrap() {
                    return (first.unwrap(), event);
                }
                self.read.reserve(1 << 16);
                assert!(self.tcp.read_buf(&mut self.read).await.unwrap() > 0, "closed without a close frame");
            }
        };
        tokio::time::timeout(DEADLINE, read).await.expect("no frame in time")
    }

    /// The next message, and the first byte of its frame.
    async fn message(&mut self) -> (u8, Message) {
        match self.event().await {
            (first, FrameEvent::Message(message)) => (first, message),
            other => panic!("unexpected {other:?}"),
        }
    }

    /// The end: a close frame with that code. The connection is dropped, for which the server waits.
    async fn expect_closed_with(mut self, code: CloseCode) {
        match self.event().await {
            (_, FrameEvent::Close(Some(CloseFrame { code: got, .. }))) => assert_eq!(got, code),
            other => panic!("unexpected {other:?}"),
        }
    }
}

struct Server {
    engine: Engine,
    address: SocketAddr,
    ends: mpsc::UnboundedReceiver<CloseReason>,
}

/// A server that echoes, and where it is told `plain`, sends the next message so that it is not compressed.
async fn serve(deflate: Option<PerMessageDeflate>) -> Server {
    let mut config = Config::default();
    config.per_message_deflate = deflate;
    let (ended, ends) = mpsc::unbounded_channel();
    let engine = Engine::new(config, move |session| {
        let ended = ended.clone();
        async move {
            let mut plain = false;
            while let Some(message) = session.recv().await {
                if message == Message::from("plain") {
                    plain = true;
                    continue;
                }
                let frame = MessageFrame::from(&message);
                let frame = if std::mem::take(&mut plain) { frame.uncompressed() } else { frame };
                session.send_frames(&[frame]).unwrap();
            }
            let _ = ended.send(session.closed().await.reason);
        }
    });
    let listener = engine.bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(engine.service()));
    Server { engine, address, ends }
}

impl Server {
    async fn expect_end(&mut self, reason: CloseReason) {
        let end = tokio::time::timeout(DEADLINE, self.ends.recv()).await.expect("the session ends");
        assert_eq!(end, Some(reason));
    }
}

fn on() -> Option<PerMessageDeflate> {
    Some(PerMessageDeflate::default())
}

fn masked(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    Deflater::new(6).encode_frame(opcode, payload, Some(MASK)).expect("it shrinks").to_vec()
}

/// A11, S38: who did not ask for it has it not, whatever clients offer; and a frame that claims it is an error.
#[tokio::test]
async fn nothing_is_compressed_by_default() {
    assert_eq!(Config::default().per_message_deflate, None);
    let mut server = serve(None).await;
    let mut client = Client::open_session(server.address, &["permessage-deflate"]).await;
    assert_eq!(client.extensions, None);
    let long = format!("4{}", "x".repeat(5000));
    client.send_frame(TEXT, long.as_bytes()).await;
    assert_eq!(client.message().await, (TEXT, Message::from(long.clone())));

    client.write(&masked(Opcode::Text, long.as_bytes())).await;
    client.expect_closed_with(CloseCode::PROTOCOL_ERROR).await;
    server.expect_end(CloseReason::TransportError).await;
    server.engine.close().await;
}

/// A11, A12, J14: the default threshold is 1024 bytes of the packet, its kind included.
#[tokio::test]
async fn long_messages_go_compressed_both_ways_and_short_ones_do_not() {
    let server = serve(on()).await;
    let mut client = Client::open_session(server.address, &["permessage-deflate; client_max_window_bits"]).await;
    assert_eq!(client.extensions.as_deref(), Some(ACCEPTED));
    for (len, first) in [(1, TEXT), (1022, TEXT), (1023, DEFLATED_TEXT), (300_000, DEFLATED_TEXT)] {
        let text = format!("4{}{}", "é".repeat(len / 2), "x".repeat(len % 2));
        assert_eq!(text.len(), len + 1);
        client.send_frame(TEXT, text.as_bytes()).await;
        assert_eq!(client.message().await, (first, Message::from(text.clone())), "{len}, sent plain");
        if first == DEFLATED_TEXT {
            client.write(&masked(Opcode::Text, text.as_bytes())).await;
            assert_eq!(client.message().await, (first, Message::from(text)), "{len}, sent compressed");
        }
    }
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    client.write(&masked(Opcode::Binary, &bytes)).await;
    assert_eq!(client.message().await, (DEFLATED_BINARY, Message::Binary(bytes.into())));
    // The heartbeat of the WebSocket itself.
    client.send_frame(0x89, b"are you there").await;
    assert_eq!(client.event().await.0, 0x8A, "a pong is never compressed");
    drop(client);
    server.engine.close().await;
}

/// A12, J29: the flag of a message counts for that message.
#[tokio::test]
async fn a_message_that_must_not_be_compressed_is_not() {
    let server = serve(on()).await;
    let mut client = Client::open_session(server.address, &["permessage-deflate"]).await;
    let long = format!("4{}", "x".repeat(5000));
    for (word, first) in [(None, DEFLATED_TEXT), (Some("4plain"), TEXT), (None, DEFLATED_TEXT)] {
        if let Some(word) = word {
            client.send_frame(TEXT, word.as_bytes()).await;
        }
        client.send_frame(TEXT, long.as_bytes()).await;
        assert_eq!(client.message().await, (first, Message::from(long.clone())));
    }
    drop(client);
    server.engine.close().await;
}

/// A11: an offer that cannot be accepted is no reason to refuse the client.
#[tokio::test]
async fn a_client_whose_offers_are_declined_is_served_without() {
    let server = serve(on()).await;
    let long = format!("4{}", "x".repeat(5000));
    let offers: [(&[&str], Option<&str>); 6] = [
        (&[], None),
        (&["permessage-deflate; server_max_window_bits=9"], None),
        (&["permessage-deflate; unheard_of"], None),
        (&["x-webkit-deflate-frame", "permessage-deflate;"], None),
        (&["permessage-deflate; server_max_window_bits=9, permessage-deflate"], Some(ACCEPTED)),
        (&["permessage-deflate; unheard_of", "permessage-deflate"], Some(ACCEPTED)),
    ];
    for (offers, accepted) in offers {
        let mut client = Client::open_session(server.address, offers).await;
        assert_eq!(client.extensions.as_deref(), accepted, "{offers:?}");
        client.send_frame(TEXT, long.as_bytes()).await;
        let first = if accepted.is_some() { DEFLATED_TEXT } else { TEXT };
        assert_eq!(client.message().await, (first, Message::from(long.clone())), "{offers:?}");
    }
    server.engine.close().await;
}

/// A11: also on the WebSocket that a session on long-polling upgrades to.
#[tokio::test]
async fn an_upgrade_agrees_on_compression_too() {
    let server = serve(on()).await;
    let mut polling = TcpStream::connect(server.address).await.unwrap();
    let request = "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    polling.write_all(request.as_bytes()).await.unwrap();
    let mut open = String::new();
    polling.read_to_string(&mut open).await.unwrap();
    let sid = open.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();

    let mut client = Client::open(server.address, &format!("&sid={sid}"), &["permessage-deflate"]).await;
    assert_eq!(client.extensions.as_deref(), Some(ACCEPTED));
    client.send_frame(TEXT, b"2probe").await;
    assert_eq!(client.message().await, (TEXT, Message::from("3probe")));
    client.send_frame(TEXT, b"5").await;
    let long = format!("4{}", "x".repeat(5000));
    client.write(&masked(Opcode::Text, long.as_bytes())).await;
    assert_eq!(client.message().await, (DEFLATED_TEXT, Message::from(long)));
    drop(client);
    server.engine.close().await;
}

/// S38, S24: `maxPayload` holds for what a message comes to.
#[tokio::test]
async fn a_message_that_grows_over_the_limit_closes_with_1009() {
    let mut server = serve(on()).await;
    let bomb = masked(Opcode::Binary, &vec![0; 1_000_001]);
    assert!(bomb.len() < 1100);
    let mut client = Client::open_session(server.address, &["permessage-deflate"]).await;
    client.write(&masked(Opcode::Binary, &vec![0; 1_000_000])).await;
    assert_eq!(client.message().await.1.len(), 1_000_000, "at the limit");
    client.write(&bomb).await;
    client.expect_closed_with(CloseCode::MESSAGE_TOO_BIG).await;
    server.expect_end(CloseReason::TransportError).await;

    let mut client = Client::open_session(server.address, &["permessage-deflate"]).await;
    let payload: Vec<u8> = bomb[8..].iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    client.send_frame(0x42, &payload[..500]).await;
    client.send_frame(0x80, &payload[500..]).await;
    client.expect_closed_with(CloseCode::MESSAGE_TOO_BIG).await;
    server.expect_end(CloseReason::TransportError).await;
    server.engine.close().await;
}

/// As the `ws` library does; a second bit at the wrong place is a matter of the framing.
#[tokio::test]
async fn a_message_that_cannot_be_inflated_closes_with_1007() {
    let mut server = serve(on()).await;
    let cases: [(u8, &[u8], CloseCode); 4] = [
        (DEFLATED_TEXT, b"4hello, and no DEFLATE data", CloseCode::INVALID_PAYLOAD),
        (DEFLATED_BINARY, b"", CloseCode::INVALID_PAYLOAD),
        (0xC0, b"", CloseCode::PROTOCOL_ERROR),
        (0xC9, b"", CloseCode::PROTOCOL_ERROR),
    ];
    for (first, payload, code) in cases {
        let mut client = Client::open_session(server.address, &["permessage-deflate"]).await;
        client.send_frame(first, payload).await;
        client.expect_closed_with(code).await;
        server.expect_end(CloseReason::TransportError).await;
    }
    server.engine.close().await;
}
