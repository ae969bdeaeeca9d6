//! What sending over a [`ServerSession`] can ask for beside being queued: to be sent at once or never, to be dropped for
//! what comes later, and to be told when it has left. Rows A59, D53, J1, J2.

use super::server::{ServerSession, State};
use crate::{
    MessageFrame, WhenFull,
    error::SendError,
    send::{MessageGroup, SendMark, SendOptions, Sent},
};

impl ServerSession {
    /// [`ServerSession::handle_send`] for messages that may be dropped, now or later (rows D53, J1).
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// let news = [MessageFrame::text(&["news"])];
    /// assert_eq!(session.handle_send_with(&news, SendOptions::DROPPABLE), Ok(Sent::Queued { dropped: 0 }));
    /// assert_eq!(session.handle_send_with(&news, SendOptions::VOLATILE), Ok(Sent::Discarded)); // no GET waits
    /// ```
    ///
    /// # Errors
    /// As [`ServerSession::handle_send`].
    pub fn handle_send_with<'a>(
        &mut self,
        frames: impl Into<MessageGroup<'a>>,
        options: SendOptions,
    ) -> Result<Sent, SendError> {
        if !self.takes_messages() {
            return Err(SendError::Closed);
        }
        if options.volatile && !self.is_writable() {
            return Ok(Sent::Discarded);
        }
        let limits = &self.limits;
        let when_full = if options.keeps_others { WhenFull::Refuse } else { limits.when_full };
        // Where nothing is ever dropped, there is no need of a second line.
        let options =
            SendOptions { droppable: options.droppable && limits.when_full == WhenFull::DropOldest, ..options };
        let dropped = self.queue.push(frames, options, limits.max_queue_bytes, when_full)?;
        Ok(Sent::Queued { dropped })
    }

    /// Sends messages if they can leave at once, as a whole; `false` says that they could not and were dropped. On
    /// long-polling a GET has to be parked, on WebSocket what was taken has to be written
    /// ([`ServerSession::handle_wire_flushed`]), and nothing may be queued: of several such groups in one round of
    /// sending, the first one goes, as with the reference (row D53).
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let mut out = Vec::new();
    /// let news = [MessageFrame::text(&["news"])];
    /// assert_eq!(session.handle_send_volatile(&news), Ok(false)); // no GET waits
    /// session.handle_poll_opened(&mut out).expect("it polls");
    /// assert_eq!(session.handle_send_volatile(&news), Ok(true));
    /// ```
    ///
    /// # Errors
    /// [`SendError::Closed`] once a close was asked for or happened.
    pub fn handle_send_volatile(&mut self, frames: &[MessageFrame]) -> Result<bool, SendError> {
        self.handle_send_with(frames, SendOptions::VOLATILE).map(Sent::is_queued)
    }

    /// Whether sending is not over: no close was asked for, and none happened.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let mut out = Vec::new();
    /// assert!(session.takes_messages());
    /// session.handle_close(CloseMode::Graceful, Moment::EPOCH, &mut out);
    /// assert!(!session.takes_messages() && !session.is_closed());
    /// ```
    #[must_use]
    pub const fn takes_messages(&self) -> bool {
        match self.state {
            State::Polling(_) | State::Wire(_) => true,
            State::Probing(_, candidate) => !candidate.closing,
            State::Leaving(..) | State::Draining(..) | State::Closed(_) => false,
        }
    }

    /// Whether what is sent now leaves at once. During an upgrade it is long-polling that counts (row D53).
    fn is_writable(&self) -> bool {
        let transport = match self.state {
            State::Polling(polling) | State::Probing(polling, _) => polling.parked.is_some(),
            State::Wire(_) => self.left_before.is_none(),
            State::Leaving(..) | State::Draining(..) | State::Closed(_) => false,
        };
        transport && self.queue.is_empty()
    }

    /// Whether a group that costs so much ([`SendQueue::cost_of`](crate::SendQueue::cost_of)) would be taken now, were it to be kept.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// session.handle_send(&[MessageFrame::text(&["hello"])])?;
    /// assert!(session.has_room(1000));
    /// assert!(!session.has_room(session.limits().max_queue_bytes));
    /// # Ok::<(), SendError>(())
    /// ```
    #[must_use]
    pub fn has_room(&self, cost: usize) -> bool {
        self.queue.has_room(cost, self.limits.max_queue_bytes, self.limits.when_full)
    }

    /// Behind all that was sent until now.
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// let before = session.sent_mark();
    /// session.handle_send(&[MessageFrame::text(&["hello"])])?;
    /// assert!(before < session.sent_mark() && session.has_left(before));
    /// # Ok::<(), SendError>(())
    /// ```
    #[must_use]
    pub const fn sent_mark(&self) -> SendMark {
        self.queue.end()
    }

    /// Whether all in front of the mark has left: in the answer to a GET, or written by the WebSocket
    /// ([`ServerSession::handle_wire_flushed`]). What was dropped is not waited for; what a session had not written
    /// when it ended never leaves (row A59).
    ///
    /// ```
    /// # use engineio_proto::*;
    /// # let open = "0{}".into();
    /// # let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &open, Moment::EPOCH);
    /// # let mut out = Vec::new();
    /// session.handle_send(&[MessageFrame::text(&["hello"])])?;
    /// let mark = session.sent_mark();
    /// assert!(!session.has_left(mark));
    /// session.handle_poll_opened(&mut out).expect("it polls"); // answered at once
    /// assert!(session.has_left(mark));
    /// # Ok::<(), SendError>(())
    /// ```
    #[must_use]
    pub fn has_left(&self, mark: SendMark) -> bool {
        self.left() >= mark
    }

    pub(super) fn left(&self) -> SendMark {
        self.left_before.unwrap_or_else(|| self.queue.start())
    }
}
