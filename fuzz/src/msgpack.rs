//! MessagePack: against rmpv, as values and as packets. [SIO5 Custom parser]

use bytes::Bytes;
use engineio_proto::Message;
use rmpv::Value;
use socketio_proto::{
    AnyParser, DecodeError, DecoderLimits, MsgpackParser, Packet, encode_packet, json_to_msgpack, msgpack_to_json,
};

use crate::sio_reading::{check, decode, to_msgpack};

/// The one first byte that MessagePack has no meaning for.
const RESERVED: u8 = 0xC1;

/// Reads the bytes as a packet, and as a value.
pub fn run(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let mut rest = data;
    let theirs = rmpv::decode::read_value(&mut rest).ok().filter(|_| rest.is_empty());
    value(&bytes, theirs.as_ref());
    packet(&bytes, theirs.as_ref());
}

fn value(bytes: &Bytes, theirs: Option<&Value>) {
    let limits = DecoderLimits::default();
    let ours = msgpack_to_json(bytes, &limits, DecoderLimits::MAX_DEPTH);
    let Some(theirs) = theirs else { return assert!(ours.is_err(), "{ours:?} where rmpv reads nothing") };
    let mut written = Written::default();
    let is_value = written.item(theirs, 0);
    match ours {
        Ok((json, attachments)) => {
            assert!(json.len() <= 7 * bytes.len() + 40 * attachments.len(), "{} of {}", json.len(), bytes.len());
            assert!(is_value, "{json} of {theirs}");
            if !written.is_ambiguous {
                assert_eq!((&json, &attachments), (&written.json, &written.attachments));
            }
            // What was read is written, and is the same again.
            let again =
                msgpack_to_json(&json_to_msgpack(&json, &attachments).into(), &limits, DecoderLimits::MAX_DEPTH);
            assert_eq!(again, Ok((json, attachments)));
        }
        Err(DecodeError::IllegalPlaceholder { .. }) => {
            assert!(written.is_ambiguous || written.json.matches("_placeholder").count() > written.attachments.len());
        }
        // Where rmpv reads the byte that means nothing as nil, this reads nothing.
        Err(error) => {
            assert!(written.is_ambiguous || !is_value || bytes.contains(&RESERVED), "{error} of {theirs}");
        }
    }
}

/// The JSON text of a value of rmpv's.
#[derive(Default)]
struct Written {
    json: String,
    attachments: Vec<Bytes>,
    /// There is an extension of which rmpv has forgotten how it was said, which is what tells a date from eight bytes.
    is_ambiguous: bool,
}

impl Written {
    /// Whether there is a text for it.
    fn item(&mut self, value: &Value, depth: usize) -> bool {
        match value {
            Value::Nil => self.json.push_str("null"),
            Value::Boolean(value) => self.json.push_str(if *value { "true" } else { "false" }),
            Value::Integer(number) => self.json.push_str(&number.to_string()),
            Value::F32(number) => self.json.push_str(&float(f64::from(*number))),
            Value::F64(number) => self.json.push_str(&float(*number)),
            Value::String(text) => match text.as_str() {
                Some(text) => self.json.push_str(&quoted(text)),
                None => return false,
            },
            Value::Binary(bytes) => self.attach(bytes),
            Value::Ext(0, bytes) => {
                self.is_ambiguous = true;
                self.attach(bytes);
            }
            Value::Ext(kind, bytes) => {
                self.json.push_str(&format!("[{kind},"));
                self.attach(bytes);
                self.json.push(']');
            }
            Value::Array(_) | Value::Map(_) if depth == DecoderLimits::MAX_DEPTH => return false,
            Value::Array(list) => return self.list(list, depth),
            Value::Map(map) => return self.map(map, depth),
        }
        true
    }

    fn list(&mut self, list: &[Value], depth: usize) -> bool {
        for (index, value) in list.iter().enumerate() {
            self.json.push_str(if index == 0 { "[" } else { "," });
            if !self.item(value, depth + 1) {
                return false;
            }
        }
        self.json.push_str(if list.is_empty() { "[]" } else { "]" });
        true
    }

    fn map(&mut self, map: &[(Value, Value)], depth: usize) -> bool {
        for (index, (key, value)) in map.iter().enumerate() {
            self.json.push_str(if index == 0 { "{" } else { "," });
            let Some(key) = key_text(key) else { return false };
            self.json.push_str(&quoted(&key));
            self.json.push(':');
            if !self.item(value, depth + 1) {
                return false;
            }
        }
        self.json.push_str(if map.is_empty() { "{}" } else { "}" });
        true
    }

    fn attach(&mut self, bytes: &[u8]) {
        self.json.push_str(&format!("{{\"_placeholder\":true,\"num\":{}}}", self.attachments.len()));
        self.attachments.push(Bytes::copy_from_slice(bytes));
    }
}

/// As JavaScript makes a key of it.
fn key_text(key: &Value) -> Option<String> {
    Some(match key {
        Value::Nil => "null".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::String(text) => text.as_str()?.to_owned(),
        Value::F32(number) => float_key(f64::from(*number)),
        Value::F64(number) => float_key(*number),
        _ => return None,
    })
}

fn float_key(number: f64) -> String {
    match number {
        _ if number.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        _ if number == number.trunc() && number.abs() < 9e15 => format!("{}", number as i64),
        _ => float(number),
    }
}

fn float(number: f64) -> String {
    serde_json::to_string(&number).unwrap_or_default()
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

fn packet(bytes: &Bytes, theirs: Option<&Value>) {
    let decoder = || AnyParser::new(MsgpackParser).decoder(DecoderLimits::default());
    let Ok(decoded) = decoder().handle(Message::Binary(bytes.clone())) else { return };
    let Some(packet) = decoded else { panic!("a packet is one message") };
    let Some(Value::Map(theirs)) = theirs else { panic!("{packet:?} of {theirs:?}") };
    let member = |name: &str| theirs.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value);
    if let Some(number) = member("type").and_then(Value::as_u64) {
        assert_eq!(u64::from(packet.kind.number()), number);
    }
    assert_eq!(member("nsp").and_then(Value::as_str), Some(packet.namespace.as_str()));
    if let Some(id) = member("id").and_then(Value::as_u64) {
        assert_eq!(packet.ack.map(|ack| ack.0), Some(id));
    }
    check(&packet);
    send_on(&packet, &mut decoder());
}

/// In either format it is the same packet again.
fn send_on(packet: &Packet, decoder: &mut socketio_proto::AnyDecoder) {
    assert_eq!(decoder.handle(Message::Binary(to_msgpack(packet))).as_ref(), Ok(&Some(packet.clone())));
    assert_eq!(&decode(&encode_packet(packet)), packet);
}
