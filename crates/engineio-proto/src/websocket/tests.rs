//! Examples and tables for the frame codec; the properties are in `property_tests.rs`.

use bytes::{Bytes, BytesMut};

use super::*;
use crate::{Message, Text};

const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// Feeds the chunks one after the other through one scratch buffer, as a worker thread does.
pub(super) fn feed<'a>(
    decoder: &mut FrameDecoder,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<FrameEvent>, Option<FrameError>) {
    let mut scratch = BytesMut::new();
    let mut events = Vec::new();
    for chunk in chunks {
        scratch.extend_from_slice(chunk);
        loop {
            match decoder.decode(&mut scratch) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => {
                    assert!(scratch.is_empty(), "an error discards the input");
                    assert_eq!(decoder.buffered_bytes(), 0, "an error frees what was held");
                    assert_eq!(decoder.decode(&mut BytesMut::from(chunk)), Err(error), "the error stays");
                    return (events, Some(error));
                }
            }
        }
        assert!(scratch.is_empty(), "the input is used up");
    }
    (events, None)
}

pub(super) fn small_limits() -> FrameLimits {
    FrameLimits { max_message_bytes: 300, max_fragments: 4 }
}

fn decode(role: Role, bytes: &[u8]) -> (Vec<FrameEvent>, Option<FrameError>) {
    feed(&mut FrameDecoder::new(role, small_limits()), [bytes])
}

fn text(text: &str) -> FrameEvent {
    FrameEvent::Message(text.into())
}

fn binary(bytes: &[u8]) -> FrameEvent {
    FrameEvent::Message(Message::Binary(Bytes::copy_from_slice(bytes)))
}

/// An unmasked frame whose first byte is given raw.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode_header(Opcode::Text, true, payload.len() as u64, None, &mut out);
    out[0] = first;
    out.extend_from_slice(payload);
    out.to_vec()
}

#[test]
fn the_examples_of_the_rfc_are_read_and_written() {
    let hello = Bytes::from_static(b"Hello");
    let masked = [0x7F, 0x9F, 0x4D, 0x51, 0x58];
    let cases = [
        (Role::Client, Opcode::Text, None, [&[0x81, 0x05][..], &hello].concat(), text("Hello")),
        (Role::Server, Opcode::Text, Some(MASK), [&[0x81, 0x85][..], &MASK, &masked].concat(), text("Hello")),
        (Role::Client, Opcode::Ping, None, [&[0x89, 0x05][..], &hello].concat(), FrameEvent::Ping(hello.clone())),
        (
            Role::Server,
            Opcode::Pong,
            Some(MASK),
            [&[0x8A, 0x85][..], &MASK, &masked].concat(),
            FrameEvent::Pong(hello.clone()),
        ),
    ];
    for (role, opcode, mask, wire, event) in cases {
        let mut out = BytesMut::new();
        encode_frame(opcode, &hello, mask, &mut out);
        assert_eq!(out, wire);
        assert_eq!(decode(role, &wire), (vec![event], None));
    }
    let fragmented = [0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F];
    assert_eq!(decode(Role::Client, &fragmented), (vec![text("Hello")], None));
}

#[test]
fn a_length_is_written_in_its_shortest_form() {
    let cases: [(u64, &[u8]); 7] = [
        (0, &[0x82, 0]),
        (125, &[0x82, 125]),
        (126, &[0x82, 126, 0, 126]),
        (256, &[0x82, 126, 1, 0]),
        (65_535, &[0x82, 126, 0xFF, 0xFF]),
        (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ((1 << 63) - 1, &[0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
    ];
    for (len, wire) in cases {
        let mut out = BytesMut::new();
        encode_header(Opcode::Binary, true, len, None, &mut out);
        assert_eq!(out, wire, "{len}");
        assert!(out.len() <= MAX_SERVER_HEADER_BYTES);
        out.clear();
        encode_header(Opcode::Continuation, false, len, Some(MASK), &mut out);
        assert_eq!(out[0], 0, "{len}");
        assert_eq!(out[1], wire[1] | 0x80, "{len}");
        assert_eq!(out[2..], [&wire[2..], &MASK].concat(), "{len}");
    }
}

/// Hazards S5, S39.
#[test]
fn each_broken_rule_has_its_error_and_close_code() {
    use FrameError::*;
    let long = |first: u8, len: u64| [&[first, 127][..], &len.to_be_bytes()].concat();
    let cases: [(&str, Vec<u8>, FrameError, u16); 24] = [
        ("first reserved bit", frame(0xC1, b""), ReservedBits, 1002),
        ("second reserved bit", frame(0xA1, b""), ReservedBits, 1002),
        ("third reserved bit", frame(0x91, b""), ReservedBits, 1002),
        ("reserved data opcode", frame(0x83, b""), ReservedOpcode(3), 1002),
        ("reserved control opcode", frame(0x8F, b""), ReservedOpcode(15), 1002),
        ("fragmented ping", frame(0x09, b""), FragmentedControl, 1002),
        ("fragmented close", frame(0x08, b""), FragmentedControl, 1002),
        ("long ping", frame(0x89, &[0; 126]), ControlTooLong, 1002),
        ("long close", long(0x88, 70_000), ControlTooLong, 1002),
        ("ping in a long form", vec![0x89, 126, 0, 5], ControlTooLong, 1002),
        ("continuation of nothing", frame(0x80, b"a"), UnexpectedContinuation, 1002),
        ("text in a message", [frame(0x01, b"a"), frame(0x81, b"b")].concat(), InterleavedData, 1002),
        ("binary in a message", [frame(0x02, b"a"), frame(0x02, b"b")].concat(), InterleavedData, 1002),
        ("mask", vec![0x81, 0x80, 1, 2, 3, 4], Masked, 1002),
        ("16-bit length of 125", [vec![0x82, 126, 0, 125], vec![0; 125]].concat(), NonMinimalLength, 1002),
        ("64-bit length of 65535", long(0x82, 65_535), NonMinimalLength, 1002),
        ("64-bit length with top bit", long(0x82, 1 << 63), LengthTopBit, 1002),
        ("text not UTF-8", frame(0x81, &[0xC3, 0x28]), InvalidUtf8, 1007),
        ("text cut in a character", [frame(0x01, &[0xE2, 0x82]), frame(0x80, b"")].concat(), InvalidUtf8, 1007),
        ("close of one byte", frame(0x88, &[3]), ClosePayloadTruncated, 1002),
        ("close code", frame(0x88, &1005_u16.to_be_bytes()), CloseCodeForbidden(1005), 1002),
        ("close reason", frame(0x88, &[0x03, 0xE8, 0xFF]), CloseReasonNotUtf8, 1007),
        ("a message too big", frame(0x82, &[0; 301]), MessageTooBig { limit: 300, seen: 301 }, 1009),
        ("the largest length", long(0x82, (1 << 63) - 1), MessageTooBig { limit: 300, seen: (1 << 63) - 1 }, 1009),
    ];
    for (name, wire, error, code) in cases {
        assert_eq!(decode(Role::Client, &wire), (vec![], Some(error)), "{name}");
        assert_eq!(error.close_code().as_u16(), code, "{name}");
        assert!(!error.to_string().is_empty(), "{name}");
    }
    assert_eq!(decode(Role::Server, &frame(0x81, b"a")), (vec![], Some(Unmasked)));
    assert_eq!(Unmasked.close_code().as_u16(), 1002);
    assert_eq!(TooManyFragments { limit: 4 }.close_code().as_u16(), 1009);
}

#[test]
fn an_error_is_found_as_soon_as_its_byte_is_there() {
    let cases: [(&[u8], FrameError); 4] = [
        (&[0xC1], FrameError::ReservedBits),
        (&[0x09], FrameError::FragmentedControl),
        (&[0x81, 0x05], FrameError::Unmasked),
        (&[0x89, 0xFE], FrameError::ControlTooLong),
    ];
    for (wire, error) in cases {
        assert_eq!(decode(Role::Server, wire), (vec![], Some(error)), "{wire:x?}");
    }
}

/// Hazard S39.
#[test]
fn control_frames_come_out_between_the_fragments_of_a_message() {
    let wire = [
        frame(0x01, "a\u{20AC}".as_bytes().get(..2).unwrap()),
        frame(0x89, b"one"),
        frame(0x00, &"a\u{20AC}".as_bytes()[2..]),
        frame(0x8A, b""),
        frame(0x80, b"z"),
        frame(0x88, b""),
    ]
    .concat();
    let events = vec![
        FrameEvent::Ping(Bytes::from_static(b"one")),
        FrameEvent::Pong(Bytes::new()),
        text("a\u{20AC}z"),
        FrameEvent::Close(None),
    ];
    assert_eq!(decode(Role::Client, &wire), (events.clone(), None));
    let mut decoder = FrameDecoder::new(Role::Client, small_limits());
    assert_eq!(feed(&mut decoder, wire.chunks(1)), (events, None));
}

/// Hazard S31.
#[test]
fn a_message_at_the_limit_passes_and_one_byte_more_does_not() {
    let whole = frame(0x82, &[7; 300]);
    assert_eq!(decode(Role::Client, &whole), (vec![binary(&[7; 300])], None));
    let halves = [frame(0x02, &[7; 200]), frame(0x80, &[7; 100])].concat();
    assert_eq!(decode(Role::Client, &halves), (vec![binary(&[7; 300])], None));
    let over = [frame(0x02, &[7; 200]), frame(0x80, &[7; 101])].concat();
    let error = FrameError::MessageTooBig { limit: 300, seen: 301 };
    assert_eq!(decode(Role::Client, &over), (vec![], Some(error)));
}

/// Hazard S3.
#[test]
fn the_limit_holds_before_a_byte_of_payload_came() {
    let mut header = BytesMut::new();
    encode_header(Opcode::Binary, true, 301, Some(MASK), &mut header);
    let error = FrameError::MessageTooBig { limit: 300, seen: 301 };
    assert_eq!(decode(Role::Server, &header), (vec![], Some(error)));
}

#[test]
fn the_limit_on_messages_is_not_one_on_control_frames() {
    let mut decoder = FrameDecoder::new(Role::Client, FrameLimits { max_message_bytes: 2, max_fragments: 1 });
    let ping = FrameEvent::Ping(Bytes::from_static(b"abc"));
    assert_eq!(feed(&mut decoder, [&frame(0x89, b"abc")[..]]), (vec![ping], None));
}

/// Hazard S34.
#[test]
fn fragments_are_counted_even_where_they_are_empty() {
    let fragments = |continuations: usize| [frame(0x02, b""), frame(0x00, b"").repeat(continuations)].concat();
    let pings = frame(0x89, b"").repeat(10);
    let allowed = [fragments(2), pings, frame(0x80, b"end")].concat();
    let (events, error) = decode(Role::Client, &allowed);
    assert_eq!((events.len(), events.last(), error), (11, Some(&binary(b"end")), None));
    // The count starts again with the next message.
    assert_eq!(decode(Role::Client, &allowed.repeat(2)).0.len(), 22);
    let refused = [fragments(3), frame(0x80, b"")].concat();
    assert_eq!(decode(Role::Client, &refused), (vec![], Some(FrameError::TooManyFragments { limit: 4 })));
}

/// Hazard S35.
#[test]
fn the_defaults_are_the_protocols() {
    assert_eq!(FrameLimits::default(), FrameLimits { max_message_bytes: 1_000_000, max_fragments: 1024 });
}

/// Hazard R38.
#[test]
fn an_idle_decoder_owns_no_memory() {
    let big = vec![b'x'; 100_000];
    let mut out = BytesMut::new();
    encode_frame(Opcode::Text, &big, Some(MASK), &mut out);
    let masked = out.to_vec();
    let mut decoder = FrameDecoder::new(Role::Server, FrameLimits::default());
    assert_eq!(decoder.buffered_bytes(), 0);

    // Half a header is kept without the heap.
    assert_eq!(feed(&mut decoder, [&masked[..5]]), (vec![], None));
    assert_eq!((decoder.buffered_bytes(), decoder.is_idle()), (0, false));
    assert_eq!(feed(&mut decoder, [&masked[5..60_000]]), (vec![], None));
    assert!(decoder.buffered_bytes() > 0 && !decoder.is_idle());
    let (events, error) = feed(&mut decoder, [&masked[60_000..]]);
    assert_eq!((events.len(), error), (1, None));
    assert_eq!((decoder.buffered_bytes(), decoder.is_idle()), (0, true));

    // A partial control frame, outside of a message and within one.
    let fragment = {
        let mut out = BytesMut::new();
        encode_header(Opcode::Binary, false, 0, Some(MASK), &mut out);
        out.to_vec()
    };
    let mut ping = BytesMut::new();
    encode_frame(Opcode::Ping, b"abc", Some(MASK), &mut ping);
    assert_eq!(feed(&mut decoder, ping.chunks(8)).0.len(), 1);
    assert_eq!((decoder.buffered_bytes(), decoder.is_idle()), (0, true));
    assert_eq!(feed(&mut decoder, [&fragment[..], &ping[..8], &ping[8..]]).0.len(), 1);
    assert!(!decoder.is_idle(), "the message is unfinished");
}

#[test]
fn a_frame_that_arrives_whole_is_not_copied() {
    let mut input = BytesMut::new();
    for opcode in [Opcode::Text, Opcode::Binary, Opcode::Ping] {
        encode_frame(opcode, b"payload of one frame", Some(MASK), &mut input);
    }
    let memory = input.as_ptr_range();
    let mut decoder = FrameDecoder::new(Role::Server, FrameLimits::default());
    let mut seen = 0;
    while let Some(event) = decoder.decode(&mut input).unwrap() {
        let payload = match event {
            FrameEvent::Message(Message::Text(text)) => text.into_bytes(),
            FrameEvent::Message(Message::Binary(bytes)) | FrameEvent::Ping(bytes) => bytes,
            other => panic!("{other:?}"),
        };
        assert_eq!(payload, "payload of one frame");
        assert!(memory.contains(&payload.as_ptr()), "the event shares the memory of the input");
        assert_eq!(decoder.buffered_bytes(), 0);
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn an_empty_payload_does_not_hold_the_input() {
    let mut input = BytesMut::with_capacity(64);
    encode_frame(Opcode::Ping, b"", Some(MASK), &mut input);
    let capacity = input.capacity();
    let mut decoder = FrameDecoder::new(Role::Server, FrameLimits::default());
    let Some(FrameEvent::Ping(payload)) = decoder.decode(&mut input).unwrap() else { panic!("a ping") };
    assert_eq!(decoder.decode(&mut input), Ok(None));
    assert!(input.try_reclaim(capacity), "nothing else holds on to the memory of the input");
    assert_eq!(payload, "");
}

#[test]
fn memory_follows_the_bytes_that_came_and_not_the_announced_length() {
    let len = 1_000_000;
    let mut wire = BytesMut::new();
    encode_frame(Opcode::Binary, &vec![1; len], Some(MASK), &mut wire);
    let header = wire.len() - len;
    let mut decoder = FrameDecoder::new(Role::Server, FrameLimits::default());
    assert_eq!(feed(&mut decoder, [&wire[..header]]), (vec![], None));
    assert_eq!(decoder.buffered_bytes(), 0);

    let (mut sizes, mut fed) = (Vec::new(), 0);
    for byte in wire[header..wire.len() - 1].chunks(1) {
        assert_eq!(decoder.decode(&mut BytesMut::from(byte)), Ok(None));
        fed += 1;
        let held = decoder.buffered_bytes();
        assert!(held <= (2 * fed).max(256).min(len), "{held} bytes held after {fed}");
        if sizes.last() != Some(&held) {
            sizes.push(held);
        }
    }
    // Few growths, so the bytes moved are linear in the length however it dribbles in.
    assert!(sizes.len() <= 13, "{sizes:?}");
    assert_eq!(sizes.last(), Some(&len), "a message is not kept in more memory than it has bytes");
}

/// Hazard S34.
#[test]
fn tiny_fragments_share_one_buffer() {
    let mut decoder = FrameDecoder::new(Role::Client, FrameLimits::default());
    assert_eq!(feed(&mut decoder, [&frame(0x02, b"x")[..]]), (vec![], None));
    for _ in 1..1024 {
        assert_eq!(feed(&mut decoder, [&frame(0x00, b"x")[..]]), (vec![], None));
    }
    assert!(decoder.buffered_bytes() <= 2048, "{}", decoder.buffered_bytes());
    let limit = FrameError::TooManyFragments { limit: 1024 };
    assert_eq!(feed(&mut decoder, [&frame(0x80, b"x")[..]]), (vec![], Some(limit)));
}

#[test]
fn nothing_comes_after_a_close() {
    let wire = [frame(0x88, &[0x03, 0xE9, b'b', b'y', b'e']), frame(0x81, b"late"), frame(0xFF, b"bad")].concat();
    let close = CloseFrame { code: CloseCode::GOING_AWAY, reason: Text::from("bye") };
    let mut decoder = FrameDecoder::new(Role::Client, small_limits());
    let mut input = BytesMut::from(&wire[..]);
    assert_eq!(decoder.decode(&mut input), Ok(Some(FrameEvent::Close(Some(close)))));
    assert!(input.is_empty(), "what follows is discarded at once");
    assert_eq!(feed(&mut decoder, [&frame(0x81, b"late")[..]]), (vec![], None));
    assert_eq!((decoder.buffered_bytes(), decoder.is_idle()), (0, true));
}

#[test]
fn only_codes_for_the_wire_are_close_codes() {
    for code in 0..=u16::MAX {
        let allowed = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        assert_eq!(CloseCode::new(code).map(u16::from), allowed.then_some(code), "{code}");
    }
}

#[test]
fn a_close_reason_is_cut_between_characters() {
    let cases = [
        (Some(CloseCode::NORMAL), "bye".to_owned(), Some("bye".to_owned())),
        (Some(CloseCode::NORMAL), "a".repeat(123), Some("a".repeat(123))),
        (Some(CloseCode::NORMAL), "a".repeat(124), Some("a".repeat(123))),
        (Some(CloseCode::NORMAL), "\u{20AC}".repeat(42), Some("\u{20AC}".repeat(41))),
        (Some(CloseCode::NORMAL), "é".repeat(62), Some("é".repeat(61))),
        (None, "bye".to_owned(), None),
    ];
    for (code, reason, expected) in cases {
        for (role, mask) in [(Role::Client, None), (Role::Server, Some(MASK))] {
            let mut out = BytesMut::new();
            encode_close(code, &reason, mask, &mut out);
            let close = expected.clone().map(|text| CloseFrame { code: code.unwrap(), reason: text.into() });
            assert_eq!(decode(role, &out), (vec![FrameEvent::Close(close)], None), "{reason}");
        }
    }
}

#[test]
fn a_control_frame_is_never_written_too_long() {
    let mut out = BytesMut::new();
    encode_frame(Opcode::Ping, &[5; 200], None, &mut out);
    assert_eq!(decode(Role::Client, &out), (vec![FrameEvent::Ping(Bytes::from(vec![5; 125]))], None));
}

#[test]
fn masking_is_the_same_byte_by_byte_at_every_offset() {
    let plain: Vec<u8> = (0..100).collect();
    for len in [0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 63, 100] {
        for offset in 0..9 {
            let mut masked = plain[..len].to_vec();
            mask::apply_mask(&mut masked, MASK, offset);
            let expected: Vec<u8> = (0..len).map(|at| plain[at] ^ MASK[(at + offset) % 4]).collect();
            assert_eq!(masked, expected, "{len} bytes at {offset}");
        }
    }
}

#[test]
fn the_accept_key_is_the_rfcs_and_wants_sixteen_bytes() {
    assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ==").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    // Bits that mean nothing are set in the last character before the padding.
    assert!(accept_key("dGhlIHNhbXBsZSBub25jZR==").is_some());
    let bad = [
        "",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        " dGhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZQ==\n",
        "dGhlIHNhbXBsZSBub25jZTE=",
        "dGhlIHNhbXBsZSBub25jZTEy",
        "dGhlIHNhbXBsZSBub25j-_==",
        "dGhlIHNhbXBsZSBub25j\u{20AC}=",
    ];
    for key in bad {
        assert_eq!(accept_key(key), None, "{key:?}");
    }
}

#[test]
fn a_servers_frame_masked_is_the_clients_frame_whatever_its_length() {
    for len in [0, 1, 125, 126, 300, 65_535, 65_536, 70_000] {
        let payload = vec![b'x'; len];
        let (mut server, mut client, mut masked) = (BytesMut::new(), BytesMut::new(), BytesMut::from("before"));
        encode_frame(Opcode::Binary, &payload, None, &mut server);
        encode_frame(Opcode::Binary, &payload, Some(MASK), &mut client);
        mask_frame(&server, MASK, &mut masked);
        assert_eq!(masked.split_off(6), client, "{len} bytes");
        assert_eq!(&masked[..], b"before");
    }
    for no_frame in [&b""[..], b"\x81", b"\x81\x7E\x01", b"\x81\x85abcdhello"] {
        let mut out = BytesMut::new();
        mask_frame(no_frame, MASK, &mut out);
        assert_eq!(&out[..], no_frame, "left as it is");
    }
}
