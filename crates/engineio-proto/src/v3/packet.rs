//! Single packets of revision 3, where they are not those of revision 4: binary ones. [EIO3 Encoding] Rows A86, A90.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::Style;
use crate::{Message, MessageFrame, Packet, Text, error::DecodeError, payload::decode_base64};

/// The number of a message's kind, in front of its bytes and, as a digit, in front of base64.
pub(super) const MESSAGE: u8 = 4;

/// Reads a packet of text: as in revision 4, or `b`, the digit of its kind and base64.
pub(crate) fn decode_text(packet: &Text) -> Result<Packet, DecodeError> {
    let Some(encoded) = packet.strip_prefix('b') else {
        return Packet::decode(packet);
    };
    let kind = *encoded.as_bytes().first().ok_or(DecodeError::Empty)?;
    let Some(encoded) = encoded.strip_prefix('4') else {
        return Err(DecodeError::UnknownKind(kind));
    };
    Ok(Packet::Message(Message::Binary(decode_base64(encoded)?)))
}

/// Reads a packet of bytes, sharing their memory. What a packet other than a message carries means nothing.
pub(crate) fn decode_binary(packet: &Bytes) -> Result<Packet, DecodeError> {
    let kind = *packet.first().ok_or(DecodeError::Empty)?;
    Ok(match kind {
        0 => Packet::Open(Text::new()),
        1 => Packet::Close,
        2 => Packet::Ping(Text::new()),
        3 => Packet::Pong(Text::new()),
        MESSAGE => Packet::Message(Message::Binary(packet.slice(1..))),
        5 => Packet::Upgrade,
        6 => Packet::Noop,
        other => return Err(DecodeError::UnknownKind(other)),
    })
}

/// Frames a binary message again, as this revision has it on a WebSocket.
pub(crate) fn reframe(style: Style, frame: &MessageFrame) -> MessageFrame {
    let framed = if style.takes_binary() {
        MessageFrame::packet_binary(&[MESSAGE], frame.packet())
    } else {
        let mut packet = String::from("b4");
        STANDARD.encode_string(frame.packet(), &mut packet);
        MessageFrame::packet_text(&packet)
    };
    if frame.may_compress() { framed } else { framed.uncompressed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(bytes: &'static [u8]) -> Packet {
        Packet::Message(Message::Binary(Bytes::from_static(bytes)))
    }

    #[test]
    fn a_text_packet_is_that_of_revision_four_or_base64_with_its_kind() {
        let table = [
            ("4hello", Ok(Packet::Message("hello".into()))),
            ("2probe", Ok(Packet::Ping("probe".into()))),
            ("b4AQID", Ok(binary(&[1, 2, 3]))),
            ("b4", Ok(binary(&[]))),
            ("b", Err(DecodeError::Empty)),
            ("bAQID", Err(DecodeError::UnknownKind(b'A'))),
            ("b2AQID", Err(DecodeError::UnknownKind(b'2'))),
            ("b4%", Err(DecodeError::Base64)),
            ("", Err(DecodeError::Empty)),
        ];
        for (wire, expected) in table {
            assert_eq!(decode_text(&wire.into()), expected, "{wire:?}");
        }
    }

    #[test]
    fn a_binary_packet_begins_with_the_number_of_its_kind() {
        let decode = |bytes: &'static [u8]| decode_binary(&Bytes::from_static(bytes));
        assert_eq!(decode(&[4, 1, 2]), Ok(binary(&[1, 2])));
        assert_eq!(decode(&[4]), Ok(binary(&[])));
        assert_eq!(decode(&[2, 0xFF]), Ok(Packet::Ping(Text::new())));
        assert_eq!(decode(&[1]), Ok(Packet::Close));
        assert_eq!(decode(&[]), Err(DecodeError::Empty));
        assert_eq!(decode(&[7]), Err(DecodeError::UnknownKind(7)));
        assert_eq!(decode(b"4"), Err(DecodeError::UnknownKind(b'4')));
    }

    #[test]
    fn a_binary_frame_is_framed_as_the_client_takes_it() {
        let frame = MessageFrame::binary(&[1, 2, 3]);
        let bytes = reframe(Style::default(), &frame);
        assert_eq!(&bytes.frame()[..], [0x82, 4, 4, 1, 2, 3]);
        let text = reframe(Style { base64: true, jsonp: None }, &frame);
        assert_eq!(&text.frame()[..], b"\x81\x06b4AQID");
        assert!(!reframe(Style::default(), &frame.uncompressed()).may_compress());
    }
}
