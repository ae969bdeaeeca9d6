//! [`Report`]: everything that a session has to say, before it is words for people (`text.rs`) or JSON (`json_lines.rs`).

use std::time::Duration;

use socketio::{Body, DisconnectReason};

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) enum Report {
    /// The first connection is on its way to this server.
    Connecting { url: String },
    /// The namespace has let the socket in.
    Connected { id: String, transport: &'static str, recovered: bool },
    /// The connection has moved to a WebSocket.
    Upgraded,
    /// It has not, and stays on long-polling.
    UpgradeFailed { why: &'static str },
    /// An attempt has failed; without a next one, that was it.
    Unreachable { message: String, next: Option<Duration> },
    /// The connection was there, is not any more, and comes back.
    Lost { reason: String, next: Duration },
    /// An attempt to come back begins.
    Attempt(u32),
    /// The server has not let the socket in; `data` is JSON.
    Refused { message: String, data: Option<String> },
    /// The socket has left its namespace for good.
    Disconnected(DisconnectReason),
    /// An event has come; with a number where it wants to be acknowledged.
    Event { body: Body, ack: Option<u64> },
    /// An event that was sent is acknowledged.
    Answer { event: String, body: Body, took: Duration },
    /// It is not.
    NoAnswer { event: String, message: String },
    /// How the connection stands.
    State(State),
    /// The words that can be typed.
    Help,
    /// What a person may do now.
    Hint(&'static str),
    /// Something that was asked for cannot be done.
    Problem { message: String },
}

/// How the connection stands.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// The connection's.
    pub(crate) connection: String,
    /// The socket's id, while it is connected.
    pub(crate) id: Option<String>,
    /// The transport, while the connection is open.
    pub(crate) transport: Option<&'static str>,
    /// Bytes that wait to leave.
    pub(crate) queued_bytes: usize,
    /// Events that wait for a connection.
    pub(crate) buffered: usize,
    /// Acknowledgements that are waited for.
    pub(crate) awaited: usize,
}
