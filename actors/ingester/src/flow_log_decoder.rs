//! `flow_log.decoder`: messages about flows and requests become rows of the flow logs.

use crate::expiry::seconds;
use crate::{Agents, Expiry, LogRow, LogRows, MessageBatch, RowIds, Stamp};
use stage::{Cx, DropReason, Outlet, Stage, StageError};

/// What decoders of flow logs share.
#[derive(Clone)]
pub struct FlowLogDecoderConfig {
    /// Which rows are too old.
    pub expiry: Expiry,
    /// Numbers the rows; one for all decoders of a process.
    pub ids: RowIds,
}

/// Takes the messages of a frame, emits rows of one kind.
pub struct FlowLogDecoder<R: LogRow> {
    config: FlowLogDecoderConfig,
    agents: Agents,
    memory: R::Memory,
}

impl<R: LogRow> FlowLogDecoder<R> {
    /// A decoder that counts agents' errors in `agents`.
    #[must_use]
    pub fn new(config: FlowLogDecoderConfig, agents: Agents) -> Self {
        Self {
            config,
            agents,
            memory: R::Memory::default(),
        }
    }
}

impl<R: LogRow> Stage for FlowLogDecoder<R> {
    type In = MessageBatch;
    type Out = Outlet<LogRows<R>>;

    fn handle(
        &mut self,
        batch: MessageBatch,
        out: &mut Self::Out,
        cx: &Cx<'_>,
    ) -> Result<(), StageError> {
        let FlowLogDecoderConfig { expiry, ids } = &self.config;
        let kept = expiry.kept(R::TABLE, seconds(cx.unix_ns()));
        let mut rows: Vec<R> = Vec::with_capacity(batch.ranges.len());
        let mut number = ids.take(batch.ranges.len());
        let (mut malformed, mut expired) = (0, 0);
        for range in &batch.ranges {
            // Read into the place where it stays: it is large.
            rows.push(R::default());
            let Some(row) = rows.last_mut() else { break };
            let read = row.read(&batch.body, range, &mut self.memory);
            let time_s = row.time_s();
            let lost = match read {
                None => &mut malformed,
                Some(_) if !kept.contains(&time_s) => &mut expired,
                Some(stated_id) => {
                    let id = ids.id(time_s, number);
                    number = number.wrapping_add(1);
                    // The frame's sender is who the agent is; one that is not yet registered may know better.
                    let agent_id = match batch.from.agent_id {
                        0 => stated_id,
                        id => id,
                    };
                    row.stamp(Stamp {
                        id,
                        agent_id,
                        team_id: batch.team_id,
                    });
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
            out.emit(LogRows(rows));
        }
        Ok(())
    }
}
