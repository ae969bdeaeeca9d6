//! What the contract and the known hazards say of sending on a client's session, sentence by sentence: how much goes into a
//! POST, what is refused, what is dropped, and what has left.

use proptest::prelude::*;

use super::{Client, OFFER, OPEN, at, open_with, text};
use crate::{
    ClientLimits, ClientOptions, ClientOutput, CloseMode, Message, MessageFrame, Moment, Packets, Payload, RequestId,
    SendError, SendOptions, SendQueue, Sent, Text, TransportKind, WhenFull, WireId,
};

fn with_limits(limits: ClientLimits) -> Client {
    let mut client = Client::new(ClientOptions { limits, ..ClientOptions::default() }, None);
    client.said();
    assert_eq!(client.answer(1, OPEN), "opened get:2");
    client
}

fn with_max_payload(bytes: &str) -> Client {
    Client::opened_by(&open_with(&[("maxPayload", bytes), ("upgrades", "[]")]), "opened get:2")
}

fn send_with(client: &mut Client, message: &str, options: SendOptions) -> Result<Sent, SendError> {
    client.session.handle_send_with(&[text(message)], options, client.now)
}

// ---- one POST at a time ----

/// Row B32.
#[test]
fn all_that_is_queued_leaves_in_one_post_and_there_is_one_post_at_a_time() {
    let mut client = Client::polling();
    client.send(&["a", "b"]);
    assert_eq!(client.flush(), "post:3=4a,4b");
    client.send(&["c"]);
    assert!(!client.session.wants_flush());
    assert_eq!(client.flush(), "");
    client.send(&["d"]);
    assert_eq!((client.posted(3).as_str(), client.posted(4).as_str()), ("post:4=4c,4d", ""));
}

/// Row B32.
#[test]
fn all_that_is_queued_leaves_in_one_round_of_frames() {
    let mut client = Client::wire();
    client.send(&["a", "b"]);
    assert_eq!(client.flush(), "", "a WebSocket has no POSTs");
    assert_eq!(client.take(1), "4a 4b");
}

#[test]
fn what_is_sent_before_the_open_packet_leaves_behind_it() {
    let mut client = Client::new(ClientOptions::default(), None);
    client.send(&["a"]);
    assert_eq!((client.said().as_str(), client.flush().as_str()), ("get:1", ""));
    client.send(&["b"]);
    assert_eq!(client.answer(1, OFFER), "opened open:2 post:3=4a,4b get:4");
    let mut client = Client::new(ClientOptions::default(), Some(TransportKind::WebSocket));
    client.send(&["a"]);
    client.said();
    assert_eq!((client.take(1).as_str(), client.says(1, OPEN).as_str(), client.take(1).as_str()), ("", "opened", "4a"));
}

#[test]
fn a_pong_stands_in_front_of_what_is_queued() {
    let mut client = Client::polling();
    client.send(&["a"]);
    assert_eq!(client.answer(2, "2"), "ping post:3=3,4a get:4");
    let mut client = Client::wire();
    client.send(&["a"]);
    client.says(1, "2");
    assert_eq!(client.take(1), "3 4a");
}

#[test]
fn a_budget_of_frames_is_kept_but_for_one_message() {
    let mut client = Client::wire();
    client.send(&["aaaa", "bbbb", "cccc"]);
    let mut taken = Vec::new();
    for budget in [0, 8, 1] {
        let mut frames = Vec::new();
        client.session.take_frames(WireId(1), budget, &mut frames, &mut client.out);
        taken.push(frames.len());
    }
    assert_eq!((taken, client.session.queued_bytes()), (vec![1, 2, 0], 0));
}

// ---- the server's bound on a payload ----

/// Row B31, to the byte: text by its UTF-8, binary by its base64, and one for each separator.
#[test]
fn a_payload_is_filled_up_to_the_server_s_bound_and_not_by_a_byte_more() {
    let binary = |len| MessageFrame::binary(&vec![1; len]);
    for (frames, first) in [
        ([text("123456"), text("1234567")], "4123456,41234567"),
        ([text("123456"), text("12345678")], "4123456"),
        ([text("é€"), text("12345678")], "4é€,412345678"),
        ([text("é€"), text("123456789")], "4é€"),
        ([binary(9), text("a")], "bAQEBAQEBAQEB,4a"),
        ([binary(9), text("ab")], "bAQEBAQEBAQEB"),
        ([binary(1), binary(6)], "bAQ==,bAQEBAQEB"),
        ([binary(4), binary(6)], "bAQEBAQ=="),
    ] {
        let mut client = Client::polling();
        client.session.handle_send(&frames, at(0)).unwrap();
        assert_eq!(client.flush(), format!("post:3={first}"));
    }
}

/// Row B31.
#[test]
fn one_message_over_the_bound_is_sent_alone_rather_than_never() {
    let mut client = Client::polling();
    client.send(&["a", "0123456789abcdefghi", "b"]);
    assert_eq!(client.flush(), "post:3=4a");
    assert_eq!(client.posted(3), "post:4=40123456789abcdefghi");
    assert_eq!(client.posted(4), "post:5=4b");
    // Not behind a pong either.
    let mut client = Client::polling();
    client.send(&["0123456789abcde"]);
    assert_eq!(client.answer(2, "2"), "ping post:3=3 get:4");
    assert_eq!(client.posted(3), "post:5=40123456789abcde");
}

/// Row B31: 0 is how a server that names no bound is read.
#[test]
fn a_server_without_a_bound_gets_all_at_once_and_one_with_a_bound_of_nothing_each_alone() {
    let mut json: serde_json::Value = serde_json::from_str(&OPEN[1..]).unwrap();
    json.as_object_mut().unwrap().remove("maxPayload");
    for mut client in [Client::opened_by(&format!("0{json}"), "opened get:2"), with_max_payload("0")] {
        client.send(&["0123456789"; 20]);
        assert_eq!(client.flush(), format!("post:3={}", ["40123456789"; 20].join(",")));
    }
    let mut client = with_max_payload("1");
    client.send(&["a", "b"]);
    assert_eq!((client.flush().as_str(), client.posted(3).as_str()), ("post:3=4a", "post:4=4b"));
}

/// Rows B31, B37: so that it makes no payload too large either. The reference drops messages that stand in one with it.
#[test]
fn the_close_packet_goes_alone_whether_or_not_it_would_fit_behind_the_last_message() {
    for message in ["", "0123456789abc", "0123456789abcd", "0123456789abcde", "0123456789abcdef"] {
        let mut client = Client::polling();
        client.send(&[message]);
        assert_eq!(client.close(CloseMode::Graceful), format!("post:3=4{message}"));
        assert_eq!(client.posted(3), "post:4=1");
        assert_eq!(client.posted(4), "closed(forced close) abort:2");
    }
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        "[aé€😀]{0,12}".prop_map(Message::from),
        proptest::collection::vec(any::<u8>(), 0..24).prop_map(|bytes| Message::Binary(bytes.into())),
    ]
}

/// What a POST carries, checked against the bound.
fn check_post(payload: &Payload, bound: usize) -> Vec<crate::Packet> {
    let text = Text::from_utf8(payload.bytes.clone()).unwrap();
    let packets: Vec<_> = Packets::new(text).map(Result::unwrap).collect();
    assert!(payload.bytes.len() <= bound || packets.len() == 1, "{} of {bound}: {packets:?}", payload.bytes.len());
    packets
}

proptest! {
    /// Row B31.
    #[test]
    fn no_post_is_larger_than_the_bound_unless_one_message_is_and_none_is_smaller_than_need_be(
        messages in proptest::collection::vec(message(), 1..20),
        bound in 1_usize..64,
        ping in any::<bool>(),
        close in any::<bool>(),
    ) {
        let mut client = with_max_payload(&bound.to_string());
        let frames: Vec<_> = messages.iter().map(MessageFrame::from).collect();
        client.session.handle_send(&frames, at(0)).unwrap();
        let mut out = Vec::new();
        if ping {
            client.session.handle_answer(RequestId(2), "2".into(), at(0), &mut out);
        }
        if close {
            client.session.handle_close(CloseMode::Graceful, at(0), &mut out);
        }
        client.session.handle_flush(&mut out);
        let (mut got, mut before) = (Vec::new(), None);
        while let Some(at_post) = out.iter().position(|output| matches!(output, ClientOutput::Post(..))) {
            let ClientOutput::Post(post, payload) = out.swap_remove(at_post) else { unreachable!() };
            let packets = check_post(&payload, bound);
            let first = payload.bytes.split(|byte| *byte == 0x1e).next().unwrap().len();
            // Row B37: the close packet goes alone, however much room there is.
            let closes = packets.contains(&crate::Packet::Close);
            prop_assert!(!closes || packets.len() == 1, "nothing is lost with the close packet: {packets:?}");
            if let Some(before) = before.filter(|_| !closes) {
                prop_assert!(before + 1 + first > bound, "the one before had room for the first of this");
            }
            before = Some(payload.bytes.len());
            got.extend(packets);
            out.clear();
            client.session.handle_posted(post, at(0), &mut out);
        }
        let mut want: Vec<_> = messages.into_iter().map(crate::Packet::Message).collect();
        if ping {
            want.insert(0, crate::Packet::Pong(Text::new()));
        }
        if close {
            want.push(crate::Packet::Close);
        }
        prop_assert_eq!((got, client.session.queued_bytes()), (want, 0));
        prop_assert_eq!(client.session.is_closed(), close);
    }
}

// ---- bounds and choices ----

#[test]
fn a_full_queue_refuses_before_the_session_is_open_and_while_it_posts() {
    let limits = || ClientLimits { max_queue_bytes: 2 * SendQueue::cost_of(&[text("x")]), ..ClientLimits::default() };
    let mut opening = Client::new(ClientOptions { limits: limits(), ..ClientOptions::default() }, None);
    opening.said();
    let mut posting = with_limits(limits());
    posting.send(&["first"]);
    posting.flush();
    for mut client in [opening, posting] {
        client.send(&["a", "b"]);
        let (queued, limit) = (client.session.queued_bytes(), limits().max_queue_bytes);
        assert_eq!(client.try_send("c"), Err(SendError::Full { queued, limit }));
        assert_eq!(client.session.queued_bytes(), queued);
        assert_eq!(send_with(&mut client, "d", SendOptions::EXEMPT), Ok(Sent::Queued { dropped: 0 }));
    }
}

/// Row J1.
#[test]
fn where_the_oldest_are_dropped_a_sender_can_still_choose_to_wait_instead() {
    let max_queue_bytes = 2 * SendQueue::cost_of(&[text("x")]);
    let limits = ClientLimits { max_queue_bytes, when_full: WhenFull::DropOldest, ..ClientLimits::default() };
    let mut client = with_limits(limits);
    for message in ["a", "b"] {
        send_with(&mut client, message, SendOptions::DROPPABLE).unwrap();
    }
    let waits = SendOptions { keeps_others: true, ..SendOptions::KEPT };
    assert!(matches!(send_with(&mut client, "c", waits), Err(SendError::Full { .. })));
    assert_eq!(send_with(&mut client, "d", SendOptions::KEPT), Ok(Sent::Queued { dropped: 1 }));
    assert_eq!(client.flush(), "post:3=4b,4d");
}

/// Row E39.
#[test]
fn a_volatile_message_needs_a_session_that_is_open_no_post_under_way_and_an_empty_queue() {
    let mut client = Client::new(ClientOptions::default(), None);
    assert_eq!(send_with(&mut client, "not open", SendOptions::VOLATILE), Ok(Sent::Discarded));
    client.said();
    client.answer(1, OPEN);
    assert_eq!(send_with(&mut client, "a", SendOptions::VOLATILE), Ok(Sent::Queued { dropped: 0 }));
    assert_eq!(send_with(&mut client, "second of a burst", SendOptions::VOLATILE), Ok(Sent::Discarded));
    assert_eq!(client.flush(), "post:3=4a");
    assert_eq!(send_with(&mut client, "posting", SendOptions::VOLATILE), Ok(Sent::Discarded));
    assert_eq!(client.posted(3), "", "nothing was kept");
    client.close(CloseMode::Graceful);
    assert_eq!(send_with(&mut client, "closing", SendOptions::VOLATILE), Err(SendError::Closed));
    let mut client = Client::wire();
    assert_eq!(send_with(&mut client, "b", SendOptions::VOLATILE), Ok(Sent::Queued { dropped: 0 }));
    assert_eq!(client.take(1), "4b");
    assert_eq!(send_with(&mut client, "being written", SendOptions::VOLATILE), Ok(Sent::Discarded));
    client.session.handle_wire_flushed(WireId(1));
    assert!(client.session.is_writable());
}

/// Row B27, `drain`.
#[test]
fn a_session_is_drained_when_the_server_or_its_connection_has_taken_all() {
    let mut client = Client::polling();
    assert!(client.session.is_drained());
    client.send(&["a"]);
    assert!(!client.session.is_drained());
    client.flush();
    assert!(!client.session.is_drained(), "nobody knows that the server has it");
    client.posted(3);
    assert!(client.session.is_drained());
    let mut client = Client::wire();
    client.send(&["a"]);
    client.take(1);
    assert!(!client.session.is_drained());
    client.session.handle_wire_flushed(WireId(1));
    assert!(client.session.is_drained());
}

/// Hazard R20: groups stay together, also over two POSTs.
#[test]
fn a_group_is_queued_whole_and_marks_stand_behind_it() {
    let mut client = Client::polling();
    let before = client.session.sent_mark();
    client.session.handle_send(&[text("0123456789"), MessageFrame::binary(&[1; 9])], Moment::EPOCH).unwrap();
    assert!(before < client.session.sent_mark());
    client.send(&["z"]);
    assert_eq!((client.flush().as_str(), client.posted(3).as_str()), ("post:3=40123456789", "post:4=bAQEBAQEBAQEB,4z"));
}
