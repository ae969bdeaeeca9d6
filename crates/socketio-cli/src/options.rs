//! The words of the command line. Everything that can be wrong with a word by itself is refused here, with
//! exit code 2; what only turns out when it is used is `serve.rs`'s. The client's own words are in `client/`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, builder::RangedU64ValueParser};
use socketio::{ClientFiles, Config, TransportKind};
use tracing_subscriber::EnvFilter;

use crate::{
    client::{ConnectOptions, EmitOptions},
    duration,
    load::LoadOptions,
};

/// Socket.IO on the command line: a server and a client.
#[derive(Debug, Parser)]
#[command(name = "sio", version)]
pub(crate) struct CommandLine {
    /// What is logged to standard error: a level (error, warn, info, debug, trace), or levels by target such as
    /// `info,engineio=debug`.
    #[arg(long, global = true, env = "SIO_LOG", default_value = "info", value_name = "FILTER", value_parser = filter)]
    pub(crate) log: String,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a chat page at `/`, its chat in the namespace `/`, and an echo in the namespace `/echo`.
    ///
    /// The echo is for people who write clients: it acknowledges every event with the event's own arguments, or
    /// sends the event back where no acknowledgement is asked for. SIGINT (Ctrl-C) and SIGTERM close the server.
    Serve(ServeOptions),
    /// Connect to a Socket.IO server, print what arrives, and send what is typed.
    ///
    /// On a terminal there is a prompt with history and completion; otherwise lines are read from standard input, and at its
    /// end, once everything is acknowledged, it leaves. Ctrl-C disconnects.
    Connect(ConnectOptions),
    /// Send one event to a Socket.IO server, wait for its acknowledgement, and print that.
    Emit(EmitOptions),
    /// Put load on any Socket.IO server, and say how it bore it: messages in a second, latency, and, for a process on
    /// this machine, what each message cost it.
    Load(Box<LoadOptions>),
}

/// What `sio serve` takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServeOptions {
    /// The address to listen on, host:port; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:3000", value_name = "ADDRESS", value_parser = address)]
    pub(crate) addr: String,
    /// The path that Socket.IO is served under.
    #[arg(long, default_value = "/socket.io", value_name = "PATH", value_parser = path)]
    pub(crate) path: String,
    /// From the opening of a connection, or the client's last answer to a ping, to the next ping: a number with the
    /// unit ms, s, m or h.
    #[arg(long, default_value = "25s", value_name = "TIME", value_parser = duration::parse)]
    pub(crate) ping_interval: Duration,
    /// How long a client may take to answer a ping before its connection is closed; units as above.
    #[arg(long, default_value = "20s", value_name = "TIME", value_parser = duration::parse)]
    pub(crate) ping_timeout: Duration,
    /// The largest message and request body that a client may send, in bytes.
    #[arg(long, default_value = "1000000", value_name = "BYTES", value_parser = RangedU64ValueParser::<usize>::new().range(1_000..=1 << 30))]
    pub(crate) max_payload: usize,
    /// The transports offered, separated by commas.
    #[arg(long, default_value = "polling,websocket", value_name = "TRANSPORTS", value_delimiter = ',')]
    pub(crate) transports: Vec<Transport>,
    /// The folder of the npm package socket.io-client or socket.io, whose browser client is served; or `cdn`, to
    /// redirect browsers to Socket.IO's public CDN for it.
    ///
    /// [default: searched for in ./npm/node_modules, in ./node_modules and in the repository that this program was
    /// built in; where it is not found, as `cdn`]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) client_dir: Option<PathBuf>,
}

/// A transport, as it is called on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    /// HTTP long-polling.
    Polling,
    /// WebSocket: at once, or as an upgrade where polling is offered too.
    #[value(name = "websocket")]
    WebSocket,
}

impl Transport {
    /// What the library calls it.
    pub(crate) const fn kind(self) -> TransportKind {
        match self {
            Self::Polling => TransportKind::Polling,
            Self::WebSocket => TransportKind::WebSocket,
        }
    }

    /// The name in the protocol.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }
}

impl ServeOptions {
    /// The server's configuration: what was asked for, and what follows from it.
    pub(crate) fn config(&self, client_files: ClientFiles) -> Config {
        let mut config = Config::default();
        config.engine.path.clone_from(&self.path);
        config.engine.transports = Vec::new();
        for transport in &self.transports {
            let kind = transport.kind();
            if !config.engine.transports.contains(&kind) {
                config.engine.transports.push(kind);
            }
        }
        let limits = &mut config.engine.limits;
        limits.ping_interval = self.ping_interval;
        limits.ping_timeout = self.ping_timeout;
        limits.max_payload_bytes = self.max_payload;
        // What may come in has to fit on its way back as well: into a queue, and as an attachment.
        limits.max_queue_bytes = limits.max_queue_bytes.max(self.max_payload.saturating_mul(2));
        let attachments = &mut config.limits.decoder.max_attachment_bytes;
        *attachments = (*attachments).max(self.max_payload);
        config.client_files = client_files;
        config
    }
}

/// A path that is not the page's, and that means the same in a URL, a router and a script.
/// A host and a port; whether this machine has the host is only known when it is bound.
fn address(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(_)) => Ok(text.to_owned()),
        _ => Err("give a host and a port, such as 127.0.0.1:3000".to_owned()),
    }
}

fn path(text: &str) -> Result<String, String> {
    let path = text.strip_suffix('/').unwrap_or(text);
    let is_plain = |segment: &str| {
        !["", ".", ".."].contains(&segment)
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b))
    };
    match path.strip_prefix('/') {
        None if text == "/" => Err("`/` is the chat page's: choose a path such as /socket.io".to_owned()),
        None => Err(format!("a path begins with a slash: /{text}")),
        Some(rest) if rest.split('/').all(is_plain) => Ok(path.to_owned()),
        Some(_) => Err("write names of letters, digits and -_.~ with a slash before each: /socket.io".to_owned()),
    }
}

/// A filter that the logging understands.
fn filter(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{error}; write a level such as info, or target=level")),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, error::ErrorKind};

    use super::*;

    fn serve(args: &[&str]) -> Result<ServeOptions, clap::Error> {
        let words = ["sio", "serve"].iter().chain(args);
        CommandLine::try_parse_from(words).map(|CommandLine { command, .. }| match command {
            Command::Serve(options) => options,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn without_options_the_server_is_the_default_one() {
        let (ours, default) = (serve(&[]).unwrap().config(ClientFiles::none()), Config::default());
        assert_eq!(format!("{ours:?}"), format!("{default:?}"));
    }

    #[test]
    fn every_option_reaches_the_configuration() {
        let args = "--path /a/b.c/ --ping-interval 300ms --ping-timeout 2m --max-payload 50000000 --transports websocket,websocket";
        let config = serve(&args.split(' ').collect::<Vec<_>>()).unwrap().config(ClientFiles::none());
        assert_eq!(config.engine.path, "/a/b.c");
        assert_eq!(config.engine.transports, [TransportKind::WebSocket]);
        assert_eq!(config.engine.limits.ping_interval, Duration::from_millis(300));
        assert_eq!(config.engine.limits.ping_timeout, Duration::from_secs(120));
        assert_eq!(config.engine.limits.max_payload_bytes, 50_000_000);
        assert_eq!(config.engine.limits.max_queue_bytes, 100_000_000, "an echo of the largest message fits");
        assert_eq!(config.limits.decoder.max_attachment_bytes, 50_000_000);
    }

    #[test]
    fn a_word_that_cannot_be_meant_is_refused_with_a_way_out() {
        for (args, part) in [
            (["--path", "/"], "the chat page's"),
            (["--path", "socket.io"], "/socket.io"),
            (["--path", "/a b"], "letters, digits"),
            (["--path", "/a//b"], "letters, digits"),
            (["--path", "/../a"], "letters, digits"),
            (["--path", "/a?b"], "letters, digits"),
            (["--ping-interval", "25"], "`25s` for seconds"),
            (["--ping-timeout", "0s"], "more than 0"),
            (["--max-payload", "1MB"], "invalid digit"),
            (["--max-payload", "999"], "1000"),
            (["--transports", "polling,carrier-pigeon"], "polling, websocket"),
            (["--transports", ""], "polling, websocket"),
            (["--log", "a=b=c"], "info"),
        ] {
            let refused = serve(&args).unwrap_err();
            assert!([ErrorKind::ValueValidation, ErrorKind::InvalidValue].contains(&refused.kind()), "{args:?}");
            assert!(refused.to_string().contains(part), "{args:?}: {refused}");
        }
    }
}
