//! Steps: a heading before each, its time after it, and a table of them all at the end.
//!
//! The first step that fails is the last that runs; the table says which were not reached.
#![allow(clippy::print_stdout, reason = "printing the report is what this file is for")]

use std::fmt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

/// What has been done so far, in order.
#[derive(Debug, Default)]
pub(crate) struct Report {
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed(Duration),
    Failed(Duration),
    NotReached,
}

impl Report {
    /// Runs a step under a heading, unless one before it has failed. Its error is printed where it happens.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) {
        let outcome = if self.has_failed() {
            Outcome::NotReached
        } else {
            println!("\n=== {name}");
            let started = Instant::now();
            let result = work();
            let elapsed = started.elapsed();
            match result {
                Ok(()) => {
                    println!("--- {name}: passed in {}", seconds(elapsed));
                    Outcome::Passed(elapsed)
                }
                Err(error) => {
                    println!("error: {error:#}");
                    println!("--- {name}: FAILED after {}", seconds(elapsed));
                    Outcome::Failed(elapsed)
                }
            }
        };
        self.steps.push(Step { name, outcome });
    }

    /// Prints the table; the exit code is that of the whole.
    pub(crate) fn close(&self) -> ExitCode {
        print!("\n{self}");
        if self.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    fn has_failed(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.outcome, Outcome::Failed(_)))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.steps.iter().map(|step| step.name.len()).max().unwrap_or(0);
        let mut total = Duration::ZERO;
        for Step { name, outcome } in &self.steps {
            let (word, elapsed) = match *outcome {
                Outcome::Passed(elapsed) => ("passed", elapsed),
                Outcome::Failed(elapsed) => ("FAILED", elapsed),
                Outcome::NotReached => {
                    writeln!(f, "{name:width$}  not reached")?;
                    continue;
                }
            };
            total += elapsed;
            writeln!(f, "{name:width$}  {word:11}  {:>8}", seconds(elapsed))?;
        }
        writeln!(f, "{:width$}  {:11}  {:>8}", "", "together", seconds(total))
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_after_a_failed_one_are_not_run_but_listed() {
        let mut report = Report::default();
        let mut was_run = false;
        report.step("first", || Ok(()));
        report.step("second one", || Err(anyhow::anyhow!("on purpose")));
        report.step("third", || {
            was_run = true;
            Ok(())
        });
        assert!(!was_run);
        let table = report.to_string();
        let words: Vec<&str> = table.lines().map(|line| line[12..].split("  ").next().unwrap().trim()).collect();
        assert_eq!(words, ["passed", "FAILED", "not reached", "together"]);
        assert_eq!(report.close(), ExitCode::FAILURE);
    }

    #[test]
    fn a_report_without_a_failed_step_is_a_success() {
        let mut report = Report::default();
        report.step("only", || Ok(()));
        assert_eq!(report.close(), ExitCode::SUCCESS);
    }
}
