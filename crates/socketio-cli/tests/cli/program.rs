//! `sio` in a process of its own, ended with the value.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Instant,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::DEADLINE;

/// `sio` with these arguments, in the repository and without options from the environment.
pub(crate) fn sio(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sio"));
    command
        .args(args)
        .current_dir(testkit::repository())
        .env_remove("SIO_LOG")
        .env_remove("SIO_AUTH")
        .stdin(Stdio::null());
    command
}

/// Runs `sio` to its end, for arguments with which it ends by itself.
pub(crate) fn run(args: &[&str]) -> Output {
    sio(args).output().expect("sio can be started")
}

/// A running `sio serve`.
pub(crate) struct Served {
    child: Child,
    addr: SocketAddr,
    out: Receiver<String>,
    log: Receiver<String>,
}

impl Served {
    /// Starts `sio serve` on a free port with these further options, and waits until it listens.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", options)
    }

    /// The same at this address.
    pub(crate) fn start_at(addr: &str, options: &[&str]) -> Self {
        let args = [&["serve", "--addr", addr], options].concat();
        let mut child = sio(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("sio can be started");
        let out = lines(child.stdout.take().unwrap());
        let log = lines(child.stderr.take().unwrap());
        let line = out.recv_timeout(DEADLINE).expect("sio prints its address");
        let addr = line.strip_prefix("listening on http://").and_then(|addr| addr.parse().ok());
        let addr = addr.unwrap_or_else(|| panic!("no address in `{line}`"));
        Self { child, addr, out, log }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("sio is running");
    }

    /// Waits until the log has a line with this text.
    pub(crate) fn wait_for_log(&self, text: &str) {
        let end = Instant::now() + DEADLINE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left).unwrap_or_else(|_| panic!("`{text}` is not logged"));
            if line.contains(text) {
                return;
            }
        }
    }

    /// Waits for the end; returns how it ended, what was printed since it listens, and what was logged and not yet
    /// waited for.
    pub(crate) fn end(mut self) -> (ExitStatus, Vec<String>, String) {
        let until_closed = |lines: &Receiver<String>| {
            let mut all = Vec::new();
            let end = Instant::now() + DEADLINE;
            loop {
                match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                    Ok(line) => all.push(line),
                    Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return all,
                    Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("sio does not end; it printed {all:?}"),
                }
            }
        };
        // Its output ends when it does.
        let out = until_closed(&self.out);
        let log = until_closed(&self.log).join("\n");
        (self.child.wait().expect("sio can be waited for"), out, log)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It has ended already where the test has waited for it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
