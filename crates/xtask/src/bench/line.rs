//! [`Line`]: one line of the table: the work, what is read off a run of it, and the goal.
//!
//! The goals are those of the project; a line is changed here and nowhere else.

use std::time::Duration;

use super::peer::Peer;

/// What is measured about a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// Processor time of the server for each message delivered, in microseconds.
    MessageCpu,
    /// Processor time of the server for each connection opened, in microseconds.
    OpeningCpu,
    /// Resident memory of the server for each idle connection, in kilobytes.
    Memory,
    /// Processor time of the client for each event or answer, in microseconds.
    ClientCpu,
    /// Resident memory of a million sessions without sockets, in gibibytes.
    Sessions,
    /// How many times as much one member of a broadcast to all of them costs as of one to a tenth of them.
    Growth,
}

impl Measure {
    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::MessageCpu | Self::OpeningCpu | Self::ClientCpu => "µs",
            Self::Memory => "kB",
            Self::Sessions => "GiB",
            Self::Growth => "times",
        }
    }

    /// Whether it is measured by a program of this project that needs neither a server nor a load.
    pub(super) const fn is_without_load(self) -> bool {
        matches!(self, Self::Sessions | Self::Growth)
    }
}

/// What ours has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Goal {
    /// At most so many times what the peer needs.
    Times(f64, Peer),
    /// At most so much, in the unit of the measure.
    Absolute(f64),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// Its name on the command line.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) measure: Measure,
    /// The words for `sio load`, but for the time; or for the programs that measure clients.
    pub(super) words: &'static [&'static str],
    pub(super) goal: Goal,
}

pub(super) const LINES: [Line; 14] = [
    Line {
        name: "echo-1",
        title: "echo, 50 connections, w=1, 16 B",
        measure: Measure::MessageCpu,
        words: &["--mode", "echo", "--connections", "50", "--in-flight", "1", "--payload", "16"],
        goal: Goal::Times(1.10, Peer::Floor),
    },
    Line {
        name: "echo-32",
        title: "echo, 50 connections, w=32, 16 B",
        measure: Measure::MessageCpu,
        words: &["--mode", "echo", "--connections", "50", "--in-flight", "32", "--payload", "16"],
        goal: Goal::Times(1.8, Peer::Floor),
    },
    Line {
        name: "ack-1",
        title: "acknowledgement, 50 connections, w=1, 16 B",
        measure: Measure::MessageCpu,
        words: &["--mode", "ack", "--connections", "50", "--in-flight", "1", "--payload", "16"],
        goal: Goal::Times(1.10, Peer::Floor),
    },
    Line {
        name: "echo-1k",
        title: "echo, 50 connections, w=8, 1 kB",
        measure: Measure::MessageCpu,
        words: &["--mode", "echo", "--connections", "50", "--in-flight", "8", "--payload", "1000"],
        goal: Goal::Times(1.3, Peer::Floor),
    },
    Line {
        name: "echo-60k",
        title: "echo, 5 connections, w=4, 60 kB",
        measure: Measure::MessageCpu,
        words: &["--mode", "echo", "--connections", "5", "--in-flight", "4", "--payload", "60000"],
        goal: Goal::Times(1.5, Peer::Floor),
    },
    Line {
        name: "cast-1",
        title: "broadcast to 1,000, one at a time, 64 B",
        measure: Measure::MessageCpu,
        words: &["--mode", "cast", "--connections", "1000", "--in-flight", "1", "--payload", "64"],
        goal: Goal::Times(1.15, Peer::Floor),
    },
    Line {
        name: "cast-8",
        title: "broadcast to 1,000, 8 in flight, 64 B",
        measure: Measure::MessageCpu,
        words: &["--mode", "cast", "--connections", "1000", "--in-flight", "8", "--payload", "64"],
        goal: Goal::Times(1.15, Peer::Floor),
    },
    Line {
        name: "polling",
        title: "long-polling round trip (POST + GET), 50 clients, 16 B",
        measure: Measure::MessageCpu,
        words: &["--mode", "echo", "--connections", "50", "--polling", "100", "--payload", "16"],
        goal: Goal::Times(0.6, Peer::Socketioxide),
    },
    Line {
        name: "connect",
        title: "connect (WebSocket, to namespace joined), each",
        measure: Measure::OpeningCpu,
        words: &["--mode", "idle", "--connections", "CONNECTIONS"],
        goal: Goal::Times(0.65, Peer::Socketioxide),
    },
    Line {
        name: "idle",
        title: "resident memory per idle connection",
        measure: Measure::Memory,
        words: &["--mode", "idle", "--connections", "CONNECTIONS"],
        goal: Goal::Absolute(1.6),
    },
    Line {
        name: "million",
        title: "resident memory of a million sessions without sockets",
        measure: Measure::Sessions,
        words: &["SESSIONS"],
        goal: Goal::Absolute(2.0),
    },
    Line {
        name: "million-cast",
        title: "broadcast to a million sessions, each, to one of a broadcast to 100,000",
        measure: Measure::Growth,
        words: &["SESSIONS"],
        goal: Goal::Absolute(1.25),
    },
    Line {
        name: "client-event",
        title: "client: event received, 16 B, each",
        measure: Measure::ClientCpu,
        words: &["event", "EVENTS"],
        goal: Goal::Times(0.3, Peer::RustSocketio),
    },
    Line {
        name: "client-ack",
        title: "client: acknowledgement round trip, one at a time, each",
        measure: Measure::ClientCpu,
        words: &["ask", "ASKS"],
        goal: Goal::Times(0.3, Peer::RustSocketio),
    },
];

/// How much is done in one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) warm_up: Duration,
    pub(super) duration: Duration,
    /// Connections that are only opened.
    pub(super) connections: usize,
    /// Sessions without sockets.
    pub(super) sessions: u32,
    /// Events that a client gets, and questions that it asks.
    pub(super) events: u32,
    pub(super) asks: u32,
}

impl Line {
    /// Whether it is a client that is measured.
    pub(super) fn is_about_clients(&self) -> bool {
        self.measure == Measure::ClientCpu
    }

    /// The words of a run of this size.
    pub(super) fn words(&self, size: &Size) -> Vec<String> {
        let fill = |word: &&str| match *word {
            "CONNECTIONS" => size.connections.to_string(),
            "SESSIONS" => size.sessions.to_string(),
            "EVENTS" => size.events.to_string(),
            "ASKS" => size.asks.to_string(),
            word => word.to_owned(),
        };
        let mut words: Vec<String> = self.words.iter().map(fill).collect();
        if !self.is_about_clients() && !self.measure.is_without_load() {
            // What does nothing needs no longer than memory to settle.
            let duration = if self.measure == Measure::OpeningCpu { Duration::from_millis(50) } else { size.duration };
            for (option, time) in [("--warm-up", size.warm_up), ("--duration", duration)] {
                words.extend([option.to_owned(), format!("{}ms", time.as_millis())]);
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_a_name_of_its_own_and_a_peer_that_its_goal_is_about() {
        for (index, line) in LINES.iter().enumerate() {
            assert!(LINES[..index].iter().all(|other| other.name != line.name), "{}", line.name);
            if let Goal::Times(_, peer) = line.goal {
                assert!(peer.takes(line), "{}", line.name);
            }
            assert!(Peer::Ours.takes(line), "{}", line.name);
        }
    }

    #[test]
    fn a_run_is_as_large_as_was_asked_for() {
        let size = Size {
            warm_up: Duration::from_millis(200),
            duration: Duration::from_millis(500),
            connections: 9_000,
            sessions: 1_000_000,
            events: 300_000,
            asks: 1_000,
        };
        let words = |name: &str| LINES.iter().find(|line| line.name == name).unwrap().words(&size).join(" ");
        assert_eq!(words("idle"), "--mode idle --connections 9000 --warm-up 200ms --duration 500ms");
        assert_eq!(words("million"), "1000000");
        assert_eq!(words("client-event"), "event 300000");
    }
}
