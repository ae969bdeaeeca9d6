//! Programs in `PATH`: which there are, and where.
//!
//! Only looks; what to do about a missing one is the caller's business, except for [`chromium`], which is for tests
//! and panics with the command that installs it.

use std::env;
use std::path::{Path, PathBuf};

/// The names under which Chromium is looked for, in this order. Any of them drives the browser tests.
pub const CHROMIUM_NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The first executable file of this name in `PATH`, or `None`.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    let file_name = format!("{name}{}", env::consts::EXE_SUFFIX);
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(&file_name)).find(|file| is_executable(file))
}

/// The browser for tests that need a real one, under whichever of [`CHROMIUM_NAMES`] it is installed, or `None`.
#[must_use]
pub fn find_chromium() -> Option<PathBuf> {
    CHROMIUM_NAMES.iter().find_map(|name| find_program(name))
}

/// The browser for tests that need a real one.
///
/// # Panics
///
/// Panics with the command to run if no browser is installed.
#[must_use]
#[track_caller]
pub fn chromium() -> PathBuf {
    match find_chromium() {
        Some(browser) => browser,
        None => panic!("no Chromium in PATH (looked for {}): run `cargo xtask install`", CHROMIUM_NAMES.join(", ")),
    }
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}
