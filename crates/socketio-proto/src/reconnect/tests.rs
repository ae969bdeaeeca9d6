//! The delays of [`Backoff`]: a table made by the reference's own backoff with its random number held fast, and what holds
//! for any seed. (E6 to E9, E15, E20, R14, R43)

use proptest::{prelude::*, test_runner::RngSeed};

use super::*;

fn options(delay: u64, delay_max: u64, randomization_factor: f64) -> ReconnectOptions {
    let [delay, delay_max] = [delay, delay_max].map(Duration::from_millis);
    ReconnectOptions { attempts: None, delay, delay_max, randomization_factor }
}

/// First delay, longest delay and factor; the random number; the delays in milliseconds.
type Row = ((u64, u64, f64), f64, [u64; 6]);

const REFERENCE: [Row; 32] = [
    ((1000, 5000, 0.5), 0.0, [1000, 2000, 4000, 5000, 5000, 5000]),
    ((1000, 5000, 0.5), 0.05, [975, 1950, 3900, 5000, 5000, 5000]),
    ((1000, 5000, 0.5), 0.1234, [1061, 2123, 4246, 5000, 5000, 5000]),
    ((1000, 5000, 0.5), 0.3, [1150, 2300, 4600, 5000, 5000, 5000]),
    ((1000, 5000, 0.5), 0.55, [1275, 2550, 5000, 5000, 5000, 5000]),
    ((1000, 5000, 0.5), 0.72, [1360, 2720, 5000, 5000, 5000, 5000]),
    ((1000, 5000, 0.5), 0.899, [551, 1101, 2202, 4404, 5000, 5000]),
    ((1000, 5000, 0.5), 0.999, [1499, 2999, 5000, 5000, 5000, 5000]),
    ((1000, 5000, 1.0), 0.0, [1000, 2000, 4000, 5000, 5000, 5000]),
    ((1000, 5000, 1.0), 0.05, [950, 1900, 3800, 5000, 5000, 5000]),
    ((1000, 5000, 1.0), 0.1234, [1123, 2246, 4493, 5000, 5000, 5000]),
    ((1000, 5000, 1.0), 0.3, [1300, 2600, 5000, 5000, 5000, 5000]),
    ((1000, 5000, 1.0), 0.55, [1550, 3100, 5000, 5000, 5000, 5000]),
    ((1000, 5000, 1.0), 0.72, [1720, 3440, 5000, 5000, 5000, 5000]),
    ((1000, 5000, 1.0), 0.899, [101, 202, 404, 808, 1616, 3232]),
    ((1000, 5000, 1.0), 0.999, [1999, 3998, 5000, 5000, 5000, 5000]),
    ((700, 1_000_000_000, 0.3), 0.0, [700, 1400, 2800, 5600, 11_200, 22_400]),
    ((700, 1_000_000_000, 0.3), 0.05, [690, 1379, 2758, 5516, 11_032, 22_064]),
    ((700, 1_000_000_000, 0.3), 0.1234, [725, 1451, 2903, 5807, 11_614, 23_229]),
    ((700, 1_000_000_000, 0.3), 0.3, [763, 1526, 3052, 6104, 12_208, 24_416]),
    ((700, 1_000_000_000, 0.3), 0.55, [815, 1631, 3262, 6524, 13_048, 26_096]),
    ((700, 1_000_000_000, 0.3), 0.72, [851, 1702, 3404, 6809, 13_619, 27_238]),
    ((700, 1_000_000_000, 0.3), 0.899, [512, 1023, 2045, 4090, 8180, 16_359]),
    ((700, 1_000_000_000, 0.3), 0.999, [909, 1819, 3639, 7278, 14_556, 29_113]),
    ((1, 60_000, 0.25), 0.0, [1, 2, 4, 8, 16, 32]),
    ((1, 60_000, 0.25), 0.05, [1, 2, 4, 8, 16, 32]),
    ((1, 60_000, 0.25), 0.1234, [1, 2, 4, 8, 16, 32]),
    ((1, 60_000, 0.25), 0.3, [1, 2, 4, 8, 17, 34]),
    ((1, 60_000, 0.25), 0.55, [1, 2, 4, 9, 18, 36]),
    ((1, 60_000, 0.25), 0.72, [1, 2, 4, 9, 18, 37]),
    ((1, 60_000, 0.25), 0.899, [1, 2, 4, 7, 13, 25]),
    ((1, 60_000, 0.25), 0.999, [1, 2, 4, 9, 19, 39]),
];

/// E9, R14: to the millisecond.
#[test]
fn the_delays_are_those_of_the_reference_for_the_same_random_number() {
    for ((delay, delay_max, factor), random, expected) in REFERENCE {
        let options = options(delay, delay_max, factor);
        let delays = [0, 1, 2, 3, 4, 5].map(|attempt| delay_before(attempt, &options, &mut || random));
        assert_eq!(delays, expected.map(Duration::from_millis), "{options:?} with {random}");
    }
}

/// E9: one number says how far and in which direction.
#[test]
fn a_delay_takes_one_random_number_or_none() {
    for (factor, taken) in [(0.5, 1), (1.0, 1), (0.0, 0), (f64::NAN, 0)] {
        let mut numbers = 0;
        let mut random = || {
            numbers += 1;
            0.5
        };
        delay_before(3, &options(1000, 5000, factor), &mut random);
        assert_eq!(numbers, taken, "{factor}");
    }
}

/// R14: the reference waits for no time at all from here on, some 90 minutes into an outage.
#[test]
fn an_outage_of_hours_does_not_end_the_waiting() {
    for attempt in [1_013, 1_020, 1_030, 100_000, u32::MAX] {
        for random in [0.0, 0.25, 0.85, 0.9999] {
            let delay = delay_before(attempt, &options(1000, 5000, 0.5), &mut || random);
            assert_eq!(delay, Duration::from_secs(5), "attempt {attempt} with {random}");
        }
    }
}

/// R14, R43: whatever the options are.
#[test]
fn the_count_of_attempts_ends_at_its_largest_number() {
    let mut backoff = Backoff::new(ReconnectOptions::default(), 7);
    backoff.attempts = u32::MAX - 1;
    for _ in 0..3 {
        assert_eq!(backoff.next_delay(), Some(Duration::from_secs(5)));
    }
    assert_eq!(backoff.attempts(), u32::MAX);
}

/// E6: the delay in front of each attempt, and then none.
#[test]
fn the_attempts_are_used_up_and_come_back_with_a_reset() {
    let mut backoff = Backoff::new(ReconnectOptions { attempts: Some(3), ..options(1000, 5000, 0.0) }, 7);
    for _ in 0..2 {
        let delays: Vec<_> = std::iter::from_fn(|| backoff.next_delay()).collect();
        assert_eq!(delays, [1, 2, 4].map(Duration::from_secs));
        assert_eq!((backoff.next_delay(), backoff.attempts()), (None, 3));
        backoff.reset();
        assert_eq!(backoff.attempts(), 0);
    }
    let mut never = Backoff::new(ReconnectOptions { attempts: Some(0), ..ReconnectOptions::default() }, 7);
    assert_eq!((never.next_delay(), never.attempts()), (None, 0));
}

/// E8: and without chance, two seeds are one.
#[test]
fn without_randomization_the_delays_are_exact() {
    for seed in [0, 7, u64::MAX] {
        let mut backoff = Backoff::new(options(1000, 5000, 0.0), seed);
        let delays: Vec<_> = (0..6).filter_map(|_| backoff.next_delay()).collect();
        assert_eq!(delays, [1, 2, 4, 5, 5, 5].map(Duration::from_secs));
    }
}

/// R43.
#[test]
fn a_factor_out_of_its_range_is_taken_for_the_nearest_in_it() {
    let delays = |factor| {
        let mut backoff = Backoff::new(options(1000, 60_000, factor), 7);
        [(); 6].map(|()| backoff.next_delay())
    };
    for (factor, same_as) in [(-1.0, 0.0), (f64::NAN, 0.0), (f64::NEG_INFINITY, 0.0), (1.5, 1.0), (f64::INFINITY, 1.0)]
    {
        assert_eq!(delays(factor), delays(same_as), "{factor}");
    }
}

/// E15.
#[test]
fn other_options_count_from_the_next_delay_on() {
    let mut backoff = Backoff::new(options(1000, 5000, 0.0), 7);
    backoff.next_delay();
    backoff.set_options(ReconnectOptions { attempts: Some(2), ..options(100, 5000, 0.0) });
    assert_eq!(backoff.next_delay(), Some(Duration::from_millis(200)));
    assert_eq!(backoff.next_delay(), None);
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(9), failure_persistence: None, cases: 2_000, ..ProptestConfig::default()
    })]

    /// E9, R13.
    #[test]
    fn the_delays_are_in_their_bounds_for_every_seed(seed: u64) {
        let mut backoff = Backoff::new(ReconnectOptions::default(), seed);
        for bounds in [500..=1500, 1000..=3000, 2000..=5000, 4000..=5000, 5000..=5000, 5000..=5000] {
            let delay = backoff.next_delay().map(|delay| delay.as_micros());
            prop_assert!(delay.is_some_and(|micros| micros % 1000 == 0 && bounds.contains(&(micros / 1000))), "{delay:?}");
        }
    }

    /// R14, R43.
    #[test]
    fn no_options_make_a_delay_longer_than_the_longest(
        seed: u64, attempt: u32, delay: Duration, delay_max: Duration, factor: f64,
    ) {
        let options = ReconnectOptions { attempts: None, delay, delay_max, randomization_factor: factor };
        let mut random = SplitMix64(seed);
        prop_assert!(delay_before(attempt, &options, &mut || random.next_fraction()) <= delay_max);
    }

    #[test]
    fn the_same_seed_gives_the_same_delays(seed: u64) {
        let delays = |seed| {
            let mut backoff = Backoff::new(ReconnectOptions::default(), seed);
            [(); 20].map(|()| backoff.next_delay())
        };
        prop_assert_eq!(delays(seed), delays(seed));
        prop_assert_ne!(delays(seed), delays(seed.wrapping_add(1)));
    }
}

/// R13: both directions, and all parts of the range: a thousand clients do not come back together.
#[test]
fn clients_with_different_seeds_are_spread_over_the_range() {
    let mut tenths = [0; 10];
    for seed in 0..10_000 {
        let delay = Backoff::new(ReconnectOptions::default(), seed).next_delay().unwrap();
        tenths[((delay.as_millis() - 500) / 101).min(9) as usize] += 1;
    }
    // Each digit of the random number has its own direction, so that the range is not filled evenly.
    assert!(tenths.iter().all(|count| *count > 500), "{tenths:?}");
}
