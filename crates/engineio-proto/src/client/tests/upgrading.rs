//! What the contract and the known hazards say of the move from long-polling to a WebSocket, sentence by sentence.

use bytes::Bytes;

use super::{Client, OFFER, at, text};
use crate::{
    ClientOptions, Message, SendOptions, Sent, TransportKind, WireId, WireLoss,
    websocket::{CloseCode, CloseFrame, FrameError, FrameEvent},
};

use TransportKind::{Polling, WebSocket};

fn is(client: &Client) -> (TransportKind, bool) {
    (client.session.transport(), client.session.is_upgrading())
}

/// Row B4.
#[test]
fn a_session_is_upgraded_only_where_the_server_offers_it_and_the_client_may() {
    let opened = |options, open: &str| {
        let mut client = Client::new(options, None);
        client.said();
        client.answer(1, open)
    };
    let may = ClientOptions::default;
    assert_eq!(opened(may(), OFFER), "opened open:2 get:3");
    assert_eq!(opened(may(), super::OPEN), "opened get:2");
    assert_eq!(opened(may(), &super::open_with(&[("upgrades", r#"["webtransport","WebSocket"]"#)])), "opened get:2");
    assert_eq!(opened(ClientOptions { upgrade: false, ..may() }, OFFER), "opened get:2");
    assert_eq!(opened(ClientOptions { transports: vec![Polling], ..may() }, OFFER), "opened get:2");
}

#[test]
fn a_session_that_was_opened_on_a_websocket_has_nothing_to_upgrade_to() {
    let client = Client::wire();
    assert_eq!(is(&client), (WebSocket, false));
    assert_eq!(client.session.handshake().unwrap().upgrades, ["websocket"]);
}

/// Row B34.
#[test]
fn the_probe_is_written_when_the_websocket_is_open_and_its_answer_pauses_polling() {
    let mut client = Client::connecting();
    assert_eq!((client.take(2).as_str(), is(&client)), ("", (Polling, true)));
    client.session.handle_wire_opened(WireId(2));
    client.session.handle_wire_opened(WireId(2));
    assert_eq!((client.take(2).as_str(), client.take(2).as_str()), ("2probe", ""));
    assert_eq!((client.says(2, "3probe").as_str(), is(&client)), ("", (Polling, true)), "the GET is waited for");
    assert_eq!((client.answer(3, "6").as_str(), is(&client)), ("upgraded", (WebSocket, false)));
    assert_eq!((client.take(2).as_str(), client.take(2).as_str()), ("5", ""));
}

/// Row B34: the pause waits for the GET and for the POST, whichever is the last.
#[test]
fn the_switch_comes_when_neither_a_get_nor_a_post_is_under_way() {
    for get_first in [true, false] {
        let mut client = Client::probing();
        client.send(&["by post"]);
        assert_eq!((client.flush().as_str(), client.says(2, "3probe").as_str()), ("post:4=4by post", ""));
        if get_first {
            assert_eq!((client.answer(3, "4a").as_str(), client.posted(4).as_str()), ("message(a)", "upgraded"));
        } else {
            assert_eq!((client.posted(4).as_str(), client.answer(3, "4a").as_str()), ("", "message(a) upgraded"));
        }
        assert_eq!(client.take(2), "5");
    }
    // Neither was under way while the probe was asked.
    let mut client = Client::probing();
    client.says(2, "3probe");
    assert_eq!(client.answer(3, "6"), "upgraded");
}

/// Row B33; hazard R6.
#[test]
fn what_is_sent_while_polling_pauses_goes_over_the_websocket_behind_the_upgrade_packet() {
    let mut client = Client::probing();
    client.send(&["a"]);
    assert_eq!(client.flush(), "post:4=4a", "until the answer to the probe all goes by POST");
    client.send(&["b"]);
    client.says(2, "3probe");
    client.send(&["c"]);
    assert!(!client.session.wants_flush());
    assert_eq!((client.flush(), client.posted(4), client.take(2)), (String::new(), String::new(), String::new()));
    assert_eq!(client.answer(3, "2\u{1e}4m"), "ping message(m) upgraded");
    assert_eq!(client.take(2), "5 3 4b 4c", "the upgrade packet is the first, the pong is not lost");
}

/// Hazard R6: the same where there is little room, so that many POSTs and takes are needed.
#[test]
fn no_message_is_lost_doubled_or_swapped_by_an_upgrade() {
    for switch_at in 0..30_u32 {
        let mut client = Client::connecting();
        let (mut sent, mut get, mut post, mut posted) = (0, 3, None, Vec::new());
        for step in 0..40 {
            let message = format!("{sent:05}");
            client.send(&[&message]);
            sent += 1;
            let mut said = client.flush();
            if step == switch_at {
                client.session.handle_wire_opened(WireId(2));
                assert_eq!((client.take(2).as_str(), client.says(2, "3probe").as_str()), ("2probe", ""));
            }
            if step % 3 == 2
                && let Some(done) = post.take()
            {
                said = format!("{said} {}", client.posted(done));
            }
            if step % 5 == 4 {
                said = format!("{said} {}", client.answer(get, "6"));
            }
            for word in said.split_whitespace() {
                if let Some(number) = word.strip_prefix("get:") {
                    get = number.parse().unwrap();
                } else if let Some((number, packets)) = word.strip_prefix("post:").and_then(|word| word.split_once('='))
                {
                    post = Some(number.parse::<u32>().unwrap());
                    posted.extend(packets.split(',').map(String::from));
                }
            }
        }
        let written = client.take(2);
        let mut got = posted.iter().map(String::as_str).chain(written.split_whitespace());
        assert!(got.by_ref().filter(|packet| *packet != "5").eq((0..sent).map(|n| format!("4{n:05}"))), "{switch_at}");
        assert_eq!(is(&client).0, WebSocket, "{switch_at}");
    }
}

/// Row B35: the event, and nothing else.
#[test]
fn a_websocket_that_does_not_open_or_ends_leaves_the_session_on_long_polling() {
    let too_big = WireLoss::Violation(FrameError::MessageTooBig { limit: 16, seen: 17 });
    for client in [Client::connecting, Client::probing] {
        assert_eq!(client().lost(2, WireLoss::Disconnected), "close:2 upgrade-failed");
        assert_eq!(client().lost(2, too_big), "close:2,1009 upgrade-failed");
        let going_away = CloseFrame { code: CloseCode::GOING_AWAY, reason: "".into() };
        assert_eq!(client().frame(2, FrameEvent::Close(Some(going_away))), "close:2,1001 upgrade-failed");
        let mut client = client();
        client.lost(2, WireLoss::Disconnected);
        assert_eq!(is(&client), (Polling, false));
        let dead = [client.says(2, "3probe"), client.take(2), client.lost(2, WireLoss::Disconnected)].concat();
        assert_eq!((dead.as_str(), client.answer(3, "4a").as_str()), ("", "message(a) get:4"));
    }
}

/// Row B35. The reference leaves such a WebSocket open for ever.
#[test]
fn any_other_answer_than_the_right_one_ends_the_probe_and_only_it() {
    let mut answers: Vec<Message> =
        ["3", "3Probe", "3probe ", "2probe", "4x", "1", "0{}", "6", "", "9"].map(Message::from).into();
    answers.push(Message::Binary(Bytes::from_static(b"3probe")));
    for answer in answers {
        let mut client = Client::probing();
        let said = client.frame(2, FrameEvent::Message(answer.clone()));
        assert_eq!(said, "close:2 upgrade-failed", "{answer:?}");
        assert_eq!(client.answer(3, "4a"), "message(a) get:4", "{answer:?}");
    }
}

#[test]
fn the_right_answer_before_the_question_ends_the_probe_too() {
    let mut client = Client::connecting();
    client.session.handle_wire_opened(WireId(2));
    assert_eq!(client.says(2, "3probe"), "close:2 upgrade-failed");
    let mut client = Client::probing();
    assert_eq!((client.says(2, "3probe").as_str(), client.says(2, "3probe").as_str()), ("", "close:2 upgrade-failed"));
}

/// Row B35: nothing may have been lost by a pause that was in vain.
#[test]
fn an_upgrade_that_fails_while_polling_pauses_goes_on_by_long_polling_where_it_stood() {
    let paused = || {
        let mut client = Client::probing();
        client.says(2, "3probe");
        client.send(&["b"]);
        client
    };
    let mut client = paused();
    assert_eq!(
        client.lost(2, WireLoss::Disconnected),
        "close:2 upgrade-failed post:4=4b",
        "the GET is still under way"
    );
    let mut client = paused();
    client.flush();
    client.send(&["c"]);
    assert_eq!(client.says(2, "4x"), "close:2 upgrade-failed post:4=4b,4c");
    let mut client = Client::probing();
    client.send(&["a"]);
    client.flush();
    client.says(2, "3probe");
    assert_eq!(client.answer(3, "6"), "", "the POST is waited for");
    client.send(&["b"]);
    assert_eq!(client.lost(2, WireLoss::Disconnected), "close:2 upgrade-failed get:5");
    assert_eq!(client.posted(4), "post:6=4b");
}

#[test]
fn an_upgrade_that_takes_too_long_is_given_up_in_each_of_its_steps() {
    let mut connecting = Client::connecting();
    assert_eq!(connecting.session.next_timeout(), Some(at(10)));
    assert_eq!(connecting.timeout(at(9)), "");
    let mut pausing = Client::probing();
    pausing.says(2, "3probe");
    for mut client in [connecting, Client::probing(), pausing] {
        assert_eq!(client.timeout(at(10)), "close:2 upgrade-failed");
        assert_eq!((client.session.next_timeout(), is(&client)), (Some(at(45)), (Polling, false)));
        assert_eq!(client.answer(3, "6"), "get:4");
    }
}

/// Row B36, hazard R5: there is one upgrade in a session, whatever became of it.
#[test]
fn a_session_tries_one_upgrade_and_not_another_one() {
    let mut client = Client::connecting();
    client.lost(2, WireLoss::Disconnected);
    assert_eq!(client.answer(3, OFFER), "get:4", "not even if it is offered again");
    let mut client = Client::upgraded();
    client.session.handle_wire_opened(WireId(2));
    assert_eq!((client.says(2, "3probe").as_str(), client.take(2).as_str()), ("", ""));
}

/// Hazard R4.
#[test]
fn on_the_websocket_packets_of_long_polling_are_read_over_and_late_answers_ignored() {
    let mut client = Client::upgraded();
    let stray = [client.says(2, "6"), client.says(2, "5"), client.says(2, "3probe"), client.take(2)].concat();
    let late = [client.answer(3, "4x"), client.answer(4, "1"), client.failed(3), client.posted(4)].concat();
    assert_eq!((stray.as_str(), late.as_str(), client.says(2, "4a").as_str()), ("", "", "message(a)"));
}

/// Hazard R3: the server lets the GET go with a noop, as often as it is asked.
#[test]
fn a_get_that_is_let_go_by_a_noop_before_the_answer_to_the_probe_is_followed_by_another_one() {
    let mut client = Client::probing();
    assert_eq!((client.answer(3, "6").as_str(), client.answer(4, "6").as_str()), ("get:4", "get:5"));
    assert_eq!((client.says(2, "3probe").as_str(), client.answer(5, "6").as_str()), ("", "upgraded"));
}

/// Hazard R7.
#[test]
fn the_watch_over_the_pings_goes_on_through_an_upgrade() {
    let mut client = Client::probing();
    client.now = at(8);
    client.says(2, "3probe");
    client.answer(3, "6");
    assert_eq!((client.session.next_timeout(), client.take(2).as_str()), (Some(at(45)), "5"), "no pong unasked");
    client.now = at(9);
    assert_eq!((client.says(2, "2").as_str(), client.take(2).as_str()), ("ping", "3"));
    assert_eq!(client.session.next_timeout(), Some(at(54)));
    // A server that falls silent during the upgrade is found out all the same.
    let mut client = Client::probing();
    assert_eq!(client.timeout(at(45)), "close:2 upgrade-failed closed(ping timeout) abort:3");
}

/// Hazard R7: what is owed goes to where the session is.
#[test]
fn a_ping_that_came_by_long_polling_is_answered_once_whichever_way_the_session_goes() {
    let mut client = Client::probing();
    client.send(&["a"]);
    client.flush();
    client.says(2, "3probe");
    assert_eq!((client.answer(3, "2").as_str(), client.take(2).as_str()), ("ping", ""));
    assert_eq!((client.posted(4).as_str(), client.take(2).as_str()), ("upgraded", "5 3"));
    let mut client = Client::probing();
    client.says(2, "3probe");
    client.send(&["b"]);
    assert_eq!(client.lost(2, WireLoss::Disconnected), "close:2 upgrade-failed post:4=4b");
    assert_eq!((client.answer(3, "2").as_str(), client.posted(4).as_str()), ("ping get:5", "post:6=3"));
}

/// [RFC 6455 §5.5.3]
#[test]
fn a_websocket_ping_during_the_probe_is_answered_and_one_of_a_lost_probe_is_not() {
    let mut client = Client::probing();
    let ping = || FrameEvent::Ping(Bytes::from_static(b"z"));
    client.frame(2, ping());
    client.frame(2, FrameEvent::Pong(Bytes::new()));
    assert_eq!((client.take(2).as_str(), client.take(2).as_str()), ("pong:z", ""));
    client.frame(2, ping());
    client.says(2, "3probe");
    client.answer(3, "6");
    assert_eq!(client.take(2), "5 pong:z");
    let mut client = Client::probing();
    client.frame(2, ping());
    client.lost(2, WireLoss::Disconnected);
    assert_eq!(client.take(2), "");
}

/// Row E39: while polling pauses, nothing can leave at once.
#[test]
fn volatile_messages_go_by_post_until_polling_pauses_and_by_the_websocket_after_the_switch() {
    let volatile = |client: &mut Client, message| {
        let now = client.now;
        client.session.handle_send_with(&[text(message)], SendOptions::VOLATILE, now).unwrap()
    };
    let mut client = Client::probing();
    assert_eq!(volatile(&mut client, "a"), Sent::Queued { dropped: 0 });
    assert_eq!((client.flush().as_str(), client.posted(4).as_str()), ("post:4=4a", ""));
    client.says(2, "3probe");
    assert_eq!(volatile(&mut client, "pausing"), Sent::Discarded);
    assert_eq!(client.answer(3, "6"), "upgraded");
    assert_eq!(volatile(&mut client, "b"), Sent::Queued { dropped: 0 });
    assert_eq!(client.take(2), "5 4b");
    assert_eq!(volatile(&mut client, "being written"), Sent::Discarded);
    client.session.handle_wire_flushed(WireId(2));
    assert_eq!(volatile(&mut client, "c"), Sent::Queued { dropped: 0 });
}
