//! Seeded streams of frames: legal ones, ones that break a rule, and damage that knows nothing of frames.

use bytes::BytesMut;
use engineio_proto::websocket::{FrameLimits, Opcode, Role, encode_frame, encode_header};

use crate::comparison::Case;

/// SplitMix64: small, seeded, the same everywhere.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number under `bound`; 0 where `bound` is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    pub(crate) fn text(&mut self, most: usize) -> String {
        (0..self.below(most)).map(|_| self.pick(&['a', 'z', '"', 'é', '\u{20AC}', '\u{1F600}', '\u{10FFFF}'])).collect()
    }
}

/// Makes the frames of one stream, one after the other.
struct Stream {
    rng: Rng,
    role: Role,
    /// The opcode of the fragmented message that is unfinished.
    open: Option<Opcode>,
    /// The rest of a text fragment, which begins the next one; mostly it starts within a character.
    carried: Vec<u8>,
    bytes: BytesMut,
}

impl Case {
    pub(crate) fn generate(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let role = rng.pick(&[Role::Server, Role::Client]);
        let limits = FrameLimits {
            max_message_bytes: rng.pick(&[125, 130, 300, 300, 2000, 70_000]),
            max_fragments: rng.pick(&[2, 3, 1024]),
        };
        let damaged = !rng.one_in(3);
        let frames = 1 + rng.below(9);
        let mut stream = Stream { rng, role, open: None, carried: Vec::new(), bytes: BytesMut::new() };
        for _ in 0..frames {
            if damaged && stream.rng.one_in(6) {
                stream.push_bad_frame();
            } else {
                stream.push_frame(limits);
            }
        }
        let Stream { mut rng, bytes, .. } = stream;
        let mut bytes = bytes.to_vec();
        if damaged {
            damage(&mut bytes, &mut rng);
        }
        Self { role, limits, bytes, pieces: 1 + rng.below(50) }
    }
}

/// Damage that knows nothing of frames.
fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let at = rng.below(bytes.len());
    match rng.below(6) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, rng.byte()),
        2 if at < bytes.len() => drop(bytes.remove(at)),
        3 | 4 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
        _ => {}
    }
}

impl Stream {
    fn mask(&mut self) -> Option<[u8; 4]> {
        (self.role == Role::Server).then(|| (self.rng.next() as u32).to_be_bytes())
    }

    /// A frame that is legal where it stands, but that it may go over the limits.
    fn push_frame(&mut self, limits: FrameLimits) {
        match self.rng.below(10) {
            0 => return self.push_control(Opcode::Ping),
            1 => return self.push_control(Opcode::Pong),
            2 if self.rng.one_in(4) => return self.push_close(),
            _ => {}
        }
        let fin = self.rng.one_in(2);
        let kind = self.open.unwrap_or(if self.rng.one_in(3) { Opcode::Binary } else { Opcode::Text });
        let opcode = if self.open.is_some() { Opcode::Continuation } else { kind };
        self.open = (!fin).then_some(kind);
        let most = match self.rng.below(40) {
            0 => limits.max_message_bytes + 2,
            1 => 140,
            _ => 40,
        };
        let mut payload = std::mem::take(&mut self.carried);
        if kind == Opcode::Text {
            payload.extend(self.rng.text(most / 2).as_bytes());
            if !fin {
                let at = payload.len() - self.rng.below(payload.len().min(8));
                self.carried = payload.split_off(at);
            }
        } else {
            let len = if self.rng.one_in(20) { most } else { self.rng.below(most) };
            payload.resize(len, self.rng.byte());
        }
        self.push_raw(opcode, fin, &payload);
    }

    fn push_control(&mut self, opcode: Opcode) {
        let payload = vec![self.rng.byte(); self.rng.pick(&[0, 1, 5, 125])];
        let mask = self.mask();
        encode_frame(opcode, &payload, mask, &mut self.bytes);
    }

    fn push_close(&mut self) {
        let code: u16 = self.rng.pick(&[1000, 1001, 1007, 1013, 1014, 3000, 4999, 0, 1004, 1005, 1015, 2999, 5000]);
        let mut payload = code.to_be_bytes().to_vec();
        match self.rng.below(6) {
            0 => payload.clear(),
            1 => payload.truncate(1),
            2 => payload.push(0xFF),
            3 => payload.extend("fin\u{20AC}".as_bytes()),
            _ => {}
        }
        self.push_raw(Opcode::Close, true, &payload);
    }

    fn push_raw(&mut self, opcode: Opcode, fin: bool, payload: &[u8]) {
        let mask = self.mask();
        encode_header(opcode, fin, payload.len() as u64, mask, &mut self.bytes);
        let key = mask.unwrap_or_default();
        self.bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    }

    /// A frame that breaks one rule, more or less.
    fn push_bad_frame(&mut self) {
        let start = self.bytes.len();
        let opcode = self.rng.pick(&[Opcode::Continuation, Opcode::Text, Opcode::Binary, Opcode::Ping]);
        let payload = vec![b'x'; self.rng.pick(&[0, 3, 130])];
        match self.rng.below(7) {
            0 => {
                self.push_control(Opcode::Ping);
                self.bytes[start] ^= self.rng.pick(&[0x40, 0x20, 0x10, 0x80]);
            }
            1 => {
                self.push_raw(opcode, true, &payload);
                self.bytes[start] = 0x80 | self.rng.pick(&[3, 7, 11, 15]);
            }
            2 => {
                let mask = if self.role == Role::Server { None } else { Some([9; 4]) };
                encode_frame(opcode, &payload, mask, &mut self.bytes);
            }
            3 => self.push_long_form(opcode),
            // Out of place more often than not: a continuation of nothing, a text within a message.
            4 => self.push_raw(opcode, self.open.is_none(), b"abc"),
            5 => self.push_raw(Opcode::Ping, true, &[b'x'; 126]),
            _ => {
                let kind = if self.open.is_some() { Opcode::Continuation } else { Opcode::Text };
                let bytes = self.rng.pick(&[&[0xFF][..], &[0xC3, 0x28], &[0xED, 0xA0, 0x80], &[0xF4, 0x90], &[0xE2]]);
                let fin = self.rng.one_in(2);
                self.push_raw(kind, fin, bytes);
                self.open = if fin { None } else { self.open.or(Some(Opcode::Text)) };
            }
        }
    }

    /// A 16-bit or a 64-bit length, mostly longer than it needs to be, or absurd.
    fn push_long_form(&mut self, opcode: Opcode) {
        let mask = self.mask();
        let mut header = BytesMut::new();
        encode_header(opcode, true, 0, None, &mut header);
        let masked = if mask.is_some() { 0x80 } else { 0 };
        let len = self.rng.pick(&[0, 5, 125, 126, 200]);
        self.bytes.extend([header[0]]);
        match self.rng.below(4) {
            0 => {
                self.bytes.extend([masked | 126]);
                self.bytes.extend((len as u16).to_be_bytes());
            }
            1 => {
                self.bytes.extend([masked | 127]);
                self.bytes.extend(self.rng.pick(&[1 << 63, u64::MAX, (1 << 63) - 1, 1 << 32]).to_be_bytes());
            }
            _ => {
                self.bytes.extend([masked | 127]);
                self.bytes.extend((len as u64).to_be_bytes());
            }
        }
        self.bytes.extend(mask.unwrap_or_default().iter().take(if mask.is_some() { 4 } else { 0 }));
        self.bytes.extend(vec![b'y'; len]);
    }
}
