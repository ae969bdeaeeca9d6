//! The server under soak: short deadlines, a handler for each thing that can be left behind, and, for each line on
//! its standard input, a line of JSON with what is alive now and what has happened so far. It ends with its standard input.
//!
//! Arguments: the unit of its [`Pace`] in milliseconds, and the port. What is judged, and how, is in `cargo xtask soak`.

use std::{
    alloc::System,
    io::{self, BufRead, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use soak::Pace;
use socketio::{AckError, Auth, Config, Data, HandlerError, Namespace, RawEvent, Server, Socket};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::runtime::Handle;

/// What is allocated and not yet freed: a leak of a few bytes shows here long before it shows in the resident memory.
#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What a client may have waiting for it. Little, so that one that does not read is soon met by it.
const QUEUE_BYTES: usize = 256 * 1024;

/// The room that everything is cast into.
const BUSY: &str = "busy";

#[derive(Deserialize)]
struct Credentials {
    token: Option<String>,
}

/// Questions to clients that have no answer yet.
type Awaited = Arc<AtomicUsize>;

#[tokio::main]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let pace = Pace::from_word(words.next()).context("usage: soak-server UNIT_IN_MILLISECONDS [PORT]")?;
    let port: u16 = words.next().map_or(Ok(0), |word| word.parse()).context("the port")?;
    let awaited = Awaited::default();
    let io = Server::with_config(config(pace));
    open(&io.of("/"), &awaited);
    open(&io.of_matching(|name| name.starts_with("/tenant-")), &awaited);
    let listener = io.bind(("127.0.0.1", port)).await?;
    writeln!(io::stdout(), "listening {}", listener.local_addr()?.port())?;
    let (server, runtime) = (io.clone(), Handle::current());
    // No task, so that it is not among those that are counted.
    std::thread::spawn(move || {
        for _ in io::stdin().lock().lines().map_while(Result::ok) {
            let answer = counters(&server, &runtime, &awaited);
            if writeln!(io::stdout(), "{answer}").is_err() {
                break;
            }
        }
        std::process::exit(0);
    });
    listener.serve(io.service()).await;
    Ok(())
}

fn config(pace: Pace) -> Config {
    let mut config = Config::default();
    let engine = &mut config.engine.limits;
    (engine.ping_interval, engine.ping_timeout) = (pace.ping_interval(), pace.ping_timeout());
    (engine.upgrade_timeout, engine.close_timeout) = (pace.patience(), pace.patience());
    engine.max_queue_bytes = QUEUE_BYTES;
    (config.limits.connect_timeout, config.limits.ack_timeout) = (pace.patience(), pace.patience());
    config
}

fn open(namespace: &Namespace, awaited: &Awaited) {
    let awaited = awaited.clone();
    namespace
        .clone()
        .middleware(async |Auth(sent): Auth<Credentials>| match sent.token.as_deref() {
            Some("wrong") => Err(HandlerError::new("not authorized")),
            _ => Ok(()),
        })
        .on("ask", async |Data(value): Data<Value>| Ok(value))
        .on("join", async |socket: Socket, Data(room): Data<String>| {
            socket.join(room);
            Ok(true)
        })
        .on("cast", async |all: Namespace, RawEvent(event): RawEvent| {
            all.to(BUSY).emit_raw(&event);
            Ok(true)
        })
        // The client is asked back; what became of that is the answer.
        .on("examine", move |socket: Socket| examine(socket, awaited.clone()));
}

async fn examine(socket: Socket, awaited: Awaited) -> Result<&'static str, HandlerError> {
    /// Gone with the handler's future, however that ends.
    struct Guard(Awaited);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
    awaited.fetch_add(1, Ordering::Relaxed);
    let _guard = Guard(awaited);
    match socket.emit_with_ack::<Value>("question", &()).await {
        Ok(_) => Ok("answered"),
        Err(AckError::Timeout) => Ok("timeout"),
        Err(error) => Err(error.into()),
    }
}

/// What is alive, and what has happened.
fn counters(io: &Server, runtime: &Handle, awaited: &Awaited) -> Value {
    // First, before this answer is allocated.
    let heap = HEAP.stats();
    let namespaces = io.namespaces();
    let (engine, sockets) = (io.engine().counters(), io.counters());
    json!({
        "now": {
            "tasks": runtime.metrics().num_alive_tasks(),
            "sessions": io.engine().session_count(),
            "sockets": namespaces.iter().map(|namespace| namespace.socket_count()).sum::<usize>(),
            "namespaces": namespaces.len(),
            "rooms": namespaces.iter().map(|namespace| namespace.room_names().len()).sum::<usize>(),
            "awaited_acks": awaited.load(Ordering::Relaxed),
            "heap_bytes": heap.bytes_allocated.saturating_sub(heap.bytes_deallocated),
            "heap_blocks": heap.allocations.saturating_sub(heap.deallocations),
        },
        "ever": {
            "sessions_opened": engine.sessions_opened,
            "sockets_joined": sockets.sockets_joined,
            "upgrades": engine.upgrades,
            "closed_transport_close": engine.closed_transport_close,
            "closed_transport_error": engine.closed_transport_error,
            "closed_forced": engine.closed_forced,
            "closed_ping_timeout": engine.closed_ping_timeout,
            "upgrade_timeouts": engine.upgrade_timeouts,
            "connect_timeouts": sockets.connect_timeouts,
            "joins_refused": sockets.joins_refused,
            "ack_timeouts": sockets.ack_timeouts,
            "slow_clients_disconnected": sockets.slow_clients_disconnected,
            "handler_panics": sockets.handler_panics,
        },
    })
}
