//! [`Wire`]: one connection of the load, whatever its transport.

use std::{io, net::SocketAddr};

use bytes::BytesMut;
use engineio_proto::Text;
use mio::{Registry, Token};

use super::{
    fault::Fault,
    message::Message,
    polling::{Half, Polling},
    target::Target,
    websocket::WebSocket,
};

#[derive(Debug)]
pub(super) enum Wire {
    WebSocket(WebSocket),
    Polling(Polling),
}

/// The tokens of a client: two TCP connections at most.
fn tokens(client: usize) -> [Token; 2] {
    [Token(client * 2), Token(client * 2 + 1)]
}

/// Whose token it is.
pub(super) fn owner(token: Token) -> (usize, Half) {
    (token.0 / 2, if token.0.is_multiple_of(2) { Half::Get } else { Half::Post })
}

impl Wire {
    pub(super) fn dial(
        polling: bool,
        target: &Target,
        addr: SocketAddr,
        registry: &Registry,
        client: usize,
    ) -> io::Result<Self> {
        let tokens = tokens(client);
        Ok(match polling {
            true => Self::Polling(Polling::dial(target, addr, registry, tokens)?),
            false => Self::WebSocket(WebSocket::dial(target, addr, registry, tokens[0])?),
        })
    }

    /// Reads once; whether there may be more. What is not yet looked at stays in `input`, or inside.
    pub(super) fn read(&mut self, half: Half, scratch: &mut [u8], input: &mut BytesMut) -> Result<bool, Fault> {
        match self {
            Self::WebSocket(wire) => wire.read(scratch, input),
            Self::Polling(wire) => wire.read(half, scratch),
        }
    }

    /// The next packet of what was read.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Text>, Fault> {
        match self {
            Self::WebSocket(wire) => wire.next(input),
            Self::Polling(wire) => Ok(wire.next()),
        }
    }

    /// Adds a message to what [`Wire::flush`] sends.
    pub(super) fn push(&mut self, message: &Message, outgoing: &mut Vec<u8>) {
        match self {
            Self::WebSocket(_) => outgoing.extend_from_slice(&message.frame),
            Self::Polling(wire) => wire.push(&message.packet),
        }
    }

    /// Sends all that was pushed with one write.
    pub(super) fn flush(&mut self, outgoing: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            Self::WebSocket(wire) => {
                let written = wire.write(outgoing);
                outgoing.clear();
                written
            }
            Self::Polling(wire) => wire.post(),
        }
    }

    /// The network takes more.
    pub(super) fn write_rest(&mut self, half: Half) -> Result<(), Fault> {
        match self {
            Self::WebSocket(wire) => wire.write_rest(),
            Self::Polling(wire) => wire.write_rest(half),
        }
    }
}
