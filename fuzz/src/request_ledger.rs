//! [`RequestLedger`]: a request to other servers as the list of all that was heard of them since it was asked.
//!
//! Where each server stands is read out of the list anew every time, for one server at a time.

use engineio_proto::Moment;
use socketio_cluster::{Absence, Answer, Message, NodeId, Outcome, RequestId};
use socketio_proto::Namespace;

#[derive(Clone, Debug)]
enum Entry {
    Answer,
    /// So many clients were asked.
    Count(u64),
    Ack,
    Gone(Absence),
}

#[derive(Copy, Clone, Debug)]
enum Standing {
    /// It was not asked, as it was not known, and has not answered all the same.
    Unknown,
    Silent,
    /// Of so many clients, so many have not answered.
    Waiting(u64, u64),
    Whole,
    Missing(Absence),
}

#[derive(Debug)]
pub(crate) struct RequestLedger {
    pub(crate) request: RequestId,
    /// The number of the message that asks.
    question: u8,
    namespace: Namespace,
    pub(crate) deadline: Moment,
    asked: Vec<NodeId>,
    heard: Vec<(NodeId, Entry)>,
}

impl RequestLedger {
    pub(crate) fn new(
        request: RequestId,
        question: u8,
        namespace: Namespace,
        asked: Vec<NodeId>,
        deadline: Moment,
    ) -> Self {
        Self { request, question, namespace, deadline, asked, heard: Vec::new() }
    }

    /// Hears an answer to it, and yields what that says to the one who asked.
    pub(crate) fn hear(&mut self, sender: &NodeId, namespace: &Namespace, message: &Message) -> Option<Answer> {
        let (request, question, entry) = match message {
            Message::FetchSocketsResponse { request, .. } => (request, 7, Entry::Answer),
            Message::ServerSideEmitResponse { request, .. } => (request, 9, Entry::Answer),
            Message::BroadcastClientCount { request, clients } => (request, 3, Entry::Count(*clients)),
            Message::BroadcastAck { request, .. } => (request, 3, Entry::Ack),
            _ => return None,
        };
        if (request, question, namespace) != (&self.request, self.question, &self.namespace) {
            return None;
        }
        let before = self.standing(sender);
        self.heard.push((sender.clone(), entry));
        match (before, message) {
            (Standing::Unknown | Standing::Silent, Message::FetchSocketsResponse { sockets, .. }) => {
                Some(Answer::Sockets(sockets.clone()))
            }
            (Standing::Unknown | Standing::Silent, Message::ServerSideEmitResponse { answer, .. }) => {
                Some(Answer::ServerSideEmit(answer.clone()))
            }
            (Standing::Waiting(..), Message::BroadcastAck { answer, .. }) => Some(Answer::Ack(answer.clone())),
            _ => None,
        }
    }

    pub(crate) fn lose(&mut self, node: &NodeId, reason: Absence) {
        self.heard.push((node.clone(), Entry::Gone(reason)));
    }

    pub(crate) fn is_over(&self) -> bool {
        self.nodes().iter().all(|node| !matches!(self.standing(node), Standing::Silent | Standing::Waiting(..)))
    }

    /// How it ends, where all that is still waited for is missing for this reason.
    pub(crate) fn outcome(&self, reason: Absence) -> Outcome {
        let mut outcome = Outcome::default();
        for node in self.nodes() {
            match self.standing(&node) {
                Standing::Whole => outcome.answered += 1,
                Standing::Missing(reason) => outcome.missing.push((node.clone(), reason)),
                Standing::Silent | Standing::Waiting(..) => outcome.missing.push((node.clone(), reason)),
                Standing::Unknown => {}
            }
            let (clients, acks) = self.clients(&node);
            outcome.clients = outcome.clients.saturating_add(clients);
            outcome.acks += acks;
        }
        outcome
    }

    /// Everybody who has to do with it, each once.
    fn nodes(&self) -> Vec<NodeId> {
        let mut nodes: Vec<_> = self.asked.iter().chain(self.heard.iter().map(|(node, _)| node)).cloned().collect();
        nodes.sort();
        nodes.dedup();
        nodes
    }

    fn entries(&self, node: &NodeId) -> impl Iterator<Item = &Entry> {
        self.heard.iter().filter(move |(sender, _)| sender == node).map(|(_, entry)| entry)
    }

    fn begin(&self, node: &NodeId) -> Standing {
        if self.asked.contains(node) { Standing::Silent } else { Standing::Unknown }
    }

    fn standing(&self, node: &NodeId) -> Standing {
        self.entries(node).fold(self.begin(node), step)
    }

    /// How many clients were said to be asked, and how many answers of theirs counted.
    fn clients(&self, node: &NodeId) -> (u64, u64) {
        let (mut standing, mut clients, mut acks) = (self.begin(node), 0, 0);
        for entry in self.entries(node) {
            match (standing, entry) {
                (Standing::Unknown | Standing::Silent, Entry::Count(count)) => clients = *count,
                (Standing::Waiting(..), Entry::Ack) => acks += 1,
                _ => {}
            }
            standing = step(standing, entry);
        }
        (clients, acks)
    }
}

fn step(standing: Standing, entry: &Entry) -> Standing {
    match (standing, entry) {
        (Standing::Unknown | Standing::Silent, Entry::Answer | Entry::Count(0)) => Standing::Whole,
        (Standing::Unknown | Standing::Silent, Entry::Count(count)) => Standing::Waiting(*count, *count),
        (Standing::Waiting(_, 1), Entry::Ack) => Standing::Whole,
        (Standing::Waiting(told, left), Entry::Ack) => Standing::Waiting(told, left - 1),
        // The others have left without an answer.
        (Standing::Waiting(told, _), Entry::Count(count)) if *count < told => Standing::Whole,
        (Standing::Silent | Standing::Waiting(..), Entry::Gone(reason)) => Standing::Missing(*reason),
        _ => standing,
    }
}
