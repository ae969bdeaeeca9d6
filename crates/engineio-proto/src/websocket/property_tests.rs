//! Properties of the frame codec over generated streams, with fixed seeds.

use bytes::{Bytes, BytesMut};
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed},
};

use super::{
    tests::{feed, small_limits},
    *,
};
use crate::Message;

fn config() -> Config {
    Config { cases: 512, rng_seed: RngSeed::Fixed(0x6455), failure_persistence: None, ..Config::default() }
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Server), Just(Role::Client)]
}

fn opcode() -> impl Strategy<Value = Opcode> {
    prop_oneof![
        3 => Just(Opcode::Continuation),
        2 => Just(Opcode::Text),
        2 => Just(Opcode::Binary),
        1 => Just(Opcode::Ping),
        1 => Just(Opcode::Pong),
    ]
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-z€é]{0,20}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..140),
    ]
}

/// One frame of a peer, mostly legal, as its bytes.
fn frame(role: Role) -> impl Strategy<Value = Vec<u8>> {
    (opcode(), any::<bool>(), payload(), any::<[u8; 4]>()).prop_map(move |(opcode, fin, mut payload, mask)| {
        let mask = (role == Role::Server).then_some(mask);
        let mut out = BytesMut::new();
        if opcode.is_control() {
            payload.truncate(MAX_CONTROL_PAYLOAD_BYTES);
        }
        encode_header(opcode, fin || opcode.is_control(), payload.len() as u64, mask, &mut out);
        if let Some(mask) = mask {
            mask::apply_mask(&mut payload, mask, 0);
        }
        out.extend_from_slice(&payload);
        out.to_vec()
    })
}

/// A stream of frames; half of the streams have a byte changed somewhere.
fn stream() -> impl Strategy<Value = (Role, Vec<u8>)> {
    role().prop_flat_map(|role| {
        let frames = prop::collection::vec(frame(role), 0..10);
        let damage = prop::option::of((any::<prop::sample::Index>(), 1..=u8::MAX));
        (frames, damage).prop_map(move |(frames, damage)| {
            let mut bytes = frames.concat();
            if let (Some((at, bits)), false) = (damage, bytes.is_empty()) {
                let at = at.index(bytes.len());
                bytes[at] ^= bits;
            }
            (role, bytes)
        })
    })
}

/// `bytes` in pieces of these sizes, again and again.
fn pieces<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut sizes = sizes.iter().cycle();
    while !bytes.is_empty() {
        let size = sizes.next().map_or(bytes.len(), |&size| size.min(bytes.len()));
        let (piece, rest) = bytes.split_at(size);
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

/// Decodes reads of which only the whole frames are shared, as a runtime with one scratch for many connections does.
fn feed_scratch(decoder: &mut FrameDecoder, reads: Vec<&[u8]>) -> (Vec<FrameEvent>, Option<FrameError>) {
    let mut events = Vec::new();
    for read in reads {
        if let Err(error) = feed_read(decoder, read, &mut events) {
            return (events, Some(error));
        }
    }
    (events, None)
}

fn feed_read(decoder: &mut FrameDecoder, mut read: &[u8], events: &mut Vec<FrameEvent>) -> Result<(), FrameError> {
    let mut looks = 0;
    while !read.is_empty() {
        events.extend(decoder.continue_frame(&mut read)?);
        let (shared, rest) = read.split_at(decoder.len_to_share(read));
        let mut shared = BytesMut::from(shared);
        while let Some(event) = decoder.decode(&mut shared)? {
            events.push(event);
        }
        read = rest;
        looks += 1;
        assert!(looks <= 2, "a frame of before, those that are there whole, and one that is not");
    }
    Ok(())
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        ".{0,80}".prop_map(Message::from),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| Message::Binary(bytes.into())),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_events_do_not_depend_on_how_the_bytes_are_split(
        (role, bytes) in stream(),
        sizes in prop::collection::vec(1_usize..40, 1..8),
    ) {
        let new = || FrameDecoder::new(role, small_limits());
        let mut whole = new();
        let expected = feed(&mut whole, [&bytes[..]]);
        for split in [pieces(&bytes, &[1]), pieces(&bytes, &sizes)] {
            let mut decoder = new();
            prop_assert_eq!(&feed(&mut decoder, split), &expected);
            prop_assert_eq!(decoder.is_idle(), whole.is_idle());
            prop_assert!(!decoder.is_idle() || decoder.buffered_bytes() == 0);
        }
    }

    #[test]
    fn a_frame_that_is_gathered_past_the_shared_part_is_the_same_frame(
        (role, bytes) in stream(),
        sizes in prop::collection::vec(1_usize..400, 1..8),
    ) {
        let mut whole = FrameDecoder::new(role, small_limits());
        let expected = feed(&mut whole, [&bytes[..]]);
        let mut decoder = FrameDecoder::new(role, small_limits());
        prop_assert_eq!(feed_scratch(&mut decoder, pieces(&bytes, &sizes)), expected);
        prop_assert_eq!(decoder.is_idle(), whole.is_idle());
        prop_assert!(!decoder.is_idle() || decoder.buffered_bytes() == 0);
    }

    #[test]
    fn what_is_written_is_read_back_on_the_other_side(
        role in role(),
        messages in prop::collection::vec((message(), any::<[u8; 4]>(), any::<bool>()), 0..8),
        sizes in prop::collection::vec(1_usize..200, 1..8),
    ) {
        let mut out = BytesMut::new();
        let mut expected = Vec::new();
        for (message, mask, ping) in messages {
            let mask = (role == Role::Server).then_some(mask);
            match &message {
                Message::Text(text) => encode_frame(Opcode::Text, text.as_bytes(), mask, &mut out),
                Message::Binary(bytes) => encode_frame(Opcode::Binary, bytes, mask, &mut out),
            }
            expected.push(FrameEvent::Message(message));
            if ping {
                encode_frame(Opcode::Ping, b"there?", mask, &mut out);
                expected.push(FrameEvent::Ping(Bytes::from_static(b"there?")));
            }
        }
        let mut decoder = FrameDecoder::new(role, FrameLimits::default());
        prop_assert_eq!(feed(&mut decoder, pieces(&out, &sizes)), (expected, None));
        prop_assert!(decoder.is_idle());
        prop_assert_eq!(decoder.buffered_bytes(), 0);
    }

    /// Hazards R26, S20.
    #[test]
    fn any_bytes_are_survived(role in role(), bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut decoder = FrameDecoder::new(role, small_limits());
        feed(&mut decoder, pieces(&bytes, &[7, 1, 30]));
        prop_assert!(decoder.buffered_bytes() <= 300 + MAX_CONTROL_PAYLOAD_BYTES);
    }
}
