//! The WebSocket inputs of a [`ClientSession`]: opening, the probe and the switch, then frames. [EIO4 Upgrade] Rows B33–B36,
//! B38, B39, B41; hazards R3–R7.

use bytes::{Bytes, BytesMut};

use super::{
    output::ClientOutput,
    session::{ClientSession, Opening, Polling, Probe, State, Step, Via},
};
use crate::{
    CloseReason, Message, Packet, WireFrame, WireLoss,
    id::WireId,
    moment::Moment,
    websocket::{CloseCode, FrameEvent, Opcode, encode_frame},
};

const PROBE_PING: &[u8] = b"\x81\x062probe";
const UPGRADE: &[u8] = b"\x81\x015";
const PONG: &[u8] = b"\x81\x013";

impl ClientSession {
    /// The WebSocket that was asked for is open.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let mut out = Vec::new();
    /// # let mut session = ClientSession::open(Default::default(), None, Moment::EPOCH, &mut out);
    /// # let Some(ClientOutput::Get(first)) = out.pop() else { panic!() };
    /// let open = Handshake::new(&SessionId::new("secret"), &["websocket"], &Limits::default()).packet();
    /// session.handle_answer(first, open.to_string().into(), Moment::EPOCH, &mut out);
    /// let [ClientOutput::Opened, ClientOutput::OpenWire(wire), ClientOutput::Get(_)] = out[..] else { panic!("{out:?}") };
    /// session.handle_wire_opened(wire);
    /// let mut frames = Vec::new();
    /// session.take_frames(wire, 1000, &mut frames, &mut out);
    /// assert_eq!(frames, [WireFrame::Ready(b"\x81\x062probe"[..].into())]); // the caller masks it
    /// ```
    pub fn handle_wire_opened(&mut self, wire: WireId) {
        if let State::Polling(Polling { probe: Some(probe), .. }) = &mut self.state
            && probe.wire == wire
            && probe.step == Step::Connecting
        {
            probe.step = Step::Asking;
        }
    }

    /// A frame has come on `wire`. What a WebSocket that is not this session's any more says is ignored.
    ///
    /// ```
    /// # use engineio_proto::{*, websocket::FrameEvent};
    /// # let mut out = Vec::new();
    /// let first = Some(TransportKind::WebSocket);
    /// let mut session = ClientSession::open(Default::default(), first, Moment::EPOCH, &mut out);
    /// let Some(ClientOutput::OpenWire(wire)) = out.pop() else { panic!() };
    /// let open = Handshake::new(&SessionId::new("secret"), &[], &Limits::default()).packet();
    /// for message in [&*open, "4hello"] {
    ///     session.handle_frame(wire, FrameEvent::Message(message.into()), Moment::EPOCH, &mut out);
    /// }
    /// assert_eq!(out, [ClientOutput::Opened, ClientOutput::Message("hello".into())]);
    /// ```
    pub fn handle_frame(&mut self, wire: WireId, frame: FrameEvent, now: Moment, out: &mut Vec<ClientOutput>) {
        if self.probe_on(wire).is_some() {
            return self.handle_probe_frame(frame, now, out);
        }
        if !self.uses(wire) {
            return;
        }
        match frame {
            FrameEvent::Ping(data) => self.wire_pong = Some(data),
            // A close frame is answered with the same code. [RFC 6455 §5.5.1]
            FrameEvent::Close(frame) => {
                let code = frame.map(|frame| frame.code);
                self.end_wire(CloseReason::TransportClose, "the server closed the WebSocket", code, out);
            }
            FrameEvent::Message(Message::Binary(bytes)) if !self.is_opening() => {
                out.push(ClientOutput::Message(Message::Binary(bytes)));
            }
            FrameEvent::Message(Message::Binary(_)) => {
                self.fail_opening("the server's first packet is not an open packet", out);
            }
            FrameEvent::Message(Message::Text(text)) => match Packet::take(text) {
                Ok(Packet::Open(open)) if self.is_opening() => self.open_on_wire(wire, &open, now, out),
                _ if self.is_opening() => self.fail_opening("the server's first packet is not an open packet", out),
                Ok(packet) => self.handle_packet(packet, now, out),
                Err(_) => {
                    let detail = "server error: a message that is no packet";
                    self.close(CloseReason::TransportError, detail, out);
                }
            },
            FrameEvent::Pong(_) => {}
        }
    }

    const fn is_opening(&self) -> bool {
        matches!(self.state, State::Opening(_))
    }

    fn open_on_wire(&mut self, wire: WireId, open: &str, now: Moment, out: &mut Vec<ClientOutput>) {
        let State::Opening(opening) = self.state else { return };
        if self.try_establish(open, now, out).is_some() {
            let deadline = now + self.options.limits.close_timeout;
            self.state = if opening.closing { State::Draining(wire, deadline) } else { State::Wire(wire) };
        }
    }

    /// The WebSocket could not be opened, ended without saying so, or its server broke the framing.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let mut out = Vec::new();
    /// let mut options = ClientOptions::default();
    /// options.transports = vec![TransportKind::WebSocket, TransportKind::Polling];
    /// options.try_all_transports = true;
    /// let mut session = ClientSession::open(options.into(), None, Moment::EPOCH, &mut out);
    /// let Some(ClientOutput::OpenWire(wire)) = out.pop() else { panic!() };
    /// session.handle_wire_lost(wire, WireLoss::Disconnected, Moment::EPOCH, &mut out);
    /// let [ClientOutput::CloseWire(..), ClientOutput::TriesNext(next), ClientOutput::Get(_)] = out[..] else { panic!() };
    /// assert_eq!(next, TransportKind::Polling);
    /// ```
    pub fn handle_wire_lost(&mut self, wire: WireId, loss: WireLoss, now: Moment, out: &mut Vec<ClientOutput>) {
        let code = match loss {
            WireLoss::Disconnected => None,
            WireLoss::Violation(error) => Some(error.close_code()),
        };
        if self.probe_on(wire).is_some() {
            return self.drop_probe("probe error: the WebSocket did not open, or ended", code, now, out);
        }
        if !self.uses(wire) {
            return;
        }
        let (reason, detail) = match loss {
            WireLoss::Disconnected => (CloseReason::TransportClose, "the WebSocket connection ended"),
            WireLoss::Violation(_) => (CloseReason::TransportError, "the server broke the WebSocket protocol"),
        };
        self.end_wire(reason, detail, code, out);
    }

    /// The session's WebSocket is gone; while it opens, another transport may be tried.
    fn end_wire(
        &mut self,
        reason: CloseReason,
        detail: &'static str,
        code: Option<CloseCode>,
        out: &mut Vec<ClientOutput>,
    ) {
        match self.state {
            State::Opening(_) => self.fail_opening_with_code("the WebSocket could not be opened", code, out),
            _ => self.close_with_code(reason, detail, code, out),
        }
    }

    /// Whether there is something to write on `wire`, or a graceful close to finish.
    #[must_use]
    pub fn wants_write(&self, wire: WireId) -> bool {
        if let Some(probe) = self.probe_on(wire) {
            return probe.step == Step::Asking || self.wire_pong.is_some();
        }
        match self.state {
            State::Wire(current) | State::Draining(current, _) if current == wire => {
                let owes_pong = self.established.as_deref().is_some_and(|established| established.watch.owes_pong());
                let owed = self.owes_upgrade || owes_pong || self.wire_pong.is_some();
                owed || !self.queue.is_empty() || matches!(self.state, State::Draining(..))
            }
            State::Opening(Opening { via: Via::Wire(current), .. }) => current == wire && self.wire_pong.is_some(),
            _ => false,
        }
    }

    /// So many bytes have moved on `wire` of messages that take long: what was read is a part of one, or what was written is not all
    /// that was taken. They are a sign of life, if there are enough of them, which is what this says (hazard R16).
    ///
    /// ```
    /// # use engineio_proto::{*, websocket::FrameEvent};
    /// # let mut out = Vec::new();
    /// # let mut session = ClientSession::open(Default::default(), Some(TransportKind::WebSocket), Moment::EPOCH, &mut out);
    /// # let Some(ClientOutput::OpenWire(wire)) = out.pop() else { panic!() };
    /// # let open = Handshake::new(&SessionId::new("secret"), &[], &Limits::default()).packet();
    /// # session.handle_frame(wire, FrameEvent::Message((&*open).into()), Moment::EPOCH, &mut out);
    /// let due = session.next_timeout().expect("a ping is waited for");
    /// assert!(session.handle_wire_progress(wire, 64 * 1024, due));
    /// assert!(session.next_timeout() > Some(due));
    /// ```
    pub fn handle_wire_progress(&mut self, wire: WireId, bytes: usize, now: Moment) -> bool {
        match (&self.state, self.established.as_deref_mut()) {
            (State::Wire(current), Some(established)) if *current == wire => {
                established.watch.handle_progress(bytes, now)
            }
            _ => false,
        }
    }

    /// Takes frames to write on `wire`, not masked yet: control frames first, then messages until `budget` bytes are
    /// reached (at least one message). After a graceful close the last take ends the session. When they are written,
    /// [`ClientSession::handle_wire_flushed`] is to be called.
    ///
    /// ```
    /// # use engineio_proto::{*, websocket::FrameEvent};
    /// # let mut out = Vec::new();
    /// # let mut session = ClientSession::open(Default::default(), Some(TransportKind::WebSocket), Moment::EPOCH, &mut out);
    /// # let Some(ClientOutput::OpenWire(wire)) = out.pop() else { panic!() };
    /// # let open = Handshake::new(&SessionId::new("secret"), &[], &Limits::default()).packet();
    /// # session.handle_frame(wire, FrameEvent::Message((&*open).into()), Moment::EPOCH, &mut out);
    /// session.handle_frame(wire, FrameEvent::Message("2".into()), Moment::EPOCH, &mut out);
    /// session.handle_send(&[MessageFrame::text(&["hello"])], Moment::EPOCH)?;
    /// let mut frames = Vec::new();
    /// session.take_frames(wire, 64 * 1024, &mut frames, &mut out);
    /// let bytes: Vec<_> = frames.into_iter().map(WireFrame::into_bytes).collect();
    /// assert_eq!(bytes, [&b"\x81\x013"[..], b"\x81\x064hello"]);
    /// # Ok::<(), SendError>(())
    /// ```
    pub fn take_frames(
        &mut self,
        wire: WireId,
        budget: usize,
        frames: &mut Vec<WireFrame>,
        out: &mut Vec<ClientOutput>,
    ) {
        if let State::Polling(Polling { probe: Some(probe), .. }) = &mut self.state
            && probe.wire == wire
        {
            if probe.step == Step::Asking {
                probe.step = Step::Asked;
                frames.push(WireFrame::Ready(Bytes::from_static(PROBE_PING)));
            }
            return self.take_wire_pong(frames);
        }
        if !self.uses(wire) {
            return;
        }
        let before = frames.len();
        if std::mem::replace(&mut self.owes_upgrade, false) {
            frames.push(WireFrame::Ready(Bytes::from_static(UPGRADE)));
        }
        if self.established.as_deref_mut().is_some_and(|established| established.watch.take_pong()) {
            frames.push(WireFrame::Ready(Bytes::from_static(PONG)));
        }
        self.take_wire_pong(frames);
        if matches!(self.state, State::Opening(_)) {
            return;
        }
        let mut taken = 0;
        while let Some(frame) = self.queue.pop() {
            taken += frame.len();
            frames.push(WireFrame::Message(frame));
            if taken >= budget {
                break;
            }
        }
        self.writing |= frames.len() > before;
        if matches!(self.state, State::Draining(..)) && self.queue.is_empty() {
            self.close(CloseReason::ForcedClose, "closed by this side", out);
        }
    }

    /// All frames that were taken for `wire` have been written. Saying it twice, or of a WebSocket that is not the
    /// session's, does nothing.
    pub fn handle_wire_flushed(&mut self, wire: WireId) {
        if self.uses(wire) {
            self.writing = false;
        }
    }

    fn take_wire_pong(&mut self, frames: &mut Vec<WireFrame>) {
        if let Some(data) = self.wire_pong.take() {
            let mut frame = BytesMut::with_capacity(2 + data.len());
            encode_frame(Opcode::Pong, &data, None, &mut frame);
            frames.push(WireFrame::Ready(frame.freeze()));
        }
    }

    fn handle_probe_frame(&mut self, frame: FrameEvent, now: Moment, out: &mut Vec<ClientOutput>) {
        let State::Polling(Polling { probe: Some(probe), .. }) = &mut self.state else { return };
        match frame {
            FrameEvent::Ping(data) => self.wire_pong = Some(data),
            FrameEvent::Pong(_) => {}
            FrameEvent::Message(Message::Text(text)) if *text == *"3probe" && probe.step == Step::Asked => {
                probe.step = Step::Pausing;
                self.go_on(now, out);
            }
            FrameEvent::Close(frame) => {
                self.drop_probe("probe error: the server closed it", frame.map(|frame| frame.code), now, out);
            }
            _ => self.drop_probe("probe error: the server's answer is not `3probe`", None, now, out),
        }
    }

    /// Nothing is under way by long-polling any more: the WebSocket takes over, `5` in front of all else.
    pub(super) fn switch(&mut self, probe: Probe, now: Moment, out: &mut Vec<ClientOutput>) {
        let deadline = now + self.options.limits.close_timeout;
        self.state = if probe.closing { State::Draining(probe.wire, deadline) } else { State::Wire(probe.wire) };
        self.owes_upgrade = true;
        out.push(ClientOutput::Upgraded);
    }

    /// Gives the upgrade up; the session goes on by long-polling (row B35).
    pub(super) fn drop_probe(
        &mut self,
        detail: &'static str,
        code: Option<CloseCode>,
        now: Moment,
        out: &mut Vec<ClientOutput>,
    ) {
        let State::Polling(polling @ Polling { probe: Some(probe), .. }) = self.state else { return };
        self.wire_pong = None;
        out.push(ClientOutput::CloseWire(probe.wire, code));
        out.push(ClientOutput::UpgradeFailed(detail));
        let polling = Polling { probe: None, ..polling };
        if probe.closing {
            self.leave(polling, now + self.options.limits.close_timeout, out);
        } else {
            self.state = State::Polling(polling);
        }
        self.go_on(now, out);
    }

    fn probe_on(&self, wire: WireId) -> Option<Probe> {
        let State::Polling(Polling { probe, .. }) = self.state else { return None };
        probe.filter(|probe| probe.wire == wire)
    }

    /// Whether `wire` is the session's transport, or is to become it by the open packet.
    fn uses(&self, wire: WireId) -> bool {
        match self.state {
            State::Wire(current) | State::Draining(current, _) => current == wire,
            State::Opening(Opening { via: Via::Wire(current), .. }) => current == wire,
            State::Opening(_) | State::Polling(_) | State::Leaving(..) | State::Closed(_) => false,
        }
    }
}
