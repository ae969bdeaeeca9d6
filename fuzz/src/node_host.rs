//! [`NodeHost`]: a server of a cluster beside a list of what it knows; whatever is put into it, the outputs are those that the list
//! calls for, in their order.
//!
//! Leaves out the way of the messages (`cluster_node.rs`) and the accounts of a request (`request_ledger.rs`).

use std::time::Duration;

use bytes::Bytes;
use engineio_proto::Moment;
use socketio_cluster::{
    Absence, BroadcastOptions, DecodeError, Destination, EncodeError, Envelope, Message, Node, NodeConfig, NodeId,
    Outcome, Output, Publication, ReplyTo, RequestId, WireLimits, Work, decode, encode,
};
use socketio_proto::{Body, Namespace};

use crate::{cluster_wire, request_ledger::RequestLedger};

/// What is to come out.
#[derive(Debug)]
enum Expected {
    /// Said to all.
    Said(Message),
    /// To be done here.
    Work(Envelope),
    Other(Output),
}

/// A question that this server has not answered for good.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    reply: ReplyTo,
    /// What `reply` holds.
    envelope: Envelope,
    pub(crate) told: Option<u64>,
    pub(crate) acks: u64,
}

impl Job {
    /// The number of the message that asks.
    pub(crate) fn question(&self) -> u8 {
        self.envelope.message.number()
    }
}

pub(crate) struct NodeHost {
    node: Node,
    id: NodeId,
    only: Option<Namespace>,
    config: NodeConfig,
    is_running: bool,
    is_closed: bool,
    /// When it last said something that all hear.
    spoke: Moment,
    /// Whom it knows, by id, and when it last heard of each.
    peers: Vec<(NodeId, Moment)>,
    /// By id.
    pub(crate) open: Vec<RequestLedger>,
    pub(crate) finished: Vec<(RequestId, Outcome)>,
    pub(crate) jobs: Vec<Job>,
    /// What is for the backplane.
    pub(crate) said: Vec<Publication>,
}

const MAX_JOBS: usize = 32;

impl NodeHost {
    pub(crate) fn new(id: NodeId, only: Option<Namespace>, config: NodeConfig, now: Moment) -> Self {
        let node = match &only {
            Some(only) => Node::for_namespace(id.clone(), only.clone(), config, now),
            None => Node::new(id.clone(), config, now),
        };
        let (peers, open, finished, jobs, said) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (is_running, is_closed, spoke) = (false, false, now);
        Self { node, id, only, config, is_running, is_closed, spoke, peers, open, finished, jobs, said }
    }

    pub(crate) fn id(&self) -> &NodeId {
        &self.id
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = &NodeId> {
        self.peers.iter().map(|(node, _)| node)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.node.next_deadline()
    }

    // ------------------------------------------------------------------------------------------------------------- inputs

    pub(crate) fn start(&mut self, now: Moment) {
        let mut expected = Vec::new();
        if !self.is_closed {
            self.is_running = true;
            self.speak(Message::InitialHeartbeat, now, &mut expected);
        }
        let mut out = Vec::new();
        self.node.start(now, &mut out);
        self.judge(out, expected);
    }

    pub(crate) fn close(&mut self, now: Moment) {
        let mut expected = Vec::new();
        if self.is_running {
            self.speak(Message::AdapterClose, now, &mut expected);
        }
        (self.is_running, self.is_closed) = (false, true);
        self.peers.clear();
        self.end_where(|_| true, Absence::Closed, &mut expected);
        let mut out = Vec::new();
        self.node.close(now, &mut out);
        self.judge(out, expected);
    }

    pub(crate) fn wake(&mut self, now: Moment) {
        let mut expected = Vec::new();
        let timeout = self.config.heartbeat_timeout;
        let silent: Vec<_> = self.peers.iter().filter(|(_, heard)| *heard + timeout <= now).cloned().collect();
        for (node, _) in silent {
            self.lose(&node, Absence::Lost, &mut expected);
        }
        self.end_where(|request| request.deadline <= now, Absence::Late, &mut expected);
        if self.is_running && self.spoke + self.config.heartbeat_interval <= now {
            self.speak(Message::Heartbeat, now, &mut expected);
        }
        let mut out = Vec::new();
        self.node.handle_timeout(now, &mut out);
        self.judge(out, expected);
        assert!(self.open.iter().all(|request| request.deadline > now), "what is due is done");
        assert!(self.next_deadline().is_none_or(|due| due > now), "what is due is done");
    }

    /// Bytes that no server has made.
    pub(crate) fn hear_strange(&mut self, bytes: &Bytes, now: Moment) {
        if let Ok(envelope) = decode(bytes, &self.config.wire) {
            cluster_wire::check(bytes, &envelope);
        }
        self.hear(bytes, now);
    }

    /// A message as it comes from the backplane.
    pub(crate) fn hear(&mut self, bytes: &Bytes, now: Moment) {
        let decoded = decode(bytes, &self.config.wire);
        let mut expected = Vec::new();
        match &decoded {
            Ok(envelope) => self.expect(envelope, now, &mut expected),
            Err(DecodeError::UnknownType { sender, namespace, .. }) if self.is_heard(sender, namespace) => {
                self.notice(sender, now, &mut expected);
            }
            Err(_) => {}
        }
        let mut out = Vec::new();
        let handled = self.node.handle_message(bytes, now, &mut out);
        assert_eq!(handled.err(), decoded.err());
        self.judge(out, expected);
    }

    /// Neither one's own, nor of another namespace, nor too late.
    fn is_heard(&self, sender: &NodeId, namespace: &Namespace) -> bool {
        *sender != self.id && self.only.as_ref().is_none_or(|only| only == namespace) && !self.is_closed
    }

    fn expect(&mut self, envelope: &Envelope, now: Moment, expected: &mut Vec<Expected>) {
        let Envelope { sender, namespace, message } = envelope;
        if !self.is_heard(sender, namespace) {
            return;
        }
        if *message == Message::AdapterClose {
            return self.lose(sender, Absence::Left, expected);
        }
        self.notice(sender, now, expected);
        match message {
            Message::InitialHeartbeat if self.is_running => self.speak(Message::Heartbeat, now, expected),
            Message::InitialHeartbeat | Message::Heartbeat => {}
            Message::FetchSocketsResponse { .. }
            | Message::ServerSideEmitResponse { .. }
            | Message::BroadcastClientCount { .. }
            | Message::BroadcastAck { .. } => {
                if !self.peers().any(|peer| peer == sender) {
                    return;
                }
                for request in &mut self.open {
                    let answer = request.hear(sender, namespace, message);
                    let (request, node) = (request.request.clone(), sender.clone());
                    expected.extend(answer.map(|answer| Expected::Other(Output::Answer { request, node, answer })));
                }
                self.end_where(RequestLedger::is_over, Absence::Late, expected);
            }
            // One who only sends could not be answered.
            Message::FetchSockets { .. } if sender.is_emitter() => {}
            _ => expected.push(Expected::Work(envelope.clone())),
        }
    }

    fn notice(&mut self, sender: &NodeId, now: Moment, expected: &mut Vec<Expected>) {
        if let Some((_, heard)) = self.peers.iter_mut().find(|(peer, _)| peer == sender) {
            *heard = now;
        } else if !sender.is_emitter() && self.peers.len() < self.config.max_nodes {
            self.peers.push((sender.clone(), now));
            self.peers.sort();
            expected.push(Expected::Other(Output::NodeJoined(sender.clone())));
        }
    }

    fn lose(&mut self, node: &NodeId, reason: Absence, expected: &mut Vec<Expected>) {
        if !self.peers().any(|peer| peer == node) {
            return;
        }
        self.peers.retain(|(peer, _)| peer != node);
        expected.push(Expected::Other(Output::NodeLeft { node: node.clone(), reason }));
        self.open.iter_mut().for_each(|request| request.lose(node, reason));
        self.end_where(RequestLedger::is_over, reason, expected);
    }

    fn end_where(&mut self, is_over: impl Fn(&RequestLedger) -> bool, reason: Absence, expected: &mut Vec<Expected>) {
        for over in self.open.extract_if(.., |request| is_over(request)) {
            let (request, outcome) = (over.request.clone(), over.outcome(reason));
            expected.push(Expected::Other(Output::Finished { request, outcome }));
        }
    }

    fn speak(&mut self, message: Message, now: Moment, expected: &mut Vec<Expected>) {
        self.spoke = now;
        expected.push(Expected::Said(message));
    }

    /// The outputs are those expected, and what is known is what should be.
    fn judge(&mut self, out: Vec<Output>, expected: Vec<Expected>) {
        assert_eq!(out.len(), expected.len(), "{out:?} where there should be {expected:?}");
        for (output, expected) in out.into_iter().zip(expected) {
            match (output, expected) {
                (Output::Publish(publication), Expected::Said(message)) => {
                    let namespace = self.only.clone().unwrap_or_default();
                    self.published(publication, Destination::All, &namespace, message);
                }
                (Output::Local(work), Expected::Work(envelope)) => self.take_work(&work, envelope),
                (output, Expected::Other(expected)) => {
                    assert_eq!(output, expected);
                    if let Output::Finished { request, outcome } = output {
                        self.finished.push((request, outcome));
                    }
                }
                (output, expected) => panic!("{output:?} where there should be {expected:?}"),
            }
        }
        self.check();
    }

    fn check(&self) {
        assert!(self.node.peers().eq(self.peers()), "{:?} and {:?}", self.node, self.peers);
        assert_eq!(self.node.server_count(), self.peers.len() + 1);
        assert!(self.peers.len() <= self.config.max_nodes && self.peers().all(|peer| *peer != self.id));
        assert_eq!(self.node.pending_requests(), self.open.len());
        let beat = self.is_running.then_some(self.spoke + self.config.heartbeat_interval);
        let silence = self.peers.iter().map(|(_, heard)| *heard + self.config.heartbeat_timeout);
        let requests = self.open.iter().map(|request| request.deadline);
        assert_eq!(self.next_deadline(), beat.into_iter().chain(silence).chain(requests).min());
    }

    fn published(&mut self, publication: Publication, to: Destination, namespace: &Namespace, message: Message) {
        let room = match &message {
            Message::Broadcast { options, request: None, .. } if options.rooms.len() == 1 => options.rooms.first(),
            _ => None,
        };
        assert_eq!((&publication.destination, &publication.namespace), (&to, namespace));
        assert_eq!(publication.room.as_deref(), room.map(String::as_str));
        assert!(publication.bytes.len() <= self.config.wire.max_message_bytes);
        cluster_wire::assert_is(&publication.bytes, &self.envelope(namespace, message));
        self.said.push(publication);
    }

    fn envelope(&self, namespace: &Namespace, message: Message) -> Envelope {
        Envelope { sender: self.id.clone(), namespace: namespace.clone(), message }
    }

    /// What is to be done is what was said, and who asks is told.
    fn take_work(&mut self, work: &Work, envelope: Envelope) {
        let request = request_of(&envelope.message);
        let (namespace, message, reply) = message_of(work, request.clone());
        assert_eq!((namespace, &message), (&envelope.namespace, &envelope.message));
        let asks = request.is_some() && !envelope.sender.is_emitter();
        assert_eq!(reply.map(ReplyTo::node), asks.then_some(&envelope.sender));
        if let Some(reply) = reply
            && self.jobs.len() < MAX_JOBS
        {
            self.jobs.push(Job { reply: reply.clone(), envelope, told: None, acks: 0 });
        }
    }

    // -------------------------------------------------------------------------------------------------- what it says and asks

    /// One of the messages that want no answer.
    pub(crate) fn tell(&mut self, namespace: &Namespace, message: Message, now: Moment) {
        let node = &mut self.node;
        let told = match &message {
            Message::Broadcast { options, event, .. } => node.broadcast(namespace, event, options, now),
            Message::SocketsJoin { options, rooms } => node.sockets_join(namespace, options, rooms, now),
            Message::SocketsLeave { options, rooms } => node.sockets_leave(namespace, options, rooms, now),
            Message::DisconnectSockets { options, close } => node.disconnect_sockets(namespace, options, *close, now),
            Message::ServerSideEmit { event, .. } => node.server_side_emit(namespace, event, now).map(Some),
            _ => return,
        };
        let is_local = options_of(&message).is_some_and(|options| options.flags.local);
        match told {
            Ok(None) => assert!(is_local),
            Ok(Some(publication)) => {
                assert!(!is_local);
                if publication.room.is_none() {
                    self.spoke = now;
                }
                self.published(publication, Destination::All, namespace, message);
            }
            Err(error) => self.is_too_large(error, namespace, message),
        }
        self.check();
    }

    /// Asks all that it knows; `message` is to have no request.
    pub(crate) fn ask(
        &mut self,
        namespace: &Namespace,
        message: Message,
        timeout: Option<Duration>,
        now: Moment,
    ) -> Option<RequestId> {
        let (node, mut out) = (&mut self.node, Vec::new());
        let options = options_of(&message).unwrap_or_default();
        let is_local = options.flags.local;
        let begun = match &message {
            Message::FetchSockets { options, .. } => node.begin_fetch_sockets(namespace, options, now, &mut out),
            Message::ServerSideEmit { event, .. } => {
                node.begin_server_side_emit(namespace, event, timeout, now, &mut out)
            }
            Message::Broadcast { event, options, .. } => node.begin_broadcast(namespace, event, options, now, &mut out),
            _ => return None,
        };
        let timeout = timeout.or(options.flags.timeout).unwrap_or(self.config.request_timeout);
        let is_broadcast = matches!(message, Message::Broadcast { .. });
        let any = RequestId::new(0);
        let request = begun.as_ref().unwrap_or(&any).clone();
        let message = with_request(message, &request, timeout);
        let request = match begun {
            Ok(request) => request,
            Err(error) => {
                assert!(out.is_empty() && !is_local, "nothing was begun");
                self.is_too_large(error, namespace, message);
                self.check();
                return None;
            }
        };
        let asked: Vec<_> = if is_local { Vec::new() } else { self.peers().cloned().collect() };
        if !is_local && (is_broadcast || !asked.is_empty()) {
            let Output::Publish(publication) = out.remove(0) else { panic!("{out:?} says nothing") };
            self.published(publication, Destination::All, namespace, message.clone());
            self.spoke = now;
        }
        let ledger = RequestLedger::new(request.clone(), message.number(), namespace.clone(), asked, now + timeout);
        self.open.push(ledger);
        self.open.sort_by(|one, other| one.request.cmp(&other.request));
        let mut expected = Vec::new();
        self.end_where(RequestLedger::is_over, Absence::Late, &mut expected);
        self.judge(out, expected);
        Some(request)
    }

    pub(crate) fn cancel(&mut self, which: usize) {
        if let Some(request) = self.open.get(which).map(|open| open.request.clone()) {
            self.node.cancel(&request);
            self.open.remove(which);
        }
        self.check();
    }

    /// Says something to the one who asked this.
    pub(crate) fn answer(&mut self, job: &Job, answer: &Reply) {
        let (node, reply) = (&self.node, &job.reply);
        let Some(request) = request_of(&job.envelope.message) else { panic!("{job:?} is no question") };
        let (answered, message) = match answer.clone() {
            Reply::Sockets(sockets) => {
                let answered = node.answer_sockets(reply, sockets.clone());
                (answered, Message::FetchSocketsResponse { request, sockets })
            }
            Reply::Event(answer) => {
                let answered = node.answer_server_side_emit(reply, &answer);
                (answered, Message::ServerSideEmitResponse { request, answer })
            }
            Reply::Count(clients) => {
                let answered = node.answer_client_count(reply, clients);
                (answered, Message::BroadcastClientCount { request, clients })
            }
            Reply::Ack(answer) => (node.answer_ack(reply, &answer), Message::BroadcastAck { request, answer }),
        };
        let (to, namespace) = (Destination::Node(job.envelope.sender.clone()), job.envelope.namespace.clone());
        match answered {
            Ok(publication) => self.published(publication, to, &namespace, message),
            Err(error) => self.is_too_large(error, &namespace, message),
        }
        self.check();
    }

    /// It is refused for its length, which is over the bound.
    fn is_too_large(&self, error: EncodeError, namespace: &Namespace, message: Message) {
        let limit = self.config.wire.max_message_bytes;
        let whole = encode(&self.envelope(namespace, message), &WireLimits::default());
        let len = whole.map(|bytes| bytes.len()).unwrap_or_default();
        assert_eq!(error, EncodeError::TooLarge { len, limit });
        assert!(len > limit);
    }
}

/// What a server says to a question.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Sockets(Vec<socketio_cluster::SocketDetails>),
    Event(Body),
    Count(u64),
    Ack(Body),
}

/// Whom it is for, where it is for sockets.
fn options_of(message: &Message) -> Option<BroadcastOptions> {
    cluster_wire::options(&mut message.clone()).cloned()
}

fn request_of(message: &Message) -> Option<RequestId> {
    match message {
        Message::FetchSockets { request, .. } => Some(request.clone()),
        Message::Broadcast { request, .. } | Message::ServerSideEmit { request, .. } => request.clone(),
        _ => None,
    }
}

/// The question as it is to be said.
fn with_request(message: Message, request: &RequestId, timeout: Duration) -> Message {
    let request = request.clone();
    match message {
        Message::FetchSockets { options, .. } => Message::FetchSockets { options, request },
        Message::ServerSideEmit { event, .. } => Message::ServerSideEmit { event, request: Some(request) },
        Message::Broadcast { mut options, event, .. } => {
            options.flags.timeout = Some(timeout);
            Message::Broadcast { options, event, request: Some(request) }
        }
        other => other,
    }
}

/// What was said where this is to be done, and who is to be answered.
fn message_of(work: &Work, request: Option<RequestId>) -> (&Namespace, Message, Option<&ReplyTo>) {
    match work {
        Work::Broadcast { namespace, options, event, reply } => {
            let (options, event) = (options.clone(), event.clone());
            (namespace, Message::Broadcast { options, event, request }, reply.as_ref())
        }
        Work::SocketsJoin { namespace, options, rooms } => {
            (namespace, Message::SocketsJoin { options: options.clone(), rooms: rooms.clone() }, None)
        }
        Work::SocketsLeave { namespace, options, rooms } => {
            (namespace, Message::SocketsLeave { options: options.clone(), rooms: rooms.clone() }, None)
        }
        Work::DisconnectSockets { namespace, options, close } => {
            (namespace, Message::DisconnectSockets { options: options.clone(), close: *close }, None)
        }
        Work::FetchSockets { namespace, options, reply } => {
            let Some(request) = request else { panic!("{work:?} answers nothing") };
            (namespace, Message::FetchSockets { options: options.clone(), request }, Some(reply))
        }
        Work::ServerSideEmit { namespace, event, reply } => {
            (namespace, Message::ServerSideEmit { event: event.clone(), request }, reply.as_ref())
        }
        other => panic!("work that nobody knows: {other:?}"),
    }
}
