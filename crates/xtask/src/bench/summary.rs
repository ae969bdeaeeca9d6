//! The table in the README: made of docs/benchmarks/report.json, between two marks, whenever that is written; a test holds it to the file.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::publication::digits;

const BEGIN: &str = "<!-- The table is made of docs/benchmarks/report.json by `cargo xtask bench`. -->\n";
const END: &str = "<!-- The end of the table. -->\n";

/// Peers that have a column, and how it is headed; who is no server or no client of a line has nothing there.
const COLUMNS: [(&str, &str); 7] = [
    ("floor", "floor"),
    ("ours", "**this project**"),
    ("socketioxide", "socketioxide"),
    ("socket.io on uWebSockets", "socket.io on uWebSockets"),
    ("socket.io on ws", "socket.io on ws"),
    ("rust_socketio", "rust_socketio"),
    ("socket.io-client", "socket.io-client"),
];

/// The table, with the machine and the day.
pub(super) fn summary(report: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let machine = &report["machine"];
    let mut summary = format!(
        "\nMedians of {} rounds, {}, on {} ({} cores); processor time each, or memory each:\n\n",
        report["settings"]["rounds"],
        text(&machine["date"]),
        text(&machine["cpu"]),
        machine["cores"],
    );
    let (heads, rules): (Vec<&str>, Vec<&str>) = COLUMNS.iter().map(|(_, head)| (*head, "---:")).unzip();
    let _ = writeln!(summary, "| | {} | goal |\n|---|{}|---|", heads.join(" | "), rules.join("|"));
    for line in report["lines"].as_array().into_iter().flatten() {
        let unit = text(&line["unit"]);
        let figure = |peer: &str| {
            let entries = line["entries"].as_array().into_iter().flatten();
            let values = entries.filter(|entry| entry["peer"].as_str().is_some_and(|name| is_of(name, peer)));
            let least = values.filter_map(|entry| entry["value"]["median"].as_f64()).min_by(f64::total_cmp);
            least.map_or_else(|| "–".to_owned(), |value| format!("{} {unit}", digits(value)))
        };
        let figures: Vec<String> = COLUMNS.iter().map(|(peer, _)| figure(peer)).collect();
        let reached = match line["is_reached"].as_bool() {
            Some(true) => "reached".to_owned(),
            _ => line["standing"]["median"].as_f64().map_or_else(String::new, |is| format!("is {}", digits(is))),
        };
        let _ = writeln!(
            summary,
            "| {} | {} | {}: {reached} |",
            text(&line["title"]),
            figures.join(" | "),
            text(&line["goal"]),
        );
    }
    summary + "\n"
}

/// Of a crate with two clients, the cheaper one is shown.
fn is_of(name: &str, peer: &str) -> bool {
    name == peer || (peer == "rust_socketio" && name.starts_with(peer))
}

/// Puts it where the marks are.
///
/// # Errors
/// Where the file cannot be read or written, or has no marks.
pub(super) fn publish(readme: &Path, report: &Value) -> Result<()> {
    let text = fs::read_to_string(readme).with_context(|| format!("cannot read {}", readme.display()))?;
    let (before, rest) = text.split_once(BEGIN).context("the README has no place for the table")?;
    let (_, after) = rest.split_once(END).context("the README has no end of the table")?;
    let new = format!("{before}{BEGIN}{}{END}{after}", summary(report));
    fs::write(readme, new).with_context(|| format!("cannot write {}", readme.display()))
}

#[cfg(test)]
mod tests {
    use testkit::repository;

    use super::*;
    use crate::bench::report::tests::sample;

    #[test]
    fn the_readme_has_the_table_of_the_report_that_is_kept() {
        let report = fs::read_to_string(repository().join("docs/benchmarks/report.json")).unwrap();
        let readme = fs::read_to_string(repository().join("README.md")).unwrap();
        let report = serde_json::from_str(&report).unwrap();
        assert!(
            readme.contains(&format!("{BEGIN}{}{END}", summary(&report))),
            "run `cargo xtask bench`, or restore the table"
        );
    }

    #[test]
    fn every_line_has_a_row_with_what_was_measured_and_nothing_else() {
        let report = sample().to_json();
        let summary = summary(&report);
        let rows = summary.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |")).count();
        assert_eq!(rows, report["lines"].as_array().unwrap().len(), "{summary}");
        assert!(summary.contains(" – |"), "{summary}");
    }
}
