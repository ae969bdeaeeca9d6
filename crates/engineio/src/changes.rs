//! [`Changes`]: those who wait for a session to change in some way.

use tokio::sync::Notify;

/// Rings for everybody who waits, each of whom then looks whether it is what they wait for.
#[derive(Debug, Default)]
pub(crate) struct Changes(Notify);

impl Changes {
    pub(crate) fn ring(&self) {
        self.0.notify_waiters();
    }

    /// Waits until `check` has an answer. It is asked at once, and again with each ring; no ring is missed in between.
    pub(crate) async fn until<R>(&self, check: impl Fn() -> Option<R>) -> R {
        loop {
            let changed = self.0.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(result) = check() {
                return result;
            }
            changed.await;
        }
    }
}
