//! The launchers, tried on a script that behaves as it is told: well, badly, or not at all.
//!
//! They need Node and the npm packages, which `cargo xtask install` provides.
#![cfg(unix)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::panic::catch_unwind;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use testkit::{NodeScript, NodeServer, npm_dir, repository};

const SCRIPT: &str = "crates/testkit/tests/js/behave.mjs";
const AMPLE: Duration = Duration::from_secs(60);

fn behave(how: &str) -> NodeScript {
    NodeScript::new(SCRIPT).arg(how)
}

/// The message that a failing launcher panics with.
fn failure(action: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = catch_unwind(action).expect_err("the launcher should have failed");
    *panic.downcast::<String>().expect("a panic message")
}

/// Waits until `question` says yes; whether it did within a minute.
fn comes_true(mut question: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + AMPLE;
    while !question() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}

/// Whether the process exists and is not merely waiting to be reaped.
fn is_running(process: &str) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with('Z')))
}

#[test]
fn a_script_gets_its_arguments_environment_packages_and_the_repository_as_directory() {
    let output = behave("report").arg("one").arg("two words").env("TESTKIT_TEST", "set").run(AMPLE);
    let expected = format!(
        r#"{{"cwd":"{}","rest":["one","two words"],"env":"set","io":"function"}}"#,
        repository().canonicalize().unwrap().display()
    );
    assert_eq!(output.stdout.trim(), expected);
    assert_eq!(output.stderr.trim(), "a remark");
}

#[test]
fn a_failing_script_shows_what_it_printed() {
    let message = failure(|| drop(behave("fail").run(AMPLE)));
    for part in ["behave.mjs", "exit status: 3", "the last words on stdout", "the last words on stderr"] {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn a_script_that_hangs_is_ended_at_the_deadline_and_shows_what_it_printed() {
    for how in ["hang", "resist"] {
        let started = Instant::now();
        let message = failure(|| drop(behave(how).run(Duration::from_secs(2))));
        assert!(message.contains("was not done after 2s"), "{message}");
        assert!(message.contains("still here"), "{message}");
        assert!(started.elapsed() < Duration::from_secs(30), "{how} went on for {:?}", started.elapsed());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_script_leaves_behind_is_ended_with_it() {
    let output = behave("leave").run(AMPLE);
    let process = output.stdout.trim();
    assert!(!process.is_empty());
    // It was killed before `run` returned, which the kernel may still be carrying out.
    assert!(comes_true(|| !is_running(process)), "process {process} is still running");
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_says_its_port_answers_and_ends_when_dropped() {
    let server = NodeServer::start(SCRIPT, ["listen"]);
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("hello"), "{answer}");

    let process = server.wait_for_line("process ", AMPLE);
    assert!(is_running(&process));
    assert!(server.output().stdout.starts_with("a line before it\n"));
    drop(server);
    assert!(!is_running(&process), "process {process} is still running");
}

#[test]
fn a_script_ends_when_the_test_that_started_it_is_gone() {
    let mut orphan = Command::new(testkit::find_program("node").unwrap())
        .args([SCRIPT, "hang"])
        .current_dir(repository())
        .env("TESTKIT_HOLDS_STDIN", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // This is all that a script sees of a test that was killed.
    drop(orphan.stdin.take());
    let has_ended = comes_true(|| orphan.try_wait().unwrap().is_some());
    let _ = orphan.kill();
    assert!(has_ended);
}

#[test]
fn a_server_that_ends_before_it_listens_shows_what_it_printed() {
    let message = failure(|| drop(behave("fail").start()));
    assert!(message.contains("did not print a line `listening <port>`"), "{message}");
    assert!(message.contains("the last words on stderr"), "{message}");
}

#[test]
fn a_line_that_never_comes_fails_at_the_deadline() {
    let server = NodeServer::start(SCRIPT, ["listen"]);
    let wait = std::panic::AssertUnwindSafe(|| drop(server.wait_for_line("never", Duration::from_millis(50))));
    assert!(failure(wait).contains("did not print a line `never…`"));
}

#[test]
fn the_repository_is_the_folder_of_the_workspace() {
    assert!(repository().join("Cargo.lock").is_file());
    assert!(npm_dir().join("package-lock.json").is_file());
}

#[test]
fn chromium_is_found_under_one_of_its_names() {
    let browser = testkit::chromium();
    let name = browser.file_stem().unwrap().to_str().unwrap();
    assert!(testkit::CHROMIUM_NAMES.contains(&name), "{name}");
    assert!(testkit::find_program("no such program as this").is_none());
}
