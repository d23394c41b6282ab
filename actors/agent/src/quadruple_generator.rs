use crate::batch::QueueBatch;
use crate::queue_merge::{QueueMerge, Waiting};
use crate::{FlowBatch, L7StatsBatch, OptionalOutlet};
use stage::{Cx, Held, Mail, Outlet, Outlets, Stage, StageError};

stage::outlets! {
    /// Where a [`QuadrupleGenerator`] sends each batch of reports.
    pub struct QuadrupleOut {
        /// To SubQuadGen (1s), where metrics of a second are on.
        pub second: OptionalOutlet<FlowBatch>,
        /// To SubQuadGen (1m), where metrics are on.
        pub minute: OptionalOutlet<FlowBatch>,
        /// To FlowAggr.
        pub flow_aggr: Outlet<FlowBatch>,
    }
}

stage::outlets! {
    /// Where a [`QuadrupleGenerator`] sends each batch of what messages count for.
    pub struct L7QuadrupleOut {
        /// To SubQuadGen (1s), where metrics of a second are on.
        pub second: OptionalOutlet<L7StatsBatch>,
        /// To SubQuadGen (1m).
        pub minute: Outlet<L7StatsBatch>,
    }
}

/// Where batches of one kind go on.
pub trait Passage: Outlets {
    /// The batches.
    type Batch: QueueBatch;

    /// Hands a batch to all.
    fn pass(&mut self, batch: Self::Batch);
}

impl Passage for QuadrupleOut {
    type Batch = FlowBatch;

    fn pass(&mut self, batch: FlowBatch) {
        self.second.emit_with(|| batch.clone());
        self.minute.emit_with(|| batch.clone());
        self.flow_aggr.emit(batch);
    }
}

impl Passage for L7QuadrupleOut {
    type Batch = L7StatsBatch;

    fn pass(&mut self, batch: L7StatsBatch) {
        self.second.emit_with(|| batch.clone());
        self.minute.emit(batch);
    }
}

/// Brings the capture queues together and hands each batch to both SubQuadGens, and one of reports to FlowAggr, too,
/// without copying what is in it, with a watermark that holds for all queues.
pub struct QuadrupleGenerator<O: Passage = QuadrupleOut> {
    queues: u32,
    merge: QueueMerge<O::Batch>,
    /// Nothing will come any more.
    draining: bool,
}

impl<O: Passage> QuadrupleGenerator<O> {
    /// For what `queues` FlowGenerators send, whose batches are numbered from 0.
    #[must_use]
    pub fn new(queues: u32) -> Self {
        Self {
            queues,
            merge: QueueMerge::new(queues),
            draining: false,
        }
    }

    /// Passes on the next batch, if one can go on.
    fn pass(&mut self, out: &mut O) {
        let next = if self.draining {
            self.merge.pop_anyway()
        } else {
            self.merge.pop()
        };
        if let Some((batch, watermark_ns)) = next {
            out.pass(batch.at(watermark_ns));
        }
    }

    fn latest_s(&self, batch: &O::Batch) -> u64 {
        if self.queues <= 1 {
            // There is no other queue to be ahead of.
            0
        } else {
            batch.latest_s()
        }
    }
}

impl<O: Passage> Stage for QuadrupleGenerator<O> {
    type In = O::Batch;
    type Out = O;

    fn handle(&mut self, msg: O::Batch, out: &mut O, _: &Cx<'_>) -> Result<(), StageError> {
        let waiting = Waiting {
            watermark_ns: msg.watermark_ns(),
            latest_s: self.latest_s(&msg),
            items: usize::try_from(msg.items()).unwrap_or(usize::MAX),
            batch: msg,
        };
        self.merge.push(waiting.batch.queue(), waiting);
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

    fn more(&mut self, out: &mut O, _: &Cx<'_>) -> Result<(), StageError> {
        self.pass(out);
        Ok(())
    }

    fn drain(&mut self, out: &mut O, _: &Cx<'_>) -> Result<(), StageError> {
        self.draining = true;
        self.pass(out);
        Ok(())
    }

    fn held(&self, held: &mut Held) {
        if self.queues > 1 {
            held.add(O::Batch::ITEMS, self.merge.items() as u64);
        }
    }
}

#[cfg(test)]
mod tests;
