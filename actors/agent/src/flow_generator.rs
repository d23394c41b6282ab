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
    /// Packets that came last, and how many of them are taken in.
    pending: Option<(PacketBatch, usize)>,
    /// Every flow is to be reported finally.
    ending: bool,
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
            pending: None,
            ending: false,
            told_ns: 0,
            pool: Pool::default(),
        }
    }

    /// Goes on with what is to be done, up to a batch of reports.
    fn step(&mut self, out: &mut FlowOut, cx: &Cx<'_>) {
        if self.ending {
            self.ending = !self.map.finish(CHUNK, &mut self.output);
            if self.ending {
                self.send(self.told_ns, out);
            } else {
                self.send(u64::MAX, out);
                self.map = FlowMap::new(self.config);
                self.told_ns = 0;
            }
        } else {
            self.take_in(out);
        }
        self.count(out, cx);
    }

    fn take_in(&mut self, out: &mut FlowOut) {
        let Some((batch, at)) = &mut self.pending else {
            return;
        };
        let done = loop {
            let rest = batch.packets.get(*at..).unwrap_or_default();
            *at += self.map.take_in(rest, &batch.tunnels, &mut self.output);
            let next = batch.packets.get(*at);
            let now_ns = next.map_or(self.time.ns(), |p| p.time_ns);
            let moved = self.map.advance(now_ns, CHUNK, &mut self.output);
            if moved && next.is_none() {
                break true;
            }
            if self.output.flows.len() >= CHUNK {
                break false;
            }
        };
        if done {
            self.pending = None;
        }
        let watermark_ns = self.map.watermark_ns();
        if self.output.flows.len() >= CHUNK || watermark_ns >= self.told_ns.saturating_add(NANOS) {
            self.send(watermark_ns, out);
        }
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

    /// Sends all reports with the promise that none of before `watermark_ns` will follow.
    fn send(&mut self, watermark_ns: u64, out: &mut FlowOut) {
        let mut flows = self.pool.batch();
        std::mem::swap(&mut *flows, &mut self.output.flows);
        self.told_ns = watermark_ns;
        out.flows.emit(FlowBatch {
            queue: self.config.thread.into(),
            watermark_ns,
            flows: Arc::new(flows),
        });
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
        // Set back, the clock ends every flow: their time will not come again.
        self.ending |= self.time.advance(msg.time_ns) == Moved::Back;
        self.pending = Some((msg, 0));
        self.step(out, cx);
        Ok(())
    }

    fn has_more(&self) -> bool {
        self.ending || self.pending.is_some()
    }

    fn more(&mut self, out: &mut FlowOut, cx: &Cx<'_>) -> Result<(), StageError> {
        self.step(out, cx);
        Ok(())
    }

    fn drain(&mut self, out: &mut FlowOut, cx: &Cx<'_>) -> Result<(), StageError> {
        self.ending = true;
        self.step(out, cx);
        Ok(())
    }

    fn held(&self, held: &mut Held) {
        let waiting = self
            .pending
            .as_ref()
            .map_or(0, |(b, at)| b.packets.len().saturating_sub(*at));
        held.add(
            "FlowMap",
            (self.map.len() + self.output.flows.len() + waiting) as u64,
        );
    }
}

#[cfg(test)]
mod tests;
