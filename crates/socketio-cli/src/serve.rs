//! `sio serve`: binds, says where, serves until a signal, and closes. What is served is in `page.rs`, `chat/` and
//! `echo.rs`.

use std::{
    future::ready,
    io::{self, Write},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use axum::{Router, routing::get};
use socketio::{Server, engineio::server::Listener};

use crate::{chat, client_package, echo, options::ServeOptions, page, shutdown::Signals};

/// How long clients may take to let go of their connections once the server closes.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Serves until SIGINT or SIGTERM. A second signal ends the program at once.
///
/// # Errors
/// Where it cannot begin: the address, or the folder of the browser client.
pub(crate) async fn serve(options: &ServeOptions) -> Result<()> {
    let mut signals = Signals::new().context("cannot wait for signals")?;
    let client_files = client_package::client_files(options.client_dir.as_deref())?;
    let io = Server::with_config(options.config(client_files));
    chat::serve(io.of("/"));
    echo::serve(io.of("/echo"));
    let page = page::write(options);
    let router = Router::new().route("/", get(move || ready(page::respond(page.clone())))).layer(io.layer());

    let listener = bind(&io, &options.addr).await?;
    say(format_args!("listening on http://{}", listener.local_addr()?));
    // The server's own listener rather than axum's: it bounds how long a request's head may take, and how large
    // it may be.
    let serving = tokio::spawn(listener.serve(router));

    let signal = signals.next().await;
    tracing::info!(?signal, "closing");
    let close = async {
        io.close().await;
        serving.await
    };
    tokio::select! {
        closed = tokio::time::timeout(CLOSE_TIMEOUT, close) => {
            if closed.is_err() {
                tracing::warn!("some clients did not let go of their connections in time: they are cut");
            }
        }
        again = signals.next() => std::process::exit(again.exit_code()),
    }
    say(format_args!("closed"));
    Ok(())
}

async fn bind(io: &Server, address: &str) -> Result<Listener> {
    io.bind(address).await.map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another program listens there: end it, or choose another port with --addr (port 0 takes a free one)"
            }
            io::ErrorKind::PermissionDenied => "this port needs more rights: choose one above 1023 with --addr",
            io::ErrorKind::AddrNotAvailable => {
                "this machine does not have that address: choose one of its own with --addr, or 0.0.0.0 for all"
            }
            _ => "give --addr a host and a port, such as 127.0.0.1:3000",
        };
        anyhow!("cannot listen on {address}: {error}; {advice}")
    })
}

/// Prints a line at once, for people and for programs that wait for it.
fn say(line: std::fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    // Nobody has to listen.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
