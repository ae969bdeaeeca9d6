//! The WebSocket inputs of a [`ServerSession`]: the candidate, its probe and the switch, then frames.
//! [EIO4 Upgrade] Rows A47, A73–A78, A90; hazards R2–R7.

use bytes::{Bytes, BytesMut};

use super::{
    output::{Answer, Attached, Output, WireFrame, WireLoss},
    server::{Candidate, NOOP, ServerSession, State},
};
use crate::{
    CloseReason, Dialect, Message, MessageFrame,
    id::WireId,
    moment::Moment,
    websocket::{FrameEvent, Opcode, encode_frame},
};

/// For so many frames room is made at once.
const MOST_FRAMES: usize = 256;

const PROBE_PONG: &[u8] = b"\x81\x063probe";
const PING: &[u8] = b"\x81\x012";
const PONG: &[u8] = b"\x81\x013";

impl ServerSession {
    /// A WebSocket for this session has come; its own request says how it wants to be talked to, within the session's
    /// revision.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let mut out = Vec::new();
    /// # use engineio_proto::websocket::FrameEvent;
    /// let attached = session.handle_wire_attached(Dialect::V4, Moment::EPOCH);
    /// let Attached::Candidate(wire) = attached else { panic!("it polls") };
    /// session.handle_frame(wire, FrameEvent::Message("2probe".into()), Moment::EPOCH, &mut out);
    /// assert!(session.is_upgrading() && session.wants_write(wire)); // `3probe`
    /// session.handle_frame(wire, FrameEvent::Message("5".into()), Moment::EPOCH, &mut out);
    /// assert_eq!((session.transport(), out), (TransportKind::WebSocket, vec![Output::Upgraded]));
    /// ```
    pub fn handle_wire_attached(&mut self, dialect: Dialect, now: Moment) -> Attached {
        let State::Polling(polling) = self.state else { return Attached::Refused };
        if dialect.revision() != self.revision() {
            return Attached::Refused;
        }
        let wire = WireId(self.next_id());
        let deadline = now + self.limits.upgrade_timeout;
        let candidate = Candidate { wire, dialect, deadline, probed: false, owes_pong: false, closing: false };
        self.state = State::Probing(polling, candidate);
        Attached::Candidate(wire)
    }

    /// A frame has come on `wire`. What a WebSocket that is not this session's any more says is ignored.
    ///
    /// ```
    /// # use engineio_proto::{websocket::FrameEvent, *};
    /// # let open = "0{}".into();
    /// # let (mut session, wire) = ServerSession::open_wire(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let mut out = Vec::new();
    /// session.handle_frame(wire, FrameEvent::Message("4hello".into()), Moment::EPOCH, &mut out);
    /// assert_eq!(out, [Output::Message("hello".into())]);
    /// ```
    pub fn handle_frame(&mut self, wire: WireId, frame: FrameEvent, now: Moment, out: &mut Vec<Output>) {
        if self.candidate_is(wire) {
            return self.handle_candidate_frame(frame, now, out);
        }
        let (State::Wire(current) | State::Draining(current, _)) = self.state else { return };
        if current != wire {
            return;
        }
        match frame {
            FrameEvent::Ping(data) => self.wire_pong = Some(Box::new(data)),
            // A close frame is answered with the same code. [RFC 6455 §5.5.1]
            FrameEvent::Close(frame) => {
                let (detail, code) = ("the client closed the WebSocket", frame.map(|frame| frame.code));
                self.close_with_code(CloseReason::TransportClose, detail, code, out);
            }
            FrameEvent::Message(message) => {
                let packet = match message {
                    Message::Text(text) => self.dialect.decode_text(text),
                    Message::Binary(bytes) => self.dialect.decode_binary(bytes),
                };
                match packet {
                    Ok(packet) => self.handle_packet(packet, now, out),
                    Err(_) => self.close(CloseReason::ParseError, "a malformed packet on the WebSocket", out),
                }
            }
            _ => {}
        }
    }

    /// The WebSocket ended without saying so, or broke the framing.
    ///
    /// ```
    /// # use engineio_proto::{websocket::FrameEvent, *};
    /// # let open = "0{}".into();
    /// # let (mut session, wire) = ServerSession::open_wire(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let mut out = Vec::new();
    /// session.handle_wire_lost(wire, WireLoss::Disconnected, Moment::EPOCH, &mut out);
    /// let Output::Closed(closed) = &out[0] else { panic!("it was open") };
    /// assert_eq!(closed.reason, CloseReason::TransportClose);
    /// ```
    pub fn handle_wire_lost(&mut self, wire: WireId, loss: WireLoss, now: Moment, out: &mut Vec<Output>) {
        let code = match loss {
            WireLoss::Disconnected => None,
            WireLoss::Violation(error) => Some(error.close_code()),
        };
        if self.candidate_is(wire) {
            return self.drop_candidate(code, now, out);
        }
        let (State::Wire(current) | State::Draining(current, _)) = self.state else { return };
        if current != wire {
            return;
        }
        let (reason, detail) = match loss {
            WireLoss::Disconnected => (CloseReason::TransportClose, "the WebSocket connection ended"),
            WireLoss::Violation(_) => (CloseReason::TransportError, "the client broke the WebSocket protocol"),
        };
        self.close_with_code(reason, detail, code, out);
    }

    /// So many bytes have moved on `wire` of messages that take long: what was read is a part of one, or what was written is not all
    /// that was taken. They are a sign of life, if there are enough of them (hazard R16).
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, wire) = ServerSession::open_wire(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// let (interval, timeout) = (session.limits().ping_interval, session.limits().ping_timeout);
    /// session.handle_timeout(Moment::EPOCH + interval, &mut Vec::new()); // a ping is due, and then its pong
    /// session.handle_wire_progress(wire, 64 * 1024, Moment::EPOCH + interval + timeout / 2);
    /// assert_eq!(session.next_timeout(), Some(Moment::EPOCH + interval + timeout / 2 + timeout));
    /// ```
    pub fn handle_wire_progress(&mut self, wire: WireId, bytes: usize, now: Moment) {
        if matches!(self.state, State::Wire(current) if current == wire) {
            self.heartbeat.handle_progress(&self.limits, bytes, now);
        }
    }

    /// Takes frames to write on `wire`: control frames first, then messages until `budget` bytes are
    /// reached (at least one message). After a graceful close the last take ends the session.
    /// When they are written, [`ServerSession::handle_wire_flushed`] is to be called.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, wire) = ServerSession::open_wire(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let (mut frames, mut out) = (Vec::new(), Vec::new());
    /// session.handle_send(&[MessageFrame::text(&["hello"])])?;
    /// session.take_frames(wire, 64 * 1024, &mut frames, &mut out);
    /// let bytes: Vec<_> = frames.into_iter().map(WireFrame::into_bytes).collect();
    /// assert_eq!(bytes, [&b"\x81\x030{}"[..], b"\x81\x064hello"]);
    /// # Ok::<(), SendError>(())
    /// ```
    pub fn take_frames(&mut self, wire: WireId, budget: usize, frames: &mut Vec<WireFrame>, out: &mut Vec<Output>) {
        let left = self.left();
        let before = frames.len();
        match &mut self.state {
            State::Probing(_, candidate) if candidate.wire == wire => {
                if std::mem::replace(&mut candidate.owes_pong, false) {
                    frames.push(WireFrame::Ready(Bytes::from_static(PROBE_PONG)));
                }
                self.take_wire_pong(frames);
            }
            State::Wire(current) | State::Draining(current, _) if *current == wire => {
                // Nothing comes before the open packet, however late it leaves (hazard R43).
                if self.queue.front().is_some_and(is_open_packet) {
                    frames.extend(self.queue.pop().map(WireFrame::Message));
                }
                if let Some(beat) = self.heartbeat.take_beat() {
                    frames.push(WireFrame::Ready(Bytes::from_static(if beat == "2" { PING } else { PONG })));
                }
                self.take_wire_pong(frames);
                frames.reserve(self.queue.len().min(MOST_FRAMES));
                let mut taken = 0;
                while let Some(frame) = self.queue.pop() {
                    taken += frame.len();
                    frames.push(WireFrame::Message(self.dialect.reframe(frame)));
                    if taken >= budget {
                        break;
                    }
                }
                if frames.len() > before {
                    self.left_before = Some(left);
                }
                if matches!(self.state, State::Draining(..)) && self.queue.is_empty() {
                    self.close(CloseReason::ForcedClose, "closed by this side", out);
                }
            }
            _ => {}
        }
    }

    /// All frames that were taken for `wire` have been written: what was in them has left, and what is sent now can
    /// leave at once (rows A59, D53). Saying it twice, or of a WebSocket that is not the session's, does nothing.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, wire) = ServerSession::open_wire(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let (mut frames, mut out) = (Vec::new(), Vec::new());
    /// session.take_frames(wire, 1000, &mut frames, &mut out);
    /// let news = [MessageFrame::text(&["news"])];
    /// assert_eq!(session.handle_send_volatile(&news), Ok(false)); // what was taken is not written yet
    /// session.handle_wire_flushed(wire);
    /// assert_eq!(session.handle_send_volatile(&news), Ok(true));
    /// ```
    pub fn handle_wire_flushed(&mut self, wire: WireId) {
        if let State::Wire(current) | State::Draining(current, _) = self.state
            && current == wire
        {
            self.left_before = None;
        }
    }

    /// Whether [`ServerSession::take_frames`] would give something for `wire`.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, wire) = ServerSession::open_wire(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let (mut frames, mut out) = (Vec::new(), Vec::new());
    /// assert!(session.wants_write(wire)); // the open packet
    /// session.take_frames(wire, 1000, &mut frames, &mut out);
    /// assert!(!session.wants_write(wire));
    /// ```
    #[must_use]
    pub fn wants_write(&self, wire: WireId) -> bool {
        match &self.state {
            State::Probing(_, candidate) => candidate.wire == wire && (candidate.owes_pong || self.wire_pong.is_some()),
            State::Wire(current) => {
                *current == wire && (!self.queue.is_empty() || self.heartbeat.owes_beat() || self.wire_pong.is_some())
            }
            State::Draining(current, _) => *current == wire,
            State::Polling(_) | State::Leaving(..) | State::Closed(_) => false,
        }
    }

    fn handle_candidate_frame(&mut self, frame: FrameEvent, now: Moment, out: &mut Vec<Output>) {
        let State::Probing(_, candidate) = &mut self.state else { return };
        match frame {
            FrameEvent::Ping(data) => self.wire_pong = Some(Box::new(data)),
            FrameEvent::Pong(_) => {}
            FrameEvent::Message(Message::Text(text)) if *text == *"2probe" => {
                candidate.owes_pong = true;
                candidate.probed = true;
                self.release_poll(out);
            }
            FrameEvent::Message(Message::Text(text)) if *text == *"5" && candidate.probed => self.switch(now, out),
            FrameEvent::Close(frame) => self.drop_candidate(frame.map(|frame| frame.code), now, out),
            // Anything else ends the candidate, and only it (row A76).
            _ => self.drop_candidate(None, now, out),
        }
    }

    /// The client has chosen the WebSocket. A GET that it left hanging is answered, and with nothing else
    /// than a noop: messages go where the client looks for them (hazards R3, R4).
    fn switch(&mut self, now: Moment, out: &mut Vec<Output>) {
        let State::Probing(polling, candidate) = self.state else { return };
        if let Some(poll) = polling.parked {
            out.push(Output::Answer(poll, Answer::Payload(self.dialect.control(NOOP))));
        }
        self.dialect = candidate.dialect;
        self.state = if candidate.closing {
            State::Draining(candidate.wire, now + self.limits.close_timeout)
        } else {
            State::Wire(candidate.wire)
        };
        out.push(Output::Upgraded);
    }

    fn take_wire_pong(&mut self, frames: &mut Vec<WireFrame>) {
        if let Some(data) = self.wire_pong.take() {
            let mut frame = BytesMut::with_capacity(2 + data.len());
            encode_frame(Opcode::Pong, &data, None, &mut frame);
            frames.push(WireFrame::Ready(frame.freeze()));
        }
    }
}

/// The application's messages begin with another digit, or are binary.
fn is_open_packet(frame: &MessageFrame) -> bool {
    !frame.is_binary() && frame.packet().starts_with(b"0")
}
