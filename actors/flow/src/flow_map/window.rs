use super::node::bit;
use super::{BATCH, FlowMap, NONE, Output, SECOND_NS};

impl FlowMap {
    /// Time has come to `now_ns`: every second that ended a packet delay before is reported, one after the other.
    ///
    /// Flows that went on report what they did in that second, flows whose timeout lies in it end. A jump of any
    /// length costs no more than one turn of the ring of seconds, since no flow outlives that.
    pub fn advance(&mut self, now_ns: u64, out: &mut Output) {
        if now_ns < self.moves_at_ns {
            return;
        }
        let target = now_ns.saturating_sub(self.packet_delay_ns) / SECOND_NS;
        let turn = self.window_s.saturating_add(self.wheel.turn());
        while self.window_s < target && self.window_s < turn && !self.is_empty() {
            self.scan(self.window_s, out);
            self.window_s += 1;
        }
        self.window_s = self.window_s.max(target);
        self.moves_at_ns = self
            .window_s
            .saturating_add(1)
            .saturating_mul(SECOND_NS)
            .saturating_add(self.packet_delay_ns);
    }

    /// No packets come any more: every open flow is reported finally, with the close type that it would have had at
    /// its timeout and the time of its last packet as its end.
    pub fn finish(&mut self, out: &mut Output) {
        let mut due = std::mem::take(&mut self.due);
        for s in self.window_s..self.window_s.saturating_add(self.wheel.turn()) {
            self.wheel.take(in_wheel(s), &mut due);
            for id in &due {
                self.unplanned(*id);
                self.end_now(*id, out);
            }
        }
        self.due = due;
    }

    /// Looks at every flow that the second `s` has something of: packets to report, or its timeout.
    fn scan(&mut self, s: u64, out: &mut Output) {
        let mut due = std::mem::take(&mut self.due);
        self.wheel.take(in_wheel(s), &mut due);
        let end_ns = s.saturating_add(1).saturating_mul(SECOND_NS);
        for batch in due.chunks(BATCH) {
            self.bring_near(batch.iter().copied(), NONE);
            for id in batch {
                self.unplanned(*id);
                self.look_at(*id, s, end_ns, out);
            }
        }
        self.due = due;
    }

    fn look_at(&mut self, id: u32, s: u64, end_ns: u64, out: &mut Output) {
        let Some(n) = self.nodes.get(id) else { return };
        if self.deadline_ns(n) < end_ns {
            self.end_at_timeout(id, out);
            return;
        }
        if n.has(bit::UNREPORTED) && u64::from(n.tick_s) <= s {
            self.report_tick(id, out);
        }
        let Some(n) = self.nodes.get(id) else { return };
        let next = if n.has(bit::UNREPORTED) {
            u64::from(n.tick_s)
        } else {
            self.deadline_ns(n) / SECOND_NS
        };
        self.plan(id, in_wheel(next.max(s + 1)));
    }
}

impl FlowMap {
    /// Has a node looked at in `second`, and no other.
    pub(super) fn plan(&mut self, id: u32, second: u32) {
        let Some(n) = self.nodes.get_mut(id) else {
            return;
        };
        if n.planned_s != NONE {
            self.wheel.unlink(id, n.planned_s);
        }
        n.planned_s = second;
        if second != NONE {
            self.wheel.link(id, second);
        }
    }

    /// The wheel has given a node out: it is planned for no second.
    fn unplanned(&mut self, id: u32) {
        if let Some(n) = self.nodes.get_mut(id) {
            n.planned_s = NONE;
        }
    }
}

/// Seconds as the wheel knows them.
fn in_wheel(s: u64) -> u32 {
    u32::try_from(s).unwrap_or(u32::MAX).min(u32::MAX - 1)
}
