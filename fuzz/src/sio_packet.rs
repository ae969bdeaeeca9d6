//! One text message of Socket.IO: against a second reader of the header and serde_json. [SIO5 Packet encoding]

use engineio_proto::Message;
use serde_json::{Value, value::RawValue};
use socketio_proto::{AckId, Decoder, DecoderLimits, Packet, PacketKind, encode_packet, is_reserved_event};

use crate::sio_reading::{check, small_limits};

/// Reads the text as a packet.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let limits = small_limits();
    let mut decoder = Decoder::new(limits);
    let decoded = decoder.handle(Message::from(&*text));
    let header = Header::read(&text, &limits);
    match (&decoded, header) {
        (Ok(Some(packet)), Some(header)) => {
            header.compare(packet);
            check(packet);
            canonical(&text, packet, &header);
        }
        (Ok(None), Some(header)) => assert!(decoder.is_partial() && header.attachments > 0),
        (Ok(_), None) => panic!("{decoded:?} without a header: {text:?}"),
        (Err(_), Some(header)) => assert!(header.attachments > 0 || !header.fits(), "{decoded:?}: {text:?}"),
        (Err(_), None) => {}
    }
    assert_eq!(decoder.is_partial(), decoded == Ok(None));
}

/// What stands in front of the payload, and the payload.
struct Header<'a> {
    kind: PacketKind,
    attachments: u64,
    namespace: &'a str,
    ack: Option<u64>,
    payload: &'a str,
}

impl<'a> Header<'a> {
    fn read(text: &'a str, limits: &DecoderLimits) -> Option<Self> {
        let (kind, rest) = text.split_at_checked(1)?;
        let number: u64 = kind.parse().ok()?;
        let is_binary = matches!(number, 5 | 6);
        let kind = PacketKind::from_number(if is_binary { number - 3 } else { number })?;
        let (attachments, rest) = if is_binary { rest.split_once('-')? } else { ("0", rest) };
        let attachments = number_of(attachments)?.filter(|count| *count <= limits.max_attachments as u64)?;
        let (namespace, rest) = match rest.starts_with('/') {
            true => rest.split_once(',').unwrap_or((rest, "")),
            false => ("/", rest),
        };
        if namespace.len() > limits.max_namespace_bytes {
            return None;
        }
        let digits = rest.len() - rest.trim_start_matches(|character: char| character.is_ascii_digit()).len();
        let (ack, payload) = rest.split_at(digits);
        let ack = match ack {
            "" => None,
            digits => Some(number_of(digits)?.filter(|id| *id <= AckId::MAX.0)?),
        };
        Some(Self { kind, attachments, namespace, ack, payload })
    }

    fn compare(&self, packet: &Packet) {
        assert_eq!((packet.kind, packet.namespace.as_str()), (self.kind, self.namespace));
        assert_eq!(packet.ack, self.ack.map(AckId));
        assert_eq!(packet.body.as_ref().map_or("", |body| body.json()), self.payload);
    }

    /// Whether the payload belongs to this kind of packet.
    fn fits(&self) -> bool {
        if depth(self.payload) > DecoderLimits::MAX_DEPTH {
            return false;
        }
        match self.kind {
            PacketKind::Disconnect => self.payload.is_empty(),
            PacketKind::Connect => self.payload.is_empty() || self.value().is_some_and(|value| value.is_object()),
            PacketKind::ConnectError => self.value().is_some_and(|value| value.is_object() || value.is_string()),
            PacketKind::Ack => self.value().is_some_and(|value| value.is_array()),
            PacketKind::Event => self.value().is_some_and(|value| match value.get(0) {
                Some(Value::String(name)) => !is_reserved_event(name),
                Some(Value::Number(_)) => true,
                _ => false,
            }),
        }
    }

    fn value(&self) -> Option<Value> {
        serde_json::from_str(self.payload).ok()
    }
}

/// A number of at most sixteen digits; the outer `None` where it is none.
fn number_of(digits: &str) -> Option<Option<u64>> {
    let is_number = (1..=16).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().ok())
}

/// How many lists and objects are open at once, at the most.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut is_text, mut is_escaped) = (0_usize, 0, false, false);
    for character in json.chars() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_text => is_escaped = true,
            '"' => is_text = !is_text,
            '[' | '{' if !is_text => depth += 1,
            ']' | '}' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// What is written is what was read, where that was said in the shortest way.
fn canonical(text: &str, packet: &Packet, header: &Header<'_>) {
    let encoded = encode_packet(packet);
    let [frame] = encoded.frames() else { panic!("no attachment, one message") };
    let Message::Text(written) = frame.message() else { panic!("{frame:?} is no text") };
    let namespace = if header.namespace == "/" { String::new() } else { format!("{},", header.namespace) };
    let ack = header.ack.map_or(String::new(), |id| id.to_string());
    let kind = packet.kind.number();
    assert_eq!(&*written, format!("{kind}{namespace}{ack}{}", header.payload));
    assert!(written.len() <= text.len() + 1, "only the comma behind a namespace may have been left out");
    if let Some(body) = &packet.body {
        assert!(serde_json::from_str::<&RawValue>(body.json()).is_ok());
    }
}
