//! One packet of Engine.IO: against a second reader, written back, and framed. [EIO4 Packet encoding]

use bytes::BytesMut;
use engineio_proto::{
    DecodeError, Handshake, Message, MessageFrame, Packet, Text,
    websocket::{FrameDecoder, FrameEvent, FrameLimits, Role},
};

/// Reads the text as a packet.
pub fn run(data: &[u8]) {
    let text = Text::from(String::from_utf8_lossy(data).into_owned());
    let decoded = Packet::decode(&text);
    assert_eq!(decoded, read(&text), "{text:?}");
    let Ok(packet) = decoded else { return };
    let written = write(&packet);
    assert!(text.starts_with(&written), "only what stands behind a packet without data is read over");
    assert_eq!(Packet::decode(&written.as_str().into()).as_ref(), Ok(&packet));
    match packet {
        Packet::Open(open) => open_packet(&open),
        Packet::Message(message) => framed(&message),
        _ => {}
    }
}

/// The same by characters.
pub(crate) fn read(text: &str) -> Result<Packet, DecodeError> {
    let Some(kind) = text.chars().next() else { return Err(DecodeError::Empty) };
    let data = || Text::from(text.chars().skip(1).collect::<String>());
    Ok(match kind {
        '0' => Packet::Open(data()),
        '1' => Packet::Close,
        '2' => Packet::Ping(data()),
        '3' => Packet::Pong(data()),
        '4' => Packet::Message(Message::Text(data())),
        '5' => Packet::Upgrade,
        '6' => Packet::Noop,
        _ => return Err(DecodeError::UnknownKind(text.as_bytes()[0])),
    })
}

/// A packet as text; a binary message has none here.
pub(crate) fn write(packet: &Packet) -> String {
    match packet {
        Packet::Open(data) => format!("0{data}"),
        Packet::Close => "1".to_owned(),
        Packet::Ping(data) => format!("2{data}"),
        Packet::Pong(data) => format!("3{data}"),
        Packet::Message(Message::Text(data)) => format!("4{data}"),
        Packet::Message(Message::Binary(_)) => unreachable!("text is read as text"),
        Packet::Upgrade => "5".to_owned(),
        Packet::Noop => "6".to_owned(),
    }
}

/// What a client reads out of an open packet is what a server writes into one.
fn open_packet(open: &str) {
    let Ok(handshake) = serde_json::from_str::<Handshake>(open) else { return };
    let Ok(Packet::Open(again)) = Packet::decode(&handshake.packet()) else {
        panic!("{handshake:?} is no open packet")
    };
    assert_eq!(serde_json::from_str::<Handshake>(&again).ok().as_ref(), Some(&handshake));
}

/// A message is the same in the frame that is made of it.
fn framed(message: &Message) {
    let frame = MessageFrame::from(message);
    assert_eq!(&frame.message(), message);
    let mut bytes = BytesMut::from(&frame.frame()[..]);
    let limits = FrameLimits { max_message_bytes: usize::MAX, ..FrameLimits::default() };
    let event = FrameDecoder::new(Role::Client, limits).decode(&mut bytes);
    let Ok(Some(FrameEvent::Message(Message::Text(text)))) = event else { panic!("{event:?} of {frame:?}") };
    assert_eq!(read(&text), Ok(Packet::Message(message.clone())));
}
