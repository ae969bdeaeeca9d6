//! Tests of `decoder.rs`: a row of the contract each, both ways, and what hostile peers send.

use super::*;
use crate::encode_packet;

fn decode(text: &str) -> Result<Option<Packet>, DecodeError> {
    Decoder::new(DecoderLimits::default()).handle(text.into())
}

/// The error of a text, without its offset.
fn refused(text: &str) -> DecodeError {
    decode(text).expect_err(text)
}

fn binary(bytes: &'static [u8]) -> Message {
    Message::Binary(Bytes::from_static(bytes))
}

fn invalid_payload(error: &DecodeError) -> bool {
    matches!(error, DecodeError::InvalidPayload { .. })
}

use PacketKind::{Ack, Connect, ConnectError, Disconnect, Event};

/// [SIO5 Packet encoding] (C2, C3, C13, C14, C20, C21, C35)
#[test]
fn every_kind_of_packet_is_read_and_written_back_the_same() {
    for (text, kind, namespace, ack, json) in [
        ("0", Connect, "/", None, ""),
        (r#"0{"token":"123"}"#, Connect, "/", None, r#"{"token":"123"}"#),
        ("0/admin,", Connect, "/admin", None, ""),
        (r#"0/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}"#, Connect, "/admin", None, r#"{"sid":"oSO0OpakMV_3jnilAAAA"}"#),
        ("1", Disconnect, "/", None, ""),
        ("1/admin,", Disconnect, "/admin", None, ""),
        (r#"2["hello",1]"#, Event, "/", None, r#"["hello",1]"#),
        (r#"2/admin,456["project:delete",123]"#, Event, "/admin", Some(456), r#"["project:delete",123]"#),
        (r#"20["a"]"#, Event, "/", Some(0), r#"["a"]"#),
        ("2[1,2]", Event, "/", None, "[1,2]"),
        ("2[-1.5]", Event, "/", None, "[-1.5]"),
        (r#"2[""]"#, Event, "/", None, r#"[""]"#),
        (r#"2/a/b?c=d&e=/é,7["a"]"#, Event, "/a/b?c=d&e=/é", Some(7), r#"["a"]"#),
        ("39007199254740991[]", Ack, "/", Some(AckId::MAX.0), "[]"),
        (r#"3/admin,456[{"a":null}]"#, Ack, "/admin", Some(456), r#"[{"a":null}]"#),
        ("3[]", Ack, "/", None, "[]"),
        (r#"4{"message":"no","data":[1]}"#, ConnectError, "/", None, r#"{"message":"no","data":[1]}"#),
        (r#"4/admin,"Invalid namespace""#, ConnectError, "/admin", None, r#""Invalid namespace""#),
    ] {
        let packet = decode(text).unwrap().expect(text);
        assert_eq!((packet.kind, packet.namespace.as_str(), packet.ack), (kind, namespace, ack.map(AckId)), "{text}");
        assert_eq!(packet.body.as_ref().map_or("", |body| body.json().as_str()), json, "{text}");
        let encoded = encode_packet(&packet);
        assert_eq!(encoded.frames().len(), 1);
        assert_eq!(encoded.frames()[0].message(), Message::from(text));
    }
}

/// (C13)
#[test]
fn a_namespace_may_end_with_the_text_and_the_main_one_may_be_said() {
    for (text, namespace) in [("0/custom", "/custom"), ("0/", "/"), ("0/,", "/"), (r#"0/,{"a":1}"#, "/")] {
        assert_eq!(decode(text).unwrap().unwrap().namespace.as_str(), namespace, "{text}");
    }
    assert_eq!(decode("1/custom").unwrap().unwrap().kind, Disconnect);
    assert!(invalid_payload(&refused(r#"2/custom["x"]"#)), "no comma: all of it is the namespace");
}

#[test]
fn white_space_around_the_payload_is_json_s_business() {
    let packet = decode("25 \t\r\n[ \"x\" , 1 ]\n").unwrap().unwrap();
    let body = packet.body.unwrap();
    assert_eq!((packet.ack, body.event_name().as_deref()), (Some(AckId(5)), Some("x")));
    assert_eq!(body.args::<u8>().unwrap(), 1);
}

/// (C4, C5, C16, C17)
#[test]
fn a_packet_with_attachments_is_whole_or_not_there() {
    let mut decoder = Decoder::new(DecoderLimits::default());
    for (kind, header) in [
        (Event, r#"52-/ns,3["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#),
        (Ack, r#"62-/ns,3[{"_placeholder":true,"num":1},"x",{"a":{"_placeholder":true,"num":0}}]"#),
        (Event, r#"52-/ns,3["nobody refers to them"]"#),
    ] {
        assert_eq!(decoder.handle(header.into()), Ok(None));
        assert!(decoder.is_partial());
        assert_eq!(decoder.handle(binary(b"one")), Ok(None));
        assert!(decoder.is_partial());
        let packet = decoder.handle(binary(b"")).unwrap().unwrap();
        assert!(!decoder.is_partial());
        assert_eq!((packet.kind, packet.namespace.as_str(), packet.ack), (kind, "/ns", Some(AckId(3))));
        assert_eq!(packet.body.as_ref().unwrap().attachments(), [&b"one"[..], b""]);
        let messages: Vec<_> = encode_packet(&packet).frames().iter().map(|frame| frame.message()).collect();
        assert_eq!(messages, [header.into(), binary(b"one"), binary(b"")]);
    }
}

/// (C16, S12)
#[test]
fn a_packet_without_attachments_is_delivered_at_once_and_binary_after_it_is_an_error() {
    for (text, kind) in [(r#"50-["x"]"#, Event), (r#"60-/ns,1["x"]"#, Ack), (r#"500-["x"]"#, Event)] {
        let mut decoder = Decoder::new(DecoderLimits::default());
        assert_eq!(decoder.handle(text.into()).unwrap().unwrap().kind, kind, "{text}");
        assert!(!decoder.is_partial());
        assert_eq!(decoder.handle(binary(b"a")), Err(DecodeError::UnexpectedBinary));
    }
    let packet = decode(r#"50-["x",{"_placeholder":true,"num":0}]"#).unwrap().unwrap();
    assert!(packet.body.unwrap().args::<Bytes>().is_err(), "an ordinary object, which is no bytes");
}

/// (C8)
#[test]
fn an_unknown_type_is_refused() {
    for (text, shown) in [
        ("7", "unknown packet type 7"),
        ("9[]", "unknown packet type 9"),
        ("a", "unknown packet type a"),
        ("é", "unknown packet type \\u{e9}"),
        (" 2[]", "unknown packet type  "),
        ("-1", "unknown packet type -"),
        ("", "unknown packet type: empty message"),
    ] {
        assert_eq!(refused(text).to_string(), shown, "{text:?}");
    }
}

/// (C9, S4)
#[test]
fn an_attachment_count_is_digits_and_a_dash() {
    for text in [
        "5",
        "6",
        "5-[\"x\"]",
        "5[\"x\"]",
        "51[\"x\"]",
        "51",
        "5 1-[\"x\"]",
        "51 -[\"x\"]",
        "5+1-[\"x\"]",
        "51.5-[\"x\"]",
        "51e0-[\"x\"]",
        "5--1-[\"x\"]",
        "5Infinity-[\"x\"]",
        "5/ns,1-[\"x\"]",
        "5\u{661}-[\"x\"]",
    ] {
        let error = refused(text);
        assert_eq!(error, DecodeError::IllegalAttachmentCount { offset: 1 }, "{text}");
        assert!(error.to_string().starts_with("Illegal attachments"));
    }
}

/// (C7, S11)
#[test]
fn too_many_attachments_are_refused_before_the_first() {
    let limits = DecoderLimits { max_attachments: 2, ..DecoderLimits::default() };
    for text in ["53-[\"x\"]", "599999999999999999999-[\"x\"]", "518446744073709551616-[\"x\"]"] {
        let error = Decoder::new(limits).handle(text.into()).unwrap_err();
        assert_eq!(error, DecodeError::TooManyAttachments { limit: 2 }, "{text}");
        assert!(error.to_string().starts_with("too many attachments"));
    }
    assert_eq!(Decoder::new(limits).handle("52-[\"x\"]".into()), Ok(None));
    let none = DecoderLimits { max_attachments: 0, ..limits };
    assert!(Decoder::new(none).handle("50-[\"x\"]".into()).unwrap().is_some());
}

/// (S11, S19, S22)
#[test]
fn the_attachments_of_a_packet_share_a_limit_in_bytes() {
    let limits = DecoderLimits { max_attachment_bytes: 5, ..DecoderLimits::default() };
    let mut decoder = Decoder::new(limits);
    for (second, ok) in [(&b"45"[..], true), (b"456", false)] {
        decoder.handle("53-[\"x\"]".into()).unwrap();
        decoder.handle(binary(b"123")).unwrap();
        match decoder.handle(binary(second)) {
            Ok(None) if ok => assert!(decoder.handle(binary(b"")).unwrap().is_some()),
            Err(error) if !ok => assert_eq!(error, DecodeError::AttachmentsTooLarge { limit: 5 }),
            other => panic!("{other:?}"),
        }
        assert!(!decoder.is_partial(), "what was held is gone");
    }
    decoder.handle("51-[\"x\"]".into()).unwrap();
    assert!(decoder.handle(binary(b"12345")).unwrap().is_some(), "each packet starts from zero");
    decoder.set_limits(DecoderLimits { max_attachment_bytes: 1, ..limits });
    decoder.handle("51-[\"x\"]".into()).unwrap();
    assert_eq!(decoder.handle(binary(b"12")), Err(DecodeError::AttachmentsTooLarge { limit: 1 }));
}

/// (C15)
#[test]
fn text_and_binary_out_of_turn_are_refused() {
    let mut decoder = Decoder::new(DecoderLimits::default());
    let error = decoder.handle(binary(b"a")).unwrap_err();
    assert_eq!(error.to_string(), "got binary data when not reconstructing a packet");
    decoder.handle("51-[\"x\"]".into()).unwrap();
    let error = decoder.handle("2[\"y\"]".into()).unwrap_err();
    assert_eq!(error.to_string(), "got plaintext data when reconstructing a packet");
    assert!(!decoder.is_partial());
    assert!(decoder.handle("2[\"y\"]".into()).unwrap().is_some(), "the half packet is forgotten");
}

/// (C15, S8)
#[test]
fn a_placeholder_names_one_of_the_attachments_and_nothing_else() {
    for placeholder in [
        r#"{"_placeholder":true,"num":2}"#,
        r#"{"_placeholder":true,"num":-1}"#,
        r#"{"_placeholder":true,"num":1.5}"#,
        r#"{"_placeholder":true,"num":"0"}"#,
        r#"{"_placeholder":true,"num":"splice"}"#,
        r#"{"_placeholder":true,"num":null}"#,
        r#"{"_placeholder":true,"num":[0]}"#,
        r#"{"_placeholder":true,"num":{"valueOf":0}}"#,
        r#"{"_placeholder":true,"num":true}"#,
        r#"{"_placeholder":true,"num":18446744073709551616}"#,
        r#"{"_placeholder":true,"num":1e400}"#,
        r#"{"_placeholder":true}"#,
        r#"{"_placeholder":true,"num":0,"a":1}"#,
        r#"{"a":1,"_placeholder":true,"num":0}"#,
        r#"{"num":{"a":1},"_placeholder":true}"#,
        r#"{"num":2,"_placeholder":true}"#,
        r#"{"_placeholder":true,"num":0,"num":1}"#,
        r#"{"_placeholder":false,"_placeholder":true,"num":0}"#,
        r#"{"_placeholder":true,"_placeholder":false,"num":0}"#,
        r#"{"\u005fplaceholder":true,"num":7}"#,
        r#"{"_placeholder":{"_placeholder":true,"num":0}}"#,
        r#"{"_placeholder":[],"num":0}"#,
        r#"[{"deep":[{"_placeholder":true,"num":2}]}]"#,
        r#"[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#,
        r#"[{"_placeholder":true,"num":1},{"_placeholder":true,"num":1}]"#,
        r#"[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
    ] {
        for header in ["52-[\"x\",", "62-/ns,1["] {
            let error = refused(&format!("{header}{placeholder}]"));
            assert!(matches!(error, DecodeError::IllegalPlaceholder { .. }), "{placeholder}: {error}");
            assert!(error.to_string().starts_with("illegal attachments"));
        }
        assert!(decode(&format!("2[\"x\",{placeholder}]")).unwrap().is_some(), "ordinary without attachments");
    }
}

#[test]
fn an_error_says_where_it_is() {
    for (text, offset) in [
        (r#"2["x",}"#, 6),
        (r#"2/ns,7["x",tru]"#, 14),
        ("2[\"x\",\n\n1,\n]", 11),
        ("2", 1),
        (r#"2["connect"]"#, 1),
        ("3{}", 1),
    ] {
        assert_eq!(refused(text), DecodeError::InvalidPayload { offset }, "{text}");
    }
    let error = refused(r#"51-["x",{"_placeholder":true,"num":1}]"#);
    assert_eq!(error, DecodeError::IllegalPlaceholder { offset: 9 });
    assert_eq!(refused("2/ns,99999999999999999[]"), DecodeError::InvalidAckId { offset: 5 });
}

/// (C10, C11, C12, I13, S9, S10)
#[test]
fn the_payload_must_have_the_shape_of_its_type() {
    for text in [
        // CONNECT: an object or nothing.
        "0[]",
        "0null",
        "0\"a\"",
        "01x",
        "0true",
        "0{}{}",
        "0{",
        "0{\"a\":}",
        // DISCONNECT: nothing.
        "1{}",
        "1[]",
        "1/ns,null",
        "1 ",
        // EVENT: an array that begins with its name.
        "2",
        "2/ns,",
        "2/ns,5",
        "20",
        "2[]",
        "2[ ]",
        "2{}",
        "2\"x\"",
        "2null",
        "2[null]",
        "2[true]",
        "2[[\"x\"]]",
        "2[{\"toString\":\"x\"}]",
        "2[\"x\"",
        "2[\"x\",]",
        "2[\"x\"]]",
        "2[\"x\"]2[\"x\"]",
        "2['x']",
        "2[x]",
        "2[01]",
        "2[NaN]",
        "2[\"\t\"]",
        "2[\"\\x41\"]",
        "2[\"x\",\"\\ud8\"]",
        "2 5[\"x\"]",
        "2-1[\"x\"]",
        "2[\"\\ud800\"]",
        "51-",
        "50-[]",
        "51-[{\"_placeholder\":true,\"num\":0}]",
        // ACK: an array.
        "3",
        "35",
        "35{}",
        "35\"x\"",
        "35null",
        "35[",
        "61-1{}",
        "61-1",
        // CONNECT_ERROR: an object or a string.
        "4",
        "4[]",
        "4null",
        "41",
        "4/ns,true",
        "4\"a",
    ] {
        let error = refused(text);
        assert!(invalid_payload(&error), "{text}: {error}");
        assert!(error.to_string().starts_with("invalid payload"));
    }
    for name in crate::RESERVED_EVENTS {
        assert!(invalid_payload(&refused(&format!("2[\"{name}\",1]"))), "{name}");
        assert!(invalid_payload(&refused(&format!("51-[\"{name}\"]"))), "{name}");
    }
    assert!(invalid_payload(&refused(r#"2["connec\u0074"]"#)), "an escape does not hide a reserved name");
}

/// (S4, J32)
#[test]
fn acknowledgement_ids_are_bounded() {
    assert_eq!(decode("29007199254740991[\"x\"]").unwrap().unwrap().ack, Some(AckId::MAX));
    assert_eq!(decode("20000000000000001[\"x\"]").unwrap().unwrap().ack, Some(AckId(1)));
    for digits in ["9007199254740992", "9999999999999999", "00000000000000001", "18446744073709551617"] {
        assert_eq!(refused(&format!("2{digits}[\"x\"]")), DecodeError::InvalidAckId { offset: 1 }, "{digits}");
    }
}

/// (S4)
#[test]
fn floods_of_digits_and_long_namespaces_are_refused_without_reading_them() {
    let flood = "9".repeat(1_000_000);
    assert_eq!(refused(&format!("2{flood}[\"x\"]")), DecodeError::InvalidAckId { offset: 1 });
    assert_eq!(refused(&format!("5{flood}-[\"x\"]")), DecodeError::TooManyAttachments { limit: 1000 });
    for end in ["", ",", ",[\"x\"]"] {
        let error = refused(&format!("2/{}{end}", "é".repeat(500_000)));
        assert_eq!(error, DecodeError::InvalidNamespace { limit: 512 });
        assert!(error.to_string().starts_with("invalid namespace"));
    }
}

#[test]
fn a_namespace_may_be_as_long_as_the_limit() {
    let limits = DecoderLimits { max_namespace_bytes: 4, ..DecoderLimits::default() };
    for (text, ok) in [("0/abc", true), ("0/abc,", true), ("0/abc,{}", true), ("0/abcd", false), ("0/abcd,", false)] {
        assert_eq!(Decoder::new(limits).handle(text.into()).is_ok(), ok, "{text}");
    }
    assert!(Decoder::new(limits).handle("0/aéé".into()).is_err(), "bytes are counted, and no character is cut");
}

/// (J32)
#[test]
fn nesting_is_refused_where_a_handler_could_not_read_it() {
    for (depth, ok) in [(DecoderLimits::MAX_DEPTH, true), (DecoderLimits::MAX_DEPTH + 1, false), (500_000, false)] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            // The list of arguments is the outermost level.
            let value = format!("{}1{}", open.repeat(depth - 1), close.repeat(depth - 1));
            for (header, attachments) in [("2", 0), ("51-", 1)] {
                let mut decoder = Decoder::new(DecoderLimits::default());
                let mut result = decoder.handle(format!("{header}[\"x\",{value}]").into());
                if attachments == 1 && result.is_ok() {
                    result = decoder.handle(binary(b"a"));
                }
                assert_eq!(result.is_ok(), ok, "{depth} {header}");
                match result {
                    Ok(packet) => _ = packet.unwrap().body.unwrap().args::<serde_json::Value>().unwrap(),
                    Err(error) => assert!(invalid_payload(&error)),
                }
            }
        }
    }
    let open = format!("2[\"x\"{}", ",[".repeat(400_000));
    assert!(invalid_payload(&refused(&open)));
    let brackets = format!("2[\"x\",\"{}\\\"{}\"]", "[".repeat(1000), "{".repeat(1000));
    assert!(decode(&brackets).is_ok(), "brackets in strings do not count");
}

/// Hazard S11.
#[test]
fn a_thousand_attachments_come_through() {
    let args: Vec<Bytes> = (0..1000_u32).map(|n| Bytes::copy_from_slice(&n.to_be_bytes())).collect();
    let encoded = crate::encode_event(&Namespace::root(), None, "x", &(&args,)).unwrap();
    assert_eq!(encoded.frames().len(), 1001);
    let mut decoder = Decoder::new(DecoderLimits::default());
    let mut packet = None;
    for frame in encoded.frames() {
        assert!(packet.is_none(), "delivered before it was whole");
        packet = decoder.handle(frame.message()).unwrap();
    }
    assert_eq!(packet.unwrap().body.unwrap().args::<(Vec<Bytes>,)>().unwrap().0, args);
}

#[test]
fn the_payload_shares_the_memory_of_its_message() {
    let message = Text::from(r#"2/ns,["x",1]"#.to_owned());
    let packet = Decoder::new(DecoderLimits::default()).handle(Message::Text(message.clone())).unwrap().unwrap();
    assert_eq!(packet.body.unwrap().json().as_ptr(), message[5..].as_ptr());
    assert_eq!(packet.namespace.as_str().as_ptr(), message[1..].as_ptr());
    let attachment = Bytes::from(vec![1, 2, 3]);
    let mut decoder = Decoder::new(DecoderLimits::default());
    decoder.handle("51-[\"x\"]".into()).unwrap();
    let packet = decoder.handle(Message::Binary(attachment.clone())).unwrap().unwrap();
    assert_eq!(packet.body.unwrap().attachments()[0].as_ptr(), attachment.as_ptr());
}

#[test]
fn an_idle_decoder_is_a_pointer_beside_its_limits() {
    assert!(size_of::<Decoder>() <= size_of::<DecoderLimits>() + size_of::<usize>());
}
