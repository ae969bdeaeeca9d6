//! Tests of the send queue, the last one against a model that is too simple to be wrong.

use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed},
};

use super::*;

const REFUSE: WhenFull = WhenFull::Refuse;
const DROP: WhenFull = WhenFull::DropOldest;

impl SendQueue {
    fn keep(&mut self, frames: &[MessageFrame], limit: usize, when_full: WhenFull) -> Result<u32, SendError> {
        self.push(frames, SendOptions::KEPT, limit, when_full)
    }

    fn drain(&mut self) -> String {
        let text = |frame: MessageFrame| String::from_utf8(frame.packet()[1..].to_vec()).unwrap();
        std::iter::from_fn(|| self.pop()).map(text).collect::<Vec<_>>().join(" ")
    }
}

fn group(messages: &[&str]) -> Vec<MessageFrame> {
    messages.iter().map(|message| MessageFrame::text(&[message])).collect()
}

#[test]
fn a_group_of_frames_is_taken_whole_or_not_at_all() {
    let mut queue = SendQueue::default();
    let frame = MessageFrame::text(&["0123456"]);
    queue.keep(std::slice::from_ref(&frame), 0, REFUSE).unwrap();
    let three = 3 * (10 + ENTRY_BYTES);
    let refused = queue.keep(&[frame.clone(), frame.clone()], three - 1, REFUSE);
    assert_eq!(refused, Err(SendError::Full { queued: 10, limit: three - 1 }));
    assert_eq!(queue.bytes(), 10);
    queue.keep(&[frame.clone(), frame], three, REFUSE).unwrap();
    assert_eq!(queue.bytes(), 30);
}

#[test]
fn what_is_exempt_is_always_taken_and_leaves_the_room_to_others() {
    let two = 2 * (4 + ENTRY_BYTES);
    for when_full in [REFUSE, DROP] {
        let mut queue = SendQueue::default();
        for replay in [&["a", "b", "c"][..], &["d", "e", "f"]] {
            queue.push(&group(replay), SendOptions::EXEMPT, two, when_full).unwrap();
        }
        for message in ["g", "h"] {
            queue.keep(&group(&[message]), two, when_full).unwrap();
        }
        assert!(queue.keep(&group(&["i"]), two, when_full).is_err());
        queue.push(&group(&["j"]), SendOptions::EXEMPT, two, when_full).unwrap();
        // What leaves of it makes no room for others.
        assert_eq!(queue.pop().map(|frame| frame.len()), Some(4));
        assert!(queue.keep(&group(&["k"]), two, when_full).is_err());
        assert_eq!(queue.drain(), "b c d e f g h j");
        assert_eq!((queue.bytes(), queue.exempt_cost), (0, 0));
        queue.keep(&group(&["larger than the bound of nothing"]), 0, when_full).unwrap();
    }
}

/// Hazard R11.
#[test]
fn an_empty_queue_takes_more_than_its_bound_and_holds_no_memory() {
    let mut queue = SendQueue::default();
    for options in [SendOptions::KEPT, SendOptions::DROPPABLE] {
        queue.push(&[MessageFrame::binary(&[0; 100])], options, 1, REFUSE).unwrap();
        assert!(queue.pop().is_some());
        assert_eq!((queue.bytes(), queue.kept.capacity(), queue.droppable.is_none()), (0, 0, true));
        queue.push(&[MessageFrame::binary(&[0; 100])], options, 1, REFUSE).unwrap();
        queue.clear();
        assert_eq!((queue.bytes(), queue.kept.capacity(), queue.droppable.is_none()), (0, 0, true));
    }
}

/// Row J1: the oldest goes first, as a whole, and what is to be kept stays where it is.
#[test]
fn the_oldest_droppable_groups_make_room_for_a_new_one() {
    // Each message costs 4 bytes and those of keeping it.
    let six = 6 * (4 + ENTRY_BYTES);
    let mut queue = SendQueue::default();
    queue.push(&group(&["a", "b"]), SendOptions::DROPPABLE, six, DROP).unwrap();
    queue.keep(&group(&["K"]), six, DROP).unwrap();
    queue.push(&group(&["c"]), SendOptions::DROPPABLE, six, DROP).unwrap();
    queue.push(&group(&["d", "e"]), SendOptions::DROPPABLE, six, DROP).unwrap();
    assert_eq!(queue.push(&group(&["f"]), SendOptions::DROPPABLE, six, DROP), Ok(1), "both halves of the first");
    assert_eq!(queue.bytes(), 5 * 4);
    assert_eq!(queue.keep(&group(&["L", "M", "N"]), six, DROP), Ok(2), "one that is kept drops others too");
    assert_eq!(queue.drain(), "K f L M N");
}

/// Row J1: only what nobody will miss half of.
#[test]
fn what_is_kept_or_has_begun_to_leave_is_not_dropped_and_then_the_queue_is_full() {
    let three = 3 * (4 + ENTRY_BYTES);
    let full = Err(SendError::Full { queued: 12, limit: three });
    let mut queue = SendQueue::default();
    queue.push(&group(&["a", "b", "c"]), SendOptions::DROPPABLE, three, DROP).unwrap();
    queue.pop().unwrap();
    queue.push(&group(&["d"]), SendOptions::DROPPABLE, three, DROP).unwrap();
    assert_eq!(queue.push(&group(&["e", "f"]), SendOptions::DROPPABLE, three, DROP), full, "and d is not lost over it");
    assert_eq!(queue.push(&group(&["g"]), SendOptions::DROPPABLE, three, DROP), Ok(1));
    assert_eq!(queue.drain(), "b c g");

    queue.keep(&group(&["K", "L", "M"]), three, DROP).unwrap();
    assert_eq!(queue.keep(&group(&["N"]), three, DROP), full);
    queue.clear();
    queue.push(&group(&["a", "b", "c"]), SendOptions::DROPPABLE, three, REFUSE).unwrap();
    assert_eq!(queue.keep(&group(&["N"]), three, REFUSE), full, "nothing is dropped unless it was asked for");
}

#[test]
fn a_mark_is_reached_when_all_before_it_was_taken_or_dropped() {
    let two = 2 * (4 + ENTRY_BYTES);
    let mut queue = SendQueue::default();
    assert_eq!(queue.start(), queue.end());
    queue.push(&group(&["a", "b"]), SendOptions::DROPPABLE, two, DROP).unwrap();
    let mark = queue.end();
    queue.pop().unwrap();
    assert!(queue.start() < mark, "half of it is still here");
    queue.pop().unwrap();
    assert!(queue.start() >= mark);
    queue.push(&group(&["c", "d"]), SendOptions::DROPPABLE, two, DROP).unwrap();
    let mark = queue.end();
    queue.push(&group(&["e"]), SendOptions::DROPPABLE, two, DROP).unwrap();
    assert!(queue.start() >= mark, "what was dropped is not waited for");
    let mark = queue.end();
    assert!(queue.start() < mark);
    queue.clear();
    assert!(queue.start() >= mark && queue.end() >= mark, "numbers are not used twice");
}

// ---- against a model ----

/// A group as the model sees it: its messages that are left, and whether it may be dropped.
#[derive(Clone, Debug)]
struct Group {
    messages: Vec<MessageFrame>,
    droppable: bool,
    begun: bool,
}

#[derive(Clone, Debug, Default)]
struct Model {
    groups: Vec<Group>,
}

impl Model {
    fn bytes(&self) -> usize {
        self.groups.iter().flat_map(|group| &group.messages).map(MessageFrame::len).sum()
    }

    fn count(&self) -> usize {
        self.groups.iter().map(|group| group.messages.len()).sum()
    }

    fn push(&mut self, group: Group, limit: usize, when_full: WhenFull) -> Result<u32, SendError> {
        let alone = Self { groups: vec![group.clone()] };
        let mut tried = self.clone();
        let mut dropped = 0;
        while tried.count() > 0 {
            let cost = tried.bytes() + alone.bytes() + (tried.count() + alone.count()) * ENTRY_BYTES;
            if cost <= limit {
                break;
            }
            let victim = tried.groups.iter().position(|group| group.droppable && !group.begun);
            let Some(victim) = victim.filter(|_| when_full == DROP) else {
                return Err(SendError::Full { queued: self.bytes(), limit });
            };
            tried.groups.remove(victim);
            dropped += 1;
        }
        tried.groups.push(group);
        *self = tried;
        Ok(dropped)
    }

    fn pop(&mut self) -> Option<MessageFrame> {
        let group = self.groups.first_mut()?;
        group.begun = true;
        let message = group.messages.remove(0);
        if group.messages.is_empty() {
            self.groups.remove(0);
        }
        Some(message)
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// The sizes of the messages of a group.
    Push(Vec<usize>, bool),
    Pop(usize),
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let sizes = proptest::collection::vec(0..300_usize, 1..5);
    prop_oneof![
        12 => (sizes, any::<bool>()).prop_map(|(sizes, droppable)| Step::Push(sizes, droppable)),
        5 => (1..5_usize).prop_map(Step::Pop),
        1 => Just(Step::Clear),
    ]
}

fn config() -> Config {
    Config { cases: 2048, rng_seed: RngSeed::Fixed(0x0D53), failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    /// Hazards R15, R20; row J1.
    #[test]
    fn whatever_is_pushed_popped_and_dropped_order_groups_and_bytes_are_those_of_the_model(
        steps in proptest::collection::vec(step(), 1..80),
        limit in 0..2500_usize,
        when_full in prop_oneof![1 => Just(REFUSE), 3 => Just(DROP)],
    ) {
        let (mut queue, mut model, mut number) = (SendQueue::default(), Model::default(), 0_u32);
        for step in steps {
            match step {
                Step::Push(sizes, droppable) => {
                    // Each message is told from every other.
                    let messages: Vec<_> = sizes.iter().map(|size| {
                        number += 1;
                        MessageFrame::text(&[&number.to_string(), &"x".repeat(*size)])
                    }).collect();
                    let options = SendOptions { droppable, ..SendOptions::KEPT };
                    let roomy = queue.has_room(SendQueue::cost_of(&messages), limit, when_full);
                    let seen = queue.push(&messages, options, limit, when_full);
                    prop_assert_eq!(roomy, seen.is_ok(), "has_room says what push does");
                    let group = Group { messages, droppable, begun: false };
                    prop_assert_eq!(seen, model.push(group, limit, when_full));
                }
                Step::Pop(count) => for _ in 0..count {
                    prop_assert_eq!(queue.front().cloned(), model.clone().pop());
                    prop_assert_eq!(queue.pop(), model.pop());
                },
                Step::Clear => {
                    queue.clear();
                    model = Model::default();
                }
            }
            prop_assert_eq!((queue.bytes(), queue.is_empty()), (model.bytes(), model.count() == 0));
        }
        while let Some(frame) = model.pop() {
            prop_assert_eq!(queue.pop(), Some(frame));
        }
        prop_assert_eq!((queue.pop(), queue.bytes(), queue.droppable_bytes()), (None, 0, 0));
    }
}
