//! What costs memory and what does not, counted by the allocator: an event that is echoed, joining and leaving a room that is
//! known, and a connection of somebody who has shown nothing yet. One test after the other, since there is one allocator.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::{
    alloc::System,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
};

use bytes::BytesMut;
use engineio_proto::websocket::{Opcode, encode_frame};
use socketio::{RawEvent, Server, Socket, testing::TestClient};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::runtime::{Builder, Runtime};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Events of one write.
const BURST: usize = 32;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A client on a thread, which allocates nothing from one burst to the next. Each `()` that it is sent is a burst, and each that
/// it sends is one that has come back.
struct Bursts {
    go: Sender<()>,
    done: Receiver<()>,
    thread: JoinHandle<()>,
}

fn bursts(address: SocketAddr) -> Bursts {
    let (go, gone) = channel();
    let (tell, done) = channel();
    let thread = thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let mut join = BytesMut::new();
        encode_frame(Opcode::Text, b"40", Some([1, 2, 3, 4]), &mut join);
        stream.write_all(&join).unwrap();
        let mut heard = Vec::new();
        let mut part = [0; 16 * 1024];
        while !heard.windows(3).any(|three| three == b"40{") {
            let count = stream.read(&mut part).unwrap();
            heard.extend_from_slice(&part[..count]);
        }
        let event = b"42[\"echo\",\"0123456789abcdef\"]";
        let mut burst = BytesMut::new();
        (0..BURST).for_each(|_| encode_frame(Opcode::Text, event, Some([1, 2, 3, 4]), &mut burst));
        tell.send(()).unwrap();
        while gone.recv().is_ok() {
            stream.write_all(&burst).unwrap();
            let mut left = BURST * (event.len() + 2);
            while left > 0 {
                left -= stream.read(&mut part).unwrap();
            }
            tell.send(()).unwrap();
        }
    });
    Bursts { go, done, thread }
}

/// An echoed event allocates twice: the future of its handler, and the frame of its answer, which belongs to the queue. A read, a write
/// and the turn of a task cost a few more, shared by all events that came together; and nothing is kept.
fn an_echo_allocates_for_its_handler_and_its_answer_and_for_nothing_else() {
    let runtime = runtime();
    let io = Server::new();
    io.of("/").on("echo", async |socket: Socket, event: RawEvent| {
        let _ = socket.emit_raw(&event.0);
    });
    let listener = runtime.block_on(io.bind("127.0.0.1:0")).unwrap();
    let client = bursts(listener.local_addr().unwrap());
    runtime.spawn(listener.serve(io.service()));
    let one = |runtime: &Runtime, go: bool| {
        if go {
            client.go.send(()).unwrap();
        }
        runtime.block_on(async {
            while client.done.try_recv().is_err() {
                tokio::task::yield_now().await;
            }
        });
    };
    one(&runtime, false);
    (0..20).for_each(|_| one(&runtime, true));
    let region = Region::new(HEAP);
    const TIMES: usize = 50;
    (0..TIMES).for_each(|_| one(&runtime, true));
    let change = region.change();
    let each_burst = change.allocations as f64 / TIMES as f64;
    assert!(each_burst < (2 * BURST + BURST / 2) as f64, "{each_burst} allocations for {BURST} events: {change:?}");
    assert!(change.bytes_allocated.abs_diff(change.bytes_deallocated) < 4096, "{change:?}");
    let Bursts { go, thread, .. } = client;
    drop(go);
    thread.join().unwrap();
    runtime.block_on(io.close());
}

/// The room is known as long as somebody is in it, and what the first joining has made is used again.
fn joining_and_leaving_a_room_that_is_known_allocates_nothing() {
    runtime().block_on(async {
        let io = Server::new();
        let (_first, _second) = (TestClient::connect(&io).await, TestClient::connect(&io).await);
        let [stays, moves] = &*io.of("/").sockets() else { panic!("there are two") };
        stays.join("news");
        moves.join("news");
        moves.leave("news");
        let region = Region::new(HEAP);
        for _ in 0..1_000 {
            moves.join("news");
            moves.leave("news");
        }
        let change = region.change();
        assert_eq!((change.allocations, change.reallocations), (0, 0), "{change:?}");
        io.close().await;
    });
}

/// S19, S3: what somebody who has joined nothing makes the server hold, as long as nothing is half here: the session, its request, its connection.
/// The listener reads into memory that is the thread's.
fn a_connection_without_credentials_holds_a_few_kilobytes() {
    const COUNT: usize = 200;
    let runtime = runtime();
    let io = Server::new();
    let listener = runtime.block_on(io.bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(listener.serve(io.service()));
    let open = |count: usize| {
        let head = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let mut streams = Vec::with_capacity(count);
        for _ in 0..count {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            streams.push(stream);
        }
        streams
    };
    let settle = |sessions: usize| {
        runtime.block_on(async {
            while io.engine().session_count() < sessions {
                tokio::task::yield_now().await;
            }
            for _ in 0..1_000 {
                tokio::task::yield_now().await;
            }
        });
    };
    // No more at once than wait to be accepted.
    const AT_ONCE: usize = 50;
    let open_all = |before: usize| -> Vec<_> {
        let part = |number: usize| {
            let streams = open(AT_ONCE);
            settle(before + (number + 1) * AT_ONCE);
            streams
        };
        (0..COUNT / AT_ONCE).flat_map(part).collect()
    };
    let first = open_all(0);
    let region = Region::new(HEAP);
    let second = open_all(COUNT);
    let change = region.change();
    let each = (change.bytes_allocated - change.bytes_deallocated) / COUNT;
    assert!(each < 4 * 1024, "{each} bytes for each connection");
    drop((first, second));
    runtime.block_on(io.close());
}

#[test]
fn what_costs_memory_is_known() {
    an_echo_allocates_for_its_handler_and_its_answer_and_for_nothing_else();
    joining_and_leaving_a_room_that_is_known_allocates_nothing();
    a_connection_without_credentials_holds_a_few_kilobytes();
}
