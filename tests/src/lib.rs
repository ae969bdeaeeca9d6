//! What the workspace's tests share: a test server with two implementations, and raw clients that can also misbehave.
//!
//! Owns [`TestServer`] (ours in this process, or the npm reference where the environment has `SIO_TEST_PEER=reference`), the raw
//! HTTP client, the raw WebSocket and the thin Engine.IO and Socket.IO clients over them. Leaves out every expectation: those are
//! in `tests/*.rs`, one test per clause of the Engine.IO v4 and Socket.IO v5 protocol documents or row of the contract. All clients
//! are blocking on purpose: what is sent, and when, is then plain to read, and a read that takes longer than [`DEADLINE`] is a
//! failed test. The crate is for tests only, so its methods panic where an expectation about the connection itself is not met.

mod documents;
mod http;
mod http_settings;
mod polling;
mod proxy;
mod raw_server;
mod rust_server;
mod scenarios;
mod server;
mod socketio_client;
mod wire;

pub use documents::{NamedTest, cells, in_backticks, tests_in, tests_of_the_repository};
pub use http::{Connection, Response, request};
pub use http_settings::{CorsSettings, HttpSettings, OriginSettings};
pub use polling::{PollingSession, packets};
pub use proxy::{CutPoint, Proxy, Reach};
pub use raw_server::{Caller, RawServer, Request};
pub use scenarios::{ScenarioRun, Transport};
pub use server::{Peer, Settings, TestServer, peer};
pub use socketio_client::SocketIoWire;
pub use wire::{Frame, RawWire, Refusal, Wire};

use std::time::Duration;

/// How long a test waits for one thing before it fails: far more than is ever needed, because the machine may be busy.
pub const DEADLINE: Duration = Duration::from_secs(10);
