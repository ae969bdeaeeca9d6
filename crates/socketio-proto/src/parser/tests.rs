//! The choice of a parser: the default one stays what it was, and what another one gets wrong stops here.

use bytes::Bytes;

use super::*;
use crate::MsgpackParser;

/// Yields the packets it was given, whatever comes in.
#[derive(Debug)]
struct Canned(Vec<Packet>);

impl Parser for Canned {
    fn encode(&self, kind: PacketKind, _: &Namespace, _: Option<AckId>, body: Option<&Body>) -> Encoded {
        let json = body.map_or("", |body| body.json().as_str());
        Encoded::from_frames(vec![engineio_proto::MessageFrame::text(&[&kind.number().to_string(), "!", json])])
    }

    fn decoder(&self, _: DecoderLimits) -> Box<dyn Decode + Send> {
        Box::new(Self(self.0.clone()))
    }
}

impl Decode for Canned {
    fn handle(&mut self, _: Message) -> Result<Option<Packet>, DecodeError> {
        Ok(self.0.pop())
    }

    fn set_limits(&mut self, _: DecoderLimits) {}
}

fn packet(kind: PacketKind, body: Option<Body>) -> Packet {
    Packet::new(kind, Namespace::root(), body)
}

fn bodies() -> [(PacketKind, Option<Body>); 7] {
    [
        (PacketKind::Connect, None),
        (PacketKind::Connect, Some(Body::connect(&serde_json::json!({"token": 1})).unwrap())),
        (PacketKind::Disconnect, None),
        (PacketKind::Event, Some(Body::event("x", &(1, Bytes::from_static(b"data"))).unwrap())),
        (PacketKind::Ack, Some(Body::ack(&()).unwrap())),
        (PacketKind::ConnectError, Some(Body::connect_error::<()>("no", None).unwrap())),
        (PacketKind::ConnectError, Some(Body::from_parts(PacketKind::ConnectError, "\"no\"", vec![]).unwrap())),
    ]
}

// C27
#[test]
fn the_default_parser_is_the_plain_codec() {
    let namespace = Namespace::new("chat");
    for parser in [AnyParser::default(), AnyParser::new(JsonParser), AnyParser(Some(Arc::new(JsonParser)))] {
        for (kind, body) in bodies() {
            let encoded = parser.encode(kind, &namespace, None, body.as_ref());
            assert_eq!(encoded, encode(kind, &namespace, None, body.as_ref()));
            let mut decoder = parser.decoder(DecoderLimits::default());
            let mut decoded = None;
            for frame in encoded.frames() {
                assert!(decoded.is_none());
                decoded = decoder.handle(frame.message()).unwrap();
                assert_eq!(decoder.is_partial(), decoded.is_none());
            }
            assert_eq!(decoded, Some(Packet::new(kind, namespace.clone(), body)));
        }
        let args = (1, Bytes::from_static(b"data"));
        let event = parser.encode_event(&namespace, Some(AckId(1)), "x", &args);
        assert_eq!(event, encode_event(&namespace, Some(AckId(1)), "x", &args));
        assert_eq!(parser.encode_event(&namespace, None, "connect", &()), Err(EncodeError::ReservedEvent));
        assert_eq!(parser.encode_ack(&namespace, AckId(1), &args), encode_ack(&namespace, AckId(1), &args));
    }
}

// C27
#[test]
fn another_parser_gets_every_packet_to_encode() {
    let parser = AnyParser::new(Canned(Vec::new()));
    let text = |encoded: &Encoded| encoded.frames()[0].message();
    let event = parser.encode_event(&Namespace::root(), None, "x", &(1, 2)).unwrap();
    assert_eq!(text(&event), Message::from("2![\"x\",1,2]"));
    let ack = parser.encode_ack(&Namespace::root(), AckId(3), &"yes").unwrap();
    assert_eq!(text(&ack), Message::from("3![\"yes\"]"));
    let connect = parser.encode(PacketKind::Connect, &Namespace::root(), None, None);
    assert_eq!(text(&connect), Message::from("0!"));
    assert_eq!(parser.encode_event(&Namespace::root(), None, "connect", &()), Err(EncodeError::ReservedEvent));
}

// C18, C27
#[test]
fn a_packet_of_another_parser_whose_body_is_of_another_kind_is_refused() {
    let kinds = [PacketKind::Connect, PacketKind::Disconnect, PacketKind::Event, PacketKind::Ack];
    for (made_for, body) in bodies() {
        for kind in kinds.into_iter().chain([PacketKind::ConnectError]) {
            let packet = packet(kind, body.clone());
            // An event is a list as well, and what a CONNECT has may be said in a CONNECT_ERROR.
            let fits = match body.as_ref().map(|body| body.json().as_str()) {
                None => matches!(kind, PacketKind::Connect | PacketKind::Disconnect),
                Some("{\"token\":1}" | "{\"message\":\"no\"}") => {
                    matches!(kind, PacketKind::Connect | PacketKind::ConnectError)
                }
                Some(json) if json.starts_with("[\"x\"") => matches!(kind, PacketKind::Event | PacketKind::Ack),
                Some(_) => kind == made_for,
            };
            assert_eq!(packet.is_valid(), fits, "{packet:?}");
            let mut decoder = AnyParser::new(Canned(vec![packet.clone()])).decoder(DecoderLimits::default());
            let decoded = decoder.handle(Message::from("anything"));
            let expected = if fits { Ok(Some(packet)) } else { Err(DecodeError::InvalidPayload { offset: 0 }) };
            assert_eq!(decoded, expected);
            assert!(!decoder.is_partial());
        }
    }
    let mut late = packet(PacketKind::Ack, Some(Body::ack(&()).unwrap()));
    late.ack = Some(AckId(AckId::MAX.0 + 1));
    assert!(!late.is_valid());
    let mut decoder = AnyParser::new(Canned(vec![late])).decoder(DecoderLimits::default());
    assert_eq!(decoder.handle(Message::from("anything")), Err(DecodeError::InvalidAckId { offset: 0 }));
    assert_eq!(decoder.handle(Message::from("anything")), Ok(None));
}

// C10, C11, C15, C18
#[test]
fn a_body_from_outside_keeps_the_promises_of_a_body() {
    use PacketKind::{Ack, Connect, ConnectError, Disconnect, Event};
    let data = |count| vec![Bytes::from_static(b"data"); count];
    let place = |num: usize| format!("{{\"_placeholder\":true,\"num\":{num}}}");
    let accepted = [
        (Event, "[\"x\"]".to_owned(), 0),
        (Event, "[1]".to_owned(), 0),
        (Event, " [ \"x\" , {} ] ".to_owned(), 0),
        (Ack, "[\"connect\"]".to_owned(), 0),
        (Connect, "{}".to_owned(), 0),
        (ConnectError, "\"no\"".to_owned(), 0),
        (Event, format!("[\"x\",{},{}]", place(1), place(0)), 2),
        (Ack, format!("[{}]", place(0)), 2),
        // Without attachments it is an object like any other.
        (Ack, format!("[{}]", place(0)), 0),
    ];
    for (kind, json, count) in accepted {
        let body = Body::from_parts(kind, json.clone(), data(count)).unwrap();
        assert_eq!((body.json().as_str(), body.attachments().len()), (&*json, count));
        assert!(packet(kind, Some(body)).is_valid());
    }
    let rewritten = Body::from_parts(Ack, "[{\"num\":0,\"_placeholder\":true}]", data(1)).unwrap();
    assert_eq!(rewritten.json().as_str(), format!("[{}]", place(0)));
    let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
    let payload = |offset| DecodeError::InvalidPayload { offset };
    let placeholder = |offset| DecodeError::IllegalPlaceholder { offset };
    let refused = [
        (Event, "[]".to_owned(), 0, payload(0)),
        (Event, "[null]".to_owned(), 0, payload(0)),
        (Event, "{}".to_owned(), 0, payload(0)),
        (Event, "[\"x\"".to_owned(), 0, payload(4)),
        (Event, "[\"x\"] 1".to_owned(), 0, payload(6)),
        (Event, "[\"disconnecting\"]".to_owned(), 0, payload(0)),
        (Event, "[\"\\u0063onnect\"]".to_owned(), 0, payload(0)),
        (Ack, deep, 0, payload(127)),
        (Ack, "{}".to_owned(), 0, payload(0)),
        (Connect, "[]".to_owned(), 0, payload(0)),
        (Connect, String::new(), 0, payload(0)),
        (Connect, "{}".to_owned(), 1, payload(0)),
        (ConnectError, "1".to_owned(), 0, payload(0)),
        (ConnectError, "\"no\"".to_owned(), 1, payload(0)),
        (Disconnect, String::new(), 0, payload(0)),
        (Disconnect, "{}".to_owned(), 0, payload(0)),
        (Ack, format!("[{}]", place(1)), 1, placeholder(2)),
        (Ack, format!("[{},{}]", place(0), place(0)), 1, placeholder(32)),
    ];
    for (kind, json, count, error) in refused {
        assert_eq!(Body::from_parts(kind, json.clone(), data(count)), Err(error), "{kind:?} {json}");
    }
}

#[test]
fn the_numbers_of_the_types_are_those_of_the_protocol() {
    for number in 0..5 {
        assert_eq!(PacketKind::from_number(number).map(|kind| u64::from(kind.number())), Some(number));
    }
    assert_eq!([5, 6, u64::MAX].map(PacketKind::from_number), [None; 3]);
}

#[test]
fn messages_are_kept_as_they_are() {
    let frame = |text: &str| engineio_proto::MessageFrame::text(&[text]);
    for frames in [vec![], vec![frame("a")], vec![frame("a"), frame("b")]] {
        assert_eq!(Encoded::from_frames(frames.clone()).frames(), frames);
    }
}

#[test]
fn limits_reach_the_decoder_of_any_parser() {
    let limits = DecoderLimits { max_namespace_bytes: 4, ..DecoderLimits::default() };
    for parser in [AnyParser::default(), AnyParser::new(MsgpackParser), AnyParser(Some(Arc::new(JsonParser)))] {
        let message = parser.encode(PacketKind::Connect, &Namespace::new("/long"), None, None).frames()[0].message();
        let mut decoder = parser.decoder(DecoderLimits::default());
        assert!(decoder.handle(message.clone()).is_ok());
        decoder.set_limits(limits);
        assert_eq!(decoder.handle(message), Err(DecodeError::InvalidNamespace { limit: 4 }), "{parser:?}");
    }
}
