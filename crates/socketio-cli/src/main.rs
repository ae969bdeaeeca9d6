//! `sio`, the command line: typed words to a command, and its end to an exit code. `options.rs` has the words,
//! `serve.rs` the server, `client/` the two commands of the client.

mod chat;
mod client;
mod client_package;
mod duration;
mod echo;
mod load;
mod options;
mod page;
mod serve;
mod shutdown;

use std::{io::IsTerminal, process::ExitCode};

use clap::Parser;
use options::{Command, CommandLine};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let CommandLine { log, command } = CommandLine::parse();
    start_logging(&log);
    let done = match command {
        Command::Serve(options) => serve::serve(&options).await.map(|()| ExitCode::SUCCESS),
        Command::Connect(options) => client::connect(&options).await.map(ExitCode::from),
        Command::Emit(options) => client::emit(&options).await.map(ExitCode::from),
        Command::Load(options) => load::load(*options).await.map(|()| ExitCode::SUCCESS),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Logs to standard error; standard output is for what the command has to say.
fn start_logging(filter: &str) {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
