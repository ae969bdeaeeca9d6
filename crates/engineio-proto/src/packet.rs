//! [`Packet`]: the seven packets of Engine.IO and their text form. [EIO4 Packet encoding]
//!
//! Leaves out how packets are put together for long-polling (`payload.rs`) and framed for WebSocket
//! (`websocket/`): on WebSocket a text frame is one packet, and a binary frame is the payload of a
//! message without any type in front (row A73).

use crate::{Message, Text, error::DecodeError};

/// A packet as it stands in a text frame or between two separators of a payload.
///
/// ```
/// use engineio_proto::{Message, Packet, Text};
///
/// let packet = Packet::decode(&Text::from("4hello"));
/// assert_eq!(packet, Ok(Packet::Message(Message::from("hello"))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// `0` + JSON: the handshake, server to client.
    Open(Text),
    /// `1`: the transport is to be closed.
    Close,
    /// `2` + optional data: heartbeat, server to client; with `probe`, from the client on a candidate.
    Ping(Text),
    /// `3` + optional data: the answer to a ping.
    Pong(Text),
    /// `4` + text, or binary (`b` + base64 in a payload).
    Message(Message),
    /// `5`: the client switches to this transport.
    Upgrade,
    /// `6`: nothing; ends a pending poll.
    Noop,
}

impl Packet {
    /// Reads a packet in its text form, sharing the memory of `text`.
    ///
    /// ```
    /// use engineio_proto::{DecodeError, Packet};
    ///
    /// assert_eq!(Packet::decode(&"2probe".into()), Ok(Packet::Ping("probe".into())));
    /// assert_eq!(Packet::decode(&"".into()), Err(DecodeError::Empty));
    /// assert_eq!(Packet::decode(&"7".into()), Err(DecodeError::UnknownKind(b'7')));
    /// ```
    ///
    /// # Errors
    /// [`DecodeError::Empty`] and [`DecodeError::UnknownKind`] (row A86).
    pub fn decode(text: &Text) -> Result<Self, DecodeError> {
        Self::take(text.clone())
    }

    /// The same for whoever needs the text no more.
    #[inline]
    pub(crate) fn take(text: Text) -> Result<Self, DecodeError> {
        let kind = *text.as_bytes().first().ok_or(DecodeError::Empty)?;
        // A kind is one ASCII character, so byte 1 is always a boundary where the kind is known.
        let data = || text.skip(1).unwrap_or_default();
        Ok(match kind {
            b'0' => Self::Open(data()),
            b'1' => Self::Close,
            b'2' => Self::Ping(data()),
            b'3' => Self::Pong(data()),
            b'4' => Self::Message(Message::Text(data())),
            b'5' => Self::Upgrade,
            b'6' => Self::Noop,
            other => return Err(DecodeError::UnknownKind(other)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_kind_is_read_from_its_digit() {
        let table = [
            ("0{}", Packet::Open("{}".into())),
            ("1", Packet::Close),
            ("2", Packet::Ping("".into())),
            ("2probe", Packet::Ping("probe".into())),
            ("3probe", Packet::Pong("probe".into())),
            ("4", Packet::Message("".into())),
            ("4é€", Packet::Message("é€".into())),
            ("5", Packet::Upgrade),
            ("6", Packet::Noop),
        ];
        for (wire, packet) in table {
            assert_eq!(Packet::decode(&wire.into()), Ok(packet), "{wire:?}");
        }
    }

    #[test]
    fn an_empty_packet_and_an_unknown_digit_are_errors() {
        assert_eq!(Packet::decode(&"".into()), Err(DecodeError::Empty));
        for wire in ["7", "b", "é", " 4", "\u{0}"] {
            let first = wire.as_bytes()[0];
            assert_eq!(Packet::decode(&wire.into()), Err(DecodeError::UnknownKind(first)), "{wire:?}");
        }
    }
}
