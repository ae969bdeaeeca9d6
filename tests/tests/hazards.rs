//! docs/hazards.md, checked: a line for every hazard in scope, behind each a test that exists, and among these one whose comment
//! names the hazard, so that whoever reads the test knows what it is for.
//!
//! Owns the list of numbers, because the list of hazards itself is not in the repository. Leaves out whether a named test really
//! proves its row: that is for whoever writes the line, and for the reader.
#![allow(clippy::unwrap_used, reason = "all of this file is tests; clippy sees only the functions marked as such")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;

use socketio_tests::{cells, in_backticks, tests_of_the_repository};
use testkit::repository;

const DOCUMENT: &str = "docs/hazards.md";

/// Reliability without what goes with adapters for other servers (R33 to R35), and security.
const SCOPE: [(&str, RangeInclusive<u32>); 3] = [("R", 1..=32), ("R", 36..=43), ("S", 1..=45)];

const HEAD: [&str; 4] = ["row", "what has bitten others", "here", "tests"];

fn scope() -> BTreeSet<String> {
    SCOPE.into_iter().flat_map(|(letter, rows)| rows.map(move |row| format!("{letter}{row}"))).collect()
}

/// The lines of the tables with the right head, and what could not be read.
fn read(text: &str) -> (Vec<[String; 4]>, Vec<String>) {
    let (mut lines, mut complaints) = (Vec::new(), Vec::new());
    // Whether the table that the line is in is one of hazards; none outside a table.
    let mut table = None;
    for (line, number) in text.lines().zip(1..) {
        match (cells(line), table) {
            (Some(cells), None) => table = Some(cells == HEAD),
            (Some(cells), Some(true)) => match <[String; 4]>::try_from(cells) {
                Ok(line) => lines.push(line),
                Err(cells) => complaints.push(format!("line {number}: {} cells instead of 4", cells.len())),
            },
            (Some(_), Some(false)) => {}
            (None, _) if line.trim_start().starts_with('|') => {
                if !line.trim_end().ends_with('|') {
                    complaints.push(format!("line {number}: a line of a table ends with `|`"));
                }
            }
            (None, _) => table = None,
        }
    }
    (lines, complaints)
}

fn complaints(text: &str, scope: &BTreeSet<String>, tests: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let (lines, mut complaints) = read(text);
    let times = |row: &str| lines.iter().filter(|line| line[0] == row).count();
    for row in scope {
        match times(row) {
            0 => complaints.push(format!("{row}: is missing; add `| {row} | what it is | what we do | the tests |`")),
            1 => {}
            times => complaints.push(format!("{row}: stands there {times} times; keep one line")),
        }
    }
    for line in &lines {
        if !scope.contains(&line[0]) {
            complaints.push(format!("{}: is no hazard in scope; take the line out", line[0]));
        }
        complaints.extend(about_line(line, tests));
    }
    complaints
}

fn about_line([row, hazard, here, proof]: &[String; 4], tests: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut complaints = Vec::new();
    if hazard.is_empty() || here.is_empty() {
        complaints.push(format!("{row}: does not say what it is, or what is done; fill the second and third cell"));
    }
    let named = in_backticks(proof);
    if named.is_empty() {
        complaints.push(format!("{row}: has no test; name one in backticks"));
    }
    let unknown = named.iter().filter(|name| !tests.contains_key(**name));
    complaints.extend(unknown.map(|name| format!("{row}: there is no test `{name}`; name one that exists")));
    let mut comments = named.iter().filter_map(|name| tests.get(*name)).flatten();
    if !named.is_empty() && !comments.any(|comment| names(comment, row)) {
        complaints.push(format!("{row}: no comment of its tests names it; write it into one of them"));
    }
    complaints
}

/// Whether the row stands in the comment as a word of its own: `R1` does not stand in `R12`.
fn names(comment: &str, row: &str) -> bool {
    comment.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == row)
}

#[test]
fn every_hazard_has_a_line_and_a_test_whose_comment_names_it() {
    let text = fs::read_to_string(repository().join(DOCUMENT)).unwrap();
    let complaints = complaints(&text, &scope(), &tests_of_the_repository());
    assert!(complaints.is_empty(), "{DOCUMENT}, {} problems:\n  {}", complaints.len(), complaints.join("\n  "));
}

/// A document of three rows that is right.
const RIGHT: &str = "\
# Hazards

| row | what has bitten others | here | tests |
|---|---|---|---|
| R1 | it hung | it ends | `a_test`, `another` |
| R12 | it \\| leaked | `bounded` | `a_test` |

| name | what `else` |
|---|---|
| R9 | no row |

| row | what has bitten others | here | tests |
|---|---|---|---|
| S1 | a guess | random | by `another` |
";

fn complaints_of_three_rows(text: &str) -> Vec<String> {
    let scope = ["R1", "R12", "S1"].map(str::to_owned).into();
    let tests = [("a_test", "R12: why."), ("another", "Hazards R1, S1."), ("mute", "")];
    complaints(text, &scope, &tests.map(|(name, comment)| (name.to_owned(), vec![comment.to_owned()])).into())
}

#[test]
fn hazards_that_are_right_are_read_as_they_stand() {
    assert_eq!(complaints_of_three_rows(RIGHT), [""; 0]);
    let (lines, _) = read(RIGHT);
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1], ["R12", "it | leaked", "`bounded`", "`a_test`"]);
}

#[test]
fn whatever_is_wrong_with_the_hazards_is_said_with_its_row() {
    let table = [
        ("| S1 | a guess | random | by `another` |\n", "", "S1: is missing"),
        ("| S1 | a", "| R1 | a", "R1: stands there 2 times"),
        ("| S1 | a", "| S01 | a", "S01: is no hazard in scope"),
        ("by `another`", "by nobody", "S1: has no test"),
        ("by `another`", "by `anothe`", "S1: there is no test `anothe`"),
        ("by `another`", "by `mute`", "S1: no comment of its tests names it"),
        ("`a_test`, `another`", "`a_test`", "R1: no comment of its tests names it"),
        ("| it hung |", "| |", "R1: does not say what it is"),
        ("| random |", "| |", "S1: does not say what it is, or what is done"),
        ("| by `another` |", "| by `another` | more |", "line 14: 5 cells instead of 4"),
        ("| by `another` |", "| by `another`", "line 14: a line of a table ends with `|`"),
    ];
    for (right, wrong, expected) in table {
        assert_eq!(RIGHT.matches(right).count(), 1, "{right:?} is there once");
        let complaints = complaints_of_three_rows(&RIGHT.replace(right, wrong));
        assert!(complaints.iter().any(|complaint| complaint.contains(expected)), "{expected:?}: {complaints:#?}");
    }
}

#[test]
fn eighty_five_hazards_are_in_scope() {
    let rows = scope();
    assert_eq!(rows.len(), 85);
    assert!(["R1", "R32", "R36", "R43", "S1", "S45"].iter().all(|row| rows.contains(*row)));
    assert!(["R0", "R33", "R35", "R44", "S46"].iter().all(|row| !rows.contains(*row)));
}
