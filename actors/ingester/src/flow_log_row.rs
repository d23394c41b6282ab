//! Rows of `flow_log.l4_flow_log` on their way through the throttler to the dbwriter.

use stage::Mail;
use store::rows::L4FlowLogRow;

/// A row that owns what it consists of. Most have none of the texts and lists, which then cost nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlowLogRow {
    /// All but what has no fixed size: the texts and lists of this are empty.
    pub fixed: L4FlowLogRow<'static>,
    /// Host name of the first request or TLS handshake.
    pub request_domain: String,
    /// Ids of merged flows, with commas between them.
    pub aggregated_flow_ids: String,
    /// Policies that matched. A row with any is wanted by someone and never sampled out.
    pub acl_gids: Vec<u16>,
}

impl FlowLogRow {
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

    /// Start of the second that decides the row's partition, s since the epoch.
    #[must_use]
    pub fn time_s(&self) -> u32 {
        u32::try_from(self.fixed.end_time_us.max(0) / 1_000_000).unwrap_or(u32::MAX)
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.request_domain.capacity()
            + self.aggregated_flow_ids.capacity()
            + self.acl_gids.capacity() * size_of::<u16>()
    }
}

/// A batch of rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlowLogRows(pub Vec<FlowLogRow>);

impl Mail for FlowLogRows {
    fn items(&self) -> u64 {
        self.0.len() as u64
    }

    fn bytes(&self) -> u64 {
        self.0.iter().map(|r| r.bytes() as u64).sum()
    }
}
