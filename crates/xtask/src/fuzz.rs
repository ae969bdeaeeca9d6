//! `cargo xtask fuzz`: builds the targets of fuzz/ with what libFuzzer has to see, runs each for a fixed time, and says what
//! was executed, what was covered and how a crash is repeated; or only replays the corpus, for which libFuzzer is not needed.
//!
//! It passes the flags that `cargo fuzz` passes too, so that a stable compiler and no further tool will do. What it finds goes to
//! fuzz/target/found and not into the corpus, unless it is told to.
#![allow(clippy::print_stdout, reason = "a chore says what it does")]

use std::{
    fs,
    io::{BufRead, BufReader, IsTerminal, Write},
    panic::resume_unwind,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::{Mutex, PoisonError},
    thread,
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use testkit::repository;

use crate::cargo;

/// What libFuzzer needs of the compiler: counters and tables for what is reached, and calls for what is compared.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// How long each target is fuzzed as one of the checks, in seconds.
const CHECK_SECONDS: u64 = 1;

/// What `cargo xtask fuzz` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The targets, which are the files in fuzz/fuzz_targets [default: all].
    targets: Vec<String>,
    /// How long each target is fuzzed.
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Only run the corpus, without libFuzzer.
    #[arg(long, conflicts_with_all = ["seconds", "keep"])]
    replay: bool,
    /// Add to the corpus what reaches a place in the code that the corpus does not.
    #[arg(long)]
    keep: bool,
}

/// Replays the corpus and fuzzes for a moment, as one of the checks.
///
/// # Errors
/// As [`fuzz`], and where an input breaks something.
pub(crate) fn check() -> Result<()> {
    let targets = targets(&[])?;
    if !cfg!(target_os = "linux") {
        return replay(&targets);
    }
    // What an earlier run has found would take time that is fixed.
    let _ = fs::remove_dir_all(folder().join("target/found"));
    run(&targets, CHECK_SECONDS, false)
}

/// Builds, runs, prints.
///
/// # Errors
/// Where a target cannot be built or run, or an input breaks something.
pub(crate) fn fuzz(options: &Options) -> Result<ExitCode> {
    let targets = targets(&options.targets)?;
    if options.replay {
        replay(&targets)?
    } else {
        run(&targets, options.seconds, options.keep)?
    }
    Ok(ExitCode::SUCCESS)
}

fn folder() -> PathBuf {
    repository().join("fuzz")
}

/// The names of these targets, or of all.
fn targets(wanted: &[String]) -> Result<Vec<String>> {
    let files = fs::read_dir(folder().join("fuzz_targets")).context("cannot read fuzz/fuzz_targets")?;
    let mut all = Vec::new();
    for file in files {
        all.extend(file?.path().file_stem().and_then(|name| name.to_str()).map(str::to_owned));
    }
    all.sort();
    if let Some(unknown) = wanted.iter().find(|name| !all.contains(name)) {
        bail!("no target is called {unknown}; there are {}", all.join(", "));
    }
    Ok(if wanted.is_empty() { all } else { wanted.to_vec() })
}

/// The corpus of each target, by a program without libFuzzer.
fn replay(targets: &[String]) -> Result<()> {
    let mut build = cargo();
    build.args(["build", "--release", "--target-dir", "target", "--no-default-features", "--example", "replay"]);
    ensure!(build.current_dir(folder()).status()?.success(), "the targets cannot be built");
    for target in targets {
        let status = Command::new(folder().join("target/release/examples/replay")).arg(target).status();
        let status = status.context("cannot run the corpus")?;
        ensure!(status.success(), "{target}: an input of the corpus breaks something");
    }
    Ok(())
}

/// Each target for so long; what breaks one does not keep the others from being run.
fn run(targets: &[String], seconds: u64, keep: bool) -> Result<()> {
    let programs = build(targets)?;
    let broken = Mutex::new(Vec::new());
    let left = Mutex::new(targets.iter());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || -> Result<()> {
        while let Some(target) = next() {
            if !fuzz_one(&programs, target, seconds, keep)? {
                broken.lock().unwrap_or_else(PoisonError::into_inner).push(target.as_str());
            }
        }
        Ok(())
    };
    let workers = thread::available_parallelism().map_or(1, |cores| cores.get());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })?;
    let broken = broken.into_inner().unwrap_or_else(PoisonError::into_inner);
    ensure!(broken.is_empty(), "an input breaks {}", broken.join(" and "));
    Ok(())
}

/// One target, on a core of its own; `false` where an input breaks it.
fn fuzz_one(programs: &Path, target: &str, seconds: u64, keep: bool) -> Result<bool> {
    let mut is_sound = true;
    let found = folder().join("target/found").join(target);
    let artifacts = folder().join("artifacts").join(target);
    for folder in [&found, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let corpus = folder().join("corpus").join(target);
    let mut command = Command::new(programs.join(target));
    command.arg(format!("-max_total_time={seconds}")).args(["-timeout=10", "-rss_limit_mb=1024", "-max_len=4096"]);
    command.arg(format!("-artifact_prefix={}/", artifacts.display())).args([&found, &corpus]);
    match watch(target, &mut command)? {
        Outcome::Done(figures) => println!("{target:22}{figures}"),
        Outcome::Broken(output) => {
            println!("{target:22}BROKEN\n{output}");
            is_sound = false;
        }
    }
    if keep {
        // Few inputs that together reach every place; how often each is reached would make thousands of them.
        let mut command = Command::new(programs.join(target));
        command.args(["-set_cover_merge=1", "-use_counters=0", "-max_len=4096"]).args([&corpus, &found]);
        ensure!(command.stderr(Stdio::null()).status()?.success(), "{target}: the corpus cannot be merged");
    }
    Ok(is_sound)
}

/// What compiles all targets.
///
/// # Errors
/// Where there are none, or the compiler does not say what it compiles for.
pub(crate) fn compiling_all() -> Result<Command> {
    Ok(compiling(&targets(&[])?, &host()?))
}

/// Builds the targets, and says where they are then.
fn build(targets: &[String]) -> Result<PathBuf> {
    let host = host()?;
    let status = compiling(targets, &host).status().context("cannot run cargo")?;
    ensure!(status.success(), "the targets cannot be built");
    Ok(folder().join("target").join(host).join("release"))
}

fn compiling(targets: &[String], host: &str) -> Command {
    let mut build = cargo();
    // With a target that is named, build scripts and macros are left alone by the flags.
    build.args(["build", "--release", "--target-dir", "target", "--target", host]);
    build.args(targets.iter().flat_map(|target| ["--bin", target]));
    build.env("RUSTFLAGS", COVERAGE).env_remove("CARGO_ENCODED_RUSTFLAGS").current_dir(folder());
    build
}

/// What the compiler calls this machine.
fn host() -> Result<String> {
    let version = Command::new("rustc").arg("-vV").current_dir(repository()).output().context("cannot run rustc")?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    version.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned).context("rustc names no host")
}

enum Outcome {
    /// What was executed and reached.
    Done(String),
    /// What the target said at its end, and how to repeat it.
    Broken(String),
}

/// Runs a target, with what it has reached in one line that is written over.
fn watch(target: &str, command: &mut Command) -> Result<Outcome> {
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().context("cannot run a target")?;
    let output = child.stderr.take().context("no output")?;
    let mut stdout = std::io::stdout();
    let (mut figures, mut said, mut input) = (None, String::new(), None);
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if let Some(now) = figures_in(&line) {
            if stdout.is_terminal() {
                write!(stdout, "{target:22}{now}\r").and_then(|()| stdout.flush()).context("cannot print")?;
            }
            figures = Some(now);
        } else if !line.starts_with("INFO:") && !line.trim_start().starts_with('#') {
            // Neither about the corpus nor addresses of a stack: what was broken.
            said += &format!("  {line}\n");
            input = input.or_else(|| line.split_once("Test unit written to ").map(|(_, path)| path.to_owned()));
        }
    }
    let status = child.wait().context("cannot wait for a target")?;
    if status.success() {
        return Ok(Outcome::Done(figures.unwrap_or_default()));
    }
    if let Some(input) = input {
        let replay = "cargo run --release --manifest-path fuzz/Cargo.toml --no-default-features --example replay --";
        said += &format!("repeat it with: {replay} {target} {input}");
    }
    Ok(Outcome::Broken(said))
}

/// What a line of progress says: `#4096 pulse  cov: 321 ft: 900 corp: 77/1200b lim: 43 exec/s: 2048 rss: 40Mb`.
fn figures_in(line: &str) -> Option<String> {
    let mut words = line.strip_prefix('#')?.split_whitespace();
    let executions = words.next()?;
    let words: Vec<&str> = words.collect();
    let behind = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1));
    let (covered, corpus) = (behind("cov:")?, behind("corp:")?);
    let inputs = corpus.split('/').next()?;
    Some(format!("{executions:>9} executions  {covered:>6} places  {inputs:>5} inputs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_and_all_else_is_not() {
        let line = "#4096\tpulse  cov: 321 ft: 900 corp: 77/1200b lim: 43 exec/s: 2048 rss: 40Mb";
        let words: Vec<String> = figures_in(line).unwrap().split_whitespace().map(str::to_owned).collect();
        assert_eq!(words, ["4096", "executions", "321", "places", "77", "inputs"]);
        for line in ["INFO: Seed: 1", "==1== ERROR: libFuzzer: deadly signal", "#1", "#0 0x55 in main", ""] {
            assert_eq!(figures_in(line), None, "{line}");
        }
    }

    #[test]
    fn each_target_is_a_program_of_the_package_and_has_a_corpus() {
        let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
        for target in targets(&[]).unwrap() {
            assert!(
                manifest.contains(&format!("name = \"{target}\"\npath = \"fuzz_targets/{target}.rs\"")),
                "{target}"
            );
            assert!(fs::read_dir(folder().join("corpus").join(&target)).is_ok_and(|mut files| files.next().is_some()));
        }
        assert!(targets(&["nothing".to_owned()]).is_err());
    }
}
