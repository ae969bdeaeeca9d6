//! [`AckTable`]: the acknowledgements that are waited for. [SIO5 Acknowledgement]
//!
//! Owns ids and deadlines; leaves out the clock, and what is done with an answer. (R21, R22)

use std::collections::{BTreeMap, BTreeSet};

use engineio_proto::Moment;

use crate::AckId;

/// Values waiting for an acknowledgement, by id, each perhaps with a deadline.
///
/// An entry goes with its answer, at its deadline, or when the table is drained; nothing stays of it. An
/// empty table holds no memory of its own.
///
/// ```
/// use std::time::Duration;
/// use engineio_proto::Moment;
/// use socketio_proto::AckTable;
///
/// let mut table = AckTable::new();
/// let id = table.insert(Some(Moment::EPOCH + Duration::from_secs(20)), "who asked");
/// assert_eq!(table.take(id), Some("who asked"));
/// assert_eq!(table.take(id), None); // a second answer
/// ```
#[derive(Debug)]
pub struct AckTable<T> {
    next: u64,
    pending: BTreeMap<AckId, Pending<T>>,
    deadlines: BTreeSet<(Moment, AckId)>,
}

#[derive(Debug)]
struct Pending<T> {
    deadline: Option<Moment>,
    value: T,
}

impl<T> AckTable<T> {
    /// An empty table, whose first id is 0.
    #[must_use]
    pub const fn new() -> Self {
        Self { next: 0, pending: BTreeMap::new(), deadlines: BTreeSet::new() }
    }

    /// Adds `value` under the next free id, to be expired at `deadline` or never.
    ///
    /// Insert before sending: the answer may be there before the call that sends returns.
    ///
    /// ```
    /// let mut table = socketio_proto::AckTable::new();
    /// let [first, second] = ["one", "two"].map(|value| table.insert(None, value));
    /// assert_eq!((first.0, second.0, table.len()), (0, 1, 2));
    /// ```
    pub fn insert(&mut self, deadline: Option<Moment>, value: T) -> AckId {
        while self.pending.contains_key(&AckId(self.next)) {
            self.advance();
        }
        let id = AckId(self.next);
        self.advance();
        self.insert_with_id(id, deadline, value);
        id
    }

    /// Adds `value` under an id from elsewhere, say the namespace's counter; yields what it replaces.
    ///
    /// ```
    /// use socketio_proto::{AckId, AckTable};
    ///
    /// let mut table = AckTable::new();
    /// assert_eq!(table.insert_with_id(AckId(7), None, "old"), None);
    /// assert_eq!(table.insert_with_id(AckId(7), None, "new"), Some("old"));
    /// ```
    pub fn insert_with_id(&mut self, id: AckId, deadline: Option<Moment>, value: T) -> Option<T> {
        let replaced = self.take(id);
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, id));
        }
        self.pending.insert(id, Pending { deadline, value });
        replaced
    }

    /// Removes and yields the value under `id`; `None` where nobody waits for it: an answer that comes
    /// late or twice, or to a question never asked.
    ///
    /// ```
    /// let mut table = socketio_proto::AckTable::new();
    /// let id = table.insert(None, "who asked");
    /// assert_eq!((table.take(id), table.is_empty()), (Some("who asked"), true));
    /// assert_eq!(table.take(id), None);
    /// ```
    pub fn take(&mut self, id: AckId) -> Option<T> {
        let Pending { deadline, value } = self.pending.remove(&id)?;
        if let Some(deadline) = deadline {
            self.deadlines.remove(&(deadline, id));
        }
        self.free_if_empty();
        Some(value)
    }

    /// The earliest deadline.
    ///
    /// ```
    /// use engineio_proto::Moment;
    ///
    /// let mut table = socketio_proto::AckTable::new();
    /// assert_eq!(table.next_deadline(), None);
    /// table.insert(Some(Moment::EPOCH), "who asked");
    /// assert_eq!(table.next_deadline(), Some(Moment::EPOCH));
    /// ```
    #[must_use]
    pub fn next_deadline(&self) -> Option<Moment> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Removes and yields one value whose deadline is `now` or earlier, earliest first; call it until it
    /// yields `None`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use engineio_proto::Moment;
    ///
    /// let mut table = socketio_proto::AckTable::new();
    /// let deadline = Moment::EPOCH + Duration::from_secs(20);
    /// let id = table.insert(Some(deadline), "who asked");
    /// assert_eq!((table.next_deadline(), table.poll_expired(Moment::EPOCH)), (Some(deadline), None));
    /// assert_eq!(table.poll_expired(deadline), Some((id, "who asked")));
    /// assert_eq!(table.poll_expired(deadline), None);
    /// ```
    pub fn poll_expired(&mut self, now: Moment) -> Option<(AckId, T)> {
        let (deadline, id) = *self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        self.take(id).map(|value| (id, value))
    }

    /// Removes and yields everything, in order of the ids: nobody is going to answer any more.
    ///
    /// ```
    /// let mut table = socketio_proto::AckTable::new();
    /// table.insert(None, "one");
    /// table.insert(None, "two");
    /// let left: Vec<_> = table.drain().map(|(_, value)| value).collect();
    /// assert_eq!((left, table.is_empty()), (vec!["one", "two"], true));
    /// ```
    pub fn drain(&mut self) -> impl Iterator<Item = (AckId, T)> + use<T> {
        self.deadlines = BTreeSet::new();
        std::mem::take(&mut self.pending).into_iter().map(|(id, pending)| (id, pending.value))
    }

    /// Removes and yields those whose id is asked for, in order of the ids.
    pub(crate) fn take_where(&mut self, mut is_asked_for: impl FnMut(AckId) -> bool) -> Vec<(AckId, T)> {
        let ids: Vec<_> = self.pending.keys().copied().filter(|id| is_asked_for(*id)).collect();
        ids.into_iter().filter_map(|id| self.take(id).map(|value| (id, value))).collect()
    }

    /// Whether somebody waits for the answer with this id.
    pub(crate) fn contains(&self, id: AckId) -> bool {
        self.pending.contains_key(&id)
    }

    /// How many are waiting.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether nobody is waiting.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    fn advance(&mut self) {
        self.next = if self.next >= AckId::MAX.0 { 0 } else { self.next + 1 };
    }

    /// An emptied tree keeps a node; an idle connection should keep nothing.
    fn free_if_empty(&mut self) {
        if self.pending.is_empty() {
            self.pending = BTreeMap::new();
        }
        if self.deadlines.is_empty() {
            self.deadlines = BTreeSet::new();
        }
    }
}

impl<T> Default for AckTable<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
