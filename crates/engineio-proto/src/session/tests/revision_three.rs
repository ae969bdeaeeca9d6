//! What is different in revision 3, beyond the table: the heartbeat over time, the bytes of each transport, JSONP.
//! [EIO3 Encoding] Rows A67, A71, A72, A86, A88–A90; I3, hazards R7, R17.

use bytes::Bytes;

use super::{at, frame, hex, limits, packets_v3, polling_session, polling_session_in, text};
use crate::{
    Answer, Attached, CloseMode, CloseReason, Closed, ContentKind, Dialect, Message, MessageFrame, Output, Payload,
    PostRefusal, Revision, ServerSession, Text, WireId, v3::Style, websocket::FrameEvent,
};

const PLAIN: Dialect = Dialect::V3(Style { base64: false, jsonp: None });
const BASE64: Dialect = Dialect::V3(Style { base64: true, jsonp: None });
const JSONP: Dialect = Dialect::V3(Style { base64: false, jsonp: Some(2) });

fn wire_session(dialect: Dialect) -> (ServerSession, WireId) {
    let (mut session, wire) = ServerSession::open_wire(limits(), dialect, &Text::from_static("0{}"), at(0));
    assert_eq!(taken(&mut session, wire), ["0{}"]);
    (session, wire)
}

fn taken(session: &mut ServerSession, wire: WireId) -> Vec<String> {
    let mut frames = Vec::new();
    session.take_frames(wire, usize::MAX, &mut frames, &mut Vec::new());
    frames.iter().map(frame).collect()
}

fn say(session: &mut ServerSession, wire: WireId, second: u64, message: impl Into<Message>) -> Vec<Output> {
    let mut out = Vec::new();
    session.handle_frame(wire, FrameEvent::Message(message.into()), at(second), &mut out);
    out
}

fn post(session: &mut ServerSession, second: u64, body: &'static [u8]) -> (Result<(), PostRefusal>, Vec<Output>) {
    let mut out = Vec::new();
    session.handle_post_begun(&mut out).unwrap();
    (session.handle_post(Bytes::from_static(body), at(second), &mut out).map(drop), out)
}

/// Opens a GET; the answer, if it comes at once.
fn poll(session: &mut ServerSession) -> Option<Payload> {
    let mut out = Vec::new();
    session.handle_poll_opened(&mut out).unwrap();
    answer(&out)
}

fn answer(out: &[Output]) -> Option<Payload> {
    out.iter().find_map(|output| match output {
        Output::Answer(_, Answer::Payload(payload)) => Some(payload.clone()),
        _ => None,
    })
}

fn reason(out: &[Output]) -> Option<CloseReason> {
    out.iter().find_map(|output| if let Output::Closed(Closed { reason, .. }) = output { Some(*reason) } else { None })
}

// ---- heartbeat ----

/// A89: the client pings, and is answered in front of what is queued.
#[test]
fn a_ping_is_answered_with_a_pong_in_front_of_all_messages() {
    let (mut session, wire) = wire_session(PLAIN);
    session.handle_send(&[text("queued")]).unwrap();
    assert_eq!(say(&mut session, wire, 20, "2"), []);
    assert_eq!(taken(&mut session, wire), ["3", "4queued"]);

    let mut session = polling_session_in(PLAIN);
    assert_eq!(poll(&mut session), None);
    assert_eq!(post(&mut session, 20, b"1:2"), (Ok(()), Vec::new()));
    assert!(session.wants_flush());
    let mut out = Vec::new();
    session.handle_flush(&mut out);
    assert_eq!(&answer(&out).unwrap().bytes[..], b"1:3");
}

/// A89: interval + timeout after the last ping; the server sends none itself.
#[test]
fn a_client_that_does_not_ping_for_interval_and_timeout_is_dead() {
    let mut session = polling_session_in(PLAIN);
    let mut out = Vec::new();
    assert_eq!(session.next_timeout(), Some(at(45)));
    post(&mut session, 40, b"1:2").0.unwrap();
    assert_eq!(poll(&mut session).map(|payload| payload.bytes), Some(Bytes::from_static(b"1:3")));
    assert_eq!(session.next_timeout(), Some(at(85)));
    assert_eq!(poll(&mut session), None);
    session.handle_timeout(at(84), &mut out);
    assert_eq!(out, []);
    session.handle_timeout(at(85), &mut out);
    assert_eq!(reason(&out), Some(CloseReason::PingTimeout));
    assert_eq!(&answer(&out).unwrap().bytes[..], b"1:1", "the GET that waits is answered");
}

/// I3, R7: the reference forgets the timer at the upgrade and never notices again.
#[test]
fn the_heartbeat_goes_on_across_the_upgrade() {
    let mut session = polling_session_in(PLAIN);
    let Attached::Candidate(wire) = session.handle_wire_attached(PLAIN, at(10)) else { panic!("refused") };
    assert_eq!(say(&mut session, wire, 10, "2probe"), []);
    assert_eq!(taken(&mut session, wire), ["3probe"]);
    assert_eq!(say(&mut session, wire, 11, "5"), [Output::Upgraded]);
    assert_eq!(session.next_timeout(), Some(at(45)));
    say(&mut session, wire, 30, "2");
    assert_eq!(taken(&mut session, wire), ["3"]);
    let mut out = Vec::new();
    session.handle_timeout(at(75), &mut out);
    assert_eq!(reason(&out), Some(CloseReason::PingTimeout));
}

/// R17: a ping may lie unread while the application lags behind.
#[test]
fn a_pause_of_reading_does_not_count_against_the_client() {
    let (mut session, _) = wire_session(PLAIN);
    session.handle_reading_paused(at(40));
    assert_eq!(session.next_timeout(), None);
    session.handle_timeout(at(100), &mut Vec::new());
    assert!(!session.is_closed());
    session.handle_reading_resumed(at(100));
    assert_eq!(session.next_timeout(), Some(at(105)), "the five seconds that were left");
}

/// A89: a pong from the client.
#[test]
fn a_pong_from_the_client_has_the_wrong_direction() {
    let (mut session, wire) = wire_session(PLAIN);
    assert_eq!(reason(&say(&mut session, wire, 1, "3")), Some(CloseReason::TransportError));
    let mut session = polling_session_in(PLAIN);
    let (refused, out) = post(&mut session, 1, b"1:3");
    assert_eq!((refused, reason(&out)), (Err(PostRefusal::BadRequest), Some(CloseReason::TransportError)));
}

// ---- transports ----

/// A88, A90: one message, framed once for all, as each client takes it.
#[test]
fn a_binary_message_is_framed_as_the_transport_and_the_client_take_it() {
    let message = MessageFrame::binary(&[1, 2, 3]);
    for (dialect, expected) in [(Dialect::V4, "010203"), (PLAIN, "04010203"), (BASE64, "b4AQID")] {
        let (mut session, wire) = wire_session(dialect);
        session.handle_send(&[text("t"), message.clone()]).unwrap();
        assert_eq!(taken(&mut session, wire), ["4t", expected], "{dialect:?}");

        let mut session = polling_session_in(dialect);
        session.handle_send(std::slice::from_ref(&message)).unwrap();
        let payload = poll(&mut session).unwrap();
        let expected = match dialect {
            Dialect::V4 => (hex(b"bAQID"), ContentKind::Text),
            PLAIN => ("0104ff04010203".into(), ContentKind::Binary),
            _ => (hex(b"6:b4AQID"), ContentKind::Text),
        };
        assert_eq!((hex(&payload.bytes), payload.content), expected, "{dialect:?}");
    }
}

/// A90: bytes with the number of the kind in front, or base64 in a text frame.
#[test]
fn a_binary_message_is_read_from_either_frame() {
    let (mut session, wire) = wire_session(PLAIN);
    let expected = [Output::Message(Message::Binary(Bytes::from_static(&[1, 2])))];
    assert_eq!(say(&mut session, wire, 1, Bytes::from_static(&[4, 1, 2])), expected);
    assert_eq!(say(&mut session, wire, 1, "b4AQI="), expected);
    assert_eq!(say(&mut session, wire, 1, Bytes::from_static(&[6])), []);
    let out = say(&mut session, wire, 1, Bytes::from_static(&[7, 1]));
    assert_eq!(reason(&out), Some(CloseReason::ParseError), "A86");
}

/// A67: bytes in a POST, under this revision only.
#[test]
fn a_post_of_bytes_is_taken_under_revision_three_only() {
    let body = Bytes::from_static(b"\x00\x03\xFF4hi\x01\x03\xFF\x04\x01\x02");
    let mut out = Vec::new();
    let mut session = polling_session_in(PLAIN);
    session.handle_post_begun(&mut out).unwrap();
    assert!(matches!(session.handle_binary_post(body.clone(), at(1), &mut out), Ok(None)));
    let binary = Message::Binary(Bytes::from_static(&[1, 2]));
    assert_eq!(out, [Output::Message("hi".into()), Output::Message(binary)]);
    out.clear();
    session.handle_post_begun(&mut out).unwrap();
    assert_eq!(session.handle_binary_post(body.slice(..4), at(1), &mut out).unwrap_err(), PostRefusal::BadRequest);
    assert_eq!(reason(&out), Some(CloseReason::ParseError));

    let (mut session, mut out) = (polling_session(), Vec::new());
    session.handle_post_begun(&mut out).unwrap();
    assert_eq!(session.handle_binary_post(body, at(1), &mut out).unwrap_err(), PostRefusal::BadRequest);
    assert_eq!(reason(&out), Some(CloseReason::TransportError));
}

/// A71: answers are scripts, requests are forms.
#[test]
fn jsonp_answers_with_scripts_and_takes_forms() {
    let (mut session, opened) = ServerSession::open_polling(limits(), JSONP, &Text::from_static("0{\"a\":1}"), at(0));
    assert_eq!(&opened.bytes[..], br#"___eio[2]("8:0{\"a\":1}");"#);
    session.handle_send(&[MessageFrame::binary(&[1, 2, 3])]).unwrap();
    assert_eq!(&poll(&mut session).unwrap().bytes[..], br#"___eio[2]("6:b4AQID");"#);
    let (taken, out) = post(&mut session, 1, br"d=5%3A4a%5Cnbc");
    assert_eq!((taken, out), (Ok(()), vec![Output::Message("a\nbc".into())]));
    assert_eq!(poll(&mut session), None);
    let (refused, out) = post(&mut session, 1, b"2:4x");
    assert_eq!((refused, reason(&out)), (Err(PostRefusal::BadRequest), Some(CloseReason::ParseError)));
    assert_eq!(&answer(&out).unwrap().bytes[..], br#"___eio[2]("1:1");"#);
}

/// A session keeps its revision, and its WebSocket says anew whether it takes binary.
#[test]
fn the_upgrade_keeps_the_revision_and_has_its_own_style() {
    let mut session = polling_session_in(JSONP);
    assert_eq!(session.handle_wire_attached(Dialect::V4, at(1)), Attached::Refused);
    let Attached::Candidate(wire) = session.handle_wire_attached(PLAIN, at(1)) else { panic!("refused") };
    assert_eq!(poll(&mut session), None);
    let mut out = say(&mut session, wire, 1, "2probe");
    assert_eq!(&answer(&out).unwrap().bytes[..], br#"___eio[2]("1:6");"#, "polling is still what it was");
    assert_eq!(taken(&mut session, wire), ["3probe"]);
    out = say(&mut session, wire, 1, "5");
    assert_eq!(out, [Output::Upgraded]);
    session.handle_send(&[MessageFrame::binary(&[9])]).unwrap();
    assert_eq!(taken(&mut session, wire), ["0409"]);
    assert_eq!(session.revision(), Revision::V3);
}

/// A17: the initial packet travels with the open packet, whatever the client takes.
#[test]
fn the_first_answer_may_carry_a_message_behind_the_open_packet() {
    let (open, initial) = (Text::from_static("0{}"), MessageFrame::binary(&[1, 2, 3]));
    for (dialect, expected) in [
        (Dialect::V4, &b"0{}\x1ebAQID"[..]),
        (PLAIN, b"\x00\x03\xFF0{}\x01\x04\xFF\x04\x01\x02\x03"),
        (BASE64, b"3:0{}6:b4AQID"),
        (JSONP, br#"___eio[2]("3:0{}6:b4AQID");"#),
    ] {
        let payload = polling_session_in(dialect).answer_open_with(&open, &initial);
        assert_eq!(hex(&payload.bytes), hex(expected), "{dialect:?}");
    }
}

/// A52, A53: what is queued, then the close packet, each in an answer of its own.
#[test]
fn a_graceful_close_delivers_what_was_sent_before() {
    let mut session = polling_session_in(PLAIN);
    session.handle_send(&[MessageFrame::binary(&[1])]).unwrap();
    session.handle_close(CloseMode::Graceful, at(1), &mut Vec::new());
    assert_eq!(hex(&poll(&mut session).unwrap().bytes), "0102ff0401");
    assert_eq!(packets_v3(&poll(&mut session).unwrap().bytes), "6,1");
    assert!(session.is_closed());
}
