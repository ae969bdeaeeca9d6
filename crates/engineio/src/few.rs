//! [`Few`]: a list of things of which there is mostly one.
//!
//! Leaves out what is in it, and finding things by anything but a look at each.

/// A list whose first element has its place in the list itself, so that one of one element takes no memory beside.
///
/// ```
/// let mut few = engineio::Few::default();
/// few.push("one");
/// few.push("two");
/// few.retain(|word| *word != "one");
/// assert_eq!((few.iter().copied().collect::<Vec<_>>(), few.len()), (vec!["two"], 1));
/// ```
#[derive(Clone, Debug)]
pub struct Few<T> {
    /// The oldest; `None` only where there are none.
    first: Option<T>,
    #[allow(clippy::box_collection, reason = "mostly there are none, and a list of none is three times as long")]
    others: Option<Box<Vec<T>>>,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: None, others: None }
    }
}

impl<T> Few<T> {
    /// All of them, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(self.others.iter().flat_map(|others| others.iter()))
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.first.iter_mut().chain(self.others.iter_mut().flat_map(|others| others.iter_mut()))
    }

    /// One more, behind all others.
    pub fn push(&mut self, one: T) {
        if self.first.is_none() {
            self.first = Some(one);
        } else {
            self.others.get_or_insert_default().push(one);
        }
    }

    /// Drops all but those which are to be kept. Memory that is not needed any more goes back.
    pub fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        if let Some(others) = &mut self.others {
            others.retain(&keep);
        }
        if self.first.take_if(|first| !keep(first)).is_some() {
            self.first = self.others.as_mut().filter(|others| !others.is_empty()).map(|others| others.remove(0));
        }
        self.others.take_if(|others| others.is_empty());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.as_ref().map_or(0, |others| others.len())
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a list of the usual kind, over every choice of what is kept of up to five.
    #[test]
    fn few_things_are_a_list_whatever_is_taken_out() {
        for (count, kept) in (0_u32..=5).flat_map(|count| (0_u32..1 << count).map(move |kept| (count, kept))) {
            let keep = |number: &u32| kept & (1 << number) != 0;
            let (mut few, mut list) = (Few::default(), Vec::new());
            for number in 0..count {
                few.push(number);
                list.push(number);
            }
            few.retain(keep);
            list.retain(keep);
            few.push(9);
            list.push(9);
            few.iter_mut().chain(&mut list).for_each(|number| *number += 1);
            assert!(few.iter().eq(&list), "{few:?} {list:?}");
            assert_eq!((few.len(), few.is_empty()), (list.len(), list.is_empty()));
            assert_eq!(few.others.is_some(), list.len() > 1, "{few:?}: what is not needed takes no memory");
            few.retain(|_| false);
            assert!(few.is_empty() && few.others.is_none());
        }
    }
}
