//! [`Packet`] and the newtypes in it: [`PacketKind`], [`Namespace`], [`AckId`].
//!
//! Leaves out the payload (`body.rs`) and the wire format (`codec/`, `decoder.rs`).
//! [SIO5 Packet encoding]

use std::{
    borrow::Borrow,
    fmt,
    hash::{Hash, Hasher},
};

use engineio_proto::Text;

use crate::{Body, body};

/// Event names that the protocol keeps for itself; no packet may carry them. (C11)
///
/// ```
/// assert!(socketio_proto::RESERVED_EVENTS.contains(&"connect"));
/// ```
pub const RESERVED_EVENTS: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// Whether `event` is one of [`RESERVED_EVENTS`].
///
/// ```
/// use socketio_proto::is_reserved_event;
///
/// assert!(is_reserved_event("disconnect"));
/// assert!(!is_reserved_event("message"));
/// ```
#[must_use]
pub fn is_reserved_event(event: &str) -> bool {
    RESERVED_EVENTS.contains(&event)
}

/// The type of a packet.
///
/// BINARY_EVENT and BINARY_ACK exist only on the wire: a packet whose body has attachments is written as
/// one, and read back as [`Event`](Self::Event) or [`Ack`](Self::Ack). (C2, C17)
///
/// ```
/// assert_eq!(socketio_proto::PacketKind::from_number(2), Some(socketio_proto::PacketKind::Event));
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum PacketKind {
    /// 0: joins a namespace, or confirms it.
    Connect,
    /// 1: leaves a namespace.
    Disconnect,
    /// 2, or 5 with attachments: an event with its arguments.
    Event,
    /// 3, or 6 with attachments: the answer to an event that asked for one.
    Ack,
    /// 4: refuses a namespace.
    ConnectError,
}

impl PacketKind {
    /// The number of the type, from 0 to 4, for parsers that have no types of their own for binary. (C2)
    ///
    /// ```
    /// assert_eq!(socketio_proto::PacketKind::ConnectError.number(), 4);
    /// ```
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Connect => 0,
            Self::Disconnect => 1,
            Self::Event => 2,
            Self::Ack => 3,
            Self::ConnectError => 4,
        }
    }

    /// The type with that number, from 0 to 4.
    ///
    /// ```
    /// use socketio_proto::PacketKind;
    ///
    /// assert_eq!(PacketKind::from_number(3), Some(PacketKind::Ack));
    /// assert_eq!(PacketKind::from_number(5), None); // of the wire only
    /// ```
    #[must_use]
    pub const fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            0 => Self::Connect,
            1 => Self::Disconnect,
            2 => Self::Event,
            3 => Self::Ack,
            4 => Self::ConnectError,
            _ => return None,
        })
    }

    /// Whether its payload may have attachments.
    pub(crate) const fn may_be_binary(self) -> bool {
        matches!(self, Self::Event | Self::Ack)
    }
}

/// One packet of the protocol, whole: an event with attachments has them all.
///
/// ```
/// use socketio_proto::{AckId, Body, Namespace, Packet, PacketKind, encode_packet};
///
/// let mut packet = Packet::new(PacketKind::Event, Namespace::new("/chat"), Some(Body::event("hello", &1)?));
/// packet.ack = Some(AckId(7));
/// assert_eq!(encode_packet(&packet).frames()[0].packet(), br#"42/chat,7["hello",1]"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// What it is.
    pub kind: PacketKind,
    /// The namespace that it belongs to.
    pub namespace: Namespace,
    /// On an EVENT: the sender wants an acknowledgement with this id. On an ACK: which event it answers;
    /// an ACK without one answers nothing and is to be ignored.
    pub ack: Option<AckId>,
    /// The payload. Received EVENT, ACK and CONNECT_ERROR packets always have one, DISCONNECT never.
    pub body: Option<Body>,
}

impl Packet {
    /// A packet without an acknowledgement id.
    ///
    /// ```
    /// use socketio_proto::{Namespace, Packet, PacketKind, encode_packet};
    ///
    /// let leave = Packet::new(PacketKind::Disconnect, Namespace::new("/chat"), None);
    /// assert_eq!(encode_packet(&leave).frames()[0].packet(), b"41/chat,");
    /// ```
    #[must_use]
    pub const fn new(kind: PacketKind, namespace: Namespace, body: Option<Body>) -> Self {
        Self { kind, namespace, ack: None, body }
    }

    /// Whether the parts belong together: the body is what [`Body::from_parts`] lets through for this kind, it is
    /// there where the kind needs one, and the id is not beyond [`AckId::MAX`]. (C18)
    ///
    /// What the decoders of this crate yield always is; this is for tests of decoders of your own, and reads the
    /// whole text. The reference asks whether the namespace is a string, which the type says already.
    ///
    /// ```
    /// use socketio_proto::{Body, Namespace, Packet, PacketKind};
    ///
    /// let body = Body::ack(&(1, 2))?;
    /// assert!(Packet::new(PacketKind::Ack, Namespace::root(), Some(body.clone())).is_valid());
    /// assert!(!Packet::new(PacketKind::Connect, Namespace::root(), Some(body)).is_valid());
    /// # Ok::<(), socketio_proto::EncodeError>(())
    /// ```
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let body = self.body.as_ref();
        self.ack.is_none_or(|id| id <= AckId::MAX)
            && body::fits(self.kind, body)
            && body.is_none_or(|body| {
                Body::from_parts(self.kind, body.json().clone(), body.attachments().to_vec()).is_ok()
            })
    }
}

/// The id that ties an acknowledgement to its event; unique among the pending ones of a sender. (C14, C34)
///
/// ```
/// assert!(socketio_proto::AckId(7) < socketio_proto::AckId::MAX);
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AckId(pub u64);

impl AckId {
    /// The largest that goes over the wire: above it, JavaScript peers cannot tell neighbours apart.
    pub const MAX: Self = Self((1 << 53) - 1);
}

impl fmt::Display for AckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a namespace, with its leading slash. Cloning costs at most a reference count.
///
/// That of a received packet shares the memory of its message: what lives longer than the packet should
/// keep a [`detached`](Self::detached) one.
///
/// ```
/// use socketio_proto::Namespace;
///
/// assert_eq!(Namespace::new("chat").as_str(), "/chat");
/// assert!(Namespace::root().is_root());
/// ```
#[derive(Clone)]
pub struct Namespace(Text);

impl Namespace {
    /// The main namespace, `/`.
    #[must_use]
    pub const fn root() -> Self {
        Self(Text::from_static("/"))
    }

    /// The namespace called `name`; a missing leading slash is added, so that the empty name is `/`. (D18)
    ///
    /// A name with a comma in it cannot be said on the wire: the other side reads it up to there.
    ///
    /// ```
    /// use socketio_proto::Namespace;
    ///
    /// assert_eq!(Namespace::new("chat"), Namespace::new("/chat"));
    /// assert_eq!(Namespace::new(""), Namespace::root());
    /// ```
    #[must_use]
    pub fn new(name: &str) -> Self {
        match name {
            "" | "/" => Self::root(),
            _ if name.starts_with('/') => Self(name.into()),
            _ => Self(format!("/{name}").into()),
        }
    }

    /// Takes over a name which is known to start with a slash.
    pub(crate) const fn from_wire(name: Text) -> Self {
        Self(name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `/`, which the wire leaves out.
    ///
    /// ```
    /// use socketio_proto::Namespace;
    ///
    /// assert!(Namespace::new("/").is_root());
    /// assert!(!Namespace::new("/chat").is_root());
    /// ```
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.as_str() == "/"
    }

    /// The same in memory of its own, so that keeping it does not keep the message that it came in.
    ///
    /// ```
    /// use socketio_proto::{Decoder, DecoderLimits};
    ///
    /// let packet = Decoder::new(DecoderLimits::default()).handle("0/chat,".into())?.ok_or("complete")?;
    /// let kept = packet.namespace.detached();
    /// drop(packet); // with its message
    /// assert_eq!(kept.as_str(), "/chat");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn detached(&self) -> Self {
        Self::new(self.as_str())
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::root()
    }
}

impl From<&str> for Namespace {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl PartialEq for Namespace {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Namespace {}

impl PartialOrd for Namespace {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Namespace {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

/// The hash of the string, so that a map keyed by namespaces can be asked with a `&str`.
impl Hash for Namespace {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Borrow<str> for Namespace {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Namespace {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;

    #[test]
    fn a_namespace_gets_its_leading_slash() {
        for (given, name) in
            [("", "/"), ("/", "/"), ("chat", "/chat"), ("/chat", "/chat"), ("*", "/*"), ("/a/b?c=1", "/a/b?c=1")]
        {
            assert_eq!(Namespace::new(given).as_str(), name, "{given:?}");
        }
        assert!(Namespace::new("").is_root() && !Namespace::new("chat").is_root());
    }

    #[test]
    fn maps_keyed_by_namespaces_are_asked_with_strings() {
        let hashed = HashMap::from([(Namespace::new("chat"), 1), (Namespace::root(), 2)]);
        assert_eq!((hashed.get("/chat"), hashed.get("/"), hashed.get("chat")), (Some(&1), Some(&2), None));
        let ordered = BTreeMap::from([(Namespace::new("chat"), 1)]);
        assert_eq!(ordered.get("/chat"), Some(&1));
    }

    /// Hazard R38.
    #[test]
    fn a_detached_namespace_no_longer_shares_the_message() {
        let message = Text::from("2/chat,[\"x\"]".to_owned());
        let shared = Namespace::from_wire(message.slice(1, 6).unwrap());
        let detached = shared.detached();
        assert_eq!(detached, shared);
        assert_eq!(shared.as_str().as_ptr(), message[1..].as_ptr());
        assert_ne!(detached.as_str().as_ptr(), shared.as_str().as_ptr());
    }
}
