//! [`Parser`] and [`Decode`]: what turns packets into messages and back, as a choice. (C27)
//!
//! Owns the traits, the default parser behind them, and [`AnyParser`], by which a server keeps the default as
//! fast as if there were no choice; leaves out the formats (`codec/` with `decoder.rs`, and `msgpack/`).
//! [SIO5 Packet encoding]

use std::{any::TypeId, fmt::Debug, sync::Arc};

use engineio_proto::Message;
use serde::Serialize;

use crate::{
    AckId, Body, DecodeError, Decoder, DecoderLimits, EncodeError, Encoded, Namespace, Packet, PacketKind, body,
    encode, encode_ack, encode_event,
};

/// A format for packets, the same for all namespaces and for both sides of a connection. (C27)
///
/// A payload is a [`Body`] in memory whatever the parser: JSON text and attachments. A parser of your own reads
/// that and makes one with [`Body::from_parts`], which checks what the rest of the server relies on.
///
/// # Example
///
/// Each packet as one JSON text, `[type, namespace, id, payload]`; it knows no binary, so it says so.
///
/// ```
/// use engineio_proto::{Message, MessageFrame};
/// use socketio_proto::{
///     AckId, AnyParser, Body, Decode, DecodeError, DecoderLimits, Encoded, Namespace, Packet, PacketKind, Parser,
/// };
///
/// #[derive(Debug)]
/// struct Lists;
///
/// #[derive(Debug)]
/// struct ListDecoder(DecoderLimits);
///
/// impl Parser for Lists {
///     fn encode(&self, kind: PacketKind, namespace: &Namespace, ack: Option<AckId>, body: Option<&Body>) -> Encoded {
///         let payload = body.map_or("null", |body| body.json().as_str());
///         let ack = ack.map_or("null".to_owned(), |id| id.to_string());
///         let text = format!("[{},{:?},{ack},{payload}]", kind.number(), namespace.as_str());
///         Encoded::from_frames(vec![MessageFrame::text(&[&text])])
///     }
///
///     fn decoder(&self, limits: DecoderLimits) -> Box<dyn Decode + Send> {
///         Box::new(ListDecoder(limits))
///     }
/// }
///
/// impl Decode for ListDecoder {
///     fn handle(&mut self, message: Message) -> Result<Option<Packet>, DecodeError> {
///         let Message::Text(text) = message else { return Err(DecodeError::UnexpectedBinary) };
///         let (number, name, ack, payload): (u64, &str, Option<u64>, Box<serde_json::value::RawValue>) =
///             serde_json::from_str(&text).map_err(|error| DecodeError::Custom(error.to_string().into()))?;
///         let kind = PacketKind::from_number(number).ok_or(DecodeError::InvalidPacketType)?;
///         if name.len() > self.0.max_namespace_bytes {
///             return Err(DecodeError::InvalidNamespace { limit: self.0.max_namespace_bytes });
///         }
///         let body = match payload.get() {
///             "null" => None,
///             json => Some(Body::from_parts(kind, json, Vec::new())?),
///         };
///         Ok(Some(Packet { kind, namespace: Namespace::new(name), ack: ack.map(AckId), body }))
///     }
///
///     fn set_limits(&mut self, limits: DecoderLimits) {
///         self.0 = limits;
///     }
/// }
///
/// let parser = AnyParser::new(Lists);
/// let encoded = parser.encode_event(&Namespace::new("/chat"), Some(AckId(7)), "sum", &(1, 2))?;
/// let message = encoded.frames()[0].message();
/// assert_eq!(message, Message::from(r#"[2,"/chat",7,["sum",1,2]]"#));
/// let packet = parser.decoder(DecoderLimits::default()).handle(message)?.ok_or("not whole")?;
/// assert_eq!(packet.body.ok_or("no body")?.args::<(u8, u8)>()?, (1, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Parser: Debug + Send + Sync + 'static {
    /// The packet of these parts as messages, which are sent one after the other with none of another packet
    /// between them.
    ///
    /// The body is one that was made for this kind. It is called for each packet, or once for all who get the same;
    /// it must not block.
    fn encode(&self, kind: PacketKind, namespace: &Namespace, ack: Option<AckId>, body: Option<&Body>) -> Encoded;

    /// The decoder for one new connection.
    fn decoder(&self, limits: DecoderLimits) -> Box<dyn Decode + Send>;
}

/// The decoder of one connection. (C27)
///
/// ```
/// use socketio_proto::{Decode, Decoder, DecoderLimits};
///
/// let mut decoder: Box<dyn Decode> = Box::new(Decoder::new(DecoderLimits::default()));
/// assert!(decoder.handle(r#"2["hello"]"#.into())?.is_some());
/// assert!(!decoder.is_partial());
/// # Ok::<(), socketio_proto::DecodeError>(())
/// ```
pub trait Decode: Debug {
    /// Takes the next message; yields the packet which it completes, or `None` where it needs further messages.
    ///
    /// The message may be anything: the peer is not to be trusted. A panic in here takes the connection with it.
    ///
    /// # Errors
    /// Where the message is not what the format allows here, or is beyond a limit. It is not called again then, and
    /// the connection is closed. (C32)
    fn handle(&mut self, message: Message) -> Result<Option<Packet>, DecodeError>;

    /// Puts other limits in force from the next message on, say once the peer has joined a namespace.
    fn set_limits(&mut self, limits: DecoderLimits);

    /// Whether a packet waits for further messages, so that the caller can limit for how long. A format of one
    /// message for each packet, which is the default here, never does.
    fn is_partial(&self) -> bool {
        false
    }
}

/// The default parser: text with binary attachments, by [`encode`](crate::encode) and [`Decoder`]. (C3, C4)
///
/// ```
/// let parser = socketio_proto::AnyParser::new(socketio_proto::JsonParser);
/// ```
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct JsonParser;

impl Parser for JsonParser {
    fn encode(&self, kind: PacketKind, namespace: &Namespace, ack: Option<AckId>, body: Option<&Body>) -> Encoded {
        encode(kind, namespace, ack, body)
    }

    fn decoder(&self, limits: DecoderLimits) -> Box<dyn Decode + Send> {
        Box::new(Decoder::new(limits))
    }
}

impl Decode for Decoder {
    fn handle(&mut self, message: Message) -> Result<Option<Packet>, DecodeError> {
        Self::handle(self, message)
    }

    fn set_limits(&mut self, limits: DecoderLimits) {
        Self::set_limits(self, limits);
    }

    fn is_partial(&self) -> bool {
        Self::is_partial(self)
    }
}

/// The parser in force: the default one, called directly, or any other behind a shared pointer.
///
/// With the default one a Rust value is written straight into its frames, and a decoder needs no allocation; with
/// another there is a [`Body`] in between. Cloning costs at most a reference count.
///
/// ```
/// use socketio_proto::{AnyParser, JsonParser, MsgpackParser};
///
/// assert!(AnyParser::default().is_json());
/// assert!(AnyParser::new(JsonParser).is_json());
/// assert!(!AnyParser::new(MsgpackParser).is_json());
/// ```
#[derive(Clone, Debug, Default)]
pub struct AnyParser(Option<Arc<dyn Parser>>);

impl AnyParser {
    /// `parser`; [`JsonParser`] is recognised as the default.
    ///
    /// ```
    /// let parser = socketio_proto::AnyParser::new(socketio_proto::MsgpackParser);
    /// ```
    #[must_use]
    pub fn new<P: Parser>(parser: P) -> Self {
        let json = TypeId::of::<P>() == TypeId::of::<JsonParser>();
        Self((!json).then(|| Arc::new(parser) as Arc<dyn Parser>))
    }

    /// Whether it is the default one, whose packets are what [`encode`](crate::encode) makes of them.
    ///
    /// ```
    /// assert!(socketio_proto::AnyParser::default().is_json());
    /// ```
    #[must_use]
    pub const fn is_json(&self) -> bool {
        self.0.is_none()
    }

    /// The packet of these parts; the body must have been made for this kind.
    ///
    /// ```
    /// use socketio_proto::{AnyParser, JsonParser, Namespace, PacketKind};
    ///
    /// let packet = AnyParser::new(JsonParser).encode(PacketKind::Disconnect, &Namespace::root(), None, None);
    /// assert_eq!(packet.frames()[0].packet(), b"41");
    /// ```
    #[must_use]
    pub fn encode(&self, kind: PacketKind, namespace: &Namespace, ack: Option<AckId>, body: Option<&Body>) -> Encoded {
        match &self.0 {
            None => encode(kind, namespace, ack, body),
            Some(parser) => parser.encode(kind, namespace, ack, body),
        }
    }

    /// An EVENT, as [`encode_event`](crate::encode_event) makes it.
    ///
    /// ```
    /// use socketio_proto::{AnyParser, JsonParser, Namespace};
    ///
    /// let packet = AnyParser::new(JsonParser).encode_event(&Namespace::root(), None, "hello", &1)?;
    /// assert_eq!(packet.frames()[0].packet(), br#"42["hello",1]"#);
    /// # Ok::<(), socketio_proto::EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// [`EncodeError::ReservedEvent`], and whatever keeps `args` from becoming JSON.
    pub fn encode_event<T: Serialize + ?Sized>(
        &self,
        namespace: &Namespace,
        ack: Option<AckId>,
        event: &str,
        args: &T,
    ) -> Result<Encoded, EncodeError> {
        match &self.0 {
            None => encode_event(namespace, ack, event, args),
            Some(parser) => Ok(parser.encode(PacketKind::Event, namespace, ack, Some(&Body::event(event, args)?))),
        }
    }

    /// An ACK, as [`encode_ack`](crate::encode_ack) makes it.
    ///
    /// ```
    /// use socketio_proto::{AckId, AnyParser, JsonParser, Namespace};
    ///
    /// let packet = AnyParser::new(JsonParser).encode_ack(&Namespace::root(), AckId(7), &"done")?;
    /// assert_eq!(packet.frames()[0].packet(), br#"437["done"]"#);
    /// # Ok::<(), socketio_proto::EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// Whatever keeps `args` from becoming JSON.
    pub fn encode_ack<T: Serialize + ?Sized>(
        &self,
        namespace: &Namespace,
        ack: AckId,
        args: &T,
    ) -> Result<Encoded, EncodeError> {
        match &self.0 {
            None => encode_ack(namespace, ack, args),
            Some(parser) => Ok(parser.encode(PacketKind::Ack, namespace, Some(ack), Some(&Body::ack(args)?))),
        }
    }

    /// The decoder for one new connection.
    ///
    /// ```
    /// use socketio_proto::{AnyParser, DecoderLimits};
    ///
    /// let mut decoder = AnyParser::default().decoder(DecoderLimits::default());
    /// assert!(decoder.handle(r#"2["hello"]"#.into())?.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn decoder(&self, limits: DecoderLimits) -> AnyDecoder {
        AnyDecoder(match &self.0 {
            None => Inner::Json(Decoder::new(limits)),
            Some(parser) => Inner::Other(parser.decoder(limits)),
        })
    }
}

/// The decoder of one connection, by [`AnyParser::decoder`].
///
/// ```
/// use socketio_proto::{AnyParser, DecoderLimits, JsonParser};
///
/// let mut decoder = AnyParser::new(JsonParser).decoder(DecoderLimits::default());
/// assert!(decoder.handle(r#"2["hello"]"#.into())?.is_some());
/// # Ok::<(), socketio_proto::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct AnyDecoder(Inner);

#[derive(Debug)]
enum Inner {
    Json(Decoder),
    Other(Box<dyn Decode + Send>),
}

impl AnyDecoder {
    /// Takes the next message; yields the packet which it completes.
    ///
    /// ```
    /// use socketio_proto::{AnyParser, DecodeError, DecoderLimits, JsonParser};
    ///
    /// let mut decoder = AnyParser::new(JsonParser).decoder(DecoderLimits::default());
    /// let early = decoder.handle(bytes::Bytes::from_static(b"content").into()); // no packet has announced it
    /// assert_eq!(early, Err(DecodeError::UnexpectedBinary));
    /// ```
    ///
    /// # Errors
    /// As [`Decode::handle`]. A packet whose body was made for another kind is a [`DecodeError::InvalidPayload`],
    /// so that no mistake of a parser from outside this crate gets further than here.
    pub fn handle(&mut self, message: Message) -> Result<Option<Packet>, DecodeError> {
        let decoder = match &mut self.0 {
            Inner::Json(decoder) => return decoder.handle(message),
            Inner::Other(decoder) => decoder,
        };
        match decoder.handle(message)? {
            Some(Packet { ack: Some(id), .. }) if id > AckId::MAX => Err(DecodeError::InvalidAckId { offset: 0 }),
            Some(packet) if body::fits(packet.kind, packet.body.as_ref()) => Ok(Some(packet)),
            Some(_) => Err(DecodeError::InvalidPayload { offset: 0 }),
            None => Ok(None),
        }
    }

    /// Puts other limits in force from the next message on.
    pub fn set_limits(&mut self, limits: DecoderLimits) {
        match &mut self.0 {
            Inner::Json(decoder) => decoder.set_limits(limits),
            Inner::Other(decoder) => decoder.set_limits(limits),
        }
    }

    /// Whether a packet waits for further messages.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        match &self.0 {
            Inner::Json(decoder) => decoder.is_partial(),
            Inner::Other(decoder) => decoder.is_partial(),
        }
    }
}

#[cfg(test)]
mod tests;
