//! permessage-deflate in the frame codec: examples, bombs, broken streams, and properties with fixed seeds. [RFC 7692]
//!
//! The table of negotiation is in `negotiation.rs`.

use bytes::{Bytes, BytesMut};
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed},
};

use super::{
    tests::{feed, small_limits},
    *,
};
use crate::Message;

const MASK: [u8; 4] = [0x11, 0x22, 0x33, 0x44];

/// "Hello", compressed. [RFC 7692 §7.2.3.1]
const HELLO: [u8; 7] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];

fn client(limit: usize) -> FrameDecoder {
    let limits = FrameLimits { max_message_bytes: limit, max_fragments: 4 };
    FrameDecoder::new(Role::Client, limits).with_deflate()
}

fn decode(limit: usize, wire: &[u8]) -> (Vec<FrameEvent>, Option<FrameError>) {
    feed(&mut client(limit), [wire])
}

/// An unmasked frame whose first byte is given raw.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode_header(Opcode::Text, true, payload.len() as u64, None, &mut out);
    out[0] = first;
    out.extend_from_slice(payload);
    out.to_vec()
}

fn text(text: &str) -> FrameEvent {
    FrameEvent::Message(text.into())
}

/// The payload of a message in compressed form.
fn deflated(payload: &[u8]) -> Vec<u8> {
    let frame = Deflater::new(9).encode_frame(Opcode::Binary, payload, None).expect("it shrinks");
    let header = match frame[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    frame[header..].to_vec()
}

/// Bytes that do not shrink.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(len).collect()
}

#[test]
fn the_examples_of_rfc_7692_are_read() {
    let cases: [(&str, Vec<u8>); 6] = [
        ("one frame", frame(0xC1, &HELLO)),
        ("two fragments", [frame(0x41, &HELLO[..3]), frame(0x80, &HELLO[3..])].concat()),
        ("an empty last fragment", [frame(0x41, &HELLO), frame(0x80, b"")].concat()),
        ("a block without compression", frame(0xC1, b"\x00\x05\x00\xfa\xffHello\x00")),
        ("a last block", frame(0xC1, &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00])),
        ("two blocks", frame(0xC1, &[0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00])),
    ];
    for (name, wire) in cases {
        assert_eq!(decode(300, &wire), (vec![text("Hello")], None), "{name}");
        let (mut decoder, whole) = (client(300), vec![text("Hello")]);
        assert_eq!(feed(&mut decoder, wire.chunks(1)), (whole, None), "{name}, byte by byte");
        assert_eq!((decoder.buffered_bytes(), decoder.is_idle()), (0, true), "{name}");
    }
    assert_eq!(decode(300, &frame(0xC2, &[0x00])), (vec![FrameEvent::Message(Message::Binary(Bytes::new()))], None));
}

#[test]
fn messages_that_are_not_compressed_pass_between_those_that_are() {
    let wire = [
        frame(0x81, b"plain"),
        frame(0xC1, &HELLO),
        frame(0x01, b"in "),
        frame(0x80, b"two"),
        frame(0x41, &HELLO[..2]),
        frame(0x89, b"ping"),
        frame(0x80, &HELLO[2..]),
    ]
    .concat();
    let ping = FrameEvent::Ping(Bytes::from_static(b"ping"));
    assert_eq!(decode(300, &wire), (vec![text("plain"), text("Hello"), text("in two"), ping, text("Hello")], None));
}

#[test]
fn the_bit_for_compression_stands_where_it_was_agreed_on_and_belongs() {
    use FrameError::ReservedBits;
    let refused: [(&str, Vec<u8>); 6] = [
        ("a continuation", [frame(0x41, &HELLO[..3]), frame(0xC0, &HELLO[3..])].concat()),
        ("a continuation of nothing", frame(0xC0, b"")),
        ("a ping", frame(0xC9, b"")),
        ("a close", frame(0xC8, b"")),
        ("the second bit too", frame(0xE1, &HELLO)),
        ("the third bit alone", frame(0x91, b"")),
    ];
    for (name, wire) in refused {
        assert_eq!(decode(300, &wire), (vec![], Some(ReservedBits)), "{name}");
    }
    assert_eq!(ReservedBits.close_code(), CloseCode::PROTOCOL_ERROR);
    let mut without = FrameDecoder::new(Role::Client, small_limits());
    assert_eq!(feed(&mut without, [&frame(0xC1, &HELLO)[..]]), (vec![], Some(ReservedBits)), "not agreed on");
}

#[test]
fn what_cannot_be_inflated_is_an_error() {
    let cut = deflated(&b"abcdefgh".repeat(10));
    let cases: [(&str, &[u8]); 9] = [
        ("nothing", b""),
        ("a plain block that promises more", b"\x00\x64\x00\x9B\xFFabc"),
        ("a reserved kind of block", &[0x06]),
        ("a distance before the start", &[0x02, 0x0C, 0x00]),
        ("a block cut off", &cut[..cut.len() - 2]),
        ("Hello without its end", &HELLO[..6]),
        ("Hello without its last letters", &HELLO[..4]),
        ("a last block and no more", &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]),
        ("text that was never compressed", b"4hello"),
    ];
    for (name, payload) in cases {
        assert_eq!(decode(300, &frame(0xC2, payload)), (vec![], Some(FrameError::InvalidDeflate)), "{name}");
    }
    assert_eq!(FrameError::InvalidDeflate.close_code(), CloseCode::INVALID_PAYLOAD);
    assert!(!FrameError::InvalidDeflate.to_string().is_empty());
}

#[test]
fn text_is_checked_after_it_was_inflated() {
    let wire = frame(0xC1, &deflated(&[0xC3, 0x28].repeat(40)));
    assert_eq!(decode(300, &wire), (vec![], Some(FrameError::InvalidUtf8)));
    // Cut within a character, which is then whole again.
    let euro = deflated("€".repeat(60).as_bytes());
    let wire = [frame(0x41, &euro[..5]), frame(0x80, &euro[5..])].concat();
    assert_eq!(decode(300, &wire), (vec![text(&"€".repeat(60))], None));
}

/// S38: the limit holds for what comes out, to the byte, and for what goes in.
#[test]
fn a_message_at_the_limit_is_inflated_and_one_byte_more_is_not() {
    for limit in [100, 256, 300, 1024, 5000, 100_000] {
        let at = frame(0xC2, &deflated(&vec![7; limit]));
        let event = FrameEvent::Message(Message::Binary(vec![7; limit].into()));
        assert_eq!(decode(limit, &at), (vec![event], None), "{limit}");
        let over = frame(0xC2, &deflated(&vec![7; limit + 1]));
        let error = FrameError::MessageTooBig { limit, seen: limit as u64 + 1 };
        assert_eq!(decode(limit, &over), (vec![], Some(error)), "{limit}");
    }
    assert_eq!(FrameError::MessageTooBig { limit: 1, seen: 2 }.close_code(), CloseCode::MESSAGE_TOO_BIG);
    // Compressed bytes over the limit are refused by the header, whatever they would come to.
    let error = FrameError::MessageTooBig { limit: 6, seen: 7 };
    assert_eq!(decode(6, &frame(0xC1, &HELLO)[..2]), (vec![], Some(error)));
}

/// S38: a thousandth of its size on the wire, and stopped at the limit.
#[test]
fn a_bomb_is_stopped_at_the_limit() {
    let limit = 1_000_000;
    let bomb = deflated(&vec![0; 20 * limit]);
    assert!(bomb.len() < limit / 40, "{}", bomb.len());
    let error = Some(FrameError::MessageTooBig { limit, seen: limit as u64 + 1 });
    assert_eq!(decode(limit, &frame(0xC2, &bomb)), (vec![], error));
    let halves = bomb.split_at(bomb.len() / 2);
    let wire = [frame(0x41, halves.0), frame(0x80, halves.1)].concat();
    assert_eq!(decode(limit, &wire), (vec![], error), "in fragments");
}

/// Blocks that bring nothing, as many as fit: 12 ms, where a decoder that builds its tables anew for each takes seconds.
#[test]
fn a_message_of_nothing_but_empty_blocks_is_an_empty_message() {
    // Ten bits each: neither the last, with fixed codes, and over at once. Four of them make five bytes.
    let five = [0b0000_0010, 0b0000_1000, 0b0010_0000, 0b1000_0000, 0b0000_0000];
    let payload = [five.repeat(199_999), vec![0]].concat();
    let event = FrameEvent::Message(Message::Binary(Bytes::new()));
    assert_eq!(decode(1_000_000, &frame(0xC2, &payload)), (vec![event], None));
}

#[test]
fn an_inflated_message_is_kept_in_no_more_memory_than_it_has_bytes() {
    let mut input = BytesMut::from(&frame(0xC2, &deflated(&[5; 70_000]))[..]);
    let Ok(Some(FrameEvent::Message(Message::Binary(bytes)))) = client(1_000_000).decode(&mut input) else {
        panic!("a message")
    };
    let owned = bytes.try_into_mut().expect("nobody else has it");
    assert_eq!((owned.len(), owned.capacity()), (70_000, 70_000));
}

#[test]
fn what_does_not_shrink_stays_as_it_is() {
    let mut deflater = Deflater::new(6);
    for len in [0, 1, 5, 100, 1000, 70_000] {
        assert_eq!(deflater.encode_frame(Opcode::Binary, &noise(len), None), None, "{len}");
    }
    for opcode in [Opcode::Continuation, Opcode::Ping, Opcode::Pong, Opcode::Close] {
        assert_eq!(deflater.encode_frame(opcode, &[b'x'; 100], None), None, "{opcode:?}");
    }
    // What was given up leaves no trace in what comes next.
    let frame = deflater.encode_frame(Opcode::Binary, &[b'x'; 100], None);
    assert_eq!(frame, Deflater::new(6).encode_frame(Opcode::Binary, &[b'x'; 100], None));
    assert!(frame.is_some());
}

#[test]
fn every_level_writes_what_is_read_back() {
    let message: String = (0..5000).map(|n: u32| format!("{{\"id\":{n}}}")).collect();
    for (asked, level) in [(0, 1), (1, 1), (6, 6), (9, 9), (255, 9)] {
        let mut deflater = Deflater::new(asked);
        assert_eq!(deflater.level(), level);
        let frame = deflater.encode_frame(Opcode::Text, message.as_bytes(), None).unwrap();
        assert!(frame.len() < message.len() / 2, "{level}: {}", frame.len());
        assert_eq!(decode(1_000_000, &frame), (vec![text(&message)], None), "{level}");
    }
}

#[test]
fn a_compressed_message_has_no_context_of_the_one_before() {
    let mut deflater = Deflater::new(6);
    let frames = [0, 1].map(|_| deflater.encode_frame(Opcode::Text, &[b'a'; 2000], None));
    assert_eq!(frames[0], frames[1]);
    assert!(frames[0].is_some());
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        2 => "[a-c€]{0,400}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..2000),
        2 => (prop::collection::vec(any::<u8>(), 1..40), 1_usize..3000).prop_map(|(unit, times)| unit.repeat(times)),
    ]
}

fn config() -> Config {
    Config { cases: 256, rng_seed: RngSeed::Fixed(0x7692), failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_compressed_is_read_back_on_the_other_side(
        role in prop_oneof![Just(Role::Server), Just(Role::Client)],
        payloads in prop::collection::vec((payload(), 1_u8..10), 1..4),
        size in 1_usize..4000,
    ) {
        let mask = (role == Role::Server).then_some(MASK);
        let (mut wire, mut expected) = (BytesMut::new(), Vec::new());
        for (payload, level) in payloads {
            match Deflater::new(level).encode_frame(Opcode::Binary, &payload, mask) {
                Some(frame) => {
                    prop_assert!(frame.len() < payload.len() + MAX_SERVER_HEADER_BYTES + 4);
                    wire.extend_from_slice(&frame);
                }
                None => encode_frame(Opcode::Binary, &payload, mask, &mut wire),
            }
            expected.push(FrameEvent::Message(Message::Binary(payload.into())));
        }
        let mut decoder = FrameDecoder::new(role, FrameLimits::default()).with_deflate();
        prop_assert_eq!(feed(&mut decoder, wire.chunks(size)), (expected, None));
        prop_assert_eq!(decoder.buffered_bytes(), 0);
    }

    #[test]
    fn any_compressed_bytes_are_survived_within_the_limit(
        payload in payload(),
        at in any::<prop::sample::Index>(),
        bits in 1..=u8::MAX,
    ) {
        let frame_of = Deflater::new(6).encode_frame(Opcode::Binary, &payload, None);
        let mut bytes = frame_of.map_or(payload, |frame| frame.slice(2..).to_vec());
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        let (events, _) = decode(1500, &frame(0xC2, &bytes));
        for event in events {
            let FrameEvent::Message(message) = event else { panic!("{event:?}") };
            prop_assert!(message.len() <= 1500);
        }
    }
}
