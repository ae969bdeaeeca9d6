//! WebSockets on their way: bytes in memory that take their time, come in pieces, are cut, swallowed, or not taken for a
//! while; and hyper at the other end, which hands the connection to the server as it does for every server built on it.
//!
//! Leaves out what a client makes of a packet (`clients.rs`).

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes, BytesMut};
use engineio_proto::{
    Message, Packet as EnginePacket,
    websocket::{FrameDecoder, FrameEvent, FrameLimits, Opcode, Role, encode_close, encode_frame},
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::{
    agenda::{Happening, Move, Time},
    format::Frame,
    ledger::Event,
    life::Packet,
    network::serve,
    world::World,
};

/// How long somebody on the way waits for the rest of a handshake that does not come.
const HANDSHAKE_PATIENCE: Time = 5_000;

const MASK: Option<[u8; 4]> = Some([7, 6, 5, 4]);

/// What happens to a WebSocket once it has carried so many bytes, both ways together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Cut,
    /// What the client sends goes nowhere.
    Deaf,
    /// What the server sends goes nowhere.
    Mute,
    /// What the server sends is not taken for a while.
    Frozen(Time),
}

pub(crate) struct Wire {
    pub(crate) life: usize,
    stream: Option<DuplexStream>,
    /// On their way to the server.
    up: VecDeque<Bytes>,
    /// At the server, which has not taken them yet.
    arrived: BytesMut,
    sent: u64,
    taken: u64,
    /// Where in what was sent an event ends.
    marks: VecDeque<(u64, Event)>,
    /// On their way to the client.
    down: VecDeque<Bytes>,
    read: BytesMut,
    /// The answer to the handshake has been read.
    is_open: bool,
    decoder: FrameDecoder,
    /// Bytes do not overtake each other.
    last_up: Time,
    last_down: Time,
    fault: Option<(u64, Fault)>,
    carried: u64,
    is_frozen: bool,
    is_deaf: bool,
    is_mute: bool,
    /// The server has ended it.
    has_ended: bool,
}

impl World {
    /// A client opens a WebSocket, for a new session or for the one that it has.
    pub(crate) fn dial(&mut self, life: usize) {
        let plan = &self.plan;
        let this = &mut self.lives[life];
        let dice = &mut this.dice;
        let fault = (self.is_stormy && dice.percent(plan.trouble * 2)).then(|| {
            let fault = match dice.below(5) {
                0 | 1 => Fault::Cut,
                2 => Fault::Deaf,
                3 => Fault::Mute,
                _ => Fault::Frozen(dice.between(300, 6000)),
            };
            (dice.between(1, 1500), fault)
        });
        this.is_harmed |= fault.is_some();
        let (near, far) = tokio::io::duplex(dice.between(16, 2000) as usize);
        serve(&self.server, far);
        let wire = Wire {
            life,
            stream: Some(near),
            up: VecDeque::new(),
            arrived: BytesMut::new(),
            sent: 0,
            taken: 0,
            marks: VecDeque::new(),
            down: VecDeque::new(),
            read: BytesMut::new(),
            is_open: false,
            decoder: FrameDecoder::new(Role::Client, FrameLimits::default()),
            last_up: 0,
            last_down: 0,
            fault,
            carried: 0,
            is_frozen: false,
            is_deaf: false,
            is_mute: false,
            has_ended: false,
        };
        let head = format!(
            "GET /socket.io/?EIO=4&transport=websocket{} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            this.session
        );
        let id = self.wires.len();
        this.wire = Some(id);
        self.wires.push(wire);
        self.send_bytes(id, head.into());
    }

    pub(crate) fn send_packet(&mut self, id: usize, packet: &Packet) {
        let mut frames = BytesMut::new();
        for frame in &packet.frames {
            match frame {
                Frame::Text(text) => encode_frame(Opcode::Text, text.as_bytes(), MASK, &mut frames),
                Frame::Binary(bytes) => encode_frame(Opcode::Binary, bytes, MASK, &mut frames),
            }
        }
        self.send_bytes(id, frames.freeze());
        let wire = &mut self.wires[id];
        let end = wire.sent;
        wire.marks.extend(packet.event.map(|event| (end, event)));
    }

    pub(crate) fn send_close(&mut self, id: usize) {
        let mut frame = BytesMut::new();
        encode_close(None, "", MASK, &mut frame);
        self.send_bytes(id, frame.freeze());
    }

    fn send_bytes(&mut self, id: usize, bytes: Bytes) {
        self.wires[id].sent += bytes.len() as u64;
        self.carry(id, bytes, Move::Up);
    }

    /// Bytes set out, in pieces and behind those before them.
    fn carry(&mut self, id: usize, mut bytes: Bytes, step: Move) {
        let life = self.wires[id].life;
        while !bytes.is_empty() {
            let (dice, length) = (&mut self.lives[life].dice, bytes.len() as u64);
            let length = if dice.percent(25) { dice.between(1, length + 1) } else { length };
            let piece = bytes.split_to(length as usize);
            let at = self.now + self.delay(life);
            let wire = &mut self.wires[id];
            let (pieces, last) = match step {
                Move::Up => (&mut wire.up, &mut wire.last_up),
                _ => (&mut wire.down, &mut wire.last_down),
            };
            pieces.push_back(piece);
            *last = at.max(*last);
            self.agenda.add(*last, Happening::Wire(id, step));
        }
    }

    /// The client lets go of it.
    pub(crate) fn hang_up(&mut self, id: usize) {
        let wire = &mut self.wires[id];
        (wire.stream, wire.has_ended) = (None, true);
        wire.up.clear();
        wire.down.clear();
    }

    pub(crate) fn wire_moves(&mut self, id: usize, step: Move) {
        let wire = &mut self.wires[id];
        match step {
            Move::Up => {
                let Some(piece) = wire.up.pop_front() else { return };
                self.wear(id, piece.len());
                let wire = &mut self.wires[id];
                if !wire.is_deaf && wire.stream.is_some() {
                    wire.arrived.extend_from_slice(&piece);
                }
            }
            Move::Down => {
                let Some(piece) = wire.down.pop_front() else { return };
                wire.read.extend_from_slice(&piece);
                self.read_frames(id);
            }
            Move::End => {
                if wire.stream.take().is_some() || !wire.has_ended {
                    wire.has_ended = true;
                    self.wire_ended(id);
                }
            }
            Move::Thaw => wire.is_frozen = false,
        }
    }

    /// What has carried enough breaks.
    fn wear(&mut self, id: usize, bytes: usize) {
        let wire = &mut self.wires[id];
        wire.carried += bytes as u64;
        let Some((_, fault)) = wire.fault.take_if(|(after, _)| *after <= wire.carried) else { return };
        match fault {
            Fault::Cut => {
                wire.stream = None;
                let delay = self.delay(self.wires[id].life);
                self.later(delay, Happening::Wire(id, Move::End));
            }
            Fault::Deaf => {
                wire.is_deaf = true;
                if !wire.is_open {
                    // Half a handshake: somebody on the way gives up.
                    self.later(HANDSHAKE_PATIENCE, Happening::Wire(id, Move::End));
                }
            }
            Fault::Mute => wire.is_mute = true,
            Fault::Frozen(time) => {
                wire.is_frozen = true;
                self.later(time, Happening::Wire(id, Move::Thaw));
            }
        }
    }

    fn read_frames(&mut self, id: usize) {
        let wire = &mut self.wires[id];
        if !wire.is_open {
            let Some(end) = wire.read.windows(4).position(|four| four == b"\r\n\r\n") else { return };
            let head = wire.read.split_to(end + 4);
            wire.is_open = true;
            if !head.starts_with(b"HTTP/1.1 101") {
                return self.wire_ended(id);
            }
            self.wire_opened(id);
        }
        loop {
            let wire = &mut self.wires[id];
            let event = wire.decoder.decode(&mut wire.read).expect("the server sends frames");
            match event {
                Some(FrameEvent::Message(Message::Text(text))) => {
                    let packet = EnginePacket::decode(&text).expect("the server sends packets");
                    self.hear_packet(self.wires[id].life, Some(id), packet);
                }
                Some(FrameEvent::Message(bytes)) => {
                    self.hear_packet(self.wires[id].life, Some(id), EnginePacket::Message(bytes));
                }
                Some(FrameEvent::Close(_)) => return self.wire_moves(id, Move::End),
                Some(_) => {}
                None => return,
            }
        }
    }

    /// Hands over and takes what can be, without waiting; says whether anything moved.
    pub(crate) fn poll_wires(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        for id in 0..self.wires.len() {
            if self.wires[id].stream.is_some() {
                moved |= self.poll_write(id, cx);
                moved |= self.poll_read(id, cx);
            }
        }
        moved
    }

    fn poll_write(&mut self, id: usize, cx: &mut Context<'_>) -> bool {
        let wire = &mut self.wires[id];
        let mut moved = false;
        while let Some(stream) = wire.stream.as_mut().filter(|_| !wire.arrived.is_empty()) {
            match Pin::new(stream).poll_write(cx, &wire.arrived) {
                Poll::Ready(Ok(written)) => {
                    moved = true;
                    wire.arrived.advance(written);
                    wire.taken += written as u64;
                }
                // The server has dropped it, which reading shows as well.
                Poll::Ready(Err(_)) => wire.arrived.clear(),
                Poll::Pending => break,
            }
        }
        let mut ledger = self.ledger.lock();
        while let Some((_, event)) = wire.marks.front().copied().filter(|(end, _)| *end <= wire.taken) {
            wire.marks.pop_front();
            ledger.accept(event, true);
        }
        moved
    }

    fn poll_read(&mut self, id: usize, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        loop {
            let wire = &mut self.wires[id];
            let Some(stream) = wire.stream.as_mut().filter(|_| !wire.is_frozen && !wire.has_ended) else {
                return moved;
            };
            let mut bytes = [0; 1024];
            let mut buffer = ReadBuf::new(&mut bytes);
            let Poll::Ready(outcome) = Pin::new(stream).poll_read(cx, &mut buffer) else { return moved };
            moved = true;
            let read = Bytes::copy_from_slice(buffer.filled());
            if outcome.is_err() || read.is_empty() {
                wire.has_ended = true;
                let at = wire.last_down.max(self.now + 1);
                self.agenda.add(at, Happening::Wire(id, Move::End));
                return true;
            }
            self.wear(id, read.len());
            if !self.wires[id].is_mute {
                self.carry(id, read, Move::Down);
            }
        }
    }

    /// WebSockets of which the server still has its end.
    pub(crate) fn open_wires(&self) -> usize {
        self.wires.iter().filter(|wire| wire.stream.is_some() && !wire.has_ended).count()
    }
}
