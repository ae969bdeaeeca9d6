//! [`Requests`]: what was asked of the other servers and is not answered yet. Rows F15, F18, F20; hazards R22, R23, R34.
//!
//! A request is over when everybody who was asked has answered or is gone, at its deadline at the latest, and then nothing of it is
//! left. Answers are handed on as they come and are not kept. Leaves out who is alive (`node.rs`).

use std::collections::{BTreeMap, BTreeSet};

use engineio_proto::Moment;
use socketio_proto::Namespace;

use crate::{Absence, Answer, Envelope, Message, NodeId, Outcome, Output, RequestId};

/// What was asked, which is what may be answered.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    FetchSockets,
    ServerSideEmit,
    Broadcast,
}

#[derive(Debug)]
struct Pending {
    question: Question,
    namespace: Namespace,
    deadline: Moment,
    /// Who was asked and has said nothing yet.
    silent: BTreeSet<NodeId>,
    /// Who has answered.
    heard: BTreeMap<NodeId, Clients>,
    outcome: Outcome,
}

/// The clients of a server that has answered.
#[derive(Copy, Clone, Debug)]
struct Clients {
    told: u64,
    /// How many acknowledgements are still to come.
    due: u64,
}

/// All that is pending.
#[derive(Debug, Default)]
pub(crate) struct Requests(BTreeMap<RequestId, Pending>);

impl Requests {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.0.values().map(|pending| pending.deadline).min()
    }

    /// Waits for the answers of these servers; with none, the request is over at once.
    pub(crate) fn begin(
        &mut self,
        request: &RequestId,
        question: Question,
        namespace: Namespace,
        asked: BTreeSet<NodeId>,
        deadline: Moment,
        out: &mut Vec<Output>,
    ) {
        let (heard, outcome) = (BTreeMap::new(), Outcome::default());
        let pending = Pending { question, namespace, deadline, silent: asked, heard, outcome };
        self.0.insert(request.clone(), pending);
        self.settle(request, out);
    }

    /// Forgets a request in which nobody is interested any more.
    pub(crate) fn cancel(&mut self, request: &RequestId) {
        self.0.remove(request);
    }

    /// Takes an answer; one that fits no request, or comes a second time, is ignored: it is late, or for somebody else.
    pub(crate) fn handle_answer(&mut self, envelope: Envelope, out: &mut Vec<Output>) {
        let Envelope { sender: node, namespace, message } = envelope;
        let (question, request) = match &message {
            Message::FetchSocketsResponse { request, .. } => (Question::FetchSockets, request.clone()),
            Message::ServerSideEmitResponse { request, .. } => (Question::ServerSideEmit, request.clone()),
            Message::BroadcastClientCount { request, .. } | Message::BroadcastAck { request, .. } => {
                (Question::Broadcast, request.clone())
            }
            _ => return,
        };
        let Some(pending) = self.0.get_mut(&request) else { return };
        if pending.question != question || pending.namespace != namespace {
            return;
        }
        let answer = match message {
            Message::FetchSocketsResponse { sockets, .. } => pending.hear(&node, 0).then_some(Answer::Sockets(sockets)),
            Message::ServerSideEmitResponse { answer, .. } => {
                pending.hear(&node, 0).then_some(Answer::ServerSideEmit(answer))
            }
            Message::BroadcastClientCount { clients, .. } => {
                if !pending.hear(&node, clients) {
                    pending.expect_no_more(&node, clients);
                }
                None
            }
            Message::BroadcastAck { answer, .. } => pending.acknowledge(&node).then_some(Answer::Ack(answer)),
            _ => None,
        };
        out.extend(answer.map(|answer| Output::Answer { request: request.clone(), node, answer }));
        self.settle(&request, out);
    }

    /// That server answers nothing any more. (F20, R23)
    pub(crate) fn handle_absence(&mut self, node: &NodeId, reason: Absence, out: &mut Vec<Output>) {
        let waiting =
            self.0.iter_mut().filter_map(|(request, pending)| pending.miss(node, reason).then(|| request.clone()));
        let waiting: Vec<_> = waiting.collect();
        for request in waiting {
            self.settle(&request, out);
        }
    }

    /// Ends what is due.
    pub(crate) fn handle_timeout(&mut self, now: Moment, out: &mut Vec<Output>) {
        let due = self.0.iter().filter(|(_, pending)| pending.deadline <= now).map(|(request, _)| request.clone());
        for request in due.collect::<Vec<_>>() {
            self.end(&request, Absence::Late, out);
        }
    }

    /// Ends everything.
    pub(crate) fn close(&mut self, out: &mut Vec<Output>) {
        for request in self.0.keys().cloned().collect::<Vec<_>>() {
            self.end(&request, Absence::Closed, out);
        }
    }

    /// Ends the request if nothing more is waited for.
    fn settle(&mut self, request: &RequestId, out: &mut Vec<Output>) {
        if self.0.get(request).is_some_and(Pending::is_settled) {
            self.end(request, Absence::Late, out);
        }
    }

    /// Ends the request; who has not answered is missing for that reason.
    fn end(&mut self, request: &RequestId, reason: Absence, out: &mut Vec<Output>) {
        let Some(pending) = self.0.remove(request) else { return };
        out.push(Output::Finished { request: request.clone(), outcome: pending.into_outcome(reason) });
    }
}

impl Pending {
    /// Notes the answer of a server with so many acknowledgements to come; `false` where it had answered, or was given up, before.
    fn hear(&mut self, node: &NodeId, clients: u64) -> bool {
        let is_given_up = self.outcome.missing.iter().any(|(missing, _)| missing == node);
        if is_given_up || self.heard.contains_key(node) {
            return false;
        }
        // Whoever was not asked, as it was not known yet, has heard the question all the same and is welcome.
        self.silent.remove(node);
        self.heard.insert(node.clone(), Clients { told: clients, due: clients });
        self.outcome.clients = self.outcome.clients.saturating_add(clients);
        true
    }

    /// The server has told a second number: where it is smaller, the clients that have not answered by now are gone. The same one is a
    /// message that came twice.
    fn expect_no_more(&mut self, node: &NodeId, answered: u64) {
        if let Some(clients) = self.heard.get_mut(node)
            && answered < clients.told
        {
            clients.due = 0;
        }
    }

    /// Notes an acknowledgement of one of the server's clients; `false` where it has more than it said. The number is said first, and a
    /// backplane keeps the order.
    fn acknowledge(&mut self, node: &NodeId) -> bool {
        let Some(Clients { due: due @ 1.., .. }) = self.heard.get_mut(node) else { return false };
        *due -= 1;
        self.outcome.acks += 1;
        true
    }

    /// Gives up on what the server has not answered yet; `false` where it had nothing more to answer.
    fn miss(&mut self, node: &NodeId, reason: Absence) -> bool {
        let has_clients = self.heard.get(node).is_some_and(|clients| clients.due > 0);
        if has_clients {
            self.heard.remove(node);
        }
        let is_missing = self.silent.remove(node) || has_clients;
        if is_missing {
            self.outcome.missing.push((node.clone(), reason));
        }
        is_missing
    }

    fn is_settled(&self) -> bool {
        self.silent.is_empty() && self.heard.values().all(|clients| clients.due == 0)
    }

    fn into_outcome(mut self, reason: Absence) -> Outcome {
        let late =
            self.heard.iter().filter(|(_, clients)| clients.due > 0).map(|(node, _)| node.clone()).collect::<Vec<_>>();
        for node in late.iter().chain(&self.silent) {
            self.outcome.missing.push((node.clone(), reason));
        }
        self.outcome.answered = self.heard.len() - late.len();
        self.outcome.missing.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.outcome
    }
}
