//! [`Ending`]: how a command of the client ends, as an exit code that scripts can ask for.

use std::{error::Error, process::ExitCode};

use socketio::{
    AckError,
    client::{ConnectError, engine},
};

/// The codes, for the help.
pub(crate) const CODES: &str = "\
Exit codes:
  0  done: acknowledged, or sent where no acknowledgement was waited for
  1  something on this machine is wrong, such as a file that cannot be read
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

/// An error with what is behind it, and the option that helps where the library names its own.
pub(crate) fn explain(error: &ConnectError) -> String {
    let mut text = chain(error);
    if let ConnectError::Unreachable(error) = error {
        text.push_str(advice(error.engine()));
    }
    text
}

/// The same for one attempt.
pub(crate) fn explain_open(error: &socketio::client::OpenError) -> String {
    chain(error) + advice(error.engine())
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = error.source();
    }
    text
}

fn advice(error: &engine::ConnectError) -> &'static str {
    use engine::TransportErrorKind::{Connect, Status, Tls};
    let engine::ConnectError::Closed { error: Some(error), .. } = error else { return "" };
    match (error.kind(), error.status()) {
        (Connect, _) => "; is the server running there?",
        (Tls, _) => {
            "; a certificate of your own goes into --ca, and a server without TLS has a URL that begins with http://"
        }
        (Status, Some(401 | 403)) => " (here: --header)",
        (Status, Some(404)) => " (here: --path)",
        (Status, _) if error.refusal().is_some_and(|refusal| refusal.code == 0) => " (here: --transport)",
        _ => "",
    }
}
