//! [`Sleeper`]: the task of a session, as those see it who have something for it to do.
//!
//! INVARIANT: a task that runs is not woken: it looks at everything once more before it sleeps.

use std::task::Waker;

/// The waker of a session's one task, and whether that sleeps. Guarded by the session's lock.
#[derive(Debug, Default)]
pub(crate) struct Sleeper {
    waker: Option<Waker>,
    asleep: bool,
}

impl Sleeper {
    /// The task runs, under this waker.
    pub(crate) fn runs(&mut self, waker: &Waker) {
        self.asleep = false;
        if !self.wakes(waker) {
            self.waker = Some(waker.clone());
        }
    }

    /// The task is about to sleep: from now on it is woken.
    pub(crate) const fn sleeps(&mut self) {
        self.asleep = true;
    }

    /// Whom to wake, once the session is unlocked; nobody where the task runs, or was woken already.
    pub(crate) fn take(&mut self) -> Option<Waker> {
        if std::mem::replace(&mut self.asleep, false) { self.waker.clone() } else { None }
    }

    /// Whether `waker` is the task's.
    pub(crate) fn wakes(&self, waker: &Waker) -> bool {
        self.waker.as_ref().is_some_and(|known| known.will_wake(waker))
    }
}
