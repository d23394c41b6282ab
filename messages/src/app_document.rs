use crate::{AppMeter, DocumentTag, Interval, L7Protocol, Mac, QuadrupleKey, SignalSource, Text};

/// What requests are grouped by: the quadruple, and what was spoken and asked of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct AppKey {
    /// Both ends without the client's port.
    pub quadruple: QuadrupleKey,
    /// What was spoken.
    pub protocol: L7Protocol,
    /// What was asked of.
    pub endpoint: Text,
}

/// The requests of one group in one window of a second or a minute.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AccumulatedApp {
    /// Its group.
    pub key: AppKey,
    /// Link addresses of the first flow of the group.
    pub mac: [Mac; 2],
    /// What the flows were learned from.
    pub signal_source: SignalSource,
    /// How sure the server end is, 0..=255: the surest.
    pub direction_score: u8,
    /// Merged counters.
    pub meter: AppMeter,
}

/// What a document about requests is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct AppTag {
    /// The end or ends.
    pub ends: DocumentTag,
    /// What was spoken.
    pub protocol: L7Protocol,
    /// What was asked of.
    pub endpoint: Text,
}

/// A metric document about requests: a row of `flow_metrics.application*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppDocument {
    /// Start of the window, s since the epoch.
    pub time_s: u32,
    /// Length of the window.
    pub interval: Interval,
    /// What it is about.
    pub tag: AppTag,
    /// How sure the server end is, 0..=255: the surest.
    pub direction_score: u8,
    /// What was counted.
    pub meter: AppMeter,
}

impl AppDocument {
    /// The table it goes to, without database and interval.
    #[must_use]
    pub const fn table(&self) -> &'static str {
        if self.tag.ends.is_edge() {
            "application_map"
        } else {
            "application"
        }
    }
}
