//! [`dial`]: how a client opens its engine's session, with what the configuration says at that moment (row E16).

use std::{
    hash::{BuildHasher, Hasher},
    sync::{Arc, Weak},
};

use engineio::client::{self as engine, Driver, Listener, Notice, Session};

use super::{ClientEvent, core::Core};

/// Begins a session of the engine.
pub(super) fn dial(core: &Arc<Core>) -> (Session, Driver) {
    let mut config = core.config().engine.clone();
    let theirs = config.listener.take();
    let core_of = Arc::downgrade(core);
    config.listener = Some(Listener::new(move |notice| {
        if let Some(theirs) = &theirs {
            theirs.tell(notice);
        }
        pass_on(&core_of, notice);
    }));
    engine::open(core.address.clone(), config)
}

/// What the engine has to say becomes the client's event; its opening is told by the task.
fn pass_on(core: &Weak<Core>, notice: Notice) {
    let event = match notice {
        Notice::Ping => ClientEvent::Ping,
        Notice::Upgraded => ClientEvent::Upgraded,
        Notice::UpgradeFailed(why) => ClientEvent::UpgradeFailed(why),
        Notice::TriesNext(kind) => ClientEvent::TriesNext(kind),
        _ => return,
    };
    if let Some(core) = core.upgrade() {
        core.tell(&event);
    }
}

/// A seed that differs from client to client, so that those of one server do not all come back in the same moment.
pub(super) fn random_seed() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}
