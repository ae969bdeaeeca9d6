//! The one task of a [`Cluster`]: receives, waits for what is on its way out, answers, and lets time pass. It ends when
//! the server leaves, or is gone.

use std::{
    future::pending,
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use socketio_cluster::{BackplaneError, BoxFuture};
use tokio::{
    sync::{Notify, mpsc},
    time::Instant,
};

use super::{Cluster, Job};

pub(super) async fn run(
    cluster: Weak<Cluster>,
    mut receiving: BoxFuture<Result<(), BackplaneError>>,
    mut jobs: mpsc::UnboundedReceiver<Job>,
    rescheduled: Arc<Notify>,
) {
    let (mut publishing, mut answering) = (FuturesUnordered::new(), FuturesUnordered::new());
    let mut received = false;
    loop {
        let Some(deadline) = cluster.upgrade().map(|cluster| cluster.deadline()) else { return };
        tokio::select! {
            ended = &mut receiving, if !received => {
                received = true;
                if let Err(error) = ended {
                    tracing::error!(%error, "nothing more comes from the other servers");
                }
            }
            job = jobs.recv() => match job {
                Some(Job::Publishing(future)) => publishing.push(future),
                Some(Job::Answering(future)) => answering.push(future),
                Some(Job::Stop) | None => break,
            },
            Some(result) = publishing.next() => note(&cluster, result),
            Some(()) = answering.next() => {}
            () = reached(deadline) => {
                let Some(cluster) = cluster.upgrade() else { return };
                cluster.feed(|state, now, out| state.node.handle_timeout(now, out));
            }
            () = rescheduled.notified() => {}
        }
    }
    // The farewell goes out; who waits for an answer is not waited for.
    while let Ok(job) = jobs.try_recv() {
        if let Job::Publishing(future) = job {
            publishing.push(future);
        }
    }
    let backplane = cluster.upgrade().map(|cluster| cluster.backplane.clone());
    let leaving = async {
        while let Some(result) = publishing.next().await {
            note(&cluster, result);
        }
        if let Some(backplane) = backplane {
            backplane.close().await;
        }
    };
    // What is published may leave only while the backplane's own future runs.
    let running = async {
        if !received {
            let _ = receiving.await;
        }
        pending().await
    };
    let left = async {
        tokio::select! { () = leaving => {}, () = running => {} }
    };
    if tokio::time::timeout(FAREWELL_TIMEOUT, left).await.is_err() {
        tracing::warn!("the backplane does not take the farewell: the other servers find this one lost");
    }
}

/// How long a backplane may take to carry out what it was given last. A server that is closed does not wait for a
/// database that is down.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(5);

fn note(cluster: &Weak<Cluster>, result: Result<(), BackplaneError>) {
    if let (Err(error), Some(cluster)) = (result, cluster.upgrade()) {
        cluster.note_failure(&error);
    }
}

async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => pending().await,
    }
}
