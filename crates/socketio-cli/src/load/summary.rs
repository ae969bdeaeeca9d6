//! [`Summary`]: the result of a load, as text and as JSON.

use std::fmt;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::{
    options::{LoadOptions, Mode},
    tally::Tally,
    watch::Sample,
};

/// The percentiles that are told.
const PERCENTILES: [(&str, f64); 6] =
    [("p50", 50.0), ("p75", 75.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9), ("max", 100.0)];

/// Lines of the histogram at most, and the width of its bars.
const BARS: usize = 32;
const BAR_WIDTH: u64 = 40;

/// What a load was, and what came of it.
#[derive(Debug)]
pub(super) struct Summary<'a> {
    options: &'a LoadOptions,
    tally: &'a Tally,
}

impl<'a> Summary<'a> {
    pub(super) const fn new(options: &'a LoadOptions, tally: &'a Tally) -> Self {
        Self { options, tally }
    }

    fn per_second(&self) -> f64 {
        self.tally.measured as f64 / self.tally.measured_time().as_secs_f64().max(1e-9)
    }

    /// What one more of them costs the server, in microseconds of its processor time.
    fn cpu_us_each(samples: [Option<Sample>; 2], count: u64) -> Option<f64> {
        let [Some(begin), Some(end)] = samples else { return None };
        (count > 0).then(|| end.cpu.saturating_sub(begin.cpu).as_secs_f64() * 1e6 / count as f64)
    }

    fn opening_us_each(&self) -> Option<f64> {
        Self::cpu_us_each([self.tally.at_start, self.tally.at_opened], self.tally.joined)
    }

    fn message_us_each(&self) -> Option<f64> {
        Self::cpu_us_each(self.tally.at_window, self.tally.measured)
    }

    /// What a connection costs the server while it does nothing, in bytes of resident memory. Only where nothing else
    /// was done.
    fn bytes_per_connection(&self) -> Option<f64> {
        let (begin, end) = (self.tally.at_start?, self.tally.at_window[1]?);
        let count = self.tally.joined.checked_sub(self.tally.lost).filter(|count| *count > 0)?;
        let grown = end.resident_bytes.saturating_sub(begin.resident_bytes);
        (self.options.mode == Mode::Idle).then(|| grown as f64 / count as f64)
    }

    pub(super) fn to_json(&self) -> Value {
        let (options, tally) = (self.options, self.tally);
        json!({
            "url": format!("http://{}{}", options.target.authority, options.target.path),
            "mode": options.mode.name(),
            "connections": options.connections,
            "polling_percent": options.polling,
            "payload_bytes": options.payload,
            "in_flight": options.rate.is_none().then_some(options.in_flight),
            "rate": options.rate,
            "joined": tally.joined,
            "failed": tally.failed,
            "lost": tally.lost,
            "faults": tally.faults,
            "sent": tally.sent,
            "received": tally.received,
            "skipped": tally.skipped,
            "others": tally.others,
            "measured": tally.measured,
            "seconds": tally.measured_time().as_secs_f64(),
            "per_second": self.per_second(),
            "latency": latency(&tally.latency),
            "opening": {
                "seconds": (tally.opened[1].saturating_sub(tally.opened[0])).as_secs_f64(),
                "latency": latency(&tally.opening),
                "server_cpu_us_each": self.opening_us_each(),
            },
            "server": {
                "cpu_us_each": self.message_us_each(),
                "resident_bytes": tally.at_window[1].map(|sample| sample.resident_bytes),
                "bytes_per_connection": self.bytes_per_connection(),
            },
        })
    }
}

/// Percentiles in microseconds; `null` where nothing was measured.
fn latency(histogram: &Histogram<u64>) -> Value {
    if histogram.is_empty() {
        return Value::Null;
    }
    let mut percentiles = serde_json::Map::new();
    for (name, percent) in PERCENTILES {
        percentiles.insert(name.to_owned(), microseconds(histogram.value_at_percentile(percent)).into());
    }
    percentiles.insert("mean".to_owned(), (histogram.mean() / 1e3).into());
    json!({ "unit": "microseconds", "percentiles": percentiles })
}

fn microseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e3
}

/// A time in the unit that people would choose.
fn readable(nanoseconds: u64) -> String {
    match nanoseconds {
        0..10_000_000 => format!("{:.1} µs", microseconds(nanoseconds)),
        10_000_000..10_000_000_000 => format!("{:.1} ms", nanoseconds as f64 / 1e6),
        _ => format!("{:.1} s", nanoseconds as f64 / 1e9),
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = self.tally;
        writeln!(f, "connections  {} joined, {} failed, {} lost", tally.joined, tally.failed, tally.lost)?;
        for (fault, count) in &tally.faults {
            writeln!(f, "             {count} × {fault}")?;
        }
        if self.options.mode.sends() {
            writeln!(f, "messages     {} sent, {} received as they should be", tally.sent, tally.received)?;
        }
        if tally.others > 0 {
            writeln!(f, "             {} others came", tally.others)?;
        }
        if tally.skipped > 0 {
            writeln!(f, "             {} were due and not sent: too many had no answer", tally.skipped)?;
        }
        if self.options.mode != Mode::Idle {
            let seconds = tally.measured_time().as_secs_f64();
            writeln!(f, "measured     {} in {seconds:.2} s: {:.0} a second", tally.measured, self.per_second())?;
        }
        if !tally.opening.is_empty() {
            let (median, worst) = (tally.opening.value_at_percentile(50.0), tally.opening.max());
            writeln!(f, "opening      {} in the median, {} at most", readable(median), readable(worst))?;
        }
        if let Some(cpu) = self.message_us_each().filter(|_| self.options.mode != Mode::Idle) {
            writeln!(f, "server       {cpu:.2} µs of its processor time each")?;
        }
        if let Some(cpu) = self.opening_us_each() {
            writeln!(f, "server       {cpu:.1} µs of its processor time for each connection opened")?;
        }
        if let Some(bytes) = self.bytes_per_connection() {
            writeln!(f, "server       {:.2} kB of its memory for each connection", bytes / 1e3)?;
        }
        write_latency(f, &tally.latency)
    }
}

/// Percentiles, and a bar for each doubling of the time.
fn write_latency(f: &mut fmt::Formatter<'_>, histogram: &Histogram<u64>) -> fmt::Result {
    if histogram.is_empty() {
        return Ok(());
    }
    write!(f, "latency     ")?;
    for (name, percent) in PERCENTILES {
        write!(f, " {name} {} ", readable(histogram.value_at_percentile(percent)))?;
    }
    writeln!(f)?;
    let first = histogram.min().max(1).ilog2();
    let ranges: Vec<(u64, u64)> = (first..first + BARS as u32)
        .map(|power| (1_u64 << power.min(62), (2_u64 << power.min(62)) - 1))
        .take_while(|(from, _)| *from <= histogram.max())
        .map(|(from, to)| (to, histogram.count_between(from, to)))
        .collect();
    let most = ranges.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1);
    for (to, count) in ranges {
        // What is there at all can be seen.
        let width = (count * BAR_WIDTH).div_ceil(most);
        writeln!(f, "  ≤ {:>10}  {count:>10}  {}", readable(to), "█".repeat(width as usize))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::options::tests::options;

    fn sample(milliseconds: u64, resident_bytes: u64) -> Option<Sample> {
        Some(Sample { cpu: Duration::from_millis(milliseconds), resident_bytes })
    }

    #[test]
    fn the_histogram_has_all_that_was_measured_in_it() {
        let mut tally = Tally::new().unwrap();
        for nanoseconds in [1_500, 1_600, 9_000, 2_000_000_000] {
            tally.latency.record(nanoseconds).unwrap();
        }
        let text = Summary::new(&options(&[]).unwrap(), &tally).to_string();
        let bars: Vec<&str> = text.lines().filter(|line| line.starts_with("  ≤")).collect();
        let counts = bars.iter().map(|bar| bar.split_whitespace().nth(3).unwrap().parse::<u64>().unwrap());
        assert_eq!(counts.sum::<u64>(), 4, "{text}");
        assert!(bars[0].ends_with(&"█".repeat(40)) && bars[0].contains("2.0 µs"), "{text}");
        assert!(bars.last().is_some_and(|bar| bar.contains("2147.5 ms") && bar.ends_with('█')), "{text}");
        assert!(text.contains("p50 1.6 µs") && text.contains("max 2000"), "{text}");
    }

    #[test]
    fn the_servers_time_is_divided_by_what_was_delivered_and_its_memory_by_who_is_there() {
        let mut tally = Tally::new().unwrap();
        (tally.joined, tally.lost, tally.measured) = (101, 1, 5_000);
        (tally.at_start, tally.at_opened) = (sample(10, 1_000_000), sample(30, 1_000_000));
        tally.at_window = [sample(100, 0), sample(600, 3_000_000)];
        let json = Summary::new(&options(&["--mode", "idle"]).unwrap(), &tally).to_json();
        assert_eq!(json["server"]["cpu_us_each"], 100.0);
        assert_eq!(json["server"]["bytes_per_connection"], 20_000.0);
        assert_eq!(json["opening"]["server_cpu_us_each"].as_f64().map(f64::round), Some(198.0));
        let json = Summary::new(&options(&[]).unwrap(), &tally).to_json();
        assert_eq!(json["server"]["bytes_per_connection"], Value::Null, "there is more in the memory then");
    }
}
