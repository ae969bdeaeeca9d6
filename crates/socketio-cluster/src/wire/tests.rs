//! The wire form against the reference's objects, there and back, and against whatever else may come.

use std::time::Duration;

use proptest::{prelude::*, test_runner::RngSeed};
use serde_json::{Value, json};
use socketio_proto::{Body, Namespace};

use super::*;
use crate::{BroadcastFlags, BroadcastOptions, Message, RequestId, SocketDetails};

fn text(json: &Value) -> Bytes {
    Bytes::from(json.to_string())
}

fn read(json: &Value) -> Result<Envelope, DecodeError> {
    decode(&text(json), &WireLimits::default())
}

fn written(envelope: &Envelope) -> Value {
    serde_json::from_slice(&encode(envelope, &WireLimits::default()).unwrap()).unwrap()
}

fn request() -> RequestId {
    RequestId::new(7)
}

fn options() -> BroadcastOptions {
    let flags = BroadcastFlags {
        volatile: true,
        compress: Some(false),
        local: false,
        timeout: Some(Duration::from_millis(1500)),
    };
    BroadcastOptions { rooms: vec!["a".into(), "b".into()], except: vec!["c".into()], flags }
}

fn opts() -> Value {
    json!({"rooms": ["a", "b"], "except": ["c"], "flags": {"volatile": true, "compress": false, "timeout": 1500}})
}

/// Every type of message with the `data` that the reference sends for it; F8 to F15.
fn table() -> Vec<(u8, Option<Value>, Message)> {
    let id = "0000000000000007";
    let event = || Body::event("news", &(1, "x")).unwrap();
    let packet = json!(["news", 1, "x"]);
    let details = SocketDetails::new("s1", vec!["s1".into(), "a".into()], &json!({"url": "/"}), &json!({"name": "n"}));
    let sockets = vec![details.unwrap()];
    let socket = json!({"id": "s1", "handshake": {"url": "/"}, "rooms": ["s1", "a"], "data": {"name": "n"}});
    let broadcast = json!({"type": 2, "data": packet, "nsp": "/chat"});
    vec![
        (1, None, Message::InitialHeartbeat),
        (2, None, Message::Heartbeat),
        (
            3,
            Some(json!({"opts": opts(), "packet": broadcast})),
            Message::Broadcast { options: options(), event: event(), request: None },
        ),
        (
            3,
            Some(json!({"opts": opts(), "packet": broadcast, "requestId": id})),
            Message::Broadcast { options: options(), event: event(), request: Some(request()) },
        ),
        (
            4,
            Some(json!({"opts": opts(), "rooms": ["x", "y"]})),
            Message::SocketsJoin { options: options(), rooms: vec!["x".into(), "y".into()] },
        ),
        (
            5,
            Some(json!({"opts": opts(), "rooms": ["x"]})),
            Message::SocketsLeave { options: options(), rooms: vec!["x".into()] },
        ),
        (
            6,
            Some(json!({"opts": opts(), "close": true})),
            Message::DisconnectSockets { options: options(), close: true },
        ),
        (
            7,
            Some(json!({"opts": opts(), "requestId": id})),
            Message::FetchSockets { options: options(), request: request() },
        ),
        (
            8,
            Some(json!({"requestId": id, "sockets": [socket]})),
            Message::FetchSocketsResponse { request: request(), sockets },
        ),
        (9, Some(json!({"packet": packet})), Message::ServerSideEmit { event: event(), request: None }),
        (
            9,
            Some(json!({"packet": packet, "requestId": id})),
            Message::ServerSideEmit { event: event(), request: Some(request()) },
        ),
        (
            10,
            Some(json!({"requestId": id, "packet": {"ok": true}})),
            Message::ServerSideEmitResponse { request: request(), answer: Body::ack(&(json!({"ok": true}),)).unwrap() },
        ),
        (
            11,
            Some(json!({"requestId": id, "clientCount": 3})),
            Message::BroadcastClientCount { request: request(), clients: 3 },
        ),
        (
            12,
            Some(json!({"requestId": id, "packet": null})),
            Message::BroadcastAck { request: request(), answer: Body::ack(&(Value::Null,)).unwrap() },
        ),
        (
            12,
            Some(json!({"requestId": id})),
            Message::BroadcastAck { request: request(), answer: Body::ack(&()).unwrap() },
        ),
        (13, None, Message::AdapterClose),
    ]
}

#[test]
fn every_message_is_the_object_of_the_reference_both_ways() {
    for (number, data, message) in table() {
        let mut object = json!({"uid": "00000000000000ff", "nsp": "/chat", "type": number});
        if let Some(data) = data {
            object["data"] = data;
        }
        assert_eq!(message.number(), number);
        let envelope = Envelope { sender: NodeId::new(255), namespace: Namespace::new("/chat"), message };
        assert_eq!(written(&envelope), object);
        assert_eq!(read(&object).unwrap(), envelope);
        // As MessagePack it says the same: the reference's adapters write a message so where anything in it is binary.
        let packed = Bytes::from(json_to_msgpack(&object.to_string(), &[]));
        assert_eq!(decode(&packed, &WireLimits::default()).unwrap(), envelope);
    }
}

#[test]
fn an_answer_is_its_first_argument() {
    let answer = Body::ack(&(1, 2)).unwrap();
    let message = Message::BroadcastAck { request: request(), answer };
    let envelope = Envelope { sender: NodeId::new(1), namespace: Namespace::root(), message };
    assert_eq!(written(&envelope)["data"]["packet"], 1);
}

#[test]
fn a_message_with_binary_data_is_messagepack_and_comes_back_the_same() {
    let bytes = |text: &'static [u8]| Bytes::from_static(text);
    let (one, two, three) = (bytes(b"one"), bytes(b"two"), Bytes::from(vec![3; 40_000]));
    let socket =
        |id: &str, data: &(&Bytes, &Bytes)| SocketDetails::new(id, Vec::new(), &json!({"auth": id}), data).unwrap();
    let plain = SocketDetails::new("plain", Vec::new(), &json!({}), &"\"{\"_placeholder\":true,\"num\":0}").unwrap();
    let messages = [
        Message::Broadcast { options: options(), event: Body::event("e", &(&one, [&two])).unwrap(), request: None },
        Message::ServerSideEmit { event: Body::event("e", &(1, &three)).unwrap(), request: Some(request()) },
        Message::ServerSideEmitResponse { request: request(), answer: Body::ack(&(&one,)).unwrap() },
        Message::BroadcastAck { request: request(), answer: Body::ack(&((json!([null, 1.5]), &one),)).unwrap() },
        Message::FetchSocketsResponse {
            request: request(),
            sockets: vec![socket("a", &(&one, &two)), socket("b", &(&three, &one))],
        },
        Message::FetchSocketsResponse { request: request(), sockets: vec![socket("a", &(&one, &two)), plain] },
    ];
    for message in messages {
        let envelope = Envelope { sender: NodeId::new(1), namespace: Namespace::new("/b"), message };
        let encoded = encode(&envelope, &WireLimits::default()).unwrap();
        assert_ne!(encoded[0], b'{');
        assert_eq!(decode(&encoded, &WireLimits::default()), Ok(envelope));
    }
}

#[test]
fn a_client_cannot_make_its_handshake_look_like_the_data_of_another() {
    let secret = Bytes::from_static(b"secret");
    let owner = SocketDetails::new("owner", Vec::new(), &json!({}), &secret).unwrap();
    let auth = json!({"auth": {"_placeholder": true, "num": 0}});
    let thief = SocketDetails::new("thief", Vec::new(), &auth, &()).unwrap();
    for sockets in [vec![owner.clone(), thief.clone()], vec![thief.clone(), owner.clone()]] {
        let message = Message::FetchSocketsResponse { request: request(), sockets };
        let envelope = Envelope { sender: NodeId::new(1), namespace: Namespace::root(), message };
        let decoded = decode(&encode(&envelope, &WireLimits::default()).unwrap(), &WireLimits::default()).unwrap();
        let Message::FetchSocketsResponse { sockets, .. } = decoded.message else { panic!() };
        assert!(sockets.contains(&owner), "whose data is as it was");
        let thief = sockets.iter().find(|socket| socket.id == "thief").unwrap();
        assert!(thief.handshake.attachments().is_empty());
        assert_eq!(thief.handshake.json().as_str(), "[]");
    }
    // Where nothing is binary, such an object is one like any other.
    let message = Message::FetchSocketsResponse { request: request(), sockets: vec![thief] };
    let envelope = Envelope { sender: NodeId::new(1), namespace: Namespace::root(), message };
    assert_eq!(written(&envelope)["data"]["sockets"][0]["handshake"], auth);
}

#[test]
fn unknown_fields_are_ignored_and_a_newer_type_is_told_from_a_broken_message() {
    let known = json!({"uid": "a", "nsp": "/", "type": 7, "version": 9, "data": {
        "opts": {"rooms": [], "except": [], "flags": {"later": {"x": 1}, "expectSingleResponse": true}, "more": []},
        "requestId": "r", "else": {"type": 3}}});
    let message =
        Message::FetchSockets { options: BroadcastOptions::default(), request: RequestId::parse("r").unwrap() };
    assert_eq!(read(&known).unwrap().message, message);

    let (sender, namespace) = (NodeId::parse("a").unwrap(), Namespace::root());
    let expected = DecodeError::UnknownType { sender, namespace, number: 14 };
    for data in [json!(null), json!("text"), json!({"opts": 1, "rooms": 2})] {
        let newer = json!({"uid": "a", "nsp": "/", "type": 14, "data": data});
        assert_eq!(read(&newer), Err(expected.clone()));
        let packed = Bytes::from(json_to_msgpack(&newer.to_string(), &[]));
        assert_eq!(decode(&packed, &WireLimits::default()), Err(expected.clone()));
    }
}

#[test]
fn what_a_reference_server_leaves_out_or_writes_otherwise_is_understood() {
    let broadcast = |opts: Value, packet: Value| {
        let object = json!({"uid": "emitter", "nsp": "/", "type": 3, "data": {"opts": opts, "packet": packet}});
        let Message::Broadcast { options, .. } = read(&object).unwrap().message else { panic!() };
        options
    };
    // No flags, no namespace in the packet, and rooms that are named by numbers.
    let read_options = broadcast(json!({"rooms": [1, -2, "x"], "except": []}), json!({"type": 5, "data": ["e"]}));
    assert_eq!(
        read_options,
        BroadcastOptions { rooms: vec!["1".into(), "-2".into(), "x".into()], ..Default::default() }
    );
    let zero = json!({"rooms": [], "except": [], "flags": {"timeout": 0, "compress": true}});
    assert_eq!(broadcast(zero, json!({"type": 2, "data": ["e"]})).flags.timeout, None);
}

#[test]
fn what_is_no_message_is_an_error() {
    let opts = json!({"rooms": [], "except": []});
    let many = vec![""; WireLimits::MAX_ROOMS + 1];
    let broken = [
        json!({}),
        json!({"uid": "a", "nsp": "/"}),
        json!({"uid": 1, "nsp": "/", "type": 2}),
        json!({"uid": "", "nsp": "/", "type": 2}),
        json!({"uid": "two words", "nsp": "/", "type": 2}),
        json!({"uid": "a".repeat(65), "nsp": "/", "type": 2}),
        json!({"uid": "a", "nsp": "/".repeat(513), "type": 2}),
        json!({"uid": "a", "nsp": "/", "type": "2"}),
        json!({"uid": "a", "nsp": "/", "type": 2.5}),
        json!({"uid": "a", "nsp": "/", "type": 3}),
        json!({"uid": "a", "nsp": "/", "type": 3, "data": {"opts": opts}}),
        json!({"uid": "a", "nsp": "/", "type": 3, "data": {"packet": {"type": 2, "data": ["e"]}}}),
        json!({"uid": "a", "nsp": "/", "type": 3, "data": {"opts": opts, "packet": {"type": 0, "data": {}}}}),
        json!({"uid": "a", "nsp": "/", "type": 3, "data": {"opts": opts, "packet": {"type": 2, "data": {}}}}),
        json!({"uid": "a", "nsp": "/", "type": 3, "data": {"opts": opts, "packet": {"type": 2, "data": ["connect"]}}}),
        json!({"uid": "a", "nsp": "/", "type": 4, "data": {"opts": opts, "rooms": "x"}}),
        json!({"uid": "a", "nsp": "/", "type": 4, "data": {"opts": opts, "rooms": [null]}}),
        json!({"uid": "a", "nsp": "/", "type": 4, "data": {"opts": opts, "rooms": many}}),
        json!({"uid": "a", "nsp": "/", "type": 7, "data": {"opts": opts}}),
        json!({"uid": "a", "nsp": "/", "type": 7, "data": {"opts": opts, "requestId": ""}}),
        json!({"uid": "a", "nsp": "/", "type": 7, "data": {"opts": {"flags": {"timeout": "x"}}, "requestId": "r"}}),
        json!({"uid": "a", "nsp": "/", "type": 8, "data": {"requestId": "r", "sockets": [{"rooms": []}]}}),
        json!({"uid": "a", "nsp": "/", "type": 9, "data": {"packet": []}}),
        json!({"uid": "a", "nsp": "/", "type": 9, "data": {"packet": "text"}}),
        json!({"uid": "a", "nsp": "/", "type": 11, "data": {"requestId": "r", "clientCount": -1}}),
        json!({"uid": "a", "nsp": "/", "type": 11, "data": {"requestId": "r"}}),
    ];
    for object in broken {
        assert!(matches!(read(&object), Err(DecodeError::Malformed(_))), "{object}");
        let packed = Bytes::from(json_to_msgpack(&object.to_string(), &[]));
        assert!(matches!(decode(&packed, &WireLimits::default()), Err(DecodeError::Malformed(_))), "{object}");
    }
    for bytes in [&b""[..], b"{", b"\x84", b"[]", b"\xff", b"{\"uid\":\"a\",\"nsp\":\"/\",\"type\":2}x"] {
        let error = decode(&Bytes::from_static(bytes), &WireLimits::default());
        assert!(matches!(error, Err(DecodeError::Malformed(_))), "{bytes:?}");
    }
}

#[test]
fn both_ends_bound_the_length_of_a_message() {
    let limits = WireLimits { max_message_bytes: 100 };
    let event = Body::event("e", &"x".repeat(100)).unwrap();
    let message = Message::ServerSideEmit { event, request: None };
    let envelope = Envelope { sender: NodeId::new(1), namespace: Namespace::root(), message };
    let bytes = encode(&envelope, &WireLimits::default()).unwrap();
    assert_eq!(encode(&envelope, &limits), Err(EncodeError::TooLarge { len: bytes.len(), limit: 100 }));
    assert_eq!(decode(&bytes, &limits), Err(DecodeError::TooLarge { len: bytes.len(), limit: 100 }));
}

#[test]
fn the_deepest_payload_fits_in_either_format() {
    let mut deep = "[\"e\"".to_owned();
    let depth = DecoderLimits::MAX_DEPTH - 1;
    for (attachments, inner) in [(vec![], "1"), (vec![Bytes::from_static(b"x")], r#"{"_placeholder":true,"num":0}"#)] {
        let depth = depth - attachments.len();
        let json = format!("{deep},{}{inner}{}]", "[".repeat(depth), "]".repeat(depth));
        let event = Body::from_parts(socketio_proto::PacketKind::Event, json, attachments).unwrap();
        let message = Message::Broadcast { options: BroadcastOptions::default(), event, request: None };
        let envelope = Envelope { sender: NodeId::new(1), namespace: Namespace::root(), message };
        let bytes = encode(&envelope, &WireLimits::default()).unwrap();
        assert_eq!(decode(&bytes, &WireLimits::default()).unwrap(), envelope);
    }
    // And what is deeper is refused, without a stack overflow.
    deep = "[".repeat(1_000_000);
    let hostile = format!("{{\"uid\":\"a\",\"nsp\":\"/\",\"type\":9,\"data\":{{\"packet\":{deep}");
    assert!(decode(&Bytes::from(hostile), &WireLimits::default()).is_err());
    assert!(decode(&Bytes::from(vec![0x91; 1_000_000]), &WireLimits::default()).is_err());
}

fn seeded(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(seeded(512))]

    #[test]
    fn damaged_messages_are_errors_or_messages_and_nothing_else(
        index in 0_usize..16, binary in any::<bool>(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let (number, data, _) = table().swap_remove(index);
        let object = json!({"uid": "a", "nsp": "/", "type": number, "data": data}).to_string();
        let mut bytes = if binary { json_to_msgpack(&object, &[]) } else { object.into_bytes() };
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
        }
        // What is read can be written again.
        if let Ok(envelope) = decode(&bytes.into(), &WireLimits::default()) {
            let again = encode(&envelope, &WireLimits::default()).unwrap();
            prop_assert_eq!(decode(&again, &WireLimits::default()), Ok(envelope));
        }
    }
}
