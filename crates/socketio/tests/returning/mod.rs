//! A client that comes back, as the official one does (contract row D106): it remembers its private id and the last
//! text at the end of an event, names both when it joins again, and holds what comes before the CONNECT back until then.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use serde_json::{Value, json};
use socketio::{Config, ConnectionStateRecovery, Server};

use crate::client::Client;

/// A configuration with recovery.
pub(crate) fn recovering() -> Config {
    let mut config = Config::default();
    config.connection_state_recovery = Some(ConnectionStateRecovery::default());
    config
}

/// A server with recovery whose main namespace answers `sync`.
pub(crate) fn serving(config: Config) -> Server {
    let io = Server::with_config(config);
    answer_sync(&io, "/");
    io
}

/// Has a namespace answer `sync`, so that a client knows that it has read everything.
pub(crate) fn answer_sync(io: &Server, namespace: &str) {
    io.of(namespace).on("sync", async || {});
}

/// One client in one namespace, over one connection after the other.
pub(crate) struct Returning {
    pub(crate) client: Client,
    /// `/chat,`; nothing for the main namespace.
    prefix: String,
    pub(crate) id: String,
    pub(crate) pid: Option<String>,
    pub(crate) offset: Option<String>,
    /// Whether the last CONNECT was one to the same session.
    pub(crate) recovered: bool,
    connected: bool,
    held: Vec<Value>,
    received: Vec<String>,
}

impl Returning {
    /// A client that has joined the main namespace.
    pub(crate) async fn new(io: &Server) -> Self {
        Self::of(io, "/").await
    }

    /// A client that has joined that namespace.
    pub(crate) async fn of(io: &Server, namespace: &str) -> Self {
        let mut this = Self::over(Client::open(io).await, namespace);
        this.join(&json!({})).await;
        this
    }

    /// A client that has joined nothing yet.
    pub(crate) fn over(client: Client, namespace: &str) -> Self {
        let prefix = if namespace == "/" { String::new() } else { format!("{namespace},") };
        let (id, held, received) = (String::new(), Vec::new(), Vec::new());
        let (pid, offset) = (None, None);
        Self { client, prefix, id, pid, offset, recovered: false, connected: false, held, received }
    }

    /// Its CONNECT, with this beside what it comes back with.
    pub(crate) fn connect_packet(&self, auth: &Value) -> String {
        let mut auth = auth.clone();
        if let Some(pid) = &self.pid {
            auth["pid"] = json!(pid);
        }
        if let Some(offset) = &self.offset {
            auth["offset"] = json!(offset);
        }
        format!("40{}{auth}", self.prefix)
    }

    /// Joins over the connection that it has.
    pub(crate) async fn join(&mut self, auth: &Value) {
        self.client.send(&self.connect_packet(auth)).await;
        self.read_connect().await;
    }

    /// Reads until it is connected.
    pub(crate) async fn read_connect(&mut self) {
        while !self.connected {
            let packets = self.client.receive().await;
            self.take_in(&packets).await;
        }
    }

    /// Joins over a new connection; the server hears nothing of the end of the old one.
    pub(crate) async fn come_back(&mut self, io: &Server) {
        self.come_back_with(io, &json!({})).await;
    }

    /// The same with an auth payload.
    pub(crate) async fn come_back_with(&mut self, io: &Server, auth: &Value) {
        self.forget_connection(Client::open(io).await);
        self.join(auth).await;
    }

    /// Goes on over that connection. What came before a CONNECT that never came is forgotten.
    pub(crate) fn forget_connection(&mut self, client: Client) {
        self.client = client;
        self.connected = false;
        self.held.clear();
    }

    /// Its connection is lost, and the server knows.
    pub(crate) async fn lose(&self) {
        self.client.close().await;
        self.client.settle().await;
    }

    /// What the official client makes of these packets.
    pub(crate) async fn take_in(&mut self, packets: &[String]) {
        for packet in packets {
            if packet == "2" {
                self.client.post("3").await;
            } else if let Some(greeting) = packet.strip_prefix(&format!("40{}{{", self.prefix)) {
                self.greet(&serde_json::from_str(&format!("{{{greeting}")).unwrap());
            } else if let Some(event) = self.event_of(packet) {
                if self.connected { self.see(event) } else { self.held.push(event) }
            }
        }
    }

    fn greet(&mut self, greeting: &Value) {
        self.id = greeting["sid"].as_str().unwrap().to_owned();
        let pid = greeting["pid"].as_str().map(str::to_owned);
        self.recovered = pid.is_some() && pid == self.pid;
        self.pid = pid;
        self.connected = true;
        for event in std::mem::take(&mut self.held) {
            self.see(event);
        }
    }

    /// The arguments of an event of this namespace, and whether it asks for an acknowledgement.
    fn event_of(&self, packet: &str) -> Option<Value> {
        let packet = match packet.strip_prefix("45") {
            Some(binary) => binary.split_once('-')?.1,
            None => packet.strip_prefix("42")?,
        };
        let packet = if packet.starts_with('/') || !self.prefix.is_empty() {
            packet.strip_prefix(&self.prefix).filter(|_| !self.prefix.is_empty())?
        } else {
            packet
        };
        let at = packet.find('[')?;
        let mut event: Value = serde_json::from_str(&packet[at..]).unwrap();
        if at > 0 {
            // Its last argument is a function, then, which is no text.
            event.as_array_mut().unwrap().push(json!({ "ack": packet[..at] }));
        }
        Some(event)
    }

    fn see(&mut self, mut event: Value) {
        let arguments = event.as_array_mut().unwrap();
        if let Some(Value::String(last)) = arguments.last() {
            self.offset = Some(last.clone());
            // No text of a test has a dot but an offset.
            if last.contains('.') || last.is_empty() {
                arguments.pop();
            }
        }
        self.received.push(event.to_string());
    }

    /// What it has received since the last time, without offsets.
    pub(crate) fn received(&mut self) -> Vec<String> {
        std::mem::take(&mut self.received)
    }

    /// The same with all that is on its way.
    pub(crate) async fn all(&mut self) -> Vec<String> {
        self.client.send(&format!("42{}0[\"sync\"]", self.prefix)).await;
        let answer = format!("43{}0[]", self.prefix);
        loop {
            let packets = self.client.receive().await;
            self.take_in(&packets).await;
            if packets.contains(&answer) {
                return self.received();
            }
        }
    }
}
