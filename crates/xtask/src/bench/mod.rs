//! `cargo xtask bench`: every line of the table with every peer, in turn, and the report of it.
//!
//! `line.rs` has the table and its goals, `peer.rs` who is measured, `run.rs` one run, `statistics.rs` what is made of
//! many, `report.rs` and `page.rs` how it is shown. BENCHMARKING.md explains it to those who read the figures.
#![allow(clippy::print_stdout, reason = "a chore says what it does")]

mod line;
mod page;
mod peer;
mod report;
mod run;
mod statistics;
mod summary;

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::json;
use testkit::repository;

use self::{
    line::{LINES, Line, Size},
    peer::Peer,
    report::{Entry, Report, Row},
};
use crate::{
    machine::{self, Cores},
    npm,
    publication::{self, digits},
    release,
};

/// Descriptors that a run needs beside those of its connections.
const SPARE_DESCRIPTORS: u64 = 500;

/// Where the report of everything is kept.
const KEPT: &str = "docs/benchmarks";

/// What `cargo xtask bench` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A quick look, in less than three minutes once everything is built: shorter runs, and fewer of them.
    #[arg(long)]
    quick: bool,
    /// Only these lines of the table, separated by commas [default: all].
    #[arg(long, value_delimiter = ',', value_name = "LINES", value_parser = line_names())]
    lines: Vec<String>,
    /// Only these peers, separated by commas [default: all but ours-value].
    #[arg(long, value_delimiter = ',', value_name = "PEERS")]
    peers: Vec<Peer>,
    /// How often each peer does each line [default: 5, or 3 with --quick].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: Option<u16>,
    /// How long one run is measured, in milliseconds [default: 2000, or 400 with --quick].
    #[arg(long, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(1..=600_000))]
    time: Option<u64>,
    /// Idle connections, as far as the limit on open files allows [default: 9000, or 2000 with --quick].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    connections: Option<u32>,
    /// Where the report goes: report.txt, report.json and report.html [default: docs/benchmarks, or, where not all of
    /// it was measured, target/benchmarks].
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

fn line_names() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(LINES.iter().map(|line| line.name))
}

/// Builds everything, measures, prints the table, and writes the report.
///
/// # Errors
/// Where something cannot be built, or this system cannot be measured on. A peer that does not run here is in the report.
pub(crate) fn bench(options: &Options) -> Result<ExitCode> {
    let cores = Cores::find()?;
    if cores.server == cores.load {
        println!("there is only one core: server and load share it, and the figures are worth little");
    }
    // Before this process is pinned, since that is what it would say otherwise.
    let machine = machine::describe_with_peers(cores);
    let lines: Vec<Line> = LINES.into_iter().filter(|line| options.wants_line(line)).collect();
    let peers: Vec<Peer> = Peer::value_variants().iter().copied().filter(|peer| options.wants_peer(*peer)).collect();
    build(&peers)?;
    let size = options.size();
    let rounds = options.rounds();
    let started = Instant::now();
    let mut rows = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        println!("[{}/{}] {}", index + 1, lines.len(), line.title);
        rows.push(measure(line, &peers, &size, rounds, options.quick, cores));
    }
    let settings = json!({
        "rounds": rounds,
        "measured": format!("{} ms a run, after {} ms", size.duration.as_millis(), size.warm_up.as_millis()),
        "connections": format!("{} for memory and connecting", size.connections),
        "sessions": format!("{} without sockets", size.sessions),
        "clients": format!("{} events, {} acknowledgements", size.events, size.asks),
        "mode": if options.quick { "quick" } else { "full" },
        "took": format!("{:.0} s", started.elapsed().as_secs_f64()),
    });
    let report = Report { machine, settings, rows };
    println!("\n{report}");
    write(options, &report)?;
    Ok(ExitCode::SUCCESS)
}

impl Options {
    fn wants_line(&self, line: &Line) -> bool {
        self.lines.is_empty() || self.lines.iter().any(|name| name == line.name)
    }

    fn wants_peer(&self, peer: Peer) -> bool {
        if self.peers.is_empty() { peer.is_usual() } else { self.peers.contains(&peer) }
    }

    fn rounds(&self) -> usize {
        usize::from(self.rounds.unwrap_or(if self.quick { 3 } else { 5 }))
    }

    fn size(&self) -> Size {
        let connections = self.connections.unwrap_or(if self.quick { 2_000 } else { 9_000 });
        let allowed = machine::raise_descriptor_limit(u64::from(connections) + SPARE_DESCRIPTORS);
        let possible = usize::try_from(allowed.saturating_sub(SPARE_DESCRIPTORS)).unwrap_or(usize::MAX);
        let connections = usize::try_from(connections).unwrap_or(usize::MAX).min(possible);
        Size {
            warm_up: Duration::from_millis(if self.quick { 100 } else { 500 }),
            duration: Duration::from_millis(self.time.unwrap_or(if self.quick { 400 } else { 2_000 })),
            connections,
            sessions: if self.quick { 100_000 } else { 1_000_000 },
            events: if self.quick { 100_000 } else { 300_000 },
            asks: if self.quick { 3_000 } else { 10_000 },
        }
    }

    /// The report that is in the repository is one of everything.
    fn folder(&self) -> PathBuf {
        let is_whole = !self.quick && self.lines.is_empty() && self.peers.is_empty();
        let usual = if is_whole { KEPT } else { "target/benchmarks" };
        self.out.clone().unwrap_or_else(|| repository().join(usual))
    }
}

/// The load generator with this workspace, the servers and clients with theirs, and the npm packages.
fn build(peers: &[Peer]) -> Result<()> {
    println!("building the load generator, the servers and the clients (the first time takes minutes)");
    for (folder, packages) in [(".", &["socketio-cli"][..]), ("bench", &["bench-servers", "bench-clients"])] {
        release::build(folder, packages)?;
    }
    if peers.iter().any(|peer| peer.is_on_node())
        && let Err(error) = npm::install_packages()
    {
        println!("{error:#}: the report will say who could not run");
    }
    let folder = repository().join("bench/node");
    if let Some(npm) = npm::find().filter(|_| peers.contains(&Peer::Uws) && !folder.join("node_modules").exists()) {
        println!("npm: installing uWebSockets into bench/node/node_modules");
        let mut command = Command::new(npm);
        command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=optional"]).current_dir(folder);
        // Where it fails, the peer will say what it lacks.
        let _ = command.status();
    }
    Ok(())
}

/// One line: in each round every peer once, each round beginning with another.
fn measure(line: &Line, peers: &[Peer], size: &Size, rounds: usize, quick: bool, cores: Cores) -> Row {
    let mut entries: Vec<Entry> = peers
        .iter()
        .filter(|peer| peer.takes(line))
        .map(|peer| Entry { peer: *peer, runs: Vec::new(), complaint: None })
        .collect();
    let count = entries.len().max(1);
    for round in 0..rounds {
        for position in 0..entries.len() {
            let Some(entry) = entries.get_mut((position + round) % count) else { continue };
            if entry.complaint.is_some() || (quick && round > 0 && entry.peer.is_on_node()) {
                entry.runs.push(None);
                continue;
            }
            let result = run::run(line, entry.peer, size, cores);
            let heading = format!("  round {}/{rounds}  {:26}", round + 1, entry.peer.title());
            match &result {
                Ok(figures) => println!("{heading} {} {}", digits(figures.value), line.measure.unit()),
                Err(error) => println!("{heading} {error:#}"),
            }
            entry.complaint = result.as_ref().err().map(|error| format!("{error:#}"));
            entry.runs.push(result.ok());
        }
    }
    Row { line: *line, entries }
}

fn write(options: &Options, report: &Report) -> Result<()> {
    let (folder, json) = (options.folder(), report.to_json());
    publication::write(&folder, &report.to_string(), &json, &page::render(report))?;
    if folder == repository().join(KEPT) { summary::publish(&repository().join("README.md"), &json) } else { Ok(()) }
}
