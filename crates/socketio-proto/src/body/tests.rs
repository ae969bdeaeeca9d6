//! Tests of `body.rs`: reading names, arguments and bytes out of what the decoder let in.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use bytes::Bytes;
use engineio_proto::Message;
use serde::{Deserializer, Serializer, de::Visitor};
use serde_json::{Value, json, value::RawValue};

use super::*;
use crate::{Args, Decoder, DecoderLimits};

/// The body of an event with `args` as on the wire and attachments, through the decoder.
fn received(args: &str, attachments: &[&[u8]]) -> Body {
    let comma = if args.is_empty() { "" } else { "," };
    let header = match attachments.len() {
        0 => "2".to_owned(),
        count => format!("5{count}-"),
    };
    let mut decoder = Decoder::new(DecoderLimits::default());
    let mut packet = decoder.handle(format!("{header}[\"x\"{comma}{args}]").into()).unwrap();
    for attachment in attachments {
        packet = decoder.handle(Message::Binary(Bytes::copy_from_slice(attachment))).unwrap();
    }
    packet.unwrap().body.unwrap()
}

const FIRST: &str = r#"{"_placeholder":true,"num":0}"#;
const SECOND: &str = r#"{"_placeholder":true,"num":1}"#;

/// There and back through the wire.
fn through<T: Serialize, R: for<'de> Deserialize<'de>>(args: &T) -> R {
    let body = Body::event("x", args).unwrap();
    let mut decoder = Decoder::new(DecoderLimits::default());
    let mut packet = None;
    for frame in crate::encode(PacketKind::Event, &crate::Namespace::root(), None, Some(&body)).frames() {
        packet = decoder.handle(frame.message()).unwrap();
    }
    let back = packet.unwrap().body.unwrap();
    assert_eq!(back, body);
    back.args().unwrap()
}

const RAW: Bytes = Bytes::from_static(b"\x00\xff raw");

#[test]
fn the_name_is_borrowed_unless_it_has_escapes() {
    for (json, name, borrowed) in [
        (r#"["hello",1]"#, Some("hello"), true),
        (r#" [ "é" , 1 ]"#, Some("é"), true),
        (r#"[""]"#, Some(""), true),
        (r#"["a\"b\u0041"]"#, Some("a\"bA"), false),
        (r#"["\\"]"#, Some("\\"), false),
        ("[1]", Some("1"), true),
        ("[-1.5e3,2]", Some("-1.5e3"), true),
        ("[]", None, false),
        ("[null]", None, false),
        (r#"[["a"]]"#, None, false),
        (r#"{"a":1}"#, None, false),
        (r#"["\ud800"]"#, None, false),
    ] {
        let body = Body::from_wire(json.into(), Vec::new());
        let found = body.event_name();
        assert_eq!(found.as_deref(), name, "{json}");
        assert_eq!(matches!(found, Some(Cow::Borrowed(_))), borrowed, "{json}");
        for asked in ["hello", "hell", "é", "", "a\"bA", "\\", "1", "-1.5e3"] {
            assert_eq!(body.is_event(asked), name == Some(asked), "{json} {asked}");
        }
    }
}

#[test]
fn an_escape_in_a_name_is_not_taken_for_the_backslash_that_it_begins_with() {
    let event = Body::from_wire(r#"["a\n"]"#.into(), Vec::new());
    assert!(event.is_event("a\n") && !event.is_event("a\\n"));
    let event = Body::from_wire(r#"["a\u0062"]"#.into(), Vec::new());
    assert!(event.is_event("ab") && !event.is_event("a\\u0062"));
}

#[test]
fn arguments_are_counted_without_the_name() {
    for (args, count) in
        [("", 0), ("1", 1), (r#""a,b]", {"c": [1,2]}, []"#, 3), ("[]", 1), ("{}", 1), (r#""\",""#, 1), ("[[1,2],3]", 1)]
    {
        let body = received(args, &[]);
        assert_eq!(body.arg_count(), count, "{args}");
        assert_eq!(body.to_ack().ack_arg_count(), count, "{args}");
    }
    assert_eq!(Body::ack(&()).unwrap().ack_arg_count(), 0);
}

#[test]
fn a_tuple_reads_several_arguments_and_any_other_type_the_first() {
    let body = received(r#"1,"b",[2,3],{"a":4}"#, &[]);
    body.args::<()>().unwrap();
    assert_eq!(body.args::<u8>().unwrap(), 1);
    assert_eq!(body.args::<(u8,)>().unwrap(), (1,));
    assert_eq!(body.args::<(u8, &str)>().unwrap(), (1, "b"));
    assert_eq!(body.args::<(u8, String, Vec<u8>)>().unwrap(), (1, "b".into(), vec![2, 3]));
    assert_eq!(body.args::<(u8, String, (u8, u8), Value)>().unwrap(), (1, "b".into(), (2, 3), json!({"a": 4})));
    assert_eq!(body.args::<Value>().unwrap(), json!(1));
    assert_eq!(body.args::<Option<u8>>().unwrap(), Some(1));

    #[derive(Deserialize, PartialEq, Debug)]
    struct Pair(u8, u8);
    #[derive(Deserialize, PartialEq, Debug)]
    struct Wrapped((u8, u8));
    let body = received("[1,2],[3,4]", &[]);
    assert_eq!(body.args::<Pair>().unwrap(), Pair(1, 2));
    assert_eq!(body.args::<Wrapped>().unwrap(), Wrapped((1, 2)));
    assert_eq!(body.args::<Vec<u8>>().unwrap(), [1, 2]);
    assert_eq!(body.args::<[[u8; 2]; 2]>().unwrap(), [[1, 2], [3, 4]]);
    assert_eq!(body.args::<Option<(u8, u8)>>().unwrap(), Some((1, 2)));
}

#[test]
fn args_take_and_give_as_many_arguments_as_there_are() {
    for (json, values) in [("", vec![]), ("1", vec![json!(1)]), ("1,[2],null", vec![json!(1), json!([2]), Value::Null])]
    {
        let body = received(json, &[]);
        assert_eq!(body.args::<Args<Value>>(), Ok(Args(values.clone())));
        assert_eq!(Body::event("x", &Args(values)), Ok(body));
    }
    // `Option` and `()` do not ask for more than there is.
    assert_eq!(received("1,null", &[]).args(), Ok(Args(vec![Some(1), None])));
    assert_eq!(received("null", &[]).args(), Ok(Args(vec![()])));
    assert_eq!(through::<_, Args<Bytes>>(&Args(vec![RAW, RAW])), Args(vec![RAW, RAW]));
    assert_eq!(Body::ack(&Args(vec!["a", "b"])).unwrap().ack_args(), Ok(Args(vec!["a".to_owned(), "b".to_owned()])));
    // Inside another value it is a list.
    assert_eq!(received("1,[2,3]", &[]).args(), Ok((1, Args(vec![2, 3]))));
    let error = received("1,\"2\"", &[]).args::<Args<u8>>().unwrap_err();
    assert_eq!(error.index(), 1);
}

#[test]
fn missing_arguments_are_none_or_an_error_that_says_which() {
    #[derive(Deserialize, PartialEq, Debug)]
    struct Maybe(Option<u8>);
    let none = received("", &[]);
    assert_eq!(none.args::<Option<u8>>().unwrap(), None);
    assert_eq!(none.args::<Maybe>().unwrap(), Maybe(None));
    assert_eq!(none.args::<(Option<u8>, Maybe, ())>().unwrap(), (None, Maybe(None), ()));
    none.args::<()>().unwrap();
    let error = none.args::<u8>().unwrap_err();
    assert_eq!(error.index(), 0);
    assert!(error.to_string().starts_with("argument 0: missing, expected u8"), "{error}");
    assert!(none.args::<Value>().is_err());
    assert!(none.args::<Vec<u8>>().is_err());
    assert!(none.args::<Bytes>().is_err());

    let one = received("1", &[]);
    assert_eq!(one.args::<(u8, Option<String>)>().unwrap(), (1, None));
    let error = one.args::<(u8, String)>().unwrap_err();
    assert_eq!(error.index(), 1);
    assert!(error.to_string().starts_with("argument 1: missing, expected a string"), "{error}");
    let error = received("1,2", &[]).args::<(u8, String)>().unwrap_err();
    assert_eq!(error.index(), 1);
    assert!(error.to_string().starts_with("argument 1: invalid type: integer `2`, expected a string"), "{error}");
    assert_eq!(received("null", &[]).args::<Option<u8>>().unwrap(), None);
}

#[test]
fn an_ack_is_read_from_its_first_element_on() {
    let body = Body::ack(&("a", 2)).unwrap();
    assert_eq!(body.ack_args::<(String, u8)>().unwrap(), ("a".into(), 2));
    assert_eq!(body.ack_args::<&str>().unwrap(), "a");
    assert_eq!(Body::ack(&()).unwrap().ack_args::<Option<u8>>().unwrap(), None);
    assert_eq!(Body::ack(&RAW).unwrap().ack_args::<Bytes>().unwrap(), RAW);
}

#[test]
fn a_connect_payload_is_read_whole() {
    #[derive(Deserialize)]
    struct Auth<'a> {
        token: &'a str,
    }
    let body = Body::connect(&json!({"token": "t", "other": 1})).unwrap();
    assert_eq!(body.data::<Auth<'_>>().unwrap().token, "t");
    assert!(body.data::<Vec<u8>>().is_err());
}

#[test]
fn an_event_is_answered_with_its_own_arguments() {
    for (args, attachments, expected) in [
        ("", &[][..], "[]"),
        ("1", &[], "[1]"),
        (r#" 1 , {"a":2}"#, &[], r#"[ 1 , {"a":2}]"#),
        (r#"1,{"a":{"_placeholder":true,"num":0}}"#, &[b"z".as_slice()], r#"[1,{"a":{"_placeholder":true,"num":0}}]"#),
    ] {
        let body = received(args, attachments);
        let ack = body.to_ack();
        assert_eq!(ack.json().as_str(), expected);
        assert_eq!(ack.attachments(), body.attachments());
    }
    let escaped = Body::from_wire(r#"[ "a\",[" , 1]"#.into(), Vec::new());
    assert_eq!(escaped.to_ack().json().as_str(), "[ 1]");
}

#[test]
fn bytes_are_found_wherever_the_type_has_them() {
    #[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
    struct Everything {
        plain: Bytes,
        some: Option<Bytes>,
        none: Option<Bytes>,
        list: Vec<Bytes>,
        map: HashMap<u32, Bytes>,
        tuple: (u8, Bytes),
        newtype: Newtype,
        kinds: Vec<Kind>,
        boxed: Box<Option<Option<Bytes>>>,
        empty: Bytes,
    }
    #[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
    struct Newtype(Bytes);
    #[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
    enum Kind {
        Unit,
        Newtype(Bytes),
        Tuple(Bytes, u8),
        Struct { data: Bytes },
    }
    let everything = Everything {
        plain: RAW,
        some: Some(RAW),
        none: None,
        list: vec![RAW, Bytes::new(), RAW],
        map: HashMap::from([(7, RAW)]),
        tuple: (1, RAW),
        newtype: Newtype(RAW),
        kinds: vec![Kind::Unit, Kind::Newtype(RAW), Kind::Tuple(RAW, 2), Kind::Struct { data: RAW }],
        boxed: Box::new(Some(Some(RAW))),
        empty: Bytes::new(),
    };
    assert_eq!(through::<_, Everything>(&everything), everything);
    assert_eq!(through::<_, (u8, Everything, Bytes)>(&(1, &everything, RAW)), (1, everything, RAW));
}

#[test]
fn bytes_survive_flattening_and_every_way_to_tag_an_enum() {
    #[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
    struct Outer {
        id: u8,
        #[serde(flatten)]
        inner: Inner,
        #[serde(flatten)]
        rest: BTreeMap<String, Bytes>,
    }
    #[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
    struct Inner {
        data: Bytes,
    }
    let outer = Outer { id: 1, inner: Inner { data: RAW }, rest: BTreeMap::from([("k".into(), RAW)]) };
    assert_eq!(through::<_, Outer>(&outer), outer);

    #[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
    #[serde(untagged)]
    enum Untagged {
        Number(u8),
        Struct { data: Bytes },
        Data(Bytes),
        Text(String),
    }
    let all =
        vec![Untagged::Number(1), Untagged::Data(RAW), Untagged::Struct { data: RAW }, Untagged::Data(Bytes::new())];
    assert_eq!(through::<_, Vec<Untagged>>(&(&all,)), all);

    #[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
    #[serde(tag = "type")]
    enum Internal {
        A { data: Bytes },
        B(Inner),
    }
    let all = vec![Internal::A { data: RAW }, Internal::B(Inner { data: RAW })];
    assert_eq!(through::<_, Vec<Internal>>(&(&all,)), all);

    #[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
    #[serde(tag = "type", content = "value")]
    enum Adjacent {
        A { data: Bytes },
        B(Bytes),
    }
    let all = vec![Adjacent::A { data: RAW }, Adjacent::B(RAW)];
    assert_eq!(through::<_, Vec<Adjacent>>(&(&all,)), all);
    // The content before the tag, which serde has to keep until it knows the variant.
    let body = received(&format!("[{{\"value\":{FIRST},\"type\":\"B\"}}]"), &[&RAW]);
    assert_eq!(body.args::<Vec<Adjacent>>().unwrap(), [Adjacent::B(RAW)]);
}

#[test]
fn bytes_can_be_borrowed_from_the_packet() {
    struct Borrowed<'a>(&'a [u8]);
    impl<'de> Deserialize<'de> for Borrowed<'de> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            <&[u8]>::deserialize(deserializer).map(Self)
        }
    }
    let body = received(FIRST, &[b"abc"]);
    let borrowed: Borrowed<'_> = body.args().unwrap();
    assert!(std::ptr::eq(borrowed.0, &*body.attachments()[0]));
}

#[test]
fn whatever_asks_for_bytes_gets_them() {
    /// As `serde_bytes::ByteBuf` does it.
    #[derive(PartialEq, Debug)]
    struct Blob(Vec<u8>);
    impl Serialize for Blob {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&self.0)
        }
    }
    impl<'de> Deserialize<'de> for Blob {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct BlobVisitor;
            impl Visitor<'_> for BlobVisitor {
                type Value = Blob;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a blob")
                }
                fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Blob, E> {
                    Ok(Blob(bytes.to_vec()))
                }
            }
            deserializer.deserialize_bytes(BlobVisitor)
        }
    }
    assert_eq!(through::<_, (Blob, [Blob; 1])>(&(Blob(vec![1]), [Blob(vec![2])])), (Blob(vec![1]), [Blob(vec![2])]));
}

#[test]
fn an_attachment_reads_as_numbers_where_no_bytes_are_asked_for() {
    let body = received(&format!("{FIRST},{{\"a\":[{SECOND}],\"_placeholder\":1}}"), &[&[1, 2], &[255]]);
    assert_eq!(body.args::<Value>().unwrap(), json!([1, 2]));
    assert_eq!(
        body.args::<(Vec<u8>, HashMap<String, Value>)>().unwrap(),
        (vec![1, 2], HashMap::from([("a".into(), json!([[255]])), ("_placeholder".into(), json!(1))]))
    );
    assert_eq!(body.args::<([u8; 2],)>().unwrap(), ([1, 2],));
    assert!(body.args::<([u8; 1],)>().is_err(), "no byte is dropped in silence");
    assert!(body.args::<String>().is_err());
    assert!(body.args::<u8>().is_err());
}

#[test]
fn an_ordinary_object_beside_attachments_is_left_alone() {
    for text in [
        r#"{"_placeholder":false,"num":0}"#,
        r#"{"_placeholder":"true","num":0}"#,
        r#"{"_placeholder":1,"a":[1,{"b":null}]}"#,
        r#"{"num":0}"#,
        r#"{"num":{"num":[0]},"a":1}"#,
        r#"{"\u005fplaceholde":true}"#,
        r#"{"a\"b":1,"":2}"#,
        "{}",
        r#"{"a":{}}"#,
        r#"["_placeholder",true,"num",0]"#,
    ] {
        let body = received(&format!("{FIRST},{text}"), &[b"a"]);
        let plain: Value = serde_json::from_str(text).unwrap();
        assert_eq!(body.args::<(Bytes, Value)>().unwrap(), (Bytes::from_static(b"a"), plain), "{text}");
    }
}

#[test]
fn without_attachments_a_lookalike_is_an_ordinary_object() {
    let body = received(FIRST, &[]);
    assert_eq!(body.args::<Value>().unwrap(), json!({"_placeholder": true, "num": 0}));
    assert!(body.args::<Bytes>().is_err());
}

#[test]
fn placeholders_are_read_in_any_order_and_however_they_are_written() {
    for text in [
        r#"{"num":0,"_placeholder":true}"#,
        r#" { "_placeholder" : true , "num" : 0 } "#,
        r#"{"\u005fplaceholder":true,"n\u0075m":0}"#,
        r#"{"num" :0 ,"\u005fplaceholder" :true}"#,
    ] {
        let body = received(&format!("\"é\",[{text}],{SECOND},{text:?}"), &[b"a", b"b"]);
        let (_, list, second, literal): (String, Vec<Bytes>, Bytes, String) = body.args().unwrap();
        assert_eq!((list[0].as_ref(), second.as_ref(), literal.as_str()), (&b"a"[..], &b"b"[..], text));
        assert_eq!(body.args::<(Value, Value)>().unwrap().1, json!([[97]]), "{text}");
        assert!(body.json().contains(FIRST), "written as everybody else does: {}", body.json());
    }
}

#[test]
fn raw_json_can_be_asked_for() {
    let body = received(r#"{"a" : [1.50]},2"#, &[]);
    let (raw, two): (&RawValue, u8) = body.args().unwrap();
    assert_eq!((raw.get(), two), (r#"{"a" : [1.50]}"#, 2));
    let body = received(&format!("{{\"a\" : [1.50]}},{FIRST}"), &[b"a"]);
    let (raw, bytes): (Box<RawValue>, Bytes) = body.args().unwrap();
    assert_eq!((raw.get(), bytes.as_ref()), (r#"{"a" : [1.50]}"#, &b"a"[..]));
    let first: &RawValue = body.args().unwrap();
    assert_eq!(first.get(), r#"{"a" : [1.50]}"#);
}

/// Hazard R26.
#[test]
fn strings_that_are_no_unicode_are_an_error_only_where_they_are_read() {
    let body = received(r#""\ud800",1"#, &[]);
    assert!(body.args::<String>().is_err());
    assert!(body.args::<Value>().is_err());
    assert_eq!(body.arg_count(), 2);
}

// D105
#[test]
fn a_text_is_added_behind_the_arguments() {
    for (json, expected) in [
        ("[\"x\"]", "[\"x\",\"7.1\"]"),
        ("[\"x\",1,{}]", "[\"x\",1,{},\"7.1\"]"),
        (" [ \"x\" , [ ] ] ", " [ \"x\" , [ ],\"7.1\"]"),
    ] {
        let body = Body::from_parts(PacketKind::Event, json, vec![Bytes::from_static(b"data")]).unwrap();
        let longer = body.with_text("7.1");
        assert_eq!((longer.json().as_str(), longer.arg_count()), (expected, body.arg_count() + 1));
        assert_eq!(longer.attachments(), body.attachments());
        assert_eq!(Body::from_parts(PacketKind::Event, expected, longer.attachments().to_vec()), Ok(longer));
    }
    let ack = Body::ack(&()).unwrap().with_text("\"");
    assert_eq!(ack.json().as_str(), "[\"\\\"\"]");
}
