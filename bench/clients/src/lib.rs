//! What the programs that measure clients share: their arguments, and the processor time of this process.
//!
//! The arguments are a URL, `event` or `ask`, and a count. The answer is one line of JSON.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

/// The argument of every event and question: 16 bytes.
pub const PAYLOAD: &str = "0123456789abcdef";

/// What is asked for on the command line.
#[derive(Debug)]
pub struct Task {
    /// Where the server is.
    pub url: String,
    /// Whether questions are measured, one at a time, rather than events that come in.
    pub asks: bool,
    /// How many.
    pub count: u32,
}

impl Task {
    /// The task in the arguments of this process.
    ///
    /// # Errors
    /// Where they are not as described above.
    pub fn from_args() -> Result<Self, Box<dyn std::error::Error>> {
        let [url, kind, count] = <[String; 3]>::try_from(std::env::args().skip(1).collect::<Vec<_>>())
            .map_err(|_| "give a URL, `event` or `ask`, and a count")?;
        Ok(Self { url, asks: kind == "ask", count: count.parse()? })
    }
}

/// A stretch of work that is measured.
#[derive(Debug)]
pub struct Stretch {
    cpu: Duration,
    started: Instant,
}

impl Stretch {
    /// Begins now.
    #[must_use]
    pub fn begin() -> Self {
        Self { cpu: cpu(), started: Instant::now() }
    }

    /// Ends now, and prints the result.
    ///
    /// # Errors
    /// Where standard output is closed.
    pub fn end(&self, count: u32) -> io::Result<()> {
        let (cpu, seconds) = (cpu() - self.cpu, self.started.elapsed().as_secs_f64());
        let each = cpu.as_secs_f64() * 1e6 / f64::from(count);
        writeln!(io::stdout(), r#"{{"count":{count},"seconds":{seconds:.6},"cpu_us_each":{each:.4}}}"#)
    }
}

/// The processor time that all threads of this process have used so far.
fn cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}
