//! MessagePack packets byte by byte. What the npm package makes of them is tested against that package.

use bytes::Bytes;
use rmp::encode;

use super::*;

fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decode_with(bytes: Bytes, limits: DecoderLimits) -> Result<Packet, DecodeError> {
    MsgpackDecoder { limits }.handle(Message::Binary(bytes)).map(|packet| packet.expect("a packet is one message"))
}

fn decode(bytes: impl Into<Bytes>) -> Result<Packet, DecodeError> {
    decode_with(bytes.into(), DecoderLimits::default())
}

/// `{type: 2, nsp: "/", data: …}`, up to the data.
const EVENT: &str = "83 a474797065 02 a36e7370 a12f a464617461";

/// The payload of an event called `x` with this one argument.
fn read(argument: &str) -> Result<(String, Vec<Bytes>), DecodeError> {
    let packet = decode(hex(&format!("{EVENT} 92 a178 {argument}")))?;
    let body = packet.body.expect("an event has a body");
    let inner = body.json().as_str().strip_prefix("[\"x\",").and_then(|json| json.strip_suffix(']'));
    Ok((inner.expect("an event called x").to_owned(), body.attachments().to_vec()))
}

fn write(json: &str) -> String {
    let body = Body::from_parts(PacketKind::Event, format!("[\"x\",{json}]"), Vec::new()).unwrap();
    let bytes = writing::packet(PacketKind::Event, &Namespace::root(), None, Some(&body));
    let start = to_hex(&hex("83 a474797065 02 a464617461 92 a178"));
    let end = to_hex(&hex("a36e7370 a12f"));
    to_hex(&bytes).strip_prefix(&start).and_then(|rest| rest.strip_suffix(&end)).expect("an event called x").to_owned()
}

// C28
#[test]
fn a_packet_is_one_map() {
    let body = Body::event("x", &(1, Bytes::from_static(&[0, 255]))).unwrap();
    let encoded = MsgpackParser.encode(PacketKind::Event, &Namespace::new("a"), Some(AckId(300)), Some(&body));
    assert_eq!(encoded.frames().len(), 1);
    assert!(encoded.frames()[0].is_binary());
    let expected = "84 a474797065 02 a464617461 93 a178 01 c402 00ff a26964 cd012c a36e7370 a22f61";
    assert_eq!(to_hex(encoded.frames()[0].packet()), to_hex(&hex(expected)));
    let packet = decode(hex(expected)).unwrap();
    assert_eq!(packet.ack, Some(AckId(300)));
    assert_eq!((packet.kind, packet.namespace, packet.body), (PacketKind::Event, Namespace::new("a"), Some(body)));
    let disconnect = MsgpackParser.encode(PacketKind::Disconnect, &Namespace::root(), None, None);
    assert_eq!(to_hex(disconnect.frames()[0].packet()), to_hex(&hex("82 a474797065 01 a36e7370 a12f")));
}

// C28
#[test]
fn every_form_of_a_value_is_read() {
    let cases = [
        ("c0", "null"),
        ("c2", "false"),
        ("c3", "true"),
        ("00", "0"),
        ("7f", "127"),
        ("ff", "-1"),
        ("e0", "-32"),
        ("cc ff", "255"),
        ("cd ffff", "65535"),
        ("ce ffffffff", "4294967295"),
        ("cf ffffffffffffffff", "18446744073709551615"),
        ("d0 80", "-128"),
        ("d1 8000", "-32768"),
        ("d2 80000000", "-2147483648"),
        ("d3 8000000000000000", "-9223372036854775808"),
        ("ca 3fc00000", "1.5"),
        ("cb 3ff8000000000000", "1.5"),
        ("cb 4000000000000000", "2.0"),
        ("cb 7ff8000000000000", "null"),
        ("cb fff0000000000000", "null"),
        ("ca 7f800000", "null"),
        ("a0", "\"\""),
        ("a2 c3a9", "\"é\""),
        ("a3 220a00", "\"\\\"\\n\\u0000\""),
        ("d9 01 61", "\"a\""),
        ("da 0001 61", "\"a\""),
        ("db 00000001 61", "\"a\""),
        ("90", "[]"),
        ("92 01 91 02", "[1,[2]]"),
        ("dc 0001 01", "[1]"),
        ("dd 00000001 01", "[1]"),
        ("80", "{}"),
        ("82 a161 01 a162 81 a163 90", "{\"a\":1,\"b\":{\"c\":[]}}"),
        ("de 0001 a161 01", "{\"a\":1}"),
        ("df 00000001 a161 01", "{\"a\":1}"),
        // Keys as JavaScript makes them of what is no string.
        ("81 01 c3", "{\"1\":true}"),
        (
            "85 c0 01 c2 02 ff 03 cb3ff8000000000000 04 ca7f800000 05",
            "{\"null\":1,\"false\":2,\"-1\":3,\"1.5\":4,\"Infinity\":5}",
        ),
        ("82 cb4000000000000000 01 cb0000000000000001 02", "{\"2\":1,\"5e-324\":2}"),
        // `undefined`: null in a list, nothing in an object.
        ("d4 00 00", "null"),
        ("93 01 d40000 02", "[1,null,2]"),
        ("83 a161 d40000 a162 01 a163 d40000", "{\"b\":1}"),
        // Dates.
        ("d7 00 0000000000000000", "\"1970-01-01T00:00:00.000Z\""),
        ("d7 00 ffffffffffffffff", "\"1969-12-31T23:59:59.999Z\""),
        ("d7 00 7fffffffffffffff", "null"),
    ];
    for (bytes, json) in cases {
        assert_eq!(read(bytes), Ok((json.to_owned(), vec![])), "{bytes}");
    }
}

// C28
#[test]
fn every_form_of_binary_is_an_attachment() {
    let place = "{\"_placeholder\":true,\"num\":0}";
    for (bytes, json, data) in [
        ("c4 00", place.to_owned(), ""),
        ("c4 02 00ff", place.to_owned(), "00ff"),
        ("c5 0001 aa", place.to_owned(), "aa"),
        ("c6 00000001 aa", place.to_owned(), "aa"),
        // An `ArrayBuffer`, also one of the length of a date or of `undefined`.
        ("c7 02 00 00ff", place.to_owned(), "00ff"),
        ("c7 08 00 0000000000000001", place.to_owned(), "0000000000000001"),
        ("c7 01 00 aa", place.to_owned(), "aa"),
        ("c8 0001 00 aa", place.to_owned(), "aa"),
        ("c9 00000001 00 aa", place.to_owned(), "aa"),
        // Other extensions, as notepack reads them.
        ("d4 05 aa", format!("[5,{place}]"), "aa"),
        ("d5 00 aabb", format!("[0,{place}]"), "aabb"),
        ("d6 ff 00000000", format!("[-1,{place}]"), "00000000"),
        ("d7 80 0000000000000000", format!("[-128,{place}]"), "0000000000000000"),
        ("d8 01 00000000000000000000000000000000", format!("[1,{place}]"), "00000000000000000000000000000000"),
        ("c7 01 7f aa", format!("[127,{place}]"), "aa"),
        ("81 a161 91 c401aa", format!("{{\"a\":[{place}]}}"), "aa"),
    ] {
        assert_eq!(read(bytes), Ok((json, vec![hex(data)])), "{bytes}");
    }
}

// C28
#[test]
fn dates_are_read_as_javascript_writes_them() {
    for (millis, text) in [
        (0, Some("1970-01-01T00:00:00.000Z")),
        (951_782_400_000, Some("2000-02-29T00:00:00.000Z")),
        (951_868_799_999, Some("2000-02-29T23:59:59.999Z")),
        (951_868_800_000, Some("2000-03-01T00:00:00.000Z")),
        (4_107_542_400_000, Some("2100-03-01T00:00:00.000Z")),
        (4_107_542_399_999, Some("2100-02-28T23:59:59.999Z")),
        (-2_203_891_200_001, Some("1900-02-28T23:59:59.999Z")),
        (1_709_210_096_789, Some("2024-02-29T12:34:56.789Z")),
        (253_402_300_799_999, Some("9999-12-31T23:59:59.999Z")),
        (253_402_300_800_000, Some("+010000-01-01T00:00:00.000Z")),
        (-62_167_219_200_000, Some("0000-01-01T00:00:00.000Z")),
        (-62_167_219_200_001, Some("-000001-12-31T23:59:59.999Z")),
        (8_640_000_000_000_000, Some("+275760-09-13T00:00:00.000Z")),
        (-8_640_000_000_000_000, Some("-271821-04-20T00:00:00.000Z")),
        (8_640_000_000_000_001, None),
        (i64::MIN, None),
    ] {
        assert_eq!(date::iso_text(millis).as_deref(), text, "{millis}");
    }
}

// C28
#[test]
fn every_value_is_written_in_its_shortest_form() {
    let text = |len: usize| format!("\"{}\"", "a".repeat(len));
    let list = |len: usize| format!("[{}]", vec!["0"; len].join(","));
    let map = |len: usize| format!("{{{}}}", vec!["\"\":0"; len].join(","));
    let cases = [
        ("null", "c0".to_owned()),
        ("true", "c3".to_owned()),
        ("false", "c2".to_owned()),
        ("0", "00".to_owned()),
        ("127", "7f".to_owned()),
        ("128", "cc80".to_owned()),
        ("256", "cd0100".to_owned()),
        ("65536", "ce00010000".to_owned()),
        ("4294967296", "cf0000000100000000".to_owned()),
        ("18446744073709551615", "cfffffffffffffffff".to_owned()),
        ("-1", "ff".to_owned()),
        ("-33", "d0df".to_owned()),
        ("-129", "d1ff7f".to_owned()),
        ("-32769", "d2ffff7fff".to_owned()),
        ("-9223372036854775808", "d38000000000000000".to_owned()),
        ("1.5", "cb3ff8000000000000".to_owned()),
        ("2.0", "cb4000000000000000".to_owned()),
        ("2e0", "cb4000000000000000".to_owned()),
        // Beyond 64 bits, and beyond any float.
        ("18446744073709551616", "cb43f0000000000000".to_owned()),
        ("-9223372036854775809", "cbc3e0000000000000".to_owned()),
        ("1e999", "cb7ff0000000000000".to_owned()),
        ("\"\"", "a0".to_owned()),
        ("\"\\u00e9\\n\\/\"", "a4c3a90a2f".to_owned()),
        ("\"\\ud83d\\ude00\"", "a4f09f9880".to_owned()),
        (" [ ] ", "90".to_owned()),
        ("{ }", "80".to_owned()),
        ("[[],{},[{}]]", "939080 9180".replace(' ', "")),
        ("{\"a\" : [ 1 , \"[,{\\\"\" ] , \"b\":{\"c\":null}}", "82a1619201a45b2c7b22a16281a163c0".to_owned()),
        (&text(31), format!("bf{}", "61".repeat(31))),
        (&text(32), format!("d920{}", "61".repeat(32))),
        (&text(256), format!("da0100{}", "61".repeat(256))),
        (&text(65536), format!("db00010000{}", "61".repeat(65536))),
        (&list(15), format!("9f{}", "00".repeat(15))),
        (&list(16), format!("dc0010{}", "00".repeat(16))),
        (&list(65536), format!("dd00010000{}", "00".repeat(65536))),
        (&map(15), format!("8f{}", "a000".repeat(15))),
        (&map(16), format!("de0010{}", "a000".repeat(16))),
        (&map(65536), format!("df00010000{}", "a000".repeat(65536))),
    ];
    for (json, bytes) in cases {
        assert_eq!(write(json), bytes, "{}", json.get(..40).unwrap_or(json));
    }
    // Half of a surrogate pair is no text.
    let lossy = hex(&write("\"a\\ud800b\""));
    let Ok(Token::Str(lossy)) = Input::new(&lossy).token() else { panic!("no string: {lossy:?}") };
    assert!(std::str::from_utf8(&lossy).unwrap().contains(char::REPLACEMENT_CHARACTER));
}

// C10, C11, C28
#[test]
fn the_members_of_a_packet_are_checked() {
    let (kind, nsp) = ("a474797065", "a36e7370 a12f");
    let payload = |offset| Err(DecodeError::InvalidPayload { offset });
    let malformed = |offset| Err(DecodeError::InvalidPacket { offset });
    let accepted = |kind, json: Option<&str>| {
        let body = json.map(|json| Body::from_parts(kind, json, Vec::new()).unwrap());
        Ok(Packet::new(kind, Namespace::root(), body))
    };
    use PacketKind::{Ack, Connect, ConnectError, Disconnect, Event};
    let cases = [
        // CONNECT: a map or nothing.
        (format!("82 {kind} 00 {nsp}"), accepted(Connect, None)),
        (format!("83 {kind} 00 {nsp} a464617461 80"), accepted(Connect, Some("{}"))),
        (format!("83 {kind} 00 {nsp} a464617461 d40000"), accepted(Connect, None)),
        (format!("83 {kind} 00 {nsp} a464617461 c0"), accepted(Connect, None)),
        (format!("83 {kind} 00 {nsp} a464617461 90"), payload(18)),
        (format!("83 {kind} 00 {nsp} a464617461 a0"), payload(18)),
        (format!("83 {kind} 00 {nsp} a464617461 81 a161 c400"), payload(18)),
        // DISCONNECT: nothing.
        (format!("83 {kind} 01 {nsp} a464617461 d40000"), accepted(Disconnect, None)),
        (format!("83 {kind} 01 {nsp} a464617461 c0"), accepted(Disconnect, None)),
        (format!("83 {kind} 01 {nsp} a464617461 80"), payload(18)),
        // EVENT: a list that begins with a name.
        (format!("83 {kind} 02 {nsp} a464617461 91 a178"), accepted(Event, Some("[\"x\"]"))),
        (format!("83 {kind} 02 {nsp} a464617461 91 07"), accepted(Event, Some("[7]"))),
        (format!("83 a464617461 91 a178 {kind} 02 {nsp}"), accepted(Event, Some("[\"x\"]"))),
        (format!("83 {kind} cb 4000000000000000 {nsp} a464617461 91 07"), accepted(Event, Some("[7]"))),
        (format!("82 {kind} 02 {nsp}"), payload(0)),
        (format!("83 {kind} 02 {nsp} a464617461 c0"), payload(18)),
        (format!("83 {kind} 02 {nsp} a464617461 90"), payload(18)),
        (format!("83 {kind} 02 {nsp} a464617461 91 c0"), payload(18)),
        (format!("83 {kind} 02 {nsp} a464617461 91 c400"), payload(18)),
        (format!("83 {kind} 02 {nsp} a464617461 91 a7636f6e6e656374"), payload(18)),
        (format!("83 {kind} 02 {nsp} a464617461 80"), payload(18)),
        // ACK: a list; CONNECT_ERROR: a map or text.
        (format!("83 {kind} 03 {nsp} a464617461 90"), accepted(Ack, Some("[]"))),
        (format!("83 {kind} 03 {nsp} a464617461 01"), payload(18)),
        (format!("83 {kind} 04 {nsp} a464617461 a0"), accepted(ConnectError, Some("\"\""))),
        (format!("83 {kind} 04 {nsp} a464617461 80"), accepted(ConnectError, Some("{}"))),
        (format!("83 {kind} 04 {nsp} a464617461 c0"), payload(18)),
        // Whatever else is there is skipped, however large.
        (format!("83 {kind} 00 {nsp} a76f7074696f6e73 81 a161 92 81 c0 c0 c401aa"), accepted(Connect, None)),
        // The map itself.
        ("a0".to_owned(), malformed(0)),
        (String::new(), malformed(0)),
        ("c1".to_owned(), malformed(0)),
        (format!("83 {kind} 00 {nsp}"), malformed(13)),
        (format!("81 {kind} 00 00"), malformed(7)),
        (format!("83 {kind} 00 {kind} 00 {nsp}"), malformed(7)),
        (format!("83 {kind} 00 {nsp} 01 01"), malformed(13)),
        (format!("83 {kind} 00 {nsp} a161 c1"), malformed(15)),
        (format!("83 {kind} 02 {nsp} a464617461 92 a178 a1ff"), malformed(21)),
        (format!("83 {kind} 02 {nsp} a464617461 92 a178 81 90 01"), malformed(22)),
        (format!("83 {kind} 02 {nsp} a464617461 92 a178"), malformed(21)),
        (format!("83 {kind} 02 {nsp} a464617461 dd ffffffff a178"), malformed(25)),
    ];
    for (bytes, expected) in cases {
        assert_eq!(decode(hex(&bytes)), expected, "{bytes}");
    }
    assert_eq!(
        MsgpackDecoder { limits: DecoderLimits::default() }.handle(Message::from("0")),
        Err(DecodeError::UnexpectedText)
    );
}

// C28
#[test]
fn the_type_and_the_namespace_and_the_id_are_checked() {
    let with =
        |kind: &str, nsp: &str, id: &str| decode(hex(&format!("83 a474797065 {kind} a36e7370 {nsp} a26964 {id}")));
    for kind in ["05", "ff", "c0", "a130", "90", "d40000", "cb3fe0000000000000", "cf ffffffffffffffff"] {
        assert_eq!(with(kind, "a12f", "00"), Err(DecodeError::InvalidPacketType), "{kind}");
    }
    assert_eq!(decode(hex("81 a36e7370 a12f")), Err(DecodeError::InvalidPacketType));
    for nsp in ["c0", "01", "90", "a0", "a178", "d40000", "a2 2fff", "da 0201 2f"] {
        let nsp = if nsp.starts_with("da") { format!("da 0201 2f{}", "61".repeat(512)) } else { nsp.to_owned() };
        assert_eq!(with("00", &nsp, "00"), Err(DecodeError::InvalidNamespace { limit: 512 }), "{nsp}");
    }
    assert_eq!(decode(hex("81 a474797065 00")), Err(DecodeError::InvalidNamespace { limit: 512 }));
    for (nsp, name) in [("a12f", "/"), ("a22f61", "/a"), ("a42f612c62", "/a,b")] {
        assert_eq!(with("00", nsp, "00").unwrap().namespace.as_str(), name);
    }
    for id in ["ff", "c0", "a130", "cb3fe0000000000000", "cf0020000000000000", "90"] {
        assert_eq!(with("00", "a12f", id), Err(DecodeError::InvalidAckId { offset: 16 }), "{id}");
    }
    let ids = [
        ("00", Some(0)),
        ("d40000", None),
        ("cb4000000000000000", Some(2)),
        ("cf001fffffffffffff", Some(AckId::MAX.0)),
    ];
    for (id, expected) in ids {
        assert_eq!(with("00", "a12f", id).unwrap().ack, expected.map(AckId), "{id}");
    }
}

// R38
#[test]
fn attachments_are_bounded_and_small_ones_do_not_keep_the_message() {
    let mut limits = DecoderLimits::default();
    (limits.max_attachments, limits.max_attachment_bytes) = (2, 5);
    let event = |args: &str| decode_with(hex(&format!("{EVENT} {args}")), limits);
    assert!(event("93 a178 c402aaaa c403aaaaaa").is_ok());
    assert_eq!(event("94 a178 c400 c400 c400"), Err(DecodeError::TooManyAttachments { limit: 2 }));
    assert_eq!(event("94 a178 c400 c70000 d401aa"), Err(DecodeError::TooManyAttachments { limit: 2 }));
    assert_eq!(event("93 a178 c402aaaa c404aaaaaaaa"), Err(DecodeError::AttachmentsTooLarge { limit: 5 }));

    let mut message = hex(&format!("{EVENT} 93 a178")).to_vec();
    let (small, large) = (vec![1; SMALL_BYTES - 1], vec![2; SMALL_BYTES]);
    _ = encode::write_bin(&mut message, &small);
    _ = encode::write_bin(&mut message, &large);
    let message = Bytes::from(message);
    let within = |part: &[u8]| message.as_ptr_range().contains(&part.as_ptr());
    let body = decode(message.clone()).unwrap().body.unwrap();
    assert_eq!(body.attachments(), [small, large]);
    assert_eq!([within(&body.attachments()[0]), within(&body.attachments()[1])], [false, true]);
    assert!(body.detached().attachments().iter().all(|attachment| !within(attachment)));
}

const SMALL_BYTES: usize = 16 * 1024;

#[test]
fn a_payload_is_as_deep_as_json_may_be_and_no_deeper() {
    let nested =
        |depth: usize, inner: &str| format!("{EVENT} {} {inner}", "92 a178".to_owned() + &"91".repeat(depth - 1));
    assert!(decode(hex(&nested(127, "c0"))).is_ok());
    let refused = decode(hex(&nested(128, "c0")));
    assert_eq!(refused, Err(DecodeError::InvalidPayload { offset: 18 + 3 + 126 }));
    let maps = format!("{EVENT} 92 a178 {} c0", "81 a161".repeat(127));
    assert!(matches!(decode(hex(&maps)), Err(DecodeError::InvalidPayload { .. })));
    // What nobody reads may be nested as deep as a message is long.
    let mut skipped = hex("83 a474797065 00 a36e7370 a12f a0").to_vec();
    skipped.resize(skipped.len() + 1_000_000, 0x91);
    assert!(matches!(decode(skipped.clone()), Err(DecodeError::InvalidPacket { .. })));
    skipped.push(0xc0);
    assert_eq!(decode(skipped).unwrap().kind, PacketKind::Connect);
}

#[test]
fn deep_payloads_of_the_server_itself_are_written_without_recursion() {
    let deep = format!("[\"x\",{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    let body = Body::from_wire(deep.into(), Vec::new());
    let packet = writing::packet(PacketKind::Event, &Namespace::root(), None, Some(&body));
    assert!(matches!(decode(packet), Err(DecodeError::InvalidPayload { .. })));
}

#[test]
fn objects_that_could_be_taken_for_a_placeholder_are_refused_beside_binary() {
    let key = "ac5f706c616365686f6c646572";
    for value in ["c3", "90", "80", "c400"] {
        let refused = read(&format!("92 c401aa 82 {key} {value} a36e756d 00"));
        assert_eq!(refused, Err(DecodeError::IllegalPlaceholder { offset: 18 }), "{value}");
    }
    for value in ["c2", "c0", "01", "a161"] {
        assert!(read(&format!("92 c401aa 81 {key} {value}")).is_ok(), "{value}");
    }
    let alone = read(&format!("82 {key} c3 a36e756d 00")).unwrap();
    assert_eq!(alone, ("{\"_placeholder\":true,\"num\":0}".to_owned(), vec![]));
    // And it goes out as the object that it is.
    let body = Body::ack(&serde_json::json!({"_placeholder": true, "num": 0})).unwrap();
    let packet = decode(writing::packet(PacketKind::Ack, &Namespace::root(), None, Some(&body))).unwrap();
    assert_eq!(packet.body, Some(body));
}
