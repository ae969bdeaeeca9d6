//! Engine.IO on tokio and hyper: sessions over HTTP long-polling and WebSocket. The server stands behind any HTTP server that
//! speaks tower, or on a listener of its own; the client gets to a server, by way of proxies and TLS where need be. The
//! protocol itself is in `engineio-proto`.
//!
//! The features `server`, `client` and `tls` (https and wss for the client) are on by default; each face compiles without the
//! other.
//!
//! ```
//! use engineio::{Config, server::Engine};
//!
//! # async fn serve() -> std::io::Result<()> {
//! // An echo server. The function runs once a session, inside that session's one task.
//! let engine = Engine::new(Config::default(), |session| async move {
//!     while let Some(message) = session.recv().await {
//!         if session.send(message).is_err() {
//!             break;
//!         }
//!     }
//! });
//! engine.listen("127.0.0.1:3000").await
//! # }
//! ```

#![cfg_attr(not(feature = "server"), allow(dead_code, reason = "the client's session is not here yet"))]

#[cfg(feature = "server")]
mod admission_limits;
mod alarm;
mod changes;
#[cfg(feature = "client")]
pub mod client;
mod clock;
#[cfg(feature = "server")]
mod compression;
#[cfg(feature = "server")]
mod config;
#[cfg(feature = "server")]
mod cookie;
#[cfg(feature = "server")]
mod cors;
#[cfg(feature = "server")]
mod counters;
#[cfg(feature = "server")]
mod driver;
mod few;
#[cfg(feature = "server")]
mod headers;
#[cfg(feature = "server")]
mod hooks;
#[cfg(feature = "server")]
mod middleware;
#[cfg(feature = "server")]
mod opening;
mod parts;
mod per_message_deflate;
mod random;
#[cfg(feature = "server")]
mod receiving;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
mod session;
#[cfg(feature = "server")]
mod shared;
#[cfg(all(test, feature = "server", target_pointer_width = "64"))]
mod sizes;
mod sleeper;
#[cfg(feature = "server")]
mod surroundings;
mod transport;
#[cfg(feature = "server")]
mod waiting;

pub use alarm::Alarm;
pub use clock::Clock;
pub use engineio_proto::{
    CloseMode, CloseReason, Closed, Limits, Message, MessageFrame, MessageGroup, Revision, SendError, SendOptions,
    Sent, SessionId, ShortText, Text, TransportKind, WhenFull,
};
pub use few::Few;
pub use per_message_deflate::PerMessageDeflate;
pub use random::random_id;
#[cfg(feature = "server")]
pub use {
    admission_limits::AdmissionLimits,
    compression::{ContentCoding, HttpCompression},
    config::Config,
    cookie::{Cookie, SameSite},
    cors::{Cors, Origins},
    counters::Counters,
    headers::Headers,
    hooks::{AllowRequest, ConnectionError, ConnectionErrorHook, ErrorContext, GenerateId, HeadersHook},
    middleware::{Exchange, Middleware, Refusal},
    opening::OpeningRequest,
    session::{PeerAddr, Request, SecureTransport, Session},
};
