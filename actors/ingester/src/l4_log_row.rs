//! Rows of `flow_log.l4_flow_log` on their way through the throttler to the dbwriter.

use crate::flow_wire::read_flow;
use crate::protobuf::Reader;
use crate::{LogRow, LogRows, Stamp};
use std::ops::Range;
use store::Table;
use store::rows::L4FlowLogRow;

/// A row that owns what it consists of. Most have none of the texts and lists, which then cost nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct L4LogRow {
    /// All but what has no fixed size: the texts and lists of this are empty.
    pub fixed: L4FlowLogRow<'static>,
    /// Host name of the first request or TLS handshake.
    pub request_domain: String,
    /// Ids of merged flows, with commas between them.
    pub aggregated_flow_ids: String,
    /// Policies that matched. A row with any is wanted by someone and never sampled out.
    pub acl_gids: Vec<u16>,
}

impl L4LogRow {
    /// The row as a block takes it.
    #[must_use]
    pub fn as_row(&self) -> L4FlowLogRow<'_> {
        L4FlowLogRow {
            request_domain: &self.request_domain,
            aggregated_flow_ids: &self.aggregated_flow_ids,
            acl_gids: &self.acl_gids,
            ..self.fixed.clone()
        }
    }
}

impl LogRow for L4LogRow {
    type Memory = ();
    const TABLE: Table = Table::L4FlowLog;
    const KIND: &'static str = "L4FlowLog";

    #[inline]
    fn read(&mut self, body: &[u8], at: &Range<u32>, (): &mut ()) -> Option<u16> {
        read_flow(Reader::new(body, at), self).ok()
    }

    fn stamp(&mut self, s: Stamp) {
        self.fixed.id = s.id;
        self.fixed.agent_id = s.agent_id;
        self.fixed.team_id = s.team_id;
    }

    fn end_time_us(&self) -> i64 {
        self.fixed.end_time_us
    }

    /// A policy matched: someone wants this very row.
    fn is_wanted(&self) -> bool {
        !self.acl_gids.is_empty()
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.request_domain.capacity()
            + self.aggregated_flow_ids.capacity()
            + self.acl_gids.capacity() * size_of::<u16>()
    }
}

impl From<LogRows<L4LogRow>> for crate::FlowLogRows {
    fn from(rows: LogRows<L4LogRow>) -> Self {
        Self::L4(rows)
    }
}
