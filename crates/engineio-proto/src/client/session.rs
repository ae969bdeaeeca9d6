//! [`ClientSession`]: the client's side of a session: its states, what the application and the clock do to it, and the one
//! way to its end. The inputs of the transports are in `polling.rs` and `wire.rs`, sending is in `sending.rs`.
//!
//! [EIO4 Handshake] [EIO4 Upgrade] [EIO4 Heartbeat] Rows B3–B6, B26–B39; hazards R3, R6, R7.
//!
//! ```text
//!  Opening ── open packet by GET ──▶ Polling ── offered ──▶ (connecting, probing) ── 3probe ──▶ (pausing) ──▶ Wire
//!     │  └─ failed: the next one       ▲ lost, late, wrong answer ──┴──────────────────────────────┘          ▲
//!     └────────────────────────────────┼──────── open packet on a WebSocket ──────────────────────────────────┘
//!  Polling ── close ──▶ Leaving ── all is posted, then `1` ──▶ Closed ◀── any fault, from any state
//!  Wire ──── close ──▶ Draining ── queue empty ──────────────────────▲
//! ```
//!
//! What cannot happen: two GETs or two POSTs under way; a message in a POST and on the WebSocket; a pong that was not
//! asked for; a state without a deadline.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{options::ClientOptions, output::ClientOutput, watch::Watch};
use crate::{
    CloseMode, CloseReason, Closed, Handshake, Packet, SessionId,
    id::{RequestId, TransportKind, WireId},
    moment::Moment,
    queue::SendQueue,
    websocket::CloseCode,
};

/// The longest open packet that is taken, in bytes: what it says is kept as long as the session. Those of the reference have
/// a hundred.
const MAX_OPEN_BYTES: usize = 16 * 1024;

/// The longest id of a session that is taken, in bytes: it goes into every URL.
const MAX_SID_BYTES: usize = 512;

/// A client's session, without its sockets.
///
/// ```
/// use engineio_proto::*;
///
/// let mut out = Vec::new();
/// let mut session = ClientSession::open(Default::default(), None, Moment::EPOCH, &mut out);
/// let Some(ClientOutput::Get(first)) = out.pop() else { panic!("it begins with a GET") };
///
/// let limits = Limits::default();
/// let open = Handshake::new(&SessionId::new("secret"), &[], &limits).packet();
/// session.handle_answer(first, format!("{}\u{1e}4hello", &*open).into(), Moment::EPOCH, &mut out);
/// let [ClientOutput::Opened, ClientOutput::Message(hello), ClientOutput::Get(_)] = &out[..] else { panic!("{out:?}") };
/// assert_eq!((hello, session.transport()), (&"hello".into(), TransportKind::Polling));
/// ```
#[derive(Debug)]
pub struct ClientSession {
    pub(super) options: Arc<ClientOptions>,
    pub(super) state: State,
    /// Transports after the one that opens the session: to be tried if it fails, or to be upgraded to.
    to_try: VecDeque<TransportKind>,
    /// From the open packet on.
    pub(super) established: Option<Box<Established>>,
    pub(super) queue: SendQueue,
    /// The WebSocket writes what it was given.
    pub(super) writing: bool,
    /// `5` is still to be written, before all else.
    pub(super) owes_upgrade: bool,
    /// The last WebSocket ping, to be answered. [RFC 6455 §5.5.3]
    pub(super) wire_pong: Option<Bytes>,
    /// Since when the runtime reads nothing, because the application lags behind.
    reading_paused: Option<Moment>,
    last_id: u32,
}

/// What the open packet has brought.
#[derive(Debug)]
pub(super) struct Established {
    pub(super) handshake: Handshake,
    pub(super) watch: Watch,
}

/// Each variant holds what exists in that state and nothing else.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// No open packet yet.
    Opening(Opening),
    /// Long-polling, perhaps with a WebSocket that is to take over.
    Polling(Polling),
    /// WebSocket.
    Wire(WireId),
    /// A graceful close on long-polling: what is queued is posted, then `1`.
    Leaving(Polling, Leaving),
    /// A graceful close on WebSocket waits for the queue to leave.
    Draining(WireId, Moment),
    /// Over; it was on this transport.
    Closed(TransportKind),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    pub(super) via: Via,
    pub(super) deadline: Moment,
    /// A graceful close was asked for: the session that is about to open is closed first thing.
    pub(super) closing: bool,
}

/// What carries the open packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    /// `None` once it has ended.
    Get(Option<RequestId>),
    Wire(WireId),
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Polling {
    pub(super) get: Option<RequestId>,
    pub(super) post: Option<RequestId>,
    pub(super) probe: Option<Probe>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    pub(super) wire: WireId,
    pub(super) step: Step,
    pub(super) deadline: Moment,
    /// A graceful close was asked for while polling paused; it is done after the switch.
    pub(super) closing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The WebSocket is being opened.
    Connecting,
    /// `2probe` is still to be written.
    Asking,
    /// `3probe` is waited for.
    Asked,
    /// Nothing new is sent by long-polling; what is under way is waited for.
    Pausing,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    pub(super) deadline: Moment,
    /// The POST that carries the close packet.
    pub(super) last: Option<RequestId>,
}

impl ClientSession {
    /// Begins a session on `first`, where that is among the transports (rows B5), or on the first of them.
    ///
    /// ```
    /// use engineio_proto::*;
    ///
    /// let mut out = Vec::new();
    /// let first = Some(TransportKind::WebSocket);
    /// let session = ClientSession::open(Default::default(), first, Moment::EPOCH, &mut out);
    /// assert!(matches!(out[..], [ClientOutput::OpenWire(_)]));
    /// assert_eq!(session.transport(), TransportKind::WebSocket);
    /// ```
    #[must_use]
    pub fn open(
        options: Arc<ClientOptions>,
        first: Option<TransportKind>,
        now: Moment,
        out: &mut Vec<ClientOutput>,
    ) -> Self {
        let mut to_try: VecDeque<_> = options.transports.iter().copied().collect();
        if let Some(first) = first.filter(|first| to_try.contains(first)) {
            to_try.retain(|kind| *kind != first);
            to_try.push_front(first);
        }
        let mut session = Self {
            options,
            state: State::Closed(to_try.front().copied().unwrap_or(TransportKind::Polling)),
            to_try,
            established: None,
            queue: SendQueue::default(),
            writing: false,
            owes_upgrade: false,
            wire_pong: None,
            reading_paused: None,
            last_id: 0,
        };
        let deadline = now + session.options.limits.open_timeout;
        if session.begin(deadline, out).is_none() {
            let detail = "no transport to open it with: name at least one";
            out.push(ClientOutput::Closed(Closed { reason: CloseReason::TransportError, detail }));
        }
        session
    }

    /// Opens the next transport; `None` where there is none.
    fn begin(&mut self, deadline: Moment, out: &mut Vec<ClientOutput>) -> Option<TransportKind> {
        let kind = self.to_try.pop_front()?;
        let via = match kind {
            TransportKind::Polling => {
                let get = self.next_request();
                out.push(ClientOutput::Get(get));
                Via::Get(Some(get))
            }
            TransportKind::WebSocket => {
                let wire = self.next_wire();
                out.push(ClientOutput::OpenWire(wire));
                Via::Wire(wire)
            }
        };
        self.state = State::Opening(Opening { via, deadline, closing: false });
        Some(kind)
    }

    // ---- questions ----

    /// What the open packet said; `None` before it has come (row B48).
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let mut out = Vec::new();
    /// # let mut session = ClientSession::open(Default::default(), None, Moment::EPOCH, &mut out);
    /// # let Some(ClientOutput::Get(first)) = out.pop() else { panic!() };
    /// let open = r#"0{"sid":"secret","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}"#;
    /// session.handle_answer(first, open.into(), Moment::EPOCH, &mut out);
    /// assert_eq!(session.handshake().map(|handshake| handshake.max_payload), Some(1000));
    /// ```
    #[must_use]
    pub fn handshake(&self) -> Option<&Handshake> {
        self.established.as_deref().map(|established| &established.handshake)
    }

    /// The id of the session, once it is open (row B48).
    #[must_use]
    pub fn id(&self) -> Option<SessionId> {
        self.handshake().map(|handshake| SessionId::new(handshake.sid.as_str()))
    }

    /// The transport that carries messages now, or that is being opened; the last one where the session is over.
    #[must_use]
    pub const fn transport(&self) -> TransportKind {
        match self.state {
            State::Opening(Opening { via: Via::Get(_), .. }) | State::Polling(_) | State::Leaving(..) => {
                TransportKind::Polling
            }
            State::Opening(_) | State::Wire(_) | State::Draining(..) => TransportKind::WebSocket,
            State::Closed(last) => last,
        }
    }

    /// Whether the open packet has come and no close was asked for or has happened.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Polling(_) | State::Wire(_)) && !self.is_closing()
    }

    /// Whether the session is over.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }

    /// Whether a WebSocket is about to take the session over.
    #[must_use]
    pub const fn is_upgrading(&self) -> bool {
        matches!(self.state, State::Polling(Polling { probe: Some(_), .. }))
    }

    /// Whether polling pauses: a GET that is under way has to come to its end before the WebSocket takes over, however far the
    /// application lags behind.
    #[must_use]
    pub fn is_pausing(&self) -> bool {
        matches!(self.state, State::Polling(polling) if polling.is_pausing())
    }

    /// Whether `wire` is a WebSocket that is to take the session over: what comes on it is nothing for the application.
    #[must_use]
    pub fn is_candidate(&self, wire: WireId) -> bool {
        matches!(self.state, State::Polling(Polling { probe: Some(probe), .. }) if probe.wire == wire)
    }

    /// Whether a graceful close was asked for and is still on its way.
    pub(super) const fn is_closing(&self) -> bool {
        match self.state {
            State::Opening(opening) => opening.closing,
            State::Polling(Polling { probe: Some(probe), .. }) => probe.closing,
            State::Leaving(..) | State::Draining(..) => true,
            State::Polling(_) | State::Wire(_) | State::Closed(_) => false,
        }
    }

    /// Between two pings at most so much time passes; `None` before the open packet.
    #[must_use]
    pub fn heartbeat_period(&self) -> Option<Duration> {
        self.established.as_deref().map(|established| established.watch.period())
    }

    // ---- the application ----

    /// Closes the session, as `forced close`. Closing twice is closing once (row B37).
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let mut out = Vec::new();
    /// # let mut session = ClientSession::open(Default::default(), None, Moment::EPOCH, &mut out);
    /// # let Some(ClientOutput::Get(first)) = out.pop() else { panic!() };
    /// # let open = r#"0{"sid":"secret","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}"#;
    /// # session.handle_answer(first, open.into(), Moment::EPOCH, &mut out);
    /// # out.clear();
    /// session.handle_send(&[MessageFrame::text(&["bye"])], Moment::EPOCH)?;
    /// session.handle_close(CloseMode::Graceful, Moment::EPOCH, &mut out);
    /// for expected in ["4bye", "1"] {
    ///     let Some(ClientOutput::Post(post, payload)) = out.pop() else { panic!("what is queued, then a close packet") };
    ///     assert_eq!(payload.bytes, expected);
    ///     session.handle_posted(post, Moment::EPOCH, &mut out);
    /// }
    /// assert!(session.is_closed());
    /// # Ok::<(), SendError>(())
    /// ```
    pub fn handle_close(&mut self, mode: CloseMode, now: Moment, out: &mut Vec<ClientOutput>) {
        if mode == CloseMode::Discard {
            return self.close(CloseReason::ForcedClose, "closed by this side", out);
        }
        let deadline = now + self.options.limits.close_timeout;
        match self.state {
            // Nobody knows of a WebSocket's session but this WebSocket.
            State::Opening(Opening { via: Via::Wire(_), .. }) if self.queue.is_empty() => {
                self.close(CloseReason::ForcedClose, "closed by this side", out);
            }
            // After a GET the server may have made the session already: it is told once its id is known.
            State::Opening(opening) => {
                let deadline = opening.deadline.min(deadline);
                self.state = State::Opening(Opening { closing: true, deadline, ..opening });
            }
            State::Polling(Polling { probe: Some(probe @ Probe { step: Step::Pausing, .. }), get, post }) => {
                // The server holds what it has for the WebSocket, and only that can carry what is queued (hazard R6).
                let probe = Some(Probe { closing: true, ..probe });
                self.state = State::Polling(Polling { get, post, probe });
            }
            State::Polling(polling) => {
                if let Some(probe) = polling.probe {
                    out.push(ClientOutput::CloseWire(probe.wire, None));
                    out.push(ClientOutput::UpgradeFailed("the session is being closed"));
                }
                self.leave(Polling { probe: None, ..polling }, deadline, out);
            }
            State::Wire(wire) => self.state = State::Draining(wire, deadline),
            State::Leaving(..) | State::Draining(..) | State::Closed(_) => {}
        }
    }

    pub(super) fn leave(&mut self, polling: Polling, deadline: Moment, out: &mut Vec<ClientOutput>) {
        self.state = State::Leaving(polling, Leaving { deadline, last: None });
        self.handle_flush(out);
    }

    // ---- time ----

    /// The runtime stops reading, because the application has not taken what is here: a ping may lie unread, so the watch
    /// does not run meanwhile (hazard R17). Pausing twice is pausing once.
    ///
    /// A pause as long as the server's patience is the end all the same, as `ping timeout`: the server has pinged meanwhile,
    /// got no pong, and closed. Without that, an application that waits for what lies unread would wait for ever.
    pub const fn handle_reading_paused(&mut self, now: Moment) {
        if self.reading_paused.is_none() {
            self.reading_paused = Some(now);
        }
    }

    /// The runtime reads again.
    pub fn handle_reading_resumed(&mut self, now: Moment) {
        if let (Some(since), Some(established)) = (self.reading_paused.take(), self.established.as_deref_mut()) {
            established.watch.excuse(since, now);
        }
    }

    /// So many bytes have come of the answer to a GET, or gone of the body of a POST, and more are to follow: they are a sign of life,
    /// if there are enough of them, which is what this says (hazard R16). What goes counts as well: while this side's pong stands
    /// behind it, the server does not ping.
    pub fn handle_body_progress(&mut self, bytes: usize, now: Moment) -> bool {
        match (&self.state, self.established.as_deref_mut()) {
            (State::Polling(_), Some(established)) => established.watch.handle_progress(bytes, now),
            _ => false,
        }
    }

    /// Whether the server has been silent for too long, which [`ClientSession::handle_timeout`] may not have been told yet:
    /// timers are late where a machine was suspended (row B30).
    #[must_use]
    pub fn has_expired(&self, now: Moment) -> bool {
        let watched = matches!(self.state, State::Polling(_) | State::Wire(_));
        watched && self.watched_until().is_some_and(|due| now >= due)
    }

    /// Until when the server's next ping is to be read; where reading is paused, when the server has lost its patience. That
    /// is a period after the pause began, or after a ping that was read already and is handled within it.
    fn watched_until(&self) -> Option<Moment> {
        let watch = &self.established.as_deref()?.watch;
        Some(self.reading_paused.map_or(watch.due(), |since| watch.due().max(since + watch.period())))
    }

    /// When [`ClientSession::handle_timeout`] is to be called; `None` where nothing is waited for: once the session is over.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// let (mut out, options) = (Vec::new(), ClientOptions::default());
    /// let timeout = options.limits.open_timeout;
    /// let session = ClientSession::open(options.into(), None, Moment::EPOCH, &mut out);
    /// assert_eq!(session.next_timeout(), Some(Moment::EPOCH + timeout));
    /// ```
    #[must_use]
    pub fn next_timeout(&self) -> Option<Moment> {
        let watch = self.watched_until();
        match &self.state {
            State::Opening(opening) => Some(opening.deadline),
            State::Polling(polling) => polling.probe.map(|probe| probe.deadline).into_iter().chain(watch).min(),
            State::Wire(_) => watch,
            State::Leaving(_, Leaving { deadline, .. }) | State::Draining(_, deadline) => Some(*deadline),
            State::Closed(_) => None,
        }
    }

    /// Time has passed. Calling it early or twice does nothing.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let mut out = Vec::new();
    /// # let mut session = ClientSession::open(Default::default(), None, Moment::EPOCH, &mut out);
    /// let late = session.next_timeout().expect("it is opening");
    /// session.handle_timeout(late, &mut out);
    /// assert!(session.is_closed()); // nobody has answered
    /// ```
    pub fn handle_timeout(&mut self, now: Moment, out: &mut Vec<ClientOutput>) {
        match self.state {
            State::Opening(opening) if now >= opening.deadline => {
                let (reason, detail) = if opening.closing {
                    (CloseReason::ForcedClose, "closed by this side, before an open packet came")
                } else {
                    (CloseReason::TransportError, "timeout: no open packet in time")
                };
                return self.close(reason, detail, out);
            }
            State::Leaving(_, Leaving { deadline, .. }) | State::Draining(_, deadline) if now >= deadline => {
                let detail = "closed by this side, before the server took all";
                return self.close(CloseReason::ForcedClose, detail, out);
            }
            State::Polling(Polling { probe: Some(probe), .. }) if now >= probe.deadline => {
                self.drop_probe("the upgrade took too long", None, now, out);
            }
            _ => {}
        }
        if self.has_expired(now) {
            self.close(CloseReason::PingTimeout, "no ping of the server in time", out);
        }
    }

    // ---- inside ----

    /// The open packet has come: who the session is, and how its server pings.
    pub(super) fn establish(&mut self, open: &str, now: Moment) -> Option<TransportKind> {
        if open.len() > MAX_OPEN_BYTES {
            return None;
        }
        let handshake: Handshake = serde_json::from_str(open).ok()?;
        let period = Duration::from_millis(handshake.ping_interval.saturating_add(handshake.ping_timeout));
        let sid = 1..=MAX_SID_BYTES;
        if !sid.contains(&handshake.sid.len()) || period.is_zero() {
            return None;
        }
        // A transport that could not open the session is not among those any more (row B6).
        let offered = |kind: TransportKind| {
            self.to_try.contains(&kind) && handshake.upgrades.iter().any(|name| *name == kind.name())
        };
        let upgrade = self.options.upgrade.then_some(TransportKind::WebSocket).filter(|kind| offered(*kind));
        // Nothing came in before, so that nothing can have been held up.
        self.reading_paused = None;
        self.established = Some(Box::new(Established { handshake, watch: Watch::new(period, now) }));
        upgrade
    }

    pub(super) fn fail_opening(&mut self, detail: &'static str, out: &mut Vec<ClientOutput>) {
        self.fail_opening_with_code(detail, None, out);
    }

    /// The transport that was to open the session has failed (row B6).
    pub(super) fn fail_opening_with_code(
        &mut self,
        detail: &'static str,
        code: Option<CloseCode>,
        out: &mut Vec<ClientOutput>,
    ) {
        let State::Opening(opening) = self.state else { return };
        if opening.closing && self.queue.is_empty() {
            return self.close_with_code(CloseReason::ForcedClose, "closed by this side", code, out);
        }
        if opening.closing || !self.options.try_all_transports || self.to_try.is_empty() {
            return self.close_with_code(CloseReason::TransportError, detail, code, out);
        }
        self.let_go(code, out);
        self.wire_pong = None;
        let at = out.len();
        if let Some(next) = self.begin(opening.deadline, out) {
            out.insert(at, ClientOutput::TriesNext(next));
        }
    }

    /// A packet on the session's transport, after decoding. The open packet, and the close packet of a payload, are handled
    /// where they come.
    pub(super) fn handle_packet(&mut self, packet: Packet, now: Moment, out: &mut Vec<ClientOutput>) {
        match packet {
            Packet::Message(message) => out.push(ClientOutput::Message(message)),
            Packet::Ping(_) => {
                if let Some(established) = self.established.as_deref_mut() {
                    established.watch.handle_ping(now);
                    // A flood of them is told once.
                    if out.last() != Some(&ClientOutput::Ping) {
                        out.push(ClientOutput::Ping);
                    }
                }
            }
            // The reference reads over all of these; over a close packet on a WebSocket too (row B38).
            Packet::Open(_) | Packet::Close | Packet::Pong(_) | Packet::Upgrade | Packet::Noop => {}
        }
    }

    pub(super) fn close(&mut self, reason: CloseReason, detail: &'static str, out: &mut Vec<ClientOutput>) {
        self.close_with_code(reason, detail, None, out);
    }

    /// The one way into `Closed`: gives up what is under way, closes what is open, drops what is queued.
    pub(super) fn close_with_code(
        &mut self,
        reason: CloseReason,
        detail: &'static str,
        code: Option<CloseCode>,
        out: &mut Vec<ClientOutput>,
    ) {
        if self.is_closed() {
            return;
        }
        out.push(ClientOutput::Closed(Closed { reason, detail }));
        self.let_go(code, out);
        self.state = State::Closed(self.transport());
        self.queue.clear();
        (self.writing, self.owes_upgrade, self.wire_pong) = (false, false, None);
    }

    /// Gives up what is under way, and closes what is open; the session's WebSocket with this code.
    fn let_go(&self, code: Option<CloseCode>, out: &mut Vec<ClientOutput>) {
        match self.state {
            State::Opening(Opening { via: Via::Get(get), .. }) => out.extend(get.map(ClientOutput::Abort)),
            State::Opening(Opening { via: Via::Wire(wire), .. }) | State::Wire(wire) | State::Draining(wire, _) => {
                out.push(ClientOutput::CloseWire(wire, code));
            }
            State::Polling(polling) | State::Leaving(polling, _) => {
                out.extend(polling.get.into_iter().chain(polling.post).map(ClientOutput::Abort));
                out.extend(polling.probe.map(|probe| ClientOutput::CloseWire(probe.wire, None)));
            }
            State::Closed(_) => {}
        }
    }

    pub(super) const fn next_request(&mut self) -> RequestId {
        RequestId(self.next_id())
    }

    pub(super) const fn next_wire(&mut self) -> WireId {
        WireId(self.next_id())
    }

    const fn next_id(&mut self) -> u32 {
        self.last_id = self.last_id.wrapping_add(1);
        self.last_id
    }
}
