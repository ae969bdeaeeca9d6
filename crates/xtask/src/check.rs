//! `cargo xtask test`: everything that has to hold, in the order in which it fails fastest.
//!
//! This is the one list of checks; continuous integration runs the same. What a check looks at is configured where its
//! tool looks for it (`Cargo.toml`, `clippy.toml`, `rustfmt.toml`), not here.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::report::Report;
use crate::{ahead::Ahead, cargo, counts, dependencies, fuzz, install, soak};

/// All tests of the workspace.
const TESTS: [&str; 3] = ["test", "--workspace", "--all-features"];

/// What `cargo xtask test` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Install nothing; say what is missing and fail if anything is.
    #[arg(long)]
    no_install: bool,
    /// Passed on to `cargo test`, for instance part of a test's name. All other checks run in full.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Runs all checks up to the first that fails, and prints the table.
///
/// # Errors
///
/// Never: a check that fails is in the table and in the exit code.
pub(crate) fn check(options: &Options) -> Result<ExitCode> {
    let mut report = Report::default();
    report.step("installation", || {
        let policy = if options.no_install { install::Policy::LookOnly } else { install::Policy::Install };
        install::prepare(policy)
    });
    report.step("formatting", || {
        run(cargo().args(["fmt", "--all", "--check"]))?;
        run(cargo().args(["fmt", "--all", "--check", "--manifest-path", "bench/Cargo.toml"]))?;
        run(cargo().args(["fmt", "--all", "--check", "--manifest-path", "fuzz/Cargo.toml"]))
    });
    report.step("lints", || {
        run(cargo().args(["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]))
    });
    report.step("features", check_faces);
    report.step("dependencies", dependencies::check);
    report.step("documentation", || {
        run(cargo().args(["doc", "--workspace", "--no-deps", "--all-features"]).env("RUSTDOCFLAGS", "-D warnings"))
    });
    let (is_full, is_linux) = (options.args.is_empty(), cfg!(target_os = "linux"));
    report.step("tests", || {
        run(cargo().args(TESTS).arg("--no-run"))?;
        let ahead = Ahead::start(if is_full && is_linux {
            vec![fuzz::compiling_all()?, counts::compiling()]
        } else {
            Vec::new()
        });
        // One failed test program does not hide what the others have to say.
        let outcome = run(cargo().args(TESTS).arg("--no-fail-fast").args(&options.args));
        ahead.finish(outcome.is_ok());
        outcome
    });
    if is_full {
        report.step("fuzzing", fuzz::check);
    }
    if is_full && is_linux {
        report.step("soak", soak::check);
        report.step("instruction counts", counts::check);
    }
    Ok(report.close())
}

/// Client and server each compile without the other, and the client without encryption.
fn check_faces() -> Result<()> {
    for package in ["engineio", "socketio"] {
        for features in ["server", "client", "client,tls"] {
            let faces = ["clippy", "--package", package, "--no-default-features", "--features", features];
            run(cargo().args(faces).args(["--", "-D", "warnings"]))?;
        }
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().context("cannot run cargo")?;
    ensure!(status.success(), "{status}");
    Ok(())
}
