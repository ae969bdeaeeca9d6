//! A packet of Socket.IO that was let in, read and sent on: what holds for each, whatever it came in.

use bytes::Bytes;
use engineio_proto::Message;
use serde_json::{Value, value::RawValue};
use socketio_proto::{
    AnyParser, Args, Body, Decoder, DecoderLimits, Encoded, MsgpackParser, Packet, PacketKind, encode_packet,
    is_reserved_event,
};

/// Limits that a fuzzer reaches.
pub(crate) fn small_limits() -> DecoderLimits {
    let mut limits = DecoderLimits::default();
    (limits.max_attachments, limits.max_attachment_bytes, limits.max_namespace_bytes) = (4, 64, 16);
    limits
}

/// Everything that holds for a packet that a decoder has let in.
pub(crate) fn check(packet: &Packet) {
    assert!(packet.is_valid(), "{packet:?}");
    // What was let in can be sent on, and is let in again as it was.
    assert_eq!(&decode(&encode_packet(packet)), packet);
    let Some(body) = &packet.body else { return };
    match packet.kind {
        PacketKind::Event => event(body),
        PacketKind::Ack => acknowledgement(body),
        PacketKind::Connect | PacketKind::ConnectError => {
            let value = serde_json::from_str::<Value>(body.json()).ok();
            assert_eq!(body.data::<Value>().ok(), value);
        }
        PacketKind::Disconnect => panic!("a DISCONNECT has no body"),
    }
}

/// Reads what was encoded, in the default format.
pub(crate) fn decode(encoded: &Encoded) -> Packet {
    let mut decoder = Decoder::new(DecoderLimits::default());
    let mut frames = encoded.frames().iter();
    let last = frames.next_back().map(|last| last.message());
    for frame in frames {
        assert_eq!(decoder.handle(frame.message()), Ok(None), "delivered before its last message");
    }
    let packet = last.map(|last| decoder.handle(last));
    let Some(Ok(Some(packet))) = packet else { panic!("{packet:?} of {encoded:?}") };
    packet
}

/// The packet as MessagePack.
pub(crate) fn to_msgpack(packet: &Packet) -> Bytes {
    let Packet { kind, namespace, ack, body } = packet;
    let encoded = AnyParser::new(MsgpackParser).encode(*kind, namespace, *ack, body.as_ref());
    let [frame] = encoded.frames() else { panic!("a packet is one message") };
    let Message::Binary(bytes) = frame.message() else { panic!("a packet is binary") };
    bytes
}

fn event(body: &Body) {
    let name = body.event_name().unwrap_or_else(|| panic!("an event has a name: {body:?}"));
    assert!(!is_reserved_event(&name));
    let elements = elements(body);
    assert_eq!(body.arg_count() + 1, elements.len());
    match serde_json::from_str::<Value>(elements[0].get()) {
        Ok(Value::String(text)) => assert_eq!(name, text),
        Ok(Value::Number(_)) => assert_eq!(name, elements[0].get()),
        // A number that is too large for Rust, which is a name all the same.
        Err(_) => assert_eq!(name, elements[0].get()),
        Ok(other) => panic!("{other} names an event"),
    }
    arguments(body, &elements[1..], Body::args, Body::args);
    // The acknowledgement with the same arguments.
    let ack = body.to_ack();
    acknowledgement(&ack);
    assert_eq!(ack.ack_arg_count(), body.arg_count());
    let longer = body.with_text("a\"b");
    assert!(longer.ends_with_text() && longer.arg_count() == body.arg_count() + 1);
    assert_eq!(self::elements(&longer).last().map(|last| last.get()), Some("\"a\\\"b\""));
    let last_is_text = elements.last().is_some_and(|last| last.get().starts_with('"'));
    assert_eq!(body.ends_with_text(), last_is_text);
}

fn acknowledgement(body: &Body) {
    let elements = elements(body);
    assert_eq!(body.ack_arg_count(), elements.len());
    arguments(body, &elements, Body::ack_args, Body::ack_args);
}

/// What stands between the commas.
fn elements(body: &Body) -> Vec<&RawValue> {
    serde_json::from_str(body.json()).unwrap_or_else(|error| panic!("{body:?} is no list: {error}"))
}

/// Without attachments, arguments are what serde_json reads; with them, only that nothing is read wrongly is seen here.
fn arguments<'a>(
    body: &'a Body,
    elements: &[&RawValue],
    all: impl Fn(&'a Body) -> Result<Args<Value>, socketio_proto::ArgumentError>,
    binary: impl Fn(&'a Body) -> Result<Args<Bytes>, socketio_proto::ArgumentError>,
) {
    let read = all(body);
    if let Ok(Args(attached)) = binary(body) {
        assert_eq!(attached.len(), elements.len());
    }
    if !body.attachments().is_empty() {
        return;
    }
    let values: Result<Vec<Value>, _> = elements.iter().map(|element| serde_json::from_str(element.get())).collect();
    assert_eq!(read.ok().map(|Args(values)| values), values.ok());
}
