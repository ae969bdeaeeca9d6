//! The two programs of a soak together, in small: what one order does to the server's counters. How much is done, and what has to
//! hold after it, is in `cargo xtask soak`.
#![allow(clippy::unwrap_used, reason = "all of this file is a test; clippy sees only the functions marked as such")]

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(60);

struct Program {
    child: Child,
    stdin: ChildStdin,
    lines: BufReader<ChildStdout>,
}

impl Program {
    fn start(path: &str, words: &[&str]) -> Self {
        let mut child = Command::new(path).args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, stdin, lines: BufReader::new(stdout) }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn ask(&mut self, order: &str) -> Value {
        writeln!(self.stdin, "{order}").unwrap();
        serde_json::from_str(&self.line()).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start() -> (Program, Program) {
    // Long enough a unit for no deadline to be met here.
    let mut server = Program::start(env!("CARGO_BIN_EXE_soak-server"), &["10000"]);
    let listening = server.line();
    let address = format!("127.0.0.1:{}", listening.strip_prefix("listening ").unwrap());
    (server, Program::start(env!("CARGO_BIN_EXE_soak-load"), &["10000", &address]))
}

/// Waits until the server has so many sockets, and says what it holds then.
fn holds(server: &mut Program, sockets: u64) -> Value {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let now = server.ask("")["now"].take();
        if now["sockets"] == sockets && now["sessions"] == sockets && now["tasks"].as_u64() <= Some(sockets) {
            return now;
        }
        assert!(Instant::now() < deadline, "{sockets} sockets are expected: {now}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_server_counts_a_crowd_that_is_there_and_one_that_is_gone() {
    let (mut server, mut load) = start();
    let before = holds(&mut server, 0);
    assert_eq!(load.ask("come 10"), serde_json::json!({ "clients": 10 }));
    let there = holds(&mut server, 10);
    assert!(there["rooms"].as_u64() > before["rooms"].as_u64(), "{there}");
    assert!(there["heap_bytes"].as_u64() > before["heap_bytes"].as_u64(), "{there}");
    load.ask("go");
    let after = holds(&mut server, 0);
    for name in ["tasks", "rooms", "namespaces", "awaited_acks"] {
        assert_eq!(after[name], before[name], "{name}");
    }
}

#[test]
fn an_order_that_cannot_be_carried_out_is_answered_with_why() {
    let (_server, mut load) = start();
    assert_eq!(load.ask("dance")["error"], "there is no order `dance`");
    assert_eq!(load.ask("back")["error"], "nobody is connected");
    assert_eq!(load.ask("burst 1")["error"], "nobody well-behaved is connected");
}
