use messages::{CloseType, TaggedFlow};

use super::applications::FlowView;
use super::close::close_type;
use super::node::{Node, bit};
use super::observation::observation_point;
use super::update::view;
use super::{Applications, FlowMap, NONE, Output, SECOND_NS, second};
use crate::direction;

impl<A: Applications> FlowMap<A> {
    /// Reports what a flow did in its second; the flow goes on.
    pub(super) fn report_tick(&mut self, id: u32, out: &mut Output) {
        if let Some((report, _)) = self.report(id, out) {
            report.close_type = CloseType::ForcedReport;
        }
    }

    /// Reports the end of a flow at the time its timeout set, and forgets it.
    pub(super) fn end_at_timeout(&mut self, id: u32, out: &mut Output) {
        self.ending(id);
        let Some(n) = self.nodes.get(id) else { return };
        let end_ns = self.deadline_ns(n);
        let (pending, close) = (n.has(bit::UNREPORTED), self.close_type(id));
        if let Some((report, answered)) = self.report(id, out) {
            report.close_type = answered.of(close);
            report.end_ns = end_ns;
            if !pending {
                report.stat_time_s = second(end_ns);
            }
        }
        self.remove(id);
    }

    /// Reports the end of a flow as of now, and forgets it.
    pub(super) fn end_now(&mut self, id: u32, out: &mut Output) {
        self.ending(id);
        let Some(n) = self.nodes.get(id) else { return };
        // Without packets since the last report it is about the second that is open.
        let open_s = second(n.last_ns().max(self.watermark_ns()));
        let stat_s = if n.has(bit::UNREPORTED) {
            n.tick_s
        } else {
            open_s
        };
        let close = self.close_type(id);
        if let Some((report, answered)) = self.report(id, out) {
            report.close_type = answered.of(close);
            report.stat_time_s = stat_s;
        }
        self.remove(id);
    }

    fn close_type(&self, id: u32) -> CloseType {
        match (self.nodes.get(id), self.cold.get(id)) {
            (Some(n), Some(cold)) => {
                let server = 1 - n.client();
                let counted = cold.packets.get(server).copied().unwrap_or_default();
                let now = n.sides.get(server).map_or(0, |s| s.packets);
                close_type(n, counted + u64::from(now))
            }
            _ => CloseType::Unknown,
        }
    }

    /// The time that a flow ends at if no packet comes any more.
    #[inline]
    pub(super) fn deadline_ns(&self, n: &Node) -> u64 {
        let timeout = self
            .timeouts
            .get(n.timeout as usize)
            .copied()
            .unwrap_or(SECOND_NS);
        n.last_ns().saturating_add(timeout)
    }

    /// Puts what a flow has to report at the end of `out`; its counters start anew.
    fn report<'a>(
        &mut self,
        id: u32,
        out: &'a mut Output,
    ) -> Option<(&'a mut TaggedFlow, Answered)> {
        let n = self.nodes.get_mut(id)?;
        let cold = self.cold.get_mut(id)?;
        let [a, b] = n.key().sides(n.has(bit::IN_ORDER));
        if !n.has(bit::DIRECTION_KNOWN)
            && n.direction_score != direction::CERTAIN
            && (a.1, b.1) != (0, 0)
        {
            let scores = direction::of_ends(a, b, &mut self.services);
            n.turn(0, scores);
        }
        cold.add(&n.sides);
        out.flows.push(n.report(cold));
        let report = out.flows.last_mut()?;
        let is_tunnelled = n.kind.tunnel() != 0;
        report.observation_point =
            observation_point(self.host_kind, n.host_ends(), report.key.mac, is_tunnelled);
        if n.is_tcp() || n.is_udp() || n.is_icmp() {
            let tick = self.ticks.get(n.perf);
            report.perf = Some(tick.map(|t| t.report(n.client())).unwrap_or_default());
            if let (Some(book), Some(tick)) = (&mut self.trace, tick) {
                book.keep(id, tick);
            }
        }
        if n.is_tcp()
            && let Some(t) = self.tcp.get(n.transport)
        {
            report.syn_seq = t.syn_seq;
            report.synack_seq = t.synack_seq;
            report.last_keepalive_seq = t.keepalive_seq;
            report.last_keepalive_ack = t.keepalive_ack;
        }
        if n.perf != NONE {
            self.ticks.remove(n.perf);
            n.perf = NONE;
        }
        n.reset_tick();
        let answered = Answered(self.applications.report(id, report));
        Some((report, answered))
    }

    /// Who wants payloads is told that no more will come.
    fn ending(&mut self, id: u32) {
        if let (Some(node), Some(cold)) = (self.nodes.get(id), self.cold.get(id)) {
            let view = FlowView {
                time_ns: node.last_ns().max(self.watermark_ns()),
                ..view(id, node, cold, self.host_kind, &self.tcp)
            };
            self.applications.ending(view);
        }
    }
}

/// Whether all that was asked in a flow was answered well.
#[derive(Clone, Copy)]
struct Answered(bool);

impl Answered {
    /// How the flow ended, with what is known of its application: a client that got all it wanted may well reset.
    fn of(self, close: CloseType) -> CloseType {
        if self.0 && close == CloseType::TcpClientRst {
            CloseType::TcpFinClientRst
        } else {
            close
        }
    }
}
