//! [`WebSocket`]: a connection of the load that is a WebSocket from the start. [EIO4 Transports] [RFC 6455 §4.1]

use std::{io, net::SocketAddr};

use bytes::BytesMut;
use engineio_proto::{
    Message, Text,
    websocket::{FrameDecoder, FrameEvent, FrameLimits, Opcode, Role, encode_frame},
};
use mio::{Registry, Token};

use super::{fault::Fault, message::MASK, stream::Stream, target::Target};

/// The longest head of an answer, in bytes.
const MOST_HEAD_BYTES: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct WebSocket {
    stream: Stream,
    /// `None` while the answer to the request has not come whole: what of it has.
    decoder: Result<FrameDecoder, Vec<u8>>,
}

impl WebSocket {
    pub(super) fn dial(target: &Target, addr: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let request = format!(
            "GET {}?EIO=4&transport=websocket HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2lvIGxvYWQgZm9yIHlvdQ==\r\n\r\n",
            target.path, target.authority
        );
        let stream = Stream::dial(addr, registry, token, request.into_bytes())?;
        Ok(Self { stream, decoder: Err(Vec::new()) })
    }

    /// Moves what has come into `input`; whether there may be more.
    pub(super) fn read(&mut self, scratch: &mut [u8], input: &mut BytesMut) -> Result<bool, Fault> {
        let Some(read) = self.stream.read(scratch)? else { return Ok(false) };
        let bytes = scratch.get(..read).unwrap_or_default();
        match &mut self.decoder {
            Ok(_) => input.extend_from_slice(bytes),
            Err(head) => {
                head.extend_from_slice(bytes);
                let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else {
                    let is_short = head.len() < MOST_HEAD_BYTES;
                    return if is_short { Ok(read == scratch.len()) } else { Err(Fault::Malformed("an endless head")) };
                };
                if head.get(9..12) != Some(b"101") {
                    let line = String::from_utf8_lossy(head).lines().next().unwrap_or_default().to_owned();
                    return Err(Fault::Status(line));
                }
                input.extend_from_slice(head.get(end + 4..).unwrap_or_default());
                let limits = FrameLimits { max_message_bytes: 1 << 30, ..FrameLimits::default() };
                self.decoder = Ok(FrameDecoder::new(Role::Client, limits));
            }
        }
        Ok(read == scratch.len())
    }

    /// The next packet in `input`.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Text>, Fault> {
        let Ok(decoder) = &mut self.decoder else { return Ok(None) };
        loop {
            match decoder.decode(input)? {
                None => return Ok(None),
                Some(FrameEvent::Message(Message::Text(packet))) => return Ok(Some(packet)),
                Some(FrameEvent::Close(_)) => return Err(Fault::Closed),
                Some(FrameEvent::Ping(payload)) => {
                    let mut pong = BytesMut::new();
                    encode_frame(Opcode::Pong, &payload, Some(MASK), &mut pong);
                    self.stream.write(&pong)?;
                }
                // Attachments of others' events, and what is not known here.
                Some(_) => {}
            }
        }
    }

    pub(super) fn write(&mut self, frames: &[u8]) -> Result<(), Fault> {
        self.stream.write(frames)
    }

    pub(super) fn write_rest(&mut self) -> Result<(), Fault> {
        self.stream.write_rest()
    }
}
