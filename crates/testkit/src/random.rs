//! [`Random`]: the dice of seeded tests, and [`seeds`]: which of them a simulation tries. Leaves out what is thrown for.

use std::ops::Range;

/// Splitmix from a seed: small, and the same for ever, so that a seed that broke something breaks it again.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % bound
    }

    /// Whether something happens that happens once in `bound` times.
    pub fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    /// Whether something happens that happens that often in a hundred times.
    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// A number from `from` on and below `to`, which is greater.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from)
    }

    /// Other dice, on which it does not depend how often these are thrown from now on.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.below(u64::MAX))
    }
}

/// The seeds that a simulation tries: `usual`, or those that the environment asks for. `SEEDS=7` is one, `SEEDS=100-200`
/// are a hundred.
///
/// # Panics
/// Where the environment asks for something else.
#[must_use]
pub fn seeds(usual: Range<u64>) -> Range<u64> {
    let Ok(asked) = std::env::var("SEEDS") else { return usual };
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("SEEDS={asked}: not a number or from-to"));
    match asked.split_once('-') {
        Some((from, to)) => number(from)..number(to),
        None => number(&asked)..number(&asked) + 1,
    }
}
