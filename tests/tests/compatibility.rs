//! docs/compatibility.md, checked: a line for every row of the contract, and behind every `done` a test that exists.
//!
//! Owns the list of row numbers, because the contract itself is not in the repository, and the form of the document.
//! Leaves out whether a named test really proves its row: that is for whoever writes the line, and for the reader.
#![allow(clippy::unwrap_used, reason = "all of this file is tests; clippy sees only the functions marked as such")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use socketio_tests::{cells, in_backticks, tests_of_the_repository};
use testkit::repository;

const DOCUMENT: &str = "docs/compatibility.md";

/// The sections of the contract, and the number of the last row of each.
const SECTIONS: [(&str, u32); 10] =
    [("A", 91), ("B", 51), ("C", 35), ("D", 115), ("E", 66), ("F", 60), ("G", 30), ("H", 47), ("I", 15), ("J", 34)];

/// Rows that were put between two others.
const INSERTED: [&str; 1] = ["F17b"];

fn contract() -> BTreeSet<String> {
    let numbered = SECTIONS.iter().flat_map(|(section, last)| (1..=*last).map(move |row| format!("{section}{row}")));
    numbered.chain(INSERTED.map(str::to_owned)).collect()
}

// ------------------------------------------------------------------------------------------------------ the document

/// A line of the first part: a row of the contract and what has become of it.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    row: String,
    what: String,
    state: String,
    /// The tests, or the reason.
    proof: String,
}

/// A line of the second part: a difference and the rows that it touches.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    number: String,
    rows: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Document {
    /// The line that begins with a count of what is done.
    summary: Option<String>,
    lines: Vec<Line>,
    differences: Vec<Difference>,
    /// What could not be read.
    complaints: Vec<String>,
}

/// Which table a line belongs to, by the head that came last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Rows,
    Differences,
    Other,
}

const HEAD_OF_ROWS: [&str; 4] = ["row", "what", "state", "test or reason"];
const HEAD_OF_DIFFERENCES: [&str; 5] = ["no.", "row", "the reference", "here", "why"];

fn read(text: &str) -> Document {
    let mut document = Document::default();
    let mut table = None;
    for (line, number) in text.lines().zip(1..) {
        let Some(cells) = cells(line) else {
            if line.trim_start().starts_with('|') && !line.trim_end().ends_with('|') {
                document.complaints.push(format!("line {number}: a line of a table ends with `|`"));
            } else if !line.trim_start().starts_with('|') {
                table = None;
            }
            if document.summary.is_none() && counts(line).is_some() {
                document.summary = Some(line.trim().to_owned());
            }
            continue;
        };
        match table {
            None if cells == HEAD_OF_ROWS => table = Some(Table::Rows),
            None if cells == HEAD_OF_DIFFERENCES => table = Some(Table::Differences),
            None => table = Some(Table::Other),
            Some(Table::Rows) => match <[String; 4]>::try_from(cells) {
                Ok([row, what, state, proof]) => document.lines.push(Line { row, what, state, proof }),
                Err(cells) => document.complaints.push(format!("line {number}: {} cells instead of 4", cells.len())),
            },
            Some(Table::Differences) => match <[String; 5]>::try_from(cells) {
                Ok([number, rows, ..]) => {
                    let rows = rows.split(',').map(str::trim).filter(|row| *row != "–").map(str::to_owned).collect();
                    document.differences.push(Difference { number, rows });
                }
                Err(cells) => document.complaints.push(format!("line {number}: {} cells instead of 5", cells.len())),
            },
            Some(Table::Other) => {}
        }
    }
    document
}

/// The three numbers of a line like `**1 done, 2 not yet, 3 n/a.**`.
fn counts(line: &str) -> Option<[usize; 3]> {
    let line = line.trim().trim_matches('*').trim_end_matches('.');
    let mut parts = line.split(", ");
    let mut number = |unit: &str| parts.next()?.strip_suffix(unit)?.trim().parse().ok();
    let counts = [number("done")?, number("not yet")?, number("n/a")?];
    parts.next().is_none().then_some(counts)
}

/// The numbers after the word `difference` or `differences`: `difference 3`, `differences 3, 4`.
fn named_differences(text: &str) -> Vec<&str> {
    let mut named = Vec::new();
    for after in text.split("difference").skip(1) {
        let after = after.strip_prefix('s').unwrap_or(after);
        let numbers = after.split([',', ' ', ';', '.']).filter(|part| !part.is_empty());
        named.extend(numbers.take_while(|part| part.bytes().all(|byte| byte.is_ascii_digit())));
    }
    named
}

// --------------------------------------------------------------------------------------------------------- the rules

fn complaints(text: &str, contract: &BTreeSet<String>, tests: &BTreeSet<String>) -> Vec<String> {
    let mut document = read(text);
    let mut complaints = std::mem::take(&mut document.complaints);
    complaints.extend(about_rows(&document, contract));
    complaints.extend(document.lines.iter().flat_map(|line| about_line(line, tests)));
    complaints.extend(about_summary(&document));
    complaints.extend(about_differences(&document));
    complaints
}

fn about_rows(document: &Document, contract: &BTreeSet<String>) -> Vec<String> {
    let mut seen = BTreeMap::<&str, usize>::new();
    for line in &document.lines {
        *seen.entry(&line.row).or_default() += 1;
    }
    let missing = contract.iter().filter(|row| !seen.contains_key(row.as_str()));
    let missing = missing.map(|row| format!("{row}: is missing; add `| {row} | what it is | not yet | why |`"));
    let strange = seen.iter().filter(|(row, _)| !contract.contains(**row));
    let strange = strange.map(|(row, _)| format!("{row}: is no row of the contract; take the line out"));
    let doubled = seen.iter().filter(|(_, times)| **times > 1);
    let doubled = doubled.map(|(row, times)| format!("{row}: stands there {times} times; keep one line"));
    missing.chain(strange).chain(doubled).collect()
}

fn about_line(line: &Line, tests: &BTreeSet<String>) -> Vec<String> {
    let Line { row, what, state, proof } = line;
    let mut complaints = Vec::new();
    if what.is_empty() {
        complaints.push(format!("{row}: does not say what it is; fill the second cell"));
    }
    match state.as_str() {
        "done" => {
            let named = in_backticks(proof);
            if named.is_empty() {
                complaints.push(format!("{row}: is done without a test; name one in backticks, or make it `not yet`"));
            }
            let unknown = named.into_iter().filter(|name| !tests.contains(*name));
            complaints.extend(unknown.map(|name| {
                format!("{row}: there is no test `{name}`; name one that exists (other words go without backticks)")
            }));
        }
        "not yet" | "n/a" if proof.is_empty() => {
            complaints.push(format!("{row}: is {state} without a reason; give one in the last cell"));
        }
        "not yet" | "n/a" => {}
        _ => complaints.push(format!("{row}: the state {state:?} does not exist; it is `done`, `not yet` or `n/a`")),
    }
    complaints
}

fn about_summary(document: &Document) -> Option<String> {
    let count = |state: &str| document.lines.iter().filter(|line| line.state == state).count();
    let [done, open, never] = ["done", "not yet", "n/a"].map(count);
    let right = format!("{done} done, {open} not yet, {never} n/a.");
    match document.summary.as_deref() {
        None => Some(format!("the summary is missing; write: {right}")),
        Some(line) if counts(line) != Some([done, open, never]) => {
            Some(format!("the summary {line:?} is wrong; write: {right}"))
        }
        Some(_) => None,
    }
}

fn about_differences(document: &Document) -> Vec<String> {
    let mut complaints = Vec::new();
    for (difference, expected) in document.differences.iter().zip(1..) {
        if difference.number != expected.to_string() {
            complaints.push(format!("difference {}: should have the number {expected}", difference.number));
        }
    }
    let names = |line: &Line, number: &str| named_differences(&line.proof).contains(&number);
    for Difference { number, rows } in &document.differences {
        for row in rows {
            let line = document.lines.iter().find(|line| line.row == *row);
            if !line.is_some_and(|line| names(line, number)) {
                complaints.push(format!("{row}: does not name difference {number}, which names {row}; add it"));
            }
        }
    }
    for line in &document.lines {
        for named in named_differences(&line.proof) {
            let touches = |d: &Difference| d.number == named && d.rows.contains(&line.row);
            if !document.differences.iter().any(touches) {
                complaints.push(format!(
                    "{}: names difference {named}, which does not name it; correct one of the two",
                    line.row
                ));
            }
        }
    }
    complaints
}

#[test]
fn every_row_of_the_contract_has_a_line_and_every_done_a_test_that_exists() {
    let text = fs::read_to_string(repository().join(DOCUMENT)).unwrap();
    let tests = tests_of_the_repository().into_keys().collect();
    let complaints = complaints(&text, &contract(), &tests);
    assert!(complaints.is_empty(), "{DOCUMENT}, {} problems:\n  {}", complaints.len(), complaints.join("\n  "));
}

// -------------------------------------------------------------------------------------------- that the rules do notice

/// A document of four rows and two differences that is right.
const RIGHT: &str = "\
# What there is

**2 done, 1 not yet, 1 n/a.**

| row | what | state | test or reason |
|---|---|---|---|
| A1 | the path | done | `a_test`, `another`; difference 1 |
| A2 | a bar \\| in it | done | `a_test` |

| row | what | state | test or reason |
|---|---|---|---|
| B1 | the client | not yet | a later issue, differences 1, 2 |
| B1b | `void` | n/a | only in a browser |

| name | what `else` |
|---|---|
| A9 | not a row |

| no. | row | the reference | here | why |
|---|---|---|---|---|
| 1 | A1, B1 | this | that | so |
| 2 | B1 | this | that | so |
| 3 | – | this | that | so |
";

fn complaints_of_four_rows(text: &str) -> Vec<String> {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    complaints(text, &set(&["A1", "A2", "B1", "B1b"]), &set(&["a_test", "another"]))
}

#[test]
fn a_document_that_is_right_is_read_as_it_stands() {
    assert_eq!(complaints_of_four_rows(RIGHT), [""; 0]);
    let document = read(RIGHT);
    assert_eq!(document.lines.len(), 4);
    assert_eq!(document.lines[1].what, "a bar | in it");
    assert_eq!(document.differences[0].rows, ["A1", "B1"]);
    assert_eq!(document.differences[2].rows, [""; 0]);
}

#[test]
fn whatever_is_wrong_with_the_document_is_said_with_its_row() {
    let table = [
        ("| A2 | a bar \\| in it | done | `a_test` |\n", "", "A2: is missing"),
        ("| A2 |", "| A1 |", "A1: stands there 2 times"),
        ("| A2 |", "| A02 |", "A02: is no row of the contract"),
        ("`a_test`, `another`;", "", "A1: is done without a test"),
        ("`a_test`, `another`;", "`a_tes`;", "A1: there is no test `a_tes`"),
        ("| done | `a_test` |", "| Done | `a_test` |", "A2: the state \"Done\" does not exist"),
        ("| n/a | only in a browser |", "| n/a | |", "B1b: is n/a without a reason"),
        ("| not yet | a later issue, differences 1, 2 |", "| not yet | |", "B1: is not yet without a reason"),
        ("| the path |", "| |", "A1: does not say what it is"),
        ("2 done", "3 done", "write: 2 done, 1 not yet, 1 n/a."),
        ("2 done, 1 not yet", "Much done", "the summary is missing"),
        ("; difference 1", "", "A1: does not name difference 1"),
        ("`a_test`, `another`; difference 1", "`a_test`; differences 1, 7", "A1: names difference 7"),
        ("| 2 | B1 |", "| 4 | B1 |", "difference 4: should have the number 2"),
        ("| `void` |", "| `void` | more |", "line 13: 5 cells instead of 4"),
        ("| only in a browser |", "| only in a browser", "line 13: a line of a table ends with `|`"),
    ];
    for (right, wrong, expected) in table {
        assert_eq!(RIGHT.matches(right).count(), 1, "{right:?} is there once");
        let complaints = complaints_of_four_rows(&RIGHT.replace(right, wrong));
        assert!(complaints.iter().any(|complaint| complaint.contains(expected)), "{expected:?}: {complaints:#?}");
    }
    // All at once.
    let complaints = complaints_of_four_rows(&RIGHT.replace("`a_test`", "").replace("only in a browser", ""));
    assert_eq!(complaints.len(), 2, "{complaints:#?}");
}

#[test]
fn the_contract_has_545_rows() {
    let rows = contract();
    assert_eq!(rows.len(), 545);
    assert!(["A1", "A91", "F17b", "J34"].iter().all(|row| rows.contains(*row)));
    assert!(!rows.contains("A0") && !rows.contains("A92"));
}
