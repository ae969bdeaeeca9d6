//! What one server says to another: [`Envelope`] and [`Message`], with everything in them.
//!
//! Leaves out how they become bytes (`wire/`) and what is done about them (`node.rs`). The numbers, the names and the meanings are
//! those of the reference's `ClusterAdapter`, which all of its adapters speak but one: rows F8 to F15.

use std::{fmt, sync::Arc, time::Duration};

use serde::Serialize;
use socketio_proto::{Body, EncodeError, Namespace};

/// Longest id of a server or of a request that is taken from the wire, in bytes.
///
/// ```
/// use socketio_cluster::{MAX_ID_BYTES, NodeId};
///
/// assert!(NodeId::parse(&"x".repeat(MAX_ID_BYTES)).is_some());
/// assert!(NodeId::parse(&"x".repeat(MAX_ID_BYTES + 1)).is_none());
/// ```
pub const MAX_ID_BYTES: usize = 64;

macro_rules! id {
    ($name:ident) => {
        impl $name {
            /// The id written as the 16 hexadecimal digits of `number`, which is to be random. (F9)
            #[must_use]
            pub fn new(number: u64) -> Self {
                Self(format!("{number:016x}").into())
            }

            /// Takes an id as it was written by somebody else: 1 to [`MAX_ID_BYTES`] bytes of visible ASCII.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let fits = (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
                fits.then(|| Self(text.into()))
            }

            /// The id as it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// The id of one server of the cluster, `uid` on the wire. Cloning costs a reference count. (F9)
///
/// ```
/// use socketio_cluster::NodeId;
///
/// assert_eq!(NodeId::new(255).as_str(), "00000000000000ff");
/// assert_eq!(NodeId::parse("emitter"), Some(NodeId::emitter()));
/// assert_eq!(NodeId::parse("two words"), None);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);

/// The id of a request to the other servers, `requestId` on the wire. Cloning costs a reference count. (F9)
///
/// ```
/// use socketio_cluster::RequestId;
///
/// assert_eq!(RequestId::new(255).as_str(), "00000000000000ff");
/// assert_eq!(RequestId::parse("b3a4").map(|id| id.to_string()).as_deref(), Some("b3a4"));
/// assert_eq!(RequestId::parse(""), None);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(Arc<str>);

id!(NodeId);
id!(RequestId);

impl NodeId {
    /// The id of those that only send: they are no servers, are not counted, and get no answers. (F16, F45)
    ///
    /// ```
    /// use socketio_cluster::NodeId;
    ///
    /// assert!(NodeId::emitter().is_emitter());
    /// assert!(!NodeId::new(1).is_emitter());
    /// ```
    #[must_use]
    pub fn emitter() -> Self {
        Self("emitter".into())
    }

    /// Whether this is [`emitter`](Self::emitter).
    #[must_use]
    pub fn is_emitter(&self) -> bool {
        self.as_str() == "emitter"
    }
}

/// A message with its sender and the namespace that it is about. (F9)
///
/// ```
/// use socketio_cluster::{Envelope, Message, NodeId, WireLimits, encode};
/// use socketio_proto::Namespace;
///
/// let (sender, namespace) = (NodeId::new(1), Namespace::root());
/// let beat = Envelope { sender, namespace, message: Message::Heartbeat };
/// let bytes = encode(&beat, &WireLimits::default())?;
/// assert_eq!(bytes, r#"{"uid":"0000000000000001","nsp":"/","type":2}"#);
/// # Ok::<(), socketio_cluster::EncodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Who sent it.
    pub sender: NodeId,
    /// What it is about. Heartbeats and farewells are about the whole server, and say `/`.
    pub namespace: Namespace,
    /// What it says.
    pub message: Message,
}

/// What a server says to the others. The numbers are those of the wire. (F8)
///
/// A [`Body`] in it is that of an EVENT where it is called `event`, and that of an ACK with at most one argument where it is called
/// `answer`: an answer is one value, or none where the other side answered with nothing. (D81, D90)
///
/// ```
/// use socketio_cluster::{BroadcastOptions, Message};
/// use socketio_proto::Body;
///
/// let event = Body::event("news", &"hello")?;
/// let message = Message::Broadcast { options: BroadcastOptions::default(), event, request: None };
/// assert_eq!((message.number(), Message::AdapterClose.number()), (3, 13));
/// # Ok::<(), socketio_proto::EncodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// 1: the sender has just come, and would like to hear of everybody. (F19)
    InitialHeartbeat,
    /// 2: the sender is alive. (F19)
    Heartbeat,
    /// 3: an event for the selected sockets. (F10)
    Broadcast {
        /// Who gets it, and how.
        options: BroadcastOptions,
        /// Its name and its arguments.
        event: Body,
        /// Present where the clients are to acknowledge it.
        request: Option<RequestId>,
    },
    /// 4: the selected sockets join rooms. (F11)
    SocketsJoin {
        /// Which sockets.
        options: BroadcastOptions,
        /// The rooms they join.
        rooms: Vec<String>,
    },
    /// 5: the selected sockets leave rooms. (F11)
    SocketsLeave {
        /// Which sockets.
        options: BroadcastOptions,
        /// The rooms they leave.
        rooms: Vec<String>,
    },
    /// 6: the selected sockets are disconnected. (F12)
    DisconnectSockets {
        /// Which sockets.
        options: BroadcastOptions,
        /// Whether their whole connections go, with their other namespaces.
        close: bool,
    },
    /// 7: which of the selected sockets has the receiver? (F13)
    FetchSockets {
        /// Which sockets.
        options: BroadcastOptions,
        /// What the answer names.
        request: RequestId,
    },
    /// 8: the answer to 7. (F13)
    FetchSocketsResponse {
        /// The question.
        request: RequestId,
        /// The sockets that the sender has.
        sockets: Vec<SocketDetails>,
    },
    /// 9: an event for the receiving server itself. (F14)
    ServerSideEmit {
        /// Its name and its arguments.
        event: Body,
        /// Present where the server is to answer.
        request: Option<RequestId>,
    },
    /// 10: the answer to 9. (F14)
    ServerSideEmitResponse {
        /// The question.
        request: RequestId,
        /// One value, or none.
        answer: Body,
    },
    /// 11: how many clients got the broadcast and were asked to acknowledge it. (F15)
    ///
    /// A second, smaller number behind the acknowledgements means that the other clients left without one: nobody has to wait for them
    /// (R22). To a server of the reference it makes no difference: where a client is missing, that waits until its deadline.
    BroadcastClientCount {
        /// The broadcast.
        request: RequestId,
        /// The number of the sender's clients.
        clients: u64,
    },
    /// 12: one client's acknowledgement. (F15)
    BroadcastAck {
        /// The broadcast.
        request: RequestId,
        /// One value, or none.
        answer: Body,
    },
    /// 13: the sender leaves. (F21)
    AdapterClose,
}

impl Message {
    /// Its number on the wire. (F8)
    ///
    /// ```
    /// assert_eq!(socketio_cluster::Message::Heartbeat.number(), 2);
    /// ```
    #[must_use]
    pub const fn number(&self) -> u8 {
        match self {
            Self::InitialHeartbeat => 1,
            Self::Heartbeat => 2,
            Self::Broadcast { .. } => 3,
            Self::SocketsJoin { .. } => 4,
            Self::SocketsLeave { .. } => 5,
            Self::DisconnectSockets { .. } => 6,
            Self::FetchSockets { .. } => 7,
            Self::FetchSocketsResponse { .. } => 8,
            Self::ServerSideEmit { .. } => 9,
            Self::ServerSideEmitResponse { .. } => 10,
            Self::BroadcastClientCount { .. } => 11,
            Self::BroadcastAck { .. } => 12,
            Self::AdapterClose => 13,
        }
    }
}

/// Which sockets of a namespace are meant, and how they are to get something. (F10)
///
/// ```
/// use std::time::Duration;
/// use socketio_cluster::BroadcastOptions;
///
/// let mut options = BroadcastOptions::default(); // every socket of the namespace
/// options.rooms = vec!["admins".into(), "operators".into()]; // who is in one of these, once
/// options.except = vec!["away".into()]; // without those
/// options.flags.timeout = Some(Duration::from_secs(2));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BroadcastOptions {
    /// The union of these rooms; without any, all sockets of the namespace.
    pub rooms: Vec<String>,
    /// Without who is in one of these rooms.
    pub except: Vec<String>,
    /// How.
    pub flags: BroadcastFlags,
}

/// How a broadcast is to be made. Other flags that a peer sends are ignored.
///
/// ```
/// use std::time::Duration;
/// use socketio_cluster::BroadcastFlags;
///
/// let flags = BroadcastFlags { timeout: Some(Duration::from_secs(2)), ..BroadcastFlags::default() };
/// assert!(!flags.local && !flags.volatile);
/// ```
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct BroadcastFlags {
    /// Whoever cannot take it at once does without.
    pub volatile: bool,
    /// `Some(false)` where it is not to be compressed.
    pub compress: Option<bool>,
    /// On this server only: nothing is published. (D84, F17)
    pub local: bool,
    /// How long answers are waited for; in milliseconds on the wire.
    pub timeout: Option<Duration>,
}

/// A socket as another server sees it. (D85, F13)
///
/// ```
/// use socketio_cluster::SocketDetails;
///
/// let details = SocketDetails::new("an id", vec!["lobby".into()], &"a handshake", &())?;
/// assert_eq!((details.id.as_str(), details.rooms.len()), ("an id", 1));
/// assert_eq!(details.handshake.ack_args::<(String,)>()?, ("a handshake".to_owned(),));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketDetails {
    /// Its id.
    pub id: String,
    /// The handshake that it came with: one value, read with `handshake.ack_args::<(T,)>()`.
    pub handshake: Body,
    /// The rooms that it is in.
    pub rooms: Vec<String>,
    /// What the application keeps with it: at most one value, read with `data.ack_args::<(Option<T>,)>()`.
    pub data: Body,
}

impl SocketDetails {
    /// The details of a socket, with what its server keeps of it.
    ///
    /// ```
    /// use socketio_cluster::SocketDetails;
    ///
    /// let details = SocketDetails::new("an id", vec!["lobby".into()], &serde_json::json!({"url": "/"}), &7)?;
    /// assert_eq!(details.data.ack_args::<(u8,)>()?, (7,));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Whatever keeps `handshake` or `data` from becoming JSON.
    pub fn new<H, D>(id: &str, rooms: Vec<String>, handshake: &H, data: &D) -> Result<Self, EncodeError>
    where
        H: Serialize + ?Sized,
        D: Serialize + ?Sized,
    {
        Ok(Self { id: id.to_owned(), handshake: Body::ack(&(handshake,))?, rooms, data: Body::ack(&(data,))? })
    }
}
