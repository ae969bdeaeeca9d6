//! [`chart`]: lines over time, as SVG. However many points there are, as many are drawn as can be seen, the smallest and the
//! largest of each column among them.

use std::fmt::Write as _;

use crate::publication::{digits, escape};

/// Sizes, in the units of the drawing.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 24.0;

/// Columns in which points are put together.
const COLUMNS: usize = 400;

/// Distinguishable in the light and in the dark, and for most who see colours otherwise.
const COLORS: [&str; 4] = ["#0a7d5a", "#c2410c", "#3b6fd4", "#a05fb5"];

/// One line: its name, and its points in the order of their time.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// All lines to one scale, which begins at 0, and a mark below at the end of each cycle.
pub(super) fn chart(title: &str, lines: &[Line], marks: &[f64]) -> String {
    let all = || lines.iter().flat_map(|line| &line.points);
    let (from, to) = all().fold((f64::INFINITY, 0.0), |(from, to), &(x, _)| (f64::min(from, x), f64::max(to, x)));
    if to <= from {
        return String::new();
    }
    let most = round_up(all().map(|(_, y)| *y).fold(0.0, f64::max));
    let x = |seconds: f64| LEFT + (WIDTH - LEFT - RIGHT) * (seconds - from) / (to - from);
    let y = |value: f64| HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / most;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n", escape(title));
    for part in 0..=4 {
        let value = most * f64::from(part) / 4.0;
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {y:.1}H{}\" stroke=\"currentColor\" stroke-opacity=\".15\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y(value) + 4.0,
            tick(value),
            y = y(value),
        );
        let seconds = from + (to - from) * f64::from(part) / 4.0;
        let anchor = if part == 4 { "end" } else { "middle" };
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            x(seconds),
            HEIGHT - 6.0,
            clock(seconds)
        );
    }
    for mark in marks {
        let (x, y) = (x(*mark), HEIGHT - BOTTOM);
        let _ = write!(svg, "<path d=\"M{x:.1} {y}v5\" stroke=\"currentColor\"/>");
    }
    let mut legend = LEFT;
    for (line, color) in lines.iter().zip(COLORS) {
        let _ = writeln!(
            svg,
            "<path d=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\" stroke-linejoin=\"round\"/>\
             <path d=\"M{legend:.0} 10h18\" stroke=\"{color}\" stroke-width=\"3\"/><text x=\"{:.0}\" y=\"14\">{}</text>",
            path(&line.points, x, y),
            legend + 24.0,
            escape(&line.name)
        );
        legend += 50.0 + 7.5 * line.name.chars().count() as f64;
    }
    svg + "</svg>\n"
}

/// The smallest and the largest of each column, in the order in which they came.
fn path(points: &[(f64, f64)], x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
    for column in points.chunks(points.len().div_ceil(COLUMNS).max(1)) {
        let (least, most) = (column.iter().min_by(by_value), column.iter().max_by(by_value));
        let mut seen: Vec<_> = least.into_iter().chain(most).copied().collect();
        seen.sort_by(|a, b| a.0.total_cmp(&b.0));
        seen.dedup();
        for (seconds, value) in seen {
            let _ = write!(path, "{}{:.1} {:.1}", if path.is_empty() { "M" } else { "L" }, x(seconds), y(value));
        }
    }
    path
}

/// The next number that divides well by four.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1.0).log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|bound| *bound >= value).unwrap_or(value)
}

fn tick(value: f64) -> String {
    if value == 0.0 || value.fract() == 0.0 { format!("{value:.0}") } else { digits(value) }
}

fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{rest:02}") } else { format!("{minutes}:{rest:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_is_drawn_however_many_points_there_are() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|second| (f64::from(second), 10.0)).collect();
        points[54_321].1 = 100.0;
        let drawn = path(&points, |x| x, |y| y);
        assert!(drawn.contains("L54321.0 100.0"), "the spike");
        assert!(drawn.matches('L').count() < 3 * COLUMNS, "not more than can be seen");
    }

    #[test]
    fn a_scale_ends_above_the_largest_value_and_near_it() {
        for (value, bound) in [(0.0, 1.0), (1.0, 1.0), (17.0, 20.0), (1_001.0, 1_200.0), (61_000.0, 80_000.0)] {
            assert!((round_up(value) - bound).abs() < 1e-6, "{value}: {}", round_up(value));
        }
    }

    #[test]
    fn nothing_is_drawn_of_one_moment() {
        assert_eq!(chart("x", &[Line { name: "a".to_owned(), points: vec![(1.0, 1.0)] }], &[]), "");
    }
}
