//! The frame codec against tungstenite, over seeded streams of legal and damaged frames. [RFC 6455 §5]
//!
//! `ENGINEIO_FUZZ_ITERATIONS` sets how many streams there are, `ENGINEIO_FUZZ_SEED` the first seed; a
//! failure names its seed.

mod comparison;
mod generator;

use std::collections::BTreeMap;

use bytes::Bytes;
use engineio_proto::websocket::{FrameEvent, FrameLimits, Role};
use tungstenite::{Message as TheirMessage, WebSocket, protocol::Role as TheirRole};

use comparison::{Case, OUTCOMES, Wire, decode_here};
use generator::Rng;

const DEFAULT_ITERATIONS: u64 = 12_000;

/// Hazard S39.
#[test]
fn both_decoders_agree_on_every_stream() {
    let iterations = number_from_env("ENGINEIO_FUZZ_ITERATIONS", DEFAULT_ITERATIONS);
    let first = number_from_env("ENGINEIO_FUZZ_SEED", 1);
    let mut seen = BTreeMap::new();
    for seed in first..first.saturating_add(iterations) {
        let _named = NameSeed(seed);
        let case = Case::generate(seed);
        match case.compare() {
            Ok(outcome) => *seen.entry(outcome).or_insert(0_u64) += 1,
            Err(difference) => panic!("{difference}\n{case:02x?}"),
        }
    }
    eprintln!("{seen:#?}");
    if iterations >= DEFAULT_ITERATIONS {
        let missing: Vec<_> = OUTCOMES.iter().filter(|outcome| !seen.contains_key(*outcome)).collect();
        assert!(missing.is_empty(), "never happened: {missing:?}");
    }
}

#[test]
fn what_tungstenite_writes_is_read_here() {
    for seed in 1..=200 {
        let _named = NameSeed(seed);
        let mut rng = Rng(seed);
        let (ours, theirs) =
            if rng.one_in(2) { (Role::Server, TheirRole::Client) } else { (Role::Client, TheirRole::Server) };
        let mut socket = WebSocket::from_raw_socket(Wire::default(), theirs, None);
        let mut expected = Vec::new();
        for _ in 0..rng.below(6) {
            let text = rng.text(300);
            let long = Bytes::from(vec![rng.byte(); rng.below(70_000)]);
            let (message, event) = match rng.below(3) {
                0 => (TheirMessage::text(text.as_str()), FrameEvent::Message(text.into())),
                1 => (TheirMessage::binary(long.clone()), FrameEvent::Message(long.into())),
                _ => (TheirMessage::Ping(Bytes::from_static(b"p")), FrameEvent::Ping(Bytes::from_static(b"p"))),
            };
            socket.send(message).unwrap();
            expected.push(event);
        }
        let written = std::mem::take(&mut socket.get_mut().written);
        let limits = FrameLimits::default();
        assert_eq!(decode_here(ours, limits, written.chunks(1 + rng.below(5000))).events, expected);
    }
}

/// Names the seed where something panics, a decoder included.
struct NameSeed(u64);

impl Drop for NameSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with ENGINEIO_FUZZ_SEED={}", self.0);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the test is configured by its caller, the protocol is not")]
fn number_from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}
