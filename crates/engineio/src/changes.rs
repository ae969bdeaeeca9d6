//! [`Changes`]: those who wait for a session to change in some way.

use std::sync::OnceLock;

use tokio::sync::Notify;

/// Rings for everybody who waits, each of whom then looks whether it is what they wait for.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Nobody has ever waited for most sessions.
    bell: OnceLock<Box<Notify>>,
}

impl Changes {
    pub(crate) fn ring(&self) {
        if let Some(bell) = self.bell.get() {
            bell.notify_waiters();
        }
    }

    /// Waits until `check` has an answer. It is asked at once, and again with each ring; no ring is missed in between: what
    /// `check` looks at is changed under the lock that it takes, and who rings after that finds the bell of whoever looked
    /// before.
    pub(crate) async fn until<R>(&self, check: impl Fn() -> Option<R>) -> R {
        let bell = self.bell.get_or_init(Box::default);
        loop {
            let changed = bell.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(result) = check() {
                return result;
            }
            changed.await;
        }
    }
}
