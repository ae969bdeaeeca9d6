//! Tests of `codec/`: exact text on the wire, what becomes an attachment, what cannot be sent.

use std::collections::BTreeMap;

use bytes::Bytes;
use engineio_proto::Message;
use serde_json::{json, value::RawValue};

use super::*;

fn wire(encoded: &Encoded) -> Vec<Message> {
    encoded.frames().iter().map(MessageFrame::message).collect()
}

fn text(encoded: &Encoded) -> String {
    match wire(encoded).as_slice() {
        [Message::Text(text)] => text.to_string(),
        other => panic!("not one text: {other:?}"),
    }
}

fn event<T: Serialize + ?Sized>(args: &T) -> String {
    text(&encode_event(&Namespace::root(), None, "x", args).unwrap())
}

/// One text and attachments.
fn parts(encoded: &Encoded) -> (String, Vec<Bytes>) {
    let mut messages = wire(encoded).into_iter();
    let Some(Message::Text(text)) = messages.next() else { panic!("no text first") };
    let attachments = messages.map(|message| match message {
        Message::Binary(bytes) => bytes,
        Message::Text(text) => panic!("text after the first message: {text}"),
    });
    (text.to_string(), attachments.collect())
}

const RAW: Bytes = Bytes::from_static(&[1, 2, 3]);

/// [SIO5 Packet encoding] (C2, C3, C20, C21)
#[test]
fn every_kind_of_packet_is_written_as_the_protocol_says() {
    let (root, admin) = (Namespace::root(), Namespace::new("admin"));
    let sid = Body::connect(&json!({"sid": "abc"})).unwrap();
    let error = Body::connect_error("no", None::<&()>).unwrap();
    let detailed = Body::connect_error("no \"way\"", Some(&json!({"code": 1}))).unwrap();
    let hello = Body::event("hello", &1).unwrap();
    let ack = Body::ack(&"ok").unwrap();
    use PacketKind::{Ack, Connect, ConnectError, Disconnect, Event};
    for (kind, namespace, id, body, expected) in [
        (Connect, &root, None, None, "0"),
        (Connect, &admin, None, None, "0/admin,"),
        (Connect, &root, None, Some(&sid), r#"0{"sid":"abc"}"#),
        (Connect, &admin, None, Some(&sid), r#"0/admin,{"sid":"abc"}"#),
        (Disconnect, &root, None, None, "1"),
        (Disconnect, &admin, None, None, "1/admin,"),
        (Event, &root, None, Some(&hello), r#"2["hello",1]"#),
        (Event, &admin, Some(AckId(456)), Some(&hello), r#"2/admin,456["hello",1]"#),
        (Event, &root, Some(AckId(0)), Some(&hello), r#"20["hello",1]"#),
        (Ack, &root, Some(AckId::MAX), Some(&ack), r#"39007199254740991["ok"]"#),
        (Ack, &admin, Some(AckId(13)), Some(&ack), r#"3/admin,13["ok"]"#),
        (ConnectError, &root, None, Some(&error), r#"4{"message":"no"}"#),
        (ConnectError, &admin, None, Some(&detailed), r#"4/admin,{"message":"no \"way\"","data":{"code":1}}"#),
    ] {
        assert_eq!(text(&encode(kind, namespace, id, body)), expected);
        let packet = Packet { kind, namespace: namespace.clone(), ack: id, body: body.cloned() };
        assert_eq!(text(&encode_packet(&packet)), expected);
    }
}

#[test]
fn a_tuple_is_several_arguments_and_anything_else_is_one() {
    #[derive(Serialize)]
    struct Pair(u8, u8);
    #[derive(Serialize)]
    struct Wrapped((u8, u8));
    #[derive(Serialize)]
    struct Marker;
    #[derive(Serialize)]
    struct Named {
        a: u8,
    }
    let nothing: [u8; 0] = [];
    for (args, expected) in [
        (event(&()), r#"2["x"]"#),
        (event(&nothing), r#"2["x"]"#),
        (event(&1), r#"2["x",1]"#),
        (event("é"), r#"2["x","é"]"#),
        (event(&(1, "b")), r#"2["x",1,"b"]"#),
        (event(&((1, 2),)), r#"2["x",[1,2]]"#),
        (event(&((),)), r#"2["x",null]"#),
        (event(&([0_u8; 0],)), r#"2["x",[]]"#),
        (event(&[1, 2]), r#"2["x",1,2]"#),
        (event(&vec![1, 2]), r#"2["x",[1,2]]"#),
        (event([1, 2].as_slice()), r#"2["x",[1,2]]"#),
        (event(&Vec::<u8>::new()), r#"2["x",[]]"#),
        (event(&Pair(1, 2)), r#"2["x",[1,2]]"#),
        (event(&Wrapped((1, 2))), r#"2["x",[1,2]]"#),
        (event(&Some((1, 2))), r#"2["x",[1,2]]"#),
        (event(&None::<u8>), r#"2["x",null]"#),
        (event(&Marker), r#"2["x",null]"#),
        (event(&Named { a: 1 }), r#"2["x",{"a":1}]"#),
        (event(&(Named { a: 1 }, Pair(1, 2))), r#"2["x",{"a":1},[1,2]]"#),
        (event(&&Box::new((1, 2))), r#"2["x",1,2]"#),
        (event(&json!([1, 2])), r#"2["x",[1,2]]"#),
        (event(&f64::NAN), r#"2["x",null]"#),
    ] {
        assert_eq!(args, expected);
    }
}

#[test]
fn the_arguments_of_an_ack_follow_the_same_rule() {
    let ack = |encoded: Result<Encoded, EncodeError>| text(&encoded.unwrap());
    let root = Namespace::root();
    assert_eq!(ack(encode_ack(&root, AckId(0), &())), "30[]");
    assert_eq!(ack(encode_ack(&root, AckId(1), &1)), "31[1]");
    assert_eq!(ack(encode_ack(&root, AckId(2), &(1, "b"))), r#"32[1,"b"]"#);
    assert_eq!(ack(encode_ack(&root, AckId(3), &vec![1])), "33[[1]]");
    assert_eq!(ack(encode_ack(&root, AckId(4), &[0_u8; 0])), "34[]");
}

#[test]
fn an_event_name_is_escaped() {
    let encoded = encode_event(&Namespace::root(), None, "a\"b\n\u{1}é", &()).unwrap();
    assert_eq!(text(&encoded), r#"2["a\"b\n\u0001é"]"#);
}

/// (C4, C5)
#[test]
fn bytes_anywhere_become_attachments_numbered_in_order_of_appearance() {
    #[derive(Serialize)]
    struct Picture {
        name: &'static str,
        data: Bytes,
        small: Option<Bytes>,
        none: Option<Bytes>,
        kinds: Vec<Kind>,
        map: BTreeMap<&'static str, Bytes>,
    }
    #[derive(Serialize)]
    enum Kind {
        Newtype(Bytes),
        Tuple(u8, Bytes),
        Struct { inner: Bytes },
    }
    let bytes = |n: u8| Bytes::copy_from_slice(&[n; 3]);
    let picture = Picture {
        name: "a",
        data: bytes(1),
        small: Some(bytes(2)),
        none: None,
        kinds: vec![Kind::Newtype(bytes(3)), Kind::Tuple(9, bytes(4)), Kind::Struct { inner: bytes(5) }],
        map: BTreeMap::from([("k", bytes(6))]),
    };
    let encoded =
        encode_event(&Namespace::new("/ns"), Some(AckId(12)), "pic", &(bytes(0), &picture, Bytes::new())).unwrap();
    let (text, attachments) = parts(&encoded);
    let p = |n: u8| format!("{{\"_placeholder\":true,\"num\":{n}}}");
    let expected = format!(
        "58-/ns,12[\"pic\",{},{{\"name\":\"a\",\"data\":{},\"small\":{},\"none\":null,\
         \"kinds\":[{{\"Newtype\":{}}},{{\"Tuple\":[9,{}]}},{{\"Struct\":{{\"inner\":{}}}}}],\"map\":{{\"k\":{}}}}},{}]",
        p(0),
        p(1),
        p(2),
        p(3),
        p(4),
        p(5),
        p(6),
        p(7),
    );
    assert_eq!(text, expected);
    let mut expected: Vec<Bytes> = (0..7).map(bytes).collect();
    expected.push(Bytes::new());
    assert_eq!(attachments, expected);
}

#[test]
fn an_ack_with_bytes_is_a_binary_ack() {
    let encoded = encode_ack(&Namespace::new("admin"), AckId(456), &RAW).unwrap();
    let (text, attachments) = parts(&encoded);
    assert_eq!(text, r#"61-/admin,456[{"_placeholder":true,"num":0}]"#);
    assert_eq!(attachments, [RAW]);
}

#[test]
fn a_body_made_once_is_written_the_same_as_at_once() {
    let namespace = Namespace::new("a");
    let args = (1, RAW, vec![RAW]);
    let body = Body::event("x", &args).unwrap();
    for ack in [None, Some(AckId(5))] {
        assert_eq!(
            encode(PacketKind::Event, &namespace, ack, Some(&body)),
            encode_event(&namespace, ack, "x", &args).unwrap()
        );
    }
    let body = Body::ack(&args).unwrap();
    assert_eq!(
        encode(PacketKind::Ack, &namespace, Some(AckId(5)), Some(&body)),
        encode_ack(&namespace, AckId(5), &args).unwrap()
    );
}

#[test]
fn the_cost_in_a_queue_is_that_of_all_frames() {
    let one = encode_event(&Namespace::root(), None, "x", &()).unwrap();
    // A frame header of two bytes, Engine.IO's type, the packet.
    assert_eq!(one.byte_len(), 2 + 1 + r#"2["x"]"#.len());
    let many = encode_event(&Namespace::root(), None, "x", &(RAW, RAW)).unwrap();
    assert_eq!(many.frames().len(), 3);
    assert_eq!(many.byte_len(), many.frames().iter().map(|frame| frame.frame().len()).sum::<usize>());
    assert!(std::ptr::eq(many.frames(), many.clone().frames()), "a clone shares its frames");
}

/// (C11, S10)
#[test]
fn reserved_names_cannot_be_sent() {
    for name in crate::RESERVED_EVENTS {
        assert_eq!(encode_event(&Namespace::root(), None, name, &()), Err(EncodeError::ReservedEvent), "{name}");
        assert_eq!(Body::event(name, &()), Err(EncodeError::ReservedEvent), "{name}");
    }
    for name in ["", "Connect", "connected", "error", "message", "__proto__"] {
        assert!(Body::event(name, &()).is_ok(), "{name}");
    }
}

#[test]
fn what_json_cannot_say_is_an_error() {
    let keys = BTreeMap::from([((1, 2), 3)]);
    assert!(matches!(Body::event("x", &keys), Err(EncodeError::Unrepresentable(_))));
    assert!(matches!(Body::ack(&(1, &keys)), Err(EncodeError::Unrepresentable(_))));
    assert!(matches!(Body::connect(&keys), Err(EncodeError::Unrepresentable(_))));
}

#[test]
fn a_connect_payload_is_an_object_without_bytes() {
    assert_eq!(Body::connect(&"text"), Err(EncodeError::NotAnObject));
    assert_eq!(Body::connect(&()), Err(EncodeError::NotAnObject));
    assert_eq!(Body::connect(&[1]), Err(EncodeError::NotAnObject));
    assert_eq!(Body::connect(&BTreeMap::from([("a", RAW)])), Err(EncodeError::BinaryNotAllowed));
    assert_eq!(Body::connect_error("no", Some(&RAW)), Err(EncodeError::BinaryNotAllowed));
}

/// Somebody who can have a map of his choice forwarded must not choose which attachment the others read,
/// nor have them close their connections.
#[test]
fn a_lookalike_of_a_placeholder_cannot_be_sent_beside_bytes() {
    let lookalike = json!({"_placeholder": true, "num": 99});
    assert!(Body::event("x", &lookalike).is_ok(), "without bytes it is an ordinary object");
    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    for args in [
        Body::event("x", &(&lookalike, RAW)),
        Body::event("x", &(RAW, &lookalike)),
        Body::event("x", &(RAW, json!({"_placeholder": true, "num": 0}))),
        Body::event("x", &(RAW, json!([{"a": {"_placeholder": true}}]))),
        Body::event("x", &(RAW, raw(r#"{"_placeholder":true,"num":0}"#))),
        Body::event("x", &(RAW, raw(r#"{"\u005fplaceholder":true,"num":5}"#))),
    ] {
        assert_eq!(args, Err(EncodeError::PlaceholderLookalike));
    }
    for harmless in [
        json!({"_placeholder": false, "num": 99}),
        json!({"_placeholder": "true"}),
        json!(["_placeholder", true, "\"_placeholder\":true"]),
        json!({"text": "{\"_placeholder\":true,\"num\":7}", "num": 7}),
    ] {
        assert!(Body::event("x", &(RAW, &harmless)).is_ok(), "{harmless}");
    }
    assert!(Body::event("x", &(RAW, raw(r#"{"a":[1,{"b":2}]}"#))).is_ok());
}

#[test]
fn numbers_are_written_in_full() {
    for number in [0, 1, 9, 10, 999, 1000, AckId::MAX.0, u64::MAX] {
        assert_eq!(Decimal::new(number).as_str(), number.to_string());
    }
}

/// A broadcast is compressed once, whoever gets it (A11); what must not be compressed is not, shared or not (A12).
#[test]
fn a_shared_packet_is_compressed_once_for_all_who_get_it() {
    let mut deflater = engineio_proto::websocket::Deflater::new(6);
    let long = "long ".repeat(1000);
    for args in [json!(long), json!([long, long])] {
        let own = encode_event(&Namespace::root(), None, "x", &args).unwrap();
        let shared = own.shared();
        assert_eq!(own, shared);
        let mut deflated = |encoded: &Encoded| encoded.clone().frames()[0].deflated(&mut deflater);
        assert!(deflated(&shared).len() < 200);
        assert_eq!(deflated(&shared).as_ptr(), deflated(&shared).as_ptr());
        let plain = shared.uncompressed();
        assert_eq!(deflated(&plain).as_ptr(), plain.frames()[0].frame().as_ptr());
    }
    let binary = encode_event(&Namespace::root(), None, "x", &Bytes::from(vec![0; 5000])).unwrap().shared();
    let attachment = &binary.frames()[1];
    assert_eq!(attachment.deflated(&mut deflater).as_ptr(), attachment.clone().deflated(&mut deflater).as_ptr());
}
