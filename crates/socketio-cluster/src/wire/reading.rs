//! From the object that a message is on the wire to the message: checked, bounded, and unknown fields ignored. Rows F9 to F15, S25.
//!
//! Leaves out MessagePack, of which `mod.rs` makes the same JSON text with what is binary beside it.

use std::{borrow::Cow, fmt, ops::RangeInclusive, time::Duration};

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use socketio_proto::{Body, DecoderLimits, Namespace, PacketKind};

use super::{DecodeError, EVENT, WireLimits, numbering};
use crate::{BroadcastFlags, BroadcastOptions, Envelope, Message, NodeId, RequestId, SocketDetails};

/// What a broadcast with binary data is where somebody names it by what clients get; the reference says EVENT.
const BINARY_EVENT: u8 = 5;

const KNOWN_TYPES: RangeInclusive<u64> = 1..=13;

#[derive(Deserialize)]
struct Object<'a, D> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
    #[serde(borrow)]
    nsp: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: u64,
    data: Option<D>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    opts: Option<Options>,
    request_id: Option<String>,
    #[serde(default)]
    rooms: Rooms,
    #[serde(default)]
    close: Option<bool>,
    client_count: Option<u64>,
    /// Absent and `null` are two things: an answer of nothing, and one of null.
    #[serde(borrow, default, deserialize_with = "present")]
    packet: Option<&'a RawValue>,
    #[serde(borrow)]
    sockets: Option<Vec<Socket<'a>>>,
}

#[derive(Deserialize)]
struct Options {
    #[serde(default)]
    rooms: Rooms,
    #[serde(default)]
    except: Rooms,
    #[serde(default)]
    flags: Option<Flags>,
}

#[derive(Default, Deserialize)]
struct Flags {
    volatile: Option<bool>,
    compress: Option<bool>,
    local: Option<bool>,
    timeout: Option<f64>,
}

#[derive(Deserialize)]
struct Socket<'a> {
    id: String,
    #[serde(borrow, default, deserialize_with = "present")]
    handshake: Option<&'a RawValue>,
    #[serde(default)]
    rooms: Rooms,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// A bounded list of rooms. JavaScript servers may name a room by a number, which is read as its text.
#[derive(Default)]
struct Rooms(Vec<String>);

impl<'de> Deserialize<'de> for Rooms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Rooms;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of rooms")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Rooms, A::Error> {
                let mut rooms = Vec::new();
                while let Some(Room(room)) = list.next_element()? {
                    if rooms.len() == WireLimits::MAX_ROOMS {
                        return Err(de::Error::custom("too many rooms"));
                    }
                    rooms.push(room);
                }
                Ok(Rooms(rooms))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

struct Room(String);

impl<'de> Deserialize<'de> for Room {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Room;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a room")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Room, E> {
                Ok(Room(name.to_owned()))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Room, E> {
                Ok(Room(number.to_string()))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Room, E> {
                Ok(Room(number.to_string()))
            }
        }
        deserializer.deserialize_any(Name)
    }
}

/// A packet of a broadcast. Its namespace is that of the envelope.
#[derive(Deserialize)]
struct Packet<'a> {
    #[serde(rename = "type")]
    kind: u8,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// The message in this text, with what is binary in it.
pub(super) fn read(json: &str, attachments: &[Bytes]) -> Result<Envelope, DecodeError> {
    let parsed = parse::<Object<'_, Data<'_>>>(json).and_then(|object| envelope(object, attachments));
    parsed.map_err(|error| {
        // What a message of an unknown type holds may be anything, so that it is no reason to complain about.
        let head = parse::<Object<'_, IgnoredAny>>(json);
        head.ok().and_then(|object| unknown_type(&object)).unwrap_or(error)
    })
}

fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, DecodeError> {
    serde_json::from_str(json).map_err(|error| DecodeError::malformed(&error))
}

fn lacks(field: &str) -> DecodeError {
    DecodeError::malformed(&format_args!("it lacks `{field}`"))
}

fn unknown_type<D>(object: &Object<'_, D>) -> Option<DecodeError> {
    let sender = NodeId::parse(&object.uid)?;
    let namespace = namespace(&object.nsp)?;
    let number = object.kind;
    (!KNOWN_TYPES.contains(&number)).then_some(DecodeError::UnknownType { sender, namespace, number })
}

/// The namespace of this name, which may be as long as a client's.
fn namespace(name: &str) -> Option<Namespace> {
    (name.len() <= DecoderLimits::default().max_namespace_bytes).then(|| Namespace::new(name))
}

fn envelope(object: Object<'_, Data<'_>>, attachments: &[Bytes]) -> Result<Envelope, DecodeError> {
    if let Some(unknown) = unknown_type(&object) {
        return Err(unknown);
    }
    let sender = NodeId::parse(&object.uid).ok_or_else(|| lacks("a proper uid"))?;
    let namespace = namespace(&object.nsp);
    let namespace = namespace.ok_or_else(|| DecodeError::malformed(&"a namespace that is too long"))?;
    let message = match (object.kind, object.data) {
        (1, _) => Message::InitialHeartbeat,
        (2, _) => Message::Heartbeat,
        (13, _) => Message::AdapterClose,
        (_, None) => return Err(lacks("data")),
        (kind, Some(data)) => data.message(kind, attachments)?,
    };
    Ok(Envelope { sender, namespace, message })
}

impl Data<'_> {
    /// The message of one of the types that have data.
    fn message(self, kind: u64, attachments: &[Bytes]) -> Result<Message, DecodeError> {
        let request = self.request_id.as_deref();
        let request = request.map(|id| RequestId::parse(id).ok_or_else(|| lacks("a proper requestId"))).transpose()?;
        let needed = || request.clone().ok_or_else(|| lacks("requestId"));
        let options = || self.opts.map(Options::read).ok_or_else(|| lacks("opts"))?;
        let packet = || self.packet.map(RawValue::get).ok_or_else(|| lacks("packet"));
        let rooms = self.rooms.0;
        Ok(match kind {
            3 => Message::Broadcast { options: options()?, event: broadcast(packet()?, attachments)?, request },
            4 => Message::SocketsJoin { options: options()?, rooms },
            5 => Message::SocketsLeave { options: options()?, rooms },
            6 => Message::DisconnectSockets { options: options()?, close: self.close.unwrap_or_default() },
            7 => Message::FetchSockets { options: options()?, request: needed()? },
            8 => {
                let sockets = self.sockets.ok_or_else(|| lacks("sockets"))?.into_iter();
                let sockets = sockets.map(|socket| socket.read(attachments)).collect::<Result<_, _>>()?;
                Message::FetchSocketsResponse { request: needed()?, sockets }
            }
            9 => Message::ServerSideEmit { event: server_event(packet()?, attachments)?, request },
            10 => Message::ServerSideEmitResponse { request: needed()?, answer: single(self.packet, attachments)? },
            11 => {
                let clients = self.client_count.ok_or_else(|| lacks("clientCount"))?;
                Message::BroadcastClientCount { request: needed()?, clients }
            }
            _ => Message::BroadcastAck { request: needed()?, answer: single(self.packet, attachments)? },
        })
    }
}

impl Options {
    fn read(self) -> Result<BroadcastOptions, DecodeError> {
        let Flags { volatile, compress, local, timeout } = self.flags.unwrap_or_default();
        // To the reference, a time-out of zero is none.
        let timeout = timeout.filter(|millis| *millis > 0.0).map(|millis| Duration::try_from_secs_f64(millis / 1000.0));
        let timeout = timeout.transpose().map_err(|error| DecodeError::malformed(&error))?;
        let is_set = |flag: Option<bool>| flag.unwrap_or_default();
        let flags = BroadcastFlags { volatile: is_set(volatile), compress, local: is_set(local), timeout };
        Ok(BroadcastOptions { rooms: self.rooms.0, except: self.except.0, flags })
    }
}

impl Socket<'_> {
    fn read(self, attachments: &[Bytes]) -> Result<SocketDetails, DecodeError> {
        let (handshake, data) = (single(self.handshake, attachments)?, single(self.data, attachments)?);
        Ok(SocketDetails { id: self.id, handshake, rooms: self.rooms.0, data })
    }
}

/// The event of a broadcast, which is as good as one from a client: its name is not reserved.
fn broadcast(json: &str, attachments: &[Bytes]) -> Result<Body, DecodeError> {
    let packet: Packet<'_> = parse(json)?;
    match packet.kind {
        EVENT | BINARY_EVENT => body(PacketKind::Event, packet.data.get(), attachments),
        other => Err(DecodeError::malformed(&format_args!("a broadcast of packet type {other}"))),
    }
}

/// An event for servers: its name may be one that clients cannot be sent.
fn server_event(json: &str, attachments: &[Bytes]) -> Result<Body, DecodeError> {
    let body = body(PacketKind::Ack, json, attachments)?;
    if body.event_name().is_none() { Err(lacks("an event name")) } else { Ok(body) }
}

/// One value, or none, as the argument of an ACK.
fn single(value: Option<&RawValue>, attachments: &[Bytes]) -> Result<Body, DecodeError> {
    match value {
        Some(value) => body(PacketKind::Ack, &format!("[{}]", value.get()), attachments),
        None => body(PacketKind::Ack, "[]", &[]),
    }
}

/// The body in this text, with its own attachments out of those of the whole message.
fn body(kind: PacketKind, json: &str, attachments: &[Bytes]) -> Result<Body, DecodeError> {
    let mut own = Vec::new();
    let json =
        if attachments.is_empty() { Some(json.to_owned()) } else { numbering::renumber(json, attachments, &mut own) };
    let json = json.ok_or_else(|| DecodeError::malformed(&"a placeholder without its attachment"))?;
    Body::from_parts(kind, json, own).map_err(|error| DecodeError::malformed(&error))
}
