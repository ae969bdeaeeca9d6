//! The project's own chores, `cargo xtask …`: the two commands of the README and what they are made of.
//!
//! It decides nothing about the product. `serve` and `test` install what they need, then hand over to cargo; the list
//! of checks in `check.rs` is the one definition of what "the tests pass" means, here and in continuous integration.

mod ahead;
mod bench;
mod check;
mod counts;
mod dependencies;
mod fuzz;
mod install;
mod machine;
mod npm;
mod program;
mod publication;
mod release;
mod report;
mod serve;
mod soak;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};

/// The project's own chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Run the server with the chat page: install the npm packages if npm is there, build `sio`, start it.
    Serve(serve::Options),
    /// Install what the tests need, then check formatting, lints and documentation and run all tests.
    Test(check::Options),
    /// Measure this project next to its peers, and write the report.
    Bench(bench::Options),
    /// Count the instructions of the hot paths, and fail if one has grown.
    Counts(counts::Options),
    /// Treat a server badly for minutes or hours, and see whether anything of it is left behind.
    Soak(soak::Options),
    /// Fuzz the decoders and the session machines, or replay the corpus.
    Fuzz(fuzz::Options),
    /// Only install what the tests need.
    Install,
}

fn main() -> ExitCode {
    let result = match Cli::parse().chore {
        Chore::Serve(options) => serve::serve(&options),
        Chore::Test(options) => check::check(&options),
        Chore::Bench(options) => bench::bench(&options),
        Chore::Counts(options) => counts::counts(&options),
        Chore::Soak(options) => soak::soak(&options),
        Chore::Fuzz(options) => fuzz::fuzz(&options),
        Chore::Install => install::install(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The cargo that runs this program, to be run at the root of the repository.
fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let mut command = Command::new(cargo);
    command.current_dir(testkit::repository());
    // What cargo has told this program about itself is none of the next one's business: build scripts that look at it
    // would run again, and much would be compiled again, each time after a cargo that was started by hand.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    command
}
