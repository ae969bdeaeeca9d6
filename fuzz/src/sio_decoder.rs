//! A sequence of Socket.IO messages: attachments belong to their packet, in order and within the limits.
//! [SIO5 Packet encoding]

use bytes::Bytes;
use engineio_proto::Message;
use socketio_proto::{AnyParser, DecodeError, Decoder, JsonParser, Packet};

use crate::sio_reading::{check, decode, small_limits, to_msgpack};

/// What stands between two messages; neither byte is in any UTF-8, so that a text may say everything else.
const BETWEEN: u8 = 0xFF;
/// In front of one that is binary.
const BINARY: u8 = 0xFE;

/// Messages, one after the other, until the first that is an error, as for a connection; then a new connection.
pub fn run(data: &[u8]) {
    let limits = small_limits();
    let mut decoder = Decoder::new(limits);
    let mut other = AnyParser::new(JsonParser).decoder(limits);
    let mut waiting: Vec<Bytes> = Vec::new();
    for part in data.split(|byte| *byte == BETWEEN) {
        let message = match part.strip_prefix(&[BINARY]) {
            Some(bytes) => Message::Binary(Bytes::copy_from_slice(bytes)),
            None => Message::Text(String::from_utf8_lossy(part).into_owned().into()),
        };
        if let Message::Binary(bytes) = &message {
            waiting.push(bytes.clone());
        }
        let (was_partial, is_text) = (decoder.is_partial(), matches!(message, Message::Text(_)));
        let decoded = decoder.handle(message.clone());
        assert_eq!(other.handle(message), decoded);
        assert_eq!(decoder.is_partial(), decoded == Ok(None));
        let held: usize = waiting.iter().map(Bytes::len).sum();
        match decoded {
            Ok(Some(packet)) => whole(&packet, &std::mem::take(&mut waiting)),
            Ok(None) => assert!(held <= limits.max_attachment_bytes && waiting.len() < limits.max_attachments),
            Err(error) => {
                match error {
                    DecodeError::TextWhileReconstructing => assert!(was_partial && is_text),
                    DecodeError::UnexpectedBinary => assert!(!was_partial && !is_text),
                    DecodeError::AttachmentsTooLarge { limit } => assert!(was_partial && held > limit),
                    _ => assert!(!was_partial && is_text, "{error}"),
                }
                waiting.clear();
            }
        }
    }
}

fn whole(packet: &Packet, attachments: &[Bytes]) {
    assert_eq!(packet.body.as_ref().map_or(&[][..], |body| body.attachments()), attachments);
    check(packet);
    // The same values in the other format, though not in the same text: that may be written in many ways.
    let message = Message::Binary(to_msgpack(packet));
    let again = AnyParser::new(socketio_proto::MsgpackParser).decoder(small_limits()).handle(message);
    match again {
        Ok(Some(again)) => {
            check(&again);
            assert_eq!((again.kind, &again.namespace, again.ack), (packet.kind, &packet.namespace, packet.ack));
            assert_eq!(decode(&socketio_proto::encode_packet(&again)), again);
        }
        again => {
            // Texts that JSON can say and Rust cannot.
            let json = packet.body.as_ref().map_or("", |body| body.json());
            assert!(serde_json::from_str::<serde_json::Value>(json).is_err(), "{again:?} of {packet:?}");
        }
    }
}
