//! Rows of the `flow_metrics` tables on their way to the dbwriter.

use stage::Mail;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::Table;
use store::rows::{NetworkMapRow, NetworkRow};

/// Rows by table. Plain data: whoever wants them tagged changes them before they become columns.
///
/// A batch that a decoder made goes back to it when it is dropped: its memory, the better part of a MiB, is then used
/// for a later one instead of being cleared by the system for each.
#[derive(Clone, Debug, Default)]
pub struct FlowMetricRows {
    /// Of [`Table::Network1s`].
    pub network_1s: Vec<NetworkRow>,
    /// Of [`Table::Network1m`].
    pub network_1m: Vec<NetworkRow>,
    /// Of [`Table::NetworkMap1s`].
    pub network_map_1s: Vec<NetworkMapRow>,
    /// Of [`Table::NetworkMap1m`].
    pub network_map_1m: Vec<NetworkMapRow>,
    home: Option<RowMemory>,
}

/// Batches that are not in use.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowMemory(Arc<Mutex<Vec<FlowMetricRows>>>);

/// Batches kept for later.
const KEPT: usize = 16;
/// Largest memory of a batch that is kept, bytes.
const KEPT_BYTES: u64 = 4 << 20;

impl RowMemory {
    /// An empty batch that comes back here.
    pub(crate) fn batch(&self) -> FlowMetricRows {
        let mut rows = self.lock().pop().unwrap_or_default();
        rows.home = Some(self.clone());
        rows
    }

    fn lock(&self) -> MutexGuard<'_, Vec<FlowMetricRows>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FlowMetricRows {
    fn drop(&mut self) {
        let Some(home) = self.home.take() else { return };
        // Without a home, so that what is not kept is freed.
        let mut empty = std::mem::take(self);
        empty.network_1s.clear();
        empty.network_1m.clear();
        empty.network_map_1s.clear();
        empty.network_map_1m.clear();
        let mut kept = home.lock();
        if kept.len() < KEPT && empty.bytes() <= KEPT_BYTES {
            kept.push(empty);
        }
    }
}

impl PartialEq for FlowMetricRows {
    fn eq(&self, o: &Self) -> bool {
        self.network_1s == o.network_1s
            && self.network_1m == o.network_1m
            && self.network_map_1s == o.network_map_1s
            && self.network_map_1m == o.network_map_1m
    }
}

impl FlowMetricRows {
    /// Rows of each table, in the order of the fields.
    #[must_use]
    pub fn counts(&self) -> [usize; 4] {
        [
            self.network_1s.len(),
            self.network_1m.len(),
            self.network_map_1s.len(),
            self.network_map_1m.len(),
        ]
    }

    /// Rows of all tables.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.counts().into_iter().sum()
    }
}

/// The table of rows about one end (false) or both (true), by second (true) or minute.
pub(crate) const fn network_table(is_edge: bool, is_second: bool) -> Table {
    match (is_edge, is_second) {
        (false, true) => Table::Network1s,
        (false, false) => Table::Network1m,
        (true, true) => Table::NetworkMap1s,
        (true, false) => Table::NetworkMap1m,
    }
}

impl Mail for FlowMetricRows {
    fn items(&self) -> u64 {
        self.rows() as u64
    }

    fn bytes(&self) -> u64 {
        let single = self.network_1s.capacity() + self.network_1m.capacity();
        let edge = self.network_map_1s.capacity() + self.network_map_1m.capacity();
        (single * size_of::<NetworkRow>() + edge * size_of::<NetworkMapRow>()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_empty_and_not_without_end() {
        let memory = RowMemory::default();
        let mut first = memory.batch();
        first.network_1s.resize(100, NetworkRow::default());
        let place = first.network_1s.as_ptr();
        drop(first);
        let again = memory.batch();
        assert_eq!((again.rows(), again.network_1s.as_ptr()), (0, place));
        let many: Vec<_> = (0..100).map(|_| memory.batch()).collect();
        drop(many);
        assert_eq!(memory.lock().len(), KEPT);
        let mut large = memory.batch();
        large.network_map_1m.reserve(100_000);
        drop(large);
        assert_eq!(memory.lock().len(), KEPT - 1);
    }
}
