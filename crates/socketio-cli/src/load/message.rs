//! [`Message`]: what is sent, made once before the load begins.

use bytes::{Bytes, BytesMut};
use engineio_proto::websocket::{Opcode, encode_frame};

use super::options::{LoadOptions, Mode};

/// The mask of every frame. The protocol wants a fresh one for each, so that a web page cannot make bytes of its choice
/// appear on the network; a load generator has no such page in it, and to a server one mask costs what another does.
pub(super) const MASK: [u8; 4] = [0x6B, 0x1D, 0xC4, 0x92];

/// The most rooms, or acknowledgements that one connection waits for, in any load.
pub(super) const MOST_UNANSWERED: usize = 1_000;

/// A packet, in the two forms that transports take.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// The Engine.IO packet, for long-polling.
    pub(super) packet: Bytes,
    /// The masked frame, for a WebSocket.
    pub(super) frame: Bytes,
}

impl Message {
    pub(super) fn new(packet: String) -> Self {
        let mut frame = BytesMut::new();
        encode_frame(Opcode::Text, packet.as_bytes(), Some(MASK), &mut frame);
        Self { packet: packet.into(), frame: frame.freeze() }
    }
}

/// All that a load says.
#[derive(Debug)]
pub(super) struct Messages {
    pub(super) connect: Message,
    pub(super) pong: Message,
    /// Into which room, by its number.
    pub(super) join: Vec<Message>,
    /// What is sent again and again: by room, by number of acknowledgement, or only one.
    pub(super) events: Vec<Message>,
    /// What stands between the type of a packet and the rest of it: nothing, or the namespace with a comma.
    pub(super) prefix: String,
    /// How the arguments of an event begin that is counted.
    expected: String,
    /// Its first eight bytes as a number, and which bits of that count.
    expected_head: (u64, u64),
}

impl Messages {
    pub(super) fn new(options: &LoadOptions) -> Self {
        let prefix = match options.namespace.as_str() {
            "/" => String::new(),
            name => format!("{name},"),
        };
        let event = options.event.as_deref().unwrap_or(options.mode.event());
        let expected = format!("[{}", serde_json::Value::from(event));
        let payload = "x".repeat(options.payload);
        let events = match options.mode {
            Mode::Ack => {
                let ids = if options.rate.is_some() { MOST_UNANSWERED } else { options.in_flight };
                (0..ids).map(|id| format!("42{prefix}{id}{expected},\"{payload}\"]")).collect()
            }
            Mode::Cast if options.rooms > 0 => {
                (0..options.rooms).map(|room| format!("42{prefix}{expected},\"room-{room}\",\"{payload}\"]")).collect()
            }
            _ => vec![format!("42{prefix}{expected},\"{payload}\"]")],
        };
        let join = (0..options.rooms).map(|room| format!("42{prefix}0[\"join\",\"room-{room}\"]"));
        Self {
            connect: Message::new(format!("40{prefix}")),
            pong: Message::new("3".to_owned()),
            join: join.map(Message::new).collect(),
            events: events.into_iter().map(Message::new).collect(),
            expected_head: head(expected.as_bytes()),
            prefix,
            expected,
        }
    }

    /// What follows the namespace, if it is the one of this load.
    pub(super) fn within_namespace<'a>(&self, packet: &'a [u8]) -> Option<&'a [u8]> {
        if self.prefix.is_empty() { Some(packet) } else { packet.strip_prefix(self.prefix.as_bytes()) }
    }

    /// Whether these are the arguments of an event that is counted. It is asked for every message, and for most names
    /// answered with one comparison.
    pub(super) fn expects(&self, args: &[u8]) -> bool {
        let (head, mask) = self.expected_head;
        let Some(first) = args.first_chunk() else { return args.starts_with(self.expected.as_bytes()) };
        let is_head = u64::from_le_bytes(*first) & mask == head;
        is_head && (self.expected.len() <= 8 || args.starts_with(self.expected.as_bytes()))
    }
}

/// The first eight bytes as a number, and which bits of it are there.
fn head(text: &[u8]) -> (u64, u64) {
    let (mut bytes, mut mask) = ([0; 8], [0; 8]);
    for ((byte, covered), given) in bytes.iter_mut().zip(&mut mask).zip(text) {
        (*byte, *covered) = (*given, 0xFF);
    }
    (u64::from_le_bytes(bytes), u64::from_le_bytes(mask))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::options::tests::options;

    fn messages(words: &[&str]) -> Messages {
        Messages::new(&options(words).unwrap())
    }

    #[test]
    fn only_the_event_of_the_load_is_counted() {
        let (short, long) = (messages(&[]), messages(&["--event", "a longer name"]));
        for (args, is_short, is_long) in [
            (&br#"["echo","x"]"#[..], true, false),
            (br#"["echo"]"#, true, false),
            (br#"["echoes",1]"#, false, false),
            (br#"["a longer name",1]"#, false, true),
            (br#"["a longer title",1]"#, false, false),
            (b"[]", false, false),
        ] {
            assert_eq!((short.expects(args), long.expects(args)), (is_short, is_long), "{args:?}");
        }
    }

    #[test]
    fn packets_are_made_for_namespace_mode_and_room() {
        let packets = |words: &[&str]| {
            let texts = messages(words).events.into_iter().map(|event| event.packet);
            texts.map(|text| String::from_utf8(text.into()).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(packets(&["--payload", "2"]), [r#"42["echo","xx"]"#]);
        let asks = packets(&["--mode", "ack", "--namespace", "/a", "--in-flight", "2", "--payload", "1"]);
        assert_eq!(asks, [r#"42/a,0["ask","x"]"#, r#"42/a,1["ask","x"]"#]);
        let casts = packets(&["--mode", "cast", "--rooms", "2", "--payload", "0"]);
        assert_eq!(casts, [r#"42["cast","room-0",""]"#, r#"42["cast","room-1",""]"#]);
    }
}
