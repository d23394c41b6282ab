//! `flow_log.decoder`: tagged flows become rows of `flow_log.l4_flow_log`.

use crate::expiry::seconds;
use crate::flow_wire::read_flow;
use crate::protobuf::{Malformed, Reader};
use crate::{Agents, Expiry, FlowLogRow, FlowLogRows, MessageBatch, RowIds};
use stage::{Cx, DropReason, Outlet, Stage, StageError};
use store::Table;

/// What decoders of flow logs share.
#[derive(Clone)]
pub struct FlowLogDecoderConfig {
    /// Which rows are too old.
    pub expiry: Expiry,
    /// Numbers the rows; one for all decoders of a process.
    pub ids: RowIds,
}

/// Takes the flows of a frame, emits rows. It keeps nothing between batches.
pub struct FlowLogDecoder {
    config: FlowLogDecoderConfig,
    agents: Agents,
}

impl FlowLogDecoder {
    /// A decoder that counts agents' errors in `agents`.
    #[must_use]
    pub fn new(config: FlowLogDecoderConfig, agents: Agents) -> Self {
        Self { config, agents }
    }
}

impl Stage for FlowLogDecoder {
    type In = MessageBatch;
    type Out = Outlet<FlowLogRows>;

    fn handle(
        &mut self,
        batch: MessageBatch,
        out: &mut Self::Out,
        cx: &Cx<'_>,
    ) -> Result<(), StageError> {
        let FlowLogDecoderConfig { expiry, ids } = &self.config;
        let kept = expiry.kept(Table::L4FlowLog, seconds(cx.unix_ns()));
        let mut rows: Vec<FlowLogRow> = Vec::with_capacity(batch.ranges.len());
        let mut number = ids.take(batch.ranges.len());
        let (mut malformed, mut expired) = (0, 0);
        for range in &batch.ranges {
            // Read into the place where it stays: it is large.
            rows.push(FlowLogRow::default());
            let Some(row) = rows.last_mut() else { break };
            let read = read_flow(Reader::new(&batch.body, range), row);
            let time_s = row.time_s();
            let lost = match read {
                Err(Malformed) => &mut malformed,
                Ok(_) if !kept.contains(&time_s) => &mut expired,
                Ok(stated_id) => {
                    row.fixed.id = ids.id(time_s, number);
                    number = number.wrapping_add(1);
                    // The frame's sender is who the agent is; one that is not yet registered may know better.
                    row.fixed.agent_id = if batch.from.agent_id == 0 {
                        stated_id
                    } else {
                        batch.from.agent_id
                    };
                    row.fixed.team_id = batch.team_id;
                    continue;
                }
            };
            *lost += 1;
            rows.pop();
        }
        self.agents.decode_errors(&batch.from, malformed);
        for (reason, n) in [
            (DropReason::DecodeError, malformed),
            (DropReason::Expired, expired),
        ] {
            if n > 0 {
                cx.discard(reason, n);
            }
        }
        if !rows.is_empty() {
            out.emit(FlowLogRows(rows));
        }
        Ok(())
    }
}
