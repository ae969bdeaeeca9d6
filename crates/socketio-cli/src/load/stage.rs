//! [`Stage`]: what a load is doing, one after the other.

use std::time::Duration;

/// Times are since the load began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Connections are opened.
    Opening,
    /// Messages go, and nothing is measured yet.
    Warming {
        until: Duration,
    },
    /// What happens counts.
    Measuring {
        until: Duration,
    },
    /// Nothing is sent any more; the last answers are waited for.
    Draining {
        until: Duration,
    },
    Over,
}

impl Stage {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Warming { .. } => "warming",
            Self::Measuring { .. } => "measuring",
            Self::Draining { .. } => "draining",
            Self::Over => "over",
        }
    }

    /// Whether messages go.
    pub(super) const fn sends(self) -> bool {
        matches!(self, Self::Warming { .. } | Self::Measuring { .. })
    }

    pub(super) const fn measures(self) -> bool {
        matches!(self, Self::Measuring { .. })
    }
}
