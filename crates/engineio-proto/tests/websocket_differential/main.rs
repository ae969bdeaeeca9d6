//! The frame codec against tungstenite, over seeded streams of legal and damaged frames. [RFC 6455 §5]
//!
//! Both decoders read the same stream and must deliver the same events up to the first error, agree on
//! whether the next frame is one, and close with the same code. These are all the intended differences;
//! each is checked for its cause and not just let pass:
//!
//! - *Order of checks.* tungstenite looks at the size of a frame before most of its rules, so a frame that
//!   is too big and breaks a rule too is 1009 there and 1002 here.
//! - *Moment of checks.* tungstenite waits for the whole frame, here the header suffices: the frame in
//!   question is completed with zeros before tungstenite is asked.
//! - *Length forms.* A length in a longer form than needed is an error here only. [RFC 6455 §5.2]
//! - *Fragments.* tungstenite has no limit on their number.
//! - *UTF-8 in fragments.* tungstenite checks each fragment, here the complete message is checked.
//! - *Close codes.* tungstenite reports a forbidden code as a close with 1002, here it is an error; and it
//!   takes the registered code 1014 for a forbidden one.
//! - *Replies.* tungstenite answers pings and closes; what it writes goes nowhere.
//!
//! `ENGINEIO_FUZZ_ITERATIONS` sets how many streams there are, `ENGINEIO_FUZZ_SEED` the first seed; a
//! failure names its seed.

mod generator;

use std::{
    collections::BTreeMap,
    io::{self, Cursor, Read, Write},
};

use bytes::{Bytes, BytesMut};
use engineio_proto::{
    Message,
    websocket::{
        CloseCode, CloseFrame, FrameDecoder, FrameError, FrameEvent, FrameLimits, Opcode, Role, encode_header,
    },
};
use generator::{Case, Rng};
use tungstenite::{
    Error as TheirError, Message as TheirMessage, WebSocket,
    error::ProtocolError,
    protocol::{Role as TheirRole, WebSocketConfig},
};

const DEFAULT_ITERATIONS: u64 = 12_000;

/// Hazard S39.
#[test]
fn both_decoders_agree_on_every_stream() {
    let iterations = number_from_env("ENGINEIO_FUZZ_ITERATIONS", DEFAULT_ITERATIONS);
    let first = number_from_env("ENGINEIO_FUZZ_SEED", 1);
    let mut seen = BTreeMap::new();
    for seed in first..first.saturating_add(iterations) {
        let _named = NameSeed(seed);
        let case = Case::generate(seed);
        match case.compare() {
            Ok(outcome) => *seen.entry(outcome).or_insert(0_u64) += 1,
            Err(difference) => panic!("{difference}\n{case:02x?}"),
        }
    }
    eprintln!("{seen:#?}");
    if iterations >= DEFAULT_ITERATIONS {
        let missing: Vec<_> = OUTCOMES.iter().filter(|outcome| !seen.contains_key(*outcome)).collect();
        assert!(missing.is_empty(), "never happened: {missing:?}");
    }
}

#[test]
fn what_tungstenite_writes_is_read_here() {
    for seed in 1..=200 {
        let _named = NameSeed(seed);
        let mut rng = Rng(seed);
        let (ours, theirs) =
            if rng.one_in(2) { (Role::Server, TheirRole::Client) } else { (Role::Client, TheirRole::Server) };
        let mut socket = WebSocket::from_raw_socket(Wire::default(), theirs, None);
        let mut expected = Vec::new();
        for _ in 0..rng.below(6) {
            let text = rng.text(300);
            let long = Bytes::from(vec![rng.byte(); rng.below(70_000)]);
            let (message, event) = match rng.below(3) {
                0 => (TheirMessage::text(text.as_str()), FrameEvent::Message(text.into())),
                1 => (TheirMessage::binary(long.clone()), FrameEvent::Message(long.into())),
                _ => (TheirMessage::Ping(Bytes::from_static(b"p")), FrameEvent::Ping(Bytes::from_static(b"p"))),
            };
            socket.send(message).unwrap();
            expected.push(event);
        }
        let written = std::mem::take(&mut socket.get_mut().written);
        let limits = FrameLimits::default();
        assert_eq!(decode_here(ours, limits, written.chunks(1 + rng.below(5000))).events, expected);
    }
}

/// Everything that a comparison may find; a run that misses one of them proves less than it should.
const OUTCOMES: [&str; 23] = [
    "close with 1014",
    "closed",
    "end of stream",
    "error CloseCodeForbidden",
    "error CloseReasonNotUtf8",
    "error ClosePayloadTruncated",
    "error ControlTooLong",
    "error FragmentedControl",
    "error InterleavedData",
    "error InvalidUtf8",
    "error LengthTopBit",
    "error Masked",
    "error MessageTooBig",
    "error ReservedBits",
    "error ReservedOpcode",
    "error UnexpectedContinuation",
    "error Unmasked",
    "error of another order",
    "only here: ControlTooLong",
    "only here: NonMinimalLength",
    "only here: TooManyFragments",
    "only later: close code",
    "only later: UTF-8 of fragments",
];

impl Case {
    fn compare(&self) -> Result<&'static str, String> {
        let here = decode_here(self.role, self.limits, [&self.bytes[..]]);
        let split = decode_here(self.role, self.limits, self.bytes.chunks(self.pieces));
        same("split or whole", &(&here.events, here.error), &(&split.events, split.error))?;

        // Where tungstenite gives up within a fragmented text, nothing behind it can be compared.
        if let Some(outcome) = self.compare_early_utf8(&here)? {
            return Ok(outcome);
        }
        let Some(error) = here.error else {
            let there = decode_there(self, &self.bytes)?;
            return match there.end {
                End::Exhausted => same("events", &here.events, &there.events).map(|()| "end of stream"),
                End::Closed => compare_close(&here.events, &there.events),
                End::Failed(theirs) => Err(format!("only tungstenite refuses: {theirs}")),
            };
        };

        // The frame in question is the one that holds the byte at which the error was found.
        let found = decode_here(self.role, self.limits, self.bytes.chunks(1)).fed - 1;
        let padding = 14 + self.limits.max_message_bytes;
        let padded = [&self.bytes[..], &vec![0; padding]].concat();
        let frames = frames(&padded);
        let at = frames.iter().rposition(|frame| frame.start <= found).ok_or("no frame to blame")?;
        let frame = &frames[at];

        let before = decode_there(self, &padded[..frame.start])?;
        same("events before the error", &here.events, &before.events)?;
        if !matches!(before.end, End::Exhausted) {
            return Err(format!("before {error:?}: {:?}", before.end));
        }
        if let Some(outcome) = only_here(error, &frames[..=at])? {
            return Ok(outcome);
        }
        let there = decode_there(self, &padded[..frame.end.min(padded.len())])?;
        compare_error(error, &here.events, there)
    }

    /// tungstenite refuses a fragment whose text cannot become UTF-8 any more; here the complete message
    /// is refused. Completing it right after that fragment must show so.
    fn compare_early_utf8(&self, here: &Decoded) -> Result<Option<&'static str>, String> {
        for frame in frames(&self.bytes).iter().take_while(|frame| frame.end <= self.bytes.len()) {
            let prefix = &self.bytes[..frame.end];
            let there = decode_there(self, prefix)?;
            match there.end {
                End::Exhausted => continue,
                End::Failed(TheirError::Utf8(_)) => {}
                End::Closed | End::Failed(_) => return Ok(None),
            }
            let fin = self.bytes[frame.start] & 0x80 != 0;
            if fin {
                return Ok(None);
            }
            let ours = decode_here(self.role, self.limits, [prefix]);
            if ours.error.is_some() {
                return Ok(None);
            }
            same("events before the bad fragment", &ours.events, &there.events)?;
            let mut completed = BytesMut::from(prefix);
            encode_header(Opcode::Continuation, true, 0, self.mask(), &mut completed);
            let ours = decode_here(self.role, self.limits, [&completed[..]]);
            if !matches!(ours.error, Some(FrameError::InvalidUtf8 | FrameError::TooManyFragments { .. })) {
                return Err(format!("the completed message: {:?}", ours.error));
            }
            let later = here.events.iter().skip(there.events.len());
            if later.clone().any(|event| matches!(event, FrameEvent::Message(_))) {
                return Err(format!("messages behind the bad fragment: {later:?}"));
            }
            return Ok(Some("only later: UTF-8 of fragments"));
        }
        Ok(None)
    }

    fn mask(&self) -> Option<[u8; 4]> {
        (self.role == Role::Server).then_some([1, 2, 3, 4])
    }
}

/// The rules that tungstenite does not have; checks that the last of `frames` breaks the rule.
fn only_here(error: FrameError, frames: &[RawFrame]) -> Result<Option<&'static str>, String> {
    let Some(frame) = frames.last() else { return Ok(None) };
    let (holds, outcome) = match error {
        FrameError::NonMinimalLength => (!frame.minimal, "only here: NonMinimalLength"),
        FrameError::ControlTooLong if frame.len <= 125 => (!frame.minimal, "only here: ControlTooLong"),
        FrameError::TooManyFragments { limit } => {
            let data = frames.iter().rev().map(|frame| frame.first & 0x0F).filter(|opcode| *opcode < 8);
            let continuations = data.take_while(|opcode| *opcode == 0).count();
            (continuations as u64 == u64::from(limit), "only here: TooManyFragments")
        }
        _ => return Ok(None),
    };
    if holds { Ok(Some(outcome)) } else { Err(format!("{error:?} without a cause in {frame:?}")) }
}

fn compare_close(here: &[FrameEvent], there: &[FrameEvent]) -> Result<&'static str, String> {
    if let Some((FrameEvent::Close(Some(close)), before)) = here.split_last()
        && close.code == CloseCode::BAD_GATEWAY
    {
        same("events", &[before, &[violation()]].concat()[..], there)?;
        return Ok("close with 1014");
    }
    same("events", here, there)?;
    Ok("closed")
}

/// Both have read up to and with the frame that is an error here.
fn compare_error(error: FrameError, here: &[FrameEvent], there: There) -> Result<&'static str, String> {
    let theirs = match there.end {
        End::Failed(theirs) => theirs,
        End::Closed if matches!(error, FrameError::CloseCodeForbidden(_)) => {
            same("events and a violation", &[here, &[violation()]].concat()[..], &there.events)?;
            return Ok("only later: close code");
        }
        end => return Err(format!("only here {error:?}, there {end:?}")),
    };
    same("events", here, &there.events)?;
    let code = match &theirs {
        TheirError::Protocol(_) => CloseCode::PROTOCOL_ERROR,
        TheirError::Capacity(_) => CloseCode::MESSAGE_TOO_BIG,
        TheirError::Utf8(_) => CloseCode::INVALID_PAYLOAD,
        other => return Err(format!("unexpected error {other:?}")),
    };
    match (error, error.close_code(), code) {
        // Both are wrong, the code and the reason, and each looks at another one first.
        (FrameError::CloseCodeForbidden(_), _, CloseCode::INVALID_PAYLOAD) => Ok("error CloseCodeForbidden"),
        (_, CloseCode::PROTOCOL_ERROR, CloseCode::MESSAGE_TOO_BIG) if error != FrameError::LengthTopBit => {
            Ok("error of another order")
        }
        (FrameError::LengthTopBit, _, CloseCode::MESSAGE_TOO_BIG) => Ok("error LengthTopBit"),
        (_, ours, code) if ours == code => {
            let name = format!("{error:?}");
            let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            let known = OUTCOMES.iter().find(|outcome| outcome.strip_prefix("error ") == Some(name));
            known.copied().ok_or_else(|| format!("an outcome without a name: {error:?}"))
        }
        _ => Err(format!("closes with another code: {error:?}, there {theirs:?}")),
    }
}

/// What tungstenite makes of a close code that it holds for forbidden.
fn violation() -> FrameEvent {
    FrameEvent::Close(Some(CloseFrame { code: CloseCode::PROTOCOL_ERROR, reason: "Protocol violation".into() }))
}

fn same<T: PartialEq + std::fmt::Debug + ?Sized>(what: &str, here: &T, there: &T) -> Result<(), String> {
    if here == there { Ok(()) } else { Err(format!("{what} differ\n here {here:?}\nthere {there:?}")) }
}

struct Decoded {
    events: Vec<FrameEvent>,
    error: Option<FrameError>,
    /// Bytes that were given to the decoder, up to the error.
    fed: usize,
}

fn decode_here<'a>(role: Role, limits: FrameLimits, chunks: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let mut decoder = FrameDecoder::new(role, limits);
    let mut decoded = Decoded { events: Vec::new(), error: None, fed: 0 };
    for chunk in chunks {
        decoded.fed += chunk.len();
        let mut input = BytesMut::from(chunk);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(event)) => decoded.events.push(event),
                Ok(None) => break,
                Err(error) => return Decoded { error: Some(error), ..decoded },
            }
        }
    }
    decoded
}

#[derive(Debug)]
enum End {
    /// All frames were taken, the last one may be incomplete.
    Exhausted,
    Closed,
    Failed(TheirError),
}

struct There {
    events: Vec<FrameEvent>,
    end: End,
}

fn decode_there(case: &Case, bytes: &[u8]) -> Result<There, String> {
    let limit = Some(case.limits.max_message_bytes);
    let config = WebSocketConfig::default().read_buffer_size(512).max_message_size(limit).max_frame_size(limit);
    let role = match case.role {
        Role::Server => TheirRole::Server,
        Role::Client => TheirRole::Client,
    };
    let wire = Wire { input: Cursor::new(bytes.to_vec()), written: Vec::new() };
    let mut socket = WebSocket::from_raw_socket(wire, role, Some(config));
    let mut events = Vec::new();
    loop {
        let event = match socket.read() {
            Ok(TheirMessage::Text(text)) => FrameEvent::Message(text.as_str().into()),
            Ok(TheirMessage::Binary(bytes)) => FrameEvent::Message(Message::Binary(bytes)),
            Ok(TheirMessage::Ping(bytes)) => FrameEvent::Ping(bytes),
            Ok(TheirMessage::Pong(bytes)) => FrameEvent::Pong(bytes),
            Ok(TheirMessage::Close(close)) => {
                let close = close.map(|close| {
                    let code = CloseCode::new(close.code.into()).ok_or(format!("{close:?} is forbidden"))?;
                    Ok::<_, String>(CloseFrame { code, reason: close.reason.as_str().into() })
                });
                events.push(FrameEvent::Close(close.transpose()?));
                return Ok(There { events, end: End::Closed });
            }
            Ok(TheirMessage::Frame(frame)) => return Err(format!("tungstenite read a raw frame: {frame:?}")),
            Err(TheirError::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                return Ok(There { events, end: End::Exhausted });
            }
            Err(error) => return Ok(There { events, end: End::Failed(error) }),
        };
        events.push(event);
    }
}

/// A connection whose peer has said all that it says.
#[derive(Default)]
struct Wire {
    input: Cursor<Vec<u8>>,
    written: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.input.read(into)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where a frame lies, read by a third and much simpler reader.
#[derive(Debug)]
struct RawFrame {
    first: u8,
    start: usize,
    end: usize,
    len: u64,
    minimal: bool,
}

/// The frames of a stream as far as their headers are complete, whatever they break.
fn frames(bytes: &[u8]) -> Vec<RawFrame> {
    let mut frames = Vec::new();
    let mut start = 0;
    while let Some(&[first, second]) = bytes.get(start..).and_then(<[u8]>::first_chunk) {
        let wide = match second & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some(length) = bytes.get(start + 2..start + 2 + wide) else { break };
        let len = match wide {
            0 => u64::from(second & 0x7F),
            _ => length.iter().fold(0, |len, byte| len << 8 | u64::from(*byte)),
        };
        let minimal = match wide {
            0 => true,
            2 => len > 125,
            _ => len > 65_535,
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let end = (start + 2 + wide + mask).saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
        frames.push(RawFrame { first, start, end, len, minimal });
        start = end;
    }
    frames
}

/// Names the seed where something panics, a decoder included.
struct NameSeed(u64);

impl Drop for NameSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with ENGINEIO_FUZZ_SEED={}", self.0);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the test is configured by its caller, the protocol is not")]
fn number_from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}
