//! The floor: the least that a server can do on this machine, by which the others are judged.
//!
//! One thread on epoll answers the handshake, copies each event straight back, and writes one ready-made frame to every
//! recipient of a broadcast; all frames of one read leave in one write. There is no protocol beyond that: no long-polling,
//! no heartbeat, no UTF-8, no limits. Nobody should serve anything but a benchmark with it.

use std::io::{self, ErrorKind, Read, Write};

use bytes::BytesMut;
use engineio_proto::websocket::{Opcode, accept_key, encode_header};
use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};

const LISTENER: Token = Token(usize::MAX);
const OPEN: &[u8] =
    br#"0{"sid":"floor","upgrades":[],"pingInterval":600000,"pingTimeout":600000,"maxPayload":1000000}"#;
const JOINED: &[u8] = br#"40{"sid":"floor"}"#;

struct Connection {
    stream: TcpStream,
    is_open: bool,
    /// What came of a frame, or of the request, that is not complete.
    partial: Vec<u8>,
    /// What the network did not take yet.
    unsent: Vec<u8>,
}

impl Connection {
    /// Writes, and keeps what is left over.
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return Ok(());
        }
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.unsent.extend_from_slice(bytes);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn write_rest(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.unsent);
        self.write(&rest)
    }
}

/// What a connection's bytes call for.
#[derive(Default)]
struct Answers {
    own: BytesMut,
    /// Frames for everybody.
    all: BytesMut,
}

/// All connections, each at the number that is its token.
#[derive(Default)]
struct Connections {
    all: Vec<Option<Connection>>,
    free: Vec<usize>,
}

impl Connections {
    fn remove(&mut self, number: usize) {
        self.all[number] = None;
        self.free.push(number);
    }

    /// A number that is not taken.
    fn number(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.all.push(None);
            self.all.len() - 1
        })
    }

    fn write_to_all(&mut self, frames: &[u8]) {
        for number in 0..self.all.len() {
            let open = self.all[number].as_mut().filter(|each| each.is_open);
            if open.is_some_and(|each| each.write(frames).is_err()) {
                self.remove(number);
            }
        }
    }
}

fn main() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().map_err(io::Error::other)?)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    writeln!(io::stdout(), "listening {}", listener.local_addr()?.port())?;
    let mut connections = Connections::default();
    let mut events = Events::with_capacity(1024);
    let mut scratch = vec![0; 256 * 1024];
    let mut answers = Answers::default();
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut connections)?;
                continue;
            }
            let token = event.token().0;
            let Some(connection) = connections.all[token].as_mut() else { continue };
            let written = if event.is_writable() { connection.write_rest() } else { Ok(()) };
            let done = written.and_then(|()| serve(connection, &mut scratch, &mut answers));
            if done.is_err() {
                connections.remove(token);
            }
            if !answers.all.is_empty() {
                connections.write_to_all(&answers.all);
                answers.all.clear();
            }
        }
    }
}

fn accept(listener: &TcpListener, poll: &Poll, connections: &mut Connections) -> io::Result<()> {
    loop {
        match listener.accept() {
            Ok((mut stream, _)) => {
                stream.set_nodelay(true)?;
                let number = connections.number();
                poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
                let connection = Connection { stream, is_open: false, partial: Vec::new(), unsent: Vec::new() };
                connections.all[number] = Some(connection);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(_) => {}
        }
    }
}

/// Reads what there is, and answers all of it with one write.
fn serve(connection: &mut Connection, scratch: &mut [u8], answers: &mut Answers) -> io::Result<()> {
    loop {
        let read = match connection.stream.read(scratch) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        answers.own.clear();
        if connection.partial.is_empty() {
            let used = take(&mut scratch[..read], &mut connection.is_open, answers);
            // No capacity beyond what is there: an idle connection has none.
            connection.partial = scratch[used..read].to_vec();
        } else {
            connection.partial.extend_from_slice(&scratch[..read]);
            let used = take(&mut connection.partial, &mut connection.is_open, answers);
            connection.partial.drain(..used);
            if connection.partial.is_empty() {
                connection.partial = Vec::new();
            }
        }
        connection.write(&answers.own)?;
        if read < scratch.len() {
            return Ok(());
        }
    }
}

/// Takes all that is complete; how many bytes that was.
fn take(bytes: &mut [u8], is_open: &mut bool, answers: &mut Answers) -> usize {
    let mut used = 0;
    if !*is_open {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return 0 };
        open(&bytes[..end], answers);
        *is_open = true;
        used = end + 4;
    }
    while let Some(length) = take_frame(&mut bytes[used..], answers) {
        used += length;
    }
    used
}

fn open(head: &[u8], answers: &mut Answers) {
    let head = String::from_utf8_lossy(head);
    let key = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    let accept = key.and_then(|(_, key)| accept_key(key.trim())).unwrap_or_default();
    answers.own.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
    answers.own.extend_from_slice(format!("Sec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes());
    frame(OPEN, &mut answers.own);
}

/// Unmasks one frame and answers it; its length with its header, or `None` where it is not all there.
fn take_frame(bytes: &mut [u8], answers: &mut Answers) -> Option<usize> {
    let (header, length) = match *bytes.get(1)? & 0x7F {
        126 => (8, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (14, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        short => (6, usize::from(short)),
    };
    let mask: [u8; 4] = bytes.get(header - 4..header)?.try_into().ok()?;
    let payload = bytes.get_mut(header..header + length)?;
    let wide = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    rest.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    answer(payload, answers);
    Some(header + length)
}

fn answer(packet: &mut [u8], answers: &mut Answers) {
    match packet {
        [b'4', b'0', ..] => frame(JOINED, &mut answers.own),
        [b'4', b'2', b'[', b'"', b'c', ..] => frame(packet, &mut answers.all),
        [b'4', kind @ b'2', next, ..] => {
            if next.is_ascii_digit() {
                *kind = b'3';
            }
            frame(packet, &mut answers.own);
        }
        _ => {}
    }
}

fn frame(payload: &[u8], out: &mut BytesMut) {
    encode_header(Opcode::Text, true, payload.len() as u64, None, out);
    out.extend_from_slice(payload);
}
