//! Messages that take longer than the heartbeat, timers that are late, and bodies of very many packets: hazards R16, R17, R28, S34.

use std::time::Duration;

use bytes::Bytes;

use super::{
    at,
    bench::{Kind, event},
    clauses::{attach, said, taken},
    polling_session, polling_session_in, wire_session,
};
use crate::{Dialect, Moment, Output, ServerSession, progress::SIGN_OF_LIFE_BYTES, v3};

const LIFE: usize = SIGN_OF_LIFE_BYTES as usize;

/// R16: a message of minutes comes or goes, and neither ping nor pong can pass it. Each second some of it moves.
#[test]
fn bytes_that_flow_keep_a_session_whose_pong_stands_behind_them() {
    let ((mut wired, wire), mut polling, mut out) = (wire_session(), polling_session(), Vec::new());
    for second in 0..600 {
        wired.handle_wire_progress(wire, 1 + LIFE / 20, at(second));
        wired.handle_timeout(at(second), &mut out);
        polling.handle_body_progress(1 + LIFE / 20, at(second));
        polling.handle_timeout(at(second), &mut out);
    }
    assert_eq!(said(&mut out), "");
    // It is here, and the pong behind it: the heartbeat goes on as ever.
    assert_eq!(taken(&mut wired, wire, &mut out), "2");
    wired.handle_frame(wire, event(Kind::Pong), at(600), &mut out);
    assert_eq!(wired.next_timeout(), Some(at(625)));
    wired.handle_timeout(at(625), &mut out);
    wired.handle_timeout(at(645), &mut out);
    assert_eq!(said(&mut out), "closed(ping timeout) close(w)", "only the bytes counted");
}

/// R16, S34: a peer that lets so little trickle that it never becomes a message is no better than one that is silent. No message that
/// is never finished outlives that.
#[test]
fn a_trickle_keeps_no_session() {
    for (mut session, dead_at) in [(wire_session().0, 45), (old_session(), 45)] {
        let (wire, mut out, mut second) = (crate::WireId(0), Vec::new(), 0);
        while !session.is_closed() {
            second += 1;
            session.handle_wire_progress(wire, LIFE / 50, at(second));
            session.handle_body_progress(LIFE / 50, at(second));
            session.handle_timeout(at(second), &mut out);
        }
        assert_eq!(second, dead_at);
    }
}

/// A session of revision 3, whose client pings.
fn old_session() -> ServerSession {
    polling_session_in(Dialect::V3(v3::Style::default()))
}

/// R16: what moves while nothing is awaited, on another WebSocket, or on the one that has yet to take over is nobody's life.
#[test]
fn only_what_the_pong_stands_behind_counts() {
    let ((mut session, wire), mut out) = (wire_session(), Vec::new());
    session.handle_wire_progress(wire, 10 * LIFE, at(20));
    assert_eq!(session.next_timeout(), Some(at(25)), "the ping is not put off");
    session.handle_timeout(at(25), &mut out);
    session.handle_wire_progress(crate::WireId(7), 10 * LIFE, at(40));
    session.handle_body_progress(10 * LIFE, at(40));
    assert_eq!(session.next_timeout(), Some(at(45)));
    session.handle_wire_progress(wire, LIFE - 1, at(40));
    assert_eq!(session.next_timeout(), Some(at(45)), "too little");
    session.handle_wire_progress(wire, 1, at(41));
    assert_eq!(session.next_timeout(), Some(at(61)));
    session.handle_wire_progress(wire, LIFE, at(30));
    assert_eq!(session.next_timeout(), Some(at(61)), "no time is taken back");

    let mut session = polling_session();
    session.handle_timeout(at(25), &mut out);
    let candidate = attach(&mut session, at(30));
    session.handle_wire_progress(candidate, 10 * LIFE, at(39));
    assert_eq!(session.next_timeout(), Some(at(40)), "the candidate's own deadline");
    session.handle_timeout(at(40), &mut out);
    assert_eq!(session.next_timeout(), Some(at(45)));
}

/// R17: a server whose timer comes late was held up itself, and the pong may lie unread: the client gets that time, but once.
#[test]
fn a_server_that_is_late_itself_gives_its_clients_that_time_once() {
    let ((mut session, wire), mut out) = (wire_session(), Vec::new());
    session.handle_timeout(at(25), &mut out);
    taken(&mut session, wire, &mut out);
    session.handle_timeout(at(50), &mut out);
    assert_eq!((said(&mut out).as_str(), session.next_timeout()), ("", Some(at(55))), "it was five seconds late");
    session.handle_frame(wire, event(Kind::Pong), at(51), &mut out);
    session.handle_timeout(at(76), &mut out);
    taken(&mut session, wire, &mut out);
    session.handle_timeout(at(500), &mut out);
    assert_eq!((said(&mut out).as_str(), session.next_timeout()), ("", Some(at(520))), "not more than the time-out");
    session.handle_timeout(at(600), &mut out);
    assert_eq!(said(&mut out), "closed(ping timeout) close(w)");

    let mut old = old_session();
    old.handle_timeout(at(48), &mut out);
    assert_eq!(old.next_timeout(), Some(at(51)));
    old.handle_timeout(at(51), &mut out);
    assert_eq!(said(&mut out), "closed(ping timeout)");

    // A timer is never quite on time.
    let (mut session, mut out) = (polling_session(), Vec::new());
    session.handle_timeout(at(25), &mut out);
    session.handle_timeout(at(45) + Duration::from_millis(900), &mut out);
    assert_eq!(said(&mut out), "closed(ping timeout)");
}

/// R28: half a million messages in a body of one megabyte come a thousand at a time, so that they cost no more than these. What is
/// wrong among them is found where it stands, and until the last one the POST is being read.
#[test]
fn a_body_of_very_many_packets_is_taken_in_parts() {
    let (mut session, mut out) = (polling_session(), Vec::new());
    session.handle_post_begun(&mut out).unwrap();
    let mut rest =
        session.handle_post(["4\u{1e}".repeat(499_999).as_str(), "4"].concat().into(), at(1), &mut out).unwrap();
    let mut messages = 0;
    loop {
        assert!(out.len() <= 1024, "{} at once", out.len());
        messages += out.drain(..).filter(|output| matches!(output, Output::Message(_))).count();
        let Some(left) = rest else { break };
        rest = session.handle_post_rest(left, at(1), &mut out).unwrap();
    }
    assert_eq!(messages, 500_000);
    session.handle_post_begun(&mut out).unwrap();

    let body = [&["4"; 1500].join("\u{1e}"), "\u{1e}9\u{1e}4late"].concat();
    let rest = session.handle_post(Bytes::from(body.clone()), at(1), &mut out).unwrap().unwrap();
    assert_eq!(out.drain(..).count(), 1024);
    assert!(session.handle_post_rest(rest, at(1), &mut out).is_err());
    assert_eq!(out.drain(..476).filter(|output| matches!(output, Output::Message(_))).count(), 476);
    assert_eq!(said(&mut out), "closed(parse error)");

    // While a part waits, another POST overlaps with it.
    let mut session = polling_session();
    session.handle_post_begun(&mut out).unwrap();
    let rest = session.handle_post(body.into(), Moment::EPOCH, &mut out).unwrap().unwrap();
    out.clear();
    session.handle_post_begun(&mut out).unwrap_err();
    assert_eq!(said(&mut out), "closed(transport error)");
    assert!(session.handle_post_rest(rest, Moment::EPOCH, &mut out).unwrap().is_none() && out.is_empty());
}
