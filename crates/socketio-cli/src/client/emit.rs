//! `sio emit`: one event, its acknowledgement, and an exit code that says how it went.

use std::io::{self, Write};

use anyhow::{Context, Result};
use clap::Args;
use jiff::Timestamp;
use socketio::{
    Args as Arguments,
    client::{Client, Socket},
};
use tokio::time::{Instant, timeout_at};

use super::{
    Ending,
    argument::{self, Argument},
    connection::ConnectionOptions,
    ending::{self, CODES},
    json_lines,
    leave::leave,
    report::Report,
    text,
};
use crate::{duration, shutdown::Signals};

/// What `sio emit` takes.
#[derive(Args, Clone, Debug)]
#[command(after_help = CODES)]
pub(crate) struct EmitOptions {
    #[command(flatten)]
    connection: ConnectionOptions,
    /// The name of the event.
    event: String,
    /// Its arguments: JSON each; what is no JSON is a text, and hex:0102ff is three bytes.
    #[arg(value_parser = argument::parse, allow_negative_numbers = true)]
    args: Vec<Argument>,
    /// Do not ask for an acknowledgement: it is done once the event has left.
    #[arg(long)]
    no_ack: bool,
}

/// How it went, and why it did not.
struct Outcome {
    ending: Ending,
    problem: Option<Report>,
}

/// Connects once, emits, and waits for the acknowledgement, all within `--timeout`.
///
/// # Errors
/// Where it cannot begin: a file of the options; or where it is no event that can be sent.
pub(crate) async fn emit(options: &EmitOptions) -> Result<Ending> {
    let mut signals = Signals::new().context("cannot wait for signals")?;
    // One clock for all of it: that of the opening alone is not to be over first.
    let (client, socket) = options.connection.make(false, duration::LONGEST)?;
    let outcome = tokio::select! {
        outcome = exchange(options, &client, &socket) => outcome?,
        signal = signals.next() => std::process::exit(signal.exit_code()),
    };
    let is_handled = !(options.no_ack && outcome.ending == Ending::Done);
    leave(&client, is_handled).await;
    if let Some(report) = &outcome.problem {
        if options.connection.json {
            say(&json_lines::write(report, Timestamp::now(), socket.namespace()));
        }
        eprintln!("error: {}", text::problem(report));
    }
    Ok(outcome.ending)
}

async fn exchange(options: &EmitOptions, client: &Client, socket: &Socket) -> Result<Outcome> {
    let time = options.connection.timeout;
    let end = Instant::now() + time;
    let late = |what: &str| {
        let message = format!("{what} within {time:?}: --timeout gives it longer");
        failed(Ending::TimedOut, Report::NoAnswer { event: options.event.clone(), message })
    };
    match timeout_at(end, socket.connect()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Ok(failed(Ending::of_connect(&error), refusal(&error))),
        Err(_) => return Ok(late("the server did not let the client in")),
    }
    let (event, args) = (&options.event, Arguments(options.args.clone()));
    if options.no_ack {
        socket.emit(event, &args)?;
        return Ok(match timeout_at(end, client.flushed()).await {
            Ok(()) if socket.is_connected() => Outcome { ending: Ending::Done, problem: None },
            Ok(()) => {
                let message = "the connection was lost while the event was on its way".to_owned();
                failed(Ending::Unreachable, Report::NoAnswer { event: event.clone(), message })
            }
            Err(_) => late("the event did not leave"),
        });
    }
    let asked = socket.emit_with_ack::<()>(event, &args);
    let sent = Instant::now();
    match timeout_at(end, asked.raw()).await {
        Ok(Ok(body)) => {
            if options.connection.json {
                let report = Report::Answer { event: event.clone(), body, took: sent.elapsed() };
                say(&json_lines::write(&report, Timestamp::now(), socket.namespace()));
            } else {
                say(&text::answer(&body));
            }
            Ok(Outcome { ending: Ending::Done, problem: None })
        }
        Ok(Err(socketio::AckError::Emit(error))) => Err(error.into()),
        Ok(Err(error)) => {
            Ok(failed(Ending::of_ack(&error), Report::NoAnswer { event: event.clone(), message: error.to_string() }))
        }
        Err(_) => Ok(late("the server did not acknowledge it")),
    }
}

const fn failed(ending: Ending, report: Report) -> Outcome {
    Outcome { ending, problem: Some(report) }
}

fn refusal(error: &socketio::client::ConnectError) -> Report {
    match error {
        socketio::client::ConnectError::Refused(refusal) => {
            Report::Refused { message: refusal.message().to_owned(), data: refusal.data_json().map(str::to_owned) }
        }
        error => Report::Unreachable { message: ending::explain(error), next: None },
    }
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    // Nobody has to listen.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
