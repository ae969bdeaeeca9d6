//! The rules of recovery one by one, with time as an argument. What they add up to is simulated in
//! `tests/recovery.rs`.

use std::time::Duration;

use super::*;

type Store = Recovery<u32, &'static str, &'static str>;

const PID: &str = "hm2bp0oeDzXHl5YpAAAB";
const SOCKET: u32 = 1;

const LIMITS: RecoveryLimits = RecoveryLimits {
    max_disconnection_duration: Duration::from_secs(120),
    detection: Duration::from_secs(65),
    max_packets: 100,
    max_bytes: 1000,
    max_sessions: 3,
};

fn at(seconds: u64) -> Moment {
    Moment::EPOCH + Duration::from_secs(seconds)
}

fn store() -> Store {
    Recovery::new(7, LIMITS)
}

fn record(store: &mut Store, packet: &'static str, seconds: u64) -> Offset {
    let reserved = store.reserve(at(seconds));
    let offset = reserved.offset();
    store.record(reserved, packet, 10, at(seconds));
    offset
}

/// A store with one client that joined before everything and was noticed to be gone at this second.
fn with_client(store: &mut Store, joined: Offset, gone: u64) {
    store.connected(PrivateId::new(PID), SOCKET, None, at(gone));
    store.save(PrivateId::new(PID), &SOCKET, "session", joined, at(gone));
}

fn restore(store: &mut Store, offset: Option<Offset>, seconds: u64) -> Result<Vec<&'static str>, NotRecovered<u32>> {
    let text = offset.map(|offset| offset.to_string());
    let restored = store.restore(PID, text.as_deref(), at(seconds))?;
    assert_eq!(*restored.session(), "session");
    Ok(restored.missed().map(|missed| *missed.packet).collect())
}

// D105
#[test]
fn offsets_grow_within_one_tick_and_when_the_clock_goes_back() {
    let mut store = store();
    let mut last = store.latest();
    for seconds in [0, 0, 0, 5, 5, 3, 9, 0] {
        let reserved = store.reserve(at(seconds));
        assert!(reserved.offset() > last, "{seconds}");
        last = reserved.offset();
    }
    assert_eq!(store.reserve(at(3600)).offset().to_string(), "7.1njchs0");
}

// D105, R32 (e)
#[test]
fn an_offset_has_one_text_and_no_other_text_is_one() {
    for text in ["0.0", "7.0", "1z141z3.3w5e11264sgsf", "a.zz"] {
        assert_eq!(text.parse::<Offset>().map(|offset| offset.to_string()).as_deref(), Ok(text));
    }
    let wrong = [
        "",
        ".",
        "7",
        "7.",
        ".7",
        "07.1",
        "7.01",
        "7.1.1",
        "+7.1",
        "7.-1",
        "7.A",
        "7. 1",
        "7.é",
        "hello",
        "1z141z4.0",
        "7.3w5e11264sgsg",
        "7.00000000000001",
        "7.zzzzzzzzzzzzzz",
    ];
    for text in wrong {
        assert_eq!(text.parse::<Offset>(), Err(NotAnOffset), "{text:?}");
    }
}

// D106, D108, D109
#[test]
fn a_client_gets_what_came_after_its_offset() {
    let mut store = store();
    let joined = store.latest();
    let first = record(&mut store, "a", 1);
    let second = record(&mut store, "b", 2);
    let third = record(&mut store, "c", 3);
    with_client(&mut store, joined, 10);
    for (offset, missed) in
        [(first, vec!["b", "c"]), (second, vec!["c"]), (third, vec![]), (joined, vec!["a", "b", "c"])]
    {
        assert_eq!(restore(&mut store, Some(offset), 20), Ok(missed), "{offset}");
    }
}

// R32 (a)
#[test]
fn a_client_that_never_received_an_event_gets_everything_since_it_joined() {
    let mut store = store();
    let before = record(&mut store, "before", 1);
    let joined = store.latest();
    record(&mut store, "a", 2);
    with_client(&mut store, joined, 10);
    record(&mut store, "b", 11);
    assert_eq!(restore(&mut store, None, 20), Ok(vec!["a", "b"]));
    // And it cannot have what came before it, even if it names such an offset.
    assert_eq!(joined, before);
    assert_eq!(restore(&mut store, Some(Offset::first(7)), 20), Ok(vec!["a", "b"]));
}

// R32 (a)
#[test]
fn a_client_that_joined_an_empty_namespace_is_recovered() {
    let mut store = store();
    let joined = store.latest();
    with_client(&mut store, joined, 10);
    assert_eq!(restore(&mut store, None, 20), Ok(vec![]));
    assert_eq!(restore(&mut store, Some(joined), 20), Ok(vec![]));
}

// R32 (b)
#[test]
fn a_client_that_was_quiet_for_hours_is_recovered() {
    const HOUR: u64 = 3600;
    for named in [true, false] {
        let mut store = store();
        let joined = store.latest();
        let offset = record(&mut store, "for it", 1);
        // For others, all the time, and long gone but for the last ones.
        for second in (60..5 * HOUR).step_by(60) {
            record(&mut store, "for others", second);
        }
        with_client(&mut store, joined, 5 * HOUR);
        store.sweep(at(5 * HOUR));
        record(&mut store, "missed", 5 * HOUR + 1);
        let missed = restore(&mut store, named.then_some(offset), 5 * HOUR + 120).unwrap();
        assert!(missed.len() < 10, "{missed:?}");
        assert_eq!(missed.last(), Some(&"missed"));
        // All that may have been lost before the disconnection was noticed is there.
        assert!(missed.len() > 65 / 60);
    }
}

// R32 (b), (h)
#[test]
fn a_packet_that_may_have_been_missed_and_is_gone_prevents_recovery() {
    // The last packet that had to go for the bound on bytes, and when the client was noticed to be gone.
    for (evicted, gone, recovered) in [(100, 166, true), (100, 165, false), (100, 110, false), (100, 100, false)] {
        let mut store = store();
        let joined = store.latest();
        let offset = record(&mut store, "seen", 1);
        record(&mut store, "evicted", evicted);
        let reserved = store.reserve(at(evicted + 1));
        let later = reserved.offset();
        store.record(reserved, "large", 985, at(evicted + 1));
        record(&mut store, "small", evicted + 1);
        assert_eq!((store.packet_count(), store.packet_bytes()), (2, 995));
        with_client(&mut store, joined, gone);
        let restored = restore(&mut store, Some(offset), gone + 1);
        let expected = if recovered { Ok(vec!["large", "small"]) } else { Err(NotRecovered::PacketsGone) };
        assert_eq!(restored, expected, "{evicted} {gone}");
        assert_eq!(restore(&mut store, None, gone + 1).is_ok(), recovered);
        // Who has received something newer has missed nothing.
        assert_eq!(restore(&mut store, Some(later), gone + 1), Ok(vec!["small"]));
    }
}

// R32 (b), (d), (h)
#[test]
fn what_was_sent_again_and_lost_again_is_as_old_as_it_was() {
    // Whether it was for the client, and when its second connection was noticed to be lost; the replay went out at 130.
    let cases = [(true, 196, true), (true, 195, false), (true, 150, false), (false, 195, true), (false, 150, true)];
    for (resent, lost, recovered) in cases {
        let mut store = store();
        let joined = store.latest();
        let offset = record(&mut store, "seen", 1);
        let missed = record(&mut store, "missed", 60);
        with_client(&mut store, joined, 100);
        assert_eq!(restore(&mut store, Some(offset), 130), Ok(vec!["missed"]));
        store.connected(PrivateId::new(PID), 2, resent.then_some(missed), at(130));
        store.save(PrivateId::new(PID), &2, "session", joined, at(lost));
        // It is gone by now. A client that was there for long enough has received it; one that still names the older
        // offset was not meant.
        store.sweep(at(60 + 186));
        assert_eq!(store.packet_count(), 0);
        let expected = if recovered { Ok(vec![]) } else { Err(NotRecovered::PacketsGone) };
        assert_eq!(restore(&mut store, Some(offset), 250), expected, "{resent} {lost}");
    }
}

// R32 (b)
#[test]
fn what_was_held_back_for_a_new_client_is_as_old_as_it_was() {
    let mut store = store();
    let joined = store.latest();
    let held = record(&mut store, "held back", 1);
    // The client is let in at 40, when nothing else has told the time since, and never gets it.
    store.connected(PrivateId::new(PID), SOCKET, Some(held), at(40));
    store.save(PrivateId::new(PID), &SOCKET, "session", joined, at(100));
    assert_eq!(restore(&mut store, None, 186), Ok(vec!["held back"]));
    store.sweep(at(1 + 186));
    assert_eq!(restore(&mut store, None, 187), Err(NotRecovered::PacketsGone));
}

// R32 (b), (d)
#[test]
fn packets_older_than_what_was_sent_again_may_be_gone() {
    let mut store = store();
    let joined = store.latest();
    let offset = record(&mut store, "seen", 1);
    record(&mut store, "for others", 30);
    let missed = record(&mut store, "missed", 60);
    with_client(&mut store, joined, 100);
    assert_eq!(restore(&mut store, Some(offset), 130), Ok(vec!["for others", "missed"]));
    store.connected(PrivateId::new(PID), 2, Some(missed), at(130));
    store.save(PrivateId::new(PID), &2, "session", joined, at(150));
    store.sweep(at(30 + 186));
    assert_eq!(restore(&mut store, Some(offset), 217), Ok(vec!["missed"]));
}

// D108
#[test]
fn a_client_may_come_back_until_its_time_is_over() {
    for (seconds, recovered) in [(130, true), (131, false)] {
        for swept in [false, true] {
            let mut store = store();
            let joined = store.latest();
            with_client(&mut store, joined, 10);
            if swept {
                store.sweep(at(seconds));
                assert_eq!(store.session_count(), usize::from(recovered));
            }
            let expected = match (recovered, swept) {
                (true, _) => Ok(vec![]),
                (false, false) => Err(NotRecovered::Expired),
                (false, true) => Err(NotRecovered::UnknownSession),
            };
            assert_eq!(restore(&mut store, None, seconds), expected, "{seconds} {swept}");
            assert_eq!(store.session_count(), usize::from(recovered));
        }
    }
}

// R32 (c), (j)
#[test]
fn a_client_that_comes_back_before_it_was_noticed_to_be_gone_is_recovered_once_its_socket_is_closed() {
    let mut store = store();
    let (pid, joined) = (PrivateId::new(PID), store.latest());
    assert_eq!(store.connected(pid.clone(), 1, None, at(0)), None);
    let offset = record(&mut store, "seen", 1);
    record(&mut store, "lost", 2);
    assert_eq!(restore(&mut store, Some(offset), 3), Err(NotRecovered::StillConnected(1)));
    store.save(pid.clone(), &1, "session", joined, at(3));
    assert_eq!(restore(&mut store, Some(offset), 3), Ok(vec!["lost"]));
    assert_eq!(store.connected(pid.clone(), 2, None, at(3)), None);
    // Whatever the old socket does now is no business of the new one.
    store.save(pid.clone(), &1, "late", joined, at(4));
    store.forget(PID, &1);
    assert_eq!(restore(&mut store, Some(offset), 5), Err(NotRecovered::StillConnected(2)));
    assert_eq!(store.connected(pid, 3, None, at(5)), Some(2));
}

// D113, R32 (d)
#[test]
fn a_session_can_be_restored_again_and_nothing_comes_twice() {
    let mut store = store();
    let joined = store.latest();
    let offset = record(&mut store, "a", 1);
    with_client(&mut store, joined, 10);
    let second = record(&mut store, "b", 11);
    assert_eq!(restore(&mut store, Some(offset), 20), Ok(vec!["b"]));
    // It was lost on the way, and the client has received nothing: the same again.
    assert_eq!(restore(&mut store, Some(offset), 21), Ok(vec!["b"]));
    // Now it arrived.
    let restored = store.restore(PID, Some(&offset.to_string()), at(22)).unwrap();
    assert_eq!(restored.joined(), joined);
    store.connected(PrivateId::new(PID), 2, None, at(22));
    record(&mut store, "c", 23);
    store.save(PrivateId::new(PID), &2, "session", joined, at(100));
    assert_eq!(restore(&mut store, Some(second), 101), Ok(vec!["c"]));
    // The time runs from the last disconnection.
    assert_eq!(restore(&mut store, Some(second), 220), Ok(vec!["c"]));
    assert_eq!(store.session_count(), 1);
}

// D107
#[test]
fn a_session_that_was_ended_does_not_come_back() {
    let mut store = store();
    let joined = store.latest();
    with_client(&mut store, joined, 10);
    store.connected(PrivateId::new(PID), 2, None, at(10));
    store.forget(PID, &2);
    assert_eq!(restore(&mut store, None, 11), Err(NotRecovered::UnknownSession));
    assert_eq!(store.next_timeout(), None);
}

// R32 (e), (g)
#[test]
fn a_text_that_is_no_offset_of_this_server_is_refused() {
    let mut store = store();
    let joined = store.latest();
    let offset = record(&mut store, "a", 1);
    let never = store.reserve(at(2)).offset();
    with_client(&mut store, joined, 10);
    // Of a greater and of a smaller number than this one's.
    let [foreign, elsewhere] = [6, 8].map(|instance| Store::new(instance, LIMITS).reserve(at(1)).offset().to_string());
    let longer = format!("{offset} ");
    for text in ["", "hello", "7", &foreign, &elsewhere, &longer, "7.zzzzzzzz", &"7".repeat(10_000)] {
        let refused = store.restore(PID, Some(text), at(11)).map(|_| ());
        assert_eq!(refused, Err(NotRecovered::UnknownOffset), "{text:?}");
    }
    // One that was reserved and not recorded in the end was sent to somebody, perhaps.
    assert_eq!(restore(&mut store, Some(never), 11), Ok(vec![]));
    for pid in ["", "hm2bp0oeDzXHl5YpAAA", "hm2bp0oeDzXHl5YpAAAC"] {
        assert!(matches!(store.restore(pid, None, at(11)), Err(NotRecovered::UnknownSession)));
    }
}

// R32 (i)
#[test]
fn a_replay_larger_than_the_queue_is_refused() {
    let mut store = store();
    let joined = store.latest();
    for packet in ["a", "b", "a", "b"] {
        record(&mut store, packet, 1);
    }
    with_client(&mut store, joined, 10);
    let restored = store.restore(PID, None, at(11)).unwrap();
    let within = |limit| {
        let missed = restored.missed_within::<u32>(limit, |missed| *missed.packet == "a");
        missed.map(|missed| missed.iter().map(|missed| *missed.packet).collect::<Vec<_>>())
    };
    assert_eq!(within(20), Ok(vec!["a", "a"]));
    assert_eq!(within(19), Err(NotRecovered::ReplayTooLarge { limit: 19 }));
}

// D113
#[test]
fn packets_are_bounded_in_time_and_number_and_bytes() {
    let mut store = store();
    for second in 0..50 {
        record(&mut store, "x", second);
    }
    assert_eq!((store.packet_count(), store.packet_bytes()), (50, 500));
    assert_eq!(store.next_timeout(), Some(at(185) + LEAST));
    store.sweep(at(185));
    assert_eq!(store.packet_count(), 50);
    store.sweep(at(185) + LEAST);
    assert_eq!(store.packet_count(), 49);
    store.sweep(at(10_000));
    assert_eq!((store.packet_count(), store.packet_bytes(), store.next_timeout()), (0, 0, None));

    for _ in 0..1000 {
        record(&mut store, "x", 10_000);
        assert!(store.packet_count() <= 100 && store.packet_bytes() <= 1000);
    }
    let reserved = store.reserve(at(10_001));
    store.record(reserved, "larger than all that is allowed", 1001, at(10_001));
    assert_eq!((store.packet_count(), store.packet_bytes()), (0, 0));
    let mut few = Recovery::<u32, &str, &str>::new(7, RecoveryLimits { max_packets: 2, ..LIMITS });
    for packet in ["a", "b", "c"] {
        record(&mut few, packet, 1);
    }
    assert_eq!(few.packets.iter().map(|stored| stored.packet).collect::<Vec<_>>(), ["b", "c"]);
}

// D107
#[test]
fn sessions_are_bounded_and_the_oldest_goes_first() {
    let mut store = store();
    let joined = store.latest();
    for (number, pid) in ["a", "b", "c", "a", "d"].into_iter().enumerate() {
        store.save(PrivateId::new(pid), &SOCKET, "session", joined, at(number as u64));
        assert!(store.session_count() <= 3);
    }
    // The second `a` is younger than `b`.
    for (pid, kept) in [("a", true), ("b", false), ("c", true), ("d", true)] {
        assert_eq!(store.restore(pid, None, at(10)).is_ok(), kept, "{pid}");
    }
    assert_eq!(store.next_timeout(), Some(at(122) + LEAST));
    store.sweep(at(122) + LEAST);
    assert_eq!((store.session_count(), store.by_age.len()), (2, 2));
    let mut none = Recovery::<u32, &str, &str>::new(7, RecoveryLimits { max_sessions: 0, ..LIMITS });
    let joined = none.latest();
    with_client(&mut none, joined, 1);
    assert_eq!((none.session_count(), none.by_age.len()), (0, 0));
}

#[test]
fn packets_recorded_out_of_order_are_kept_in_order() {
    let mut store = store();
    let joined = store.latest();
    let (first, second) = (store.reserve(at(1)), store.reserve(at(1)));
    store.record(second, "b", 10, at(1));
    store.record(first, "a", 10, at(1));
    with_client(&mut store, joined, 10);
    assert_eq!(restore(&mut store, None, 11), Ok(vec!["a", "b"]));
    // One that comes when later ones are gone already is gone as well.
    let late = store.reserve(at(20));
    let reserved = store.reserve(at(20));
    store.record(reserved, "too large", 2000, at(20));
    store.record(late, "late", 10, at(21));
    assert_eq!((store.packet_count(), store.evicted.map(|evicted| evicted.at)), (0, Some(at(21))));
}

/// Hazard S1.
#[test]
fn a_private_id_is_not_shown() {
    assert!(!format!("{:?}", PrivateId::new(PID)).contains("hm2"));
}
