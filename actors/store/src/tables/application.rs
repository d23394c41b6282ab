//! `flow_metrics.application.1s` and `.1m`: what one end asked or answered, by second and by minute.

use std::slice::IterMut;

use super::{
    app_meter::{AppMeterColumns, ServiceColumns},
    ends::{EndColumns, TagColumns},
    network::HeadColumns,
};
use crate::{
    column::Column,
    rows::ApplicationRow,
    schema::{Group, Schema},
};

/// Columns of the `application` tables.
#[derive(Debug)]
pub struct Application;

impl Schema for Application {
    type Row<'a> = ApplicationRow<'a>;
    const GROUPS: &'static [Group] = &[
        Group::new("", HeadColumns::COLUMNS),
        Group::new("", ServiceColumns::COLUMNS),
        Group::new("", EndColumns::COLUMNS),
        Group::new("", TagColumns::COLUMNS),
        Group::new("", AppMeterColumns::COLUMNS),
    ];

    #[inline]
    fn fill(row: &ApplicationRow<'_>, columns: &mut IterMut<'_, Column>) {
        HeadColumns::fill(row, columns);
        ServiceColumns::fill(&row.meter, columns);
        EndColumns::fill(&row.end, columns);
        TagColumns::fill(&(), columns);
        AppMeterColumns::fill(&row.meter.meter, columns);
    }
}
