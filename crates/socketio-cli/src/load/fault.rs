//! [`Fault`]: why a connection of a load came to nothing.

use std::{fmt, io};

use engineio_proto::websocket::FrameError;

/// What went wrong with one connection. The load goes on with the others.
#[derive(Debug)]
pub(super) enum Fault {
    /// The network, or the server's machine.
    Io(io::Error),
    /// The server ended the connection.
    Closed,
    /// The server answered a request with another status than it should: this one.
    Status(String),
    /// Bytes that are no answer, no frame or no packet.
    Malformed(&'static str),
    Frame(FrameError),
    /// The namespace was refused, or left, by the server: its packet.
    Refused(String),
    /// It took too long to open.
    TooLate,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Closed => f.write_str("the server closed the connection"),
            Self::Status(line) => write!(f, "the server answered `{line}`"),
            Self::Malformed(what) => write!(f, "the server sent {what}"),
            Self::Frame(error) => write!(f, "the server sent a bad frame: {error}"),
            Self::Refused(packet) => write!(f, "the server does not let it in: {packet}"),
            Self::TooLate => f.write_str("it did not open in time"),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<FrameError> for Fault {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}
