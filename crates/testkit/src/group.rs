//! A child process in a process group of its own, with its output captured and its end bounded in time.
//!
//! Owns the child, the threads that read its two outputs and the thread that waits for it. The leader of the group is
//! reaped last, after the group has been signalled: until then its number cannot belong to anybody else. Knows nothing
//! of Node.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// How much of each output is kept, in bytes. What comes after is read, so that the child does not stall, and dropped.
const CAPTURE_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// How long the group may take to end after a polite request, and its outputs to close after its end.
const GRACE: Duration = Duration::from_secs(2);

/// What is known about the child so far.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) stdout: Captured,
    pub(crate) stderr: Captured,
    pub(crate) has_exited: bool,
}

/// One output so far.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    pub(crate) bytes: Vec<u8>,
    /// Nothing more comes. A process that left the group may keep an output open after the child's end.
    pub(crate) has_ended: bool,
}

/// The record and the bell that rings when it changes.
#[derive(Debug)]
struct Watched {
    record: Mutex<Record>,
    changed: Condvar,
}

impl Watched {
    fn lock(&self) -> MutexGuard<'_, Record> {
        // A record is whole after every statement, so a panic elsewhere does not spoil it.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut Record)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until `question` has an answer; `None` if it has none by the deadline.
    fn wait_for<T>(&self, deadline: Instant, mut question: impl FnMut(&Record) -> Option<T>) -> Option<T> {
        let mut record = self.lock();
        loop {
            if let Some(answer) = question(&record) {
                return Some(answer);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            record = self.changed.wait_timeout(record, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A running child process and everything it starts, unless that leaves the group.
#[derive(Debug)]
pub(crate) struct Group {
    child: Child,
    leader: Pid,
    watched: Arc<Watched>,
    status: Option<ExitStatus>,
}

impl Group {
    /// Starts the command as the leader of a new group. Its standard input is a pipe that stays open while the
    /// [`Group`] lives, so a child can notice that its starter is gone even if that was killed.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let mut child =
            command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let leader = Pid::from_child(&child);
        let watched = Arc::new(Watched { record: Mutex::new(Record::default()), changed: Condvar::new() });
        if let Some(stdout) = child.stdout.take() {
            capture(stdout, &watched, |record| &mut record.stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            capture(stderr, &watched, |record| &mut record.stderr);
        }
        notice_exit(leader, &watched);
        Ok(Self { child, leader, watched, status: None })
    }

    /// Waits until `question` has an answer about the output or the end; `None` if it has none by the deadline.
    pub(crate) fn wait_for<T>(&self, deadline: Instant, question: impl FnMut(&Record) -> Option<T>) -> Option<T> {
        self.watched.wait_for(deadline, question)
    }

    /// Waits for the leader to exit by itself; whether it did before the deadline.
    pub(crate) fn wait_for_exit(&self, deadline: Instant) -> bool {
        self.wait_for(deadline, |record| record.has_exited.then_some(())).is_some()
    }

    /// Ends whatever still runs: asks first, so that a script can close its browser, then kills. Returns the status of
    /// the leader, which is that of its own end if it had come to it before. The output is complete afterwards.
    pub(crate) fn end(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        let has_exited = self.watched.lock().has_exited;
        if !has_exited {
            self.signal(Signal::TERM);
            self.wait_for_exit(Instant::now() + GRACE);
        }
        self.signal(Signal::KILL);
        let status = self.child.wait()?;
        self.status = Some(status);
        self.wait_for(Instant::now() + GRACE, |record| {
            (record.stdout.has_ended && record.stderr.has_ended).then_some(())
        });
        Ok(status)
    }

    /// The output so far: standard output, standard error. Bytes that are not UTF-8 are replaced.
    pub(crate) fn output(&self) -> (String, String) {
        let record = self.watched.lock();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&record.stdout.bytes), text(&record.stderr.bytes))
    }

    /// Stops all processes of the group where they are, as a machine does that hangs.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets them go on.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        // The only failure is that nobody is left in the group, which is what the signal is for.
        let _ = kill_process_group(self.leader, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Nobody is left to tell if waiting for the child fails.
        let _ = self.end();
    }
}

/// Reads one output to its end on a thread of its own.
fn capture(mut output: impl Read + Send + 'static, watched: &Arc<Watched>, part: fn(&mut Record) -> &mut Captured) {
    let watched = Arc::clone(watched);
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        loop {
            match output.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => watched.update(|record| {
                    let kept = &mut part(record).bytes;
                    let room = CAPTURE_LIMIT_BYTES.saturating_sub(kept.len());
                    kept.extend(buffer.iter().take(length.min(room)));
                }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        watched.update(|record| part(record).has_ended = true);
    });
}

/// Notices the end of the leader without reaping it, on a thread of its own.
fn notice_exit(leader: Pid, watched: &Arc<Watched>) {
    let watched = Arc::clone(watched);
    thread::spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(leader), options), Err(Errno::INTR)) {}
        watched.update(|record| record.has_exited = true);
    });
}
