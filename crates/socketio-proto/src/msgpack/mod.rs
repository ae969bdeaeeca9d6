//! [`MsgpackParser`]: each packet is one binary message, a MessagePack map, as `socket.io-msgpack-parser` has
//! it. (C28)
//!
//! Owns the packet's map and what may be in it; leaves out what MessagePack is (`token.rs`), and how a payload
//! becomes JSON text with attachments (`reading.rs`) and comes from it (`writing.rs`). [SIO5 Custom parser]

mod date;
mod reading;
mod token;
mod writing;

use bytes::Bytes;
use engineio_proto::{Message, MessageFrame, Text};

use self::{
    reading::Payload,
    token::{Input, Token},
};
use crate::{
    AckId, Body, Decode, DecodeError, DecoderLimits, Encoded, Namespace, Packet, PacketKind, Parser, body,
    codec::attachments::refuse_lookalikes,
};

/// Whole packets as MessagePack: `{type, nsp, data?, id?}` in one binary message, compatible with the npm package
/// `socket.io-msgpack-parser` 3. Both sides have to use it. (C28)
///
/// It is smaller where there are many numbers, and binary needs no second message; it is larger for plain text, and
/// a browser's tools cannot show it. (C30)
///
/// A payload is the same [`Body`] that it would be with the default parser:
/// - MessagePack's binary data are the attachments, and `ArrayBuffer`s (extension 0 with a length) too.
/// - A `Date` (extension 0 of 8 bytes) is read as its ISO text, `undefined` (extension 0 of 1 byte) as `null`, or as
///   no member at all in an object, and NaN and the infinities as `null`: what `JSON.stringify` makes of them.
/// - Any other extension is a list of its type and its bytes, which is how the npm package reads it.
/// - Keys that are no strings become the text that JavaScript makes of them, where they are scalars.
/// - Numbers are sent as integers in the shortest form where they are written as such, and as 64-bit floats
///   otherwise; integers beyond 64 bits are sent as floats. (The npm package itself
///   garbles whole numbers from 2^64 on when it writes them.)
///
/// Reading is as strict as with the default parser, and so stricter than the npm package: reserved event names
/// are refused, and EVENTs without a name; so are binary data in a CONNECT, invalid UTF-8, a namespace without its
/// leading slash, a negative id, a key of the packet that is there twice, and objects that could be taken for a
/// placeholder beside binary data. On the other hand a CONNECT or DISCONNECT may have `null` for its data, as peers
/// in languages without `undefined` send it.
///
/// Memory: the JSON text is at most seven times as long as its part of the message, plus some 40 bytes for each
/// attachment, and attachments from 16 KiB on share the message's memory. Nothing is reserved for a length that is
/// announced.
///
/// ```
/// use bytes::Bytes;
/// use socketio_proto::{AnyParser, DecoderLimits, MsgpackParser, Namespace};
///
/// let parser = AnyParser::new(MsgpackParser);
/// let picture = Bytes::from_static(&[0, 255]);
/// let encoded = parser.encode_event(&Namespace::root(), None, "picture", &(1, &picture))?;
/// assert_eq!(encoded.frames().len(), 1);
///
/// let packet = parser.decoder(DecoderLimits::default()).handle(encoded.frames()[0].message())?.ok_or("not whole")?;
/// let body = packet.body.ok_or("no body")?;
/// assert_eq!(body.json().as_str(), r#"["picture",1,{"_placeholder":true,"num":0}]"#);
/// assert_eq!(body.args::<(u8, Bytes)>()?, (1, picture));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct MsgpackParser;

impl Parser for MsgpackParser {
    fn encode(&self, kind: PacketKind, namespace: &Namespace, ack: Option<AckId>, body: Option<&Body>) -> Encoded {
        let packet = writing::packet(kind, namespace, ack, body);
        Encoded::from_frames(vec![MessageFrame::binary(&packet)])
    }

    fn decoder(&self, limits: DecoderLimits) -> Box<dyn Decode + Send> {
        Box::new(MsgpackDecoder { limits })
    }
}

/// A value as MessagePack, from its JSON text with placeholders of the form that this crate writes and its attachments, as
/// [`MsgpackParser`] does with a payload: for other messages that are to be read by the same npm package.
///
/// What is no JSON gives bytes that nobody can read.
///
/// ```
/// use bytes::Bytes;
/// use socketio_proto::{DecoderLimits, json_to_msgpack, msgpack_to_json};
///
/// let json = r#"{"type":3,"data":{"_placeholder":true,"num":0}}"#;
/// let attachments = [Bytes::from_static(&[0, 255])];
/// let bytes = Bytes::from(json_to_msgpack(json, &attachments));
/// assert_eq!(bytes, b"\x82\xa4type\x03\xa4data\xc4\x02\x00\xff"[..]);
///
/// let (text, binary) = msgpack_to_json(&bytes, &DecoderLimits::default(), DecoderLimits::MAX_DEPTH)?;
/// assert_eq!((text.as_str(), binary), (json, attachments.to_vec()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn json_to_msgpack(json: &str, attachments: &[Bytes]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    writing::write_json(&mut out, json, attachments);
    out
}

/// The JSON text of a MessagePack value, and what is binary in it, each the only one that its placeholder names; nested no deeper than
/// `max_depth`.
///
/// ```
/// use socketio_proto::{DecoderLimits, json_to_msgpack, msgpack_to_json};
///
/// let packed = json_to_msgpack(r#"{"a":[1,"b"]}"#, &[]);
/// let (json, attachments) = msgpack_to_json(&packed.into(), &DecoderLimits::default(), DecoderLimits::MAX_DEPTH)?;
/// assert_eq!((&*json, attachments.len()), (r#"{"a":[1,"b"]}"#, 0));
/// # Ok::<(), socketio_proto::DecodeError>(())
/// ```
///
/// # Errors
/// Where the bytes are not one whole value, or it is beyond the limits, or has an object in it that could be taken for a placeholder
/// beside binary data.
pub fn msgpack_to_json(
    bytes: &Bytes,
    limits: &DecoderLimits,
    max_depth: usize,
) -> Result<(String, Vec<Bytes>), DecodeError> {
    let mut input = Input::new(bytes);
    let Payload { json, attachments } = Payload::read(&mut input, limits, max_depth)?;
    if !input.is_empty() {
        return Err(input.malformed());
    }
    refuse_lookalikes(&json, attachments.len(), false).map_err(|_| DecodeError::IllegalPlaceholder { offset: 0 })?;
    Ok((json, attachments))
}

/// Keeps nothing from one message to the next.
#[derive(Debug)]
struct MsgpackDecoder {
    limits: DecoderLimits,
}

impl Decode for MsgpackDecoder {
    fn handle(&mut self, message: Message) -> Result<Option<Packet>, DecodeError> {
        let Message::Binary(bytes) = message else { return Err(DecodeError::UnexpectedText) };
        let mut input = Input::new(&bytes);
        let fields = Fields::read(&mut input, &self.limits)?;
        if !input.is_empty() {
            return Err(input.malformed());
        }
        fields.into_packet(&self.limits).map(Some)
    }

    fn set_limits(&mut self, limits: DecoderLimits) {
        self.limits = limits;
    }
}

/// What a packet's map is read for; anything else in it is skipped, like the `options` which the client sends along
/// for its own encoder.
#[derive(Copy, Clone)]
enum Member {
    Type,
    Namespace,
    Id,
    Data,
}

impl Member {
    const fn with_key(key: &[u8]) -> Option<Self> {
        match key {
            b"type" => Some(Self::Type),
            b"nsp" => Some(Self::Namespace),
            b"id" => Some(Self::Id),
            b"data" => Some(Self::Data),
            _ => None,
        }
    }
}

/// The members of a packet, in whatever order they came.
#[derive(Default)]
struct Fields {
    kind: Option<PacketKind>,
    namespace: Option<Namespace>,
    ack: Option<AckId>,
    /// With where in the message it is.
    data: Option<(usize, Payload)>,
    /// One bit for each [`Member`] that was there, even if it was `undefined`.
    seen: u8,
}

impl Fields {
    fn read(input: &mut Input<'_>, limits: &DecoderLimits) -> Result<Self, DecodeError> {
        let no_map = input.malformed();
        let Token::Map(len) = input.token()? else { return Err(no_map) };
        let mut fields = Self::default();
        for _ in 0..len {
            let bad_key = input.malformed();
            let Token::Str(key) = input.token()? else { return Err(bad_key) };
            let Some(member) = Member::with_key(&key) else {
                input.skip()?;
                continue;
            };
            let bit = 1 << member as u8;
            if fields.seen & bit != 0 {
                return Err(bad_key);
            }
            fields.seen |= bit;
            if !input.skip_undefined() {
                fields.read_member(member, input, limits)?;
            }
        }
        Ok(fields)
    }

    fn read_member(
        &mut self,
        member: Member,
        input: &mut Input<'_>,
        limits: &DecoderLimits,
    ) -> Result<(), DecodeError> {
        let offset = input.offset();
        match member {
            Member::Type => {
                let kind = input.token()?.as_index().and_then(PacketKind::from_number);
                self.kind = Some(kind.ok_or(DecodeError::InvalidPacketType)?);
            }
            Member::Namespace => {
                let limit = limits.max_namespace_bytes;
                self.namespace = Some(namespace(input.token()?, limit).ok_or(DecodeError::InvalidNamespace { limit })?);
            }
            Member::Id => {
                let id = input.token()?.as_index().map(AckId).filter(|id| *id <= AckId::MAX);
                self.ack = Some(id.ok_or(DecodeError::InvalidAckId { offset })?);
            }
            Member::Data => self.data = Some((offset, Payload::read(input, limits, DecoderLimits::MAX_DEPTH)?)),
        }
        Ok(())
    }

    /// Checks what can only be checked once the type is known. (C10, C11)
    fn into_packet(self, limits: &DecoderLimits) -> Result<Packet, DecodeError> {
        let limit = limits.max_namespace_bytes;
        let kind = self.kind.ok_or(DecodeError::InvalidPacketType)?;
        let namespace = self.namespace.ok_or(DecodeError::InvalidNamespace { limit })?;
        let (offset, data) = self.data.map_or((0, None), |(offset, data)| (offset, Some(data)));
        // A payload that must be there is missing whether it is null or not said at all.
        let body = match data.filter(|data| data.json != "null") {
            Some(Payload { json, attachments }) => {
                refuse_lookalikes(&json, attachments.len(), false)
                    .map_err(|_| DecodeError::IllegalPlaceholder { offset })?;
                Some(Body::from_wire(Text::from(json), attachments))
            }
            None => None,
        };
        if !body::fits(kind, body.as_ref()) {
            return Err(DecodeError::InvalidPayload { offset });
        }
        Ok(Packet { kind, namespace, ack: self.ack, body })
    }
}

/// The namespace that `token` names; it shares the memory of the message.
fn namespace(token: Token, limit: usize) -> Option<Namespace> {
    let Token::Str(name) = token else { return None };
    if name.len() > limit || name.first() != Some(&b'/') {
        return None;
    }
    let name = Text::from_utf8(name).ok()?;
    Some(if name.len() == 1 { Namespace::root() } else { Namespace::from_wire(name) })
}

#[cfg(test)]
mod tests;
