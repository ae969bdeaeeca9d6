//! Ways of sending: at once or never (row D53), dropped for what comes later (row J1), and knowing when something has
//! left (row A59). What is sent plainly is in `clauses.rs`.

use std::sync::Arc;

use super::{
    at,
    bench::{Kind, event},
    clauses::{attach, poll, said, send, taken, upgrade},
    limits, polling_session, text, wire_session,
};
use crate::{
    CloseMode, Limits, MessageFrame, SendError, SendOptions, SendQueue, Sent, ServerSession, Text, WhenFull, WireLoss,
};

fn volatile(session: &mut ServerSession, message: &str) -> bool {
    session.handle_send_volatile(&[text(message)]).unwrap()
}

/// Row D53.
#[test]
fn on_long_polling_a_volatile_message_needs_a_get_that_waits_and_an_empty_queue() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    assert!(!volatile(&mut session, "no GET"));
    poll(&mut session, &mut out);
    assert!(volatile(&mut session, "a"));
    assert!(!volatile(&mut session, "second of a burst"));
    session.handle_flush(&mut out);
    assert!(!volatile(&mut session, "the GET was answered"));
    poll(&mut session, &mut out);
    send(&mut session, &["b"]);
    assert!(!volatile(&mut session, "behind another"));
    session.handle_flush(&mut out);
    poll(&mut session, &mut out);
    assert_eq!(said(&mut out), "g=4a g=4b", "and nothing waits for a later GET");
    session.handle_close(CloseMode::Graceful, at(1), &mut out);
    assert_eq!(session.handle_send_volatile(&[text("late")]), Err(SendError::Closed));
}

/// Row D53.
#[test]
fn on_websocket_a_volatile_message_needs_what_was_taken_to_be_written() {
    let ((mut session, wire), mut out) = (wire_session(), Vec::new());
    assert!(!volatile(&mut session, "the open packet is being written"));
    session.handle_wire_flushed(wire);
    assert!(volatile(&mut session, "a"));
    assert!(!volatile(&mut session, "second of a burst"));
    assert_eq!(taken(&mut session, wire, &mut out), "4a");
    assert!(!volatile(&mut session, "being written"));
    session.handle_wire_flushed(wire);
    session.handle_timeout(at(25), &mut out);
    assert_eq!(taken(&mut session, wire, &mut out), "2");
    assert!(!volatile(&mut session, "a ping is being written"));
    session.handle_wire_flushed(wire);
    assert_eq!(taken(&mut session, wire, &mut out), "", "nothing was kept");
    assert!(volatile(&mut session, "b"));
    assert_eq!(taken(&mut session, wire, &mut out), "4b");
}

/// Rows D53, A77: the transport that carries messages is the one that counts.
#[test]
fn during_an_upgrade_volatile_messages_go_by_the_get_and_afterwards_by_the_websocket() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    poll(&mut session, &mut out);
    let wire = attach(&mut session, at(1));
    assert!(volatile(&mut session, "a"));
    session.handle_flush(&mut out);
    poll(&mut session, &mut out);
    session.handle_frame(wire, event(Kind::Probe), at(1), &mut out);
    assert!(!volatile(&mut session, "the GET was let go"));
    assert_eq!((said(&mut out), taken(&mut session, wire, &mut out)), ("g=4a g=6".into(), "3probe".into()));
    session.handle_frame(wire, event(Kind::Upgrade), at(1), &mut out);
    assert!(volatile(&mut session, "b"));
    assert_eq!(taken(&mut session, wire, &mut out), "4b");
}

/// Row D53, hazard R20.
#[test]
fn a_volatile_group_is_sent_whole_even_where_one_answer_cannot_hold_it() {
    let group = [text("0123456789"), MessageFrame::binary(&[1; 9]), MessageFrame::binary(&[2])];
    let (mut session, mut out) = (polling_session(), Vec::new());
    assert_eq!(session.handle_send_volatile(&group), Ok(false));
    assert_eq!(session.queued_bytes(), 0, "nothing of it");
    for _ in 0..4 {
        poll(&mut session, &mut out);
        if session.queued_bytes() == 0 && out.is_empty() {
            assert_eq!(session.handle_send_volatile(&group), Ok(true));
            session.handle_flush(&mut out);
        }
    }
    assert_eq!(said(&mut out), "g=40123456789 g=bAQEBAQEBAQEB g=bAg==");
}

fn small_session(messages: usize) -> ServerSession {
    let max_queue_bytes = messages * SendQueue::cost_of(&[text("x")]);
    let limits = Limits { max_queue_bytes, when_full: WhenFull::DropOldest, ..(*limits()).clone() };
    ServerSession::open_polling(Arc::new(limits), crate::Dialect::V4, &Text::from_static("0{}"), at(0)).0
}

/// Row J1, hazards R15, R16.
#[test]
fn a_slow_reader_gets_the_newest_of_what_may_be_dropped_and_all_that_may_not() {
    let (mut session, mut out) = (small_session(3), Vec::new());
    send(&mut session, &["C"]);
    let mut dropped = 0;
    for number in 0..100 {
        let message = text(&(number % 10).to_string());
        match session.handle_send_with(&[message], SendOptions::DROPPABLE) {
            Ok(Sent::Queued { dropped: more }) => dropped += more,
            other => panic!("{other:?}"),
        }
        assert!(session.queued_bytes() <= 3 * 4);
    }
    assert_eq!(dropped, 98);
    assert!(session.has_room(2 * SendQueue::cost_of(&[text("x")])));
    send(&mut session, &["D"]);
    session.handle_timeout(at(25), &mut out);
    poll(&mut session, &mut out);
    assert_eq!(said(&mut out), "g=2,4C,49,4D");
    send(&mut session, &["E", "F", "G"]);
    let refused = session.handle_send_with(&[text("x")], SendOptions::DROPPABLE);
    assert!(matches!(refused, Err(SendError::Full { .. })), "nothing is left to drop: {refused:?}");
    assert!(!session.has_room(1));
}

/// Row J2: who waits for room takes none from those who were first.
#[test]
fn a_sender_that_waits_for_room_drops_nobody() {
    let (mut session, mut out) = (small_session(3), Vec::new());
    let mut patient = SendOptions::DROPPABLE;
    patient.keeps_others = true;
    for message in ["a", "b", "c"] {
        assert_eq!(session.handle_send_with(&[text(message)], patient), Ok(Sent::Queued { dropped: 0 }));
    }
    let refused = session.handle_send_with(&[text("d")], patient);
    assert!(matches!(refused, Err(SendError::Full { .. })), "{refused:?}");
    let impatient = session.handle_send_with(&[text("e")], SendOptions::DROPPABLE);
    assert_eq!(impatient, Ok(Sent::Queued { dropped: 1 }), "it may be dropped like any other");
    poll(&mut session, &mut out);
    assert_eq!(said(&mut out), "g=4b,4c,4e");
}

/// Row A59.
#[test]
fn what_was_sent_has_left_with_the_answer_to_a_get() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    assert!(session.has_left(session.sent_mark()), "nothing was sent");
    send(&mut session, &["0123456789", "abcdefghij"]);
    let mark = session.sent_mark();
    poll(&mut session, &mut out);
    assert!(!session.has_left(mark), "one answer does not hold it");
    poll(&mut session, &mut out);
    send(&mut session, &["later"]);
    assert!(session.has_left(mark) && !session.has_left(session.sent_mark()));
    assert_eq!(said(&mut out), "g=40123456789 g=4abcdefghij");
}

/// Row A59.
#[test]
fn what_was_sent_has_left_when_the_websocket_has_written_it() {
    let ((mut session, wire), mut out) = (wire_session(), Vec::new());
    session.handle_wire_flushed(wire);
    send(&mut session, &["a"]);
    let first = session.sent_mark();
    send(&mut session, &["b"]);
    let second = session.sent_mark();
    let mut frames = Vec::new();
    session.take_frames(wire, 1, &mut frames, &mut out);
    assert!(!session.has_left(first), "taken is not written");
    session.handle_wire_flushed(wire);
    assert!(session.has_left(first) && !session.has_left(second));
    assert_eq!(taken(&mut session, wire, &mut out), "4b");
    assert!(session.has_left(first) && !session.has_left(second));
    session.handle_wire_flushed(wire);
    assert!(session.has_left(second));
}

/// Row A59: the end does not make what was dropped look sent, nor what was sent look dropped.
#[test]
fn what_had_not_left_when_the_session_ended_never_leaves() {
    let ((mut session, wire), mut out) = (wire_session(), Vec::new());
    send(&mut session, &["a"]);
    let written = session.sent_mark();
    taken(&mut session, wire, &mut out);
    session.handle_wire_flushed(wire);
    send(&mut session, &["b"]);
    let being_written = session.sent_mark();
    taken(&mut session, wire, &mut out);
    send(&mut session, &["c"]);
    let queued = session.sent_mark();
    session.handle_wire_lost(wire, WireLoss::Disconnected, at(1), &mut out);
    session.handle_wire_flushed(wire);
    let left = [written, being_written, queued].map(|mark| session.has_left(mark));
    assert_eq!(left, [true, false, false]);

    let (mut session, mut out) = (polling_session(), Vec::new());
    send(&mut session, &["a"]);
    poll(&mut session, &mut out);
    let answered = session.sent_mark();
    send(&mut session, &["b"]);
    let queued = session.sent_mark();
    session.handle_close(CloseMode::Discard, at(1), &mut out);
    assert_eq!([answered, queued].map(|mark| session.has_left(mark)), [true, false]);
}

/// Rows A59, A77.
#[test]
fn what_was_sent_during_an_upgrade_has_left_by_the_websocket() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    send(&mut session, &["a"]);
    let mark = session.sent_mark();
    let wire = upgrade(&mut session, at(1), &mut out);
    assert!(!session.has_left(mark));
    assert_eq!(taken(&mut session, wire, &mut out), "4a");
    assert!(!session.has_left(mark));
    session.handle_wire_flushed(wire);
    assert!(session.has_left(mark));
}
