//! `sio connect` in a process of its own, with somebody who types and reads: over pipes, as a script does.

use std::{
    io::Write,
    process::{Child, ChildStdin, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Instant,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    DEADLINE,
    program::{lines, sio},
};

/// A running `sio connect`, ended with the value.
pub(crate) struct Person {
    child: Child,
    input: Option<ChildStdin>,
    out: Receiver<String>,
    log: Receiver<String>,
    read: Vec<String>,
}

impl Person {
    /// Starts `sio connect` with these arguments.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut command = sio(&[&["connect"], args].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("sio can be started");
        let (out, log) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        Self { input: child.stdin.take(), child, out, log, read: Vec::new() }
    }

    /// Types a line.
    pub(crate) fn types(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input has not ended");
        writeln!(input, "{line}").and_then(|()| input.flush()).expect("sio reads");
    }

    /// Ends the input.
    pub(crate) fn ends_input(&mut self) {
        self.input = None;
    }

    /// Reads on to a line with this text, and gives it.
    #[track_caller]
    pub(crate) fn sees(&mut self, text: &str) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            let Ok(line) = self.out.recv_timeout(end.saturating_duration_since(Instant::now())) else {
                let log: Vec<String> = self.log.try_iter().collect();
                panic!("no line with `{text}` after {:#?}\n{log:#?}", self.read);
            };
            self.read.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("sio is running");
    }

    /// Reads to the end; gives the exit code and all lines from the first on.
    #[track_caller]
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<String>) {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.out.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => self.read.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("sio does not end; it printed {:#?}", self.read),
            }
        }
        let code = self.child.wait().expect("sio can be waited for").code();
        (code, std::mem::take(&mut self.read))
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        // It has ended already where the test has waited for it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
