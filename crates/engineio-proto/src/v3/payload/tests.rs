//! Tests of the payloads of revision 3: examples of both forms, what is refused, and properties: what is written is read
//! back, and nothing that a client can send makes the reader panic or go on for ever.

use proptest::prelude::*;

use super::*;
use crate::Message;

const BINARY_TAKEN: Style = Style { base64: false, jsonp: None };
const BASE64: Style = Style { base64: true, jsonp: None };

type Read = Result<Packet, DecodeError>;

fn text_packets(payload: &str) -> Vec<Read> {
    TextPackets::new(payload.into()).collect()
}

fn binary_packets(payload: &[u8]) -> Vec<Read> {
    BinaryPackets::new(Bytes::copy_from_slice(payload)).collect()
}

fn text(text: &str) -> Read {
    Ok(Packet::Message(text.into()))
}

fn binary(bytes: &'static [u8]) -> Read {
    Ok(Packet::Message(Message::Binary(Bytes::from_static(bytes))))
}

/// A88: lengths are in UTF-16 code units, not in bytes or characters.
#[test]
fn a_text_payload_is_cut_by_lengths_in_utf16() {
    assert_eq!(text_packets("6:4hello"), [text("hello")]);
    assert_eq!(text_packets("2:4a1:22:4é3:4😀"), [text("a"), Ok(Packet::Ping("".into())), text("é"), text("😀")]);
    assert_eq!(text_packets("2:4:10:b4AQIDBA=="), [text(":"), binary(&[1, 2, 3, 4])]);
    assert_eq!(text_packets("002:4a"), [text("a")]);
    assert_eq!(text_packets("0:"), []);
    assert_eq!(text_packets("0:2:4a0:"), [text("a")]);
}

/// A88, S20: after the first bad packet there is nothing more.
#[test]
fn a_text_payload_with_a_wrong_length_is_an_error() {
    let long = format!("{}2:4a", "0".repeat(310));
    let limit = format!("{}2:4a", "0".repeat(309));
    assert_eq!(text_packets(&limit), [text("a")]);
    for payload in
        ["", ":", "4a", "x:4a", "-1:4", "+1:6", "1e1:4", " 2:4a", "3:4a", "2:4😀", "99999999999999999999:4", &long]
    {
        assert_eq!(text_packets(payload), [Err(DecodeError::Length)], "{payload}");
    }
    assert_eq!(text_packets("2:4a2"), [text("a"), Err(DecodeError::Length)]);
    assert_eq!(text_packets("2:4a1:92:4b"), [text("a"), Err(DecodeError::UnknownKind(b'9'))]);
    assert_eq!(text_packets("2:4a3:b4%2:4b"), [text("a"), Err(DecodeError::Base64)]);
}

#[test]
fn a_binary_payload_is_cut_by_lengths_in_bytes() {
    let payload = b"\x00\x03\xFF4\xC3\xA9\x01\x03\xFF\x04\x01\x02\x00\x01\x00\xFF2probe\x00\x7F";
    let expected = [text("é"), binary(&[1, 2])];
    assert_eq!(binary_packets(&payload[..12]), expected);
    let ping = b"\x00\x06\xFF2probe\x01\x01\x00\xFF\x04012345678\x01\x01\xFF\x01";
    let expected = [Ok(Packet::Ping("probe".into())), binary(b"012345678"), Ok(Packet::Close)];
    assert_eq!(binary_packets(ping), expected);
    assert_eq!(binary_packets(b"\x00\x06\xFFb4AQID"), [binary(&[1, 2, 3])]);
    assert_eq!(binary_packets(b""), []);
}

#[test]
fn a_binary_payload_with_a_wrong_length_is_an_error() {
    let long = [&[0][..], &[0; 311], b"\x01\xFF6"].concat();
    let limit = [&[0][..], &[0; 309], b"\x01\xFF6"].concat();
    assert_eq!(binary_packets(&limit), [Ok(Packet::Noop)]);
    let unterminated = [0; 2000];
    for payload in [
        &b"\x00"[..],
        b"\x00\xFF",
        b"\x00\x01",
        b"\x00\x01\xFF",
        b"\x00\x0A\xFF4aaaaaaaaaa",
        b"\x00\x02\xFF4",
        b"\x00\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\xFF4",
        &long,
        &unterminated,
    ] {
        assert_eq!(binary_packets(payload), [Err(DecodeError::Length)], "{}", payload.escape_ascii());
    }
    assert_eq!(binary_packets(b"\x01\x00\xFF"), [Err(DecodeError::Empty)]);
    assert_eq!(binary_packets(b"\x02\x01\xFF4"), [Err(DecodeError::UnknownKind(2))]);
    assert_eq!(binary_packets(b"\x00\x02\xFF4\xFF"), [Err(DecodeError::Utf8(4))]);
    assert_eq!(binary_packets(b"\x01\x02\xFF\x04\x01\x01\x05\xFF\x04"), [binary(&[1]), Err(DecodeError::Length)]);
}

fn written(style: Style, messages: &[Message]) -> Payload {
    let mut writer = PayloadWriter::new(style);
    for message in messages {
        assert!(writer.push_message(&message.into(), usize::MAX));
    }
    writer.finish()
}

/// A72, A88: bytes only where there are any, and the client takes them.
#[test]
fn an_answer_is_bytes_only_where_the_client_takes_them_and_there_are_any() {
    let both = [Message::from("é😀"), Message::Binary(Bytes::from_static(&[1, 2, 3]))];
    let as_bytes = written(BINARY_TAKEN, &both);
    assert_eq!(&as_bytes.bytes[..], b"\x00\x07\xFF4\xC3\xA9\xF0\x9F\x98\x80\x01\x04\xFF\x04\x01\x02\x03");
    assert_eq!(as_bytes.content, ContentKind::Binary);
    let as_text = written(BASE64, &both);
    assert_eq!((&as_text.bytes[..], as_text.content), ("4:4é😀6:b4AQID".as_bytes(), ContentKind::Text));
    let only_text = written(BINARY_TAKEN, &both[..1]);
    assert_eq!((&only_text.bytes[..], only_text.content), ("4:4é😀".as_bytes(), ContentKind::Text));
    let script = written(Style { base64: false, jsonp: Some(3) }, &both);
    assert_eq!((&script.bytes[..], script.content), (r#"___eio[3]("4:4é😀6:b4AQID");"#.as_bytes(), ContentKind::Text));
}

#[test]
fn a_message_over_the_budget_is_left_for_the_next_payload_unless_it_is_the_first() {
    let frame = MessageFrame::binary(&[7; 100]);
    for style in [BINARY_TAKEN, BASE64] {
        let mut writer = PayloadWriter::new(style);
        assert!(writer.push_message(&frame, 4), "the first always goes");
        assert!(!writer.push_message(&frame, 200));
        assert!(writer.push_message(&frame, 400));
        assert!(writer.bytes >= writer.finish().bytes.len(), "the budget is kept");
    }
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        "\\PC{0,20}".prop_map(|text| Message::Text(text.into())),
        "[0-9:b4😀]{0,20}".prop_map(|text| Message::Text(text.into())),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Message::Binary(bytes.into())),
    ]
}

fn read(payload: &Payload) -> Vec<Read> {
    match payload.content {
        ContentKind::Text => TextPackets::new(Text::from_utf8(payload.bytes.clone()).unwrap()).collect(),
        ContentKind::Binary => BinaryPackets::new(payload.bytes.clone()).collect(),
    }
}

/// Pieces of both forms, with some garbage: what a client that gets it nearly right might send.
fn nearly_a_payload() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"2:4a".to_vec()),
        Just(b"\x00\x02\xFF4a".to_vec()),
        Just(b"\x01\x02\xFF\x04a".to_vec()),
        Just(b"18446744073709551615:4".to_vec()),
        Just(b"0:".to_vec()),
        Just("2:4😀".as_bytes().to_vec()),
        proptest::collection::vec(prop_oneof![0u8..=10, Just(255), Just(b':'), Just(b'4'), any::<u8>()], 0..6),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(messages in proptest::collection::vec(message(), 1..12), base64: bool) {
        let payload = written(Style { base64, jsonp: None }, &messages);
        prop_assert_eq!(read(&payload), messages.into_iter().map(|m| Ok(Packet::Message(m))).collect::<Vec<_>>());
    }

    /// What a client that went away has sent: packets that were whole are read, and what is cut off is an error.
    #[test]
    fn a_payload_that_is_cut_off_gives_its_whole_packets_and_no_other(
        messages in proptest::collection::vec(message(), 1..6), base64: bool, at: prop::sample::Index,
    ) {
        let mut payload = written(Style { base64, jsonp: None }, &messages);
        payload.bytes.truncate(at.index(payload.bytes.len()));
        prop_assume!(payload.content == ContentKind::Binary || std::str::from_utf8(&payload.bytes).is_ok());
        let mut whole = messages.into_iter().map(Packet::Message);
        for packet in read(&payload).into_iter().flatten() {
            prop_assert_eq!(Some(packet), whole.next());
        }
    }

    /// Hazard S20.
    #[test]
    fn no_payload_makes_the_readers_panic_or_go_on_for_ever(payload in nearly_a_payload()) {
        prop_assert!(binary_packets(&payload).len() <= payload.len() + 1);
        prop_assert!(text_packets(&String::from_utf8_lossy(&payload)).len() <= payload.len() + 1);
    }
}
