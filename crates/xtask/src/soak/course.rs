//! The courses that a soak can take, and [`Course`]: what was seen on one of them.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::ValueEnum;
use serde_json::{Value, json};

use super::{
    gauge::{GAUGES, Gauge, Sample},
    stage::{Programs, Stage},
    verdict::{self, Check},
};
use crate::publication::digits;

/// What is done to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Scenario {
    /// Clients of every bad habit come and go, beside well-behaved ones who must not notice.
    Churn,
    /// Very many clients come, are there together, and go, again and again.
    Crowd,
    /// The server is killed and started again, and all its clients return.
    Storm,
}

impl Scenario {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Churn => "churn",
            Self::Crowd => "crowd",
            Self::Storm => "storm",
        }
    }
}

/// How much, and how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// Of churn. The cycle that has begun by then is ended.
    pub(super) duration: Duration,
    /// Of churn: all deadlines are a few of it.
    pub(super) unit: Duration,
    /// Well-behaved clients.
    pub(super) steady: usize,
    /// The others, in a cycle of churn.
    pub(super) burst: usize,
    pub(super) crowd_cycles: usize,
    pub(super) crowd: usize,
    pub(super) storm: usize,
}

/// The unit where deadlines are of no interest, and may not be met while thousands connect.
const SLOW_UNIT: Duration = Duration::from_secs(5);

/// Units that a server has at most to be as it was, once the last client has done what it does.
const SETTLING_UNITS: u32 = 10;

/// The state of the server when a cycle is over.
#[derive(Debug, Clone)]
pub(super) struct Rest {
    pub(super) sample: Sample,
    /// How long it took until then, since the last client had done what it does.
    pub(super) settling: Duration,
    /// What the clients said.
    pub(super) clients: Value,
}

/// What was seen of one server from its start to its end.
#[derive(Debug, Clone)]
pub(super) struct Course {
    pub(super) scenario: Scenario,
    pub(super) settings: Value,
    /// Before the first cycle.
    pub(super) base: Sample,
    pub(super) rests: Vec<Rest>,
    pub(super) samples: Vec<Sample>,
    pub(super) ever: Value,
    pub(super) checks: Vec<Check>,
}

impl Course {
    pub(super) fn is_passed(&self) -> bool {
        self.checks.iter().all(|check| check.is_met)
    }

    /// The most that a gauge has shown.
    pub(super) fn peak(&self, gauge: Gauge) -> u64 {
        gauge.peak(&self.samples)
    }

    /// What a client said after each cycle, where it is a number.
    pub(super) fn steady(&self, name: &str) -> Vec<(f64, f64)> {
        let value = |rest: &Rest| Some((rest.sample.seconds, rest.clients["steady"][name].as_f64()?));
        self.rests.iter().filter_map(value).collect()
    }

    pub(super) fn to_json(&self) -> Value {
        let rest = |rest: &Rest| {
            let mut object = rest.sample.to_json();
            object["settling_seconds"] = json!((rest.settling.as_secs_f64() * 10.0).round() / 10.0);
            object["clients"] = rest.clients.clone();
            object
        };
        let peaks = GAUGES.map(|gauge| (gauge.name().to_owned(), json!(self.peak(gauge))));
        json!({
            "scenario": self.scenario.name(),
            "is_passed": self.is_passed(),
            "settings": self.settings,
            "checks": self.checks.iter().map(Check::to_json).collect::<Vec<_>>(),
            "base": self.base.to_json(),
            "cycles": self.rests.iter().map(rest).collect::<Vec<_>>(),
            "peak": Value::Object(peaks.into_iter().collect()),
            "ever": self.ever,
        })
    }
}

/// Takes one course.
///
/// # Errors
/// Where a program cannot be started, or ends, or does not do what it is told. What the server does wrong is in the checks.
pub(super) fn take(
    scenario: Scenario,
    programs: &Programs,
    size: &Size,
    say: &dyn Fn(fmt::Arguments<'_>),
) -> Result<Course> {
    let unit = if scenario == Scenario::Churn { size.unit } else { SLOW_UNIT };
    let mut stage = Stage::start(programs, unit)?;
    let taken = match scenario {
        Scenario::Churn => churn(&mut stage, size, say),
        Scenario::Crowd => crowd(&mut stage, size, say),
        Scenario::Storm => storm(&mut stage, size, say),
    };
    let (settings, base, rests, checks) = taken?;
    let ever = json!(stage.ever);
    Ok(Course { scenario, settings, base, rests, samples: stage.samples, ever, checks })
}

type Taken = Result<(Value, Sample, Vec<Rest>, Vec<Check>)>;

fn churn(stage: &mut Stage, size: &Size, say: &dyn Fn(fmt::Arguments<'_>)) -> Taken {
    stage.order(&format!("steady {}", size.steady))?;
    // What has just connected may still be upgrading.
    let base = stage.wait(size.unit * 3)?;
    let (started, mut rests) = (Instant::now(), Vec::new());
    while rests.len() < 2 || started.elapsed() < size.duration {
        let clients = stage.order(&format!("burst {}", size.burst))?;
        let (sample, settling) = stage.settle(&base, size.unit * SETTLING_UNITS)?;
        let rest = Rest { sample, settling, clients };
        tell(&rest, rests.len() + 1, &base, say);
        rests.push(rest);
    }
    let samples: Vec<Sample> = rests.iter().map(|rest| rest.sample).collect();
    let bursts: Vec<Value> = rests.iter().map(|rest| rest.clients.clone()).collect();
    let mut checks = verdict::returns(&base, &samples);
    checks.extend(verdict::memory(&samples, Gauge::HeapBytes.peak(&stage.samples)));
    let trend = verdict::resident_trend(&samples);
    let resident = if trend.is_some() { "its trend is judged" } else { "not judged: too few cycles for a trend" };
    checks.extend(trend);
    checks.extend(verdict::clients(&bursts, &stage.ever));
    let count = |clients: &Value| {
        clients["clients"].as_object().into_iter().flatten().filter_map(|(_, of)| of["clients"].as_u64()).sum::<u64>()
    };
    let settings = json!({
        "cycles": rests.len(),
        "clients": format!("{} well-behaved, and {} others in each cycle", size.steady, bursts.first().map_or(0, count)),
        "unit": format!("{} ms; ping interval 3 units, ping timeout 5, all other deadlines 3", size.unit.as_millis()),
        "resident": resident,
    });
    Ok((settings, base, rests, checks))
}

fn crowd(stage: &mut Stage, size: &Size, say: &dyn Fn(fmt::Arguments<'_>)) -> Taken {
    let base = stage.wait(Duration::from_secs(1))?;
    let mut rests = Vec::new();
    for cycle in 1..=size.crowd_cycles {
        stage.order(&format!("come {}", size.crowd))?;
        stage.look("all there")?;
        let clients = stage.order("go")?;
        let (sample, settling) = stage.settle(&base, SLOW_UNIT * SETTLING_UNITS)?;
        let rest = Rest { sample, settling, clients };
        tell(&rest, cycle, &base, say);
        rests.push(rest);
    }
    let samples: Vec<Sample> = rests.iter().map(|rest| rest.sample).collect();
    let mut checks = verdict::returns(&base, &samples);
    checks.extend(verdict::memory(&samples, Gauge::HeapBytes.peak(&stage.samples)));
    checks.push(verdict::resident(&samples));
    let settings =
        json!({ "cycles": size.crowd_cycles, "clients": format!("{} come and go in each cycle", size.crowd) });
    Ok((settings, base, rests, checks))
}

fn storm(stage: &mut Stage, size: &Size, say: &dyn Fn(fmt::Arguments<'_>)) -> Taken {
    stage.order(&format!("connect {}", size.storm))?;
    let before = stage.wait(Duration::from_secs(2))?;
    say(format_args!("{} clients are connected; the server is killed", before.get(Gauge::Sockets)));
    stage.kill_server()?;
    stage.restart_server()?;
    let clients = stage.order("back")?;
    let sample = stage.wait(Duration::from_secs(2))?;
    say(format_args!(
        "{} are back after {} s",
        sample.get(Gauge::Sockets),
        digits(clients["seconds"].as_f64().unwrap_or(0.0))
    ));
    let checks = verdict::storm(&clients, &before, stage.peak_resident_bytes()?);
    let settings =
        json!({ "clients": format!("{}, of this project, with the reference's delays between attempts", size.storm) });
    let settling = Duration::from_secs_f64(clients["seconds"].as_f64().unwrap_or(0.0));
    Ok((settings, before, vec![Rest { sample, settling, clients }], checks))
}

fn tell(rest: &Rest, cycle: usize, base: &Sample, say: &dyn Fn(fmt::Arguments<'_>)) {
    let different = GAUGES.into_iter().filter(|gauge| gauge.is_exact() && rest.sample.get(*gauge) != base.get(*gauge));
    let different: Vec<String> = different
        .map(|gauge| format!("{} {} instead of {}", rest.sample.get(gauge), gauge.title(), base.get(gauge)))
        .collect();
    let state = if different.is_empty() { "all as before".to_owned() } else { different.join(", ") };
    let steady = &rest.clients["steady"];
    let answers = match (steady["answered"].as_u64(), steady["p99_us"].as_f64()) {
        (Some(answered), Some(p99)) => format!("; {answered} answers so far, p99 {} ms", digits(p99 / 1e3)),
        _ => String::new(),
    };
    say(format_args!(
        "cycle {cycle:3} at {:5.0} s: {state}; heap {} kB in {} pieces, resident {} MB{answers}",
        rest.sample.seconds,
        digits(rest.sample.get(Gauge::HeapBytes) as f64 / 1e3),
        rest.sample.get(Gauge::HeapBlocks),
        digits(rest.sample.get(Gauge::ResidentBytes) as f64 / 1e6),
    ));
}
