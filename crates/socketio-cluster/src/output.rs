//! What a [`Node`](crate::Node) asks for: bytes to publish, work for this server's own sockets, answers, and ends of requests.
//!
//! Leaves out how it comes to that (`node.rs`, `request.rs`).

use std::{fmt, time::Duration};

use bytes::Bytes;
use socketio_proto::{Body, Namespace};

use crate::{BroadcastOptions, NodeId, RequestId, SocketDetails};

/// Whom a publication is for.
///
/// ```
/// use engineio_proto::Moment;
/// use socketio_cluster::{Destination, Node, NodeConfig, NodeId};
/// use socketio_proto::{Body, Namespace};
///
/// let mut node = Node::new(NodeId::new(1), NodeConfig::default(), Moment::EPOCH);
/// let news = node.server_side_emit(&Namespace::root(), &Body::event("news", &())?, Moment::EPOCH)?;
/// assert_eq!(news.destination, Destination::All); // answers go to the one who asked
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Every other server.
    All,
    /// That server. A backplane that has no way to single one out may give it to all: the others see that it is not for them.
    Node(NodeId),
}

/// Bytes to give to the backplane, with what it may need to route them.
///
/// ```
/// use engineio_proto::Moment;
/// use socketio_cluster::{BroadcastOptions, Node, NodeConfig, NodeId};
/// use socketio_proto::{Body, Namespace};
///
/// let mut node = Node::new(NodeId::new(1), NodeConfig::default(), Moment::EPOCH);
/// let options = BroadcastOptions { rooms: vec!["lobby".into()], ..Default::default() };
/// let event = Body::event("news", &"hello")?;
/// let publication = node.broadcast(&Namespace::new("/chat"), &event, &options, Moment::EPOCH)?.ok_or("not local")?;
/// assert_eq!((publication.namespace.as_str(), publication.room.as_deref()), ("/chat", Some("lobby")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Whom it is for.
    pub destination: Destination,
    /// What it is about: a backplane may have a channel for each.
    pub namespace: Namespace,
    /// Present where only the servers that have sockets in that room need it: a backplane may have a channel for each. (F33)
    pub room: Option<Box<str>>,
    /// The message.
    pub bytes: Bytes,
}

/// What is to be done, in the order given.
///
/// ```
/// use engineio_proto::Moment;
/// use socketio_cluster::{Absence, Node, NodeConfig, NodeId, Output};
///
/// let [mut one, mut two] = [1, 2].map(|id| Node::new(NodeId::new(id), NodeConfig::default(), Moment::EPOCH));
/// let (mut said, mut out) = (Vec::new(), Vec::new());
/// one.start(Moment::EPOCH, &mut said);
/// one.close(Moment::EPOCH, &mut said);
/// for output in said {
///     let Output::Publish(publication) = output else { continue };
///     two.handle_message(&publication.bytes, Moment::EPOCH, &mut out)?;
/// }
/// let (node, reason) = (NodeId::new(1), Absence::Left);
/// assert_eq!(out, [Output::NodeJoined(node.clone()), Output::NodeLeft { node, reason }]);
/// # Ok::<(), socketio_cluster::DecodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Give this to the backplane.
    Publish(Publication),
    /// Another server wants something of this one.
    Local(Work),
    /// A part of the answer to a request. None comes after its [`Finished`](Self::Finished).
    Answer {
        /// The request.
        request: RequestId,
        /// Who answers.
        node: NodeId,
        /// What.
        answer: Answer,
    },
    /// A request has ended: each does, once, by its deadline, or at once where there is nobody to ask.
    Finished {
        /// The request.
        request: RequestId,
        /// Who answered, and who did not.
        outcome: Outcome,
    },
    /// A server was heard of for the first time, or again. (F19)
    NodeJoined(NodeId),
    /// A server is gone. (F19, F21)
    NodeLeft {
        /// Which.
        node: NodeId,
        /// Whether it said so.
        reason: Absence,
    },
}

/// A part of the answer to a request.
///
/// ```
/// # use {engineio_proto::Moment, socketio_cluster::*, socketio_proto::{Body, Namespace}};
/// # let (now, root, mut out) = (Moment::EPOCH, Namespace::root(), Vec::new());
/// # let [mut one, mut two] = [1, 2].map(|id| Node::new(NodeId::new(id), NodeConfig::default(), now));
/// one.handle_message(&two.server_side_emit(&root, &Body::event("hi", &())?, now)?.bytes, now, &mut out)?;
/// let request = one.begin_fetch_sockets(&root, &BroadcastOptions::default(), now, &mut out)?;
/// let Some(Output::Publish(question)) = out.pop() else { panic!("there is one to ask") };
/// two.handle_message(&question.bytes, now, &mut out)?;
/// let Some(Output::Local(Work::FetchSockets { reply, .. })) = out.pop() else { panic!("a question") };
/// let sockets = vec![SocketDetails::new("an id", vec![], &(), &7)?];
/// one.handle_message(&two.answer_sockets(&reply, sockets.clone())?.bytes, now, &mut out)?;
/// let answer = Output::Answer { request, node: NodeId::new(2), answer: Answer::Sockets(sockets) };
/// assert!(out.contains(&answer));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To `fetch_sockets`: all that this server has.
    Sockets(Vec<SocketDetails>),
    /// To `server_side_emit_with_ack`: what this server says; at most one argument.
    ServerSideEmit(Body),
    /// To `broadcast_with_ack`: what one of its clients says; at most one argument.
    Ack(Body),
}

/// What another server wants done with this server's sockets.
///
/// Every question is to be answered, also where the namespace is unknown here or nobody is selected: the one who asks waits for each
/// server that it knows.
///
/// ```
/// # use {engineio_proto::Moment, socketio_cluster::*, socketio_proto::{Body, Namespace}};
/// # let (now, root, mut out) = (Moment::EPOCH, Namespace::root(), Vec::new());
/// # let [mut one, mut two] = [1, 2].map(|id| Node::new(NodeId::new(id), NodeConfig::default(), now));
/// let everybody = BroadcastOptions::default();
/// let publication = one.disconnect_sockets(&root, &everybody, true, now)?.ok_or("not local")?;
/// two.handle_message(&publication.bytes, now, &mut out)?;
/// let Some(Output::Local(work)) = out.pop() else { panic!("there is work") };
/// assert_eq!(work, Work::DisconnectSockets { namespace: root, options: everybody, close: true });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Work {
    /// Send the event to the selected sockets.
    Broadcast {
        /// Of this namespace.
        namespace: Namespace,
        /// Which sockets, and how.
        options: BroadcastOptions,
        /// The event.
        event: Body,
        /// Where present: report how many sockets there are with [`Node::answer_client_count`](crate::Node::answer_client_count) first,
        /// then each acknowledgement with [`Node::answer_ack`](crate::Node::answer_ack), for as long as `options.flags.timeout`
        /// lasts.
        reply: Option<ReplyTo>,
    },
    /// Let the selected sockets join the rooms.
    SocketsJoin {
        /// Of this namespace.
        namespace: Namespace,
        /// Which sockets.
        options: BroadcastOptions,
        /// The rooms.
        rooms: Vec<String>,
    },
    /// Let the selected sockets leave the rooms.
    SocketsLeave {
        /// Of this namespace.
        namespace: Namespace,
        /// Which sockets.
        options: BroadcastOptions,
        /// The rooms.
        rooms: Vec<String>,
    },
    /// Disconnect the selected sockets.
    DisconnectSockets {
        /// Of this namespace.
        namespace: Namespace,
        /// Which sockets.
        options: BroadcastOptions,
        /// Whether their whole connections go.
        close: bool,
    },
    /// Report the selected sockets with [`Node::answer_sockets`](crate::Node::answer_sockets).
    FetchSockets {
        /// Of this namespace.
        namespace: Namespace,
        /// Which sockets.
        options: BroadcastOptions,
        /// Where to.
        reply: ReplyTo,
    },
    /// Hand the event to the server's own handlers.
    ServerSideEmit {
        /// Of this namespace.
        namespace: Namespace,
        /// Its name and its arguments.
        event: Body,
        /// Where present: answer with [`Node::answer_server_side_emit`](crate::Node::answer_server_side_emit).
        reply: Option<ReplyTo>,
    },
}

/// Who asked what, for the answer.
///
/// ```
/// # use {engineio_proto::Moment, socketio_cluster::*, socketio_proto::{Body, Namespace}};
/// # let (now, root, mut out) = (Moment::EPOCH, Namespace::root(), Vec::new());
/// # let [mut one, mut two] = [1, 2].map(|id| Node::new(NodeId::new(id), NodeConfig::default(), now));
/// one.handle_message(&two.server_side_emit(&root, &Body::event("hi", &())?, now)?.bytes, now, &mut out)?;
/// one.begin_server_side_emit(&root, &Body::event("load?", &())?, None, now, &mut out)?;
/// let Some(Output::Publish(question)) = out.pop() else { panic!("there is one to ask") };
/// two.handle_message(&question.bytes, now, &mut out)?;
/// let Some(Output::Local(Work::ServerSideEmit { reply: Some(reply), .. })) = out.pop() else { panic!("a question") };
/// let answer = two.answer_server_side_emit(&reply, &Body::ack(&0.5)?)?;
/// assert_eq!((reply.node(), answer.destination), (one.id(), Destination::Node(NodeId::new(1))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    pub(crate) node: NodeId,
    pub(crate) namespace: Namespace,
    pub(crate) request: RequestId,
}

impl ReplyTo {
    /// Who asked.
    #[must_use]
    pub const fn node(&self) -> &NodeId {
        &self.node
    }
}

/// Why a server is missing.
///
/// ```
/// # use {engineio_proto::Moment, socketio_cluster::*, socketio_proto::{Body, Namespace}};
/// # let (now, root, mut out) = (Moment::EPOCH, Namespace::root(), Vec::new());
/// # let [mut one, mut two] = [1, 2].map(|id| Node::new(NodeId::new(id), NodeConfig::default(), now));
/// two.start(now, &mut out);
/// let Some(Output::Publish(hello)) = out.pop() else { panic!("it says hello") };
/// one.handle_message(&hello.bytes, now, &mut out)?;
/// let late = now + NodeConfig::default().heartbeat_timeout;
/// one.handle_timeout(late, &mut out); // nothing more was heard
/// assert_eq!(out[1], Output::NodeLeft { node: NodeId::new(2), reason: Absence::Lost });
/// # Ok::<(), DecodeError>(())
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// It had not answered, or not wholly, by the deadline.
    Late,
    /// It said farewell.
    Left,
    /// Nothing was heard of it for so long that it is taken for dead.
    Lost,
    /// This server closed its own side before.
    Closed,
}

/// How a request ended. What was answered until then is worth having either way. (D81, D90)
///
/// ```
/// use socketio_cluster::{Absence, NodeId, Outcome};
///
/// let mut outcome = Outcome::default();
/// outcome.answered = 2;
/// assert_eq!((outcome.is_complete(), outcome.to_string().as_str()), (true, "2 responses received"));
/// outcome.missing.push((NodeId::new(3), Absence::Late));
/// assert_eq!(outcome.to_string(), "timeout reached: missing 1 responses");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// How many servers answered wholly; for a broadcast, with the acknowledgements of all their clients.
    pub answered: usize,
    /// Who did not, in the order of their ids, and why.
    pub missing: Vec<(NodeId, Absence)>,
    /// For a broadcast: how many clients of other servers were asked, as far as the servers said.
    pub clients: u64,
    /// For a broadcast: how many of those acknowledged.
    pub acks: u64,
}

impl Outcome {
    /// Whether every server that was asked has answered, and every client.
    ///
    /// ```
    /// use socketio_cluster::Outcome;
    ///
    /// let mut outcome = Outcome::default();
    /// (outcome.clients, outcome.acks) = (2, 1);
    /// assert!(!outcome.is_complete()); // one client has not answered
    /// ```
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.clients == self.acks
    }
}

/// For a log, in words that users of the reference know. (F20)
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_complete(), self.missing.is_empty()) {
            (true, _) => write!(f, "{} responses received", self.answered),
            (false, true) => write!(f, "timeout reached: {} of {} clients acknowledged", self.acks, self.clients),
            (false, false) => write!(f, "timeout reached: missing {} responses", self.missing.len()),
        }
    }
}

/// The times of a [`Node`](crate::Node), and its bounds.
///
/// ```
/// use std::time::Duration;
/// use engineio_proto::Moment;
/// use socketio_cluster::{Node, NodeConfig, NodeId};
///
/// let mut config = NodeConfig::default();
/// config.heartbeat_interval = Duration::from_secs(1);
/// config.heartbeat_timeout = Duration::from_secs(3);
/// let mut node = Node::new(NodeId::new(1), config, Moment::EPOCH);
/// node.start(Moment::EPOCH, &mut Vec::new());
/// assert_eq!(node.next_deadline(), Some(Moment::EPOCH + config.heartbeat_interval));
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeConfig {
    /// A server that has published nothing for so long says that it is alive: 5 s. (F19)
    pub heartbeat_interval: Duration,
    /// A server of which nothing was heard for so long is taken for dead: 10 s. (F19)
    pub heartbeat_timeout: Duration,
    /// How long a request waits for answers where it does not say: 5 s. (F18)
    pub request_timeout: Duration,
    /// Most other servers that are known at a time: 1024. Further ones are not counted nor waited for, what they ask is still done.
    pub max_nodes: usize,
    /// Bounds of a message.
    pub wire: crate::WireLimits,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            heartbeat_interval: Duration::from_secs(5),
            heartbeat_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(5),
            max_nodes: 1024,
            wire: crate::WireLimits::default(),
        }
    }
}
