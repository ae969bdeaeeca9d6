//! [`Gauge`]: what is watched of the server, and [`Sample`]: what all gauges showed at one moment.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// One thing that a server holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gauge {
    Tasks,
    Sessions,
    Sockets,
    Namespaces,
    Rooms,
    AwaitedAcks,
    Descriptors,
    HeapBlocks,
    HeapBytes,
    ResidentBytes,
}

/// All, in the order of the samples.
pub(super) const GAUGES: [Gauge; 10] = [
    Gauge::Tasks,
    Gauge::Sessions,
    Gauge::Sockets,
    Gauge::Namespaces,
    Gauge::Rooms,
    Gauge::AwaitedAcks,
    Gauge::Descriptors,
    Gauge::HeapBlocks,
    Gauge::HeapBytes,
    Gauge::ResidentBytes,
];

impl Gauge {
    /// As in the server's answer, and in the report.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Sessions => "sessions",
            Self::Sockets => "sockets",
            Self::Namespaces => "namespaces",
            Self::Rooms => "rooms",
            Self::AwaitedAcks => "awaited_acks",
            Self::Descriptors => "descriptors",
            Self::HeapBlocks => "heap_blocks",
            Self::HeapBytes => "heap_bytes",
            Self::ResidentBytes => "resident_bytes",
        }
    }

    /// For people.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::AwaitedAcks => "awaited answers",
            Self::Descriptors => "file descriptors",
            Self::HeapBlocks => "heap allocations alive",
            Self::HeapBytes => "heap bytes alive",
            Self::ResidentBytes => "resident memory",
            other => other.name(),
        }
    }

    /// The most that it shows in any of them.
    pub(super) fn peak(self, samples: &[Sample]) -> u64 {
        samples.iter().map(|sample| sample.get(self)).max().unwrap_or(0)
    }

    /// Whether it has to be what it was, to the last one. What the allocator keeps, and how large a table has once become,
    /// is no such thing.
    pub(super) const fn is_exact(self) -> bool {
        !matches!(self, Self::HeapBlocks | Self::HeapBytes | Self::ResidentBytes)
    }
}

/// All gauges at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Sample {
    /// Since the course began.
    pub(super) seconds: f64,
    values: [u64; GAUGES.len()],
}

impl Sample {
    /// At that moment, with nothing on any gauge.
    pub(super) fn at(seconds: f64) -> Self {
        Self { seconds, ..Self::default() }
    }

    /// From what the server says of itself, and what the kernel says of its process.
    ///
    /// # Errors
    /// Where one of them does not say it.
    pub(super) fn new(seconds: f64, now: &Value, pid: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the server's process is gone")?;
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).context("cannot count descriptors")?.count();
        let mut sample = Self::at(seconds);
        for gauge in GAUGES {
            let value = match gauge {
                Gauge::Descriptors => u64::try_from(descriptors).ok(),
                Gauge::ResidentBytes => bytes(&status, "VmRSS:"),
                gauge => now[gauge.name()].as_u64(),
            };
            sample.set(gauge, value.with_context(|| format!("nobody says how many {} there are", gauge.title()))?);
        }
        Ok(sample)
    }

    pub(super) fn get(&self, gauge: Gauge) -> u64 {
        self.values.get(gauge as usize).copied().unwrap_or_default()
    }

    pub(super) fn set(&mut self, gauge: Gauge, value: u64) {
        if let Some(slot) = self.values.get_mut(gauge as usize) {
            *slot = value;
        }
    }

    /// Whether nothing is alive that was not then, and nothing is missing.
    pub(super) fn is_like(&self, base: &Self) -> bool {
        GAUGES.iter().filter(|gauge| gauge.is_exact()).all(|gauge| self.get(*gauge) == base.get(*gauge))
    }

    pub(super) fn to_json(self) -> Value {
        let mut object = json!({ "seconds": (self.seconds * 10.0).round() / 10.0 });
        for gauge in GAUGES {
            object[gauge.name()] = json!(self.get(gauge));
        }
        object
    }
}

/// The most that has been resident of a process since it began, in bytes: between two samples too.
///
/// # Errors
/// Where the kernel does not say it.
pub(super) fn peak_resident_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the server's process is gone")?;
    bytes(&status, "VmHWM:").context("the kernel does not say how much was resident")
}

/// A line of a process's status, which is in kilobytes there.
fn bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_what_linux_writes() {
        let status = "Name:\tsoak\nVmHWM:\t   35400 kB\nVmRSS:\t    3820 kB\nRssAnon:\t 1 kB\n";
        assert_eq!((bytes(status, "VmRSS:"), bytes(status, "VmHWM:")), (Some(3820 * 1024), Some(35_400 * 1024)));
        assert_eq!(bytes(status, "VmSwap:"), None);
    }

    #[test]
    fn only_what_is_counted_exactly_makes_a_sample_unlike_another() {
        let base = Sample::default();
        for gauge in GAUGES {
            let mut other = base;
            other.set(gauge, 1);
            assert_eq!(other.is_like(&base), !gauge.is_exact(), "{}", gauge.title());
        }
    }
}
