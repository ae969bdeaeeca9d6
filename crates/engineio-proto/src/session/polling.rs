//! The long-polling inputs of a [`ServerSession`]: GETs and POSTs. [EIO4 Polling] Rows A53, A54, A61–A69.

use std::{fmt, iter::Peekable};

use bytes::Bytes;

use super::{
    output::{Answer, Output, PostFault, PostRefusal},
    server::{CLOSE, NOOP, Polling, ServerSession, State},
};
use crate::{
    CloseReason, Packet,
    dialect::{PostPackets, Writer},
    error::DecodeError,
    id::PollId,
    moment::Moment,
    request::{BadRequest, Reject},
};

/// Packets of one body that are taken at a time: enough for all bodies but those that are made to cost something.
const MOST_PACKETS: usize = 1024;

/// What is left of the body of a POST, for [`ServerSession::handle_post_rest`].
pub struct PostRest(Peekable<PostPackets>);

impl fmt::Debug for PostRest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostRest")
    }
}

impl ServerSession {
    /// A GET has come. It is answered through [`Output::Answer`], perhaps at once.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let mut out = Vec::new();
    /// session.handle_poll_opened(&mut out)?; // waits
    /// assert!(out.is_empty());
    /// session.handle_poll_opened(&mut out)?; // one too many
    /// assert!(session.is_closed() && matches!(out[0], Output::Answer(_, Answer::BadRequest)));
    /// # Ok::<(), Reject>(())
    /// ```
    ///
    /// # Errors
    /// The [`Reject`] to answer with where the session polls no longer (rows A37, A45).
    pub fn handle_poll_opened(&mut self, out: &mut Vec<Output>) -> Result<PollId, Reject> {
        let id = PollId(self.next_id());
        match &mut self.state {
            State::Polling(polling) | State::Probing(polling, _) if polling.parked.is_some() => {
                out.push(Output::Answer(id, Answer::BadRequest));
                self.close(CloseReason::TransportError, "overlapping GET requests", out);
            }
            State::Polling(polling) => {
                polling.parked = Some(id);
                self.handle_flush(out);
            }
            State::Probing(polling, candidate) => {
                let probed = candidate.probed;
                polling.parked = Some(id);
                self.handle_flush(out);
                if probed {
                    self.release_poll(out);
                }
            }
            State::Leaving(polling, deadline) => {
                let (polling, deadline) = (Polling { parked: Some(id), ..*polling }, *deadline);
                self.leave_late(polling, deadline, out);
            }
            State::Wire(_) | State::Draining(..) => return Err(Reject::BadRequest(BadRequest::TransportMismatch)),
            State::Closed(_) => return Err(Reject::UnknownSid),
        }
        Ok(id)
    }

    /// The client of a GET went away before the answer (row A65). A GET that was answered is not meant.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let mut out = Vec::new();
    /// let poll = session.handle_poll_opened(&mut out)?;
    /// session.handle_poll_abandoned(poll, &mut out);
    /// let Some(Output::Closed(closed)) = out.pop() else { panic!("it was open") };
    /// assert_eq!(closed.reason, CloseReason::TransportError);
    /// # Ok::<(), Reject>(())
    /// ```
    pub fn handle_poll_abandoned(&mut self, poll: PollId, out: &mut Vec<Output>) {
        if let State::Polling(polling) | State::Probing(polling, _) | State::Leaving(polling, _) = &mut self.state
            && polling.parked == Some(poll)
        {
            polling.parked = None;
            self.close(CloseReason::TransportError, "the client aborted a GET", out);
        }
    }

    /// The answer to a GET was made, but the client went away before it could be sent: what was in it is lost,
    /// and a session with a hole in it must not go on.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let mut out = Vec::new();
    /// session.handle_answer_lost(&mut out);
    /// assert!(session.is_closed());
    /// ```
    pub fn handle_answer_lost(&mut self, out: &mut Vec<Output>) {
        if let State::Polling(_) | State::Probing(..) | State::Leaving(..) = self.state {
            self.close(CloseReason::TransportError, "the client aborted a GET", out);
        }
    }

    /// A POST has come; its body is about to be read.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let mut out = Vec::new();
    /// assert_eq!(session.handle_post_begun(&mut out), Ok(()));
    /// assert_eq!(session.handle_post_begun(&mut out), Err(PostRefusal::BadRequest)); // the first one is not over
    /// assert!(session.is_closed());
    /// ```
    ///
    /// # Errors
    /// Where it is not to be read: [`PostRefusal`] says what to answer.
    pub fn handle_post_begun(&mut self, out: &mut Vec<Output>) -> Result<(), PostRefusal> {
        match &mut self.state {
            State::Polling(polling) | State::Probing(polling, _) | State::Leaving(polling, _) => {
                if !std::mem::replace(&mut polling.posting, true) {
                    return Ok(());
                }
                self.close(CloseReason::TransportError, "overlapping POST requests", out);
                Err(PostRefusal::BadRequest)
            }
            State::Wire(_) | State::Draining(..) => {
                Err(PostRefusal::Reject(Reject::BadRequest(BadRequest::TransportMismatch)))
            }
            State::Closed(_) => Err(PostRefusal::Reject(Reject::UnknownSid)),
        }
    }

    /// So many bytes of a body have moved, and more are to follow: of a POST, or of the answer to a GET. They are a sign of life
    /// as on a WebSocket (hazard R16).
    pub fn handle_body_progress(&mut self, bytes: usize, now: Moment) {
        if let State::Polling(_) | State::Probing(..) = self.state {
            self.heartbeat.handle_progress(&self.limits, bytes, now);
        }
    }

    /// The body of the POST is here, whole: text, or a form in the JSONP of revision 3.
    ///
    /// A body of tiny packets would become many times its size, were all of them taken at once (hazard R28): after a thousand or
    /// so the rest is given back, for [`ServerSession::handle_post_rest`] once the application has taken these.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let mut out = Vec::new();
    /// session.handle_post_begun(&mut out)?;
    /// let rest = session.handle_post("4one\u{1e}4two".into(), Moment::EPOCH, &mut out)?;
    /// assert!(rest.is_none());
    /// assert_eq!(out, [Output::Message("one".into()), Output::Message("two".into())]);
    /// # Ok::<(), PostRefusal>(())
    /// ```
    ///
    /// # Errors
    /// [`PostRefusal`], where it is not to be answered with `ok`.
    pub fn handle_post(
        &mut self,
        body: Bytes,
        now: Moment,
        out: &mut Vec<Output>,
    ) -> Result<Option<PostRest>, PostRefusal> {
        let packets = self.dialect.text_packets(body);
        self.take_post(packets.map(Iterator::peekable), now, out)
    }

    /// What is left of a body.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// let body = ["4"; 5000].join("\u{1e}");
    /// let (mut out, mut messages) = (Vec::new(), 0);
    /// session.handle_post_begun(&mut out)?;
    /// let mut rest = session.handle_post(body.into(), Moment::EPOCH, &mut out)?;
    /// while let Some(left) = rest {
    ///     messages += out.drain(..).count(); // the application takes them
    ///     rest = session.handle_post_rest(left, Moment::EPOCH, &mut out)?;
    /// }
    /// assert_eq!(messages + out.len(), 5000);
    /// # Ok::<(), PostRefusal>(())
    /// ```
    ///
    /// # Errors
    /// As those of [`ServerSession::handle_post`].
    pub fn handle_post_rest(
        &mut self,
        rest: PostRest,
        now: Moment,
        out: &mut Vec<Output>,
    ) -> Result<Option<PostRest>, PostRefusal> {
        self.take_post(Ok(rest.0), now, out)
    }

    /// The body of a POST of type `application/octet-stream` is here, whole (row A67). Only revision 3 has such; under
    /// revision 4 it is best not read at all, and [`PostFault::BinaryContent`] told instead.
    ///
    /// ```
    /// use engineio_proto::{Dialect, Message, Moment, Output, ServerSession, v3::Style};
    ///
    /// let dialect = Dialect::V3(Style::default());
    /// let (mut session, _) = ServerSession::open_polling(Default::default(), dialect, &"0{}".into(), Moment::EPOCH);
    /// let mut out = Vec::new();
    /// session.handle_post_begun(&mut out)?;
    /// let body = vec![1, 3, 255, 4, 1, 2]; // binary, of three bytes: a message with two
    /// session.handle_binary_post(body.into(), Moment::EPOCH, &mut out)?;
    /// assert_eq!(out, [Output::Message(Message::Binary(vec![1, 2].into()))]);
    /// # Ok::<(), engineio_proto::PostRefusal>(())
    /// ```
    ///
    /// # Errors
    /// [`PostRefusal`], where it is not to be answered with `ok`.
    pub fn handle_binary_post(
        &mut self,
        body: Bytes,
        now: Moment,
        out: &mut Vec<Output>,
    ) -> Result<Option<PostRest>, PostRefusal> {
        let Some(packets) = self.dialect.binary_packets(body) else {
            self.handle_post_failed(PostFault::BinaryContent, out);
            return Err(PostRefusal::BadRequest);
        };
        self.take_post(Ok(packets.peekable()), now, out)
    }

    fn take_post(
        &mut self,
        packets: Result<Peekable<PostPackets>, DecodeError>,
        now: Moment,
        out: &mut Vec<Output>,
    ) -> Result<Option<PostRest>, PostRefusal> {
        match &self.state {
            State::Polling(_) | State::Probing(..) | State::Leaving(..) => {}
            State::Wire(_) | State::Draining(..) => {
                // The client switched to WebSocket with a POST still on its way; its place in the order is lost.
                return Err(PostRefusal::Reject(Reject::BadRequest(BadRequest::TransportMismatch)));
            }
            // It was being read while the session ended. A refusal would tell the client to give up, perhaps
            // before it has the GET's answer with the last messages and the close packet.
            State::Closed(_) => return Ok(None),
        }
        let Ok(mut packets) = packets else {
            self.close(CloseReason::ParseError, "a POST body that is not text, or no form where one was due", out);
            return Err(PostRefusal::BadRequest);
        };
        for packet in packets.by_ref().take(MOST_PACKETS) {
            match packet {
                // A client that closes takes its answer as usual (row A54).
                Ok(Packet::Close) => {
                    self.close_polling_by_peer(out);
                    return Ok(None);
                }
                Ok(packet) => self.handle_packet(packet, now, out),
                Err(_) => self.close(CloseReason::ParseError, "a malformed packet in a POST body", out),
            }
            if self.is_closed() {
                return Err(PostRefusal::BadRequest);
            }
        }
        if packets.peek().is_some() {
            return Ok(Some(PostRest(packets)));
        }
        if let State::Polling(polling) | State::Probing(polling, _) | State::Leaving(polling, _) = &mut self.state {
            polling.posting = false;
        }
        Ok(None)
    }

    /// The body of the POST came to nothing.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let mut out = Vec::new();
    /// session.handle_post_begun(&mut out)?;
    /// session.handle_post_failed(PostFault::TooLarge, &mut out);
    /// assert!(session.is_closed());
    /// # Ok::<(), PostRefusal>(())
    /// ```
    pub fn handle_post_failed(&mut self, fault: PostFault, out: &mut Vec<Output>) {
        if let State::Polling(polling) | State::Probing(polling, _) | State::Leaving(polling, _) = &self.state
            && polling.posting
        {
            let detail = match fault {
                PostFault::Abandoned => "the client aborted a POST",
                PostFault::TooLarge => "a POST body over maxPayload",
                PostFault::BinaryContent => "a POST body of type application/octet-stream",
            };
            self.close(CloseReason::TransportError, detail, out);
        }
    }

    /// A graceful close on long-polling: into the parked GET, or into the next one (row A53).
    pub(super) fn leave(&mut self, polling: Polling, deadline: Moment, out: &mut Vec<Output>) {
        if polling.parked.is_some() {
            return self.answer_leaving(polling, deadline, self.dialect.writer(), out);
        }
        self.state = State::Leaving(polling, deadline);
    }

    /// The GET that a session which is leaving has waited for.
    fn leave_late(&mut self, polling: Polling, deadline: Moment, out: &mut Vec<Output>) {
        let mut payload = self.dialect.writer();
        if self.queue.is_empty() {
            payload.push_text(NOOP);
        }
        self.answer_leaving(polling, deadline, payload, out);
    }

    /// Answers with what is queued, or else with the close packet. Never with both: a client acts on the close
    /// packet at once, and on a message only when it has been handed up, which is later (row A52).
    fn answer_leaving(&mut self, polling: Polling, deadline: Moment, payload: Writer, out: &mut Vec<Output>) {
        let Some(poll) = polling.parked else { return };
        // Whoever leaves asks no more whether the other side is there: row A53 has no ping.
        self.heartbeat.take_beat();
        let is_last = self.queue.is_empty();
        let mut payload = self.payload(payload);
        if is_last {
            payload.push_text(CLOSE);
        }
        self.state = State::Leaving(Polling { parked: None, ..polling }, deadline);
        out.push(Output::Answer(poll, Answer::Payload(payload.finish())));
        if is_last {
            self.close(CloseReason::ForcedClose, "closed by this side", out);
        }
    }

    fn close_polling_by_peer(&mut self, out: &mut Vec<Output>) {
        if let State::Polling(polling) | State::Probing(polling, _) | State::Leaving(polling, _) = &mut self.state
            && let Some(poll) = polling.parked.take()
        {
            out.push(Output::Answer(poll, Answer::Payload(self.dialect.control(NOOP))));
        }
        self.close(CloseReason::TransportClose, "the client closed the session", out);
    }
}
