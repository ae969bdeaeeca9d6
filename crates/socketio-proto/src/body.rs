//! [`Body`]: the payload of a packet, kept as it is on the wire until somebody asks for a type.
//!
//! Leaves out how values become JSON and attachments, and back (`codec/`). [SIO5 Packet encoding]

use std::borrow::Cow;

use bytes::Bytes;
use engineio_proto::Text;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    ArgumentError, DecodeError, EncodeError, PacketKind,
    codec::{
        arguments,
        attachments::{self, Refusal, Refused},
        json::{self, Shape},
    },
    is_reserved_event,
};

/// The JSON text of a packet and its attachments.
///
/// The text is an array whose first element is the event's name for an EVENT, an array for an ACK, an
/// object for a CONNECT, and an object or a string for a CONNECT_ERROR. It is well-formed, and each
/// placeholder in it names one of the attachments, no two the same.
///
/// It is the one form of a payload in memory, whatever [`Parser`](crate::Parser) is in use.
///
/// A received body shares the memory of its messages; cloning costs a reference count and the list of
/// attachments.
///
/// ```
/// use socketio_proto::Body;
///
/// let event = Body::event("move", &("knight", 3))?;
/// assert_eq!(event.event_name().as_deref(), Some("move"));
/// assert_eq!(event.args::<(String, u8)>()?, ("knight".into(), 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

    /// The body of a packet of this kind from its JSON text and its attachments, for parsers of other formats;
    /// checked to keep every promise above, in one pass over the text. (C10, C11, C15, C18)
    ///
    /// The text is kept as it is, save that a placeholder which is written in another way, say with its members
    /// in another order, is put in the form that this crate writes. Attachments which no placeholder names are
    /// kept.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use socketio_proto::{Body, DecodeError, PacketKind};
    ///
    /// let json = r#"["picture",{"_placeholder":true,"num":0}]"#;
    /// let body = Body::from_parts(PacketKind::Event, json, vec![Bytes::from_static(&[0, 255])])?;
    /// assert_eq!(body.args::<Bytes>()?, [0, 255][..]);
    ///
    /// let reserved = Body::from_parts(PacketKind::Event, r#"["connect"]"#, Vec::new());
    /// assert_eq!(reserved, Err(DecodeError::InvalidPayload { offset: 0 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DecodeError::InvalidPayload`] where the text is no JSON, is nested deeper than
    /// [`MAX_DEPTH`](crate::DecoderLimits::MAX_DEPTH) or has not the shape that this kind asks for, where the
    /// event's name is reserved, and where a kind has attachments that cannot (all but EVENT and ACK); a
    /// DISCONNECT has no body at all. [`DecodeError::IllegalPlaceholder`] where a placeholder names no attachment,
    /// or one a second time. Offsets count from the start of the text.
    pub fn from_parts(kind: PacketKind, json: impl Into<Text>, attachments: Vec<Bytes>) -> Result<Self, DecodeError> {
        let nothing = DecodeError::InvalidPayload { offset: 0 };
        if !attachments.is_empty() && !kind.may_be_binary() {
            return Err(nothing);
        }
        let json = check_payload(json.into(), 0, kind, attachments.len())?.ok_or(nothing)?;
        Ok(Self { json, attachments })
    }

    /// The body of an EVENT: its name and its arguments.
    ///
    /// ```
    /// use socketio_proto::Body;
    ///
    /// let event = Body::event("hello", &(1, "two"))?;
    /// assert_eq!(event.json().as_str(), r#"["hello",1,"two"]"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// use socketio_proto::Body;
    ///
    /// assert_eq!(Body::ack(&(1, "two"))?.json().as_str(), r#"[1,"two"]"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Whatever keeps `args` from becoming JSON.
    pub fn ack<T: Serialize + ?Sized>(args: &T) -> Result<Self, EncodeError> {
        let mut attachments = Vec::new();
        let json = arguments::write_ack(args, &mut attachments)?;
        Ok(Self { json: json.into(), attachments })
    }

    /// The payload of an acknowledgement without arguments; allocates nothing.
    ///
    /// ```
    /// use socketio_proto::Body;
    ///
    /// assert_eq!(Body::empty_ack(), Body::ack(&())?);
    /// # Ok::<(), socketio_proto::EncodeError>(())
    /// ```
    #[must_use]
    pub const fn empty_ack() -> Self {
        Self { json: Text::from_static("[]"), attachments: Vec::new() }
    }

    /// The body of a CONNECT, by either side. (C20)
    ///
    /// ```
    /// use socketio_proto::Body;
    ///
    /// let payload = Body::connect(&serde_json::json!({ "token": "abc" }))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// use socketio_proto::Body;
    ///
    /// let refusal = Body::connect_error("not authorized", None::<&()>)?;
    /// assert_eq!(refusal.json().as_str(), r#"{"message":"not authorized"}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// use socketio_proto::Body;
    ///
    /// assert_eq!(Body::error(&serde_json::json!({"code": 7}))?.json().as_str(), r#"{"code":7}"#);
    /// # Ok::<(), socketio_proto::EncodeError>(())
    /// ```
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
    ///
    /// ```
    /// use socketio_proto::Body;
    ///
    /// assert_eq!(Body::event("hello", &())?.json().as_str(), r#"["hello"]"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn json(&self) -> &Text {
        &self.json
    }

    /// The attachments in the order of their numbers.
    ///
    /// ```
    /// use socketio_proto::Body;
    ///
    /// let event = Body::event("file", &bytes::Bytes::from_static(b"content"))?;
    /// assert_eq!(event.attachments(), ["content"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// Bytes of the text and the attachments together.
    ///
    /// ```
    /// use socketio_proto::Body;
    ///
    /// assert_eq!(Body::event("hello", &())?.byte_len(), r#"["hello"]"#.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.json.len() + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }

    /// The name of the event, borrowed unless it was written with escapes; a number is its text. (C35)
    ///
    /// `None` where this is not the body of an EVENT.
    ///
    /// ```
    /// use socketio_proto::Body;
    ///
    /// assert_eq!(Body::event("hello", &())?.event_name().as_deref(), Some("hello"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn event_name(&self) -> Option<Cow<'_, str>> {
        event_name(&self.json)
    }

    /// Whether this is the body of the event `name`: what [`event_name`](Self::event_name) says, and quicker where the name
    /// stands there as nearly everybody writes it.
    ///
    /// ```
    /// use socketio_proto::Body;
    ///
    /// let body = Body::event("hello", &1)?;
    /// assert!(body.is_event("hello") && !body.is_event("hell"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_event(&self, name: &str) -> bool {
        let rest = self.json.strip_prefix("[\"").and_then(|rest| rest.strip_prefix(name));
        // In the JSON a backslash begins an escape: there it is not what it is in the name.
        let is_plain = rest.is_some_and(|rest| rest.starts_with('"')) && name.bytes().all(|byte| byte != b'\\');
        is_plain || self.event_name().is_some_and(|own| own == name)
    }

    /// The arguments of an EVENT as `T`, by the rule in the documentation of the crate.
    ///
    /// ```
    /// use socketio_proto::Body;
    ///
    /// assert_eq!(Body::event("add", &(1, 2))?.args::<(u8, u8)>()?, (1, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Where an argument is missing or does not fit.
    pub fn args<'de, T: Deserialize<'de>>(&'de self) -> Result<T, ArgumentError> {
        arguments::read_arguments(&self.json, &self.attachments, 1)
    }

    /// The arguments of an ACK as `T`, by the rule in the documentation of the crate.
    ///
    /// ```
    /// use socketio_proto::Body;
    ///
    /// assert_eq!(Body::ack(&(1, 2))?.ack_args::<(u8, u8)>()?, (1, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Where an argument is missing or does not fit.
    pub fn ack_args<'de, T: Deserialize<'de>>(&'de self) -> Result<T, ArgumentError> {
        arguments::read_arguments(&self.json, &self.attachments, 0)
    }

    /// The payload of a CONNECT or CONNECT_ERROR as `T`.
    ///
    /// ```
    /// use socketio_proto::Body;
    ///
    /// let payload = Body::connect(&serde_json::json!({ "token": "abc" }))?;
    /// assert_eq!(payload.data::<serde_json::Value>()?["token"], "abc");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Where it does not fit.
    pub fn data<'de, T: Deserialize<'de>>(&'de self) -> Result<T, ArgumentError> {
        serde_json::from_str(&self.json).map_err(|error| ArgumentError::new(0, &error))
    }

    /// How many arguments an EVENT has, without its name.
    ///
    /// ```
    /// use socketio_proto::Body;
    ///
    /// assert_eq!(Body::event("add", &(1, 2))?.arg_count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn arg_count(&self) -> usize {
        json::element_count(&self.json).saturating_sub(1)
    }

    /// How many arguments an ACK has.
    ///
    /// ```
    /// use socketio_proto::Body;
    ///
    /// assert_eq!(Body::ack(&(1, 2))?.ack_arg_count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn ack_arg_count(&self) -> usize {
        json::element_count(&self.json)
    }

    /// The same in memory of its own, so that keeping it does not keep the messages that it came in.
    ///
    /// ```
    /// use socketio_proto::Body;
    ///
    /// let event = Body::event("hello", &())?;
    /// assert_eq!(event.detached(), event); // in memory of its own
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn detached(&self) -> Self {
        let attachments = self.attachments.iter().map(|bytes| Bytes::copy_from_slice(bytes)).collect();
        Self { json: self.json.as_str().into(), attachments }
    }

    /// The same with one more argument at the end, which is `text`: the offset of a packet that can be recovered. (D105)
    ///
    /// ```
    /// use socketio_proto::Body;
    ///
    /// let body = Body::event("sum", &(1, 2))?.with_text("2s7x.4fti4g");
    /// assert_eq!(body.json().as_str(), r#"["sum",1,2,"2s7x.4fti4g"]"#);
    /// # Ok::<(), socketio_proto::EncodeError>(())
    /// ```
    #[must_use]
    pub fn with_text(&self, text: &str) -> Self {
        let list = self.json.trim_end();
        let open = list.strip_suffix(']').unwrap_or(list).trim_end();
        let comma = if open.ends_with('[') { "" } else { "," };
        let json = format!("{open}{comma}{}]", serde_json::Value::from(text));
        Self { json: json.into(), attachments: self.attachments.clone() }
    }

    /// Whether the last element, be it an argument or the name of an event without any, is a text: what a client that can
    /// be recovered takes for an offset. (D106)
    ///
    /// ```
    /// use socketio_proto::Body;
    ///
    /// assert!(Body::event("tick", &())?.ends_with_text());
    /// assert!(Body::event("say", &(1, "hello"))?.ends_with_text());
    /// assert!(!Body::event("say", &("hello", 1))?.ends_with_text());
    /// # Ok::<(), socketio_proto::EncodeError>(())
    /// ```
    #[must_use]
    pub fn ends_with_text(&self) -> bool {
        let list = self.json.trim_end();
        // Nothing but a string ends with a quote.
        list.strip_suffix(']').is_some_and(|list| list.trim_end().ends_with('"'))
    }

    /// The last argument of an EVENT where it is a text of at most so many bytes: what an offset is. (E57)
    ///
    /// The reference takes the name of an event without arguments for one as well, which it never is.
    pub(crate) fn last_text(&self, max_bytes: usize) -> Option<String> {
        if !self.ends_with_text() || self.arg_count() == 0 {
            return None;
        }
        let list = self.json.trim_end().strip_suffix(']')?.trim_end();
        let open = list.strip_suffix('"')?.rfind('"')?;
        let text = match list.get(..open)?.ends_with('\\') {
            // The quote is part of a text with escapes.
            true => serde_json::from_str::<Vec<&RawValue>>(&self.json).ok()?.last()?.get(),
            false => list.get(open..)?,
        };
        // A character is written with six at the most.
        if text.len() > max_bytes.saturating_mul(6).saturating_add(2) {
            return None;
        }
        serde_json::from_str(text).ok().filter(|text: &String| text.len() <= max_bytes)
    }

    /// The body of an ACK that answers this EVENT with its own arguments, attachments included, without
    /// reading them.
    ///
    /// ```
    /// use socketio_proto::Body;
    ///
    /// assert_eq!(Body::event("echo", &(1, 2))?.to_ack(), Body::ack(&(1, 2))?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    json::first_element(json).and_then(name_in)
}

/// The name that the first element of an event is.
fn name_in(element: json::Element<'_>) -> Option<Cow<'_, str>> {
    match element.plain() {
        Some(plain) => Some(Cow::Borrowed(plain)),
        None => serde_json::from_str(element.text).ok().map(Cow::Owned),
    }
}

/// Whether `body` can be that of a packet of this kind, as far as its first element tells: for bodies which are
/// well-formed, but perhaps made for another kind.
pub(crate) fn fits(kind: PacketKind, body: Option<&Body>) -> bool {
    let Some(body) = body else { return matches!(kind, PacketKind::Connect | PacketKind::Disconnect) };
    let shape = shape_of(kind).is_some_and(|shape| json::starts_as(&body.json, shape).is_ok());
    shape
        && (kind.may_be_binary() || body.attachments.is_empty())
        && (kind != PacketKind::Event || event_name(&body.json).is_some_and(|name| !is_reserved_event(&name)))
}

/// The shape that the payload of each kind of packet has.
const fn shape_of(kind: PacketKind) -> Option<Shape> {
    use PacketKind::{Ack, Connect, ConnectError, Disconnect, Event};
    match kind {
        Connect => Some(Shape::Object),
        ConnectError => Some(Shape::ObjectOrString),
        Event => Some(Shape::Event),
        Ack => Some(Shape::Array),
        Disconnect => None,
    }
}

/// The payload from `start` on, checked; with its placeholders where attachments are expected.
pub(crate) fn check_payload(
    text: Text,
    start: usize,
    kind: PacketKind,
    attachments: usize,
) -> Result<Option<Text>, DecodeError> {
    let invalid = |offset: usize| DecodeError::InvalidPayload { offset: start + offset };
    let json = text.skip(start).ok_or(invalid(0))?;
    let shape = match (shape_of(kind), json.is_empty()) {
        (None, true) => return Ok(None),
        (Some(_), true) if kind == PacketKind::Connect => return Ok(None),
        (Some(shape), false) => shape,
        (None, false) | (Some(_), true) => return Err(invalid(0)),
    };
    let first = json::check(&json, shape).map_err(invalid)?;
    if kind == PacketKind::Event && first.and_then(name_in).is_none_or(|name| is_reserved_event(&name)) {
        return Err(invalid(0));
    }
    if attachments == 0 {
        return Ok(Some(json));
    }
    match attachments::check(&json, attachments) {
        Ok(checked) => Ok(Some(checked.rewritten.map_or(json, Text::from))),
        Err(Refusal::TooDeep(offset)) => Err(invalid(offset)),
        Err(Refusal::Illegal(offset)) => Err(DecodeError::IllegalPlaceholder { offset: start + offset }),
    }
}

fn write_flat<T: Serialize + ?Sized>(value: &T) -> Result<String, EncodeError> {
    let mut refused = Refused::default();
    let json = arguments::write_value(value, &mut refused);
    if refused.seen() { Err(EncodeError::BinaryNotAllowed) } else { json }
}

#[cfg(test)]
mod tests;
