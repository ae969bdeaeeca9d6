//! [`HttpSettings`]: what a test server adds to its answers over HTTP, the same for both implementations.
//!
//! The JSON is what `tests/js/reference_server.mjs` reads; `rust_server.rs` goes by the fields.

use serde_json::{Value, json};

/// Options of the engine beside the protocol.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpSettings {
    /// Cross-origin resource sharing (A13).
    pub cors: Option<CorsSettings>,
    /// Compression of the answers of long-polling, with the defaults (A10).
    pub compression: bool,
    /// The cookie, with the defaults (A14).
    pub cookie: bool,
    /// A message that each session starts with (A17).
    pub initial_packet: Option<&'static str>,
    /// What the ids of sessions begin with; they are counted behind it (A26).
    pub session_prefix: Option<&'static str>,
    /// Whether the application has a hand in each request (A25, A27, A28): a middleware adds `x-middleware: 1` and refuses what
    /// carries `fail` in its query, and hooks add `x-initial: 1` to the first and `x-each: 1` to every answer of a session.
    pub hooks: bool,
}

/// Who may talk to the server from a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CorsSettings {
    /// The origins.
    pub origins: OriginSettings,
    /// Whether all other options are set too: the methods GET and POST, the request header `x-in`, the answer header `x-out`,
    /// credentials, ten minutes for a preflight, which is answered with 200.
    pub elaborate: bool,
}

/// Some origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginSettings {
    /// All, by `*`.
    Any,
    /// All, by name.
    Mirror,
    /// One, which is always named.
    Exact(&'static str),
    /// Those of a list.
    List(&'static [&'static str]),
    /// Those that end like this.
    EndingWith(&'static str),
}

impl HttpSettings {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "cors": self.cors.map(|cors| cors.to_json()),
            "compression": self.compression,
            "cookie": self.cookie,
            "initialPacket": self.initial_packet,
            "sessionPrefix": self.session_prefix,
            "hooks": self.hooks,
        })
    }
}

impl CorsSettings {
    fn to_json(self) -> Value {
        let origin = match self.origins {
            OriginSettings::Any => json!("*"),
            OriginSettings::Mirror => json!(true),
            OriginSettings::Exact(origin) => json!(origin),
            OriginSettings::List(origins) => json!(origins),
            OriginSettings::EndingWith(end) => json!({ "endingWith": end }),
        };
        let mut options = json!({ "origin": origin });
        if self.elaborate {
            options["methods"] = json!(["GET", "POST"]);
            options["allowedHeaders"] = json!(["x-in"]);
            options["exposedHeaders"] = json!(["x-out"]);
            options["credentials"] = json!(true);
            options["maxAge"] = json!(600);
            options["optionsSuccessStatus"] = json!(200);
        }
        options
    }
}
