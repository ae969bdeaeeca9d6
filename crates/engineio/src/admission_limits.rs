//! [`AdmissionLimits`]: how many may come, and how fast. Who is over a bound is turned away in `server/gate.rs`.

use std::{num::NonZeroU32, time::Duration};

/// How many sessions and connections there may be, and how fast they may come (hazards R13, S17, S44).
///
/// All are off by default: what is right depends on the machine and on what stands in front of it. Who is over one is
/// answered 503 with `Retry-After`; those who are in notice nothing.
///
/// An address of IPv6 counts together with all of its /64, which is what one host is usually given. Behind a proxy every
/// client has the proxy's address: there, a [`Middleware`](crate::Middleware) may put the client's own into the request's
/// extensions as a [`PeerAddr`](crate::PeerAddr). Who has no address that is known is not counted by address.
///
/// ```
/// let mut config = engineio::Config::default();
/// config.admission.max_sessions = Some(50_000);
/// config.admission.max_sessions_per_address = Some(100);
/// config.admission.sessions_per_second = std::num::NonZeroU32::new(1_000);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdmissionLimits {
    /// Sessions at once.
    pub max_sessions: Option<usize>,
    /// Sessions of one address at once.
    pub max_sessions_per_address: Option<usize>,
    /// Sessions that may begin in a second. After a quiet second as many may begin at once.
    pub sessions_per_second: Option<NonZeroU32>,
    /// Connections to the stand-alone listener that speak HTTP at once; one that has become a WebSocket counts no longer,
    /// its session does. A browser that polls has two or more.
    pub max_connections: Option<usize>,
    /// The same of one address.
    pub max_connections_per_address: Option<usize>,
    /// What `Retry-After` says, in whole seconds; default 5 s. The official clients do not read it, and come back by
    /// their own backoff; proxies and other clients do.
    pub retry_after: Duration,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self {
            max_sessions: None,
            max_sessions_per_address: None,
            sessions_per_second: None,
            max_connections: None,
            max_connections_per_address: None,
            retry_after: Duration::from_secs(5),
        }
    }
}
