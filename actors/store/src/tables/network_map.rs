//! `flow_metrics.network_map.1s` and `.1m`: what passed between two ends.

use std::slice::IterMut;

use super::{
    ends::{EndColumns, TagColumns},
    flow_meter::FlowMeterColumns,
};
use crate::{
    column::Column,
    rows::{EdgeRow, NetworkMapRow},
    schema::{Group, Schema, columns},
};

columns! {
    /// When, where on the path, who saw it, and which service.
    HeadColumns<M> for EdgeRow<M> as row {
        time: DateTime = row.time_s;
        _tid: UInt8 = row.table_id;
        is_ipv4: UInt8 = row.is_ipv4.into();
        protocol: UInt8 = row.protocol;
        server_port: UInt16 [MinMax] = row.server_port;
        agent_id: UInt16 [MinMax] = row.agent_id;
        team_id: UInt16 = row.team_id;
        capture_network_type_id: UInt8 = row.capture_network_type_id;
        signal_source: UInt16 = row.signal_source;
        observation_point: LowCardinality = row.observation_point.as_str();
        capture_nic_type: UInt8 = row.capture_nic_type;
        capture_nic: UInt32 = row.capture_nic;
        tunnel_type: UInt8 = row.tunnel_type;
        nat_source: UInt8 = row.nat_source;
    }
}

/// Columns of the `network_map` tables.
#[derive(Debug)]
pub struct NetworkMap;

impl Schema for NetworkMap {
    type Row<'a> = NetworkMapRow;
    const GROUPS: &'static [Group] = &[
        Group::new("", HeadColumns::COLUMNS),
        Group::new("_0", EndColumns::COLUMNS),
        Group::new("_1", EndColumns::COLUMNS),
        Group::new("_0", TagColumns::COLUMNS),
        Group::new("_1", TagColumns::COLUMNS),
        Group::new("", FlowMeterColumns::COLUMNS),
    ];

    #[inline]
    fn fill(row: &NetworkMapRow, columns: &mut IterMut<'_, Column>) {
        HeadColumns::fill(row, columns);
        EndColumns::fill(&row.client, columns);
        EndColumns::fill(&row.server, columns);
        TagColumns::fill(&(), columns);
        TagColumns::fill(&(), columns);
        FlowMeterColumns::fill(&row.meter, columns);
    }
}
