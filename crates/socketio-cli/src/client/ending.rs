//! [`Ending`]: how a command of the client ends, as an exit code that scripts can ask for.

use std::{error::Error, process::ExitCode};

use socketio::{AckError, client::ConnectError};

/// The codes, for the help.
pub(crate) const CODES: &str = "\
Exit codes:
  0  done: acknowledged, or sent where no acknowledgement was waited for
  1  it could not begin: a file that cannot be read, an event that cannot be sent
  2  the server has refused; or the command line is wrong
  3  no answer in time
  4  the server was not reached, or lost before it answered";

/// How a command of the client ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Done,
    Refused,
    TimedOut,
    Unreachable,
}

impl Ending {
    /// What a connection that was not had means.
    pub(crate) const fn of_connect(error: &ConnectError) -> Self {
        match error {
            ConnectError::Refused(_) => Self::Refused,
            _ => Self::Unreachable,
        }
    }

    /// What an acknowledgement that did not come means.
    pub(crate) const fn of_ack(error: &AckError) -> Self {
        if error.is_timeout() { Self::TimedOut } else { Self::Unreachable }
    }

    /// The number of [`CODES`].
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 2,
            Self::TimedOut => 3,
            Self::Unreachable => 4,
        }
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(ending.code())
    }
}

/// Where the library names its own configuration, the option that sets it.
const OPTIONS: [(&str, &str); 4] = [
    ("Config::path", "--path"),
    ("Config::extra_headers", "--header"),
    ("Config::transports", "--transport"),
    ("Config::tls's roots", "--ca"),
];

/// What an error says and what is behind it, in the words of the command line.
pub(crate) fn explain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for (name, option) in OPTIONS {
        text = text.replace(name, option);
    }
    // What is at the bottom of it: what is between only says the same in more general words.
    if let Some(bottom) = std::iter::successors(error.source(), |&error| error.source()).last() {
        text.push_str(&format!(" ({bottom})"));
    }
    text
}
