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
use socketio::{RawEvent, Server, Socket};
use socketio_proto::{Namespace, encode_event};

const PAYLOAD: &str = "0123456789abcdef";

/// Who gets a broadcast.
const MEMBERS: usize = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [path, times] = &*args else { return Err("give a path and how often".into()) };
    let times: u64 = times.parse()?;
    match &**path {
        "decode" => decode(times),
        "encode" => encode(times),
        "dispatch" => runtime()?.block_on(dispatch(times)),
        "broadcast" => {
            raise_descriptor_limit();
            runtime()?.block_on(broadcast(times))
        }
        _ => Err("the paths are decode, encode, dispatch and broadcast".into()),
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

/// An event that comes in over a WebSocket, is handed to its handler and sent back. What the kernel does is not counted.
async fn dispatch(times: u64) -> Result<(), Box<dyn Error>> {
    let io = Server::new();
    io.of("/").on("echo", async |socket: Socket, RawEvent(event): RawEvent| Ok(socket.emit_raw(&event)?));
    let mut client = Client::connect(serve(&io).await?).await?;
    for _ in 0..times {
        client.say(format!("42[\"echo\",\"{PAYLOAD}\"]").as_bytes())?;
        client.hear().await?;
    }
    Ok(())
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
struct Client(TcpStream);

impl Client {
    async fn connect(addr: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let mut client = Self(stream);
        client.0.write_all(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
              Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2lvIGxvYWQgZm9yIHlvdQ==\r\n\r\n",
        )?;
        let mut heard = Vec::new();
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
        self.0.write_all(&frame)
    }

    /// Lets the server run until there is something to read.
    async fn hear(&mut self) -> std::io::Result<Vec<u8>> {
        let mut bytes = [0; 1024];
        loop {
            match self.0.read(&mut bytes) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => return Ok(bytes[..read].to_vec()),
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
