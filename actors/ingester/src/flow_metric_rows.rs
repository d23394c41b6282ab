//! Rows of the `flow_metrics` tables on their way to the dbwriter.

use crate::document_wire::{METER_APP, METER_FLOW};
use crate::texts::{Text, TextStore};
use stage::Mail;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::Table;
use store::rows::{AppMeterRow, EdgeRow, NetworkMapRow, NetworkRow, ServiceMeterRow, SingleRow};

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
    /// Of [`Table::Application1s`].
    pub application_1s: Vec<SingleRow<ServiceMeter>>,
    /// Of [`Table::Application1m`].
    pub application_1m: Vec<SingleRow<ServiceMeter>>,
    /// Of [`Table::ApplicationMap1s`].
    pub application_map_1s: Vec<EdgeRow<ServiceMeter>>,
    /// Of [`Table::ApplicationMap1m`].
    pub application_map_1m: Vec<EdgeRow<ServiceMeter>>,
    /// What the services of the application rows are called.
    pub texts: TextStore,
    home: Option<RowMemory>,
}

/// Measured values of requests and the service they are about, its texts in [`FlowMetricRows::texts`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServiceMeter {
    /// Application protocol number.
    pub l7_protocol: u8,
    /// The service, as it calls itself.
    pub app_service: Text,
    /// The instance of the service, as it calls itself.
    pub app_instance: Text,
    /// What is asked of it, without what varies.
    pub endpoint: Text,
    /// Kind of business, as told by the user's rules.
    pub biz_type: u8,
    /// The measured values.
    pub meter: AppMeterRow,
}

impl ServiceMeter {
    /// As a block takes it.
    #[must_use]
    #[inline]
    pub fn with_texts<'a>(&self, texts: &'a TextStore) -> ServiceMeterRow<'a> {
        ServiceMeterRow {
            l7_protocol: self.l7_protocol,
            app_service: texts.get(self.app_service),
            app_instance: texts.get(self.app_instance),
            endpoint: texts.get(self.endpoint),
            biz_type: self.biz_type,
            meter: self.meter,
        }
    }
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
        empty.application_1s.clear();
        empty.application_1m.clear();
        empty.application_map_1s.clear();
        empty.application_map_1m.clear();
        empty.texts.clear();
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
            && self.application_1s == o.application_1s
            && self.application_1m == o.application_1m
            && self.application_map_1s == o.application_map_1s
            && self.application_map_1m == o.application_map_1m
            && self.texts == o.texts
    }
}

impl FlowMetricRows {
    /// Rows of each table, in the order of the fields.
    #[must_use]
    pub fn counts(&self) -> [usize; 8] {
        [
            self.network_1s.len(),
            self.network_1m.len(),
            self.network_map_1s.len(),
            self.network_map_1m.len(),
            self.application_1s.len(),
            self.application_1m.len(),
            self.application_map_1s.len(),
            self.application_map_1m.len(),
        ]
    }

    /// Rows of all tables.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.counts().into_iter().sum()
    }
}

/// What documents with a table measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measured {
    Traffic,
    Requests,
}

impl Measured {
    pub(crate) const ALL: [Self; 2] = [Self::Traffic, Self::Requests];

    /// By the number of the meter.
    pub(crate) const fn of(meter_id: u32) -> Option<Self> {
        match meter_id {
            METER_FLOW => Some(Self::Traffic),
            METER_APP => Some(Self::Requests),
            _ => None,
        }
    }

    /// The table of rows about one end (false) or both (true), by second (true) or minute.
    pub(crate) const fn table(self, is_edge: bool, is_second: bool) -> Table {
        match (self, is_edge, is_second) {
            (Self::Traffic, false, true) => Table::Network1s,
            (Self::Traffic, false, false) => Table::Network1m,
            (Self::Traffic, true, true) => Table::NetworkMap1s,
            (Self::Traffic, true, false) => Table::NetworkMap1m,
            (Self::Requests, false, true) => Table::Application1s,
            (Self::Requests, false, false) => Table::Application1m,
            (Self::Requests, true, true) => Table::ApplicationMap1s,
            (Self::Requests, true, false) => Table::ApplicationMap1m,
        }
    }
}

impl Mail for FlowMetricRows {
    fn items(&self) -> u64 {
        self.rows() as u64
    }

    fn bytes(&self) -> u64 {
        let single = self.network_1s.capacity() + self.network_1m.capacity();
        let edge = self.network_map_1s.capacity() + self.network_map_1m.capacity();
        let network = single * size_of::<NetworkRow>() + edge * size_of::<NetworkMapRow>();
        let single = self.application_1s.capacity() + self.application_1m.capacity();
        let edge = self.application_map_1s.capacity() + self.application_map_1m.capacity();
        let application = single * size_of::<SingleRow<ServiceMeter>>()
            + edge * size_of::<EdgeRow<ServiceMeter>>();
        (network + application + self.texts.capacity()) as u64
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
