//! Properties of the codec and the decoder over generated input: what goes out comes back the same, and
//! nothing that a peer can send makes them panic. Seeds are fixed.

use std::collections::BTreeMap;

use bytes::Bytes;
use engineio_proto::Message;
use proptest::{prelude::*, test_runner::RngSeed};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use socketio_proto::{
    AckId, AnyParser, Body, DecodeError, Decoder, DecoderLimits, Encoded, MsgpackParser, Namespace, Packet, PacketKind,
    encode, encode_ack, encode_event, encode_packet,
};

fn config(seed: u64, cases: u32) -> ProptestConfig {
    ProptestConfig { rng_seed: RngSeed::Fixed(seed), failure_persistence: None, cases, ..ProptestConfig::default() }
}

/// Everything that serde can say, with bytes at any place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Unit,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Data(Bytes),
    Maybe(Option<Bytes>),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
    Pair(Box<Self>, Bytes),
    Struct { data: Bytes, inner: Box<Self> },
    Tagged(Tagged),
    Flat(Flat),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    A { data: Bytes, num: u32 },
    B { text: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, Bytes>,
}

fn data() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), Just("num".to_owned()), Just("a".to_owned())]
        .prop_filter("names of other members", |key| key != "_placeholder" && key != "id")
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Unit),
        any::<bool>().prop_map(Tree::Bool),
        any::<i64>().prop_map(Tree::Integer),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Tree::Float),
        any::<String>().prop_map(Tree::Text),
        data().prop_map(Tree::Data),
        prop::option::of(data()).prop_map(Tree::Maybe),
        (data(), any::<u32>()).prop_map(|(data, num)| Tree::Tagged(Tagged::A { data, num })),
        any::<String>().prop_map(|text| Tree::Tagged(Tagged::B { text })),
        (any::<u8>(), prop::collection::btree_map(key(), data(), 0..4))
            .prop_map(|(id, rest)| Tree::Flat(Flat { id, rest })),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::List),
            prop::collection::btree_map(key(), inner.clone(), 0..6).prop_map(Tree::Map),
            (inner.clone(), data()).prop_map(|(inner, data)| Tree::Pair(Box::new(inner), data)),
            (data(), inner).prop_map(|(data, inner)| Tree::Struct { data, inner: Box::new(inner) }),
        ]
    })
}

fn event_name() -> impl Strategy<Value = String> {
    any::<String>().prop_filter("reserved", |name| !socketio_proto::is_reserved_event(name))
}

fn namespace() -> impl Strategy<Value = Namespace> {
    prop_oneof![Just(Namespace::root()), "/[^,]{0,30}".prop_map(|name| Namespace::new(&name))]
}

fn decode(encoded: &Encoded) -> Packet {
    let mut decoder = Decoder::new(DecoderLimits::default());
    let mut packet = None;
    for frame in encoded.frames() {
        assert!(packet.is_none(), "delivered before its last message");
        packet = decoder.handle(frame.message()).expect("refused what was encoded");
    }
    assert!(!decoder.is_partial());
    packet.expect("not delivered after its last message")
}

proptest! {
    #![proptest_config(config(1, 400))]

    #[test]
    fn an_event_comes_back_as_it_was_sent(
        namespace in namespace(),
        ack in prop::option::of((0..=AckId::MAX.0).prop_map(AckId)),
        name in event_name(),
        args in (tree(), data(), tree()),
    ) {
        let encoded = encode_event(&namespace, ack, &name, &args).unwrap();
        let packet = decode(&encoded);
        prop_assert_eq!(packet.kind, PacketKind::Event);
        prop_assert_eq!((&packet.namespace, packet.ack), (&namespace, ack));
        prop_assert_eq!(&encode_packet(&packet), &encoded);
        let body = packet.body.unwrap();
        prop_assert_eq!(&body, &Body::event(&name, &args).unwrap());
        prop_assert_eq!(body.event_name().unwrap(), name);
        prop_assert_eq!(body.arg_count(), 3);
        prop_assert_eq!(&body.args::<(Tree, Bytes, Tree)>().unwrap(), &args);
        prop_assert_eq!(&body.args::<Tree>().unwrap(), &args.0);
        // Where no type says what it wants, bytes are numbers, as `serde_json` itself has them.
        let numbers = [&args.0, &args.2].map(|tree| serde_json::to_value(tree).unwrap());
        let (first, _, third) = body.args::<(Value, Value, Value)>().unwrap();
        prop_assert_eq!([first, third], numbers);
        let answer = encode(PacketKind::Ack, &namespace, ack, Some(&body.to_ack()));
        prop_assert_eq!(&answer, &encode(PacketKind::Ack, &namespace, ack, Some(&Body::ack(&args).unwrap())));
        prop_assert_eq!(decode(&answer).body.unwrap().ack_args::<(Tree, Bytes, Tree)>().unwrap(), args);
    }

    #[test]
    fn an_ack_comes_back_as_it_was_sent(namespace in namespace(), id in 0..=AckId::MAX.0, args in tree()) {
        let encoded = encode_ack(&namespace, AckId(id), &args).unwrap();
        let packet = decode(&encoded);
        prop_assert_eq!((packet.kind, packet.ack), (PacketKind::Ack, Some(AckId(id))));
        prop_assert_eq!(&encode_packet(&packet), &encoded);
        let body = packet.body.unwrap();
        prop_assert_eq!((body.ack_arg_count(), body.ack_args::<Tree>().unwrap()), (1, args));
    }
}

/// Pieces of packets, so that generated text gets past the header more often than noise does.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "0", "1", "2", "3", "4", "5", "6", "7", "-", "/", ",", "/ns,", "1-", "2-", "[", "]", "{", "}", ":", "\"", "\\",
            "\"x\"", "\"_placeholder\"", "\"\\u005fplaceholder\"", "true", "null", "\"num\"", "num", "1e5", "\\ud800",
            "\"\\ud800\"", " ", "\n", "é", "\u{0}", "{\"_placeholder\":true,\"num\":0}",
            "{\"num\":1,\"_placeholder\":true}", "[\"x\",", "\"connect\"", "99999999999999999999", "-0", "1.5",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let text = |pieces: Vec<String>| Message::from(pieces.concat());
    let packet = |(header, args): (String, Vec<String>)| Message::from(format!("{header}[\"x\",{}]", args.join(",")));
    let header = prop::sample::select(vec!["2", "51-", "52-", "62-/ns,7", "53-", "33", "50-", "1", "0"]);
    prop_oneof![
        2 => prop::collection::vec(piece(), 0..12).prop_map(text),
        2 => (header.prop_map(str::to_owned), prop::collection::vec(piece(), 0..4)).prop_map(packet),
        1 => any::<String>().prop_map(Message::from),
        4 => prop::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| Message::Binary(bytes.into())),
    ]
}

/// Reads a packet in every way there is; only what comes out may differ.
fn read_in_every_way(packet: &Packet) {
    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    #[allow(dead_code)]
    enum Untagged {
        Data(Bytes),
        Flat(Flat),
        Other(Value),
    }
    let Some(body) = &packet.body else { return };
    _ = (body.event_name(), body.arg_count(), body.ack_arg_count(), body.byte_len(), body.to_ack());
    _ = (body.args::<Value>(), body.args::<Bytes>(), body.args::<(Bytes, Option<Value>)>());
    _ = (body.args::<Tree>(), body.args::<Untagged>(), body.args::<(Vec<Bytes>, Vec<u8>)>());
    _ = (body.ack_args::<Vec<Untagged>>(), body.ack_args::<BTreeMap<String, Untagged>>(), body.data::<Value>());
}

proptest! {
    #![proptest_config(config(2, 4000))]

    /// Hazards R26, S20.
    #[test]
    fn no_sequence_of_messages_makes_the_decoder_panic(messages in prop::collection::vec(message(), 1..10)) {
        let mut limits = DecoderLimits::default();
        (limits.max_attachments, limits.max_attachment_bytes, limits.max_namespace_bytes) = (4, 20, 16);
        let mut decoder = Decoder::new(limits);
        for message in messages {
            match decoder.handle(message) {
                Ok(Some(packet)) => {
                    prop_assert!(!decoder.is_partial());
                    read_in_every_way(&packet);
                    // What was let in can be sent on, and is let in again.
                    prop_assert_eq!(&decode(&encode_packet(&packet)), &packet);
                    if packet.kind == PacketKind::Event {
                        prop_assert!(packet.body.as_ref().is_some_and(|body| body.event_name().is_some()));
                    }
                }
                Ok(None) => prop_assert!(decoder.is_partial()),
                Err(error) => {
                    prop_assert!(!decoder.is_partial(), "something is left after an error");
                    prop_assert!(!error.to_string().is_empty());
                }
            }
        }
    }

    #[test]
    fn what_is_let_in_as_an_event_is_what_a_json_parser_reads(pieces in prop::collection::vec(piece(), 0..8)) {
        let json = format!("[\"x\",{}]", pieces.concat());
        let accepted = Decoder::new(DecoderLimits::default()).handle(format!("2{json}").into());
        match serde_json::from_str::<Vec<Value>>(&json) {
            Ok(list) => {
                let body = accepted.unwrap().unwrap().body.unwrap();
                prop_assert_eq!(body.arg_count(), list.len() - 1);
                prop_assert_eq!(body.args::<Value>().ok(), list.get(1).cloned());
                prop_assert_eq!(body.to_ack().ack_args::<Value>().ok(), list.get(1).cloned());
            }
            // A lone surrogate and a number without end are JSON, though no values of Rust's.
            Err(_) => if accepted.is_ok() { prop_assert!(json.contains("\\ud800") || json.contains("1e5")) },
        }
    }
}

fn decode_msgpack(bytes: Bytes) -> Result<Packet, DecodeError> {
    let mut limits = DecoderLimits::default();
    (limits.max_attachments, limits.max_attachment_bytes) = (200, 4000);
    let packet = AnyParser::new(MsgpackParser).decoder(limits).handle(Message::Binary(bytes));
    packet.map(|packet| packet.expect("a packet is one message"))
}

fn encode_msgpack(packet: &Packet) -> Bytes {
    let Packet { kind, namespace, ack, body } = packet;
    let encoded = AnyParser::new(MsgpackParser).encode(*kind, namespace, *ack, body.as_ref());
    let [frame] = encoded.frames() else { panic!("a packet is one message") };
    Bytes::copy_from_slice(frame.packet())
}

/// Heads and values of MessagePack, so that generated bytes are well-formed more often than noise is.
fn msgpack_piece() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&[u8]> = vec![
        b"\x80",
        b"\x81",
        b"\x82",
        b"\x90",
        b"\x91",
        b"\x92",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\0\0\0\x01",
        b"\xc0",
        b"\xc3",
        b"\x01",
        b"\xff",
        b"\xcb\0\0\0\0\0\0\0\x01",
        b"\xcb\x7f\xf8\0\0\0\0\0\0",
        b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xa1x",
        b"\xa4type",
        b"\xa3nsp",
        b"\xa1/",
        b"\xa4data",
        b"\xa2id",
        b"\xd4\0\0",
        b"\xd7\0\0\0\x01\x80\0\0\0\0",
        b"\xc4\x01x",
        b"\xc7\x02\0xy",
        b"\xd5\x07xy",
        b"\xac_placeholder",
        b"\xa3num",
        b"\xa7connect",
        b"\xc6\xff\xff\xff\xff",
    ];
    prop_oneof![
        8 => prop::sample::select(pieces).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ]
}

proptest! {
    #![proptest_config(config(3, 400))]

    #[test]
    fn a_body_comes_back_from_messagepack_as_it_was(
        namespace in namespace(),
        ack in prop::option::of((0..=AckId::MAX.0).prop_map(AckId)),
        name in event_name(),
        args in (tree(), data(), tree()),
    ) {
        for (kind, body) in [(PacketKind::Event, Body::event(&name, &args)), (PacketKind::Ack, Body::ack(&args))] {
            let packet = Packet { kind, namespace: namespace.clone(), ack, body: Some(body.unwrap()) };
            prop_assert_eq!(decode_msgpack(encode_msgpack(&packet)), Ok(packet));
        }
    }
}

proptest! {
    #![proptest_config(config(4, 6000))]

    /// Hazard R26.
    #[test]
    fn no_messagepack_makes_the_decoder_panic(
        header in prop::sample::select(vec![&b""[..], b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x93\xa1x"]),
        pieces in prop::collection::vec(msgpack_piece(), 0..16),
    ) {
        let bytes = [header, &pieces.concat()].concat();
        match decode_msgpack(bytes.clone().into()) {
            Ok(packet) => {
                prop_assert!(packet.is_valid());
                read_in_every_way(&packet);
                // What was let in can be sent on in either format, and is let in again.
                prop_assert_eq!(&decode(&encode_packet(&packet)), &packet);
                prop_assert_eq!(&decode_msgpack(encode_msgpack(&packet)).unwrap(), &packet);
                let json = packet.body.as_ref().map_or(0, |body| body.json().len());
                prop_assert!(json <= 7 * bytes.len() + 40 * 200, "{json} of {}", bytes.len());
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn a_messagepack_packet_cut_short_or_changed_is_refused_or_read(
        args in (tree(), data()),
        cut in any::<prop::sample::Index>(),
        change in (any::<prop::sample::Index>(), any::<u8>()),
    ) {
        let body = Body::event("x", &args).unwrap();
        let whole = encode_msgpack(&Packet::new(PacketKind::Event, Namespace::new("/a"), Some(body)));
        prop_assert!(decode_msgpack(whole.slice(..cut.index(whole.len()))).is_err());
        let mut changed = whole.to_vec();
        changed[change.0.index(whole.len())] = change.1;
        if let Ok(packet) = decode_msgpack(changed.into()) {
            prop_assert!(packet.is_valid());
            read_in_every_way(&packet);
        }
    }
}
