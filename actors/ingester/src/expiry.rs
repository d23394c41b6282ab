//! Which rows are worth storing: neither older than their table keeps them nor from the future.
//!
//! A row that its table's TTL would delete at once costs a part of its own, and an agent with a wrong clock makes
//! partitions that nobody looks into: enough of them and ClickHouse takes no more rows at all.

use std::ops::RangeInclusive;
use store::{Retention, StoreConfig, Table};

/// What times a row may have.
#[derive(Clone, Debug)]
pub struct Expiry {
    /// Seconds that a clock may be ahead of ours.
    future_s: u32,
    /// Seconds that each table keeps its rows; `None` = for ever.
    kept_s: Vec<(Table, Option<u32>)>,
    is_off: bool,
}

/// The times that a table takes at one moment, s since the epoch.
pub type Kept = RangeInclusive<u32>;

impl Expiry {
    /// As long as the store keeps rows, and up to `future_s` seconds ahead.
    #[must_use]
    pub fn new(store: &StoreConfig, future_s: u32) -> Self {
        let kept_s = Table::ALL
            .into_iter()
            .map(|table| {
                let kept = match store.retention(table) {
                    Retention::Hours(h) => Some(h.saturating_mul(3600)),
                    Retention::Off => None,
                };
                (table, kept)
            })
            .collect();
        Self {
            future_s,
            kept_s,
            is_off: false,
        }
    }

    /// Every time is good: for stored frames of long ago.
    #[must_use]
    pub fn off() -> Self {
        Self {
            future_s: 0,
            kept_s: vec![],
            is_off: true,
        }
    }

    /// What `table` takes at `now_s`.
    #[must_use]
    pub fn kept(&self, table: Table, now_s: u32) -> Kept {
        if self.is_off {
            return 0..=u32::MAX;
        }
        let kept_s = self
            .kept_s
            .iter()
            .find(|(t, _)| *t == table)
            .and_then(|(_, s)| *s);
        let oldest = kept_s.map_or(0, |s| now_s.saturating_sub(s));
        oldest..=now_s.saturating_add(self.future_s)
    }
}

impl Default for Expiry {
    /// The store's default retention, 5 minutes ahead.
    fn default() -> Self {
        Self::new(&StoreConfig::default(), 300)
    }
}

/// Seconds of a wall time in ns.
pub(crate) fn seconds(unix_ns: u64) -> u32 {
    u32::try_from(unix_ns / 1_000_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u32 = 1_767_225_600;

    #[test]
    fn a_row_is_taken_for_as_long_as_its_table_keeps_it() {
        let e = Expiry::default();
        let day = e.kept(Table::Network1s, NOW);
        assert!(day.contains(&(NOW - 24 * 3600)) && !day.contains(&(NOW - 24 * 3600 - 1)));
        assert!(day.contains(&(NOW + 300)) && !day.contains(&(NOW + 301)));
        assert!(e.kept(Table::Network1m, NOW).contains(&(NOW - 168 * 3600)));
    }

    #[test]
    fn the_configured_retention_counts() {
        let mut store = StoreConfig::default();
        store
            .retention
            .insert(Table::L4FlowLog, Retention::Hours(1));
        store.retention.insert(Table::Network1m, Retention::Off);
        let e = Expiry::new(&store, 10);
        assert_eq!(e.kept(Table::L4FlowLog, NOW), NOW - 3600..=NOW + 10);
        assert_eq!(e.kept(Table::Network1m, NOW), 0..=NOW + 10);
        assert_eq!(Expiry::off().kept(Table::L4FlowLog, NOW), 0..=u32::MAX);
    }

    #[test]
    fn no_clock_makes_it_overflow() {
        for now in [0, u32::MAX] {
            assert!(Expiry::default().kept(Table::Network1s, now).contains(&now));
        }
        assert_eq!(seconds(u64::MAX), u32::MAX);
    }
}
