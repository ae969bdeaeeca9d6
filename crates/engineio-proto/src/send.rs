//! What is sent in one piece ([`MessageGroup`]), how ([`SendOptions`]), what became of it ([`Sent`]), and how far sending has
//! come ([`SendMark`]). Rows D53, J1, J2; hazard R20.
//!
//! Leaves out the queue (`queue.rs`) and why a message is not taken ([`SendError`](crate::SendError)).

use std::{num::NonZeroU64, sync::Arc};

use crate::MessageFrame;

/// Messages that are queued next to each other, all of them or none. Those that are lent cost the queue a reference count
/// each; one that is given away costs nothing more.
///
/// ```
/// use engineio_proto::{MessageFrame, MessageGroup};
///
/// let hello = MessageFrame::text(&["hello"]);
/// assert_eq!(MessageGroup::from(&[hello.clone(), hello.clone()]).frames().len(), 2);
/// assert_eq!(MessageGroup::from(hello).frames().len(), 1); // given away
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MessageGroup<'a> {
    /// Lent.
    Lent(&'a [MessageFrame]),
    /// One that is given away.
    One(MessageFrame),
    /// Several that others have too.
    Shared(Arc<[MessageFrame]>),
}

impl MessageGroup<'_> {
    /// The messages.
    #[must_use]
    pub fn frames(&self) -> &[MessageFrame] {
        match self {
            Self::Lent(frames) => frames,
            Self::One(frame) => std::slice::from_ref(frame),
            Self::Shared(frames) => frames,
        }
    }

    /// Hands the messages over one by one.
    pub(crate) fn give(self, mut take: impl FnMut(MessageFrame)) {
        match self {
            Self::One(frame) => take(frame),
            Self::Lent(frames) => frames.iter().cloned().for_each(take),
            Self::Shared(frames) => frames.iter().cloned().for_each(take),
        }
    }
}

impl<'a, T: AsRef<[MessageFrame]> + ?Sized> From<&'a T> for MessageGroup<'a> {
    fn from(frames: &'a T) -> Self {
        Self::Lent(frames.as_ref())
    }
}

impl From<MessageFrame> for MessageGroup<'_> {
    fn from(frame: MessageFrame) -> Self {
        Self::One(frame)
    }
}

impl From<Arc<[MessageFrame]>> for MessageGroup<'_> {
    fn from(frames: Arc<[MessageFrame]>) -> Self {
        Self::Shared(frames)
    }
}

/// How a group of messages is sent: those of one call, which stay together.
///
/// ```
/// use engineio_proto::SendOptions;
///
/// assert_eq!(SendOptions::default(), SendOptions::KEPT);
/// assert!(SendOptions::DROPPABLE.droppable && SendOptions::VOLATILE.volatile);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendOptions {
    /// May be given up for what is sent later: under [`WhenFull::DropOldest`](crate::WhenFull::DropOldest) it is
    /// dropped where the room is needed, as a whole and only while nothing of it has left. Default false: what has to
    /// arrive, such as packets of the protocol (row J1).
    pub droppable: bool,
    /// Sent only if it can leave at once: a GET waits for an answer, or the WebSocket has written all that it was
    /// given, and nothing is queued. Else it is dropped. Default false (row D53).
    pub volatile: bool,
    /// Refused as [`Full`](crate::SendError::Full) rather than sent in place of something older, also under
    /// [`WhenFull::DropOldest`](crate::WhenFull::DropOldest): for senders that wait for room. Default false (row J2).
    pub keeps_others: bool,
    /// Takes no room in the queue: it is queued however full that is, and counts nothing while others are. For what
    /// the caller has bounded itself, such as a replay of what was sent before. Default false.
    pub exempt: bool,
}

impl SendOptions {
    /// Kept until it has left or the session ends.
    pub const KEPT: Self = Self { droppable: false, volatile: false, keeps_others: false, exempt: false };
    /// May be given up for later messages.
    pub const DROPPABLE: Self = Self { droppable: true, ..Self::KEPT };
    /// At once or never.
    pub const VOLATILE: Self = Self { volatile: true, ..Self::KEPT };
    /// Kept, whatever the queue's bound.
    ///
    /// ```
    /// use engineio_proto::{MessageFrame, SendOptions, SendQueue, WhenFull};
    ///
    /// let (mut queue, frame) = (SendQueue::default(), [MessageFrame::text(&["hello"])]);
    /// queue.push(&frame, SendOptions::KEPT, 10, WhenFull::Refuse)?;
    /// assert!(queue.push(&frame, SendOptions::KEPT, 10, WhenFull::Refuse).is_err());
    /// assert!(queue.push(&frame, SendOptions::EXEMPT, 10, WhenFull::Refuse).is_ok());
    /// # Ok::<(), engineio_proto::SendError>(())
    /// ```
    pub const EXEMPT: Self = Self { exempt: true, ..Self::KEPT };
}

/// What became of a group that was sent.
///
/// ```
/// use engineio_proto::Sent;
///
/// assert!(Sent::Queued { dropped: 2 }.is_queued());
/// assert!(!Sent::Discarded.is_queued());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is queued.
    Queued {
        /// So many older groups were dropped to make room for it.
        dropped: u32,
    },
    /// It was volatile and could not leave at once: it was dropped.
    Discarded,
}

impl Sent {
    /// Whether it is on its way.
    #[must_use]
    pub const fn is_queued(self) -> bool {
        matches!(self, Self::Queued { .. })
    }
}

/// A place in the order of all that a session sends: behind everything that was queued when it was asked for.
///
/// ```
/// use engineio_proto::{Dialect, MessageFrame, Moment, ServerSession};
///
/// let (mut session, _) = ServerSession::open_polling(Default::default(), Dialect::V4, &"0{}".into(), Moment::EPOCH);
/// session.handle_send(&[MessageFrame::text(&["hello"])])?;
/// let mark = session.sent_mark();
/// assert!(!session.has_left(mark)); // it waits for a GET
/// # Ok::<(), engineio_proto::SendError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SendMark(
    /// The number of the group in front of which it stands; not zero, so that there may be none at no cost.
    pub(crate) NonZeroU64,
);
