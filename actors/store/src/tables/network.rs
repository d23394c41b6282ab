//! `flow_metrics.network.1s` and `.1m`: what one end did, by second and by minute.

use std::slice::IterMut;

use super::{
    ends::{EndColumns, TagColumns},
    flow_meter::FlowMeterColumns,
};
use crate::{
    column::Column,
    rows::{NetworkRow, SingleRow},
    schema::{Group, Schema, columns},
};

columns! {
    /// When, who saw it, and which service.
    HeadColumns<M> for SingleRow<M> as row {
        time: DateTime = row.time_s;
        _tid: UInt8 = row.table_id;
        is_ipv4: UInt8 = row.is_ipv4.into();
        role: UInt8 = row.role;
        is_key_service: UInt8 = row.is_key_service.into();
        protocol: UInt8 = row.protocol;
        server_port: UInt16 [MinMax] = row.server_port;
        agent_id: UInt16 [MinMax] = row.agent_id;
        team_id: UInt16 = row.team_id;
        capture_network_type_id: UInt8 = row.capture_network_type_id;
        signal_source: UInt16 = row.signal_source;
    }
}

/// Columns of the `network` tables.
#[derive(Debug)]
pub struct Network;

impl Schema for Network {
    type Row<'a> = NetworkRow;
    const GROUPS: &'static [Group] = &[
        Group::new("", HeadColumns::COLUMNS),
        Group::new("", EndColumns::COLUMNS),
        Group::new("", TagColumns::COLUMNS),
        Group::new("", FlowMeterColumns::COLUMNS),
    ];

    #[inline]
    fn fill(row: &NetworkRow, columns: &mut IterMut<'_, Column>) {
        HeadColumns::fill(row, columns);
        EndColumns::fill(&row.end, columns);
        TagColumns::fill(&(), columns);
        FlowMeterColumns::fill(&row.meter, columns);
    }
}
