mod compact;
mod compact_perf;
mod fits;
mod health_checks;
mod merge;
mod open_flows;
mod paths;

use crate::batch::Chunks;
use crate::stash::CHUNK;
use crate::watermark::{Moved, Watermark};
use crate::{FlowBatch, FlowLogBatch};
use health_checks::HealthChecks;
use merge::merge;
use messages::{ObservationPoint, TaggedFlow};
use open_flows::OpenFlows;
use stage::{Cx, Held, Mail, Outlet, Stage, StageError};
use std::collections::BTreeMap;
use std::hint::black_box;

/// Length of what a flow log is about, s.
const MINUTE: u64 = 60;
const NANOS: u64 = 1_000_000_000;
/// Flows looked at ahead of time, so that their memory is fetched together.
const AHEAD: usize = 16;

/// What a [`FlowAggr`] is made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowAggrConfig {
    /// How long after its minute a flow is held for late reports, s of the reports' own time. 0 is right where the
    /// watermarks are a promise, as QuadrupleGenerator's are.
    pub delay_s: u32,
    /// Most flows held; the reports of more are logged one by one, as they come.
    pub max_flows: usize,
    /// Flows seen at these points are not logged.
    pub ignored_observation_points: Vec<ObservationPoint>,
    /// Health checks of one client and server port are one log a minute.
    pub aggregate_health_checks: bool,
}

impl Default for FlowAggrConfig {
    fn default() -> Self {
        Self {
            delay_s: 0,
            max_flows: 1 << 20,
            ignored_observation_points: vec![],
            aggregate_health_checks: true,
        }
    }
}

/// Adds up the reports of each flow over a minute: the L4 flow log.
///
/// The minutes of a flow begin at the second of the minute in which the flow itself began, so that the logs of
/// many flows spread over the minute. What has ended is logged at once, health checks with their minute; a report
/// that comes after its minute was logged becomes one more log of that minute, so that nothing is lost.
pub struct FlowAggr {
    config: FlowAggrConfig,
    flows: OpenFlows,
    /// Which flows to look at when this second (since the epoch) is over. A flow that has gone since, or has gone
    /// on to another minute, may still stand here.
    ends: BTreeMap<u64, Vec<u32>>,
    /// Those of the second that is being looked at, the next one last.
    over: Vec<u32>,
    over_s: u64,
    health_checks: HealthChecks,
    /// Minutes that end by this second are over.
    until_s: u64,
    /// What came with a clock that was set back: all that is open is logged first.
    waiting: Option<FlowBatch>,
    /// There is more to log than one batch.
    unfinished: bool,
    watermark: Watermark,
    logs: Chunks<TaggedFlow>,
    /// The last watermark passed on, s since the epoch.
    told_s: u64,
}

impl FlowAggr {
    /// One that holds nothing.
    #[must_use]
    pub fn new(config: FlowAggrConfig) -> Self {
        Self {
            config,
            flows: OpenFlows::new(),
            ends: BTreeMap::new(),
            over: Vec::new(),
            over_s: 0,
            health_checks: HealthChecks::default(),
            until_s: 0,
            waiting: None,
            unfinished: false,
            watermark: Watermark::default(),
            logs: Chunks::new(CHUNK),
            told_s: 0,
        }
    }

    fn take_in(&mut self, batch: &FlowBatch, out: &mut Outlet<FlowLogBatch>) {
        for group in batch.flows.chunks(AHEAD) {
            // As in SubQuadGen: loads of many flows are waited for together.
            let mut ahead = [(0, u32::MAX); AHEAD];
            for (f, (tag, _)) in group.iter().zip(&mut ahead) {
                *tag = self.flows.tag(f.flow_id);
            }
            for (tag, at) in ahead.iter_mut().take(group.len()) {
                *at = self.flows.guess(*tag);
            }
            let touched = ahead.iter().take(group.len());
            black_box(touched.fold(0, |all, (_, at)| all ^ self.flows.touch(*at)));
            for (f, (tag, _)) in group.iter().zip(ahead) {
                if !self.is_ignored(f) {
                    self.add(f, tag, out);
                }
            }
        }
        let delay_s = u64::from(self.config.delay_s);
        self.until_s = self.watermark.seconds().saturating_sub(delay_s);
    }

    fn is_ignored(&self, f: &TaggedFlow) -> bool {
        let ignored = &self.config.ignored_observation_points;
        ignored.contains(&f.observation_point)
    }

    fn add(&mut self, f: &TaggedFlow, tag: u32, out: &mut Outlet<FlowLogBatch>) {
        let end_s = minute_start(f) + MINUTE;
        let ended = !f.close_type.is_open();
        if let Some(at) = self.flows.find(tag, f.flow_id) {
            if self.flows.end_s(at).is_some_and(|open_s| open_s >= end_s) {
                if !ended {
                    self.flows.add(at, f);
                } else if let Some((mut flow, end_s)) = self.flows.remove(at) {
                    merge(&mut flow, f);
                    self.log(flow, end_s, out);
                }
                return;
            }
            // The reports of a flow come in order: nothing will come for its last minute.
            self.close(at, out);
        }
        if ended || self.flows.len() >= self.config.max_flows {
            self.log(f.clone(), end_s, out);
            return;
        }
        let at = self.flows.insert(tag, f, end_s);
        self.ends.entry(end_s).or_default().push(at);
    }

    /// Takes a flow out and logs it.
    fn close(&mut self, at: u32, out: &mut Outlet<FlowLogBatch>) {
        if let Some((flow, end_s)) = self.flows.remove(at) {
            self.log(flow, end_s, out);
        }
    }

    fn log(&mut self, mut flow: TaggedFlow, end_s: u64, out: &mut Outlet<FlowLogBatch>) {
        if !flow.is_new {
            flow.start_ns = (end_s - MINUTE) * NANOS;
        }
        if flow.close_type.is_open() {
            flow.end_ns = end_s * NANOS;
        } else if self.config.aggregate_health_checks && HealthChecks::is_one(&flow) {
            if let Some(log) = self.health_checks.take(flow, end_s) {
                self.emit(log, out);
            }
            return;
        }
        self.emit(flow, out);
    }

    fn emit(&mut self, log: TaggedFlow, out: &mut Outlet<FlowLogBatch>) {
        if let Some(flows) = self.logs.push(log) {
            out.emit(FlowLogBatch {
                watermark_ns: self.watermark.ns(),
                logs: flows,
            });
        }
    }

    /// Logs what is over, a batch at most.
    fn step(&mut self, out: &mut Outlet<FlowLogBatch>) {
        self.unfinished = self.close_over(out);
        if self.unfinished {
            return;
        }
        if let Some(batch) = self.waiting.take() {
            self.take_in(&batch, out);
            self.unfinished = self.close_over(out);
        }
        if !self.unfinished {
            self.flush(out);
        }
    }

    /// Logs flows whose minute is over until a batch has left; true if it did.
    fn close_over(&mut self, out: &mut Outlet<FlowLogBatch>) -> bool {
        let mut room = CHUNK - self.logs.len();
        while room > 0 {
            if let Some(at) = self.next_over() {
                self.close(at, out);
            } else if let Some(log) = self.health_checks.next(self.until_s) {
                self.emit(log, out);
            } else {
                return false;
            }
            room -= 1;
        }
        true
    }

    /// A flow whose minute is over.
    fn next_over(&mut self) -> Option<u32> {
        loop {
            while let Some(at) = self.over.pop() {
                if self.flows.end_s(at) == Some(self.over_s) {
                    return Some(at);
                }
            }
            let first = self.ends.first_entry()?;
            if *first.key() > self.until_s {
                return None;
            }
            (self.over_s, self.over) = first.remove_entry();
            self.over.reverse();
        }
    }

    fn flush(&mut self, out: &mut Outlet<FlowLogBatch>) {
        let flows = self.logs.take();
        if !flows.is_empty() || self.told_s != self.watermark.seconds() {
            self.told_s = self.watermark.seconds();
            out.emit(FlowLogBatch {
                watermark_ns: self.watermark.ns(),
                logs: flows,
            });
        }
    }
}

impl Stage for FlowAggr {
    type In = FlowBatch;
    type Out = Outlet<FlowLogBatch>;

    fn handle(
        &mut self,
        msg: FlowBatch,
        out: &mut Self::Out,
        _: &Cx<'_>,
    ) -> Result<(), StageError> {
        if self.watermark.advance(msg.watermark_ns) == Moved::Back {
            self.until_s = u64::MAX;
            self.waiting = Some(msg);
        } else {
            self.take_in(&msg, out);
        }
        self.step(out);
        Ok(())
    }

    fn has_more(&self) -> bool {
        self.unfinished
    }

    fn more(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.step(out);
        Ok(())
    }

    fn drain(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.until_s = u64::MAX;
        self.step(out);
        Ok(())
    }

    fn held(&self, held: &mut Held) {
        let waiting = self.waiting.as_ref().map_or(0, Mail::items);
        held.add(
            "flow logs",
            (self.flows.len() + self.logs.len() + self.health_checks.flows()) as u64 + waiting,
        );
    }
}

/// Start of the minute of its own that a report falls into, s since the epoch.
fn minute_start(f: &TaggedFlow) -> u64 {
    let phase = f.start_ns / NANOS % MINUTE;
    let time = u64::from(f.stat_time_s);
    let since = time.saturating_sub(phase);
    since - since % MINUTE + phase
}

#[cfg(test)]
mod tests;
