use crate::stash::CHUNK;
use crate::watermark::{Moved, Watermark};
use crate::{Batch, FlowBatch, OptionalOutlet, PacketBatch, Pool};
use flow::{FlowMap, FlowMapConfig, Output, PerfTrace};
use messages::TaggedFlow;
use stage::{Cx, DropReason, Held, Outlet, Stage, StageError};
use std::sync::Arc;

const NANOS: u64 = 1_000_000_000;

stage::outlets! {
    /// Where a [`FlowGenerator`] sends.
    pub struct FlowOut {
        /// Reports, to QuadrupleGenerator.
        pub flows: Outlet<FlowBatch>,
        /// The running performance frame by frame, in replay.
        pub trace: OptionalOutlet<Batch<PerfTrace>>,
    }
}

/// Keeps the FlowMap: packets in, one report a flow and second out.
pub struct FlowGenerator {
    config: FlowMapConfig,
    map: FlowMap,
    output: Output,
    time: Watermark,
    /// The last watermark passed on, ns since the epoch.
    told_ns: u64,
    pool: Pool<TaggedFlow>,
}

impl FlowGenerator {
    /// Without flows. `config.trace` is to be on if the trace outlet leads anywhere.
    #[must_use]
    pub fn new(config: FlowMapConfig) -> Self {
        let output = Output {
            trace: config.trace.then(Vec::new),
            ..Output::default()
        };
        Self {
            map: FlowMap::new(config),
            config,
            output,
            time: Watermark::default(),
            told_ns: 0,
            pool: Pool::default(),
        }
    }

    /// Every flow ends here.
    fn end_all(&mut self, out: &mut FlowOut, cx: &Cx<'_>) {
        self.map.finish(&mut self.output);
        self.count(out, cx);
        self.send_flows(u64::MAX, out);
        self.map = FlowMap::new(self.config);
    }

    fn count(&mut self, out: &mut FlowOut, cx: &Cx<'_>) {
        let o = &mut self.output;
        for (reason, n) in [
            (DropReason::BeforeWindow, &mut o.dropped_before_window),
            (DropReason::FlowLimit, &mut o.dropped_flow_limit),
            (DropReason::Retired, &mut o.retired),
        ] {
            if *n > 0 {
                cx.discard(reason, std::mem::take(n));
            }
        }
        if let Some(t) = &mut o.trace
            && !t.is_empty()
        {
            let trace = std::mem::take(t);
            out.trace.emit_with(|| trace.into());
        }
    }

    /// Sends all reports; only the last batch says that time has come to `watermark_ns`, for the others reports of
    /// earlier seconds may still follow.
    fn send_flows(&mut self, watermark_ns: u64, out: &mut FlowOut) {
        let flows = &mut self.output.flows;
        if flows.len() <= CHUNK {
            let mut batch = self.pool.batch();
            std::mem::swap(&mut *batch, flows);
            self.told_ns = watermark_ns;
            out.flows.emit(FlowBatch {
                watermark_ns,
                flows: Arc::new(batch),
            });
            return;
        }
        let mut chunks = flows.chunks(CHUNK).peekable();
        while let Some(chunk) = chunks.next() {
            let mut batch = self.pool.batch();
            batch.reserve_exact(CHUNK);
            batch.extend_from_slice(chunk);
            if chunks.peek().is_none() {
                self.told_ns = watermark_ns;
            }
            out.flows.emit(FlowBatch {
                watermark_ns: self.told_ns,
                flows: Arc::new(batch),
            });
        }
        flows.clear();
        // One burst is not paid for for ever.
        flows.shrink_to(8 * CHUNK);
    }
}

impl Stage for FlowGenerator {
    type In = PacketBatch;
    type Out = FlowOut;

    fn handle(
        &mut self,
        msg: PacketBatch,
        out: &mut FlowOut,
        cx: &Cx<'_>,
    ) -> Result<(), StageError> {
        if self.time.advance(msg.time_ns) == Moved::Back {
            self.end_all(out, cx);
            self.told_ns = 0;
        }
        self.map.inject(&msg.packets, &mut self.output);
        self.map.advance(self.time.ns(), &mut self.output);
        self.count(out, cx);
        let watermark_ns = self.map.watermark_ns();
        if self.output.flows.len() >= CHUNK || watermark_ns >= self.told_ns.saturating_add(NANOS) {
            self.send_flows(watermark_ns, out);
        }
        Ok(())
    }

    fn drain(&mut self, out: &mut FlowOut, cx: &Cx<'_>) -> Result<(), StageError> {
        self.end_all(out, cx);
        Ok(())
    }

    fn held(&self, held: &mut Held) {
        held.add("FlowMap", (self.map.len() + self.output.flows.len()) as u64);
    }
}

#[cfg(test)]
mod tests;
