//! [`Notice`] and [`Listener`]: what a client's session has to say beside messages. Row B27.
//!
//! Leaves out messages, the opening and the end, which a [`Session`](super::Session) is awaited for.

use std::{fmt, sync::Arc};

use engineio_proto::TransportKind;

/// Something that happened to a client's session.
///
/// ```
/// use engineio::client::Notice;
///
/// let said = match Notice::Ping {
///     Notice::Upgraded => "on a WebSocket".to_owned(),
///     Notice::UpgradeFailed(why) => format!("still on long-polling: {why}"),
///     other => format!("{other:?}"),
/// };
/// assert_eq!(said, "Ping");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The open packet has come; what is sent leaves from now on. The reference's `open`.
    Opened,
    /// A transport could not open the session, and this one is tried (row B6).
    TriesNext(TransportKind),
    /// The session has moved to a WebSocket. The reference's `upgrade`.
    Upgraded,
    /// It has not moved, and stays on long-polling. The reference's `upgradeError` (row B35).
    UpgradeFailed(&'static str),
    /// The server has sent a heartbeat, and is answered. The reference's `ping` (row E26).
    Ping,
}

/// A function that is told every [`Notice`] of a session, within the session's task: it must not block.
///
/// ```
/// use engineio::client::{Config, Listener};
///
/// let mut config = Config::default();
/// config.listener = Some(Listener::new(|notice| println!("{notice:?}")));
/// ```
#[derive(Clone)]
pub struct Listener(Arc<dyn Fn(Notice) + Send + Sync>);

impl Listener {
    /// Wraps a function.
    #[must_use]
    pub fn new(listener: impl Fn(Notice) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Calls it. A panic in it is caught and logged.
    pub fn tell(&self, notice: Notice) {
        let call = std::panic::AssertUnwindSafe(|| (self.0)(notice));
        if std::panic::catch_unwind(call).is_err() {
            tracing::error!(?notice, "a listener of a client's session has panicked");
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}
