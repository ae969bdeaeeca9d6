//! The report as one HTML page: tables, and bars drawn as SVG within it. It loads nothing.

use std::fmt::Write as _;

use super::{
    peer::Peer,
    report::{Report, Row},
    statistics::{Spread, figure, values},
};
use crate::publication::{self, digits, escape};

/// Sizes of a plot, in its own units.
const WIDTH: f64 = 860.0;
const LABEL_WIDTH: f64 = 200.0;
const BAR_HEIGHT: f64 = 18.0;
const BAR_PITCH: f64 = 26.0;

/// The whole page.
pub(super) fn render(report: &Report) -> String {
    let mut body = "<p>Lower is better. Each bar is the median of the runs, and the line through its end goes from the \
         smallest to the largest. Ratios are taken between runs made one after the other; only they carry over to other \
         machines. BENCHMARKING.md says how all of this is measured.</p>\n"
        .to_owned();
    body += &goals(report);
    for row in &report.rows {
        // A string takes everything.
        let _ = write!(body, "<h2 id=\"{}\">{}</h2>\n{}{}", row.line.name, row.line.title, plot(row), table(row));
    }
    publication::page("Benchmarks", &body, &[&report.machine, &report.settings])
}

fn range(spread: Spread) -> String {
    format!("{} ({}–{})", digits(spread.median), digits(spread.min), digits(spread.max))
}

/// All goals, and whether they are reached.
fn goals(report: &Report) -> String {
    let mut table =
        "<table><thead><tr><th>work</th><th>ours</th><th>to the floor</th><th>to socketioxide</th><th>goal</th><th></th></tr></thead>\n"
            .to_owned();
    for row in &report.rows {
        let ours = row.runs(Peer::Ours).and_then(|runs| values(runs));
        let ours = ours
            .map_or_else(|| "–".to_owned(), |spread| format!("{} {}", digits(spread.median), row.line.measure.unit()));
        let to = |peer| row.ratio_to(peer).map_or_else(|| "–".to_owned(), range);
        let verdict = match row.standing() {
            Some(standing) if standing.is_reached() => "<span class=\"yes\">reached</span>".to_owned(),
            Some(standing) => format!("<span class=\"no\">not reached: {}</span>", digits(standing.is.median)),
            None => "–".to_owned(),
        };
        let _ = writeln!(
            table,
            "<tr><td><a href=\"#{}\">{}</a></td><td>{ours}</td><td>{}</td><td>{}</td><td>{}</td><td>{verdict}</td></tr>",
            row.line.name,
            row.line.title,
            to(Peer::Floor),
            to(Peer::Socketioxide),
            escape(&row.goal())
        );
    }
    table + "</table>\n"
}

/// One bar for each peer, to one scale.
fn plot(row: &Row) -> String {
    let bars: Vec<(Peer, Spread)> =
        row.entries.iter().filter_map(|entry| Some((entry.peer, values(&entry.runs)?))).collect();
    let most = bars.iter().map(|(_, spread)| spread.max).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let x = |value: f64| LABEL_WIDTH + (WIDTH - LABEL_WIDTH - 80.0) * value / most;
    let height = BAR_PITCH * bars.len() as f64 + 4.0;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">\n", row.line.title);
    for (index, (peer, spread)) in bars.iter().enumerate() {
        let y = BAR_PITCH * index as f64 + 4.0;
        let (middle, base) = (y + BAR_HEIGHT / 2.0, y + BAR_HEIGHT - 4.0);
        let color = if matches!(peer, Peer::Ours | Peer::OursValue) { "var(--ours)" } else { "var(--other)" };
        let (end, from, to) = (x(spread.median), x(spread.min), x(spread.max));
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LABEL_WIDTH}\" y=\"{y}\" width=\"{:.1}\" height=\"{BAR_HEIGHT}\" fill=\"{color}\"/>\
             <path d=\"M{from:.1} {middle}H{to:.1}\" stroke=\"currentColor\"/>\
             <text x=\"{:.1}\" y=\"{base}\">{} {}</text>",
            LABEL_WIDTH - 8.0,
            peer.title(),
            end - LABEL_WIDTH,
            end.max(to) + 6.0,
            digits(spread.median),
            row.line.measure.unit()
        );
    }
    if let Some(goal) = goal_value(row).filter(|goal| *goal <= most) {
        let x = x(goal);
        let _ = writeln!(svg, "<path d=\"M{x:.1} 0V{height}\" stroke=\"var(--goal)\" stroke-dasharray=\"4 3\"/>");
    }
    svg + "</svg>\n"
}

/// The goal on the scale of the plot.
fn goal_value(row: &Row) -> Option<f64> {
    let standing = row.standing()?;
    let ours = values(row.runs(Peer::Ours)?)?.median;
    Some(ours * standing.goal / standing.is.median)
}

fn table(row: &Row) -> String {
    let unit = row.line.measure.unit();
    let mut table = format!(
        "<table><thead><tr><th></th><th>{unit}</th><th>range</th><th>per second</th><th>p50 µs</th><th>p99 µs</th><th>ours to it</th></tr></thead>\n"
    );
    for entry in &row.entries {
        let title = entry.peer.title();
        let Some(spread) = values(&entry.runs) else {
            let complaint = escape(entry.complaint.as_deref().unwrap_or("not run"));
            let _ = writeln!(
                table,
                "<tr><td>{title}</td><td colspan=\"6\" style=\"text-align:left\">{complaint}</td></tr>"
            );
            continue;
        };
        let optional = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), digits);
        let ratio = row.ratio_to(entry.peer).filter(|_| entry.peer != Peer::Ours);
        let _ = writeln!(
            table,
            "<tr><td>{title}</td><td>{}</td><td>{}–{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            digits(spread.median),
            digits(spread.min),
            digits(spread.max),
            optional(figure(&entry.runs, |figures| figures.per_second)),
            optional(figure(&entry.runs, |figures| figures.p50)),
            optional(figure(&entry.runs, |figures| figures.p99)),
            ratio.map(range).unwrap_or_default()
        );
    }
    table + "</table>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::tests::sample;

    #[test]
    fn the_page_has_a_plot_for_each_line_and_loads_nothing() {
        let page = render(&sample());
        assert_eq!(page.matches("<svg ").count(), 2);
        assert!(page.contains("no binary for &lt;this&gt; Node") && page.contains("not reached: 1.70"), "{page}");
        for word in ["http", "src=", "url(", "<script", "@import", "NaN"] {
            assert!(!page.contains(word), "{word}: {page}");
        }
    }
}
