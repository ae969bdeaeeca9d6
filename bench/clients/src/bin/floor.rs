//! The floor: the least that a client can do on this machine, by which the others are judged.
//!
//! One thread on one blocking socket: it does the handshake, writes a question and reads until its answer is there, or counts
//! the frames of events that come in. There is no protocol beyond that: no heartbeat, no JSON, no UTF-8, no limits, no handlers,
//! nobody to wake. Nobody should talk to anything but a benchmark with it.

use std::{
    error::Error,
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
};

use bench_clients::{PAYLOAD, Stretch, Task};
use bytes::BytesMut;
use engineio_proto::websocket::{Opcode, encode_frame};

/// As for the load generator: masking costs the same whatever the mask is.
const MASK: [u8; 4] = [1, 2, 3, 4];
/// Bytes read at a time, as by this project's client.
const READ_BYTES: usize = 64 * 1024;

struct Connection {
    stream: TcpStream,
    /// What came and was not looked at is in `input[..held]`.
    input: Vec<u8>,
    held: usize,
    output: BytesMut,
}

fn main() -> Result<(), Box<dyn Error>> {
    let task = Task::from_args()?;
    let address = task.url.strip_prefix("http://").ok_or("the URL is to begin with http://")?;
    let mut connection = Connection::open(address.trim_end_matches('/'))?;
    let stretch = Stretch::begin();
    if task.asks {
        for number in 0..task.count {
            connection.say(&format!("42{number}[\"ask\",\"{PAYLOAD}\"]"))?;
            let answer = format!("43{number}[\"{PAYLOAD}\"]");
            let mut is_answered = false;
            while !is_answered {
                connection.hear(|packet| is_answered |= packet == answer.as_bytes())?;
            }
        }
    } else {
        connection.say(&format!("42[\"flood\",{}]", task.count))?;
        let mut seen = 0;
        while seen < task.count {
            connection.hear(|packet| seen += u32::from(packet.starts_with(b"42[")))?;
        }
    }
    Ok(stretch.end(task.count)?)
}

impl Connection {
    /// Gets into the namespace `/`.
    fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut this = Self { stream, input: vec![0; READ_BYTES], held: 0, output: BytesMut::new() };
        this.stream.write_all(
            format!(
                "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
                 Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2lvIGxvYWQgZm9yIHlvdQ==\r\n\r\n"
            )
            .as_bytes(),
        )?;
        let end = loop {
            this.read()?;
            let heard = &this.input[..this.held];
            if let Some(end) = heard.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        this.forget(end);
        this.say("40")?;
        let mut is_in = false;
        while !is_in {
            this.hear(|packet| is_in |= packet.starts_with(b"40"))?;
        }
        Ok(this)
    }

    fn say(&mut self, packet: &str) -> io::Result<()> {
        self.output.clear();
        encode_frame(Opcode::Text, packet.as_bytes(), Some(MASK), &mut self.output);
        self.stream.write_all(&self.output)
    }

    /// Reads once, and shows each packet that is complete.
    fn hear(&mut self, mut see: impl FnMut(&[u8])) -> io::Result<()> {
        self.read()?;
        let mut used = 0;
        while let Some((packet, length)) = frame(&self.input[used..self.held]) {
            see(packet);
            used += length;
        }
        self.forget(used);
        Ok(())
    }

    fn read(&mut self) -> io::Result<()> {
        match self.stream.read(&mut self.input[self.held..])? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => {
                self.held += read;
                Ok(())
            }
        }
    }

    fn forget(&mut self, used: usize) {
        self.input.copy_within(used..self.held, 0);
        self.held -= used;
    }
}

/// The payload of the frame at the start, and the length of the whole of it; `None` where it is not all there.
fn frame(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (header, length) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, usize::from(short)),
    };
    Some((bytes.get(header..header + length)?, header + length))
}
