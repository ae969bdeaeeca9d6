//! [`Story`]: what a run came to, so that nobody takes a quiet world for a proof.

use socketio::{Counters, engineio};

macro_rules! story {
    ($($name:ident,)*) => {
        /// How often what happened.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Story {
            $(pub(crate) $name: u64,)*
        }

        impl Story {
            pub(crate) fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }

            /// What never happened.
            pub(crate) fn missing(&self) -> Vec<&'static str> {
                let all = [$((stringify!($name), self.$name),)*];
                all.into_iter().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect()
            }
        }
    };
}

story! {
    steps, connections, events_up, events_down, answers, acknowledgements, repeated, unharmed,
    upgrades, upgrade_timeouts, queue_full, payloads_too_large,
    transport_errors, transport_closes, forced_closes, ping_timeouts, parse_errors,
    joins_refused, connect_timeouts, undecodable_packets, attachment_timeouts, ack_timeouts, reading_paused,
    events_dropped, slow_clients_disconnected, volatile_dropped, handler_errors,
    recovered, not_recovered, taken_over, replayed, messagepack,
}

impl Story {
    pub(crate) fn add_counters(&mut self, engine: &engineio::Counters, server: &Counters) {
        self.upgrades = engine.upgrades;
        self.upgrade_timeouts = engine.upgrade_timeouts;
        self.queue_full = engine.queue_full;
        self.payloads_too_large = engine.payloads_too_large;
        self.transport_errors = engine.closed_transport_error;
        self.transport_closes = engine.closed_transport_close;
        self.forced_closes = engine.closed_forced;
        self.ping_timeouts = engine.closed_ping_timeout;
        self.parse_errors = engine.closed_parse_error;
        self.joins_refused = server.joins_refused;
        self.connect_timeouts = server.connect_timeouts;
        self.undecodable_packets = server.undecodable_packets;
        self.attachment_timeouts = server.attachment_timeouts;
        self.ack_timeouts = server.ack_timeouts;
        self.reading_paused = server.reading_paused;
        self.events_dropped = server.events_dropped;
        self.slow_clients_disconnected = server.slow_clients_disconnected;
        self.volatile_dropped = server.volatile_dropped;
        self.handler_errors = server.handler_errors;
    }
}
