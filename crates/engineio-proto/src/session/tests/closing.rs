//! What the protocol, the contract and the known hazards say of the end of a session, sentence by sentence.
//!
//! Outputs stand as in `mod.rs`, with `g` for the GET and `w` for the WebSocket that the test looks at.

use std::{sync::Arc, time::Duration};

use super::{
    at,
    bench::{Bench, Input, Kind, State, event, inputs, states},
    clauses::{attach, poll, said, send, taken, upgrade},
    hex, limits, packets, polling_session, text, wire_session,
};
use crate::{
    Answer, CloseMode, Dialect, Limits, MessageFrame, Moment, Output, SendError, ServerSession, Text, WireId, WireLoss,
    websocket::{CloseCode, CloseFrame, FrameEvent},
};

/// Rows A52, A53; hazard R6.
#[test]
fn a_graceful_close_delivers_all_that_was_queued_from_every_state() {
    for state in states() {
        let mut bench = Bench::new(state);
        let (session, wire) = (&mut bench.session, bench.own_wire);
        let queued = match state {
            State::PollingQueued | State::WireQueued => "4m 4z",
            State::Polling(..) | State::Unprobed(..) | State::Probed(_) | State::Wire | State::WireBusy => "4z",
            State::Closing(_) | State::Draining => "4m",
            State::LeavingLarge => "4aaaaaaaaaa 4bbbbbbbbbb",
            State::Leaving(_) | State::Closed(_) => "",
        };
        let mut out = Vec::new();
        let _ = session.handle_send(&[text("z")]);
        session.handle_close(CloseMode::Graceful, at(3), &mut out);
        assert_eq!(session.handle_send(&[text("late")]), Err(SendError::Closed), "{state:?}");
        let mut got = Vec::new();
        for _ in 0..5 {
            session.handle_frame(wire, event(Kind::Upgrade), at(4), &mut out);
            got.extend(taken(session, wire, &mut out).split_whitespace().map(String::from));
            let _ = session.handle_poll_opened(&mut out);
        }
        for output in &out {
            if let Output::Answer(_, Answer::Payload(payload)) = output {
                got.extend(
                    packets(&payload.bytes).split(',').filter(|packet| packet.starts_with('4')).map(String::from),
                );
            }
        }
        assert_eq!(got.join(" "), queued, "{state:?}");
        assert!(session.is_closed(), "{state:?}");
        let closed = said(&mut out).matches("closed(forced close)").count();
        assert_eq!(closed, usize::from(!matches!(state, State::Closed(_))), "{state:?}");
    }
}

/// Row A53.
#[test]
fn the_answer_that_closes_has_a_noop_and_the_close_packet_and_no_ping() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    session.handle_timeout(at(25), &mut out);
    session.handle_close(CloseMode::Graceful, at(26), &mut out);
    poll(&mut session, &mut out);
    assert_eq!(said(&mut out), "g=6,1 closed(forced close)");
}

/// Row A52. Found with the official client, which acts on the close packet before it has acted on the Socket.IO
/// packets in front of it, and then reports a lost connection instead of a server that has said good-bye.
#[test]
fn the_close_packet_travels_behind_the_last_messages_and_not_with_them() {
    for parked in [true, false] {
        let (mut session, mut out) = (polling_session(), Vec::new());
        if parked {
            poll(&mut session, &mut out);
        }
        send(&mut session, &["last", "words"]);
        session.handle_close(CloseMode::Graceful, at(1), &mut out);
        if !parked {
            poll(&mut session, &mut out);
        }
        assert_eq!((said(&mut out).as_str(), session.is_closed()), ("g=4last,4words", false));
        poll(&mut session, &mut out);
        assert_eq!(said(&mut out), "g=6,1 closed(forced close)");
    }
}

/// [RFC 6455 §5.5.1]
#[test]
fn a_close_frame_is_answered_with_its_code() {
    let frame = || FrameEvent::Close(Some(CloseFrame { code: CloseCode::GOING_AWAY, reason: Text::new() }));
    let ((mut session, wire), mut out) = (wire_session(), Vec::new());
    session.handle_frame(wire, frame(), at(1), &mut out);
    assert_eq!(said(&mut out), "closed(transport close) close(w,1001)");
    let mut session = polling_session();
    let candidate = attach(&mut session, at(1));
    session.handle_frame(candidate, frame(), at(1), &mut out);
    assert_eq!(said(&mut out), "close(w,1001)");
}

#[test]
fn nothing_but_the_close_of_the_websocket_comes_after_the_end_and_the_end_comes_once() {
    for state in states() {
        for input in inputs() {
            let mut bench = Bench::new(state);
            let (_, outputs) = bench.apply(input);
            let after: Vec<_> = outputs.split(' ').skip_while(|word| !word.starts_with("closed(")).collect();
            // A reason is two words.
            let rest = after.get(2..).unwrap_or_default();
            assert!(rest.iter().all(|word| word.starts_with("close(")), "{state:?} × {input:?}: {outputs}");
            if bench.session.is_closed() {
                let again = inputs().into_iter().map(|next| bench.apply(next).1).collect::<String>();
                assert_eq!((again.as_str(), bench.session.next_timeout()), ("", None), "{state:?} × {input:?}");
            }
        }
    }
}

/// Hazards R29, S45; rows A63, A64.
#[test]
fn of_overlapping_requests_each_is_answered_and_the_second_steals_nothing() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    let first = poll(&mut session, &mut out);
    send(&mut session, &["secret"]);
    let second = poll(&mut session, &mut out);
    let answers: Vec<_> = out
        .iter()
        .filter_map(|output| match output {
            Output::Answer(id, answer) => Some((*id, answer.clone())),
            Output::Message(_) | Output::Upgraded | Output::CloseWire(..) | Output::Closed(_) => None,
        })
        .collect();
    let close = Answer::Payload(crate::Payload::control("1"));
    assert_eq!(answers, [(second, Answer::BadRequest), (first, close)]);
    assert!(session.is_closed());

    let (mut session, mut out) = (polling_session(), Vec::new());
    session.handle_post_begun(&mut out).unwrap();
    session.handle_post_begun(&mut out).unwrap_err();
    session.handle_post("4x".into(), at(1), &mut out).unwrap();
    assert_eq!(said(&mut out), "closed(transport error)", "nothing is delivered after the end");
}

/// Found by the simulation: a client gives up at a refused POST, and with it what the GET was answered.
#[test]
fn a_post_that_is_being_read_while_this_side_closes_is_not_refused() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    poll(&mut session, &mut out);
    session.handle_post_begun(&mut out).unwrap();
    session.handle_close(CloseMode::Graceful, at(1), &mut out);
    assert_eq!(said(&mut out), "g=1 closed(forced close)");
    assert!(matches!(session.handle_post("4x".into(), at(1), &mut out), Ok(None)));
    assert_eq!(said(&mut out), "");
}

#[test]
fn a_body_that_comes_in_after_the_switch_is_refused_and_nothing_of_it_is_delivered() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    session.handle_post_begun(&mut out).unwrap();
    upgrade(&mut session, at(1), &mut out);
    session.handle_post("4late".into(), at(2), &mut out).unwrap_err();
    assert_eq!((said(&mut out).as_str(), session.is_closed()), ("", false));
}

/// Row A73.
#[test]
fn a_message_on_the_websocket_is_one_frame_and_binary_has_no_type_in_front() {
    let ((mut session, wire), mut out) = (wire_session(), Vec::new());
    session.handle_send(&[text("é"), MessageFrame::binary(&[4, 0, 255])]).unwrap();
    assert_eq!(taken(&mut session, wire, &mut out), format!("4é {}", hex(&[4, 0, 255])));
}

/// Hazard R43.
#[test]
fn durations_without_end_are_deadlines_without_end() {
    let limits = Arc::new(Limits { ping_interval: Duration::MAX, close_timeout: Duration::MAX, ..(*limits()).clone() });
    let (mut session, _) = ServerSession::open_polling(limits, Dialect::V4, &Text::from_static("0{}"), at(5));
    assert_eq!(session.next_timeout(), Some(Moment::from_nanos(u64::MAX)));
    session.handle_close(CloseMode::Graceful, at(5), &mut Vec::new());
    assert_eq!(session.next_timeout(), Some(Moment::from_nanos(u64::MAX)));
}

/// A state machine without a deadline is one that a silent peer holds for ever.
#[test]
fn every_open_state_ends_by_itself_when_the_peer_falls_silent() {
    for state in states() {
        for input in inputs() {
            // The runtime owns that deadline: it has to read again.
            if matches!(input, Input::ReadingPaused) {
                continue;
            }
            let mut bench = Bench::new(state);
            bench.apply(input);
            let mut out = Vec::new();
            for _ in 0..5 {
                if let Some(due) = bench.session.next_timeout() {
                    bench.session.handle_timeout(due, &mut out);
                    assert_ne!(bench.session.next_timeout(), Some(due), "{state:?} × {input:?}");
                }
            }
            assert!(bench.session.is_closed(), "{state:?} × {input:?}");
            assert_eq!(bench.session.queued_bytes(), 0, "{state:?} × {input:?}");
        }
    }
}

/// R11: whoever keeps a session that has ended, however it did, keeps nothing of what was queued.
#[test]
fn a_session_that_has_ended_holds_no_queue() {
    type End = fn(&mut ServerSession, WireId, &mut Vec<Output>);
    let ends: [End; 3] = [
        |session, _, out| session.handle_close(CloseMode::Discard, at(1), out),
        |session, wire, out| session.handle_wire_lost(wire, WireLoss::Disconnected, at(1), out),
        |session, _, out| [25, 45].iter().for_each(|second| session.handle_timeout(at(*second), out)),
    ];
    for end in ends {
        let ((mut session, wire), mut out) = (wire_session(), Vec::new());
        send(&mut session, &[&"x".repeat(100_000)]);
        assert!(session.queued_bytes() > 100_000);
        end(&mut session, wire, &mut out);
        assert!(session.is_closed());
        assert_eq!(session.queued_bytes(), 0);
    }
}
