//! One hot path, so many times: `bench-counts <path> <times>`. `cargo xtask counts` runs it under callgrind with two
//! numbers, and the difference is what one more time costs; what comes before and after the path so does not count.

use std::{
    error::Error,
    hint::black_box,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
};

use bytes::BytesMut;
use engineio_proto::websocket::{FrameDecoder, FrameLimits, Opcode, Role, encode_frame};
use rustix::process::{Resource, getrlimit, setrlimit};
use socketio::{AckSender, RawEvent, Server, Socket};
use socketio_proto::{Namespace, encode_event};

const PAYLOAD: &str = "0123456789abcdef";

/// Events that come in one piece.
const BURST: usize = 32;

/// The payload of a large event.
const LARGE_BYTES: usize = 60_000;

/// Read by a client at a time.
const HEARD_BYTES: usize = 16 * 1024;

/// Who gets a broadcast.
const MEMBERS: usize = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [path, times] = &*args else { return Err("give a path and how often".into()) };
    let times: u64 = times.parse()?;
    match &**path {
        "decode" => decode(times),
        "encode" => encode(times),
        "dispatch" => runtime()?.block_on(echo(times, 1, PAYLOAD)),
        "burst" => runtime()?.block_on(echo(times, BURST, PAYLOAD)),
        "large" => runtime()?.block_on(echo(times, 1, &PAYLOAD.repeat(LARGE_BYTES / PAYLOAD.len()))),
        "acknowledge" => runtime()?.block_on(acknowledge(times)),
        "polling" => runtime()?.block_on(polling(times)),
        "broadcast" => {
            raise_descriptor_limit();
            runtime()?.block_on(broadcast(times))
        }
        _ => Err("there is no such path".into()),
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// One masked frame of a client, in a buffer that is used again.
fn decode(times: u64) -> Result<(), Box<dyn Error>> {
    let mut frame = BytesMut::new();
    encode_frame(Opcode::Text, format!("42[\"echo\",\"{PAYLOAD}\"]").as_bytes(), Some([1, 2, 3, 4]), &mut frame);
    let mut decoder = FrameDecoder::new(Role::Server, FrameLimits::default());
    let mut input = BytesMut::with_capacity(4096);
    for _ in 0..times {
        input.extend_from_slice(&frame);
        black_box(decoder.decode(&mut input)?);
        input.clear();
    }
    Ok(())
}

/// An event with one argument, to a frame.
fn encode(times: u64) -> Result<(), Box<dyn Error>> {
    let namespace = Namespace::root();
    for _ in 0..times {
        black_box(encode_event(&namespace, None, "echo", black_box(PAYLOAD))?);
    }
    Ok(())
}

/// Events that come in over a WebSocket in one piece, so many at a time, and are handed to their handler and sent back.
/// What the kernel does is not counted.
async fn echo(times: u64, at_a_time: usize, payload: &str) -> Result<(), Box<dyn Error>> {
    let io = Server::new();
    io.of("/").on("echo", async |socket: Socket, RawEvent(event): RawEvent| Ok(socket.emit_raw(&event)?));
    let mut client = Client::connect(serve(&io).await?).await?;
    let packet = format!("42[\"echo\",\"{payload}\"]");
    let (mut asked, mut answer) = (BytesMut::new(), BytesMut::new());
    for _ in 0..at_a_time {
        encode_frame(Opcode::Text, packet.as_bytes(), Some([1, 2, 3, 4]), &mut asked);
        encode_frame(Opcode::Text, packet.as_bytes(), None, &mut answer);
    }
    for _ in 0..times {
        client.send(&asked).await?;
        client.hear_bytes(answer.len()).await?;
    }
    Ok(())
}

/// An event that is acknowledged with its own arguments.
async fn acknowledge(times: u64) -> Result<(), Box<dyn Error>> {
    let io = Server::new();
    io.of("/").on("ask", async |RawEvent(event): RawEvent, ack: AckSender| Ok(ack.send_raw(&event)?));
    let mut client = Client::connect(serve(&io).await?).await?;
    for _ in 0..times {
        client.say(format!("420[\"ask\",\"{PAYLOAD}\"]").as_bytes())?;
        client.hear().await?;
    }
    Ok(())
}

/// An event that comes with a POST and is sent back with a GET that was parked.
async fn polling(times: u64) -> Result<(), Box<dyn Error>> {
    let io = Server::new();
    io.of("/").on("echo", async |socket: Socket, RawEvent(event): RawEvent| Ok(socket.emit_raw(&event)?));
    let addr = serve(&io).await?;
    let (mut getting, mut posting) = (Client::open(addr)?, Client::open(addr)?);
    let path = "/socket.io/?EIO=4&transport=polling";
    getting.send(get(path).as_bytes()).await?;
    let opened = getting.hear_until("maxPayload").await?;
    let sid = opened.split('"').nth(3).ok_or("no session id")?;
    let path = format!("{path}&sid={sid}");
    for packet in std::iter::once("40".to_owned()).chain((0..times).map(|_| format!("42[\"echo\",\"{PAYLOAD}\"]"))) {
        getting.send(get(&path).as_bytes()).await?;
        posting.send(post(&path, &packet).as_bytes()).await?;
        posting.hear_until("\r\n\r\nok").await?;
        getting.hear_until(&packet).await?;
    }
    Ok(())
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

fn post(path: &str, body: &str) -> String {
    let (kind, length) = ("text/plain;charset=UTF-8", body.len());
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// An event to everybody, until it has left for all of them.
async fn broadcast(times: u64) -> Result<(), Box<dyn Error>> {
    let io = Server::new();
    io.of("/");
    let addr = serve(&io).await?;
    let mut clients = Vec::new();
    for _ in 0..MEMBERS {
        clients.push(Client::connect(addr).await?);
    }
    for _ in 0..times {
        io.emit("cast", PAYLOAD)?;
        for client in &mut clients {
            client.hear().await?;
        }
    }
    Ok(())
}

async fn serve(io: &Server) -> std::io::Result<SocketAddr> {
    let listener = io.bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(listener.serve(io.service()));
    Ok(addr)
}

/// The least that is a client, so that it is the server that is counted.
struct Client {
    stream: TcpStream,
    /// What was read last; clearing it anew for each read would be counted.
    heard: Box<[u8]>,
}

impl Client {
    fn open(addr: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, heard: vec![0; HEARD_BYTES].into() })
    }

    async fn connect(addr: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let mut client = Self::open(addr)?;
        client.stream.write_all(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
              Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2lvIGxvYWQgZm9yIHlvdQ==\r\n\r\n",
        )?;
        let mut heard: Vec<u8> = Vec::new();
        for (said, until) in [(&b""[..], &b"\"maxPayload\""[..]), (b"40", b"40{")] {
            if !said.is_empty() {
                client.say(said)?;
            }
            while !heard.windows(until.len()).any(|part| part == until) {
                heard.extend(client.hear().await?);
            }
        }
        Ok(client)
    }

    fn say(&mut self, packet: &[u8]) -> std::io::Result<()> {
        let mut frame = BytesMut::new();
        encode_frame(Opcode::Text, packet, Some([1, 2, 3, 4]), &mut frame);
        self.stream.write_all(&frame)
    }

    /// Writes, and lets the server run while there is no room.
    async fn send(&mut self, mut bytes: &[u8]) -> std::io::Result<()> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => tokio::task::yield_now().await,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads so many bytes.
    async fn hear_bytes(&mut self, mut count: usize) -> std::io::Result<()> {
        while count > 0 {
            count = count.saturating_sub(self.hear().await?.len());
        }
        Ok(())
    }

    /// Reads until something has come.
    async fn hear_until(&mut self, end: &str) -> std::io::Result<String> {
        let mut heard: Vec<u8> = Vec::new();
        while !heard.windows(end.len()).any(|part| part == end.as_bytes()) {
            heard.extend(self.hear().await?);
        }
        Ok(String::from_utf8_lossy(&heard).into_owned())
    }

    /// Lets the server run until there is something to read.
    async fn hear(&mut self) -> std::io::Result<&[u8]> {
        loop {
            match self.stream.read(&mut self.heard) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => return Ok(&self.heard[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => tokio::task::yield_now().await,
                Err(error) => return Err(error),
            }
        }
    }
}

/// Each connection has two ends in this process.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it does not do, connecting will say so.
    let _ = setrlimit(Resource::Nofile, limit);
}
