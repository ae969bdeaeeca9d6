//! Programs that are measured: how they are built, and where they are then. Leaves out which ones, and what is measured.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};

use testkit::repository;

use crate::cargo;

/// Builds programs of the workspace in `folder`, optimised, into the `target` of that folder whatever `CARGO_TARGET_DIR` says:
/// two workspaces with lock files of their own would overwrite each other's programs in one.
///
/// # Errors
/// Where cargo cannot be run or does not succeed.
pub(crate) fn build(folder: &str, packages: &[&str]) -> Result<()> {
    let status = compiling(folder, packages).status().context("cannot run cargo")?;
    ensure!(status.success(), "`cargo build` in {folder} failed ({status})");
    Ok(())
}

/// What builds them.
pub(crate) fn compiling(folder: &str, packages: &[&str]) -> Command {
    let mut command = cargo();
    // Not `--locked`: bench/ has a lock file of its own, which follows when a crate here gets another dependency.
    command.args(["build", "--release", "--target-dir", "target"]).current_dir(repository().join(folder));
    command.args(packages.iter().flat_map(|package| ["--package", package]));
    command
}

/// Where a program is that was built so.
pub(crate) fn program(folder: &str, name: &str) -> PathBuf {
    repository().join(folder).join("target/release").join(name)
}
