//! `sio connect`: a session with somebody at a terminal, or with a script. What it does is `session.rs`'s.

use std::io::{IsTerminal, stdin, stdout};

use anyhow::{Context, Result};
use clap::Args;
use jiff::{Timestamp, tz::TimeZone};

use super::{
    Ending,
    connection::ConnectionOptions,
    editor,
    ending::CODES,
    input::Input,
    json_lines,
    line::HELP,
    names::Names,
    notes,
    output::{Output, Sink},
    report::Report,
    session::{Manner, Session},
    terminal::Terminal,
    text::{self, Style},
};
use crate::shutdown::Signals;

/// What `sio connect` takes.
#[derive(Args, Clone, Debug)]
#[command(after_help = CODES, after_long_help = format!("What can be typed:\n{HELP}\n\n{CODES}"))]
pub(crate) struct ConnectOptions {
    #[command(flatten)]
    connection: ConnectionOptions,
    /// Do not come back when the connection fails or ends.
    #[arg(long)]
    no_reconnect: bool,
    /// Stay at the end of the input, until Ctrl-C: to listen from a script.
    #[arg(long)]
    stay: bool,
}

/// Connects, and stays until somebody leaves.
///
/// # Errors
/// Where it cannot begin: a file of the options.
pub(crate) async fn connect(options: &ConnectOptions) -> Result<Ending> {
    let signals = Signals::new().context("cannot wait for signals")?;
    let connection = &options.connection;
    let (client, socket) = connection.make(!options.no_reconnect, connection.timeout)?;
    let notes = notes::listen(&client, &socket, !options.no_reconnect);
    let has_person = stdin().is_terminal() && stdout().is_terminal() && !connection.json;
    let style = Style {
        namespace: socket.namespace().to_owned(),
        time_zone: TimeZone::system(),
        has_colours: has_person && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };

    let names = Names::default();
    let terminal = Terminal::remember();
    let edited = has_person.then(|| {
        terminal.leave_keys_to_editor();
        editor::start(format!("{}> ", socket.namespace()), names.clone())
    });
    let (input, sink) = match edited {
        Some(Ok(edited)) => edited,
        // Also where the terminal is too simple for an editor.
        _ => {
            terminal.restore();
            (Input::plain(), Sink::Plain)
        }
    };
    let output = Output::new(sink);
    let start = Report::Connecting { url: connection.server() };
    if connection.json {
        output.print(json_lines::write(&start, Timestamp::now(), socket.namespace()), None);
    } else {
        output.print(text::write(&start, Timestamp::now(), &style), None);
    }
    if has_person {
        output.print("/help shows what can be typed, Tab completes, Ctrl-D leaves.".to_owned(), None);
    }
    let style = (!connection.json).then_some(style);
    let manner = Manner { has_person, stays: options.stay, timeout: connection.timeout, style };
    let ending = Session::new(client, socket, manner, output, names).run(input, notes, signals).await;
    terminal.restore();
    Ok(ending)
}
