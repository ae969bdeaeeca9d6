//! [`Watch`]: the server's process, as Linux tells of it under /proc.

use std::{fs, time::Duration};

use anyhow::{Context, Result};

/// Of a second, what processor time is counted in; the same on all systems of Linux that there are.
const TICKS_PER_SECOND: u64 = 100;

/// Processor time and memory of a process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    /// User and system together, of all threads.
    pub(super) cpu: Duration,
    pub(super) resident_bytes: u64,
}

/// A process that is watched, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch(Option<u32>);

impl Watch {
    /// # Errors
    /// Where there is no such process, or no /proc.
    pub(super) fn new(pid: Option<u32>) -> Result<Self> {
        let watch = Self(pid);
        if let Some(pid) = pid {
            watch
                .sample()
                .with_context(|| format!("cannot watch the process {pid}: is it a process of this Linux?"))?;
        }
        Ok(watch)
    }

    /// How it is now; `None` where none is watched, or it is gone.
    pub(super) fn sample(self) -> Option<Sample> {
        let pid = self.0?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        // The scheduler's own count is the same time in nanoseconds; not every kernel tells it.
        let cpu = run_time(pid).or_else(|| cpu(&stat))?;
        Some(Sample { cpu, resident_bytes: resident_bytes(&status)? })
    }
}

/// What the scheduler has counted for all threads that there are.
fn run_time(pid: u32) -> Option<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    (nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds))
}

/// Fields 14 and 15; the second, the program's name in parentheses, may hold anything.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11).map(str::parse::<u64>);
    let ticks = times.next()?.ok()? + times.next()?.ok()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_and_memory_are_read_from_what_linux_writes() {
        let stat = "42 (a b) c) S 1 42 42 0 -1 4194304 105 0 0 0 250 130 0 0 20 0 1 0 12";
        assert_eq!(cpu(stat), Some(Duration::from_millis(3_800)));
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    3820 kB\nRssAnon:\t 1 kB\n"), Some(3_820 * 1024));
        assert_eq!((cpu(""), resident_bytes("")), (None, None));
    }
}
