//! What the compiler says of a function that is no handler. Each file of `compile_fail/` is a program with one mistake, and
//! says in lines that begin with `//~` what a reader has to be told; whatever else rustc prints is its own business, and
//! may change with it. `accepted.rs` has no mistake, and compiles.
//!
//! rustc is called by itself, against the library that this test was linked with: cargo would build all of it again.

#![allow(clippy::unwrap_used, reason = "all of this file is tests; clippy sees only the functions marked as such")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The folder with the library and all that it is made of.
fn built() -> PathBuf {
    env::current_exe().unwrap().parent().unwrap().to_path_buf()
}

/// The library as it was built last: what cargo has just done for this very test, where it was out of date.
fn library() -> PathBuf {
    let files = fs::read_dir(built()).unwrap().map(|entry| entry.unwrap().path());
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libsocketio-") && name.ends_with(".rlib")
    };
    let newest = files.filter(is_it).max_by_key(|path| path.metadata().unwrap().modified().unwrap());
    newest.expect("this test is linked with the library, which is beside it")
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail")
}

/// Checks a program; whether it compiles, and what rustc prints.
fn check(program: &Path) -> (bool, String) {
    let name = program.file_stem().unwrap().to_string_lossy();
    let metadata = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.rmeta"));
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or("rustc".into()));
    rustc.args(["--edition=2024", "--crate-type=bin", "--emit=metadata", "--color=never", "-o"]).arg(metadata);
    rustc.arg("-L").arg(format!("dependency={}", built().display()));
    rustc.arg("--extern").arg(format!("socketio={}", library().display()));
    let output = rustc.arg(program).output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn each_form_of_handler_compiles() {
    let (compiles, said) = check(&cases().join("accepted.rs"));
    assert!(compiles, "{said}");
}

#[test]
fn a_function_that_is_no_handler_is_told_what_is_wrong_with_it_and_what_to_write() {
    let mut programs = 0;
    let mut complaints = Vec::new();
    for entry in fs::read_dir(cases()).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("accepted.rs") {
            continue;
        }
        programs += 1;
        let text = fs::read_to_string(&path).unwrap();
        let expected: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("//~ ")).collect();
        assert!(!expected.is_empty(), "{} expects nothing", path.display());
        let (compiles, said) = check(&path);
        let missing: Vec<_> = expected.into_iter().filter(|sentence| !said.contains(sentence)).collect();
        if compiles || !missing.is_empty() {
            complaints.push(format!("{}: not said: {missing:?}; but:\n{said}", path.display()));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(programs >= 14, "only {programs} programs were found");
}
