//! [`ConnectionOptions`]: the words that say where to connect and how, and the client that they make.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};
use socketio::{
    AnyParser, MsgpackParser,
    client::{
        Address, AddressError, Client, Config, Socket,
        engine::{Certificate, Proxy},
    },
};

use super::line;
use crate::{duration, options::Transport};

/// What stands before the name of a file.
const FILE: char = '@';

/// What `sio connect` and `sio emit` have in common.
#[derive(Args, Clone, Debug)]
pub(crate) struct ConnectionOptions {
    /// The server, such as http://localhost:3000/chat. Its path is the namespace; without a scheme it is https.
    #[arg(value_name = "URL", value_parser = server)]
    url: ServerUrl,
    /// The namespace, instead of the URL's path.
    #[arg(long, short, value_name = "NAME")]
    namespace: Option<String>,
    /// What the server gets as `auth`: a JSON object, or @file for one in a file.
    #[arg(long, short, env = "SIO_AUTH", hide_env_values = true, value_name = "JSON", value_parser = auth)]
    auth: Option<Auth>,
    /// A header of every request, such as 'Authorization: Bearer abc'; repeatable.
    #[arg(long, short = 'H', value_name = "HEADER", value_parser = header)]
    header: Vec<(HeaderName, HeaderValue)>,
    /// A pair for the query of every request; repeatable.
    #[arg(long, short, value_name = "KEY=VALUE", value_parser = pair)]
    query: Vec<(String, String)>,
    /// A transport to use; repeatable, in order [default: polling, then websocket].
    #[arg(long, short, value_name = "TRANSPORT")]
    transport: Vec<Transport>,
    /// The path that the server has Socket.IO under.
    #[arg(long, default_value = "/socket.io", value_name = "PATH", value_parser = path)]
    path: String,
    /// How packets are written; the server has to do the same.
    #[arg(long, default_value = "json", value_name = "PARSER")]
    parser: Parser,
    /// How long the server may take to let the client in, and to answer: a number with the unit ms, s, m or h.
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = duration::parse)]
    pub(crate) timeout: Duration,
    /// A file with certificates (PEM) to trust beside the system's.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// DANGEROUS: talk to whoever answers, whatever its certificate. Anybody on the way can read and change everything.
    #[arg(long)]
    insecure: bool,
    /// A proxy to go through: http://user:password@host:port, or socks5://…
    #[arg(long, value_name = "URL")]
    proxy: Option<Proxy>,
    /// Print JSON, one object a line, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A URL as it was written, with what it says.
#[derive(Clone, Debug)]
struct ServerUrl {
    text: String,
    address: Address,
}

/// How packets are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Parser {
    /// The protocol's own.
    Json,
    /// That of the npm package socket.io-msgpack-parser.
    Msgpack,
}

/// Where the authentication payload is.
#[derive(Clone, Debug)]
enum Auth {
    Value(Map<String, Value>),
    File(PathBuf),
}

impl ConnectionOptions {
    /// The client and its socket, which are not connected yet. Where it reconnects, it does so for ever.
    ///
    /// # Errors
    /// Where a file cannot be read, or is not what it has to be.
    pub(crate) fn make(&self, reconnection: bool, open_timeout: Duration) -> Result<(Client, Socket)> {
        let config = self.config(reconnection, open_timeout)?;
        let client = Client::with_config(&self.url.text, config)?;
        let socket = client.of(self.namespace.as_deref().unwrap_or_else(|| self.url.address.path()));
        if let Some(auth) = &self.auth {
            socket.set_auth(&auth.read()?)?;
        }
        Ok((client, socket))
    }

    /// Scheme, host and port: what may be shown.
    pub(crate) fn server(&self) -> String {
        self.url.address.to_string()
    }

    fn config(&self, reconnection: bool, open_timeout: Duration) -> Result<Config> {
        let mut config = Config::default();
        config.reconnection = reconnection;
        let engine = &mut config.engine;
        engine.path.clone_from(&self.path);
        if !self.transport.is_empty() {
            engine.transports = self.transport.iter().map(|transport| transport.kind()).collect();
        }
        engine.query.clone_from(&self.query);
        for (name, value) in &self.header {
            engine.extra_headers.append(name, value.clone());
        }
        engine.proxy.clone_from(&self.proxy);
        engine.limits.open_timeout = open_timeout;
        engine.tls.danger_accept_invalid_certificates = self.insecure;
        if let Some(file) = &self.ca {
            let shown = file.display();
            let pem = fs::read(file).with_context(|| format!("--ca {shown} cannot be read"))?;
            engine.tls.roots = Certificate::from_pem(&pem).with_context(|| format!("--ca {shown} cannot be used"))?;
        }
        if self.parser == Parser::Msgpack {
            config.parser = AnyParser::new(MsgpackParser);
        }
        Ok(config)
    }
}

impl Auth {
    fn read(&self) -> Result<Map<String, Value>> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::File(file) => {
                let shown = file.display();
                let text = fs::read_to_string(file).with_context(|| format!("--auth @{shown} cannot be read"))?;
                line::auth(&text).map_err(|error| anyhow::anyhow!("--auth @{shown}: {error}"))
            }
        }
    }
}

fn server(text: &str) -> Result<ServerUrl, AddressError> {
    Ok(ServerUrl { text: text.to_owned(), address: text.parse()? })
}

fn auth(text: &str) -> Result<Auth, String> {
    match text.strip_prefix(FILE) {
        Some(file) => Ok(Auth::File(file.into())),
        None => line::auth(text).map(Auth::Value),
    }
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let advice = || "write a name and a value: 'Authorization: Bearer abc'".to_owned();
    let (name, value) = text.split_once(':').ok_or_else(advice)?;
    let mut value = HeaderValue::from_str(value.trim()).map_err(|_| advice())?;
    // It may well be a password.
    value.set_sensitive(true);
    Ok((name.trim().parse().map_err(|_| advice())?, value))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("write a key and a value: room=lobby")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn path(text: &str) -> Result<String, String> {
    let is_path = text.starts_with('/') && !text.contains(['?', '#']);
    if is_path {
        Ok(text.to_owned())
    } else {
        Err("a path begins with a slash and has no query: /socket.io".to_owned())
    }
}
