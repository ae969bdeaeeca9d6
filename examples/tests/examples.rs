//! Each example runs, and does for the official client what its first lines say: what the client does is in
//! tests/js/example_clients.mjs.
#![allow(clippy::unwrap_used, reason = "all of this file is tests; clippy sees only the functions marked as such")]

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

/// An example that runs on a free port, until the value is dropped.
struct Example {
    child: Child,
    url: String,
    /// Held open: the example may go on printing.
    _printed: BufReader<ChildStdout>,
}

impl Example {
    fn start(program: &str) -> Self {
        let mut child = Command::new(program).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let mut printed = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        printed.read_line(&mut line).unwrap();
        let url =
            line.trim_end().strip_prefix("listening on ").unwrap_or_else(|| panic!("it says {line:?}")).to_owned();
        Self { child, url, _printed: printed }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the example, and the official client against it.
fn try_with_the_official_client(name: &str, program: &str) {
    let example = Example::start(program);
    let client = testkit::NodeScript::new("tests/js/example_clients.mjs").arg(name).arg(&example.url);
    let output = client.run(Duration::from_secs(20));
    assert_eq!(output.stdout, format!("ok {name}\n"), "{}", output.stderr);
}

macro_rules! examples {
    ($($name:literal $program:literal $test:ident)*) => {
        const TRIED: &[&str] = &[$($name),*];

        $(
            #[test]
            fn $test() {
                try_with_the_official_client($name, env!($program));
            }
        )*
    };
}

examples! {
    "acks" "CARGO_BIN_EXE_acks" the_example_of_acknowledgements_runs
    "auth" "CARGO_BIN_EXE_auth" the_example_of_authentication_runs
    "axum_router" "CARGO_BIN_EXE_axum_router" the_example_behind_axum_runs
    "chat" "CARGO_BIN_EXE_chat" the_example_of_a_chat_runs
    "echo" "CARGO_BIN_EXE_echo" the_example_of_an_echo_runs
    "recovery" "CARGO_BIN_EXE_recovery" the_example_of_recovery_runs
    "rooms" "CARGO_BIN_EXE_rooms" the_example_of_rooms_runs
}

/// The one that is a client itself has the example of an echo for its server.
#[test]
fn the_example_of_a_client_runs() {
    let echo = Example::start(env!("CARGO_BIN_EXE_echo"));
    let output = Command::new(env!("CARGO_BIN_EXE_client")).arg(&echo.url).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let said: Vec<_> = printed.lines().filter(|line| line.contains("hello") || line.contains("stars")).collect();
    assert_eq!(said, ["the server says hello to the world", "7 stars"], "{printed}");
}

#[test]
fn every_example_is_tried() {
    let files = fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap().map(|entry| entry.unwrap().path());
    let names = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let mut names: Vec<_> = names.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    let mut tried = [TRIED, &["client"]].concat();
    tried.sort_unstable();
    assert_eq!(names, tried);
}
