//! One run: a fresh server on its core, the load or the client on the other, and the figures that come of it.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{
    line::{Line, Measure, Size},
    peer::Peer,
};
use crate::{machine::Cores, program::Program, release};

/// How long a server may take until it listens.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// The figures of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figures {
    /// What the line measures, in its unit.
    pub(super) value: f64,
    /// Messages, events or answers in a second; `None` where none are counted.
    pub(super) per_second: Option<f64>,
    /// In microseconds.
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
}

/// Starts a server; it ends with the value.
fn start(words: &[PathBuf]) -> Result<(Program, u16)> {
    let (name, args) = words.split_first().context("no program")?;
    let mut program = Program::start(Command::new(name).args(args).stderr(Stdio::piped()))?;
    match program.listening(START_TIMEOUT) {
        Ok(port) => Ok((program, port)),
        Err(error) => {
            let complaint = program.complaint();
            let errors = complaint.lines().filter(|line| line.contains("Error") || line.contains("error"));
            bail!("{error}: {}", errors.take(2).collect::<Vec<_>>().join(" "))
        }
    }
}

/// Runs one line with one peer once.
///
/// # Errors
/// Where the peer cannot run here, or fails at the work.
pub(super) fn run(line: &Line, peer: Peer, size: &Size, cores: Cores) -> Result<Figures> {
    Cores::pin(cores.server)?;
    if line.measure.is_without_load() {
        return session_figures(line.measure, &output(Command::new(Peer::alone()).args(line.words(size)))?);
    }
    let (server, port) = start(&peer.server(line)?)?;
    Cores::pin(cores.load)?;
    let url = format!("http://127.0.0.1:{port}");
    if line.is_about_clients() {
        let program = peer.client()?;
        let (name, args) = program.split_first().context("no program")?;
        let result = output(Command::new(name).args(args).arg(&url).args(line.words(size)))?;
        return client_figures(&result);
    }
    let pid = server.id().to_string();
    let sio = release::program(".", "sio");
    let result = output(Command::new(sio).args(["load", &url, "--json", "--watch", &pid]).args(line.words(size)))?;
    server_figures(line.measure, &result)
}

/// The JSON that a program prints.
fn output(command: &mut Command) -> Result<Value> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {command:?}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {}", output.status, complaint.lines().last().unwrap_or_default());
    serde_json::from_slice(&output.stdout).context("its result is no JSON")
}

fn client_figures(result: &Value) -> Result<Figures> {
    let value = result["cpu_us_each"].as_f64().context("no processor time")?;
    let per_second = result["count"].as_f64().zip(result["seconds"].as_f64()).map(|(count, time)| count / time);
    Ok(Figures { value, per_second, p50: None, p99: None })
}

fn session_figures(measure: Measure, result: &Value) -> Result<Figures> {
    let number = |name: &str| result[name].as_f64().with_context(|| format!("no {name}"));
    let value = match measure {
        Measure::Growth => number("cast_ns_many")? / number("cast_ns_few")?,
        // A quick look has fewer.
        _ => number("bytes_each")? * 1e6 / f64::from(1 << 30),
    };
    Ok(Figures { value, per_second: None, p50: None, p99: None })
}

fn server_figures(measure: Measure, result: &Value) -> Result<Figures> {
    let (failed, lost) = (result["failed"].as_u64().unwrap_or(0), result["lost"].as_u64().unwrap_or(0));
    ensure!(failed == 0 && lost == 0, "{failed} connections failed and {lost} were lost: {}", result["faults"]);
    let server = &result["server"];
    let value = match measure {
        Measure::MessageCpu => server["cpu_us_each"].as_f64(),
        Measure::OpeningCpu => result["opening"]["server_cpu_us_each"].as_f64(),
        Measure::Memory => server["bytes_per_connection"].as_f64().map(|bytes| bytes / 1e3),
        Measure::ClientCpu | Measure::Sessions | Measure::Growth => None,
    };
    let part = if measure == Measure::OpeningCpu { &result["opening"]["latency"] } else { &result["latency"] };
    let opened = result["joined"].as_f64().zip(result["opening"]["seconds"].as_f64());
    Ok(Figures {
        value: value.context("nothing was delivered")?,
        per_second: match measure {
            Measure::MessageCpu => result["per_second"].as_f64(),
            Measure::OpeningCpu => opened.map(|(count, time)| count / time),
            _ => None,
        },
        p50: part["percentiles"]["p50"].as_f64(),
        p99: part["percentiles"]["p99"].as_f64(),
    })
}
