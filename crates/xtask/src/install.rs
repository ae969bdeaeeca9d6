//! What the tests need beyond Rust, and how it gets there.
//!
//! [`missing`] looks; the rest acts on what it found. Only one system is installed on, Debian as root, with its own
//! package manager; everywhere else all that is missing is listed at once with a way to get it, and nothing is changed.
//! The npm packages go into the repository and so are installed on every system.
#![allow(clippy::print_stdout, reason = "a chore says what it does")]

use std::process::{Child, Command, ExitCode, Stdio};
use std::{fmt, fs};

use anyhow::{Context, Result, ensure};
use testkit::{CHROMIUM_NAMES, NpmPackages, find_chromium, find_program, npm_packages};

use crate::report::Report;
use crate::{cargo, npm};

/// The oldest major version of Node that all npm packages used here run on.
const OLDEST_NODE: u32 = 18;

/// Whether to install what is missing, or only to say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    Install,
    LookOnly,
}

/// Something that the tests cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Rustfmt,
    Clippy,
    Node,
    Npm,
    Chromium,
    Valgrind,
    CxxCompiler,
    CargoDeny,
    NpmPackages,
}

/// The version of cargo-deny that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";
const INSTALL_CARGO_DENY: [&str; 6] = ["install", "cargo-deny", "--locked", "--debug", "--version", CARGO_DENY];

const NEEDS: [Need; 9] = [
    Need::Rustfmt,
    Need::Clippy,
    Need::Node,
    Need::Npm,
    Need::Chromium,
    Need::Valgrind,
    Need::CxxCompiler,
    Need::CargoDeny,
    Need::NpmPackages,
];

impl Need {
    fn is_met(self) -> bool {
        match self {
            Self::Rustfmt => has_cargo_command("fmt"),
            Self::Clippy => has_cargo_command("clippy"),
            Self::Node => node_version().is_some_and(|major| major >= OLDEST_NODE),
            Self::Npm => npm::find().is_some(),
            Self::Chromium => find_chromium().is_some(),
            // Instructions are counted on Linux only.
            Self::Valgrind => !cfg!(target_os = "linux") || find_program("valgrind").is_some(),
            Self::CargoDeny => has_cargo_command("deny"),
            // Fuzzing, elsewhere than on Linux, is the replay of the corpus.
            Self::CxxCompiler => !cfg!(target_os = "linux") || find_program("c++").is_some(),
            Self::NpmPackages => npm_packages() == NpmPackages::Installed,
        }
    }

    /// The component of the Rust toolchain that meets the need.
    fn rust_component(self) -> Option<&'static str> {
        match self {
            Self::Rustfmt => Some("rustfmt"),
            Self::Clippy => Some("clippy"),
            Self::Node
            | Self::Npm
            | Self::Chromium
            | Self::Valgrind
            | Self::CxxCompiler
            | Self::CargoDeny
            | Self::NpmPackages => None,
        }
    }

    /// The Debian package that meets the need.
    fn debian_package(self) -> Option<&'static str> {
        match self {
            Self::Node => Some("nodejs"),
            Self::Npm => Some("npm"),
            Self::Chromium => Some("chromium"),
            Self::Valgrind => Some("valgrind"),
            Self::CxxCompiler => Some("g++"),
            Self::Rustfmt | Self::Clippy | Self::CargoDeny | Self::NpmPackages => None,
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rustfmt => f.write_str("rustfmt: `rustup component add rustfmt`, or your system's package of it"),
            Self::Clippy => f.write_str("clippy: `rustup component add clippy`, or your system's package of it"),
            Self::Node => {
                write!(f, "Node, {OLDEST_NODE} or later, as `node` in PATH; on Debian the package is `nodejs`")
            }
            Self::Npm => f.write_str("npm in PATH; it comes with Node, or on Debian as the package `npm`"),
            Self::Chromium => {
                write!(f, "Chromium in PATH under one of the names {}", CHROMIUM_NAMES.join(", "))?;
                f.write_str("; on Debian the package is `chromium`")
            }
            Self::Valgrind => f.write_str("valgrind in PATH; on Debian the package is `valgrind`"),
            Self::CargoDeny => write!(f, "cargo-deny: `cargo install cargo-deny --locked --version {CARGO_DENY}`"),
            Self::CxxCompiler => {
                f.write_str("a C++ compiler as `c++` in PATH, for libFuzzer; on Debian the package is `g++`")
            }
            Self::NpmPackages => f.write_str("the npm packages in npm/: `cargo xtask install` with npm there"),
        }
    }
}

/// `cargo xtask install`.
///
/// # Errors
///
/// Never: what fails is in the table and in the exit code.
pub(crate) fn install() -> Result<ExitCode> {
    let mut report = Report::default();
    report.step("installation", || prepare(Policy::Install));
    Ok(report.close())
}

/// Sees to it that everything the tests need is there.
///
/// # Errors
///
/// If something is missing and the policy or this system does not let it be installed; the message lists all of it. Or
/// if an installation fails.
pub(crate) fn prepare(policy: Policy) -> Result<()> {
    if policy == Policy::Install {
        let lacking = missing();
        install_rust_components(&lacking)?;
        // It compiles while the others wait for the network.
        let cargo_deny = start_cargo_deny(&lacking)?;
        let others = install_debian_packages(&lacking).and_then(|()| match npm::find() {
            Some(_) => npm::install_packages(),
            None => Ok(()),
        });
        cargo_deny.map_or(Ok(()), finish_cargo_deny)?;
        others?;
    }
    let lacking = missing();
    ensure!(lacking.is_empty(), "{}", list(&lacking));
    println!("everything that the tests need is installed");
    Ok(())
}

fn missing() -> Vec<Need> {
    NEEDS.into_iter().filter(|need| !need.is_met()).collect()
}

fn list(lacking: &[Need]) -> String {
    let mut text = "the tests need what is not installed here:".to_owned();
    for need in lacking {
        text += &format!("\n  - {need}");
    }
    if lacking.iter().any(|need| need.debian_package().is_some()) {
        text += "\n(on Debian, `cargo xtask install` as root installs Node, npm, Chromium, valgrind and g++)";
    }
    text
}

/// Adds toolchain components with rustup. Where there is no rustup nothing happens, and the list of what is still
/// missing tells the rest.
fn install_rust_components(lacking: &[Need]) -> Result<()> {
    let components: Vec<&str> = lacking.iter().filter_map(|need| need.rust_component()).collect();
    let Some(rustup) = find_program("rustup").filter(|_| !components.is_empty()) else {
        return Ok(());
    };
    println!("rustup component add {}", components.join(" "));
    let status = Command::new(rustup)
        .args(["component", "add"])
        .args(&components)
        .current_dir(testkit::repository())
        .status()
        .context("cannot run rustup")?;
    if !status.success() {
        // Not the end yet: what is missing is listed as a whole, with this among it.
        println!("rustup failed ({status})");
    }
    Ok(())
}

/// Installs Debian packages if this is Debian and we are root. Elsewhere nothing happens, as above.
fn install_debian_packages(lacking: &[Need]) -> Result<()> {
    let packages: Vec<&str> = lacking.iter().filter_map(|need| need.debian_package()).collect();
    if packages.is_empty() || !is_debian() || !is_root() {
        return Ok(());
    }
    apt_get(&["update"])?;
    let install = ["install", "--yes", "--no-install-recommends"];
    apt_get(&[&install[..], &packages[..]].concat())
}

/// Builds cargo-deny, which takes a minute, once a machine: it is in no distribution. Without optimisation, since it
/// runs for a second.
fn start_cargo_deny(lacking: &[Need]) -> Result<Option<Child>> {
    if !lacking.contains(&Need::CargoDeny) {
        return Ok(None);
    }
    println!("cargo {} (a minute, beside what follows)", INSTALL_CARGO_DENY.join(" "));
    let mut install = cargo();
    install.args(INSTALL_CARGO_DENY).arg("--quiet").env("CARGO_PROFILE_DEV_DEBUG", "false");
    install.spawn().context("cannot run cargo").map(Some)
}

fn finish_cargo_deny(mut install: Child) -> Result<()> {
    let status = install.wait().context("cannot wait for cargo")?;
    ensure!(status.success(), "`cargo {}` failed ({status})", INSTALL_CARGO_DENY.join(" "));
    println!("cargo-deny {CARGO_DENY} is built");
    Ok(())
}

fn apt_get(args: &[&str]) -> Result<()> {
    println!("apt-get {}", args.join(" "));
    let status = Command::new("apt-get")
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .status()
        .context("cannot run apt-get")?;
    ensure!(status.success(), "`apt-get {}` failed ({status})", args.join(" "));
    Ok(())
}

fn has_cargo_command(name: &str) -> bool {
    let status = cargo().args([name, "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The major version of the installed Node, if there is one that says it.
fn node_version() -> Option<u32> {
    let output = Command::new(find_program("node")?).arg("--version").output().ok()?;
    major_version(&String::from_utf8_lossy(&output.stdout))
}

fn major_version(text: &str) -> Option<u32> {
    text.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Derived systems are left out: their Chromium is packaged in other ways.
fn is_debian() -> bool {
    fs::read_to_string("/etc/os-release").is_ok_and(|text| names_debian(&text))
}

fn names_debian(os_release: &str) -> bool {
    os_release.lines().filter_map(|line| line.strip_prefix("ID=")).any(|id| id.trim_matches('"') == "debian")
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_missing_is_listed_at_once_with_a_way_to_get_it() {
        let text = list(&NEEDS);
        for word in ["rustfmt", "clippy", "Node", "npm", "google-chrome", "cargo-deny", "as root"] {
            assert!(text.contains(word), "`{word}` is not in: {text}");
        }
        assert_eq!(text.lines().filter(|line| line.starts_with("  - ")).count(), NEEDS.len());
    }

    #[test]
    fn every_program_is_a_rust_component_or_a_debian_package_or_built() {
        for need in NEEDS.into_iter().filter(|need| !matches!(need, Need::CargoDeny | Need::NpmPackages)) {
            assert_ne!(need.rust_component().is_some(), need.debian_package().is_some(), "{need}");
        }
    }

    #[test]
    fn the_version_of_node_is_read_from_what_it_prints() {
        assert_eq!(major_version("v18.20.4\n"), Some(18));
        assert_eq!(major_version("not a version"), None);
    }

    #[test]
    fn only_debian_itself_counts_as_debian() {
        assert!(names_debian("PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n"));
        assert!(names_debian("ID=\"debian\"\n"));
        assert!(!names_debian("ID=ubuntu\nID_LIKE=debian\n"));
        assert!(!names_debian(""));
    }
}
