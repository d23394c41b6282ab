use std::hint::black_box;

use messages::{Ip, MetaPacket, Tunnel, packet_flags, protocol, tcp_flags};

use super::applications::FlowView;
use super::cold::Cold;
use super::node::{Node, bit};
use super::observation::HostKind;
use super::slab::Slab;
use super::tcp_state::{self, TcpState, Timeout};
use super::window::in_wheel;
use super::{Applications, FlowMap, NONE, Output, SECOND_NS, second};
use crate::direction::{self, Scores};
use crate::perf::{self, TcpFlow, Ticks};

impl<A: Applications> FlowMap<A> {
    /// What the flow counts at present is to be reported before it counts the packet.
    #[inline]
    pub(super) fn has_past(&self, id: u32, p: &MetaPacket, in_order: bool, time_ns: u64) -> bool {
        self.nodes.get(id).is_some_and(|n| {
            n.has(bit::UNREPORTED)
                && (self.is_past(n, second(time_ns))
                    || n.is_full(usize::from(in_order != n.has(bit::IN_ORDER)), p))
        })
    }

    /// Counts a packet in its flow at `time_ns`; what is measured goes by `sent_ns`.
    pub(super) fn update(
        &mut self,
        id: u32,
        p: &MetaPacket,
        in_order: bool,
        time_ns: u64,
        sent_ns: u64,
        out: &mut Output,
    ) {
        let now_s = second(time_ns);
        let every_s = self.tick_s;
        let Some(n) = self.nodes.get_mut(id) else {
            return;
        };
        let first = !n.has(bit::SEEN);
        let side = usize::from(in_order != n.has(bit::IN_ORDER));
        if !n.has(bit::UNREPORTED) {
            n.tick_s = match (every_s, self.cold.get(id)) {
                (2.., Some(cold)) => tick_start(now_s, second(cold.first_ns[0]), every_s),
                _ => now_s,
            };
            self.active
                .push(id, u64::from(n.tick_s.saturating_add(every_s - 1)));
        }
        if first && n.is_icmp() {
            n.set(bit::REVERSED, perf::is_reply(p));
        } else if first && n.has_ports(p) || is_syn(p) {
            let scores = direction::of_packet(p, first, &mut self.services);
            n.turn(side, scores);
        }
        let answers = n.is_udp() && !first && usize::from(n.has(bit::LAST_SIDE)) != side;
        let asked_ns = if answers { n.last_ns() } else { 0 };
        if n.count(side, p, time_ns)
            && let Some(cold) = self.cold.get_mut(id)
            && let Some(first_ns) = cold.first_ns.get_mut(side)
        {
            *first_ns = time_ns;
        }
        n.advance_state(side, p);
        n.set(bit::LAST_SIDE, side == 1);

        let (is_tcp, transport) = (n.is_tcp(), n.transport);
        let mut ticks = Ticks {
            store: &mut self.ticks,
            id: &mut n.perf,
        };
        if is_tcp {
            if let Some(t) = self.tcp.get_mut(transport) {
                t.on_packet(side, p, sent_ns, &mut ticks);
            }
        } else if answers {
            perf::on_udp(side, asked_ns, sent_ns, &mut ticks);
        } else if transport != NONE
            && p.has(packet_flags::L4_HEADER)
            && let Some(t) = self.icmp.get_mut(transport)
        {
            t.on_packet(side, p, sent_ns, &mut ticks);
        }
        if let Some(n) = self.nodes.get(id) {
            // Longer ones are found out about when the planned second comes.
            let due_s = in_wheel((self.deadline_ns(n) / SECOND_NS).max(self.window_s));
            if due_s < n.planned_s {
                self.plan(id, due_s);
            }
        }
        if self.trace.is_some() {
            self.trace(id, p.frame, out);
        }
    }

    /// What a flow counts at present ended before `now_s`, or begins after it (packets may go back a little).
    pub(super) const fn is_past(&self, n: &Node, now_s: u32) -> bool {
        now_s.wrapping_sub(n.tick_s) >= self.tick_s
    }

    /// Keeps what few packets say beside their counts.
    pub(super) fn learn(&mut self, id: u32, p: &MetaPacket, in_order: bool, tunnels: &[Tunnel]) {
        let Some(side) = self
            .nodes
            .get(id)
            .map(|n| usize::from(in_order != n.has(bit::IN_ORDER)))
        else {
            return;
        };
        let Some(cold) = self.cold.get_mut(id) else {
            return;
        };
        let tunnel = (p.tunnel as usize)
            .checked_sub(1)
            .and_then(|at| tunnels.get(at));
        let real = (p.real_ip != 0).then(|| (Ip::v4(p.real_ip.to_be_bytes()), p.real_port));
        cold.rare.get_or_insert_default().learn(side, tunnel, real);
    }

    /// Hands on the payload of those of `packets` that were taken in, before anything of their flows is reported.
    ///
    /// What applications say is read apart from the counting, and protocol by protocol: each has far more code than the
    /// processor holds at a time. Packets of one flow stay in their order.
    #[inline(never)]
    pub(super) fn speak(&mut self, packets: &[MetaPacket]) {
        if self.speaking.is_empty() {
            return;
        }
        let mut speaking = std::mem::take(&mut self.speaking);
        let mut touched = 0;
        for step in 0..4 {
            for s in &speaking {
                touched ^= self.applications.touch(s.id, step);
            }
        }
        black_box(touched);
        for s in &mut speaking {
            s.kind = self.applications.kind(s.id);
        }
        speaking.sort_by_key(|s| s.kind);
        for s in speaking.drain(..) {
            if let Some(p) = packets.get(s.nth) {
                self.payload(s.id, p, s.in_order, s.time_ns);
            }
        }
        self.speaking = speaking;
    }

    /// Hands payload to whoever wants it, and takes from them which end is the client.
    fn payload(&mut self, id: u32, p: &MetaPacket, in_order: bool, time_ns: u64) {
        let (Some(node), Some(cold)) = (self.nodes.get(id), self.cold.get(id)) else {
            return;
        };
        let end = usize::from(in_order != node.has(bit::IN_ORDER));
        let view = FlowView {
            end,
            time_ns,
            ..view(id, node, cold, self.host_kind, &self.tcp)
        };
        let Some(client) = self.applications.payload(p, view) else {
            return;
        };
        let Some(n) = self.nodes.get_mut(id) else {
            return;
        };
        if n.has(bit::DIRECTION_KNOWN) || n.direction_score == direction::CERTAIN {
            return;
        }
        n.set(bit::REVERSED, client == 1);
        n.set(bit::DIRECTION_KNOWN, true);
        n.direction_score = direction::TOLD;
        let [a, b] = n.key().sides(n.has(bit::IN_ORDER));
        let (client, server) = if client == 0 { (a, b) } else { (b, a) };
        self.services.put(client.0, client.1, 0);
        self.services.put(server.0, server.1, direction::TOLD);
    }

    fn trace(&self, id: u32, frame: u64, out: &mut Output) {
        let (Some(book), Some(n), Some(cold)) =
            (&self.trace, self.nodes.get(id), self.cold.get(id))
        else {
            return;
        };
        if n.is_tcp() || n.is_udp() {
            let line = book.line(id, n, cold.flow_id, self.ticks.get(n.perf), frame);
            out.trace.get_or_insert_default().push(line);
        }
    }

    /// The packet opens another connection of the same ports as flow `id`, which is over.
    pub(super) fn is_port_reuse(&self, id: u32, p: &MetaPacket) -> bool {
        if p.protocol != protocol::TCP || !is_syn(p) || p.tcp_flags & tcp_flags::ACK != 0 {
            return false;
        }
        let Some(n) = self.nodes.get(id) else {
            return false;
        };
        // A SYN sent again late is not another connection.
        matches!(
            n.state,
            TcpState::Closed | TcpState::ClosingTx2 | TcpState::ClosingRx2 | TcpState::Reset
        ) && self
            .tcp
            .get(n.transport)
            .is_some_and(|t| t.syn_seq != p.seq)
    }
}

/// A flow as its applications see it.
pub(super) fn view<'a>(
    number: u32,
    node: &'a Node,
    cold: &'a Cold,
    host_kind: HostKind,
    tcp: &Slab<TcpFlow>,
) -> FlowView<'a> {
    let tcp = node.is_tcp().then(|| tcp.get(node.transport)).flatten();
    FlowView {
        number,
        node,
        cold,
        host_kind,
        syn: tcp.map_or([0; 2], |t| [t.syn_seq, t.synack_seq]),
        end: 0,
        time_ns: 0,
    }
}

/// The first second of the tick that `now_s` is in.
#[inline]
fn tick_start(now_s: u32, flow_start_s: u32, every_s: u32) -> u32 {
    if flow_start_s == 0 {
        // Its first packet.
        return now_s;
    }
    now_s - now_s.saturating_sub(flow_start_s) % every_s
}

fn is_syn(p: &MetaPacket) -> bool {
    p.protocol == protocol::TCP && p.tcp_flags & tcp_flags::SYN != 0
}

impl Node {
    /// The packet has ports: its ends may be known as servers.
    fn has_ports(&self, p: &MetaPacket) -> bool {
        (self.is_tcp() || self.is_udp()) && p.has(packet_flags::L4_HEADER)
    }

    /// Takes in what a packet of `side` told about the direction.
    pub(super) fn turn(&mut self, side: usize, s: Scores) {
        if self.has(bit::DIRECTION_KNOWN) && !s.certain {
            return;
        }
        // The packet says it for its own direction; a tie keeps what the flow has.
        let from_server = !s.to_server();
        let tie = s.src == s.dst && !s.certain;
        if !tie {
            self.set(bit::REVERSED, (side == 0) == from_server);
        }
        if s.certain {
            self.set(bit::DIRECTION_KNOWN, true);
        }
        self.direction_score = s.src.max(s.dst);
    }

    /// Moves the state on by a packet of `side`.
    #[inline]
    pub(super) fn advance_state(&mut self, side: usize, p: &MetaPacket) {
        if self.is_tcp() {
            if p.has(packet_flags::L4_HEADER) {
                let from_server = (side == 0) == self.has(bit::REVERSED);
                (self.state, self.timeout) = tcp_state::next(self.state, p.tcp_flags, from_server);
            } else if self.state == TcpState::Raw {
                // Later fragments say nothing about the connection.
                self.timeout = Timeout::Exception;
            }
        } else {
            self.state = TcpState::Established;
            self.timeout = match (self.has(bit::TWO_SIDED), self.is_udp()) {
                (false, _) => Timeout::Opening,
                (true, true) => Timeout::Closing,
                (true, false) => Timeout::EstablishedRst,
            };
        }
        if !self.has(bit::TWO_SIDED) {
            self.timeout = Timeout::SingleDirection;
        }
    }
}
