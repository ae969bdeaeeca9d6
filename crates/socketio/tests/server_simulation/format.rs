//! [`Format`]: how clients write what they say, as text with attachments or as MessagePack, and what is neither.
//!
//! Text is written by hand, so that a mistake of the crate's encoder does not cancel out one of its decoder; MessagePack by
//! the crate's own, which is held against the npm package elsewhere.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use engineio_proto::{Message, MessageFrame};
use socketio_proto::{AckId, AnyDecoder, AnyParser, Body, DecoderLimits, MsgpackParser, Namespace, PacketKind, Parser};
use testkit::Random;

use crate::PLACES;

/// The format of a whole world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    MessagePack,
}

/// What travels alone: an Engine.IO packet as text, or the bytes of a message.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    Text(String),
    Binary(Bytes),
}

impl Frame {
    /// As it stands in a payload.
    pub(crate) fn in_payload(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Binary(bytes) => format!("b{}", STANDARD.encode(bytes)),
        }
    }
}

impl Format {
    pub(crate) fn parser(self) -> AnyParser {
        match self {
            Self::Text => AnyParser::default(),
            Self::MessagePack => AnyParser::new(MsgpackParser),
        }
    }

    pub(crate) fn decoder(self) -> AnyDecoder {
        self.parser().decoder(DecoderLimits::default())
    }

    /// A packet of these parts; where there is an attachment, the JSON has its placeholder.
    pub(crate) fn write(
        self,
        kind: PacketKind,
        place: usize,
        ack: Option<u64>,
        json: &str,
        attachment: Option<Bytes>,
    ) -> Vec<Frame> {
        if self == Self::MessagePack {
            let body = || Body::from_parts(kind, json, attachment.into_iter().collect()).expect("it is one");
            let body = (!json.is_empty()).then(body);
            let packet = MsgpackParser.encode(kind, &Namespace::new(PLACES[place]), ack.map(AckId), body.as_ref());
            return packet.frames().iter().map(of_message).collect();
        }
        let name = if place == 0 { String::new() } else { format!("{},", PLACES[place]) };
        let ack = ack.map_or_else(String::new, |ack| ack.to_string());
        // The packet of an EVENT with attachments has a number of its own.
        let number = if attachment.is_some() { "51-".to_owned() } else { kind.number().to_string() };
        let text = Frame::Text(format!("4{number}{name}{ack}{json}"));
        [text].into_iter().chain(attachment.map(Frame::Binary)).collect()
    }

    /// What no decoder may take for a packet, or which never gets whole.
    pub(crate) fn write_badly(self, place: usize, dice: &mut Random) -> Vec<Frame> {
        let placeholder = "[\"bin\",{\"_placeholder\":true,\"num\":0}]";
        let whole = self.write(PacketKind::Event, place, None, placeholder, Some(Bytes::from_static(b"abc")));
        match (self, whole.into_iter().next()) {
            // The attachment never comes.
            (Self::Text, Some(announcement)) if dice.percent(50) => vec![announcement],
            (Self::MessagePack, Some(Frame::Binary(whole))) => {
                let mut bytes = whole.to_vec();
                match dice.below(4) {
                    // A byte that MessagePack has no meaning for.
                    0 => bytes[0] = 0xc1,
                    1 => bytes.push(0),
                    2 => bytes.truncate(dice.between(0, bytes.len() as u64) as usize),
                    _ => return vec![Frame::Text("4nonsense".into())],
                }
                vec![Frame::Binary(bytes.into())]
            }
            _ => vec![Frame::Text("4nonsense".into())],
        }
    }
}

fn of_message(frame: &MessageFrame) -> Frame {
    match frame.message() {
        Message::Text(text) => Frame::Text(format!("4{text}")),
        Message::Binary(bytes) => Frame::Binary(bytes),
    }
}
