//! The tables: where each lives, how it is cut into partitions, sorted and kept.

use crate::{
    dialect::Dialect,
    schema::{Group, GroupColumn, Schema},
    tables::{Application, ApplicationMap, L4FlowLog, L7FlowLog, Network, NetworkMap},
};

/// A table of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Table {
    /// `flow_metrics.network.1s`: one end, by second.
    Network1s,
    /// `flow_metrics.network.1m`: one end, by minute.
    Network1m,
    /// `flow_metrics.network_map.1s`: two ends, by second.
    NetworkMap1s,
    /// `flow_metrics.network_map.1m`: two ends, by minute.
    NetworkMap1m,
    /// `flow_metrics.application.1s`: requests of one end, by second.
    Application1s,
    /// `flow_metrics.application.1m`: requests of one end, by minute.
    Application1m,
    /// `flow_metrics.application_map.1s`: requests between two ends, by second.
    ApplicationMap1s,
    /// `flow_metrics.application_map.1m`: requests between two ends, by minute.
    ApplicationMap1m,
    /// `flow_log.l4_flow_log`: flows.
    L4FlowLog,
    /// `flow_log.l7_flow_log`: requests.
    L7FlowLog,
}

/// How long a stretch of time one partition holds. Rows are dropped by whole partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// One hour.
    Hour,
    /// Four hours, from midnight UTC.
    FourHours,
    /// Half a day.
    TwelveHours,
}

impl Partition {
    /// The partition key.
    #[must_use]
    pub fn sql(self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Self::Hour, _) => "toStartOfHour(time)",
            // 18.16 has no intervals of several hours: a day is as good for a test of the wire.
            (Self::FourHours | Self::TwelveHours, Dialect::V18) => "toDate(time)",
            (Self::FourHours, _) => "toStartOfInterval(time, toIntervalHour(4))",
            (Self::TwelveHours, _) => "toStartOfInterval(time, toIntervalHour(12))",
        }
    }
}

const NETWORK_KEY: &[&str] = &["time", "l3_epc_id", "ip4", "ip6", "server_port"];
const NETWORK_MAP_KEY: &[&str] = &[
    "time",
    "l3_epc_id_1",
    "ip4_1",
    "ip6_1",
    "l3_epc_id_0",
    "ip4_0",
    "ip6_0",
    "server_port",
];
const L4_FLOW_LOG_KEY: &[&str] = &["time", "l3_epc_id_1", "ip4_1", "ip6_1", "server_port"];
const L7_FLOW_LOG_KEY: &[&str] = &[
    "time",
    "l7_protocol",
    "l3_epc_id_1",
    "ip4_1",
    "ip6_1",
    "server_port",
];

impl Table {
    /// Every table, in the order they are created.
    pub const ALL: [Self; 10] = [
        Self::Network1s,
        Self::Network1m,
        Self::NetworkMap1s,
        Self::NetworkMap1m,
        Self::Application1s,
        Self::Application1m,
        Self::ApplicationMap1s,
        Self::ApplicationMap1m,
        Self::L4FlowLog,
        Self::L7FlowLog,
    ];

    /// The database.
    #[must_use]
    pub fn database(self) -> &'static str {
        match self {
            Self::Network1s
            | Self::Network1m
            | Self::NetworkMap1s
            | Self::NetworkMap1m
            | Self::Application1s
            | Self::Application1m
            | Self::ApplicationMap1s
            | Self::ApplicationMap1m => "flow_metrics",
            Self::L4FlowLog | Self::L7FlowLog => "flow_log",
        }
    }

    /// The name within the database, as it is: names with a dot need back-quotes in a statement.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Network1s => "network.1s",
            Self::Network1m => "network.1m",
            Self::NetworkMap1s => "network_map.1s",
            Self::NetworkMap1m => "network_map.1m",
            Self::Application1s => "application.1s",
            Self::Application1m => "application.1m",
            Self::ApplicationMap1s => "application_map.1s",
            Self::ApplicationMap1m => "application_map.1m",
            Self::L4FlowLog => "l4_flow_log",
            Self::L7FlowLog => "l7_flow_log",
        }
    }

    /// Database and name, quoted for a statement.
    #[must_use]
    pub fn quoted(self) -> String {
        format!("{}.`{}`", self.database(), self.name())
    }

    /// How the table is cut.
    #[must_use]
    pub fn partition(self) -> Partition {
        match self {
            Self::Network1s | Self::NetworkMap1s | Self::Application1s | Self::ApplicationMap1s => {
                Partition::FourHours
            }
            Self::Network1m | Self::NetworkMap1m | Self::Application1m | Self::ApplicationMap1m => {
                Partition::TwelveHours
            }
            Self::L4FlowLog | Self::L7FlowLog => Partition::Hour,
        }
    }

    /// The columns the table is sorted by, which are its primary key too.
    #[must_use]
    pub fn key(self) -> &'static [&'static str] {
        match self {
            Self::Network1s | Self::Network1m | Self::Application1s | Self::Application1m => {
                NETWORK_KEY
            }
            Self::NetworkMap1s
            | Self::NetworkMap1m
            | Self::ApplicationMap1s
            | Self::ApplicationMap1m => NETWORK_MAP_KEY,
            Self::L4FlowLog => L4_FLOW_LOG_KEY,
            Self::L7FlowLog => L7_FLOW_LOG_KEY,
        }
    }

    /// Hours a row is kept unless the configuration says otherwise.
    #[must_use]
    pub fn default_retention_hours(self) -> u32 {
        match self {
            Self::Network1s | Self::NetworkMap1s | Self::Application1s | Self::ApplicationMap1s => {
                24
            }
            Self::Network1m | Self::NetworkMap1m | Self::Application1m | Self::ApplicationMap1m => {
                168
            }
            Self::L4FlowLog | Self::L7FlowLog => 72,
        }
    }

    /// The table's columns.
    #[must_use]
    pub fn groups(self) -> &'static [Group] {
        match self {
            Self::Network1s | Self::Network1m => Network::GROUPS,
            Self::NetworkMap1s | Self::NetworkMap1m => NetworkMap::GROUPS,
            Self::Application1s | Self::Application1m => Application::GROUPS,
            Self::ApplicationMap1s | Self::ApplicationMap1m => ApplicationMap::GROUPS,
            Self::L4FlowLog => L4FlowLog::GROUPS,
            Self::L7FlowLog => L7FlowLog::GROUPS,
        }
    }

    /// Every column.
    pub fn columns(self) -> impl Iterator<Item = GroupColumn> {
        self.groups().iter().flat_map(Group::all)
    }

    /// The columns an insert fills, in the order of a block.
    pub fn filled_columns(self) -> impl Iterator<Item = GroupColumn> {
        self.groups().iter().flat_map(Group::filled)
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.database(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_table_has_a_column_twice_and_every_key_is_a_filled_column() {
        for table in Table::ALL {
            let mut names = HashSet::new();
            for column in table.columns() {
                assert!(names.insert(column.name()), "{table}: {}", column.name());
            }
            let filled: HashSet<String> = table.filled_columns().map(|c| c.name()).collect();
            for key in table.key() {
                assert!(filled.contains(*key), "{table}: {key}");
            }
        }
    }

    #[test]
    fn the_number_of_columns_is_the_one_designed() {
        let count = |table: Table| (table.columns().count(), table.filled_columns().count());
        assert_eq!(count(Table::Network1s), (102, 85));
        assert_eq!(count(Table::NetworkMap1m), (126, 92));
        assert_eq!(count(Table::L4FlowLog), (154, 118));
        assert_eq!(count(Table::Application1m), (47, 30));
        assert_eq!(count(Table::ApplicationMap1s), (71, 37));
        assert_eq!(count(Table::L7FlowLog), (119, 80));
    }
}
