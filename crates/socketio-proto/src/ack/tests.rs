//! Tests of `ack.rs`.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::*;

fn at(seconds: u64) -> Moment {
    Moment::EPOCH + Duration::from_secs(seconds)
}

/// Hazard R21.
#[test]
fn ids_count_from_zero_and_are_not_used_again() {
    let mut table = AckTable::new();
    assert_eq!(table.insert(None, 'a'), AckId(0));
    assert_eq!(table.insert(None, 'b'), AckId(1));
    assert_eq!(table.take(AckId(0)), Some('a'));
    assert_eq!(table.insert(None, 'c'), AckId(2));
    assert_eq!(table.len(), 2);
}

/// Hazard R21.
#[test]
fn an_answer_counts_once() {
    let mut table = AckTable::new();
    let id = table.insert(Some(at(1)), ());
    assert_eq!(table.take(AckId(7)), None);
    assert_eq!(table.take(id), Some(()));
    assert_eq!(table.take(id), None);
    assert_eq!((table.next_deadline(), table.poll_expired(at(9))), (None, None));
}

#[test]
fn an_answer_after_its_deadline_is_nobodys() {
    let mut table = AckTable::new();
    let id = table.insert(Some(at(1)), 'a');
    assert_eq!(table.poll_expired(at(1)), Some((id, 'a')));
    assert_eq!(table.take(id), None);
    assert!(table.is_empty());
}

#[test]
fn entries_expire_in_order_of_their_deadlines_and_the_others_stay() {
    let mut table = AckTable::new();
    for (deadline, value) in [(Some(at(3)), 'c'), (Some(at(1)), 'a'), (None, 'n'), (Some(at(1)), 'b')] {
        table.insert(deadline, value);
    }
    assert_eq!(table.next_deadline(), Some(at(1)));
    assert_eq!(table.poll_expired(Moment::EPOCH), None);
    let mut expired = Vec::new();
    while let Some((_, value)) = table.poll_expired(at(2)) {
        expired.push(value);
    }
    assert_eq!(expired, ['a', 'b']);
    assert_eq!(table.next_deadline(), Some(at(3)));
    assert_eq!(table.poll_expired(at(3)), Some((AckId(0), 'c')));
    assert_eq!((table.len(), table.next_deadline()), (1, None));
}

#[test]
fn draining_yields_everything_and_the_ids_go_on() {
    let mut table = AckTable::new();
    table.insert(Some(at(1)), 'a');
    table.insert(None, 'b');
    assert_eq!(table.drain().collect::<Vec<_>>(), [(AckId(0), 'a'), (AckId(1), 'b')]);
    assert!(table.is_empty() && table.next_deadline().is_none());
    assert_eq!(table.insert(None, 'c'), AckId(2));
}

#[test]
fn an_id_from_elsewhere_replaces_its_entry_and_is_stepped_over() {
    let mut table = AckTable::new();
    assert_eq!(table.insert_with_id(AckId(0), Some(at(1)), 'a'), None);
    assert_eq!(table.insert_with_id(AckId(0), None, 'b'), Some('a'));
    assert_eq!(table.next_deadline(), None, "the deadline went with the entry");
    assert_eq!(table.insert(None, 'c'), AckId(1));
    assert_eq!(table.take(AckId(0)), Some('b'));
}

#[test]
fn the_counter_stays_within_what_the_wire_carries() {
    let mut table = AckTable::new();
    table.next = AckId::MAX.0;
    assert_eq!(table.insert(None, ()), AckId::MAX);
    assert_eq!(table.insert(None, ()), AckId(0));
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: proptest::test_runner::RngSeed::Fixed(21), failure_persistence: None, ..ProptestConfig::default()
    })]

    /// Against a plain map: whatever is done, the same entries are left, and no deadline without its entry.
    #[test]
    fn no_deadline_outlives_its_entry(steps in prop::collection::vec((0..4_u8, 0..12_u64, 0..6_u64), 0..80)) {
        let mut table = AckTable::new();
        let mut model: BTreeMap<AckId, Option<Moment>> = BTreeMap::new();
        for (action, id, time) in steps {
            match action {
                0 => {
                    let deadline = (time > 0).then(|| at(time));
                    let id = table.insert(deadline, deadline);
                    prop_assert!(model.insert(id, deadline).is_none(), "an id in use was given out");
                }
                1 => {
                    let deadline = (time > 0).then(|| at(time));
                    table.insert_with_id(AckId(id), deadline, deadline);
                    model.insert(AckId(id), deadline);
                }
                2 => prop_assert_eq!(table.take(AckId(id)), model.remove(&AckId(id))),
                _ => {
                    while let Some((id, deadline)) = table.poll_expired(at(time)) {
                        prop_assert_eq!(model.remove(&id), Some(deadline));
                        prop_assert!(deadline <= Some(at(time)));
                    }
                    prop_assert!(model.values().flatten().all(|deadline| *deadline > at(time)));
                }
            }
            prop_assert_eq!(table.len(), model.len());
            prop_assert_eq!(table.next_deadline(), model.values().flatten().min().copied());
            prop_assert_eq!(table.deadlines.len(), model.values().flatten().count());
        }
    }
}
