//! [`Counters`]: how often what happened, and how often each limit was met.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use engineio_proto::CloseReason;

/// How often what happened since the engine was made; a snapshot, [`Engine::counters`](crate::server::Engine::counters).
///
/// Each number only grows. They are read one after the other, so what happens meanwhile may be in one and not yet in
/// another.
///
/// ```
/// use engineio::{Config, server::Engine};
///
/// let engine = Engine::new(Config::default(), |_session| async {});
/// let counters = engine.counters();
/// assert_eq!((counters.sessions_opened, counters.sessions_closed()), (0, 0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Sessions that began.
    pub sessions_opened: u64,
    /// Sessions that ended as `transport error`.
    pub closed_transport_error: u64,
    /// Sessions that ended as `transport close`.
    pub closed_transport_close: u64,
    /// Sessions that ended as `forced close`.
    pub closed_forced: u64,
    /// Sessions that ended as `ping timeout`: [`Limits::ping_timeout`](crate::Limits::ping_timeout) was met.
    pub closed_ping_timeout: u64,
    /// Sessions that ended as `parse error`.
    pub closed_parse_error: u64,
    /// Requests that were refused, by the code that they got (rows A36–A41).
    pub refused: [u64; 6],
    /// Requests for a new session that were turned away at a bound of [`AdmissionLimits`](crate::AdmissionLimits).
    pub sessions_turned_away: u64,
    /// Connections to the listener that were turned away there.
    pub connections_turned_away: u64,
    /// Sessions that moved from long-polling to a WebSocket.
    pub upgrades: u64,
    /// WebSockets that did not finish an upgrade within [`Limits::upgrade_timeout`](crate::Limits::upgrade_timeout).
    pub upgrade_timeouts: u64,
    /// Sessions whose client did not take what was left within
    /// [`Limits::close_timeout`](crate::Limits::close_timeout); they are among those closed by force.
    pub close_timeouts: u64,
    /// POST bodies and WebSocket messages over [`Limits::max_payload_bytes`](crate::Limits::max_payload_bytes).
    pub payloads_too_large: u64,
    /// WebSocket messages in more frames than [`Limits::max_fragments`](crate::Limits::max_fragments).
    pub too_many_fragments: u64,
    /// Sends that were refused at [`Limits::max_queue_bytes`](crate::Limits::max_queue_bytes).
    pub queue_full: u64,
}

impl Counters {
    /// Sessions that ended, for whatever reason.
    ///
    /// ```
    /// assert_eq!(engineio::Counters::default().sessions_closed(), 0);
    /// ```
    #[must_use]
    pub const fn sessions_closed(&self) -> u64 {
        self.closed_transport_error
            + self.closed_transport_close
            + self.closed_forced
            + self.closed_ping_timeout
            + self.closed_parse_error
    }
}

/// The counters as they count.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) sessions_opened: Counter,
    closed_transport_error: Counter,
    closed_transport_close: Counter,
    closed_forced: Counter,
    closed_ping_timeout: Counter,
    closed_parse_error: Counter,
    refused: [Counter; 6],
    pub(crate) sessions_turned_away: Counter,
    pub(crate) connections_turned_away: Counter,
    pub(crate) upgrades: Counter,
    pub(crate) upgrade_timeouts: Counter,
    pub(crate) close_timeouts: Counter,
    pub(crate) payloads_too_large: Counter,
    pub(crate) too_many_fragments: Counter,
    pub(crate) queue_full: Counter,
}

/// One number. Nothing is ordered by it.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Tally {
    pub(crate) fn count_closed(&self, reason: CloseReason) {
        let counter = match reason {
            CloseReason::TransportClose => &self.closed_transport_close,
            CloseReason::ForcedClose => &self.closed_forced,
            CloseReason::PingTimeout => &self.closed_ping_timeout,
            CloseReason::ParseError => &self.closed_parse_error,
            // The reasons are the reference's; a new one would be some fault of the transport.
            _ => &self.closed_transport_error,
        };
        counter.count();
    }

    pub(crate) fn count_refused(&self, code: u8) {
        if let Some(counter) = self.refused.get(usize::from(code)) {
            counter.count();
        }
    }

    pub(crate) fn read(&self) -> Counters {
        Counters {
            sessions_opened: self.sessions_opened.read(),
            closed_transport_error: self.closed_transport_error.read(),
            closed_transport_close: self.closed_transport_close.read(),
            closed_forced: self.closed_forced.read(),
            closed_ping_timeout: self.closed_ping_timeout.read(),
            closed_parse_error: self.closed_parse_error.read(),
            refused: std::array::from_fn(|code| self.refused.get(code).map_or(0, Counter::read)),
            sessions_turned_away: self.sessions_turned_away.read(),
            connections_turned_away: self.connections_turned_away.read(),
            upgrades: self.upgrades.read(),
            upgrade_timeouts: self.upgrade_timeouts.read(),
            close_timeouts: self.close_timeouts.read(),
            payloads_too_large: self.payloads_too_large.read(),
            too_many_fragments: self.too_many_fragments.read(),
            queue_full: self.queue_full.read(),
        }
    }
}
