//! [`ServerSession`]: the server's side of a session: its states, what the application and the clock do
//! to it, and the one way to its end. The inputs of the transports are in `polling.rs` and `wire.rs`.
//!
//! [EIO4 Upgrade] [EIO4 Heartbeat] Rows A47–A58, A63–A69,
//! A75–A78, A89, A90; hazards R1–R7. Both revisions go through the same states; a [`Dialect`] knows the bytes.
//!
//! ```text
//!            attach                 2probe, then 5
//!  Polling ──────────▶ Probing ─────────────────────▶ Wire ◀── opened on WebSocket
//!     ▲  │                │ │                           │
//!     │  │ candidate lost,│ │ close (after the probe:   │ close
//!     └──┼──── timed out ─┘ │ kept until the switch)    ▼
//!        │ close, no poll   │                      Draining ── queue empty ──▶ Closed
//!        ▼                  ▼
//!     Leaving ── next poll, or deadline ──▶ Closed ◀── any fault, from any state
//! ```
//!
//! What cannot happen: two polls parked; a packet of long-polling on a WebSocket; a message in the queue
//! and on the wire at once; a state without a deadline.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    heartbeat::{Beat, Heartbeat},
    output::{Answer, Output},
};
use crate::{
    CloseReason, Closed, Dialect, Limits, MessageFrame, Packet, Payload, Revision, Text, WhenFull,
    dialect::Writer,
    error::SendError,
    id::{PollId, TransportKind, WireId},
    moment::Moment,
    queue::SendQueue,
    send::{SendMark, SendOptions},
    websocket::CloseCode,
};

/// How to close.
///
/// ```
/// # use engineio_proto::*;
/// # let open = "0{}".into();
/// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
/// # let mut out = Vec::new();
/// session.handle_send(&[MessageFrame::text(&["bye"])])?;
/// session.handle_close(CloseMode::Graceful, Moment::EPOCH, &mut out);
/// assert!(!session.is_closed()); // it waits for a GET to take the message
/// session.handle_close(CloseMode::Discard, Moment::EPOCH, &mut out);
/// assert!(session.is_closed());
/// # Ok::<(), SendError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseMode {
    /// What is queued goes out first, and an upgrade in progress is waited for (row A52).
    Graceful,
    /// At once; what is queued is dropped.
    Discard,
}

/// A session, without its sockets.
///
/// ```
/// use engineio_proto::*;
///
/// let open = Handshake::new(&SessionId::new("secret"), &[], &Limits::default()).packet();
/// let (mut session, wire) = ServerSession::open_wire(Default::default(), Dialect::V4, &open, Moment::EPOCH);
/// session.handle_send(&[MessageFrame::text(&["hello"])])?;
///
/// let (mut frames, mut out) = (Vec::new(), Vec::new());
/// session.take_frames(wire, 64 * 1024, &mut frames, &mut out);
/// assert_eq!(frames.len(), 2); // the open packet, and the message
/// assert_eq!(session.transport(), TransportKind::WebSocket);
/// # Ok::<(), SendError>(())
/// ```
#[derive(Debug)]
pub struct ServerSession {
    pub(super) limits: Arc<Limits>,
    /// How the session's transport is talked to; a candidate brings its own.
    pub(super) dialect: Dialect,
    pub(super) state: State,
    pub(super) heartbeat: Heartbeat,
    pub(super) queue: SendQueue,
    /// While the WebSocket writes what it was given, and once the session is over: how much had left before.
    pub(super) left_before: Option<SendMark>,
    /// The last WebSocket ping, to be answered; a flood of them costs one slot. [RFC 6455 §5.5.3]
    pub(super) wire_pong: Option<Box<Bytes>>,
    /// Since when the runtime reads nothing, because the application lags behind.
    reading_paused: Option<Moment>,
    last_id: u32,
}

/// Each variant holds what exists in that state and nothing else.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// Long-polling, alone.
    Polling(Polling),
    /// Long-polling, with a WebSocket that wants to take over.
    Probing(Polling, Candidate),
    /// WebSocket.
    Wire(WireId),
    /// A graceful close on long-polling waits for a GET to put the close packet into.
    Leaving(Polling, Moment),
    /// A graceful close on WebSocket waits for the queue to leave.
    Draining(WireId, Moment),
    /// Over; it was on this transport.
    Closed(TransportKind),
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Polling {
    pub(super) parked: Option<PollId>,
    pub(super) posting: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) wire: WireId,
    pub(super) dialect: Dialect,
    pub(super) deadline: Moment,
    /// `2probe` has come: the client is about to pause polling, so a GET is not held any more.
    pub(super) probed: bool,
    /// `3probe` is still to be written.
    pub(super) owes_pong: bool,
    /// A graceful close was asked for after the probe; it is done after the switch.
    pub(super) closing: bool,
}

pub(super) const CLOSE: &str = "1";
pub(super) const NOOP: &str = "6";

impl ServerSession {
    /// A session opened by a GET; `open` is the open packet. The payload is the answer to that GET.
    ///
    /// ```
    /// use engineio_proto::*;
    ///
    /// let open = "0{}".into();
    /// let (session, answer) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// assert_eq!((&answer.bytes[..], session.transport()), (&b"0{}"[..], TransportKind::Polling));
    /// ```
    #[must_use]
    pub fn open_polling(limits: Arc<Limits>, dialect: Dialect, open: &Text, now: Moment) -> (Self, Payload) {
        let mut payload = dialect.writer();
        payload.push_text(open);
        (Self::new(limits, dialect, State::Polling(Polling::default()), now), payload.finish())
    }

    /// A session opened on a WebSocket; the open packet is the first frame to take (row A74).
    ///
    /// ```
    /// use engineio_proto::*;
    ///
    /// let open = "0{}".into();
    /// let (session, wire) = ServerSession::open_wire(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// assert!(session.wants_write(wire) && session.transport() == TransportKind::WebSocket);
    /// ```
    #[must_use]
    pub fn open_wire(limits: Arc<Limits>, dialect: Dialect, open: &Text, now: Moment) -> (Self, WireId) {
        let wire = WireId(0);
        let mut session = Self::new(limits, dialect, State::Wire(wire), now);
        // An empty queue takes anything.
        let open = [MessageFrame::packet_text(open)];
        let _ = session.queue.push(&open, SendOptions::KEPT, usize::MAX, WhenFull::Refuse);
        (session, wire)
    }

    /// The first answer of a session opened by a GET, with a message behind the open packet, so that both travel together
    /// (row A17). For a session on a WebSocket, [`ServerSession::send_behind_open`] does the same.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// let answer = session.answer_open_with(&"0{}".into(), &MessageFrame::text(&["hello"]));
    /// assert_eq!(answer.bytes, "0{}\u{1e}4hello");
    /// ```
    #[must_use]
    pub fn answer_open_with(&self, open: &Text, initial: &MessageFrame) -> Payload {
        let mut payload = self.dialect.writer();
        payload.push_text(open);
        // Whatever its size: the bound of a payload is for what the peer makes this side send.
        payload.push_message(initial, usize::MAX);
        payload.finish()
    }

    /// Queues a message behind the open packet of a session that was just opened on a WebSocket (row A17). It is this
    /// side's own choice, so that no bound is asked, as in [`ServerSession::answer_open_with`].
    ///
    /// ```
    /// use engineio_proto::*;
    ///
    /// let open = "0{}".into();
    /// let (mut session, wire) = ServerSession::open_wire(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// session.send_behind_open(&MessageFrame::text(&["hello"]));
    /// let mut frames = Vec::new();
    /// session.take_frames(wire, 1000, &mut frames, &mut Vec::new());
    /// assert_eq!(frames.pop(), Some(WireFrame::Message(MessageFrame::text(&["hello"]))));
    /// ```
    pub fn send_behind_open(&mut self, initial: &MessageFrame) {
        // A queue without a bound takes anything.
        let _ = self.queue.push(std::slice::from_ref(initial), SendOptions::KEPT, usize::MAX, WhenFull::Refuse);
    }

    fn new(limits: Arc<Limits>, dialect: Dialect, state: State, now: Moment) -> Self {
        let heartbeat = Heartbeat::new(dialect.revision(), &limits, now);
        Self {
            limits,
            dialect,
            state,
            heartbeat,
            queue: SendQueue::default(),
            left_before: None,
            wire_pong: None,
            reading_paused: None,
            last_id: 0,
        }
    }

    /// The transport that carries messages now; the last one where the session is over.
    #[must_use]
    pub const fn transport(&self) -> TransportKind {
        match self.state {
            State::Polling(_) | State::Probing(..) | State::Leaving(..) => TransportKind::Polling,
            State::Wire(_) | State::Draining(..) => TransportKind::WebSocket,
            State::Closed(last) => last,
        }
    }

    /// The revision of the protocol that the client speaks; a session keeps it.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.dialect.revision()
    }

    /// Whether a WebSocket is about to take the session over.
    #[must_use]
    pub const fn is_upgrading(&self) -> bool {
        matches!(self.state, State::Probing(..))
    }

    /// The session's bounds and times.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether the session is over.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }

    /// Bytes that wait for the peer.
    #[must_use]
    pub const fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    // ---- the application's inputs ----

    /// Queues messages, all of them next to each other or none (hazard R20). They leave with the next
    /// [`ServerSession::handle_flush`] or [`ServerSession::take_frames`], so that many sends travel together.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let mut out = Vec::new();
    /// let poll = session.handle_poll_opened(&mut out).expect("it polls");
    /// session.handle_send(&[MessageFrame::text(&["one"]), MessageFrame::text(&["two"])])?;
    /// session.handle_flush(&mut out);
    /// let Some(Output::Answer(answered, Answer::Payload(payload))) = out.pop() else { panic!("a GET waited") };
    /// assert_eq!((answered, &payload.bytes[..]), (poll, &b"4one\x1e4two"[..]));
    /// # Ok::<(), SendError>(())
    /// ```
    ///
    /// # Errors
    /// [`SendError::Closed`] once a close was asked for or happened; [`SendError::Full`] at
    /// `max_queue_bytes`. Nothing was queued then.
    pub fn handle_send(&mut self, frames: &[MessageFrame]) -> Result<(), SendError> {
        self.handle_send_with(frames, SendOptions::KEPT).map(drop)
    }

    /// Closes the session, as `forced close`. Closing twice is closing once.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let mut out = Vec::new();
    /// session.handle_close(CloseMode::Discard, Moment::EPOCH, &mut out);
    /// assert!(matches!(out[..], [Output::Closed(Closed { reason: CloseReason::ForcedClose, .. })]));
    /// assert_eq!(session.handle_send(&[]), Err(SendError::Closed));
    /// ```
    pub fn handle_close(&mut self, mode: CloseMode, now: Moment, out: &mut Vec<Output>) {
        if mode == CloseMode::Discard {
            return self.close(CloseReason::ForcedClose, "closed by this side", out);
        }
        let deadline = now + self.limits.close_timeout;
        match self.state {
            State::Polling(polling) => self.leave(polling, deadline, out),
            State::Probing(polling, candidate) if candidate.probed => {
                // The client pauses polling: only the WebSocket can still carry what is queued (hazard R6).
                self.state = State::Probing(polling, Candidate { closing: true, ..candidate });
            }
            State::Probing(polling, candidate) => {
                out.push(Output::CloseWire(candidate.wire, None));
                self.leave(polling, deadline, out);
            }
            State::Wire(wire) => self.state = State::Draining(wire, deadline),
            State::Leaving(..) | State::Draining(..) | State::Closed(_) => {}
        }
    }

    /// Whether [`ServerSession::handle_flush`] would answer a GET.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let mut out = Vec::new();
    /// session.handle_poll_opened(&mut out).expect("it polls");
    /// assert!(!session.wants_flush()); // there is nothing to send
    /// session.handle_send(&[MessageFrame::text(&["hello"])])?;
    /// assert!(session.wants_flush() && session.queued_bytes() > 0);
    /// # Ok::<(), SendError>(())
    /// ```
    #[must_use]
    pub fn wants_flush(&self) -> bool {
        matches!(&self.state, State::Polling(polling) | State::Probing(polling, _) if polling.parked.is_some())
            && (!self.queue.is_empty() || self.heartbeat.owes_beat())
    }

    /// Answers the parked GET if there is something to send. To be called after a round of sending.
    pub fn handle_flush(&mut self, out: &mut Vec<Output>) {
        let (State::Polling(polling) | State::Probing(polling, _)) = &mut self.state else { return };
        if self.queue.is_empty() && !self.heartbeat.owes_beat() {
            return;
        }
        if let Some(poll) = polling.parked.take() {
            let payload = self.payload(self.dialect.writer());
            out.push(Output::Answer(poll, Answer::Payload(payload.finish())));
        }
    }

    // ---- time ----

    /// The runtime stops reading, because the application has not taken what is here: a pong may lie unread, or the next
    /// step of an upgrade, so their time stands still meanwhile (hazard R17). Pausing twice is pausing once.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let mut out = Vec::new();
    /// let late = session.next_timeout().expect("it is open");
    /// session.handle_timeout(late, &mut out); // a ping is due, and then its pong
    /// session.handle_reading_paused(late);
    /// assert_eq!(session.next_timeout(), None); // the pong may be among what is not read
    /// session.handle_reading_resumed(late);
    /// assert!(session.next_timeout().is_some());
    /// ```
    pub const fn handle_reading_paused(&mut self, now: Moment) {
        if self.reading_paused.is_none() {
            self.reading_paused = Some(now);
        }
    }

    /// The runtime reads again.
    pub fn handle_reading_resumed(&mut self, now: Moment) {
        if let Some(since) = self.reading_paused.take() {
            self.heartbeat.excuse(&self.limits, since, now);
            if let State::Probing(_, candidate @ Candidate { closing: false, .. }) = &mut self.state {
                let left = candidate.deadline.saturating_since(since);
                candidate.deadline = now + left.min(self.limits.upgrade_timeout);
            }
        }
    }

    /// When [`ServerSession::handle_timeout`] is to be called; `None` where nothing is waited for: once the session
    /// is over, and where what is waited for cannot be read.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// let (session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// assert_eq!(session.next_timeout(), Some(Moment::EPOCH + session.limits().ping_interval));
    /// ```
    #[must_use]
    pub fn next_timeout(&self) -> Option<Moment> {
        let suspended = self.reading_paused.is_some() && self.heartbeat.awaits_client();
        let heartbeat = (!suspended).then(|| self.heartbeat.due());
        match &self.state {
            State::Polling(_) | State::Wire(_) => heartbeat,
            State::Probing(_, candidate) => {
                let candidate = (!self.suspends(candidate)).then_some(candidate.deadline);
                candidate.into_iter().chain(heartbeat).min()
            }
            State::Leaving(_, deadline) | State::Draining(_, deadline) => Some(*deadline),
            State::Closed(_) => None,
        }
    }

    /// Time has passed. Calling it early or twice does nothing.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, wire) = ServerSession::open_wire(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let (mut frames, mut out) = (Vec::new(), Vec::new());
    /// session.take_frames(wire, 1000, &mut frames, &mut out); // the open packet
    /// let due = session.next_timeout().expect("it is open");
    /// assert_eq!(due.saturating_since(Moment::EPOCH), session.limits().ping_interval);
    /// session.handle_timeout(due, &mut out);
    /// assert!(session.wants_write(wire)); // a ping
    /// let due = session.next_timeout().expect("it is open");
    /// session.handle_timeout(due, &mut out);
    /// assert!(session.is_closed()); // no pong came
    /// ```
    pub fn handle_timeout(&mut self, now: Moment, out: &mut Vec<Output>) {
        match self.state {
            State::Leaving(_, deadline) | State::Draining(_, deadline) => {
                if now >= deadline {
                    self.close(CloseReason::ForcedClose, "closed by this side, before the peer took all", out);
                }
                return;
            }
            State::Closed(_) => return,
            State::Probing(_, candidate) if now >= candidate.deadline && !self.suspends(&candidate) => {
                self.drop_candidate(None, now, out);
            }
            _ => {}
        }
        match self.heartbeat.handle_timeout(&self.limits, now, self.reading_paused.is_some()) {
            Beat::Quiet => {}
            Beat::Ping => self.handle_flush(out),
            Beat::Dead => self.close(CloseReason::PingTimeout, "no heartbeat of the client in time", out),
        }
    }

    // ---- inside ----

    /// Whether the candidate's time stands still: its next step may lie unread. Not where this side closes: then perhaps
    /// nobody reads any more.
    const fn suspends(&self, candidate: &Candidate) -> bool {
        self.reading_paused.is_some() && !candidate.closing
    }

    /// Whether a graceful close was asked for and is still on its way.
    const fn is_closing(&self) -> bool {
        matches!(
            self.state,
            State::Leaving(..) | State::Draining(..) | State::Probing(_, Candidate { closing: true, .. })
        )
    }

    /// A packet on the session's transport, after decoding. The close packet of a POST is handled there.
    pub(super) fn handle_packet(&mut self, packet: Packet, now: Moment, out: &mut Vec<Output>) {
        match packet {
            Packet::Message(message) => {
                // Like the reference: what still arrives while this side closes is not delivered.
                if !self.is_closing() {
                    out.push(Output::Message(message));
                }
            }
            // Who pings is a matter of the revision (rows A49, A89).
            Packet::Ping(_) | Packet::Pong(_) => {
                let handled = match packet {
                    Packet::Ping(_) => self.heartbeat.handle_ping(&self.limits, now),
                    _ => self.heartbeat.handle_pong(&self.limits, now),
                };
                if handled.is_err() {
                    self.close(CloseReason::TransportError, "invalid heartbeat direction", out);
                }
            }
            // The reference ignores it on WebSocket; a clean close is what the client means (contract I2).
            Packet::Close => self.close(CloseReason::TransportClose, "the client closed the session", out),
            Packet::Open(_) | Packet::Upgrade | Packet::Noop => {}
        }
    }

    /// Closes the candidate; the session goes on as if it had never come (row A6, hazard R2).
    pub(super) fn drop_candidate(&mut self, code: Option<CloseCode>, now: Moment, out: &mut Vec<Output>) {
        let State::Probing(polling, candidate) = self.state else { return };
        self.wire_pong = None;
        self.state = State::Polling(polling);
        out.push(Output::CloseWire(candidate.wire, code));
        if candidate.closing {
            self.leave(polling, now + self.limits.close_timeout, out);
        }
    }

    /// Answers a parked GET with a noop, so that the client can stop polling.
    pub(super) fn release_poll(&mut self, out: &mut Vec<Output>) {
        if let State::Probing(polling, _) = &mut self.state
            && let Some(poll) = polling.parked.take()
        {
            out.push(Output::Answer(poll, Answer::Payload(self.dialect.control(NOOP))));
        }
    }

    pub(super) fn close(&mut self, reason: CloseReason, detail: &'static str, out: &mut Vec<Output>) {
        self.close_with_code(reason, detail, None, out);
    }

    /// The one way into `Closed`: answers what is parked, closes what is attached, drops what is queued.
    pub(super) fn close_with_code(
        &mut self,
        reason: CloseReason,
        detail: &'static str,
        code: Option<CloseCode>,
        out: &mut Vec<Output>,
    ) {
        if self.is_closed() {
            return;
        }
        let last = self.transport();
        self.left_before = Some(self.left());
        let before = std::mem::replace(&mut self.state, State::Closed(last));
        self.queue.clear();
        self.wire_pong = None;
        if let State::Polling(polling) | State::Probing(polling, _) | State::Leaving(polling, _) = before
            && let Some(poll) = polling.parked
        {
            out.push(Output::Answer(poll, Answer::Payload(self.dialect.control(CLOSE))));
        }
        out.push(Output::Closed(Closed { reason, detail }));
        match before {
            State::Probing(_, Candidate { wire, .. }) => out.push(Output::CloseWire(wire, None)),
            State::Wire(wire) | State::Draining(wire, _) => out.push(Output::CloseWire(wire, code)),
            _ => {}
        }
    }

    /// This side of the heartbeat, if owed, and what is queued, up to one payload's bytes.
    pub(super) fn payload(&mut self, mut payload: Writer) -> Writer {
        if let Some(beat) = self.heartbeat.take_beat() {
            payload.push_text(beat);
        }
        while let Some(frame) = self.queue.front() {
            if !payload.push_message(frame, self.limits.max_payload_bytes) {
                break;
            }
            self.queue.pop();
        }
        payload
    }

    pub(super) const fn candidate_is(&self, wire: WireId) -> bool {
        matches!(self.state, State::Probing(_, Candidate { wire: WireId(id), .. }) if id == wire.0)
    }

    pub(super) const fn next_id(&mut self) -> u32 {
        self.last_id = self.last_id.wrapping_add(1);
        self.last_id
    }
}
