//! What a [`ClientSession`] sends: its queue, and payloads made of it. Rows B30–B32.

use super::session::{ClientSession, Polling, State};
use crate::{
    MessageFrame, Payload, PayloadWriter, Sent, WhenFull,
    error::SendError,
    moment::Moment,
    send::{SendMark, SendOptions},
};

impl ClientSession {
    /// Queues messages, all of them next to each other or none (hazard R20); before the session is open they wait. They leave
    /// with the next [`ClientSession::handle_flush`] or [`ClientSession::take_frames`], so that many sends travel together.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let mut out = Vec::new();
    /// let mut session = ClientSession::open(Default::default(), None, Moment::EPOCH, &mut out);
    /// session.handle_send(&[MessageFrame::text(&["hello"])], Moment::EPOCH)?;
    /// assert!(session.queued_bytes() > 0);
    /// session.handle_close(CloseMode::Discard, Moment::EPOCH, &mut out);
    /// assert_eq!(session.handle_send(&[], Moment::EPOCH), Err(SendError::Closed));
    /// # Ok::<(), SendError>(())
    /// ```
    ///
    /// # Errors
    /// [`SendError::Closed`] once a close was asked for or happened, or the server has been silent for too long (row B30);
    /// [`SendError::Full`] at `max_queue_bytes`. Nothing was queued then.
    pub fn handle_send(&mut self, frames: &[MessageFrame], now: Moment) -> Result<(), SendError> {
        self.handle_send_with(frames, SendOptions::KEPT, now).map(drop)
    }

    /// The same with a choice of how; says what became of it.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let mut out = Vec::new();
    /// let mut session = ClientSession::open(Default::default(), None, Moment::EPOCH, &mut out);
    /// let news = [MessageFrame::text(&["news"])];
    /// assert_eq!(session.handle_send_with(&news, SendOptions::VOLATILE, Moment::EPOCH), Ok(Sent::Discarded));
    /// ```
    ///
    /// # Errors
    /// As [`ClientSession::handle_send`].
    pub fn handle_send_with(
        &mut self,
        frames: &[MessageFrame],
        options: SendOptions,
        now: Moment,
    ) -> Result<Sent, SendError> {
        if !self.takes_messages() || self.has_expired(now) {
            return Err(SendError::Closed);
        }
        if options.volatile && !self.is_writable() {
            return Ok(Sent::Discarded);
        }
        let limits = &self.options.limits;
        let when_full = if options.keeps_others { WhenFull::Refuse } else { limits.when_full };
        let dropped = self.queue.push(frames, options, limits.max_queue_bytes, when_full)?;
        Ok(Sent::Queued { dropped })
    }

    /// Whether messages are taken: the session is neither closing nor over.
    #[must_use]
    pub const fn takes_messages(&self) -> bool {
        !self.is_closing() && !self.is_closed()
    }

    /// Whether what is sent now can leave at once (row E39).
    #[must_use]
    pub fn is_writable(&self) -> bool {
        let transport = match self.state {
            State::Polling(polling) => polling.post.is_none() && !polling.is_pausing(),
            State::Wire(_) => !self.writing,
            State::Opening(_) | State::Leaving(..) | State::Draining(..) | State::Closed(_) => false,
        };
        transport && self.queue.is_empty()
    }

    /// Bytes that wait for the server.
    #[must_use]
    pub const fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Whether all that was sent has been taken by the server or by its connection (the reference's `drain`, row B27).
    #[must_use]
    pub fn is_drained(&self) -> bool {
        let posting = matches!(self.state, State::Polling(Polling { post: Some(_), .. }) | State::Leaving(..));
        self.queue.is_empty() && !self.writing && !posting
    }

    /// The place behind everything that is queued now.
    #[must_use]
    pub const fn sent_mark(&self) -> SendMark {
        self.queue.end()
    }

    /// A pong, if owed, and what is queued, up to what the server takes at once; or, for the last one, the close packet.
    pub(super) fn payload(&mut self, is_last: bool) -> Payload {
        let mut writer = PayloadWriter::new();
        let established = self.established.as_deref_mut();
        // A server that names no bound has none.
        let named = established.as_deref().map_or(0, |established| established.handshake.max_payload);
        let budget = if named == 0 { usize::MAX } else { usize::try_from(named).unwrap_or(usize::MAX) };
        if established.is_some_and(|established| established.watch.take_pong()) {
            writer.push_text("3");
        }
        while let Some(frame) = self.queue.front() {
            if !writer.push_message(frame, budget) {
                break;
            }
            self.queue.pop();
        }
        if is_last {
            writer.push_text("1");
        }
        writer.finish()
    }
}
