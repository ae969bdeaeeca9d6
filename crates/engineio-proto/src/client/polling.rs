//! The long-polling inputs of a [`ClientSession`]: what became of its GETs and POSTs. [EIO4 Polling] Rows B31–B33, B37–B39.

use bytes::Bytes;

use super::{
    output::ClientOutput,
    session::{ClientSession, Leaving, Opening, Polling, Probe, State, Step, Via},
};
use crate::{CloseReason, Packet, Packets, Text, id::RequestId, moment::Moment};

/// What the reference calls a server that sends what is no packet (row B39).
const SERVER_ERROR: &str = "server error: its answer holds what is no packet";

/// So many packets are taken from one payload whatever the bound on its bytes.
const MAX_PACKETS: usize = 16 * 1024;

/// What a packet costs beside its bytes, at least: a payload of nothing but tiny ones must not become many times its size.
const PACKET_BYTES: usize = 64;

impl ClientSession {
    /// A GET was answered with this body. An answer that nobody waits for any more is ignored.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let mut out = Vec::new();
    /// # let mut session = ClientSession::open(Default::default(), None, Moment::EPOCH, &mut out);
    /// # let Some(ClientOutput::Get(get)) = out.pop() else { panic!() };
    /// session.handle_answer(get, "4who are you".into(), Moment::EPOCH, &mut out);
    /// assert!(session.is_closed()); // a session begins with an open packet
    /// ```
    pub fn handle_answer(&mut self, get: RequestId, body: Bytes, now: Moment, out: &mut Vec<ClientOutput>) {
        if !self.end_get(get) {
            return;
        }
        let Ok(body) = Text::from_utf8(body) else {
            return self.refuse_payload(out);
        };
        let most = MAX_PACKETS.max(self.options.limits.max_message_bytes / PACKET_BYTES);
        for (count, packet) in Packets::new(body).enumerate() {
            if count >= most {
                return self.refuse_payload(out);
            }
            match packet {
                Ok(Packet::Open(open)) if matches!(self.state, State::Opening(_)) => self.open_by_get(&open, now, out),
                Ok(_) if matches!(self.state, State::Opening(_)) => {
                    self.fail_opening("the server's first packet is not an open packet", out);
                }
                Ok(Packet::Close) => self.close(CloseReason::TransportClose, "the server closed the session", out),
                Ok(packet) => self.handle_packet(packet, now, out),
                Err(_) => self.refuse_payload(out),
            }
            // Another transport may be opening now, for which the rest of this payload says nothing.
            if !matches!(self.state, State::Polling(_) | State::Leaving(..)) {
                return;
            }
        }
        self.go_on(now, out);
    }

    /// Whether this GET was under way; now it is not any more, so that nobody gives it up.
    fn end_get(&mut self, ended: RequestId) -> bool {
        let (State::Opening(Opening { via: Via::Get(get), .. })
        | State::Polling(Polling { get, .. })
        | State::Leaving(Polling { get, .. }, _)) = &mut self.state
        else {
            return false;
        };
        get.take_if(|get| *get == ended).is_some()
    }

    /// The same for a POST.
    fn end_post(&mut self, ended: RequestId) -> bool {
        let (State::Polling(Polling { post, .. }) | State::Leaving(Polling { post, .. }, _)) = &mut self.state else {
            return false;
        };
        post.take_if(|post| *post == ended).is_some()
    }

    fn refuse_payload(&mut self, out: &mut Vec<ClientOutput>) {
        match self.state {
            State::Opening(_) => self.fail_opening(SERVER_ERROR, out),
            _ => self.close(CloseReason::TransportError, SERVER_ERROR, out),
        }
    }

    fn open_by_get(&mut self, open: &str, now: Moment, out: &mut Vec<ClientOutput>) {
        let State::Opening(opening) = self.state else { return };
        let Some(upgrade) = self.try_establish(open, now, out) else { return };
        if opening.closing {
            return self.leave(Polling::default(), now + self.options.limits.close_timeout, out);
        }
        let mut polling = Polling::default();
        if upgrade {
            let deadline = now + self.options.limits.upgrade_timeout;
            let wire = self.next_wire();
            polling.probe = Some(Probe { wire, step: Step::Connecting, deadline, closing: false });
            out.push(ClientOutput::OpenWire(wire));
        }
        self.state = State::Polling(polling);
    }

    /// Whether an upgrade is to be tried; `None` where the open packet was none.
    pub(super) fn try_establish(&mut self, open: &str, now: Moment, out: &mut Vec<ClientOutput>) -> Option<bool> {
        let upgrade = self.establish(open, now).is_some();
        if self.established.is_none() {
            self.fail_opening("the server's open packet does not describe a session", out);
            return None;
        }
        out.push(ClientOutput::Opened);
        Some(upgrade)
    }

    /// A POST was taken by the server.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let mut out = Vec::new();
    /// # let mut session = ClientSession::open(Default::default(), None, Moment::EPOCH, &mut out);
    /// # let Some(ClientOutput::Get(first)) = out.pop() else { panic!() };
    /// # let open = r#"0{"sid":"secret","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}"#;
    /// # session.handle_answer(first, open.into(), Moment::EPOCH, &mut out);
    /// # out.clear();
    /// for text in ["one", "two"] {
    ///     session.handle_send(&[MessageFrame::text(&[text])], Moment::EPOCH)?;
    ///     session.handle_flush(&mut out);
    /// }
    /// let [ClientOutput::Post(post, first)] = &out[..] else { panic!("one POST at a time") };
    /// assert_eq!(first.bytes, "4one");
    /// let post = *post;
    /// session.handle_posted(post, Moment::EPOCH, &mut out);
    /// assert!(matches!(&out[1..], [ClientOutput::Post(_, second)] if second.bytes == "4two"));
    /// # Ok::<(), SendError>(())
    /// ```
    pub fn handle_posted(&mut self, post: RequestId, now: Moment, out: &mut Vec<ClientOutput>) {
        if !self.end_post(post) {
            return;
        }
        if let State::Leaving(_, Leaving { last, .. }) = self.state
            && last == Some(post)
        {
            return self.close(CloseReason::ForcedClose, "closed by this side", out);
        }
        self.go_on(now, out);
    }

    /// A request came to nothing: no connection, an answer that is no success, a body over the bound (row B45).
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let mut out = Vec::new();
    /// # let mut session = ClientSession::open(Default::default(), None, Moment::EPOCH, &mut out);
    /// # let Some(ClientOutput::Get(first)) = out.pop() else { panic!() };
    /// session.handle_request_failed(first, &mut out);
    /// assert!(matches!(&out[..], [ClientOutput::Closed(closed), ..] if closed.reason == CloseReason::TransportError));
    /// ```
    pub fn handle_request_failed(&mut self, request: RequestId, out: &mut Vec<ClientOutput>) {
        if self.end_get(request) {
            match self.state {
                State::Opening(_) => self.fail_opening("the first GET failed", out),
                // The server may have read the close packet already; what became of that, its POST tells.
                State::Leaving(_, Leaving { last: Some(_), .. }) => {}
                _ => self.close(CloseReason::TransportError, "a GET failed", out),
            }
        } else if self.end_post(request) {
            self.close(CloseReason::TransportError, "a POST failed", out);
        }
    }

    /// Goes on after a request has ended: polls again, posts what has gathered, or switches.
    pub(super) fn go_on(&mut self, now: Moment, out: &mut Vec<ClientOutput>) {
        if let State::Polling(Polling { get: None, post: None, probe: Some(probe) }) = self.state
            && probe.step == Step::Pausing
        {
            return self.switch(probe, now, out);
        }
        self.handle_flush(out);
        let wants_get = match self.state {
            State::Polling(polling) => polling.get.is_none() && !polling.is_pausing(),
            // Once the server has read the close packet it knows no GET of this session.
            State::Leaving(polling, leaving) => polling.get.is_none() && leaving.last.is_none(),
            State::Opening(_) | State::Wire(_) | State::Draining(..) | State::Closed(_) => false,
        };
        if wants_get {
            let next = self.next_request();
            if let State::Polling(Polling { get, .. }) | State::Leaving(Polling { get, .. }, _) = &mut self.state {
                *get = Some(next);
                out.push(ClientOutput::Get(next));
            }
        }
    }

    /// Whether [`ClientSession::handle_flush`] would send a POST.
    #[must_use]
    pub fn wants_flush(&self) -> bool {
        let owes_pong = self.established.as_deref().is_some_and(|established| established.watch.owes_pong());
        match &self.state {
            State::Polling(polling) => {
                polling.post.is_none() && !polling.is_pausing() && (owes_pong || !self.queue.is_empty())
            }
            State::Leaving(polling, leaving) => polling.post.is_none() && leaving.last.is_none(),
            _ => false,
        }
    }

    /// Posts what is queued, as much as one payload of the server's size may hold, if no POST is under way (rows B31–B33).
    /// To be called after a round of sending.
    pub fn handle_flush(&mut self, out: &mut Vec<ClientOutput>) {
        if !self.wants_flush() {
            return;
        }
        // The close packet goes alone: the reference closes the session before it hands on the messages of the same payload,
        // which are then lost, a DISCONNECT among them.
        let is_last = matches!(self.state, State::Leaving(..)) && self.queue.is_empty();
        let payload = self.payload(is_last);
        let post = self.next_request();
        match &mut self.state {
            State::Polling(polling) => polling.post = Some(post),
            State::Leaving(polling, Leaving { last, .. }) => {
                polling.post = Some(post);
                *last = is_last.then_some(post);
            }
            _ => return,
        }
        out.push(ClientOutput::Post(post, payload));
    }
}

impl Polling {
    /// Whether nothing new is sent by long-polling, because a WebSocket is about to take over.
    pub(super) fn is_pausing(&self) -> bool {
        self.probe.is_some_and(|probe| probe.step == Step::Pausing)
    }
}
