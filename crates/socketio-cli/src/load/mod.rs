//! `sio load`: puts load on any Socket.IO server, and says how it bore it.
//!
//! It has to be cheaper than every server that it measures, so there is none of a client's machinery in it: one thread,
//! ready-made frames, no JSON, one read and one write for all that came at once. `options.rs` has the words, `message.rs`
//! what is sent, `wire.rs` and below it the transports, `generator.rs` the loop, `summary.rs` the result. Bounded in time and
//! in number by its options.

mod client;
mod fault;
mod generator;
mod group;
mod message;
mod options;
mod polling;
mod progress;
mod stage;
mod stream;
mod summary;
mod tally;
mod target;
mod traffic;
mod watch;
mod websocket;
mod wire;

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Result, ensure};

pub(crate) use self::options::LoadOptions;
use self::{generator::Generator, summary::Summary};

/// Runs the load, and prints the result. SIGINT (Ctrl-C) ends it sooner.
///
/// # Errors
/// Where nothing could be measured: no such host, or not one connection that joined.
pub(crate) async fn load(options: LoadOptions) -> Result<()> {
    raise_descriptor_limit();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stopped.store(true, Ordering::Relaxed);
        }
    });
    let tally = tokio::task::spawn_blocking({
        let options = options.clone();
        move || Generator::new(options)?.run(&stop)
    })
    .await??;
    let summary = Summary::new(&options, &tally);
    let text = if options.json { format!("{}\n", summary.to_json()) } else { summary.to_string() };
    // Nobody has to read it.
    let _ = std::io::stdout().write_all(text.as_bytes());
    let faults: Vec<&str> = tally.faults.keys().map(String::as_str).collect();
    ensure!(tally.joined > 0, "not one connection has joined: {}", faults.join("; "));
    Ok(())
}

/// Each connection is a file descriptor, or two.
fn raise_descriptor_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // Where it may not be raised, the connections above it fail with an error that says so.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
