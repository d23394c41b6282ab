use messages::TaggedFlow;

use crate::PerfTrace;

/// What came out of a [`crate::FlowMap`] since the caller last took it; made once and reused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// Reports, in the order of their emission.
    pub flows: Vec<TaggedFlow>,
    /// Packets dropped because their second had been reported already.
    pub dropped_before_window: u64,
    /// Packets dropped because they would have opened a flow beyond the limit.
    pub dropped_flow_limit: u64,
    /// Packets dropped because their interface's clock stood more than 1 ms behind its last packet.
    pub retired: u64,
    /// One entry a TCP or UDP frame, where [`crate::FlowMapConfig::trace`] is on; `None` otherwise.
    pub trace: Option<Vec<PerfTrace>>,
}

impl Output {
    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.flows.clear();
        self.dropped_before_window = 0;
        self.dropped_flow_limit = 0;
        self.retired = 0;
        if let Some(t) = &mut self.trace {
            t.clear();
        }
    }
}
