//! What a socket sends and keeps, and who waits for the answer, row by row. (E36 to E45)

use super::*;

fn bounded(max_bytes: usize) -> Rig {
    let offline = OfflinePolicy::Bounded { max_bytes };
    Rig::new(ClientSocketOptions { offline, ..ClientSocketOptions::default() })
}

/// E36, E54, E55, E56: they cannot become the body of an event.
#[test]
fn reserved_names_are_refused_before_they_come_here() {
    for name in crate::RESERVED_EVENTS {
        assert_eq!(Body::event(name, &()), Err(crate::EncodeError::ReservedEvent));
    }
    let mut rig = Rig::connected();
    let picture = Body::event("picture", &(bytes::Bytes::from_static(b"a"), 1)).unwrap();
    assert_eq!(rig.emit_with(picture, EmitOptions::default(), None), "send(picture)");
}

/// E37, R39: in order, once, and in front of whatever is emitted from now on.
#[test]
fn events_of_an_unconnected_socket_are_sent_when_it_is_connected() {
    let mut rig = Rig::idle();
    assert_eq!(rig.emit("b1", None), "buffered");
    rig.connect();
    assert_eq!(rig.emit("b2", Some(1)), "buffered?0");
    assert_eq!(rig.buffered(), ["b1", "b2"]);
    assert_eq!(rig.join(&json!({ "sid": "s" })), "send(b1) send(b2?0) connected");
    assert_eq!(rig.emit("x", None), "send(x)");
    rig.close();
    assert_eq!(rig.emit("b3", None), "buffered");
    rig.socket.handle_engine_opened(&mut rig.out);
    rig.answer_auth(None);
    assert_eq!(rig.join(&json!({ "sid": "s" })), "send(b3) connected");
}

/// E37, R39.
#[test]
fn an_event_that_finds_the_buffer_full_is_refused_and_the_others_stay() {
    // An event `bN` has 6 bytes and 64 of its own.
    let mut rig = bounded(2 * 70);
    assert_eq!((rig.emit("b1", None), rig.emit("b2", Some(1))), ("buffered".into(), "buffered?0".into()));
    let refusal = "the offline buffer is full (140 of 140 bytes)";
    assert_eq!(rig.emit("b3", Some(2)), format!("not: {refusal} (2)"));
    assert_eq!(rig.emit("b4", None), format!("not: {refusal}"));
    assert_eq!((rig.buffered(), rig.socket.held_bytes()), (vec!["b1".into(), "b2".into()], 140));
    rig.socket.forget_ack(AckId(0));
    assert_eq!(rig.emit("b5", None), "buffered");
    rig.connect();
    assert_eq!(rig.join(&json!({ "sid": "s" })), "send(b1) send(b5) connected");
    assert_eq!(rig.socket.held_bytes(), 0);
}

/// R39: attachments count as well.
#[test]
fn attachments_count_for_the_bound() {
    let mut rig = bounded(1000);
    let body = Body::event("x", &bytes::Bytes::from(vec![0; 1000])).unwrap();
    assert!(rig.emit_with(body, EmitOptions::default(), None).starts_with("not: the offline buffer is full (0 of"));
}

/// R39.
#[test]
fn nothing_is_kept_where_that_is_the_policy() {
    let mut rig = Rig::new(ClientSocketOptions { offline: OfflinePolicy::None, ..ClientSocketOptions::default() });
    assert_eq!(rig.emit("b", Some(1)), "not: the socket is not connected (1)");
    rig.connect();
    rig.join(&json!({ "sid": "s" }));
    assert_eq!(rig.emit("x", Some(2)), "send(x?0)");
    let packet = Outgoing::event(event("x"), Some(AckId(0)));
    let unsent = rig.socket.handle_unsent(packet, &mut rig.out);
    assert_eq!(show_emitted(unsent), "not: the socket is not connected (2)");
    assert_eq!(rig.close(), "disconnected(transport close)");
}

/// R39.
#[test]
fn without_a_bound_everything_is_kept() {
    let mut rig = Rig::new(ClientSocketOptions { offline: OfflinePolicy::Unbounded, ..ClientSocketOptions::default() });
    for _ in 0..200 {
        let body = Body::event("x", &"y".repeat(100_000)).unwrap();
        assert_eq!(rig.emit_with(body, EmitOptions::default(), None), "buffered");
    }
}

/// E37 with B30: the engine has noticed that its connection is dead, and has not closed yet.
#[test]
fn what_the_engine_did_not_take_is_sent_on_the_next_connection_in_order() {
    let mut rig = Rig::connected();
    for (name, waiter, emitted) in [("u1", Some(1), "buffered?0"), ("u2", None, "buffered")] {
        let Ok(Emitted::Send(packet)) =
            rig.socket.handle_emit(event(name), EmitOptions::default(), waiter, rig.now, &mut rig.out)
        else {
            // Nothing overtakes what is kept.
            assert_eq!((name, rig.buffered()), ("u2", vec!["u1".into(), "u2".into()]));
            continue;
        };
        assert_eq!(show_emitted(rig.socket.handle_unsent(packet, &mut rig.out)), emitted);
    }
    assert_eq!(rig.reopen().0, "disconnected(transport close)");
    assert_eq!(rig.join(&json!({ "sid": "s2" })), "send(u1?0) send(u2) connected");
    assert_eq!(rig.packet(ack_packet(AckId(0))), r#"answer(1,["yes"])"#);
}

/// R22: who waited has failed already, and perhaps emitted it again.
#[test]
fn what_comes_back_from_the_engine_after_its_waiter_has_failed_is_dropped() {
    let mut rig = Rig::connected();
    rig.emit("x", Some(1));
    rig.close();
    let unsent = rig.socket.handle_unsent(Outgoing::event(event("x"), Some(AckId(0))), &mut rig.out);
    assert_eq!((show_emitted(unsent), rig.buffered().len()), ("dropped".into(), 0));
}

/// E39, R39.
#[test]
fn a_volatile_event_is_never_kept() {
    let mut rig = Rig::idle();
    assert_eq!(rig.emit_with(event("v"), volatile(), None), "dropped");
    rig.connect();
    assert_eq!(rig.emit_with(event("v"), volatile(), Some(1)), "dropped");
    assert_eq!(taken(&mut rig.out), "failed(1,Disconnected)");
    assert_eq!(rig.join(&json!({ "sid": "s" })), "connected");
    let emitted = rig.socket.handle_emit(event("v"), volatile(), Some(2), rig.now, &mut rig.out);
    let Ok(Emitted::Send(packet)) = emitted else { panic!("it is connected") };
    assert!(packet.volatile);
    assert_eq!(show_emitted(rig.socket.handle_unsent(packet, &mut rig.out)), "dropped");
    assert_eq!(taken(&mut rig.out), "failed(2,Disconnected)");
}

/// E40.
#[test]
fn whether_an_event_may_be_compressed_is_kept_with_it() {
    for compress in [true, false] {
        let mut rig = Rig::idle();
        let options = EmitOptions { compress, ..EmitOptions::default() };
        rig.emit_with(event("b"), options, None);
        rig.connect();
        rig.socket.handle_packet(connect(), rig.now, &mut rig.out).unwrap();
        let Some(ClientOutput::Send(packet)) = rig.out.first() else { panic!("it was kept") };
        assert_eq!(packet.compress, compress);
    }
    assert!(EmitOptions::default().compress);
}

/// E41: and a late answer is nobody's.
#[test]
fn an_acknowledgement_that_does_not_come_in_time_has_failed() {
    let mut rig = Rig::connected();
    rig.emit_with(event("x"), within(10), Some(1));
    rig.emit_with(event("y"), within(5), Some(2));
    rig.emit("z", Some(3));
    assert_eq!(rig.socket.next_timeout(), Some(at(5)));
    assert_eq!(rig.timeout_at(4), "");
    assert_eq!(rig.timeout_at(5), "failed(2,TimedOut)");
    assert_eq!(rig.timeout_at(11), "failed(1,TimedOut)");
    assert_eq!(rig.packet(ack_packet(AckId(0))), "");
    assert_eq!((rig.socket.next_timeout(), rig.packet(ack_packet(AckId(2)))), (None, r#"answer(3,["yes"])"#.into()));
}

/// E41.
#[test]
fn an_event_that_times_out_in_the_offline_buffer_is_not_sent() {
    let mut rig = Rig::idle();
    rig.emit_with(event("b1"), within(10), Some(1));
    rig.emit("b2", None);
    assert_eq!(rig.timeout_at(10), "failed(1,TimedOut)");
    assert_eq!(rig.buffered(), ["b2"]);
}

/// E41: whoever waited has given up.
#[test]
fn an_event_whose_waiter_is_gone_leaves_the_offline_buffer() {
    let mut rig = Rig::idle();
    rig.emit("b1", Some(1));
    rig.emit("b2", Some(2));
    assert_eq!((rig.socket.forget_ack(AckId(0)), rig.socket.forget_ack(AckId(0))), (Some(1), None));
    assert_eq!(rig.buffered(), ["b2"]);
    rig.connect();
    assert_eq!(rig.join(&json!({ "sid": "s" })), "send(b2?1) connected");
    assert_eq!(rig.socket.forget_ack(AckId(1)), Some(2));
    assert_eq!(rig.packet(ack_packet(AckId(1))), "");
}

/// E42.
#[test]
fn the_time_limit_of_the_socket_holds_where_the_emit_has_none() {
    let ack_timeout = Some(Duration::from_secs(20));
    let mut rig = Rig::new(ClientSocketOptions { ack_timeout, ..ClientSocketOptions::default() });
    rig.emit("x", Some(1));
    rig.emit_with(event("y"), within(5), Some(2));
    assert_eq!((rig.timeout_at(19), rig.timeout_at(20)), ("failed(2,TimedOut)".into(), "failed(1,TimedOut)".into()));
}

/// A long line of events that time out together does not take long: each is found without a search.
#[test]
fn a_long_buffer_that_times_out_is_emptied_quickly() {
    let mut rig = Rig::idle();
    for waiter in 0..50_000 {
        rig.emit_with(event("b"), within(10), Some(waiter));
    }
    rig.socket.handle_timeout(at(10), &mut rig.out);
    assert_eq!((rig.out.len(), rig.socket.held_bytes(), rig.socket.next_timeout()), (50_000, 0, None));
}

/// E43, E44, R22: all that was sent, whether it has a time limit or not; not what still waits to be sent.
#[test]
fn acknowledgements_fail_at_a_disconnect_unless_their_event_was_not_sent() {
    let mut rig = Rig::connected();
    rig.emit("x", Some(1));
    rig.emit_with(event("y"), within(10), Some(2));
    rig.emit("z", Some(3));
    rig.socket.handle_unsent(Outgoing::event(event("z"), Some(AckId(2))), &mut rig.out).unwrap();
    rig.emit("late", Some(4));
    assert_eq!(rig.close(), "disconnected(transport close) failed(1,Disconnected) failed(2,Disconnected)");
    assert_eq!(rig.socket.next_timeout(), None);
    rig.emit("later", Some(5));
    assert_eq!(rig.disconnect(), "");
    assert_eq!(rig.buffered(), ["z", "late", "later"]);
    rig.connect();
    assert_eq!(rig.join(&json!({ "sid": "s" })), "send(z?2) send(late?3) send(later?4) connected");
}

/// E45.
#[test]
fn only_the_first_answer_to_a_question_counts() {
    let mut rig = Rig::connected();
    rig.emit("x", Some(1));
    assert_eq!(rig.packet(ack_packet(AckId(0))), r#"answer(1,["yes"])"#);
    assert_eq!(rig.packet(ack_packet(AckId(0))), "");
    assert_eq!(rig.packet(ack_packet(AckId(7))), "");
}

/// R21: the ids go on across connections, so that an answer from before meets nobody.
#[test]
fn an_id_is_never_used_for_a_second_question() {
    let mut rig = Rig::connected();
    assert_eq!(rig.emit("x", Some(1)), "send(x?0)");
    rig.reopen();
    rig.join(&json!({ "sid": "s2" }));
    assert_eq!(rig.emit("x", Some(2)), "send(x?1)");
    assert_eq!(rig.packet(ack_packet(AckId(0))), "");
    assert_eq!(rig.packet(ack_packet(AckId(1))), r#"answer(2,["yes"])"#);
}

/// E46, R21: the number of the connection is there to tell whether the server can still be answered.
#[test]
fn an_event_of_the_servers_is_told_with_the_id_that_it_wants_acknowledged() {
    let mut rig = Rig::connected();
    let connection = rig.socket.connection();
    let question = Packet { ack: Some(AckId(7)), ..event_packet(event("x")) };
    assert_eq!(rig.packet(question), "event(x?7)");
    rig.reopen();
    rig.join(&json!({ "sid": "s2" }));
    assert_ne!(rig.socket.connection(), connection);
}

/// R39.
#[test]
fn the_offline_buffer_can_be_looked_at_and_cleared() {
    let mut rig = Rig::idle();
    rig.emit("b1", Some(1));
    rig.emit_with(event("b2"), within(10), Some(2));
    rig.emit("b3", None);
    assert_eq!(rig.buffered(), ["b1", "b2", "b3"]);
    rig.socket.clear_buffer(&mut rig.out);
    assert_eq!(taken(&mut rig.out), "failed(1,Cleared) failed(2,Cleared)");
    assert_eq!((rig.buffered().len(), rig.socket.held_bytes(), rig.socket.next_timeout()), (0, 0, None));
    rig.connect();
    assert_eq!(rig.join(&json!({ "sid": "s" })), "connected");
}
