//! [EIO4 WebSocket]: one packet a frame, and the parts of RFC 6455 that a session rests on.

use socketio_tests::{RawWire, Settings, TestServer, Wire};

// [EIO4 Message], A73: text frames carry the type digit; binary frames are bare messages.
#[test]
fn text_and_binary_messages_are_echoed() {
    let server = TestServer::calm();
    let (mut wire, _) = Wire::open_session(&server);
    wire.text("4hello");
    wire.expect_text("4hello");
    wire.text("4é€😀 \u{1e} not a separator here");
    wire.expect_text("4é€😀 \u{1e} not a separator here");
    wire.binary(&[1, 2, 3, 4]);
    wire.expect_binary(&[1, 2, 3, 4]);
    wire.binary(&[]);
    wire.expect_binary(&[]);
}

// [RFC 6455 §5.2]: the three forms of a length, both ways.
#[test]
fn messages_of_every_length_form_are_echoed() {
    let server = TestServer::calm();
    let (mut wire, _) = Wire::open_session(&server);
    for length in [1, 125, 126, 127, 65_535, 65_536, 200_000] {
        let bytes: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[0]).collect();
        wire.binary(&bytes);
        wire.expect_binary(&bytes);
    }
}

// A9, S35: a message of exactly the limit is accepted; the type digit counts.
#[test]
fn a_message_of_exactly_the_limit_is_accepted() {
    let server = TestServer::start(&Settings { max_payload: 1000, ..Settings::calm() });
    let (mut wire, _) = Wire::open_session(&server);
    wire.binary(&[7; 1000]);
    wire.expect_binary(&[7; 1000]);
    let text = format!("4{}", "x".repeat(999));
    wire.text(&text);
    wire.expect_text(&text);
}

// A78, R27, S31, S35: a larger one is refused with 1009, and the reason is `transport error`.
#[test]
fn a_message_above_the_limit_closes_with_1009() {
    let server = TestServer::start(&Settings { max_payload: 1000, ..Settings::calm() });
    let (mut wire, handshake) = Wire::open_session(&server);
    wire.binary(&[7; 1001]);
    assert_eq!(wire.expect_closed(), Some(1009));
    assert_eq!(server.close_reason(handshake["sid"].as_str().unwrap()), "transport error");
}

// A78, S31: the limit is that of the message, not of each of its fragments.
#[test]
fn fragments_count_together_against_the_limit() {
    let server = TestServer::start(&Settings { max_payload: 1000, ..Settings::calm() });
    let (mut wire, sid) = RawWire::open(&server);
    wire.send_frame(0x02, &[7; 600]);
    wire.send_frame(0x80, &[7; 600]);
    assert_eq!(wire.expect_closed(), Some(1009));
    assert_eq!(server.close_reason(&sid), "transport error");
}

// [RFC 6455 §5.4]: a message may come in fragments, and control frames between them.
#[test]
fn a_fragmented_message_is_put_together() {
    let server = TestServer::calm();
    let (mut wire, _sid) = RawWire::open(&server);
    // The two bytes of one character are in different fragments.
    wire.send_frame(0x01, b"4fr\xc3");
    wire.send_frame(0x00, b"\xa4");
    wire.send_frame(0x89, b"ping");
    wire.send_frame(0x80, b"gment");
    assert_eq!(wire.receive(), Some((10, b"ping".to_vec())));
    assert_eq!(wire.receive(), Some((1, "4frägment".as_bytes().to_vec())));
}

// [RFC 6455 §5.5.3]: a ping of the WebSocket protocol is answered with its payload.
#[test]
fn a_control_ping_is_answered() {
    let server = TestServer::calm();
    let (mut wire, _) = Wire::open_session(&server);
    wire.expect_control_pong();
    wire.expect_alive();
}

// [RFC 6455 §5.5.1]: a close frame is answered with one of the same code.
#[test]
fn a_close_frame_is_answered_with_its_code() {
    let server = TestServer::calm();
    let (mut wire, sid) = RawWire::open(&server);
    wire.send_frame(0x88, &1000_u16.to_be_bytes());
    let (opcode, payload) = wire.receive().expect("the answer");
    assert_eq!((opcode, payload.as_slice()), (8, &1000_u16.to_be_bytes()[..]));
    drop(wire);
    assert_eq!(server.close_reason(&sid), "transport close");
}

// [RFC 6455 §5.2]: the same frames, however the bytes of the stream are cut.
#[test]
fn frames_may_arrive_byte_by_byte() {
    let server = TestServer::calm();
    let (mut wire, _sid) = RawWire::open(&server);
    let frame = [0x81, 0x83, 1, 2, 3, 4, b'4' ^ 1, b'h' ^ 2, b'i' ^ 3];
    for byte in frame {
        wire.send(&[byte]);
    }
    assert_eq!(wire.receive(), Some((1, b"4hi".to_vec())));
    // Two frames in one write.
    wire.send(&[frame, frame].concat());
    assert_eq!(wire.receive(), Some((1, b"4hi".to_vec())));
    assert_eq!(wire.receive(), Some((1, b"4hi".to_vec())));
}

// A73: a numbered burst from the server keeps its order.
#[test]
fn a_burst_from_the_server_arrives_in_order() {
    let server = TestServer::calm();
    let (mut wire, _) = Wire::open_session(&server);
    wire.text("4please count 500");
    for n in 0..500 {
        wire.expect_text(&format!("4{n}"));
    }
}
