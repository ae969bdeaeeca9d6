//! [`Cluster`]: this server among several: the sans-IO [`Node`] under a lock, the backplane that carries its messages,
//! and the one task that lets its time pass. What other servers want done here is `work.rs`'s.
//!
//! Lock order: the node's lock is taken under no other, and nothing but the node and the backplane's `publish`, which
//! never waits, runs under it.

mod task;
#[cfg(test)]
mod tests;
mod work;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use engineio_proto::Moment;
use socketio_cluster::{
    Answer, Backplane, BackplaneError, BoxFuture, Node, NodeConfig, NodeId, Outcome, Output, Publication, RequestId,
    SocketDetails, Work,
};
use socketio_proto::Body;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::Instant,
};

use super::{
    counters::{Counting, count},
    registry::Registry,
};

/// A part of what is waited for, from clients of this server or from other servers.
pub(super) enum Part {
    /// One acknowledgement.
    Answer(Body),
    /// Sockets of another server.
    Sockets(Vec<SocketDetails>),
    /// The other servers are through.
    Outcome(Outcome),
}

/// Who gets the parts of an answer. All copies being gone is the end.
pub(super) type Parts = mpsc::UnboundedSender<Part>;

/// What may be on its way out at a time; past it, messages for other servers are dropped and counted, so that a broker
/// that hangs does not cost memory without end.
const MAX_PUBLISHING_BYTES: usize = 64 << 20;

/// What the task is given to do.
pub(super) enum Job {
    /// A message on its way out; it leaves before the server does.
    Publishing(BoxFuture<Result<(), BackplaneError>>),
    /// Anything that another server waits for.
    Answering(BoxFuture<()>),
    Stop,
}

/// This server among several.
pub(super) struct Cluster {
    counting: Arc<Counting>,
    registry: Weak<Registry>,
    backplane: Arc<dyn Backplane>,
    started: Instant,
    state: Mutex<State>,
    /// Bytes that the backplane has not taken yet.
    publishing: Arc<AtomicUsize>,
    jobs: mpsc::UnboundedSender<Job>,
    /// The node's next deadline may have changed.
    rescheduled: Arc<Notify>,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct State {
    node: Node,
    /// Who waits for answers of other servers.
    waiting: HashMap<RequestId, Parts>,
}

impl Cluster {
    /// Joins the others, and starts the task.
    pub(super) async fn join(
        registry: &Arc<Registry>,
        backplane: Arc<dyn Backplane>,
        id: NodeId,
    ) -> Result<Arc<Self>, BackplaneError> {
        let (jobs, queue) = mpsc::unbounded_channel();
        let node = Node::new(id.clone(), NodeConfig::default(), Moment::EPOCH);
        let cluster = Arc::new(Self {
            counting: registry.environment.counting.clone(),
            registry: Arc::downgrade(registry),
            backplane: backplane.clone(),
            started: Instant::now(),
            state: Mutex::new(State { node, waiting: HashMap::new() }),
            publishing: Arc::default(),
            jobs,
            rescheduled: Arc::default(),
            task: Mutex::default(),
        });
        let receiver = Arc::downgrade(&cluster);
        let inbox = Box::new(move |bytes: Bytes| {
            if let Some(cluster) = receiver.upgrade() {
                cluster.handle_message(&bytes);
            }
        });
        let receiving = backplane.start(id, inbox).await?;
        cluster.feed(|state, now, out| state.node.start(now, out));
        let task = tokio::spawn(task::run(Arc::downgrade(&cluster), receiving, queue, cluster.rescheduled.clone()));
        *cluster.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Ok(cluster)
    }

    /// Says farewell, ends what is waited for, and waits for the task.
    pub(super) async fn leave(self: &Arc<Self>) {
        self.feed(|state, now, out| state.node.close(now, out));
        let _ = self.jobs.send(Job::Stop);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // It does not panic; and where the runtime ends, so does it.
            let _ = task.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Moment {
        Moment::EPOCH + self.started.elapsed()
    }

    /// When time has to pass next.
    fn deadline(&self) -> Option<Instant> {
        let at = self.lock().node.next_deadline()?;
        Some(self.started + at.saturating_since(Moment::EPOCH))
    }

    /// How many servers there are, this one included.
    pub(super) fn server_count(&self) -> usize {
        self.lock().node.server_count()
    }

    /// Gives the node an input and carries out what comes of it: what is to be published in its order, what this server
    /// has to do after the lock.
    fn feed<R>(self: &Arc<Self>, input: impl FnOnce(&mut State, Moment, &mut Vec<Output>) -> R) -> R {
        let (mut out, mut works) = (Vec::new(), Vec::new());
        let now = self.now();
        let result = {
            let mut state = self.lock();
            let result = input(&mut state, now, &mut out);
            for output in out {
                if let Some(work) = self.carry_out(&mut state, output) {
                    works.push(work);
                }
            }
            result
        };
        self.rescheduled.notify_one();
        for work in works {
            self.execute(work);
        }
        result
    }

    fn carry_out(&self, state: &mut State, output: Output) -> Option<Work> {
        match output {
            Output::Publish(publication) => self.publish(publication),
            Output::Local(work) => return Some(work),
            Output::Answer { request, answer, .. } => {
                let part = match answer {
                    Answer::Sockets(sockets) => Part::Sockets(sockets),
                    Answer::ServerSideEmit(body) | Answer::Ack(body) => Part::Answer(body),
                };
                if let Some(parts) = state.waiting.get(&request) {
                    // Who waited may have given up in this moment.
                    let _ = parts.send(part);
                }
            }
            Output::Finished { request, outcome } => {
                if let Some(parts) = state.waiting.remove(&request) {
                    let _ = parts.send(Part::Outcome(outcome));
                }
            }
            Output::NodeJoined(node) => tracing::info!(?node, "another server is there"),
            Output::NodeLeft { node, reason } => tracing::info!(?node, ?reason, "another server is gone"),
            _ => {}
        }
        None
    }

    /// Hands a message to the backplane. Its place in the order is taken here; how it went, the task hears.
    fn publish(&self, publication: Publication) {
        let bytes = publication.bytes.len();
        if self.publishing.load(Ordering::Relaxed).saturating_add(bytes) > MAX_PUBLISHING_BYTES {
            return self.note_failure(&"the backplane does not take what it is given");
        }
        self.publishing.fetch_add(bytes, Ordering::Relaxed);
        let (published, publishing) = (self.backplane.publish(publication), self.publishing.clone());
        let _ = self.jobs.send(Job::Publishing(Box::pin(async move {
            let result = published.await;
            publishing.fetch_sub(bytes, Ordering::Relaxed);
            result
        })));
    }

    /// Publishes what the node has made, if it could.
    fn publish_made<E: fmt::Display>(&self, made: Result<Option<Publication>, E>) {
        match made {
            Ok(Some(publication)) => self.publish(publication),
            Ok(None) => {}
            Err(error) => self.note_failure(&error),
        }
    }

    /// The other servers did not get something: this server's own sockets are served all the same (row F17).
    fn note_failure(&self, error: &dyn fmt::Display) {
        count(&self.counting.cluster_failures);
        tracing::warn!(%error, "a message to the other servers was not published");
    }

    fn handle_message(self: &Arc<Self>, bytes: &Bytes) {
        let handled = self.feed(|state, now, out| state.node.handle_message(bytes, now, out));
        if let Err(error) = handled {
            count(&self.counting.cluster_messages_refused);
            tracing::warn!(%error, "a message from another server cannot be read");
        }
    }

    /// Tells the other servers something; `make` makes the message.
    pub(super) fn tell<E: fmt::Display>(
        self: &Arc<Self>,
        make: impl FnOnce(&mut Node, Moment) -> Result<Option<Publication>, E>,
    ) {
        self.feed(|state, now, _| self.publish_made(make(&mut state.node, now)));
    }

    /// Asks the other servers something; their answers go to `parts`. The request is forgotten when what this gives is
    /// dropped. `None` where the question could not be put.
    pub(super) fn ask<E: fmt::Display>(
        self: &Arc<Self>,
        parts: &Parts,
        begin: impl FnOnce(&mut Node, Moment, &mut Vec<Output>) -> Result<RequestId, E>,
    ) -> Option<Request> {
        let begun = self.feed(|state, now, out| {
            let begun = begin(&mut state.node, now, out);
            if let Ok(request) = &begun {
                // What is over at once is among the outputs, which are carried out after this.
                state.waiting.insert(request.clone(), parts.clone());
            }
            begun
        });
        match begun {
            Ok(id) => Some(Request { cluster: self.clone(), id }),
            Err(error) => {
                self.note_failure(&error);
                None
            }
        }
    }
}

/// A question to the other servers; dropping it forgets it.
pub(super) struct Request {
    cluster: Arc<Cluster>,
    id: RequestId,
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut state = self.cluster.lock();
        state.node.cancel(&self.id);
        let parts = state.waiting.remove(&self.id);
        drop((state, parts));
    }
}
