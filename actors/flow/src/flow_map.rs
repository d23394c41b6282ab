//! Open flows, and what they report second by second.

mod active;
mod applications;
mod close;
mod cold;
mod config;
mod index;
mod key;
mod monotonic;
mod node;
mod observation;
mod output;
mod report;
mod slab;
mod tcp_state;
mod trace;
mod update;
mod wheel;
mod window;

use std::hint::black_box;

use messages::{MetaPacket, Tunnel, TunnelType};

use crate::direction::ServiceTable;
use crate::perf::{IcmpFlow, PerfTick, TcpFlow};

use active::Active;
pub use applications::{Applications, FlowView};
use cold::Cold;
pub use config::{FlowMapConfig, Report, Timeouts};
use index::Index;
use key::{Key, KeyHasher};
use monotonic::Monotonic;
use node::Node;
pub use observation::HostKind;
pub use output::Output;
use slab::Column;
pub(crate) use slab::{NONE, Slab};
use tcp_state::Timeout;
use trace::TraceBook;
use wheel::Wheel;

const SECOND_NS: u64 = 1_000_000_000;
/// Flows are never kept longer than this without a packet, s.
const LONGEST_TIMEOUT: u32 = 7200;
/// Packets are never waited for longer than this, s.
const LONGEST_DELAY: u64 = 600;
/// Rows state seconds in 32 bits, which end in 2106: packets are not taken for later than this, time itself not for
/// later than [`END_NS`], so that every flow still ends.
const LATEST_NS: u64 = END_NS - 2 * (LONGEST_TIMEOUT as u64 + LONGEST_DELAY) * SECOND_NS;
const END_NS: u64 = (u32::MAX as u64 - 2) * SECOND_NS;
/// Packets handled together: as many cache misses at once as the processor can wait for.
const BATCH: usize = 64;
/// What a flow takes at most: itself, its transport state, unreported performance, its places in the lists.
const FLOW_BYTES: u64 = (size_of::<Node>()
    + size_of::<Cold>()
    + size_of::<TcpFlow>()
    + size_of::<PerfTick>()
    + 4 * size_of::<u32>()
    + 3 * 8) as u64;

/// The open flows of one capture thread.
///
/// Time is cut into seconds by the packets' own time: a second is reported once a packet (or [`FlowMap::advance`])
/// is later than its end by the packet delay; packets older than that are dropped and counted. Every second in which
/// a flow had packets gives one [`messages::TaggedFlow`], and its end gives one more.
#[derive(Debug)]
pub struct FlowMap<A = ()> {
    nodes: Slab<Node>,
    /// By the numbers of `nodes`.
    cold: Column<Cold>,
    tcp: Slab<TcpFlow>,
    icmp: Slab<IcmpFlow>,
    ticks: Slab<PerfTick>,
    index: Index,
    /// Where flows stand by what they have to report.
    active: Active,
    /// Where flows stand by the earliest second that their timeout may lie in.
    wheel: Wheel,
    hasher: KeyHasher,
    services: ServiceTable,
    clock: Monotonic,
    /// Timeouts in ns, by the number of [`Timeout`].
    timeouts: [u64; Timeout::ALL.len()],
    packet_delay_ns: u64,
    flow_limit: usize,
    /// All seconds before this one are reported.
    window_s: u64,
    /// A packet from here on moves the window.
    moves_at_ns: u64,
    /// How long a flow counts until it reports, s.
    tick_s: u32,
    host_kind: HostKind,
    /// Number of the next flow, and the thread's part of flow ids.
    counter: u32,
    thread: u8,
    /// Nodes of the second that is being reported, kept for its memory.
    due: Vec<u32>,
    trace: Option<TraceBook>,
    /// Packets whose payload is still to be handed on.
    speaking: Vec<Speaking>,
    applications: A,
}

/// A packet on its way through a batch.
#[derive(Clone, Copy, Default)]
struct Prepared {
    key: Key,
    hash: u64,
    guess: u32,
    in_order: bool,
}

/// A packet that has payload, the `nth` of those that are being taken in, and its flow.
#[derive(Clone, Copy, Debug)]
struct Speaking {
    nth: usize,
    id: u32,
    in_order: bool,
    time_ns: u64,
    kind: u8,
}

impl FlowMap {
    /// No flows, and no second reported yet: the first packet sets the time.
    #[must_use]
    pub fn new(cfg: FlowMapConfig) -> Self {
        Self::with(cfg, ())
    }
}

impl<A: Applications> FlowMap<A> {
    /// The same, with somebody who wants payloads.
    #[must_use]
    pub fn with(cfg: FlowMapConfig, applications: A) -> Self {
        let seconds = Timeout::ALL.map(|t| t.seconds(&cfg.timeouts).clamp(1, LONGEST_TIMEOUT));
        let longest = seconds.into_iter().max().unwrap_or(LONGEST_TIMEOUT);
        let packet_delay_ns = cfg.packet_delay_ns.min(LONGEST_DELAY * SECOND_NS);
        let ahead = longest + packet_delay_ns.div_ceil(SECOND_NS) as u32 + 2;
        let by_memory = usize::try_from(cfg.memory_limit / FLOW_BYTES).unwrap_or(usize::MAX);
        Self {
            nodes: Slab::new(),
            cold: Column::new(),
            tcp: Slab::new(),
            icmp: Slab::new(),
            ticks: Slab::new(),
            index: Index::new(),
            active: Active::default(),
            wheel: Wheel::new(ahead),
            hasher: KeyHasher::new(cfg.hash_seed),
            services: ServiceTable::new(cfg.hash_seed, cfg.server_ports),
            clock: Monotonic::new(cfg.step_back_ns),
            timeouts: seconds.map(|s| u64::from(s) * SECOND_NS),
            packet_delay_ns,
            flow_limit: (cfg.flow_limit as usize).min(by_memory),
            window_s: 0,
            moves_at_ns: 0,
            tick_s: cfg.report.seconds(),
            counter: 0,
            host_kind: cfg.host_kind,
            thread: cfg.thread,
            due: Vec::new(),
            trace: cfg.trace.then(TraceBook::default),
            speaking: Vec::with_capacity(BATCH),
            applications,
        }
    }

    /// Who wants payloads.
    pub const fn applications(&mut self) -> &mut A {
        &mut self.applications
    }

    /// The same, to look at.
    pub const fn applied(&self) -> &A {
        &self.applications
    }

    /// Takes in packets in the order of their capture and whatever becomes due by them: [`FlowMap::take_in`] and
    /// [`FlowMap::advance`] as often as needed, with no limit to what is appended to `out`.
    pub fn inject(&mut self, packets: &[MetaPacket], tunnels: &[Tunnel], out: &mut Output) {
        let mut rest = packets;
        loop {
            let n = self.take_in(rest, tunnels, out);
            rest = rest.get(n..).unwrap_or_default();
            let Some(next) = rest.first() else { return };
            self.advance(next.time_ns, usize::MAX, out);
        }
    }

    /// Takes in packets in the order of their capture, up to the first that is so late that seconds end by it:
    /// that one waits for [`FlowMap::advance`] with its time. Returns how many were taken in.
    ///
    /// [`MetaPacket::tunnel`] counts from 1 into `tunnels`. At most one report a packet is appended to `out`, two
    /// where a packet opens another connection of the same ports.
    pub fn take_in(
        &mut self,
        packets: &[MetaPacket],
        tunnels: &[Tunnel],
        out: &mut Output,
    ) -> usize {
        let mut taken = 0;
        let mut prepared = [Prepared::default(); BATCH];
        for batch in packets.chunks(BATCH) {
            for (p, to) in batch.iter().zip(&mut prepared) {
                let tunnel = (p.tunnel as usize)
                    .checked_sub(1)
                    .and_then(|at| tunnels.get(at))
                    .map_or(TunnelType::None, |t| t.kind);
                let (key, in_order) = Key::of(p, tunnel);
                *to = Prepared {
                    key,
                    hash: self.hasher.hash(&key),
                    guess: NONE,
                    in_order,
                };
            }
            for to in prepared.iter_mut().take(batch.len()) {
                to.guess = self.index.guess(to.hash);
            }
            let nodes = prepared.iter().take(batch.len()).map(|to| to.guess);
            self.bring_near(nodes, batch.first().map_or(0, |p| second(p.time_ns)));
            for (p, at) in batch.iter().zip(&prepared) {
                if !self.take_one(packets, taken, p, at, tunnels, out) {
                    self.speak(packets);
                    return taken;
                }
                taken += 1;
            }
            self.speak(packets);
        }
        taken
    }

    /// Loads all that updating `nodes`, at most [`BATCH`] of them, will need.
    ///
    /// The table and the nodes are far larger than any cache. Each pass starts the loads of all nodes before the next
    /// needs them, so that they are waited for together.
    fn bring_near(&self, nodes: impl Iterator<Item = u32> + Clone, now_s: u32) {
        let mut touched = 0;
        for id in nodes.clone() {
            touched ^= self.nodes.get(id).map_or(0, Node::touch);
        }
        for n in nodes.clone().filter_map(|id| self.nodes.get(id)) {
            touched ^= self.tcp.get(n.transport).map_or(0, TcpFlow::touch);
            touched ^= u64::from(self.ticks.get(n.perf).map_or(0, PerfTick::touch));
        }
        for id in nodes {
            // Those of an earlier second will be reported.
            if self.nodes.get(id).is_some_and(|n| self.is_past(n, now_s)) {
                touched ^= self.cold.get(id).map_or(0, Cold::touch);
            }
        }
        black_box(touched);
    }

    /// False: the packet, which is the `nth` of `packets`, moves the window and was left alone.
    #[inline]
    fn take_one(
        &mut self,
        packets: &[MetaPacket],
        nth: usize,
        p: &MetaPacket,
        at: &Prepared,
        tunnels: &[Tunnel],
        out: &mut Output,
    ) -> bool {
        let Some(fixed) = self.clock.fix(p.interface, p.time_ns) else {
            out.retired += 1;
            return true;
        };
        let mut time_ns = fixed.counts_ns.min(LATEST_NS);
        if time_ns >= self.moves_at_ns {
            return false;
        }
        if time_ns / SECOND_NS < self.window_s {
            let window_ns = self.watermark_ns();
            if !self.clock.forgives(window_ns - time_ns) {
                out.dropped_before_window += 1;
                return true;
            }
            time_ns = window_ns;
        }
        let found = self.index.find(at.hash, |id| {
            self.nodes
                .get(id)
                .is_some_and(|n| n.ends.is(&at.key.ends) && n.kind == at.key.kind)
        });
        let id = match found {
            Some(id) if !self.is_port_reuse(id, p) => id,
            found => {
                if let Some(old) = found {
                    self.speak(packets);
                    self.end_now(old, out);
                }
                if self.nodes.len() >= self.flow_limit {
                    out.dropped_flow_limit += 1;
                    return true;
                }
                self.open(p, at, time_ns)
            }
        };
        if self.has_past(id, p, at.in_order, time_ns) {
            self.speak(packets);
            self.report_tick(id, out);
        }
        self.update(id, p, at.in_order, time_ns, fixed.sent_ns, out);
        if (p.tunnel | p.real_port) != 0 || p.real_ip != 0 {
            self.learn(id, p, at.in_order, tunnels);
        }
        if p.payload_len > 0 {
            self.speaking.push(Speaking {
                nth,
                id,
                in_order: at.in_order,
                time_ns,
                kind: 0,
            });
        }
        true
    }

    fn open(&mut self, p: &MetaPacket, at: &Prepared, time_ns: u64) -> u32 {
        let number = self.counter & 0x00ff_ffff;
        self.counter = self.counter.wrapping_add(1);
        // Unique as long as fewer than 2^24 flows begin in the 1.07 s that the upper half counts.
        let flow_id =
            (time_ns >> 30 & 0xffff_ffff) << 32 | u64::from(self.thread) << 24 | u64::from(number);
        let mut node = Node::open(at.key, at.in_order, second(time_ns));
        if node.is_tcp() {
            node.transport = self.tcp.insert(TcpFlow::default());
        } else if node.is_icmp() {
            node.transport = self.icmp.insert(IcmpFlow::default());
        }
        let id = self.nodes.insert(node);
        self.cold.put(id, Cold::new(p, flow_id));
        self.index.insert(at.hash, id);
        id
    }

    /// Forgets a flow.
    fn remove(&mut self, id: u32) {
        self.plan(id, NONE);
        let Some(node) = self.nodes.remove(id) else {
            return;
        };
        self.applications.ended(id);
        self.index.remove(self.hasher.hash(&node.key()), id);
        if node.is_tcp() {
            self.tcp.remove(node.transport);
        } else if node.is_icmp() {
            self.icmp.remove(node.transport);
        }
        if node.perf != NONE {
            self.ticks.remove(node.perf);
        }
        if let Some(t) = &mut self.trace {
            t.forget(id);
        }
    }

    /// Open flows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// No flow is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All reports whose `stat_time_s` is before this time have been made, ns since the epoch.
    #[must_use]
    pub const fn watermark_ns(&self) -> u64 {
        self.window_s.saturating_mul(SECOND_NS)
    }

    /// Bytes that open flows, their tables and the memory kept for more of them take.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let stores = self.nodes.memory()
            + self.cold.memory()
            + self.tcp.memory()
            + self.icmp.memory()
            + self.ticks.memory();
        stores
            + self.index.memory()
            + self.active.memory()
            + self.wheel.memory()
            + self.services.memory()
    }
}

/// The second of a time, as reports state it.
fn second(time_ns: u64) -> u32 {
    // One less than the largest number, which stands for "none" in the wheel.
    u32::try_from(time_ns / SECOND_NS)
        .unwrap_or(u32::MAX)
        .min(u32::MAX - 1)
}
