//! [`Surroundings`]: what all sessions of an engine have in common, in one place, so that a session holds one reference.
//!
//! Leaves out what only requests are asked about, which is the engine's own.

use std::sync::Arc;

use engineio_proto::Limits;

use crate::{clock::Clock, counters::Tally, server::Registry};

/// What the sessions of an engine share.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) limits: Arc<Limits>,
    pub(crate) clock: Clock,
    pub(crate) tally: Tally,
    pub(crate) registry: Registry,
}
