use crate::queue_merge::{QueueMerge, Waiting};
use crate::{FlowBatch, OptionalOutlet};
use stage::{Cx, Held, Outlet, Stage, StageError};

stage::outlets! {
    /// Where a [`QuadrupleGenerator`] sends each batch.
    pub struct QuadrupleOut {
        /// To SubQuadGen (1s), where metrics of a second are on.
        pub second: OptionalOutlet<FlowBatch>,
        /// To SubQuadGen (1m), where metrics are on.
        pub minute: OptionalOutlet<FlowBatch>,
        /// To FlowAggr.
        pub flow_aggr: Outlet<FlowBatch>,
    }
}

/// Brings the capture queues together and hands each batch of reports to both SubQuadGens and to FlowAggr, without
/// copying the reports, with a watermark that holds for all queues.
pub struct QuadrupleGenerator {
    queues: u32,
    merge: QueueMerge<FlowBatch>,
    /// Nothing will come any more.
    draining: bool,
}

impl QuadrupleGenerator {
    /// For the reports of `queues` FlowGenerators, whose batches are numbered from 0.
    #[must_use]
    pub fn new(queues: u32) -> Self {
        Self {
            queues,
            merge: QueueMerge::new(queues),
            draining: false,
        }
    }

    /// Passes on the next batch, if one can go on.
    fn pass(&mut self, out: &mut QuadrupleOut) {
        let next = if self.draining {
            self.merge.pop_anyway()
        } else {
            self.merge.pop()
        };
        let Some((batch, watermark_ns)) = next else {
            return;
        };
        let batch = FlowBatch {
            watermark_ns,
            ..batch
        };
        out.second.emit_with(|| batch.clone());
        out.minute.emit_with(|| batch.clone());
        out.flow_aggr.emit(batch);
    }

    fn latest_s(&self, batch: &FlowBatch) -> u64 {
        if self.queues <= 1 {
            // There is no other queue to be ahead of.
            return 0;
        }
        batch
            .flows
            .iter()
            .map(|f| f.stat_time_s)
            .max()
            .map_or(0, u64::from)
    }
}

impl Stage for QuadrupleGenerator {
    type In = FlowBatch;
    type Out = QuadrupleOut;

    fn handle(
        &mut self,
        msg: FlowBatch,
        out: &mut QuadrupleOut,
        _: &Cx<'_>,
    ) -> Result<(), StageError> {
        let waiting = Waiting {
            watermark_ns: msg.watermark_ns,
            latest_s: self.latest_s(&msg),
            items: msg.flows.len(),
            batch: msg,
        };
        self.merge.push(waiting.batch.queue, waiting);
        self.pass(out);
        Ok(())
    }

    fn has_more(&self) -> bool {
        if self.draining {
            !self.merge.is_empty()
        } else {
            self.merge.has_next()
        }
    }

    fn more(&mut self, out: &mut QuadrupleOut, _: &Cx<'_>) -> Result<(), StageError> {
        self.pass(out);
        Ok(())
    }

    fn drain(&mut self, out: &mut QuadrupleOut, _: &Cx<'_>) -> Result<(), StageError> {
        self.draining = true;
        self.pass(out);
        Ok(())
    }

    fn held(&self, held: &mut Held) {
        if self.queues > 1 {
            held.add("TaggedFlow", self.merge.items() as u64);
        }
    }
}

#[cfg(test)]
mod tests;
