//! [`Node`]: one server among several. Who is alive, what is asked of the others, and what they ask. Rows F8 to F21.
//!
//! Leaves out the bytes' way (`backplane.rs`), this server's own sockets, which the caller serves whatever becomes of the
//! others (F17), and the accounts of a request (`request.rs`). No clock, no randomness: both come from the caller.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use engineio_proto::Moment;
use socketio_proto::{Body, Namespace};

use crate::{
    Absence, BroadcastOptions, DecodeError, Destination, EncodeError, Envelope, Message, NodeConfig, NodeId, Output,
    Publication, ReplyTo, RequestId, SocketDetails, Work, decode, encode,
    request::{Question, Requests},
};

/// One server of a cluster, for all of its namespaces or for [one](Self::for_namespace).
///
/// Inputs are `handle_*` and the calls that an application makes; what is to be done comes back as [`Publication`]s and [`Output`]s, in
/// order. *Carry them out in that order, and ask [`next_deadline`](Self::next_deadline) anew after each input.*
///
/// The calls concern the other servers only: the caller does the same with its own sockets, after it has published, and also where
/// publishing failed. (F17)
///
/// ```
/// use engineio_proto::Moment;
/// use socketio_cluster::{BroadcastOptions, Node, NodeConfig, NodeId, Output, Work};
/// use socketio_proto::{Body, Namespace};
///
/// let now = Moment::EPOCH;
/// let mut one = Node::new(NodeId::new(1), NodeConfig::default(), now);
/// let mut two = Node::new(NodeId::new(2), NodeConfig::default(), now);
///
/// let event = Body::event("news", &"hello")?;
/// let options = BroadcastOptions::default();
/// let publication = one.broadcast(&Namespace::root(), &event, &options, now)?.ok_or("not local")?;
///
/// let mut out = Vec::new();
/// two.handle_message(&publication.bytes, now, &mut out)?;
/// assert_eq!(out[0], Output::NodeJoined(NodeId::new(1)));
/// let work = Work::Broadcast { namespace: Namespace::root(), options, event, reply: None };
/// assert_eq!(out[1], Output::Local(work));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Node {
    id: NodeId,
    /// The one namespace that it is for; `None` for all.
    only: Option<Namespace>,
    config: NodeConfig,
    phase: Phase,
    heartbeat_at: Moment,
    /// Whom this server knows, and when it last heard of each.
    peers: BTreeMap<NodeId, Moment>,
    requests: Requests,
    /// How many requests there were.
    asked: u64,
}

/// ```text
/// New ── start ──▶ Running ── close ──▶ Closed
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Says nothing by itself.
    New,
    /// Beats.
    Running,
    /// Has said farewell, and hears nothing.
    Closed,
}

impl Node {
    /// A server that nobody has heard of yet. The id is to be as good as unique: [`NodeId::new`] with a random number.
    #[must_use]
    pub fn new(id: NodeId, config: NodeConfig, now: Moment) -> Self {
        let heartbeat_at = now + config.heartbeat_interval;
        let (peers, requests) = (BTreeMap::new(), Requests::default());
        Self { id, only: None, config, phase: Phase::New, heartbeat_at, peers, requests, asked: 0 }
    }

    /// A server as far as one namespace goes: what is said about others is ignored, and it is counted among those that have this one.
    /// (F16)
    ///
    /// A JavaScript server has an adapter with an id of its own for each of its namespaces, and knows its peers for each. Where such
    /// servers take part, this one is to do the same; among others, one node for all is simpler and says less.
    #[must_use]
    pub fn for_namespace(id: NodeId, namespace: Namespace, config: NodeConfig, now: Moment) -> Self {
        Self { only: Some(namespace), ..Self::new(id, config, now) }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &NodeId {
        &self.id
    }

    /// How many servers there are, this one included. (F19)
    #[must_use]
    pub fn server_count(&self) -> usize {
        self.peers.len() + 1
    }

    /// The other servers that are taken for alive.
    pub fn peers(&self) -> impl Iterator<Item = &NodeId> {
        self.peers.keys()
    }

    /// How many requests are not over yet.
    #[must_use]
    pub fn pending_requests(&self) -> usize {
        self.requests.len()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called at the latest; `None` where there is nothing to wait for.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Moment> {
        let heartbeat = (self.phase == Phase::Running).then_some(self.heartbeat_at);
        let silence = self.peers.values().min().map(|seen| *seen + self.config.heartbeat_timeout);
        [heartbeat, silence, self.requests.next_deadline()].into_iter().flatten().min()
    }

    /// Tells the others that this server is there; each answers at once. Call it when the backplane has started, and again when it has
    /// lost its connection for a while. (F19)
    pub fn start(&mut self, now: Moment, out: &mut Vec<Output>) {
        if self.phase == Phase::Closed {
            return;
        }
        self.phase = Phase::Running;
        self.announce(Message::InitialHeartbeat, now, out);
    }

    /// Says farewell and ends all that is pending. (F21)
    ///
    /// ```
    /// # use {engineio_proto::Moment, socketio_cluster::*};
    /// # let (now, mut out) = (Moment::EPOCH, Vec::new());
    /// # let mut one = Node::new(NodeId::new(1), NodeConfig::default(), now);
    /// one.start(now, &mut out);
    /// one.close(now, &mut out);
    /// assert_eq!((out.len(), one.next_deadline()), (2, None)); // hello and farewell
    /// ```
    pub fn close(&mut self, now: Moment, out: &mut Vec<Output>) {
        if self.phase == Phase::Running {
            self.announce(Message::AdapterClose, now, out);
        }
        self.phase = Phase::Closed;
        self.peers.clear();
        self.requests.close(out);
    }

    /// Lets time pass: beats, gives up on servers that are silent, and ends the requests that are due.
    ///
    /// ```
    /// # use {engineio_proto::Moment, socketio_cluster::*};
    /// # let (now, mut out) = (Moment::EPOCH, Vec::new());
    /// # let mut one = Node::new(NodeId::new(1), NodeConfig::default(), now);
    /// one.start(now, &mut out);
    /// out.clear();
    /// let due = one.next_deadline().expect("it beats");
    /// one.handle_timeout(due, &mut out);
    /// assert!(matches!(out[..], [Output::Publish(_)])); // a heartbeat
    /// ```
    pub fn handle_timeout(&mut self, now: Moment, out: &mut Vec<Output>) {
        let timeout = self.config.heartbeat_timeout;
        let silent = self.peers.iter().filter(|(_, seen)| **seen + timeout <= now).map(|(node, _)| node.clone());
        for node in silent.collect::<Vec<_>>() {
            self.remove(&node, Absence::Lost, out);
        }
        self.requests.handle_timeout(now, out);
        if self.phase == Phase::Running && self.heartbeat_at <= now {
            self.announce(Message::Heartbeat, now, out);
        }
    }

    /// Takes a message as it came from the backplane. This server's own, which some backplanes bring back, are ignored. (F16)
    ///
    /// # Errors
    /// Where it is none; then nothing has changed, but that a sender whose message is only too new is alive.
    pub fn handle_message(&mut self, bytes: &Bytes, now: Moment, out: &mut Vec<Output>) -> Result<(), DecodeError> {
        let decoded = decode(bytes, &self.config.wire);
        if let Err(DecodeError::UnknownType { sender, namespace, .. }) = &decoded
            && !self.is_elsewhere(namespace)
        {
            self.notice(sender, now, out);
        }
        self.handle_envelope(decoded?, now, out);
        Ok(())
    }

    /// Takes a message that was read by somebody else, for backplanes with a format of their own.
    pub fn handle_envelope(&mut self, envelope: Envelope, now: Moment, out: &mut Vec<Output>) {
        if envelope.sender == self.id || self.is_elsewhere(&envelope.namespace) || self.phase == Phase::Closed {
            return;
        }
        if envelope.message == Message::AdapterClose {
            self.remove(&envelope.sender, Absence::Left, out);
            return;
        }
        self.notice(&envelope.sender, now, out);
        let Envelope { sender, namespace, message } = envelope;
        let reply_to = |request: Option<RequestId>| {
            let request = request.filter(|_| !sender.is_emitter())?;
            Some(ReplyTo { node: sender.clone(), namespace: namespace.clone(), request })
        };
        let work = match message {
            Message::InitialHeartbeat => {
                if self.phase == Phase::Running {
                    self.announce(Message::Heartbeat, now, out);
                }
                return;
            }
            Message::Heartbeat | Message::AdapterClose => return,
            Message::Broadcast { options, event, request } => {
                let reply = reply_to(request);
                Work::Broadcast { namespace, options, event, reply }
            }
            Message::SocketsJoin { options, rooms } => Work::SocketsJoin { namespace, options, rooms },
            Message::SocketsLeave { options, rooms } => Work::SocketsLeave { namespace, options, rooms },
            Message::DisconnectSockets { options, close } => Work::DisconnectSockets { namespace, options, close },
            Message::FetchSockets { options, request } => {
                let Some(reply) = reply_to(Some(request)) else { return };
                Work::FetchSockets { namespace, options, reply }
            }
            Message::ServerSideEmit { event, request } => {
                let reply = reply_to(request);
                Work::ServerSideEmit { namespace, event, reply }
            }
            answer @ (Message::FetchSocketsResponse { .. }
            | Message::ServerSideEmitResponse { .. }
            | Message::BroadcastClientCount { .. }
            | Message::BroadcastAck { .. }) => {
                // Whoever is over the bound is not waited for either.
                if self.peers.contains_key(&sender) {
                    self.requests.handle_answer(Envelope { sender, namespace, message: answer }, out);
                }
                return;
            }
        };
        out.push(Output::Local(work));
    }

    /// It is about a namespace that this server is not for.
    fn is_elsewhere(&self, namespace: &Namespace) -> bool {
        self.only.as_ref().is_some_and(|only| only != namespace)
    }

    /// The sender is alive. (F19)
    fn notice(&mut self, sender: &NodeId, now: Moment, out: &mut Vec<Output>) {
        if let Some(seen) = self.peers.get_mut(sender) {
            *seen = now.max(*seen);
        } else if *sender != self.id
            && self.phase != Phase::Closed
            && !sender.is_emitter()
            && self.peers.len() < self.config.max_nodes
        {
            self.peers.insert(sender.clone(), now);
            out.push(Output::NodeJoined(sender.clone()));
        }
    }

    fn remove(&mut self, node: &NodeId, reason: Absence, out: &mut Vec<Output>) {
        if self.peers.remove(node).is_some() {
            out.push(Output::NodeLeft { node: node.clone(), reason });
            self.requests.handle_absence(node, reason, out);
        }
    }

    // ------------------------------------------------------------------------------------------------- telling the others

    /// An event for the selected sockets of the other servers; `None` where the options say that it is local. (F10, F17)
    ///
    /// # Errors
    /// Where it is too large; then nothing was published.
    pub fn broadcast(
        &mut self,
        namespace: &Namespace,
        event: &Body,
        options: &BroadcastOptions,
        now: Moment,
    ) -> Result<Option<Publication>, EncodeError> {
        let room = match options.rooms.as_slice() {
            [room] => Some(room.as_str().into()),
            _ => None,
        };
        let message = Message::Broadcast { options: options.clone(), event: event.clone(), request: None };
        self.unless_local(options, namespace, message, room, now)
    }

    /// The selected sockets of the other servers join rooms; `None` where the options say that it is local. (D87, F11)
    ///
    /// ```
    /// # use {engineio_proto::Moment, socketio_cluster::*, socketio_proto::{Body, Namespace}};
    /// # let (now, root, mut out) = (Moment::EPOCH, Namespace::root(), Vec::new());
    /// # let [mut one, mut two] = [1, 2].map(|id| Node::new(NodeId::new(id), NodeConfig::default(), now));
    /// let options = BroadcastOptions { rooms: vec!["lobby".into()], ..Default::default() };
    /// let publication = one.sockets_join(&root, &options, &["game".into()], now)?.ok_or("not local")?;
    /// two.handle_message(&publication.bytes, now, &mut out)?;
    /// assert!(matches!(&out[1], Output::Local(Work::SocketsJoin { rooms, .. }) if *rooms == ["game"]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Where it is too large; then nothing was published.
    pub fn sockets_join(
        &mut self,
        namespace: &Namespace,
        options: &BroadcastOptions,
        rooms: &[String],
        now: Moment,
    ) -> Result<Option<Publication>, EncodeError> {
        let message = Message::SocketsJoin { options: options.clone(), rooms: rooms.to_vec() };
        self.unless_local(options, namespace, message, None, now)
    }

    /// The selected sockets of the other servers leave rooms; `None` where the options say that it is local. (D87, F11)
    ///
    /// # Errors
    /// Where it is too large; then nothing was published.
    pub fn sockets_leave(
        &mut self,
        namespace: &Namespace,
        options: &BroadcastOptions,
        rooms: &[String],
        now: Moment,
    ) -> Result<Option<Publication>, EncodeError> {
        let message = Message::SocketsLeave { options: options.clone(), rooms: rooms.to_vec() };
        self.unless_local(options, namespace, message, None, now)
    }

    /// The selected sockets of the other servers are disconnected, with `close` their whole connections; `None` where the options say that
    /// it is local. (D87, F12)
    ///
    /// # Errors
    /// Where it is too large; then nothing was published.
    pub fn disconnect_sockets(
        &mut self,
        namespace: &Namespace,
        options: &BroadcastOptions,
        close: bool,
        now: Moment,
    ) -> Result<Option<Publication>, EncodeError> {
        let message = Message::DisconnectSockets { options: options.clone(), close };
        self.unless_local(options, namespace, message, None, now)
    }

    /// An event for the other servers themselves. (D89, F14)
    ///
    /// # Errors
    /// Where it is too large; then nothing was published.
    pub fn server_side_emit(
        &mut self,
        namespace: &Namespace,
        event: &Body,
        now: Moment,
    ) -> Result<Publication, EncodeError> {
        self.publish(namespace, Message::ServerSideEmit { event: event.clone(), request: None }, None, now)
    }

    // -------------------------------------------------------------------------------------------------- asking the others

    /// Asks the other servers for the selected sockets they have: [`Answer::Sockets`](crate::Answer::Sockets) of each. (D85, F13, F18)
    ///
    /// Waits for as long as `options.flags.timeout` says, or else for [`request_timeout`](NodeConfig::request_timeout). Where there is
    /// nobody to ask, or the options say that it is local, it is over at once, without a publication.
    ///
    /// ```
    /// # use {engineio_proto::Moment, socketio_cluster::*};
    /// # let (now, root, mut out) = (Moment::EPOCH, Default::default(), Vec::new());
    /// # let mut one = Node::new(NodeId::new(1), NodeConfig::default(), now);
    /// let request = one.begin_fetch_sockets(&root, &BroadcastOptions::default(), now, &mut out)?;
    /// assert_eq!(out, [Output::Finished { request, outcome: Outcome::default() }]); // there is nobody to ask
    /// # Ok::<(), EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// Where it is too large; then nothing was begun.
    pub fn begin_fetch_sockets(
        &mut self,
        namespace: &Namespace,
        options: &BroadcastOptions,
        now: Moment,
        out: &mut Vec<Output>,
    ) -> Result<RequestId, EncodeError> {
        let request = self.new_request();
        let message = Message::FetchSockets { options: options.clone(), request: request.clone() };
        let asked = Asked { question: Question::FetchSockets, message, is_local: options.flags.local };
        self.begin(namespace, request, asked, options.flags.timeout, now, out)
    }

    /// An event for the other servers themselves, which are to answer: [`Answer::ServerSideEmit`](crate::Answer::ServerSideEmit) of each.
    /// (D90, F14)
    ///
    /// Where there is nobody to ask, it is over at once, without a publication.
    ///
    /// # Errors
    /// Where it is too large; then nothing was begun.
    pub fn begin_server_side_emit(
        &mut self,
        namespace: &Namespace,
        event: &Body,
        timeout: Option<Duration>,
        now: Moment,
        out: &mut Vec<Output>,
    ) -> Result<RequestId, EncodeError> {
        let request = self.new_request();
        let message = Message::ServerSideEmit { event: event.clone(), request: Some(request.clone()) };
        let asked = Asked { question: Question::ServerSideEmit, message, is_local: false };
        self.begin(namespace, request, asked, timeout, now, out)
    }

    /// An event for the selected sockets of the other servers, whose clients are to acknowledge it:
    /// [`Answer::Ack`](crate::Answer::Ack) of each, in the order of arrival. (D81, F15)
    ///
    /// Waits for as long as `options.flags.timeout` says, or else for [`request_timeout`](NodeConfig::request_timeout), which the others
    /// are told, so that they forget about it by then as well. (R23) Where the options say that it is local, or nobody else is known, it
    /// is over at once; in the latter case it is published all the same, as a broadcast is for everybody who hears it.
    ///
    /// ```
    /// # use {engineio_proto::Moment, socketio_cluster::*, socketio_proto::{Body, Namespace}};
    /// # let (now, root, mut out) = (Moment::EPOCH, Namespace::root(), Vec::new());
    /// # let mut one = Node::new(NodeId::new(1), NodeConfig::default(), now);
    /// let event = Body::event("vote?", &())?;
    /// one.begin_broadcast(&root, &event, &BroadcastOptions::default(), now, &mut out)?;
    /// assert!(matches!(out[..], [Output::Publish(_), Output::Finished { .. }])); // nobody else is known
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Where it is too large; then nothing was begun.
    pub fn begin_broadcast(
        &mut self,
        namespace: &Namespace,
        event: &Body,
        options: &BroadcastOptions,
        now: Moment,
        out: &mut Vec<Output>,
    ) -> Result<RequestId, EncodeError> {
        let request = self.new_request();
        let mut options = options.clone();
        let timeout = *options.flags.timeout.get_or_insert(self.config.request_timeout);
        let is_local = options.flags.local;
        let message = Message::Broadcast { options, event: event.clone(), request: Some(request.clone()) };
        let asked = Asked { question: Question::Broadcast, message, is_local };
        self.begin(namespace, request, asked, Some(timeout), now, out)
    }

    /// Forgets a request in which nobody is interested any more: it is not heard of again.
    pub fn cancel(&mut self, request: &RequestId) {
        self.requests.cancel(request);
    }

    // ------------------------------------------------------------------------------------------------------------ answers

    /// Answers [`Work::FetchSockets`].
    ///
    /// # Errors
    /// Where it is too large; then the one who asked will find this server missing.
    pub fn answer_sockets(&self, to: &ReplyTo, sockets: Vec<SocketDetails>) -> Result<Publication, EncodeError> {
        self.answer(to, Message::FetchSocketsResponse { request: to.request.clone(), sockets })
    }

    /// Answers [`Work::ServerSideEmit`], with at most one argument. Only the first answer counts.
    ///
    /// # Errors
    /// Where it is too large; then the one who asked will find this server missing.
    pub fn answer_server_side_emit(&self, to: &ReplyTo, answer: &Body) -> Result<Publication, EncodeError> {
        self.answer(to, Message::ServerSideEmitResponse { request: to.request.clone(), answer: answer.clone() })
    }

    /// Answers [`Work::Broadcast`]: how many clients were asked. It has to be published before any of their acknowledgements.
    ///
    /// Where clients leave before they acknowledge, this is to be said again when the last of the others has, with their number:
    /// then no server waits for those that are gone. (R22)
    ///
    /// # Errors
    /// Where it is too large.
    pub fn answer_client_count(&self, to: &ReplyTo, clients: u64) -> Result<Publication, EncodeError> {
        self.answer(to, Message::BroadcastClientCount { request: to.request.clone(), clients })
    }

    /// Answers [`Work::Broadcast`]: one client's acknowledgement, of which the first argument goes. (D81)
    ///
    /// # Errors
    /// Where it is too large; then the one who asked will miss it.
    pub fn answer_ack(&self, to: &ReplyTo, answer: &Body) -> Result<Publication, EncodeError> {
        self.answer(to, Message::BroadcastAck { request: to.request.clone(), answer: answer.clone() })
    }

    fn answer(&self, to: &ReplyTo, message: Message) -> Result<Publication, EncodeError> {
        let destination = Destination::Node(to.node.clone());
        self.publication(destination, &to.namespace, message, None)
    }

    // ------------------------------------------------------------------------------------------------------------ details

    fn begin(
        &mut self,
        namespace: &Namespace,
        request: RequestId,
        asked: Asked,
        timeout: Option<Duration>,
        now: Moment,
        out: &mut Vec<Output>,
    ) -> Result<RequestId, EncodeError> {
        let Asked { question, message, is_local } = asked;
        let nodes = if is_local { Default::default() } else { self.peers.keys().cloned().collect() };
        if !is_local && (question == Question::Broadcast || !self.peers.is_empty()) {
            out.push(Output::Publish(self.publish(namespace, message, None, now)?));
        }
        let deadline = now + timeout.unwrap_or(self.config.request_timeout);
        self.requests.begin(&request, question, namespace.clone(), nodes, deadline, out);
        Ok(request)
    }

    /// The next of a sequence that has every number once, and that of no other server is likely to be anywhere near.
    fn new_request(&mut self) -> RequestId {
        self.asked += 1;
        let seed =
            self.id.as_str().bytes().fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
        RequestId::new(split_mix(seed.wrapping_add(self.asked.wrapping_mul(GOLDEN_RATIO))))
    }

    fn unless_local(
        &mut self,
        options: &BroadcastOptions,
        namespace: &Namespace,
        message: Message,
        room: Option<Box<str>>,
        now: Moment,
    ) -> Result<Option<Publication>, EncodeError> {
        if options.flags.local {
            return Ok(None);
        }
        self.publish(namespace, message, room, now).map(Some)
    }

    /// Says something about the server as a whole.
    fn announce(&mut self, message: Message, now: Moment, out: &mut Vec<Output>) {
        // These have nothing in them that could be too large.
        let namespace = self.only.clone().unwrap_or_default();
        out.extend(self.publish(&namespace, message, None, now).map(Output::Publish));
    }

    fn publish(
        &mut self,
        namespace: &Namespace,
        message: Message,
        room: Option<Box<str>>,
        now: Moment,
    ) -> Result<Publication, EncodeError> {
        let publication = self.publication(Destination::All, namespace, message, room)?;
        // What every server hears is as good as a heartbeat; what only those with a room hear is not.
        if publication.room.is_none() {
            self.heartbeat_at = now + self.config.heartbeat_interval;
        }
        Ok(publication)
    }

    fn publication(
        &self,
        destination: Destination,
        namespace: &Namespace,
        message: Message,
        room: Option<Box<str>>,
    ) -> Result<Publication, EncodeError> {
        let envelope = Envelope { sender: self.id.clone(), namespace: namespace.clone(), message };
        let bytes = encode(&envelope, &self.config.wire)?;
        Ok(Publication { destination, namespace: envelope.namespace, room, bytes })
    }
}

struct Asked {
    question: Question,
    message: Message,
    is_local: bool,
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

/// The mixing of `SplitMix64`: each number has another.
const fn split_mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests;
