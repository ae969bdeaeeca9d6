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
    pub(super) expected: String,
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
            prefix,
            expected,
        }
    }
}
