//! Rows of `flow_log.l7_flow_log` on their way through the throttler to the dbwriter.

use crate::protobuf::Reader;
use crate::request_wire::read_request;
use crate::texts::Texts;
use crate::trace_index::TraceIndexes;
use crate::{FlowLogRows, LogRow, LogRows, Stamp};
use std::ops::Range;
use store::Table;
use store::rows::{L7FlowLogRow, RequestLists, RequestTexts, RequestValues};

/// A row that owns what it consists of: all of its texts in one piece of memory, lists only where it has some.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct L7LogRow {
    /// Its numbers.
    pub values: RequestValues,
    pub(crate) texts: Texts<{ text::COUNT }>,
    /// Attributes and measured values.
    pub lists: Option<Box<RequestLists>>,
}

/// Where the texts of a row stand among each other.
pub(crate) mod text {
    pub(crate) const KNAME_0: usize = 0;
    pub(crate) const KNAME_1: usize = 1;
    pub(crate) const BIZ_CODE: usize = 2;
    pub(crate) const BIZ_SCENARIO: usize = 3;
    pub(crate) const BIZ_RESPONSE_CODE: usize = 4;
    pub(crate) const BIZ_PROTOCOL: usize = 5;
    pub(crate) const VERSION: usize = 6;
    pub(crate) const REQUEST_TYPE: usize = 7;
    pub(crate) const DOMAIN: usize = 8;
    pub(crate) const RESOURCE: usize = 9;
    pub(crate) const ENDPOINT: usize = 10;
    pub(crate) const EXCEPTION: usize = 11;
    pub(crate) const RESULT: usize = 12;
    pub(crate) const PROXY_CLIENT: usize = 13;
    pub(crate) const X_REQUEST_ID_0: usize = 14;
    pub(crate) const X_REQUEST_ID_1: usize = 15;
    pub(crate) const TRACE_ID: usize = 16;
    pub(crate) const TRACE_ID_2: usize = 17;
    pub(crate) const SPAN_ID: usize = 18;
    pub(crate) const PARENT_SPAN_ID: usize = 19;
    pub(crate) const SERVICE: usize = 20;
    pub(crate) const COUNT: usize = 21;
}

/// The lists of a row that has none.
static NO_LISTS: RequestLists = RequestLists::EMPTY;

impl L7LogRow {
    /// The row as a block takes it.
    #[must_use]
    pub fn as_row(&self) -> L7FlowLogRow<'_> {
        let at = |i| self.texts.get(i);
        L7FlowLogRow {
            values: &self.values,
            texts: RequestTexts {
                process_kname: [at(text::KNAME_0), at(text::KNAME_1)],
                biz_code: at(text::BIZ_CODE),
                biz_scenario: at(text::BIZ_SCENARIO),
                biz_response_code: at(text::BIZ_RESPONSE_CODE),
                biz_protocol: at(text::BIZ_PROTOCOL),
                version: at(text::VERSION),
                request_type: at(text::REQUEST_TYPE),
                request_domain: at(text::DOMAIN),
                request_resource: at(text::RESOURCE),
                endpoint: at(text::ENDPOINT),
                response_exception: at(text::EXCEPTION),
                response_result: at(text::RESULT),
                http_proxy_client: at(text::PROXY_CLIENT),
                x_request_id: [at(text::X_REQUEST_ID_0), at(text::X_REQUEST_ID_1)],
                trace_id: at(text::TRACE_ID),
                trace_id_2: at(text::TRACE_ID_2),
                span_id: at(text::SPAN_ID),
                parent_span_id: at(text::PARENT_SPAN_ID),
                app_service: at(text::SERVICE),
            },
            lists: self.lists.as_deref().unwrap_or(&NO_LISTS),
        }
    }
}

impl LogRow for L7LogRow {
    type Memory = TraceIndexes;
    const TABLE: Table = Table::L7FlowLog;
    const KIND: &'static str = "L7FlowLog";

    #[inline]
    fn read(&mut self, body: &[u8], at: &Range<u32>, traces: &mut TraceIndexes) -> Option<u16> {
        let agent_id = read_request(Reader::new(body, at), self).ok()?;
        self.values.trace_id_index = traces.of(self.texts.get(text::TRACE_ID));
        Some(agent_id)
    }

    fn stamp(&mut self, s: Stamp) {
        self.values.id = s.id;
        self.values.agent_id = s.agent_id;
        self.values.team_id = s.team_id;
    }

    fn end_time_us(&self) -> i64 {
        self.values.end_time_us
    }

    fn bytes(&self) -> usize {
        let lists = self.lists.as_ref().map_or(0, |l| {
            size_of::<RequestLists>()
                + l.attribute_names.capacity()
                + l.attribute_values.capacity()
                + l.metrics_names.capacity()
                + l.metrics_values.capacity() * size_of::<f64>()
        });
        size_of::<Self>() + self.texts.capacity() + lists
    }
}

impl From<LogRows<L7LogRow>> for FlowLogRows {
    fn from(rows: LogRows<L7LogRow>) -> Self {
        Self::L7(rows)
    }
}
