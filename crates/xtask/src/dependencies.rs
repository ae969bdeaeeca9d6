//! The step "dependencies": cargo-deny over what `deny.toml` says: licences, bans, sources, and known vulnerabilities.
//!
//! The list of vulnerabilities is not in the repository, where it would grow old: it is fetched. A machine that cannot
//! reach it checks everything else, and says so.
#![allow(clippy::print_stdout, reason = "a chore says what it does")]

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::cargo;

/// Checks them.
///
/// # Errors
/// What is not as `deny.toml` wants it; or no cargo-deny.
pub(crate) fn check() -> Result<()> {
    run(deny().args(["check", "bans", "licenses", "sources"]))?;
    let fetched = deny().args(["fetch", "db"]).output().context("cannot run cargo-deny")?;
    if fetched.status.success() {
        return run(deny().args(["check", "advisories"]));
    }
    let said = String::from_utf8_lossy(&fetched.stderr);
    println!("known vulnerabilities: NOT CHECKED, since the list of RustSec cannot be fetched here: {}", said.trim());
    println!("`cargo deny check advisories` does it where there is a way to it");
    Ok(())
}

fn deny() -> Command {
    let mut command = cargo();
    command.args(["deny", "--log-level", "warn", "--locked"]);
    command
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().context("cannot run cargo-deny")?;
    ensure!(status.success(), "what is listed above is against deny.toml ({status})");
    Ok(())
}
