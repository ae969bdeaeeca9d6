//! What the contract and the known hazards say of the end of a client's session, sentence by sentence.

use super::{Client, OFFER, OPEN, at};
use crate::{
    ClientLimits, ClientOptions, CloseMode, SendError, TransportKind, WireId, WireLoss,
    websocket::{CloseCode, CloseFrame, FrameEvent},
};

use CloseMode::{Discard, Graceful};
use TransportKind::WebSocket;

fn opening(first: Option<TransportKind>) -> Client {
    let mut client = Client::new(ClientOptions::default(), first);
    client.said();
    client
}

// ---- on long-polling ----

/// Row B37.
#[test]
fn a_close_posts_what_is_queued_and_then_the_close_packet_and_is_over_when_that_is_taken() {
    let mut client = Client::polling();
    client.send(&["a", "b"]);
    assert_eq!(client.close(Graceful), "post:3=4a,4b");
    assert_eq!((client.close(Graceful).as_str(), client.try_send("late")), ("", Err(SendError::Closed)));
    assert!(!client.session.is_open() && !client.session.takes_messages() && !client.session.is_closed());
    assert_eq!(client.posted(3), "post:4=1");
    assert_eq!((client.close(Graceful).as_str(), client.try_send("late")), ("", Err(SendError::Closed)));
    assert!(!client.session.is_open() && !client.session.takes_messages() && !client.session.is_closed());
    assert_eq!(client.posted(4), "closed(forced close) abort:2");
    client.assert_over();
    let mut client = Client::polling();
    assert_eq!(
        (client.close(Graceful).as_str(), client.posted(3).as_str()),
        ("post:3=1", "closed(forced close) abort:2")
    );
}

/// Row B37: as many POSTs as it takes, one at a time.
#[test]
fn a_close_waits_for_the_post_under_way_and_for_all_that_is_queued_behind_it() {
    let mut client = Client::polling();
    client.send(&["0123456789", "abcdefghij", "z"]);
    assert_eq!((client.flush().as_str(), client.close(Graceful).as_str()), ("post:3=40123456789", ""));
    assert_eq!(client.session.next_timeout(), Some(at(30)));
    assert_eq!(client.posted(3), "post:4=4abcdefghij,4z");
    assert_eq!(client.posted(4), "post:5=1");
    assert_eq!(client.session.next_timeout(), Some(at(30)), "one deadline for all of them");
    assert_eq!(client.posted(5), "closed(forced close) abort:2");
}

/// Row B29: of a pong the reference loses nothing that anybody waits for, so that it needs no POST of its own.
#[test]
fn a_pong_that_is_owed_stands_in_front_of_the_close_packet() {
    let mut client = Client::polling();
    client.send(&["a"]);
    assert_eq!(client.close(Graceful), "post:3=4a");
    assert_eq!((client.answer(2, "2").as_str(), client.posted(3).as_str()), ("ping get:4", "post:5=3,1"));
    assert_eq!(client.posted(5), "closed(forced close) abort:4");
    client.assert_over();
}

#[test]
fn what_still_arrives_while_this_side_closes_is_delivered_and_pings_are_answered() {
    let mut client = Client::polling();
    client.send(&["0123456789", "abcdefghij"]);
    client.flush();
    client.close(Graceful);
    assert_eq!(client.answer(2, "4a\u{1e}2"), "message(a) ping get:4", "there is another POST to come");
    assert_eq!(client.posted(3), "post:5=3,4abcdefghij");
    assert_eq!(client.answer(4, "4b"), "message(b) get:6", "the close packet is still to come");
    assert_eq!((client.posted(5).as_str(), client.posted(7).as_str()), ("post:7=1", "closed(forced close) abort:6"));
    let mut client = Client::wire();
    client.send(&["x"]);
    client.close(Graceful);
    assert_eq!((client.says(1, "4a").as_str(), client.says(1, "2").as_str()), ("message(a)", "ping"));
    assert_eq!(client.take(1), "3 4x closed(forced close) close:1");
}

/// The server lets the GET go when it has read the close packet, and knows no GET after that: what comes of one says nothing.
#[test]
fn once_the_close_packet_is_under_way_there_is_no_other_get_and_none_that_can_fail() {
    let closing = || {
        let mut client = Client::polling();
        client.send(&["a"]);
        assert_eq!((client.close(Graceful).as_str(), client.posted(3).as_str()), ("post:3=4a", "post:4=1"));
        client
    };
    let mut client = closing();
    assert_eq!((client.answer(2, "6").as_str(), client.posted(4).as_str()), ("", "closed(forced close)"));
    let mut client = closing();
    assert_eq!((client.failed(2).as_str(), client.posted(4).as_str()), ("", "closed(forced close)"));
    let mut client = closing();
    assert_eq!(client.answer(2, "4b\u{1e}1"), "message(b) closed(transport close) abort:4", "the server was faster");
    client.assert_over();
}

/// The session is as alive as before: the server knows of no close.
#[test]
fn until_the_close_packet_is_under_way_polling_goes_on_and_a_get_can_fail() {
    let closing = || {
        let mut client = Client::polling();
        client.send(&["a"]);
        assert_eq!(client.close(Graceful), "post:3=4a");
        client
    };
    let mut client = closing();
    assert_eq!((client.answer(2, "6").as_str(), client.answer(4, "6").as_str()), ("get:4", "get:5"));
    assert_eq!((client.posted(3).as_str(), client.answer(5, "6").as_str()), ("post:6=1", ""));
    assert_eq!(client.posted(6), "closed(forced close)");
    client.assert_over();
    let mut client = closing();
    assert_eq!(client.failed(2), "closed(transport error) abort:3");
    client.assert_over();
    let mut client = closing();
    assert_eq!(client.answer(2, "4b\u{1e}1"), "message(b) closed(transport close) abort:3");
    client.assert_over();
}

/// What was queued may be lost then, and that is told by the reason.
#[test]
fn a_post_that_fails_while_this_side_closes_is_a_transport_error() {
    let mut client = Client::polling();
    client.send(&["a"]);
    client.close(Graceful);
    assert_eq!(client.failed(3), "closed(transport error) abort:2");
    client.assert_over();
    let mut client = Client::polling();
    client.send(&["a"]);
    client.close(Graceful);
    client.posted(3);
    assert_eq!(client.failed(4), "closed(transport error) abort:2", "that of the close packet too");
    client.assert_over();
    let mut client = Client::polling();
    client.send(&["0123456789", "abcdefghij"]);
    client.close(Graceful);
    assert_eq!(client.failed(2), "closed(transport error) abort:3", "there was more to post");
    client.assert_over();
}

#[test]
fn a_close_that_the_server_does_not_take_is_over_at_its_deadline() {
    let mut client = Client::polling();
    client.now = at(2);
    client.close(Graceful);
    assert_eq!(client.timeout(at(31)), "");
    assert!(!client.session.has_expired(at(99)), "nobody waits for a ping any more");
    assert_eq!(client.timeout(at(32)), "closed(forced close) abort:2 abort:3");
    client.assert_over();
    let mut client = Client::wire();
    client.send(&["x"]);
    client.close(Graceful);
    assert_eq!(
        (client.session.next_timeout(), client.timeout(at(30)).as_str()),
        (Some(at(30)), "closed(forced close) close:1")
    );
    client.assert_over();
}

#[test]
fn discarding_is_at_once_and_drops_what_is_queued() {
    let mut client = Client::polling();
    client.send(&["a"]);
    client.flush();
    client.send(&["b"]);
    assert_eq!(client.close(Discard), "closed(forced close) abort:2 abort:3");
    client.assert_over();
    let mut client = Client::probing();
    assert_eq!(client.close(Discard), "closed(forced close) abort:3 close:2");
    client.assert_over();
    let mut client = Client::polling();
    client.close(Graceful);
    assert_eq!(
        (client.close(Discard).as_str(), client.close(Discard).as_str()),
        ("closed(forced close) abort:2 abort:3", "")
    );
}

// ---- before the session is open ----

/// Row B37: the server may have made a session, which is told as soon as it has a name.
#[test]
fn a_close_before_the_open_packet_of_a_get_is_posted_behind_it() {
    let mut client = opening(None);
    client.send(&["a"]);
    assert_eq!((client.close(Graceful).as_str(), client.try_send("late")), ("", Err(SendError::Closed)));
    assert_eq!(
        client.answer(1, &format!("{OFFER}\u{1e}4m")),
        "opened post:2=4a message(m) get:3",
        "and nothing is upgraded"
    );
    assert_eq!((client.posted(2).as_str(), client.posted(4).as_str()), ("post:4=1", "closed(forced close) abort:3"));
    client.assert_over();
    let mut client = opening(None);
    client.close(Graceful);
    assert_eq!(client.answer(1, OPEN), "opened post:2=1", "nothing stands in front of it, so that there is no GET");
    assert_eq!(client.posted(2), "closed(forced close)");
    client.assert_over();
}

/// Row B37: a WebSocket that nothing was to be sent on is only closed.
#[test]
fn a_close_before_the_open_packet_on_a_websocket_waits_for_it_only_where_something_is_queued() {
    let mut client = opening(Some(WebSocket));
    assert_eq!(client.close(Graceful), "closed(forced close) close:1");
    client.assert_over();
    let mut client = opening(Some(WebSocket));
    client.send(&["a"]);
    assert_eq!((client.close(Graceful).as_str(), client.says(1, OPEN).as_str()), ("", "opened"));
    assert!(!client.session.is_open());
    assert_eq!(client.take(1), "4a closed(forced close) close:1");
    client.assert_over();
}

#[test]
fn an_opening_that_fails_while_this_side_closes_tries_no_other_transport() {
    let all = || ClientOptions { try_all_transports: true, ..ClientOptions::default() };
    let mut client = Client::new(all(), None);
    client.said();
    client.close(Graceful);
    assert_eq!(client.failed(1), "closed(forced close)");
    let mut client = Client::new(all(), None);
    client.said();
    client.close(Graceful);
    assert_eq!(client.answer(1, "garbage"), "closed(forced close)");
    let mut client = Client::new(all(), None);
    client.said();
    client.send(&["lost"]);
    client.close(Graceful);
    assert_eq!(client.failed(1), "closed(transport error)", "the reason says that something is lost");
}

#[test]
fn a_close_before_the_open_packet_has_its_own_deadline_and_is_no_error() {
    let mut client = opening(None);
    client.close(Graceful);
    assert_eq!(client.timeout(at(20)), "closed(forced close) abort:1");
    let limits = ClientLimits { close_timeout: std::time::Duration::from_secs(5), ..ClientLimits::default() };
    let mut client = Client::new(ClientOptions { limits, ..ClientOptions::default() }, None);
    client.said();
    client.close(Graceful);
    assert_eq!(
        (client.session.next_timeout(), client.timeout(at(5)).as_str()),
        (Some(at(5)), "closed(forced close) abort:1")
    );
    client.assert_over();
}

#[test]
fn discarding_before_the_open_packet_gives_up_what_was_to_bring_it() {
    assert_eq!(opening(None).close(Discard), "closed(forced close) abort:1");
    assert_eq!(opening(Some(WebSocket)).close(Discard), "closed(forced close) close:1");
}

// ---- during an upgrade, and after it ----

/// Row B37: before the pause there is nothing to wait for.
#[test]
fn a_close_before_polling_pauses_gives_the_upgrade_up() {
    for mut client in [Client::connecting(), Client::probing()] {
        client.send(&["a"]);
        assert_eq!(client.close(Graceful), "close:2 upgrade-failed post:4=4a");
        assert_eq!((client.says(2, "3probe").as_str(), client.take(2).as_str()), ("", ""));
        assert_eq!(client.posted(4), "post:5=1");
        assert_eq!(client.posted(5), "closed(forced close) abort:3");
        client.assert_over();
    }
}

/// Row B37, hazard R6.
#[test]
fn a_close_while_polling_pauses_goes_out_behind_what_is_queued_whichever_way_the_upgrade_ends() {
    let closing = || {
        let mut client = Client::probing();
        client.says(2, "3probe");
        client.send(&["last"]);
        assert_eq!((client.close(Graceful).as_str(), client.close(Graceful).as_str()), ("", ""));
        assert_eq!(client.try_send("late"), Err(SendError::Closed));
        client
    };
    let mut client = closing();
    assert_eq!(client.answer(3, "6"), "upgraded");
    assert_eq!(client.take(2), "5 4last closed(forced close) close:2");
    client.assert_over();
    let mut client = closing();
    assert_eq!(client.lost(2, WireLoss::Disconnected), "close:2 upgrade-failed post:4=4last");
    assert_eq!((client.posted(4).as_str(), client.posted(5).as_str()), ("post:5=1", "closed(forced close) abort:3"));
    client.assert_over();
    let mut client = closing();
    assert_eq!(client.timeout(at(10)), "close:2 upgrade-failed post:4=4last");
    assert_eq!((client.session.next_timeout(), client.posted(4).as_str()), (Some(at(40)), "post:5=1"));
    assert_eq!(client.session.next_timeout(), Some(at(40)));
    let mut client = closing();
    assert_eq!(client.close(Discard), "closed(forced close) abort:3 close:2");
}

/// Row B37.
#[test]
fn a_close_on_a_websocket_writes_what_is_queued_and_then_closes_it() {
    for (mut client, wire) in [(Client::wire(), 1), (Client::upgraded(), 2)] {
        client.send(&["a", "b"]);
        assert_eq!((client.close(Graceful).as_str(), client.try_send("late")), ("", Err(SendError::Closed)));
        let mut frames = Vec::new();
        client.session.take_frames(WireId(wire), 1, &mut frames, &mut client.out);
        assert_eq!((frames.len(), client.said().as_str()), (1, ""), "there is more to write");
        assert_eq!(client.take(wire), format!("4b closed(forced close) close:{wire}"));
        client.assert_over();
        assert_eq!((client.says(wire, "4x").as_str(), client.take(wire).as_str()), ("", ""));
    }
    let mut client = Client::wire();
    client.close(Graceful);
    assert!(client.session.wants_write(WireId(1)), "the close itself");
    assert_eq!(client.take(1), "closed(forced close) close:1");
}

#[test]
fn a_server_that_closes_while_this_side_does_is_the_end_with_its_own_reason() {
    let going_away = CloseFrame { code: CloseCode::GOING_AWAY, reason: "".into() };
    let mut client = Client::wire();
    client.send(&["a"]);
    client.close(Graceful);
    assert_eq!(client.frame(1, FrameEvent::Close(Some(going_away))), "closed(transport close) close:1,1001");
    client.assert_over();
}
