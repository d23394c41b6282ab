//! `flow_metrics.application_map.1s` and `.1m`: what one end asked of another.

use std::slice::IterMut;

use super::{
    app_meter::{AppMeterColumns, ServiceColumns},
    ends::{EndColumns, TagColumns},
    network_map::HeadColumns,
};
use crate::{
    column::Column,
    rows::ApplicationMapRow,
    schema::{Group, Schema},
};

/// Columns of the `application_map` tables.
#[derive(Debug)]
pub struct ApplicationMap;

impl Schema for ApplicationMap {
    type Row<'a> = ApplicationMapRow<'a>;
    const GROUPS: &'static [Group] = &[
        Group::new("", HeadColumns::COLUMNS),
        Group::new("", ServiceColumns::COLUMNS),
        Group::new("_0", EndColumns::COLUMNS),
        Group::new("_1", EndColumns::COLUMNS),
        Group::new("_0", TagColumns::COLUMNS),
        Group::new("_1", TagColumns::COLUMNS),
        Group::new("", AppMeterColumns::COLUMNS),
    ];

    #[inline]
    fn fill(row: &ApplicationMapRow<'_>, columns: &mut IterMut<'_, Column>) {
        HeadColumns::fill(row, columns);
        ServiceColumns::fill(&row.meter, columns);
        EndColumns::fill(&row.client, columns);
        EndColumns::fill(&row.server, columns);
        TagColumns::fill(&(), columns);
        TagColumns::fill(&(), columns);
        AppMeterColumns::fill(&row.meter.meter, columns);
    }
}
