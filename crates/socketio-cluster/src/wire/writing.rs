//! From a message to the object that it is on the wire, as a JSON text with what is binary in it taken out. Rows F9 to F15.
//!
//! Leaves out MessagePack, which is made of that text (`mod.rs`).

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use socketio_proto::{Body, Namespace};

use super::{EVENT, EncodeError, numbering};
use crate::{BroadcastFlags, BroadcastOptions, Envelope, Message, RequestId, SocketDetails};

/// How an object begins that could be taken for a placeholder.
const PLACEHOLDER_KEY: &str = "\"_placeholder\"";

/// A value of the application as it stands in the text.
type Value<'a> = Cow<'a, RawValue>;

#[derive(Debug, Serialize)]
struct Object<'a> {
    uid: &'a str,
    nsp: &'a str,
    #[serde(rename = "type")]
    kind: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
}

/// The data of every type of message: each has some of these.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    opts: Option<Options<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rooms: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    close: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packet: Option<Packet<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sockets: Option<Vec<Socket<'a>>>,
}

#[derive(Debug, Serialize)]
struct Options<'a> {
    rooms: &'a [String],
    except: &'a [String],
    flags: Flags,
}

#[derive(Debug, Serialize)]
struct Flags {
    #[serde(skip_serializing_if = "Option::is_none")]
    volatile: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compress: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Packet<'a> {
    Event {
        #[serde(rename = "type")]
        kind: u8,
        data: Value<'a>,
        nsp: &'a str,
    },
    Value(Value<'a>),
}

#[derive(Debug, Serialize)]
struct Socket<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    handshake: Option<Value<'a>>,
    rooms: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value<'a>>,
}

/// What of a [`Body`] is the value.
#[derive(Copy, Clone)]
enum Part {
    Whole,
    /// The first element, where there is one.
    First,
}

/// The text of the object, and what is binary in it, numbered over the whole message.
pub(super) fn write(envelope: &Envelope) -> Result<(String, Vec<Bytes>), EncodeError> {
    let mut writing = Writing { is_binary: is_binary(&envelope.message), attachments: Vec::new() };
    let object = writing.object(envelope)?;
    let json = serde_json::to_string(&object).map_err(|error| unrepresentable(&error))?;
    Ok((json, writing.attachments))
}

fn unrepresentable(reason: &dyn fmt::Display) -> EncodeError {
    EncodeError::Unrepresentable(reason.to_string().into())
}

fn is_binary(message: &Message) -> bool {
    let is_binary = |body: &Body| !body.attachments().is_empty();
    match message {
        Message::Broadcast { event: body, .. }
        | Message::ServerSideEmit { event: body, .. }
        | Message::ServerSideEmitResponse { answer: body, .. }
        | Message::BroadcastAck { answer: body, .. } => is_binary(body),
        Message::FetchSocketsResponse { sockets, .. } => {
            sockets.iter().any(|socket| is_binary(&socket.handshake) || is_binary(&socket.data))
        }
        _ => false,
    }
}

struct Writing {
    /// Whether anything in the message has attachments.
    is_binary: bool,
    attachments: Vec<Bytes>,
}

impl Writing {
    /// That part of the body, with its attachments numbered after those that were there before.
    fn value<'a>(&mut self, body: &'a Body, part: Part) -> Result<Option<Value<'a>>, EncodeError> {
        let json = body.json().as_str();
        let raw = match part {
            Part::Whole => serde_json::from_str(json).map(Some),
            Part::First => serde_json::from_str(json).map(|list: Vec<&RawValue>| list.first().copied()),
        };
        let Some(raw) = raw.map_err(|error| unrepresentable(&error))? else { return Ok(None) };
        // Without attachments of its own, such an object is a client's, who could make it look like those of somebody else.
        if self.is_binary && body.attachments().is_empty() && raw.get().contains(PLACEHOLDER_KEY) {
            return Ok(None);
        }
        if body.attachments().is_empty() {
            return Ok(Some(Cow::Borrowed(raw)));
        }
        let numbered = numbering::renumber(raw.get(), body.attachments(), &mut self.attachments);
        let numbered = numbered.ok_or_else(|| unrepresentable(&"a placeholder without its attachment"))?;
        RawValue::from_string(numbered).map(|raw| Some(Cow::Owned(raw))).map_err(|error| unrepresentable(&error))
    }

    fn object<'a>(&mut self, envelope: &'a Envelope) -> Result<Object<'a>, EncodeError> {
        let Envelope { sender, namespace, message } = envelope;
        let data = match message {
            Message::InitialHeartbeat | Message::Heartbeat | Message::AdapterClose => None,
            message => Some(self.data(namespace, message)?),
        };
        Ok(Object { uid: sender.as_str(), nsp: namespace.as_str(), kind: message.number().into(), data })
    }

    fn data<'a>(&mut self, namespace: &'a Namespace, message: &'a Message) -> Result<Data<'a>, EncodeError> {
        let mut data = Data::default();
        match message {
            Message::InitialHeartbeat | Message::Heartbeat | Message::AdapterClose => {}
            Message::Broadcast { options, event, request } => {
                data.opts = Some(selection(options));
                data.request_id = request.as_ref().map(RequestId::as_str);
                let event = self.value(event, Part::Whole)?;
                data.packet = event.map(|data| Packet::Event { kind: EVENT, data, nsp: namespace.as_str() });
            }
            Message::SocketsJoin { options, rooms } | Message::SocketsLeave { options, rooms } => {
                data.opts = Some(selection(options));
                data.rooms = Some(rooms);
            }
            Message::DisconnectSockets { options, close } => {
                data.opts = Some(selection(options));
                data.close = Some(*close);
            }
            Message::FetchSockets { options, request } => {
                data.opts = Some(selection(options));
                data.request_id = Some(request.as_str());
            }
            Message::FetchSocketsResponse { request, sockets } => {
                data.request_id = Some(request.as_str());
                data.sockets = Some(sockets.iter().map(|socket| self.socket(socket)).collect::<Result<_, _>>()?);
            }
            Message::ServerSideEmit { event, request } => {
                data.request_id = request.as_ref().map(RequestId::as_str);
                data.packet = self.value(event, Part::Whole)?.map(Packet::Value);
            }
            Message::ServerSideEmitResponse { request, answer } | Message::BroadcastAck { request, answer } => {
                data.request_id = Some(request.as_str());
                data.packet = self.value(answer, Part::First)?.map(Packet::Value);
            }
            Message::BroadcastClientCount { request, clients } => {
                data.request_id = Some(request.as_str());
                data.client_count = Some(*clients);
            }
        }
        Ok(data)
    }

    fn socket<'a>(&mut self, socket: &'a SocketDetails) -> Result<Socket<'a>, EncodeError> {
        let handshake = self.value(&socket.handshake, Part::First)?;
        let data = self.value(&socket.data, Part::First)?;
        Ok(Socket { id: &socket.id, handshake, rooms: &socket.rooms, data })
    }
}

fn selection(options: &BroadcastOptions) -> Options<'_> {
    let BroadcastFlags { volatile, compress, local, timeout } = options.flags;
    let timeout = timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
    let flags = Flags { volatile: volatile.then_some(true), compress, local: local.then_some(true), timeout };
    Options { rooms: &options.rooms, except: &options.except, flags }
}
