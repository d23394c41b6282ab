use super::node::{Node, bit};
use super::{Applications, BATCH, END_NS, FlowMap, NONE, Output, SECOND_NS};

impl<A: Applications> FlowMap<A> {
    /// Time has come to `now_ns`: every second that ended a packet delay before is reported, one after the other.
    ///
    /// Flows that went on report what they did in that second, flows whose timeout lies in it end. It stops as soon
    /// as `out` holds `most` reports or a few more and returns false; it is then to be called again with the same
    /// time before any packet is taken in. A jump of any length costs no more than one turn of the ring of seconds,
    /// since no flow outlives that.
    pub fn advance(&mut self, now_ns: u64, most: usize, out: &mut Output) -> bool {
        if now_ns < self.moves_at_ns {
            return true;
        }
        let now_ns = now_ns.min(END_NS);
        let target = now_ns.saturating_sub(self.packet_delay_ns) / SECOND_NS;
        while self.window_s < target && !self.is_empty() {
            if !self.scan(self.window_s, most, out) {
                return false;
            }
            self.window_s += 1;
        }
        if self.window_s < target {
            // No flow is open: what stands for the seconds that are leapt over has been reported.
            self.active.clear();
            self.window_s = target;
        }
        self.moves_at_ns = self
            .window_s
            .saturating_add(1)
            .saturating_mul(SECOND_NS)
            .saturating_add(self.packet_delay_ns);
        true
    }

    /// No packets come any more: every open flow is reported finally, with the close type that it would have had at
    /// its timeout and the time of its last packet as its end. It stops as [`FlowMap::advance`] does.
    pub fn finish(&mut self, most: usize, out: &mut Output) -> bool {
        let mut due = std::mem::take(&mut self.due);
        for s in self.window_s..self.window_s.saturating_add(self.wheel.turn()) {
            while out.flows.len() < most && !self.is_empty() {
                self.wheel.take(in_wheel(s), BATCH, &mut due);
                if due.is_empty() {
                    break;
                }
                self.bring_near(due.iter().copied(), NONE);
                for id in &due {
                    self.unplanned(*id);
                    self.end_now(*id, out);
                }
            }
        }
        self.due = due;
        self.is_empty()
    }

    /// Looks at every flow that the second `s` has something of: packets to report, then timeouts. False: there are
    /// more of them.
    fn scan(&mut self, s: u64, most: usize, out: &mut Output) -> bool {
        let mut due = std::mem::take(&mut self.due);
        let end_ns = s.saturating_add(1).saturating_mul(SECOND_NS);
        let done = loop {
            if out.flows.len() >= most {
                break false;
            }
            self.active.take(s, BATCH, &mut due);
            if !due.is_empty() {
                self.bring_near(due.iter().copied(), NONE);
                for id in &due {
                    self.end_tick(*id, s, end_ns, out);
                }
                continue;
            }
            self.wheel.take(in_wheel(s), BATCH, &mut due);
            if due.is_empty() {
                break true;
            }
            self.bring_near(due.iter().copied(), NONE);
            for id in &due {
                self.unplanned(*id);
                self.time_out(*id, s, end_ns, out);
            }
        };
        self.due = due;
        done
    }

    /// The tick of a flow may be over, or it may have been reported, or the flow may be another one by now.
    fn end_tick(&mut self, id: u32, s: u64, end_ns: u64, out: &mut Output) {
        let Some(n) = self.nodes.get(id) else { return };
        if !n.has(bit::UNREPORTED) || u64::from(self.tick_end(n)) > s {
            return;
        }
        if self.deadline_ns(n) < end_ns {
            self.end_at_timeout(id, out);
        } else {
            self.report_tick(id, out);
        }
    }

    fn time_out(&mut self, id: u32, s: u64, end_ns: u64, out: &mut Output) {
        let Some(n) = self.nodes.get(id) else { return };
        let deadline_ns = self.deadline_ns(n);
        if deadline_ns < end_ns {
            self.end_at_timeout(id, out);
        } else {
            self.plan(id, in_wheel((deadline_ns / SECOND_NS).max(s + 1)));
        }
    }

    /// The last second of what a flow counts at present.
    const fn tick_end(&self, n: &Node) -> u32 {
        n.tick_s.saturating_add(self.tick_s - 1)
    }
}

impl<A: Applications> FlowMap<A> {
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
pub(super) fn in_wheel(s: u64) -> u32 {
    u32::try_from(s).unwrap_or(u32::MAX).min(u32::MAX - 1)
}
