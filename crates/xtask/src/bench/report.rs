//! [`Report`]: all lines with all runs; as JSON, and as the table for a terminal. The page is in `page.rs`.

use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use super::{
    line::{Goal, Line},
    peer::Peer,
    statistics::{Runs, Spread, figure, ratio, values},
};
use crate::publication::{digits, facts};

/// One peer on one line.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) peer: Peer,
    pub(super) runs: Runs,
    /// Why there are no figures, or fewer.
    pub(super) complaint: Option<String>,
}

/// One line with all its runs.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) line: Line,
    pub(super) entries: Vec<Entry>,
}

/// Everything that was measured.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) machine: Value,
    /// How it was run: rounds, times, counts.
    pub(super) settings: Value,
    pub(super) rows: Vec<Row>,
}

/// How near the goal is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// The ratio that the goal is about; the value where it is absolute.
    pub(super) is: Spread,
    pub(super) goal: f64,
}

impl Standing {
    pub(super) fn is_reached(&self) -> bool {
        self.is.median <= self.goal
    }
}

impl Row {
    pub(super) fn runs(&self, peer: Peer) -> Option<&Runs> {
        self.entries.iter().find(|entry| entry.peer == peer).map(|entry| &entry.runs)
    }

    /// How many times as much ours needs.
    pub(super) fn ratio_to(&self, peer: Peer) -> Option<Spread> {
        ratio(self.runs(Peer::Ours)?, self.runs(peer)?)
    }

    pub(super) fn standing(&self) -> Option<Standing> {
        let (is, goal) = match self.line.goal {
            Goal::Absolute(goal) => (values(self.runs(Peer::Ours)?)?, goal),
            // Of a crate with two clients, the cheaper one is the peer.
            Goal::Times(goal, Peer::RustSocketio) => {
                let ratios = [Peer::RustSocketio, Peer::RustSocketioBlocking].map(|peer| self.ratio_to(peer));
                (ratios.into_iter().flatten().max_by(|a, b| a.median.total_cmp(&b.median))?, goal)
            }
            Goal::Times(goal, peer) => (self.ratio_to(peer)?, goal),
        };
        Some(Standing { is, goal })
    }

    /// The goal in words.
    pub(super) fn goal(&self) -> String {
        match self.line.goal {
            Goal::Absolute(goal) => format!("≤ {goal} {}", self.line.measure.unit()),
            Goal::Times(times, Peer::RustSocketio) => format!("≤ {times} × rust_socketio"),
            Goal::Times(times, peer) => format!("≤ {times} × {}", peer.title()),
        }
    }

    fn to_json(&self) -> Value {
        let entry = |entry: &Entry| {
            json!({
                "peer": entry.peer.title(),
                "value": values(&entry.runs).map(spread),
                "runs": entry.runs.iter().flatten().map(|figures| figures.value).collect::<Vec<_>>(),
                "per_second": figure(&entry.runs, |figures| figures.per_second),
                "p50_us": figure(&entry.runs, |figures| figures.p50),
                "p99_us": figure(&entry.runs, |figures| figures.p99),
                "ours_to_it": self.ratio_to(entry.peer).map(spread),
                "complaint": entry.complaint,
            })
        };
        let standing = self.standing();
        json!({
            "name": self.line.name,
            "title": self.line.title,
            "unit": self.line.measure.unit(),
            "entries": self.entries.iter().map(entry).collect::<Vec<_>>(),
            "goal": self.goal(),
            "standing": standing.map(|standing| spread(standing.is)),
            "is_reached": standing.map(|standing| standing.is_reached()),
        })
    }
}

fn spread(spread: Spread) -> Value {
    json!({ "median": spread.median, "min": spread.min, "max": spread.max })
}

impl Report {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "machine": self.machine,
            "settings": self.settings,
            "lines": self.rows.iter().map(Row::to_json).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, text) in facts(&self.machine).into_iter().chain(facts(&self.settings)) {
            writeln!(f, "{name:12} {text}")?;
        }
        for row in &self.rows {
            write!(f, "\n{row}")?;
        }
        writeln!(f)?;
        let standings = self.rows.iter().filter_map(|row| row.standing().map(|standing| (row, standing)));
        for (row, standing) in standings {
            let word = if standing.is_reached() { "reached" } else { "NOT REACHED" };
            let Spread { median, min, max } = standing.is;
            let is = format!("{} ({}–{})", digits(median), digits(min), digits(max));
            writeln!(f, "{word:12} {:55} {:26} is {is}", row.line.title, row.goal())?;
        }
        Ok(())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} [{}]", self.line.title, self.line.measure.unit())?;
        writeln!(
            f,
            "  {:26} {:>8} {:>17} {:>11} {:>10} {:>10}  ours to it",
            "", "median", "range", "per second", "p50 µs", "p99 µs"
        )?;
        for entry in &self.entries {
            let Some(spread) = values(&entry.runs) else {
                let complaint = entry.complaint.as_deref().unwrap_or("not run");
                writeln!(f, "  {:26} {complaint}", entry.peer.title())?;
                continue;
            };
            let optional = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), digits);
            let range = format!("{}–{}", digits(spread.min), digits(spread.max));
            let mut ratio = String::new();
            if let Some(to) = self.ratio_to(entry.peer).filter(|_| entry.peer != Peer::Ours) {
                write!(ratio, "{} ({}–{})", digits(to.median), digits(to.min), digits(to.max))?;
            }
            let (rate, p50, p99) = (
                optional(figure(&entry.runs, |figures| figures.per_second)),
                optional(figure(&entry.runs, |figures| figures.p50)),
                optional(figure(&entry.runs, |figures| figures.p99)),
            );
            let median = digits(spread.median);
            writeln!(f, "  {:26} {median:>8} {range:>17} {rate:>11} {p50:>10} {p99:>10}  {ratio}", entry.peer.title())?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::bench::{line::LINES, run::Figures};

    fn entry(peer: Peer, values: &[f64]) -> Entry {
        let figures = |value: &f64| Some(Figures { value: *value, per_second: Some(9.0), p50: None, p99: None });
        Entry { peer, runs: values.iter().map(figures).collect(), complaint: None }
    }

    fn row(name: &str, entries: Vec<Entry>) -> Row {
        Row { line: LINES.into_iter().find(|line| line.name == name).unwrap(), entries }
    }

    /// A goal that is reached, one that is not, and a peer that does not run.
    pub(in crate::bench) fn sample() -> Report {
        let silent =
            Entry { peer: Peer::Uws, runs: vec![None], complaint: Some("no binary for <this> Node".to_owned()) };
        let rows = vec![
            row("echo-1", vec![entry(Peer::Floor, &[10.0, 10.0]), entry(Peer::Ours, &[10.5, 10.9]), silent]),
            row("idle", vec![entry(Peer::Ours, &[1.7])]),
        ];
        Report { machine: json!({ "kernel": "Linux" }), settings: json!({ "rounds": 2 }), rows }
    }

    #[test]
    fn the_table_says_which_goals_are_reached_and_who_could_not_run() {
        let text = sample().to_string();
        for part in [
            "reached      echo, 50",
            "is 1.07 (1.05–1.09)",
            "NOT REACHED  resident",
            "≤ 1.6 kB",
            "no binary for <this> Node",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let json = sample().to_json();
        assert_eq!(json["lines"][0]["is_reached"], true);
        assert_eq!(json["lines"][0]["entries"][2]["complaint"], "no binary for <this> Node");
        assert_eq!(json["lines"][1]["standing"]["median"], 1.7);
    }

    #[test]
    fn the_cheaper_client_of_a_crate_with_two_is_the_peer() {
        let row = row(
            "client-ack",
            vec![
                entry(Peer::Ours, &[30.0]),
                entry(Peer::RustSocketio, &[120.0]),
                entry(Peer::RustSocketioBlocking, &[60.0]),
            ],
        );
        let standing = row.standing().unwrap();
        assert!((standing.is.median - 0.5).abs() < 1e-9 && !standing.is_reached());
    }
}
