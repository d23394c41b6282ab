use crate::batch::Chunks;
use crate::flow_slab::FlowSlab;
use crate::stash::CHUNK;
use crate::watermark::{Moved, Watermark};
use crate::{FlowBatch, FlowLogBatch};
use ahash::RandomState;
use hashbrown::HashTable;
use messages::{L4Perf, ObservationPoint, TaggedFlow};
use stage::{Cx, Held, Outlet, Stage, StageError};
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
    /// How long after its minute a flow is held for late reports, s of the reports' own time. 0 is
    /// right where one FlowMap makes the reports: its watermark is a promise. Where several do, how far they may be
    /// apart.
    pub delay_s: u32,
    /// Most flows held; the reports of more are logged one by one, as they come.
    pub max_flows: usize,
    /// Flows seen at these points are not logged.
    pub ignored_observation_points: Vec<ObservationPoint>,
}

impl Default for FlowAggrConfig {
    fn default() -> Self {
        Self {
            delay_s: 0,
            max_flows: 1 << 20,
            ignored_observation_points: vec![],
        }
    }
}

/// Adds up the reports of each flow over a minute: the L4 flow log.
///
/// The minutes of a flow begin at the second of the minute in which the flow itself began, so that the logs of
/// many flows spread over the minute. What has ended is logged at once; a report that comes after its minute was
/// logged becomes one more log of that minute, so that nothing is lost.
pub struct FlowAggr {
    config: FlowAggrConfig,
    hash: RandomState,
    /// Open flows by id.
    index: HashTable<Slot>,
    flows: FlowSlab<Open>,
    /// Which flows to look at when this second (since the epoch) is over. A flow that has gone since, or has gone
    /// on to another minute, may still stand here.
    ends: BTreeMap<u64, Vec<u32>>,
    watermark: Watermark,
    logs: Chunks<TaggedFlow>,
    /// The last watermark passed on, s since the epoch.
    told_s: u64,
}

#[derive(Clone, Copy)]
struct Slot {
    flow_id: u64,
    at: u32,
}

/// A flow in a minute of its own.
struct Open {
    flow: TaggedFlow,
    /// End of the minute, s since the epoch.
    end_s: u64,
}

impl FlowAggr {
    /// One that holds nothing.
    #[must_use]
    pub fn new(config: FlowAggrConfig) -> Self {
        Self {
            config,
            hash: RandomState::new(),
            index: HashTable::new(),
            flows: FlowSlab::new(),
            ends: BTreeMap::new(),
            watermark: Watermark::default(),
            logs: Chunks::new(CHUNK),
            told_s: 0,
        }
    }

    fn find(&self, hash: u64, flow_id: u64) -> Option<u32> {
        self.index
            .find(hash, |s| s.flow_id == flow_id)
            .map(|s| s.at)
    }

    /// Minutes that ended by then are logged, s since the epoch.
    fn closed_s(&self) -> u64 {
        self.watermark
            .seconds()
            .saturating_sub(u64::from(self.config.delay_s))
    }

    fn add(&mut self, flows: &[TaggedFlow], out: &mut Outlet<FlowLogBatch>) {
        for group in flows.chunks(AHEAD) {
            // As in SubQuadGen: loads of many flows are waited for together.
            let mut found = [(0, None); AHEAD];
            for (f, slot) in group.iter().zip(&mut found) {
                let hash = self.hash.hash_one(f.flow_id);
                *slot = (hash, self.find(hash, f.flow_id));
            }
            let mut touched = 0;
            for (_, at) in found.iter().take(group.len()) {
                if let Some(o) = at.and_then(|at| self.flows.get(at)) {
                    let [c, s] = &o.flow.peers;
                    touched ^= o.end_s
                        ^ o.flow.start_ns
                        ^ c.packets
                        ^ s.packets
                        ^ s.last_ns
                        ^ o.flow.key.tap_port;
                }
            }
            black_box(touched);
            for (f, (hash, at)) in group.iter().zip(found) {
                if self
                    .config
                    .ignored_observation_points
                    .contains(&f.observation_point)
                {
                    continue;
                }
                // The same flow twice in a group: the first may have put it in or taken it out.
                let at = at
                    .filter(|at| self.holds(*at, f.flow_id))
                    .or_else(|| self.find(hash, f.flow_id));
                self.take(f, hash, at, out);
            }
        }
    }

    fn holds(&self, at: u32, flow_id: u64) -> bool {
        self.flows
            .get(at)
            .is_some_and(|o| o.flow.flow_id == flow_id)
    }

    fn take(&mut self, f: &TaggedFlow, hash: u64, at: Option<u32>, out: &mut Outlet<FlowLogBatch>) {
        let end_s = minute_start(f) + MINUTE;
        let ended = !f.close_type.is_open();
        if let Some(at) = at
            && let Some(open) = self.flows.get_mut(at)
        {
            if open.end_s >= end_s {
                merge(&mut open.flow, f);
                if ended {
                    self.close(at, out);
                }
                return;
            }
            // The reports of a flow come in order: nothing will come for its last minute.
            self.close(at, out);
        }
        if ended || self.flows.len() >= self.config.max_flows {
            self.log(*f, end_s, out);
            return;
        }
        let at = self.flows.insert(Open { flow: *f, end_s });
        let state = &self.hash;
        self.index.insert_unique(
            hash,
            Slot {
                flow_id: f.flow_id,
                at,
            },
            |s| state.hash_one(s.flow_id),
        );
        self.ends.entry(end_s).or_default().push(at);
    }

    /// Takes a flow out and logs it.
    fn close(&mut self, at: u32, out: &mut Outlet<FlowLogBatch>) {
        let Some(open) = self.flows.remove(at) else {
            return;
        };
        let hash = self.hash.hash_one(open.flow.flow_id);
        if let Ok(entry) = self.index.find_entry(hash, |s| s.at == at) {
            entry.remove();
        }
        self.log(open.flow, open.end_s, out);
    }

    fn log(&mut self, mut flow: TaggedFlow, end_s: u64, out: &mut Outlet<FlowLogBatch>) {
        if !flow.is_new {
            flow.start_ns = (end_s - MINUTE) * NANOS;
        }
        if flow.close_type.is_open() {
            flow.end_ns = end_s * NANOS;
        }
        if let Some(flows) = self.logs.push(flow) {
            out.emit(FlowLogBatch {
                watermark_ns: self.watermark.ns(),
                flows,
            });
        }
    }

    /// Logs the flows whose minute the watermark has left behind.
    fn close_past(&mut self, out: &mut Outlet<FlowLogBatch>) {
        let now = self.closed_s();
        while let Some(first) = self.ends.first_entry() {
            if *first.key() > now {
                break;
            }
            let (end_s, ats) = first.remove_entry();
            for at in ats {
                if self.flows.get(at).is_some_and(|o| o.end_s == end_s) {
                    self.close(at, out);
                }
            }
        }
    }

    fn close_all(&mut self, out: &mut Outlet<FlowLogBatch>) {
        for (end_s, ats) in std::mem::take(&mut self.ends) {
            for at in ats {
                if self.flows.get(at).is_some_and(|o| o.end_s == end_s) {
                    self.close(at, out);
                }
            }
        }
    }

    fn flush(&mut self, out: &mut Outlet<FlowLogBatch>) {
        let flows = self.logs.take();
        if !flows.is_empty() || self.told_s != self.watermark.seconds() {
            self.told_s = self.watermark.seconds();
            out.emit(FlowLogBatch {
                watermark_ns: self.watermark.ns(),
                flows,
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
            self.close_all(out);
        }
        self.add(&msg.flows, out);
        self.close_past(out);
        self.flush(out);
        Ok(())
    }

    fn drain(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.close_all(out);
        self.flush(out);
        Ok(())
    }

    fn held(&self, held: &mut Held) {
        held.add("flow logs", (self.flows.len() + self.logs.len()) as u64);
    }
}

/// Start of the minute of its own that a report falls into, s since the epoch.
fn minute_start(f: &TaggedFlow) -> u64 {
    let phase = f.start_ns / NANOS % MINUTE;
    let time = u64::from(f.stat_time_s);
    let since = time.saturating_sub(phase);
    since - since % MINUTE + phase
}

/// Takes a later report of the same flow into an earlier one.
fn merge(flow: &mut TaggedFlow, later: &TaggedFlow) {
    if is_reversed(flow, later) {
        reverse(flow);
        flow.key = later.key;
    }
    for (p, l) in flow.peers.iter_mut().zip(&later.peers) {
        p.merge(l);
    }
    match (&mut flow.perf, &later.perf) {
        // Most seconds of most flows have nothing to say about performance.
        (Some(_), Some(l)) if *l == L4Perf::default() => {}
        (Some(p), Some(l)) => p.merge(l),
        (p @ None, l) => *p = *l,
        (Some(_), None) => {}
    }
    flow.end_ns = later.end_ns;
    flow.duration_ns = later.duration_ns;
    flow.stat_time_s = later.stat_time_s;
    flow.close_type = later.close_type;
    flow.observation_point = later.observation_point;
    flow.is_new |= later.is_new;
    flow.is_active_service = later.is_active_service;
    flow.direction_score = later.direction_score;
    flow.syn_seq = later.syn_seq;
    flow.synack_seq = later.synack_seq;
    flow.last_keepalive_seq = later.last_keepalive_seq;
    flow.last_keepalive_ack = later.last_keepalive_ack;
}

/// The later report has found out that client and server are the other way round.
fn is_reversed(a: &TaggedFlow, b: &TaggedFlow) -> bool {
    let ends =
        |f: &TaggedFlow, side: usize| (f.key.ip.get(side).copied(), f.key.port.get(side).copied());
    ends(a, 0) != ends(b, 0) && ends(a, 0) == ends(b, 1)
}

fn reverse(f: &mut TaggedFlow) {
    f.peers.swap(0, 1);
    if let Some(p) = &mut f.perf {
        std::mem::swap(&mut p.rtt_client, &mut p.rtt_server);
        p.retrans.swap(0, 1);
        p.zero_win.swap(0, 1);
        p.ooo.swap(0, 1);
    }
}

#[cfg(test)]
mod tests;
