//! [`Pending`]: the handlers of a connection that wait, and for how long they may hold it up.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::Sleep;

use super::Task;

/// Handlers that wait.
#[derive(Default)]
pub(super) struct Pending {
    handlers: FuturesUnordered<Task>,
    /// Runs while they hold the connection up.
    patience: Option<Pin<Box<Sleep>>>,
}

impl Pending {
    pub(super) fn push(&mut self, task: Task) {
        self.handlers.push(task);
    }

    pub(super) fn len(&self) -> usize {
        self.handlers.len()
    }

    /// Runs them; ready when none is left.
    pub(super) fn run(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Poll::Ready(done) = self.handlers.poll_next_unpin(cx) {
            if done.is_none() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Whether they have held the connection up for this long now.
    pub(super) fn outlast(&mut self, grace: Duration, hold_up: bool, cx: &mut Context<'_>) -> bool {
        if !hold_up {
            self.patience = None;
            return false;
        }
        let patience = self.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep(grace)));
        let is_over = patience.as_mut().poll(cx).is_ready();
        if is_over {
            self.patience = None;
        }
        is_over
    }

    /// From now on they are waited for anew.
    pub(super) fn forgive(&mut self) {
        self.patience = None;
    }

    pub(super) fn into_handlers(self) -> impl Iterator<Item = Task> {
        self.handlers.into_iter()
    }
}
