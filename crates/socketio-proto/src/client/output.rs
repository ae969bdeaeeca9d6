//! What a [`ClientSocket`](crate::ClientSocket) asks for and tells ([`ClientOutput`]), what is in it, and the outcomes of
//! its inputs.
//!
//! Leaves out when each of them comes (`mod.rs`).

use std::{error::Error, fmt};

use engineio_proto::{CloseReason, Text};
use serde::Deserialize;

use crate::{AckId, ArgumentError, Body, Namespace, Packet, PacketKind};

/// What the socket asks its runtime to do and tells it, in this order.
///
/// Packets to send are to be handed to the engine before the socket takes its next input: what is emitted afterwards
/// comes behind them. [`Connected`](Self::Connected) comes after them and is told after them. (R39)
///
/// ```
/// use socketio_proto::{ClientOutput, ClientSocket, Namespace};
///
/// let mut socket: ClientSocket<()> = ClientSocket::new(Namespace::root(), Default::default());
/// let mut out = Vec::new();
/// socket.handle_connect(true, &mut out);
/// assert!(matches!(out[..], [ClientOutput::AskAuth(_)]));
/// ```
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientOutput<W> {
    /// Ask the user for what goes into the CONNECT, and give it to
    /// [`handle_auth`](crate::ClientSocket::handle_auth) under this number, or a failure to
    /// [`handle_auth_failed`](crate::ClientSocket::handle_auth_failed). (E27)
    AskAuth(AuthId),
    /// Send this packet, whatever the bound of the engine's queue: the socket itself has bounded what it can be. What
    /// the engine does not take because its heartbeat has expired goes to
    /// [`handle_unsent`](crate::ClientSocket::handle_unsent).
    Send(Outgoing),
    /// The server has sent an event.
    Event {
        /// Its name and arguments.
        body: Body,
        /// It wants an acknowledgement with this id, on this connection: see
        /// [`connection`](crate::ClientSocket::connection). (E46)
        ack: Option<AckId>,
    },
    /// The acknowledgement that `waiter` waits for.
    Answer {
        /// Who waits.
        waiter: W,
        /// The arguments of the acknowledgement.
        body: Body,
    },
    /// There will be no acknowledgement for `waiter`. (E41, E44, E49)
    Failed {
        /// Who waits.
        waiter: W,
        /// Why.
        failure: AckFailure,
    },
    /// The server has let the socket in, and what had waited for it has been sent. (E30)
    Connected {
        /// The server says that this is the session of before, so that nothing was missed. (E57)
        recovered: bool,
    },
    /// The socket was not let in and does not try again by itself. (E31, E32)
    Refused(Refusal),
    /// The socket was connected and is no more; once for each [`Connected`](Self::Connected). (E33)
    Disconnected(ClientClosed),
}

/// The number of a question for the auth payload, so that an answer which comes after the connection that it was for is
/// ignored.
///
/// ```
/// # use socketio_proto::{ClientOutput, ClientSocket, Namespace};
/// # let mut socket: ClientSocket<()> = ClientSocket::new(Namespace::root(), Default::default());
/// # let mut out = Vec::new();
/// socket.handle_connect(true, &mut out);
/// let Some(ClientOutput::AskAuth(first)) = out.pop() else { panic!("it asks") };
/// socket.handle_disconnect(&mut out);
/// socket.handle_connect(true, &mut out);
/// let Some(ClientOutput::AskAuth(second)) = out.pop() else { panic!("it asks again") };
/// assert_ne!(first, second);
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct AuthId(pub(super) u64);

/// A packet of a socket on its way out, to be encoded with whatever parser is in use.
///
/// `Debug` does not show the payload of a CONNECT, which has secrets in it. (S1)
///
/// ```
/// use engineio_proto::Moment;
/// use socketio_proto::{Body, ClientSocket, Emitted, Namespace, encode_packet};
/// # use socketio_proto::{ClientOutput, Packet, PacketKind};
/// # let mut socket: ClientSocket<()> = ClientSocket::new(Namespace::root(), Default::default());
/// # let mut out = Vec::new();
/// # socket.handle_connect(true, &mut out);
/// # let Some(ClientOutput::AskAuth(id)) = out.pop() else { panic!("it asks") };
/// # socket.handle_auth(id, None, &mut out)?;
/// # let answer = Body::connect(&serde_json::json!({ "sid": "x" }))?;
/// # socket.handle_packet(Packet::new(PacketKind::Connect, Namespace::root(), Some(answer)), Moment::EPOCH, &mut out)?;
/// let event = Body::event("hello", &())?;
/// let emitted = socket.handle_emit(event, Default::default(), None, Moment::EPOCH, &mut out)?;
/// let Emitted::Send(outgoing) = emitted else { panic!("it is connected") };
/// let packet = outgoing.into_packet(socket.namespace().clone());
/// assert_eq!(encode_packet(&packet).frames()[0].packet(), br#"42["hello"]"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outgoing {
    /// CONNECT, DISCONNECT or EVENT.
    pub kind: PacketKind,
    /// The acknowledgement that is asked for.
    pub ack: Option<AckId>,
    /// The payload.
    pub body: Option<Body>,
    /// Whether the transport may compress it. (E40)
    pub compress: bool,
    /// To be sent at once or not at all. (E39)
    pub volatile: bool,
}

impl Outgoing {
    pub(super) const fn of_protocol(kind: PacketKind, body: Option<Body>) -> Self {
        Self { kind, ack: None, body, compress: true, volatile: false }
    }

    pub(super) const fn event(body: Body, ack: Option<AckId>) -> Self {
        Self { kind: PacketKind::Event, ack, body: Some(body), compress: true, volatile: false }
    }

    /// The packet, in the namespace of its socket.
    #[must_use]
    pub fn into_packet(self, namespace: Namespace) -> Packet {
        Packet { kind: self.kind, namespace, ack: self.ack, body: self.body }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Outgoing");
        fields.field("kind", &self.kind).field("ack", &self.ack);
        match (self.kind, &self.body) {
            (PacketKind::Connect, Some(_)) => fields.field("body", &format_args!("…")),
            _ => fields.field("body", &self.body),
        };
        fields.field("compress", &self.compress).field("volatile", &self.volatile).finish()
    }
}

/// What became of an event that was emitted.
///
/// ```
/// use engineio_proto::Moment;
/// use socketio_proto::{Body, ClientSocket, Emitted, Namespace};
///
/// let mut socket: ClientSocket<()> = ClientSocket::new(Namespace::root(), Default::default());
/// let event = Body::event("hello", &())?;
/// let emitted = socket.handle_emit(event, Default::default(), None, Moment::EPOCH, &mut Vec::new())?;
/// assert_eq!(emitted, Emitted::Buffered { ack: None }); // it is not connected yet
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Emitted {
    /// Send it now. If the engine does not take it, its queue being full, call
    /// [`forget_ack`](crate::ClientSocket::forget_ack); if its heartbeat has expired,
    /// [`handle_unsent`](crate::ClientSocket::handle_unsent).
    Send(Outgoing),
    /// It waits in the offline buffer. (E37)
    Buffered {
        /// Under this id its acknowledgement can be forgotten, and the event with it.
        ack: Option<AckId>,
    },
    /// It was volatile and the socket is not connected. Whoever waited for its acknowledgement has been told. (E39)
    Dropped,
    /// It is sent when its turn comes, which may be now, and again until it is acknowledged. (E47)
    Queued,
}

/// An event that was refused, and who waits for its acknowledgement.
///
/// ```
/// use engineio_proto::Moment;
/// use socketio_proto::{Body, ClientSocket, ClientSocketOptions, EmitRefusal, Namespace, OfflinePolicy};
///
/// let mut options = ClientSocketOptions::default();
/// options.offline = OfflinePolicy::None;
/// let mut socket: ClientSocket<&str> = ClientSocket::new(Namespace::root(), options);
/// let event = Body::event("hello", &())?;
/// let refused = socket.handle_emit(event, Default::default(), Some("who asks"), Moment::EPOCH, &mut Vec::new());
/// let refused = refused.expect_err("it is not connected");
/// assert_eq!((refused.refusal, refused.waiter), (EmitRefusal::Offline, Some("who asks")));
/// # Ok::<(), socketio_proto::EncodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotEmitted<W> {
    /// Why.
    pub refusal: EmitRefusal,
    /// Who waits, given back.
    pub waiter: Option<W>,
}

impl<W> fmt::Display for NotEmitted<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)
    }
}

impl<W: fmt::Debug> Error for NotEmitted<W> {}

/// Why an event is neither sent nor kept. Nothing has been given up for it.
///
/// ```
/// use socketio_proto::EmitRefusal;
///
/// let refusal = EmitRefusal::Full { held_bytes: 990, limit_bytes: 1000 };
/// assert_eq!(refusal.to_string(), "the offline buffer is full (990 of 1000 bytes)");
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmitRefusal {
    /// The socket is not connected, and nothing is kept until it is: wait for the connection.
    Offline,
    /// With this event, more would be kept than is allowed: emit it again when less waits.
    Full {
        /// What is kept, in bytes.
        held_bytes: usize,
        /// The bound, in bytes.
        limit_bytes: usize,
    },
}

impl fmt::Display for EmitRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offline => f.write_str("the socket is not connected"),
            Self::Full { held_bytes, limit_bytes } => {
                write!(f, "the offline buffer is full ({held_bytes} of {limit_bytes} bytes)")
            }
        }
    }
}

impl Error for EmitRefusal {}

/// Why an acknowledgement will not come. The server may have got the event all the same, but for
/// [`Cleared`](Self::Cleared).
///
/// ```
/// assert_eq!(socketio_proto::AckFailure::TimedOut.to_string(), "operation has timed out");
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AckFailure {
    /// None came in time. (E41)
    TimedOut,
    /// The connection ended before it came, or there was none that a volatile event could leave on. (E44)
    Disconnected,
    /// The event was taken out of what waits.
    Cleared,
}

impl fmt::Display for AckFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "operation has timed out",
            Self::Disconnected => "socket has been disconnected",
            Self::Cleared => "the event was taken out of the offline buffer",
        })
    }
}

impl Error for AckFailure {}

/// Why a socket is no longer connected. (E34)
///
/// ```
/// use engineio_proto::CloseReason;
/// use socketio_proto::ClientClosed;
///
/// assert_eq!(ClientClosed::Server.as_str(), "io server disconnect");
/// assert!(ClientClosed::Engine(CloseReason::PingTimeout).reconnects());
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientClosed {
    /// The server has disconnected it.
    Server,
    /// It was disconnected by hand.
    Client,
    /// The connection ended.
    Engine(CloseReason),
}

impl ClientClosed {
    /// The reason as the reference writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "io server disconnect",
            Self::Client => "io client disconnect",
            Self::Engine(reason) => reason.as_str(),
        }
    }

    /// Whether the socket comes back by itself once there is a connection again. (E29)
    #[must_use]
    pub const fn reconnects(self) -> bool {
        match self {
            Self::Server | Self::Client => false,
            Self::Engine(_) => true,
        }
    }
}

impl fmt::Display for ClientClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a socket was not let in. (E31)
///
/// ```
/// # use engineio_proto::Moment;
/// # use socketio_proto::{Body, ClientOutput, ClientSocket, Namespace, Packet, PacketKind};
/// # let mut socket: ClientSocket<()> = ClientSocket::new(Namespace::root(), Default::default());
/// # let mut out = Vec::new();
/// # socket.handle_connect(true, &mut out);
/// # let Some(ClientOutput::AskAuth(id)) = out.pop() else { panic!("it asks") };
/// # socket.handle_auth(id, None, &mut out)?;
/// let body = Body::connect_error("not authorized", Some(&7))?;
/// let packet = Packet::new(PacketKind::ConnectError, Namespace::root(), Some(body));
/// socket.handle_packet(packet, Moment::EPOCH, &mut out)?;
/// let Some(ClientOutput::Refused(refusal)) = out.pop() else { panic!("it waited for the answer") };
/// assert_eq!((refusal.message(), refusal.data::<u8>()?), ("not authorized", Some(7)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    message: Box<str>,
    data: Option<Text>,
}

impl Refusal {
    pub(super) fn new(message: &str, data: Option<&str>) -> Self {
        Self { message: message.into(), data: data.map(Text::from) }
    }

    /// What the server says, or the user's own function for the auth payload.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the server adds to it, as `T`; `None` where it adds nothing.
    ///
    /// # Errors
    /// Where it does not fit.
    pub fn data<'de, T: Deserialize<'de>>(&'de self) -> Result<Option<T>, ArgumentError> {
        let Some(data) = &self.data else { return Ok(None) };
        serde_json::from_str(data).map(Some).map_err(|error| ArgumentError::new(0, &error))
    }

    /// The JSON of what the server adds.
    #[must_use]
    pub fn data_json(&self) -> Option<&str> {
        self.data.as_deref()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Refusal {}

/// The server has sent more events before its CONNECT than are kept. The connection is to be closed as with a packet
/// that cannot be read ([`CloseReason::ParseError`]). (E38)
///
/// ```
/// use socketio_proto::EarlyOverflow;
///
/// let error = EarlyOverflow { limit: 1000, in_bytes: true };
/// assert_eq!(error.to_string(), "too many events before the CONNECT (limit 1000 bytes)");
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct EarlyOverflow {
    /// The bound.
    pub limit: usize,
    /// Whether it is the bound in bytes or that on their number.
    pub in_bytes: bool,
}

impl fmt::Display for EarlyOverflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.in_bytes { "bytes" } else { "events" };
        write!(f, "too many events before the CONNECT (limit {} {unit})", self.limit)
    }
}

impl Error for EarlyOverflow {}
