//! [`Alarm`]: the one timer of a task, which is set again and again.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep};

/// A timer that is told at each look what it is to wait for. Setting it anew allocates nothing.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use std::{future::poll_fn, task::Poll, time::Duration};
/// use tokio::time::Instant;
///
/// let (mut alarm, due) = (engineio::Alarm::new(), Instant::now() + Duration::from_secs(1));
/// poll_fn(|cx| if alarm.is_over(Some(due), cx) { Poll::Ready(()) } else { Poll::Pending }).await;
/// assert!(Instant::now() >= due);
/// # }
/// ```
#[derive(Debug)]
pub struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    /// An alarm that waits for nothing yet.
    ///
    /// # Panics
    /// Outside of tokio's runtime.
    #[must_use]
    pub fn new() -> Self {
        Self(Box::pin(tokio::time::sleep_until(Instant::now())))
    }

    /// Whether the deadline has passed; where it has not, the task is woken then. Without one, nothing is waited for.
    pub fn is_over(&mut self, deadline: Option<Instant>, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = deadline else { return false };
        if self.0.deadline() != deadline {
            self.0.as_mut().reset(deadline);
        }
        matches!(self.0.as_mut().poll(cx), Poll::Ready(()))
    }
}

impl Default for Alarm {
    fn default() -> Self {
        Self::new()
    }
}
