//! Engine.IO on tokio and hyper: sessions over HTTP long-polling and WebSocket, behind any HTTP server that
//! speaks tower, or on a listener of its own. The protocol itself is in `engineio-proto`.
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

mod clock;
mod compression;
mod config;
mod cookie;
mod cors;
mod counters;
mod driver;
mod hooks;
mod middleware;
mod per_message_deflate;
mod random;
pub mod server;
mod session;
mod shared;
mod transport;
mod waiting;

pub use compression::{ContentCoding, HttpCompression};
pub use config::Config;
pub use cookie::{Cookie, SameSite};
pub use cors::{Cors, Origins};
pub use counters::Counters;
pub use engineio_proto::{
    CloseReason, Closed, Limits, Message, MessageFrame, Revision, SendError, SendOptions, Sent, SessionId, Text,
    TransportKind, WhenFull,
};
pub use hooks::{AllowRequest, ConnectionError, ConnectionErrorHook, ErrorContext, GenerateId, HeadersHook};
pub use middleware::{Exchange, Middleware, Refusal};
pub use per_message_deflate::PerMessageDeflate;
pub use random::random_id;
pub use session::{CloseMode, PeerAddr, Request, SecureTransport, Session};
