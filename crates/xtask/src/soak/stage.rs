//! [`Stage`]: the two programs of a soak while they run, and what was seen of the server meanwhile. Leaves out what
//! they are to do, and what of it is good.

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write as _},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::gauge::{Gauge, Sample, peak_resident_bytes};
use crate::program::Program;

/// How long the server may take until it listens, and to say how it is.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Between two looks at the server.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// How long the clients may take for an order before it counts as not obeyed.
const ORDER_TIMEOUT: Duration = Duration::from_secs(400);

/// Where the programs are.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    pub(super) server: PathBuf,
    pub(super) load: PathBuf,
}

impl Programs {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self { server: folder.join("soak-server"), load: folder.join("soak-load") }
    }
}

/// A server and its clients.
#[derive(Debug)]
pub(super) struct Stage {
    programs: Programs,
    unit: Duration,
    /// Before the server, and so ended before it: nobody complains that it is gone.
    load: Program,
    server: Program,
    port: u16,
    started: Instant,
    pub(super) samples: Vec<Sample>,
    /// What has happened in the server so far, by name.
    pub(super) ever: BTreeMap<String, u64>,
}

impl Stage {
    /// Starts both. All deadlines are a few of that unit.
    ///
    /// # Errors
    /// Where one does not start.
    pub(super) fn start(programs: &Programs, unit: Duration) -> Result<Self> {
        let (server, port) = server(programs, unit, 0)?;
        let address = format!("127.0.0.1:{port}");
        let load = Program::start(Command::new(&programs.load).args([&unit.as_millis().to_string(), &address]))?;
        let programs = programs.clone();
        let (samples, ever) = (Vec::new(), BTreeMap::new());
        Ok(Self { programs, unit, server, load, port, started: Instant::now(), samples, ever })
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Kills the server, as a crash does.
    pub(super) fn kill_server(&mut self) -> Result<()> {
        self.server.complaint();
        // Until the kernel has told everybody.
        self.load_until_answer("lost", false).map(drop)
    }

    /// Starts another where it was.
    pub(super) fn restart_server(&mut self) -> Result<()> {
        self.server = server(&self.programs, self.unit, self.port)?.0;
        Ok(())
    }

    /// Has the clients carry an order out, and looks at the server meanwhile.
    ///
    /// # Errors
    /// Where they cannot, or the server has ended.
    pub(super) fn order(&mut self, order: &str) -> Result<Value> {
        self.load_until_answer(order, true)
    }

    fn load_until_answer(&mut self, order: &str, looks: bool) -> Result<Value> {
        self.load.say(order)?;
        let deadline = Instant::now() + ORDER_TIMEOUT;
        loop {
            if let Some(line) = self.load.line(LOOK_INTERVAL).context("the clients")? {
                let answer: Value = serde_json::from_str(&line)?;
                match answer["error"].as_str() {
                    Some(error) => bail!("`{order}`: {error}"),
                    None => return Ok(answer),
                }
            }
            ensure!(Instant::now() < deadline, "`{order}` does not end");
            if looks {
                self.look(order)?;
            }
        }
    }

    /// Looks at the server.
    ///
    /// # Errors
    /// Where it does not answer.
    pub(super) fn look(&mut self, what: &str) -> Result<Sample> {
        self.server.say("")?;
        let line = self.server.line(ANSWER_TIMEOUT).context("the server")?.context("the server says nothing")?;
        let counters: Value = serde_json::from_str(&line)?;
        for (name, value) in counters["ever"].as_object().into_iter().flatten() {
            self.ever.insert(name.clone(), value.as_u64().unwrap_or_default());
        }
        let sample = Sample::new(self.elapsed().as_secs_f64(), &counters["now"], self.server.id())?;
        self.samples.push(sample);
        tell(&sample, what);
        Ok(sample)
    }

    /// The most that was resident of the server that runs now.
    ///
    /// # Errors
    /// Where the kernel does not say it.
    pub(super) fn peak_resident_bytes(&self) -> Result<u64> {
        peak_resident_bytes(self.server.id())
    }

    /// Waits for that long, looking.
    ///
    /// # Errors
    /// Where the server does not answer.
    pub(super) fn wait(&mut self, time: Duration) -> Result<Sample> {
        let end = Instant::now() + time;
        loop {
            std::thread::sleep(LOOK_INTERVAL.min(time));
            let sample = self.look("waiting")?;
            if Instant::now() >= end {
                return Ok(sample);
            }
        }
    }

    /// Waits until all that is counted exactly is as it was, twice in a row, or that long; the last sample, and how long it
    /// took.
    ///
    /// # Errors
    /// Where the server does not answer.
    pub(super) fn settle(&mut self, base: &Sample, limit: Duration) -> Result<(Sample, Duration)> {
        let started = Instant::now();
        let mut was_like = false;
        loop {
            std::thread::sleep(LOOK_INTERVAL);
            let sample = self.look("settling")?;
            let is_like = sample.is_like(base);
            if (is_like && was_like) || started.elapsed() > limit {
                return Ok((sample, started.elapsed()));
            }
            was_like = is_like;
        }
    }
}

fn server(programs: &Programs, unit: Duration, port: u16) -> Result<(Program, u16)> {
    let words = [unit.as_millis().to_string(), port.to_string()];
    // With an arena for each thread, which is what glibc does otherwise, the resident memory rises for dozens of cycles while the
    // program holds the same to the byte: by chance, one thread or another has had more of the work than ever before.
    let program = Program::start(Command::new(&programs.server).args(words).env("MALLOC_ARENA_MAX", "1"))?;
    let port = program.listening(ANSWER_TIMEOUT)?;
    Ok((program, port))
}

/// One line that is written over and over, for who looks on.
fn tell(sample: &Sample, what: &str) {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        let resident = sample.get(Gauge::ResidentBytes) as f64 / 1e6;
        // Nobody has to see it.
        let _ = write!(
            err,
            "\r{:6.0} s  {what:12} {:6} sessions {:6} tasks {:6} descriptors {resident:8.1} MB ",
            sample.seconds,
            sample.get(Gauge::Sessions),
            sample.get(Gauge::Tasks),
            sample.get(Gauge::Descriptors),
        );
    }
}
