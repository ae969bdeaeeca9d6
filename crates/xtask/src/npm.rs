//! Installs the locked npm packages under `npm/`.
//!
//! Nothing is done when they are there already, so that a second `serve` or `test` costs no time and needs no network.
//! Packages run no scripts of their own on installation: the ones used here have none that matter.
#![allow(clippy::print_stdout, reason = "a chore says what it does")]

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use testkit::{NpmPackages, find_program, npm_dir, npm_packages};

/// npm itself, if it is installed. On Windows it is a batch file.
pub(crate) fn find() -> Option<PathBuf> {
    find_program("npm").or_else(|| find_program("npm.cmd"))
}

/// Makes `npm/node_modules` what `npm/package-lock.json` says.
///
/// # Errors
///
/// If npm is missing or fails; it has then said why.
pub(crate) fn install_packages() -> Result<()> {
    if npm_packages() == NpmPackages::Installed {
        println!("npm packages: installed already");
        return Ok(());
    }
    let npm = find().context("npm is not in PATH")?;
    println!("npm packages: installing the locked ones into npm/node_modules");
    let status = Command::new(npm)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(npm_dir())
        .status()
        .context("cannot run npm")?;
    ensure!(status.success(), "`npm ci` in npm/ failed ({status})");
    Ok(())
}
