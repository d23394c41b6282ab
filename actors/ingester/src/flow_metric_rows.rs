//! Rows of the `flow_metrics` tables on their way to the dbwriter.

use stage::Mail;
use store::Table;
use store::rows::{NetworkMapRow, NetworkRow};

/// Rows by table. Plain data: whoever wants them tagged changes them before they become columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlowMetricRows {
    /// Of [`Table::Network1s`].
    pub network_1s: Vec<NetworkRow>,
    /// Of [`Table::Network1m`].
    pub network_1m: Vec<NetworkRow>,
    /// Of [`Table::NetworkMap1s`].
    pub network_map_1s: Vec<NetworkMapRow>,
    /// Of [`Table::NetworkMap1m`].
    pub network_map_1m: Vec<NetworkMapRow>,
}

impl FlowMetricRows {
    /// With room for as many rows of each table as `like` has.
    #[must_use]
    pub fn with_capacity_of(like: &[usize; 4]) -> Self {
        let [a, b, c, d] = *like;
        Self {
            network_1s: Vec::with_capacity(a),
            network_1m: Vec::with_capacity(b),
            network_map_1s: Vec::with_capacity(c),
            network_map_1m: Vec::with_capacity(d),
        }
    }

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
