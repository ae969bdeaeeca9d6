//! The client: [`connect`] opens a [`Session`], [`open`] gives it with the [`Driver`] that is its one task. [`Address`] and
//! [`Config`] say where and how; `endpoint.rs` makes requests of them, `dial.rs` makes connections (`proxy.rs` and `tls.rs` are ways
//! through), `connection.rs` speaks HTTP/1.1 on one, `requests.rs` is long-polling, `handshake.rs` opens WebSockets, `jar.rs`
//! keeps cookies. The protocol is in `engineio-proto`.
//!
//! ```no_run
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! let session = engineio::client::connect("http://localhost:3000", Default::default()).await?;
//! session.send("hello")?;
//! println!("{:?}", session.recv().await);
//! # Ok(()) }
//! ```

mod address;
mod answer_body;
mod config;
mod connection;
mod connector;
mod dial;
mod driver;
mod endpoint;
mod error;
mod handshake;
mod jar;
mod notice;
mod proxy;
mod requests;
mod session;
mod shared;
#[cfg(test)]
mod tests;
#[cfg(feature = "tls")]
mod tls;

pub use address::{Address, AddressError};
pub use config::{Config, Family, TransportOptions};
pub use connector::{Connector, Destination};
pub use driver::{Driver, Rest};
pub use engineio_proto::ClientLimits;
pub use error::{ConnectError, TransportError, TransportErrorKind};
pub use notice::{Listener, Notice};
pub use proxy::{Proxy, ProxyError};
pub use session::Session;
#[cfg(feature = "tls")]
pub use tls::{Certificate, Identity, InvalidPem, Tls};

use std::sync::{Arc, atomic::Ordering};

use engineio_proto::{ClientOptions, TransportKind};

use self::{endpoint::Endpoint, shared::Shared};

/// Opens a session, and drives it in a task of its own until it ends.
///
/// # Errors
/// [`ConnectError`] where the URL is none, or the session could not be opened.
///
/// # Panics
/// Outside of tokio's runtime.
pub async fn connect(url: &str, config: Config) -> Result<Session, ConnectError> {
    let (session, driver) = open(url.parse()?, config);
    tokio::spawn(driver);
    session.opened().await?;
    Ok(session)
}

/// Begins a session that is driven by the caller, who polls the [`Driver`] until it ends: within a task of their own, say.
/// What is sent before the session is open waits.
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let (session, driver) = engineio::client::open("http://localhost:3000".parse()?, Default::default());
/// let talk = async {
///     session.opened().await?;
///     session.send("hello")?;
///     println!("{:?}", session.recv().await);
///     session.close(engineio::CloseMode::Graceful);
///     Ok::<_, Box<dyn std::error::Error>>(())
/// };
/// let (_, talked) = tokio::join!(driver, talk);
/// # talked }
/// ```
///
/// # Panics
/// Outside of tokio's runtime.
pub fn open(address: Address, config: Config) -> (Session, Driver) {
    let mut options = ClientOptions::default();
    options.transports.clone_from(&config.transports);
    options.upgrade = config.upgrade;
    options.try_all_transports = config.try_all_transports;
    options.limits = config.limits.clone();
    let remembered = config.remember_upgrade && config.remembered.load(Ordering::Relaxed);
    let shared = Arc::new(Shared::open(options, remembered.then_some(TransportKind::WebSocket)));
    (Session::new(shared.clone()), Driver::new(shared, Arc::new(Endpoint::new(address, config))))
}
