//! `cargo xtask serve`: the server with the chat page, from a clean checkout in one command.
//!
//! The npm packages hold the official browser client that the page uses. Without them the server redirects the page to
//! Socket.IO's public CDN, so that no npm, or no network for it, is a remark here and not an error.
#![allow(clippy::print_stdout, reason = "a chore says what it does")]

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Args;

use crate::{cargo, npm};

/// What `cargo xtask serve` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Build with optimizations. Slow to build; the default build is quick and good enough to look at.
    #[arg(long)]
    release: bool,
    /// Passed on to `sio serve`; `cargo xtask serve -- --help` lists what it takes.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Installs what can be installed, builds, and becomes `sio serve`, which then gets all signals itself.
///
/// # Errors
///
/// If cargo cannot be started.
pub(crate) fn serve(options: &Options) -> Result<ExitCode> {
    if let Err(error) = npm::install_packages() {
        println!("{error:#}: the page will load its Socket.IO client from the public CDN");
    }
    let mut command = cargo();
    command.args(["run", "--package", "socketio-cli", "--bin", "sio"]);
    if options.release {
        command.arg("--release");
    }
    command.args(["--", "serve"]).args(&options.args);
    become_command(command)
}

/// Replaces this program by the command. Cargo does the same in its turn, so a signal reaches the server directly and
/// its exit code is the caller's.
#[cfg(unix)]
fn become_command(mut command: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;

    // Returns only if the command could not be started.
    Err(command.exec()).context("cannot run cargo")
}

/// Runs the command and passes its exit code on; the console sends an interrupt to both.
#[cfg(not(unix))]
fn become_command(mut command: Command) -> Result<ExitCode> {
    let status = command.status().context("cannot run cargo")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}
