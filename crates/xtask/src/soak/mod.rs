//! `cargo xtask soak`: a server under clients that come, go and misbehave, and whether it is afterwards what it was before.
//!
//! The two programs are the package `soak`. `course.rs` has what is done with them, `stage.rs` how they are spoken with,
//! `gauge.rs` what is watched, `verdict.rs` what has to hold, `report.rs` and `chart.rs` how it is shown. BENCHMARKING.md
//! explains it to those who read the report.
#![allow(clippy::print_stdout, reason = "a chore says what it does")]

mod chart;
mod course;
mod gauge;
mod report;
mod stage;
mod verdict;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use testkit::repository;

use self::{
    course::{Scenario, Size},
    report::Report,
    stage::Programs,
};
use crate::{cargo, machine, publication, release};

/// Descriptors that a process needs beside those of its connections.
const SPARE_DESCRIPTORS: u64 = 500;

/// What `cargo xtask soak` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How long there is churn: 90s, 10m or 1h [default: 4m].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Two small cycles of churn within 25 s, with the programs as the tests have built them: what `cargo xtask test` does.
    #[arg(long, conflicts_with_all = ["duration", "scenarios", "cycles", "crowd", "storm"])]
    short: bool,
    /// What is done, separated by commas, each with a server of its own [default: churn].
    #[arg(long, value_delimiter = ',', value_name = "SCENARIOS")]
    scenarios: Vec<Scenario>,
    /// How often the crowd comes and goes [default: 50]; says that there is to be one.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=10_000))]
    cycles: Option<u16>,
    /// How many the crowd are [default: 5000].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    crowd: Option<u32>,
    /// How many clients have their server restarted [default: 10000]; says that this is to be done.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "10000", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    storm: Option<u32>,
    /// Where the report goes: report.txt, report.json and report.html [default: target/soak].
    #[arg(long, value_name = "FOLDER")]
    report: Option<PathBuf>,
}

/// A whole number and its unit.
fn duration(text: &str) -> Result<Duration, String> {
    let unit = [('s', 1), ('m', 60), ('h', 3600)].into_iter().find(|(unit, _)| text.ends_with(*unit));
    let duration = unit.and_then(|(unit, seconds)| text.strip_suffix(unit)?.parse::<u32>().ok()?.checked_mul(seconds));
    let wrong = || "write a whole number and a unit, at least a second: 90s, 10m or 1h".to_owned();
    duration.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds.into())).ok_or_else(wrong)
}

impl Options {
    fn scenarios(&self) -> Vec<Scenario> {
        let mut scenarios = self.scenarios.clone();
        scenarios.extend(self.cycles.and(Some(Scenario::Crowd)));
        scenarios.extend(self.storm.and(Some(Scenario::Storm)));
        // A duration is one of churn.
        if scenarios.is_empty() || self.duration.is_some() {
            scenarios.push(Scenario::Churn);
        }
        scenarios.sort();
        scenarios.dedup();
        scenarios
    }

    fn size(&self) -> Size {
        let number = |given: Option<u32>, usual: u32| usize::try_from(given.unwrap_or(usual)).unwrap_or(usize::MAX);
        Size {
            duration: if self.short { Duration::ZERO } else { self.duration.unwrap_or(Duration::from_secs(240)) },
            unit: Duration::from_millis(if self.short { 400 } else { 1_000 }),
            steady: if self.short { 8 } else { 16 },
            burst: if self.short { 60 } else { 1_000 },
            crowd_cycles: usize::from(self.cycles.unwrap_or(50)),
            crowd: number(self.crowd, 5_000),
            storm: number(self.storm, 10_000),
        }
    }
}

/// Soaks, as one of the checks.
///
/// # Errors
/// As [`soak`], and where something does not hold.
pub(crate) fn check() -> Result<()> {
    let short = Options {
        duration: None,
        short: true,
        scenarios: Vec::new(),
        cycles: None,
        crowd: None,
        storm: None,
        report: None,
    };
    let code = soak(&short)?;
    ensure!(code == ExitCode::SUCCESS, "the server is not what it was before, or somebody was treated wrongly");
    Ok(())
}

/// Soaks, prints the report, and writes it.
///
/// # Errors
/// Where something cannot be built or run. What does not hold is in the report and in the exit code.
pub(crate) fn soak(options: &Options) -> Result<ExitCode> {
    ensure!(cfg!(target_os = "linux"), "memory and descriptors are read from Linux's /proc: run it on Linux");
    let machine = machine::describe();
    let programs = build(options)?;
    let size = options.size();
    let most = u64::try_from(size.crowd.max(size.storm)).unwrap_or(u64::MAX);
    let allowed = machine::raise_descriptor_limit(most + SPARE_DESCRIPTORS);
    let (started, mut courses) = (Instant::now(), Vec::new());
    for scenario in options.scenarios() {
        println!("{}", scenario.name());
        let taken = course::take(scenario, &programs, &size, &|line| println!("  {line}"));
        courses.push(taken.with_context(|| format!("{} (open files: {allowed})", scenario.name()))?);
    }
    let settings = json!({
        "programs": if options.short { "as built for tests" } else { "release" },
        "took": format!("{:.0} s", started.elapsed().as_secs_f64()),
    });
    let report = Report { machine, settings, courses };
    println!("\n{report}");
    let folder = options.report.clone().unwrap_or_else(|| repository().join("target/soak"));
    publication::write(&folder, &report.to_string(), &report.to_json(), &report.page())?;
    let passed = report.is_passed();
    println!("{}", if passed { "passed" } else { "FAILED" });
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The programs. The short form takes those that the package's test has made cargo build: nothing is compiled for it where the
/// tests have just run.
fn build(options: &Options) -> Result<Programs> {
    if !options.short {
        release::build(".", &["soak"])?;
        return Ok(Programs::in_folder(&repository().join("target/release")));
    }
    let status = cargo().args(["test", "--workspace", "--all-features", "--no-run", "--quiet"]).status();
    let status = status.context("cannot run cargo")?;
    ensure!(status.success(), "the programs cannot be built ({status})");
    // This program is one of the same workspace, built the same way.
    let own = std::env::current_exe().context("this program does not know where it is")?;
    Ok(Programs::in_folder(own.parent().context("a program in no folder")?))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    fn options(words: &str) -> Options {
        Cli::try_parse_from(std::iter::once("soak").chain(words.split_whitespace())).unwrap().options
    }

    #[test]
    fn a_scenario_is_chosen_by_its_name_or_by_what_it_takes() {
        for (words, scenarios) in [
            ("", &[Scenario::Churn][..]),
            ("--short", &[Scenario::Churn]),
            ("--cycles 3", &[Scenario::Crowd]),
            ("--storm", &[Scenario::Storm]),
            ("--storm 500 --cycles 3", &[Scenario::Crowd, Scenario::Storm]),
            ("--scenarios storm,churn --storm", &[Scenario::Churn, Scenario::Storm]),
            ("--duration 1h --storm", &[Scenario::Churn, Scenario::Storm]),
        ] {
            assert_eq!(options(words).scenarios(), scenarios, "{words}");
        }
        assert_eq!((options("--storm").size().storm, options("--storm 7").size().storm), (10_000, 7));
    }

    #[test]
    fn a_duration_has_a_unit() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("1h", 3_600)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "h", "0s", "10", "1.5h", "-1s", "99999999h", "5 m"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
