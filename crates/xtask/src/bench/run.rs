//! One run: a fresh server on its core, the load or the client on the other, and the figures that come of it.

use std::{
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{
    line::{Line, Measure, Size},
    machine::Cores,
    peer::Peer,
};
use crate::release;

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

/// A server in a process of its own, ended with the value.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(program: &[PathBuf]) -> Result<Self> {
        let (name, args) = program.split_first().context("no program")?;
        let mut child = Command::new(name)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", name.display()))?;
        let out = child.stdout.take().context("no output")?;
        let (sender, receiver) = channel();
        // A server that never listens must not stop everything; the thread ends with the server.
        thread::spawn(move || {
            let mut lines = BufReader::new(out).lines().map_while(Result::ok);
            let _ = sender.send(lines.next());
            lines.for_each(drop);
        });
        let port = match receiver.recv_timeout(START_TIMEOUT) {
            Ok(Some(line)) => line.strip_prefix("listening ").and_then(|port| port.parse().ok()),
            _ => None,
        };
        match port {
            Some(port) => Ok(Self { child, port }),
            None => {
                let _ = child.kill();
                let mut complaint = String::new();
                if let Some(mut stderr) = child.stderr.take() {
                    let _ = stderr.read_to_string(&mut complaint);
                }
                let _ = child.wait();
                let errors = complaint.lines().filter(|line| line.contains("Error") || line.contains("error"));
                bail!("it does not listen: {}", errors.take(2).collect::<Vec<_>>().join(" "))
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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
    let server = Server::start(&peer.server(line)?)?;
    Cores::pin(cores.load)?;
    let url = format!("http://127.0.0.1:{}", server.port);
    if line.is_about_clients() {
        let program = peer.client()?;
        let (name, args) = program.split_first().context("no program")?;
        let result = output(Command::new(name).args(args).arg(&url).args(line.words(size)))?;
        return client_figures(&result);
    }
    let pid = server.child.id().to_string();
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
