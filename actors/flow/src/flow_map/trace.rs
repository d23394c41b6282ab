use std::collections::HashMap;

use messages::L4Perf;

use super::node::Node;
use crate::PerfTrace;
use crate::perf::PerfTick;

/// What flows have reported already, for traces that never reset.
#[derive(Debug, Default)]
pub(super) struct TraceBook {
    /// By node: the performance with side 0, and with side 1, as the client.
    reported: HashMap<u32, [L4Perf; 2]>,
}

impl TraceBook {
    /// A report has taken `tick` away.
    pub(super) fn keep(&mut self, id: u32, tick: &PerfTick) {
        let [a, b] = self.reported.entry(id).or_default();
        a.merge(&tick.report(0));
        b.merge(&tick.report(1));
    }

    /// The flow is over.
    pub(super) fn forget(&mut self, id: u32) {
        self.reported.remove(&id);
    }

    /// The running state of a flow after `frame`.
    pub(super) fn line(
        &self,
        id: u32,
        n: &Node,
        flow_id: u64,
        tick: Option<&PerfTick>,
        frame: u64,
    ) -> PerfTrace {
        let client = if n.is_tcp() { 0 } else { n.client() };
        let [a, b] = self.reported.get(&id).copied().unwrap_or_default();
        let mut perf = if client == 0 { a } else { b };
        if let Some(t) = tick {
            perf.merge(&t.report(client));
        }
        PerfTrace {
            frame,
            flow_id,
            protocol: n.kind.protocol(),
            perf,
        }
    }
}
