//! Payloads of revision 3: several packets in the body of one GET answer or POST. [EIO3 Payload] Row A88, hazard S20.
//!
//! Reading never looks past the body, never takes a length that is longer than the body, and moves on with every step;
//! what is cut off is an error, where the reference takes what is there.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Style,
    jsonp::script,
    packet::{decode_binary, decode_text},
};
use crate::{ContentKind, MessageFrame, Packet, Payload, Text, error::DecodeError};

/// Characters that a length may have: those of the largest number of JavaScript, as in the reference.
const MAX_LENGTH_DIGITS: usize = 310;
/// What stands in front of a packet in a payload of bytes, between its length and itself.
const LENGTH_END: u8 = 255;
/// Room for a length and what marks it.
const HEADER_BYTES: usize = 22;

/// The packets of a payload of text. After the first error there is nothing more. An empty packet is passed over:
/// `0:` is what an empty payload looks like.
#[derive(Debug)]
pub(crate) struct TextPackets {
    payload: Text,
    /// Where the next packet's length starts; `None` when the last has been read.
    next: Option<usize>,
}

impl TextPackets {
    pub(crate) const fn new(payload: Text) -> Self {
        Self { payload, next: Some(0) }
    }
}

impl Iterator for TextPackets {
    type Item = Result<Packet, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.next.take()?;
            let rest = self.payload.get(start..)?;
            // A payload without any packet is one that was cut off.
            if rest.is_empty() && start > 0 {
                return None;
            }
            let Some((packet_at, len)) = text_packet(rest) else { return Some(Err(DecodeError::Length)) };
            let (packet_at, end) = (start + packet_at, start + packet_at + len);
            if len == 0 {
                self.next = Some(end);
                continue;
            }
            let decoded = decode_text(&self.payload.slice(packet_at, end)?);
            if decoded.is_ok() {
                self.next = Some(end);
            }
            return Some(decoded);
        }
    }
}

/// Where the first packet of `payload` begins and how many bytes it has.
fn text_packet(payload: &str) -> Option<(usize, usize)> {
    let window = payload.as_bytes().get(..=MAX_LENGTH_DIGITS).unwrap_or(payload.as_bytes());
    let colon = memchr::memchr(b':', window)?;
    let digits = payload.get(..colon).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))?;
    let units = digits.parse().ok()?;
    Some((colon + 1, utf16_prefix(payload.get(colon + 1..)?, units)?))
}

/// The bytes of the first `units` UTF-16 code units; `None` where there are not so many, or a character would be cut.
fn utf16_prefix(text: &str, units: usize) -> Option<usize> {
    let mut left = units;
    for (at, character) in text.char_indices() {
        if left == 0 {
            return Some(at);
        }
        left = left.checked_sub(character.len_utf16())?;
    }
    (left == 0).then_some(text.len())
}

/// The packets of a payload of bytes. After the first error there is nothing more.
#[derive(Debug)]
pub(crate) struct BinaryPackets {
    /// What is still to be read; empty after an error.
    rest: Bytes,
}

impl BinaryPackets {
    pub(crate) const fn new(payload: Bytes) -> Self {
        Self { rest: payload }
    }

    fn read(payload: &Bytes) -> Result<(Packet, usize), DecodeError> {
        let (&flag, rest) = payload.split_first().ok_or(DecodeError::Length)?;
        let window = rest.get(..=MAX_LENGTH_DIGITS).unwrap_or(rest);
        let digits = memchr::memchr(LENGTH_END, window).ok_or(DecodeError::Length)?;
        let len = rest.get(..digits).and_then(length).ok_or(DecodeError::Length)?;
        let start = 1 + digits + 1;
        let end = start.checked_add(len).filter(|end| *end <= payload.len()).ok_or(DecodeError::Length)?;
        let packet = payload.slice(start..end);
        let packet = match flag {
            0 => {
                let text = Text::from_utf8(packet).map_err(|error| DecodeError::Utf8(start + error.valid_up_to()))?;
                decode_text(&text)?
            }
            1 => decode_binary(&packet)?,
            other => return Err(DecodeError::UnknownKind(other)),
        };
        Ok((packet, end))
    }
}

/// The number whose digits these bytes are, each from 0 to 9.
fn length(digits: &[u8]) -> Option<usize> {
    let digit =
        |number: usize, digit: &u8| (*digit <= 9).then_some(number.checked_mul(10)?.checked_add((*digit).into())?);
    if digits.is_empty() { None } else { digits.iter().try_fold(0, digit) }
}

impl Iterator for BinaryPackets {
    type Item = Result<Packet, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let rest = std::mem::take(&mut self.rest);
        Some(Self::read(&rest).map(|(packet, end)| {
            self.rest = rest.slice(end..);
            packet
        }))
    }
}

/// Writes a payload packet by packet, within a budget of bytes. Which of the two forms it takes is known only when the
/// last packet is in, so packets are kept until then; a message is kept as what it is, a reference to shared memory.
#[derive(Debug)]
pub(crate) struct PayloadWriter {
    style: Style,
    packets: Vec<MessageFrame>,
    /// Bytes that the payload has at most, before it is made a script.
    bytes: usize,
    compress: bool,
}

impl PayloadWriter {
    pub(crate) const fn new(style: Style) -> Self {
        Self { style, packets: Vec::new(), bytes: 0, compress: false }
    }

    /// Adds a packet that is text already: its kind and data.
    pub(crate) fn push_text(&mut self, packet: &str) {
        self.push(MessageFrame::packet_text(packet));
    }

    /// As in revision 4: a message over the budget travels alone rather than never. Says whether it was added.
    pub(crate) fn push_message(&mut self, frame: &MessageFrame, budget: usize) -> bool {
        let fits = self.packets.is_empty() || self.bytes + self.cost(frame) <= budget;
        if fits {
            self.push(frame.clone());
        }
        fits
    }

    fn push(&mut self, frame: MessageFrame) {
        self.bytes += self.cost(&frame);
        self.compress |= frame.may_compress();
        self.packets.push(frame);
    }

    fn cost(&self, frame: &MessageFrame) -> usize {
        let len = frame.packet().len();
        let in_base64 = frame.is_binary() && !self.style.takes_binary();
        HEADER_BYTES + if in_base64 { 2 + len.div_ceil(3) * 4 } else { len + 1 }
    }

    /// The payload, ready for a body.
    pub(crate) fn finish(self) -> Payload {
        let compress = self.compress;
        if self.style.takes_binary() && self.packets.iter().any(MessageFrame::is_binary) {
            return Payload { bytes: self.bytes(), compress, content: ContentKind::Binary };
        }
        let text = self.text();
        let bytes = match self.style.jsonp {
            None => text.into(),
            Some(index) => script(index, &text).into(),
        };
        Payload { bytes, compress, content: ContentKind::Text }
    }

    fn text(&self) -> String {
        let mut text = String::with_capacity(self.bytes);
        for frame in &self.packets {
            if frame.is_binary() {
                let len = 2 + frame.packet().len().div_ceil(3) * 4;
                text.push_str(&format!("{len}:b4"));
                STANDARD.encode_string(frame.packet(), &mut text);
            } else {
                let packet = frame.text_packet();
                let units: usize = packet.chars().map(char::len_utf16).sum();
                text.push_str(&format!("{units}:"));
                text.push_str(packet);
            }
        }
        text
    }

    fn bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.bytes);
        for frame in &self.packets {
            let packet = frame.packet();
            // A binary packet has its kind in front, a text packet contains it.
            let len = packet.len() + usize::from(frame.is_binary());
            bytes.put_u8(frame.is_binary().into());
            bytes.extend(len.to_string().bytes().map(|digit| digit - b'0'));
            bytes.put_u8(LENGTH_END);
            if frame.is_binary() {
                bytes.put_u8(super::packet::MESSAGE);
            }
            bytes.put_slice(packet);
        }
        bytes.freeze()
    }
}

#[cfg(test)]
#[path = "payload/tests.rs"]
mod tests;
