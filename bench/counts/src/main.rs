//! One hot path, so many times: `bench-counts <path> <times>`. `cargo xtask counts` runs it under callgrind with two
//! numbers, and the difference is what one more time costs; what comes before and after the path so does not count.

use std::{
    error::Error,
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::BytesMut;
use engineio_proto::websocket::{FrameDecoder, FrameLimits, Opcode, Role, encode_frame};
use socketio::{Data, Server, testing::TestClient};
use socketio_proto::{Namespace, encode_event};

const PAYLOAD: &str = "0123456789abcdef";

/// Events that were handled.
static SEEN: AtomicU64 = AtomicU64::new(0);

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
        "broadcast" => runtime()?.block_on(broadcast(times)),
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

/// An event that comes from a client in memory, up to the end of its handler. The client's own work is in it.
async fn dispatch(times: u64) -> Result<(), Box<dyn Error>> {
    let io = Server::new();
    io.of("/").on("count", async |Data(text): Data<String>| {
        black_box(text);
        SEEN.fetch_add(1, Ordering::Relaxed);
    });
    let client = TestClient::connect(&io).await;
    for number in 1..=times {
        client.emit("count", PAYLOAD);
        while SEEN.load(Ordering::Relaxed) < number {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

/// An event to everybody, until all of it has arrived in the memory of the clients.
async fn broadcast(times: u64) -> Result<(), Box<dyn Error>> {
    let io = Server::new();
    io.of("/");
    let mut clients = Vec::new();
    for _ in 0..MEMBERS {
        clients.push(TestClient::connect(&io).await);
    }
    for _ in 0..times {
        io.emit("cast", PAYLOAD)?;
        // Each time, everything that is ready runs once; a connection and its client need a few.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }
    drop(clients);
    Ok(())
}
