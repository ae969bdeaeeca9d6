//! Payloads of revision 4: against a second reader with a base64 of its own, and written back within a budget. [EIO4 Payload]

use bytes::Bytes;
use engineio_proto::{DecodeError, Message, MessageFrame, Packet, Packets, PayloadWriter, Text};

use crate::eio_packet;

/// The first byte is the budget of the payloads that are written of what is read in the others.
pub fn run(data: &[u8]) {
    let (budget, payload) = data.split_first().map_or((0, data), |(first, rest)| (usize::from(*first), rest));
    let text = Text::from(String::from_utf8_lossy(payload).into_owned());
    let mut packets = Packets::new(text.clone());
    let decoded: Vec<_> = packets.by_ref().collect();
    assert_eq!(decoded, read(&text), "{text:?}");
    assert_eq!(packets.next(), None, "there is nothing behind the end");
    let good: Vec<Packet> = decoded.into_iter().filter_map(Result::ok).collect();
    let bytes: usize = good.iter().map(size).sum();
    assert!(bytes <= text.len(), "{bytes} bytes of {}", text.len());
    write_back(&good, budget);
}

/// The packets of a payload up to the first that is none.
pub(crate) fn read(payload: &str) -> Vec<Result<Packet, DecodeError>> {
    let mut packets = Vec::new();
    for packet in payload.split('\u{1e}') {
        packets.push(match packet.strip_prefix('b') {
            Some(encoded) => base64(encoded).map(|bytes| Packet::Message(Message::Binary(bytes))),
            None => eio_packet::read(packet),
        });
        if packets.last().is_some_and(Result::is_err) {
            break;
        }
    }
    packets
}

/// Base64 in one of the two alphabets, with its padding or with less.
pub(crate) fn base64(encoded: &str) -> Result<Bytes, DecodeError> {
    decode(encoded, "+/").or_else(|| decode(encoded, "-_")).ok_or(DecodeError::Base64)
}

fn decode(encoded: &str, last_two: &str) -> Option<Bytes> {
    let digits = encoded.trim_end_matches('=');
    if digits.len() % 4 == 1 || encoded.len() - digits.len() > (4 - digits.len() % 4) % 4 {
        return None;
    }
    let alphabet = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(last_two.chars());
    let alphabet: Vec<char> = alphabet.collect();
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for digit in digits.chars() {
        held = held << 6 | alphabet.iter().position(|letter| *letter == digit)? as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    (held == 0).then(|| bytes.into())
}

fn size(packet: &Packet) -> usize {
    match packet {
        Packet::Open(data) | Packet::Ping(data) | Packet::Pong(data) => data.len(),
        Packet::Message(message) => message.len(),
        Packet::Close | Packet::Upgrade | Packet::Noop => 0,
    }
}

/// In as many payloads as it takes, of which none but one of a single packet is longer than the budget.
fn write_back(packets: &[Packet], budget: usize) {
    let mut again = Vec::new();
    let mut left = packets.iter().peekable();
    while left.peek().is_some() {
        let (mut writer, mut count) = (PayloadWriter::new(), 0);
        while let Some(packet) = left.peek() {
            match packet {
                Packet::Message(message) if !writer.push_message(&MessageFrame::from(message), budget) => break,
                Packet::Message(_) => {}
                // What belongs to the protocol goes first and is asked no budget, so that it is a payload by itself here.
                _ if count > 0 => break,
                packet => writer.push_text(&eio_packet::write(packet)),
            }
            count += 1;
            if !matches!(left.next(), Some(Packet::Message(_))) {
                break;
            }
        }
        let bytes = writer.finish().bytes;
        assert!(bytes.len() <= budget || count == 1, "{count} packets, {} bytes of {budget}", bytes.len());
        let text = Text::from_utf8(bytes).unwrap_or_else(|error| panic!("a payload is text: {error}"));
        again.extend(Packets::new(text));
    }
    assert_eq!(again, packets.iter().cloned().map(Ok).collect::<Vec<_>>());
}
