//! Where the browser client comes from: the folder that was asked for, an installed npm package, or the public
//! CDN. Reading and serving the files is [`ClientFiles`]'s. Rows D3, D8.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use socketio::ClientFiles;

/// The version that browsers are sent to where no package is installed: the one in `npm/package.json`.
const CDN_VERSION: &str = "4.8.4";

/// The word for the CDN in place of a folder.
const CDN: &str = "cdn";

/// Packages that have the bundles; the first one found is taken.
const PACKAGES: [&str; 2] = ["socket.io-client", "socket.io"];

/// The browser client to serve.
///
/// # Errors
/// Where the folder that was asked for is not such a package.
pub(crate) fn client_files(asked: Option<&Path>) -> Result<ClientFiles> {
    match asked {
        Some(word) if word == Path::new(CDN) => Ok(ClientFiles::from_cdn(CDN_VERSION)),
        Some(folder) => ClientFiles::from_package(folder).with_context(|| {
            let folder = folder.display();
            format!(
                "--client-dir {folder} is not an installed npm package: \
                 name the folder of socket.io-client or socket.io, or `{CDN}`"
            )
        }),
        None => Ok(find_installed()),
    }
}

fn find_installed() -> ClientFiles {
    for folder in module_folders() {
        for package in PACKAGES.map(|name| folder.join(name)).into_iter().filter(|package| package.is_dir()) {
            match ClientFiles::from_package(&package) {
                Ok(files) => {
                    tracing::info!(package = %package.display(), "serving the browser client of an installed package");
                    return files;
                }
                Err(error) => tracing::warn!(package = %package.display(), %error, "package not usable"),
            }
        }
    }
    tracing::info!(
        "no npm package socket.io-client is installed here: browsers are redirected to the public CDN for it"
    );
    ClientFiles::from_cdn(CDN_VERSION)
}

/// Where npm may have put packages, nearest first.
fn module_folders() -> Vec<PathBuf> {
    let here = ["npm/node_modules", "node_modules"].map(PathBuf::from);
    // A folder above the program counts only where it is this repository: nothing else up there is ours to serve.
    let program = env::current_exe().unwrap_or_default();
    let repository = program.ancestors().find(|folder| folder.join("crates/socketio-cli").is_dir());
    here.into_iter().chain(repository.map(|folder| folder.join("npm/node_modules"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cdn_gives_the_version_that_npm_installs() {
        let manifest: serde_json::Value =
            serde_json::from_str(include_str!("../../../npm/package.json")).expect("a package.json");
        assert_eq!(manifest["dependencies"]["socket.io-client"], CDN_VERSION);
        assert!(client_files(Some(Path::new("cdn"))).is_ok_and(|files| files.is_redirect()));
    }

    #[test]
    fn a_folder_that_is_not_the_package_is_an_error_that_says_what_to_name() {
        let error = client_files(Some(Path::new("/nowhere/at/all"))).unwrap_err().to_string();
        assert!(error.contains("/nowhere/at/all") && error.contains("socket.io-client"), "{error}");
    }
}
