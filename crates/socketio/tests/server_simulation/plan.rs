//! [`Plan`]: what a run is like, by its seed: how the server is configured, how many clients there are, how bad it gets.

use std::time::Duration;

use socketio::{Config, ConnectionStateRecovery, WhenFull, engineio};
use testkit::Random;

use crate::format::Format;

/// A queue that nobody fills.
const AMPLE_BYTES: usize = 1 << 20;

/// How clients come back.
#[derive(Clone, Debug)]
pub(crate) struct Returning {
    /// How long they may be away.
    pub(crate) away: Duration,
    /// How long a connection may be dead before that is noticed.
    pub(crate) detection: Duration,
    /// Packets, bytes and sessions that are kept, where these are so few that it is felt.
    pub(crate) bounds: Option<(usize, usize, usize)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) clients: usize,
    /// Connections that a client makes, one after the other.
    pub(crate) lives: u64,
    /// What it does on each, at the most.
    pub(crate) acts: u64,
    /// Of a hundred requests or WebSockets, those that something happens to.
    pub(crate) trouble: u64,
    /// Clients may break the rules.
    pub(crate) has_rogues: bool,
    pub(crate) queue_bytes: usize,
    pub(crate) when_full: WhenFull,
    pub(crate) pending_handlers: usize,
    pub(crate) ping: (Duration, Duration),
    /// Rooms are looked at while a client leaves them.
    pub(crate) watches_leaving: bool,
    /// Events are looked at on their way out.
    pub(crate) watches_outgoing: bool,
    /// In the end the server goes, and not the clients.
    pub(crate) server_ends: bool,
    pub(crate) format: Format,
    /// Where clients can come back at all.
    pub(crate) returning: Option<Returning>,
}

impl Returning {
    fn of(dice: &mut Random, (interval, timeout): (Duration, Duration)) -> Self {
        let (away, detection) = (Duration::from_millis(dice.between(1000, 8000)), interval + timeout * 2);
        let (packets, bytes, sessions) = (dice.between(2, 30), dice.between(200, 4000), dice.between(1, 5));
        let bounds = dice.percent(30).then_some((packets as usize, bytes as usize, sessions as usize));
        Self { away, detection, bounds }
    }

    fn config(&self) -> ConnectionStateRecovery {
        let mut config = ConnectionStateRecovery::default();
        config.max_disconnection_duration = self.away;
        if let Some(bounds) = self.bounds {
            (config.max_packets, config.max_bytes, config.max_sessions) = bounds;
        }
        config
    }
}

impl Plan {
    pub(crate) fn of(dice: &mut Random) -> Self {
        let whens = [WhenFull::Disconnect, WhenFull::DropNewest, WhenFull::DropOldest];
        let ping = (Duration::from_secs(dice.between(3, 12)), Duration::from_secs(dice.between(3, 6)));
        let returning = dice.percent(35).then(|| Returning::of(dice, ping));
        Self {
            clients: dice.between(1, 5) as usize,
            lives: if returning.is_some() { dice.between(2, 6) } else { dice.between(1, 4) },
            acts: dice.between(4, 16),
            trouble: [0, 2, 6, 15][dice.below(4) as usize],
            has_rogues: dice.percent(40),
            queue_bytes: if dice.percent(30) { dice.between(400, 3000) as usize } else { AMPLE_BYTES },
            when_full: whens[dice.below(3) as usize],
            pending_handlers: dice.between(1, 8) as usize,
            ping,
            watches_leaving: dice.percent(30),
            watches_outgoing: dice.percent(20),
            server_ends: dice.percent(15),
            format: if dice.percent(20) { Format::MessagePack } else { Format::Text },
            returning,
        }
    }

    /// Whether a client that is not at fault may be thrown out for reading too slowly.
    pub(crate) const fn is_narrow(&self) -> bool {
        self.queue_bytes < AMPLE_BYTES
    }

    pub(crate) fn config(&self) -> Config {
        let mut engine = engineio::Config::default();
        "/socket.io".clone_into(&mut engine.path);
        (engine.limits.ping_interval, engine.limits.ping_timeout) = self.ping;
        engine.limits.upgrade_timeout = Duration::from_secs(3);
        engine.limits.close_timeout = Duration::from_secs(6);
        engine.limits.max_queue_bytes = self.queue_bytes;
        engine.limits.max_payload_bytes = 2000;
        let mut config = Config::over(engine);
        config.parser = self.format.parser();
        config.connection_state_recovery = self.returning.as_ref().map(Returning::config);
        config.when_full = self.when_full;
        config.limits.max_pending_handlers = self.pending_handlers;
        config.limits.ack_timeout = Duration::from_secs(3);
        config.limits.connect_timeout = Duration::from_secs(6);
        config.limits.attachment_timeout = Duration::from_secs(4);
        config
    }
}
