//! Medians and spreads of the runs of a line, and ratios between peers.
//!
//! A ratio is taken run by run, between runs that were made one after the other: what the machine did to one it did to the
//! other. Its spread then says how far the ratio can be trusted.

use super::run::Figures;

/// The median of some values, and the smallest and the largest of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    /// `None` of no values.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        Some(Self { median: f64::midpoint(lower, upper), min, max })
    }
}

/// The runs of one peer on one line, by round.
pub(super) type Runs = Vec<Option<Figures>>;

/// What the line measures.
pub(super) fn values(runs: &[Option<Figures>]) -> Option<Spread> {
    Spread::of(runs.iter().flatten().map(|figures| figures.value))
}

/// Any other figure.
pub(super) fn figure(runs: &[Option<Figures>], which: impl Fn(&Figures) -> Option<f64>) -> Option<f64> {
    Spread::of(runs.iter().flatten().filter_map(which)).map(|spread| spread.median)
}

/// How many times as much `of` needs as `to`.
pub(super) fn ratio(of: &[Option<Figures>], to: &[Option<Figures>]) -> Option<Spread> {
    let pairs = of.iter().zip(to).filter_map(|(of, to)| of.as_ref().zip(to.as_ref()));
    Spread::of(pairs.filter(|(_, to)| to.value > 0.0).map(|(of, to)| of.value / to.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(values: &[f64]) -> Runs {
        let figures = |value| Some(Figures { value, per_second: None, p50: None, p99: None });
        values.iter().map(|value| figures(*value)).collect()
    }

    #[test]
    fn the_median_is_the_middle_one_or_between_the_two() {
        assert_eq!(Spread::of([3.0, 1.0, 9.0]), Some(Spread { median: 3.0, min: 1.0, max: 9.0 }));
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 9.0]).map(|spread| spread.median), Some(3.0));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_ratio_is_taken_between_runs_of_one_round() {
        // The machine was twice as slow in the second round, for both.
        let (ours, floor) = (runs(&[3.0, 6.0, 3.3]), runs(&[2.0, 4.0, 2.0]));
        let ratio = ratio(&ours, &floor).unwrap();
        assert!((ratio.median - 1.5).abs() < 1e-9 && (ratio.max - 1.65).abs() < 1e-9);
        assert_eq!(super::ratio(&ours, &[None, None, None]), None);
    }
}
