//! WebSocket frames that break RFC 6455: the connection ends, its session closes with `transport error`, nobody else notices.

use socketio_tests::{PollingSession, RawWire, Settings, Wire};

use crate::Scene;

/// One way to break the rules: what it is, the bytes to send, and the close codes that may answer.
struct Breach {
    name: &'static str,
    bytes: Vec<u8>,
    codes: &'static [u16],
}

/// A frame with the mask 0, 0, 0, 0: its payload reads as it is.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short payload");
    assert!(length <= 125);
    [&[first, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

const PROTOCOL: &[u16] = &[1002];
const NOT_TEXT: &[u16] = &[1007];
const TOO_BIG: &[u16] = &[1009];

fn breaches() -> Vec<Breach> {
    let breach = |name, bytes, codes| Breach { name, bytes, codes };
    vec![
        breach("an unmasked frame, §5.1", vec![0x81, 0x02, b'4', b'x'], PROTOCOL),
        breach("RSV1 without an extension, §5.2", frame(0xc1, b"4x"), PROTOCOL),
        breach("RSV2, S5", frame(0xa1, b"4x"), PROTOCOL),
        breach("RSV3, S5", frame(0x91, b"4x"), PROTOCOL),
        breach("a reserved data opcode, §5.2", frame(0x83, b"4x"), PROTOCOL),
        breach("a reserved control opcode, §5.2", frame(0x8b, b"4x"), PROTOCOL),
        breach("a fragmented control frame, §5.5", frame(0x09, b"x"), PROTOCOL),
        breach(
            "a control frame of 126 bytes, §5.5",
            [&[0x89, 0xfe, 0, 126, 0, 0, 0, 0][..], &[b'x'; 126]].concat(),
            PROTOCOL,
        ),
        breach("a continuation of nothing, §5.4", frame(0x80, b"4x"), PROTOCOL),
        breach("a new message inside another, §5.4", [frame(0x01, b"4x"), frame(0x81, b"4y")].concat(), PROTOCOL),
        breach("text that is not UTF-8, §8.1", frame(0x81, b"4\xff\xfe"), NOT_TEXT),
        breach("text with half a surrogate pair, §8.1", frame(0x81, b"4\xed\xa0\x80"), NOT_TEXT),
        breach("text that ends in half a character, §8.1", frame(0x81, b"4\xe2\x82"), NOT_TEXT),
        breach(
            "fragments that are no UTF-8 together, §8.1",
            [frame(0x01, b"4\xe2"), frame(0x80, b"x")].concat(),
            NOT_TEXT,
        ),
        breach(
            "a length with its highest bit set, §5.2",
            [&[0x82, 0xff][..], &[0xff; 8], &[0; 4]].concat(),
            &[1002, 1009],
        ),
        breach(
            "a length above the limit, announced only",
            [&[0x82, 0xff][..], &2_000_000_u64.to_be_bytes(), &[0; 4]].concat(),
            TOO_BIG,
        ),
        breach("a close frame of one byte, §5.5.1", frame(0x88, b"x"), PROTOCOL),
        breach("a close frame with a reserved code, §7.4.1", frame(0x88, &1005_u16.to_be_bytes()), PROTOCOL),
        breach("a close frame with a code below 1000, §7.4.2", frame(0x88, &999_u16.to_be_bytes()), PROTOCOL),
        breach("a close frame whose reason is not UTF-8, §5.5.1", frame(0x88, b"\x03\xe8\xff"), NOT_TEXT),
    ]
}

// [RFC 6455 §5, §7, §8], R26, S5, S39: each breach is answered with its close code and closes its session.
#[test]
fn frames_that_break_the_rules_close_their_session() {
    let mut scene = Scene::new();
    for Breach { name, bytes, codes } in breaches() {
        let (mut wire, sid) = RawWire::open(&scene.server);
        wire.send(&bytes);
        let code = wire.expect_closed();
        assert!(code.is_some_and(|code| codes.contains(&code)), "{name}: closed with {code:?}");
        drop(wire);
        assert_eq!(scene.server.close_reason(&sid), "transport error", "{name}");
        scene.expect_undisturbed();
    }
}

// S5, A76: the same frames on a candidate close the candidate; the session goes on over polling.
#[test]
fn a_bad_frame_on_a_candidate_leaves_the_session_alone() {
    let mut scene = Scene::new();
    let session = PollingSession::open(&scene.server);
    let mut candidate = RawWire::open_at(&scene.server, &session.target_for("websocket"));
    candidate.send(&frame(0xb1, b"2probe"));
    candidate.expect_closed();
    session.expect_alive();
    scene.expect_undisturbed();
}

// R37: a connection that ends in the middle of a frame ends its session.
#[test]
fn half_a_frame_and_the_end_close_the_session() {
    let mut scene = Scene::new();
    let halves: [&[u8]; 4] = [b"\x81", b"\x81\xfe\x00", b"\x82\x85\x01\x02", b"\x82\x85\x01\x02\x03\x04ab"];
    for half in halves {
        let (mut wire, sid) = RawWire::open(&scene.server);
        wire.send(half);
        drop(wire);
        let reason = scene.server.close_reason(&sid);
        assert!(["transport close", "transport error"].contains(&reason.as_str()), "{half:?}: {reason}");
        scene.expect_undisturbed();
    }
}

// S34: a flood of empty and one-byte fragments is either assembled or refused, and holds up nobody.
#[test]
fn a_flood_of_tiny_fragments_harms_nobody() {
    let mut scene = Scene::with(&Settings { max_payload: 10_000, ..Settings::calm() });
    let (mut wire, _sid) = RawWire::open(&scene.server);
    wire.send(&frame(0x01, b"4"));
    for _ in 0..200 {
        wire.send(&frame(0x00, b"").repeat(50));
        wire.send(&frame(0x00, b"x"));
    }
    scene.expect_undisturbed();
}

// A58, A86, R26: text that begins with no packet type is a parse error of its own session.
#[test]
fn junk_text_closes_its_session_and_no_other() {
    let mut scene = Scene::new();
    for text in ["{}", "null", "[4]", "\u{0}", "\u{feff}4x", "４x"] {
        let (mut wire, handshake) = Wire::open_session(&scene.server);
        wire.text(text);
        wire.expect_closed();
        assert_eq!(scene.server.close_reason(handshake["sid"].as_str().unwrap()), "parse error", "{text:?}");
        scene.expect_undisturbed();
    }
}
