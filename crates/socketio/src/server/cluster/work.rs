//! What other servers want of this one's sockets: done here as if this server had wanted it, without telling the others
//! again. Every question is answered, also where nobody is selected.

use std::{sync::Arc, time::Duration};

use socketio_cluster::{BroadcastOptions, ReplyTo, SocketDetails, Work};
use socketio_proto::{self as sio, Body};
use tokio::sync::mpsc;

use super::{Cluster, Job, Part};
use crate::server::{Broadcast, Namespace, ServerEventContext, outgoing::Outgoing, remote, server_events};

impl Cluster {
    pub(super) fn execute(self: &Arc<Self>, work: Work) {
        match work {
            Work::Broadcast { namespace, options, event, reply: None } => {
                if let Some(selection) = self.select(&namespace, &options) {
                    selection.deliver(selection.namespace(), &Outgoing::raw(&event));
                }
            }
            Work::Broadcast { namespace, options, event, reply: Some(reply) } => {
                self.ask_clients(&namespace, &options, &event, reply);
            }
            Work::SocketsJoin { namespace, options, rooms } => {
                self.for_each(&namespace, &options, |selection| selection.join_here(&rooms));
            }
            Work::SocketsLeave { namespace, options, rooms } => {
                self.for_each(&namespace, &options, |selection| selection.leave_here(&rooms));
            }
            Work::DisconnectSockets { namespace, options, close } => {
                self.for_each(&namespace, &options, |selection| selection.disconnect_here(close));
            }
            Work::FetchSockets { namespace, options, reply } => {
                let sockets = self.select(&namespace, &options).map(|selection| selection.sockets());
                let details: Vec<SocketDetails> =
                    sockets.unwrap_or_default().iter().filter_map(remote::details).collect();
                self.publish_made(self.lock().node.answer_sockets(&reply, details).map(Some));
            }
            Work::ServerSideEmit { namespace, event, reply } => self.handle_server_event(&namespace, event, reply),
            _ => {}
        }
    }

    fn namespace(&self, name: &sio::Namespace) -> Option<Namespace> {
        self.registry.upgrade()?.find(name.as_str())
    }

    fn select(&self, namespace: &sio::Namespace, options: &BroadcastOptions) -> Option<Broadcast> {
        Some(Broadcast::of_options(self.namespace(namespace)?, options))
    }

    fn for_each(&self, namespace: &sio::Namespace, options: &BroadcastOptions, change: impl FnOnce(&Broadcast)) {
        if let Some(selection) = self.select(namespace, options) {
            change(&selection);
        }
    }

    /// How many clients there are, then what they say.
    fn ask_clients(
        self: &Arc<Self>,
        namespace: &sio::Namespace,
        options: &BroadcastOptions,
        event: &Body,
        reply: ReplyTo,
    ) {
        let Some(selection) = self.select(namespace, options) else {
            return self.publish_made(self.lock().node.answer_client_count(&reply, 0).map(Some));
        };
        let (parts, mut answers) = mpsc::unbounded_channel();
        let asked = selection.ask_here(selection.namespace(), &Outgoing::raw(event), &parts);
        drop(parts);
        self.publish_made(self.lock().node.answer_client_count(&reply, asked.count()).map(Some));
        let count = asked.count();
        let (cluster, timeout) = (Arc::downgrade(self), options.flags.timeout.unwrap_or(Duration::from_secs(5)));
        let collecting = async move {
            let mut answered = 0;
            while let Some(part) = answers.recv().await {
                let (Part::Answer(body), Some(cluster)) = (part, cluster.upgrade()) else { continue };
                answered += 1;
                cluster.publish_made(cluster.lock().node.answer_ack(&reply, &body).map(Some));
            }
            // The others left: nobody is to wait for them.
            let Some(cluster) = cluster.upgrade().filter(|_| answered < count) else { return };
            cluster.publish_made(cluster.lock().node.answer_client_count(&reply, answered).map(Some));
        };
        let collecting = async move {
            // The places for the answers go with this future.
            if tokio::time::timeout(timeout, collecting).await.is_err() {
                asked.expire();
            }
        };
        let _ = self.jobs.send(Job::Answering(Box::pin(collecting)));
    }

    fn handle_server_event(self: &Arc<Self>, namespace: &sio::Namespace, event: Body, reply: Option<ReplyTo>) {
        let namespace = self.namespace(namespace);
        let outcome = namespace.map(|namespace| server_events::start(ServerEventContext::new(namespace, event)));
        let cluster = Arc::downgrade(self);
        let answering = async move {
            let answer = match outcome {
                Some(outcome) => outcome.await,
                None => None,
            };
            // Nobody here has anything to say: then that is the answer, and nobody waits for it.
            let answer = answer.or_else(|| Body::ack(&()).ok());
            let (Some(reply), Some(cluster), Some(answer)) = (reply, cluster.upgrade(), answer) else { return };
            cluster.publish_made(cluster.lock().node.answer_server_side_emit(&reply, &answer).map(Some));
        };
        let _ = self.jobs.send(Job::Answering(Box::pin(answering)));
    }
}
