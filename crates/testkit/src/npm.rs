//! The official npm packages under `npm/`: where they are and whether they are the locked ones.
//!
//! npm leaves a record of what it installed in `node_modules/.package-lock.json`, written last. Comparing it with
//! `package-lock.json` needs no mark of our own and is right as well after `npm ci` by hand. Installing is left to
//! `cargo xtask`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::repository;

/// The folder that holds `package.json`, `package-lock.json` and, once installed, `node_modules`.
#[must_use]
pub fn npm_dir() -> PathBuf {
    repository().join("npm")
}

/// What is installed under [`npm_dir`], against what `package-lock.json` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NpmPackages {
    /// Nothing has been installed, or an installation did not finish.
    Missing,
    /// Something is installed, but not what the lock file says.
    OutOfDate,
    /// Every locked package is there in the locked version.
    Installed,
}

/// Compares the installed npm packages with the lock file.
#[must_use]
pub fn npm_packages() -> NpmPackages {
    compare(&npm_dir())
}

/// [`npm_packages`] for any folder. A lock file that cannot be read counts as satisfied by nothing.
fn compare(folder: &Path) -> NpmPackages {
    let Some(installed) = packages_in(&folder.join("node_modules/.package-lock.json")) else {
        return NpmPackages::Missing;
    };
    let Some(locked) = packages_in(&folder.join("package-lock.json")) else {
        return NpmPackages::OutOfDate;
    };
    // The entry without a name is the project itself; an optional package may be left out on this platform.
    let satisfied = locked
        .iter()
        .filter(|(path, package)| !path.is_empty() && package["optional"] != Value::Bool(true))
        .all(|(path, package)| installed.get(path).is_some_and(|found| is_same(package, found)));
    if satisfied { NpmPackages::Installed } else { NpmPackages::OutOfDate }
}

fn is_same(wanted: &Value, found: &Value) -> bool {
    wanted["version"] == found["version"] && wanted["integrity"] == found["integrity"]
}

fn packages_in(lock_file: &Path) -> Option<Map<String, Value>> {
    let text = fs::read_to_string(lock_file).ok()?;
    let lock: Value = serde_json::from_str(&text).ok()?;
    lock.get("packages")?.as_object().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"{"packages": {
        "": {"name": "project"},
        "node_modules/ws": {"version": "8.1.0", "integrity": "sha512-a"},
        "node_modules/fsevents": {"version": "2.0.0", "integrity": "sha512-b", "optional": true}
    }}"#;

    fn folder_with(name: &str, lock: &str, installed: Option<&str>) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("testkit-npm-{}-{name}", std::process::id()));
        fs::create_dir_all(folder.join("node_modules")).unwrap();
        fs::write(folder.join("package-lock.json"), lock).unwrap();
        if let Some(installed) = installed {
            fs::write(folder.join("node_modules/.package-lock.json"), installed).unwrap();
        }
        folder
    }

    #[test]
    fn installed_packages_are_judged_by_version_and_integrity() {
        let ws = |version: &str, integrity: &str| {
            format!(r#"{{"packages":{{"node_modules/ws":{{"version":"{version}","integrity":"{integrity}"}}}}}}"#)
        };
        let cases = [
            ("same", Some(ws("8.1.0", "sha512-a")), NpmPackages::Installed),
            ("version", Some(ws("8.1.1", "sha512-a")), NpmPackages::OutOfDate),
            ("content", Some(ws("8.1.0", "sha512-c")), NpmPackages::OutOfDate),
            ("absent", Some(r#"{"packages":{}}"#.to_owned()), NpmPackages::OutOfDate),
            ("never", None, NpmPackages::Missing),
            ("damaged", Some("{\"pack".to_owned()), NpmPackages::Missing),
        ];
        for (name, installed, expected) in cases {
            let folder = folder_with(name, LOCK, installed.as_deref());
            assert_eq!(compare(&folder), expected, "case `{name}`");
            fs::remove_dir_all(folder).unwrap();
        }
    }

    #[test]
    fn an_unreadable_lock_file_is_satisfied_by_nothing() {
        let folder = folder_with("unreadable", "", Some(r#"{"packages":{}}"#));
        assert_eq!(compare(&folder), NpmPackages::OutOfDate);
        fs::remove_dir_all(folder).unwrap();
    }
}
