//! What the contract says of a client's session, sentence by sentence: how it opens, how it knows that its server is alive,
//! what it does with what a server should not say. The rest is in `upgrading.rs`, `sending.rs` and `closing.rs`.

use std::time::Duration;

use bytes::Bytes;

use super::{Client, OFFER, OPEN, at, open_with};
use crate::{
    ClientOptions, CloseMode, Message, Moment, SendError, TransportKind, WireId, WireLoss,
    progress::SIGN_OF_LIFE_BYTES,
    websocket::{CloseCode, CloseFrame, FrameError, FrameEvent},
};

use TransportKind::{Polling, WebSocket};

fn with_transports(transports: &[TransportKind], try_all_transports: bool) -> ClientOptions {
    ClientOptions { transports: transports.to_vec(), try_all_transports, ..ClientOptions::default() }
}

// ---- opening ----

/// Row B3.
#[test]
fn the_first_transport_opens_the_session() {
    for (transports, expected) in [(&[Polling, WebSocket], "get:1"), (&[WebSocket, Polling], "open:1")] {
        assert_eq!(Client::new(with_transports(transports, false), None).said(), expected);
    }
}

/// Row B5: what is remembered counts only where it may be used.
#[test]
fn a_transport_that_is_asked_for_opens_the_session_if_it_is_among_the_transports() {
    let first = |transports: &[_], first| Client::new(with_transports(transports, false), Some(first)).said();
    assert_eq!(first(&[Polling, WebSocket], WebSocket), "open:1");
    assert_eq!(first(&[WebSocket, Polling], Polling), "get:1");
    assert_eq!(first(&[Polling], WebSocket), "get:1");
}

/// Row B26.
#[test]
fn without_a_transport_there_is_no_session_and_that_is_said() {
    let mut client = Client::new(with_transports(&[], true), Some(WebSocket));
    assert_eq!(client.said(), "closed(transport error)");
    assert_eq!(client.try_send("x"), Err(SendError::Closed));
    client.assert_over();
}

/// Row B6.
#[test]
fn a_transport_that_fails_while_opening_is_the_end_unless_all_are_to_be_tried() {
    let mut client = Client::new(with_transports(&[Polling, WebSocket], false), None);
    client.said();
    assert_eq!(client.failed(1), "closed(transport error)");
    client.assert_over();
    let mut client = Client::new(with_transports(&[WebSocket, Polling], false), None);
    client.said();
    assert_eq!(client.lost(1, WireLoss::Disconnected), "closed(transport error) close:1");
    client.assert_over();
}

/// Row B6: a failure is reported after the last transport only.
#[test]
fn all_transports_are_tried_one_behind_the_other_and_then_it_is_the_end() {
    let mut client = Client::new(with_transports(&[WebSocket, Polling], true), None);
    client.said();
    client.send(&["kept"]);
    assert_eq!(client.lost(1, WireLoss::Disconnected), "close:1 tries(polling) get:2");
    assert_eq!(client.failed(2), "closed(transport error)");
    client.assert_over();

    let mut client = Client::new(with_transports(&[Polling, WebSocket], true), None);
    client.said();
    client.send(&["kept"]);
    assert_eq!(client.answer(1, "<html>404</html>"), "tries(websocket) open:2");
    assert_eq!(client.says(2, OPEN), "opened");
    assert_eq!(client.take(2), "4kept", "what was sent before goes over the one that opens");
}

/// Row B6: the transport that has failed is dropped, so that it is not what the session is moved to.
#[test]
fn a_transport_that_could_not_open_the_session_is_not_upgraded_to() {
    let mut client = Client::new(with_transports(&[WebSocket, Polling], true), None);
    client.said();
    client.lost(1, WireLoss::Disconnected);
    assert_eq!(client.answer(2, OFFER), "opened get:3");
}

/// Row E10: the time is one for all transports.
#[test]
fn an_open_packet_that_does_not_come_in_time_is_the_end_whatever_could_still_be_tried() {
    let mut client = Client::new(with_transports(&[Polling, WebSocket], true), None);
    assert_eq!((client.said().as_str(), client.session.next_timeout()), ("get:1", Some(at(20))));
    client.now = at(15);
    assert_eq!(client.failed(1), "tries(websocket) open:2");
    assert_eq!(client.timeout(at(19)), "");
    assert_eq!(client.timeout(at(20)), "closed(transport error) close:2");
    client.assert_over();
    assert_eq!(client.says(2, OPEN), "", "too late");
    let mut client = Client::new(ClientOptions::default(), None);
    assert_eq!((client.said().as_str(), client.timeout(at(20)).as_str()), ("get:1", "closed(transport error) abort:1"));
    assert_eq!(client.answer(1, OPEN), "", "an answer after it was given up");
}

/// Row B6.
#[test]
fn a_session_begins_with_an_open_packet_and_with_nothing_else() {
    for body in ["", "1", "2", "3", "4x", "5", "6", "9", "bAQI=", "4x\u{1e}0{}", "{}", "\u{1e}"] {
        let mut client = Client::new(ClientOptions::default(), None);
        client.said();
        assert_eq!(client.answer(1, body), "closed(transport error)", "{body:?}");
        client.assert_over();
    }
    let binary = Message::Binary(Bytes::from_static(b"x"));
    let mut messages: Vec<Message> = ["", "1", "2", "3", "4x", "5", "6", "9"].map(Message::from).into();
    messages.push(binary);
    for message in messages {
        let mut client = Client::new(ClientOptions::default(), Some(WebSocket));
        client.said();
        let said = client.frame(1, FrameEvent::Message(message.clone()));
        assert_eq!(said, "closed(transport error) close:1", "{message:?}");
        client.assert_over();
    }
}

/// The reference believes anything. The id goes into every URL, and the interval is what ends a dead session.
#[test]
fn an_open_packet_that_describes_no_session_opens_none() {
    let long = format!("\"{}\"", "x".repeat(513));
    let mut opens: Vec<String> = ["0", "0{}", "0[]", "0null", "0{\"sid\":\"x\"}"].map(String::from).into();
    let nested = format!("0{}", "[".repeat(100_000));
    opens.extend([nested, open_with(&[("sid", "\"\"")]), open_with(&[("sid", &long)]), open_with(&[("sid", "7")])]);
    opens.extend([open_with(&[("upgrades", "null")]), open_with(&[("maxPayload", "-1")])]);
    opens.extend([open_with(&[("pingInterval", "-1")]), open_with(&[("pingTimeout", "\"1\"")])]);
    opens.push(open_with(&[("pingInterval", "0"), ("pingTimeout", "0")]));
    for open in opens {
        let short = open.get(..80).unwrap_or(&open).to_owned();
        let mut client = Client::new(ClientOptions::default(), None);
        client.said();
        assert_eq!(client.answer(1, &open), "closed(transport error)", "{short}");
        client.assert_over();
        let mut client = Client::new(ClientOptions::default(), Some(WebSocket));
        client.said();
        assert_eq!(client.says(1, &open), "closed(transport error) close:1", "{short}");
        client.assert_over();
    }
}

/// It is kept as long as the session.
#[test]
fn an_open_packet_without_end_opens_no_session() {
    let open = open_with(&[("upgrades", &format!("[{}\"\"]", "\"\",".repeat(100_000)))]);
    let mut client = Client::new(ClientOptions::default(), None);
    client.said();
    assert_eq!(client.answer(1, &open), "closed(transport error)");
    let known = open_with(&[("upgrades", r#"["webtransport","smoke-signals","websocket"]"#)]);
    let mut client = Client::new(ClientOptions::default(), None);
    client.said();
    assert_eq!(client.answer(1, &known), "opened open:2 get:3", "what is not known is read over");
}

/// R43: what a server names may be as large as it likes: time and sizes saturate.
#[test]
fn intervals_and_sizes_without_end_neither_overflow_nor_end_the_session() {
    let max = u64::MAX.to_string();
    let open = open_with(&[("pingInterval", &max), ("pingTimeout", &max), ("maxPayload", &max)]);
    let mut client = Client::new(ClientOptions::default(), None);
    client.said();
    assert_eq!(client.answer(1, &open), "opened open:2 get:3");
    client.lost(2, WireLoss::Disconnected);
    assert_eq!(client.session.heartbeat_period(), Some(Duration::from_millis(u64::MAX)));
    assert_eq!(client.session.next_timeout(), Some(Moment::from_nanos(u64::MAX)));
    assert_eq!(client.answer(3, "2"), "ping post:4=3 get:5");
    client.session.handle_reading_paused(client.now);
    client.session.handle_reading_resumed(at(1));
    client.send(&["one", "two"]);
    assert_eq!((client.timeout(at(1 << 30)).as_str(), client.posted(4).as_str()), ("", "post:6=4one,4two"));
}

#[test]
fn messages_before_the_open_packet_are_no_messages_and_those_behind_it_are() {
    let mut client = Client::new(ClientOptions::default(), None);
    client.said();
    assert_eq!(client.answer(1, &format!("{OPEN}\u{1e}4a\u{1e}bAQI=")), "opened message(a) message(0102) get:2");
    let mut client = Client::new(ClientOptions::default(), None);
    client.said();
    assert_eq!(client.answer(1, &format!("4a\u{1e}{OPEN}")), "closed(transport error)");
}

/// The reference takes it for another handshake, and has two heartbeats then.
#[test]
fn a_second_open_packet_changes_nothing() {
    let other = open_with(&[("sid", "\"other\"")]);
    let mut client = Client::polling();
    assert_eq!(client.answer(2, &format!("{other}\u{1e}4a")), "message(a) get:3");
    let mut wire = Client::wire();
    assert_eq!(wire.says(1, &other), "");
    for session in [client.session, wire.session] {
        assert_eq!(session.id().unwrap().expose(), "secret");
        assert_eq!(session.next_timeout(), Some(at(45)));
    }
}

// ---- the heartbeat ----

/// Row B28.
#[test]
fn a_session_ends_an_interval_and_a_timeout_after_the_last_ping_and_only_a_ping_counts() {
    let sessions = [(Client::polling(), None), (Client::wire(), Some(1)), (Client::upgraded(), Some(2))];
    for (mut client, wire) in sessions {
        for packet in ["4x", "3", "6"] {
            client.now = client.now + Duration::from_secs(1);
            let said = match wire {
                Some(wire) => client.says(wire, packet),
                None => client.answer(2, packet),
            };
            assert!(!said.contains("ping"), "{said}");
        }
        assert_eq!((client.session.next_timeout(), client.timeout(at(44)).as_str()), (Some(at(45)), ""));
        let said = client.timeout(at(45));
        assert!(said.starts_with("closed(ping timeout)"), "{said}");
        client.assert_over();
    }
    let mut client = Client::polling();
    client.now = at(40);
    assert_eq!(client.answer(2, "2"), "ping post:3=3 get:4");
    assert_eq!((client.session.next_timeout(), client.timeout(at(84)).as_str()), (Some(at(85)), ""));
    assert_eq!(client.timeout(at(85)), "closed(ping timeout) abort:4 abort:3");
    let mut client = Client::wire();
    client.now = at(40);
    assert_eq!((client.says(1, "2").as_str(), client.take(1).as_str()), ("ping", "3"));
    assert_eq!(client.timeout(at(85)), "closed(ping timeout) close:1");
}

/// Row B29.
#[test]
fn a_pong_is_sent_for_a_ping_and_never_without_one() {
    let mut client = Client::wire();
    for packet in ["3", "3probe", "6", "4x"] {
        client.says(1, packet);
    }
    client.frame(1, FrameEvent::Pong(Bytes::from_static(b"z")));
    assert_eq!(client.take(1), "");
    let mut client = Client::polling();
    assert_eq!(client.answer(2, "3\u{1e}6"), "get:3");
    assert!(!client.session.wants_flush());
}

/// However many there are: a server that floods must not be able to fill this side's memory.
#[test]
fn a_flood_of_pings_costs_one_pong() {
    let mut client = Client::wire();
    for _ in 0..1000 {
        client.says(1, "2");
        client.frame(1, FrameEvent::Ping(Bytes::from_static(b"z")));
    }
    assert_eq!((client.session.queued_bytes(), client.take(1).as_str()), (0, "3 pong:z"));
    let mut client = Client::polling();
    let said = client.answer(2, &["2"; 1000].join("\u{1e}"));
    assert_eq!(said.replace("ping ", ""), "post:3=3 get:4");
    for get in 4..14 {
        assert_eq!(client.answer(get, "2"), format!("ping get:{}", get + 1));
    }
    assert_eq!(client.posted(3), "post:15=3");
}

/// Hazard S27: a payload of nothing but tiny packets would become fifty times its size. A few thousand small ones are fine
/// (R28).
#[test]
fn an_answer_of_too_many_packets_is_a_server_error() {
    let most = 16 * 1024;
    let mut options = ClientOptions::default();
    options.limits.max_message_bytes = 1_000_000;
    let mut client = Client::new(options, None);
    assert_eq!((client.said().as_str(), client.answer(1, OPEN).as_str()), ("get:1", "opened get:2"));
    client.answer(2, &vec!["4"; most].join("\u{1e}"));
    assert!(client.session.is_open());
    let said = client.answer(3, &vec!["2"; most + 1].join("\u{1e}"));
    assert_eq!(said, "ping closed(transport error)");
    client.assert_over();
}

/// Row B30: timers are late where a machine slept.
#[test]
fn a_session_whose_server_was_silent_for_too_long_takes_no_message_even_before_its_timer() {
    for mut client in [Client::polling(), Client::probing(), Client::wire()] {
        assert!(!client.session.has_expired(at(44)));
        client.now = at(45);
        assert!(client.session.has_expired(at(45)));
        assert_eq!((client.try_send("x"), client.session.queued_bytes()), (Err(SendError::Closed), 0));
        let said = client.timeout(at(45));
        assert!(said.contains("closed(ping timeout)"), "{said}");
        assert!(!client.session.has_expired(at(99)), "it has been said");
    }
    let opening = Client::new(ClientOptions::default(), None);
    assert!(!opening.session.has_expired(at(1000)), "there is no heartbeat yet");
}

/// Row B30, R17: the ping that had come in meanwhile is read after all.
#[test]
fn a_ping_that_is_read_before_the_late_timer_keeps_the_session() {
    let mut client = Client::wire();
    client.now = at(100);
    assert_eq!((client.says(1, "2").as_str(), client.timeout(at(100)).as_str()), ("ping", ""));
    assert_eq!((client.session.next_timeout(), client.try_send("x")), (Some(at(145)), Ok(())));
}

/// R16: a message takes minutes, and the ping stands behind it. S34: a trickle of it is no better than silence.
#[test]
fn bytes_that_flow_keep_a_session_whose_ping_stands_behind_them() {
    let of_both = |bytes: usize, client: &mut Client, second: u64| {
        client.session.handle_wire_progress(WireId(1), bytes, at(second));
        client.session.handle_body_progress(bytes, at(second));
        client.timeout(at(second))
    };
    for mut client in [Client::polling(), Client::wire()] {
        for second in 1..600 {
            assert_eq!(of_both(1 + SIGN_OF_LIFE_BYTES as usize / 45, &mut client, second), "");
        }
        assert!(client.timeout(at(700)).starts_with("closed(ping timeout)"));
    }
    for mut client in [Client::polling(), Client::wire()] {
        let ended = (1..600).find(|second| !of_both(SIGN_OF_LIFE_BYTES as usize / 50, &mut client, *second).is_empty());
        assert_eq!(ended, Some(45));
    }
}

/// Hazard R17.
#[test]
fn while_nothing_is_read_the_watch_does_not_run_and_then_has_as_much_time_left_as_before() {
    for mut client in [Client::polling(), Client::wire()] {
        client.session.handle_reading_paused(at(40));
        client.session.handle_reading_paused(at(44));
        assert_eq!((client.session.next_timeout(), client.timeout(at(84)).as_str()), (Some(at(85)), ""));
        assert!(!client.session.has_expired(at(84)));
        assert_eq!(client.try_send("x"), Ok(()), "nobody knows that the server is gone");
        client.session.handle_reading_resumed(at(84));
        client.session.handle_reading_resumed(at(600));
        assert_eq!((client.session.next_timeout(), client.timeout(at(88)).as_str()), (Some(at(89)), ""));
        assert!(client.timeout(at(89)).starts_with("closed(ping timeout)"));
    }
}

/// Hazard R17: an application that waits for what lies unread would else wait for ever. By then the server has closed.
#[test]
fn a_pause_as_long_as_the_server_s_patience_ends_the_session() {
    let sessions = [(Client::polling(), "abort:2"), (Client::wire(), "close:1"), (Client::upgraded(), "close:2")];
    for (mut client, given_up) in sessions {
        client.session.handle_reading_paused(at(40));
        client.now = at(85);
        assert!(client.session.has_expired(at(85)) && !client.session.is_closed());
        assert_eq!(client.try_send("x"), Err(SendError::Closed), "even before the timer");
        assert_eq!(client.timeout(at(85)), format!("closed(ping timeout) {given_up}"));
        client.assert_over();
    }
    // A pause that has ended says nothing of the next one.
    let mut client = Client::wire();
    for second in [40, 80] {
        client.session.handle_reading_paused(at(second));
        assert_eq!(client.session.next_timeout(), Some(at(second + 45)));
        client.session.handle_reading_resumed(at(second + 40));
    }
    assert_eq!(client.session.next_timeout(), Some(at(125)));
}

/// Hazard R17: what was read already when the pause began is handled within it.
#[test]
fn a_ping_within_a_pause_gives_one_period_from_its_end_and_not_more() {
    let mut client = Client::wire();
    client.session.handle_reading_paused(at(10));
    client.now = at(50);
    client.says(1, "2");
    client.session.handle_reading_resumed(at(60));
    assert_eq!(client.session.next_timeout(), Some(at(105)));
    // Also where the timer of the pause was late.
    let mut client = Client::wire();
    client.session.handle_reading_paused(at(10));
    client.now = at(100);
    client.says(1, "2");
    client.session.handle_reading_resumed(at(110));
    assert_eq!(client.session.next_timeout(), Some(at(155)));
}

/// Hazard R17: its pong leaves, so that the server waits for the next one.
#[test]
fn a_ping_within_a_pause_gives_the_pause_one_period_more() {
    let mut client = Client::wire();
    client.session.handle_reading_paused(at(10));
    client.now = at(50);
    assert_eq!((client.says(1, "2").as_str(), client.take(1).as_str()), ("ping", "3"));
    assert_eq!((client.session.next_timeout(), client.timeout(at(94)).as_str()), (Some(at(95)), ""));
    assert_eq!(client.timeout(at(95)), "closed(ping timeout) close:1");
    client.assert_over();
}

/// An application that lags takes no time from the other deadlines.
#[test]
fn what_this_side_waits_for_goes_on_while_nothing_is_read() {
    let mut client = Client::probing();
    client.session.handle_reading_paused(at(1));
    assert_eq!(
        (client.session.next_timeout(), client.timeout(at(10)).as_str()),
        (Some(at(10)), "close:2 upgrade-failed")
    );
    client.close(CloseMode::Graceful);
    assert_eq!(client.session.next_timeout(), Some(at(40)));
}

// ---- what a server says ----

/// Row B38: on long-polling, and in the middle of a payload: nothing behind it counts.
#[test]
fn a_close_packet_in_an_answer_is_the_end_where_it_stands() {
    let mut client = Client::polling();
    client.send(&["x"]);
    client.flush();
    assert_eq!(client.answer(2, "4a\u{1e}1\u{1e}4b\u{1e}2\u{1e}9"), "message(a) closed(transport close) abort:3");
    client.assert_over();
    let mut client = Client::new(ClientOptions::default(), None);
    client.said();
    assert_eq!(client.answer(1, &format!("{OFFER}\u{1e}1")), "opened open:2 closed(transport close) close:2");
    client.assert_over();
}

/// Rows B38, B41: there the close frame counts.
#[test]
fn a_close_packet_on_a_websocket_is_read_over_and_a_close_frame_is_answered_with_its_code() {
    let mut client = Client::wire();
    assert_eq!((client.says(1, "1").as_str(), client.says(1, "4a").as_str()), ("", "message(a)"));
    let going_away = CloseFrame { code: CloseCode::GOING_AWAY, reason: "reboot".into() };
    assert_eq!(client.frame(1, FrameEvent::Close(Some(going_away))), "closed(transport close) close:1,1001");
    client.assert_over();
    let mut client = Client::wire();
    assert_eq!(client.frame(1, FrameEvent::Close(None)), "closed(transport close) close:1");
}

/// Row B39.
#[test]
fn what_is_no_packet_is_a_server_error_and_what_stands_before_it_counts() {
    for garbage in ["", "9", "é", "b%%%", "bA", "\u{0}"] {
        let mut client = Client::polling();
        let said = client.answer(2, &format!("4a\u{1e}{garbage}\u{1e}4b"));
        assert_eq!(said, "message(a) closed(transport error)", "{garbage:?}");
        client.assert_over();
    }
    let mut client = Client::polling();
    assert_eq!(client.answer_bytes(2, Bytes::from_static(b"4a\x1e4\xff")), "closed(transport error)");
    for garbage in ["", "9", "é", "b%%%"] {
        let mut client = Client::wire();
        assert_eq!(client.says(1, garbage), "closed(transport error) close:1", "{garbage:?}");
        client.assert_over();
    }
}

/// Rows B40, B45.
#[test]
fn a_request_that_fails_is_the_end_and_the_other_one_is_given_up() {
    let posting = || {
        let mut client = Client::polling();
        client.send(&["x"]);
        assert_eq!(client.flush(), "post:3=4x");
        client
    };
    let mut client = posting();
    assert_eq!(client.failed(2), "closed(transport error) abort:3");
    client.assert_over();
    let mut client = posting();
    assert_eq!(client.failed(3), "closed(transport error) abort:2");
    client.assert_over();
}

/// Row B41.
#[test]
fn a_websocket_that_ends_or_breaks_the_protocol_is_the_end() {
    for (mut client, wire) in [(Client::wire(), 1), (Client::upgraded(), 2)] {
        let said = client.lost(wire, WireLoss::Disconnected);
        assert_eq!(said, format!("closed(transport close) close:{wire}"));
        client.assert_over();
    }
    let mut client = Client::wire();
    let too_big = WireLoss::Violation(FrameError::MessageTooBig { limit: 16, seen: 17 });
    assert_eq!(client.lost(1, too_big), "closed(transport error) close:1,1009");
}

/// [RFC 6455 §5.5.1]
#[test]
fn a_websocket_that_fails_while_opening_is_told_why_as_one_that_is_open() {
    let going_away = || FrameEvent::Close(Some(CloseFrame { code: CloseCode::GOING_AWAY, reason: "".into() }));
    let opening = |try_all| {
        let mut client = Client::new(with_transports(&[WebSocket, Polling], try_all), None);
        client.said();
        client
    };
    let too_big = WireLoss::Violation(FrameError::MessageTooBig { limit: 16, seen: 17 });
    assert_eq!(opening(false).lost(1, too_big), "closed(transport error) close:1,1009");
    assert_eq!(opening(false).frame(1, going_away()), "closed(transport error) close:1,1001");
    assert_eq!(opening(true).frame(1, going_away()), "close:1,1001 tries(polling) get:2");
}

#[test]
fn what_nobody_asked_for_or_waits_for_any_more_is_ignored() {
    let clients = [
        Client::new(ClientOptions::default(), None),
        Client::new(ClientOptions::default(), Some(WebSocket)),
        Client::polling(),
        Client::connecting(),
        Client::probing(),
        Client::upgraded(),
        Client::wire(),
    ];
    for mut client in clients {
        client.said();
        let before = format!("{:?}", client.session);
        for id in [0, 77, u32::MAX] {
            let said = [client.answer(id, "4x\u{1e}1"), client.posted(id), client.failed(id)].concat();
            let said =
                said + &client.says(id, "4x") + &client.says(id, "3probe") + &client.frame(id, FrameEvent::Close(None));
            let said = said + &client.lost(id, WireLoss::Disconnected) + &client.take(id);
            client.session.handle_wire_opened(WireId(id));
            client.session.handle_wire_flushed(WireId(id));
            assert_eq!((said.as_str(), format!("{:?}", client.session) == before), ("", true), "{before}");
        }
    }
}

#[test]
fn an_answer_that_comes_after_its_request_was_given_up_says_nothing() {
    let mut client = Client::polling();
    client.send(&["x"]);
    client.flush();
    assert_eq!(client.close(CloseMode::Discard), "closed(forced close) abort:2 abort:3");
    let late = [client.answer(2, "4x"), client.posted(3), client.failed(2), client.failed(3)].concat();
    assert_eq!((late.as_str(), client.try_send("x")), ("", Err(SendError::Closed)));
    client.assert_over();
}

/// [RFC 6455 §5.5.3]; the pong of a WebSocket that failed is not for the next one.
#[test]
fn a_websocket_ping_is_answered_where_it_came_and_nowhere_else() {
    let mut client = Client::new(with_transports(&[WebSocket, WebSocket], true), None);
    client.said();
    client.frame(1, FrameEvent::Ping(Bytes::from_static(b"a")));
    assert_eq!(client.take(1), "pong:a", "also while it opens");
    client.frame(1, FrameEvent::Ping(Bytes::from_static(b"b")));
    assert_eq!(client.lost(1, WireLoss::Disconnected), "close:1 tries(websocket) open:2");
    assert_eq!(client.take(2), "");
    client.says(2, OPEN);
    assert_eq!(client.take(2), "");
}
