//! A message between servers that was let in, read and sent on: what holds for each, whatever it came in. Rows F8 to F15.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use socketio_cluster::{BroadcastOptions, Envelope, Message, NodeId, SocketDetails, WireLimits, decode, encode};
use socketio_proto::Body;

/// Everything that holds for a message that was read out of these bytes.
pub(crate) fn check(bytes: &Bytes, envelope: &Envelope) {
    let head = if bytes.starts_with(b"{") { json_head(bytes) } else { msgpack_head(bytes) };
    if let Some((sender, namespace, number)) = head {
        assert_eq!(Some(&envelope.sender), NodeId::parse(&sender).as_ref());
        let namespace = if namespace.starts_with('/') { namespace } else { format!("/{namespace}") };
        assert_eq!((envelope.namespace.as_str(), u64::from(envelope.message.number())), (&namespace[..], number));
    }
    let again = encode(envelope, &WireLimits::default());
    let again = again.unwrap_or_else(|error| panic!("{error}: {envelope:?}"));
    assert_is(&again, envelope);
}

/// What is read out of the bytes is this message.
pub(crate) fn assert_is(bytes: &Bytes, envelope: &Envelope) {
    let read = decode(bytes, &WireLimits::default());
    let mut read = read.unwrap_or_else(|error| panic!("{error}: {envelope:?} as {bytes:?}"));
    let mut expected = envelope.clone();
    let (time, expected_time) = (timeout(&mut read.message), timeout(&mut expected.message));
    drop_ambiguous(&mut expected.message);
    assert_eq!(read, expected, "by way of {bytes:?}");
    // Whole milliseconds, of which zero is none; what JavaScript's numbers cannot count is about right.
    let millis = expected_time.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let expected_time = Duration::from_millis(millis);
    let off = time.unwrap_or_default().abs_diff(expected_time);
    let is_countable = millis < 1 << 32;
    let allowed = if is_countable { Duration::ZERO } else { Duration::from_millis(1 + millis / 1_000_000_000) };
    assert!(off <= allowed && time.is_none_or(|time| !time.is_zero()), "{time:?} of {expected_time:?}");
}

fn timeout(message: &mut Message) -> Option<Duration> {
    options(message).and_then(|options| options.flags.timeout.take())
}

/// Whom it is for, where it is for sockets.
pub(crate) fn options(message: &mut Message) -> Option<&mut BroadcastOptions> {
    match message {
        Message::Broadcast { options, .. }
        | Message::SocketsJoin { options, .. }
        | Message::SocketsLeave { options, .. }
        | Message::DisconnectSockets { options, .. }
        | Message::FetchSockets { options, .. } => Some(options),
        _ => None,
    }
}

/// Among binary data of others, a value that looks as if it stood for some is left out.
fn drop_ambiguous(message: &mut Message) {
    let Message::FetchSocketsResponse { sockets, .. } = message else { return };
    let bodies = |socket: &SocketDetails| [socket.handshake.clone(), socket.data.clone()];
    if sockets.iter().flat_map(bodies).all(|body| body.attachments().is_empty()) {
        return;
    }
    for body in sockets.iter_mut().flat_map(|socket| [&mut socket.handshake, &mut socket.data]) {
        if body.attachments().is_empty() && body.json().contains("\"_placeholder\"") {
            *body = Body::empty_ack();
        }
    }
}

type Head = (String, String, u64);

fn json_head(bytes: &Bytes) -> Option<Head> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let text = |name| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Some((text("uid")?, text("nsp")?, value.get("type")?.as_u64()?))
}

fn msgpack_head(bytes: &Bytes) -> Option<Head> {
    let value = rmpv::decode::read_value(&mut &bytes[..]).ok()?;
    let members = value.as_map()?;
    let member = |name| members.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value);
    let text = |name| member(name).and_then(rmpv::Value::as_str).map(str::to_owned);
    Some((text("uid")?, text("nsp")?, member("type")?.as_u64()?))
}
