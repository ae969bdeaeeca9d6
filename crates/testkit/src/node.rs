//! Node scripts as the other side of a test: one that ends by itself, and one that listens.
//!
//! A script is named by its path from the root of the repository, which is also its working directory. It reaches the
//! official packages through `tests/js/packages.mjs`, since modules do not look at `NODE_PATH`. What a script says and
//! proves is its own business; this file only starts it, bounds it in time and shows its output when it fails.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::group::{Group, Record};
use crate::npm::{NpmPackages, npm_packages};
use crate::program::find_program;
use crate::repository;

/// Tells `tests/js/packages.mjs` that its standard input is a pipe held by the test, and that the test is gone when
/// that ends.
const HELD_BY_TEST: &str = "TESTKIT_HOLDS_STDIN";

/// How long a server may take to say that it listens.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// A Node script to run: build it up, then [`run`](Self::run) or [`start`](Self::start) it.
#[derive(Debug, Clone)]
#[must_use = "nothing happens until the script is run or started"]
pub struct NodeScript {
    script: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

/// What a script that ended well has printed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// Standard output. Bytes that are not UTF-8 are replaced; what is past 16 MiB is dropped.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

impl NodeScript {
    /// The script at this path, which counts from the root of the repository.
    pub fn new(script: impl AsRef<Path>) -> Self {
        Self { script: script.as_ref().to_path_buf(), args: Vec::new(), env: Vec::new() }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Sets one variable in the script's environment, which is otherwise the test's.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs the script to its end and returns what it printed. Blocks.
    ///
    /// Whatever the script started is ended with it. A script that still runs at the deadline is asked to end, and
    /// killed two seconds later.
    ///
    /// # Panics
    ///
    /// Panics, with all output of the script, if it fails or is not done by the deadline; and with the command to run
    /// if Node or the npm packages are missing.
    #[track_caller]
    pub fn run(self, deadline: Duration) -> Output {
        match self.spawn().and_then(|group| finish(group, &self.script, deadline)) {
            Ok(output) => output,
            Err(failure) => panic!("{failure}"),
        }
    }

    /// Starts the script and waits until it prints the line `listening <port>`. Blocks for at most 30 seconds.
    ///
    /// # Panics
    ///
    /// Panics, with all output of the script, if it ends or 30 seconds pass before that line; and with the command to
    /// run if Node or the npm packages are missing.
    #[track_caller]
    pub fn start(self) -> NodeServer {
        match self.spawn().and_then(|group| listen(group, self.script)) {
            Ok(server) => server,
            Err(failure) => panic!("{failure}"),
        }
    }

    fn spawn(&self) -> Result<Group, String> {
        let node = find_program("node").ok_or("no Node in PATH: run `cargo xtask install`")?;
        match npm_packages() {
            NpmPackages::Installed => {}
            NpmPackages::Missing => return Err("the npm packages are missing: run `cargo xtask install`".to_owned()),
            NpmPackages::OutOfDate => {
                return Err("the npm packages are not those of the lock file: run `cargo xtask install`".to_owned());
            }
        }
        let mut command = Command::new(node);
        command.arg(&self.script).args(&self.args).current_dir(repository()).env(HELD_BY_TEST, "1");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        Group::start(&mut command).map_err(|error| format!("{}: cannot start Node: {error}", self.script.display()))
    }
}

/// A Node script that listens on a port of this machine until the value is dropped, which ends it and whatever it
/// started.
#[derive(Debug)]
pub struct NodeServer {
    group: Group,
    script: PathBuf,
    port: u16,
}

impl NodeServer {
    /// Starts a script with these arguments: short for [`NodeScript::start`].
    ///
    /// # Panics
    ///
    /// As [`NodeScript::start`].
    #[track_caller]
    pub fn start(script: impl AsRef<Path>, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        args.into_iter().fold(NodeScript::new(script), NodeScript::arg).start()
    }

    /// The port that the script said it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until the script has printed a line that begins with `prefix`, now or before, and returns what follows
    /// the prefix in the first such line. Blocks.
    ///
    /// # Panics
    ///
    /// Panics, with all output of the script, if the deadline passes or the script ends without that line.
    #[track_caller]
    pub fn wait_for_line(&self, prefix: &str, deadline: Duration) -> String {
        match next_line(&self.group, prefix, deadline) {
            Some(rest) => rest,
            None => panic!("{}", describe(&self.group, &self.script, &format!("did not print a line `{prefix}…`"))),
        }
    }

    /// What the script has printed so far.
    #[must_use]
    pub fn output(&self) -> Output {
        let (stdout, stderr) = self.group.output();
        Output { stdout, stderr }
    }

    /// Freezes the script: its connections stay open and nobody serves them.
    pub fn freeze(&self) {
        self.group.pause();
    }

    /// Lets a frozen script go on.
    pub fn thaw(&self) {
        self.group.resume();
    }

    /// Ends the script, as an operator does who does not wait for anybody, and returns all that it has printed. Blocks.
    #[must_use]
    pub fn end(mut self) -> Output {
        self.group.resume();
        // Where waiting fails, what was printed is there all the same.
        let _ = self.group.end();
        self.output()
    }
}

/// Waits for a script that ends by itself.
fn finish(mut group: Group, script: &Path, deadline: Duration) -> Result<Output, String> {
    let in_time = group.wait_for_exit(Instant::now() + deadline);
    let status = group.end().map_err(|error| format!("{}: cannot wait for Node: {error}", script.display()))?;
    if !in_time {
        return Err(describe(&group, script, &format!("was not done after {deadline:?} and has been ended")));
    }
    if !status.success() {
        return Err(describe(&group, script, &format!("failed ({status})")));
    }
    let (stdout, stderr) = group.output();
    Ok(Output { stdout, stderr })
}

/// Waits for a server to name its port.
fn listen(mut group: Group, script: PathBuf) -> Result<NodeServer, String> {
    let port = next_line(&group, "listening ", START_DEADLINE).and_then(|port| port.trim().parse().ok());
    match port {
        Some(port) => Ok(NodeServer { group, script, port }),
        None => {
            // Ended first, so that the message below has the last words of the script.
            let _ = group.end();
            Err(describe(&group, &script, "did not print a line `listening <port>`"))
        }
    }
}

/// The rest of the first whole line that begins with the prefix; `None` at the deadline or when the output has ended.
fn next_line(group: &Group, prefix: &str, deadline: Duration) -> Option<String> {
    group.wait_for(Instant::now() + deadline, |record| match find_line(record, prefix) {
        None if record.stdout.has_ended => Some(None),
        None => None,
        found => Some(found),
    })?
}

fn find_line(record: &Record, prefix: &str) -> Option<String> {
    let end = record.stdout.bytes.iter().rposition(|byte| *byte == b'\n')?;
    let whole_lines = String::from_utf8_lossy(record.stdout.bytes.get(..end)?);
    whole_lines.lines().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned)
}

fn describe(group: &Group, script: &Path, what: &str) -> String {
    let (stdout, stderr) = group.output();
    format!("{} {what}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---", script.display())
}
