//! Events that are sent again until they are acknowledged, row by row. (E47 to E50)

use super::*;

fn retrying(retries: u32, ack_timeout: Option<u64>) -> Rig {
    let ack_timeout = ack_timeout.map(Duration::from_secs);
    let mut rig =
        Rig::new(ClientSocketOptions { retries: Some(retries), ack_timeout, ..ClientSocketOptions::default() });
    rig.connect();
    rig.join(&json!({ "sid": "s" }));
    rig
}

/// Emits, and yields what is sent for it.
fn emit(rig: &mut Rig, name: &str, waiter: Option<u32>) -> String {
    assert_eq!(rig.emit(name, waiter), "queued");
    taken(&mut rig.out)
}

fn queued(rig: &Rig) -> Vec<String> {
    rig.socket.queued().map(|body| show_event(body, None)).collect()
}

/// E47, E49: with an acknowledgement of its own where nobody waits for one.
#[test]
fn one_event_is_on_its_way_at_a_time() {
    let mut rig = retrying(2, Some(10));
    assert_eq!(emit(&mut rig, "q1", None), "send(q1?0)");
    assert_eq!(emit(&mut rig, "q2", Some(2)), "");
    assert_eq!(emit(&mut rig, "q3", None), "");
    assert_eq!(queued(&rig), ["q1", "q2", "q3"]);
    assert_eq!(rig.packet(ack_packet(AckId(0))), "send(q2?1)");
    assert_eq!(rig.packet(ack_packet(AckId(1))), r#"answer(2,["yes"]) send(q3?2)"#);
    assert_eq!(rig.packet(ack_packet(AckId(2))), "");
    assert_eq!((queued(&rig).len(), rig.socket.held_bytes(), rig.socket.next_timeout()), (0, 0, None));
}

/// E47, E49, E50: n retries are n + 1 tries, each under an id of its own and with the whole time limit.
#[test]
fn an_event_that_is_not_acknowledged_is_sent_again_and_then_given_up() {
    let mut rig = retrying(2, Some(10));
    assert_eq!(emit(&mut rig, "q1", Some(1)), "send(q1?0)");
    assert_eq!(emit(&mut rig, "q2", Some(2)), "");
    assert_eq!(rig.timeout_at(9), "");
    assert_eq!(rig.timeout_at(10), "send(q1?1)");
    assert_eq!(rig.socket.next_timeout(), Some(at(20)));
    assert_eq!(rig.timeout_at(20), "send(q1?2)");
    assert_eq!(rig.timeout_at(30), "failed(1,TimedOut) send(q2?3)");
    assert_eq!(rig.packet(ack_packet(AckId(3))), r#"answer(2,["yes"])"#);
}

/// E50, R21.
#[test]
fn a_late_answer_to_an_earlier_try_is_nobodys() {
    let mut rig = retrying(2, Some(10));
    emit(&mut rig, "q1", Some(1));
    assert_eq!(rig.timeout_at(10), "send(q1?1)");
    assert_eq!(rig.packet(ack_packet(AckId(0))), "");
    assert_eq!(rig.packet(ack_packet(AckId(1))), r#"answer(1,["yes"])"#);
    assert_eq!(rig.packet(ack_packet(AckId(1))), "");
}

/// E47: at once on reconnection, as another try.
#[test]
fn a_reconnection_sends_the_first_event_again_at_once() {
    let mut rig = retrying(2, Some(10));
    emit(&mut rig, "q1", Some(1));
    assert_eq!(rig.reopen().0, "disconnected(transport close)");
    assert_eq!(rig.socket.next_timeout(), None);
    assert_eq!(rig.join(&json!({ "sid": "s2" })), "send(q1?1) connected");
    rig.reopen();
    assert_eq!(rig.join(&json!({ "sid": "s3" })), "send(q1?2) connected");
    // The last try was the third.
    assert_eq!(rig.close(), "disconnected(transport close) failed(1,Disconnected)");
    assert_eq!(queued(&rig).len(), 0);
}

/// E48: the reference takes the first argument of such an answer for an error.
#[test]
fn without_a_time_limit_an_event_is_sent_again_at_each_reconnection_until_it_is_acknowledged() {
    let mut rig = retrying(1, None);
    assert_eq!(emit(&mut rig, "q1", Some(1)), "send(q1?0)");
    for connection in 1..10 {
        assert_eq!(rig.socket.next_timeout(), None);
        assert_eq!(rig.reopen().0, "disconnected(transport close)");
        assert_eq!(rig.join(&json!({ "sid": "s" })), format!("send(q1?{connection}) connected"));
    }
    assert_eq!(rig.packet(ack_packet(AckId(9))), r#"answer(1,["yes"])"#);
}

/// E41, E47: the limit of the emit is that of each of its tries.
#[test]
fn a_time_limit_of_the_emit_is_that_of_each_try() {
    let mut rig = retrying(1, Some(10));
    rig.emit_with(event("q1"), within(3), Some(1));
    assert_eq!(taken(&mut rig.out), "send(q1?0)");
    assert_eq!(rig.timeout_at(3), "send(q1?1)");
    assert_eq!(rig.timeout_at(6), "failed(1,TimedOut)");
}

/// E47: from there its time begins to run.
#[test]
fn an_event_emitted_offline_waits_for_its_first_try() {
    let ack_timeout = Some(Duration::from_secs(10));
    let options = ClientSocketOptions { retries: Some(1), ack_timeout, ..ClientSocketOptions::default() };
    let mut rig = Rig::new(options);
    assert_eq!(emit(&mut rig, "q1", Some(1)), "");
    assert_eq!((rig.socket.next_timeout(), rig.timeout_at(100)), (None, String::new()));
    rig.connect();
    assert_eq!(rig.join(&json!({ "sid": "s" })), "send(q1?0) connected");
    assert_eq!(rig.socket.next_timeout(), Some(at(110)));
}

/// E47: a disconnect by either side, and then another connection by hand.
#[test]
fn what_waits_for_its_turn_stays_when_the_socket_leaves() {
    for by_server in [true, false] {
        let mut rig = retrying(5, Some(10));
        emit(&mut rig, "q1", None);
        if by_server {
            rig.packet(packet(PacketKind::Disconnect, None));
        } else {
            rig.disconnect();
        }
        assert_eq!((queued(&rig), rig.socket.next_timeout()), (vec!["q1".into()], None));
        rig.connect();
        assert_eq!(rig.join(&json!({ "sid": "s" })), "send(q1?1) connected");
    }
}

/// E47: at once or not at all.
#[test]
fn volatile_events_do_not_wait_for_their_turn() {
    let mut rig = retrying(2, Some(10));
    emit(&mut rig, "q1", None);
    assert_eq!(rig.emit_with(event("v"), volatile(), None), "send(v)");
    rig.close();
    assert_eq!(rig.emit_with(event("v"), volatile(), None), "dropped");
}

/// E47: as in the reference.
#[test]
fn no_retries_and_none_at_all_are_the_same() {
    for retries in [Some(0), None] {
        let mut rig = Rig::new(ClientSocketOptions { retries, ..ClientSocketOptions::default() });
        assert_eq!(rig.emit("x", None), "buffered");
    }
}

/// E47 with B30: it was never sent, so that the try does not count; and it is in one line only. (R39)
#[test]
fn a_try_that_the_engine_did_not_take_does_not_count() {
    let mut rig = retrying(1, Some(10));
    rig.emit("q1", Some(1));
    for _ in 0..5 {
        let first = rig.out.iter().position(|output| matches!(output, ClientOutput::Send(_)));
        let Some(ClientOutput::Send(packet)) = first.map(|first| rig.out.remove(first)) else { panic!("it is sent") };
        rig.out.clear();
        assert_eq!(show_emitted(rig.socket.handle_unsent(packet, &mut rig.out)), "queued");
        assert_eq!((rig.buffered().len(), queued(&rig).len(), rig.socket.next_timeout()), (0, 1, None));
        assert_eq!(rig.reopen().0, "disconnected(transport close)");
        rig.socket.handle_packet(connect(), rig.now, &mut rig.out).unwrap();
    }
    assert_eq!(taken(&mut rig.out), "send(q1?5) connected");
    assert_eq!((rig.timeout_at(10), rig.timeout_at(20)), ("send(q1?6)".into(), "failed(1,TimedOut)".into()));
}

/// R39: one bound for both lines, connected or not.
#[test]
fn what_waits_for_its_turn_is_bounded() {
    let offline = OfflinePolicy::Bounded { max_bytes: 2 * 70 };
    let mut rig = Rig::new(ClientSocketOptions { retries: Some(1), offline, ..ClientSocketOptions::default() });
    rig.connect();
    rig.join(&json!({ "sid": "s" }));
    emit(&mut rig, "q1", None);
    emit(&mut rig, "q2", None);
    assert_eq!(rig.emit("q3", Some(3)), "not: the offline buffer is full (140 of 140 bytes) (3)");
    rig.packet(ack_packet(AckId(0)));
    emit(&mut rig, "q4", None);
    rig.close();
    assert_eq!(rig.emit("q5", None), "not: the offline buffer is full (140 of 140 bytes)");
    assert_eq!(queued(&rig), ["q2", "q4"]);
}

/// R39: and offline nothing is.
#[test]
fn under_the_policy_none_events_wait_for_their_turn_only_while_connected() {
    let options = ClientSocketOptions { retries: Some(1), offline: OfflinePolicy::None, ..Default::default() };
    let mut rig = Rig::new(options);
    assert_eq!(rig.emit("q1", Some(1)), "not: the socket is not connected (1)");
    rig.connect();
    rig.join(&json!({ "sid": "s" }));
    assert_eq!((emit(&mut rig, "q1", None), emit(&mut rig, "q2", None)), ("send(q1?0)".into(), String::new()));
}

/// What is on its way is forgotten with the others, and its answer is nobody's.
#[test]
fn the_line_can_be_cleared() {
    let mut rig = retrying(2, Some(10));
    emit(&mut rig, "q1", Some(1));
    emit(&mut rig, "q2", Some(2));
    rig.socket.clear_queue(&mut rig.out);
    assert_eq!(taken(&mut rig.out), "failed(1,Cleared) failed(2,Cleared)");
    assert_eq!((rig.socket.next_timeout(), rig.socket.held_bytes()), (None, 0));
    assert_eq!(rig.packet(ack_packet(AckId(0))), "");
    assert_eq!(emit(&mut rig, "q3", None), "send(q3?1)");
}

/// R43: one try for each time that the timeout is handled, however short the limit.
#[test]
fn a_time_limit_of_nothing_does_not_hang() {
    let mut rig = retrying(u32::MAX, Some(0));
    assert_eq!(emit(&mut rig, "q1", None), "send(q1?0)");
    assert_eq!(rig.timeout_at(1), "send(q1?1)");
    assert_eq!(rig.timeout_at(1), "send(q1?2)");
}
