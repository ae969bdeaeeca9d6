//! [`Revision`] and [`Dialect`]: which Engine.IO a client speaks, and the few places where that makes a difference:
//! the payloads of long-polling and binary on a WebSocket. Rows A16, A41, A72, A88, A90.
//!
//! Owns the choice only. Revision 4 itself is in `packet.rs`, `payload.rs` and `message.rs`, revision 3 in `v3/`; who
//! sends the heartbeat's ping is in `session/heartbeat.rs`.

use bytes::Bytes;

use crate::{Message, MessageFrame, Packet, Packets, Payload, PayloadWriter, Text, error::DecodeError, v3};

/// A revision of the Engine.IO protocol: `EIO` in the query.
///
/// ```
/// assert_ne!(engineio_proto::Revision::V3, engineio_proto::Revision::V4);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Revision {
    /// Spoken by the JavaScript clients 1.x and 2.x of Socket.IO. Served where
    /// [`Query::dialect`](crate::request::Query::dialect) is told to.
    V3,
    /// Spoken by the JavaScript clients from 3.x on.
    V4,
}

/// How a client wants to be talked to on one transport: its revision, and within the third its wishes for binary
/// and JSONP. The request that opens the transport says it (rows A71, A72).
///
/// ```
/// use engineio_proto::{Dialect, Revision, request::Query, v3};
///
/// let dialect = Query::parse("EIO=3&transport=polling&b64=1").dialect(true).unwrap();
/// assert_eq!(dialect, Dialect::V3(v3::Style { base64: true, jsonp: None }));
/// assert_eq!(dialect.revision(), Revision::V3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Revision 3, in this style.
    V3(v3::Style),
    /// Revision 4: base64 on long-polling, bare frames on WebSocket, no JSONP.
    V4,
}

impl Dialect {
    /// The revision.
    ///
    /// ```
    /// use engineio_proto::{Dialect, Revision, v3};
    ///
    /// assert_eq!(Dialect::V3(v3::Style::default()).revision(), Revision::V3);
    /// ```
    #[must_use]
    pub const fn revision(self) -> Revision {
        match self {
            Self::V3(_) => Revision::V3,
            Self::V4 => Revision::V4,
        }
    }

    /// The answer to a GET that carries nothing but this packet, which belongs to the protocol.
    ///
    /// ```
    /// use engineio_proto::{Dialect, v3};
    ///
    /// assert_eq!(Dialect::V4.control("6").bytes, "6");
    /// assert_eq!(Dialect::V3(v3::Style::default()).control("6").bytes, "1:6");
    /// ```
    #[must_use]
    pub fn control(self, packet: &'static str) -> Payload {
        match self {
            Self::V4 => Payload::control(packet),
            Self::V3(style) => {
                let mut payload = v3::PayloadWriter::new(style);
                payload.push_text(packet);
                Payload { compress: false, ..payload.finish() }
            }
        }
    }

    pub(crate) fn writer(self) -> Writer {
        match self {
            Self::V4 => Writer::V4(PayloadWriter::new()),
            Self::V3(style) => Writer::V3(v3::PayloadWriter::new(style)),
        }
    }

    /// The packets in the body of a POST of text.
    pub(crate) fn text_packets(self, body: Bytes) -> Result<PostPackets, DecodeError> {
        let text = |body| Text::from_utf8(body).map_err(|error| DecodeError::Utf8(error.valid_up_to()));
        Ok(match self {
            Self::V4 => PostPackets::V4(Packets::new(text(body)?)),
            Self::V3(style) if style.jsonp.is_some() => {
                PostPackets::V3Text(v3::TextPackets::new(v3::form_data(&body)?))
            }
            Self::V3(_) => PostPackets::V3Text(v3::TextPackets::new(text(body)?)),
        })
    }

    /// The packets in the body of a POST of bytes; `None` where the revision has none (row A67).
    pub(crate) fn binary_packets(self, body: Bytes) -> Option<PostPackets> {
        match self {
            Self::V4 => None,
            Self::V3(_) => Some(PostPackets::V3Binary(v3::BinaryPackets::new(body))),
        }
    }

    /// The packet in a text frame.
    pub(crate) fn decode_text(self, text: Text) -> Result<Packet, DecodeError> {
        match self {
            Self::V4 => Packet::take(text),
            Self::V3(_) => v3::decode_text(&text),
        }
    }

    /// The packet in a binary frame.
    pub(crate) fn decode_binary(self, bytes: Bytes) -> Result<Packet, DecodeError> {
        match self {
            Self::V4 => Ok(Packet::Message(Message::Binary(bytes))),
            Self::V3(_) => v3::decode_binary(&bytes),
        }
    }

    /// The frame as this client takes it on a WebSocket. A frame is made for the fourth revision, so that a broadcast
    /// is framed once; for the third, binary is framed again here.
    pub(crate) fn reframe(self, frame: MessageFrame) -> MessageFrame {
        match self {
            Self::V3(style) if frame.is_binary() => v3::reframe(style, &frame),
            Self::V3(_) | Self::V4 => frame,
        }
    }
}

/// Writes the answer to a GET.
#[derive(Debug)]
pub(crate) enum Writer {
    V3(v3::PayloadWriter),
    V4(PayloadWriter),
}

impl Writer {
    pub(crate) fn push_text(&mut self, packet: &str) {
        match self {
            Self::V3(payload) => payload.push_text(packet),
            Self::V4(payload) => payload.push_text(packet),
        }
    }

    pub(crate) fn push_message(&mut self, frame: &MessageFrame, budget: usize) -> bool {
        match self {
            Self::V3(payload) => payload.push_message(frame, budget),
            Self::V4(payload) => payload.push_message(frame, budget),
        }
    }

    pub(crate) fn finish(self) -> Payload {
        match self {
            Self::V3(payload) => payload.finish(),
            Self::V4(payload) => payload.finish(),
        }
    }
}

/// The packets in the body of a POST; after the first error there is nothing more.
pub(crate) enum PostPackets {
    V4(Packets),
    V3Text(v3::TextPackets),
    V3Binary(v3::BinaryPackets),
}

impl Iterator for PostPackets {
    type Item = Result<Packet, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::V4(packets) => packets.next(),
            Self::V3Text(packets) => packets.next(),
            Self::V3Binary(packets) => packets.next(),
        }
    }
}
