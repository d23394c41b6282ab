use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// The one place where wall time enters.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// Starts at a chosen moment and then follows tokio's clock, which tests pause.
    Simulated {
        /// Wall time at `start`, ns since the Unix epoch.
        unix_ns: u64,
        /// The moment of tokio's clock that this is.
        start: Instant,
    },
}

impl Clock {
    /// A clock that shows `unix_ns` now and goes on with tokio's clock.
    #[must_use]
    pub fn simulated(unix_ns: u64) -> Self {
        Self::Simulated {
            unix_ns,
            start: Instant::now(),
        }
    }

    /// Wall time, ns since the Unix epoch (0 for a clock before it).
    #[must_use]
    pub fn unix_ns(&self) -> u64 {
        match self {
            #[allow(
                clippy::disallowed_methods,
                reason = "this is the one place where wall time enters"
            )]
            Self::System => nanos(
                SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default(),
            ),
            Self::Simulated { unix_ns, start } => unix_ns + nanos(start.elapsed()),
        }
    }

    /// Wall time, ms since the Unix epoch.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        self.unix_ns() / 1_000_000
    }
}

/// A duration in ns, saturating (584 years).
pub(crate) fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}
