//! [`ClientSocket`]: one namespace of a client's connection. [SIO5 Exchange protocol] (E27 to E60, R21, R22, R39 to R41)
//!
//! Owns which packets come and go in which state, what is kept while there is no connection, who waits for which
//! acknowledgement, and what is sent again. Leaves out the connection and when it is tried again, encoding, handlers, the
//! clock, and whose namespace a packet belongs to.
//!
//! # States
//!
//! ```text
//!   Idle ── connect ──▶ Waiting ── engine opened ──▶ Asking ── auth ──▶ Connecting ── CONNECT ──▶ Connected
//!    ▲ ▲                   ▲                           │                    │                        │
//!    │ │                   └────── engine closed ──────┴────────────────────┴────────────────────────┘
//!    │ └── disconnect, CONNECT_ERROR, DISCONNECT: from any of them, but by hand while Connecting:
//!    └── CONNECT, CONNECT_ERROR, engine closed ── Owed (the CONNECT is still to be answered)
//! ```

mod connecting;
mod emitting;
mod options;
mod output;
mod waiting;

use std::time::Duration;

use engineio_proto::{CloseReason, Moment};

use self::waiting::{EarlyEvents, OfflineBuffer, RetryQueue};
pub use self::{
    options::{ClientSocketOptions, EmitOptions, OfflinePolicy},
    output::{
        AckFailure, AuthId, ClientClosed, ClientOutput, EarlyOverflow, EmitRefusal, Emitted, NotEmitted, Outgoing,
        Refusal,
    },
};
use crate::{AckId, AckTable, Body, Namespace, Packet, PacketKind, PrivateId};

/// One namespace of a client's connection, without the connection.
///
/// `W` is whatever waits for an acknowledgement. Each that goes in comes out once, answered, failed or given back.
///
/// # Order
/// When the server lets the socket in, the events that came before its CONNECT are told first, then what had waited in the
/// offline buffer is sent, then the first event that is to be tried again, and then the socket is connected. (E30, E38)
///
/// # Where this is not the reference
/// - To be disconnected by hand while the CONNECT is unanswered sends nothing yet, as servers close the whole connection
///   at a packet for a namespace that is not joined. The answer is answered with DISCONNECT, and with another CONNECT if
///   the user wants in again by then. In the reference a socket stays behind on the server.
/// - Early events are forgotten with their connection: a server that recovers the session sends them again.
/// - An offset is forgotten with the session that it belongs to, and early events have one only where the session is
///   recovered. A text too long for an offset is not taken for one: no server could be told of it any more.
/// - What an answer says is never taken for an error, also where retries have no time limit.
/// - An event that is tried again is never in the offline buffer as well.
/// - Acknowledgements without a time limit fail at a disconnect, too.
///
/// # Example
/// ```
/// use engineio_proto::{CloseReason, Moment};
/// use socketio_proto::{Body, ClientClosed, ClientOutput, ClientSocket, Emitted, Namespace, Packet, PacketKind};
///
/// let (now, chat) = (Moment::EPOCH, Namespace::new("/chat"));
/// let mut socket: ClientSocket<&str> = ClientSocket::new(chat.clone(), Default::default());
/// let mut out = Vec::new();
///
/// socket.handle_connect(false, &mut out); // there is no connection yet
/// let emitted = socket.handle_emit(Body::event("early", &())?, Default::default(), None, now, &mut out)?;
/// assert_eq!(emitted, Emitted::Buffered { ack: None });
///
/// socket.handle_engine_opened(&mut out);
/// let Some(ClientOutput::AskAuth(id)) = out.pop() else { panic!("it asks") };
/// let payload = Body::connect(&serde_json::json!({ "token": "abc" }))?;
/// socket.handle_auth(id, Some(&payload), &mut out)?;
/// assert!(matches!(&out[..], [ClientOutput::Send(packet)] if packet.kind == PacketKind::Connect));
/// out.clear();
///
/// let answer = Body::connect(&serde_json::json!({ "sid": "AAAB" }))?;
/// socket.handle_packet(Packet::new(PacketKind::Connect, chat, Some(answer)), now, &mut out)?;
/// assert!(matches!(&out[..], [ClientOutput::Send(_), ClientOutput::Connected { recovered: false }]));
/// assert_eq!(socket.id(), Some("AAAB"));
/// out.clear();
///
/// socket.handle_engine_closed(CloseReason::TransportClose, &mut out);
/// assert_eq!(out, [ClientOutput::Disconnected(ClientClosed::Engine(CloseReason::TransportClose))]);
/// assert!(socket.is_active() && !socket.is_connected());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ClientSocket<W> {
    namespace: Namespace,
    options: ClientSocketOptions,
    phase: Phase,
    /// How often it has asked for the auth payload.
    asked: u64,
    /// How often it has been connected.
    connection: u64,
    recovered: bool,
    session: Option<Session>,
    /// While it is not connected, these are of packets in the offline buffer.
    acks: AckTable<Waiting<W>>,
    buffer: OfflineBuffer,
    retries: RetryQueue<W>,
}

/// Each variant holds what exists in that state and nothing else.
#[derive(Debug)]
enum Phase {
    /// Not connected, and not going to be.
    Idle,
    /// The same, but a CONNECT of before has not been answered; perhaps the user wants in again.
    Owed { wanted: bool },
    /// For a connection.
    Waiting,
    /// For what the user puts into the CONNECT.
    Asking(AuthId),
    /// The CONNECT has been sent.
    Connecting(EarlyEvents),
    /// Let in, under this id.
    Connected(Box<str>),
}

/// What is needed to recover. (E57)
#[derive(Debug)]
struct Session {
    pid: PrivateId,
    offset: Option<Box<str>>,
}

/// Who waits for an acknowledgement.
#[derive(Debug)]
enum Waiting<W> {
    Caller(W),
    /// The first event of those that are tried again.
    Try,
}

impl<W> ClientSocket<W> {
    /// A socket that is not connected.
    #[must_use]
    pub fn new(namespace: Namespace, options: ClientSocketOptions) -> Self {
        Self {
            namespace,
            options,
            phase: Phase::Idle,
            asked: 0,
            connection: 0,
            recovered: false,
            session: None,
            acks: AckTable::new(),
            buffer: OfflineBuffer::default(),
            retries: RetryQueue::new(),
        }
    }

    /// A packet for this namespace has come.
    ///
    /// What does not belong into the state is ignored, so that packets which crossed with one of this side do no harm:
    /// events before the CONNECT was sent and after the socket has left, a CONNECT that nobody waits for, an
    /// acknowledgement that nobody waits for any more. (E45, R41)
    ///
    /// ```
    /// use engineio_proto::Moment;
    /// use socketio_proto::{Body, ClientSocket, Namespace, Packet, PacketKind};
    ///
    /// let mut socket: ClientSocket<()> = ClientSocket::new(Namespace::root(), Default::default());
    /// let mut out = Vec::new();
    /// let event = Packet::new(PacketKind::Event, Namespace::root(), Some(Body::event("late", &())?));
    /// socket.handle_packet(event, Moment::EPOCH, &mut out)?;
    /// assert!(out.is_empty()); // it is not connected
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Where more events come before the CONNECT than are kept: the connection is to be closed. On the next, the socket
    /// does not ask for its session any more.
    pub fn handle_packet(
        &mut self,
        packet: Packet,
        now: Moment,
        out: &mut Vec<ClientOutput<W>>,
    ) -> Result<(), EarlyOverflow> {
        let Packet { kind, ack, body, .. } = packet;
        match kind {
            PacketKind::Connect => self.handle_connect_answer(body.as_ref(), now, out),
            PacketKind::ConnectError => self.handle_connect_error(body.as_ref(), out),
            PacketKind::Disconnect => self.handle_server_disconnect(out),
            PacketKind::Event => return body.map_or(Ok(()), |body| self.handle_event(body, ack, out)),
            PacketKind::Ack => {
                if let (Some(id), Some(body)) = (ack, body) {
                    self.handle_ack(id, body, now, out);
                }
            }
        }
        Ok(())
    }

    /// An event for this namespace has come: whether it is to be told at once, as [`ClientOutput::Event`] would say. If so, that
    /// is all that comes of it, and the caller tells it; if not, it is one for [`handle_packet`](Self::handle_packet).
    ///
    /// ```
    /// use socketio_proto::{Body, ClientSocket, Namespace};
    ///
    /// let mut socket: ClientSocket<()> = ClientSocket::new(Namespace::root(), Default::default());
    /// assert!(!socket.admit_event(&Body::event("early", &())?, None)); // it is not connected
    /// # Ok::<(), socketio_proto::EncodeError>(())
    /// ```
    pub fn admit_event(&mut self, body: &Body, ack: Option<AckId>) -> bool {
        let is_connected = self.is_connected();
        if is_connected {
            self.remember_offset(body, ack);
        }
        is_connected
    }

    fn handle_event(
        &mut self,
        body: Body,
        ack: Option<AckId>,
        out: &mut Vec<ClientOutput<W>>,
    ) -> Result<(), EarlyOverflow> {
        match &mut self.phase {
            Phase::Connecting(early) => {
                let kept = early.push(&body, ack, &self.options);
                if kept.is_err() {
                    // The server would send it all again, on each connection to come.
                    self.session = None;
                }
                return kept;
            }
            Phase::Connected(_) => self.deliver(body, ack, out),
            Phase::Idle | Phase::Owed { .. } | Phase::Waiting | Phase::Asking(_) => {}
        }
        Ok(())
    }

    /// The engine's connection has ended, or could not be opened.
    ///
    /// The socket waits for the next one, unless it is not active. That it was connected is told first; then everybody
    /// who waits for an acknowledgement, unless the event is still in the offline buffer. (E33, E44)
    ///
    /// ```
    /// use engineio_proto::CloseReason;
    /// use socketio_proto::{ClientSocket, Namespace};
    ///
    /// let mut socket: ClientSocket<()> = ClientSocket::new(Namespace::root(), Default::default());
    /// let mut out = Vec::new();
    /// socket.handle_connect(false, &mut out);
    /// socket.handle_engine_closed(CloseReason::TransportError, &mut out);
    /// assert!(socket.is_active() && out.is_empty()); // it goes on waiting, and was not connected
    /// ```
    pub fn handle_engine_closed(&mut self, reason: CloseReason, out: &mut Vec<ClientOutput<W>>) {
        let next = if self.is_active() { Phase::Waiting } else { Phase::Idle };
        self.leave(next, ClientClosed::Engine(reason), out);
    }

    /// The one way out of being connected.
    fn leave(&mut self, next: Phase, reason: ClientClosed, out: &mut Vec<ClientOutput<W>>) {
        let was_connected = self.is_connected();
        self.phase = next;
        if was_connected {
            out.push(ClientOutput::Disconnected(reason));
            self.lose_acks(out);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next: at the earliest time limit of an
    /// acknowledgement.
    ///
    /// ```
    /// use std::time::Duration;
    /// use engineio_proto::Moment;
    /// use socketio_proto::{AckFailure, Body, ClientOutput, ClientSocket, EmitOptions, Namespace};
    ///
    /// let mut socket = ClientSocket::new(Namespace::root(), Default::default());
    /// let mut out = Vec::new();
    /// let mut options = EmitOptions::default();
    /// options.timeout = Some(Duration::from_secs(10));
    /// socket.handle_emit(Body::event("hello", &())?, options, Some("who asks"), Moment::EPOCH, &mut out)?;
    ///
    /// let due = socket.next_timeout().ok_or("somebody waits")?;
    /// assert_eq!(due, Moment::EPOCH + Duration::from_secs(10));
    /// socket.handle_timeout(due, &mut out);
    /// assert_eq!(out, [ClientOutput::Failed { waiter: "who asks", failure: AckFailure::TimedOut }]);
    /// assert_eq!(socket.buffered().count(), 0); // it is not sent after that
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn next_timeout(&self) -> Option<Moment> {
        self.acks.next_deadline()
    }

    /// Whether the server has let the socket in. (E29)
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connected(_))
    }

    /// Whether the socket is connected or going to be without being told: a connection is needed for it. (E22, E29)
    ///
    /// ```
    /// use socketio_proto::{ClientSocket, Namespace};
    ///
    /// let mut socket: ClientSocket<()> = ClientSocket::new(Namespace::root(), Default::default());
    /// assert!(!socket.is_active());
    /// socket.handle_connect(false, &mut Vec::new());
    /// assert!(socket.is_active() && !socket.is_connected());
    /// ```
    #[must_use]
    pub const fn is_active(&self) -> bool {
        match self.phase {
            Phase::Idle => false,
            Phase::Owed { wanted } => wanted,
            Phase::Waiting | Phase::Asking(_) | Phase::Connecting(_) | Phase::Connected(_) => true,
        }
    }

    /// The id that the server knows the socket by, while it is connected: another one on each connection, unless it was
    /// recovered. (E58)
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match &self.phase {
            Phase::Connected(id) => Some(id),
            Phase::Idle | Phase::Owed { .. } | Phase::Waiting | Phase::Asking(_) | Phase::Connecting(_) => None,
        }
    }

    /// Whether the last connection went on where the one before had ended. (E57)
    #[must_use]
    pub const fn recovered(&self) -> bool {
        self.recovered
    }

    /// The number of the connection that the socket has, or had last; 0 before the first.
    ///
    /// An event of the server's can be acknowledged on its own connection only: on the next, its id may be that of another
    /// event. An early event belongs to the connection that is told after it. (E46, R21)
    #[must_use]
    pub const fn connection(&self) -> u64 {
        self.connection
    }

    /// The namespace.
    #[must_use]
    pub const fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The options in use.
    #[must_use]
    pub const fn options(&self) -> &ClientSocketOptions {
        &self.options
    }

    fn timeout_of(&self, options: EmitOptions) -> Option<Duration> {
        options.timeout.or(self.options.ack_timeout)
    }
}

#[cfg(test)]
mod tests;
