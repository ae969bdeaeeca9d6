//! The words of `sio load`.

use std::time::Duration;

use clap::{Args, ValueEnum, builder::RangedU64ValueParser};

use super::target::Target;
use crate::duration;

/// What `sio load` takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct LoadOptions {
    /// The server, as http://host:port, with its path where that is not /socket.io.
    #[arg(value_name = "URL", value_parser = Target::parse)]
    pub(crate) target: Target,
    /// What the connections do.
    #[arg(long, value_enum, default_value_t = Mode::Echo)]
    pub(crate) mode: Mode,
    /// How many connections; in the mode `connect`, how many at once.
    #[arg(long, default_value = "50", value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    pub(crate) connections: usize,
    /// How many connections are opened in a second [default: as fast as they open, 50 at once].
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u32>::new().range(1..=1_000_000))]
    pub(crate) ramp_up: Option<u32>,
    /// Of the connections, how many in a hundred are HTTP long-polling; the others are WebSockets.
    #[arg(long, default_value = "0", value_name = "PERCENT", value_parser = RangedU64ValueParser::<u8>::new().range(0..=100))]
    pub(crate) polling: u8,
    /// Messages that wait for their answer at a time: of each connection, or of each room.
    #[arg(long, default_value = "1", value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000))]
    pub(crate) in_flight: usize,
    /// Messages in a second, of all connections together and on schedule, however late the answers are. Latency then
    /// counts from when a message was due.
    #[arg(long, conflicts_with = "in_flight", value_name = "N", value_parser = RangedU64ValueParser::<u32>::new().range(1..=100_000_000))]
    pub(crate) rate: Option<u32>,
    /// The size of the one argument of each message, in bytes: a text.
    #[arg(long, default_value = "16", value_name = "BYTES", value_parser = RangedU64ValueParser::<usize>::new().range(0..=100_000_000))]
    pub(crate) payload: usize,
    /// The namespace.
    #[arg(long, default_value = "/", value_name = "NAME", value_parser = namespace)]
    pub(crate) namespace: String,
    /// The event that is sent, and expected back [default: echo, ask or cast, after the mode].
    #[arg(long, value_name = "NAME")]
    pub(crate) event: Option<String>,
    /// In the mode `cast`: how many rooms the connections are spread over. Each connection first asks to be let in with
    /// an acknowledged event `join` that names its room, and each cast then names the room before its payload.
    #[arg(long, default_value = "0", value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(0..=1_000_000))]
    pub(crate) rooms: usize,
    /// How long the load runs before anything is measured.
    #[arg(long, default_value = "1s", value_name = "TIME", value_parser = duration::parse)]
    pub(crate) warm_up: Duration,
    /// How long is measured: a number with the unit ms, s, m or h.
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = duration::parse)]
    pub(crate) duration: Duration,
    /// Ends the measurement sooner, after so many messages (or connections, in the mode `connect`).
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    pub(crate) count: Option<u64>,
    /// The number of the server's process on this machine: its processor time and its memory are then measured too
    /// (Linux).
    #[arg(long, value_name = "PID")]
    pub(crate) watch: Option<u32>,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What the connections of a load do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Each sends events, and the server sends each back to whom it came from.
    Echo,
    /// Each sends events, and the server acknowledges them.
    Ack,
    /// The first of each room sends events, and the server sends each to all of the room; without rooms, to everybody.
    Cast,
    /// They do nothing but stay.
    Idle,
    /// Each is closed when it has joined the namespace, and opened again.
    Connect,
}

impl Mode {
    /// The event of this mode, unless another is asked for.
    pub(crate) const fn event(self) -> &'static str {
        match self {
            Self::Ack => "ask",
            Self::Cast => "cast",
            Self::Echo | Self::Idle | Self::Connect => "echo",
        }
    }

    /// Whether messages are sent.
    pub(crate) const fn sends(self) -> bool {
        matches!(self, Self::Echo | Self::Ack | Self::Cast)
    }

    /// The name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Ack => "ack",
            Self::Cast => "cast",
            Self::Idle => "idle",
            Self::Connect => "connect",
        }
    }
}

fn namespace(text: &str) -> Result<String, String> {
    match text.starts_with('/') && !text.contains([',', '?']) {
        true => Ok(text.to_owned()),
        false => Err("a namespace begins with a slash and has no comma in it: /chat".to_owned()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Words {
        #[command(flatten)]
        options: LoadOptions,
    }

    /// What these words ask for, behind an address.
    pub(in crate::load) fn options(words: &[&str]) -> Result<LoadOptions, clap::Error> {
        Words::try_parse_from(["load", "http://127.0.0.1:3000"].iter().chain(words)).map(|words| words.options)
    }

    fn parse(words: &str) -> Result<LoadOptions, clap::Error> {
        options(&words.split_whitespace().collect::<Vec<_>>())
    }

    #[test]
    fn without_words_fifty_connections_wait_for_one_echo_each() {
        let options = parse("").unwrap();
        assert_eq!((options.mode, options.connections, options.in_flight, options.payload), (Mode::Echo, 50, 1, 16));
        assert_eq!((options.polling, options.rooms, options.rate, options.count), (0, 0, None, None));
    }

    #[test]
    fn every_word_is_understood() {
        let words = "--mode cast --connections 1000 --ramp-up 500 --polling 30 --in-flight 8 --payload 64 --namespace /a \
                     --event b --rooms 10 --warm-up 200ms --duration 2m --count 7 --watch 42 --json";
        let options = parse(words).unwrap();
        assert_eq!((options.mode, options.connections, options.ramp_up), (Mode::Cast, 1000, Some(500)));
        assert_eq!((options.polling, options.in_flight, options.payload, options.rooms), (30, 8, 64, 10));
        assert_eq!((&*options.namespace, options.event.as_deref()), ("/a", Some("b")));
        assert_eq!((options.warm_up, options.duration), (Duration::from_millis(200), Duration::from_secs(120)));
        assert_eq!((options.count, options.watch, options.json), (Some(7), Some(42), true));
        assert_eq!(parse("--rate 100").unwrap().rate, Some(100));
    }

    #[test]
    fn a_load_that_cannot_be_meant_is_refused() {
        for (words, part) in [
            ("--polling 101", "0..=100"),
            ("--connections 0", "1..="),
            ("--in-flight 5000", "1..=1000"),
            ("--rate 10 --in-flight 2", "cannot be used with"),
            ("--namespace chat", "begins with a slash"),
            ("--mode flood", "echo, ack, cast, idle, connect"),
            ("--duration 5", "`5s` for seconds"),
        ] {
            let refused = parse(words).unwrap_err().to_string();
            assert!(refused.contains(part), "{words}: {refused}");
        }
    }
}
