//! Runs a client script of `tests/js/` against the test server and reads its verdicts, one per scenario.
//!
//! Owns the line format `ok <scenario>` / `failed <scenario>: <why>` and the comparison with the list that the Rust test
//! expects, so that a scenario that was never run is a failure too. Leaves out the scenarios themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use testkit::NodeScript;

use crate::TestServer;

/// How the official client is told to connect: its `transports` option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// `["polling"]`.
    Polling,
    /// `["websocket"]`.
    WebSocket,
    /// Left at the default: polling, then an upgrade to WebSocket.
    Upgrade,
    /// `["polling"]` by JSONP, which only old clients have.
    Jsonp,
}

impl Transport {
    fn name(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
            Self::Upgrade => "upgrade",
            Self::Jsonp => "jsonp",
        }
    }
}

/// The verdicts of one run of a client script.
#[derive(Debug)]
pub struct ScenarioRun {
    verdicts: BTreeMap<String, Result<(), String>>,
}

impl ScenarioRun {
    /// Runs the script with the server's address, the transport and these words as arguments, for at most a minute.
    pub fn of(script: &str, server: &TestServer, transport: Transport, words: &[&str]) -> Self {
        let script = NodeScript::new(script).arg(server.url()).arg(transport.name());
        let output = words.iter().fold(script, NodeScript::arg).run(Duration::from_secs(60));
        let verdicts = output.stdout.lines().filter_map(verdict).collect();
        Self { verdicts }
    }

    /// Expects that exactly these scenarios were run, and that each passed.
    #[track_caller]
    pub fn expect_all(&self, scenarios: &[&str]) {
        let mut complaints: Vec<String> = Vec::new();
        for (name, verdict) in &self.verdicts {
            if let Err(why) = verdict {
                complaints.push(format!("failed: {name}: {why}"));
            }
            if !scenarios.contains(&name.as_str()) {
                complaints.push(format!("not in the list: {name}"));
            }
        }
        for name in scenarios {
            if !self.verdicts.contains_key(*name) {
                complaints.push(format!("not run: {name}"));
            }
        }
        assert!(complaints.is_empty(), "\n  {}", complaints.join("\n  "));
    }
}

fn verdict(line: &str) -> Option<(String, Result<(), String>)> {
    if let Some(name) = line.strip_prefix("ok ") {
        return Some((name.to_owned(), Ok(())));
    }
    let (name, why) = line.strip_prefix("failed ")?.split_once(": ")?;
    Some((name.to_owned(), Err(why.to_owned())))
}
