//! Payloads of revision 3, by way of a session, which is how they are read: against a second reader, and what the session
//! makes of the same messages read by that. [EIO3 Payload]

use std::sync::Arc;

use bytes::Bytes;
use engineio_proto::{
    Answer, CloseMode, CloseReason, ContentKind, Dialect, Limits, Message, MessageFrame, Moment, Output, Packet,
    Payload, ServerSession, v3::Style,
};

use crate::{eio_packet, payload_v4::base64};

/// The first byte says what the client takes and what the body is; the rest is the body of a POST.
pub fn run(data: &[u8]) {
    let Some((&settings, body)) = data.split_first() else { return };
    let style = Style { base64: settings & 1 != 0, jsonp: (settings & 2 != 0).then_some(u32::from(settings >> 3)) };
    let is_binary = settings & 4 != 0;
    let limits = Arc::new(Limits::default());
    let open = "0{}".into();
    let (mut session, _) = ServerSession::open_polling(limits, Dialect::V3(style), &open, Moment::EPOCH);
    let mut out = Vec::new();
    assert_eq!(session.handle_post_begun(&mut out), Ok(()));
    let body = Bytes::copy_from_slice(body);
    let taken = match is_binary {
        true => session.handle_binary_post(body.clone(), Moment::EPOCH, &mut out),
        false => session.handle_post(body.clone(), Moment::EPOCH, &mut out),
    };
    let packets = match (is_binary, style.jsonp) {
        (true, _) => read_bytes(&body),
        (false, None) => String::from_utf8(body.to_vec()).ok().map_or(vec![None], |text| read_text(&text)),
        (false, Some(_)) => form(&body).map_or(vec![None], |text| read_text(&text)),
    };
    let expected = Expected::of(&packets);
    let messages: Vec<Message> = out.iter().filter_map(message_in).cloned().collect();
    assert_eq!(messages, expected.messages);
    let closed =
        out.iter().find_map(|output| if let Output::Closed(closed) = output { Some(closed.reason) } else { None });
    assert_eq!((closed, taken.is_ok()), (expected.closed, expected.is_taken));
    let bytes: usize = messages.iter().map(Message::len).sum();
    assert!(bytes <= body.len(), "{bytes} bytes of {}", body.len());
    if closed.is_none() {
        write_back(&mut session, style, &messages);
    }
}

/// What a session does with these packets.
#[derive(Default)]
struct Expected {
    messages: Vec<Message>,
    closed: Option<CloseReason>,
    is_taken: bool,
}

impl Expected {
    fn of(packets: &[Option<Packet>]) -> Self {
        let mut expected = Self { is_taken: true, ..Self::default() };
        for packet in packets {
            let (closed, is_taken) = match packet {
                Some(Packet::Message(message)) => {
                    expected.messages.push(message.clone());
                    continue;
                }
                Some(Packet::Close) => (CloseReason::TransportClose, true),
                // Clients of this revision ping.
                Some(Packet::Pong(_)) => (CloseReason::TransportError, false),
                None => (CloseReason::ParseError, false),
                Some(_) => continue,
            };
            (expected.closed, expected.is_taken) = (Some(closed), is_taken);
            break;
        }
        expected
    }
}

fn message_in(output: &Output) -> Option<&Message> {
    if let Output::Message(message) = output { Some(message) } else { None }
}

/// The packets of a payload of text; `None` for what is none, at which reading ends.
pub(crate) fn read_text(payload: &str) -> Vec<Option<Packet>> {
    let units: Vec<u16> = payload.encode_utf16().collect();
    let (mut packets, mut at) = (Vec::new(), 0);
    while at < units.len() || units.is_empty() {
        let Some((packet, end)) = text_packet(&units, at) else {
            packets.push(None);
            break;
        };
        at = end;
        if !packet.is_empty() {
            packets.push(read_packet(&packet));
            if packets.last() == Some(&None) {
                break;
            }
        }
    }
    packets
}

fn text_packet(units: &[u16], at: usize) -> Option<(String, usize)> {
    let digits = units[at..].iter().position(|unit| *unit == u16::from(b':')).filter(|digits| *digits <= 310)?;
    let number = String::from_utf16(&units[at..at + digits]).ok()?;
    let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    let start = at + digits + 1;
    let len = number.parse::<usize>().ok().filter(|_| is_number)?;
    let end = start.checked_add(len).filter(|end| *end <= units.len())?;
    // A length that cuts a character in two is none.
    Some((String::from_utf16(&units[start..end]).ok()?, end))
}

pub(crate) fn read_packet(text: &str) -> Option<Packet> {
    match text.strip_prefix("b4") {
        Some(encoded) => Some(Packet::Message(Message::Binary(base64(encoded).ok()?))),
        None => eio_packet::read(text).ok(),
    }
}

/// The packets of a payload of bytes.
pub(crate) fn read_bytes(payload: &[u8]) -> Vec<Option<Packet>> {
    let (mut packets, mut rest) = (Vec::new(), payload);
    while !rest.is_empty() && packets.last() != Some(&None) {
        let read = binary_packet(rest);
        rest = read.as_ref().map_or(&[], |(_, rest)| rest);
        packets.push(read.map(|(packet, _)| packet));
    }
    packets
}

fn binary_packet(payload: &[u8]) -> Option<(Packet, &[u8])> {
    let (&flag, rest) = payload.split_first()?;
    let digits = rest.iter().position(|byte| *byte == 255).filter(|digits| (1..=310).contains(digits))?;
    let mut len = 0_usize;
    for digit in &rest[..digits] {
        len = len.checked_mul(10)?.checked_add(usize::from(*digit)).filter(|_| *digit <= 9)?;
    }
    let (packet, rest) = rest[digits + 1..].split_at_checked(len)?;
    let packet = match flag {
        0 => read_packet(std::str::from_utf8(packet).ok()?)?,
        1 => match packet {
            [4, data @ ..] => Packet::Message(Message::Binary(Bytes::copy_from_slice(data))),
            [kind @ 0..=6, ..] => eio_packet::read(&kind.to_string()).ok()?,
            _ => return None,
        },
        _ => return None,
    };
    Some((packet, rest))
}

/// The field `d`, in which the reference replaces two patterns, one after the other.
fn form(body: &[u8]) -> Option<String> {
    let (_, data) = form_urlencoded::parse(body).find(|(name, _)| name == "d")?;
    let data = Some(data).filter(|data| data.len() <= body.len())?;
    let (mut text, mut rest) = (String::new(), &*data);
    while let Some(character) = rest.chars().next() {
        let (written, read) = match () {
            () if rest.starts_with("\\\\n") => ("\\\\n", 3),
            () if rest.starts_with("\\n") => ("\n", 2),
            () => (&rest[..character.len_utf8()], character.len_utf8()),
        };
        text.push_str(written);
        rest = &rest[read..];
    }
    Some(text.replace("\\\\n", "\\n"))
}

/// The session sends the messages: what its answers say is the same messages.
fn write_back(session: &mut ServerSession, style: Style, messages: &[Message]) {
    let (mut out, mut again) = (Vec::new(), Vec::new());
    for message in messages {
        assert_eq!(session.handle_send(&[MessageFrame::from(message)]), Ok(()));
    }
    session.handle_close(CloseMode::Graceful, Moment::EPOCH, &mut out);
    while !session.is_closed() {
        assert!(session.handle_poll_opened(&mut out).is_ok());
        let answers = out.drain(..).filter_map(|output| match output {
            Output::Answer(_, Answer::Payload(payload)) => Some(payload),
            _ => None,
        });
        for payload in answers {
            let packets = read_answer(&payload, style).into_iter();
            again.extend(packets.map(|packet| packet.unwrap_or_else(|| panic!("no packet in {payload:?}"))));
        }
    }
    assert_eq!(again.pop(), Some(Packet::Close));
    again.retain(|packet| !matches!(packet, Packet::Noop | Packet::Pong(_)));
    assert_eq!(again, messages.iter().cloned().map(Packet::Message).collect::<Vec<_>>());
}

/// The packets in the answer to a GET.
pub(crate) fn read_answer(payload: &Payload, style: Style) -> Vec<Option<Packet>> {
    if payload.content == ContentKind::Binary {
        assert!(!style.base64 && style.jsonp.is_none(), "a client that takes no binary gets some");
        return read_bytes(&payload.bytes);
    }
    let text = std::str::from_utf8(&payload.bytes).unwrap_or_else(|error| panic!("{payload:?} is no text: {error}"));
    let Some(index) = style.jsonp else { return read_text(text) };
    let call = text.strip_prefix(&format!("___eio[{index}](")).and_then(|rest| rest.strip_suffix(");"));
    let literal = call.unwrap_or_else(|| panic!("{text} is no call"));
    assert!(!literal.contains(['\u{2028}', '\u{2029}']), "old engines take these for line breaks");
    let text: String = serde_json::from_str(literal).unwrap_or_else(|error| panic!("{literal}: {error}"));
    read_text(&text)
}
