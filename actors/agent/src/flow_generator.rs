use crate::l7_flows::L7Flows;
use crate::stash::CHUNK;
use crate::watermark::{Moved, Watermark};
use crate::{AppProtoBatch, Batch, FlowBatch, L7StatsBatch, OptionalOutlet, PacketBatch, Pool};
use flow::{FlowMap, FlowMapConfig, Output, PerfTrace};
use l7::{EngineCounters, Limits, Settings};
use messages::{L7Stats, MetaAppProto, TaggedFlow};
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
        /// Messages, to AppProtoLogsParser, where request logs are on.
        pub protos: OptionalOutlet<AppProtoBatch>,
        /// What they count for, to the QuadrupleGenerator of requests, where metrics are on.
        pub stats: OptionalOutlet<L7StatsBatch>,
    }
}

/// What a [`FlowGenerator`] is made with.
#[derive(Clone, Debug, Default)]
pub struct FlowGeneratorConfig {
    /// Its FlowMap. `trace` is to be on if the trace outlet leads anywhere.
    pub flow_map: FlowMapConfig,
    /// How what applications say is read; `None`: nobody wants to know.
    pub l7: Option<(Arc<Settings>, Limits)>,
}

impl From<FlowMapConfig> for FlowGeneratorConfig {
    fn from(flow_map: FlowMapConfig) -> Self {
        Self { flow_map, l7: None }
    }
}

/// Keeps the FlowMap: packets in, one report a flow and second out, and each message of an application protocol.
pub struct FlowGenerator {
    config: FlowGeneratorConfig,
    map: FlowMap<L7Flows>,
    output: Output,
    time: Watermark,
    /// Packets that came last, and how many of them are taken in.
    pending: Option<(PacketBatch, usize)>,
    /// Every flow is to be reported finally.
    ending: bool,
    /// The last watermark passed on, ns since the epoch.
    told_ns: u64,
    pool: Pool<TaggedFlow>,
    protos: Pool<MetaAppProto>,
    stats: Pool<L7Stats>,
    /// What of the engine's counters has been counted.
    counted: EngineCounters,
    /// The last time that went with messages, ns since the epoch.
    told_protos_ns: u64,
}

impl FlowGenerator {
    /// Without flows.
    #[must_use]
    pub fn new(config: impl Into<FlowGeneratorConfig>) -> Self {
        let config = config.into();
        let output = Output {
            trace: config.flow_map.trace.then(Vec::new),
            ..Output::default()
        };
        Self {
            map: map(&config),
            config,
            output,
            time: Watermark::default(),
            pending: None,
            ending: false,
            told_ns: 0,
            pool: Pool::default(),
            protos: Pool::default(),
            stats: Pool::default(),
            counted: EngineCounters::default(),
            told_protos_ns: 0,
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
                self.count_messages(cx);
                let payload = self.map.applications().take_payload();
                self.map = map(&self.config);
                // The packets that came with the new time are still to be taken in.
                self.map.applications().set_payload(payload);
                self.counted = EngineCounters::default();
                self.told_ns = 0;
                self.told_protos_ns = 0;
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
        if done {
            self.send_protos(self.time.ns(), out);
        }
        let watermark_ns = self.map.watermark_ns();
        if self.map.applied().stats.len() >= CHUNK {
            self.send_stats(watermark_ns, out);
        }
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
        self.count_messages(cx);
    }

    fn count_messages(&mut self, cx: &Cx<'_>) {
        let now = self.map.applications().counters();
        let before = std::mem::replace(&mut self.counted, now);
        for (reason, n) in [
            (DropReason::SessionLimit, now.unpaired - before.unpaired),
            (
                DropReason::ReassemblyLimit,
                now.over_memory - before.over_memory,
            ),
            (DropReason::OutOfStep, now.out_of_step - before.out_of_step),
        ] {
            if n > 0 {
                cx.discard(reason, n);
            }
        }
    }

    /// Sends the messages with the word that time has come so far.
    fn send_protos(&mut self, time_ns: u64, out: &mut FlowOut) {
        let l7 = self.map.applications();
        if l7.protos.is_empty() && time_ns < self.told_protos_ns.saturating_add(NANOS) {
            return;
        }
        self.told_protos_ns = time_ns;
        let mut protos = self.protos.batch();
        std::mem::swap(&mut *protos, &mut l7.protos);
        out.protos.emit_with(|| AppProtoBatch {
            queue: self.config.flow_map.thread.into(),
            watermark_ns: time_ns,
            protos,
        });
    }

    /// Sends all reports with the promise that none of before `watermark_ns` will follow.
    fn send(&mut self, watermark_ns: u64, out: &mut FlowOut) {
        let mut flows = self.pool.batch();
        std::mem::swap(&mut *flows, &mut self.output.flows);
        self.told_ns = watermark_ns;
        out.flows.emit(FlowBatch {
            queue: self.config.flow_map.thread.into(),
            watermark_ns,
            flows: Arc::new(flows),
        });
        self.send_stats(watermark_ns, out);
        if watermark_ns == u64::MAX || !self.map.applications().protos.is_empty() {
            self.send_protos(watermark_ns.max(self.time.ns()), out);
        }
    }

    /// Sends what messages count for with the promise that nothing of before `watermark_ns` will follow.
    fn send_stats(&mut self, watermark_ns: u64, out: &mut FlowOut) {
        let mut stats = self.stats.batch();
        std::mem::swap(&mut *stats, &mut self.map.applications().stats);
        out.stats.emit_with(|| L7StatsBatch {
            queue: self.config.flow_map.thread.into(),
            watermark_ns,
            stats: Arc::new(stats),
        });
    }
}

impl Stage for FlowGenerator {
    type In = PacketBatch;
    type Out = FlowOut;

    fn handle(
        &mut self,
        mut msg: PacketBatch,
        out: &mut FlowOut,
        cx: &Cx<'_>,
    ) -> Result<(), StageError> {
        // Set back, the clock ends every flow: their time will not come again.
        self.ending |= self.time.advance(msg.time_ns) == Moved::Back;
        let payload = std::mem::replace(&mut msg.payload, Vec::new().into());
        self.map.applications().set_payload(payload);
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
        if self.config.l7.is_some() {
            held.add("conversations", self.map.applied().len() as u64);
        }
    }
}

fn map(config: &FlowGeneratorConfig) -> FlowMap<L7Flows> {
    FlowMap::with(config.flow_map, L7Flows::new(config.l7.as_ref()))
}

#[cfg(test)]
mod tests;
