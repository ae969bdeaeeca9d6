//! What the workspace's integration tests share: where things are, how to start the other side, and seeded
//! chance ([`Random`], [`seeds`]).
//!
//! The other side is always the published JavaScript implementation, so this crate launches Node scripts
//! ([`NodeScript`] for those that end by themselves, [`NodeServer`] for those that listen), knows whether the npm
//! packages are there ([`npm_packages`]) and finds Chromium ([`chromium`]).
//!
//! It owns no runtime: everything is `std::process` and threads, and a call may block for as long as its deadline.
//! An asynchronous test wraps such a call in its runtime's `spawn_blocking`. It installs nothing either; that is
//! `cargo xtask install`, which uses [`find_program`] and [`npm_packages`] to see what is missing.
//!
//! The launchers need Unix, because a script is run in a process group of its own so that nothing it started
//! outlives it; on other systems the crate has only the look-ups.

mod npm;
mod program;
mod random;

#[cfg(unix)]
mod group;
#[cfg(unix)]
mod node;

pub use npm::{NpmPackages, npm_dir, npm_packages};
pub use program::{CHROMIUM_NAMES, chromium, find_chromium, find_program};
pub use random::{Random, seeds};

#[cfg(unix)]
pub use node::{NodeScript, NodeServer, Output};

use std::path::{Path, PathBuf};

/// The root of the repository, as an absolute path.
///
/// It is the workspace that this crate was compiled in, whatever directory the program runs in.
#[must_use]
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
