//! [`Counters`]: how often what happened, and which limit bit; and the atomics behind them. Leaves out the
//! connections underneath, which the engine counts.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What the server has counted since it was made; see [`Server::counters`](super::Server::counters).
        ///
        /// ```
        /// let io = socketio::Server::new();
        /// let counters = io.counters();
        /// assert_eq!((counters.sockets_joined, counters.handler_errors), (0, 0));
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        /// The running numbers.
        #[derive(Debug, Default)]
        pub(super) struct Counting {
            $(pub(super) $name: AtomicU64,)*
        }

        impl Counting {
            pub(super) fn snapshot(&self) -> Counters {
                Counters { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Clients that were let into a namespace.
    sockets_joined,
    /// Clients that a middleware or a connect handler refused, or that were disconnected before they were in.
    joins_refused,
    /// Joins, and connections without one, that ran into [`Limits::connect_timeout`](super::Limits::connect_timeout).
    connect_timeouts,
    /// Joins refused at [`Limits::max_namespaces`](super::Limits::max_namespaces).
    namespaces_refused,
    /// Joins refused at [`Limits::max_child_namespaces`](super::Limits::max_child_namespaces).
    child_namespaces_refused,
    /// Rooms not joined at [`Limits::max_rooms`](super::Limits::max_rooms).
    rooms_refused,
    /// Connections closed for a packet that cannot be decoded, [`Limits::decoder`](super::Limits::decoder) among the
    /// reasons.
    undecodable_packets,
    /// Connections closed at [`Limits::attachment_timeout`](super::Limits::attachment_timeout).
    attachment_timeouts,
    /// Acknowledgements that did not come in time ([`Limits::ack_timeout`](super::Limits::ack_timeout), or the time that
    /// the call gave).
    ack_timeouts,
    /// Times that a connection was not read because of
    /// [`Limits::max_pending_handlers`](super::Limits::max_pending_handlers).
    reading_paused,
    /// Connections closed because none of their handlers ended within
    /// [`Limits::handler_grace`](super::Limits::handler_grace) while nothing could be read.
    stuck_connections_closed,
    /// Handlers that were dropped where they waited, [`Limits::handler_grace`](super::Limits::handler_grace) after the end
    /// of their connection.
    handlers_abandoned,
    /// Events that were not sent to a client, or taken back, because its queue was full
    /// ([`WhenFull`](super::WhenFull)).
    events_dropped,
    /// Clients that were disconnected because their queue was full.
    slow_clients_disconnected,
    /// Volatile events that could not leave at once.
    volatile_dropped,
    /// Clients that came back to their session ([`ConnectionStateRecovery`](super::ConnectionStateRecovery)).
    recoveries,
    /// Clients that asked for their session and had to begin a new one.
    recoveries_failed,
    /// Messages that could not be given to the other servers of the cluster.
    cluster_failures,
    /// Messages from other servers that could not be read.
    cluster_messages_refused,
    /// Handlers, middlewares and extractors that failed, panics included.
    handler_errors,
    /// Handlers, middlewares, listeners, hooks and parents' patterns and functions that panicked, and socket data that did
    /// so when it was described to another server.
    handler_panics,
}

/// Counts one more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
