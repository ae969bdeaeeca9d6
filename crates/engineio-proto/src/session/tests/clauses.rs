//! What the protocol, the contract and the known hazards say of a session, sentence by sentence.
//!
//! Outputs stand as in `mod.rs`, with `g` for the GET and `w` for the WebSocket that the test looks at.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    at,
    bench::{Kind, event},
    frame, limits, line, packets, polling_session, text, wire_session,
};
use crate::{
    Attached, CloseMode, Dialect, Limits, MessageFrame, Moment, Output, PollId, Revision, SendError, ServerSession,
    Text, TransportKind, WireId, websocket::FrameEvent,
};

pub(super) fn said(out: &mut Vec<Output>) -> String {
    line(Revision::V4, &std::mem::take(out), |_| "g".into(), |_| "w".into())
}

pub(super) fn poll(session: &mut ServerSession, out: &mut Vec<Output>) -> PollId {
    session.handle_poll_opened(out).unwrap()
}

/// The packets of a POST that is taken.
fn post(session: &mut ServerSession, body: &str, now: Moment, out: &mut Vec<Output>) {
    session.handle_post_begun(out).unwrap();
    session.handle_post(Bytes::from(body.to_owned()), now, out).unwrap();
}

pub(super) fn attach(session: &mut ServerSession, now: Moment) -> WireId {
    match session.handle_wire_attached(Dialect::V4, now) {
        Attached::Candidate(wire) => wire,
        Attached::Refused => panic!("refused"),
    }
}

/// All that is to be written on a WebSocket, in one line.
pub(super) fn taken(session: &mut ServerSession, wire: WireId, out: &mut Vec<Output>) -> String {
    let mut frames = Vec::new();
    session.take_frames(wire, usize::MAX, &mut frames, out);
    frames.iter().map(frame).collect::<Vec<_>>().join(" ")
}

pub(super) fn upgrade(session: &mut ServerSession, now: Moment, out: &mut Vec<Output>) -> WireId {
    let wire = attach(session, now);
    session.handle_frame(wire, event(Kind::Probe), now, out);
    assert_eq!(taken(session, wire, out), "3probe");
    session.handle_frame(wire, event(Kind::Upgrade), now, out);
    assert_eq!(out.pop(), Some(Output::Upgraded));
    wire
}

pub(super) fn send(session: &mut ServerSession, messages: &[&str]) {
    for message in messages {
        session.handle_send(&[text(message)]).unwrap();
    }
}

// ---- opening and heartbeat ----

/// Rows A1, A74.
#[test]
fn the_open_packet_is_the_first_thing_that_a_client_gets_on_either_transport() {
    let open = Text::from_static("0{}");
    let (_, answer) = ServerSession::open_polling(limits(), Dialect::V4, &open, at(0));
    assert_eq!(packets(&answer.bytes), "0{}");
    let (mut session, wire) = ServerSession::open_wire(limits(), Dialect::V4, &open, at(0));
    session.handle_send(&[text("first")]).unwrap();
    assert_eq!(taken(&mut session, wire, &mut Vec::new()), "0{} 4first");
}

/// R43: with pings that leave no time, or a connection that is handed over after a whole interval, the open packet still comes first.
#[test]
fn the_open_packet_comes_before_a_ping_that_is_due_already() {
    let mut out = Vec::new();
    let (mut session, wire) = ServerSession::open_wire(limits(), Dialect::V4, &Text::from_static("0{}"), at(0));
    send(&mut session, &["hello"]);
    session.handle_timeout(at(25), &mut out);
    assert_eq!(taken(&mut session, wire, &mut out), "0{} 2 4hello");
}

/// Hazard R1.
#[test]
fn an_abandoned_handshake_is_gone_after_interval_and_timeout() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    session.handle_timeout(at(25), &mut out);
    assert_eq!((said(&mut out).as_str(), session.next_timeout()), ("", Some(at(45))));
    session.handle_timeout(at(45), &mut out);
    assert_eq!((said(&mut out).as_str(), session.next_timeout()), ("closed(ping timeout)", None));
}

/// Row A49.
#[test]
fn a_ping_comes_one_interval_after_the_last_pong_and_its_pong_is_due_one_timeout_after_it() {
    let ((mut session, wire), mut out) = (wire_session(), Vec::new());
    assert_eq!(session.next_timeout(), Some(at(25)));
    session.handle_timeout(Moment::from_nanos(at(25).as_nanos() - 1), &mut out);
    assert!(!session.wants_write(wire), "not a nanosecond too early");
    session.handle_timeout(at(25), &mut out);
    session.handle_timeout(at(25), &mut out);
    assert_eq!(taken(&mut session, wire, &mut out), "2", "one ping, however often the clock is told");
    assert_eq!(session.next_timeout(), Some(at(45)));
    session.handle_frame(wire, event(Kind::Pong), at(30), &mut out);
    assert_eq!(session.next_timeout(), Some(at(55)), "an interval after the pong, not after the ping");
    session.handle_timeout(at(55), &mut out);
    assert_eq!(taken(&mut session, wire, &mut out), "2");
    session.handle_timeout(Moment::from_nanos(at(75).as_nanos() - 1), &mut out);
    assert_eq!(said(&mut out), "");
    session.handle_timeout(at(75), &mut out);
    assert_eq!(said(&mut out), "closed(ping timeout) close(w)");
}

/// Hazard S23.
#[test]
fn a_pong_that_nobody_asked_for_moves_no_deadline() {
    let ((mut session, wire), mut out) = (wire_session(), Vec::new());
    session.handle_frame(wire, event(Kind::Pong), at(10), &mut out);
    assert_eq!(session.next_timeout(), Some(at(25)));
    session.handle_timeout(at(25), &mut out);
    session.handle_frame(wire, event(Kind::Pong), at(26), &mut out);
    assert_eq!(session.next_timeout(), Some(at(45)), "the ping has not even left");
    assert_eq!(taken(&mut session, wire, &mut out), "2");
    session.handle_frame(wire, event(Kind::Pong), at(27), &mut out);
    session.handle_frame(wire, event(Kind::Pong), at(40), &mut out);
    assert_eq!(session.next_timeout(), Some(at(52)), "only the first pong answers");
    assert!(out.is_empty());
}

/// Hazard R17.
#[test]
fn a_pong_that_cannot_be_read_gets_its_whole_time_again() {
    let ((mut session, wire), mut out) = (wire_session(), Vec::new());
    session.handle_reading_paused(at(10));
    assert_eq!(session.next_timeout(), Some(at(25)), "pings go out all the same");
    session.handle_timeout(at(25), &mut out);
    assert_eq!(taken(&mut session, wire, &mut out), "2");
    assert_eq!(session.next_timeout(), None);
    session.handle_timeout(at(500), &mut out);
    assert!(out.is_empty() && !session.is_closed());
    session.handle_reading_resumed(at(500));
    assert_eq!(session.next_timeout(), Some(at(520)));
    session.handle_reading_resumed(at(510));
    assert_eq!(session.next_timeout(), Some(at(520)), "only what was paused is resumed");
    session.handle_timeout(at(520), &mut out);
    assert_eq!(said(&mut out), "closed(ping timeout) close(w)");
}

/// Hazard R17, the other way round: pauses stop the clock and do not wind it back.
#[test]
fn a_client_that_keeps_the_application_busy_has_to_answer_all_the_same() {
    let ((mut session, wire), mut out) = (wire_session(), Vec::new());
    session.handle_timeout(at(25), &mut out);
    assert_eq!(taken(&mut session, wire, &mut out), "2");
    for second in (26..46).step_by(2) {
        session.handle_reading_paused(at(second));
        session.handle_reading_paused(at(second + 1));
        session.handle_reading_resumed(at(second + 1));
    }
    assert_eq!(session.next_timeout(), Some(at(55)), "20 s and the ten that were paused");
    session.handle_timeout(at(55), &mut out);
    assert_eq!(said(&mut out), "closed(ping timeout) close(w)");
}

#[test]
fn a_pause_of_reading_that_saw_no_ping_moves_no_deadline() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    session.handle_reading_paused(at(0));
    session.handle_reading_resumed(at(20));
    assert_eq!(session.next_timeout(), Some(at(25)));
    session.handle_timeout(at(24), &mut out);
    assert!(out.is_empty());
}

/// Hazards R6, R17: a client that has sent its `5` polls no more; were its WebSocket closed because nobody read that in time,
/// a busy application would cost it its connection.
#[test]
fn an_upgrade_of_which_nothing_can_be_read_gets_its_time_again() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    let wire = attach(&mut session, at(2));
    session.handle_reading_paused(at(8));
    assert_eq!(session.next_timeout(), Some(at(25)), "the heartbeat alone");
    session.handle_timeout(at(24), &mut out);
    assert!(out.is_empty() && session.is_upgrading());
    session.handle_reading_resumed(at(24));
    assert_eq!(session.next_timeout(), Some(at(25)));
    session.handle_frame(wire, event(Kind::Probe), at(24), &mut out);
    session.handle_timeout(at(25), &mut out);
    assert_eq!(session.next_timeout(), Some(at(28)), "it had 4 s left");
    session.handle_timeout(at(28), &mut out);
    assert_eq!(said(&mut out), "close(w)");

    session.handle_reading_paused(at(29));
    let _candidate = attach(&mut session, at(30));
    session.handle_reading_resumed(at(40));
    assert_eq!(session.next_timeout(), Some(at(50)), "never more than the whole time");
}

/// Hazard R2: the application may have ended, and never take what holds the reading up.
#[test]
fn an_upgrade_that_a_close_waits_for_keeps_its_deadline_while_nothing_is_read() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    let wire = attach(&mut session, at(2));
    session.handle_frame(wire, event(Kind::Probe), at(3), &mut out);
    session.handle_reading_paused(at(4));
    session.handle_close(CloseMode::Graceful, at(5), &mut out);
    assert_eq!(session.next_timeout(), Some(at(12)));
    session.handle_timeout(at(12), &mut out);
    assert_eq!(said(&mut out), "close(w)");
    assert_eq!(session.next_timeout(), Some(at(42)), "it leaves by long-polling");
}

// ---- upgrade ----

/// S21: hazard R2, row A6.
#[test]
fn a_half_upgrade_is_over_at_its_deadline_and_long_polling_goes_on() {
    for probe in [false, true] {
        let (mut session, mut out) = (polling_session(), Vec::new());
        let wire = attach(&mut session, at(2));
        if probe {
            session.handle_frame(wire, event(Kind::Probe), at(3), &mut out);
        }
        assert_eq!(session.next_timeout(), Some(at(12)), "from the arrival, not from the probe");
        session.handle_timeout(at(12), &mut out);
        assert_eq!(said(&mut out), "close(w)");
        assert_eq!(session.next_timeout(), Some(at(25)), "the heartbeat as if nothing had been");
        poll(&mut session, &mut out);
        assert_eq!(said(&mut out), "", "the GET is held again");
        send(&mut session, &["m"]);
        session.handle_flush(&mut out);
        post(&mut session, "4x", at(13), &mut out);
        assert_eq!(said(&mut out), "g=4m message(x)");
        session.handle_frame(wire, event(Kind::Upgrade), at(14), &mut out);
        assert_eq!((said(&mut out).as_str(), session.transport()), ("", TransportKind::Polling));
        upgrade(&mut session, at(15), &mut out);
        assert_eq!(session.transport(), TransportKind::WebSocket, "another try is free");
    }
}

/// Hazard R3, row A75.
#[test]
fn a_poll_that_hangs_during_an_upgrade_is_answered_at_the_probe_and_later_ones_at_once() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    poll(&mut session, &mut out);
    let wire = attach(&mut session, at(1));
    assert_eq!(said(&mut out), "", "before the probe a GET is held");
    session.handle_frame(wire, event(Kind::Probe), at(1), &mut out);
    assert_eq!(said(&mut out), "g=6");
    for _ in 0..5 {
        poll(&mut session, &mut out);
        assert_eq!(said(&mut out), "g=6");
    }
    assert!(!session.is_closed(), "a GET that was answered overlaps with nothing");
}

/// Hazard R4.
#[test]
fn nothing_of_long_polling_ever_stands_on_the_websocket() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    poll(&mut session, &mut out);
    let wire = attach(&mut session, at(1));
    session.handle_frame(wire, event(Kind::Probe), at(1), &mut out);
    poll(&mut session, &mut out);
    send(&mut session, &["a"]);
    assert_eq!(taken(&mut session, wire, &mut out), "3probe", "messages are not for a candidate");
    session.handle_frame(wire, event(Kind::Upgrade), at(1), &mut out);
    assert_eq!(said(&mut out), "g=6 g=6 upgraded");
    send(&mut session, &["b"]);
    session.handle_flush(&mut out);
    assert_eq!((taken(&mut session, wire, &mut out).as_str(), said(&mut out).as_str()), ("4a 4b", ""));
    assert!(session.handle_poll_opened(&mut out).is_err(), "row A45");
    assert_eq!((taken(&mut session, wire, &mut out).as_str(), said(&mut out).as_str()), ("", ""));
}

/// Hazard R5, rows A47, I1.
#[test]
fn a_second_websocket_is_refused_and_the_first_survives() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    let wire = attach(&mut session, at(1));
    assert_eq!(session.handle_wire_attached(Dialect::V4, at(2)), Attached::Refused);
    session.handle_frame(wire, event(Kind::Probe), at(2), &mut out);
    assert_eq!(session.handle_wire_attached(Dialect::V4, at(2)), Attached::Refused);
    session.handle_frame(wire, event(Kind::Upgrade), at(2), &mut out);
    assert_eq!(session.handle_wire_attached(Dialect::V4, at(2)), Attached::Refused);
    send(&mut session, &["m"]);
    assert_eq!(taken(&mut session, wire, &mut out), "4m");
    let (mut opened_on_it, _) = wire_session();
    assert_eq!(opened_on_it.handle_wire_attached(Dialect::V4, at(2)), Attached::Refused);
}

/// Hazard R6, row A77.
#[test]
fn messages_around_an_upgrade_keep_their_order_and_none_is_lost_or_doubled() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    poll(&mut session, &mut out);
    send(&mut session, &["1", "2"]);
    session.handle_flush(&mut out);
    let wire = attach(&mut session, at(1));
    poll(&mut session, &mut out);
    send(&mut session, &["3"]);
    session.handle_flush(&mut out);
    send(&mut session, &["4"]);
    session.handle_frame(wire, event(Kind::Probe), at(1), &mut out);
    poll(&mut session, &mut out);
    post(&mut session, "4x", at(1), &mut out);
    send(&mut session, &["5"]);
    session.handle_frame(wire, event(Kind::Upgrade), at(1), &mut out);
    session.handle_frame(wire, event(Kind::Message), at(1), &mut out);
    assert_eq!(said(&mut out), "g=41,42 g=43 g=44 message(x) upgraded message(x)");
    assert_eq!(taken(&mut session, wire, &mut out), "45");
    assert_eq!(session.queued_bytes(), 0);
}

/// Hazard R6, row A52.
#[test]
fn a_close_during_an_upgrade_goes_out_behind_what_is_queued_whichever_way_the_upgrade_ends() {
    let closing = || {
        let (mut session, mut out) = (polling_session(), Vec::new());
        let wire = attach(&mut session, at(1));
        session.handle_frame(wire, event(Kind::Probe), at(1), &mut out);
        send(&mut session, &["last"]);
        session.handle_close(CloseMode::Graceful, at(2), &mut out);
        assert_eq!(said(&mut out), "");
        assert_eq!(taken(&mut session, wire, &mut out), "3probe", "the client still gets its answer");
        (session, wire, out)
    };
    let (mut session, wire, mut out) = closing();
    session.handle_frame(wire, event(Kind::Upgrade), at(3), &mut out);
    assert_eq!((taken(&mut session, wire, &mut out).as_str(), session.is_closed()), ("4last", true));
    assert_eq!(said(&mut out), "upgraded closed(forced close) close(w)");

    let (mut session, _, mut out) = closing();
    session.handle_timeout(at(11), &mut out);
    poll(&mut session, &mut out);
    poll(&mut session, &mut out);
    assert_eq!(said(&mut out), "close(w) g=4last g=6,1 closed(forced close)");
}

/// Hazard R7, row I3.
#[test]
fn an_upgrade_neither_resets_nor_doubles_the_heartbeat() {
    // Not due yet: the deadline stays.
    let (mut session, mut out) = (polling_session(), Vec::new());
    let wire = upgrade(&mut session, at(10), &mut out);
    assert_eq!((session.next_timeout(), taken(&mut session, wire, &mut out).as_str()), (Some(at(25)), ""));

    // Sent on long-polling and not answered: no second one, and the pong may come on the WebSocket or never.
    for answered in [true, false] {
        let (mut session, mut out) = (polling_session(), Vec::new());
        poll(&mut session, &mut out);
        session.handle_timeout(at(25), &mut out);
        assert_eq!(said(&mut out), "g=2");
        let wire = upgrade(&mut session, at(30), &mut out);
        assert_eq!((taken(&mut session, wire, &mut out).as_str(), session.next_timeout()), ("", Some(at(45))));
        if answered {
            session.handle_frame(wire, event(Kind::Pong), at(31), &mut out);
            assert_eq!(session.next_timeout(), Some(at(56)));
        } else {
            session.handle_timeout(at(45), &mut out);
            assert_eq!(said(&mut out), "closed(ping timeout) close(w)");
        }
    }

    // Due while no GET was there: it goes out once, on the WebSocket.
    let (mut session, mut out) = (polling_session(), Vec::new());
    session.handle_timeout(at(25), &mut out);
    let wire = upgrade(&mut session, at(30), &mut out);
    assert_eq!((taken(&mut session, wire, &mut out).as_str(), session.next_timeout()), ("2", Some(at(45))));
    assert_eq!(taken(&mut session, wire, &mut out), "");
}

#[test]
fn a_ping_that_is_due_during_the_probe_goes_into_the_next_poll_and_not_to_the_candidate() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    let wire = attach(&mut session, at(20));
    session.handle_frame(wire, event(Kind::Probe), at(20), &mut out);
    session.handle_timeout(at(25), &mut out);
    assert_eq!(taken(&mut session, wire, &mut out), "3probe");
    poll(&mut session, &mut out);
    poll(&mut session, &mut out);
    assert_eq!(said(&mut out), "g=2 g=6");
}

#[test]
fn what_a_candidate_pinged_is_not_answered_to_the_next_one() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    let first = attach(&mut session, at(1));
    session.handle_frame(first, event(Kind::WsPing), at(1), &mut out);
    session.handle_frame(first, event(Kind::WsClose), at(1), &mut out);
    let second = attach(&mut session, at(1));
    assert!(!session.wants_write(second));
    session.handle_frame(second, event(Kind::WsPing), at(1), &mut out);
    assert_eq!((taken(&mut session, first, &mut out).as_str(), said(&mut out).as_str()), ("", "close(w)"));
    assert_eq!(taken(&mut session, second, &mut out), "pong:z");
}

// ---- sending ----

/// Row A61.
#[test]
fn what_is_sent_in_one_round_travels_in_one_answer_as_far_as_the_client_can_take_it() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    poll(&mut session, &mut out);
    send(&mut session, &["a", "b"]);
    session.handle_send(&[MessageFrame::binary(&[1, 2])]).unwrap();
    assert!(session.wants_flush());
    session.handle_flush(&mut out);
    assert_eq!(said(&mut out), "g=4a,4b,bAQI=");
    send(&mut session, &["0123456789", "abcde", "a message over the bound of a payload", "f"]);
    for answer in ["g=40123456789", "g=4abcde", "g=4a message over the bound of a payload", "g=4f"] {
        poll(&mut session, &mut out);
        assert_eq!(said(&mut out), answer);
    }
    assert!(!session.wants_flush());
    poll(&mut session, &mut out);
    assert_eq!(said(&mut out), "", "and then a GET is held again");
}

/// Row A79.
#[test]
fn a_message_to_many_is_framed_once_and_all_share_its_bytes() {
    let message = text("to all");
    for _ in 0..3 {
        let ((mut session, wire), mut frames) = (wire_session(), Vec::new());
        session.handle_send(std::slice::from_ref(&message)).unwrap();
        session.take_frames(wire, usize::MAX, &mut frames, &mut Vec::new());
        let pointers: Vec<_> = frames.into_iter().map(|frame| frame.into_bytes().as_ptr()).collect();
        assert_eq!(pointers, [message.frame().as_ptr()]);
    }
}

/// Hazards R20, S37.
#[test]
fn a_group_of_frames_stays_together_and_is_refused_as_a_whole() {
    // Each message is counted with the 64 bytes that keeping it costs: four small ones fit, six do not.
    let limit = 14 + 4 * 64;
    let limits = Arc::new(Limits { max_queue_bytes: limit, ..(*limits()).clone() });
    let (mut session, _) = ServerSession::open_polling(limits, Dialect::V4, &Text::from_static("0{}"), at(0));
    let group = [text("h"), MessageFrame::binary(&[1]), MessageFrame::binary(&[2])];
    send(&mut session, &["m"]);
    session.handle_send(&[text("h"), text("over")]).unwrap();
    assert_eq!(session.handle_send(&group), Err(SendError::Full { queued: 15, limit }));
    let mut out = Vec::new();
    poll(&mut session, &mut out);
    session.handle_send(&group).unwrap();
    send(&mut session, &["t"]);
    poll(&mut session, &mut out);
    assert_eq!(said(&mut out), "g=4m,4h,4over g=4h,bAQ==,bAg==");
    poll(&mut session, &mut out);
    assert_eq!(said(&mut out), "g=4t");
}

/// Hazard R16.
#[test]
fn pings_and_pongs_pass_in_front_of_a_full_queue() {
    let ((mut session, wire), mut out) = (wire_session(), Vec::new());
    send(&mut session, &["a", "b"]);
    session.handle_timeout(at(25), &mut out);
    session.handle_frame(wire, FrameEvent::Ping(Bytes::from_static(b"lost")), at(25), &mut out);
    session.handle_frame(wire, event(Kind::WsPing), at(25), &mut out);
    assert_eq!(taken(&mut session, wire, &mut out), "2 pong:z 4a 4b", "a flood of pings costs one slot");

    let mut session = polling_session();
    send(&mut session, &["0123456789", "abc"]);
    session.handle_timeout(at(25), &mut out);
    poll(&mut session, &mut out);
    assert_eq!(said(&mut out), "g=2,40123456789");
}

#[test]
fn a_take_ends_at_its_budget_and_has_at_least_one_message() {
    let ((mut session, wire), mut out) = (wire_session(), Vec::new());
    send(&mut session, &["a", "b", "c", "d"]);
    let mut counts = Vec::new();
    for budget in [0, 1, 5] {
        let mut frames = Vec::new();
        session.take_frames(wire, budget, &mut frames, &mut out);
        counts.push(frames.len());
    }
    assert_eq!((counts, session.queued_bytes()), (vec![1, 1, 2], 0));
}
