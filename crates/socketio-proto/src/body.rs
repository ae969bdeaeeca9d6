//! [`Body`]: the payload of a packet, kept as it is on the wire until somebody asks for a type.
//!
//! Leaves out how values become JSON and attachments, and back (`codec/`). [SIO5 Packet encoding]

use std::borrow::Cow;

use bytes::Bytes;
use engineio_proto::Text;
use serde::{Deserialize, Serialize};

use crate::{
    ArgumentError, EncodeError,
    codec::{
        arguments,
        attachments::Refused,
        json::{self, Shape},
    },
};

/// The JSON text of a packet and its attachments.
///
/// The text is an array whose first element is the event's name for an EVENT, an array for an ACK, an
/// object for a CONNECT, and an object or a string for a CONNECT_ERROR. It is well-formed, and each
/// placeholder in it names one of the attachments, no two the same.
///
/// A received body shares the memory of its messages; cloning costs a reference count and the list of
/// attachments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    json: Text,
    attachments: Vec<Bytes>,
}

impl Body {
    /// Takes over what has been checked to keep the promises above.
    pub(crate) const fn from_wire(json: Text, attachments: Vec<Bytes>) -> Self {
        Self { json, attachments }
    }

    /// The body of an EVENT: its name and its arguments.
    ///
    /// # Errors
    /// [`EncodeError::ReservedEvent`], and whatever keeps `args` from becoming JSON.
    pub fn event<T: Serialize + ?Sized>(event: &str, args: &T) -> Result<Self, EncodeError> {
        let mut attachments = Vec::new();
        let json = arguments::write_event(event, args, &mut attachments)?;
        Ok(Self { json: json.into(), attachments })
    }

    /// The body of an ACK: its arguments.
    ///
    /// # Errors
    /// Whatever keeps `args` from becoming JSON.
    pub fn ack<T: Serialize + ?Sized>(args: &T) -> Result<Self, EncodeError> {
        let mut attachments = Vec::new();
        let json = arguments::write_ack(args, &mut attachments)?;
        Ok(Self { json: json.into(), attachments })
    }

    /// The body of a CONNECT, by either side. (C20)
    ///
    /// # Errors
    /// [`EncodeError::NotAnObject`], [`EncodeError::BinaryNotAllowed`], and whatever keeps `data` from
    /// becoming JSON.
    pub fn connect<T: Serialize + ?Sized>(data: &T) -> Result<Self, EncodeError> {
        let json = write_flat(data)?;
        if !json.starts_with('{') {
            return Err(EncodeError::NotAnObject);
        }
        Ok(Self { json: json.into(), attachments: Vec::new() })
    }

    /// The body of a CONNECT_ERROR: `{"message":"…","data":…}`, without the second member where `data` is
    /// `None`. (C21)
    ///
    /// # Errors
    /// [`EncodeError::BinaryNotAllowed`], and whatever keeps `data` from becoming JSON.
    pub fn connect_error<T: Serialize + ?Sized>(message: &str, data: Option<&T>) -> Result<Self, EncodeError> {
        let message = write_flat(message)?;
        let json = match data {
            Some(data) => format!("{{\"message\":{message},\"data\":{}}}", write_flat(data)?),
            None => format!("{{\"message\":{message}}}"),
        };
        Ok(Self { json: json.into(), attachments: Vec::new() })
    }

    /// The body of the ERROR of revision 4 of the protocol, which has the place of CONNECT_ERROR: `data` itself, a
    /// string, an object or a list. (C25)
    ///
    /// # Errors
    /// [`EncodeError::NotAnObject`] where it is something else, which no client could read,
    /// [`EncodeError::BinaryNotAllowed`], and whatever keeps `data` from becoming JSON.
    pub fn error<T: Serialize + ?Sized>(data: &T) -> Result<Self, EncodeError> {
        let json = write_flat(data)?;
        if !json.starts_with(['"', '{', '[']) {
            return Err(EncodeError::NotAnObject);
        }
        Ok(Self { json: json.into(), attachments: Vec::new() })
    }

    /// The JSON text, with placeholders where the attachments belong.
    #[must_use]
    pub const fn json(&self) -> &Text {
        &self.json
    }

    /// The attachments in the order of their numbers.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// Bytes of the text and the attachments together.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.json.len() + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }

    /// The name of the event, borrowed unless it was written with escapes; a number is its text. (C35)
    ///
    /// `None` where this is not the body of an EVENT.
    #[must_use]
    pub fn event_name(&self) -> Option<Cow<'_, str>> {
        event_name(&self.json)
    }

    /// The arguments of an EVENT as `T`, by the rule in the documentation of the crate.
    ///
    /// # Errors
    /// Where an argument is missing or does not fit.
    pub fn args<'de, T: Deserialize<'de>>(&'de self) -> Result<T, ArgumentError> {
        arguments::read_arguments(&self.json, &self.attachments, 1)
    }

    /// The arguments of an ACK as `T`, by the rule in the documentation of the crate.
    ///
    /// # Errors
    /// Where an argument is missing or does not fit.
    pub fn ack_args<'de, T: Deserialize<'de>>(&'de self) -> Result<T, ArgumentError> {
        arguments::read_arguments(&self.json, &self.attachments, 0)
    }

    /// The payload of a CONNECT or CONNECT_ERROR as `T`.
    ///
    /// # Errors
    /// Where it does not fit.
    pub fn data<'de, T: Deserialize<'de>>(&'de self) -> Result<T, ArgumentError> {
        serde_json::from_str(&self.json).map_err(|error| ArgumentError::new(0, &error))
    }

    /// How many arguments an EVENT has, without its name.
    #[must_use]
    pub fn arg_count(&self) -> usize {
        json::element_count(&self.json).saturating_sub(1)
    }

    /// How many arguments an ACK has.
    #[must_use]
    pub fn ack_arg_count(&self) -> usize {
        json::element_count(&self.json)
    }

    /// The same in memory of its own, so that keeping it does not keep the messages that it came in.
    #[must_use]
    pub fn detached(&self) -> Self {
        let attachments = self.attachments.iter().map(|bytes| Bytes::copy_from_slice(bytes)).collect();
        Self { json: self.json.as_str().into(), attachments }
    }

    /// The body of an ACK that answers this EVENT with its own arguments, attachments included, without
    /// reading them.
    #[must_use]
    pub fn to_ack(&self) -> Self {
        let after_name = json::first_element(&self.json).and_then(|name| self.json.get(name.end..));
        let rest = after_name.unwrap_or("]").trim_start();
        let rest = rest.strip_prefix(',').unwrap_or(rest);
        Self { json: format!("[{rest}").into(), attachments: self.attachments.clone() }
    }
}

/// The name in the payload of an EVENT.
pub(crate) fn event_name(json: &str) -> Option<Cow<'_, str>> {
    let element = json::first_element(json)?;
    match element.plain() {
        Some(plain) => Some(Cow::Borrowed(plain)),
        None => serde_json::from_str(element.text).ok().map(Cow::Owned),
    }
}

/// The shape that the payload of each kind of packet has.
pub(crate) const fn shape_of(kind: crate::PacketKind) -> Option<Shape> {
    use crate::PacketKind::{Ack, Connect, ConnectError, Disconnect, Event};
    match kind {
        Connect => Some(Shape::Object),
        ConnectError => Some(Shape::ObjectOrString),
        Event => Some(Shape::Event),
        Ack => Some(Shape::Array),
        Disconnect => None,
    }
}

fn write_flat<T: Serialize + ?Sized>(value: &T) -> Result<String, EncodeError> {
    let mut refused = Refused::default();
    let json = arguments::write_value(value, &mut refused);
    if refused.seen() { Err(EncodeError::BinaryNotAllowed) } else { json }
}

#[cfg(test)]
mod tests;
