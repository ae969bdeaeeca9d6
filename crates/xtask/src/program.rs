//! [`Program`]: a child process that is spoken with in lines, and ends with the value. Leaves out what the lines say.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

/// A running program.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Program {
    /// Starts it. Its standard error goes where the command says.
    ///
    /// # Errors
    /// Where the program cannot be started.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let (stdin, out) = child.stdin.take().zip(child.stdout.take()).context("no pipes")?;
        let (sender, lines) = channel();
        // A program that says nothing must not stop everything; the thread ends with the program.
        thread::spawn(move || {
            let mut lines = BufReader::new(out).lines().map_while(Result::ok);
            lines.all(|line| sender.send(line).is_ok());
        });
        Ok(Self { child, stdin, lines })
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a line.
    ///
    /// # Errors
    /// Where the program has ended.
    pub(crate) fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.stdin, "{line}").context("the program has ended")
    }

    /// The next line that it prints; `None` where there is none in that time.
    ///
    /// # Errors
    /// Where the program has ended.
    pub(crate) fn line(&self, wait: Duration) -> Result<Option<String>> {
        match self.lines.recv_timeout(wait) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("the program has ended"),
        }
    }

    /// The port of a server, which says `listening PORT` first.
    ///
    /// # Errors
    /// Where it does not say so in time.
    pub(crate) fn listening(&self, wait: Duration) -> Result<u16> {
        let line = self.line(wait).ok().flatten();
        let port = line.as_deref().and_then(|line| line.strip_prefix("listening ")?.parse().ok());
        port.context("it does not listen")
    }

    /// Ends it; what it wrote to its standard error, where that is a pipe.
    pub(crate) fn complaint(&mut self) -> String {
        let _ = self.child.kill();
        let mut complaint = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            let _ = stderr.read_to_string(&mut complaint);
        }
        complaint
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
