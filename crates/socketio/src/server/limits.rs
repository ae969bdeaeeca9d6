//! [`Limits`]: every bound and time of the Socket.IO layer, with its default, its arithmetic, and the counter that
//! tells that it bit. Those of the connections underneath are [`engineio::Limits`]; those of recovery are
//! `ConnectionStateRecovery`'s.

use std::time::Duration;

use socketio_proto::DecoderLimits;

/// Bounds and times of the Socket.IO layer of a [`Server`](super::Server).
///
/// Each has a counter in [`Counters`](super::Counters) that says how often it bit.
///
/// | limit | default | when it bites | counter |
/// |---|---|---|---|
/// | [`decoder`](Limits::decoder) | 1,000 attachments, 10 MB, names of 512 bytes | the connection is closed | `undecodable_packets` |
/// | [`attachment_timeout`](Limits::attachment_timeout) | 45 s | the connection is closed | `attachment_timeouts` |
/// | [`connect_timeout`](Limits::connect_timeout) | 45 s | the connection is closed, or the join refused | `connect_timeouts` |
/// | [`ack_timeout`](Limits::ack_timeout) | 20 s | the wait ends with `AckError::Timeout` | `ack_timeouts` |
/// | [`max_pending_handlers`](Limits::max_pending_handlers) | 256 | the connection is not read | `reading_paused` |
/// | [`handler_grace`](Limits::handler_grace) | 60 s | the connection is closed; what is left is dropped | `stuck_connections_closed`, `handlers_abandoned` |
/// | [`max_namespaces`](Limits::max_namespaces) | 64 | the join is refused | `namespaces_refused` |
/// | [`max_child_namespaces`](Limits::max_child_namespaces) | 100,000 | the join is refused | `child_namespaces_refused` |
/// | [`max_rooms`](Limits::max_rooms) | 10,000 | the room is not joined | `rooms_refused` |
///
/// ```
/// let mut config = socketio::Config::default();
/// config.limits.max_namespaces = 4;
/// config.limits.ack_timeout = std::time::Duration::from_secs(5);
/// let io = socketio::Server::with_config(config);
/// assert_eq!(io.counters().namespaces_refused, 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bounds of a binary packet on its way in, and of names. Until a connection has joined a namespace it may
    /// send no attachments at all (hazard S19).
    pub decoder: DecoderLimits,
    /// How long the next attachment of a packet may take; then the connection is closed, as for a packet that
    /// cannot be decoded. Default 45 s: the time after which a client that says nothing is taken for dead
    /// (hazard S11). One of which parts are here is waited for as long as more of it comes (hazard R16).
    pub attachment_timeout: Duration,
    /// A connection that has joined no namespace by then is closed (row D4); and middlewares and connect handlers
    /// that have not decided by then have refused the client, with the message `timeout` (row J27). Default 45 s.
    pub connect_timeout: Duration,
    /// How long an acknowledgement is waited for unless the call says otherwise; default 20 s. The reference
    /// waits for ever, and leaks what waits (contract I10, I7).
    pub ack_timeout: Duration,
    /// Handlers of one connection that may wait at the same time; past it the connection is not read until
    /// one ends, so that slow handlers become back-pressure and not memory; zero counts as one. Default 256 (row
    /// J17). Acknowledgements are not read either then: with this many handlers that all wait for one, each runs
    /// into its time-out.
    pub max_pending_handlers: usize,
    /// How long handlers that wait may hold a connection up: one that is not read because of
    /// [`Limits::max_pending_handlers`] is closed if none of them ends within this time, and handlers that still wait this
    /// long after their connection has ended are dropped where they wait. What has to go on for longer belongs into a
    /// task of its own. Default 60 s.
    pub handler_grace: Duration,
    /// Namespaces that one connection may be in at the same time; one more is refused with a
    /// CONNECT_ERROR. Default 64 (hazard S17).
    pub max_namespaces: usize,
    /// Namespaces that may exist at the same time because a client asked for them
    /// ([`Server::of_matching`](super::Server::of_matching)); one more is refused with a CONNECT_ERROR. Default
    /// 100,000, at some 800 bytes each while nobody is in a room; with recovery 2 KB, beside what it keeps (hazard S18).
    pub max_child_namespaces: usize,
    /// Rooms that one socket may be in; [`Socket::join`](super::Socket::join) does nothing past it. Default 10,000, at
    /// some 100 bytes each (row J3).
    pub max_rooms: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            decoder: DecoderLimits::default(),
            attachment_timeout: Duration::from_secs(45),
            connect_timeout: Duration::from_secs(45),
            ack_timeout: Duration::from_secs(20),
            max_pending_handlers: 256,
            handler_grace: Duration::from_secs(60),
            max_namespaces: 64,
            max_child_namespaces: 100_000,
            max_rooms: 10_000,
        }
    }
}
