//! The client: what gets bytes to a server. [`Address`] and [`Config`] say where and how; `endpoint.rs` makes requests of them,
//! `dial.rs` makes connections (`proxy.rs` and `tls.rs` are ways through), `connection.rs` speaks HTTP/1.1 on one,
//! `requests.rs` is long-polling, `handshake.rs` opens WebSockets, `jar.rs` keeps cookies.
#![cfg_attr(not(test), allow(dead_code, reason = "the session over it is not here yet"))]

mod address;
mod answer_body;
mod config;
mod connection;
mod connector;
mod dial;
mod endpoint;
mod error;
mod handshake;
mod jar;
mod proxy;
mod requests;
#[cfg(test)]
mod tests;
#[cfg(feature = "tls")]
mod tls;

pub use address::{Address, AddressError};
pub use config::{Config, Family, TransportOptions};
pub use connector::{Connector, Destination};
pub use error::{TransportError, TransportErrorKind};
pub use proxy::{Proxy, ProxyError};
#[cfg(feature = "tls")]
pub use tls::{Certificate, Identity, InvalidPem, Tls};
