//! `cargo xtask counts`: how many instructions the hot paths take, under callgrind, against the file in the repository.
//!
//! An instruction count repeats where a time does not, so a change of a few per cent can be told on any machine. It depends
//! on the compiler, on valgrind and on the C library: with others than the file was made with, the counts are only printed.
#![allow(clippy::print_stdout, reason = "a chore says what it does")]

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Command, ExitCode},
    thread,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use testkit::{find_program, repository};

use crate::release;

/// How much a count may grow, in per cent.
const TOLERANCE: f64 = 3.0;

/// Where the program is that takes them.
const FOLDER: &str = "bench";
const PACKAGES: [&str; 1] = ["bench-counts"];

/// Each path, and the two numbers of times between which the difference is taken.
const PATHS: [(&str, [u64; 2]); 8] = [
    ("decode", [1_000, 11_000]),
    ("encode", [1_000, 11_000]),
    ("dispatch", [200, 1_200]),
    ("burst", [20, 120]),
    ("large", [20, 120]),
    ("acknowledge", [200, 1_200]),
    ("polling", [200, 1_200]),
    ("broadcast", [2, 12]),
];

/// What `cargo xtask counts` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Write the counts to the file, which is what a change that is meant to cost more has to do.
    #[arg(long)]
    update: bool,
}

/// What compiles the program that takes the paths.
pub(crate) fn compiling() -> Command {
    release::compiling(FOLDER, &PACKAGES)
}

/// Counts and compares, as one of the checks.
///
/// # Errors
/// As [`counts`], and where a count has grown.
pub(crate) fn check() -> Result<()> {
    let code = counts(&Options { update: false })?;
    ensure!(code == ExitCode::SUCCESS, "a hot path takes more instructions than it did");
    Ok(())
}

/// Counts, prints, and compares.
///
/// # Errors
/// Where valgrind is missing, or something cannot be built or run. A count that has grown is in the exit code.
pub(crate) fn counts(options: &Options) -> Result<ExitCode> {
    let valgrind = find_program("valgrind").context("valgrind is not in PATH; on Debian the package is `valgrind`")?;
    release::build(FOLDER, &PACKAGES)?;
    let tools = tools()?;
    let known: Value = fs::read_to_string(file()).map_or(Ok(Value::Null), |text| serde_json::from_str(&text))?;
    let is_comparable = known["tools"] == *tools;
    let mut found = BTreeMap::new();
    let mut has_grown = false;
    for (path, times) in PATHS {
        let count = count(&valgrind, path, times)?;
        let before = known["instructions"][path].as_f64().filter(|_| is_comparable);
        let growth = before.map(|before| (count as f64 / before - 1.0) * 100.0);
        let is_too_much = growth.is_some_and(|growth| growth > TOLERANCE);
        let verdict = match growth {
            None => String::new(),
            Some(growth) if is_too_much => format!("{growth:+.1} %: too much"),
            Some(growth) => format!("{growth:+.1} %"),
        };
        println!("{path:10} {count:>9} instructions  {verdict}");
        has_grown |= is_too_much;
        found.insert(path, count);
    }
    if options.update {
        let text = serde_json::to_string_pretty(&json!({ "tools": tools, "instructions": found }))? + "\n";
        fs::write(file(), text).context("cannot write the counts")?;
        println!("written to {}", file().display());
        return Ok(ExitCode::SUCCESS);
    }
    if !is_comparable {
        println!("the counts in {} were made with other tools: nothing to compare with", file().display());
    }
    if has_grown {
        println!("if that is meant: `cargo xtask counts --update`, and commit the file with the change");
    }
    Ok(if has_grown { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn file() -> PathBuf {
    repository().join("bench/counts/instructions.json")
}

/// What the counts depend on beside the code: the compiler and its target, and, for what was not compiled here, the C
/// library and the processor that valgrind imitates.
fn tools() -> Result<String> {
    let lines = [("rustc", "-vV"), ("valgrind", "--version"), ("ldd", "--version")].map(|(program, option)| {
        let output = Command::new(program).arg(option).current_dir(repository()).output();
        output.with_context(|| format!("cannot run {program}"))
    });
    let mut words = Vec::new();
    for output in lines {
        let text = String::from_utf8(output?.stdout).context("a version that is no text")?;
        words.extend(text.lines().next().map(str::to_owned));
        words.extend(text.lines().find(|line| line.starts_with("host: ")).map(str::to_owned));
    }
    Ok(words.join(", "))
}

/// The instructions of one more time.
fn count(valgrind: &PathBuf, path: &str, times: [u64; 2]) -> Result<u64> {
    let [few, many] = times;
    // Instructions are counted beside each other as they are alone.
    let (less, more) = thread::scope(|scope| {
        let less = scope.spawn(|| total(valgrind, path, few));
        let more = total(valgrind, path, many);
        (less.join(), more)
    });
    let less = less.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    Ok(more?.saturating_sub(less) / (many - few))
}

/// The instructions of a whole run.
fn total(valgrind: &PathBuf, path: &str, times: u64) -> Result<u64> {
    let output = Command::new(valgrind)
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(release::program("bench", "bench-counts"))
        .args([path, &times.to_string()])
        .output()
        .context("cannot run valgrind")?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{path}: {}: {text}", output.status);
    collected(&text).with_context(|| format!("callgrind does not say what it counted: {text}"))
}

/// What callgrind says at its end.
fn collected(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("Collected : ")?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_from_what_callgrind_prints() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 1234567\n==7==\n"), Some(1_234_567));
        assert_eq!(collected("==7== nothing"), None);
    }
}
